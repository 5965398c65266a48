"""Comparisons with numbers that exclude each other, leave nothing out, or ask again for what was asked before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import TypeAlias

from neuroscript.records import record
from neuroscript.syntax import nodes as n

Found: TypeAlias = tuple[str, n.Span, str]

_SWAPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}


@record(frozen=True)
class _Range:
    """The numbers for which a comparison holds: those between two bounds, which belong to it or not."""

    key: str
    low: float
    high: float
    has_low: bool
    has_high: bool

    def is_apart(self, other: _Range) -> bool:
        """Whether it has no number in common with another one."""
        first, second = sorted((self, other), key=lambda one: (one.low, one.high))
        return first.high < second.low or (first.high == second.low and not (first.has_high and second.has_low))

    def is_within(self, other: _Range) -> bool:
        """Whether another one has all its numbers."""
        above = self.low > other.low or (self.low == other.low and (other.has_low or not self.has_low))
        below = self.high < other.high or (self.high == other.high and (other.has_high or not self.has_high))
        return above and below

    def leaves_nothing(self, other: _Range) -> bool:
        """Whether every number belongs to this one, which goes up without end, or to another that goes down."""
        if self.high != inf or other.low != -inf or other.high == inf:
            return False
        return self.low < other.high or (self.low == other.high and (self.has_low or other.has_high))


def in_ranges(chain: n.Chain, name_of: Callable[[n.Expr], str]) -> Iterator[Found]:
    """Comparisons joined so that they always or never hold, and those of a length with what is below zero.

    Args:
        chain: the expression.
        name_of: gives what stands for a variable or its field; empty for anything else.
    """
    operator = chain.rest[0][0]
    if operator not in ("and", "or"):
        asked = _asked(chain, name_of)
        if asked is not None and asked.key.startswith("len "):
            if asked.high < 0 or (asked.high == 0 and not asked.has_high):
                told = "a length is never below 0, so that this is always false: for an empty one write `len(x) == 0`"
                yield "constant-condition", chain.span, told
            elif asked.high == inf and (asked.low < 0 or (asked.low == 0 and asked.has_low)):
                told = "a length is 0 or more, so that this is always true: for one with items write `len(x) > 0`"
                yield "constant-condition", chain.span, told
        return
    seen: dict[str, _Range] = {}
    for operand in (chain.first, *(operand for _, operand, _ in chain.rest)):
        asked = _asked(operand, name_of)
        before = seen.setdefault(asked.key, asked) if asked is not None else None
        if (
            asked is None
            or before is None
            or before is asked
            or (asked.low == asked.high and before.low == before.high)
        ):
            continue
        if operator == "and" and asked.is_apart(before):
            yield "constant-condition", chain.span, "this is always false: join the comparisons with `or`"
            return
        if operator == "or" and (asked.leaves_nothing(before) or before.leaves_nothing(asked)):
            yield "constant-condition", chain.span, "this is always true: join the comparisons with `and`"
            return


def in_branches(branches: list[tuple[n.Expr, n.Block]], name_of: Callable[[n.Expr], str]) -> Iterator[Found]:
    """A branch that is never taken, since one before it asks for the same or for more."""
    widest: dict[tuple[str, str], tuple[_Range, n.Expr]] = {}
    for condition, _ in branches:
        asked = _asked(condition, name_of)
        if asked is None:
            value = _equal(condition, name_of)
            if value:
                before = widest.setdefault((value, "text"), (_Range(value, 0, 0, True, True), condition))
                if before[1] is not condition:
                    yield _again(condition, before[1])
            continue
        kinds = [(asked.key, kind) for kind in ("up", "down", str(asked.low))]
        wider = next((each for kind in kinds if (each := widest.get(kind)) and asked.is_within(each[0])), None)
        if wider is not None:
            yield _again(condition, wider[1])
            continue
        kind = "up" if asked.high == inf else "down" if asked.low == -inf else str(asked.low)
        widest[asked.key, kind] = asked, condition


def _again(condition: n.Expr, before: n.Expr) -> Found:
    cure = "put the narrower condition first, or correct it"
    told = f"this branch is never taken, since line {before.span[0]} asks for all of it before: {cure}"
    return "unreachable", condition.span, told


def _asked(comparison: n.Expr, name_of: Callable[[n.Expr], str]) -> _Range | None:
    """The range that a comparison of a variable, or a length, with a number asks for."""
    match comparison:
        case n.Chain(first=first, rest=[(("<" | ">" | "<=" | ">=" | "==") as operator, second, _)]):
            pass
        case _:
            return None
    sign: str = operator
    if isinstance(first, n.Literal):
        first, second, sign = second, first, _SWAPPED[operator]
    number = _number(second)
    match first:
        case n.Call(name="len", args=[n.Argument(value=value)]) if name_of(value):
            key = f"len {name_of(value)}"
        case _:
            key = name_of(first)
    if not key or number is None:
        return None
    if sign == "==":
        return _Range(key, number, number, True, True)
    if sign in (">", ">="):
        return _Range(key, number, inf, sign == ">=", False)
    return _Range(key, -inf, number, False, sign == "<=")


def _number(value: n.Expr) -> float | None:
    match value:
        case n.Literal(value=int() | float() as number) if not isinstance(number, bool):
            return number if abs(number) < 2**53 else None
        case n.Unary(op="-", operand=n.Literal() as operand):
            positive = _number(operand)
            return None if positive is None else -positive
    return None


def _equal(condition: n.Expr, name_of: Callable[[n.Expr], str]) -> str:
    """A variable and the text that it is compared with; empty for anything else."""
    match condition:
        case n.Chain(first=first, rest=[("==", n.Literal(value=str() as text), _)]) if name_of(first):
            return f"{name_of(first)} {text}"
    return ""
