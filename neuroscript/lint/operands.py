"""Operands and items that do not fit, where what they are is certain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.lint.holding import BOOLEAN, LIST, MAP, MOMENT, NUMBER, TEXT, Holding
from neuroscript.syntax import nodes as n
from neuroscript.values import read_number

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]

_ORDER = ("<", ">", "<=", ">=")


def in_operands(chain: n.Chain, holding: Holding, answers: set[str]) -> Iterator[Found]:
    """The mistakes in what an operator joins or calculates."""
    operands = [chain.first, *(operand for _, operand, _ in chain.rest)]
    for operand in operands:
        if isinstance(operand, n.ToolName) and chain.rest[0][0] not in ("==", "!="):
            told = f"a tool is called with its arguments in parentheses: `tool.{operand.name}(…)`"
            yield "wrong-operand", operand.span, told
            return
    kinds = [holding.kind(operand) for operand in operands]
    before: str | None = kinds[0]  # of what stands to the left
    for number, (operator, _, place) in enumerate(chain.rest):
        right = kinds[number + 1]
        problem = _problem(operator, before, right, operands[number])
        if problem and operator == "-" and before == TEXT and number == 0:
            problem = "`-` takes numbers, and this is a text: write `tool.str.ToNumber(text)`"
        if problem:
            yield "wrong-operand", place, problem
            return
        before = _result(operator, before, right)
    yield from _joined(chain, operands, kinds, answers)


def _problem(operator: str, left: str | None, right: str | None, operand: n.Expr) -> str:
    """What is wrong with two operands of certain kinds."""
    kinds = (left, right)
    if MOMENT in kinds:
        if operator in ("+", "-") and NUMBER in kinds:
            return "to a moment seconds are added with `tool.time.Add(moment, seconds)`, days with `tool.time.AddDays`"
        if operator in _ORDER and TEXT in kinds:
            return "a moment is compared with a moment: write `tool.time.Parse(text)` for the text"
    if operator == "-" and left == TEXT and right == NUMBER and not _reads_as_number(operand):
        return "`+` has joined a text before `-`: calculate in parentheses, `text + (a - b)`"
    if operator == "+" and MAP in kinds and TEXT not in kinds and None not in kinds:
        return "maps are not added: write `tool.map.Merge(map1, map2)`"
    if operator == "+" and LIST in kinds and kinds[0] != kinds[1] and TEXT not in kinds and None not in kinds:
        return "a list is added to a list: write `list + [item]`"
    if operator == "*" and LIST in kinds:
        return "a list is not repeated by `*`: write `tool.list.Repeat(value, count)`"
    if operator in ("-", "/", "%") and LIST in kinds:
        return f"`{operator}` takes numbers: for lists write `tool.list.Filter(list, function)` or a loop"
    return ""


def _result(operator: str, left: str | None, right: str | None) -> str | None:
    if operator == "+" and TEXT in (left, right):
        return TEXT
    return left if left == right else None


def _joined(chain: n.Chain, operands: list[n.Expr], kinds: list[str | None], answers: set[str]) -> Iterator[Found]:
    """Numbers that are joined as texts where a sum is meant."""
    if any(operator != "+" for operator, _, _ in chain.rest):
        return
    for number in range(1, len(operands) - 1):
        later = operands[number + 1]
        if TEXT in kinds[:number] and kinds[number] == kinds[number + 1] == NUMBER and isinstance(later, n.Literal):
            told = "after a text `+` joins, so that these numbers are not added: write `text + (a + b)`"
            yield "joined-numbers", chain.rest[number][2], told
            return
    for left, right in pairwise(operands[:2]):
        for one, other in ((left, right), (right, left)):
            answer = isinstance(one, n.Name) and one.name in answers
            if answer and isinstance(other, n.Literal) and type(other.value) in (int, float):
                name = one.name if isinstance(one, n.Name) else ""
                told = f"'{name}' is a text, so that `+` joins: write `tool.str.ToNumber({name})`"
                yield "joined-numbers", chain.rest[0][2], told


def _reads_as_number(operand: n.Expr) -> bool:
    return isinstance(operand, n.Literal) and type(operand.value) is str and read_number(operand.value) is not None


def powers(chain: n.Chain) -> Iterator[Found]:
    """``x ^ 2`` and ``2 ^ x``, which are of bits."""
    operator, right, place = chain.rest[0]
    if operator != "^" or len(chain.rest) > 1:
        return
    first = chain.first
    base = isinstance(first, n.Literal) and first.value in (2, 10) and not isinstance(right, n.Chain)
    square = isinstance(right, n.Literal) and right.value in (2, 3)
    if base or (square and not isinstance(first, n.Literal | n.Chain)):
        yield "power-sign", place, "`^` works on bits: a power is written `a ** b`"


def in_literal_map(literal: n.MapExpr) -> Iterator[Found]:
    """A key that is written twice."""
    seen: set[str] = set()
    for key, _ in literal.entries:
        if isinstance(key, n.Literal) and type(key.value) is str:
            if key.value in seen:
                told = f'the key "{key.value}" is there twice, and the last value counts: remove one'
                yield "duplicate-key", key.span, told
            seen.add(key.value)


def in_index(index: n.Index, holding: Holding) -> Iterator[Found]:
    """A read behind the last item, and a field of what has none."""
    match index:
        case n.Index(value=n.Name(name=name), index=n.Call(name="len", args=[n.Argument(value=n.Name(name=of))])):
            if name == of:
                yield "index-past-end", index.index.span, f"the last index is `len({name}) - 1`"
        case n.Index(value=n.Name(name=name), index=n.Literal(value=str() as key), dotted=True):
            kind = holding.kind(index.value)
            if kind == TEXT and name in holding.answers:
                cure = "ask with a schema, or read it with `tool.json.Extract(text)`"
                yield "no-fields", index.index.span, f"'{name}' is a text, which has no fields: {cure}"
            elif kind in (TEXT, NUMBER, BOOLEAN) or (kind == LIST and key not in _LENGTHS):
                one = "a list: write an index, or a loop" if kind == LIST else f"a {kind}"
                yield (
                    "no-fields",
                    index.index.span,
                    f"a field is read of '{name}', which is {one}; only maps have fields",
                )


_LENGTHS = frozenset({"length", "size", "len", "count"})
_QUIET = (n.Name, n.Index, n.Literal)


def comments_for_minus(line: str, value: n.Expr | None, body: Body) -> bool:
    """Whether a line goes on with ``--`` right after a value, as for a decrement or a doubled sign."""
    if not line.startswith("--") or not isinstance(value, _QUIET):
        return False
    rest = line[2:].strip()
    return not rest or (line[2:3] not in (" ", "\t") and (rest.isdigit() or rest in body.variables))


def calls_value(call: n.Call, holding: Holding) -> bool:
    """Whether a call is of a variable that certainly holds no function."""
    return holding.kind(n.Name(call.name_span, call.name)) is not None
