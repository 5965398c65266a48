"""Errors as servers word them, with whatever status: the code fits, and the message says why."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import at
from tests.ai_wm.providers.wire import USAGE, completion

IN_REPLIES: list[tuple[str, str, Any, int, int, str]] = [
    ("in a list (Google's compatible endpoint)", "custom", [{"error": {"code": 429, "message": "m"}}], 200, 20, "m"),
    (
        "no candidates (livekit/agents#4036)",
        "google",
        {"usageMetadata": {"promptTokenCount": 9}},
        200,
        16,
        "no candidates",
    ),
    ("beside null choices", "custom", {"choices": None, "error": {"message": "m"}}, 200, 16, "m"),
    (
        "beside a whole choice",
        "custom",
        completion(error={"message": "tool failed", "code": 500}),
        200,
        16,
        "tool failed",
    ),
    ("in the message", "custom", completion(message={"error": {"message": "inner"}}), 200, 16, "inner"),
    ("in words alone", "custom", {"success": False, "message": "no capacity", "code": "E1"}, 200, 16, "no capacity"),
    ("a text", "custom", {"error": "model is busy"}, 200, 16, "model is busy"),
    (
        "MiniMax's status",
        "custom",
        {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        200,
        16,
        "no credit",
    ),
    ("empty choices", "custom", {"choices": [], "usage": USAGE}, 200, 16, "choices is empty"),
    ("an empty answer", "custom", completion(""), 200, 16, "the reply is empty"),
    (
        "an empty answer of Gemini's (livekit/agents#4066)",
        "google",
        {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]},
        200,
        16,
        "the reply is empty",
    ),
    (
        "all of it thought (litellm-docs#559)",
        "custom",
        completion("", "length", message={"reasoning_content": "hm"}),
        200,
        16,
        "raise max_output_tokens",
    ),
    ("a gateway's words to a caller of Google's", "google", {"message": "no route", "code": 502}, 200, 16, "no route"),
    ("a gateway's words to a caller of Ollama's", "ollama", {"message": "no route", "code": 502}, 200, 16, "no route"),
    (
        "a gateway's words to a caller of Anthropic's",
        "anthropic",
        {"message": "no route", "code": 502},
        200,
        16,
        "no route",
    ),
    (
        "an overload of Anthropic's",
        "anthropic",
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        529,
        16,
        "Overloaded",
    ),
    ("no reason at all", "custom", "", 500, 16, "status 500"),
    ("a page", "custom", "<html><head><title>502 Bad Gateway</title></head></html>", 502, 16, "502 Bad Gateway"),
    ("a page in place of a reply", "custom", "<!DOCTYPE html><title>Sign in</title>", 200, 16, "Sign in"),
    ("an empty body in place of a reply", "custom", "", 200, 16, "empty"),
    (
        "the day's quota (OpenRouter)",
        "custom",
        {"error": {"message": "Rate limit exceeded: free-models-per-day"}},
        429,
        20,
        "quota is spent",
    ),
    ("spent credit told as 402", "custom", {"error": {"message": "Insufficient Balance"}}, 402, 16, "no credit"),
    (
        "spent credit told as 403",
        "custom",
        {
            "error": {
                "message": "Your team has used all available credits or reached its monthly spending limit.",
                "code": "permission_denied",
            }
        },
        403,
        16,
        "no credit",
    ),
    (
        "spent credit told as 400 (Anthropic)",
        "anthropic",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low to access the Anthropic API.",
            },
        },
        400,
        16,
        "no credit",
    ),
    (
        "an overload told as 400",
        "custom",
        {"error": {"message": "The service is currently overloaded, try later", "code": 503}},
        400,
        16,
        "overloaded",
    ),
    (
        "a model that is gone",
        "custom",
        {
            "error": {
                "message": "The model `llama-2` has been decommissioned and is no longer supported.",
                "code": "model_decommissioned",
            }
        },
        400,
        40,
        "decommissioned",
    ),
    (
        "Azure's deployment",
        "custom",
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        404,
        40,
        "asked at",
    ),
    (
        "a place that is not served (Google)",
        "google",
        {
            "error": {
                "code": 400,
                "message": "User location is not supported for the API use.",
                "status": "FAILED_PRECONDITION",
            }
        },
        400,
        16,
        "place",
    ),
    (
        "a key that has expired",
        "google",
        {
            "error": {
                "code": 400,
                "message": "API key expired. Please renew the API key.",
                "status": "INVALID_ARGUMENT",
                "details": [{"reason": "API_KEY_INVALID"}],
            }
        },
        400,
        45,
        "expired",
    ),
    (
        "LiteLLM's wrapping",
        "custom",
        {
            "error": {
                "message": 'litellm.BadRequestError: {"error":{"message":"prompt is too long: 210000 tokens"}}',
                "code": "400",
            }
        },
        400,
        47,
        "prompt is too long",
    ),
    (
        "Cloudflare's wrapping",
        "custom",
        {
            "success": False,
            "errors": [
                {
                    "code": 5021,
                    "message": "9000 tokens of input exceeded this model context window limit (8192).",
                }
            ],
        },
        400,
        47,
        "context window limit",
    ),
    (
        "a context told as 500 (llama.cpp)",
        "custom",
        {
            "error": {
                "code": 500,
                "message": "the request exceeds the available context size. try increasing the context size",
                "type": "server_error",
            }
        },
        500,
        47,
        "context size",
    ),
    (
        "Vertex's context",
        "google",
        {
            "error": {
                "code": 400,
                "message": "the input token count is 40000 but model only supports up to 32768.",
                "status": "INVALID_ARGUMENT",
            }
        },
        400,
        47,
        "only supports",
    ),
    ("Bedrock's context", "custom", {"message": "Input is too long for requested model."}, 400, 47, "too long"),
    (
        "o3's context",
        "openai",
        {
            "error": {
                "message": "Input tokens exceed the configured limit of 272000 tokens.",
                "code": "context_length_exceeded",
            }
        },
        400,
        47,
        "configured limit",
    ),
    (
        "the context of a small server",
        "custom",
        {"error": "prompt has 9,000 tokens, but the configured context size is 8,192 tokens"},
        400,
        47,
        "configured context",
    ),
    (
        "SGLang's context",
        "custom",
        {
            "object": "error",
            "message": "Requested token count exceeds the model's maximum context length of 32768 tokens.",
            "code": 400,
        },
        400,
        47,
        "maximum context",
    ),
    (
        "vLLM's engine",
        "custom",
        {"error": {"message": "The engine prompt length 9000 exceeds the max_model_len 8192. Please reduce prompt."}},
        400,
        47,
        "max_model_len",
    ),
    (
        "Chinese words for it",
        "custom",
        {"error": {"code": "1261", "message": "输入的上下文长度超过模型限制"}},
        400,
        47,
        "上下文",
    ),
    (
        "a quota of the minute of Azure's",
        "custom",
        {
            "error": {
                "code": "429",
                "message": "Requests have exceeded token rate limit of your tier. Please retry after 1 second.",
            }
        },
        429,
        20,
        "limit is reached",
    ),
    (
        "a limit of tokens told as 400 (Together)",
        "custom",
        {
            "error": {
                "message": "Request was rejected due to request rate limiting",
                "type": "invalid_request_error",
                "code": "rate_limit",
            }
        },
        400,
        20,
        "limit is reached",
    ),
]


@pytest.mark.parametrize(
    ("provider", "body", "status", "code", "words"), [c[1:] for c in IN_REPLIES], ids=[c[0] for c in IN_REPLIES]
)
def test_no_failure_in_a_reply_is_a_success_and_each_says_why(
    provider: str, body: Any, status: int, code: int, words: str, clients: Clients, server: Loopback
) -> None:
    kind = "text/html" if isinstance(body, str) and body.startswith("<") else "application/json"
    server.will(reply(body, status, content_type=kind))
    with raises_code(code) as caught:
        clients.for_provider(provider).complete(at(server, provider, max_retries=0))
    assert words in caught.value.message
