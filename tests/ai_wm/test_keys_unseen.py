"""No key is ever seen.

Section 2 of the rules: an inline key "is never in a log line, an error, a repr, or anything that a script can see".
Here a program calls every tool with workers whose keys are known, with a provider whose every answer and error shows
the key it was sent, and everything that comes out is searched.
"""

from __future__ import annotations

import io
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, WorkerPolicy, register_ai_worker_tools
from ai_wm.tools import worker_registry
from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from neuroscript.values import text_of, to_json
from tests.ai_wm.helpers import Answers, raises_code, worker

INLINE = "sk-inline-4bd1a2"
VARIABLE = "sk-variable-77e0c9"
FILED = "sk-filed-0c11ff"
KEYS = (INLINE, VARIABLE, FILED)

AUTHS = {
    "inline": {"method": "inline", "value": INLINE},
    "env_var": {"method": "env_var", "value": "TEST_KEY"},
    "config_path": {"method": "config_path", "value": "keys.toml#openai.key"},
}


def blab(request: LLMRequest) -> str:
    """A provider that fails and shows the key it was sent in every way."""
    key = request.api_key.get() if request.api_key is not None else ""
    if "fail" not in request.messages[-1].content:
        return "fine"
    if "odd" in request.messages[-1].content:
        raise ValueError(f"bad header Authorization: Bearer {key}")
    raise NeuroScriptError(
        ErrorCode.LLM_ERROR,
        f"401 for key {key}",
        details={"body": {"error": [f"invalid {key}"]}, "attempts": 1},
    )


class Everything:
    """What came out."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def add(self, value: Any) -> None:
        self.parts.append(value if isinstance(value, str) else repr(value))

    def add_error(self, error: BaseException) -> None:
        self.add("".join(traceback.format_exception(error)))
        link: BaseException | None = error
        while link is not None:
            self.add(link)
            self.add(str(link))
            self.add(getattr(link, "details", ""))
            link = link.__cause__ or link.__context__

    def search(self) -> None:
        for part in self.parts:
            for key in KEYS:
                assert key not in part, f"a key in: {part[:500]}"


@pytest.mark.parametrize("method", AUTHS)
def test_every_tool_error_and_log(tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "keys.toml").write_text(f'[openai]\nkey = "{FILED}"\n')
    sandbox = tmp_path / "sandbox"
    seen = Everything()
    called: set[str] = set()
    with (
        caplog.at_level(logging.DEBUG),
        AIWorkerManager(
            sandbox, clients={"openai": Answers(blab)}, environ={"TEST_KEY": VARIABLE}, config_dir=config
        ) as manager,
        Interpreter(plugins=False, sandbox=sandbox, emit=lambda value: seen.add(text_of(value))) as interpreter,
    ):
        sources = ("env:TEST_KEY", "config:keys.toml#openai.key")
        policy = WorkerPolicy(keys={source: ["provider:openai"] for source in sources})
        register_ai_worker_tools(interpreter, manager, policy=policy)
        manager.on_event(lambda name, payload: seen.add(payload))

        def call(tool: str, *args: Any, **named: Any) -> Any:
            called.add(tool)
            seen.add(tool)
            try:
                result = interpreter.tools.call(tool, *args, context=interpreter.host_context(), **named)
            except NeuroScriptError as error:
                seen.add_error(error)
                return None
            seen.add(result)
            seen.add(text_of(result))
            seen.add(json.dumps(to_json(result)))
            return result

        everything(call, AUTHS[method])
        seen.add(manager)
        for definition in manager.list_worker_definitions():
            seen.add(definition)
            seen.add(str(definition))
            seen.add(definition.auth)
            seen.add(definition.model_dump())
            seen.add(definition.model_dump_json())
            seen.add(definition.to_script())
        interpreter.load(ASK)
        for who in ("w", "nobody"):
            try:
                seen.add(interpreter.run("talk", who))
            except NeuroScriptError as error:
                seen.add_error(error)
        assert called == {spec.name for spec in worker_registry().specs()}
        records = manager.get_performance_records_for_definition("w")
        assert any("401" in record.error_details for record in records)
    seen.add(caplog.text)
    for path in sandbox.rglob("*"):
        if path.is_file() and path.name != "ai_worker_definitions.json":
            seen.add(path.read_bytes().decode("utf-8", "replace"))
    seen.search()
    # The one place where an inline key may stand, readable by its owner alone.
    stored = (sandbox / "ai_worker_definitions.json").read_text()
    assert (INLINE in stored) is (method == "inline")
    assert VARIABLE not in stored
    assert FILED not in stored


ASK = """
func talk(needs who) means
  emit who
  ask who, "please" into a
  ask who, "please fail" into b
  return [a, b]
endfunc
"""


def everything(call: Any, auth: dict[str, Any]) -> None:
    """Calls every tool, rightly and wrongly."""
    definition = worker("w", provider="openai", model_name="m", auth=auth)
    call("AIWorkerDefinition.Add", **definition)
    call("AIWorkerDefinition.Add", **definition)
    call("AIWorkerDefinition.Add", **{**definition, "name": "v", "status": "asleep"})
    call("AIWorkerDefinition.Add", **{**definition, "name": "v", "auth": {**auth, "method": "telepathy"}})
    call("AIWorkerDefinition.Add", **{**definition, "name": "u", "auth": [auth["value"]]})
    call("AIWorkerDefinition.Add", **{**definition, "name": "u", "auth": auth["value"]})
    shown = call("AIWorkerDefinition.Get", "w")
    call("AIWorkerDefinition.List")
    call("AIWorkerDefinition.List", {"colour": "red"})
    call("AIWorkerDefinition.Update", "w", {"auth": shown["auth"], "capabilities": ["text"]})
    call("AIWorkerDefinition.Update", "w", {"auth": {**auth, "method": "nothing"}})
    call("AIWorkerDefinition.Update", "w", {"auth": {**auth, "value": [auth["value"]]}})
    call("AIWorkerDefinition.SaveAll")
    call("AIWorkerDefinition.LoadAll")

    inst = call("AIWorkerInstance.Spawn", "w")
    id_, chat = inst["instance_id"], inst["conversation_manager_handle"]
    call("Conversation.Ask", chat, "hello")
    call("Conversation.Ask", chat, "please fail")
    call("Conversation.Ask", chat, "please fail in an odd way")
    call("Conversation.AddUserMessage", chat, "a")
    call("Conversation.AddModelMessage", chat, "b")
    call("Conversation.History", chat)
    call("AIWorkerInstance.Get", id_)
    call("AIWorkerInstance.ListActive")
    call("AIWorkerInstance.UpdateStatus", id_, "error", "hm")
    call("AIWorkerInstance.UpdateTokenUsage", id_, 1, 1)
    call("AIWorkerDefinition.Remove", "w")
    call("AIWorker.ExecuteStatelessTask", "w", "hello")
    call("AIWorker.ExecuteStatelessTask", "w", "please fail")
    call("AIWorker.ExecuteStatelessTask", "w", "please fail in an odd way")
    call("AIWorker.ExecuteBatch", "w", ["hello", "please fail", "please fail in an odd way"])
    prompts = ("hello", "please fail", "please fail in an odd way")
    call("AIWorker.ExecuteAll", [{"worker": "w", "prompt": each} for each in prompts])
    call("AIWorker.Embed", "w", ["hello", "please fail"])
    call("AIWorkerDefinition.Ensure", definition_id="w", name="w", auth=auth)
    call("AIWorkerDefinition.Ensure", definition_id="w", auth={**auth, "method": "nothing"})
    moment = "2025-06-15T09:30:00Z"
    task = call("AIWorker.LogPerformance", "own", "stateless-own", "w", moment, moment, 1, True)
    call("AIWorker.LogFeedback", task, 4.5)
    call("AIWorker.GetPerformanceRecords", "w")
    call("AIWorker.SavePerformanceData")
    call("AIWorker.LoadPerformanceData")
    call("Conversation.Clear", chat)
    call("AIWorkerInstance.Retire", id_, chat, "done", "retired_completed")
    call("Conversation.Ask", chat, "hello")


def test_a_program_does_not_read_the_file_that_an_inline_key_is_in(tmp_path: Path) -> None:
    with Interpreter(sandbox=tmp_path) as interpreter:
        manager = interpreter.services["ai_wm"]
        manager.add_worker_definition(worker("w"))

        def fs(tool: str, *args: Any) -> Any:
            return interpreter.tools.call(f"fs.{tool}", *args, context=interpreter.host_context())

        name = "ai_worker_definitions.json"
        manager.update_worker_definition("w", {"auth": AUTHS["inline"]})
        (tmp_path / "link").symlink_to(name)
        for tool, args in (
            ("Read", [name]),
            ("ReadBytes", [f"./{name}"]),
            ("Read", ["link"]),
            ("LineCount", [name]),
            ("Move", [name, "other.json"]),
        ):
            with raises_code(10):
                fs(tool, *args)
        with raises_code(22):
            fs("Hash", "link")


def test_the_command_line_shows_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from neuroscript.cli import main

    definition = worker("w", provider="openai", model_name="m", auth=AUTHS["inline"])
    sandbox = ["--sandbox", str(tmp_path)]
    for arguments in (
        ["add", json.dumps(definition), *sandbox],
        ["add", json.dumps(definition)[:-1], *sandbox],
        ["add", json.dumps({**definition, "status": "asleep"}), *sandbox],
        ["add", json.dumps({**definition, "auth": {"method": "inline", "value": [INLINE]}}), *sandbox],
        ["list", *sandbox],
        ["list", "--format", "jsonl", *sandbox],
        ["show", "w", *sandbox],
        ["show", "w", "--format", "jsonl", *sandbox],
        ["check-auth", *sandbox],
        ["check-auth", "--format", "jsonl", *sandbox],
        ["summary", *sandbox],
        ["records", "w", *sandbox],
        ["update", "w", '{"status": "disabled"}', *sandbox],
        ["update", "w", json.dumps({"auth": INLINE}), *sandbox],
        ["remove", "w", *sandbox],
    ):
        main(["workers", *arguments])
    captured = capsys.readouterr()
    assert "***" in captured.out
    assert INLINE not in captured.out
    assert INLINE not in captured.err


def test_a_log_formatter_shows_no_key(tmp_path: Path) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("ai_wm").addHandler(handler)
    try:
        with AIWorkerManager(tmp_path) as manager:
            manager.add_worker_definition(worker("w", auth=AUTHS["inline"]))
            logging.getLogger("ai_wm").warning("%s %r", *[manager.get_worker_definition("w")] * 2)
    finally:
        logging.getLogger("ai_wm").removeHandler(handler)
    assert "***" in stream.getvalue()
    assert INLINE not in stream.getvalue()
