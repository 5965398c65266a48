"""Runs that are over are removed, with all that the journal keeps for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, Journal, NeuroScriptError, RunTerms, ToolContext
from neuroscript.journal import Piece, SharedBudget, share_budget

PROGRAM = """
func main(needs word) means
  call tool.w.Act(word)
  return word
endfunc
"""


class Host:
    """A host with a journal, whose tool may fail, commit something, or share the budget of its run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.applied: list[str] = []
        self.commits = False
        self.applies = True

    def open(self, terms: RunTerms | None = None) -> Journal:
        return Journal.open(self.directory, terms)

    def interpreter(self, journal: Journal) -> Interpreter:
        interpreter = Interpreter(plugins=False)

        @interpreter.tool("w.Act", effect="idempotent")
        def act(ctx: ToolContext, word: str) -> None:
            """Acts."""
            if word == "fail":
                raise OSError("down")
            share_budget(ctx, journal)
            if self.commits and ctx.journal is not None:
                ctx.journal.attach(Piece("w.record", word), self.apply)

        interpreter.on_pieces("w.record", apply=self.applied.append)
        interpreter.load(PROGRAM)
        return interpreter

    def apply(self, is_durable: Callable[[], None]) -> None:
        if not self.applies:
            raise NeuroScriptError(26, "the disk is full")
        is_durable()

    def start(self, journal: Journal, run_id: str, word: str = "x") -> Any:
        with self.interpreter(journal) as interpreter:
            return interpreter.run("main", word, run_id=run_id, journal=journal)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def locks(journal: Journal) -> list[Path]:
    return list(Path(journal.private_paths()[0], "locks").iterdir())


def test_a_run_that_has_returned_is_removed_and_its_id_is_free(host: Host) -> None:
    with host.open(RunTerms(max_calls=9)) as journal:
        host.start(journal, "r")
        host.start(journal, "other")
        assert len(locks(journal)) == 2
        journal.remove("r")
        assert [info.run_id for info in journal.runs()] == ["other"]
        assert journal.entries("r") == []
        assert len(locks(journal)) == 1
        assert host.start(journal, "r", "another word") == "another word", "it is a run of its own"
        with pytest.raises(NeuroScriptError, match="there is no run 'gone'"):
            journal.remove("gone")
        assert len(locks(journal)) == 2, "to ask for a run leaves no file"


@pytest.mark.parametrize("state", ["failed", "going on"])
def test_a_run_that_may_go_on_is_not_removed(host: Host, state: str) -> None:
    with host.open() as journal:
        if state == "failed":
            with pytest.raises(NeuroScriptError, match="down"):
                host.start(journal, "r", "fail")
            with pytest.raises(NeuroScriptError, match="the run 'r' is failed and may go on"):
                journal.remove("r")
            journal.cancel("r")
            journal.remove("r")
            assert journal.find("r") is None
            return
        with host.interpreter(journal) as interpreter:

            @interpreter.tool("w.Remove", effect="idempotent")
            def remove() -> None:
                """Removes the run that is going on."""
                journal.remove("r")

            interpreter.load(PROGRAM.replace("main", "more").replace("w.Act(word)", "w.Remove()"))
            with pytest.raises(NeuroScriptError, match="the run 'r' is going on already"):
                interpreter.run("more", "x", run_id="r", journal=journal)


def test_what_other_processes_have_still_to_fold_in_brings_it_not_back(host: Host) -> None:
    with host.open() as first:
        host.start(first, "r")
        with host.open() as second:
            second.remove("r")
            assert second.runs() == []
        assert first.runs() == []
    with host.open() as third:
        assert third.runs() == []


def test_runs_are_removed_by_the_time_since_their_end(host: Host) -> None:
    with host.open() as journal:
        host.start(journal, "old")
        with pytest.raises(NeuroScriptError, match="down"):
            host.start(journal, "failed", "fail")
        time.sleep(0.05)
        end = time.time()
        host.start(journal, "new")
        assert journal.remove_older(time.time() - end) == ["old"]
        assert journal.remove_older(0) == ["new"]
        assert [info.run_id for info in journal.runs()] == ["failed"]


def test_the_account_of_its_budget_goes_with_it(host: Host) -> None:
    with host.open(RunTerms(max_calls=9)) as journal:
        host.start(journal, "r")
        with host.interpreter(journal) as interpreter:
            budget: dict[str, Any] = {}

            @interpreter.tool("w.Keep", effect="idempotent")
            def keep(ctx: ToolContext) -> None:
                """Keeps the budget of the run."""
                budget.update(share_budget(ctx, journal) or {})

            interpreter.load(PROGRAM.replace("main", "more").replace("w.Act(word)", "w.Keep()"))
            interpreter.run("more", "x", run_id="s", journal=journal)
        assert journal.accounts.sums(budget["id"]) is not None
        journal.remove("s")
        assert journal.accounts.sums(budget["id"]) is None


def test_accounts_of_runs_without_a_journal_go_when_they_are_idle(host: Host) -> None:
    with host.open(RunTerms(max_calls=9)) as journal:
        host.start(journal, "failed")
        journal.accounts.open(SharedBudget("of a run without a journal", max_cost=1.0))
        assert journal.remove_older(60) == []
        assert journal.accounts.budget("of a run without a journal") is not None
        journal.remove_older(-1)
        assert journal.accounts.budget("of a run without a journal") is None


def test_a_run_whose_records_are_not_stored_yet_is_kept(host: Host) -> None:
    host.commits, host.applies = True, False
    with host.open() as journal:
        host.start(journal, "r", "a record")
        with pytest.raises(NeuroScriptError, match="call 1 of the run 'r' has committed what is not applied yet"):
            journal.remove("r")
        assert journal.remove_older(0) == []
        with host.interpreter(journal) as interpreter:
            interpreter.apply_committed(journal)
        assert host.applied == ["a record"]
        assert journal.remove_older(0) == ["r"]


def test_the_next_run_stores_what_an_earlier_one_has_left(host: Host) -> None:
    host.commits, host.applies = True, False
    with host.open() as journal:
        host.start(journal, "r", "a record")
        host.applies = True
        host.start(journal, "another", "more")
    assert host.applied == ["a record"]
