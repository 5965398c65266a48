"""Where variables certainly are not nil: behind tests that say so, and behind what fails on nil.

This follows the statements of a body in order, and notes the mentions of variables, so that type inference, which has
one type for each variable, can leave nil out of it there.
"""

from __future__ import annotations

from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import assigned_by, assigned_in, children, expressions, follow, form_of
from neuroscript.syntax import nodes as n

FAIL_ON_NIL = frozenset({"-", "*", "/", "%", "<", "<=", ">", ">=", "&", "|", "^"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_NEVER_NIL = (n.ListExpr, n.MapExpr, n.Raw, n.Eval, n.Unary, n.Power)

Path = tuple[object, ...]


def not_nil(body: Body) -> frozenset[n.Place]:
    """The mentions of variables that certainly are not nil, by the place of the `Name`, `Target` or `Call` node.

    In a body whose error handlers let execution go on behind a statement that failed there are none.
    """
    if body.resumes or body.leaves or body.session is not None:
        return frozenset()
    facts = _Facts(body)
    facts.block(body.block, frozenset())
    return frozenset(facts.found)


def paths_read(value: n.Expr) -> set[Path]:
    """The lists and maps that an expression certainly reads an item of: a variable's name, and the keys to them.

    Each is there, and is not nil, if the expression does not fail.
    """
    found: set[Path] = set()
    for part in certain_parts(value):
        if isinstance(part, n.Index):
            found.add(_path(part.value))
    return {path for path in found if None not in path}


def _path(expression: n.Expr) -> Path:
    """As `path_of`, with indexes that are more than names and literals."""
    keys: list[object] = []
    while isinstance(expression, n.Index):
        keys.append(form_of(expression.index))
        expression = expression.value
    return (expression.name if isinstance(expression, n.Name) else None, *reversed(keys))


def certain_parts(expression: n.Expr) -> list[n.Expr]:
    """An expression and those of its parts that are evaluated in any case."""
    found = [expression]
    for part in found:  # to which the inner ones are added on the way
        if type(part) is n.Chain and any(operator in ("and", "or") for operator, _, _ in part.rest):
            found.append(part.first)
        else:
            found += children(part)
    return found


def _is_boolean(condition: n.Expr) -> bool:
    """Whether the value of an expression certainly is a boolean, by its form."""
    match condition:
        case n.Chain(first=first, rest=[("and" | "or", _, _), *_] as rest):
            return _is_boolean(first) and all(_is_boolean(operand) for _, operand, _ in rest)
        case n.Chain(rest=[(operator, _, _)]):
            return operator in _COMPARISONS
        case n.Unary(op=op):
            return op in ("no", "some")
    return False


class _Facts:
    """Follows statements; the variables that are not nil at a point are given from one to the next.

    Attributes:
        found: the mentions of variables that are not nil.
    """

    def __init__(self, body: Body) -> None:
        self.found: set[n.Place] = set()
        self._body = body
        self._joins = not body.operators.isdisjoint(("and", "or"))

    def block(self, block: n.Block, known: frozenset[str]) -> frozenset[str] | None:
        """Follows a block; what is known behind it, None if control does not go on there."""
        return follow(block, known, self._statement, frozenset())

    def _statement(self, statement: n.Stmt, known: frozenset[str]) -> frozenset[str] | None:
        match statement:
            case n.If(branches=branches, orelse=orelse):
                return self._if(branches, orelse, known)
            case n.While(condition=condition, body=body):
                known = known.difference(assigned_in(body))
                self._expression(condition, known)
                self.block(body, known | self._if_true(condition))
                return known
            case n.ForEach(name=name, key=key, collection=collection, body=body):
                self._expression(collection, known)
                known = known.difference(assigned_in([statement]))
                self.block(body, known | {key} if key is not None else known)
                return known
        parts = expressions(statement)
        is_several = isinstance(statement, n.Set) and len(statement.targets) > 1
        before = (
            known.difference(assigned_by(statement)) if is_several else known
        )  # one may be set before a key is read
        for expression in parts:
            is_value = isinstance(statement, n.Set) and expression is statement.value
            self._expression(expression, known if is_value else before)
        for expression in parts:
            if proved := self._proved(expression):
                known |= proved
        match statement:
            case n.Set(targets=[target], value=value, must=must):
                if target.path:
                    if target.name in known:
                        self.found.add(target.place)
                    return known | {target.name}
                return known | {target.name} if must or self._is_not_nil(value, known) else known - {target.name}
            case n.Set(targets=targets):
                return known - {target.name for target in targets}
            case n.Ask(into=n.Target(name=name)) | n.PromptUser(into=n.Target(name=name)):
                return known - {name}
            case n.Return() | n.Fail() | n.Break() | n.Continue():
                return None
            case n.Must(value=n.Name(name=name)):
                return known | {name}
        return known

    def _if(
        self, branches: list[tuple[n.Expr, n.Block]], orelse: n.Block | None, known: frozenset[str]
    ) -> frozenset[str] | None:
        ends = []
        for condition, block in branches:
            self._expression(condition, known)
            known |= self._proved(condition)
            ends.append(self.block(block, known | self._if_true(condition)))
            known |= self._if_false(condition)
        ends.append(self.block(orelse or [], known))
        reached = [end for end in ends if end is not None]
        return frozenset.intersection(*reached) if reached else None

    def _expression(self, expression: n.Expr, known: frozenset[str]) -> None:
        """Notes the mentions in an expression."""
        if type(expression) is n.Literal:
            return
        if not self._joins:  # the same is known throughout
            for part in self._body.parts_of(expression) if known else ():
                if (type(part) is n.Name or type(part) is n.Call) and part.name in known:
                    self.found.add(part.place)
            return
        if isinstance(expression, n.Name):
            if expression.name in known:
                self.found.add(expression.place)
        elif isinstance(expression, n.Chain) and expression.rest[0][0] in ("and", "or"):
            facts = self._if_true if expression.rest[0][0] == "and" else self._if_false
            certain = True  # whether all operands so far are booleans: behind a fuzzy the next is evaluated in any case
            self._expression(expression.first, known)
            before = expression.first
            for _, operand, _ in expression.rest:
                if certain and (isinstance(before, n.Name) or _is_boolean(before)):
                    known |= facts(before)
                certain = certain and _is_boolean(before)
                self._expression(operand, known)
                before = operand
        else:
            if isinstance(expression, n.Call) and expression.name in known:
                self.found.add(expression.place)
            for part in children(expression):
                self._expression(part, known)

    # --- what is known behind an expression --------------------------------------------------------------------------

    def _proved(self, expression: n.Expr) -> frozenset[str]:
        """The variables that are not nil where an expression has been evaluated, for it would have failed."""
        if type(expression) is n.Literal or type(expression) is n.Name:
            return frozenset()
        found = set()
        for part in certain_parts(expression) if self._joins else self._body.parts_of(expression):
            if type(part) is n.Index:
                if isinstance(part.value, n.Name):
                    found.add(part.value.name)
            elif type(part) is n.Chain:
                if part.rest[0][0] in FAIL_ON_NIL and isinstance(part.first, n.Name):
                    found.add(part.first.name)
                for operator, operand, _ in part.rest:
                    if operator in FAIL_ON_NIL and type(operand) is n.Name:
                        found.add(operand.name)
        return frozenset(found)

    def _if_true(self, condition: n.Expr) -> frozenset[str]:
        """The variables that are not nil where a condition holds."""
        match condition:
            case n.Name(name=name) | n.Unary(op="some", operand=n.Name(name=name)):
                return frozenset((name,))
            case n.Unary(op="not" | "no", operand=operand):
                return self._if_false(operand)
            case n.Chain(first=first, rest=[("and", _, _), *_] as rest):
                return frozenset().union(*map(self._if_true, (first, *(operand for _, operand, _ in rest))))
            case n.Chain(first=n.Name(name=name), rest=[("!=", n.Literal(value=None), _)]):
                return frozenset((name,))
            case n.Chain(first=n.Name(name=name), rest=[("==", n.Literal() as other, _)]) if other.value is not None:
                return frozenset((name,))
        return frozenset()

    def _if_false(self, condition: n.Expr) -> frozenset[str]:
        """The variables that are not nil where a condition does not hold."""
        match condition:
            case n.Unary(op="not", operand=operand):
                return self._if_true(operand)
            case n.Unary(op="no", operand=n.Name(name=name)):
                return frozenset((name,))
            case n.Chain(first=first, rest=[("or", _, _), *_] as rest):
                return frozenset().union(*map(self._if_false, (first, *(operand for _, operand, _ in rest))))
            case n.Chain(first=n.Name(name=name), rest=[("==", n.Literal(value=None), _)]):
                return frozenset((name,))
        return frozenset()

    def _is_not_nil(self, value: n.Expr, known: frozenset[str]) -> bool:
        """Whether the value of an expression is certainly not nil."""
        match value:
            case n.Name(name=name):
                return name in known
            case n.Literal(value=constant):
                return constant is not None
            case n.Chain():
                return True  # of a number, string, list or boolean
        return isinstance(value, _NEVER_NIL)
