"""Programs with what they show, written beside the line that shows it.

A file holds programs separated by lines of dashes.  ``# => text`` stands on the line of an ``emit``; where that line
runs several times, the texts are separated by `` | ``.  ``# ERROR 7: part of the message`` stands on the very line
where the run or the load fails.  A library's ``main`` is run, or a script's command blocks.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.values import text_of

FILES = sorted(Path(__file__).parent.glob("*.ns"))
SHOWN = re.compile(r"# => (.*)$")
ERROR = re.compile(r"# ERROR (\d+)(?:: (.*))?$")


def programs() -> list[object]:
    found = []
    for file in FILES:
        for number, text in enumerate(re.split(r"(?m)^-{10,}\n", file.read_text(encoding="utf-8")), 1):
            title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), str(number))
            found.append(pytest.param(text, id=f"{file.stem}-{number}-{title[:40]}"))
    return found


@pytest.mark.parametrize("text", programs())
def test_program_shows_what_is_written_beside_it(text: str) -> None:
    wanted = sorted(part for line in text.splitlines() if (m := SHOWN.search(line)) for part in m.group(1).split(" | "))
    marks = [(n, m) for n, line in enumerate(text.splitlines(), 1) if (m := ERROR.search(line))]
    assert len(marks) <= 1
    shown: list[str] = []
    error: NeuroScriptError | None = None
    with Interpreter(
        emit=lambda value: shown.append(text_of(value)),
        globals={"HOST": {"name": "host"}, "LIMIT": 3},
        plugins=False,
        limits=Limits(max_steps=100_000),
    ) as interpreter:
        try:
            interpreter.load(text, "program.ns")
            if interpreter.has_commands:
                interpreter.run_commands()
            else:
                interpreter.run("main")
        except NeuroScriptError as caught:
            error = caught
    expected = (marks[0][0], int(marks[0][1].group(1))) if marks else None
    assert ((error.line, int(error.code)) if error else None) == expected, error
    if marks and error is not None:
        assert (marks[0][1].group(2) or "") in error.message
    assert sorted(shown) == wanted
