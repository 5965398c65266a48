"""examples/nightly.ns, killed again and again, ends as if nothing had happened; the books say all that it cost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from neuroscript import Journal
from neuroscript.journal import decode
from tests.ai_wm.journal.provider import INPUT, OUTPUT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the platform has no SIGKILL")

EXAMPLE = Path(__file__).parent.parent / "examples" / "nightly.ns"
TIMEOUT = 240
RUN_ID = "nightly"
REPORT_WAITS = 4
"""The exit status of a run that waits for a person."""

INPUT_PRICE, OUTPUT_PRICE = 0.001, 0.002
PRICE = INPUT * INPUT_PRICE + OUTPUT * OUTPUT_PRICE


class Night:
    """A directory in which the example runs by the command line, with a provider in a process of its own."""

    def __init__(self, directory: Path, documents: int) -> None:
        self.directory = directory
        self.documents = documents
        self.box = directory / "box"
        (self.box / "docs").mkdir(parents=True)
        for number in range(documents):
            (self.box / "docs" / f"{number:03}.txt").write_text(f"Document {number} is about the number {number}.\n")
        self._environment = {**os.environ, "XDG_DATA_HOME": str(directory / "data")}
        self._provider = subprocess.Popen(
            [sys.executable, "-m", "tests.ai_wm.journal.provider", str(directory)], cwd=EXAMPLE.parent.parent
        )
        end = time.monotonic() + TIMEOUT
        while not (directory / "port").exists():
            assert time.monotonic() < end, "the provider does not listen"
            time.sleep(0.02)
        for name in ("reader", "judge"):
            done = self.command("workers", "add", json.dumps(self._worker(name)))
            assert done.returncode == 0, done.stderr

    def _worker(self, name: str) -> dict[str, Any]:
        address = f"http://127.0.0.1:{(self.directory / 'port').read_text()}/v1"
        return {
            "name": name,
            "provider": "custom",
            "model_name": "m",
            "auth": {"method": "none"},
            "interaction_models": ["stateless_task"],
            "base_config": {"base_url": address, "max_retries": 0, "timeout_seconds": 60, "max_output_tokens": 50},
            "cost_metrics": {"input_cost_per_token": INPUT_PRICE, "output_cost_per_token": OUTPUT_PRICE},
        }

    def close(self) -> None:
        self._provider.kill()
        self._provider.wait()

    def _words(self, *words: str) -> list[str]:
        command, *rest = words
        return [sys.executable, "-m", "neuroscript", command, *rest, "--sandbox", str(self.box)]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            self._words(*words), capture_output=True, text=True, timeout=TIMEOUT, env=self._environment
        )

    def start(self, kill_after: float | None = None) -> subprocess.CompletedProcess[str]:
        """Starts the run, or goes on with it; kills it after so many seconds, unless it has ended by then."""
        process = subprocess.Popen(
            self._words("run", "--run-id", RUN_ID, "--max-cost", "1000", str(EXAMPLE)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        timer = threading.Timer(TIMEOUT if kill_after is None else kill_after, process.send_signal, [signal.SIGKILL])
        timer.start()
        try:
            out, err = process.communicate()
        finally:
            timer.cancel()
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def until_it_asks(self) -> None:
        """Goes on until a person is asked, and says yes."""
        waiting = self.start()
        assert waiting.returncode == REPORT_WAITS, waiting.stderr
        assert "Write report.md?" in waiting.stderr
        asked = f'Write report.md? {{"documents": {self.documents}, "failed": 0}}'
        assert asked in self.command("runs", "show", RUN_ID).stdout
        assert not (self.box / "report.md").exists(), "nothing is written before somebody has agreed"
        assert self.command("runs", "approve", RUN_ID, "--by", "ann").returncode == 0

    def ended(self) -> dict[str, Any]:
        """Goes on to the end, unless an earlier start has come there; what the program returned."""
        done = self.start()
        assert done.returncode == 0, done.stderr
        with Journal.open(self.box) as journal:
            found: dict[str, Any] = decode(journal.run(RUN_ID).result)
        return found

    def check(self, told: dict[str, Any]) -> int:
        """Checks what the run has left; gives how many attempts were lost."""
        assert told["documents"] == self.documents
        log = (self.box / "reviewed.log").read_text().splitlines()
        names = [f"docs/{number:03}.txt done" for number in range(self.documents)]
        assert sorted(log[:-1]) == names, "each call that is made once was made once"
        assert log[-1] == "report.md approved by ann"
        bills = [json.loads(line) for line in (self.directory / "bills.jsonl").read_text().splitlines()]
        answered = Counter(bill["key"] for bill in bills)
        assert len(answered) == 2 * self.documents, "a request that is sent once more has the same key"
        with AIWorkerManager(self.box) as manager:
            records = [
                each for name in ("reader", "judge") for each in manager.get_performance_records_for_definition(name)
            ]
        lost = [record for record in records if record.llm_metrics.get("lost")]
        whole = [record for record in records if not record.llm_metrics.get("lost")]
        # Each request that was answered is in one record at what it was billed for; each that was billed and whose
        # answer came to nobody is in one at what was reserved.
        assert all(record.success for record in whole)
        assert sum(record.llm_metrics["attempts"] for record in whole) == 2 * self.documents
        assert sum(record.llm_metrics["total_tokens"] for record in whole) == 2 * self.documents * (INPUT + OUTPUT)
        assert sum(count - 1 for count in answered.values()) <= len(lost)
        assert all(record.cost_incurred > PRICE for record in lost)
        cost = sum(record.cost_incurred for record in records)
        assert cost == pytest.approx(2 * self.documents * PRICE + sum(record.cost_incurred for record in lost))
        # The budget that the run shares with its jobs has the same.
        assert told["budget"]["cost"] == pytest.approx(cost)
        assert told["budget"]["tokens"] == sum(record.llm_metrics["total_tokens"] for record in records)
        with Journal.open(self.box) as journal:
            states = Counter(info.state for info in journal.runs())
        assert states == {"returned": self.documents + 1}, "the run and its jobs"
        return len(lost)


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Any]:
    made = []

    def make(name: str, documents: int) -> Night:
        made.append(Night(tmp_path / name, documents))
        return made[-1]

    yield make
    for night in made:
        night.close()


def check_nights(nights: Any, documents: int, kills: int, longest: float, seed: int) -> None:
    whole, killed, chance = nights("whole", documents), nights("killed", documents), random.Random(seed)
    whole.until_it_asks()
    assert whole.check(whole.ended()) == 0
    ends = [killed.start(kill_after=chance.uniform(0.3, longest)).returncode for _ in range(kills)]
    assert set(ends) <= {-9, REPORT_WAITS}
    assert -9 in ends, "it was not killed: let it be killed earlier"
    killed.until_it_asks()
    killed.start(kill_after=chance.uniform(0.2, 1.5))
    lost = killed.check(killed.ended())
    assert lost <= 4 * (kills + 1), "only what was in flight is asked again"
    assert (killed.box / "report.md").read_text() == (whole.box / "report.md").read_text()


def test_a_night_that_is_killed_ends_as_one_that_was_not(nights: Any) -> None:
    check_nights(nights, documents=5, kills=2, longest=1.2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_so_does_one_with_two_hundred_documents(nights: Any, seed: int) -> None:
    check_nights(nights, documents=200, kills=5, longest=8.0, seed=seed)
