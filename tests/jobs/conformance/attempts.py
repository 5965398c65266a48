"""Attempts at jobs: how they end, and what comes after."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.jobs import Attempt, JobEngine, Outcome, Queue
from tests.jobs.other import echo
from tests.jobs.place import PATIENCE

from .support import BRISK, SLOW, ended, ends, fail, hold, is_running, refused, until


class AttemptsConformance:
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
