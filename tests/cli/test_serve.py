"""``neuroscript serve`` as a process: it does jobs beside programs, stops in order, and loses none when it dies."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neuroscript.jobs import EmbeddedEngine, Job

from .conftest import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the platform sends no such signals")

TIMEOUT = 60
PROGRAM = """
func steps(needs names) means
  for each name in names
    call tool.slow.Act(name)
  endfor
  return names
endfunc

func main(needs id, names) means
  call tool.WorkQueue.Create("q", {"max": 0, "max_attempts": 20})
  call tool.Job.Submit("q", {"procedure": "steps", "args": [names], "id": id})
endfunc
"""
TOOLS = """
import pathlib, time

def register(interpreter):
    @interpreter.tool("slow.Act", effect="idempotent")
    def act(ctx, name: str) -> None:
        with open("acts.txt", "a") as file:
            file.write(name + "\\n")
        while name.startswith("wait") and not pathlib.Path("go").exists():
            ctx.check()
            time.sleep(0.01)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def submit(neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the program, which leaves its job to others."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "slow.py").write_text(TOOLS)
    name = script(PROGRAM)

    def run(*names: str, id: str = "j") -> None:
        done = neuroscript("run", "--sandbox", "box", "--tools", "slow.py", "--args", json.dumps([id, names]), name)
        assert done.status == 0, done.err

    return run


@pytest.fixture
def serve(tmp_path: Path, submit: Any) -> Iterator[Start]:
    """Starts processes that serve the queue, and ends those that are left."""
    started = []

    def begin(*options: str) -> subprocess.Popen[str]:
        words = ["serve", "--queue", "q", "--sandbox", "box", "--tools", "slow.py", "--format", "jsonl", *options]
        process = subprocess.Popen(
            [sys.executable, "-m", "neuroscript", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["serving"] == ["q"]
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=TIMEOUT)


def acts(tmp_path: Path, *, until: str = "") -> list[str]:
    """What the tool has done, once it has done something."""
    end = time.monotonic() + TIMEOUT
    while True:
        file = tmp_path / "acts.txt"
        found = file.read_text().split() if file.exists() else []
        if not until or until in found:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.01)


def job_in(tmp_path: Path, *, wait: bool) -> Job:
    """The job; once it has ended, if that is waited for."""
    with EmbeddedEngine.open(tmp_path / "box") as engine:
        owner = str((tmp_path / "box").resolve())
        return engine.wait(owner, "j", TIMEOUT if wait else 0.0)


def test_a_job_of_a_process_that_is_killed_goes_on_elsewhere(submit: Any, serve: Start, tmp_path: Path) -> None:
    submit("one", "wait", "three")
    first = serve()
    acts(tmp_path, until="wait")
    first.kill()
    (tmp_path / "go").touch()
    serve()
    job = job_in(tmp_path, wait=True)
    assert (job.state, job.result) == ("done", {"value": ["one", "wait", "three"]})
    # Only the call that was cut off was made again.
    assert acts(tmp_path) == ["one", "wait", "wait", "three"]


@pytest.mark.slow
def test_many_jobs_survive_processes_that_die_at_any_moment(submit: Any, serve: Start, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    names = [f"n{number}" for number in range(12)]
    with EmbeddedEngine.open(tmp_path / "box") as engine:
        for number in range(20):
            submit(*[f"{number}.{name}" for name in names], id=f"j{number}")
        owner = str((tmp_path / "box").resolve())
        chance = random.Random(7)
        for _ in range(8):
            process = serve("--max", "3")
            time.sleep(chance.uniform(0.0, 1.0))
            process.kill()
        serve("--max", "4")
        states = [engine.wait(owner, f"j{number}", TIMEOUT).state for number in range(20)]
    assert states == ["done"] * 20
    made = acts(tmp_path)
    assert set(made) == {f"{number}.{name}" for number in range(20) for name in names}
    assert len(made) - len(set(made)) <= 8 * 3  # of each process that died, the calls that were going on


def test_it_stops_in_order_when_it_is_told_to(submit: Any, serve: Start, tmp_path: Path) -> None:
    submit("wait")
    process = serve()
    acts(tmp_path, until="wait")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"stopping": True, "running": 1, "grace": 30.0}
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=TIMEOUT)
    [row] = [json.loads(line) for line in out.splitlines()]
    assert (row["job"], row["state"], row["error"]) == ("j", "done", None)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("options", [("--grace", "0"), ()])
def test_what_it_cuts_off_goes_on_elsewhere(
    submit: Any, serve: Start, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """With no time left to end, or at a second signal."""
    submit("one", "wait")
    process = serve(*options)
    acts(tmp_path, until="wait")
    process.send_signal(signal.SIGINT)
    if not options:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == (0 if options else 130)
    job = job_in(tmp_path, wait=False)
    assert (job.state, job.used) == ("pending", 0)


def test_wrong_options_are_refused(neuroscript: Command) -> None:
    assert "--queue" in neuroscript("serve").err
    assert neuroscript("serve", "--queue", "q", "--max", "0").status == 2
    assert "--min 3 is more than --max 2" in neuroscript("serve", "--queue", "q", "--min", "3", "--max", "2").err
