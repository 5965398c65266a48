"""Conditions that are always the same, or ask for something else than they seem to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from neuroscript.lint.holding import BOOLEAN, NUMBER, TEXT, Holding
from neuroscript.lint.ranges import in_ranges
from neuroscript.runtime.errors import nearest
from neuroscript.syntax import nodes as n
from neuroscript.values import TYPE_CONSTANTS

Found: TypeAlias = tuple[str, n.Span, str]

_POSITIONS = {
    "str.indexof": "tool.str.Contains(text, part)",
    "str.lastindexof": "tool.str.Contains(text, part)",
    "list.indexof": "tool.list.Contains(list, value)",
    "list.findindex": "tool.list.Any(list, function)",
}
"""The tools that give a position, or -1, each with the tool that asks whether there is one."""

NEVER_ERROR = (
    "'{}' is never an error value, since what fails raises an error: write `set x = tool.error.Try(function, …)`, or"
    " catch it by `on error do`"
)
_NO_BOOLEAN = (TEXT, NUMBER)
_TYPES = frozenset(TYPE_CONSTANTS.values())
_TYPE_NAMES = {
    **dict.fromkeys(("str", "text", "char"), "string"),
    **dict.fromkeys(("int", "integer", "float", "double", "num", "numeric"), "number"),
    **dict.fromkeys(("array", "slice", "tuple", "table", "[]"), "list"),
    **dict.fromkeys(("dict", "object", "hash", "struct", "hashmap"), "map"),
    **dict.fromkeys(("bool",), "boolean"),
    **dict.fromkeys(("none", "null", "undefined", "niltype", "nonetype"), "nil"),
    **dict.fromkeys(("func", "procedure", "callable"), "function"),
    **dict.fromkeys(("exception",), "error"),
    **dict.fromkeys(("datetime", "date", "time"), "timedate"),
}


def in_condition(condition: n.Expr, holding: Holding) -> Iterator[Found]:
    """The mistakes in a whole condition of ``if`` or ``while``."""
    match condition:
        case n.ListExpr(items=[_, *_]):
            yield "constant-condition", condition.span, "a list is true if it has items: leave the brackets out"
        case n.MapExpr(entries=[_, *_]):
            yield "constant-condition", condition.span, "a map with entries is true: leave the braces out"
        case n.Literal(value=str()) if condition.value:
            told = 'a text that is not empty is true, `"false"` too: write the condition without quotes'
            yield "constant-condition", condition.span, told
    for part in truths(condition):
        tool = _position(part, holding)
        if tool:
            cure = f"compare `>= 0`, or write `{_POSITIONS[tool]}`"
            yield "position-as-condition", part.span, f"a position is true unless it is 0, and -1 is none: {cure}"


def _position(value: n.Expr, holding: Holding) -> str:
    """The tool of which an expression certainly is the position that it gives; empty for anything else."""
    given = holding.values.get(value.name, ()) if isinstance(value, n.Name) else [value]
    tools = {each.name.lower() if isinstance(each, n.ToolCall) else "" for each in given}
    tool = tools.pop() if len(tools) == 1 else ""
    return tool if tool in _POSITIONS else ""


def truths(condition: n.Expr) -> Iterator[n.Expr]:
    """The parts of a condition of which the truth counts."""
    match condition:
        case n.Unary(op="not" | "no" | "some", operand=operand):
            yield from truths(operand)
        case n.Chain(first=first, rest=[("and" | "or", _, _), *_] as rest):
            yield from truths(first)
            for _, operand, _ in rest:
                yield from truths(operand)
        case _:
            yield condition


def in_chain(chain: n.Chain, holding: Holding) -> Iterator[Found]:
    """The mistakes in operands that are compared and joined."""
    operator, right, place = chain.rest[0]
    if operator in ("==", "!="):
        for asked, other in ((chain.first, right), (right, chain.first)):
            if isinstance(asked, n.Unary) and asked.op == "typeof" and isinstance(other, n.Literal):
                yield from _type_name(other)
                if (
                    other.value == "error"
                    and isinstance(asked.operand, n.Name)
                    and holding.never_error(asked.operand.name)
                ):
                    yield "constant-condition", n.span_of(place), NEVER_ERROR.format(asked.operand.name)
            elif isinstance(asked, n.Call) and asked.name == "len" and isinstance(other, n.Literal):
                if other.value in ("", None):
                    always = "false" if operator == "==" else "true"
                    told = f"a length is a number, so that this is always {always}: write `len(x) {operator} 0`"
                    yield "constant-condition", n.span_of(place), told
            elif (
                isinstance(asked, n.Name | n.ToolCall)
                and isinstance(other, n.Literal)
                and holding.kind(asked) == BOOLEAN
            ):
                if holding.kind(other) not in _NO_BOOLEAN:
                    continue
                always = "false" if operator == "==" else "true"
                told = f"a boolean equals no text or number, so that this is always {always}: write the condition alone"
                yield "constant-condition", n.span_of(place), told
            elif isinstance(asked, n.ToolCall) and isinstance(other, n.Literal) and type(other.value) is str:
                yield from _other_case(asked.name.lower(), other.value, operator, other.span)
    yield from in_ranges(chain, written)
    if operator in ("and", "or"):
        yield from _contradiction(chain)
    if operator in ("&", "|"):
        operands = [chain.first, *(operand for _, operand, _ in chain.rest)]
        if any(holding.kind(operand) == BOOLEAN for operand in operands):
            word = "and" if operator == "&" else "or"
            yield (
                "bits-of-text",
                n.span_of(place),
                f"`{operator}` is for bits of numbers: conditions are joined with `{word}`",
            )
    negated = isinstance(chain.first, n.Unary) and chain.first.op == "not" and chain.first.span[:2] == chain.span[:2]
    if negated and operator in ("<", ">", "<=", ">="):
        told = f"this is `(not a) {operator} b`: write `not (a {operator} b)`"
        yield "negated-comparison", chain.span, told


def _other_case(tool: str, text: str, operator: str, place: n.Span) -> Iterator[Found]:
    """``tool.str.ToLower(answer) == "Yes"``, which never holds."""
    cases = {"str.tolower": ("lower", text.lower()), "str.toupper": ("upper", text.upper())}
    case, same = cases.get(tool, ("", text))
    if same != text:
        always = "false" if operator == "==" else "true"
        told = f'the text is in {case} case, so that this is always {always}: compare with "{same}"'
        yield "constant-condition", place, told


def _type_name(literal: n.Literal) -> Iterator[Found]:
    name = literal.value
    if type(name) is not str or name in _TYPES:
        return
    known = _TYPE_NAMES.get(name.lower()) or (name.lower() if name.lower() in _TYPES else "")
    hint = f'; write `"{known}"` or `TYPE_{known.upper()}`' if known else nearest(name, _TYPES)
    if not hint:
        hint = f"; there are {', '.join(sorted(_TYPES))}"
    yield "wrong-type-name", literal.span, f'`typeof` never gives "{name}"{hint}'


def _contradiction(chain: n.Chain) -> Iterator[Found]:
    """``x != "a" or x != "b"``, which is always true, and ``x == "a" and x == "b"``, which never is."""
    operator = chain.rest[0][0]
    sign = "!=" if operator == "or" else "=="
    seen: dict[str, tuple[type, object]] = {}
    for operand in (chain.first, *(operand for _, operand, _ in chain.rest)):
        match operand:
            case n.Chain(first=first, rest=[(found, n.Literal(value=value), _)]) if found == sign:
                key = written(first)
                if not key:
                    continue
                before = seen.setdefault(key, (type(value), value))
                if before[0] is type(value) and before[1] != value:
                    always, other = ("true", "and") if operator == "or" else ("false", "or")
                    told = f"this is always {always}: join the comparisons with `{other}`"
                    yield "constant-condition", chain.span, told
                    return


def written(value: n.Expr) -> str:
    """A variable with its fields as text; empty for anything else."""
    match value:
        case n.Name(name=name):
            return name
        case n.Unary(op="typeof", operand=operand) if written(operand):
            return f"typeof {written(operand)}"
        case n.Index(value=owner, index=n.Literal(value=str() as key)):
            start = written(owner)
            return f"{start}.{key}" if start else ""
    return ""
