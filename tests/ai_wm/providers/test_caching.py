"""Prompt caching: what each provider is asked for, what it refuses at the definition, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from ai_wm import AIWorkerManager
from ai_wm.providers import anthropic, google, ollama, openai, responses
from ai_wm.providers.base import LLMRequest, Message, ToolCallRequest
from tests.ai_wm import files
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import WEATHER, body_of, request, user
from tests.ai_wm.providers.test_sdk_types import consumed
from tests.ai_wm.providers.wire import asking, record_of, sent


def marks(value: Any, path: str = "") -> dict[str, Any]:
    """Every mark in a body, by its place."""
    found: dict[str, Any] = {}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key == "cache_control":
            found[path] = item
        else:
            found |= marks(item, f"{path}/{key}")
    return found


def said(turns: int) -> list[Message]:
    return [
        message
        for number in range(turns)
        for message in (user(f"Question {number}"), Message(role="assistant", content=f"Answer {number}"))
    ] + [user("And now?")]


def anthropic_body(*messages: Message, cache: str = "auto", **more: Any) -> dict[str, Any]:
    asked = request("anthropic", *messages, system="Be brief.", tools=(WEATHER,), config={"cache": cache}, **more)
    types = pytest.importorskip("anthropic.types.message_create_params", reason="the anthropic package is missing")
    body = anthropic.build(asked).body
    assert consumed(TypeAdapter(types.MessageCreateParamsNonStreaming).validate_python(body)) == body
    assert "cache" not in body
    return body


def test_a_conversation_is_marked_where_the_next_turn_finds_it() -> None:
    before, after = anthropic_body(*said(2)), anthropic_body(*said(3))
    assert list(marks(before)) == ["/messages/2/content/0", "/messages/4/content/0", "/system/0", "/tools/0"] or set(
        marks(before)
    ) == {"/messages/2/content/0", "/messages/4/content/0", "/system/0", "/tools/0"}
    assert set(marks(before)) & set(marks(after)) >= {"/messages/4/content/0", "/system/0", "/tools/0"}
    assert set(map(str, marks(before).values())) == {"{'type': 'ephemeral'}"}


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("cache", ["auto", "1h"])
def test_there_are_never_more_than_four_marks(turns: int, cache: str) -> None:
    found = marks(anthropic_body(*said(turns), cache=cache))
    assert 2 <= len(found) <= 4
    expected = {"type": "ephemeral", "ttl": "1h"} if cache == "1h" else {"type": "ephemeral"}
    assert all(each == expected for each in found.values())


def test_a_prompt_of_its_own_is_not_kept_but_the_files_ahead_of_it_are() -> None:
    assert set(marks(anthropic_body(user("Once")))) == {"/system/0", "/tools/0"}
    assert "/messages/0/content/0" in marks(anthropic_body(user("A long file"), user("Once")))


def test_results_of_tools_are_marked_and_thinking_is_not() -> None:
    call = ToolCallRequest(id="toolu_1", name=WEATHER.name, arguments={})
    thought = {"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}], "origin": "anthropic m "}
    thought["content"].append({"type": "tool_use", "id": "toolu_1", "name": "weather_Now", "input": {}})  # type: ignore[attr-defined]
    asked = (
        user("Hello"),
        Message(role="assistant", content="", tool_calls=(call,), provider_data=thought),
        Message(role="tool", content="rain", tool_call_id="toolu_1", name=WEATHER.name),
    )
    assert set(marks(anthropic_body(*asked))) == {
        "/messages/0/content/0",
        "/messages/2/content/0",
        "/system/0",
        "/tools/0",
    }


def test_off_and_nothing_at_all_mark_nothing() -> None:
    assert marks(anthropic_body(*said(2), cache="off")) == {}
    assert marks(anthropic.build(request("anthropic", *said(2))).body) == {}


@pytest.mark.parametrize("build", [openai.build, responses.build])
def test_openai_gets_a_key_for_what_begins_alike(build: Any) -> None:
    def key(session: str, **config: Any) -> Any:
        asked = LLMRequest(provider="openai", model="m", messages=(user("Hi"),), session=session, config=config)
        return build(asked).body.get("prompt_cache_key")

    assert key("one", cache="auto") == key("one", cache="auto") != key("two", cache="auto")
    assert len(key("one", cache="auto")) <= 64
    assert key("one", cache="auto", prompt_cache_key="mine") == "mine"
    assert key("one", cache="off") is None
    assert key("one") is None


@pytest.mark.parametrize(("provider", "build"), [("google", google.build), ("ollama", ollama.build)])
def test_providers_that_cache_by_themselves_are_told_nothing(provider: str, build: Any) -> None:
    assert (
        build(request(provider, user("Hi"), config={"cache": "auto"})).body == build(request(provider, user("Hi"))).body
    )
    custom = openai.build(request("custom", user("Hi"), config={"cache": "auto"})).body
    assert custom == openai.build(request("custom", user("Hi"))).body


AUTH = {"method": "inline", "value": "k"}


@pytest.mark.parametrize("provider", ["custom", "google", "local", "ollama", "openai"])
def test_what_a_provider_cannot_do_is_said_at_the_definition(provider: str) -> None:
    with AIWorkerManager() as manager:
        with raises_code(4, "no cache that is kept for an hour"):
            manager.add_worker_definition(worker("w", provider=provider, base_config={"cache": "1h"}))
        manager.add_worker_definition(worker("w", provider=provider, base_config={"cache": "auto"}))
        with raises_code(4, "no cache that is kept for an hour"):
            manager.update_worker_definition("w", {"base_config": {"cache": "1h"}})


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"cache": "always"}, "'always'"),
        ({"cache": True}, "True"),
        ({"cache": ["auto"]}, "auto"),
        ({"cache": "auto", "cache_control": {"type": "ephemeral"}}, "cache_control says it too"),
    ],
)
def test_a_value_that_is_none_is_refused(config: dict[str, Any], says: str) -> None:
    with AIWorkerManager() as manager, raises_code(4, says):
        manager.add_worker_definition(worker("w", provider="anthropic", base_config=config))


PRICES = {
    "input_cost_per_token": 1.0,
    "output_cost_per_token": 1.0,
    "cached_input_cost_per_token": 0.1,
    "cache_write_cost_per_token": 1.25,
    "cache_write_1h_cost_per_token": 2.0,
}


def test_reads_and_writes_are_counted_and_priced(server: Loopback) -> None:
    body = body_of("anthropic")
    body["usage"] = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 60,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 40},
        "output_tokens": 5,
    }
    server.will(reply(body))
    with asking(
        server, "anthropic", cost_metrics=PRICES, base_config={"cache": "1h", "system_prompt": "Be."}
    ) as manager:
        manager.execute_stateless_task("w", "Hi")
        record = record_of(manager)
    assert marks(sent(server)) == {"/system/0": {"type": "ephemeral", "ttl": "1h"}}
    assert record.llm_metrics["input_tokens"] == 170
    assert (record.llm_metrics["cache_read_tokens"], record.llm_metrics["cache_write_tokens"]) == (100, 60)
    assert record.cost_incurred == pytest.approx(10 + 100 * 0.1 + 20 * 1.25 + 40 * 2 + 5)


def test_a_conversation_with_files_is_marked_behind_them(server: Loopback) -> None:
    server.will(reply(body_of("anthropic")))
    with asking(server, "anthropic", base_config={"cache": "auto"}) as manager:
        chat = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        chat.ask("Look", {"attach": files.png()})
        chat.ask("Again")
    assert set(marks(sent(server, 0))) == {"/messages/0/content/0"}
    assert set(marks(sent(server, 1))) == {"/messages/0/content/1", "/messages/2/content/0"}
