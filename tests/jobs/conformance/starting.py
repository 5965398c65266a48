"""When jobs start, and when they do not: priorities, times, pauses, cancelling."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from neuroscript import ErrorCode
from neuroscript.jobs import Attempt, Job, JobEngine, Outcome
from tests.jobs.other import echo
from tests.jobs.place import PATIENCE, Place

from .support import SLOW, ended, ends, hold, is_running, until


class StartingConformance:
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
