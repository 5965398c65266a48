"""Evaluates the inputs of an interactive session, and remembers them."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

from neuroscript.cancellation import CancelToken
from neuroscript.cli.interactive import shown
from neuroscript.cli.repl.costs import Costs
from neuroscript.cli.replies import Replies
from neuroscript.cli.source import read_program, text_of_program, texts_of
from neuroscript.cli.status import FAILED, OK, SYNTAX, UsageError
from neuroscript.error_text import explain
from neuroscript.errors import ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.inputs import last_is_error_handler
from neuroscript.interpreter import Interpreter
from neuroscript.output import one_line
from neuroscript.records import record
from neuroscript.runtime.watching import Watcher
from neuroscript.session import RESULT

LONELY_HANDLER = """\
note: `on error` handles what fails below it in the same block, and each input is a block of its own, so this one had
nothing to do. Put it and what may fail into one block:
  command
    on error do
      …
    endon
    …
  endcommand"""


@record(frozen=True)
class Input:
    """An input that has been evaluated without an error.

    Args:
        text: the statements, definitions or the expression.
        has_value: whether it had a value that was shown.
    """

    text: str
    has_value: bool


class Evaluation:
    """The interpreter of a session, what was evaluated in it, and how that went.

    Args:
        make_interpreter: makes an interpreter; called once at first and for each reset.
        write: shows a text, which may have several lines, and ends it with a line end.
        complain: the same for errors and notes.
        replies: shows the replies of models while they come; None: they are not shown.
        costs: what the replies have used; None: nobody wants to know.
        is_interrupted: whether a signal has just ended what ran.
    """

    def __init__(
        self,
        make_interpreter: Callable[[], Interpreter],
        write: Callable[[str], None],
        complain: Callable[[str], None],
        replies: Replies | None,
        costs: Costs | None,
        is_interrupted: Callable[[], bool],
    ) -> None:
        self._make_interpreter = make_interpreter
        self.write = write
        self.complain = complain
        self._replies = replies
        self.costs = costs if costs is not None else Costs()
        self._is_interrupted = is_interrupted
        self._sources: dict[str, str] = {}
        self._trace: Watcher | None = None
        self._is_traced = False
        self.status = OK
        """The exit status of the first input that failed."""
        self.cancel: CancelToken | None = None
        """Ends what is evaluated, and is another one for each input."""
        self.seconds = 0.0
        """How long the last input took."""
        self._begin()

    def _begin(self) -> None:
        self.interpreter = self._make_interpreter()
        if self._trace is not None:
            self.interpreter.loader.watch(self._trace)
        self._session = self.interpreter.session()
        self.inputs: list[Input] = []
        self.loaded: list[str] = []
        """The libraries that were loaded from files, by path."""

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the session."""
        return self._session.variables

    def evaluate(self, text: str) -> None:
        """Runs an input and shows its value, or the error."""
        if not text.strip():
            return
        # Each input is a file of its own, so that an error in a procedure shows the line that was typed then.
        name = f"<input {len(self._sources) + 1}>"
        self._sources[name] = text
        begun = perf_counter()
        try:
            value = self._session.evaluate(text, name, cancel=self.cancel)
            self.seconds = perf_counter() - begun
            if value is not None and not self._was_shown(value):
                self.write(shown(value))
            self.inputs.append(Input(text, value is not None))
            if last_is_error_handler(text):
                self.complain(LONELY_HANDLER)
        except NeuroScriptError as error:
            self.seconds = perf_counter() - begun
            self.refuse(error)
        finally:
            self.costs.tell(self.write)

    @property
    def is_traced(self) -> bool:
        """Whether statements are shown as they run."""
        return self._is_traced

    def trace(self, on: bool) -> None:
        """Shows the statements of what is typed or loaded from now on, with the values that they set, or no longer."""
        self._is_traced = on
        if on and self._trace is None:
            from neuroscript.observing.masking import Mask
            from neuroscript.observing.trace import Trace, width_of_standard_error

            self._trace = Trace(self._tell_step, Mask(), width_of_standard_error)
            self.interpreter.loader.watch(self._trace)

    def _tell_step(self, line: str) -> None:
        if self._is_traced and not line.lstrip().startswith(f"{RESULT} = "):  # the value is shown as that of the input
            self.write(line)

    def load(self, path: str) -> None:
        """Loads the procedures of a file, or runs its command blocks, and says so.

        Raises:
            UsageError: if the file cannot be read.
        """
        program = read_program(os.path.expanduser(path))
        self._sources[program.name] = text_of_program(program)
        try:
            names = self.interpreter.load(program, replace=True)
            if self.interpreter.has_commands:
                self.interpreter.run_commands(cancel=self.cancel)
        except NeuroScriptError as error:
            self.refuse(error)
        else:
            if names and program.name not in self.loaded:
                self.loaded.append(program.name)
            self.write(f"loaded {', '.join(names)}" if names else f"{path} is done")
        finally:
            self.costs.tell(self.write)

    def reset(self) -> None:
        """Begins again with a new interpreter."""
        self.interpreter.close()
        self._begin()

    def close(self) -> None:
        """Ends the use of the interpreter."""
        self.interpreter.close()

    def refuse(self, error: NeuroScriptError | UsageError) -> None:
        """Shows an error, which the status tells of from then on."""
        if isinstance(error, UsageError):
            self._fail(FAILED, one_line(error))
        elif error.code == ErrorCode.CANCELLED and self._is_interrupted():
            place = f" at {one_line(error.file)}:{error.line}" if error.line else ""
            self._fail(FAILED, f"interrupted{place}")
        else:
            status = SYNTAX if isinstance(error, NeuroScriptSyntaxError) else FAILED
            self._fail(status, explain(error, {**texts_of(self.interpreter), **self._sources}))

    def _fail(self, status: int, text: str) -> None:
        self.status = self.status or status
        self.complain(text)

    def _was_shown(self, value: Any) -> bool:
        """Whether a value is the reply that the same input has just shown."""
        return self._replies is not None and type(value) is str and self._replies.repeats(value)
