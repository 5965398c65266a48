"""Where whole numbers in variables certainly are small: behind comparisons with others, and behind indexing by them.

Type inference has one type for each variable, so a number that goes round in a loop, as ``child`` and ``parent`` of a
heap do, has no bound there.  But ``items[child]`` fails unless it is an index, and in ``while j < len(items)`` it is no
larger than a length.  This follows the statements of a body in order, and notes such bounds for the mentions of
variables; what they are worth, inference tells by the types of what stands on the other side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from neuroscript.compiler.analysis.not_nil import certain_parts
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import alike, assigned_by, assigned_in, children, expressions, follow, walk
from neuroscript.records import record
from neuroscript.syntax import nodes as n

_MOST_BOUNDS = 3  # of one variable at a time
_MOST_PARTS = 6  # of what one is compared with
_RELATIONS = frozenset({"<", "<=", ">", ">="})
_MOST_LITERAL = 1 << 30


@record(frozen=True)
class Bound:
    """A bound on the value of a variable, if that is a whole number.

    Attributes:
        value: an expression.
        is_index: whether the variable is an index of the list or string which that is; otherwise it is no larger than
            that number, unless it is negative.
    """

    value: n.Expr
    is_index: bool


Known = Mapping[str, tuple[Bound, ...]]
_NONE: Known = {}


def small_numbers(body: Body) -> dict[n.Place, tuple[Bound, ...]]:
    """The bounds that hold where variables are mentioned, by the span of the `Name` node.

    In a body whose error handlers let execution go on behind a statement that failed there are none.
    """
    if body.resumes or body.leaves or body.session is not None:
        return {}
    facts = _Facts(body)
    facts.block(body.block, {})
    return facts.found


class _Facts:
    """Follows statements; the bounds that hold at a point are given from one to the next.

    Attributes:
        found: the bounds at the mentions of variables.
    """

    def __init__(self, body: Body) -> None:
        self.found: dict[n.Place, tuple[Bound, ...]] = {}
        self._body = body
        self._joins = not body.operators.isdisjoint(("and", "or"))

    def block(self, block: n.Block, known: Known) -> Known | None:
        """Follows a block; what is known behind it, None if control does not go on there."""
        return follow(block, known, self._statement, _NONE)

    def _statement(self, statement: n.Stmt, known: Known) -> Known | None:
        match statement:
            case n.If():
                return self._if(statement, known)
            case n.While(condition=condition, body=body):
                known = _without(known, assigned_in(body))
                self._expression(condition, known)
                self.block(body, _with(known, _told(condition, holds=True)))
                return known
            case n.ForEach(collection=collection, body=body):
                self._expression(collection, known)
                known = _without(known, assigned_in([statement]))
                self.block(body, known)
                return known
        parts = expressions(statement)
        if isinstance(statement, n.Set) and len(statement.targets) > 1:
            # Its value is evaluated before the keys of what it sets; of one target, code may look for the place first.
            self._expression(statement.value, known)
            known = _without(_with(known, self._proved(statement.value)), assigned_by(statement))
            parts = [key for target in statement.targets for key in target.path]
        for expression in parts:
            self._expression(expression, known)
        for expression in parts:
            known = _with(known, self._proved(expression))
        match statement:
            case n.Return() | n.Fail() | n.Break() | n.Continue():
                return None
            case n.Set(targets=[n.Target(name=name, path=[n.Name(name=index), *_], span=span)]):
                return _with(known, {index: (Bound(n.Name(span, name), True),)})
            case n.Must(value=value):
                return _with(known, _told(value, holds=True))
        return _without(known, assigned_by(statement))

    def _if(self, statement: n.If, known: Known) -> Known | None:
        ends = []
        for condition, block in statement.branches:
            self._expression(condition, known)
            known = _with(known, self._proved(condition))
            ends.append(self.block(block, _with(known, _told(condition, holds=True))))
            known = _with(known, _told(condition, holds=False))
        ends.append(self.block(statement.orelse or [], known))
        reached = [end for end in ends if end is not None]
        return _common(reached) if reached else None

    def _expression(self, expression: n.Expr, known: Known) -> None:
        """Notes the mentions in an expression."""
        if type(expression) is n.Literal:
            return
        if not self._joins:  # the same is known throughout
            for part in self._body.parts_of(expression) if known else ():
                if type(part) is n.Name and part.name in known:
                    self.found[part.place] = known[part.name]
            return
        if isinstance(expression, n.Name):
            if expression.name in known:
                self.found[expression.place] = known[expression.name]
        elif isinstance(expression, n.Chain) and expression.rest[0][0] in ("and", "or"):
            holds = expression.rest[0][0] == "and"
            self._expression(expression.first, known)
            before = expression.first
            for _, operand, _ in expression.rest:
                if _is_comparison(before):  # behind a fuzzy the next is evaluated in any case
                    known = _with(_with(known, self._proved(before)), _told(before, holds=holds))
                self._expression(operand, known)
                before = operand
        else:
            for part in children(expression):
                self._expression(part, known)

    def _proved(self, expression: n.Expr) -> Known:
        """The variables that are indexes where an expression has been evaluated, for it would have failed."""
        if type(expression) is n.Literal or type(expression) is n.Name:
            return _NONE
        return _indexes(certain_parts(expression) if self._joins else self._body.parts_of(expression))


# --- what is known ---------------------------------------------------------------------------------------------------


def _with(known: Known, more: Known) -> Known:
    if not more:
        return known
    return {**known, **{name: (*bounds, *known.get(name, ()))[:_MOST_BOUNDS] for name, bounds in more.items()}}


def _without(known: Known, names: Iterable[str]) -> Known:
    gone = known.keys() & set(names) if known else None
    return {name: bounds for name, bounds in known.items() if name not in gone} if gone else known


def _common(ends: list[Known]) -> Known:
    """What is known at all of these points."""
    first, *others = ends
    found = {}
    for name, bounds in first.items():
        kept = tuple(bound for bound in bounds if all(_is_among(bound, other.get(name, ())) for other in others))
        if kept:
            found[name] = kept
    return found


def _is_among(bound: Bound, others: tuple[Bound, ...]) -> bool:
    return any(other.is_index == bound.is_index and alike(other.value, bound.value) for other in others)


# --- what conditions and indexes tell --------------------------------------------------------------------------------


def _told(condition: n.Expr, *, holds: bool) -> Known:
    """The bounds where a condition holds, or does not."""
    match condition:
        case n.Unary(op="not", operand=operand):
            return _told(operand, holds=not holds)
        case n.Chain(first=first, rest=[("and" | "or" as operator, _, _), *_] as rest):
            known: Known = _NONE
            if (operator == "and") is holds:
                for operand in (first, *(operand for _, operand, _ in rest)):
                    known = _with(_with(known, _indexes(certain_parts(operand))), _told(operand, holds=holds))
            return known
        case n.Chain(first=first, rest=[(operator, second, _)]) if operator in _RELATIONS:
            less, more = (first, second) if (operator in ("<", "<=")) is holds else (second, first)
            return {name: (Bound(more, False),) for name in _at_most(less)} if _is_simple(more) else _NONE
    return _NONE


def _indexes(parts: Iterable[n.Expr]) -> Known:
    """The bounds of the variables by which these expressions index."""
    found: dict[str, tuple[Bound, ...]] = {}
    for part in parts:
        if type(part) is n.Index and (name := _index(part.index)) and _is_simple(part.value):
            found[name] = (Bound(part.value, True),)
    return found


def _is_comparison(condition: n.Expr) -> bool:
    return isinstance(condition, n.Chain) and len(condition.rest) == 1 and condition.rest[0][0] in _RELATIONS


def _at_most(expression: n.Expr) -> list[str]:
    """The variables that are no larger than the value of an expression, unless they are negative."""
    match expression:
        case n.Name(name=name):
            return [name]
        case n.Chain(first=n.Name(name=name), rest=[("+", n.Literal(value=int()), _)]):
            return [name]
        case n.Chain(first=n.Literal(value=int()), rest=[("+", n.Name(name=name), _)]):
            return [name]
        case n.Chain(first=n.Name(name=name), rest=[("*", n.Literal(value=int() as factor), _)]) if factor:
            return [name]
        case n.Chain(first=n.Literal(value=int() as factor), rest=[("*", n.Name(name=name), _)]) if factor:
            return [name]
        case n.Chain(first=n.Name(name=name), rest=[("*", n.Name(name=other), _)]) if name == other:
            return [name]
    return []


def _index(index: n.Expr) -> str:
    """The variable that is an index, or little larger, where an expression is one; empty where none is."""
    match index:
        case n.Name(name=name):
            return name
        case n.Chain(first=n.Name(name=name), rest=[("-", n.Literal(value=int() as less), _)]) if less < _MOST_LITERAL:
            return name
    return ""


def _is_simple(expression: n.Expr) -> bool:
    """Whether the type of an expression is found in a few steps, and depends on variables alone."""
    parts = walk(expression)
    return len(parts) <= _MOST_PARTS and all(
        isinstance(part, n.Name | n.Literal | n.Chain | n.Index) or (type(part) is n.Call and part.name == "len")
        for part in parts
    )
