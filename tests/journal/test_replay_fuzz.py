"""Replaying a journal gives what the run gave: values, emits, errors and steps, for programs made at random."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from neuroscript import Interpreter, Journal, RunTerms
from neuroscript.limits import Limits
from neuroscript.stdlib import standard_registry
from neuroscript.values import to_host
from tests.fuzz.outcome import LOG, Outcome, comparable, difference, fault
from tests.fuzz.programs import LIMITS, Case, make_case
from tests.fuzz.routines import make_trial

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))
EFFECTS = ("read", "idempotent", "once")
IMPURE = {
    f"tool.{name}": effect
    for name, effect in zip(
        (
            *("str.ToUpper", "str.ToLower", "str.TrimSpace", "str.Join", "str.Split", "list.Reverse", "list.Rest"),
            *("list.Slice", "math.Max", "math.Min", "str.Substring", "list.Prepend"),
        ),
        EFFECTS * 4,
        strict=True,
    )
}
"""Library functions that the programs call as tools of the host with the same results, and each with an effect."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in memory where the system has one: waiting for the disk makes no difference here but time."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as directory:
        yield Path(directory)


class Interrupted(BaseException):
    """What ends a start in the middle, as a signal does."""


class Interrupting(Journal):
    """A journal in which a start ends before or after its n-th write."""

    left = -1

    def _commit(self, *line: Any) -> None:
        self._count()
        super()._commit(*line)
        self._count()

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Interrupted


class Host:
    """A host of one program: each start is recorded as an outcome, and each call of its tools."""

    def __init__(self, case: Case, limits: Limits) -> None:
        self.case = case
        self.limits = limits
        self.calls: list[str] = []
        self.outcome = Outcome()
        self.interpreter = self.made()

    def made(self) -> Interpreter:
        interpreter = Interpreter(
            limits=self.limits,
            plugins=False,
            globals={**self.case.globals, "g_handle": None},
            emit=lambda value: self.outcome.emits.append(comparable(to_host(value))),
            whisper=lambda name, value: self.outcome.whispers.append((name, comparable(to_host(value)))),
            prompt=lambda text: f"typed {text}",
            log=LOG,
            on_error=lambda error: self.outcome.event_errors.append(fault(error)),
        )
        interpreter.set_asker(lambda context, who, prompt, config, whispered: f"{who} {prompt} {config}")
        standard = standard_registry()
        for name, effect in IMPURE.items():
            tool = standard.lookup(name)
            spec = replace(
                tool.spec, name=f"w.{tool.spec.name.replace('.', '')}", pure=False, brief=False, effect=effect
            )
            interpreter.tools.register(spec, self.counted(name, tool.function))
        for name, source in self.case.files:
            interpreter.load(impure(source), name=name)
        return interpreter

    def counted(self, name: str, function: Any) -> Any:
        def call(*args: Any) -> Any:
            self.calls.append(name)
            return function(*args)

        return call

    def start(self, journal: Journal | None, *, cold: bool = False) -> Outcome:
        if cold:
            self.interpreter = self.made()
        self.outcome = Outcome()
        self.calls.clear()
        named: dict[str, Any] = {} if journal is None else {"run_id": "r", "journal": journal}
        assert self.case.entry is not None
        return self.outcome.finish(lambda: self.interpreter.run(self.case.entry or "", *self.case.args, **named))


def impure(source: str) -> str:
    """A program that calls the host's tools instead of the library's functions."""
    return re.sub(
        "|".join(f"{re.escape(name)}\\b" for name in IMPURE),
        lambda found: f"tool.w.{found[0].removeprefix('tool.').replace('.', '')}",
        source,
    )


def check(case: Case, limits: Limits, directory: Path, random: Random) -> int:
    """Compares the starts of one program; gives how many calls it makes."""
    host = Host(case, limits)
    expected = host.start(None)
    keeps_nothing = not difference(expected, host.start(None))  # as one does that clears an event's handlers
    terms = RunTerms(repeats_output=True)
    with Interrupting.open(directory, terms) as journal:

        def compare(what: str, cold: bool) -> None:
            found = difference(expected, host.start(journal, cold=cold))
            if found:
                pytest.fail(f"{what}: {found}\n{impure(case.source)}")

        compare("a journaled run", cold=True)
        calls = len(host.calls)
        for cold in (True, True, not keeps_nothing):
            journal.end_run("r", "failed", "")
            failed = [entry for entry in journal.entries("r") if entry.state == "failed"]
            compare("its replay", cold)
            assert failed or not host.calls, "a replay that makes calls"
    with Interrupting.open(directory / "again", terms) as journal:
        journal.left = random.randint(1, 4 * calls + 4)
        try:
            host.start(journal, cold=True)
        except Interrupted:
            journal.left = -1
            for entry in journal.entries("r"):
                if entry.state == "begun" and entry.effect == "once":
                    journal.resolve("r", "/".join(map(str, entry.path)), repeat=True)
            info = journal.find("r")
            if info is not None and info.state == "returned":  # the last write was done: nothing is emitted again
                assert host.start(journal, cold=True).result == expected.result
            else:
                compare("going on after an interruption", cold=True)
    return calls


def run_many(first: int, count: int, directory: Path) -> None:
    calls = 0
    for seed in range(first, first + count):
        random = Random(seed)
        case = make_case(random)
        if case.entry is None:
            continue
        # A program that ends at a step tells whether a replay counts steps as the run did.
        steps = random.choice((20_000, 20_000, random.randint(50, 2_000)))
        calls += check(case, replace(LIMITS, max_steps=steps), directory / str(seed), random)
    assert calls > count / 2


def test_a_replay_is_the_run(place: Path) -> None:
    run_many(SEED * 1_000, 30, place)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_many_replays_are_the_runs(place: Path, part: int) -> None:
    run_many(5_000_000 * SEED + 1_000 * part, 400, place)


def test_specialised_code_replays_as_it_ran(place: Path) -> None:
    replayed = 0
    for seed in range(SEED * 1_000, SEED * 1_000 + 10):
        trial = make_trial(Random(seed))
        for number, call in enumerate([call for call in trial.calls if not call.named][:3]):
            case = Case(trial.source, call.name, call.args)
            check(case, trial.limits, place / f"{seed}-{number}", Random(seed))
            replayed += 1
    assert replayed > 10
