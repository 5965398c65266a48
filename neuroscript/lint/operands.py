"""Operands and items that do not fit, where what they are is certain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.lint.holding import BOOLEAN, LIST, MAP, MOMENT, NUMBER, TEXT, Holding
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]

_ORDER = ("<", ">", "<=", ">=")
_NUMERIC = ("-", "*", "/", "%", *_ORDER)


def in_operands(chain: n.Chain, holding: Holding) -> Iterator[Found]:
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
        problem = _problem(operator, before, right)
        if not problem and operator in _NUMERIC and all(sign == "+" for sign, _, _ in chain.rest[:number]):
            joined = n.Chain(chain.span, chain.first, chain.rest[:number]) if number else chain.first
            problem = _no_number(operator, joined, operands[number + 1], [before, right], holding)
        if problem:
            yield "wrong-operand", n.span_of(place), problem
            return
        before = _result(operator, before, right)
    yield from _joined(chain, operands, kinds, holding)


def _no_number(operator: str, left: n.Expr, right: n.Expr, kinds: list[str | None], holding: Holding) -> str:
    """What is wrong with a number that is calculated, or compared, with a text that never reads as one."""
    order = operator in _ORDER
    pairs = ((left, kinds[1]), (right, kinds[0]))
    text = next(
        (one for one, other in pairs if (other == NUMBER or operator in ("-", "/", "%")) and holding.is_no_number(one)),
        None,
    )
    formats = operator == "%" and isinstance(left, n.Literal) and "%" in str(left.value)
    if text is None or formats or (operator == "*" and text is left):
        return ""
    if isinstance(text, n.Chain) and not order:
        return f"`+` has joined a text before `{operator}`: calculate in parentheses, `text + (a {operator} b)`"
    takes = f"`{operator}` compares numbers with numbers" if order else f"`{operator}` takes numbers"
    return f"{takes}, and this is a text: write `tool.str.ToNumber(text)` for one that holds a number"


def _problem(operator: str, left: str | None, right: str | None) -> str:
    """What is wrong with two operands of certain kinds."""
    kinds = (left, right)
    if MOMENT in kinds:
        if operator in ("+", "-") and NUMBER in kinds:
            return "to a moment seconds are added with `tool.time.Add(moment, seconds)`, days with `tool.time.AddDays`"
        if operator in _ORDER and TEXT in kinds:
            return "a moment is compared with a moment: write `tool.time.Parse(text)` for the text"
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


def _joined(chain: n.Chain, operands: list[n.Expr], kinds: list[str | None], holding: Holding) -> Iterator[Found]:
    """Numbers that are joined as texts where a sum is meant."""
    if any(operator != "+" for operator, _, _ in chain.rest):
        return
    for number in range(1, len(operands) - 1):
        later = operands[number + 1]
        number_before = kinds[number] == NUMBER or _calculates(operands[number])
        sum_ = number_before and kinds[number + 1] == NUMBER and isinstance(later, n.Literal)
        if (
            TEXT in kinds[:number] and sum_ and not isinstance(operands[number], n.Literal)
        ):  # `"v" + 1 + 2` is written out
            told = "after a text `+` joins, so that these numbers are not added: write `text + (a + b)`"
            yield "joined-numbers", n.span_of(chain.rest[number][2]), told
            return
    for left, right in pairwise(operands[:2]):
        for one, other in ((left, right), (right, left)):
            answer = isinstance(one, n.Name) and (one.name in holding.answers or holding.is_number_text(one.name))
            if (answer or holding.is_item_text(one)) and type(getattr(other, "value", None)) in (int, float):
                told = f"{_shown(one)} is a text, so that `+` joins: write `tool.str.ToNumber({_code(one)})`"
                yield "joined-numbers", n.span_of(chain.rest[0][2]), told


def _calculates(operand: n.Expr) -> bool:
    """Whether an operand multiplies or divides by a number, as one does that is added to another."""
    if not isinstance(operand, n.Chain) or isinstance(operand.first, n.Literal):
        return False
    return any(operator in ("*", "/", "%") for operator, _, _ in operand.rest)


def in_change(name: str, chain: n.Chain, holding: Holding) -> Iterator[Found]:
    """``set total = total - x``, whose variable begins as something that the operator does not take."""
    operator, other, place = chain.rest[0]
    if not isinstance(chain.first, n.Name) or chain.first.name != name:
        return
    start, kind = holding.start(name), holding.kind(other)
    if not isinstance(start, n.Literal):
        return
    if operator == "+" and holding.kind(start) == NUMBER and kind == TEXT and not isinstance(other, n.Literal | n.Raw):
        told = f"{_shown(other)} is a text, so that `+` joins: write `{name} + tool.str.ToNumber({_code(other)})`"
        if all(sign == "+" for sign, _, _ in chain.rest):
            yield "joined-numbers", n.span_of(place), told
    fails = operator in ("-", "/", "%") or (operator == "*" and kind in (None, NUMBER))
    if start.value is None and (fails or (operator == "+" and kind in (NUMBER, LIST))):
        first = "[]" if kind == LIST else "0"
        told = f"'{name}' is nil the first time, which `{operator}` does not take: begin with `set {name} = {first}`"
        yield "nil-operand", n.span_of(place), told
    if start.value == "" and operator in ("-", "/", "%"):
        told = f"'{name}' begins as a text, and `{operator}` takes numbers: begin with `set {name} = 0`"
        yield "wrong-operand", n.span_of(place), told


def _code(value: n.Expr) -> str:
    """A variable, or an item of one, as it is written; else a word that stands for it."""
    match value:
        case n.Name(name=name):
            return name
        case n.Index(value=n.Name(name=name), index=n.Literal(value=int() as number)):
            return f"{name}[{number}]"
        case n.Index(value=n.Name(name=name), index=n.Name(name=index)):
            return f"{name}[{index}]"
    return "text"


def _shown(value: n.Expr) -> str:
    """What a message calls a value."""
    code = _code(value)
    return "what is added" if code == "text" and not isinstance(value, n.Name) else f"'{code}'"


def powers(chain: n.Chain) -> Iterator[Found]:
    """``x ^ 2`` and ``2 ^ x``, which are of bits."""
    operator, right, place = chain.rest[0]
    if operator != "^" or len(chain.rest) > 1:
        return
    first = chain.first
    base = isinstance(first, n.Literal) and first.value in (2, 10) and not isinstance(right, n.Chain)
    square = isinstance(right, n.Literal) and right.value in (2, 3)
    if base or (square and not isinstance(first, n.Literal | n.Chain)):
        yield "power-sign", n.span_of(place), "`^` works on bits: a power is written `a ** b`"


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
        case n.Index(value=n.Name(name=name), index=n.Name(name=at)):
            match holding.values.get(at):
                case [n.Call(name="len", args=[n.Argument(value=n.Name(name=of))])] if of == name:
                    yield "index-past-end", index.index.span, f"'{at}' is `len({name})`, and the last index `{at} - 1`"
        case n.Index(value=value, index=n.Literal(value=str() as key)):
            problem = _field(value, key, index.dotted, holding)
            if problem:
                yield "no-fields", index.index.span, problem


def _field(value: n.Expr, key: str, dotted: bool, holding: Holding) -> str:
    """What is wrong with a field of a value of a kind that has none; empty where the kind is not certain."""
    kind = holding.kind(value)
    name = value.name if isinstance(value, n.Name) else ""
    shown = f"'{name}'" if name else "what stands before it"
    if kind == MOMENT:
        return f"{shown} is a moment, which has no fields: write `tool.time.Parts({name or 'moment'}).{key}`"
    if kind == TEXT and name and holding.is_document(name):
        return f"'{name}' is a text, which has no fields: read it with `tool.json.Parse({name})` first"
    if kind == TEXT and name in holding.answers:
        cure = "ask with a schema, or read it with `tool.json.Extract(text)`"
        return f"'{name}' is a text, which has no fields: {cure}"
    if isinstance(value, n.Literal) or (key in _LENGTHS and kind in (TEXT, LIST) and name):
        return ""  # which other rules know
    if key in _LENGTHS and kind in (TEXT, LIST):
        return f"{shown} has no fields; write `len(value)`"
    if kind == LIST and key in ("first", "last"):
        code = f"{name or 'list'}[0]" if key == "first" else f"{name or 'list'}[len({name or 'list'}) - 1]"
        return f"{shown} is a list, which has no fields: write `{code}`"
    if kind in (NUMBER, BOOLEAN, TEXT, LIST):
        one = "a list: write an index, or a loop" if kind == LIST else f"a {kind}"
        return f"a field is read of {shown}, which is {one}; only maps have fields"
    return ""


_LENGTHS = frozenset({"length", "size", "len", "count"})
_QUIET = (n.Name, n.Index, n.Literal)


def comments_for_minus(line: str, value: n.Expr | None, body: Body) -> bool:
    """Whether a line goes on with ``--`` right after a value, as for a decrement or a doubled sign."""
    if not line.startswith("--") or not isinstance(value, _QUIET):
        return False
    rest = line[2:].strip()
    return not rest or (line[2:3] not in (" ", "\t") and (rest.isdigit() or rest in body.variables))
