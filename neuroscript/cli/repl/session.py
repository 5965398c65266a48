"""The interactive session apart from the terminal: inputs, commands that begin with a colon, and what is shown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

from neuroscript.cli.completions import completions
from neuroscript.cli.explanation import explained
from neuroscript.cli.host import CHANGED_SERVICE, POLICY_SERVICE, WorkersPlace
from neuroscript.cli.interactive import shown
from neuroscript.cli.replies import Replies
from neuroscript.cli.settings import EXAMPLE_ADDRESS, EXAMPLE_KEY, Settings, pair
from neuroscript.cli.source import read_program, text_of_program, texts_of
from neuroscript.cli.status import UsageError
from neuroscript.cli.tools import find_tools, table
from neuroscript.error_text import explain
from neuroscript.errors import NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.output import one_line
from neuroscript.stdlib.meta import help_text
from neuroscript.syntax.errors.completeness import incomplete

HELP = """\
Type statements, procedures or expressions. A block is read until it is closed; the value of an expression is shown.
Variables and procedures are kept; a procedure that is typed again takes the place of the earlier one.

  :help          this page
  :load FILE     load the procedures of a file, or run its command blocks
  :tools [NAME]  list the tools, or explain one
  :vars          show the variables
  :reset         forget variables and procedures
  :policy        show what is granted to what you type, and why
  :allow …       grant something until you leave: key SOURCE=URL, origin URL, manage own|all|none, tool NAME
  :quit          leave (as does the end of the input, Ctrl-D)

Ctrl-C ends a program that runs, or forgets a block that is half typed."""

GRANTS = {
    "key": ("policy.keys", EXAMPLE_KEY),
    "origin": ("policy.origins", EXAMPLE_ADDRESS),
    "manage": ("policy.manage", "own|all|none"),
    "tool": ("policy.allow", "AIWorkerDefinition.Add"),
}
"""What ``:allow`` grants: the setting of each, and an example."""

_COMMAND = re.compile(r":[A-Za-z_]*\Z")


class ReplSession:
    """One interactive session, which takes lines and evaluates what is complete.

    Args:
        make_interpreter: makes an interpreter; called once at first and for each ``:reset``.
        write: shows a text, which may have several lines, and ends it with a line end.
        settings: what is granted; ``make_interpreter`` gives an interpreter what they say.
        replies: shows the replies of models while they come; None: they are not shown.
        place: where the workers are, for what is shown.
    """

    def __init__(
        self,
        make_interpreter: Callable[[], Interpreter],
        write: Callable[[str], None],
        settings: Settings | None = None,
        replies: Replies | None = None,
        place: WorkersPlace | None = None,
    ) -> None:
        self._make_interpreter = make_interpreter
        self._write = write
        self._replies = replies
        self._settings = settings if settings is not None else Settings()
        self._pending: list[str] = []
        self._sources: dict[str, str] = {}
        self._commands: dict[str, Callable[[str], None]] = {
            ":help": lambda _: self._write(HELP),
            ":load": self._load,
            ":tools": self._tools,
            ":vars": lambda _: self._variables(),
            ":reset": lambda _: self.reset(),
            ":policy": lambda _: self._write(explained(self._settings, place)),
            ":allow": self._allow,
            ":quit": lambda _: self._quit(),
        }
        self.done = False
        self.interpreter = make_interpreter()
        self._session = self.interpreter.session()

    # --- input ---

    def feed(self, line: str) -> bool:
        """Takes one line; evaluates what is complete with it.

        Returns:
            Whether more lines are wanted to complete the input.
        """
        if self._replies is not None:
            self._replies.forget()  # what is typed is a wish to see it, if again
        self._pending.append(line)
        text = "\n".join(self._pending)
        if len(self._pending) == 1 and line.lstrip().startswith(":") and not line.lstrip().startswith("::"):
            self._pending.clear()
            self._command(line.strip())
            return False
        if incomplete(text):
            return True
        self._pending.clear()
        self.evaluate(text)
        return False

    def finish(self) -> None:
        """Evaluates what is there although it is incomplete, at the end of the input."""
        text = "\n".join(self._pending)
        self._pending.clear()
        if text.strip():
            self.evaluate(text)

    def abandon(self) -> None:
        """Forgets the lines of an incomplete input."""
        self._pending.clear()

    def evaluate(self, text: str) -> None:
        """Runs an input and shows its value, or the error."""
        if not text.strip():
            return
        # Each input is a file of its own, so that an error in a procedure shows the line that was typed then.
        name = f"<input {len(self._sources) + 1}>"
        self._sources[name] = text
        try:
            value = self._session.evaluate(text, name)
            if value is not None and not self._was_shown(value):
                self._write(shown(value))
        except NeuroScriptError as error:
            self._write(self._explained(error))

    def _explained(self, error: NeuroScriptError) -> str:
        return explain(error, {**texts_of(self.interpreter), **self._sources})

    def _was_shown(self, value: Any) -> bool:
        """Whether a value is the reply that the same input has just shown."""
        return self._replies is not None and type(value) is str and self._replies.repeats(value)

    def close(self) -> None:
        """Ends the session."""
        self.interpreter.close()

    # --- commands ---

    def reset(self) -> None:
        """Begins again with a new interpreter."""
        self.interpreter.close()
        self.interpreter = self._make_interpreter()
        self._session = self.interpreter.session()

    def _quit(self) -> None:
        self.done = True

    def _command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        matches = [name for name in self._commands if name.startswith(word)] if len(word) > 1 else []
        if len(matches) != 1:
            self._write(f"there is no command {word!r}; there are {', '.join(self._commands)}")
            return
        try:
            self._commands[matches[0]](rest.strip())
        except UsageError as error:
            self._write(one_line(error))
        except NeuroScriptError as error:
            self._write(self._explained(error))

    def _load(self, path: str) -> None:
        if not path:
            raise UsageError(":load needs a file: :load FILE")
        program = read_program(path)
        self._sources[program.name] = text_of_program(program)
        try:
            names = self.interpreter.load(program, replace=True)
            if self.interpreter.has_commands:
                self.interpreter.run_commands()
        except NeuroScriptError as error:
            self._write(self._explained(error))
        else:
            self._write(f"loaded {', '.join(names)}" if names else f"{path} is done")

    def _tools(self, name: str) -> None:
        specs = find_tools(self.interpreter.tools, name)
        if name and len(specs) == 1:
            self._write(help_text(specs[0]))
        else:
            self._write(table(specs, shutil.get_terminal_size().columns))

    def _variables(self) -> None:
        variables = self._session.variables
        rows = [f"{name} = {shown(value, 200)}" for name, value in sorted(variables.items())]
        self._write("\n".join(rows) or "no variables are set")

    def _allow(self, line: str) -> None:
        what, _, value = line.partition(" ")
        value = value.strip()
        # A second line comes from a text that was pasted, and is not what the person at the terminal granted.
        if what not in GRANTS or not value or "\n" in line or "\r" in line:
            examples = ", ".join(f":allow {name} {example}" for name, (_, example) in GRANTS.items())
            raise UsageError(f"one of these is wanted: {examples}")
        try:
            path, _ = GRANTS[what]
            granted: Any = [value]
            if what == "key":
                source, place = pair(value)
                granted = {source: place}
            elif what == "manage":
                granted = value
            elif what == "tool":
                find_tools(self.interpreter.tools, value)
            self._settings.grant(path, granted, f":allow {what}")
        except ValueError as error:
            raise UsageError(f":allow {what}: expected {error}") from None
        policy = self._settings.worker_policy()
        self.interpreter.policy = self._settings.tool_policy()
        services = self.interpreter.services
        services[POLICY_SERVICE] = policy
        if CHANGED_SERVICE in services:
            services[CHANGED_SERVICE](policy)

    # --- help for the terminal ---

    def completions(self, before: str) -> tuple[str, list[str]]:
        """The word that ends ``before``, and the words that it may become."""
        command = _COMMAND.search(before)
        if command is not None:
            word = command.group()
            return word, [name for name in self._commands if word == before and name.startswith(word)]
        return completions(self.interpreter, self._session.variables, before)
