"""What a job may do: no more than who submitted it, and no more than the process that does it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter, Limits, Policy, RunTerms, ToolSpec
from neuroscript.jobs import Grant, Job
from tests.ai_wm.helpers import raises_code, scripted
from tests.jobs.test_bodies import ended, waiting
from tests.jobs.world import World

PROGRAM = """
func act(needs n) means
  return tool.w.Act(n)
endfunc

func read(needs path) means
  return tool.fs.Read(path)
endfunc

func spin() means
  set i = 0
  while i < 5000
    set i = i + 1
  endwhile
  return i
endfunc

func main(needs job optional most) means
  call tool.WorkQueue.Create("q", {"max": most, "max_attempts": 1})
  return tool.Job.Submit("q", job)
endfunc
"""


def served(world: World, id: str, **options: Any) -> Job:
    """The job, done by a process that only serves."""
    host = world.host("", owner="", **options)
    world.jobs[host].serve_named("q", "me", most=1)
    return ended(world, id)


def submitted(world: World, job: dict[str, Any], **options: Any) -> str:
    """The id of a job that another process is to do."""
    with world.host(PROGRAM, **options) as host:
        id: str = host.run("main", job, 0)
    return id


def failure(job: Job) -> int:
    """The code of the error that a job failed with."""
    assert job.error is not None, job
    return int(job.error["code"])


ACT = {"procedure": "act", "args": [1]}
SPIN = {"procedure": "spin"}
NARROW: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], int]] = [
    ("the submitter's policy", ACT, {"policy": Policy(deny=("w.Act",))}, {}, 10),
    ("the server's policy", ACT, {}, {"policy": Policy(allow=("str.*",))}, 10),
    ("the submitter's limits", SPIN, {"limits": Limits(max_steps=1000)}, {}, 37),
    ("the server's limits", SPIN, {}, {"limits": Limits(max_steps=1000)}, 37),
]


@pytest.mark.parametrize(("says", "job", "ours", "theirs", "code"), NARROW, ids=[each[0] for each in NARROW])
def test_both_hold(
    world: World, says: str, job: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], code: int
) -> None:
    assert failure(served(world, submitted(world, job, **ours), **theirs)) == code
    assert world.acts == []


def test_what_both_allow_is_done(world: World) -> None:
    policies = Policy(deny=("fs.*",)), Policy(deny=("os.*",))
    assert served(world, submitted(world, ACT, policy=policies[0]), policy=policies[1]).result == {"value": 1}


FILES = [("box", "box", 0), ("box/inner", "box", 0), ("box", "box/inner", 18), ("box", None, 18), (None, "box", 18)]


@pytest.mark.parametrize(("ours", "theirs", "code"), FILES)
def test_a_job_reaches_its_submitters_files_where_the_server_does(
    world: World, tmp_path: Path, ours: str | None, theirs: str | None, code: int
) -> None:
    (tmp_path / "box" / "inner").mkdir(parents=True)
    for place in ("box", "box/inner"):
        (tmp_path / place / "a.txt").write_text(place)
    places = [{} if place is None else {"sandbox": tmp_path / place} for place in (ours, theirs)]
    job = served(world, submitted(world, {"procedure": "read", "args": ["a.txt"]}, **places[0]), **places[1])
    if code:
        assert failure(job) == code
    else:
        assert job.result == {"value": ours}


def test_a_yes_that_the_submitters_run_needs_is_needed_by_its_jobs(world: World) -> None:
    world.journal.terms = RunTerms(ask_before=("w.Act",))
    id = world.host(PROGRAM).run("main", ACT, 1, run_id="r", journal=world.journal)
    world.journal.terms = RunTerms()
    assert waiting(world, id).waits_for.startswith("w.Act: neuroscript runs approve")
    assert world.acts == []


def test_a_yes_that_the_serving_process_needs_is_needed_by_its_jobs(world: World) -> None:
    id = submitted(world, ACT)
    world.journal.terms = RunTerms(ask_before=("w.Act",))
    world.jobs[world.host("", owner="")].serve_named("q", "me", most=1)
    assert waiting(world, id).waits_for.startswith("w.Act: neuroscript runs approve")
    assert world.acts == []


def test_silence_is_a_no_for_jobs_as_for_their_submitters_run(world: World) -> None:
    world.journal.terms = RunTerms(ask_before=("w.Act",), approval_seconds=0.01)
    id = world.host(PROGRAM).run("main", ACT, 1, run_id="r", journal=world.journal)
    assert failure(ended(world, id)) == 48
    assert world.acts == []


def _changed(directory: Path, change: Any) -> None:
    """Changes the payload of the only job, as whoever can write the file may."""
    with sqlite3.connect(directory / "neuroscript_jobs" / "jobs.sqlite3") as file:
        [(payload,)] = file.execute("SELECT payload FROM payloads").fetchall()
        held = json.loads(payload)
        change(held)
        file.execute("UPDATE payloads SET payload = ?", (json.dumps(held),))


FORGED = {
    "more tools": lambda held: held["grant"]["policy"][0].update(deny=[]),
    "larger limits": lambda held: held["grant"]["limits"].update(max_steps=None),
    "another procedure": lambda held: held["work"]["value"].update(procedure="read", args=["/etc/passwd"]),
    "no mark": lambda held: held.pop("mark"),
    "a mark of another kind": lambda held: held.update(mark=1),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_job_that_nobody_vouches_for_is_not_done(world: World, forged: str) -> None:
    id = submitted(world, ACT, policy=Policy(deny=("fs.*",)))
    _changed(world.directory, FORGED[forged])
    job = served(world, id)
    assert failure(job) == 10
    assert job.error is not None
    assert "nobody vouches for the job" in job.error["message"]
    assert world.acts == []


def test_a_job_of_another_user_is_not_done(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the directory came with a repository."""
    id = submitted(world, ACT)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another user"))
    assert failure(served(world, id)) == 10
    assert world.acts == []


def test_a_program_that_was_changed_is_not_run(world: World) -> None:
    id = submitted(world, ACT)
    [kept] = (world.directory / "neuroscript_jobs" / "contents").iterdir()
    kept.write_text(kept.read_text().replace("w.Act(n)", "w.Act(2)"))
    assert failure(served(world, id)) == 10
    assert world.acts == []


def test_owners_see_their_own(world: World) -> None:
    id = submitted(world, ACT)
    other = world.host(
        "func get(needs id) means\n  return tool.Job.Get(id)\nendfunc\n"
        "func see() means\n  return [tool.WorkQueue.List(), tool.Job.List()]\nendfunc\n"
        'func take() means\n  return tool.Job.WaitNext("q", 0)\nendfunc\n',
        owner="somebody else",
    )
    assert other.run("see") == [[], []]
    for call in (("get", id), ("take",)):
        with raises_code(9):
            other.run(*call)


def test_no_file_tool_reaches_the_queues(world: World, tmp_path: Path) -> None:
    program = 'func main() means\n  return tool.fs.Read("state/neuroscript_jobs/jobs.sqlite3")\nendfunc\n'
    submitted(world, ACT)
    for host in (world.host(program, sandbox=tmp_path), Interpreter(sandbox=tmp_path, plugins=False)):
        with host:
            if not host.programs:
                host.load(program)
            with raises_code(10, "out of every program's reach"):
                host.run("main")


def test_what_the_host_keeps_to_itself_is_out_of_jobs_reach(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s")
    id = submitted(world, {"procedure": "read", "args": ["secret.txt"]}, sandbox=tmp_path)
    host = world.host("", owner="", sandbox=tmp_path)
    host.protect(tmp_path / "secret.txt")
    world.jobs[host].serve_named("q", "me", most=1)
    assert failure(ended(world, id)) == 10


LOOSE = [lambda grant: {"limits": None, "policy": grant.policy}, lambda grant: {"limits": grant.limits, "sandbox": "/"}]


@pytest.mark.parametrize("options", LOOSE)
def test_a_hosts_interpreter_for_a_job_is_held_to_its_grant(world: World, options: Any) -> None:
    def make(grant: Grant) -> Interpreter:
        return Interpreter(**options(grant), plugins=False)

    id = submitted(world, ACT, limits={"max_steps": 1000})
    job = served(world, id, own={"make": make})
    assert failure(job) == 18
    assert job.error is not None
    assert "make(grant) gave a job's interpreter" in job.error["message"]


def test_a_hosts_interpreter_for_a_job_gets_the_policy_in_any_case(world: World) -> None:
    def make(grant: Grant) -> Interpreter:
        made = Interpreter(sandbox=grant.sandbox, limits=grant.limits, plugins=False)
        world.add_tools(made)
        return made

    id = submitted(world, ACT, policy=Policy(deny=("w.Act",)))
    assert failure(served(world, id, own={"make": make})) == 10
    assert world.acts == []


NESTED = """
func again(needs depth) means
  call tool.WorkQueue.Create("d" + depth)
  set id = tool.Job.Submit("d" + depth, {"procedure": "again", "args": [depth + 1]})
  return tool.Job.Wait(id, 30)
endfunc

func same() means
  set id = tool.Job.Submit("q", {"procedure": "leaf"})
  return tool.Job.Wait(id)
endfunc

func leaf() means
  return 1
endfunc

func main(needs procedure, args) means
  call tool.WorkQueue.Create("q", {"max": 1, "max_attempts": 1})
  return tool.Job.Wait(tool.Job.Submit("q", {"procedure": procedure, "args": args}), 60)
endfunc
"""


def test_jobs_descend_from_one_another_so_far(world: World) -> None:
    found = world.host(NESTED).run("main", "again", [1])
    depth = 1
    while found["result"] is not None:
        depth, found = depth + 1, found["result"]
    assert (depth, found["error"]["code"]) == (8, 37)
    assert "8 deep (q → d1 →" in found["error"]["message"]


def test_a_job_does_not_wait_for_its_own_place(world: World) -> None:
    found = world.host(NESTED).run("main", "same", [])
    assert (found["state"], found["error"]["code"]) == ("failed", 19)
    assert "perhaps for its own place" in found["error"]["message"]


# --- workers ----------------------------------------------------------------------------------------------------------

ASKING = """
func main() means
  call tool.WorkQueue.Create("q", {"worker": "w", "max_attempts": 1})
  return tool.Job.Wait(tool.Job.Submit("q", {"prompt": "Say hi."}), 30)
endfunc

func add() means
  call tool.WorkQueue.Create("q", {"worker": "w", "max_attempts": 1})
  return tool.Job.Wait(tool.Job.Submit("q", {"procedure": "adding"}), 30)
endfunc

func adding() means
  call tool.AIWorkerDefinition.Add(name: "made", provider: "local", model_name: "echo", auth: {"method": "none"})
  return tool.AIWorkerDefinition.List()
endfunc
"""


def with_workers(world: World, manager: AIWorkerManager, policy: WorkerPolicy | None = None) -> Interpreter:
    """A host whose programs ask the workers of a manager."""
    host = world.host("", plugins=True)
    register_ai_worker_tools(host, manager, policy=policy)
    host.load(ASKING, "p.ns")
    return host


def test_jobs_ask_the_workers_of_the_host(world: World) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("w", ["hi there"]))
        with with_workers(world, manager) as host:
            found = host.run("main")
            records = manager.get_performance_records_for_definition("w")
    assert (found["state"], found["result"], found["worker"]) == ("done", "hi there", "w")
    assert found["tokens"] == sum(record.llm_metrics["total_tokens"] for record in records) > 0


@pytest.mark.parametrize("of_manager", [True, False])
def test_jobs_obey_the_policy_for_workers(world: World, of_manager: bool) -> None:
    policy = WorkerPolicy(ask=("other*",), manage="none")
    with AIWorkerManager(policy=policy if of_manager else None) as manager:
        manager.add_worker_definition(scripted("w", ["hi"]))
        with with_workers(world, manager, None if of_manager else policy) as host:
            assert host.run("main")["error"]["code"] == 10
            assert host.run("add")["error"]["code"] == 10


def test_jobs_ask_whom_the_host_has_answer(world: World) -> None:
    host = world.host(ASKING)
    host.set_asker(lambda ctx, who, prompt, config, whispered: f"{who} says {prompt} {config}")
    assert host.run("main")["result"] == "w says Say hi. {}"


def test_what_jobs_make_is_their_submitters(world: World) -> None:
    with AIWorkerManager(policy=WorkerPolicy(owner="ann")) as manager, with_workers(world, manager) as host:
        found = host.run("add")
        assert [each["name"] for each in found["result"]] == ["made"]
        assert manager.get_worker_definition("made").owner == "ann"


def test_the_intersection_of_policies_for_workers_keeps_the_first_owner() -> None:
    with Interpreter() as interpreter:
        rights = interpreter.services["worker_rights"]
        both = rights.both({"owner": "ann", "ask": ["a*", "b"]}, {"owner": "bob", "ask": ["b", "a1"], "max_retries": 1})
    assert both == {"owner": "ann", "ask": ["b", "a1"], "max_retries": 1, "default_ceiling": False}


SPECS = [
    ToolSpec(name="a.X"),
    ToolSpec(name="a.Y", capabilities=("fs:read",)),
    ToolSpec(name="b.Z", capabilities=("shell",)),
]
POLICIES = [
    Policy(),
    Policy(deny=("a.X",)),
    Policy(allow=("a",)),
    Policy(exempt=("b.*",)),
    Policy(grants=("*",)),
    Policy(grants=()),
    Policy(allow=("b",), grants=("shell",)),
]


@pytest.mark.parametrize("one", POLICIES)
@pytest.mark.parametrize("other", POLICIES)
def test_a_narrowed_policy_permits_what_both_do(one: Policy, other: Policy) -> None:
    both = one.narrowed(other)
    kept = Grant.of_json(json.loads(json.dumps(Grant(policy=both, limits=Limits()).to_json()))).policy
    for spec in SPECS:
        assert both.permits(spec) == kept.permits(spec) == (one.permits(spec) and other.permits(spec))
    for capability in ("fs:read", "shell"):
        assert both.granted(capability) == (one.granted(capability) and other.granted(capability))


def test_jobs_share_the_budget_of_the_run_that_submitted_them(world: World) -> None:
    """Three jobs of a run that may cost 2 and a half calls: the calls of all of them count in one account."""
    program = """
func main() means
  call tool.WorkQueue.Create("q", {"worker": "w", "max": 1, "max_attempts": 1})
  set ids = tool.Job.SubmitAll("q", [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "c"}])
  set states = []
  for each id in ids
    set states = tool.list.Append(states, tool.Job.Wait(id, 30))
  endfor
  return {"jobs": states, "cost": tool.run.Budget().cost}
endfunc
"""
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("w", ["hi"], cost_metrics={"cost_per_call": 1}))
        with world.host("", plugins=True) as host:
            register_ai_worker_tools(host, manager, policy=WorkerPolicy(max_cost_per_run=2.5))
            host.load(program, "p.ns")
            found = host.run("main", run_id="r", journal=world.journal)
    assert sorted(job["state"] for job in found["jobs"]) == ["done", "done", "failed"]
    [failed] = [job for job in found["jobs"] if job["state"] == "failed"]
    assert failed["error"]["code"] == 46
    assert (found["cost"], sum(job["cost"] for job in found["jobs"])) == (2, 2)
