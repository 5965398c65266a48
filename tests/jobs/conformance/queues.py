"""Ids of jobs, and queues."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.jobs import Job, JobEngine, Queue
from tests.jobs.other import echo
from tests.jobs.place import PATIENCE

from .support import BRISK, SLOW, ended, ends, refused


class IdsAndQueuesConformance:
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

    def test_a_queue_is_made_once(self, engine: JobEngine) -> None:
        queue = Queue(name="reviews", worker="w", most=2, note="what they say")
        assert engine.create(queue)
        assert not engine.create(queue)
        with refused(ErrorCode.DUPLICATE, "'reviews'", "max_attempts 3 and not 7"):
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
