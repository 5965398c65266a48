"""Library functions that are marked as pure depend on their arguments alone: now, again, and in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from neuroscript import Interpreter
from neuroscript.journal import codec
from neuroscript.stdlib import standard_registry
from tests.stdlib.test_examples import PROCEDURES

HALF = """
func half(needs x) means
  return x / 2
endfunc
"""
NOT_JOURNALED = {
    "io.Print": "what is emitted is silent in a replay",
    "io.Input": "the question is journaled as `promptuser` is",
    "event.Emit": "the handlers' own calls are journaled",
    "approval.Request": "it is an entry of its own",
    "script.Call": "the procedure's own calls are journaled",
    "script.ListFunctions": "it tells of the program alone, which a run cannot change without calls",
    "script.LoadScript": "the text is an argument, and a run that loads it again has it again",
}
"""Tools that do more than compute, and of which a journal keeps what is in them instead of the call."""


def calls() -> Iterator[str]:
    """An example of each pure tool."""
    for spec in standard_registry().specs():
        if spec.pure:
            call, separator, _ = spec.example.rpartition(" = ")
            yield (call if separator else spec.example).removeprefix("set x = ").removeprefix("call ")


def results() -> dict[str, str]:
    """What the examples give, as a journal would keep it."""
    found = {}
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(PROCEDURES + HALF, "procedures.ns")
        session = interpreter.session()
        for call in calls():
            found[call] = codec.encode(session.evaluate(call))
    return found


def test_pure_tools_give_the_same_again_and_elsewhere() -> None:
    first = results()
    assert len(first) > 100
    assert results() == first
    code = "import json; from tests.stdlib.test_effects import results; print(json.dumps(results()))"
    for changes in (
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "HOME": "/nowhere", "USER": "somebody"},
        {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "LC_ALL": "C"},
    ):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **changes}, timeout=100)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == first


def test_every_other_tool_says_what_a_journal_does_about_it() -> None:
    specs = standard_registry().specs()
    assert {spec.name for spec in specs if spec.effect == "pure" and not spec.pure} == set(NOT_JOURNALED)
    once = {"fs.Append", "fs.Delete", "fs.Mkdir", "fs.Move", "WorkQueue.Delete"}
    assert {spec.name for spec in specs if spec.effect == "once"} == once
    for spec in specs:
        assert spec.effect != "once" or spec.recovery is not None, f"{spec.name} asks a person where it need not"
