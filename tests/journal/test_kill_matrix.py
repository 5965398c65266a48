"""Runs that are killed at each write of their journal, and go on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from neuroscript import Journal
from tests.journal.killed import NAMES

TIMEOUT = 60
EXPECTED = {"total": 808, "all": [301, 301, 201], "late": True}


def start(directory: Path, moment: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.journal.killed", str(directory), str(moment)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)


def whole(directory: Path) -> dict[str, Any]:
    done = start(directory)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def world(directory: Path) -> list[str]:
    return (directory / "world.txt").read_text().splitlines()


def test_a_run_that_is_not_stopped(tmp_path: Path) -> None:
    found = whole(tmp_path)
    assert (found["result"], found["writes"]) == (EXPECTED, WRITES)
    assert found["emitted"] == [word for name in NAMES for word in ("caught 21", name)]
    first = world(tmp_path)
    again = whole(tmp_path)  # only a run that returned is final: nothing is done again
    assert (again["result"], again["emitted"]) == (EXPECTED, [])
    assert world(tmp_path) == first


def until_done(directory: Path) -> dict[str, Any]:
    """Goes on until the run is over; of an act whose end is unknown the world tells whether it was done."""
    for _ in range(3):
        done = start(directory)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        assert "nobody knows whether call" in done.stderr, done.stderr
        with Journal.open(directory / "state") as journal:
            [open_] = [entry for entry in journal.entries("r") if entry.state == "begun"]
            assert (open_.tool, open_.effect) == ("world.Act", "once")
            acts = [line for line in world(directory) if line.startswith("act ")]
            known = sum(entry.tool == "world.Act" and entry.state == "done" for entry in journal.entries("r"))
            path = "/".join(map(str, open_.path))
            if len(acts) > known:
                journal.resolve("r", path, done=None)
            else:
                journal.resolve("r", path, repeat=True)
    raise AssertionError("the run does not end")


WRITES = 98
"""How often the journal of the whole run is written; before and after count apart."""


@pytest.mark.parametrize("moment", range(1, WRITES + 1, 17))
def test_a_run_that_is_killed_at_a_write_ends_as_if_it_had_not_been(tmp_path: Path, moment: int) -> None:
    check_killed(tmp_path, moment)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [n for n in range(1, WRITES + 1) if n % 17 != 1])
def test_so_it_is_at_every_other_write(tmp_path: Path, moment: int) -> None:
    check_killed(tmp_path, moment)


def check_killed(directory: Path, moment: int) -> None:
    killed = start(directory, moment)
    assert killed.returncode == -9
    check_goes_on(directory)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_so_it_is_at_any_moment(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for _ in range(3):
        command = [sys.executable, "-m", "tests.journal.killed", str(tmp_path), "0"]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            process.communicate(timeout=random.uniform(0.1, 2.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    (tmp_path / "box").mkdir(exist_ok=True)
    check_goes_on(tmp_path, kills=3)


def check_goes_on(directory: Path, kills: int = 1) -> None:
    found = until_done(directory)
    assert found["result"] == EXPECTED
    box = directory / "box" / "out"
    assert (box / "log.txt").read_text() == "ann: 300\nbob: 300\ncy: 200\n"
    assert (box / "sum.txt").read_text() == "808"
    assert not (box / "total.txt").exists()
    lines = world(directory)
    for name in NAMES:
        assert lines.count(f"act {name}") == 1, "a call that may be made once is made once"
    repeated = len(lines) - len(set(lines)) - 3  # each name is asked twice by the program
    assert repeated <= kills, "only the call in flight is made again"
    with Journal.open(directory / "state") as journal:
        assert journal.run("r").state == "returned"
        assert {entry.state for entry in journal.entries("r")} == {"done", "failed"}
