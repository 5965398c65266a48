"""What programs do with queues and jobs, and what they are told when that does not work."""

from __future__ import annotations

import threading

import pytest

from neuroscript import CancelledError, CancelToken, Interpreter, LimitError
from neuroscript.jobs.shapes import JOB
from neuroscript.stdlib import standard_registry
from tests.ai_wm.helpers import raises_code
from tests.jobs.world import World
from tests.shape_differences import differences, result_differences

PROGRAM = """
func double(needs n) means
  return n * 2
endfunc

func pass(optional n) means
  call tool.w.Pass()
  return n
endfunc

func broken() means
  fail "no luck"
endfunc

func endless() means
  while true
  endwhile
endfunc
"""


def main(text: str) -> str:
    """The program with a procedure ``main``."""
    return f"{PROGRAM}\nfunc main(optional given returns r) means\n{text}\nendfunc\n"


def test_a_program_submits_jobs_and_gathers_their_ends(world: World) -> None:
    host = world.host(
        main("""
  must tool.WorkQueue.Create("q", {"max": 2, "note": "numbers"})
  must not tool.WorkQueue.Create("q", {"max": 2, "note": "numbers"})
  set jobs = [{"procedure": "double", "args": [1]}, {"procedure": "double", "args": {"n": 2}, "metadata": {"k": "v"}}]
  set ids = tool.Job.SubmitAll("q", jobs)
  set ids = tool.list.Append(ids, tool.Job.Submit("q", {"procedure": "double", "args": [3]}))
  set results = {}
  set done = tool.Job.WaitNext("q", 20)
  while done != nil
    must done.state == "done"
    set results[done.id] = done.result
    set done = tool.Job.WaitNext("q", 20)
  endwhile
  return [results[ids[0]], results[ids[1]], results[ids[2]], tool.Job.Get(ids[1]).metadata]
""")
    )
    assert host.run("main") == [2, 4, 6, {"k": "v"}]


def test_a_failure_is_a_state_and_the_result_fails_as_the_job_did(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q")
  set id = tool.Job.Submit("q", {"procedure": given})
  set job = tool.Job.Wait(id, 20)
  on error do
    return [job.state, job.error.code, system_error_code, system_error_message]
  endon
  call tool.Job.Result(id)
"""),
        limits={"max_steps": 1000},
    )
    assert host.run("main", "broken")[:3] == ["failed", 1, 1]
    # A limit ends the job's run, and not the run of who asks for its result.
    state, code, raised, message = host.run("main", "endless")
    assert (state, code, raised) == ("failed", 37, 21)
    assert "max_steps" in message or "steps" in message


def test_a_job_has_the_same_keys_in_every_state(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q", {"max": 1, "max_attempts": 1})
  set run = tool.Job.Submit("q", {"procedure": "pass"})
  set after = tool.Job.Submit("q", {"procedure": "double", "args": [1], "delay": 600, "deadline": 900})
  set gone = tool.Job.Submit("q", {"procedure": "double", "args": [1], "delay": 600})
  set seen = [tool.Job.Get(after), tool.Job.Cancel(gone), tool.Job.Cancel(gone)]
  while tool.Job.Get(run).state == "pending"
    call tool.time.Sleep(0.01)
  endwhile
  set seen = tool.list.Append(seen, tool.Job.Get(run))
  call tool.w.Open()
  set seen = tool.list.Append(seen, tool.Job.Wait(run, 20))
  set bad = tool.Job.Submit("q", {"procedure": "broken"})
  return tool.list.Append(seen, tool.Job.Wait(bad, 20))
""")
    )
    host.tool("w.Open")(lambda: world.gate.set())
    seen = host.run("main")
    assert [job["state"] for job in seen] == ["pending", "cancelled", "cancelled", "running", "done", "failed"]
    for job in seen:
        assert [text for text in differences(JOB, job) if "timedate" not in text] == []
        assert (job["ended"] is None) == (job["state"] in ("pending", "running"))


SUBMITS: list[tuple[str, int, str]] = [
    ('"none", {"prompt": "x"}', 9, 'make it first: call tool.WorkQueue.Create("none")'),
    ('"q", {}', 4, "the job has neither a prompt nor a procedure"),
    ('"q", {"prompt": "x", "procedure": "double"}', 4, "both a prompt and a procedure"),
    ('"q", {"promt": "x"}', 4, "did you mean 'prompt'?"),
    ('"q", {"prompt": "x", "prioritiy": 1}', 4, "did you mean 'priority'?"),
    ('"q", {"prompt": " "}', 4, "its prompt is empty"),
    ('"q", {"prompt": "x", "args": []}', 4, "the job has args, which goes with a procedure"),
    ('"q", {"procedure": "double", "args": [1], "input": 1}', 4, "the job has input, which goes with a prompt"),
    ('"q", {"prompt": "x", "priority": 6}', 4, "priority is 6; expected 1 to 5"),
    ('"q", {"prompt": "x", "priority": "high"}', 4, "priority is"),
    ('"q", {"prompt": "x", "delay": -1}', 4, "delay is -1; expected 0 to"),
    ('"q", {"prompt": "x", "delay": 1, "not_before": "2030-01-01T00:00:00Z"}', 4, "both delay and not_before"),
    ('"q", {"prompt": "x", "not_before": "tomorrow"}', 4, "a text in RFC 3339"),
    ('"q", {"prompt": "x", "max_attempts": 0}', 4, "max_attempts is 0; expected 1 to 100"),
    ('"q", {"prompt": "x", "id": ""}', 4, "expected 1 to 100 printable characters"),
    ('"q", {"procedure": "duoble", "args": [1]}', 2, "double"),
    ('"q", {"procedure": "double"}', 4, "double() needs 'n'"),
    ('"q", {"procedure": "double", "args": {"m": 1}}', 4, "has no parameter 'm'"),
    ('"q", {"procedure": "double", "args": 1}', 4, "args is"),
    ('"q", {"procedure": "double", "args": [double]}', 7, "the job['args'][0] holds a function"),
    ('"q", {"prompt": "x", "metadata": {"k": double}}', 7, "the metadata['k'] holds a function"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), SUBMITS, ids=[each[0] for each in SUBMITS])
def test_a_job_that_does_not_fit_is_refused_before_it_is_stored(
    world: World, arguments: str, code: int, told: str
) -> None:
    host = world.host(main(f'  call tool.WorkQueue.Create("q", {{"max": 0}})\n  call tool.Job.Submit({arguments})'))
    with raises_code(code) as raised:
        host.run("main")
    assert told in raised.value.message
    assert world.engine.list("me") == []


def test_many_jobs_are_all_submitted_or_none(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q", {"max": 0})
  call tool.Job.SubmitAll("q", [{"prompt": "a"}, {"prompt": "b", "priority": 0}])
""")
    )
    with raises_code(4, "job 2: priority is 0"):
        host.run("main")
    assert world.engine.list("me") == []


SETTINGS: list[tuple[str, str, int, str]] = [
    ("q", '{"maxx": 2}', 4, "did you mean 'max'?"),
    ("q", '{"max": 65}', 4, "max is 65; expected 0 to 64"),
    ("q", '{"min": 5, "max": 2}', 4, "min is 5 and max is 2"),
    ("q", '{"lease_seconds": 0.1}', 4, "lease_seconds is 0.1"),
    ("q", '{"worker": 3}', 4, "worker is"),
    ("my queue", "{}", 4, "is no name of a queue"),
    ("a:b", "{}", 4, "is no name of a queue"),
]


@pytest.mark.parametrize(("name", "settings", "code", "told"), SETTINGS)
def test_a_queue_that_does_not_fit_is_refused(world: World, name: str, settings: str, code: int, told: str) -> None:
    host = world.host(main(f'  call tool.WorkQueue.Create("{name}", {settings})'))
    with raises_code(code) as raised:
        host.run("main")
    assert told in raised.value.message


def test_ids_are_the_programs_to_choose_and_hold_for_ever(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q")
  set id = tool.Job.Submit("q", {"procedure": "double", "args": [2], "id": "first"})
  must tool.Job.Wait(id, 20).result == 4
  must tool.Job.Submit("q", {"procedure": "double", "args": [2], "id": "first"}) == "first"
  must tool.Job.WaitNext("q", 20).id == "first"
  must tool.Job.WaitNext("q", 20) == nil
  call tool.Job.Submit("q", {"procedure": "double", "args": [3], "id": "first"})
""")
    )
    with raises_code(42):
        host.run("main")


def test_nothing_is_waited_for_where_nothing_is_left(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q")
  must tool.Job.WaitNext("q") == nil
  set id = tool.Job.Submit("q", {"procedure": "pass"})
  must tool.Job.WaitNext("q", 0.05) == nil
  must not (tool.Job.Wait(id, 0.01).state == "done")
  call tool.WorkQueue.Pause("q")
  set other = tool.Job.Submit("q", {"procedure": "double", "args": [1]})
  call tool.w.Open()
  must tool.Job.Wait(id, 20).state == "done"
  must tool.Job.Wait(other, 0.05).state == "pending"
  must tool.WorkQueue.List()[0].paused
  call tool.WorkQueue.Resume("q")
  must tool.Job.Wait(other, 20).state == "done"
  call tool.WorkQueue.Delete("q")
  return tool.WorkQueue.List()
""")
    )
    host.tool("w.Open")(lambda: world.gate.set())
    assert host.run("main") == []


def test_a_wait_obeys_who_ends_the_run(world: World) -> None:
    program = main("""
  call tool.WorkQueue.Create("q", {"max": 0})
  call tool.Job.Submit("q", {"prompt": "x"})
  return tool.Job.WaitNext("q")
""")
    token = CancelToken()
    threading.Timer(0.1, token.cancel).start()
    with pytest.raises(CancelledError):
        world.host(program).run("main", cancel=token)
    with pytest.raises(LimitError, match="max_wall_seconds"):
        world.host(program, limits={"max_wall_seconds": 0.1}).run("main")


@pytest.mark.parametrize("most", [0, 1])
def test_a_job_that_is_not_done_in_time_expires(world: World, most: int) -> None:
    """Whether it has begun or not."""
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q", {"max": given})
  set id = tool.Job.Submit("q", {"procedure": "pass", "deadline": 0.3})
  set states = [tool.Job.Wait(id, 20).state, tool.Job.WaitNext("q", 20).state]
  on error do
    return [states, system_error_code, system_error_message]
  endon
  call tool.Job.Result(id)
""")
    )
    states, code, message = host.run("main", most)
    assert (states, code) == (["expired", "expired"], 31)
    assert "its deadline passed before it was done" in message


def test_what_jobs_taught_is_found_again_and_added_up(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q", {"max_attempts": 1})
  for each n in [1, 2, 3]
    set id = tool.Job.Submit("q", {"procedure": "double", "args": [n], "id": "j" + n, "metadata": {"odd": n % 2 == 1}})
    call tool.Job.Wait(id, 20)
    call tool.Job.Feedback(id, n, "n is " + n)
  endfor
  call tool.Job.Wait(tool.Job.Submit("q", {"procedure": "broken", "id": "bad"}), 20)
  return {
    "good": tool.Job.List({"queue": "q", "min_rating": 2}),
    "odd": tool.Job.List({"metadata": {"odd": true}, "limit": 1}),
    "failed": tool.Job.List({"state": ["failed", "expired"]}),
    "broken": tool.Job.List({"procedure": "broken"}),
    "mine": tool.Job.List({"mine": true}),
    "status": tool.WorkQueue.Status("q")
  }
""")
    )
    found = host.run("main")
    ids = {name: [job["id"] for job in found[name]] for name in ("good", "odd", "failed", "broken", "mine")}
    assert ids == {
        "good": ["j3", "j2"], "odd": ["j3"], "failed": ["bad"], "broken": ["bad"], "mine": ["bad", "j3", "j2", "j1"],
    }  # fmt: skip
    assert found["good"][0]["feedback"] == {"rating": 3, "comment": "n is 3", "by": "a program"}
    status = found["status"]
    assert (status["done"], status["failed"], status["attempts"], status["mean_rating"]) == (3, 1, 4, 2)
    assert 0 < status["mean_seconds"] <= status["seconds"]


@pytest.mark.parametrize("filters", ['{"stat": "done"}', '{"state": "don"}', '{"limit": 0}', '{"metadata": 1}'])
def test_a_filter_that_there_is_not_is_refused(world: World, filters: str) -> None:
    with raises_code(4):
        world.host(main(f"  return tool.Job.List({filters})")).run("main")


def test_large_arguments_and_results_are_kept_beside_the_queues(world: World) -> None:
    host = world.host(
        PROGRAM
        + """
func echo(needs text) means
  return {"text": text, "at": tool.time.Now()}
endfunc

func main(needs text) means
  call tool.WorkQueue.Create("q")
  set job = tool.Job.Wait(tool.Job.Submit("q", {"procedure": "echo", "args": [text]}), 20)
  must typeof(job.result.at) == "timedate"
  return job.result.text == text
endfunc
"""
    )
    assert host.run("main", "ä€" * 200_000)
    [job] = world.engine.list("me")
    assert len(repr(job.payload)) < 20_000
    assert len(list((world.directory / "neuroscript_jobs" / "contents").iterdir())) == 3  # program, arguments, result


def test_a_result_that_only_its_run_knows_is_none(world: World) -> None:
    host = world.host(
        main("""
  call tool.WorkQueue.Create("q")
  return tool.Job.Wait(tool.Job.Submit("q", {"procedure": "given"}), 20).error
""")
        + "\nfunc given() means\n  return [double]\nendfunc\n"
    )
    assert host.run("main")["message"].startswith("the result[0] holds a function")


def test_a_host_without_queues_says_so() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load('func main() means\n  call tool.WorkQueue.Create("q")\nendfunc\n')
        with raises_code(18, "this host has no queues"):
            interpreter.run("main")
        assert "WorkQueue" not in interpreter.primer()


def test_queues_are_told_of_in_the_primer_where_there_are_some(world: World) -> None:
    page = world.host("").primer()
    assert "WorkQueue" in page
    assert "tool.Job.Submit(" in page


CALLS = {
    "Job.Cancel": 'tool.Job.Cancel("j")',
    "Job.Get": 'tool.Job.Get("j")',
    "Job.List": "tool.Job.List()",
    "Job.Wait": 'tool.Job.Wait("j", 20)',
    "Job.WaitNext": 'tool.Job.WaitNext("q", 20)',
    "WorkQueue.List": "tool.WorkQueue.List()",
    "WorkQueue.Status": 'tool.WorkQueue.Status("q")',
}


@pytest.mark.parametrize("name", CALLS)
def test_the_declared_keys_are_those_given(world: World, name: str) -> None:
    host = world.host(
        main(f"""
  call tool.WorkQueue.Create("q")
  call tool.Job.Submit("q", {{"procedure": "double", "args": [1], "id": "j"}})
  return {CALLS[name]}
""")
    )
    spec = standard_registry().lookup(name).spec
    if str(spec.return_type) == "any":
        assert spec.result_shape is not None
        assert differences(spec.result_shape, host.run("main")) == []
    else:
        assert result_differences(spec, host.run("main")) == []
