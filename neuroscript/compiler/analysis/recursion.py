"""How much the numbers grow that a procedure passes to itself, whatever else it passes on.

``walk(n - 1, table)`` passes a number that is a bit longer than the one before at most, and calls are only so deep.  So
a parameter that goes from call to call through sums and products with literals has a bound, if it has one where the
first of the calls comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from neuroscript.compiler.analysis.types import INT, NIL, Type, bounded
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import arguments_of
from neuroscript.records import record
from neuroscript.syntax import nodes as n

_ROUNDS = 8  # until it is known which parameters depend on no others
_ROUNDING = frozenset({"math.floor", "math.ceil", "math.truncate"})


@record(frozen=True)
class Recursion:
    """Parameters of which a procedure's calls of itself pass nothing but sums and products of each other and literals.

    Attributes:
        params: their names.
        growth: the most bits by which one grows with a call.
        least: the bits of the longest literal.
    """

    params: frozenset[str]
    growth: int
    least: int

    def bits(self, first: Mapping[str, Type], given: Mapping[str, Type], max_depth: int) -> int | None:
        """The most bits of one of the parameters at any depth of calls; None without a bound.

        Args:
            first: the types of what all other calls pass.
            given: those of what all calls pass, as far as that is known.
            max_depth: of calls.
        """
        most = self.least
        for name in self.params:
            kind = first[name]
            if not given[name].within(INT | NIL) or (kind.kinds & INT and kind.bits is None):
                return None
            most = max(most, kind.bits or 0)
        return bounded(most + self.growth * max_depth).bits


def recursion_of(body: Body, calls: Iterable[n.Call]) -> Recursion | None:
    """What is known of a procedure's numbers in its calls of itself; None if that is nothing.

    Args:
        body: the procedure's.
        calls: its calls of procedures.
    """
    given = [arguments_of(call, body.params) for call in calls if call.name == body.name]
    if not given:
        return None
    params = {name for name in body.params if name not in body.changed and name not in body.handled}
    sizes: dict[str, list[tuple[int, int] | None]] = {}
    for _ in range(_ROUNDS):
        before = len(params)
        sizes = {name: [_size(values.get(name), params) for values in given] for name in sorted(params)}
        params = {name for name, found in sizes.items() if None not in found}
        if len(params) == before:
            break
    else:
        return None
    if not params:
        return None
    known = [size for name in params for size in sizes[name] if size is not None]
    return Recursion(frozenset(params), max(growth for growth, _ in known), max(least for _, least in known))


def _size(value: n.Expr | None, params: set[str]) -> tuple[int, int] | None:
    """How many bits longer a number is than the longest of the parameters, and of its literals; None if unknown."""
    match value:
        case n.Name(name=name) if name in params:
            return 0, 0
        case n.Literal(value=int() as number) if type(number) is int:
            return 0, number.bit_length()
        case n.Unary(op="-", operand=operand):
            return _size(operand, params)
        case n.ToolCall(name=name, args=[n.Argument(value=inner, name=None)]) if name.lower() in _ROUNDING:
            return _size(inner, params)
        case n.Chain(first=first, rest=rest):
            size, before = _size(first, params), first
            for operator, operand, _ in rest:
                other = _size(operand, params)
                if size is None or other is None:
                    return None
                if operator == "*" and isinstance(before, n.Literal):
                    size, other, operand = other, size, before
                size, before = _combined(operator, size, other, operand), value
            return size
    return None


def _combined(operator: str, size: tuple[int, int], other: tuple[int, int], operand: n.Expr) -> tuple[int, int] | None:
    growth, least = max(size[0], other[0]), max(size[1], other[1])
    if operator in ("+", "-"):
        return growth + 1, least
    if operator in ("/", "%"):  # by a whole number, so that what is whole is no longer
        return growth, least
    if operator == "*" and isinstance(operand, n.Literal):
        return growth + other[1], least
    return None
