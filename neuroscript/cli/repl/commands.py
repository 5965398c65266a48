"""The commands of an interactive session, which begin with a colon."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any

from neuroscript.cli import plugin_commands
from neuroscript.cli.explanation import explained, points
from neuroscript.cli.host import CHANGED_SERVICE, POLICY_SERVICE, WorkersPlace
from neuroscript.cli.interactive import shown
from neuroscript.cli.repl.describing import describe, filled
from neuroscript.cli.repl.evaluation import Evaluation
from neuroscript.cli.repl.saving import save
from neuroscript.cli.settings import DEFAULT, EXAMPLE_ADDRESS, EXAMPLE_KEY, Settings, pair
from neuroscript.cli.status import UsageError
from neuroscript.cli.tools import find_tools, table
from neuroscript.errors import NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.limits import SECONDS, Limits
from neuroscript.output import columns_of
from neuroscript.records import record

INTRODUCTION = (
    "Type statements, procedures or expressions. A block is read until it is closed; the value of an expression is "
    "shown, and is in `last` afterwards. Variables and procedures are kept; a procedure that is typed again takes the "
    "place of the earlier one."
)
KEYS = (
    "Tab completes, Alt-Enter begins a further line, Ctrl-R searches what was typed before. Ctrl-C ends a program that "
    "runs, or forgets what is half typed."
)

GRANTS = {
    "key": ("policy.keys", EXAMPLE_KEY),
    "origin": ("policy.origins", EXAMPLE_ADDRESS),
    "manage": ("policy.manage", "own|all|none"),
    "tool": ("policy.allow", "AIWorkerDefinition.Add"),
}
"""What ``:allow`` grants: the setting of each, and an example."""

_LINE = re.compile(r"(?s)(:[A-Za-z]*)(\s*)(.*)\Z")


class Argument(Enum):
    """What stands behind a command."""

    NOTHING = "nothing"
    FILE = "a file"
    NAME = "the name of a tool, a procedure, a variable or a word of the language"
    GRANT = "what is granted"
    INPUT = "an input"
    SWITCH = "on or off"


@record(frozen=True)
class Command:
    """A command.

    Args:
        usage: how it is written.
        about: what it does.
        takes: what stands behind it.
        run: does it, with what stands behind it.
    """

    usage: str
    about: str
    takes: Argument
    run: Callable[[str], None]

    @property
    def name(self) -> str:
        """The word with the colon."""
        return self.usage.partition(" ")[0]


class Commands:
    """Runs the commands of a session.

    Args:
        evaluation: of the session.
        settings: what is granted to what is typed.
        place: where the workers are, for what is shown.
    """

    def __init__(self, evaluation: Evaluation, settings: Settings, place: WorkersPlace | None) -> None:
        self._evaluation = evaluation
        self._settings = settings
        self._place = place
        self.done = False
        nothing, file, name = Argument.NOTHING, Argument.FILE, Argument.NAME
        commands = (
            Command(":help", "show this page", nothing, lambda _: self._write(self.help)),
            Command(":doc NAME", "explain a tool, a procedure, a word, an error's code", name, self._doc),
            Command(":tools [GROUP]", "list the tools, or those of a group", name, self._tools),
            Command(":vars", "show the variables and procedures", nothing, lambda _: self._variables()),
            Command(":load FILE", "load the procedures of a file, or run its command blocks", file, self._load),
            Command(":save FILE", "save what was typed as a program (-f FILE: in place of a file)", file, self._save),
            Command(":workers", "list the workers, and what the replies cost", nothing, lambda _: self._workers()),
            Command(
                ":time [INPUT]",
                "run an input and tell how long it took, or tell it of the last",
                Argument.INPUT,
                self._time,
            ),
            Command(":trace on|off", "show each statement as it runs, and what it sets", Argument.SWITCH, self._trace),
            Command(":limits", "show what a run may use", nothing, lambda _: self._limits()),
            Command(":policy", "show what is granted to what you type, and why", nothing, lambda _: self._policy()),
            Command(":allow …", f"grant until you leave: {_grants()}", Argument.GRANT, self._allow),
            Command(":reset", "forget variables and procedures", nothing, lambda _: self._reset()),
            Command(":quit", "leave (as do exit and Ctrl-D)", nothing, lambda _: self.quit()),
        )
        self.table = {command.name: command for command in commands}

    @property
    def interpreter(self) -> Interpreter:
        """The interpreter of the session, another one after each reset."""
        return self._evaluation.interpreter

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the session."""
        return self._evaluation.variables

    @property
    def help(self) -> str:
        """The page of ``:help``."""
        rows = [f"  {command.usage:15} {command.about}" for command in self.table.values()]
        return "\n\n".join([filled(INTRODUCTION), filled("\n".join(rows), indent=18), filled(KEYS)])

    def split(self, text: str) -> tuple[str, Command | None, str] | None:
        """The word with the colon, the command that it means, and the rest; None for what is no command at all."""
        match = _LINE.match(text)
        if match is None or text.startswith("::"):
            return None
        word, blanks, rest = match.groups()
        matches = [name for name in self.table if name.startswith(word)] if len(word) > 1 else []
        if word in self.table:
            matches = [word]
        is_whole = bool(blanks) and len(matches) == 1
        return word, self.table[matches[0]] if is_whole else None, rest

    def run(self, text: str) -> None:
        """Runs a command, and shows what is wrong with it."""
        found = self.split(text.strip() + " ")
        assert found is not None, "what begins with a colon is a command"
        word, command, rest = found
        rest = rest.strip()
        try:
            if command is None:
                raise UsageError(f"there is no command {word!r}; there are {', '.join(self.table)}")
            # Further lines come from a text that was pasted: the person at the terminal did not type a command there.
            if command.takes is not Argument.INPUT and len(text.strip().splitlines()) > 1:
                raise UsageError(f"{command.name} is one line; nothing was done, and the lines below it were not run")
            if command.takes is Argument.NOTHING and rest:
                raise UsageError(f"{command.name} takes nothing more, and {rest!r} stands behind it")
            command.run(rest)
        except (UsageError, NeuroScriptError) as error:
            self._evaluation.refuse(error)

    def quit(self) -> None:
        """Ends the session."""
        self.done = True

    def _write(self, text: str) -> None:
        self._evaluation.write(text)

    # --- what there is -----------------------------------------------------------------------------------------------

    def _doc(self, name: str) -> None:
        if not name:
            raise UsageError(":doc needs a name: :doc str.Split, :doc for, :doc 9")
        self._write(describe(self.interpreter, self.variables, name))

    def _tools(self, name: str) -> None:
        specs = find_tools(self.interpreter.tools, name)
        if name and len(specs) == 1:
            self._doc(specs[0].full_name)
        else:
            self._write(table(specs, _width()))

    def _variables(self) -> None:
        rows = [f"{name} = {shown(value, 200)}" for name, value in sorted(self.variables.items())]
        rows += [procedure["signature"] for procedure in self.interpreter.procedures()]
        self._write("\n".join(rows) or "no variables are set")

    def _workers(self) -> None:
        command = plugin_commands.find("workers") if self._settings.one("run.plugins") else None
        if command is None or not command.list_in_session(self.interpreter, self._place):
            raise UsageError("there are no workers: no plugin that brings them is loaded")
        self._write(self._evaluation.costs.of_session())

    # --- running -----------------------------------------------------------------------------------------------------

    def _load(self, path: str) -> None:
        if not path:
            raise UsageError(":load needs a file: :load FILE")
        self._evaluation.load(path)

    def _save(self, path: str) -> None:
        is_forced = path.startswith("-f ")
        path = path.removeprefix("-f ").strip()
        if not path or path == "-f":
            raise UsageError(":save needs a file: :save FILE")
        self._write(save(self._evaluation.inputs, self._evaluation.loaded, path, is_forced))

    def _time(self, text: str) -> None:
        if text:
            self._evaluation.evaluate(text)
        seconds = self._evaluation.seconds
        self._write(f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s")

    def _trace(self, word: str) -> None:
        evaluation = self._evaluation
        if word not in ("on", "off", ""):
            raise UsageError(f":trace takes on or off, not {word!r}")
        known = bool(self.interpreter.procedures())
        begins = word == "on" and not evaluation.is_traced
        if word:
            evaluation.trace(word == "on")
        told = "; procedures that are there already are shown when they are defined or loaded again"
        self._write(f"trace is {'on' if evaluation.is_traced else 'off'}{told if begins and known else ''}")

    def _reset(self) -> None:
        self._evaluation.reset()
        self._write("variables and procedures are forgotten")

    # --- what is granted ---------------------------------------------------------------------------------------------

    def _limits(self) -> None:
        limits = self.interpreter.limits
        rows = [
            (name, _number(name, getattr(limits, name)), self._settings.origin(f"limits.{name}"))
            for name in Limits.__annotations__
        ]
        for point in points(self._settings, self._place):
            if point.topic == "ceilings" and point.value is not None:
                rows.append((point.words.rpartition(":")[0], str(point.value), point.origin))
        name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
        self._write(
            "\n".join(
                f"{name:{name_width}}  {value:>{value_width}}{'' if origin == DEFAULT else f'  [{origin}]'}"
                for name, value, origin in rows
            )
        )

    def _policy(self) -> None:
        self._write(explained(self._settings, self._place))

    def _allow(self, line: str) -> None:
        what, _, value = line.partition(" ")
        value = value.strip()
        if what not in GRANTS or not value:
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


def _grants() -> str:
    forms = {"key": "SOURCE=URL", "origin": "URL", "manage": "own|all|none", "tool": "NAME"}
    return ", ".join(f"{name} {forms[name]}" for name in GRANTS)


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if name in SECONDS else f"{value:,}"


def _width() -> int:
    return columns_of(sys.stdout)
