"""Threads that share their writes: who leads, who waits, and what becomes of those who are interrupted."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable

import pytest

from ai_wm.support.group_commit import GroupCommit, Ticket
from tests.ai_wm.ratelimit.interrupts import Interrupt


class Slow:
    """Squares numbers, a group at a time; waits at ``gate`` in every group."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.groups: list[list[int]] = []
        self.commit = GroupCommit(self.execute)

    def execute(self, tickets: list[Ticket[int]]) -> None:
        self.groups.append([ticket.work for ticket in tickets])
        self.begun.release()
        assert self.gate.wait(10)
        for ticket in tickets:
            if ticket.work < 0:
                ticket.fail(ValueError(f"no root of {ticket.work}"))
            else:
                ticket.succeed(ticket.work**2)


def in_threads(count: int, work: Callable[[int], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, count + 1)]
    for thread in threads:
        thread.start()
    return threads


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("it did not come to that within 10 s")


def test_who_comes_while_another_works_is_done_together_with_all_that_come() -> None:
    slow, results = Slow(), dict[int, int]()
    threads = in_threads(1, lambda number: results.update({number: slow.commit.submit(number)}))
    assert slow.begun.acquire(timeout=10)
    threads += in_threads(20, lambda number: results.update({number: slow.commit.submit(number)}))
    wait_for(lambda: len(slow.commit._waiting) == 20)
    slow.gate.set()
    for thread in threads:
        thread.join(10)
    assert results == {number: number**2 for number in range(1, 21)}
    assert [len(group) for group in slow.groups] == [1, 20]


def test_an_error_is_that_of_its_own_work() -> None:
    slow = Slow()
    slow.gate.set()
    with pytest.raises(ValueError, match="no root of -4"):
        slow.commit.submit(-4)
    assert slow.commit.submit(4) == 16


def test_a_leader_that_is_interrupted_lets_another_lead() -> None:
    results: list[object] = []
    gate, begun = threading.Event(), threading.Event()

    def execute(tickets: list[Ticket[int]]) -> None:
        if 1 in [ticket.work for ticket in tickets]:
            begun.set()
            assert gate.wait(10)
            raise KeyboardInterrupt
        for ticket in tickets:
            ticket.succeed(ticket.work)

    commit = GroupCommit(execute)

    def work(number: int) -> None:
        try:
            results.append(commit.submit(number))
        except KeyboardInterrupt:
            results.append("interrupted")

    first = threading.Thread(target=work, args=(1,))
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=work, args=(2,))
    second.start()
    wait_for(lambda: len(commit._waiting) == 1 and commit._waiting[0].sleeping is not None)
    gate.set()
    first.join(10)
    second.join(10)
    assert sorted(map(str, results)) == ["2", "interrupted"]
    assert commit.submit(5) == 5


def test_a_waiter_that_is_interrupted_is_not_made_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    leader = in_threads(1, lambda number: slow.commit.submit(number))[0]
    assert slow.begun.acquire(timeout=10)
    sleep = slow.commit._sleep

    def interrupted(ticket: Ticket[int]) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(slow.commit, "_sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        slow.commit.submit(7)
    assert slow.commit._sleep == sleep
    slow.gate.set()
    leader.join(10)
    assert slow.commit.submit(3) == 9
    assert slow.groups[1:] == [[7, 3]]  # its work was taken on, and is done with that of the next who comes


def test_the_child_of_a_fork_waits_for_nobody() -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("there is no fork here")
    slow = Slow()
    leader = in_threads(1, lambda number: slow.commit.submit(number))[0]
    assert slow.begun.acquire(timeout=10)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()

    def child() -> None:
        slow.gate.set()
        answer.put(slow.commit.submit(6))

    process = context.Process(target=child)
    process.start()
    process.join(10)
    alive = process.is_alive()
    process.kill()
    slow.gate.set()
    leader.join(10)
    assert not alive
    assert answer.get() == 36


def test_a_leader_that_is_interrupted_at_any_line_loses_nobodys_work() -> None:
    at, interrupted = 0, True
    while interrupted:
        done: list[int] = []
        gate = threading.Event()

        def execute(tickets: list[Ticket[int]], done: list[int] = done, gate: threading.Event = gate) -> None:
            if tickets[0].work == 1:
                assert gate.wait(10)
            for ticket in tickets:
                if not ticket.done:
                    done.append(ticket.work)
                    ticket.succeed(ticket.work)

        commit = GroupCommit(execute)
        results: list[int] = []

        def work(number: int, commit: GroupCommit[int] = commit, results: list[int] = results) -> None:
            results.append(commit.submit(number))

        # The first thread leads; this one and three others wait, and one of them leads next, perhaps this one.
        threads = in_threads(1, work)
        wait_for(lambda commit=commit: len(commit._batch) == 1)  # type: ignore[misc]
        others = [threading.Thread(target=work, args=(number,)) for number in (3, 4, 5)]
        opened = threading.Timer(0.01, gate.set)
        opened.start()
        for other in others:
            other.start()
        interrupt = Interrupt(at)
        with contextlib.suppress(KeyboardInterrupt), interrupt:
            commit.submit(2)
        for thread in (*threads, *others, opened):
            thread.join(10)
            assert not thread.is_alive(), interrupt.where
        assert sorted(results) == [1, 3, 4, 5], interrupt.where
        assert sorted(number for number in done if number != 2) == [1, 3, 4, 5], interrupt.where
        assert commit.submit(6) == 6
        assert commit._leader is None
        at, interrupted = at + 1, bool(interrupt.where)
    assert at > 10
