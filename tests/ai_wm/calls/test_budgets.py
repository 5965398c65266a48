"""Budgets and token limits that bind: what is reserved, what is sent, and what a server can spend at most."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from ai_wm.calls.estimating import LEAST_OUTPUT
from ai_wm.providers.base import LLMRequest, Message, ToolCallRequest
from ai_wm.providers.estimates import (
    answers_asked,
    input_size,
    published_output,
    stated_output,
    thinking_allowance,
    thinking_budget,
    with_output,
)
from neuroscript import Interpreter, NeuroScriptError
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker
from tests.ai_wm.providers.loopback import Loopback, Received, reply, serve

GREEDY = 128_000
"""The tokens of output that the server writes where nobody limits it."""

PRICES = {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.00005}


def asked_for(body: dict[str, Any]) -> int | None:
    limits = [body.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    return next((limit for limit in limits if limit is not None), None)


def greedy(received: Received) -> bytes:
    """A server of chat completions that writes all that it may."""
    body = received.json
    written = (asked_for(body) or GREEDY) * body.get("n", 1)
    given = sum(len(message["content"]) // 4 for message in body["messages"])
    choice = {"index": 0, "message": {"role": "assistant", "content": "so it is"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}
    return reply({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as running:
        yield running.judges(greedy)


def at(server: Loopback, **fields: Any) -> dict[str, Any]:
    config = {"base_url": f"{server.url}/v1", **fields.pop("base_config", {})}
    return worker("w", provider="custom", model_name="m", base_config=config, **fields)


def sent(server: Loopback) -> list[int | None]:
    return [asked_for(received.json) for received in server.received]


# --- a budget binds ---


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"max_tokens": GREEDY},
        {"extra_body": {"max_tokens": GREEDY}},
        {"max_output_tokens": 40},
        {"n": 4},
        {"extra_body": {"n": 4}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["batch", "threads", "one after the other"])
def test_a_budget_is_never_exceeded(server: Loopback, config: dict[str, Any], kind: str) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(
            at(server, cost_metrics=PRICES, rate_limits={"max_cost_per_day": 0.10}, base_config=config)
        )
        prompts = [f"prompt {number}" for number in range(50)]
        if kind == "batch":
            manager.execute_batch("w", prompts, max_parallel=8)
        elif kind == "threads":
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda prompt: attempt(manager, prompt), prompts))
        else:
            assert {attempt(manager, prompt) for prompt in prompts} <= {"so it is", "error 46"}
        records = manager.get_performance_records_for_definition("w")
        spent = sum(record.cost_incurred for record in records)
        assert spent <= 0.10
        assert manager.limit_usage("w")["cost_last_day"] == pytest.approx(spent)
        if stated_output(config) == GREEDY:
            assert not server.received  # one such call is more than the whole budget
        else:
            assert spent > 0.05  # it is there to be used


def attempt(manager: AIWorkerManager, prompt: str) -> str:
    try:
        return manager.execute_stateless_task("w", prompt).output
    except NeuroScriptError as error:
        return f"error {int(error.code)}"


@pytest.mark.parametrize("place", ["max_cost_per_run", "max_cost_per_day"])
def test_the_budgets_of_a_policy_bind_as_well(server: Loopback, place: str) -> None:
    policy = WorkerPolicy(origins=(server.url,), **{place: 0.1})  # type: ignore[arg-type]
    with AIWorkerManager(policy=policy) as manager, Interpreter() as interpreter:
        register_ai_worker_tools(interpreter, manager)
        manager.add_worker_definition(at(server, cost_metrics=PRICES))
        interpreter.load(
            'func main(needs prompts) means\n  return tool.AIWorker.ExecuteBatch("w", prompts, 8)\nendfunc\n'
        )
        interpreter.run("main", [f"prompt {number}" for number in range(40)])
        spent = sum(record.cost_incurred for record in manager.get_performance_records_for_definition("w"))
        assert 0.05 < spent <= 0.1


def test_a_limit_by_tokens_is_never_exceeded(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_tokens_per_day": 20_000}))
        results = manager.execute_batch("w", ["a prompt"] * 30, max_parallel=6)
        used = manager.limit_usage("w")["tokens_last_day"]
        assert 16_000 < used <= 20_000
        assert {int(each.code) for each in results if isinstance(each, NeuroScriptError)} == {20}
        assert set(sent(server)) == {4096}


# --- what is sent ---


@pytest.mark.parametrize(
    ("limits", "config", "expected"),
    [
        ({}, {}, None),
        ({"max_requests_per_day": 5}, {}, None),
        ({"max_tokens_per_day": 1_000_000}, {}, 4096),
        ({"max_tokens_per_day": 10_000}, {}, 2500),
        ({"max_tokens_per_day": 800}, {}, LEAST_OUTPUT),
        ({"max_tokens_per_day": 10_000, "max_tokens_per_minute": 4_000}, {}, 1000),
        ({"max_cost_per_day": 10}, {}, 4096),
        ({"max_cost_per_day": 0.1}, {}, 500),
        ({"max_cost_per_day": 0.04}, {}, LEAST_OUTPUT),
        ({"max_tokens_per_day": 10_000}, {"max_output_tokens": 77}, 77),
        ({"max_tokens_per_day": 10_000}, {"max_tokens": 77}, 77),
        ({"max_tokens_per_day": 10_000}, {"extra_body": {"max_tokens": 77}}, 77),
        ({"max_tokens_per_day": 1_000_000}, {"thinking": {"budget_tokens": 10_000}}, 14_096),
        ({"max_tokens_per_day": 1_000_000}, {"extra_body": {"thinking": {"budget_tokens": 10_000}}}, 14_096),
        ({"max_tokens_per_day": 1_000_000}, {"extra_body": {"reasoning_effort": "high"}}, 4096 + 16_384),
        ({"max_tokens_per_day": 1_000_000}, {"reasoning_effort": "high"}, 4096 + 16_384),
        ({"max_tokens_per_day": 40_000}, {"n": 2}, 4096),
        ({"max_tokens_per_day": 10_000}, {"n": 2}, 1250),
        ({"max_tokens_per_day": 10_000}, {"extra_body": {"n": 2}}, 1250),
    ],
    ids=str,
)
def test_the_limit_of_output_that_is_sent(
    server: Loopback, limits: dict[str, float], config: dict[str, Any], expected: int | None
) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, cost_metrics=PRICES, rate_limits=limits, base_config=config))
        manager.execute_stateless_task("w", "hello")
        assert sent(server) == [expected]


def test_the_limit_of_output_never_shrinks_with_use(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_tokens_per_day": 10_000}))
        for _ in range(3):
            manager.execute_stateless_task("w", "hello")
        assert sent(server) == [2500] * 3


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama", "openai"])
def test_every_provider_is_sent_it_under_its_own_name(provider: str) -> None:
    client = Answers()
    with AIWorkerManager(clients={provider: client}) as manager:
        definition = worker("w", provider=provider, model_name="m-1", rate_limits={"max_tokens_per_minute": 8000})
        manager.add_worker_definition(definition)
        manager.execute_stateless_task("w", "hello")
    assert client.requests[0].config["max_output_tokens"] == 2000


def test_a_setting_that_gives_no_limit_is_replaced() -> None:
    config = {"num_predict": -1, "options": {"num_predict": -2, "num_ctx": 100}, "temperature": 0}
    assert stated_output(config) is None
    assert with_output(config, 300) == {"options": {"num_ctx": 100}, "temperature": 0, "max_output_tokens": 300}


@pytest.mark.parametrize(
    ("provider", "model", "most"),
    [
        ("anthropic", "claude-3-opus-20240229", 4096),
        ("anthropic", "claude-3-5-haiku-20241022", 8192),
        ("anthropic", "claude-sonnet-4-5", 64_000),
        ("openai", "gpt-4-turbo", 4096),
        ("openai", "gpt-4o-2024-05-13", 4096),
        ("openai", "gpt-4o-mini", 16_384),
        ("google", "models/gemini-1.5-pro", 8192),
        ("openai", "a-model-of-tomorrow", None),
        ("custom", "gpt-4-turbo", None),
    ],
)
def test_published_maxima(provider: str, model: str, most: int | None) -> None:
    assert published_output(provider, model) == most


def test_a_published_maximum_bounds_what_is_sent() -> None:
    client = Answers()
    with AIWorkerManager(clients={"openai": client}) as manager:
        config = {"reasoning_effort": "high"}
        limits = {"max_tokens_per_day": 10**9}
        manager.add_worker_definition(
            worker("w", provider="openai", model_name="gpt-4-turbo", base_config=config, rate_limits=limits)
        )
        manager.execute_stateless_task("w", "hello")
    assert client.requests[0].config["max_output_tokens"] == 4096


# --- calls that can never succeed ---


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"max_tokens_per_minute": 300}, "300"),
        ({"max_tokens_per_day": 300}, "300"),
        ({"max_cost_per_day": 0.01}, "0.01"),
    ],
    ids=str,
)
def test_input_that_is_more_than_the_limit_is_refused_with_both_numbers(
    server: Loopback, limits: dict[str, float], named: str
) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, cost_metrics=PRICES, rate_limits=limits))
        with raises_code(37, "the input alone") as error:
            manager.execute_stateless_task("w", "word " * 1000)
        assert named in error.value.message
        assert next(iter(limits)) in error.value.message
        assert error.value.details["value"] == pytest.approx(next(iter(limits.values())))
        assert not server.received
        manager.execute_stateless_task("w", "a word") if "max_tokens" in next(iter(limits)) else None


def test_a_limit_too_small_for_any_reply_names_the_setting(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_tokens_per_day": 100}))
        with raises_code(20, "max_output_tokens") as error:
            manager.execute_stateless_task("w", "hello")
        assert "retry_after_seconds" not in error.value.details
        assert manager.execute_stateless_task("w", "hello", {"max_output_tokens": 20}).output == "so it is"


def test_thinking_that_leaves_no_room_for_an_answer_is_refused(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        config = {"thinking": {"budget_tokens": 5000}}
        manager.add_worker_definition(at(server, rate_limits={"max_tokens_per_day": 10_000}, base_config=config))
        with raises_code(37, "thinking"):
            manager.execute_stateless_task("w", "hello")


def test_input_that_is_too_large_is_left_to_a_fallback(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        small = at(server, rate_limits={"max_tokens_per_day": 300})
        small["base_config"]["fallbacks"] = ["large"]
        manager.add_worker_definition(small)
        manager.add_worker_definition(worker("large"))
        assert manager.execute_stateless_task("w", "word " * 1000).output.startswith("echo: word")


# --- the built-in models ---


def test_the_replies_of_a_script_are_known_before_they_are_given() -> None:
    replies = ["one two three", {"text": "x", "usage": {"input_tokens": 30, "output_tokens": 50}}, {"error": "no"}]
    with AIWorkerManager() as manager:
        limits = {"max_cost_per_day": 200.0}
        manager.add_worker_definition(
            scripted("w", replies, cost_metrics={"output_cost_per_token": 1.0}, rate_limits=limits)
        )
        for _ in range(9):
            assert attempt(manager, "go") in ("one two three", "x", "error 16", "error 46")
        assert manager.limit_usage("w")["cost_last_day"] <= 200


# --- calls in flight ---


def test_a_call_waits_for_what_calls_in_flight_hold(server: Loopback) -> None:
    """Sixteen callers of a budget with room for four reservations, which use a tenth of them: nobody is refused."""

    def modest(received: Received) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
        return reply({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})

    server.judges(modest)
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, cost_metrics=PRICES, rate_limits={"max_cost_per_day": 0.2}))
        started, outputs = threading.Barrier(16), []

        def call() -> None:
            started.wait()
            outputs.append(manager.execute_stateless_task("w", "hello").output)

        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert outputs == ["yes"] * 16


# --- retries ---


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retries_count_as_requests(server: Loopback, status: int) -> None:
    server.will(reply({"error": {"message": "busy"}}, status, {"retry-after": "0"}))
    with AIWorkerManager() as manager:
        manager.add_worker_definition(
            at(server, rate_limits={"max_requests_per_minute": 2}, base_config={"max_retries": 5})
        )
        with raises_code(20 if status == 429 else 16, "not sent again"):
            manager.execute_stateless_task("w", "hello")
        with raises_code(20):
            manager.execute_stateless_task("w", "hello")
        assert len(server.received) == 2
        (record,) = manager.get_performance_records_for_definition("w")
        assert record.llm_metrics["attempts"] == 2
        usage = manager.limit_usage("w")
        assert (usage["requests_last_minute"], usage["tokens_last_minute"], usage["calls_in_flight"]) == (2, 0, 0)


def test_each_attempt_is_paid_by_itself(server: Loopback) -> None:
    """The first reply is cut off in the middle; what it may have cost is settled before the second is asked for."""
    cut = reply({"choices": []}, headers={"content-length": "5000"})

    def broken(connection: Any) -> None:
        connection.sendall(cut)
        connection.shutdown(socket.SHUT_RDWR)

    server.will(broken, lambda connection: connection.sendall(greedy(server.received[-1])))
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, cost_metrics=PRICES, rate_limits={"max_cost_per_day": 10}))
        record = manager.execute_stateless_task("w", "hello").record
        usage = manager.limit_usage("w")
        assert record.llm_metrics["attempts"] == usage["requests_last_day"] == 2
        assert usage["cost_last_day"] == pytest.approx(record.cost_incurred)
        assert usage["tokens_last_day"] == record.llm_metrics["total_tokens"]
        assert usage["calls_in_flight"] == 0


# --- unknown prices ---


def test_an_unknown_price_is_refused_under_a_budget_unless_the_host_allows_it(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_cost_per_day": 1}))
        with raises_code(46, "custom/m"):
            manager.execute_stateless_task("w", "hello")
        with raises_code(46):  # it is the definition that has to say so
            manager.execute_stateless_task("w", "hello", {"allow_unknown_price": True})
        manager.update_worker_definition(
            "w", {"base_config": {"base_url": f"{server.url}/v1", "allow_unknown_price": True}}
        )
        record = manager.execute_stateless_task("w", "hello").record
        assert (record.cost_incurred, record.llm_metrics["cost_source"]) == (0, "unknown")


def test_a_price_of_nothing_is_a_price(server: Loopback) -> None:
    with AIWorkerManager() as manager:
        free = {"input_cost_per_token": 0, "output_cost_per_token": 0}
        manager.add_worker_definition(at(server, cost_metrics=free, rate_limits={"max_cost_per_day": 1}))
        assert manager.execute_stateless_task("w", "hello").record.cost_incurred == 0
        assert sent(server) == [None]


# --- properties ---


@given(st.text(max_size=300), st.lists(st.text(max_size=100), max_size=4))
@settings(deadline=None)
def test_no_text_has_more_tokens_than_its_bound(system: str, texts: list[str]) -> None:
    messages = tuple(Message(role="user", content=text) for text in texts) or (Message(role="user", content=""),)
    size = input_size(LLMRequest(provider="custom", model="m", messages=messages, system=system))
    whole = sum(len(text.encode("utf-8", "surrogatepass")) for text in (system, *texts))
    assert whole <= size.most
    assert 0 <= size.tokens <= size.most


@given(
    st.dictionaries(
        st.sampled_from(["max_output_tokens", "max_tokens", "num_predict", "options", "extra_body"]),
        st.recursive(
            st.one_of(st.integers(-3, 10**7), st.floats(allow_nan=True), st.booleans(), st.none(), st.text(max_size=3)),
            lambda inner: st.dictionaries(st.sampled_from(["max_tokens", "maxOutputTokens", "options"]), inner),
            max_leaves=4,
        ),
    )
)
def test_what_is_stated_is_the_highest_usable_number(config: dict[str, Any]) -> None:
    stated = stated_output(config)
    assert stated is None or stated > 0
    assert stated_output(with_output(config, 5)) == 5


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({}, 0),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, 2000),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 3000}}}, 3000),
        ({"thinkingConfig": {"thinkingBudget": -1}}, 0),
        ({"reasoning": {"max_tokens": 4000}}, 4000),
        ({"reasoning": {"effort": "low"}}, 0),
        ({"reasoning_effort": "none"}, 0),
        ({"thinking": "yes"}, 0),
    ],
    ids=str,
)
def test_thinking_budgets(config: dict[str, Any], tokens: int) -> None:
    assert thinking_budget(config) == tokens


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({"reasoning": {"effort": "low"}}, 4096),
        ({"output_config": {"effort": "MAX"}}, 32_768),
        ({"reasoning_effort": "none"}, 0),
        ({"reasoning_effort": "high", "thinking": {"budget_tokens": 2000}}, 2000),
    ],
    ids=str,
)
def test_an_effort_stands_for_tokens_of_thinking(config: dict[str, Any], tokens: int) -> None:
    assert thinking_allowance(config) == tokens


def test_budgets_hold_on_disk_too(server: Loopback, tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as one, AIWorkerManager(tmp_path) as other:
        one.add_worker_definition(at(server, cost_metrics=PRICES, rate_limits={"max_cost_per_day": 0.10}))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: attempt((one, other)[number % 2], "hello"), range(60)))
        spent = sum(record.cost_incurred for record in one.get_performance_records_for_definition("w"))
        assert 0.05 < spent <= 0.10


# --- servers and settings that tried to get round it ---


@pytest.mark.parametrize("tier", ["scale", "priority", "of gold", " default"])
def test_a_service_tier_without_a_price_costs_what_was_reserved(server: Loopback, tier: str) -> None:
    def golden(received: Received) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 100, "total_tokens": 105}
        return reply({"id": "c", "model": "m", "choices": [choice], "usage": usage, "service_tier": tier})

    server.judges(golden)

    def prices(provider: str, model: str, usage: Any) -> float:
        return usage.input_tokens * 0.00001 + usage.output_tokens * 0.00005

    with AIWorkerManager(price_source=prices) as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_cost_per_day": 0.2}))
        manager.execute_batch("w", ["x"] * 200, max_parallel=4)
        assert manager.limit_usage("w")["cost_last_day"] <= 0.2


@pytest.mark.parametrize(
    "body",
    [b"not JSON", b"", b"<html>busy</html>", b'{"choices": []}', b'{"choices": [{"finish_reason": "content_filter"}]}'],
    ids=str,
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_reply_that_cannot_be_read_costs_what_was_reserved(server: Loopback, body: bytes, streamed: bool) -> None:
    server.will(reply(body))
    with AIWorkerManager() as manager:
        manager.add_worker_definition(
            at(server, cost_metrics=PRICES, rate_limits={"max_cost_per_day": 0.1}, base_config={"max_retries": 0})
        )
        for _ in range(4):  # after five in a row the server would be left alone
            with pytest.raises(NeuroScriptError):
                manager.execute_stateless_task("w", "x", on_stream=(lambda event: None) if streamed else None)
        usage = manager.limit_usage("w")
        assert 0.05 < usage["cost_last_day"] <= 0.1
        assert usage["cost_last_day"] == pytest.approx(
            sum(record.cost_incurred for record in manager.get_performance_records_for_definition("w"))
        )


@pytest.mark.parametrize(
    "config",
    [
        {"max_tokens": -1},
        {"max_tokens": 0},
        {"max_tokens": "128000"},
        {"max_tokens": None},
        {"max_completion_tokens": None},
        {"num_predict": -1},
        {"options": {"num_predict": -1}},
        {"generationConfig": {"maxOutputTokens": "65000"}},
        {"extra_body": {"max_tokens": "128000"}},
        {"extra_body": {"options": {"num_predict": -1}}},
    ],
    ids=str,
)
def test_the_limit_that_is_stated_is_the_one_that_is_sent(server: Loopback, config: dict[str, Any]) -> None:
    with AIWorkerManager() as manager:
        limits = {"max_tokens_per_day": 100_000}
        manager.add_worker_definition(at(server, rate_limits=limits, base_config={"max_output_tokens": 100, **config}))
        manager.execute_stateless_task("w", "hello")
        assert sent(server) == [100]
        assert not {"num_predict", "max_completion_tokens", "options"} & server.received[0].json.keys()


@pytest.mark.parametrize("wrong", [0, -1, "99999", True, 1.5], ids=repr)
def test_a_limit_of_output_that_is_none_is_refused(server: Loopback, wrong: object) -> None:
    with AIWorkerManager() as manager:
        limits = {"max_tokens_per_day": 100_000}
        manager.add_worker_definition(at(server, rate_limits=limits, base_config={"max_output_tokens": 100}))
        with raises_code(4, "max_output_tokens"):
            manager.execute_stateless_task("w", "hello", {"max_output_tokens": wrong})
        assert not server.received


@pytest.mark.parametrize("config", [{"n": 5.0}, {"n": "5"}, {"best_of": 5}, {"candidate_count": 5}], ids=str)
def test_every_answer_asked_for_is_reserved(config: dict[str, Any]) -> None:
    assert answers_asked(config) == answers_asked({"generationConfig": config}) == 5
    assert answers_asked({"extra_body": config}) == answers_asked({"extra_body": {"generationConfig": config}}) == 5


def test_arguments_of_tools_count_as_they_are_sent() -> None:
    call = ToolCallRequest(id="1", name="t", arguments={"text": "ニューロ" * 100})
    message = Message(role="assistant", content="", tool_calls=(call,))
    size = input_size(LLMRequest(provider="custom", model="m", messages=(message,)))
    assert size.most >= len(json.dumps(call.arguments))


def test_a_stream_callback_that_asks_the_same_worker_is_refused_at_once(server: Loopback) -> None:
    codes: list[int] = []
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_tokens_per_day": 1500}))

        def ask_again(event: Any) -> None:
            try:
                manager.execute_stateless_task("w", "and you?", {"max_output_tokens": 1200})
            except NeuroScriptError as error:
                codes.append(int(error.code))

        manager.execute_stateless_task("w", "hello", {"max_output_tokens": 1200}, on_stream=ask_again)
    assert codes
    assert set(codes) == {20}


def test_a_call_that_the_breaker_holds_back_is_no_request(server: Loopback) -> None:
    server.will(reply({"error": {"message": "down"}}, 500))
    with AIWorkerManager() as manager:
        limits = {"max_requests_per_day": 100}
        manager.add_worker_definition(at(server, rate_limits=limits, base_config={"max_retries": 0}))
        for _ in range(9):
            with raises_code(16):
                manager.execute_stateless_task("w", "hello")
        assert manager.limit_usage("w")["requests_last_day"] == len(server.received) == 5


def test_a_reply_cut_for_the_sake_of_a_limit_says_so(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    body = {"id": "c", "model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": 256, "total_tokens": 261}}
    choice = {"index": 0, "message": {"role": "assistant", "content": "so it"}, "finish_reason": "length"}
    server.will(reply({**body, "choices": [choice]}))
    with AIWorkerManager() as manager:
        manager.add_worker_definition(at(server, rate_limits={"max_tokens_per_day": 900}))
        record = manager.execute_stateless_task("w", "hello").record
    assert record.llm_metrics["output_limit"] == 256
    assert "cut at 256 tokens of output" in caplog.text


@pytest.mark.parametrize(
    "own",
    [
        {"content": [{"type": "text", "text": "w " * 1000}]},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": "w " * 1000}]}]},
        {"parts": [{"text": "w " * 1000, "thoughtSignature": "s"}]},
    ],
    ids=["anthropic", "openai", "google"],
)
def test_the_text_of_a_reply_that_goes_back_in_its_own_form_is_counted_once(own: dict[str, Any]) -> None:
    def size(data: dict[str, Any] | None) -> tuple[int, int]:
        said = Message(role="assistant", content="w " * 1000, provider_data=data)
        return input_size(LLMRequest(provider="custom", model="m", messages=(said,)))

    plain, whole = size(None), size({"origin": "there", **own})
    assert all(0 <= one - other < 150 for one, other in zip(whole, plain, strict=True))
