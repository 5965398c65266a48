"""What is logged: each kind of thing that a person on duty wants to know, and never a key, a prompt or a reply."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, ToolHost, WorkerPolicy, register_ai_worker_tools
from ai_wm.providers.breaker import FAILURES_IN_A_ROW
from neuroscript import Interpreter, NeuroScriptError
from neuroscript.output import one_line
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker
from tests.ai_wm.providers.loopback import Loopback, Received, reply, serve
from tests.ai_wm.providers.wire import call, calling, chunk, completion, sse

OURS = ("neuroscript", "ai_wm")
NAMES = {"neuroscript", "neuroscript.run", "ai_wm.calls", "ai_wm.limits", "ai_wm.store"}
QUICK = {"retry-after-ms": "1"}


class Log:
    """What this package has logged in a test."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def records(self) -> list[logging.LogRecord]:
        return [record for record in self._caplog.records if record.name.split(".")[0] in OURS]

    def events(self, level: int = logging.INFO) -> list[str]:
        return [vars(record).get("event", "") for record in self.records if record.levelno >= level]

    def only(self, event: str) -> dict[str, Any]:
        """The fields and the message of the one record of an event, which is of the level INFO."""
        [record] = [record for record in self.records if vars(record).get("event") == event]
        assert record.levelno == logging.INFO
        return vars(record)

    def everything(self) -> str:
        """All records as text, with all their fields."""
        formatter = logging.Formatter("%(name)s %(message)s")
        return "\n".join(f"{formatter.format(record)} {vars(record)}" for record in self.records)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.DEBUG)
    return Log(caplog)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as running:
        yield running


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[AIWorkerManager]:
    with AIWorkerManager(tmp_path / "workers", environ={"CUSTOM_KEY": KEY}) as made:
        yield made


KEY = "sk-planted-0123456789abcdef"
PROMPT = "planted-prompt: how do I reset the pump?"
REPLY = "planted-reply: turn it off and on."


def remote(server: Loopback, name: str = "w", **fields: Any) -> dict[str, Any]:
    """A worker that asks the server, with a key."""
    config = {"base_url": server.url + "/v1", **fields.pop("base_config", {})}
    auth = {"method": "env_var", "value": "CUSTOM_KEY"}
    return worker(name, provider="custom", model_name="m-1", base_config=config, **{"auth": auth, **fields})


# --- each kind --------------------------------------------------------------------------------------------------------


def test_a_call_that_is_done(manager: AIWorkerManager, server: Loopback, log: Log) -> None:
    server.will(reply(completion(REPLY)))
    costs = {"input_cost_per_token": 0.5, "output_cost_per_token": 1}
    id_ = manager.add_worker_definition(remote(server, cost_metrics=costs))
    record = manager.execute_stateless_task("w", PROMPT).record
    assert log.events() == ["call_done"]
    told = log.only("call_done")
    ms = record.duration_ms
    assert told["message"] == f"worker 'w' (custom/m-1) has answered: 9 tokens in, 3 out, cost 7.5, {ms} ms"
    expected = {
        "name": "ai_wm.calls",
        "worker": "w",
        "definition_id": id_,
        "instance_id": record.instance_id,
        "provider": "custom",
        "model": "m-1",
        "input_tokens": 9,
        "output_tokens": 3,
        "cost": 7.5,
        "duration_ms": ms,
        "attempts": 1,
        "rounds": 1,
        "task_id": record.task_id,
    }
    assert {name: told[name] for name in expected} == expected


def test_a_retry(manager: AIWorkerManager, server: Loopback, log: Log) -> None:
    server.will(reply({"error": {"message": f"busy with {PROMPT}"}}, 503, QUICK), reply(completion(REPLY)))
    manager.add_worker_definition(remote(server))
    manager.execute_stateless_task("w", PROMPT)
    assert log.events() == ["retry", "call_done"]
    told = log.only("retry")
    assert told["message"] == "custom/m-1 is asked again, attempt 2, after error 16, status 503"
    assert (told["attempt"], told["code"], told["status"], told["model"]) == (2, 16, 503, "m-1")
    assert log.only("call_done")["attempts"] == 2


def test_a_call_that_fails(manager: AIWorkerManager, server: Loopback, log: Log) -> None:
    server.will(reply({"error": {"message": PROMPT}}, 500, QUICK))
    manager.add_worker_definition(remote(server, base_config={"max_retries": 0}))
    with raises_code(16):
        manager.execute_stateless_task("w", PROMPT)
    assert log.events() == ["call_failed"]
    told = log.only("call_failed")
    [record] = manager.get_performance_records_for_definition("w")
    assert told["message"] == (
        "the call of worker 'w' (custom/m-1) has failed: error 16 (LLM_ERROR), status 500, attempts 1, "
        f"{record.duration_ms} ms"
    )
    assert (told["code"], told["status"], told["attempts"], told["task_id"]) == (16, 500, 1, record.task_id)


def test_a_call_that_is_interrupted(log: Log) -> None:
    def interrupted(request: Any) -> str:
        raise KeyboardInterrupt

    with AIWorkerManager(clients={"openai": Answers(interrupted)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        with pytest.raises(KeyboardInterrupt):
            manager.execute_stateless_task("w", PROMPT)
    told = log.only("call_failed")
    assert "interrupted (KeyboardInterrupt)" in told["message"]
    assert told["code"] == 44


def test_a_refusal_by_a_limit(manager: AIWorkerManager, log: Log) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 1}))
    manager.execute_stateless_task("w", PROMPT)
    with raises_code(20):
        manager.execute_stateless_task("w", PROMPT)
    assert log.events() == ["call_done", "refused"]
    told = log.only("refused")
    assert told["name"] == "ai_wm.limits"
    assert told["message"] == "worker 'w' was not asked: error 20 (RATE_LIMITED), max_requests_per_minute"
    assert (told["worker"], told["code"], told["limit"], told["value"]) == ("w", 20, "max_requests_per_minute", 1)
    assert told["retry_after_seconds"] > 0


def test_a_refusal_for_want_of_a_key(server: Loopback, log: Log) -> None:
    with AIWorkerManager(environ={}) as manager:
        manager.add_worker_definition(remote(server))
        with raises_code(18):
            manager.execute_stateless_task("w", PROMPT)
    told = log.only("refused")
    assert (told["name"], told["code"], told["worker"]) == ("ai_wm.calls", 18, "w")


def test_an_instance_that_has_no_room(manager: AIWorkerManager, log: Log) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_concurrent_active_instances": 1}))
    manager.spawn_worker_instance("w")
    with raises_code(20):
        manager.spawn_worker_instance("w")
    told = log.only("refused")
    assert told["name"] == "ai_wm.limits"
    assert told["message"].startswith("no instance of worker 'w' was spawned: error 20 (RATE_LIMITED)")


def test_a_worker_that_scripts_may_not_ask(manager: AIWorkerManager, log: Log) -> None:
    manager.add_worker_definition(worker("w"))
    with Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager, policy=WorkerPolicy(ask=("other",)))
        with raises_code(10):
            interpreter.execute(f'command\nask "w", "{PROMPT}" into r\nendcommand')
    told = log.only("refused")
    assert (told["name"], told["worker"], told["code"]) == ("ai_wm.calls", "w", 10)
    assert "scripts were refused worker 'w'" in told["message"]


def test_a_fallback(manager: AIWorkerManager, server: Loopback, log: Log) -> None:
    server.will(reply({"error": {"message": "down"}}, 500))
    config = {"max_retries": 0, "fallbacks": ["nobody", "second"]}
    manager.add_worker_definition(remote(server, "first", base_config=config))
    second = manager.add_worker_definition(worker("second"))
    manager.execute_stateless_task("first", PROMPT)
    assert log.events() == ["call_failed", "fallback_passed_over", "fallback", "call_done"]
    told = log.only("fallback")
    assert told["message"] == (
        "worker 'second' is asked in the place of worker 'first', which has failed: error 16 (LLM_ERROR), status 500"
    )
    assert (told["worker"], told["definition_id"], told["fallback_for"]) == ("second", second, "first")
    told = log.only("fallback_passed_over")
    assert told["message"] == "the fallback 'nobody' of worker 'first' cannot be asked: error 9 (KEY_NOT_FOUND)"


def test_a_cool_down(manager: AIWorkerManager, server: Loopback, log: Log) -> None:
    server.will(reply({"error": {"message": "down"}}, 500))
    manager.add_worker_definition(remote(server, base_config={"max_retries": 0}))
    for _ in range(FAILURES_IN_A_ROW + 1):
        with raises_code(16):
            manager.execute_stateless_task("w", PROMPT)
    told = log.only("cool_down")
    assert told["message"] == "custom/m-1 keeps failing and is left alone for 1 s"
    assert (told["seconds"], told["provider"], told["model"]) == (1.0, "custom", "m-1")
    assert log.events()[-3:] == ["cool_down", "call_failed", "call_failed"]
    assert len(server.received) == FAILURES_IN_A_ROW


def test_the_end_of_an_instance(manager: AIWorkerManager, log: Log) -> None:
    id_ = manager.add_worker_definition(worker("w"))
    instance = manager.spawn_worker_instance("w").instance_id
    manager.conversation(instance).ask("one two")
    manager.retire_worker_instance(instance, reason=PROMPT, final_status="retired_error")
    told = log.only("instance_ended")
    assert told["message"] == f"the instance {instance} of worker 'w' has ended: retired_error, 2 tokens in, 3 out"
    expected = {"name": "ai_wm.calls", "worker": "w", "definition_id": id_, "final_status": "retired_error"}
    assert {name: told[name] for name in expected} == expected
    assert PROMPT not in log.everything()


def test_more_for_a_developer(manager: AIWorkerManager, log: Log) -> None:
    with Interpreter() as interpreter:
        tools = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
        upper = {"tool_calls": [{"name": "str__ToUpper", "arguments": {"input_string": PROMPT}}]}
        manager.add_worker_definition(scripted("w", [upper, REPLY], tool_allowlist=["str.*"]))
        manager.execute_stateless_task("w", PROMPT, tools=tools)
    assert [event for event in log.events(logging.DEBUG) if event not in ("loaded", "run_done")] == [
        "reserved",
        "asked",
        "round_over",
        "tool",
        "reserved",
        "asked",
        "round_over",
        "recorded",
        "call_done",
    ]
    assert {record.name for record in log.records} <= NAMES


def test_nothing_is_put_together_where_nobody_listens(
    manager: AIWorkerManager, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    for name in ("ai_wm.calls.call_log.tell", "ai_wm.providers.http.tell", "ai_wm.workers.instances.tell"):
        monkeypatch.setattr(name, lambda *_: pytest.fail("nobody listens"))
    manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 1}))
    instance = manager.spawn_worker_instance("w").instance_id
    manager.execute_stateless_task("w", PROMPT)
    with raises_code(20):
        manager.conversation(instance).ask(PROMPT)
    manager.retire_worker_instance(instance)


# --- what is never told -----------------------------------------------------------------------------------------------


def echo_everywhere(status: int) -> Callable[[Received], bytes]:
    """A hostile server: what it was sent, key and all, stands in everything that it says."""

    def judge(received: Received) -> bytes:
        key = received.headers["authorization"].removeprefix("Bearer ")
        said = f"{key} {PROMPT} {REPLY}"
        headers = {"x-request-id": key, "retry-after-ms": "1"}
        if status != 200:
            error = {"message": said, "type": key, "code": said, "param": said}
            return reply({"error": error, "detail": said}, status, headers)
        if received.json.get("tools") and len(received.json["messages"]) == 1:
            return reply(calling(call({"input_string": said}, said, f"{key}{PROMPT}"), model=said), 200, headers)
        return reply(completion(said, said, model=said, service_tier=said), 200, headers)

    return judge


@pytest.mark.parametrize("status", [200, 400, 401, 404, 408, 429, 500])
@pytest.mark.parametrize("way", ["task", "conversation", "batch", "script"])
def test_no_key_no_prompt_and_no_reply_at_any_level(
    manager: AIWorkerManager, server: Loopback, log: Log, status: int, way: str
) -> None:
    server.judges(echo_everywhere(status))
    config = {"max_retries": 1, "fallbacks": ["spare"]}
    manager.add_worker_definition(remote(server, base_config=config, tool_allowlist=["str.*"]))
    manager.add_worker_definition(remote(server, "spare", base_config={"max_retries": 0}))
    with Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        tools = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
        with suppress(NeuroScriptError):
            match way:
                case "task":
                    manager.execute_stateless_task("w", PROMPT, tools=tools)
                case "conversation":
                    instance = manager.spawn_worker_instance("w", {"system_prompt": PROMPT}).instance_id
                    manager.conversation(instance).ask(PROMPT, tools=tools)
                case "batch":
                    manager.execute_batch("w", [PROMPT] * 3, tools=tools)
                case "script":
                    interpreter.execute(f'command\nwhisper self, "{PROMPT}"\nask "w", "{PROMPT}" into r\nendcommand')
    assert server.received
    assert KEY in server.received[0].headers["authorization"]
    assert PROMPT in str(server.received[0].json)
    assert log.events(logging.DEBUG)
    shown = log.everything()
    for planted in (KEY, KEY[:12], KEY[-12:], "planted-prompt", "planted-reply", "reset the pump"):
        assert planted not in shown, shown


def test_a_streamed_call_tells_no_more(manager: AIWorkerManager, server: Loopback, log: Log) -> None:
    server.will(sse(chunk({"content": REPLY}, model=PROMPT), chunk({}, KEY, model=PROMPT)))
    manager.add_worker_definition(remote(server))
    heard: list[str] = []
    manager.execute_stateless_task("w", PROMPT, on_stream=lambda event: heard.append(event.text))
    assert "".join(heard) == REPLY
    shown = log.everything()
    assert "call_done" in shown
    for planted in (KEY, "planted-prompt", "planted-reply"):
        assert planted not in shown, shown


def test_a_key_in_a_name_is_masked(server: Loopback, log: Log) -> None:
    """Whoever names a worker by its key has it in no log for all that, once the key is known."""
    server.will(reply(completion(REPLY)))
    with AIWorkerManager(environ={"CUSTOM_KEY": KEY}) as manager:
        manager.add_worker_definition(remote(server, f"mine-{KEY}"))
        manager.execute_stateless_task(f"mine-{KEY}", PROMPT)
    told = log.only("call_done")
    assert "***" in told["message"]
    assert "***" in told["worker"]
    assert KEY not in f"{told['message']} {told['worker']}"


def test_what_a_name_says_is_shown_and_not_obeyed(manager: AIWorkerManager, log: Log) -> None:
    name = "w\x1b[2J\nneuroscript: all is well\u202e"
    manager.add_worker_definition(worker(name))
    manager.execute_stateless_task(name, PROMPT)
    told = log.only("call_done")
    assert told["worker"] == one_line(name)
    assert one_line(name) in told["message"]
    assert told["message"].isprintable()
