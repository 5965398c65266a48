"""Structured output over every provider's wire format: what is asked for, how the reply is read, and repairs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from neuroscript import StreamEvent
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.support import REMOTE, body_of, stream_of, stream_type

OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
LOOSE = {"type": "object", "properties": {"n": {"type": "integer"}, "note": {"type": "string"}}, "required": ["n"]}
ARRAY = {"type": "array", "items": {"type": "integer"}}
STRING = {"type": "string", "enum": ["red", "green"]}
NUMBER = {"type": "number", "minimum": 0}
UNION = {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}], "$defs": {"n": {"type": "integer"}}}
TREE = {"type": "array", "items": {"$ref": "#"}}

WRAPS = ("anthropic", "custom", "google", "openai")
"""The providers that take a schema of an object alone."""


@pytest.fixture
def manager() -> Iterator[AIWorkerManager]:
    with AIWorkerManager() as made:
        yield made


def add(manager: AIWorkerManager, server: Loopback, provider: str, **config: Any) -> None:
    base = server.url + ("/v1" if provider in ("openai", "custom") else "")
    base_config = {"base_url": base, "max_retries": 0, **config}
    auth = {"method": "none"} if provider in ("ollama", "custom") else {"method": "inline", "value": "k" * 20}
    manager.add_worker_definition(
        worker(
            "w",
            provider=provider,
            model_name="m-1",
            auth=auth,
            base_config=base_config,
            cost_metrics={"input_cost_per_token": 1.0, "output_cost_per_token": 10.0},
            rate_limits={"max_tokens_per_day": 1_000_000, "max_cost_per_day": 10_000_000.0},
        )
    )


def schema_sent(provider: str, body: dict[str, Any]) -> Any:
    """The schema in a request, where the provider has a place for it."""
    match provider:
        case "openai" | "custom":
            return body["response_format"]["json_schema"]["schema"]
        case "anthropic":
            return body["output_config"]["format"]["schema"]
        case "google":
            return body["generationConfig"]["responseJsonSchema"]
    return body["format"]


def answers(provider: str, *texts: str, stream: bool) -> list[Any]:
    if stream:
        return [streamed(stream_of(provider, text[:3], text[3:]), content_type=stream_type(provider)) for text in texts]
    return [reply(body_of(provider, text)) for text in texts]


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (OBJECT, {"n": 3}, '{"n": 3}'),
        (LOOSE, {"n": 3}, '{"n": 3}'),
        (ARRAY, [1, 2], "[1, 2]"),
        (STRING, "red", '"red"'),
        (NUMBER, 2.5, "2.5"),
        (UNION, None, "null"),
        (TREE, [[], [[]]], "[[], [[]]]"),
    ],
    ids=["object", "optional", "array", "string", "number", "union", "recursive"],
)
def test_the_provider_is_asked_for_the_schema_and_the_value_is_validated(
    manager: AIWorkerManager, server: Loopback, provider: str, stream: bool, schema: Any, value: Any, text: str
) -> None:
    add(manager, server, provider)
    is_wrapped = provider in WRAPS and schema.get("type") != "object"
    text = f'{{"value": {text}}}' if is_wrapped else text
    server.will(*answers(provider, text, stream=stream))
    on_stream = (lambda event: None) if stream else None
    result = manager.execute_stateless_task("w", "hello", schema=schema, on_stream=on_stream)
    assert (result.value, result.output) == (value, text)
    (received,) = server.received
    sent = schema_sent(provider, received.json)
    if is_wrapped:
        assert sent["type"] == "object"
        assert sent["required"] == ["value"]
        assert sent["additionalProperties"] is False
        inner = sent["properties"]["value"]
        if schema is TREE:
            assert inner["items"]["$ref"] == "#/properties/value"
        elif schema is UNION:
            assert sent["$defs"] == UNION["$defs"]
            assert inner["anyOf"] == UNION["anyOf"]
        else:
            key = "enum" if schema is STRING else "type"
            assert inner[key] == schema[key]
    elif provider == "ollama":
        assert sent == schema
    else:
        assert sent["properties"]["n"] == {"type": "integer"}
    if provider in ("openai", "custom"):
        strict = received.json["response_format"]["json_schema"].get("strict")
        assert strict is True


STRICT = [
    pytest.param(
        {"type": "object", "properties": {"n": {"type": "integer"}, "note": {"type": "string"}}, "required": ["n"]},
        {"n": 3, "note": None},
        {"n": 3},
        id="an optional text",
    ),
    pytest.param(
        {"type": "object", "properties": {"n": {"enum": [1, 2]}, "m": {"type": ["integer", "null"]}}},
        {"n": None, "m": None},
        {"m": None},
        id="what may be null itself",
    ),
    pytest.param(
        {
            "type": "object",
            "properties": {"list": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["list"],
            "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"const": 1}}}},
        },
        {"list": [{"next": {"next": None, "n": 1}, "n": None}]},
        {"list": [{"next": {"n": 1}}]},
        id="by reference",
    ),
    pytest.param(
        {
            "type": "object",
            "properties": {
                "either": {
                    "anyOf": [
                        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}},
                        {"type": "integer"},
                    ]
                }
            },
            "required": ["either"],
        },
        {"either": {"a": None, "b": 1}},
        {"either": {"b": 1}},
        id="one of several",
    ),
]


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(("schema", "said", "value"), STRICT)
def test_what_may_be_missing_may_be_null_in_strict_mode(
    manager: AIWorkerManager, server: Loopback, schema: Any, said: Any, value: Any, api: str
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    add(manager, server, "openai", api=api)
    text = json.dumps(said)
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    body = {"status": "completed", "output": output} if api == "responses" else body_of("openai", text)
    server.will(reply(body))
    assert manager.execute_stateless_task("w", "hello", schema=schema).value == value
    body = server.received[0].json
    sent = body["text"]["format"] if api == "responses" else body["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert all_required(sent["schema"])
    jsonschema.Draft202012Validator(sent["schema"]).validate(said)  # such a reply is what was asked for
    with pytest.raises(jsonschema.ValidationError):  # and nulls are none of the user's schema
        jsonschema.Draft202012Validator(schema).validate(said)
    jsonschema.Draft202012Validator(schema).validate(value)


def all_required(schema: Any) -> bool:
    """Whether each object in a schema is closed and has all its keys, as the strict mode wants."""
    if isinstance(schema, list):
        return all(map(all_required, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") in ("object", ["object", "null"]) and (
        schema.get("additionalProperties") is not False or set(schema["required"]) != set(schema["properties"])
    ):
        return False
    return all(map(all_required, schema.values()))


def test_a_null_that_is_missing_is_asked_for_again(manager: AIWorkerManager, server: Loopback) -> None:
    add(manager, server, "openai")
    server.will(*answers("openai", '{"n": null}', '{"n": 3, "note": null}', stream=False))
    result = manager.execute_stateless_task("w", "hello", schema=LOOSE)
    assert result.value == {"n": 3}
    assert len(server.received) == 2


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_reply_that_does_not_fit_is_sent_back_once(
    manager: AIWorkerManager, server: Loopback, provider: str, stream: bool
) -> None:
    add(manager, server, provider)
    server.will(*answers(provider, '{"n": "three"}', 'Sorry!\n```json\n{"n": 3}\n```', stream=stream))
    events: list[StreamEvent] = []
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    value = conversation.ask("hello", schema=OBJECT, on_stream=events.append if stream else None)
    assert value == {"n": 3}
    assert len(server.received) == 2
    assert "is not of type 'integer'" in server.received[1].body.decode()
    assert [(said.role, said.content) for said in conversation.history] == [
        ("user", "hello"),
        ("assistant", 'Sorry!\n```json\n{"n": 3}\n```'),
    ]
    (record,) = manager.get_performance_records_for_definition("w")
    metrics, usage = record.llm_metrics, manager.limit_usage("w")
    assert (metrics["attempts"], metrics["schema_repairs"], metrics["total_tokens"]) == (2, 1, 24)
    assert "tool_rounds" not in metrics
    assert record.cost_incurred == usage["cost_last_day"] == 2 * (9 * 1.0 + 3 * 10.0)
    assert (usage["tokens_last_day"], usage["requests_last_day"], usage["calls_in_flight"]) == (24, 2, 0)
    if stream:
        kinds = [event.kind for event in events]
        assert kinds == ["delta", "delta", "usage", "repair", "delta", "delta", "usage", "done"]
        assert "'integer'" in events[3].text


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_answer_that_the_provider_refuses_is_sent_back(
    manager: AIWorkerManager, server: Loopback, stream: bool, status: int
) -> None:
    error = {
        "message": "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
        "type": "invalid_request_error",
        "code": "json_validate_failed",
        "failed_generation": '{"n": "three"}',
    }
    add(manager, server, "custom")
    server.will(reply({"error": error}, status), *answers("custom", '{"n": 3}', stream=stream))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    on_stream: Any = [].append if stream else None
    assert conversation.ask("hello", schema=OBJECT, on_stream=on_stream) == {"n": 3}
    assert "is not of type 'integer'" in server.received[1].body.decode()
    (record,) = manager.get_performance_records_for_definition("w")
    assert record.llm_metrics["schema_repairs"] == 1
    assert record.llm_metrics["usage_estimated"] is True, "nobody has counted the refused answer"


@pytest.mark.parametrize("provider", REMOTE)
def test_after_the_last_repair_the_error_says_what_it_said_and_what_was_wrong(
    manager: AIWorkerManager, server: Loopback, provider: str
) -> None:
    add(manager, server, provider)
    server.will(*answers(provider, "no", "{}", '{"n": "three"}', stream=False))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    with raises_code(
        16, r"does not fit the schema after 2 repairs: /n: .*'integer'; it said '\{\"n\": \"three\"\}'"
    ) as e:
        conversation.ask("hello", {"schema": OBJECT, "schema_repairs": 2})
    details = e.value.details
    assert details["problems"] == [{"path": "/n", "message": "string \"three\" is not of type 'integer'"}]
    assert (details["reply"], details["cost"]) == ('{"n": "three"}', 117.0)
    assert conversation.history == []
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.success, record.llm_metrics["attempts"], record.cost_incurred) == (False, 3, 117.0)
    assert manager.limit_usage("w")["cost_last_day"] == 117.0


def test_a_reply_that_was_cut_off_is_no_value(manager: AIWorkerManager, server: Loopback) -> None:
    add(manager, server, "custom", schema_repairs=0)
    body = body_of("custom", '{"value": "re')
    body["choices"][0]["finish_reason"] = "length"
    server.will(reply(body))
    with raises_code(16, "cut off at the limit of output"):
        manager.execute_stateless_task("w", "hello", schema={"type": "string"})


@pytest.mark.parametrize(
    ("limits", "code"), [({"max_requests_per_minute": 1}, 20), ({"max_cost_per_day": 150.0}, 46)], ids=str
)
def test_a_limit_refuses_the_repair_that_it_has_no_room_for(
    manager: AIWorkerManager, server: Loopback, limits: dict[str, float], code: int
) -> None:
    add(manager, server, "custom")
    manager.update_worker_definition("w", {"rate_limits": limits, "cost_metrics": {"cost_per_call": 100.0}})
    server.will(reply(body_of("custom", "no")))
    with raises_code(code, next(iter(limits))):
        manager.execute_stateless_task("w", "hello", schema=OBJECT)
    (record,) = manager.get_performance_records_for_definition("w")
    assert (len(server.received), record.success, record.llm_metrics["attempts"]) == (1, False, 1)
    assert record.cost_incurred == manager.limit_usage("w")["cost_last_day"] == 100.0


def test_the_request_is_that_of_response_format(manager: AIWorkerManager, server: Loopback) -> None:
    add(manager, server, "openai")
    server.will(reply(body_of("openai", '{"n": 1}')))
    manager.execute_stateless_task("w", "hello", {"schema": OBJECT})
    body = server.received[0].json
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": OBJECT, "strict": True},
    }
    assert not {"schema", "schema_repairs"} & body.keys()


def test_a_server_that_knows_no_schema_is_told_in_words(manager: AIWorkerManager, server: Loopback) -> None:
    """DeepSeek and its like: the reply is extracted and validated, whatever the server enforces."""
    add(manager, server, "custom")
    refusal = reply({"error": {"message": "This response_format type is unavailable now"}}, 400)
    server.will(refusal, reply(body_of("custom", 'Here: {"value": ["a"]}')))
    schema = {"type": "array", "items": {"type": "string"}}
    assert manager.execute_stateless_task("w", "hello", schema=schema).value == ["a"]
    told = server.received[1].json
    assert told["response_format"] == {"type": "json_object"}
    assert '"value"' in told["messages"][0]["content"]
