"""Many jobs: lists, numbers of a queue, and nothing lost or doubled."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from neuroscript.jobs import Job, JobEngine, Outcome, Queue
from neuroscript.jobs.engine import ENDS, STATES
from tests.jobs.other import echo
from tests.jobs.place import PATIENCE, Place

from .support import SLOW, ended, ends, take, until


class ManyConformance:
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
