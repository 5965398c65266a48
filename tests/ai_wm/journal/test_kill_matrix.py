"""Runs with models that are killed at each write of their journal, and at any moment, and go on."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Journal
from neuroscript.journal.ledger import SPENT
from neuroscript.journal.payloads import pieces_of
from tests.ai_wm.journal.killed import manager_in
from tests.ai_wm.journal.provider import INPUT, OUTPUT

TIMEOUT = 90
EXPECTED = {
    "first": "1: one",
    "tooled": "tool said acted w",
    "task": "1: two",
    "many": ["1: a", "tool said acted w", "1: c"],
    "failed": "error",
    "hello": "1: hello",
    "again": "tool said acted w",
    "last": "4: bye",
    "said": ["user", "assistant", "user", "assistant", "user", "assistant", "tool", "assistant", "user", "assistant"],
    "used": 4 * (INPUT + OUTPUT),
}
REQUESTS = 13
"""How many requests the whole run sends."""

ACTS = 3
"""How many calls of the tool that may be made once the models ask for."""

WRITES = 216
"""How often the journal of the whole run is written; before and after count apart."""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Path]:
    """A directory with a provider that answers, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.ai_wm.journal.provider", str(tmp_path)])
    try:
        end = time.monotonic() + TIMEOUT
        while not (tmp_path / "port").exists():
            assert time.monotonic() < end, "the provider does not listen"
            time.sleep(0.02)
        yield tmp_path
    finally:
        process.kill()
        process.wait()


def start(directory: Path, moment: int = 0, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.ai_wm.journal.killed", str(directory), str(moment), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)


def until_done(directory: Path) -> dict[str, Any]:
    """Goes on until the run is over; of an act whose end is unknown the world tells whether it was done."""
    for _ in range(4):
        done = start(directory)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        assert "nobody knows whether call" in done.stderr, done.stderr
        with Journal.open(directory / "state") as journal:
            entries = journal.entries("r")
            open_ = [entry for entry in entries if entry.state == "begun" and entry.tool == "world.Act"]
            known = sum(entry.tool == "world.Act" and entry.state == "done" for entry in entries)
            done_ = len(acts(directory)) - known
            for entry in open_:
                path = "/".join(map(str, entry.path))
                if done_ > 0:
                    journal.resolve("r", path, done="acted w")
                else:
                    journal.resolve("r", path, repeat=True)
                done_ -= 1
    raise AssertionError("the run does not end")


def acts(directory: Path) -> list[str]:
    path = directory / "world.txt"
    return path.read_text().splitlines() if path.exists() else []


def bills(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "bills.jsonl").read_text().splitlines()]


def spent_in(journal: Journal) -> list[dict[str, float]]:
    """What the calls of the run have spent, and those that were lost."""
    entries = journal.entries("r")
    lost = [json.loads(entry.result) for entry in entries if entry.tool == SPENT]
    pieces = [piece for entry in entries for piece in pieces_of(entry.payload)]
    return lost + [json.loads(piece.what) for piece in pieces if piece.kind == SPENT]


def check_books(directory: Path, found: dict[str, Any]) -> int:
    """Checks what a run that went on has left; gives how many attempts were lost."""
    assert found["result"] == EXPECTED
    assert (directory / "box" / "out.txt").read_text() == "tool said acted w"
    assert len(acts(directory)) == ACTS, "a call that may be made once is made once"
    billed = bills(directory)
    with manager_in(directory) as manager:
        records = manager.get_performance_records_for_definition("w")
        lost = [record for record in records if record.llm_metrics.get("lost")]
        whole = [record for record in records if not record.llm_metrics.get("lost")]
        # Each request that was answered is in just one record, with what it was billed for.
        assert sum(record.llm_metrics["attempts"] for record in whole) == REQUESTS
        assert sum(record.llm_metrics["total_tokens"] for record in whole) == REQUESTS * (INPUT + OUTPUT)
        assert all(record.success for record in whole)
        # Each request that was sent once more has the attempt before it in the books, at what was reserved.
        assert len(billed) - REQUESTS <= len(lost)
        keys = Counter(bill["key"] for bill in billed)
        assert len(keys) == REQUESTS, "a request that is sent once more has the same key"
        assert sum(count - 1 for count in keys.values()) <= len(lost)
        assert all(record.llm_metrics["total_tokens"] > INPUT + OUTPUT for record in lost)
        assert all(record.cost_incurred > 0.001 * INPUT + 0.002 * OUTPUT for record in lost)
        cost = sum(record.cost_incurred for record in records)
        assert cost == pytest.approx(REQUESTS * (0.001 * INPUT + 0.002 * OUTPUT) + sum(r.cost_incurred for r in lost))
        with Journal.open(directory / "state") as journal:
            assert sum(amounts["cost"] for amounts in spent_in(journal)) == pytest.approx(cost)
            left = [piece.kind for _, entry in journal.unapplied() for piece in pieces_of(entry.payload)]
            assert set(left) <= {SPENT}
        summary = manager.get_worker_definition("w").aggregate_performance_summary
        assert summary.total_tasks_attempted == len(records)
        assert summary.total_cost_incurred == pytest.approx(cost)
        assert (summary.active_instances_count, summary.total_instances_spawned) == (0, 1)
        assert manager.list_active_worker_instances() == []
        [entry] = [entry for entry in manager._store.entries() if not entry.instance_id.startswith("stateless-")]
        assert (entry.final_status, entry.retirement_reason) == ("retired_completed", "over")
        assert entry.session_token_usage.total_tokens == EXPECTED["used"]
        assert len([each for each in entry.performance_records if not each.llm_metrics.get("lost")]) == 3
    return len(lost)


def test_a_run_that_is_not_stopped(provider: Path) -> None:
    found = until_done(provider)
    assert check_books(provider, found) == 0
    assert len(bills(provider)) == REQUESTS
    again = until_done(provider)  # only a run that returned is final: nothing is asked again
    assert (again["result"], again["emitted"]) == (EXPECTED, [])
    assert len(bills(provider)) == REQUESTS


@pytest.mark.parametrize("moment", range(12, WRITES, 41))
def test_a_run_that_is_killed_at_a_write_ends_as_if_it_had_not_been(provider: Path, moment: int) -> None:
    check_killed(provider, moment)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [n for n in range(1, WRITES + 1) if n % 41 != 12])
def test_so_it_is_at_every_other_write(provider: Path, moment: int) -> None:
    check_killed(provider, moment)


def check_killed(directory: Path, moment: int) -> None:
    killed = start(directory, moment)
    assert killed.returncode == -9, killed.stderr
    lost = check_books(directory, until_done(directory))
    assert lost <= 2, "only what was in flight is asked again"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_is_killed_at_any_moments(provider: Path, seed: int) -> None:
    chance, kills = random.Random(seed), 0
    for _ in range(4):
        done = start(provider, 0, f"{chance.uniform(0.3, 2.5):.3f}")
        kills += done.returncode == -9
    lost = check_books(provider, until_done(provider))
    assert lost <= 2 * kills


def test_an_outage_in_the_middle_ends_the_run_which_goes_on_later(provider: Path) -> None:
    # The first start is killed after its first ask; the next finds nobody at home.
    assert start(provider, 16).returncode == -9
    (provider / "outage").touch()
    down = start(provider)
    assert down.returncode == 1
    assert "503" in down.stderr or "down" in down.stderr
    os.unlink(provider / "outage")
    found = until_done(provider)
    assert found["result"] == EXPECTED
    with manager_in(provider) as manager:
        records = manager.get_performance_records_for_definition("w")
        answered = [record for record in records if record.success]
        assert sum(record.llm_metrics["total_tokens"] for record in answered) == REQUESTS * (INPUT + OUTPUT)
