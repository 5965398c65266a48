"""Attacks by numbers and texts without bound: from scripts, which are refused, and from servers, which are cut."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMResponse, Usage
from ai_wm.calls.recording import MOST_ERROR_CHARACTERS
from ai_wm.data.bounds import MOST_BYTES, SHORT
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker
from tests.ai_wm.providers.loopback import reply, streamed
from tests.ai_wm.providers.support import body_of, stream_of, stream_type
from tests.attacks.world import INLINE, World, adding, ids

LOCAL = {"provider": "local", "model_name": "echo"}
MOMENT = '"2025-06-15T09:30:00Z"'
SPAWN = 'set i = tool.AIWorkerInstance.Spawn("w")\nset id = i.instance_id\nset chat = i.conversation_manager_handle\n'
RETIRE = 'call tool.AIWorkerInstance.Retire(id, chat, "", "retired_completed", '

# --- from scripts ---


def log(**fields: str) -> str:
    """The call that logs a record, with some of its arguments replaced by others."""
    given = {
        "task_id": '"t"',
        "instance_id": '""',
        "definition_id": '"w"',
        "timestamp_start": MOMENT,
        "timestamp_end": MOMENT,
        "duration_ms": "1",
        "success": "true",
        **fields,
    }
    return "call tool.AIWorker.LogPerformance(" + ", ".join(f"{name}: {value}" for name, value in given.items()) + ")"


FROM_SCRIPTS: list[tuple[str, str]] = [
    ("A cost of 1e308 made the sum of all costs infinite.", log(cost_incurred="1e308")),
    ("A cost below 0 paid the others back.", log(cost_incurred="-1.0")),
    ("Tokens of a whole year's work.", log(llm_metrics='{"total_tokens": 9223372036854775807}')),
    ("Tokens below 0.", log(llm_metrics='{"total_tokens": -9223372036854775807}')),
    ("A duration of 300 million years made the mean useless.", log(duration_ms="9223372036854775807")),
    ("A task in the year 9999 was the last activity for ever.", log(timestamp_end='"9999-12-31T23:59:59Z"')),
    ("A task before there were computers.", log(timestamp_start='"0700-01-01T00:00:00Z"')),
    ("An output of a megabyte in a field for its beginning.", log(output_summary=f'"{"x" * (MOST_BYTES + 1)}"')),
    ("An input context of a megabyte.", log(input_context=f'{{"x": "{"x" * (MOST_BYTES + 1)}"}}')),
    ("A rating that no mean recovers from.", "call tool.AIWorker.LogFeedback(a, 1e300)"),
    ("Comments of a megabyte.", f'call tool.AIWorker.LogFeedback(a, 1.0, "{"x" * (MOST_BYTES + 1)}")'),
    ("Prices of 1e300 a token.", adding("v", **LOCAL, cost_metrics={"input_cost_per_token": 1e300})),
    ("Prices below 0, by which a call earns.", adding("v", **LOCAL, cost_metrics={"cost_per_call": -1})),
    ("Limits below 0.", adding("v", **LOCAL, rate_limits={"max_requests_per_minute": -1})),
    (
        "Tokens added to a session until they are more than any integer.",
        SPAWN + "call tool.AIWorkerInstance.UpdateTokenUsage(id, 9223372036854775807, 1)",
    ),
    (
        "A session's usage as the script likes it.",
        SPAWN + RETIRE + '{"input_tokens": 9223372036854775807})',
    ),
    (
        "Records in place of those logged, with a cost of 1e308.",
        SPAWN + RETIRE + 'nil, [{"task_id": "x", "cost_incurred": 1e308}])',
    ),
]


@pytest.mark.parametrize(("says", "text"), FROM_SCRIPTS, ids=ids(FROM_SCRIPTS))
def test_what_is_beyond_reason_is_refused(world: World, says: str, text: str) -> None:
    manager = world.manager()
    script = world.script(manager)
    script.run(adding("w", **LOCAL))
    task = script.run('return tool.AIWorker.ExecuteStatelessTask("w", "x").task_id')
    assert script.code(text, task) == 4, says
    summary = manager.performance_summary("w")
    assert (summary.total_tasks_attempted, summary.total_cost_incurred, summary.average_quality_score) == (1, 0, 0)


def test_what_is_within_reason_is_taken(world: World) -> None:
    script = world.script(world.manager())
    script.run(adding("w", **LOCAL) + "\n" + log(cost_incurred="12.5", llm_metrics='{"total_tokens": 1000000}'))
    script.run('call tool.AIWorker.LogFeedback("t", -5.0, "worse than nothing")')


def test_records_passed_at_the_end_are_those_of_the_instance(world: World) -> None:
    """A record passed to Retire named another worker, whose sums it went into."""
    manager = world.manager()
    world.host_adds(manager)
    other = manager.get_worker_definition("helper").definition_id
    script = world.script(manager)
    script.run(
        adding("w", **LOCAL)
        + f"""
set i = tool.AIWorkerInstance.Spawn("w")
call tool.AIWorkerInstance.Retire(i.instance_id, i.conversation_manager_handle, "", "retired_completed", nil,
  [{{"task_id": "x", "definition_id": "{other}", "instance_id": "stateless-1", "cost_incurred": 5.0}}])
"""
    )
    assert manager.performance_summary("helper").total_tasks_attempted == 0
    (record,) = manager.get_performance_records_for_definition("w")
    assert record.task_id == "x"


HALF = "\ud83d"
"""Half of a character, which no UTF-8 has."""


def test_half_a_character_is_stored_as_none(world: World) -> None:
    """A text with half a surrogate pair was acknowledged, and could not be written."""
    manager = world.manager()
    script = world.script(manager)
    text = (
        'call tool.AIWorkerDefinition.Add(name: "n" + a, provider: "local", model_name: "echo", '
        'auth: {"method": "none"}, interaction_models: ["both"], metadata: {"k": [a]})\n'
        'set task = tool.AIWorker.ExecuteStatelessTask("n" + b, "x" + a)\n'
        'call tool.AIWorker.LogFeedback(task.task_id, 1.0, "c" + a)\n'
        'set i = tool.AIWorkerInstance.Spawn("n" + b)\n'
        'call tool.AIWorkerInstance.UpdateStatus(i.instance_id, "error", a)\n'
        'call tool.AIWorkerInstance.Retire(i.instance_id, i.conversation_manager_handle, a, "retired_completed")'
    )
    script.run(text, HALF, "\ufffd")
    manager.close()
    again = world.manager()
    definition = again.get_worker_definition("n\ufffd")
    assert definition.metadata == {"k": ["\ufffd"]}
    (record,) = again.get_performance_records_for_definition(definition.definition_id)
    assert record.supervisor_feedback is not None
    assert record.supervisor_feedback.comments == "c\ufffd"
    assert record.output_summary == "echo: x\ufffd"


# --- from servers ---

USAGES: list[tuple[str, Any]] = [
    ("A server counted a quintillion tokens: the budget of the year was gone.", 10**18),
    ("A server counted more tokens than any integer holds.", 10**40),
    ("A server counted below 0, and the budget grew.", -(10**6)),
    ("A server counted one below 0.", -1),
    ("A server counted in a number without end.", 1e300),
    ("A server counted infinitely many.", math.inf),
    ("A server counted what is no number.", math.nan),
    ("A server counted in words.", "many"),
    ("A server counted nothing, in words.", ""),
    ("A server counted below 0, in words.", "-5"),
    ("A server counted in fractions.", 1.5),
    ("A server counted by yes and no: no was nothing, and cost nothing.", False),
    ("A server counted in a list.", [9]),
    ("A server counted in a map.", {"count": 9}),
]
INPUT = {
    "openai": ("usage", "prompt_tokens"),
    "custom": ("usage", "prompt_tokens"),
    "anthropic": ("usage", "input_tokens"),
    "google": ("usageMetadata", "promptTokenCount"),
    "ollama": ("prompt_eval_count",),
}
"""Where each provider's reply counts its input."""

LONG = {"max_output_tokens": 1000}
"""What is reserved for a call is far above the 12 tokens of its reply."""


def asked(world: World, provider: str, answer: Any, stream: bool) -> tuple[AIWorkerManager, Any]:
    """The manager and the result of a task that a server of the provider's kind answered in that way."""
    world.friend.will(answer)
    manager = world.manager()
    world.host_adds(
        manager,
        provider=provider,
        auth={"method": "none"},
        base_config={"base_url": world.friend.url + ("/v1" if provider in ("openai", "custom") else ""), **LONG},
        rate_limits={"max_tokens_per_day": 10_000},
        cost_metrics={"input_cost_per_token": 0.001, "output_cost_per_token": 0.001},
    )
    return manager, manager.execute_stateless_task(
        "helper", "hello", on_stream=(lambda event: None) if stream else None
    )


def counting(provider: str, tokens: Any, stream: bool) -> Any:
    """A reply that is honest but for its count of input."""
    if not stream:
        return reply(json.dumps(body_of(provider)).replace(": 9", f": {json.dumps(tokens)}"))
    new = f": {json.dumps(tokens)}".encode()
    pieces = [piece.replace(b": 9", new) for piece in stream_of(provider, "Hi ", "there")]
    return streamed(pieces, content_type=stream_type(provider))


@pytest.mark.parametrize(("says", "tokens"), USAGES, ids=ids(USAGES))
@pytest.mark.parametrize("provider", INPUT)
@pytest.mark.parametrize("stream", [False, True])
def test_a_count_beyond_reason_is_replaced_by_the_reservation(
    world: World, says: str, tokens: Any, provider: str, stream: bool
) -> None:
    manager, (output, record) = asked(world, provider, counting(provider, tokens, stream), stream)
    assert output == "Hi there"
    assert "beyond reason" in record.llm_metrics["usage_note"], says
    assert 1000 < record.llm_metrics["total_tokens"] < 2000
    assert 1 < record.cost_incurred < 2
    assert manager.limit_usage("helper")["tokens_last_day"] == record.llm_metrics["total_tokens"]


@pytest.mark.parametrize("tokens", [3, "12", [1], True])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_usage_that_is_no_map_is_replaced_by_the_reservation(world: World, provider: str, tokens: Any) -> None:
    """A server whose usage was a number was taken to have counted nothing."""
    _, (output, record) = asked(world, provider, reply({**body_of(provider), INPUT[provider][0]: tokens}), False)
    assert output == "Hi there"
    assert "usage is" in record.llm_metrics["usage_note"]
    assert record.llm_metrics["total_tokens"] > 1000


@pytest.mark.parametrize("provider", INPUT)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tokens", [9, 9.0, "9"])
def test_a_count_is_one_in_whatever_form_it_comes(world: World, provider: str, stream: bool, tokens: Any) -> None:
    _, (_, record) = asked(world, provider, counting(provider, tokens, stream), stream)
    assert (record.llm_metrics["input_tokens"], record.llm_metrics["output_tokens"]) == (9, 3)
    assert "usage_note" not in record.llm_metrics


@pytest.mark.parametrize("provider", INPUT)
def test_usage_that_is_missing_is_estimated(world: World, provider: str) -> None:
    body = body_of(provider)
    for name in ("usage", "usageMetadata", "prompt_eval_count", "eval_count"):
        body.pop(name, None)
    _, (_, record) = asked(world, provider, reply(body), False)
    assert 0 < record.llm_metrics["total_tokens"] < 100
    assert "usage_note" not in record.llm_metrics


@pytest.mark.parametrize("provider", ["openai", "custom", "anthropic", "google", "ollama"])
def test_a_reply_that_cannot_be_used_costs_what_was_reserved(world: World, provider: str) -> None:
    """A server that sent rubbish and counted in words was asked for nothing, as often as it liked."""
    body: dict[str, Any] = {"choices": 3, "content": 3, "candidates": 3, "message": 3, "done": True}
    inner = {path[-1]: "many" for path in INPUT.values()}
    world.friend.will(reply({**body, **inner, "usage": inner, "usageMetadata": inner}))
    manager = world.manager()
    world.host_adds(
        manager,
        provider=provider,
        auth={"method": "none"},
        base_config={"base_url": world.friend.url, "max_retries": 0, **LONG},
        rate_limits={"max_tokens_per_day": 10_000},
    )
    with raises_code(16):
        manager.execute_stateless_task("helper", "hello")
    assert manager.limit_usage("helper")["tokens_last_day"] > 1000


def test_a_note_does_not_repeat_what_the_server_says(world: World) -> None:
    """A server gave the key that it had been sent as a count, and the count was logged."""
    world.friend.will(reply(json.dumps(body_of("openai")).replace(": 9", f': "{INLINE}"')))
    manager = world.manager()
    world.host_adds(manager, auth={"method": "inline", "value": INLINE})
    record = manager.execute_stateless_task("helper", "hello").record
    assert "prompt_tokens is a text" in record.llm_metrics["usage_note"]
    assert INLINE not in json.dumps(record.to_file())


def test_an_honest_count_is_kept(world: World) -> None:
    client = Answers(
        lambda request: LLMResponse(
            text="yes", finish_reason="stop", usage=Usage(input_tokens=900_000, output_tokens=60_000), model="m"
        )
    )
    manager = world.manager(clients={"mine": client})
    manager.add_worker_definition(worker("w", provider="mine"))
    record = manager.execute_stateless_task("w", "x").record
    assert record.llm_metrics["total_tokens"] == 960_000
    assert "usage_note" not in record.llm_metrics


def test_names_that_a_server_gives_are_cut(world: World) -> None:
    """A server said that a model of thirty million letters had answered; each record held its name."""
    long = "m" * 1_000_000
    world.friend.will(reply({**body_of("openai"), "model": long, "id": long}))
    manager = world.manager()
    world.host_adds(manager)
    record = manager.execute_stateless_task("helper", "x").record
    assert len(record.llm_metrics["model_used"]) == len(record.llm_metrics["request_id"]) == SHORT
    assert len(json.dumps(record.to_file())) < 4000


def test_what_an_error_says_is_cut(world: World) -> None:
    """The error of a server, or of a client of the host's, was kept in full in every record and event."""
    world.friend.will(reply({"error": {"message": "x" * 1_000_000, "type": "y" * 1_000_000}}, 400))
    manager = world.manager(clients={"mine": Answers(lambda request: fail())})

    def fail() -> str:
        raise ValueError("z" * 1_000_000)

    world.host_adds(manager)
    world.host_adds(manager, "foreign", provider="mine")
    for name in ("helper", "foreign"):
        with raises_code(16) as caught:
            manager.execute_stateless_task(name, "x")
        assert len(caught.value.message) <= MOST_ERROR_CHARACTERS
        assert len(json.dumps(caught.value.details, default=str)) < 2000
        (record,) = manager.get_performance_records_for_definition(name)
        assert len(record.error_details) <= MOST_ERROR_CHARACTERS


@pytest.mark.parametrize("asked", ["9" * 400, "1e400", "31536000000", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_does_not_say_for_how_long_the_caller_sleeps(world: World, asked: str) -> None:
    """`Retry-After` of a thousand years stood in the error, by which scripts and hosts set their clocks."""
    world.friend.will(reply({"error": {"message": "slow down"}}, 429, {"retry-after": asked}))
    manager = world.manager()
    world.host_adds(manager, base_config={"timeout_seconds": 2, "max_retries": 1})
    with raises_code(20) as caught:
        manager.execute_stateless_task("helper", "x")
    wait = caught.value.details.get("retry_after_seconds", 0.0)
    assert 0 <= wait <= 86_400
    assert math.isfinite(wait)


def test_a_price_without_end_is_a_price(world: World) -> None:
    """The record of a call could not be made, since its cost was infinite; the call had been paid for."""
    manager = world.manager(price_source=lambda provider, model, usage: math.inf)
    manager.add_worker_definition(worker("w", cost_metrics={"input_cost_per_token": 1e308, "cost_per_call": 1e308}))
    world.host_adds(manager)
    for name in ("w", "helper"):
        assert math.isfinite(manager.execute_stateless_task(name, "x x x").record.cost_incurred)
    assert math.isfinite(manager.performance_summary("w").total_cost_incurred)


def test_a_reply_of_half_characters_is_stored(world: World) -> None:
    """A reply that ended in half a character could not be written into the record."""
    world.friend.will(reply(json.dumps({**body_of("openai", f"cut {HALF}"), "model": HALF}).encode()))
    manager = world.manager()
    world.host_adds(manager)
    manager.execute_stateless_task("helper", "x")
    manager.close()
    (record,) = world.manager().get_performance_records_for_definition("helper")
    assert record.output_summary == "cut \ufffd"


def test_replies_without_number_are_not_remembered_without_bound() -> None:
    """Each new list of replies of the scripted model left its place in it behind."""
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("s", ["a"]))
        client: Any = manager._wiring.clients.for_provider("local", "scripted")
        from ai_wm.providers import scripted as module

        client._places.update({(str(number), ""): 0 for number in range(module._MOST_PLACES)})
        for number in range(5):
            manager.execute_stateless_task("s", "x", {"replies": [f"r{number}"]})
        assert len(client._places) <= module._MOST_PLACES
