"""``neuroscript run --run-id`` and ``neuroscript runs``: stopped runs go on, and people decide about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from neuroscript import Journal
from neuroscript.journal import Entry

from .conftest import Command, Outcome

PROGRAM = """
func main(optional n returns r) means
  emit "begin"
  call tool.fs.Append("log.txt", "one\\n")
  set a = tool.approval.Request("Write the report?", {"file": "report.md"})
  emit "yes by " + a.by
  call tool.fs.Delete("log.txt")
  return n
endfunc
"""


@pytest.fixture
def run(neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Starts the program's run."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    name = script(PROGRAM)

    def start(*options: str, run_id: str = "r") -> Outcome:
        return neuroscript("run", "--sandbox", "box", "--run-id", run_id, *options, name)

    return start


@pytest.fixture
def runs(neuroscript: Command) -> Command:
    """Does something with the runs."""
    return lambda *words: neuroscript("runs", *words, "--sandbox", "box")


def test_a_run_waits_for_a_person_and_goes_on(run: Command, runs: Command, tmp_path: Path) -> None:
    first = run("--args", "[7]", "--entry", "main")
    assert (first.status, first.out) == (4, "begin\n")
    assert (
        "error 19 (PRECONDITION_FAILED): the run 'r' is suspended until somebody has answered about call 2" in first.err
    )
    for step in ("show r", "approve r 2", "resume r"):
        assert f"neuroscript runs {step} --sandbox box" in first.err

    assert runs("list").out.splitlines()[1].endswith("  waits for call 2: Write the report?")
    assert "r    suspended  2      1" in runs("list").out
    shown = runs("show", "r").out
    assert 'waits    call 2: Write the report? {"file": "report.md"}, since 20' in shown
    assert "fs.Append" in shown

    approved = runs("approve", "r", "--by", "ann", "--why", "fine")
    assert approved.out == "r is approved; to go on: neuroscript runs resume r --sandbox box\n"
    again = runs("resume", "r")
    assert (again.status, again.out, again.err) == (0, "yes by ann\n7\n", "")
    assert 'approved call 2: Write the report? {"file": "report.md"}, by ann on 20' in runs("show", "r").out
    assert list((tmp_path / "box").iterdir()) == [tmp_path / "box" / "neuroscript_journal"]

    over = run("--args", "[7]", "--entry", "main")
    assert (over.status, over.out) == (0, "7\n")
    assert "the run 'r' returned on 20" in over.err


def test_who_follows_a_run_that_waits_sees_it_and_is_done(run: Command, runs: Command) -> None:
    run()
    followed = runs("show", "r", "--follow", "--format", "jsonl")
    assert [row.get("state") for row in followed.rows] == [None, "done", "waiting"]
    assert runs("show", "r", "--follow").out == runs("show", "r").out


def test_a_refusal_is_an_error_of_the_program(run: Command, runs: Command) -> None:
    run()
    assert runs("refuse", "r", "--why", "not now").status == 0
    again = run()
    assert again.status == 1
    assert "error 48 (APPROVAL_REFUSED): 'Write the report?' was refused by " in again.err
    assert again.err.count("not now") == 1


def test_json_lines_are_whole_whenever_they_are_printed(run: Command, runs: Command) -> None:
    assert run("--format", "jsonl").rows[0] == {"emit": "begin", "text": "begin"}
    asked = runs("list", "--format", "jsonl").rows
    assert [(row["run_id"], row["state"], row["calls"], row["starts"]) for row in asked] == [("r", "suspended", 2, 1)]
    shown = runs("show", "r", "--format", "jsonl").rows
    assert shown[0]["run"]["terms"]["command"]["words"][-1] == "program.ns"
    assert [(row["call"], row["tool"], row["state"]) for row in shown[1:]] == [
        ("1", "fs.Append", "done"),
        ("2", "approval", "waiting"),
    ]
    assert shown[2]["details"] == {"file": "report.md"}
    runs("approve", "r", "2", "--by", "ann", "--format", "jsonl")
    rows = runs("resume", "r", "--format", "jsonl").rows
    assert rows == [
        {"emit": "begin", "text": "begin", "replayed": True},
        {"emit": "yes by ann", "text": "yes by ann"},
        {"result": None, "text": "nil"},
    ]
    over = run("--format", "jsonl").rows
    assert over[0]["run"]["state"] == "returned"


def test_a_tool_that_needs_a_yes(run: Command, runs: Command, tmp_path: Path) -> None:
    options = ("--ask-before", "fs.Delete")
    run(*options)
    runs("approve", "r", "--by", "ann")
    second = run(*options)
    assert (second.status, second.out) == (4, "yes by ann\n")
    assert (tmp_path / "box" / "log.txt").exists()
    assert 'waits    call 3: fs.Delete ["log.txt", false]' in runs("show", "r").out
    runs("approve", "r")
    assert runs("resume", "r").status == 0
    assert not (tmp_path / "box" / "log.txt").exists()


def test_other_starts_with_the_same_id_are_refused(
    run: Command, runs: Command, script: Callable[..., str], tmp_path: Path
) -> None:
    run("--args", "[1]")
    other = run("--args", "[2]")
    assert other.status == 1
    assert "error 42 (DUPLICATE): the run 'r' was started with other arguments; take another id" in other.err
    script(PROGRAM.replace("yes by", "aye by"))
    changed = run("--args", "[1]")
    assert changed.status == 1
    assert "error 19 (PRECONDITION_FAILED): the run 'r' was started with another program" in changed.err
    assert run("--args", "[1]", "--force-program").status == 4
    with Journal.open(tmp_path / "box") as journal:
        info = journal.run("r")
        journal.claim("r", info.header)
        busy = run("--args", "[1]")
    assert busy.status == 1
    assert "error 19 (PRECONDITION_FAILED): the run 'r' is going on already by process" in busy.err


def test_a_run_that_is_cancelled_by_its_id_is_over(run: Command, runs: Command) -> None:
    run()
    assert runs("cancel", "r", "--why", "no need").out == "r is cancelled; it is never resumed\n"
    again = run()
    assert again.status == 130
    assert "the run 'r' was cancelled: no need" in again.err
    assert "the run 'r' is over: it is cancelled" in runs("approve", "r").err
    run(run_id="quiet")
    runs("cancel", "quiet")
    assert "the run 'quiet' was cancelled; it is never resumed" in run(run_id="quiet").err
    assert runs("list", "--state", "suspended").out == ""


def test_an_open_end_is_decided(run: Command, runs: Command, tmp_path: Path) -> None:
    run()
    with Journal.open(tmp_path / "box") as journal:
        info = journal.claim("r", journal.run("r").header)
        [asked] = [entry for entry in journal.entries("r") if entry.tool == "approval"]
        journal.begin("r", info.fence, Entry((2, 1), "mail.Send", "d", "once", "begun", begun=asked.begun))
        journal.release("r")
    for words, problem in (
        (("resolve", "r", "2/1", "--done", "{no"), "is not JSON"),
        (("resolve", "r", "9", "--repeat"), "the run 'r' has no call 9"),
        (("resolve", "r", "1", "--repeat"), "the end of call 1 of the run 'r' is known: it is done"),
        (("resolve", "nobody", "1", "--repeat"), "there is no run 'nobody' in the journal"),
        (("approve", "r", "1"), "call 1 of the run 'r' waits for no approval; what waits is call 2"),
        (("list", "--state", "suspnded"), "there is no state 'suspnded' of a run; did you mean 'suspended'?"),
    ):
        assert problem in runs(*words).err
    assert runs("resolve", "r", "2/1", "--done", json.dumps({"sent": True})).out.startswith("r is resolved; to go on: ")


def test_a_run_whose_process_is_gone_says_how_it_goes_on(run: Command, runs: Command, tmp_path: Path) -> None:
    run(run_id="of monday")
    with Journal.open(tmp_path / "box") as journal:
        journal.claim("of monday", journal.run("of monday").header)
        journal.release("of monday")
    assert "its process is gone" in runs("list", "--state", "stopped").out
    shown = runs("show", "of monday").out
    assert "stopped  its process is gone; to go on: neuroscript runs resume 'of monday' --sandbox box\n" in shown
    assert "there is no run 'of mnday' in the journal; did you mean 'of monday'?" in runs("show", "of mnday").err


def test_a_run_whose_files_are_gone_does_not_go_on_without_them(
    neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "team").mkdir()
    name = script(PROGRAM)
    start = ("run", "--sandbox", "files", "--workers", "team", "--run-id", "r", name)
    assert neuroscript(*start).status == 4
    neuroscript("runs", "approve", "r", "--workers", "team")
    (tmp_path / "files").rename(tmp_path / "moved")
    for words in (start, ("runs", "resume", "r", "--workers", "team")):
        refused = neuroscript(*words)
        assert refused.status == 2
        assert f"its sandbox '{tmp_path / 'files'}' is gone; put it back" in refused.err
        assert not (tmp_path / "files").exists()
    (tmp_path / "moved").rename(tmp_path / "files")
    assert neuroscript(*start).status == 0


def test_a_run_from_elsewhere_is_not_resumed(
    run: Command, runs: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run()
    runs("approve", "r", "--by", "mallory")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another user"))
    resumed = runs("resume", "r")
    assert resumed.status == 1
    assert "nobody vouches for how the run 'r' was started" in resumed.err
    assert run().status == 4, "and its approvals are none"


def test_events_of_the_command_line_are_fired_once(neuroscript: Command, script: Callable[..., str]) -> None:
    name = script(
        'on event "go" as e do\n  call tool.fs.Append("log.txt", "go ")\nendon\n'
        'func main() means\n  call tool.approval.Request("Well?")\n  emit tool.fs.Read("log.txt")\nendfunc\n'
    )
    words = ("run", "--sandbox", "box", "--run-id", "e", "--event", "go", name)
    assert neuroscript(*words).status == 4
    neuroscript("runs", "approve", "e", "--sandbox", "box")
    assert neuroscript(*words).out == "go \n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("run", "--max-calls", "3", "p.ns"), "--max-calls is for runs with an id: --run-id ID"),
        (("run", "--force-program", "p.ns"), "--force-program is for runs with an id"),
        (("run", "--run-id", "", "p.ns"), "a name of 1 to 200 printable characters is wanted"),
        (("run", "--run-id", "r", "--deadline", "0", "p.ns"), "a number of seconds such as 2.5 is wanted"),
        (("runs", "list", "--workers", "nowhere"), "there are no runs in nowhere; name the directory"),
        (("runs", "sing"), "there is no 'sing' here"),
    ],
)
def test_wrong_usage(neuroscript: Command, script: Callable[..., str], words: tuple[str, ...], problem: str) -> None:
    script("func main() means\nendfunc\n", "p.ns")
    outcome = neuroscript(*words)
    assert outcome.status == 2
    assert problem in outcome.err


def test_the_budget_of_a_run(neuroscript: Command, script: Callable[..., str]) -> None:
    name = script("func main() means\n  call tool.time.Sleep(0)\n  call tool.time.Sleep(0)\nendfunc\n")
    words = ("run", "--workers", ".", "--run-id", "b")
    failed = neuroscript(*words, "--max-calls", "1", name)
    assert "error 46 (BUDGET_EXCEEDED): the budget of the run 'b' does not allow time.Sleep" in failed.err
    assert neuroscript(*words, "--max-calls", "2", name).status == 0


def test_runs_that_are_over_are_removed(run: Command, runs: Command, tmp_path: Path) -> None:
    run("--args", "[7]", "--entry", "main")
    refused = runs("remove", "r")
    assert refused.status == 1
    assert "the run 'r' is suspended and may go on" in refused.err
    runs("cancel", "r")
    kept = runs("remove", "--older-than", "1")
    assert kept.out == "0 runs are removed\n"
    assert runs("remove", "--older-than", "0", "--format", "jsonl").out == '{"run_id": "r", "decided": "removed"}\n'
    assert not list((tmp_path / "box").glob("*/locks/*"))
    assert "there is no run 'r'" in runs("remove", "r").err
    assert runs("remove", "r", "--older-than", "1").status == 2
    assert runs("remove", "--older-than", "-1").status == 2
