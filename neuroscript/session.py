"""Interactive sessions: inputs that are evaluated one after the other and share their variables."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from neuroscript.compiler.build import back_end, raise_errors
from neuroscript.compiler.resolve import resolve
from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptSyntaxError
from neuroscript.given import check_token
from neuroscript.inputs import Kind, Part, blanked, split
from neuroscript.runtime.abi import SESSION_LAST
from neuroscript.runtime.containers import UNSET
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse
from neuroscript.values import to_host

if TYPE_CHECKING:
    from neuroscript.cancellation import CancelToken
    from neuroscript.interpreter import Interpreter

RESULT = "result_of_input"


class Session:
    """An interactive session in an interpreter; created by `Interpreter.session`."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.variables: dict[str, Any] = {}
        self._last: Any = None

    def evaluate(self, source: str, name: str = "<input>", *, cancel: CancelToken | None = None) -> Any:
        """Evaluates an input: statements, definitions (which replace earlier ones), an expression, or several of these.

        Nothing of an input is run that does not parse as a whole.  The value of an expression is in ``last``
        afterwards, as the result of a call is.

        Args:
            source: the input.
            name: what it is called in messages.
            cancel: ends the evaluation when it is cancelled, which it may be before that.

        Returns:
            The value of the expression at its end; None if there is something else.

        Raises:
            NeuroScriptSyntaxError: if it is none of these; ``diagnostics`` place the error in the input.
            NeuroScriptError: what the input raised.
        """
        self.interpreter.check_open()
        if cancel is not None:
            check_token(cancel)
        value = None
        for part, program in self._programs(source.removeprefix("\ufeff"), name):
            value = None
            if program is not None:
                value = self._run(program, part, name, cancel)
            else:
                self.interpreter.load(part.text, name, replace=True)
                if self.interpreter.has_commands:
                    self.interpreter.run_commands(cancel=cancel)
        return value

    def _programs(self, source: str, name: str) -> list[tuple[Part, n.Program | None]]:
        """The parts of an input, parsed those that are statements; the others will be when they are loaded.

        Raises:
            NeuroScriptSyntaxError: for all parts that cannot be parsed.
        """
        parts = split(source)
        found: list[tuple[Part, n.Program | None]] = []
        wrong: list[Diagnostic] = []
        for part in parts:
            try:
                if part.kind is Kind.STATEMENTS:
                    found.append((part, self._parsed(part, name)))
                else:
                    if len(parts) > 1:  # a single one is as a whole anyhow
                        parse(part.text, name, self.interpreter.limits)
                    found.append((part, None))
            except NeuroScriptSyntaxError as error:
                wrong += error.diagnostics
        if wrong:
            raise NeuroScriptSyntaxError(wrong)
        return found

    def _run(self, program: n.Program, part: Part, name: str, cancel: CancelToken | None) -> Any:
        """Runs the statements of an input, and returns the value of the expression at their end."""
        self.variables.pop(RESULT, None)
        self._execute(program, part, name, cancel)
        value = self.variables.pop(RESULT, None)
        if value is not None:
            self._last = value
        return to_host(value)

    def value_of(self, expression: str, name: str = "<expression>") -> Any:
        """The value of an expression in the variables of the session, as a value of the language.

        It may be asked for inside a run that has stopped; no watcher is told of it.

        Raises:
            NeuroScriptSyntaxError: if it is no expression.
            NeuroScriptError: what evaluating it raises.
        """
        part = Part(Kind.STATEMENTS, expression, 0)
        program = self._expression(part, name)
        if len(program.commands) != 1 or len(program.commands[0].body) != 1:
            found = Diagnostic(1, 1, "error", ErrorCode.SYNTAX, "one expression is wanted", name)
            raise NeuroScriptSyntaxError([found])
        self._execute(program, part, name, None, watches=False)
        return self.variables.pop(RESULT, None)

    def _execute(
        self, program: n.Program, part: Part, name: str, cancel: CancelToken | None, *, watches: bool = True
    ) -> None:
        """Runs the statements of an input in the variables."""
        runtime, loader = self.interpreter.runtime, self.interpreter.loader
        with runtime.alone(cancel=cancel):
            resolved = resolve(program, frozenset(self.variables))
            raise_errors(resolved, {})
            if watches:
                loader.tell_compiled(name, part.text, resolved)
            compiled = back_end(resolved, loader.compilation_unit(watches=watches))
            loader.keep_text(compiled.codes, len(part.text), lambda: self._parsed(part, name))
            [function] = compiled.commands
            for code in compiled.codes:
                exec(code, runtime.namespace)
            runtime.link_calls(compiled.calls)
            scope = {**self.variables, SESSION_LAST: self._last}
            try:
                with runtime.run(cancel=cancel) as depth:
                    runtime.namespace[function](depth, scope)
            finally:
                self._last = scope.pop(SESSION_LAST)
                self.variables = {key: value for key, value in scope.items() if value is not UNSET}
                del runtime.namespace[function]

    def _parsed(self, part: Part, name: str) -> n.Program:
        """Parses a part as a command block: of its statements, or of an assignment of its value, or of both."""
        errors = []
        readings = (self._statements, self._expression, self._statements_and_expression)
        for read in readings if part.text[: part.last_line].strip() else readings[:2]:
            try:
                return read(part, name)
            except NeuroScriptSyntaxError as error:
                errors.append(error)
        # What was read further before it failed is what the author meant.
        raise max(errors, key=lambda error: (error.line, error.column)) from None

    def _statements(self, part: Part, name: str) -> n.Program:
        return self._block(f"command\n{part.text}\nendcommand", 1, part.text, name)

    def _expression(self, part: Part, name: str) -> n.Program:
        return self._block(f"command\nset {RESULT} = (\n{part.text}\n)\nendcommand", 2, part.text, name)

    def _statements_and_expression(self, part: Part, name: str) -> n.Program:
        before, after = part.text[: part.last_line], part.text[part.last_line :]
        program = self._statements(replace(part, text=before), name)
        ending = self._expression(replace(part, text=blanked(before) + after), name)
        program.commands[0].body.extend(ending.commands[0].body)
        program.source = part.text
        return program

    def _block(self, text: str, added: int, source: str, name: str) -> n.Program:
        """Parses a text that has ``added`` lines before the input, and gives positions in the input."""
        lines, end = source.count("\n") + 1, len(source) - source.rfind("\n")
        try:
            program = parse(text, name, self.interpreter.limits, added=added)
        except NeuroScriptSyntaxError as error:
            within = [found for found in error.diagnostics if found.line - added <= lines]
            # What is found behind the end follows from what is wrong before it.
            found = [_placed(part, added, lines, end) for part in within or error.diagnostics[:1]]
            raise NeuroScriptSyntaxError(found) from None
        _shift(program.commands, added)
        program.source = source
        return program


def _placed(found: Diagnostic, added: int, lines: int, end: int) -> Diagnostic:
    """A diagnostic of the wrapped text at its place in the input; behind the end, it is that the input ended."""
    line = found.line - added
    if line <= lines:
        return replace(found, line=max(line, 1))
    return replace(found, line=lines, column=end, message="the input ends too early", source_line="", hint="")


def _shift(part: Any, lines: int) -> None:
    """Moves every position of a tree up by some lines."""
    if isinstance(part, list | tuple):
        for inner in part:
            _shift(inner, lines)
    elif isinstance(part, n.Node):
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name.endswith("place"):
                setattr(part, field.name, _moved(n.span_of(value), lines))
            elif field.name.endswith("span"):
                if value is None:  # of what is left out
                    continue
                setattr(part, field.name, _moved(value, lines))
            else:
                _shift(value, lines)
        if isinstance(part, n.Chain):
            part.rest = [(op, operand, _moved(n.span_of(place), lines)) for op, operand, place in part.rest]


def _moved(span: n.Span, lines: int) -> n.Span:
    line, column, end_line, end_column = span
    return max(line - lines, 1), column, max(end_line - lines, 1), end_column
