"""What every job engine does: a suite of tests over a `Place`, which the tests of an engine inherit."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from neuroscript import CancelToken, ErrorCode, NeuroScriptError
from neuroscript.jobs import Attempt, Job, JobEngine, Outcome, Queue
from neuroscript.jobs.engine import ENDS, MOST_BYTES, STATES

from .other import echo
from .place import PATIENCE, Place

BRISK = Queue(name="q", lease=0.5, backoff=0.01, backoff_most=0.05)
"""A queue whose leases and pauses are short."""

SLOW = Queue(name="q", lease=600.0, backoff=600.0, backoff_most=600.0)
"""One whose leases and pauses do not end while a test runs."""


@contextmanager
def refused(code: ErrorCode, *words: str) -> Iterator[None]:
    """Something fails with an error of this code, whose message has these words."""
    with pytest.raises(NeuroScriptError) as caught:
        yield
    assert caught.value.code == code, caught.value.message
    for word in words:
        assert word in caught.value.message


def hold(attempt: Attempt) -> Outcome:
    """Goes on until it is told to end."""
    attempt.cancel.wait(PATIENCE)
    return Outcome(state="cancelled" if attempt.is_cancelled else "failed", error={"message": attempt.cancel.reason})


def fail(attempt: Attempt) -> Outcome:
    """Fails with an error that another attempt may mend."""
    return Outcome(state="failed", error={"code": 26, "message": f"attempt {attempt.job.attempt}"}, retry=True)


def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    over = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < over
        time.sleep(0.005)


def is_running(engine: JobEngine, *ids: str) -> Callable[[], bool]:
    return lambda: all(engine.get("", id).state == "running" for id in ids)


def ended(engine: JobEngine, id: str) -> Job:
    """The job once it has ended."""
    job = engine.wait("", id, PATIENCE)
    assert job.has_ended, job
    return job


def ends(engine: JobEngine, queue: str = "q", **also: Any) -> list[str]:
    """The ids of the ends that are handed out now, all acknowledged."""
    found = []
    while (job := engine.wait_next("", queue, 0, **also)) is not None:
        engine.acknowledge("", [job.id])
        found.append(job.id)
    return found


class JobEngineConformance:
    """The suite.  Whoever inherits it has a fixture `place`."""

    @pytest.fixture
    def engine(self, place: Place) -> JobEngine:
        return place.open()

    # --- ids ------------------------------------------------------------------------------------------------------

    def test_an_id_stands_for_one_job_for_ever(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.create(replace(SLOW, name="r"))
        engine.create(replace(SLOW, owner="else"))
        assert engine.submit("a", "q", {"x": 1, "y": [None, True]})
        for _ in range(2):
            assert not engine.submit("a", "q", {"y": [None, True], "x": 1})
            for queue, payload in (("q", {"x": 1.0, "y": [None, True]}), ("r", {"x": 1, "y": [None, True]})):
                with refused(ErrorCode.DUPLICATE, "'a'"):
                    engine.submit("a", queue, payload)
            engine.serve("q", echo)
            assert ended(engine, "a").result == {"x": 1, "y": [None, True]}
            assert ends(engine) in (["a"], [])
        assert engine.submit("a", "q", 5, owner="else"), "another owner's ids are others"

    def test_all_of_many_are_submitted_or_none(self, engine: JobEngine) -> None:
        engine.create(replace(SLOW, max_jobs=3))
        engine.submit("b", "q", 2)
        jobs = [Job(id=id, queue="q", payload=n) for n, id in enumerate("abc")]
        with refused(ErrorCode.DUPLICATE, "'b'"):
            engine.submit_all(jobs)
        assert [job.id for job in engine.list("", "q")] == ["b"]
        jobs[1], jobs[2] = replace(jobs[1], payload=2), replace(jobs[2], attempts=7)
        assert engine.submit_all(jobs) == [True, False, True]
        assert engine.submit_all(jobs) == [False] * 3
        with refused(ErrorCode.RESOURCE_EXHAUSTION, "3"):
            engine.submit("d", "q", 1)
        assert [(job.id, job.attempts) for job in engine.list("", "q")] == [("c", 7), ("a", 3), ("b", 3)]

    # --- queues ---------------------------------------------------------------------------------------------------

    def test_a_queue_is_made_once(self, engine: JobEngine) -> None:
        queue = Queue(name="reviews", worker="w", most=2, note="what they say")
        assert engine.create(queue)
        assert not engine.create(queue)
        with refused(ErrorCode.DUPLICATE, "'reviews'", "attempts 3 and not 7"):
            engine.create(replace(queue, attempts=7))
        found = engine.queue("", "reviews")
        assert found == replace(queue, created=found.created)
        engine.pause("", "reviews")
        assert not engine.create(queue), "whether it is paused is no setting"
        assert engine.queues("") == [replace(found, paused=True)]

    @pytest.mark.parametrize(
        "wrong",
        [
            *({"name": ""}, {"name": "\ud800"}, {"name": "x" * 2000}, {"most": -1}, {"most": 10**6}, {"least": 5}),
            *({"attempts": 0}, {"attempts": True}, {"lease": 0}, {"lease": math.nan}, {"lease": "1"}, {"backoff": -1}),
            *({"backoff_most": math.inf}, {"max_jobs": 0}, {"note": "x" * 20_000}, {"owner": 5}),
        ],
        ids=lambda wrong: "-".join(wrong),
    )
    def test_impossible_settings_are_refused(self, engine: JobEngine, wrong: dict[str, Any]) -> None:
        with pytest.raises(NeuroScriptError) as caught:
            engine.create(replace(BRISK, **wrong))
        assert caught.value.code in (ErrorCode.ARG_MISMATCH, ErrorCode.TYPE)
        assert engine.queues() == []

    def test_a_queue_with_unfinished_jobs_stays(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.submit("a", "q", 1)
        with refused(ErrorCode.PRECONDITION_FAILED, "1 unfinished job"):
            engine.delete("", "q")
        engine.cancel("", "a")
        engine.delete("", "q")
        for gone in (lambda: engine.queue("", "q"), lambda: engine.delete("", "q"), lambda: engine.get("", "a")):
            with refused(ErrorCode.KEY_NOT_FOUND):
                gone()
        engine.create(SLOW)
        assert engine.submit("a", "q", 2), "nothing is left of it"
        assert engine.stats("", "q")["pending"] == 1

    def test_owners_see_their_own(self, engine: JobEngine) -> None:
        for owner in ("ann", "bob"):
            engine.create(replace(SLOW, owner=owner))
            engine.submit(owner, "q", owner, owner=owner)
        assert [job.id for job in engine.list("ann")] == ["ann"]
        assert [job.id for job in engine.list(None, "q")] == ["bob", "ann"]
        assert [(queue.name, queue.owner) for queue in engine.queues()] == [("q", "ann"), ("q", "bob")]
        for seen in (
            lambda: engine.get("ann", "bob"),
            lambda: engine.cancel("ann", "bob"),
            lambda: engine.wait("ann", "bob", 0),
            lambda: engine.queue("", "q"),
            lambda: engine.wait_next("", "q", 0),
        ):
            with refused(ErrorCode.KEY_NOT_FOUND):
                seen()
        engine.acknowledge("ann", ["bob"])
        engine.serve("q", echo, owner="ann")
        assert engine.wait("ann", "ann", PATIENCE).result == "ann"
        assert engine.get("bob", "bob").state == "pending"
        engine.serve("q", echo, owner=None)
        assert engine.wait("bob", "bob", PATIENCE).result == "bob"
        assert not engine.get("bob", "bob").acknowledged

    def test_unknown_names_are_answered_with_the_nearest(self, engine: JobEngine) -> None:
        engine.create(replace(SLOW, name="reviews"))
        engine.submit("nightly-1", "reviews", 1)
        for asked in (
            lambda: engine.submit("x", "review", 1),
            lambda: engine.stats("", "review"),
            lambda: engine.serve("review", echo),
            lambda: engine.pause("", "review"),
            lambda: engine.list("", "review"),
        ):
            with refused(ErrorCode.KEY_NOT_FOUND, "did you mean 'reviews'?"):
                asked()
        for asked in (lambda: engine.get("", "nightly"), lambda: engine.list("", after="nightly")):
            with refused(ErrorCode.KEY_NOT_FOUND, "did you mean 'nightly-1'?"):
                asked()
        with refused(ErrorCode.ARG_MISMATCH, "did you mean 'running'?"):
            engine.list("", states=["runing"])

    # --- values ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            0,
            -(10**60),
            1.5,
            math.inf,
            "ü \U0001f600 \0",
            [],
            {},
            {"$": {"a": [1, "x", None]}},
            "x" * 100_000,
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_json_values_come_out_as_they_went_in(self, engine: JobEngine, value: Any) -> None:
        engine.create(BRISK)
        engine.submit("a", "q", value)
        engine.serve("q", echo)
        job = ended(engine, "a")
        assert (job.payload, job.result) == (value, value)
        assert type(job.result) is type(value)

    def test_not_a_number_stays_one(self, engine: JobEngine) -> None:
        engine.create(BRISK)
        engine.submit("a", "q", [math.nan])
        assert not engine.submit("a", "q", [math.nan])
        assert math.isnan(engine.get("", "a").payload[0])

    @pytest.mark.parametrize(
        ("value", "code", "word"),
        [
            (b"x", ErrorCode.TYPE, "bytes"),
            ({1: 2}, ErrorCode.TYPE, "key"),
            ([{"a": {5}}], ErrorCode.TYPE, "set"),
            ("\ud83d", ErrorCode.ARG_MISMATCH, "half a character"),
            ({"\udc00": 1}, ErrorCode.ARG_MISMATCH, "half a character"),
            ("x" * MOST_BYTES, ErrorCode.ARG_MISMATCH, "262,144"),
            ("ü" * (MOST_BYTES // 2), ErrorCode.ARG_MISMATCH, "262,144"),
            (10**5000, ErrorCode.ARG_MISMATCH, "digits"),
            (json.loads("[" * 900 + "]" * 900), ErrorCode.ARG_MISMATCH, "levels"),
        ],
        ids=["bytes", "key", "set", "surrogate", "surrogate-key", "large", "large-utf8", "digits", "deep"],
    )
    def test_what_cannot_be_kept_is_refused(self, engine: JobEngine, value: Any, code: ErrorCode, word: str) -> None:
        engine.create(replace(BRISK, attempts=5))
        with refused(code, "the payload of the job 'a'", word):
            engine.submit("a", "q", value)
        engine.submit("b", "q", 1)
        engine.serve("q", lambda attempt: Outcome(state="done", result=value))
        job = ended(engine, "b")
        assert (job.state, job.attempt, job.result) == ("failed", 1, None), "another attempt would not mend it"
        assert job.error is not None
        assert job.error["code"] == code
        assert "the result" in job.error["message"]
        assert word in job.error["message"]

    @pytest.mark.parametrize(
        "wrong",
        [
            *({"priority": 0}, {"priority": 6}, {"priority": 2.5}, {"not_before": -1}, {"not_before": math.nan}),
            *({"deadline": 1e15}, {"deadline": "soon"}, {"attempts": 0}, {"submitter": None}, {"id": ""}),
            *({"id": "x" * 2000}, {"id": "\ud800"}, {"id": "a\0b"}),
        ],
        ids=lambda wrong: "-".join(map(repr, wrong.values()))[:20],
    )
    def test_impossible_jobs_are_refused(self, engine: JobEngine, wrong: dict[str, Any]) -> None:
        engine.create(BRISK)
        with pytest.raises(NeuroScriptError) as caught:
            engine.submit(**{"id": "a", "queue": "q", "payload": 1, **wrong})
        assert caught.value.code in (ErrorCode.ARG_MISMATCH, ErrorCode.TYPE)
        assert engine.list("") == []

    def test_errors_are_bounded(self, engine: JobEngine) -> None:
        engine.create(replace(BRISK, attempts=1))
        errors: dict[str, Any] = {
            "long": {"code": 26, "message": "x" * 10**6},
            "large": {"code": 26, "message": "m", "details": ["x" * 1000] * 1000},
            "strange": {"code": 26, "message": "half \ud800", "details": {1: object()}},
        }
        for id in errors:
            engine.submit(id, "q", 1)
        engine.serve("q", lambda attempt: Outcome(state="failed", error=errors[attempt.job.id]))
        for id in errors:
            error = ended(engine, id).error
            assert error is not None
            assert error["code"] == 26
            assert error["message"][0] in "xmh"
            assert len(json.dumps(error)) < 70_000

    # --- attempts -------------------------------------------------------------------------------------------------

    def test_a_body_that_raises_is_attempted_again(self, engine: JobEngine) -> None:
        engine.create(BRISK)
        engine.submit("a", "q", 1)

        def body(attempt: Attempt) -> Outcome:
            if attempt.job.attempt == 1:
                raise ValueError("broken")
            if attempt.job.attempt == 2:
                raise NeuroScriptError(ErrorCode.IO_FAILED, "no connection")
            assert attempt.job.error == {"code": 26, "name": "IO_FAILED", "message": "no connection"}
            return Outcome(state="done", result=attempt.job.attempt, measures={"cost": 0.5, "tokens": 7})

        engine.serve("q", body)
        job = ended(engine, "a")
        assert (job.state, job.result, job.attempt, job.used) == ("done", 3, 3, 3)
        assert job.error is None
        assert job.measures["cost"] == 0.5
        assert job.measures["seconds"] >= 0

    def test_used_up_attempts_end_a_job_and_more_can_be_given(self, engine: JobEngine) -> None:
        engine.create(replace(BRISK, attempts=2))
        engine.submit("a", "q", 1)
        engine.submit("b", "q", 1, attempts=3)
        serving = engine.serve("q", fail)
        for id, count in (("a", 2), ("b", 3)):
            job = ended(engine, id)
            assert (job.state, job.attempt) == ("failed", count)
            assert job.error == {"code": 26, "message": f"attempt {count}"}
        serving.stop()
        assert sorted(ends(engine)) == ["a", "b"]
        job = engine.retry("", "a")
        assert (job.state, job.attempt, job.attempts, job.acknowledged) == ("pending", 2, 4, False)
        with refused(ErrorCode.PRECONDITION_FAILED, "'a' has not ended"):
            engine.retry("", "a")
        engine.serve("q", echo)
        assert (ended(engine, "a").state, engine.get("", "a").attempt) == ("done", 3)
        assert ends(engine) == ["a"], "its end is another one"
        with refused(ErrorCode.PRECONDITION_FAILED, "'a' is done"):
            engine.retry("", "a")

    def test_what_another_attempt_cannot_mend_fails_at_once(self, engine: JobEngine) -> None:
        engine.create(replace(BRISK, attempts=9))
        engine.submit("a", "q", 1)
        engine.serve("q", lambda attempt: Outcome(state="failed", error={"code": 15, "message": "syntax"}))
        assert (ended(engine, "a").state, engine.get("", "a").attempt) == ("failed", 1)

    def test_pauses_between_attempts_double_up_to_the_most(self, engine: JobEngine) -> None:
        engine.create(Queue(name="q", attempts=5, backoff=0.1, backoff_most=0.3))
        engine.submit("a", "q", 1)
        moments: list[float] = []

        def body(attempt: Attempt) -> Outcome:
            moments.append(time.monotonic())
            return fail(attempt)

        engine.serve("q", body)
        ended(engine, "a")
        pauses = [later - earlier for earlier, later in pairwise(moments)]
        assert len(pauses) == 4
        for pause, least in zip(pauses, (0.1, 0.2, 0.3, 0.3), strict=True):
            assert pause > least * 0.7, pauses

    def test_a_job_that_rests_is_unfinished_and_can_be_woken(self, engine: JobEngine) -> None:
        engine.create(replace(SLOW, max_jobs=1))
        engine.submit("a", "q", 1)
        engine.serve("q", lambda attempt: fail(attempt) if attempt.job.attempt == 1 else echo(attempt))
        until(lambda: engine.get("", "a").error is not None)
        assert engine.get("", "a").state == "pending"
        with refused(ErrorCode.PRECONDITION_FAILED, "1 unfinished job"):
            engine.delete("", "q")
        with refused(ErrorCode.RESOURCE_EXHAUSTION):
            engine.submit("b", "q", 1)
        engine.wake("", "a")
        assert ended(engine, "a").attempt == 2

    @pytest.mark.parametrize("early", [False, True], ids=["then-woken", "woken-before"])
    def test_a_job_that_waits_for_a_person_is_woken(self, engine: JobEngine, early: bool) -> None:
        engine.create(replace(SLOW, attempts=1))
        engine.submit("a", "q", 1)
        may_go = threading.Event()

        def body(attempt: Attempt) -> Outcome:
            if attempt.job.attempt < 3:
                assert may_go.wait(PATIENCE)
                return Outcome(state="pending", waits_for="may it?")
            return echo(attempt)

        engine.serve("q", body)
        until(is_running(engine, "a"))
        if early:
            engine.wake("", "a")
        may_go.set()
        for attempt in (1, 2)[early:]:
            until(
                lambda attempt=attempt: (
                    engine.get("", "a").waits_for == "may it?" and engine.get("", "a").attempt == attempt
                )
            )
            assert engine.stats("", "q")["waiting"] == engine.stats("", "q")["pending"] == 1
            engine.wake("", "a")
        job = ended(engine, "a")
        assert (job.state, job.attempt, job.used, job.waits_for) == ("done", 3, 1, "")

    def test_stopping_costs_no_attempt(self, engine: JobEngine) -> None:
        engine.create(replace(SLOW, attempts=1))
        for id in "abc":
            engine.submit(id, "q", id)
        for number in range(1, 4):
            serving = engine.serve("q", hold, most=2)
            until(lambda serving=serving: serving.busy == 2)
            serving.stop()
            assert serving.busy == 0
            job = engine.get("", "a")
            assert (job.state, job.attempt, job.used) == ("pending", number, 0)
        assert engine.get("", "c").attempt == 0
        engine.serve("q", echo)
        assert ended(engine, "a").attempt == 4

    def test_a_body_that_wants_to_start_again_rests(self, engine: JobEngine) -> None:
        engine.create(replace(BRISK, attempts=1))
        engine.submit("a", "q", 1)
        engine.serve("q", lambda attempt: Outcome(state="pending") if attempt.job.attempt < 3 else echo(attempt))
        job = ended(engine, "a")
        assert (job.state, job.attempt, job.used) == ("done", 3, 1)

    @pytest.mark.parametrize("wrong", [None, "done", Outcome(state="running"), Outcome(state="done", measures={1: 2})])
    def test_a_body_that_gives_no_outcome_fails(self, engine: JobEngine, wrong: Any) -> None:
        engine.create(BRISK)
        engine.submit("a", "q", 1)
        engine.serve("q", lambda attempt: wrong)
        job = ended(engine, "a")
        assert (job.state, job.attempt) == ("failed", 1)
        assert job.error is not None
        assert job.error["code"] == ErrorCode.TYPE

    def test_stopping_leaves_time_to_finish(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.submit("a", "q", 1)
        may_go = threading.Event()

        def body(attempt: Attempt) -> Outcome:
            assert may_go.wait(PATIENCE)
            return Outcome(state="done", result=attempt.cancel.cancelled)

        serving = engine.serve("q", body, most=1)
        until(is_running(engine, "a"))
        engine.submit("b", "q", 1)
        threading.Timer(0.05, may_go.set).start()
        serving.stop(PATIENCE)
        assert engine.get("", "a").result is False
        assert engine.get("", "b").state == "pending", "nothing more was started"

    # --- who does them --------------------------------------------------------------------------------------------

    def test_two_that_serve_do_each_job_once(self, place: Place) -> None:
        one, two = place.open(), place.open()
        one.create(SLOW)
        done: list[str] = []

        def body(attempt: Attempt) -> Outcome:
            done.append(attempt.job.id)
            return echo(attempt)

        ids = [f"job-{n}" for n in range(60)]
        for engine in (one, two):
            engine.serve("q", body)
        two.submit_all([Job(id=id, queue="q") for id in ids])
        for id in ids:
            assert ended(one, id).attempt == 1
        assert sorted(done) == sorted(ids)

    @pytest.mark.parametrize("moment", ["taken", "running", "ending", "ended"])
    def test_the_job_of_a_process_that_was_killed_goes_on(self, place: Place, moment: str) -> None:
        engine = place.open()
        engine.create(SLOW)
        engine.submit("a", "q", 5)
        attempts: list[int] = []

        def body(attempt: Attempt) -> Outcome:
            attempts.append(attempt.job.attempt)
            return echo(attempt)

        other = place.other("" if moment == "running" else moment)
        other.tell("serve", queue="q", body="die" if moment == "running" else "echo")
        assert other.wait() < 0
        engine.serve("q", body)
        job = ended(engine, "a")
        assert job.result == 5
        assert attempts == ([] if moment == "ended" else [2])
        assert job.used == len(attempts) + 1

    def test_a_death_is_seen_by_those_that_serve(self, place: Place) -> None:
        engine = place.open()
        engine.create(SLOW)
        other = place.other()
        other.ask("serve", queue="q", body="hold")
        engine.submit("a", "q", 5)
        assert other.hear() == ["began", "a", 1]
        engine.serve("q", echo)
        other.kill()
        assert (ended(engine, "a").state, engine.get("", "a").attempt) == ("done", 2)

    def test_a_death_is_seen_by_those_that_only_look(self, place: Place) -> None:
        engine = place.open()
        engine.create(replace(SLOW, attempts=1))
        engine.create(replace(SLOW, name="r"))
        other = place.other()
        for queue in "qr":
            other.ask("serve", queue=queue, body="hold")
            engine.submit(queue, queue, 5)
            assert other.hear() == ["began", queue, 1]
        other.kill()
        looking = place.open()
        assert looking.stats("", "q")["failed"] == 1
        assert looking.get("", "r").state == "pending"

    def test_a_job_that_kills_its_process_fails_in_the_end(self, place: Place) -> None:
        engine = place.open()
        engine.create(replace(SLOW, attempts=2))
        engine.submit("a", "q", 5)
        for _ in range(2):
            other = place.other()
            other.tell("serve", queue="q", body="die")
            other.wait()
        engine.serve("q", echo)
        job = ended(engine, "a")
        assert (job.state, job.attempt) == ("failed", 2)
        assert job.error is not None
        assert "died" in job.error["message"]
        assert "attempt 2 of 2" in job.error["message"]

    def test_a_frozen_process_loses_its_job_and_comes_too_late(self, place: Place) -> None:
        engine = place.open()
        engine.create(BRISK)
        other = place.other()
        other.ask("serve", queue="q", body="hold")
        engine.submit("a", "q", 5)
        assert other.hear() == ["began", "a", 1]
        may_go = threading.Event()

        def body(attempt: Attempt) -> Outcome:
            assert may_go.wait(PATIENCE)
            return Outcome(state="done", result=[attempt.job.attempt, attempt.is_current])

        other.freeze()
        serving = engine.serve("q", body)
        until(lambda: serving.busy == 1)
        other.thaw()
        assert other.hear() == ["ended", False, False], "it is told that the job is no longer its own"
        assert other.ask("stop") == "stopped"
        assert engine.get("", "a").state == "running", "what it gave counts for nothing"
        may_go.set()
        job = ended(engine, "a")
        assert (job.state, job.result, job.attempt) == ("done", [2, True], 2)

    def test_the_wall_clock_moves_no_lease(self, place: Place) -> None:
        one, two = place.open(), place.open()
        one.create(BRISK)
        one.submit("a", "q", 5)
        may_go = threading.Event()
        seen: list[Attempt] = []

        def body(attempt: Attempt) -> Outcome:
            seen.append(attempt)
            assert may_go.wait(PATIENCE)
            return Outcome(state="done", result=[attempt.is_current, attempt.cancel.cancelled])

        one.serve("q", body)
        two.serve("q", body)
        until(lambda: bool(seen))
        for jump in (10**6, -2 * 10**6):
            place.advance(jump)
            time.sleep(BRISK.lease * 1.5)
        may_go.set()
        assert ended(two, "a").result == [True, False]
        assert len(seen) == 1

    # --- when they start ------------------------------------------------------------------------------------------

    def test_the_most_urgent_starts_first(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        chance = random.Random(5)
        priorities = [chance.randint(1, 5) for _ in range(40)]
        engine.submit_all([Job(id=f"{n}", queue="q", priority=each) for n, each in enumerate(priorities)])
        order: list[int] = []

        def body(attempt: Attempt) -> Outcome:
            order.append(attempt.job.priority)
            return echo(attempt)

        engine.serve("q", body, most=1)
        for n in range(40):
            ended(engine, f"{n}")
        assert order == sorted(priorities)

    def test_a_job_starts_not_before_its_time(self, place: Place) -> None:
        engine = place.open()
        engine.create(SLOW)
        now = time.time()
        engine.submit("soon", "q", 1, not_before=now + 0.3)
        engine.submit("late", "q", 1, not_before=now + 5000)
        engine.serve("q", echo)
        assert ended(engine, "soon").started >= now + 0.3
        assert engine.get("", "late").state == "pending"
        engine.wake("", "late")
        assert engine.get("", "late").state == "pending", "it waits for no person"
        place.advance(5001)
        engine.submit("x", "q", 1, not_before=now + 5001.5)
        assert ended(engine, "late").state == "done"

    def test_a_deadline_ends_what_is_not_done(self, place: Place) -> None:
        engine = place.open()
        engine.create(SLOW)
        engine.submit("waits", "q", 1, deadline=time.time() + 5000, not_before=time.time() + 9000)
        engine.submit("runs", "q", 1, deadline=time.time() + 0.3)
        reasons: list[str] = []

        def body(attempt: Attempt) -> Outcome:
            attempt.cancel.wait(PATIENCE)
            reasons.append(attempt.cancel.reason)
            return Outcome(state="failed", retry=True, measures={"cost": 2})

        engine.serve("q", body)
        job = ended(engine, "runs")
        assert (job.state, job.measures["cost"]) == ("expired", 2)
        assert reasons == ["its deadline has passed"]
        place.advance(5001)
        job = engine.get("", "waits")
        assert (job.state, job.attempt) == ("expired", 0)
        assert job.error is not None
        assert "deadline" in job.error["message"]
        assert ends(engine) == ["runs", "waits"]

    def test_who_waits_sees_a_deadline_pass(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.submit("a", "q", 1, deadline=time.time() + 0.2)
        found = engine.wait_next("", "q", PATIENCE)
        assert found is not None
        assert (found.id, found.state) == ("a", "expired")
        job = engine.retry("", "a")
        assert (job.state, job.deadline) == ("pending", 0), "the one that passed counts no more"

    def test_a_paused_queue_starts_nothing(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.serve("q", lambda attempt: hold(attempt) if attempt.job.payload == "hold" else echo(attempt))
        engine.submit("runs", "q", "hold")
        until(is_running(engine, "runs"))
        engine.pause("", "q")
        assert engine.queue("", "q").paused
        engine.submit("a", "q", 1)
        assert engine.wait("", "a", 0.1).state == "pending"
        assert engine.get("", "runs").state == "running", "what runs goes on"
        engine.resume("", "q")
        assert ended(engine, "a").state == "done"

    def test_nothing_begins_after_a_pause(self, place: Place) -> None:
        engine = place.open()
        engine.create(replace(SLOW, most=40))  # so many at once that some are still on their way to a thread
        others = [place.other() for _ in range(2)]
        for other in others:
            other.ask("serve", queue="q", body="note")
        ids = [f"{n}" for n in range(400)]
        engine.submit_all([Job(id=id, queue="q") for id in ids])
        chance, paused = random.Random(7), []
        while engine.stats("", "q")["done"] < len(ids):
            time.sleep(chance.random() * 0.01)
            engine.pause("", "q")
            began = time.monotonic()
            time.sleep(0.02)
            paused.append((began, time.monotonic()))
            engine.resume("", "q")
        starts = {}
        for other in others:
            other.tell("stop", grace=PATIENCE)
            while (said := other.hear()) != "stopped":
                starts[said[0]] = said[2]
        assert sorted(starts) == sorted(ids)
        assert paused
        wrong = [(start, pause) for start in starts.values() for pause in paused if pause[0] < start < pause[1]]
        assert wrong == []

    # --- cancelling -----------------------------------------------------------------------------------------------

    def test_a_job_that_was_cancelled_never_starts(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.submit("a", "q", 1)
        engine.submit("b", "q", 1)
        job = engine.cancel("", "a", "not wanted")
        assert (job.state, job.attempt) == ("cancelled", 0)
        assert job.error is not None
        assert job.error["code"] == ErrorCode.CANCELLED
        assert "not wanted" in job.error["message"]
        engine.serve("q", echo)
        assert ended(engine, "b").state == "done"
        assert engine.cancel("", "b").state == "done", "what has ended stays so"
        assert engine.get("", "a").attempt == 0
        assert ends(engine) == ["a", "b"]

    def test_a_job_that_runs_elsewhere_is_cancelled(self, place: Place) -> None:
        engine = place.open()
        engine.create(SLOW)
        other = place.other()
        other.ask("serve", queue="q", body="hold")
        engine.submit("a", "q", 5)
        assert other.hear() == ["began", "a", 1]
        engine.cancel("", "a", "enough")
        assert other.hear() == ["ended", True, True]
        job = ended(engine, "a")
        assert job.state == "cancelled"
        assert job.error is not None
        assert "enough" in job.error["message"]

    @pytest.mark.parametrize("state", ["done", "failed", "pending"])
    def test_a_body_may_have_ended_otherwise_when_it_is_cancelled(self, engine: JobEngine, state: str) -> None:
        engine.create(SLOW)
        engine.submit("a", "q", 5)

        def body(attempt: Attempt) -> Outcome:
            attempt.cancel.wait(PATIENCE)
            return Outcome(state=state, retry=True)

        engine.serve("q", body)
        until(is_running(engine, "a"))
        engine.cancel("", "a")
        assert ended(engine, "a").state == ("done" if state == "done" else "cancelled")

    def test_a_cancelled_job_whose_process_dies_is_cancelled(self, place: Place) -> None:
        engine = place.open()
        engine.create(SLOW)
        other = place.other()
        other.ask("serve", queue="q", body="hold")
        engine.submit("a", "q", 5)
        other.hear()
        other.freeze()
        engine.cancel("", "a", "enough")
        other.kill()
        assert ended(engine, "a").state == "cancelled"

    # --- their ends -----------------------------------------------------------------------------------------------

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

    # --- many -----------------------------------------------------------------------------------------------------

    def test_listing_goes_on_where_it_was(self, engine: JobEngine) -> None:
        engine.create(SLOW)
        engine.create(replace(SLOW, name="r"))
        for n in range(10):
            engine.submit(f"{n}", "qr"[n % 2], n, submitter=f"run {n % 3}")
        engine.cancel("", "4")
        assert [job.id for job in engine.list("", limit=3)] == ["9", "8", "7"]
        assert [job.id for job in engine.list("", limit=3, after="7")] == ["6", "5", "4"]
        assert [job.id for job in engine.list("", "q", states=["pending"], after="6")] == ["2", "0"]
        assert [job.id for job in engine.list("", submitter="run 0", states=["pending", "cancelled"])] == list("9630")
        assert [job.id for job in engine.list(None, states=ENDS)] == ["4"]

    def test_numbers_of_a_queue_are_those_of_its_jobs(self, engine: JobEngine) -> None:
        engine.create(Queue(name="q", attempts=2, backoff=0.001, backoff_most=0.001))
        chance = random.Random(11)
        outcomes = [
            Outcome(state="done", measures={"cost": 0.25, "tokens": 3, "seconds": 2}),
            Outcome(state="failed", retry=True, measures={"cost": 1}),
            Outcome(state="failed"),
            Outcome(state="pending", waits_for="may it?"),
            Outcome(state="cancelled"),
        ]
        engine.serve("q", lambda attempt: outcomes[attempt.job.payload])
        for n in range(60):
            engine.submit(f"{n}", "q", chance.randrange(5), not_before=time.time() + 9000 if n % 10 == 0 else 0)
        engine.pause("", "q")
        engine.resume("", "q")
        for n in range(0, 60, 5):
            engine.cancel("", f"{n}")
            if n % 3 == 0 and engine.get("", f"{n}").state == "cancelled":
                engine.retry("", f"{n}")

        def settled() -> bool:
            jobs = engine.list("", "q", limit=100)
            return all(job.has_ended or job.waits_for or job.not_before > time.time() for job in jobs)

        until(settled)
        jobs, stats = engine.list("", "q", limit=100), engine.stats("", "q")
        assert {state: stats[state] for state in STATES if stats[state]} == Counter(job.state for job in jobs)
        assert stats["waiting"] == sum(1 for job in jobs if job.waits_for)
        assert stats["attempts"] == sum(job.attempt for job in jobs)
        over = [job for job in jobs if job.has_ended]
        for name in ("cost", "tokens", "seconds"):
            assert stats["measures"][name] == pytest.approx(sum(job.measures.get(name, 0) for job in over))
        times = [job.measures["seconds"] for job in over if "seconds" in job.measures]
        assert stats["mean_seconds"] == pytest.approx(sum(times) / len(times))
        assert stats["oldest_seconds"] == 0

    @pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
    def test_many_jobs_of_several_processes_are_neither_lost_nor_doubled(self, place: Place, count: int) -> None:
        engine = place.open()
        engine.create(SLOW)
        others = [place.other() for _ in range(2)]
        for other in others:
            other.ask("serve", queue="q", body="echo")
        ids = [f"{n}" for n in range(count)]
        for other, share in zip(others, (ids[::2], ids[1::2]), strict=True):
            other.tell("submit", queue="q", ids=share)
        mine: list[str] = []
        over = time.monotonic() + 10 * PATIENCE
        for other in others:
            while not other.has_said() and time.monotonic() < over:
                mine += take(engine, 0.05)
            assert other.hear() == "submitted"
        for other in others:
            other.tell("consume", queue="q")
        while len(mine) < count and (found := take(engine, PATIENCE)):
            mine += found
        theirs = [id for other in others for id in other.hear()]
        assert sorted(mine + theirs) == sorted(ids)
        stats = engine.stats("", "q")
        assert (stats["done"], stats["attempts"]) == (count, count)

    @pytest.mark.slow
    def test_jobs_outlive_processes_that_are_killed_all_the_time(self, place: Place) -> None:
        engine = place.open()
        engine.create(replace(SLOW, attempts=1000))
        ids, found, chance = [f"{n}" for n in range(3000)], [], random.Random(3)
        engine.submit_all([Job(id=id, queue="q", payload=id) for id in ids])
        for _ in range(12):
            others = [place.other() for _ in range(2)]
            for other in others:
                other.ask("serve", queue="q", body="echo")
                other.tell("consume", queue="q")
            time.sleep(chance.random())
            found += take(engine, 0)
            for other in others:
                other.kill()
        engine.serve("q", echo)
        for id in ids:
            assert ended(engine, id).result == id
        found += ends(engine)
        assert len(set(found)) == len(found)
        assert all(job.acknowledged for job in engine.list("", "q", limit=len(ids)))
        assert engine.stats("", "q")["done"] == len(ids)


def asking(job: Job) -> tuple[str, int]:
    """What a job waits for, and since which attempt."""
    return job.waits_for, job.attempt


def take(engine: JobEngine, timeout: float) -> list[str]:
    """The id of the next end, acknowledged."""
    job = engine.wait_next("", "q", timeout)
    if job is None:
        return []
    engine.acknowledge("", [job.id])
    return [job.id]
