"""``neuroscript workers top``: what it shows, how it follows other processes, and what it does without a terminal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from ai_wm.reporting.monitor import Gauge, Monitor, tightest
from tests.ai_wm.cli.test_workers import WORKER, Workers, json_rows, workers
from tests.ai_wm.reporting.records import HOSTILE, add_worker, log

__all__ = ["workers"]

textual = pytest.importorskip("textual", reason="the extra tui is not installed")

from ai_wm.cli.top_screen import ORDERS, TopScreen  # noqa: E402
from tests.ai_wm.cli.screens import text_of  # noqa: E402

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)

LIMITS = {"max_requests_per_minute": 4, "max_tokens_per_day": 2000, "max_cost_per_day": 2}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    """A monitor of workers that another manager, as it might be of another process, has at work."""
    monkeypatch.setenv("TZ", "UTC")
    if hasattr(time, "tzset"):
        time.tzset()
    clock = NOW.timestamp
    with AIWorkerManager(tmp_path, clock=clock) as working, AIWorkerManager(tmp_path, clock=clock) as watching:
        add_worker(working, "fast", rate_limits=LIMITS, cost_metrics={"cost_per_call": 0.5})
        add_worker(working, "idle")
        add_worker(working, "<b>odd\x1b[2J\u202e</b>")
        for _ in range(3):
            working.execute_stateless_task("fast", "hello there")
        working.spawn_worker_instance("fast")
        for number in range(4):
            log(working, "<b>odd\x1b[2J\u202e</b>", days_ago=number / 100, now=NOW, duration_ms=1000 * (number + 1))
        log(working, "<b>odd\x1b[2J\u202e</b>", now=NOW, success=False, error_details=HOSTILE, cost_incurred=0)
        log(working, "idle", days_ago=1, now=NOW)
        yield Monitor(watching)
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


def shown(monitor: Monitor, *keys: str, size: tuple[int, int] = (110, 24)) -> list[str]:
    """The screen, once it has looked and the keys are pressed."""

    async def run() -> list[str]:
        app = TopScreen(monitor, "/srv/workers", 60, clock=lambda: NOW)
        async with app.run_test(size=size) as pilot:
            await app.workers.wait_for_complete()
            await pilot.pause()
            for key in keys:
                await pilot.press(key)
                await app.workers.wait_for_complete()
                await pilot.pause()
            return text_of(app)

    return asyncio.run(run())


def test_the_screen(fleet: Monitor) -> None:
    assert "\n".join(shown(fleet)) == SCREEN.rstrip("\n")


SCREEN = """\
 /srv/workers  12:30:00  by activity
 1 instance  ·  0 in flight  ·  0 waiting  ·  cost today 2.50  ·  1 of 8 tasks failed in the last hour
 worker                   requests           tokens  in flight  waiting       cost today  median  failed
 <b>odd\\x1b[2J\\u202e</b>         –                –          –        –             1.00     2 s  1 of 5
 fast                        3 / 4  15 / 2k in 24 h          –        –  1.50, 75 % of 2    0 ms  0 of 3
 idle                            –                –          –        –                –       –       –









──────────────────────────────────────────────────────────────────────────────────────────────────────────────
 <b>odd\\x1b[2J\\u202e</b>  local/echo  active
 limits  none
 06-15 12:30:00  failed    500 ms     100 tokens  <script>document.title = 'owned'</script><img src=x oner…
 06-15 12:30:00  ok           1 s     100 tokens
 06-15 12:15:36  ok           2 s     100 tokens
 06-15 12:01:12  ok           3 s     100 tokens
 06-15 11:46:48  ok           4 s     100 tokens
 q quit  s sort  p pause  r look now
"""


def test_a_narrow_screen_leaves_columns_out(fleet: Monitor) -> None:
    lines = shown(fleet, size=(60, 20))
    heading = next(line for line in lines if "worker  " in line)
    assert heading.split() == ["worker", "waiting", "cost", "today", "failed"]
    assert all(len(line) <= 60 for line in lines)


def test_the_chosen_worker_is_told_of(fleet: Monitor) -> None:
    lines = shown(fleet, "s", "down")
    below = "\n".join(lines[-10:])
    assert "fast  local/echo  active" in below
    assert "requests/min 3 / 4" in below
    assert "cost/24 h 1.50 / 2" in below
    assert "echo: hello there" in below


def test_what_others_wrote_is_shown_and_not_obeyed(fleet: Monitor) -> None:
    said = "\n".join(shown(fleet))
    assert r"<b>odd\x1b[2J\u202e</b>" in said
    assert not set(said) & set("\x1b\u202e")


@pytest.mark.parametrize(("presses", "order"), list(enumerate(ORDERS)))
def test_orders(fleet: Monitor, presses: int, order: str) -> None:
    lines = shown(fleet, *"s" * presses)
    assert f"by {order}" in "\n".join(lines)


def test_no_workers(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        said = "\n".join(shown(Monitor(manager)))
    assert "There are no workers yet" in said


def test_a_trouble_is_shown_and_does_not_end_it(fleet: Monitor, tmp_path: Path) -> None:
    async def run() -> tuple[str, str]:
        app = TopScreen(fleet, "/srv/workers", 60, clock=lambda: NOW)
        async with app.run_test(size=(120, 24)) as pilot:
            await app.workers.wait_for_complete()
            good = (tmp_path / "ai_worker_definitions.json").read_bytes()
            (tmp_path / "ai_worker_definitions.json").write_text("{broken", encoding="utf-8")
            await pilot.press("r")
            await app.workers.wait_for_complete()
            await pilot.pause()
            bad = "\n".join(text_of(app))
            (tmp_path / "ai_worker_definitions.json").write_bytes(good)
            await pilot.press("r")
            await app.workers.wait_for_complete()
            await pilot.pause()
            return bad, "\n".join(text_of(app))

    bad, good = asyncio.run(run())
    assert "ai_worker_definitions.json" in bad
    assert "fast" in bad
    assert "ai_worker_definitions.json" not in good


OTHER = """
import sys
from ai_wm import AIWorkerManager
from tests.ai_wm.reporting.records import add_worker
with AIWorkerManager(sys.argv[1]) as manager:
    add_worker(manager, "other's")
    manager.execute_batch("other's", ["a", "b"])
"""


def test_it_follows_other_processes(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        monitor = Monitor(manager)
        assert monitor.look(datetime.now(UTC)).workers == []
        subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], check=True, timeout=60, cwd=ROOT)
        (seen,) = monitor.look(datetime.now(UTC)).workers
        assert (seen.name, seen.lately.tasks, seen.requests[0].used) == ("other's", 2, 2)


def test_callers_of_others_that_wait_are_seen(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as working, AIWorkerManager(tmp_path) as watching:
        add_worker(working, "w", rate_limits={"max_requests_per_minute": 1})
        working.execute_stateless_task("w", "one")
        waits = {"on_limit": "wait", "limit_wait_seconds": 60}
        thread = threading.Thread(target=lambda: working.execute_stateless_task("w", "two", waits))
        thread.start()
        monitor = Monitor(watching)
        (seen,) = monitor.look(datetime.now(UTC)).workers
        while not seen.waiting and thread.is_alive():
            (seen,) = monitor.look(datetime.now(UTC)).workers
        assert (seen.waiting, seen.requests[0]) == (1, Gauge(1, 1, "min"))
        working.update_worker_definition("w", {"rate_limits": {}})
        thread.join(60)
        (seen,) = monitor.look(datetime.now(UTC)).workers
        assert (seen.waiting, seen.requests[0]) == (0, Gauge(2, 0, "min"))


def test_the_day_begins_at_midnight_and_the_hour_is_the_last(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path, clock=NOW.timestamp) as manager:
        add_worker(manager, "w")
        for hours in (0.5, 2, 13):
            log(manager, "w", now=NOW, days_ago=hours / 24)
        monitor = Monitor(manager)
        (seen,) = monitor.look(NOW).workers
        assert (seen.lately.tasks, seen.today.tasks, seen.today.cost) == (1, 2, 0.5)
        (later,) = monitor.look(NOW + timedelta(hours=1)).workers
        assert (later.lately.tasks, later.today.tasks) == (0, 2)
        log(manager, "w", now=NOW)
        (more,) = monitor.look(NOW + timedelta(minutes=1)).workers
        assert (more.lately.tasks, more.today.tasks) == (2, 3)


def test_the_limit_that_is_nearest() -> None:
    minute, day = Gauge(30, 60, "min"), Gauge(900, 1000, "24 h")
    assert tightest([minute, day]) is day
    assert tightest([Gauge(5), Gauge(7, 10)]) == Gauge(7, 10)
    assert tightest([Gauge(5), Gauge(7)]) == Gauge(5)


# --- without a screen ---


def test_once_is_a_table_and_lines_of_json(workers: Workers, tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path / "sandbox") as manager:
        manager.add_worker_definition({**WORKER, "rate_limits": {"max_requests_per_minute": 1, "max_cost_per_day": 2}})
        manager.execute_stateless_task("helper", "hello")
    status, output, _ = workers("top", "--once")
    assert status == 0
    assert "1 / 1" in output
    assert "0.25, 12 % of 2" in output
    (row,) = json_rows(workers("top", "--format", "jsonl")[1])
    assert row["requests"][0] == {"used": 1, "limit": 1, "window": "min"}
    assert (row["today"]["tasks"], row["lately"]["success"]) == (1, 1.0)


def test_without_a_terminal_it_says_what_to_do(workers: Workers) -> None:
    workers("add", '{"name": "w", "provider": "local", "model_name": "echo", "auth": {"method": "none"}}')
    status, output, error = workers("top")
    assert (status, output) == (2, "")
    assert "--once prints a table" in error


def test_without_the_extra_it_is_named(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    workers("add", '{"name": "w", "provider": "local", "model_name": "echo", "auth": {"method": "none"}}')
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.delitem(sys.modules, "ai_wm.cli.top_screen", raising=False)
    monkeypatch.setitem(sys.modules, "textual", None)
    status, _, error = workers("top")
    assert status == 2
    assert "pip install 'neuroscript[tui]'; --once works without it" in error


@pytest.mark.parametrize("every", ["0", "-1", "nan", "soon", "99999"])
def test_a_time_between_looks_is_bounded(workers: Workers, every: str) -> None:
    status, _, error = workers("top", f"--every={every}")
    assert status == 2
    assert "a number of seconds from 0.2 to 3600" in error
