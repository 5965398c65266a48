"""The account of a budget that several runs share: exact whatever processes use it, and however they end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroscript import NeuroScriptError
from neuroscript.journal import Accounts, SharedBudget
from neuroscript.journal.accounts import Sums

TIMEOUT = 60

RESERVING = """\
import sys
from neuroscript.journal import Accounts, SharedBudget
accounts, admitted = Accounts(sys.argv[1]), 0
for turn in range(60):
    number, _ = accounts.reserve("a", sys.argv[2], 10, 1, 500, None)
    admitted += number > 0
    if number and turn % 2:
        accounts.settle(number, 5, 1)
print(admitted)
"""


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path)
    made.open(SharedBudget("a"))
    return made


def test_a_call_is_held_and_then_counts_as_what_it_used(accounts: Accounts) -> None:
    number, before = accounts.reserve("a", "r", 30, 7, 100, None)
    assert before == Sums()
    assert accounts.sums("a") == Sums(held_cost=30, held_tokens=7)
    accounts.settle(number, 10, 5)
    accounts.settle(number, 10, 5)  # again is no harm
    assert accounts.sums("a") == Sums(cost=10, tokens=5)


@pytest.mark.parametrize(("max_cost", "max_tokens"), [(59, None), (None, 13), (59, 13)])
def test_what_is_held_leaves_no_room_for_others(
    accounts: Accounts, max_cost: int | None, max_tokens: int | None
) -> None:
    assert accounts.reserve("a", "r", 30, 7, max_cost, max_tokens)[0]
    assert accounts.reserve("a", "s", 30, 7, max_cost, max_tokens) == (0, Sums(held_cost=30, held_tokens=7))
    assert accounts.reserve("a", "s", 30, 7)[0], "one that is under way already is held whatever there is"


def test_a_run_that_starts_again_says_what_it_has_used_in_place_of_what_it_held(accounts: Accounts) -> None:
    accounts.reserve("a", "r", 30, 7)
    settled, _ = accounts.reserve("a", "r", 30, 7)
    accounts.settle(settled, 20, 6)
    accounts.reserve("a", "s", 1, 1)
    accounts.begin("a", "r", 50, 13, 4)
    assert accounts.sums("a") == Sums(cost=50, tokens=13, calls=4, held_cost=1, held_tokens=1)


def test_calls_are_counted_together(accounts: Accounts) -> None:
    assert [accounts.add_call("a", run, 3) for run in "rsrs"] == [True, True, True, False]
    accounts.begin("a", "r", 0, 0, 0)
    assert accounts.add_call("a", "s", 3)


def test_an_account_keeps_the_limits_that_were_said_last(accounts: Accounts) -> None:
    assert accounts.budget("a") == SharedBudget("a")
    accounts.reserve("a", "r", 30, 7)
    accounts.open(limited := SharedBudget("a", 1.5, 100, 7, 1e9))
    assert accounts.budget("a") == limited
    assert accounts.sums("a") == Sums(held_cost=30, held_tokens=7), "which changes nothing of what was used"
    assert accounts.budget("b") is None


def test_accounts_that_nobody_uses_are_found(accounts: Accounts) -> None:
    assert accounts.idle(time.time() - 60) == []
    assert accounts.idle(time.time() + 60) == ["a"]


def test_nothing_is_done_under_an_account_that_was_removed(accounts: Accounts) -> None:
    accounts.remove("a")
    for act in (
        lambda: accounts.reserve("a", "r", 1, 1),
        lambda: accounts.begin("a", "r", 1, 1, 1),
        lambda: accounts.add_call("a", "r", None),
    ):
        with pytest.raises(NeuroScriptError, match="that run was removed") as error:
            act()
        assert error.value.code == 46
    assert accounts.sums("a") is None


def test_processes_together_get_what_there_is_and_no_more(accounts: Accounts, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RESERVING, str(tmp_path)]
    started = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "rs"]
    admitted = sum(int(process.communicate(timeout=TIMEOUT)[0]) for process in started)
    sums = accounts.sums("a")
    assert sums is not None
    assert sums.cost + sums.held_cost <= 500
    assert sums.cost // 5 + sums.held_cost // 10 == admitted
    assert sums.cost + sums.held_cost > 490, "and nothing is left that a call fits in"
    # What they held, who have ended, counts until their runs say better.
    for name in "rs":
        accounts.begin("a", name, 100, 20, 0)
    assert accounts.sums("a") == Sums(cost=200, tokens=40)


STEPS = st.lists(
    st.tuples(st.sampled_from("rst"), st.sampled_from(["reserve", "settle", "begin", "call"]), st.integers(0, 50)),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_sums_are_those_of_the_runs(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    accounts = Accounts(tmp_path_factory.mktemp("accounts"))
    accounts.open(SharedBudget("a"))
    used = dict.fromkeys("rst", 0)
    calls = dict.fromkeys("rst", 0)
    held: dict[int, tuple[str, int]] = {}
    for run, step, amount in steps:
        if step == "reserve":
            number, _ = accounts.reserve("a", run, amount, amount, 200, None)
            if number:
                held[number] = run, amount
            assert bool(number) == (
                sum(used.values()) + sum(size for _, size in held.values()) <= 200 - (0 if number else amount)
            )
        elif step == "settle" and held:
            number, (whose, _) = held.popitem()
            accounts.settle(number, amount, amount)
            used[whose] += amount
        elif step == "begin":
            accounts.begin("a", run, amount, amount, None)
            used[run] = amount
            held = {number: part for number, part in held.items() if part[0] != run}
        elif step == "call":
            accounts.add_call("a", run, None)
            calls[run] += 1
        flight = sum(size for _, size in held.values())
        whole = sum(used.values())
        assert accounts.sums("a") == Sums(whole, whole, sum(calls.values()), flight, flight)
    accounts.close()


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "budgets.sqlite3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NeuroScriptError, match="cannot be read or written") as error:
        Accounts(tmp_path).open(SharedBudget("a"))
    assert error.value.code == 26
    assert not (tmp_path / "elsewhere").exists()
