"""Several processes, and what becomes of jobs when they die or stand still."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from neuroscript.jobs import Attempt, Job, Outcome
from tests.jobs.other import echo
from tests.jobs.place import PATIENCE, Place

from .support import BRISK, SLOW, ended, until


class ProcessesConformance:
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
