"""Tokens: linked, waited for, with callbacks that are called once."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref

import pytest

from neuroscript import CancelledError, CancelToken

LONG = 20


def test_a_token_is_cancelled_once_and_keeps_the_first_reason() -> None:
    token = CancelToken()
    assert (token.cancelled, repr(token)) == (False, "<CancelToken not cancelled>")
    token.check()
    token.cancel("enough")
    token.cancel("again")
    assert (token.cancelled, token.reason, repr(token)) == (True, "enough", "<CancelToken cancelled: enough>")
    with pytest.raises(CancelledError, match="the run was cancelled: enough"):
        token.check()


def test_a_parent_cancels_what_is_linked_to_it_and_not_the_other_way_round() -> None:
    parent = CancelToken()
    child, other = CancelToken(parent), CancelToken(parent)
    grandchild = CancelToken(child)
    child.cancel("mine")
    assert [token.cancelled for token in (parent, child, grandchild, other)] == [False, True, True, False]
    parent.cancel("all")
    assert [token.reason for token in (parent, child, grandchild, other)] == ["all", "mine", "mine", "all"]
    assert CancelToken(parent).reason == "all"


def test_a_parent_keeps_no_child_alive() -> None:
    parent = CancelToken()
    child = CancelToken(parent)
    gone = weakref.ref(child)
    del child
    gc.collect()
    assert gone() is None
    assert not parent._children


def test_callbacks_are_called_once_the_latest_first_in_the_thread_that_cancels() -> None:
    token, called = CancelToken(), []
    for number in range(3):
        token.on_cancel(lambda number=number: called.append((number, threading.get_ident())))
    thread = threading.Thread(target=token.cancel)
    thread.start()
    thread.join()
    token.cancel()
    assert called == [(number, thread.ident) for number in (2, 1, 0)]


def test_a_callback_of_a_cancelled_token_is_called_at_once() -> None:
    token, called = CancelToken(), []
    token.cancel()
    assert token.on_cancel(lambda: called.append(1)).remove() is False
    assert called == [1]


def test_a_callback_that_was_removed_is_not_called() -> None:
    token, called = CancelToken(), []
    first = token.on_cancel(lambda: called.append("first"))
    with token.on_cancel(lambda: called.append("second")):
        assert first.remove() is True
        assert first.remove() is False
    token.cancel()
    assert called == []


def test_a_callback_that_fails_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    token, called = CancelToken(), []
    token.on_cancel(lambda: called.append("first"))
    token.on_cancel(lambda: 1 / 0)
    with caplog.at_level(logging.ERROR, "neuroscript"):
        token.cancel()
    assert called == ["first"]
    assert [record.message for record in caplog.records] == ["a callback failed while a run was cancelled"]


def test_waiting_ends_with_the_time_or_the_token() -> None:
    token = CancelToken()
    assert token.wait(0) is False
    assert token.wait(-1) is False
    threading.Timer(0.05, token.cancel).start()
    assert token.wait(LONG) is True
    assert token.wait() is True
    assert not token._callbacks


def test_a_callback_may_use_its_token() -> None:
    token, called = CancelToken(), []

    def again() -> None:
        token.cancel()
        token.on_cancel(lambda: called.append(token.wait()))

    token.on_cancel(again)
    token.cancel()
    assert called == [True]


def test_each_callback_is_called_once_however_many_threads_cancel_and_register() -> None:
    for _ in range(50):
        parent = CancelToken()
        token = CancelToken(parent)
        called: list[int] = []
        removed: list[int] = []
        start = threading.Barrier(4)

        def register(first: int, start=start, token=token, called=called, removed=removed) -> None:
            start.wait()
            for number in range(first, first + 20):
                registration = token.on_cancel(lambda number=number: called.append(number))
                if number % 5 == 0 and registration.remove():
                    removed.append(number)

        def cancel(which: CancelToken, start=start) -> None:
            start.wait()
            time.sleep(0)
            which.cancel()

        threads = [threading.Thread(target=register, args=(first,)) for first in (0, 100)]
        threads += [threading.Thread(target=cancel, args=(which,)) for which in (parent, token)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        assert sorted(called + removed) == [*range(20), *range(100, 120)]
