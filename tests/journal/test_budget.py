"""The budget of a run: counted over all its starts."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, Journal, NeuroScriptError, RateLimitedError, RunTerms, ToolContext
from neuroscript.journal import Membership, SharedBudget, share_budget

PROGRAM = """
func main(needs count) means
  set i = 0
  while i < count
    call tool.w.Act(i)
    set now = tool.time.Now()
    set i = i + 1
  endwhile
  return tool.run.Budget()
endfunc

func careful() means
  set done = 0
  on error do
    emit system_error.message
    clear_error
  endon
  while done < 9
    set done = done + 1
    call tool.w.Act(done)
  endwhile
  return done
endfunc
"""


class World:
    """A host that counts the calls which it gets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls = 0
        self.emitted: list[Any] = []
        self.fails_at = -1

    def start(self, terms: RunTerms, *call: Any, **services: Any) -> Any:
        with Interpreter(plugins=False, emit=self.emitted.append, services=services) as interpreter:
            interpreter.tool("w.Act", effect="idempotent")(self.act)
            interpreter.load(PROGRAM)
            with Journal.open(self.directory, terms) as journal:
                return interpreter.run(*call, run_id="r", journal=journal)

    def act(self, number: int) -> None:
        self.calls += 1
        if number == self.fails_at:
            raise OSError("down")


def test_calls_are_counted_over_all_starts(tmp_path: Path) -> None:
    world = World(tmp_path)
    terms = RunTerms(max_calls=6)
    world.fails_at = 2
    with pytest.raises(Exception, match="down"):
        world.start(terms, "main", 10)
    world.fails_at = -1
    with pytest.raises(RateLimitedError, match=r"the budget of the run 'r' does not allow w.Act.*max_calls 6"):
        world.start(terms, "main", 10)
    assert world.calls == 4, "three before the failure, of which one again"
    with pytest.raises(RateLimitedError):
        world.start(terms, "main", 10)
    assert world.calls == 4
    told = world.start(RunTerms(max_calls=20), "main", 10)
    assert (told["calls"], told["max_calls"]) == (20, 20)


def test_a_script_may_handle_that_the_budget_is_used_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.start(RunTerms(max_calls=2), "careful") == 9
    assert world.calls == 2
    assert len(world.emitted) == 7


def test_the_time_begins_with_the_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.fails_at = 0
    with pytest.raises(Exception, match="down"):
        world.start(RunTerms(deadline=60), "main", 1)
    world.fails_at = -1
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 61)
    with pytest.raises(RateLimitedError, match=r"its time is over: 60 seconds after its first start \(deadline\)"):
        world.start(RunTerms(deadline=60), "main", 1)
    assert world.start(RunTerms(deadline=120), "main", 1)["deadline"] == 120


class Meter:
    """A plugin that counts what runs use."""

    def __init__(self) -> None:
        self.joined: list[Membership] = []

    def told(self) -> dict[str, Any]:
        return {"tokens": 300, "cost": 0.5, "max_cost": 2.0, "cost_left": 1.5}

    def join(self, shared: Membership) -> None:
        self.joined.append(shared)


def test_what_a_plugin_counts_is_told_too(tmp_path: Path) -> None:
    told = World(tmp_path).start(RunTerms(), "main", 1, run_meter=Meter())
    assert told.pop("seconds") >= 0
    assert told == {
        "calls": 2,
        "max_calls": None,
        "deadline": None,
        "cost": 0.5,
        "max_cost": 2.0,
        "cost_left": 1.5,
        "tokens": 300,
        "max_tokens": None,
        "tokens_left": None,
    }


def test_it_is_told_without_a_journal_too() -> None:
    with Interpreter(plugins=False, services={"run_meter": Meter()}) as interpreter:
        told = interpreter.session().evaluate("tool.run.Budget()")
    assert (told["tokens"], told["cost_left"], told["calls"]) == (300, 1.5, None)


def test_without_either_nothing_is_counted() -> None:
    interpreter = Interpreter(plugins=False)
    assert set(interpreter.session().evaluate("tool.run.Budget()").values()) == {None}


# --- shared with the jobs that a run starts ---


class Family(World):
    """A host whose runs start a job each, which does so many acts, in an interpreter of its own."""

    PROGRAM = """
func main(needs count) means
  call tool.w.Act(0)
  call tool.w.Start(count)
  call tool.w.Act(1)
  return tool.run.Budget()
endfunc
"""

    def run(self, terms: RunTerms, count: int, **services: Any) -> Any:
        with (
            Interpreter(plugins=False, services=services) as interpreter,
            Journal.open(self.directory, terms) as journal,
        ):
            interpreter.tool("w.Act", effect="idempotent")(self.act)

            @interpreter.tool("w.Start", effect="idempotent")
            def start(ctx: ToolContext, count: int) -> Any:
                """Starts a job, in a journal that another process might have opened."""
                budget = share_budget(ctx, journal)
                with (
                    Interpreter(plugins=False, services={} if budget is None else {"run_budget": budget}) as job,
                    Journal.open(self.directory) as elsewhere,
                ):
                    job.tool("w.Act", effect="idempotent")(self.act)
                    job.load(PROGRAM)
                    return job.run("main", count, run_id="job", journal=elsewhere)

            interpreter.load(self.PROGRAM)
            return interpreter.run("main", count, run_id="r", journal=journal)


def test_the_calls_of_a_job_count_for_the_run_that_started_it(tmp_path: Path) -> None:
    told = Family(tmp_path).run(RunTerms(max_calls=10), 3)
    assert (told["calls"], told["max_calls"]) == (3 + 2 * 3, 10)
    with pytest.raises(
        RateLimitedError, match=r"'job' does not allow w.Act: all runs .* together \(max_calls 10\)"
    ) as error:
        Family(tmp_path / "more").run(RunTerms(max_calls=10), 9)
    assert error.value.details["limit"] == "max_calls"


def test_a_job_and_its_run_that_go_on_count_no_call_twice(tmp_path: Path) -> None:
    family = Family(tmp_path)
    family.fails_at = 3
    with pytest.raises(Exception, match="down"):
        family.run(RunTerms(max_calls=20), 5)
    family.fails_at = -1
    # The call that failed and is made again counts once, in the job and in the run that waited for it.
    assert family.run(RunTerms(max_calls=20), 5)["calls"] == 3 + 2 * 5


def test_the_deadline_of_a_run_holds_for_its_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family(tmp_path)
    family.fails_at = 2
    with pytest.raises(Exception, match="down"):
        family.run(RunTerms(deadline=60), 3)
    family.fails_at = -1
    with (
        Journal.open(tmp_path) as journal,
        Interpreter(plugins=False, services={"run_budget": shared_in(journal)}) as job,
    ):
        job.tool("w.Act", effect="idempotent")(family.act)
        job.load(PROGRAM)
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 61)
        with pytest.raises(RateLimitedError, match="its time is over: that of the run whose budget it shares"):
            job.run("main", 3, run_id="job", journal=journal)


def shared_in(journal: Journal) -> dict[str, Any]:
    """The only budget that is shared in a journal."""
    with sqlite3.connect(journal.accounts.path) as database:
        [[found]] = database.execute("SELECT id FROM accounts").fetchall()
    return SharedBudget(found).to_map()


def test_a_run_without_limits_shares_nothing(tmp_path: Path) -> None:
    assert Family(tmp_path).run(RunTerms(), 3)["calls"] == 3
    assert not (tmp_path / "neuroscript_journal" / "budgets.sqlite3").exists()


def test_what_the_plugin_counts_is_shared_with_what_it_told(tmp_path: Path) -> None:
    meter = Meter()
    Family(tmp_path).run(RunTerms(), 3, run_meter=meter)
    [shared] = meter.joined
    assert (shared.budget.max_cost, shared.budget.max_tokens, shared.owns) == (2.0, None, True)


@pytest.mark.parametrize("given", [{}, {"id": ""}, {"id": "x", "max_cost": -1}, {"id": "x", "max": 1}, {"id": 3}])
def test_a_map_that_is_no_budget_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(NeuroScriptError, match="a shared budget is a map with an id"):
        SharedBudget.parse(given)


@pytest.mark.parametrize("field", ["max_calls", "deadline", "approval_seconds"])
def test_terms_that_make_no_sense_are_refused(field: str) -> None:
    with pytest.raises(Exception, match=f"{field} is -1; expected 0 or more"):
        RunTerms(**{field: -1})
