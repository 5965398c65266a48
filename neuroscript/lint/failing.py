"""Which statements of a body can fail, and how its error handlers end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import assigned_by, expressions, inner_blocks, statements, walk
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body
    from neuroscript.tools import ToolRegistry

_TYPE_ERRORS = re.compile(r"(?:Error 4 for wrong arguments)?(?:; 37 [^;]*|; 37 and 38 [^;]*)?\.?")
"""The error conditions of a tool that fails for arguments of a wrong type alone, limits aside."""

_ENDS = n.Return | n.Break | n.Continue | n.Fail


class Failing:
    """What can fail in one body: for a value that it may well be given, not for every type that a variable may have.

    Attributes:
        resuming: the indexes of the handlers after which execution may go on with the next statement.
    """

    def __init__(self, body: Body, tools: ToolRegistry) -> None:
        self._tools = tools
        self._numbers = _numbers(body)
        self._bounded = set(_bounded(body))
        self.resuming = {
            index for index, handler in enumerate(body.handlers) if True in _cleared(handler.body, {False})
        }

    def statement(self, statement: n.Stmt) -> bool:
        """Whether a statement can fail, apart from its inner blocks."""
        if isinstance(statement, n.Ask | n.PromptUser | n.Must | n.Fail):
            return True
        if isinstance(statement, n.Set):
            count = len(statement.targets)
            value = statement.value
            if statement.must or (count > 1 and not (isinstance(value, n.ListExpr) and len(value.items) == count)):
                return True
            return self.expression(value)
        return any(map(self.expression, expressions(statement)))

    def expression(self, value: n.Expr) -> bool:
        """Whether an expression can fail."""
        return any(map(self._itself, walk(value)))

    def _itself(self, value: n.Expr) -> bool:
        """Whether an expression can fail whose parts have not."""
        match value:
            case n.Power() | n.CallValue():
                return True
            case n.Unary(op=operator, operand=operand):
                return operator in "-~" and not self._is_number(operand)
            case n.Chain(first=first, rest=rest):
                return self._chain(first, rest)
            case n.Index(value=n.Name(name=name), index=n.Name(name=index)) if (index, name) in self._bounded:
                return False
            case n.Index(index=index):
                return not (isinstance(index, n.Literal) and type(index.value) is str)  # a missing key is nil
            case n.Call(name=name):
                return name not in ("len", "not_empty") and not (name in BUILTINS and name.startswith("is_"))
            case n.ToolCall(name=name, args=args):
                tool = self._tools.get(name)
                if tool is None:
                    return True
                if tool.spec.name == "error.Try":
                    return False
                may_be_nil = any(isinstance(argument.value, n.Index) for argument in args)
                return may_be_nil or not _TYPE_ERRORS.fullmatch(tool.spec.error_conditions)
        return False

    def _chain(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> bool:
        operator = rest[0][0]
        if operator in ("or", "and", "==", "!="):
            return False
        operands = [first, *(operand for _, operand, _ in rest)]
        if operator in ("+", "-") and all(sign == "+" for sign, _, _ in rest) and any(map(_is_text, operands[:2])):
            return False
        divides = any(
            sign in ("/", "%") and not (isinstance(operand, n.Literal) and operand.value) for sign, operand, _ in rest
        )
        return divides or not all(map(self._is_number, operands))

    def _is_number(self, value: n.Expr) -> bool:
        return _is_number(value, self._numbers)


def _is_text(value: n.Expr) -> bool:
    return isinstance(value, n.Raw) or (isinstance(value, n.Literal) and type(value.value) is str)


def _is_number(value: n.Expr, numbers: set[str]) -> bool:
    match value:
        case n.Literal(value=number):
            return type(number) in (int, float)
        case n.Name(name=name):
            return name in numbers
        case n.Call(name="len"):
            return True
        case n.Unary(op="-", operand=operand):
            return _is_number(operand, numbers)
        case n.Chain(first=first, rest=rest) if rest[0][0] in "+-*/%":
            return _is_number(first, numbers) and all(_is_number(operand, numbers) for _, operand, _ in rest)
    return False


def _numbers(body: Body) -> set[str]:
    """The variables to which nothing but numbers is assigned."""
    values: dict[str, list[n.Expr]] = {}
    others = set(body.params) | (body.session or frozenset())
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            match statement:
                case n.Set(targets=[target], value=value) if not target.path:
                    values.setdefault(target.name, []).append(value)
                case n.Set(targets=targets, value=n.ListExpr(items=items)) if len(items) == len(targets):
                    for target, item in zip(targets, items, strict=True):
                        values.setdefault(target.name, []).append(item)
                case n.ForEach(name=name, key=None, collection=n.ToolCall(name=tool)) if tool.lower() == "list.range":
                    values.setdefault(name, []).append(n.Literal(statement.span, 0))
                case _:
                    others.update(assigned_by(statement))
    numbers = values.keys() - others
    while True:
        kept = {name for name in numbers if all(_is_number(value, numbers) for value in values[name])}
        if kept == numbers:
            return kept
        numbers = kept


def _bounded(body: Body) -> Iterator[tuple[str, str]]:
    """The variables that a loop keeps below the length of a list, each with the list."""
    lengths = {}  # by the variable that keeps it
    for statement in statements(body.block):
        match statement:
            case n.Set(targets=[n.Target(name=name, path=[])], value=n.Call(name="len", args=[length])):
                lengths[name] = length.value
    for statement in statements(body.block):
        match statement:
            case n.While(condition=condition):
                for part in walk(condition):
                    match part:
                        case n.Chain(first=n.Name(name=index), rest=[("<", n.Call(name="len", args=[length]), _)]):
                            yield from _named(index, length.value)
                        case n.Chain(first=n.Name(name=index), rest=[("<", n.Name(name=name), _)]) if name in lengths:
                            yield from _named(index, lengths[name])
            case n.ForEach(name=index, key=None, collection=n.ToolCall(name=tool, args=[_, end])):
                if tool.lower() == "list.range" and isinstance(end.value, n.Call) and end.value.name == "len":
                    for argument in end.value.args:
                        yield from _named(index, argument.value)
            case n.ForEach(key=str() as index, collection=collection):
                yield from _named(index, collection)


def _named(index: str, value: n.Expr) -> Iterator[tuple[str, str]]:
    if isinstance(value, n.Name):
        yield index, value.name


def _cleared(block: n.Block, states: set[bool]) -> set[bool]:
    """Whether the error is cleared where a block of a handler ends: no state if it never does."""
    for statement in block:
        if isinstance(statement, n.ClearError):
            states = {True}
        elif isinstance(statement, n.If):
            after = set() if statement.orelse is not None else set(states)
            for inner in inner_blocks(statement):
                after |= _cleared(inner, states)
            states = after
        elif isinstance(statement, n.While | n.ForEach):
            inside = _cleared(statement.body, states)
            clears = any(isinstance(each, n.ClearError) for each in statements(statement.body))
            states = states | inside | ({True} if clears else set())
        elif isinstance(statement, _ENDS):
            return set()
        if not states:
            return states
    return states


def names_in(parts: Iterable[n.Expr]) -> set[str]:
    """The names that expressions read, those that are called too."""
    found: set[str] = set()
    for whole in parts:
        for part in walk(whole):
            if isinstance(part, n.Name | n.Call):
                found.add(part.name)
    return found
