"""Structured output: replies as values that fit a schema, for hosts and for scripts."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm import (
    AIWorkerManager,
    LLMRequest,
    LLMResponse,
    ToolCallRequest,
    ToolHost,
    Usage,
    WorkerPolicy,
    register_ai_worker_tools,
)
from neuroscript import Interpreter, Limits, NeuroScriptError
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker

OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
UPPER = {"tool_calls": [{"name": "str__ToUpper", "arguments": {"input_string": "hey"}}]}


def value_of(text: str, schema: Any, finish: str = "stop") -> Any:
    """The value that a reply has under a schema, without repairs."""
    client = Answers(
        lambda request: LLMResponse(text=text, finish_reason=finish, usage=Usage(), model=request.model),
    )
    with AIWorkerManager(clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", base_config={"schema_repairs": 0}))
        return manager.execute_stateless_task("w", "hello", schema=schema).value


COLOUR = {"$ref": "#/$defs/colour", "$defs": {"colour": {"enum": ["red", "green"]}}}


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ('{"n": 1}', OBJECT, {"n": 1}),
        ('Certainly!\n```json\n{"n": 1}\n```\nAnything else?', OBJECT, {"n": 1}),
        ('It is {"n": 1}.', OBJECT, {"n": 1}),
        ('{"value": [1]}', {"type": "array"}, [1]),
        ("[1]", {"type": "array"}, [1]),
        ('{"value": 1}', {"type": "object"}, {"value": 1}),
        ('{"value": {"value": 1}}', {"type": ["object", "null"]}, {"value": 1}),
        ('{"value": {"a": 1}}', {}, {"a": 1}),
        ("true", {"type": "boolean"}, True),
        ('{"value": null}', {"type": "null"}, None),
        ("  red\n", COLOUR, "red"),
        ('"red"', COLOUR, "red"),
        ('{"value": "red"}', COLOUR, "red"),
        ("42", {"type": "string"}, "42"),
        ("null", {"type": ["string", "null"]}, None),
        ("See [1] there.", {"type": "string"}, "See [1] there."),
    ],
)
def test_the_value_of_a_reply(text: str, schema: Any, value: Any) -> None:
    found = value_of(text, schema)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "schema", "problem"),
    [
        ("", OBJECT, "the reply is empty"),
        ("", {"type": "string"}, "the reply is empty"),
        ("no", OBJECT, "there is no object or array of JSON"),
        ("blue", COLOUR, "none of"),
        ('{"color": "red"}', {"type": "string"}, "not of type 'string'"),
        ('{"value": "re', {"type": "string"}, "no object or array of JSON"),
        ("[[1], 2]", {"items": {"type": "array"}}, "/1: number 2 is not of type 'array'"),
        ("[" * 5000 + "]" * 5000, {"type": "array"}, "nested"),
        ('{"n": 1.5}', OBJECT, "/n: "),
        ('{"a\\nb": 1, "n": 1}', {"additionalProperties": {"type": "string"}}, "/a b: number 1"),
        ("[" * 5000 + "]" * 5000, {"type": "array"}, "schema: the text is nested deeper than 100 levels"),
    ],
)
def test_a_reply_that_does_not_fit(text: str, schema: Any, problem: str) -> None:
    with raises_code(16) as error:
        value_of(text, schema)
    assert problem in error.value.message
    assert "\n" not in error.value.message
    assert len(error.value.message) < 1500
    assert len(error.value.details["reply"]) <= 2000


def test_a_string_that_was_cut_off_is_no_value() -> None:
    with raises_code(16, "cut off at the limit of output"):
        value_of("It was a dark and", {"type": "string"}, finish="length")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"schema": {"type": "strng"}}, "is no JSON Schema: /type"),
        ({"schema": {"$ref": "#/$defs/none"}}, "refers to '#/\\$defs/none', which is not in it"),
        ({"schema": "object"}, "expected a JSON Schema, a map"),
        ({"schema": OBJECT, "response_format": "json"}, "schema and response_format both"),
        ({"schema": OBJECT, "schema_repairs": 11}, "schema_repairs is 11; expected a whole number from 0 to 10"),
        ({"schema": OBJECT, "schema_repairs": "1"}, "schema_repairs"),
    ],
)
def test_what_is_refused_before_any_request(config: Any, why: str) -> None:
    client = Answers()
    with AIWorkerManager(clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        with raises_code(4, why) as error:
            manager.execute_stateless_task("w", "hello", config)
        assert error.value.details["field"] in config
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        with raises_code(4, why):
            conversation.ask("hello", config)
        (batched,) = manager.execute_batch("w", ["hello"], config_overrides=config)
        assert isinstance(batched, NeuroScriptError)
        assert batched.code == 4
        assert conversation.ask("hello") == "yes"  # the instance is free
        assert len(client.requests) == 1
        assert manager.limit_usage("w")["requests_last_day"] == 1
        with raises_code(4, "given twice"):
            manager.execute_stateless_task("w", "hello", {"schema": OBJECT}, schema=OBJECT)


def test_a_definition_may_have_a_schema_and_a_call_may_take_it_back() -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("w", ['{"n": 1}'], base_config={"schema": OBJECT}))
        assert manager.execute_stateless_task("w", "hello").value == {"n": 1}
        plain = manager.execute_stateless_task("w", "hello", {"schema": None})
        assert (plain.value, plain.is_structured, plain.reply) == (None, False, '{"n": 1}')


def test_every_way_of_python() -> None:
    async def ask(manager: AIWorkerManager) -> list[Any]:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        task = await manager.aexecute_stateless_task("w", "hello", schema=OBJECT)
        return [task.value, await conversation.aask("hello", schema=OBJECT)]

    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("w", ['{"n": 1}']))
        assert asyncio.run(ask(manager)) == [{"n": 1}, {"n": 1}]
        results = manager.execute_batch("w", ["a", "b", "c"], 2, schema=OBJECT)
        assert [getattr(result, "value", None) for result in results] == [{"n": 1}] * 3


def test_rounds_of_tools_and_repairs_in_one_turn() -> None:
    """Tools of an attempt that is sent back stay in the history; their rounds are counted apart from the repairs."""
    replies = [UPPER, "no", UPPER, '{"n": 1}']
    with Interpreter() as interpreter:
        manager: AIWorkerManager = interpreter.services["ai_wm"]
        config = {"schema": OBJECT, "max_tool_rounds": 2}
        manager.add_worker_definition(scripted("w", replies, tool_allowlist=["str.*"], base_config=config))
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        assert conversation.ask("go") == {"n": 1}
        said = [message.role for message in conversation.history]
        assert said == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
        (record,) = manager.get_performance_records_for_definition("w")
        metrics = record.llm_metrics
        assert (metrics["tool_rounds"], metrics["schema_repairs"], metrics["attempts"]) == (2, 1, 4)


@settings(max_examples=150, deadline=None)
@given(
    replies=st.lists(
        st.sampled_from(["fits", "does not", "calls a tool", "fails", "is cut off"]), min_size=1, max_size=6
    ),
    repairs=st.integers(0, 3),
    streams=st.booleans(),
)
def test_whatever_the_model_does_the_books_say_what_was_billed(replies: list[str], repairs: int, streams: bool) -> None:
    billed: list[Usage] = []

    def answer(request: LLMRequest) -> LLMResponse:
        number = len(billed)
        does = replies[number] if number < len(replies) else "fits"
        usage = Usage(input_tokens=10 + number, output_tokens=3)
        billed.append(usage)
        if does == "fails":
            raise NeuroScriptError(16, "no", details={"usage": usage, "attempts": 1})
        calls = (ToolCallRequest(id="1", name="str__ToUpper", arguments={"input_string": "x"}),)
        return LLMResponse(
            text={"fits": '{"n": 1}', "does not": '{"n": "one"}', "is cut off": '{"n": '}.get(does, ""),
            finish_reason={"calls a tool": "tool_calls", "is cut off": "length"}.get(does, "stop"),
            usage=usage,
            model="m",
            tool_calls=calls if does == "calls a tool" else (),
        )

    config = {"schema": OBJECT, "schema_repairs": repairs, "max_tool_rounds": 2}
    prices = {"input_cost_per_token": 1.0, "output_cost_per_token": 5.0}
    limits = {"max_tokens_per_day": 10**6, "max_cost_per_day": 10.0**6}
    with Interpreter(plugins=False) as interpreter:
        host = ToolHost(interpreter.tools)
        with AIWorkerManager(clients={"house": Answers(answer)}, tools=host) as manager:
            manager.add_worker_definition(
                worker(
                    "w",
                    provider="house",
                    base_config=config,
                    cost_metrics=prices,
                    rate_limits=limits,
                    tool_allowlist=["str.*"],
                )
            )
            conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
            try:
                value = conversation.ask("go", on_stream=(lambda event: None) if streams else None)
            except NeuroScriptError as error:
                value, failed = None, error
            else:
                failed = None
            roles = [said.role for said in conversation.history]
            (record,) = manager.get_performance_records_for_definition("w")
            usage = manager.limit_usage("w")
    done = [replies[number] if number < len(replies) else "fits" for number in range(len(billed))]
    wrong, rounds = sum(each in ("does not", "is cut off") for each in done), done.count("calls a tool")
    assert (failed is None) == (done[-1] == "fits")
    if failed is None:
        assert value == {"n": 1}
        assert roles == ["user", *["assistant", "tool"] * rounds, "assistant"]
        assert record.llm_metrics.get("schema_repairs", 0) == wrong <= repairs
        assert record.llm_metrics.get("tool_rounds", 0) == rounds <= 2
    else:
        assert (failed.code, roles) == (16, [])
    if failed is not None and done[-1] in ("does not", "is cut off"):
        assert wrong == repairs + 1
        assert failed.details["cost"] == record.cost_incurred
    tokens = sum(each.total_tokens for each in billed)
    cost = sum(each.input_tokens * 1.0 + each.output_tokens * 5.0 for each in billed)
    assert record.llm_metrics["attempts"] == usage["requests_last_day"] == len(billed)
    assert record.llm_metrics["total_tokens"] == usage["tokens_last_day"] == tokens
    assert record.cost_incurred == usage["cost_last_day"] == cost
    assert usage["calls_in_flight"] == 0


def test_the_next_turn_does_not_see_the_repairs() -> None:
    replies = iter(["no", '{"n": 1}', "fine"])
    client = Answers(lambda request: next(replies))
    with AIWorkerManager(clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        conversation.ask("first", schema=OBJECT)
        conversation.ask("second")
    assert [message.content for message in client.requests[1].messages[:2]] == ["first", "no"]
    assert [message.content for message in client.requests[2].messages] == ["first", '{"n": 1}', "second"]


def test_a_fallback_answers_for_a_worker_whose_replies_do_not_fit() -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("bad", ["no"], base_config={"fallbacks": ["good"]}))
        manager.add_worker_definition(scripted("good", ['{"n": 1}']))
        result = manager.execute_stateless_task("bad", "hello", schema=OBJECT)
        assert result.value == {"n": 1}
        assert result.record.llm_metrics["fallback_from"][0]["code"] == 16


def test_a_key_that_a_server_repeats_is_in_no_error() -> None:
    key = "sk-very-secret-0123456789abcdef"
    client = Answers(lambda request: f'{{"n": "{key}"}}')
    with AIWorkerManager(clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", auth={"method": "inline", "value": key}))
        with raises_code(16) as error:
            manager.execute_stateless_task("w", "hello", schema=OBJECT)
        (record,) = manager.get_performance_records_for_definition("w")
    assert key not in f"{error.value} {error.value.details} {record}"
    assert "***" in error.value.details["problems"][0]["message"]


def test_without_the_package_it_is_said_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("w", ["1"]))
        with raises_code(18, r"neuroscript\[schema\]"):
            manager.execute_stateless_task("w", "?", schema={"type": "integer", "title": "of no other test"})
        assert manager.limit_usage("w")["requests_last_day"] == 0


# --- scripts ---


def run(interpreter: Interpreter, body: str) -> Any:
    interpreter.load(f"func test() means\n{body}\nendfunc", replace=True)
    return interpreter.run("test")


SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (f'ask "w", "?" with {{"schema": {SCHEMA}}} into x\nreturn [x.n, last.n]', [1, 1]),
        (f'set r = tool.AIWorker.ExecuteStatelessTask("w", "?", {{"schema": {SCHEMA}}})\nreturn r.value', {"n": 1}),
        ('set r = tool.AIWorker.ExecuteStatelessTask("w", "?")\nreturn [r.output, r["value"]]', ['{"n": 1}', None]),
        (f'return tool.AIWorker.ExecuteBatch("w", ["a", "b"], 2, {{"schema": {SCHEMA}}})[1].value', {"n": 1}),
        (
            f"""
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  ask chat, "?" with {{"schema": {SCHEMA}}} into a
  set b = tool.Conversation.Ask(chat, "?", {{"schema": {SCHEMA}}})
  set c = tool.Conversation.Ask(chat, "?")
  return [a, b, c]""",
            [{"n": 1}, {"n": 1}, '{"n": 1}'],
        ),
        (f'ask "w", "?" with {{"schema": {SCHEMA}}} into x\nset x.n = 5\nreturn [x.n, last.n]', [5, 1]),
        ('ask "w", "?" with {"schema": {"type": "array"}} into x\nreturn x', 16),
        ('ask "w", "?" with {"schema": {"type": "arr"}} into x', 4),
        (
            """
  set e = tool.error.Try(tool.AIWorker.ExecuteStatelessTask, "w", "?", {"schema": {"type": "array"}})
  return [e.code, len(e.problems), e.problems[0].path, e.reply, e.cost]""",
            [16, 1, "", '{"n": 1}', 0],
        ),
    ],
)
def test_scripts_get_values(body: str, result: Any) -> None:
    with Interpreter() as interpreter:
        interpreter.services["ai_wm"].add_worker_definition(scripted("w", ['{"n": 1}']))
        if isinstance(result, int):
            with raises_code(result):
                run(interpreter, body)
        else:
            assert run(interpreter, body) == result


def test_a_value_obeys_the_limits_of_the_run() -> None:
    with Interpreter(limits=Limits(max_items=10)) as interpreter:
        interpreter.services["ai_wm"].add_worker_definition(scripted("w", [str(list(range(11)))]))
        with raises_code(37, "11 items"):
            run(interpreter, 'ask "w", "?" with {"schema": {"type": "array"}} into x')


def test_a_schema_that_takes_forever_ends_with_the_run() -> None:
    levels = {f"l{i}": {"allOf": [{"$ref": f"#/$defs/l{i + 1}"}] * 2} for i in range(40)}
    schema = {"$ref": "#/$defs/l0", "$defs": {**levels, "l40": {"type": "object"}}}
    with Interpreter(limits=Limits(max_wall_seconds=0.5)) as interpreter:
        interpreter.services["ai_wm"].add_worker_definition(scripted("w", ["{}"], base_config={"schema": schema}))
        with raises_code(37):
            run(interpreter, 'ask "w", "?"')
        assert interpreter.services["ai_wm"].limit_usage("w")["calls_in_flight"] == 0


def test_the_hosts_repairs_are_a_cap() -> None:
    client = Answers(lambda request: "no")
    with AIWorkerManager(clients={"openai": client}) as manager, Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager, policy=WorkerPolicy())
        manager.add_worker_definition(worker("w", provider="openai", base_config={"schema_repairs": 2}))
        with raises_code(16, "after 2 repairs"):
            run(interpreter, 'ask "w", "?" with {"schema": {"type": "array"}, "schema_repairs": 5}')
    assert len(client.requests) == 3


def test_a_clients_own_provider_gets_the_schema_as_response_format() -> None:
    """A host's client needs to know one setting, ``response_format`` in the form of OpenAI."""
    client = Answers(lambda request: '{"value": [1]}')
    with AIWorkerManager(clients={"house": client}) as manager:
        manager.add_worker_definition(worker("w", provider="house"))
        assert manager.execute_stateless_task("w", "?", schema={"type": "array"}).value == [1]
    (request,) = client.requests
    assert isinstance(request, LLMRequest)
    assert request.config["response_format"]["json_schema"]["schema"]["properties"] == {"value": {"type": "array"}}
    assert "schema" not in request.config
