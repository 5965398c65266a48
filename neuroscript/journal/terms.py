"""The terms of a run: its budget, and the calls that need a person's yes."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal.marks import mark_holds, mark_of
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

FIRST: Final = "=first"
"""What ends a pattern of tools of which one yes holds for the rest of the run."""

COMMAND: Final = "command"


@record(frozen=True, kw_only=True)
class RunTerms:
    """What holds for a run besides its program.

    Args:
        max_calls: how many calls it may make, over all its starts; clock and events do not count.
        deadline: the seconds after its first start in which it may make calls.
        ask_before: patterns of tools, ``fs.Delete`` or ``mail.*``, of which each call needs a person's yes; where
            ``=first`` follows, the first yes to a tool holds for the rest of the run.
        approval_seconds: the time in which somebody has to answer; then it is a refusal.
        other_program: whether a run of another program goes on with this one.
        repeats_output: whether what was emitted before is given to the host again when a run goes on.
        events: what is fired before the procedure is called: names and payloads, Python values.
        command: how the run is started again, for ``neuroscript runs resume``; JSON values.
        where: the option by which a command finds the journal, such as ``--sandbox shop``, for messages that tell
            a person what to type; empty where a command finds it by itself.
    """

    max_calls: int | None = None
    deadline: float | None = None
    ask_before: tuple[str, ...] = ()
    approval_seconds: float | None = None
    other_program: bool = False
    repeats_output: bool = False
    events: tuple[tuple[str, Any], ...] = ()
    command: dict[str, Any] | None = None
    where: str = ""

    def __post_init__(self) -> None:
        for name, least in (("max_calls", 0), ("deadline", 0), ("approval_seconds", 0)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{name} is {value!r}; expected {least} or more")
        object.__setattr__(self, "ask_before", tuple(map(_tool_pattern, self.ask_before)))

    def rule_for(self, tool: str) -> tuple[str, bool]:
        """The rule by which a call of a tool needs a yes: its pattern and whether the first yes holds on; or ``""``."""
        name = tool.lower()
        for pattern in self.ask_before:
            names = pattern.removesuffix(FIRST)
            if fnmatchcase(name, names):
                return pattern, names != pattern
        return "", False

    def to_type(self, action: str, run_id: str, *words: str) -> str:
        """The command that a person types about a run: ``neuroscript runs approve monday 5 --sandbox shop``."""
        return runs_command(action, run_id, *words, where=self.where)

    def stored(self, run_id: str) -> str:
        """The terms in JSON, for people; with the mark of the command."""
        held: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("max_calls", "deadline", "approval_seconds")
            if getattr(self, name) is not None
        }
        if self.ask_before:
            held["ask_before"] = list(self.ask_before)
        if self.command is not None:
            held |= {COMMAND: self.command, "mark": mark_of(COMMAND, [run_id, self.command])}
        return json.dumps(held, separators=(",", ":")) if held else ""


def runs_command(action: str, run_id: str, *words: str, where: str = "") -> str:
    """The text of a ``neuroscript runs`` command about a run, as a shell takes it."""
    from shlex import quote

    return " ".join(["neuroscript runs", action, quote(run_id), *words, *([where] if where else [])])


def command_in(run_id: str, terms: str) -> dict[str, Any] | None:
    """The command in stored terms, if this user's mark says that it is one of this user."""
    held = json.loads(terms) if terms else {}
    command = held.get(COMMAND)
    if command is None or not mark_holds(held.get("mark"), COMMAND, [run_id, command]):
        return None
    found: dict[str, Any] = command
    return found


def _tool_pattern(pattern: str) -> str:
    text = pattern.strip().lower().removeprefix("tool.")
    if not text.removesuffix(FIRST):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{pattern!r} names no tool; one is fs.Delete or mail.*")
    return text if "." in text or "*" in text or text in ("ask", "promptuser") else f"{text}.*"
