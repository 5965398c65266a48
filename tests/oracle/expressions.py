"""Expressions (language reference, section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.syntax import nodes
from neuroscript.values import TYPE_CONSTANTS, Function, Fuzzy, ToolValue, text_of, type_name

from . import operators
from .builtin import BUILTINS, call_builtin
from .scope import Scope, copied

if TYPE_CHECKING:
    from .walker import Walker

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_STEP = rf'\.{_NAME}|\[[0-9]+\]|\["[^"\\\n]*"\]'
_PLACEHOLDER = re.compile(rf"\{{\{{[ \t]*({_NAME})((?:{_STEP})*)[ \t]*\}}\}}")
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "%": operators.modulo,
}


class Expressions:
    """Evaluates expressions in a scope."""

    def __init__(self, walker: Walker) -> None:
        self.walker = walker

    def evaluate(self, node: nodes.Expr, scope: Scope) -> Any:
        """The value of an expression; an error that has no place yet gets that of the innermost node it passes."""
        try:
            return self._evaluate(node, scope)
        except NeuroScriptError as error:
            if not error.line:
                error.file, error.line, error.column = scope.file, node.span[0], node.span[1] + 1
            raise

    def _evaluate(self, node: nodes.Expr, scope: Scope) -> Any:
        match node:
            case nodes.Literal():
                return node.value
            case nodes.Raw():
                return self.replace(node.text, scope)
            case nodes.Name():
                return self.read(node.name, scope)
            case nodes.ToolName():
                return ToolValue(self.walker.tools.lookup(node.name).spec.name)
            case nodes.ListExpr():
                items = [self.evaluate(item, scope) for item in node.items]
                self.walker.budget.items(len(items))
                return copied(items, self.walker.budget)
            case nodes.MapExpr():
                return self._map(node, scope)
            case nodes.Unary():
                return self._unary(node, scope)
            case nodes.Chain():
                return self._chain(node, scope)
            case nodes.Power():
                base = self.evaluate(node.base, scope)
                return operators.power(base, self.evaluate(node.exponent, scope))
            case nodes.Index():
                value = self.evaluate(node.value, scope)
                return operators.index(value, self.evaluate(node.index, scope))
            case nodes.Call():
                return self._call_name(node, scope)
            case nodes.CallValue():
                callee = self.evaluate(node.callee, scope)
                return self._call_value(callee, *self._arguments(node.args, scope), scope)
            case nodes.ToolCall():
                return self.walker.call_tool(node.name, *self._arguments(node.args, scope), scope)
            case nodes.Eval():
                return self.replace(self.evaluate(node.text, scope), scope)
        raise TypeError(f"the walker knows no {type(node).__name__}")

    # --- names -------------------------------------------------------------------------------------------------------

    def read(self, name: str, scope: Scope) -> Any:
        """The value of a name: a variable, a host global, a procedure, a built-in, a type constant; else error 9."""
        if name == "last" and not scope.sets_last:
            return scope.last
        if self.is_set(name, scope):
            return self._lookup(name, scope)
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"{name} is not set")

    def is_set(self, name: str, scope: Scope) -> bool:
        """Whether a name stands for anything."""
        walker = self.walker
        known = (scope.variables, walker.globals, walker.procedures, BUILTINS, TYPE_CONSTANTS)
        return any(name in names for names in known) or (name == "last" and not scope.sets_last)

    def _lookup(self, name: str, scope: Scope) -> Any:
        if name in scope.variables:
            return scope.variables[name]
        if name in self.walker.globals:
            return self.walker.globals[name]
        if name in self.walker.procedures:
            return self.walker.functions[name]
        if name in BUILTINS:
            return Function(name, BUILTINS[name])
        return TYPE_CONSTANTS[name]

    def _maybe_unset(self, node: nodes.Expr, scope: Scope) -> Any:
        """An operand of ``==``, ``!=``, ``typeof``, ``no`` or ``some``: an unset name counts as nil."""
        if isinstance(node, nodes.Name) and not self.is_set(node.name, scope):
            return None
        return self.evaluate(node, scope)

    # --- operators ---------------------------------------------------------------------------------------------------

    def _map(self, node: nodes.MapExpr, scope: Scope) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in node.entries:
            text = operators.key_text(self.evaluate(key, scope))
            result[text] = self.evaluate(value, scope)
        self.walker.budget.items(len(result))
        return copied(result, self.walker.budget)  # type: ignore[no-any-return]

    def _unary(self, node: nodes.Unary, scope: Scope) -> Any:
        if node.op in ("typeof", "no", "some"):
            value = self._maybe_unset(node.operand, scope)
            if node.op == "typeof":
                return type_name(value)
            return bool(value) if node.op == "some" else not value
        value = self.evaluate(node.operand, scope)
        match node.op:
            case "not":
                return Fuzzy(1 - value.value) if type(value) is Fuzzy else not value
            case "-":
                return operators.negate(value)
        return operators.invert(value)

    def _chain(self, node: nodes.Chain, scope: Scope) -> Any:
        lenient = node.rest[0][0] in ("==", "!=")
        value = self._maybe_unset(node.first, scope) if lenient else self.evaluate(node.first, scope)
        for op, operand, _ in node.rest:
            if op in ("and", "or"):
                value = self._logic(op, value, operand, scope)
            elif lenient:
                value = operators.equal(value, self._maybe_unset(operand, scope)) == (op == "==")
            else:
                value = self._binary(op, value, self.evaluate(operand, scope))
        return value

    def _logic(self, op: str, left: Any, operand: nodes.Expr, scope: Scope) -> Any:
        """``and``, ``or``: the right side is looked at only where the left does not decide."""
        if type(left) is not Fuzzy and bool(left) == (op == "or"):
            return op == "or"
        right = self.evaluate(operand, scope)
        if type(left) is not Fuzzy and type(right) is not Fuzzy:
            return bool(right)
        degrees = [side.value if type(side) is Fuzzy else float(bool(side)) for side in (left, right)]
        return Fuzzy(min(degrees) if op == "and" else max(degrees))

    def _binary(self, op: str, left: Any, right: Any) -> Any:
        if op in _ARITHMETIC:
            return _ARITHMETIC[op](left, right, self.walker.budget)
        if op in ("&", "|", "^"):
            return operators.bitwise(op, left, right)
        return operators.compare(op, left, right)

    # --- calls -------------------------------------------------------------------------------------------------------

    def _arguments(self, args: list[nodes.Argument], scope: Scope) -> tuple[list[Any], list[tuple[str, Any]]]:
        positional: list[Any] = []
        named: list[tuple[str, Any]] = []
        for argument in args:
            value = self.evaluate(argument.value, scope)
            if argument.name is None:
                positional.append(value)
            else:
                named.append((argument.name, value))
        return positional, named

    def _call_name(self, node: nodes.Call, scope: Scope) -> Any:
        if node.name == "last" and not scope.sets_last:
            return self._call_value(scope.last, *self._arguments(node.args, scope), scope)
        for names in (scope.variables, self.walker.globals):
            callee = names.get(node.name)
            if isinstance(callee, Function | ToolValue):
                return self._call_value(callee, *self._arguments(node.args, scope), scope)
        args, named = self._arguments(node.args, scope)
        if node.name in self.walker.procedures:
            return self.walker.call_procedure(node.name, args, named, scope)
        if node.name in BUILTINS:
            return call_builtin(node.name, args, named)
        if node.name in scope.variables or node.name in self.walker.globals:
            raise NeuroScriptError(ErrorCode.TYPE, f"{node.name} holds no function")
        raise NeuroScriptError(ErrorCode.PROC_NOT_FOUND, f"there is no procedure {node.name}")

    def _call_value(self, callee: Any, args: list[Any], named: list[tuple[str, Any]], scope: Scope) -> Any:
        return self.call_value(callee, args, named, scope)

    def call_value(self, callee: Any, args: list[Any], named: list[tuple[str, Any]], scope: Scope | None) -> Any:
        """Calls a function or tool value; ``scope`` is the caller's, whose ``last`` the result becomes."""
        if isinstance(callee, Function):
            if callee.name not in self.walker.procedures and callee.name in BUILTINS:
                return call_builtin(callee.name, args, named)
            return self.walker.call_procedure(callee.name, args, named, scope)
        if isinstance(callee, ToolValue):
            return self.walker.call_tool(callee.name, args, named, scope)
        raise NeuroScriptError(ErrorCode.TYPE, f"{type_name(callee)} cannot be called")

    # --- placeholders ------------------------------------------------------------------------------------------------

    def replace(self, text: Any, scope: Scope) -> str:
        """Replaces the placeholders of a raw string or of the text of ``eval``, once."""
        if type(text) is not str:
            raise NeuroScriptError(ErrorCode.TYPE, f"eval needs a string, not {type_name(text)}")

        def value_of(match: re.Match[str]) -> str:
            name, path = match.groups()
            value = self.read(name, scope)
            for step in re.findall(_STEP, path):
                key = step[1:] if step.startswith(".") else step[1:-1]
                value = operators.index(value, int(key) if key.isdigit() else key.strip('"'))
            return "" if value is None else text_of(value)

        result = _PLACEHOLDER.sub(value_of, text)
        self.walker.budget.text(len(result))
        return result
