"""The ends of jobs: waiting for them, handing them out, acknowledging them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from neuroscript import CancelToken, ErrorCode
from neuroscript.jobs import JobEngine
from tests.jobs.place import PATIENCE, Place

from .support import SLOW, ends, hold, is_running, refused, until


class EndsConformance:
    def test_ends_are_handed_out_once_in_their_order(self, place: Place) -> None:
        one, two = place.open(), place.open()
        one.create(SLOW)
        for id in "abc":
            one.submit(id, "q", id)
        for id in "cab":
            one.cancel("", id)
        first, second = one.wait_next("", "q", 0), two.wait_next("", "q", 0)
        assert first is not None
        assert second is not None
        assert (first.id, second.id) == ("c", "a")
        assert not first.acknowledged
        one.acknowledge("", ["c"])
        one.acknowledge("", ["c", "unknown"])
        assert one.get("", "c").acknowledged
        two.give_back("", "a")
        one.give_back("", "a")
        third = one.wait_next("", "q", 0)
        assert third is not None
        assert third.id == "a"
        two.give_back("", "a")
        fourth = two.wait_next("", "q", 0)
        assert fourth is not None
        assert fourth.id == "b", "what another was handed cannot be given back"

    def test_ends_come_back_from_whoever_is_gone(self, place: Place) -> None:
        engine = place.open()
        engine.create(SLOW)
        for id in "ab":
            engine.submit(id, "q", id)
            engine.cancel("", id)
        closing = place.open()
        found = closing.wait_next("", "q", 0)
        assert found is not None
        assert found.id == "a"
        other = place.other()
        assert other.ask("take", queue="q", timeout=0) == "b"
        assert engine.wait_next("", "q", 0) is None
        closing.close()
        assert ends(engine) == ["a"]
        threading.Timer(0.1, other.kill).start()
        found = engine.wait_next("", "q", PATIENCE)
        assert found is not None
        assert found.id == "b", "it was waited for"

    def test_waiting_ends_when_nothing_is_left(self, place: Place) -> None:
        engine, other = place.open(), place.open()
        engine.create(SLOW)
        assert engine.wait_next("", "q", PATIENCE) is None
        engine.submit("a", "q", 1, submitter="mine")
        engine.submit("b", "q", 1, submitter="theirs")
        assert engine.wait_next("", "q", 0) is None
        assert engine.wait_next("", "q", PATIENCE, submitter="nobody's") is None
        engine.cancel("", "a")
        assert engine.wait_next("", "q", PATIENCE, submitter="theirs and more") is None
        found = engine.wait_next("", "q", PATIENCE, submitter="mine")
        assert found is not None
        assert found.id == "a"
        assert engine.wait_next("", "q", PATIENCE, submitter="mine") is None, "it is in this process's own hands"
        threading.Timer(0.1, lambda: other.cancel("", "b")).start()
        found = engine.wait_next("", "q", PATIENCE)
        assert found is not None
        assert found.id == "b"

    def test_waiting_takes_a_time_and_can_be_ended(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.submit("a", "q", 1)
        assert engine.wait("", "a", 0.05).state == "pending"
        assert engine.wait_next("", "q", 0.05) is None
        token = CancelToken()
        for waits in (
            lambda: engine.wait("", "a", PATIENCE, token.check),
            lambda: engine.wait_next("", "q", PATIENCE, check=token.check),
        ):
            threading.Timer(0.05, token.cancel).start()
            with refused(ErrorCode.CANCELLED):
                waits()

    @pytest.mark.parametrize("what", ["wait", "wait_next"])
    def test_closing_ends_waiting_and_serving(self, place: Place, what: str) -> None:
        engine = place.open()
        engine.create(replace(SLOW, attempts=1))
        engine.submit("a", "q", 1)
        engine.serve("q", hold)
        until(is_running(engine, "a"))
        threading.Timer(0.1, engine.close).start()
        with refused(ErrorCode.PRECONDITION_FAILED, "closed"):
            if what == "wait":
                engine.wait("", "a", PATIENCE)
            else:
                engine.wait_next("", "q", PATIENCE)
        engine.close()
        with refused(ErrorCode.PRECONDITION_FAILED, "closed"):
            engine.get("", "a")
        job = place.open().get("", "a")
        assert (job.state, job.used) == ("pending", 0)

    def test_feedback_is_kept(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        for id, rating in (("a", 2), ("b", 5)):
            engine.submit(id, "q", 1)
            with refused(ErrorCode.PRECONDITION_FAILED, "has not ended"):
                engine.rate("", id, {"rating": rating})
            engine.cancel("", id)
            engine.rate("", id, {"rating": 1})
            engine.rate("", id, {"rating": rating, "comment": "well"})
        assert engine.get("", "b").feedback == {"rating": 5, "comment": "well"}
        stats = engine.stats("", "q")
        assert (stats["rated"], stats["mean_rating"]) == (2, 3.5)
