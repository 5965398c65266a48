"""The budget of a run: of tokens as of cost, over all starts, and shared with the jobs that the run starts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ai_wm import LLMRequest, WorkerPolicy
from ai_wm.calls.run_budget import RunBudget
from neuroscript import Interpreter, Journal, NeuroScriptError, Policy, ToolContext
from neuroscript.journal import Membership, SharedBudget, share_budget
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.journal.world import ALWAYS_UP, DOWN, World, raising, reply

ASKS = """\
func main() means
  ask "w", "one" into one
  ask "w", "two" into two
  ask "w", "three" into three
  return tool.run.Budget()
endfunc
"""
COST = 0.05
"""What a call costs; before, it may cost 0.2, and use 20 tokens of output and those of its input."""

TOKENS = 15


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("run_id", ["r", None], ids=["journaled", "not journaled"])
def test_what_a_run_uses_is_told_to_it(world: World, run_id: str | None) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1, max_tokens_per_run=1000)
    told = world.start(ASKS, run_id=run_id)
    assert (told["cost"], told["max_cost"]) == (pytest.approx(3 * COST), 1)
    assert told["cost_left"] == pytest.approx(1 - 3 * COST)
    assert (told["tokens"], told["max_tokens"], told["tokens_left"]) == (3 * TOKENS, 1000, 1000 - 3 * TOKENS)
    assert told["calls"] == (None if run_id is None else 3)


def test_it_is_told_without_limits_and_before_the_first_call(world: World) -> None:
    told = world.start("func main() means\n  return tool.run.Budget()\nendfunc\n", run_id=None)
    assert (told["cost"], told["max_cost"], told["cost_left"], told["tokens"]) == (0, None, None, 0)
    assert world.start(ASKS)["cost"] == pytest.approx(3 * COST)


@pytest.mark.parametrize("run_id", ["r", None], ids=["journaled", "not journaled"])
def test_tokens_are_reserved_before_a_call(world: World, run_id: str | None) -> None:
    world.policy = WorkerPolicy(owner="tests", max_tokens_per_run=80)
    with raises_code(46, r"this run may use 80 tokens \(max_tokens_per_run\); 15 are used, 65 are left") as refusal:
        world.start(ASKS, run_id=run_id)
    assert len(world.asked) == 1
    details = refusal.value.details
    assert (details["limit"], details["budget"], details["value"]) == ("max_tokens_per_run", "run", 80)
    assert (details["used"], details["held"], details["left"]) == (15, 0, 65)
    assert "raise it with --max-tokens or WorkerPolicy(max_tokens_per_run=…)" in refusal.value.message


def test_tokens_count_over_all_starts_of_a_run(world: World) -> None:
    world.policy = WorkerPolicy(owner="tests", max_tokens_per_run=1000)
    with raises_code(16):
        world.start(ASKS, raising(DOWN, lambda request: request.messages[-1].content == "three"))
    world.policy = WorkerPolicy(owner="tests", max_tokens_per_run=90)
    with raises_code(46, "30 are used"):
        world.start(ASKS, ALWAYS_UP)
    world.policy = WorkerPolicy(owner="tests", max_tokens_per_run=1000)
    assert world.start(ASKS, ALWAYS_UP)["tokens"] == 3 * TOKENS


def test_no_tokens_at_all_are_no_call(world: World) -> None:
    world.policy = WorkerPolicy(owner="tests", max_tokens_per_run=0)
    with raises_code(46, "this run may use 0 tokens"):
        world.start(ASKS)
    assert world.asked == []


def test_what_the_calls_of_a_batch_hold_is_told_with_the_refusal() -> None:
    budget = RunBudget(1.0, 100)
    share = budget.reserve(0.75, 60, "w was not asked")
    with raises_code(
        46, r"0 are spent, calls in flight may cost 0\.75 more, 0\.25 are left, and this call may cost 0\.5"
    ):
        budget.reserve(0.5, 1, "w was not asked")
    with raises_code(46, r"calls in flight may use 60 more, 40 are left, and this call may use 50"):
        budget.reserve(0.1, 50, "w was not asked")
    share.settle(10, 0.1)
    assert budget.told()["tokens_left"] == 90
    budget.reserve(0.5, 50, "w was not asked").release()
    assert budget.told()["cost_left"] == pytest.approx(0.9)


# --- shared with jobs ---

SUBMITTING = """\
func main() means
  ask "w", "first" into one
  set done = tool.job.Do("a")
  set more = tool.job.Do("b")
  return {"told": tool.run.Budget(), "done": done, "more": more}
endfunc
"""
JOB = """\
func main() means
  ask "w", "of the job" into one
  return tool.run.Budget()
endfunc
"""


class Jobs:
    """Does jobs as another process would: with a manager, an interpreter and a journal of its own."""

    def __init__(self, world: World, program: str = JOB) -> None:
        self.world = world
        self.program = program
        self.policy = WorkerPolicy(owner="tests")

    def do(self, ctx: ToolContext, name: str) -> Any:
        """Does a job."""
        budget = share_budget(ctx, self.world.journal)
        return self.run(name, self.program, budget)

    def run(self, name: str, program: str, budget: dict[str, Any] | None) -> Any:
        services = {} if budget is None else {"run_budget": budget}
        with (
            Interpreter(plugins=False, policy=Policy(grants=("*",)), services=services) as job,
            self.world.manager() as manager,
            Journal.open(self.world.directory / "state") as journal,
        ):
            self.world.register(job, manager, self.policy)
            job.load(program, "job.ns")
            return job.run("main", run_id=f"job {name}", journal=journal)


@pytest.fixture
def jobs(world: World) -> Jobs:
    found = Jobs(world)
    world.tools["job.Do"] = found.do
    return found


@pytest.mark.parametrize("run_id", ["r", None], ids=["journaled", "not journaled"])
@pytest.mark.usefixtures("jobs")
def test_jobs_use_the_budget_of_the_run_that_started_them(world: World, run_id: str | None) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1, max_tokens_per_run=1000)
    found = world.start(SUBMITTING, run_id=run_id)
    for told, calls in ((found["done"], 2), (found["more"], 3), (found["told"], 3)):
        assert told["cost"] == pytest.approx(calls * COST)
        assert told["cost_left"] == pytest.approx(1 - calls * COST)
        assert (told["max_cost"], told["tokens"], told["tokens_left"]) == (1, calls * TOKENS, 1000 - calls * TOKENS)


@pytest.mark.usefixtures("jobs")
def test_a_job_is_refused_what_the_run_has_used_up(world: World) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.29)
    words = r"this run and those that share its budget may cost 0\.29 together \(max_cost_per_run\); 0\.1 are spent"
    with raises_code(46, words) as refusal:
        world.start(SUBMITTING)
    assert refusal.value.details["budget"] == "shared"
    assert world.asked == ["first", "of the job"]


@pytest.mark.usefixtures("jobs")
def test_a_run_that_goes_on_is_refused_what_its_jobs_have_used_up(world: World) -> None:
    program = SUBMITTING.replace('set more = tool.job.Do("b")', 'ask "w", "more" into more')
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1)
    with raises_code(16):
        world.start(program, raising(DOWN, lambda request: request.messages[-1].content == "more"))
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.29)
    with raises_code(46, r"together \(max_cost_per_run\); 0\.1 are spent"):
        world.start(program)
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1)
    assert world.start(program)["told"]["cost"] == pytest.approx(3 * COST)


def test_a_job_that_starts_later_has_the_limits_that_its_run_has_then(world: World, jobs: Jobs) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.29)
    kept: list[dict[str, Any]] = []

    def keep(ctx: ToolContext, name: str) -> None:
        """Submits a job that is done later."""
        kept.append(share_budget(ctx, world.journal) or {})

    world.tools |= {"job.Keep": keep, "job.Do": lambda name: None}
    program = (
        'func main() means\n  call tool.job.Keep("a")\n  ask "w", "first" into one\n  ask "w", "x" into two\nendfunc\n'
    )
    with raises_code(16):
        world.start(program, raising(DOWN, lambda request: request.messages[-1].content == "x"))
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.2)
    with raises_code(46):
        world.start(program)
    world.client.answer = ALWAYS_UP
    with raises_code(46, r"may cost 0\.2 together"):
        jobs.run("b", JOB, kept[0])
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=3)
    world.start(program)
    assert jobs.run("b", JOB, kept[0])["max_cost"] == 3


def test_a_limit_of_the_jobs_own_holds_for_the_job_alone(world: World, jobs: Jobs) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1)
    jobs.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.21)
    assert world.start(SUBMITTING)["more"]["cost_left"] == pytest.approx(0.21 - COST)
    jobs.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.19)
    with raises_code(46, r"this run may cost 0\.19"):
        world.start(SUBMITTING.replace('"a"', '"c"'), run_id="another")


def test_a_job_of_a_job_shares_the_same_budget(world: World, jobs: Jobs) -> None:
    nested = JOB.replace("return", 'call tool.job.Nested("c")\n  return')

    def do(ctx: ToolContext, name: str) -> Any:
        """Does a job that does another."""
        return jobs.run(name, nested, share_budget(ctx, world.journal))

    def do_nested(ctx: ToolContext, name: str) -> Any:
        """Does the other."""
        return jobs.run(name, JOB, share_budget(ctx, world.journal))

    world.tools |= {"job.Do": do, "job.Nested": do_nested}
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1)
    found = world.start(SUBMITTING.replace('tool.job.Do("b")', "nil"))
    assert found["told"]["cost"] == pytest.approx(3 * COST)


def test_a_job_that_was_cut_off_and_goes_on_counts_once_with_what_was_lost(world: World, jobs: Jobs) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1)

    def cut_off(request: LLMRequest) -> Any:
        if request.messages[-1].content == "of the job":
            raise KeyboardInterrupt
        return reply()

    with pytest.raises(KeyboardInterrupt):
        world.start(SUBMITTING, cut_off)
    found = world.start(SUBMITTING)
    lost = [record for record in world.records() if record.llm_metrics.get("lost")]
    assert len(lost) == 1
    assert found["told"]["cost"] == pytest.approx(3 * COST + lost[0].cost_incurred)


def test_what_is_in_flight_when_a_budget_is_shared_is_held_in_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        budget = RunBudget(1.0)
        budget.reserve(0.25, 5, "").settle(5, 0.125)
        share = budget.reserve(0.5, 7, "")
        journal.accounts.open(SharedBudget("b", 1.0))
        budget.join(Membership(journal.accounts, SharedBudget("b", 1.0), "b", owns=True))
        job = RunBudget(shared=Membership(journal.accounts, SharedBudget("b", 1.0), "job"))
        with raises_code(46, r"0\.125 are spent, calls in flight may cost 0\.5 more, 0\.375 are left"):
            job.reserve(0.5, 1, "")
        share.settle(6, 0.25)
        assert job.told()["cost_left"] == pytest.approx(0.625)
        job.reserve(0.5, 1, "").settle(1, 0.5)
        assert budget.told()["cost_left"] == pytest.approx(0.125)


def test_a_share_that_is_lost_counts_as_reserved_in_the_account_too(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.accounts.open(SharedBudget("b", 1.0))
        job = RunBudget(shared=Membership(journal.accounts, SharedBudget("b", 1.0), "job"))
        share = job.reserve(0.75, 5, "")
        share.sent = True
        del share
        held = job.reserve(0.25, 0, "")
        with raises_code(46, r"0\.75 are spent, calls in flight may cost 0\.25 more, 0 are left"):
            job.reserve(0.125, 0, "")
        del held  # what was not sent is given back
        job.reserve(0.125, 0, "").release()


def test_many_callers_of_many_runs_never_exceed_what_they_share(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.accounts.open(SharedBudget("b", 1.0))
        members = [Membership(journal.accounts, SharedBudget("b", 1.0), f"job {n}") for n in range(3)]
        budgets = [RunBudget(shared=member) for member in members]
        most, lock = [0.0], threading.Lock()

        def call(number: int) -> bool:
            try:
                share = budgets[number % 3].reserve(0.25, 1, "", wait_seconds=20)
            except NeuroScriptError:
                return False
            with lock:
                sums = members[0].sums()
                most[0] = max(most[0], (sums.cost + sums.held_cost) / 1e9)
            share.settle(1, 0.05)
            return True

        with ThreadPoolExecutor(8) as pool:
            made = sum(pool.map(call, range(24)))
        assert most[0] <= 1.0
        # Each call may cost 0.25 and costs 0.05: while 0.25 are left there is room for one more.
        assert made == 16
        assert members[0].sums().cost == round(16 * 0.05 * 1e9)


def test_a_shared_budget_without_a_journal_is_refused(world: World) -> None:
    with raises_code(18, "run it with run_id and journal"):
        world.start(ASKS, run_id=None, run_budget={"id": "b", "max_cost": 1})
    assert world.asked == []


def test_a_job_whose_run_was_removed_is_refused(world: World) -> None:
    with raises_code(46, "that run was removed"):
        world.start(ASKS, run_budget={"id": "b", "max_cost": 1})
    assert world.asked == []
