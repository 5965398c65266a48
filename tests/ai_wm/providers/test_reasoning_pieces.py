"""Reasoning that comes in pieces goes back whole, as it was signed."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers.reasoning_pieces import ReasoningPieces
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.wire import TOOLS, asking, call, calling, chunk, completion, sent, sse

CLAUDE = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
SUMMARY = {"type": "reasoning.summary", "index": 0}
HIDDEN = {"type": "reasoning.encrypted", "data": "ENC", "index": 0}

CASES: dict[str, tuple[str, list[Any], list[Any]]] = {
    "a text and its signature": (
        "reasoning_details",
        [{**CLAUDE, "text": "Let"}, {**CLAUDE, "text": " me"}, {**CLAUDE, "signature": "SG"}],
        [{**CLAUDE, "text": "Let me", "signature": "SG"}],
    ),
    "empty fields in each piece": (
        "reasoning_details",
        [{**CLAUDE, "text": "a", "signature": None}, {**CLAUDE, "text": "", "signature": "SG"}],
        [{**CLAUDE, "text": "a", "signature": "SG"}],
    ),
    "two signed texts": (
        "reasoning_details",
        [{**CLAUDE, "text": "a"}, {**CLAUDE, "signature": "S"}, {**CLAUDE, "text": "b"}, {**CLAUDE, "signature": "T"}],
        [{**CLAUDE, "text": "a", "signature": "S"}, {**CLAUDE, "text": "b", "signature": "T"}],
    ),
    "texts of two indexes": (
        "reasoning_details",
        [{**CLAUDE, "text": "a"}, {**CLAUDE, "text": "b", "index": 1}],
        [{**CLAUDE, "text": "a"}, {**CLAUDE, "text": "b", "index": 1}],
    ),
    "a summary and what is encrypted": (
        "reasoning_details",
        [{**SUMMARY, "summary": "A"}, {**SUMMARY, "summary": " b"}, HIDDEN, HIDDEN],
        [{**SUMMARY, "summary": "A b"}, HIDDEN, HIDDEN],
    ),
    "blocks of LiteLLM's": (
        "thinking_blocks",
        [
            {"type": "thinking", "thinking": "h", "signature": None},
            {"type": "thinking", "thinking": "m"},
            {"type": "thinking", "thinking": "", "signature": "SG"},
            {"type": "redacted_thinking", "data": "X"},
        ],
        [{"type": "thinking", "thinking": "hm", "signature": "SG"}, {"type": "redacted_thinking", "data": "X"}],
    ),
    "anything else": ("reasoning_details", [7, "x", {"a": 1}, {"a": 2}], [7, "x", {"a": 1}, {"a": 2}]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("together", [False, True])
def test_entries(case: str, together: bool) -> None:
    key, given, whole = CASES[case]
    pieces = ReasoningPieces()
    for piece in [given] if together else [[each] for each in given]:
        pieces.take({key: piece})
    assert pieces.fields == {key: whole}


@pytest.mark.parametrize("case", [name for name in CASES if name != "anything else"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_next_request(case: str, stream: bool, server: Loopback) -> None:
    key, given, whole = CASES[case]
    called = call({"input_string": "hey"})
    deltas = [chunk({key: [piece]}) for piece in given]
    first = (
        sse(*deltas, chunk({"tool_calls": [{"index": 0, **called}]}), chunk({}, "tool_calls"))
        if stream
        else reply(calling(called, message={key: whole}))
    )
    then = sse(chunk({"content": "HEY"}), chunk({}, "stop")) if stream else reply(completion("HEY"))
    server.will(first, then)
    with asking(server, **TOOLS) as manager:
        said: list[Any] = []
        on_stream = said.append if stream else None
        assert manager.execute_stateless_task("w", "Shout.", on_stream=on_stream).output == "HEY"
    assert sent(server)["messages"][1][key] == whole


@pytest.mark.parametrize(
    "error",
    [
        {"code": 400, "message": "messages.1.content.0: Invalid `signature` in `thinking` block"},
        {
            "code": 400,
            "message": "Provider returned error",
            "metadata": {
                "raw": '{"type":"error","error":{"type":"invalid_request_error","message":'
                '"messages.1.content.0: Invalid `signature` in `thinking` block"}}',
                "provider_name": "Anthropic",
            },
        },
        {"code": 400, "message": "messages.1.content.0.type: Expected `thinking`, but found `tool_use`."},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_that_is_refused_is_left_out(error: dict[str, Any], stream: bool, server: Loopback) -> None:
    key, _, whole = CASES["a text and its signature"]
    called = calling(call({"input_string": "hey"}), message={key: whole})
    server.will(reply(called), reply({"error": error}, 400), reply(completion("HEY")))
    config = {"base_url": server.url + "/v1", "reasoning": {"max_tokens": 2000}, "max_output_tokens": 4000}
    with asking(server, **TOOLS, base_config=config) as manager:
        on_stream = (lambda _: None) if stream else None
        assert manager.execute_stateless_task("w", "Shout.", on_stream=on_stream).output == "HEY"
    assert "reasoning" in sent(server, 1)
    assert "reasoning" not in sent(server)
    kept = "found" in str(error["message"])
    assert (key in sent(server)["messages"][1]) is kept
