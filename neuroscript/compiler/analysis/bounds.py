"""Lower bounds of variables, where tests and assignments tell them.

Inference knows of a variable what holds everywhere.  Here it is followed from statement to statement that ``i`` is 1 or
more in a loop that counts up from there, that ``j`` is not negative behind ``j >= 0 and``, or that a column is none
behind ``if col < 0 … return``.  An index that is not negative needs no test for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.types import ANY, INT, NIL, each_of
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import assigned_by, assigned_in
from neuroscript.syntax import nodes as n

_MOST_KNOWN = 200  # bounds; the time that branches take grows with their number
_SMALL = 2.0**100  # the square of what is small
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


class Bounds:
    """The lower bounds that hold at the statement for which code is being generated.

    A bound holds for a variable if its value is a whole number.  None is known where execution
    may go on behind a statement that failed.  Of hundreds, the newest are known.

    Attributes:
        known: the bounds, by variable; for the absolute value of one there is a key of its own.
    """

    def __init__(self, body: Body, types: Inference) -> None:
        self.known: dict[str, int] = {}
        self._types = types
        self._handler_sets = body.handler_sets
        self._able = not body.resumes and body.session is None

    def begin(self) -> None:
        """Begins a function."""
        self.known = {}

    def least(self, expression: n.Expr) -> int | None:
        """The least value that an expression may have; None where that is not known, or it may not be whole."""
        match expression:
            case n.Literal(value=value):
                return value if type(value) is int else None
            case n.Name(name=name) if name in self.known:
                kind = self._types.of(expression)
                return self.known[name] if kind.within(INT | NIL) and kind.kinds & INT else None
            case n.Chain(first=first, rest=rest) if all(operator in "+-*" for operator, _, _ in rest):
                found = self._of_chain(first, rest)
                if found is not None:
                    return found
        kind = self._types.of(expression)
        return 0 if kind.within(INT) and kind.natural else None

    def _of_chain(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> int | None:
        found = self.least(first)
        for operator, operand, _ in rest:
            if operator == "-":
                other = operand.value if isinstance(operand, n.Literal) and type(operand.value) is int else None
            else:
                other = self.least(operand)
            if found is None or other is None or (operator == "*" and min(found, other) < 0):
                return None
            found = found * other if operator == "*" else found + other if operator == "+" else found - other
        return found

    # --- statements --------------------------------------------------------------------------------------------------

    def leave(self, statement: n.Stmt) -> None:
        """Ends a statement, which may have set variables."""
        if not self._able:
            return
        match statement:
            case n.Set(targets=[n.Target(name=name, path=[])], value=value):
                is_whole = self._types.types.get(name, ANY).within(INT | NIL)
                self._set(name, self.least(value) if is_whole else None)
            case _:
                for name in assigned_by(statement):
                    self._set(name, None)

    def forget(self, name: str) -> None:
        """Notes that a statement has set a variable, and goes on."""
        if self._able:
            self._set(name, None)

    def _set(self, name: str, least: int | None) -> None:
        self.known.pop(_size(name), None)
        if least is None:
            self.known.pop(name, None)
        else:
            self._know(name, least)

    def _know(self, name: str, least: int) -> None:
        if len(self.known) >= _MOST_KNOWN and name not in self.known:
            del self.known[next(iter(self.known))]
        self.known[name] = least

    def is_small(self, name: str) -> bool:
        """Whether a variable's value certainly is small, if it is a number."""
        return _size(name) in self.known

    @contextmanager
    def loop(self, statement: n.While | n.ForEach) -> Iterator[None]:
        """Context manager for a loop, in which and after which only that holds which holds for any number of turns."""
        if not self._able:
            yield
            return
        changed = {*assigned_in([statement]), *self._handler_sets}
        changed |= {*map(_size, changed)}
        before = {name: least for name, least in self.known.items() if name not in changed}
        self.known = before.copy()
        if isinstance(statement, n.ForEach):
            if statement.key is not None:
                self.known[statement.key] = 0  # an index, if it is a number at all
            elif each_of(self._types.of(statement.collection)).natural:
                self.known[statement.name] = 0
            for name in (statement.key, statement.name):
                if name in {*assigned_in(statement.body)}:
                    self.known.pop(name, None)
        yield
        self.known = before

    def assume(self, condition: n.Expr, *, holds: bool = True) -> None:
        """Begins a part in which a condition is known to hold, or not to."""
        if not self._able:
            return
        for name, least in self._implied(condition, holds):
            if least is not None:
                self._know(name, max(least, self.known.get(name, least)))

    def _implied(self, condition: n.Expr, holds: bool) -> Iterator[tuple[str, int | None]]:
        match condition:
            case n.Unary(op="not", operand=operand):
                yield from self._implied(operand, not holds)
            case n.Chain(first=first, rest=[("and" | "or" as joined, _, _), *_] as rest) if holds == (joined == "and"):
                for operand in (first, *(operand for _, operand, _ in rest)):
                    yield from self._implied(operand, holds)
            case n.Chain(first=left, rest=[(operator, right, _)]) if operator in _MIRRORED:
                if not holds:
                    if operator not in _NEGATED:
                        return
                    operator = _NEGATED[operator]
                for name in _squared(left) if _is_small(right) and operator in ("<", "<=") else ():
                    yield _size(name), 0
                yield from self._at_least(left, operator, right)
                yield from self._at_least(right, _MIRRORED[operator], left)

    def _at_least(self, one: n.Expr, operator: str, other: n.Expr) -> Iterator[tuple[str, int | None]]:
        if isinstance(one, n.Name) and operator in (">", ">=", "=="):
            least = self.least(other)
            yield one.name, least + (operator == ">") if least is not None else None

    def join(self, ends: list[dict[str, int]]) -> None:
        """Ends branches, of which one was taken: what is known at the end of each holds."""
        if not ends:
            return
        known = ends[0]
        for other in ends[1:]:
            known = {name: min(least, other[name]) for name, least in known.items() if name in other}
        self.known = known


def _size(name: str) -> str:
    """What stands for the absolute value of a variable among the bounds."""
    return f"|{name}|"


def _is_small(expression: n.Expr) -> bool:
    return isinstance(expression, n.Literal) and type(expression.value) in (int, float) and expression.value < _SMALL


def _squared(expression: n.Expr) -> list[str]:
    """The variables of which an expression is the sum of their squares; none of any other expression."""
    match expression:
        case n.Chain(first=first, rest=[("+", _, _), *_] as rest) if all(operator == "+" for operator, _, _ in rest):
            parts = [_squared(part) for part in (first, *(operand for _, operand, _ in rest))]
            return [name for names in parts for name in names] if all(parts) else []
        case n.Chain(first=n.Name(name=name), rest=[("*", n.Name(name=other), _)]) if name == other:
            return [name]
        case n.Power(base=n.Name(name=name), exponent=n.Literal(value=2)):
            return [name]
    return []
