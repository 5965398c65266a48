"""``neuroscript log``: nothing is kept unless the user says so, and then all of it, but no key."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ai_wm.store.prompt_log import FILE, SWITCH
from tests.ai_wm.cli.conftest import KEY, Home
from tests.ai_wm.providers import loopback


@pytest.fixture
def ready(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    home.add()
    return home


@pytest.fixture
def kept(ready: Home) -> Home:
    """A log with a question of the user's, one of a script's, a turn of a conversation and a failure."""
    ready("log", "on")
    ready("ask", "-s", "Be brief.", "Name a 100% river.", stdin="Some context.")
    ready.write("p.ns", 'command\nask "of a script" into r\nendcommand\n')
    ready("run", "p.ns")
    ready("chat", stdin="in a chat\n")
    answer = ready.server.answers[0]
    ready.server.will(loopback.reply({"error": {"message": f"bad {KEY}"}}, 400))
    ready("ask", f"fails with {KEY}")
    ready.server.will(answer)
    return ready


def prompts(home: Home, *arguments: str) -> list[str]:
    return [row["prompt"] for row in home.rows("log", *arguments, "--format", "jsonl")]


ALL = ["fails with ***", "in a chat", "of a script", "Name a 100% river."]


def test_nothing_is_kept_before_it_is_on_and_after_it_is_off(ready: Home) -> None:
    ready("ask", "hello")
    assert not (ready.data / FILE).exists()
    assert "the log is off: 0 calls" in ready("log")[1]
    assert ready("log", "list")[2].endswith("to keep them from now on: neuroscript log on\n")
    ready("log", "on")
    ready("ask", "kept")
    assert "the log is on: 1 call in" in ready("log")[1]
    assert "1 call stays in the log" in ready("log", "off")[1]
    ready("ask", "hello")
    assert prompts(ready, "list") == ["kept"]


def test_every_call_is_kept_with_what_was_said(kept: Home) -> None:
    assert prompts(kept, "list") == ALL
    assert prompts(kept, "export") == ALL[::-1]
    first, of_script, _, failed = kept.rows("log", "export")
    assert (first["system"], first["context"], first["reply"]) == ("Be brief.", "Some context.", "A reply.")
    assert (first["worker"], first["model"], first["input_tokens"]) == ("fast", "openai/m-1-2026", 9)
    assert (first["owner"], Path(of_script["owner"]).name) == ("", "p.ns")
    assert failed["error"].startswith("error 16")


def test_no_key_is_kept_and_nobody_else_can_read_it(kept: Home) -> None:
    path = kept.data / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for file in (path, *kept.data.glob(f"{FILE}-*")):
        assert KEY.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["100%"], ["Name a 100% river."]),
        (["NAME A"], ["Name a 100% river."]),
        (["context."], ["Name a 100% river."]),
        (["a_chat"], []),
        (["nothing like that"], []),
        (["-w", "fast"], ALL),
        (["-w", "other"], []),
        (["--since", "1h"], ALL),
        (["--since", "2100-01-01"], []),
        (["\udcff"], []),  # a byte of the command line that is no UTF-8
        (["-w", "\udcff"], []),
    ],
)
def test_it_is_searched(kept: Home, arguments: list[str], found: list[str]) -> None:
    assert prompts(kept, "list", *arguments) == found
    assert prompts(kept, "export", *arguments) == found[::-1]
    if not found:
        assert kept("log", "list", *arguments)[2] == "neuroscript: there are no calls like that in the log\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["show", "9" * 30], 1),
        (["list", "--limit", "9" * 30], 0),
        (["list", "--since", "9999-12-31T23:59:59-14:00"], 2),
        (["list", "--since", "0001-01-01T00:00:00+14:00"], 2),
        (["clear", "--yes", "--before", "9999-12-31T23:59:59-14:00"], 2),
    ],
)
def test_numbers_and_times_beyond_all_reason(kept: Home, arguments: list[str], status: int) -> None:
    done = kept("log", *arguments)
    assert done[0] == status
    assert "INTERNAL" not in done[2]
    assert prompts(kept, "list") == ALL


def test_the_list_is_one_line_a_call_and_not_cut_in_a_pipe(kept: Home) -> None:
    kept("ask", "a\nb " + "x" * 300)
    lines = kept("log", "list", "--limit", "2")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["5", "4"]
    assert lines[0].endswith("fast  a b " + "x" * 300)
    assert "(failed) fails with ***" in lines[1]


def test_a_call_is_shown_in_full(kept: Home) -> None:
    _, out, _ = kept("log", "show", "1")
    for part in ("System:\n  Be brief.", "Context:\n  Some context.", "Prompt:\n  Name a 100%", "Reply:\n  A reply."):
        assert part in out
    assert "fails with ***" in kept("log", "show")[1]
    assert kept("log", "show", "9")[0] == 1
    assert "## Prompt\n\nName a 100% river." in kept("log", "export", "--format", "markdown")[1]


def test_it_is_cleared_for_good(kept: Home) -> None:
    assert kept("log", "clear")[0] == 2
    assert kept("log", "clear", "--before", "1h", "--yes")[1] == "removed 0 calls\n"
    assert kept("log", "clear", "--yes")[1] == "removed 4 calls\n"
    assert b"100% river" not in (kept.data / FILE).read_bytes()
    assert prompts(kept, "list") == []


def test_a_log_that_cannot_be_written_stops_no_work(ready: Home, caplog: pytest.LogCaptureFixture) -> None:
    ready("log", "on")
    (ready.data / FILE).write_text("this is no database, and long enough to be seen as none by its very first bytes")
    ready.write("p.ns", 'command\nask "one" into r\nask "two" into r\nemit r\nendcommand\n')
    assert ready("run", "p.ns")[:2] == (0, "A reply.\n")
    [told] = [each for each in caplog.messages if "not logged" in each]  # once
    assert told.endswith(f"the log of prompts {ready.data / FILE} cannot be used: file is not a database")
    status, _, err = ready("log", "list")
    assert (status, "cannot be used" in err) == (1, True)


def test_no_link_is_followed(ready: Home, tmp_path: Path) -> None:
    ready("log", "on")
    (ready.data / FILE).symlink_to(tmp_path / "theirs")
    assert ready("ask", "hello")[0] == 0
    assert not (tmp_path / "theirs").exists()


def test_no_script_reaches_it(kept: Home, tmp_path: Path) -> None:
    """Not even where the home directory is the sandbox."""
    name = (kept.data / FILE).relative_to(tmp_path)
    kept.write("p.ns", f"command\nemit tool.fs.Read({json.dumps(str(name))})\nendcommand\n")
    status, out, err = kept("run", "--sandbox", str(tmp_path), "p.ns")
    assert (status, out, "error 10" in err or "error 22" in err) == (1, "", True)


def test_a_host_in_python_keeps_none(kept: Home) -> None:
    from ai_wm import AIWorkerManager

    with AIWorkerManager(kept.data / "workers") as manager:
        manager.execute_stateless_task("fast", "of a host")
    assert "of a host" not in prompts(kept, "list")


def test_a_switch_that_cannot_be_read_is_off(ready: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    look = os.stat

    def refused(path: Any, *arguments: Any, **named: Any) -> os.stat_result:
        if str(path).endswith(SWITCH):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, *arguments, **named)

    monkeypatch.setattr(os, "stat", refused)
    assert ready("ask", "hello")[:2] == (0, "A reply.\n")
