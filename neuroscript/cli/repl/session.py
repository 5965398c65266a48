"""The interactive session apart from the terminal: takes lines, and evaluates what is complete."""

from __future__ import annotations

import re
from collections.abc import Callable

from neuroscript.cancellation import CancelToken
from neuroscript.cli.host import WorkersPlace
from neuroscript.cli.repl.commands import Argument, Commands
from neuroscript.cli.repl.completing import Completing
from neuroscript.cli.repl.costs import Costs
from neuroscript.cli.repl.evaluation import Evaluation
from neuroscript.cli.replies import Replies
from neuroscript.cli.settings import Settings
from neuroscript.interpreter import Interpreter
from neuroscript.syntax.errors.completeness import incomplete

_LEAVING = re.compile(r"(exit|quit)\s*(\(\s*\))?;?\Z")
_HELP = re.compile(r"(help|\?)(?:\s*\(\s*(.*?)\s*\)|\s+([\w.]+)|)\Z")


class ReplSession:
    """One interactive session.

    Args:
        make_interpreter: makes an interpreter; called once at first and for each ``:reset``.
        write: shows a text, which may have several lines, and ends it with a line end.
        settings: what is granted; ``make_interpreter`` gives an interpreter what they say.
        replies: shows the replies of models while they come; None: they are not shown.
        place: where the workers are, for what is shown.
        complain: shows errors and notes; None: ``write`` does.
        costs: hears what the replies cost, which is told after each input; None: it is not told.
        is_interrupted: whether a signal has just ended what ran.
    """

    def __init__(
        self,
        make_interpreter: Callable[[], Interpreter],
        write: Callable[[str], None],
        settings: Settings | None = None,
        replies: Replies | None = None,
        place: WorkersPlace | None = None,
        complain: Callable[[str], None] | None = None,
        costs: Costs | None = None,
        is_interrupted: Callable[[], bool] = bool,
    ) -> None:
        self._replies = replies
        self._pending: list[str] = []
        self._evaluation = Evaluation(make_interpreter, write, complain or write, replies, costs, is_interrupted)
        self._commands = Commands(self._evaluation, settings if settings is not None else Settings(), place)
        self.completing = Completing(self._commands)

    @property
    def interpreter(self) -> Interpreter:
        """The interpreter, another one after each ``:reset``."""
        return self._evaluation.interpreter

    @property
    def done(self) -> bool:
        """Whether the session is to end."""
        return self._commands.done

    @property
    def status(self) -> int:
        """The exit status of the first input that failed; 0 if none did."""
        return self._evaluation.status

    def feed(self, line: str, cancel: CancelToken | None = None) -> bool:
        """Takes one line, or several; evaluates what is complete with it.

        Args:
            line: the line.
            cancel: ends what is evaluated when it is cancelled, which it may be before that.

        Returns:
            Whether more lines are wanted to complete the input.
        """
        self._pending.append(line)
        text = "\n".join(self._pending)
        if self.wants_more(text):
            return True
        self._pending.clear()
        self._take(text, cancel)
        return False

    def finish(self, cancel: CancelToken | None = None) -> None:
        """Evaluates what is there although it is incomplete, at the end of the input."""
        text = "\n".join(self._pending)
        self._pending.clear()
        self._take(text, cancel)

    def abandon(self) -> None:
        """Forgets the lines of an incomplete input."""
        self._pending.clear()

    def wants_more(self, text: str) -> bool:
        """Whether an input needs more lines."""
        found = self._commands.split(text.lstrip())
        if found is None:
            return incomplete(text)
        _, command, rest = found
        return command is not None and command.takes is Argument.INPUT and incomplete(rest)

    def close(self) -> None:
        """Ends the session."""
        self._evaluation.close()

    def _take(self, text: str, cancel: CancelToken | None) -> None:
        self._evaluation.cancel = cancel
        if self._replies is not None:
            self._replies.forget()  # what is typed is a wish to see it, if again
        if self._commands.split(text.lstrip()) is not None:
            self._commands.run(text)
        elif not self._take_word(text.strip()):
            self._evaluation.evaluate(text)

    def _take_word(self, text: str) -> bool:
        """Does what a word says that is a command in other such programs, unless it is the name of something here."""
        leaving, helping = _LEAVING.match(text), _HELP.match(text)
        found = leaving or helping
        if found is None or self._is_name(found[1]):
            return False
        if leaving is not None:
            self._commands.quit()
        else:
            name = (found[2] or found[3] or "").strip("\"'")
            self._commands.run(f":doc {name}" if name else ":help")
        return True

    def _is_name(self, word: str) -> bool:
        if word in self._evaluation.variables or word in self.interpreter.runtime.globals:
            return True
        return word in self.interpreter.runtime.procedures
