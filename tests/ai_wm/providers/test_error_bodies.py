"""Reading errors in the shapes of providers, servers and gateways."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.error_bodies import read_error, readable, reports_error, wait_in

RAW = {"error": {"message": "Quota exceeded", "code": 429, "status": "RESOURCE_EXHAUSTED"}}
SHAPES: list[tuple[str, Any, str, int]] = [
    ("OpenAI", {"error": {"message": "m", "type": "t", "param": None, "code": "c"}}, "m", 0),
    (
        "Anthropic",
        {"type": "error", "error": {"type": "overloaded_error", "message": "m"}, "request_id": "r"},
        "m",
        529,
    ),
    ("Google", {"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}, "m", 400),
    ("Google, in a list", [{"error": {"code": 503, "message": "m"}}], "m", 503),
    ("Ollama", {"error": "m"}, "m", 0),
    ("vLLM", {"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400}, "m", 400),
    ("FastAPI", {"detail": "m"}, "m", 0),
    ("FastAPI, validation", {"detail": [{"loc": ["body", "seed"], "msg": "m", "type": "int"}]}, "body.seed: m", 0),
    ("Mistral", {"object": "error", "message": {"detail": [{"msg": "m"}]}, "type": "invalid_request_error"}, "m", 400),
    ("xAI", {"code": "Some resource was not found", "error": "m"}, "m", 0),
    ("SiliconFlow", {"code": 20015, "message": "m", "data": None}, "m", 0),
    ("DashScope", {"code": "InvalidParameter", "message": "m", "request_id": "r"}, "m", 0),
    ("MiniMax", {"base_resp": {"status_code": 1004, "status_msg": "m"}, "choices": None}, "m", 0),
    ("Baidu", {"error_code": 336100, "error_msg": "m", "id": "as-1"}, "m", 0),
    ("TGI", {"error": "m", "error_type": "validation"}, "m", 0),
    ("Cloudflare", {"success": False, "errors": [{"code": 7000, "message": "m"}], "result": None}, "m", 0),
    ("Azure APIM", {"statusCode": 429, "message": "m"}, "m", 0),
    ("AWS", {"__type": "ThrottlingException", "Message": "m"}, "m", 429),
    ("Groq", {"error": {"message": "m", "code": "x", "failed_generation": "<f>"}}, "m: <f>", 0),
    ("OpenRouter", {"error": {"message": "m", "code": "402"}, "user_id": "u"}, "m", 402),
    (
        "OpenRouter, earlier attempts",
        {
            "error": {
                "message": "Provider returned error",
                "code": 502,
                "metadata": {"raw": "ERROR", "previous_errors": [{"code": 503, "message": "no worker is free"}]},
            }
        },
        "Provider returned error: ERROR: no worker is free",
        502,
    ),
    ("Vercel", {"error": {"message": "m", "type": "t", "cause": {"message": "too long"}}}, "m: too long", 0),
    (
        "Google, of single fields",
        {
            "error": {
                "code": 400,
                "message": "Bad request.",
                "status": "INVALID_ARGUMENT",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [
                            {"field": "tools[0]", "description": "no such type"},
                            {"description": "something else"},
                            {"field": "x"},
                        ],
                    }
                ],
            }
        },
        "Bad request.: tools[0]: no such type: something else",
        400,
    ),
    (
        "OpenRouter, upstream",
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": json.dumps(RAW)}}},
        "Provider returned error: Quota exceeded",
        429,
    ),
    (
        "OpenRouter, upstream in words",
        {"error": {"message": "Provider returned error", "metadata": {"raw": "busy", "provider_name": "P"}}},
        "Provider returned error: from P: busy",
        0,
    ),
    (
        "LiteLLM",
        {"error": {"message": f"litellm.RateLimitError: VertexAIException - {json.dumps(RAW)}", "code": "429"}},
        "litellm.RateLimitError: VertexAIException: Quota exceeded",
        429,
    ),
    ("a message that is JSON", {"error": {"message": json.dumps(RAW)}}, "Quota exceeded", 429),
    ("an error that is JSON", {"error": json.dumps(RAW)}, "Quota exceeded", 429),
    ("twice the same", {"message": "m", "error": {"message": "m"}}, "m", 0),
    (
        "braces that are no JSON",
        {"error": {"message": "expected {name} in {'a': 1}"}},
        "expected {name} in {'a': 1}",
        0,
    ),
    ("a value in a message", {"error": {"message": 'bad value {"a": 1}'}}, 'bad value {"a": 1}', 0),
    ("nothing", {}, "", 0),
    ("no error", {"error": None}, "", 0),
    ("not even JSON of a map", 7, "", 0),
]


@pytest.mark.parametrize(("body", "message", "status"), [shape[1:] for shape in SHAPES], ids=[s[0] for s in SHAPES])
def test_the_shapes_of_errors(body: Any, message: str, status: int) -> None:
    found = read_error(body)
    assert (found.message, found.status) == (message, status)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 7m12.5s.", 432.5),
        ("Please try again in 20ms. Visit", 0.02),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Please retry after 20 seconds.", 20.0),
        ("Try again in 1h 30m", 5400.0),
        ("retry after 500 milliseconds", 0.5),
        ("Please wait for 5 minutes", 300.0),
        ("try again later", None),
        ("try again in a while", None),
        ("Limit 3s", None),
    ],
)
def test_waits_that_messages_name(message: str, seconds: float | None) -> None:
    assert wait_in(message) == seconds
    assert read_error({"error": {"message": message}}).retry_after == seconds


def test_waits_in_fields() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]
    assert read_error({"error": {"message": "quota", "details": details}}).retry_after == 34.5
    reset = {"X-RateLimit-Limit": "20", "X-RateLimit-Reset": str(int((time.time() + 100) * 1000))}
    found = read_error({"error": {"message": "m", "code": 429, "metadata": {"headers": reset}}}).retry_after
    assert found is not None
    assert 80 < found <= 100
    assert read_error({"error": {"message": "m", "metadata": {"headers": {"Retry-After": "7"}}}}).retry_after == 7.0
    assert read_error({"error": {"message": "m", "retry_after": 3}}).retry_after == 3.0


@pytest.mark.parametrize(
    ("quota", "final"),
    [
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", True),
        ("GenerateRequestsPerMinutePerProjectPerModel", False),
    ],
)
def test_quotas_of_the_day_and_of_the_minute(quota: str, final: bool) -> None:
    violation = {"quotaMetric": "generativelanguage.googleapis.com/requests", "quotaId": quota}
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
    error = {"error": {"code": 429, "message": "You exceeded", "status": "RESOURCE_EXHAUSTED", "details": details}}
    assert read_error(error).final is final
    # The same behind a gateway.
    wrapped = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": json.dumps(error)}}}
    assert read_error(wrapped).final is final


def test_which_replies_report_errors() -> None:
    for body in ({"error": "x"}, {"error": {"a": 1}}, {"object": "error"}, {"base_resp": {"status_code": 1}}):
        assert reports_error(body)
    for body in ({}, {"error": None}, {"error": {}}, {"base_resp": {"status_code": 0}}, {"object": "chat.completion"}):
        assert not reports_error(body)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("just words", "just words"),
        ("<html><head><title> 502 &amp; more\n</title></head></html>", "an HTML page: 502 & more"),
        ("<!DOCTYPE html><body><p>a</p><script>b()</script></body>", "an HTML page: a"),
        ('{"a": 1}', '{"a": 1}'),
    ],
)
def test_what_a_page_says(text: str, shown: str) -> None:
    assert readable(text) == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "detail", "metadata", "raw", "headers", "status", "x"]),
            inner | inner.map(json.dumps),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_comes_is_read(body: Any) -> None:
    found = read_error(body)
    assert isinstance(found, ErrorReply)
    assert len(found.message) <= 2000
    assert found.status == 0 or 400 <= found.status < 600
    assert found.retry_after is None or found.retry_after >= 0


def test_errors_within_errors_without_end() -> None:
    body: Any = "the reason"
    for _ in range(1000):
        body = {"error": body}
    assert read_error(body).message == ""
