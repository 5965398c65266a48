"""An interactive session: inputs one after the other, with variables that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuroscript.compiler.codegen import generate_input
from neuroscript.compiler.resolve import resolve
from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.runtime.containers import UNSET
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter

_DEFINITIONS = ("func", "command", "::")
_RESULT = "result_of_input"


class Session:
    """Evaluates inputs in one interpreter; made by `Interpreter.session`."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.variables: dict[str, Any] = {}

    def evaluate(self, source: str, name: str = "<input>") -> Any:
        """Runs an input: statements, definitions (which replace earlier ones), or an expression.

        Returns:
            The expression's value; None for anything else.

        Raises:
            NeuroScriptSyntaxError: if it is none of these; ``diagnostics`` place the error in the input.
            NeuroScriptError: what the input raised.
        """
        text = source.lstrip()
        if text.startswith(_DEFINITIONS) or _is_event_handler(text):
            self.interpreter.load(source, name, replace=True)
            if self.interpreter.has_commands:
                self.interpreter.run_commands()
            return None
        program = self._parsed(source, name)
        self.variables.pop(_RESULT, None)
        resolved = resolve(program)
        if resolved.diagnostics:
            raise NeuroScriptSyntaxError(resolved.diagnostics)
        runtime = self.interpreter.runtime
        with runtime.lock:
            code, function = self.interpreter.compile_input(
                lambda unit, load: generate_input(resolved, unit, load, frozenset(self.variables))
            )
            exec(code, runtime.namespace)
            scope = dict(self.variables)
            try:
                with runtime.run() as depth:
                    runtime.namespace[function](depth, scope)
            finally:
                self.variables = {key: value for key, value in scope.items() if value is not UNSET}
                del runtime.namespace[function]
        return self.variables.pop(_RESULT, None)

    def _parsed(self, source: str, name: str) -> n.Program:
        """The input as a command block.  Statements are tried first, then an expression."""
        limits = self.interpreter.limits
        # The block's first and last line stand on lines of their own outside the input, so that positions are the
        # input's after taking one line off.
        try:
            program = parse(f"command\n{source}\nendcommand", name, limits)
        except NeuroScriptSyntaxError as first:
            try:
                program = parse(f"command\nset {_RESULT} = (\n{source}\n)\nendcommand", name, limits)
            except NeuroScriptSyntaxError:
                raise NeuroScriptSyntaxError([_moved(found, source) for found in first.diagnostics]) from None
        return program


def _is_event_handler(text: str) -> bool:
    words = text.split(None, 2)
    return words[:2] == ["on", "event"]


def _moved(found: Any, source: str) -> Any:
    from dataclasses import replace

    lines = source.count("\n") + 1
    return replace(found, line=min(max(found.line - 1, 1), lines))
