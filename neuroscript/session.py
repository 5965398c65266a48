"""Interactive sessions: inputs that are evaluated one after the other and share their variables."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from neuroscript.compiler.build import back_end, raise_errors
from neuroscript.compiler.resolve import resolve
from neuroscript.errors import Diagnostic, NeuroScriptSyntaxError
from neuroscript.runtime.abi import SESSION_LAST
from neuroscript.runtime.containers import UNSET
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse
from neuroscript.values import to_host

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter

_COMMENTS = re.compile(r"(?:\s|(?:#|--|//)[^\r\n]*)*")
_DEFINITION = re.compile(r"(?:func|command|on[ \t]+event)\b|::")
_RESULT = "result_of_input"


class Session:
    """An interactive session in an interpreter; created by `Interpreter.session`."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.variables: dict[str, Any] = {}
        self._last: Any = None

    def evaluate(self, source: str, name: str = "<input>") -> Any:
        """Evaluates an input: statements, definitions (which replace earlier ones), or an expression.

        Returns:
            The expression's value; None for anything else.

        Raises:
            NeuroScriptSyntaxError: if it is none of these; ``diagnostics`` place the error in the input.
            NeuroScriptError: what the input raised.
        """
        self.interpreter.check_open()
        source = source.removeprefix("\ufeff")
        comments = _COMMENTS.match(source)
        if _DEFINITION.match(source, comments.end() if comments else 0):
            self.interpreter.load(source, name, replace=True)
            if self.interpreter.has_commands:
                self.interpreter.run_commands()
            return None
        program = self._parsed(source, name)
        self.variables.pop(_RESULT, None)
        runtime, loader = self.interpreter.runtime, self.interpreter.loader
        with runtime.alone():
            resolved = resolve(program, frozenset(self.variables))
            raise_errors(resolved, {})
            compiled = back_end(resolved, loader.compilation_unit())
            loader.keep_text(compiled.codes, len(source), lambda: self._parsed(source, name))
            [function] = compiled.commands
            for code in compiled.codes:
                exec(code, runtime.namespace)
            runtime.link_calls(compiled.calls)
            scope = {**self.variables, SESSION_LAST: self._last}
            try:
                with runtime.run() as depth:
                    runtime.namespace[function](depth, scope)
            finally:
                self._last = scope.pop(SESSION_LAST)
                self.variables = {key: value for key, value in scope.items() if value is not UNSET}
                del runtime.namespace[function]
        return to_host(self.variables.pop(_RESULT, None))

    def _parsed(self, source: str, name: str) -> n.Program:
        """Parses an input as a command block: of its statements, or of an assignment of its value."""
        try:
            return self._block(f"command\n{source}\nendcommand", 1, source, name)
        except NeuroScriptSyntaxError as statements:
            try:
                text = f"command\nset {_RESULT} = (\n{source}\n)\nendcommand"
                return self._block(text, 2, source, name)
            except NeuroScriptSyntaxError as expression:
                # What was read further before it failed is what the author meant.
                raise max(expression, statements, key=lambda error: (error.line, error.column)) from None

    def _block(self, text: str, added: int, source: str, name: str) -> n.Program:
        """Parses a text that has ``added`` lines before the input, and gives positions in the input."""
        lines = source.count("\n") + 1
        try:
            program = parse(text, name, self.interpreter.limits)
        except NeuroScriptSyntaxError as error:
            found = [_placed(part, added, lines) for part in error.diagnostics]
            raise NeuroScriptSyntaxError(found) from None
        _shift(program.commands, added)
        program.source = source
        return program


def _placed(found: Diagnostic, added: int, lines: int) -> Diagnostic:
    """A diagnostic of the wrapped text at its place in the input; behind the end, it is that the input ended."""
    line = found.line - added
    if line <= lines:
        return replace(found, line=max(line, 1))
    return replace(found, line=lines, column=1, message="the input ends too early", source_line="", hint="")


def _shift(part: Any, lines: int) -> None:
    """Moves every position of a tree up by some lines."""
    if isinstance(part, list | tuple):
        for inner in part:
            _shift(inner, lines)
    elif isinstance(part, n.Node):
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name.endswith("span"):
                if value is None:  # of what is left out
                    continue
                setattr(part, field.name, _moved(value, lines))
            else:
                _shift(value, lines)
        if isinstance(part, n.Chain):
            part.rest = [(op, operand, _moved(span, lines)) for op, operand, span in part.rest]


def _moved(span: n.Span, lines: int) -> n.Span:
    line, column, end_line, end_column = span
    return max(line - lines, 1), column, max(end_line - lines, 1), end_column
