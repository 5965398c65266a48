"""What jobs are given and give."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.jobs import JobEngine, Outcome
from neuroscript.jobs.engine import MOST_BYTES
from tests.jobs.other import echo

from .support import BRISK, ended, refused


class ValuesConformance:
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
