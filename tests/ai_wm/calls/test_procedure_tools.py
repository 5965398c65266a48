"""Procedures of the calling program as tools of the models that it asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, ToolCallRequest, ToolHost, Usage, register_ai_worker_tools
from ai_wm.calls.procedure_tools import procedures_in
from neuroscript import CancelToken, Interpreter, Limits
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker
from tests.ai_wm.providers.loopback import reply, serve
from tests.ai_wm.providers.support import REMOTE, body_of

PROGRAM = """
func lookup(needs city optional days) means
  :: description: Looks up the weather.
  :: param:city: The city's name.
  :: type:city: string
  :: type:days: int
  if city == "nowhere"
    fail "no such city"
  endif
  return {"city": city, "days": days}
endfunc

func Lookup(needs city) means
  return "another one"
endfunc

func text() means
  return "as it is"
endfunc

func gives_error() means
  return tool.error.New(7, "a value of error")
endfunc

func endless() means
  while true
    set a = 1
  endwhile
endfunc

func again(needs x) means
  ask "again", x into y
  return y
endfunc

func go(needs who) means
  ask who, "go" into answer
  return answer
endfunc

func catches_all(needs who) means
  on error do
    clear_error
  endon
  ask who, "go"
endfunc
"""


class Program:
    """A program whose worker ``w`` answers with prepared replies, and what its model gets for its calls."""

    def __init__(self, **options: Any) -> None:
        self.manager = AIWorkerManager()
        self.interpreter = Interpreter(plugins=False, **options)
        register_ai_worker_tools(self.interpreter, self.manager)
        self.interpreter.load(PROGRAM)

    def add(self, replies: list[Any], allow: list[str], name: str = "w", **fields: Any) -> None:
        self.manager.add_worker_definition(scripted(name, replies, tool_allowlist=allow, **fields))

    def results(self, *calls: dict[str, Any], allow: tuple[str, ...] = ("func:lookup",), **fields: Any) -> list[str]:
        """What a model gets for calls that it makes one after the other."""
        self.add([{"tool_calls": [call]} for call in calls] + ["done"], list(allow), **fields)
        self.interpreter.load(
            """
func talk() means
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  ask chat, "go"
  return tool.Conversation.History(chat)
endfunc
""",
            replace=True,
        )
        history = self.interpreter.run("talk")
        assert history[-1]["content"] == "done"
        return [said["content"] for said in history if said["role"] == "tool"]

    def close(self) -> None:
        self.interpreter.close()
        self.manager.close()


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    yield made
    made.close()


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_a_procedure_is_offered_with_its_signature_and_metadata(program: Program) -> None:
    client = Answers()
    with AIWorkerManager(clients={"house": client}) as manager, Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        interpreter.load(PROGRAM)
        manager.add_worker_definition(worker("w", provider="house", tool_allowlist=["func:lookup", "func:text"]))
        interpreter.run("go", "w")
    lookup, text = client.requests[0].tools
    assert (lookup.name, lookup.description) == ("func__lookup", "Looks up the weather.")
    assert lookup.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city's name."},
            "days": {"type": "integer"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert (text.name, text.description) == ("func__text", "The procedure text() of the program.")
    assert text.parameters["properties"] == {}


@pytest.mark.parametrize(
    ("word", "schema"),
    [
        ("string", {"type": "string"}),
        ("int", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("number", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("boolean", {"type": "boolean"}),
        ("map", {"type": "object"}),
        ("list", {"type": "array", "items": {}}),
        ("slice_string", {"type": "array", "items": {"type": "string"}}),
        ("slice_map", {"type": "array", "items": {"type": "object"}}),
        ("any", {}),
    ],
)
def test_the_words_for_types(word: str, schema: dict[str, Any]) -> None:
    client = Answers()
    with AIWorkerManager(clients={"house": client}) as manager, Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        interpreter.load(f"{PROGRAM}\nfunc one(needs x) means\n  :: type:x: {word}\n  return x\nendfunc")
        manager.add_worker_definition(worker("w", provider="house", tool_allowlist=["func:one"]))
        interpreter.run("go", "w")
    assert client.requests[0].tools[0].parameters["properties"]["x"] == schema


def test_a_call_runs_in_the_program_and_its_result_goes_back_as_json(program: Program) -> None:
    results = program.results(
        call("func__lookup", city="Rome"),
        call("func.lookup", city="Rome", days=2),
        call("func__text"),
        allow=("func:lookup", "func:text"),
    )
    assert results == ['{"city": "Rome", "days": null}', '{"city": "Rome", "days": 2}', "as it is"]


def test_what_fails_goes_back_to_the_model(program: Program) -> None:
    results = program.results(
        call("func__lookup", city="nowhere"),
        call("func__lookup", city=3),
        call("func__lookup"),
        call("func__lookup", town="Rome"),
        call("func__gives_error"),
        allow=("func:lookup", "func:gives_error"),
    )
    assert results[0] == "error 1 (FAIL_STATEMENT): no such city"
    assert "argument 1 (city) must be a string, not number 3" in results[1]
    assert "(city) is missing" in results[2]
    assert "there is no argument town" in results[3]
    assert "a value of error" in results[4]


@pytest.mark.parametrize(
    "allow",
    [["*"], ["func:*"], ["func:look*"], ["func.*"], ["func.lookup"], ["lookup"], ["func:"], ["func"], ["FUNC:lookup"]],
)
def test_no_pattern_reaches_a_procedure(allow: list[str]) -> None:
    assert [name for name in procedures_in(allow, []) if name] == []


@pytest.mark.parametrize(
    "name", ["func__Lookup", "func__text", "func:text", "FUNC__lookup", "func__lookup__x", "lookup"]
)
def test_a_procedure_that_is_not_listed_is_out_of_reach(program: Program, name: str) -> None:
    (result,) = program.results(call(name, city="Rome"), allow=("func:lookup", "*"))
    assert result.startswith("error 10 (SECURITY)")


@pytest.mark.parametrize("deny", ["func:lookup", "func:*", "*", "FUNC:Look*"])
def test_the_deny_list_wins(program: Program, deny: str) -> None:
    (result,) = program.results(call("func__lookup", city="Rome"), tool_denylist=[deny])
    assert result.startswith("error 10 (SECURITY)")


@pytest.mark.parametrize(
    ("source", "allow", "code", "why"),
    [
        ("", "lokup", 2, "no procedure 'lokup'; did you mean func:lookup?"),
        ("func one(needs x) means\n  :: type:x: strng\nendfunc", "one", 41, "did you mean 'string'"),
        ("func one(needs x) means\n  :: type:x: handle\nendfunc", "one", 41, "which a model cannot be told"),
        ("func one(needs x) means\n  :: type:y: int\nendfunc", "one", 41, "no parameter 'y'; its signature is one(x)"),
        ("func a__b() means\nendfunc", "a__b", 41, "rename it"),
    ],
)
def test_what_cannot_be_offered_is_an_error_of_the_call(
    program: Program, source: str, allow: str, code: int, why: str
) -> None:
    program.interpreter.load(source)
    program.add(["never"], [f"func:{allow}"])
    with raises_code(code) as error:
        program.interpreter.run("go", "w")
    assert why in error.value.message
    assert "worker 'w' was not asked" in error.value.message
    assert program.manager.limit_usage("w")["requests_last_day"] == 0


def test_a_host_without_a_program_is_told_so() -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(scripted("w", ["never"], tool_allowlist=["func:lookup"]))
        with raises_code(18, r"names procedures \(func:lookup\), and the call comes from no program"):
            manager.execute_stateless_task("w", "go")


def test_a_host_may_give_the_program(program: Program) -> None:
    program.add([{"tool_calls": [call("func__lookup", city="Rome")]}, "done"], ["func:lookup"])
    interpreter = program.interpreter
    host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
    assert program.manager.execute_stateless_task("w", "go", tools=host).output == "done"
    (record,) = program.manager.get_performance_records_for_definition("w")
    assert record.llm_metrics["tool_calls"] == ["func__lookup"]


def test_a_call_of_the_host_waits_for_the_run_of_another_thread() -> None:
    """It is no part of that run, and does not use up its limits."""
    program, order, threads = Program(), [], []
    interpreter = program.interpreter
    interpreter.tools.tool("host.Mark")(lambda text: order.append(text))
    host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())

    def ask() -> None:
        program.manager.execute_stateless_task("w", "go", tools=host)

    def start() -> None:
        threads.append(threading.Thread(target=ask))
        threads[0].start()
        threads[0].join(0.2)

    interpreter.tools.tool("host.Start")(start)
    interpreter.load(
        """
func mark() means
  call tool.host.Mark("procedure")
endfunc

func main() means
  call tool.host.Start()
  call tool.host.Mark("run")
endfunc
"""
    )
    program.add([{"tool_calls": [call("func__mark")]}, "done"], ["func:mark"])
    interpreter.run("main")
    threads[0].join(10)
    assert order == ["run", "procedure"]
    program.close()


def test_limits_end_the_run_whatever_its_handlers_say() -> None:
    program = Program(limits=Limits(max_steps=5000))
    program.add([{"tool_calls": [call("func__endless")]}, "done"], ["func:endless"])
    with raises_code(37, "5000 steps"):
        program.interpreter.run("catches_all", "w")
    usage = program.manager.limit_usage("w")
    (record,) = program.manager.get_performance_records_for_definition("w")
    assert (usage["calls_in_flight"], record.success) == (0, False)
    program.close()


def test_cancelling_ends_a_procedure_that_a_model_called() -> None:
    program, token = Program(), CancelToken()
    program.interpreter.on_stream = lambda event: token.cancel("enough") if event.kind == "tool_call" else None
    program.add([{"tool_calls": [call("func__endless")]}, "done"], ["func:endless"])
    with raises_code(44):
        program.interpreter.run("catches_all", "w", cancel=token)
    assert program.manager.limit_usage("w")["calls_in_flight"] == 0
    program.close()


def test_a_procedure_that_asks_its_own_worker_comes_to_an_end(program: Program) -> None:
    program.add([{"tool_calls": [call("func__again", x="on")]}], ["func:again"], name="again")
    with raises_code(38, "8 deep already"):
        program.interpreter.run("go", "again")
    assert program.manager.limit_usage("again")["calls_in_flight"] == 0


def test_calls_of_a_batch_run_procedures_side_by_side() -> None:
    def answer(request: LLMRequest) -> Any:
        last = request.messages[-1]
        if last.role == "tool":
            return last.content
        asked = ToolCallRequest(id="1", name="func__count", arguments={"to": int(last.content)})
        return LLMResponse(text="", finish_reason="tool_calls", usage=Usage(), model="m", tool_calls=(asked,))

    source = """
func count(needs to) means
  set items = []
  while len(items) < to
    set items = items + [len(items)]
  endwhile
  return len(items)
endfunc

func batch(needs prompts) means
  set outputs = []
  for each result in tool.AIWorker.ExecuteBatch("w", prompts, 8)
    set outputs = outputs + [result.output]
  endfor
  return outputs
endfunc
"""
    with AIWorkerManager(clients={"house": Answers(answer)}) as manager, Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        interpreter.load(source)
        manager.add_worker_definition(worker("w", provider="house", tool_allowlist=["func:count"]))
        prompts = [str(number) for number in range(100, 132)]
        assert interpreter.run("batch", prompts) == prompts


def test_a_script_may_list_the_procedures_of_its_program(program: Program) -> None:
    program.interpreter.load(
        """
func own() means
  call tool.AIWorkerDefinition.Add(
    name: "own",
    provider: "local",
    model_name: "scripted",
    auth: {"method": "none"},
    interaction_models: ["stateless_task"],
    base_config: {"replies": [{"tool_calls": [{"name": "func__text"}]}, "done"]},
    tool_allowlist: ["func:text"]
  )
  ask "own", "go" into answer
  return answer
endfunc
"""
    )
    assert program.interpreter.run("own") == "done"


def test_a_definition_that_came_with_a_file_gives_its_model_nothing_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "ai_worker_definitions.json"
    with AIWorkerManager(tmp_path) as manager:
        replies = [{"tool_calls": [call("func__lookup", city="Rome")]}, "done"]
        manager.add_worker_definition(scripted("w", replies, tool_allowlist=["func:lookup"]))
    definitions = json.loads(path.read_text())
    definitions[0].pop("hostMark", None)
    path.write_text(json.dumps(definitions))
    with Interpreter(sandbox=tmp_path) as interpreter:
        interpreter.load(PROGRAM)
        with raises_code(10, "neuroscript workers trust w"):
            interpreter.run("go", "w")
        interpreter.services["ai_wm"].trust_worker_definition("w")
        assert interpreter.run("go", "w") == "done"


@pytest.mark.parametrize("provider", REMOTE)
def test_every_provider_takes_the_name_and_gives_it_back(provider: str) -> None:
    with serve() as server, AIWorkerManager() as manager, Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        interpreter.load(PROGRAM)
        base = server.url + ("/v1" if provider in ("openai", "custom") else "")
        auth = {"method": "none"} if provider in ("ollama", "custom") else {"method": "inline", "value": "k" * 20}
        manager.add_worker_definition(
            worker(
                "w",
                provider=provider,
                model_name="m-1",
                auth=auth,
                base_config={"base_url": base, "max_retries": 0},
                tool_allowlist=["func:lookup"],
            )
        )
        server.will(reply(asks_for_lookup(provider)), reply(body_of(provider, "sunny")))
        assert interpreter.run("go", "w") == "sunny"
        first, second = [received.body.decode() for received in server.received]
    assert '"func__lookup"' in first
    assert "Looks up the weather." in first
    assert r"\"days\": null" in second or '"days": null' in second


def asks_for_lookup(provider: str) -> dict[str, Any]:
    """A reply of the provider that asks for the procedure."""
    body, arguments = body_of(provider, ""), {"city": "Rome"}
    match provider:
        case "openai" | "custom":
            function = {"name": "func__lookup", "arguments": json.dumps(arguments)}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            }
            body["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
        case "anthropic":
            body["content"] = [{"type": "tool_use", "id": "c1", "name": "func__lookup", "input": arguments}]
            body["stop_reason"] = "tool_use"
        case "google":
            body["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": "func__lookup", "args": arguments}}]
        case _:
            body["message"]["tool_calls"] = [{"function": {"name": "func__lookup", "arguments": arguments}}]
    return body
