"""Reads and runs the trials of the primer: pages of programs, each under a heading and with what it emits below."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from neuroscript import Interpreter, Journal, NeuroScriptError
from neuroscript.jobs import EmbeddedEngine, register_job_tools
from neuroscript.values import text_of

_TRIAL = re.compile(r"^## (?P<heading>[^\n]+)$|^~~~neuroscript\n(?P<code>.*?)^~~~\n+=> (?P<emits>[^\n]+)$", re.M | re.S)


@dataclass(frozen=True)
class Trial:
    """A program that shows that something is so.

    Args:
        heading: what it shows.
        code: statements, or a library, whose procedure ``main`` is run.
        emits: what it emits; an error that ends it is the last, as its code.
        number: of the trial in its page, from 1.
    """

    heading: str
    code: str
    emits: tuple[str, ...]
    number: int

    def run(self, sandbox: Path | None = None) -> None:
        """Runs the program and compares."""
        shown: list[str] = []
        library = re.match(r"\s*(func|on\s+event|::)", self.code)
        with (
            Interpreter(
                emit=lambda value: shown.append(text_of(value)), sandbox=sandbox, prompt=str.upper
            ) as interpreter,
            ExitStack() as closing,
        ):
            if "tool.Job." in self.code:
                assert sandbox is not None
                engine, journal = EmbeddedEngine.open(sandbox / "state"), Journal.open(sandbox / "state")
                closing.callback(journal.close)
                closing.callback(engine.close)
                closing.callback(register_job_tools(interpreter, engine, journal).close)
            try:
                if library:
                    interpreter.load(self.code)
                    interpreter.run("main")
                else:
                    interpreter.execute(f"command\n{self.code}\nendcommand")
            except NeuroScriptError as error:
                shown.append(f"error {int(error.code)}")
        assert tuple(shown) == self.emits

    def __str__(self) -> str:
        return f"{self.number}-{self.heading}"


def trials(page: str) -> list[Trial]:
    """The trials of a page beside this module."""
    found: list[Trial] = []
    heading = ""
    for match in _TRIAL.finditer((Path(__file__).parent / page).read_text(encoding="utf-8")):
        if match["heading"] is not None:
            heading = match["heading"]
        else:
            found.append(Trial(heading, match["code"], tuple(json.loads(match["emits"])), len(found) + 1))
    return found
