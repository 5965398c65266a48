"""The budget of a run: counted over all its starts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, Journal, RateLimitedError, RunTerms

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

    def start(self, terms: RunTerms, *call: Any, tokens: int = 0) -> Any:
        with Interpreter(plugins=False, emit=self.emitted.append) as interpreter:
            interpreter.tool("w.Act", effect="idempotent")(self.act)
            interpreter.load(PROGRAM)
            with Journal.open(self.directory, terms) as journal:
                if tokens:
                    journal.budget = lambda run_id: {"tokens": tokens, "cost": 0.5, "max_cost": 2.0}
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


def test_the_time_begins_with_the_first_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fails_at = 0
    with pytest.raises(Exception, match="down"):
        world.start(RunTerms(deadline=0.05), "main", 1)
    time.sleep(0.06)
    world.fails_at = -1
    with pytest.raises(RateLimitedError, match=r"its time is over: 0.05 seconds after its first start \(deadline\)"):
        world.start(RunTerms(deadline=0.05), "main", 1)
    assert world.start(RunTerms(deadline=60), "main", 1)["deadline"] == 60


def test_what_plugins_count_is_told_too(tmp_path: Path) -> None:
    told = World(tmp_path).start(RunTerms(), "main", 1, tokens=300)
    assert told.pop("seconds") >= 0
    assert told == {
        "calls": 2,
        "max_calls": None,
        "deadline": None,
        "cost": 0.5,
        "max_cost": 2.0,
        "tokens": 300,
        "max_tokens": None,
    }


def test_without_a_journal_nothing_is_counted() -> None:
    interpreter = Interpreter(plugins=False)
    assert set(interpreter.session().evaluate("tool.run.Budget()").values()) == {None}


@pytest.mark.parametrize("field", ["max_calls", "deadline", "approval_seconds"])
def test_terms_that_make_no_sense_are_refused(field: str) -> None:
    with pytest.raises(Exception, match=f"{field} is -1; expected 0 or more"):
        RunTerms(**{field: -1})
