"""The session behind the cells of a notebook: one interpreter, whose variables and procedures stay."""

from __future__ import annotations

import argparse
import difflib
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from neuroscript.cli.completions import completions
from neuroscript.cli.host import check_patterns, settings_of
from neuroscript.cli.interactive import make_interpreter
from neuroscript.cli.interrupts import Interrupts
from neuroscript.cli.replies import Replies
from neuroscript.cli.source import STDIN, texts_of
from neuroscript.cli.status import TERMINATED, UsageError
from neuroscript.error_text import explain
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.given import globals_of
from neuroscript.interpreter import Interpreter
from neuroscript.notebook.cell_error import CellError
from neuroscript.notebook.rendering import is_table
from neuroscript.output import end_reply, one_line, visible
from neuroscript.streaming import StreamEvent
from neuroscript.syntax.lexer import NAME, tokenize
from neuroscript.values import text_of, to_host


class NotebookSession:
    """One session, begun by the first cell and begun anew by ``--reset``.

    Args:
        options: those of the session that stand on the line of the magic that begins it.
        show: shows a value that is emitted, and is a table.

    Raises:
        UsageError: for options that cannot be used.
    """

    def __init__(self, options: argparse.Namespace, show: Callable[[Any], object]) -> None:
        self.options = options
        self._show = show
        self._interrupts = Interrupts()
        self._replies = Replies(sys.stdout, once=True)
        self._sources: dict[str, str] = {}
        settings = settings_of(self.options, STDIN, None)
        self.interpreter: Interpreter = make_interpreter(self.options, settings, self._emit, self._stream, self._ask)
        try:
            check_patterns(self.interpreter, self.options, settings.one("run.plugins"))
        except UsageError:
            self.close()
            raise
        self._session = self.interpreter.session()

    def close(self) -> None:
        """Ends the session."""
        self.interpreter.close()

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, source: str, name: str) -> Any:
        """Runs a program and returns the value of the expression at its end, as Python has it.

        A signal that the kernel gets meanwhile ends the run.

        Raises:
            CellError: if it fails or is interrupted.
        """
        self._replies = Replies(sys.stdout, once=True)  # where the output of this cell goes
        self._sources[name] = source
        try:
            with self._interrupts.cancelling(self.interpreter.cancel):
                return self._session.evaluate(source, name)
        except KeyboardInterrupt:
            raise CellError("interrupted") from None
        except NeuroScriptError as error:
            if error.code == ErrorCode.CANCELLED and self._interrupts.status:
                raise CellError("interrupted", self._explained(error), error) from None
            raise CellError(_headline(error), self._explained(error), error) from None
        finally:
            end_reply(sys.stdout)
            if self._interrupts.status == TERMINATED:
                signal.raise_signal(signal.SIGTERM)  # which was meant for the kernel too

    def was_shown(self, value: Any) -> bool:
        """Whether a value is a reply that the last run has shown while it came."""
        return type(value) is str and self._replies.repeats(value)

    def _explained(self, error: NeuroScriptError) -> str:
        return explain(error, {**texts_of(self.interpreter), **self._sources})

    def _emit(self, value: Any) -> None:
        text = text_of(value)
        if is_table(value):
            self._show(value)
        elif not self._replies.repeats(text):
            # A notebook obeys control characters as a terminal does.
            print(visible(text), flush=True)

    def _stream(self, event: StreamEvent) -> None:
        self._replies.show(event)

    def _ask(self, question: str) -> str:
        try:
            with self._interrupts.waiting():
                return input(visible(question))
        except EOFError:
            reason = "the input is at its end"
        except NotImplementedError:  # what ipykernel raises where the client cannot be asked
            reason = "this notebook takes no input"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"nobody is there to ask: {reason}")

    # --- variables ----------------------------------------------------------------------------------------------------

    def take(self, names: Iterable[str], python: Mapping[str, Any]) -> None:
        """Gives the program the values of Python variables.

        Raises:
            UsageError: for a variable that there is not, or whose name or value the language cannot have.
        """
        given: dict[str, Any] = {}
        for name in names:
            if name not in python:
                raise UsageError(f"-i {one_line(name)}: there is no Python variable {name!r}{_near(name, python)}")
            try:
                given |= globals_of({name: python[name]})
            except NeuroScriptError as error:
                raise UsageError(f"-i {one_line(name)}: {one_line(error.message)}") from None
        self._session.variables.update(given)

    def give(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of variables of the program, as Python has them.

        Raises:
            UsageError: for a variable that there is not.
        """
        variables = self._session.variables
        for name in names:
            if name not in variables:
                raise UsageError(f"-o {one_line(name)}: the program has no variable {name!r}{_near(name, variables)}")
        return {name: to_host(variables[name]) for name in names}

    def completions(self, before: str, text: str) -> tuple[str, list[str]]:
        """The word that ends ``before``, and what it may become, names that stand in ``text`` too.

        It is never nothing: IPython would offer Python's names then.
        """
        word, found = completions(self.interpreter, self._session.variables, before, _names_in(text))
        return word, [one.text for one in found if one.text != word] or [word]


def _names_in(text: str) -> list[str]:
    tokens = tokenize(text)
    return [word for code, word in zip(tokens.codes, tokens.texts, strict=True) if code == NAME]


def _headline(error: NeuroScriptError) -> str:
    return f"error {int(error.code)} ({error.name}): {one_line(error.message)}"


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [each for each in known if not each.startswith("_")], 1)
    return f"; did you mean {near[0]!r}?" if near else ""
