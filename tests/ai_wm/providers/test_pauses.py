"""Replies that pause and are gone on with, and replies that are refused or filtered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.calls.continuing import MOST_CONTINUATIONS
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import body_of
from tests.ai_wm.providers.wire import asking, record_of, sent

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def message(*content: dict[str, Any], stop: str, tokens: int = 5) -> dict[str, Any]:
    usage = {"input_tokens": 10, "output_tokens": tokens}
    return {**body_of("anthropic"), "content": list(content), "stop_reason": stop, "usage": usage}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


PAUSED = message(text("I look it up."), SEARCH, stop="pause_turn")
SILENT = message(SEARCH, stop="pause_turn")
DONE = message(FOUND, text(" It rains."), stop="end_turn")


@pytest.mark.parametrize(
    ("paused", "whole"), [(PAUSED, "I look it up.I look it up. It rains."), (SILENT, " It rains.")]
)
def test_a_paused_reply_is_sent_back_as_it_came_and_gone_on_with(
    paused: dict[str, Any], whole: str, server: Loopback
) -> None:
    server.will(reply(paused), reply(paused), reply(DONE), reply(body_of("anthropic")))
    with asking(server, "anthropic") as manager:
        chat = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        reply_text = chat.ask("Does it rain?")
        record = record_of(manager)
        chat.ask("And now?")
    assert reply_text == whole
    assert sent(server, 1)["messages"][-1] == {"role": "assistant", "content": paused["content"]}
    assert sent(server, 2)["messages"][-1] == {"role": "assistant", "content": [*paused["content"], *paused["content"]]}
    assert (record.llm_metrics["continuations"], record.llm_metrics["input_tokens"]) == (2, 30)
    assert "tool_rounds" not in record.llm_metrics
    assert record.output_summary == reply_text
    # The whole of it stays in the history as the provider wants to see it.
    assert sent(server, 3)["messages"][1]["content"] == [*paused["content"], *paused["content"], *DONE["content"]]


def test_the_providers_own_tool_goes_back_with_an_object_whatever_the_model_wrote(server: Loopback) -> None:
    paused = json.dumps(message({**SEARCH, "input": {"most": float("inf")}}, stop="pause_turn"))
    with asking(server.will(reply(paused.replace("Infinity", "1e999")), reply(DONE)), "anthropic") as manager:
        assert manager.execute_stateless_task("w", "Does it rain?").output == " It rains."
    assert sent(server, 1)["messages"][-1]["content"] == [{**SEARCH, "input": {}}]


def test_it_may_have_nothing_more_to_say(server: Loopback) -> None:
    server.will(reply(PAUSED), reply(message(stop="end_turn")))
    with asking(server, "anthropic") as manager:
        assert manager.execute_stateless_task("w", "Does it rain?").output == "I look it up."
    assert len(server.received) == 2


def test_it_may_be_streamed(server: Loopback) -> None:
    def stream(body: dict[str, Any]) -> Any:
        data: list[dict[str, Any]] = [{"type": "message_start", "message": {**body, "content": []}}]
        for index, block in enumerate(body["content"]):
            data.append({"type": "content_block_start", "index": index, "content_block": block})
            data.append({"type": "content_block_stop", "index": index})
        data.append({"type": "message_delta", "delta": {"stop_reason": body["stop_reason"]}, "usage": body["usage"]})
        return streamed(events(*data, {"type": "message_stop"}))

    server.will(stream(PAUSED), stream(DONE))
    pieces: list[str] = []
    with asking(server, "anthropic") as manager:
        result = manager.execute_stateless_task(
            "w", "Does it rain?", on_stream=lambda event: pieces.append(getattr(event, "text", "") or "")
        )
    assert result.output == "I look it up. It rains." == "".join(pieces)
    assert sent(server, 1)["messages"][-1]["content"] == PAUSED["content"]


def test_it_is_gone_on_with_only_so_often(server: Loopback) -> None:
    server.will(reply(PAUSED))
    with asking(server, "anthropic") as manager:
        with raises_code(16, f"asked to go on {MOST_CONTINUATIONS} times") as error:
            manager.execute_stateless_task("w", "Does it rain?")
        record = record_of(manager)
    assert len(server.received) == MOST_CONTINUATIONS + 1
    assert error.value.details["finish_reason"] == "pause"
    assert error.value.details["text"] == "I look it up." * (MOST_CONTINUATIONS + 1)
    assert record.llm_metrics["input_tokens"] == 10 * (MOST_CONTINUATIONS + 1)


def test_each_continuation_counts_under_the_limits(server: Loopback) -> None:
    server.will(reply(PAUSED))
    limits = {"max_requests_per_minute": 2}
    with asking(server, "anthropic", rate_limits=limits) as manager, raises_code(20, "max_requests_per_minute"):
        manager.execute_stateless_task("w", "Does it rain?")
    assert len(server.received) == 2


REFUSED = reply({"error": {"message": "Bad luck.", "type": "invalid_request_error"}}, 400)


def broken_off() -> bytes:
    """A stream that reports a failure after some text."""
    start = {"type": "message_start", "message": {**PAUSED, "content": [], "stop_reason": None}}
    block = {"type": "content_block_start", "index": 0, "content_block": text(" It ra")}
    failure = {"type": "error", "error": {"type": "invalid_request_error", "message": "Bad luck."}}
    return streamed(events(start, block, failure))


def test_the_text_so_far_is_kept_where_a_continuation_fails(server: Loopback) -> None:
    server.will(reply(PAUSED), reply(PAUSED), REFUSED)
    with asking(server, "anthropic") as manager:
        with raises_code(16, "Bad luck") as error:
            manager.execute_stateless_task("w", "Does it rain?")
        record = record_of(manager)
    assert error.value.details["text"] == "I look it up.I look it up."
    assert "the text so far: 'I look it up.I look it up.'" in record.error_details
    assert record.llm_metrics["continuations"] == 2


def test_the_text_so_far_is_kept_with_that_of_the_failed_continuation(server: Loopback) -> None:
    whole = streamed(events({**PAUSED, "type": "message"}))
    with asking(server.will(whole, broken_off()), "anthropic") as manager, raises_code(16, "Bad luck") as error:
        manager.execute_stateless_task("w", "Does it rain?", on_stream=lambda event: None)
    assert error.value.details["text"] == "I look it up. It ra"


def test_the_text_so_far_of_google_is_kept(server: Loopback) -> None:
    with asking(server.will(reply(HALF), REFUSED), "google") as manager:
        with raises_code(16, "Bad luck") as error:
            manager.execute_stateless_task("w", "Write.")
        assert "the text so far: 'Half of '" in record_of(manager).error_details
    assert error.value.details["text"] == "Half of "


def test_a_continuation_that_a_budget_refuses_is_not_counted_and_the_error_says_so(server: Loopback) -> None:
    server.will(reply(PAUSED))
    costs = {"cost_metrics": {"cost_per_call": 3.0}, "rate_limits": {"max_cost_per_day": 7.0}}
    with asking(server, "anthropic", **costs) as manager:
        with raises_code(46, "has paused, and it was not asked to go on \\(the call has used 30 tokens") as error:
            manager.execute_stateless_task("w", "Does it rain?")
        record = record_of(manager)
    assert len(server.received) == 2
    assert "tools" not in error.value.message
    assert error.value.details["text"] == "I look it up.I look it up."
    assert (record.llm_metrics["continuations"], record.llm_metrics["attempts"]) == (1, 2)
    assert "tool_rounds" not in record.llm_metrics


def test_a_schema_holds_for_the_whole_reply(server: Loopback) -> None:
    server.will(
        reply(message(text('{"rain":'), SEARCH, stop="pause_turn")),
        reply(message(text(" true}"), stop="end_turn")),
    )
    schema = {"type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"]}
    with asking(server, "anthropic") as manager:
        assert manager.execute_stateless_task("w", "Does it rain?", schema=schema).value == {"rain": True}


def google_reply(said: str, **more: Any) -> dict[str, Any]:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    candidate = {"content": {"role": "model", "parts": [{"text": said}]}, **more}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1"}


HALF = google_reply("Half of ", finishReason="CONTINUATION", continuationToken="dG9rZW4=")
REST = google_reply("it.", finishReason="STOP")


@pytest.mark.parametrize("streams", [False, True])
def test_google_gets_the_same_request_with_its_token(streams: bool, server: Loopback) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return streamed(events(body)) if streams else reply(body)

    server.will(answer(HALF), answer(HALF), answer(REST), answer(REST))
    with asking(server, "google") as manager:
        chat = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        said = chat.ask("Write.", on_stream=(lambda event: None) if streams else None)
        record = record_of(manager)
        chat.ask("Again", on_stream=(lambda event: None) if streams else None)
    assert said == "Half of Half of it."
    first, second, third, later = [each.json for each in server.received]
    assert "continuationToken" not in first
    assert second == third == {**first, "continuationToken": "dG9rZW4="}
    assert record.llm_metrics["continuations"] == 2
    assert "continuationToken" not in later
    assert [part["text"] for part in later["contents"][1]["parts"]] == ["Half of ", "Half of ", "it."]


@pytest.mark.parametrize(
    ("provider", "body", "reason"),
    [
        ("anthropic", {"stop_reason": "refusal", "stop_details": {"explanation": "Not that."}}, "refusal"),
        ("google", {"candidates": [{"finishReason": "SAFETY", "content": {"parts": []}}]}, "content_filter"),
    ],
)
def test_a_refusal_is_told_in_the_fields_of_the_error(
    provider: str, body: dict[str, Any], reason: str, server: Loopback
) -> None:
    server.will(reply({**body_of(provider), **body}))
    with asking(server, provider) as manager, raises_code(16) as error:
        manager.execute_stateless_task("w", "Hi")
    assert error.value.details["finish_reason"] == reason
    assert error.value.details["refusal"]
