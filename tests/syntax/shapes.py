"""Trees as short texts, so that a test says in one line what it expects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse


def statement(text: str) -> Any:
    """The only statement of a procedure with this body."""
    (found,) = parse(f"func f() means\n{text}\nendfunc\n").procedures[0].body
    return found


def expression(text: str) -> nodes.Expr:
    """The tree of one expression."""
    found = statement(f"emit {text}").value
    assert isinstance(found, nodes.Expr)
    return found


def shape(node: Any) -> str:
    """An expression with every operation in brackets: ``(a + (b * c))``."""
    match node:
        case nodes.Literal():
            return repr(node.value)
        case nodes.Raw():
            return f"raw {node.text!r}"
        case nodes.Name():
            return node.name
        case nodes.ToolName():
            return f"tool:{node.name}"
        case nodes.ListExpr():
            return "[" + ", ".join(map(shape, node.items)) + "]"
        case nodes.MapExpr():
            return "{" + ", ".join(f"{shape(key)}: {shape(value)}" for key, value in node.entries) + "}"
        case nodes.Unary():
            return f"({node.op} {shape(node.operand)})"
        case nodes.Chain():
            return "(" + shape(node.first) + "".join(f" {op} {shape(operand)}" for op, operand, _ in node.rest) + ")"
        case nodes.Power():
            return f"({shape(node.base)} ** {shape(node.exponent)})"
        case nodes.Index():
            return f"{shape(node.value)}[{shape(node.index)}]"
        case nodes.Call():
            return f"{node.name}({_arguments(node.args)})"
        case nodes.CallValue():
            return f"<{shape(node.callee)}>({_arguments(node.args)})"
        case nodes.ToolCall():
            return f"tool:{node.name}({_arguments(node.args)})"
        case nodes.Eval():
            return f"eval({shape(node.text)})"
    raise AssertionError(f"not an expression: {node!r}")


def _arguments(arguments: list[nodes.Argument]) -> str:
    return ", ".join(f"{a.name}: {shape(a.value)}" if a.name else shape(a.value) for a in arguments)


def walk(node: Any) -> Iterator[nodes.Node]:
    """Every node below something, itself included."""
    if isinstance(node, nodes.Node):
        yield node
    if dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from walk(getattr(node, field.name))
    elif isinstance(node, list | tuple):
        for item in node:
            yield from walk(item)


def text_of_span(source: str, span: nodes.Span) -> str:
    """The part of the source that a span covers."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line, column, end_line, end_column = span
    if line == end_line:
        return lines[line - 1][column:end_column]
    return "\n".join([lines[line - 1][column:], *lines[line : end_line - 1], lines[end_line - 1][:end_column]])
