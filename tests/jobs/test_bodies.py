"""A job is a journaled run: it goes on where it was, waits for people, and is made once however often submitted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, Journal, NeuroScriptError, NotFoundError, RunTerms
from neuroscript.jobs import Job, register_job_tools
from neuroscript.jobs.programs import prompt_of
from neuroscript.jobs.views import run_id_of
from neuroscript.journal.entries import SUSPENDED, Header
from tests.ai_wm.helpers import raises_code
from tests.jobs.world import World

STEPS = """
func steps(needs names) means
  for each name in names
    call tool.w.Act(name)
  endfor
  return names
endfunc

func asking() means
  call tool.w.Act("before")
  set said = tool.approval.Request("Go on?")
  call tool.w.Act("after")
  return said.by
endfunc

func main(needs procedure, args optional settings) means
  call tool.WorkQueue.Create("q", {"backoff_seconds": 0})
  return tool.Job.Submit("q", {"procedure": procedure, "args": args})
endfunc

func one() means
  return tool.Job.WaitNext("q", 20)
endfunc
"""


def ended(world: World, id: str) -> Job:
    """The job, when it has ended."""
    job = world.engine.wait("me", id, 20.0)
    assert job.has_ended, job
    return job


def waiting(world: World, id: str) -> Job:
    """The job, when it waits for a person."""
    until = time.monotonic() + 20
    while not (job := world.engine.get("me", id)).waits_for:
        assert time.monotonic() < until, job
        time.sleep(0.01)
    return job


def test_an_engine_and_a_journal_are_not_taken_for_each_other(world: World) -> None:
    with Interpreter() as interpreter, raises_code(ErrorCode.ARG_MISMATCH, "engine is a Journal; expected a JobEngine"):
        register_job_tools(interpreter, world.journal, world.engine)  # type: ignore[arg-type]


def test_another_attempt_goes_on_at_the_call_that_failed(world: World) -> None:
    def outage(value: Any) -> None:
        if value == "b" and world.acts.count("b") < 3:
            raise NeuroScriptError(ErrorCode.IO_FAILED, "the disk is away")

    world.within = outage
    id = world.host(STEPS).run("main", "steps", [["a", "b", "c"]])
    job = ended(world, id)
    assert (job.state, job.used, world.acts) == ("done", 3, ["a", "b", "b", "b", "c"])
    assert job.measures["seconds"] > 0


NO_SECOND_TRY = [ErrorCode.ARG_MISMATCH, ErrorCode.SECURITY, ErrorCode.BUDGET_EXCEEDED, ErrorCode.AUTHENTICATION]


@pytest.mark.parametrize("code", NO_SECOND_TRY)
def test_what_no_other_attempt_would_mend_fails_at_once(world: World, code: ErrorCode) -> None:
    def refuse(value: Any) -> None:
        raise NeuroScriptError(code, "never")

    world.within = refuse
    job = ended(world, world.host(STEPS).run("main", "steps", [["a"]]))
    assert job.error is not None
    assert (job.state, job.used, job.error["code"], world.acts) == ("failed", 1, int(code), ["a"])


def test_a_broken_connection_of_a_hosts_tool_may_pass(world: World) -> None:
    def refuse(value: Any) -> None:
        raise ConnectionResetError("gone")

    world.within = refuse
    job = ended(world, world.host(STEPS).run("main", "steps", [["a"]]))
    assert (job.state, job.used) == ("failed", 3)


def test_a_job_waits_for_a_person_and_costs_nothing_meanwhile(world: World) -> None:
    id = world.host(STEPS).run("main", "asking", [])
    job = waiting(world, id)
    run_id = run_id_of(job)
    assert (job.state, job.used) == ("pending", 0)
    assert job.waits_for == f"Go on?: neuroscript runs approve {run_id} 2"
    assert world.engine.stats("me", "q")["waiting"] == 1
    world.journal.approve(run_id, by="ann")  # nobody tells the engine: who serves the queue looks now and then
    assert ended(world, id).result == {"value": "ann"}
    assert world.acts == ["before", "after"]


def test_a_refused_job_fails_with_the_refusal(world: World) -> None:
    id = world.host(STEPS).run("main", "asking", [])
    run_id = run_id_of(waiting(world, id))
    world.journal.refuse(run_id, by="ann", why="no")
    world.engine.wake("me", id)
    job = ended(world, id)
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("failed", 48)


def test_a_call_of_which_nobody_knows_waits_for_a_decision(world: World) -> None:
    """As when the machine stops between the call and its end."""

    def stop(value: Any) -> None:
        if world.acts == ["a"]:
            raise KeyboardInterrupt

    world.within = stop
    host = world.host(STEPS)
    id = host.run("main", "steps", [["a", "b"]])
    job = waiting(world, id)
    run_id = run_id_of(job)
    assert job.waits_for == f"whether call 1 was done: neuroscript runs resolve {run_id} 1"
    assert world.journal.run(run_id).state == SUSPENDED
    world.journal.resolve(run_id, "1", done="a")
    assert ended(world, id).result == {"value": ["a", "b"]}
    assert world.acts == ["a", "b"]


def test_a_job_is_cancelled_in_the_middle_of_a_call(world: World) -> None:
    host = world.host(STEPS + "\nfunc pass() means\n  call tool.w.Act(1)\n  call tool.w.Pass()\nendfunc\n")
    id = host.run("main", "pass", [])
    while not world.acts:
        time.sleep(0.005)
    world.engine.cancel("me", id, "no need")
    assert ended(world, id).state == "cancelled"


def test_a_job_needs_no_file_of_its_program(world: World, tmp_path: Path) -> None:
    """Another process serves the queue, with the program and what it uses gone."""
    (tmp_path / "lib.ns").write_text('func helped(needs n) means\n  return "helped " + n\nendfunc\n')
    path = tmp_path / "p.ns"
    path.write_text(
        ":: uses: lib.ns\nfunc work(needs n) means\n  return helped(n)\nendfunc\n\nfunc main() means\n"
        '  call tool.WorkQueue.Create("q", {"max": 0})\n'
        '  return tool.Job.Submit("q", {"procedure": "work", "args": [7]})\nendfunc\n'
    )
    submitting = world.host("")
    submitting.load(path)
    id = submitting.run("main")
    path.unlink()
    (tmp_path / "lib.ns").unlink()
    serving = world.host("")
    world.jobs[serving].serve_named("q", "me", most=1)
    assert ended(world, id).result == {"value": "helped 7"}


def test_a_start_that_was_cut_off_submits_each_job_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stops after the job is in its queue, and before the journal says so."""
    host = world.host(STEPS)
    real, crashes = world.engine.submit_all, [True]

    def submit(jobs: Any) -> Any:
        found = real(jobs)
        if crashes.pop():
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(world.engine, "submit_all", submit)
    with pytest.raises(KeyboardInterrupt):
        host.run("main", "steps", [["a"]], run_id="r", journal=world.journal)
    crashes.append(False)
    # Another start may have other limits, and the job is the same.
    again = world.host(STEPS, limits={"max_steps": 1234})
    id = again.run("main", "steps", [["a"]], run_id="r", journal=world.journal)
    assert [job.id for job in world.engine.list("me")] == [id]
    assert world.engine.get("me", id).submitter == "r"


def test_an_end_is_taken_note_of_with_the_journals_entry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stops before the end is in the journal, and once more before the engine is told of it."""
    program = STEPS.replace("func one() means", 'func one(needs n) means\n  call main("steps", [[n]])')

    host = world.host(program)
    id = host.run("main", "steps", [["x"]], run_id="other", journal=world.journal)
    ended(world, id)
    real = world.journal.end

    def end(run_id: str, fence: int, entry: Any, *, durable: bool) -> None:
        if entry.tool == "Job.WaitNext":
            raise KeyboardInterrupt
        real(run_id, fence, entry, durable=durable)

    with monkeypatch.context() as patched:
        patched.setattr(world.journal, "end", end)
        stopped = world.host(program)
        with pytest.raises(KeyboardInterrupt):
            stopped.run("one", "x", run_id="r", journal=world.journal)
        stopped.close()
    [mine] = [job for job in world.engine.list("me") if job.submitter == "r"]
    assert not mine.acknowledged
    with monkeypatch.context() as patched:
        patched.setattr(world.engine, "acknowledge", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.host(program).run("one", "x", run_id="r", journal=world.journal)
    assert not world.engine.get("me", mine.id).acknowledged
    # The run is over its call, which gives what it gave, and the engine learns of it.
    found = world.host(program).run("one", "x", run_id="r", journal=world.journal)
    assert (found["id"], found["result"]) == (mine.id, ["x"])
    assert world.engine.get("me", mine.id).acknowledged
    # The end of the other run's job is that run's.
    assert not world.engine.get("me", id).acknowledged


def _interrupt(*arguments: Any, **more: Any) -> None:
    raise KeyboardInterrupt


def test_the_deadline_of_a_run_is_that_of_its_jobs(world: World) -> None:
    world.journal.terms = RunTerms(deadline=3600)
    id = world.host(STEPS).run("main", "steps", [["a"]], run_id="r", journal=world.journal)
    assert world.engine.get("me", id).deadline == pytest.approx(world.journal.run("r").started + 3600)


@pytest.mark.parametrize(
    ("prompt", "given", "whole"),
    [
        ("Say hi.", None, "Say hi."),
        ("Review this.", "a text", "Review this.\n\na text"),
        ("Review {{input}}, please.", "it", "Review it, please."),
        ("Count.", {"a": [1, "ü"]}, 'Count.\n\n{"a": [1, "ü"]}'),
        ("{{input}} twice: {{input}}", 7, "7 twice: 7"),
    ],
)
def test_where_the_input_of_a_prompt_stands(prompt: str, given: Any, whole: str) -> None:
    assert prompt_of({"prompt": prompt, "input": given}) == whole


def test_a_recovered_deletion_is_done_once(world: World) -> None:
    """The machine stops when the queue is gone, and before the journal says so."""
    program = 'func main() means\n  call tool.WorkQueue.Create("q")\n  call tool.WorkQueue.Delete("q")\nendfunc\n'
    real = world.engine.delete

    def delete(owner: str, name: str) -> None:
        real(owner, name)
        raise KeyboardInterrupt

    world.engine.delete = delete  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.host(program).run("main", run_id="r", journal=world.journal)
    world.engine.delete = real  # type: ignore[method-assign]
    world.host(program).run("main", run_id="r", journal=world.journal)
    with pytest.raises(NotFoundError):
        world.engine.queue("me", "q")
    with raises_code(9):
        world.host('func main() means\n  call tool.WorkQueue.Delete("q")\nendfunc\n').run("main")


def test_a_job_waits_for_a_process_that_lost_it_and_holds_its_run(world: World) -> None:
    """As where the process was frozen for longer than its lease."""
    host = world.host("", owner="")
    submitting = world.host(STEPS.replace('{"backoff_seconds": 0}', '{"max": 0}'))
    id = submitting.run("main", "steps", [["a"]])
    run_id = run_id_of(world.engine.get("me", id))
    with Journal.open(world.directory) as frozen:
        frozen.claim(run_id, Header("", "", "", "", "", ""))
        world.jobs[host].serve_named("q", "me", most=1)
        assert world.engine.wait("me", id, 0.8).state == "running"
        world.engine.cancel("me", id)
        assert ended(world, id).state == "cancelled"
    assert world.acts == []


def check_busy(world: World, host: Interpreter, jobs: int) -> None:
    """A process comes to do so many jobs at once, and no more."""
    until = time.monotonic() + 20
    while len(world.acts) < jobs:
        assert time.monotonic() < until, world.acts
        time.sleep(0.01)
    time.sleep(0.1)
    assert (world.jobs[host].busy, len(world.acts)) == (jobs, jobs)


def test_a_process_does_so_many_jobs_at_once(world: World) -> None:
    """Two queues that want eight each share three places, and each has one in any case."""
    program = """
func pass(needs n) means
  call tool.w.Act(n)
  call tool.w.Pass()
endfunc

func main() means
  for each name in ["p", "q", "r", "s"]
    call tool.WorkQueue.Create(name, {"max": 8})
    call tool.Job.SubmitAll(name, tool.list.Map([1, 2, 3, 4], job))
  endfor
endfunc

func job(needs n) means
  return {"procedure": "pass", "args": [n]}
endfunc
"""
    host = world.host(program, own={"most": 3})
    host.run("main")
    check_busy(world, host, 6)


def test_a_deleted_queue_gives_its_places_back(world: World) -> None:
    program = """
func pass(needs n) means
  call tool.w.Act(n)
  call tool.w.Pass()
endfunc

func main() means
  for each name in ["p", "q", "r"]
    call tool.WorkQueue.Create(name, {"max": 8})
    call tool.WorkQueue.Resume(name)
    call tool.WorkQueue.Delete(name)
  endfor
  call tool.WorkQueue.Create("s", {"max": 8})
  call tool.Job.SubmitAll("s", tool.list.Map([1, 2, 3, 4], job))
endfunc

func job(needs n) means
  return {"procedure": "pass", "args": [n]}
endfunc
"""
    host = world.host(program, own={"most": 3})
    host.run("main")
    check_busy(world, host, 3)
