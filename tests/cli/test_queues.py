"""``neuroscript queues``: what programs left in queues, and what a person does about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from neuroscript import Journal
from neuroscript.jobs import EmbeddedEngine

from .conftest import Command, Outcome

PROGRAM = """
func double(needs n) means
  return n * 2
endfunc

func broken() means
  fail "no luck"
endfunc

func main(optional most) means
  call tool.WorkQueue.Create("numbers", {"max": most, "max_attempts": 1, "note": "to double"})
  set first = {"procedure": "double", "args": [4], "id": "four", "metadata": {"from": "test"}}
  call tool.Job.SubmitAll("numbers", [first, {"procedure": "broken", "id": "bad"}])
  if most > 0
    call tool.Job.Wait("four", 30)
    call tool.Job.Feedback("four", 5, "right")
    call tool.Job.Wait("bad", 30)
  endif
endfunc
"""


@pytest.fixture
def run(neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs the program, with so many jobs at once in its process."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    name = script(PROGRAM)
    return lambda most: neuroscript("run", "--sandbox", "box", "--args", f"[{most}]", name)


@pytest.fixture
def queues(neuroscript: Command) -> Command:
    """Does something with the queues."""
    return lambda *words: neuroscript("queues", *words, "--sandbox", "box")


def test_what_became_of_jobs_is_shown(run: Command, queues: Command) -> None:
    assert run(2).status == 0
    [head, row] = queues("list").out.splitlines()
    assert head.split()[:4] == ["queue", "state", "pending", "running"]
    assert row.split()[:6] == ["numbers", "open", "0", "0", "1", "1"]
    shown = queues("show", "numbers").out
    assert "note     to double" in shown
    assert "jobs     0 pending, 0 running, 1 done, 1 failed, 0 cancelled, 0 expired" in shown
    assert "rated    5.00 on average" in shown
    [_, four, bad] = queues("jobs", "numbers").out.splitlines()
    assert four.split()[:2] == ["four", "done"]
    assert four.endswith('double() {"from": "test"}')
    assert bad.endswith("no luck")
    assert [row["id"] for row in queues("jobs", "numbers", "--state", "failed", "--format", "jsonl").rows] == ["bad"]
    lessons = queues("lessons", "numbers").out
    assert (
        'asked    the procedure double\nmetadata {"from": "test"}\ngave     8\nrated    5 by a program: right'
        in lessons
    )
    assert "error    1 (FAIL_STATEMENT): no luck" in lessons
    for words in (("--min-rating", "4"), ("--metadata", 'from="test"'), ("--procedure", "double")):
        assert [row["result"] for row in queues("lessons", "numbers", *words, "--format", "jsonl").rows] == [8]
    assert "--metadata: NAME=JSON is wanted" in queues("lessons", "numbers", "--metadata", "from").err


def test_a_job_is_shown_with_its_run(run: Command, queues: Command, neuroscript: Command) -> None:
    run(2)
    [row] = queues("job", "four", "--format", "jsonl").rows
    assert (row["state"], row["result"], row["attempts"], row["owner"]) == ("done", 8, 1, str(Path("box").resolve()))
    text = queues("job", "four").out
    assert text.startswith("job      four: done\n")
    assert queues("job", "fo").out == text, "the beginning of its id is enough"
    assert f"run      {row['run_id']}" in text
    assert neuroscript("runs", "show", row["run_id"], "--sandbox", "box").out.startswith(
        f"run      {row['run_id']}: ret"
    )


def test_runs_of_jobs_are_listed_while_they_are_of_interest(run: Command, neuroscript: Command) -> None:
    def listed(*options: str) -> list[str]:
        rows = neuroscript("runs", "list", "--sandbox", "box", "--format", "jsonl", *options).rows
        return sorted(row["run_id"].rpartition(":")[2] for row in rows)

    run(2)
    assert "2 jobs have an id that begins with ''" in neuroscript("queues", "job", "", "--sandbox", "box").err
    assert listed() == ["bad"]
    assert listed("--jobs") == ["bad", "four"]
    assert listed("--state", "returned") == ["four"]


def test_queues_are_paused_and_jobs_cancelled_and_retried(run: Command, queues: Command) -> None:
    run(0)
    assert queues("pause", "numbers").out == "numbers is paused: no more of its jobs start; those that run go on\n"
    assert queues("list").out.splitlines()[1].split()[:3] == ["numbers", "paused", "2"]
    assert queues("resume", "numbers", "--format", "jsonl").rows == [{"queue": "numbers", "done": "resumed"}]
    assert "has jobs" in queues("delete", "numbers").err or queues("delete", "numbers").status == 1
    assert queues("cancel", "four", "--why", "no need").out == "four is cancelled\n"
    assert queues("cancel", "four").status == 2
    assert queues("retry", "four").out.startswith("four is pending again")
    queues("cancel", "four")
    queues("cancel", "bad")
    assert queues("show", "numbers").out.count("2 cancelled") == 1
    assert queues("delete", "numbers").status == 0
    assert queues("list").out == ""


def test_a_job_is_not_retried_whose_run_was_cancelled_for_good(
    run: Command, queues: Command, neuroscript: Command
) -> None:
    run(2)
    [bad] = queues("job", "bad", "--format", "jsonl").rows
    assert neuroscript("runs", "cancel", bad["run_id"], "--sandbox", "box").status == 0
    refused = queues("retry", "bad")
    assert (refused.status, "was cancelled for good" in refused.err) == (2, True)
    assert queues("show", "numbers").out.count("0 pending") == 1


def test_names_that_there_are_not_are_told_with_the_nearest(
    run: Command, queues: Command, neuroscript: Command
) -> None:
    nothing = queues("list")
    assert (nothing.status, "there are no queues in box" in nothing.err) == (2, True)
    run(0)
    for words, told in (
        (("show", "number"), "there is no queue 'number'; did you mean 'numbers'?"),
        (("job", "for"), "there is no job 'for'; did you mean 'four'?"),
        (("jobs", "numbers", "--state", "pendin"), "did you mean 'pending'?"),
        (("lits",), "did you mean 'list'?"),
    ):
        outcome = queues(*words)
        assert outcome.status != 0
        assert told in outcome.err


def test_a_queue_of_several_owners_is_named_with_its_owner(run: Command, queues: Command, tmp_path: Path) -> None:
    run(0)
    from neuroscript.jobs import Queue

    with EmbeddedEngine.open(tmp_path / "box") as engine:
        engine.create(Queue(name="numbers", owner="ann"))
    several = queues("show", "numbers")
    assert (several.status, "--owner OWNER" in several.err) == (2, True)
    assert "owner    ann" in queues("show", "numbers", "--owner", "ann").out


def test_who_follows_sees_each_change_and_is_done_when_all_are(run: Command, queues: Command) -> None:
    run(2)
    assert [row["done"] for row in queues("show", "numbers", "--follow", "--format", "jsonl").rows] == [1]
    assert [row["state"] for row in queues("job", "bad", "--follow", "--format", "jsonl").rows] == ["failed"]


WAITING = """
func question() means
  return tool.approval.Request("Go on?").why
endfunc

func main() means
  call tool.WorkQueue.Create("q")
  set id = tool.Job.Submit("q", {"procedure": "question", "id": "j"})
  while tool.Job.Get(id).waits_for == ""
    call tool.time.Sleep(0.01)
  endwhile
endfunc

func rest() means
  return tool.Job.Wait("j", 30).result
endfunc
"""


def test_a_decision_about_a_run_lets_its_job_go_on(
    neuroscript: Command, script: Callable[..., str], queues: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    name = script(WAITING)
    assert neuroscript("run", "--sandbox", "box", name).status == 0
    [row] = queues("job", "j", "--format", "jsonl").rows
    assert row["waits_for"] == f"Go on?: neuroscript runs approve {row['run_id']} 1"
    waits = f"waits    Go on?: neuroscript runs approve {row['run_id']} 1 --sandbox box\n"
    assert waits in queues("job", "j").out
    told = neuroscript("runs", "approve", row["run_id"], "1", "--why", "fine", "--sandbox", "box")
    assert told.out == f"{row['run_id']} is approved; its job goes on where its queue is served\n"
    [row] = queues("job", "j", "--format", "jsonl").rows
    assert (row["state"], row["waits_for"]) == ("pending", "")
    outcome: Outcome = neuroscript("run", "--sandbox", "box", "--entry", "rest", name)
    assert (outcome.status, outcome.out) == (0, "fine\n")
    with Journal.open(tmp_path / "box") as journal:
        assert journal.run(row["run_id"]).state == "returned"


def test_a_jobs_run_is_cancelled_and_not_resumed_by_its_id(
    neuroscript: Command, script: Callable[..., str], queues: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    name = script(WAITING)
    neuroscript("run", "--sandbox", "box", name)
    [row] = queues("job", "j", "--format", "jsonl").rows
    resumed = neuroscript("runs", "resume", row["run_id"], "--sandbox", "box")
    assert resumed.status == 2
    assert "goes on where its queue is served (q)" in resumed.err
    assert neuroscript("runs", "cancel", row["run_id"], "--sandbox", "box").status == 0
    neuroscript("run", "--sandbox", "box", "--entry", "rest", name)
    [row] = queues("job", "j", "--format", "jsonl").rows
    assert row["state"] == "cancelled"


def test_a_program_that_uses_no_queue_opens_none(
    neuroscript: Command, script: Callable[..., str], tmp_path: Path
) -> None:
    assert neuroscript("run", "--sandbox", "box", script("func main() means\n  emit 1\nendfunc\n")).out == "1\n"
    assert list((tmp_path / "box").iterdir()) == []


def test_a_misspelt_key_of_a_job_is_found_before_it_is_run(neuroscript: Command, script: Callable[..., str]) -> None:
    name = script('func main() means\n  call tool.Job.Submit("q", {"promt": "x"})\nendfunc\n')
    assert "'promt' is no key of the job to submit; did you mean 'prompt'?" in neuroscript("check", name).out
