"""Tells which expression was nil where an operation failed because of it, and which key may have been meant.

Nothing is recorded while a program runs: the operation is found in the program's text by the place where it failed, and
what it worked on is looked up again in the variables as they were then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from neuroscript.compiler.traversal import expressions, statements, walk
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders
from neuroscript.tools.shapes import nearest_key
from neuroscript.values import ErrorValue, EventValue

if TYPE_CHECKING:
    from neuroscript.tools import ToolRegistry

Step: TypeAlias = str | int | n.Name
"""A key or an index after a variable; a name where it is that of a variable."""

_MOST_PROGRAMS = 64
_MOST_KEYS = 100  # of a map whose keys are remembered along with others
_MOST_TEXT = 60  # characters of an expression in a message
_ABSENT: Any = object()


@record(frozen=True)
class Operand:
    """What an operation works on.

    Attributes:
        base: the variable, or the name of the tool, that it begins with; empty for any other expression.
        is_tool: whether it is a tool's name.
        steps: the keys and indexes after it.
        text: the expression as it is written.
    """

    base: str
    is_tool: bool
    steps: tuple[Step, ...]
    text: str


class NilOperands:
    """The operations of programs in which one has failed, found once for each program.

    Args:
        tools: the tools whose results' keys are known.
    """

    def __init__(self, tools: ToolRegistry) -> None:
        self._tools = tools
        self._found: dict[Callable[[], n.Program], dict[n.Span, list[Operand]]] = {}
        self._near: dict[tuple[str, tuple[str, ...]], str | None] = {}  # what was meant by a key, among which others

    def told(self, parsed: Callable[[], n.Program], span: n.Span, variables: Mapping[str, Any]) -> str:
        """Says what was nil in the operation at a place; empty if that is not known.

        Args:
            parsed: gives the program's tree; the same function for the same program.
            span: the place.
            variables: the locals of the generated code.
        """
        operands = self._found.get(parsed)
        if operands is None:
            if len(self._found) >= _MOST_PROGRAMS:
                self._found.clear()
            operands = self._found[parsed] = dict(_operations(parsed()))
        here = operands.get(span, ())
        told = next(filter(None, (self._told(each, variables) for each in here)), "")
        if not told and len(here) == 1 and here[0].text:  # the only one that could be
            return f"`{here[0].text}` is nil"
        return told

    def _told(self, operand: Operand, variables: Mapping[str, Any]) -> str:
        if operand.is_tool:
            return self._told_by_shape(operand)
        if not operand.base:
            return ""
        value, shown = variables.get(abi.VARIABLE + operand.base, _ABSENT), operand.base
        if value is None:
            return f"`{shown}` is nil"
        for step in operand.steps:
            key = variables.get(abi.VARIABLE + step.name, _ABSENT) if isinstance(step, n.Name) else step
            inner = _item(value, key)
            if inner is _ABSENT:
                return self._no_key(shown, key, value) if isinstance(key, str) and _keys(value) is not None else ""
            shown += f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{_key_text(step)}]"
            if inner is None:
                return f"`{shown}` is nil" if len(shown) <= 2 * _MOST_TEXT else ""
            value = inner
        return ""

    def _no_key(self, shown: str, key: str, value: Any) -> str:
        keys = tuple(_keys(value) or ())
        if (key, keys) not in self._near:
            if len(self._near) >= _MOST_PROGRAMS or len(keys) > _MOST_KEYS:
                self._near.clear()
            self._near[key, keys] = nearest_key(key, keys)
        near = self._near[key, keys]
        hint = f"; did you mean `{near}`?" if near is not None else ""
        return f"`{_cut(shown)}` has no key `{_cut(key)}`{hint}"

    def _told_by_shape(self, operand: Operand) -> str:
        """As `_told`, of the result of a tool, which is not there any more."""
        tool = self._tools.get(operand.base)
        shape = tool.spec.result_shape if tool is not None else None
        for step in operand.steps:
            if shape is None or isinstance(step, n.Name):
                break
            if isinstance(step, str):
                problem = shape.problem(step)
                if problem:
                    return problem
                field = shape.field(step)
                shape = field.shape if field is not None else None
        return ""


def _keys(value: Any) -> Mapping[str, Any] | None:
    if type(value) is dict:
        return value
    return value.fields() if isinstance(value, ErrorValue | EventValue) else None


def _item(value: Any, key: Any) -> Any:
    """What is at a key or index; `_ABSENT` if there is nothing."""
    keys = _keys(value)
    if keys is not None:
        return keys.get(str(key) if type(key) is int else key, _ABSENT) if type(key) in (str, int) else _ABSENT
    is_inside = type(value) is list and type(key) is int and 0 <= key < len(value)
    return value[key] if is_inside else _ABSENT


def _key_text(step: Step) -> str:
    if isinstance(step, n.Name):
        return step.name
    return f'"{_cut(step)}"' if isinstance(step, str) else str(step)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"


# --- finding the operations of a program ------------------------------------------------------------------------------


def _operations(program: n.Program) -> Iterator[tuple[n.Span, list[Operand]]]:
    """The operations that take no nil, each by its place, with what it works on that may be nil."""
    lines = program.source.splitlines()
    for expression in _expressions(program):
        for part in walk(expression):
            match part:
                case n.Index(value=value, span=span):
                    yield span, [_operand(value, lines)]
                case n.Unary(op="-", operand=value, span=span):
                    yield span, [_operand(value, lines)]
                case n.Power(base=base, exponent=exponent, op_span=span):
                    yield span, _operands((base, exponent), lines)
                case n.Chain(first=first, rest=rest):
                    operands = [first, *(operand for _, operand, _ in rest)]
                    for number, (left, right) in enumerate(pairwise(operands)):
                        both = (left, right) if number == 0 else (right,)
                        yield n.span_of(rest[number][2]), _operands(both, lines)
                case n.Raw(text=text, span=span) | n.Eval(text=n.Literal(value=str() as text, span=span)):
                    spans = placeholder_spans(text, span, raw=isinstance(part, n.Raw))
                    pieces = [piece for piece in placeholders(text) if not isinstance(piece, str)]
                    for (name, path), place in zip(pieces, spans, strict=True):
                        yield place, [Operand(name, False, tuple(path[:-1]), "")]


def _expressions(program: n.Program) -> Iterator[n.Expr]:
    pending = [*(each.body for each in program.procedures), *(each.body for each in program.commands)]
    for event in program.handlers:
        yield event.event
        pending.append(event.body)
    while pending:
        for statement in statements(pending.pop()):
            yield from expressions(statement)
            if isinstance(statement, n.OnError | n.OnEvent):
                pending.append(statement.body)


def _operands(values: tuple[n.Expr, ...], lines: list[str]) -> list[Operand]:
    """The operands of which each may be nil, though it is not written so; none where one is written so."""
    if any(isinstance(value, n.Literal) and value.value is None for value in values):
        return []
    return [_operand(value, lines) for value in values if not isinstance(value, n.Literal)]


def _operand(value: n.Expr, lines: list[str]) -> Operand:
    text, steps, known = _written(value, lines), [], True
    while isinstance(value, n.Index):
        index = value.index
        if isinstance(index, n.Name) or (isinstance(index, n.Literal) and type(index.value) in (str, int)):
            steps.append(index if isinstance(index, n.Name) else index.value)
        else:
            known = False
        value = value.value
    match value:
        case n.Name(name=name) if known:
            return Operand(name, False, tuple(reversed(steps)), text)
        case n.ToolCall(name=name) if known:
            return Operand(name, True, tuple(reversed(steps)), text)
    return Operand("", False, (), text)


def _written(value: n.Expr, lines: list[str]) -> str:
    """An expression as it is written if that is short and holds no text, which may be a secret; else shortened."""
    line, column, end_line, end = value.span
    is_short = line == end_line and end - column <= _MOST_TEXT and 0 < line <= len(lines)
    keys = {id(part.index) for part in walk(value) if isinstance(part, n.Index)}
    texts = (part for part in walk(value) if isinstance(part, n.Raw) or type(getattr(part, "value", None)) is str)
    if is_short and all(id(part) in keys for part in texts):
        return lines[line - 1][column:end]
    short = _shortened(value)
    return short if len(short) <= _MOST_TEXT else ""


def _shortened(value: n.Expr) -> str:
    """What is written of names, calls, keys and indexes, without arguments; empty of other expressions."""
    match value:
        case n.Name(name=name):
            return name
        case n.Call(name=name):
            return f"{name}(…)"
        case n.ToolCall(name=name):
            return f"tool.{name}(…)"
        case n.CallValue(callee=inner):
            after = "(…)"
        case n.Index(value=inner, index=n.Name(name=name)):
            after = f"[{name}]"
        case n.Index(value=inner, index=n.Literal(value=str() as key), dotted=dotted):
            after = f".{key}" if dotted else f"[{_key_text(key)}]"
        case n.Index(value=inner, index=n.Literal(value=int() as number)) if type(number) is int:
            after = f"[{number}]"
        case n.Index(value=inner):
            after = "[…]"
        case _:
            return ""
    before = _shortened(inner)
    return before and before + after
