"""The tools of AI workers, used from NeuroScript programs."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, register_ai_worker_tools
from ai_wm.tools import worker_registry
from neuroscript import ErrorCode, Interpreter, NeuroScriptError, Policy
from neuroscript.values import ErrorValue, Handle, text_of
from tests.ai_wm.helpers import Run, manager_of, raises_code, scripted, worker

# --- definitions ---


def test_adding_by_position_and_by_name(run: Run) -> None:
    by_position = run('return tool.AIWorkerDefinition.Add(nil, "a", "local", "echo", {"method": "none"}, ["both"])')
    by_name = run(
        'return tool.AIWorkerDefinition.Add(auth: {"method": "none"}, model_name: "echo", provider: "local", name: "b",'
        ' rate_limits: {"max_requests_per_minute": 5}, metadata: {"owner": "ops"})'
    )
    both = run('return [tool.AIWorkerDefinition.Get("a"), tool.AIWorkerDefinition.Get("b")]')
    assert [item["definition_id"] for item in both] == [by_position, by_name]
    assert both[0]["interaction_models"] == ["both"]
    assert both[1]["rate_limits"]["max_requests_per_minute"] == 5
    assert both[1]["metadata"] == {"owner": "ops"}


def test_a_definition_as_scripts_see_it(run: Run) -> None:
    seen = run('return tool.AIWorkerDefinition.Get("w")')
    assert re.fullmatch("[a-z_]+( [a-z_]+)*", " ".join(seen))
    assert {"definition_id", "model_name", "base_config", "aggregate_performance_summary"} <= seen.keys()
    assert seen["aggregate_performance_summary"]["total_tasks_attempted"] == 0


def test_the_life_of_a_definition(run_with_own: Run) -> None:
    result = run_with_own(
        """
  call tool.AIWorkerDefinition.Update("w", {"status": "disabled", "base_config": {"temperature": 0.5}})
  set found = tool.AIWorkerDefinition.List({"status": "disabled"})
  set saved = tool.AIWorkerDefinition.SaveAll()
  set loaded = tool.AIWorkerDefinition.LoadAll()
  call tool.AIWorkerDefinition.Remove("w")
  set it = found[0]
  set left = len(tool.AIWorkerDefinition.List())
  return [it["name"], it.base_config.temperature, it.can_chat, it.api_key_status, saved, loaded, left]
"""
    )
    assert result == [
        "w",
        0.5,
        True,
        "Not Configured",
        "Saved 1 worker definitions.",
        "Reloaded 1 worker definitions.",
        0,
    ]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('tool.AIWorkerDefinition.Get("nobody")', 9),
        ('tool.AIWorkerDefinition.Add(name: "v", provider: "nobody", model_name: "m", auth: {"method": "none"})', 4),
        ('tool.AIWorkerDefinition.Add(name: "w", provider: "local", model_name: "m", auth: {"method": "none"})', 42),
        ('tool.AIWorkerDefinition.Add(name: "v", provider: "local", model_name: "m")', 4),
        ('tool.AIWorkerDefinition.Add(name: "v", provider: 7, model_name: "m", auth: {})', 4),
        ('tool.AIWorkerDefinition.Add(name: "v", colour: "red")', 4),
        ('tool.AIWorkerDefinition.List({"colour": "red"})', 4),
        ('tool.AIWorkerDefinition.Update("w", {"definition_id": "x"})', 11),
        ('tool.AIWorkerDefinition.Update("w", {"aggregate_performance_summary": {}})', 11),
        ('tool.AIWorkerDefinition.Update("w", {"status": "asleep"})', 4),
        ('tool.AIWorkerDefinition.Remove("nobody")', 9),
        ('tool.AIWorkerInstance.Spawn("nobody")', 9),
        ('tool.AIWorkerInstance.Get("nobody")', 9),
        ('tool.AIWorkerInstance.ListActive({"colour": "red"})', 4),
        ('tool.AIWorkerInstance.UpdateStatus("nobody", "idle")', 9),
        ('tool.AIWorkerInstance.UpdateTokenUsage("nobody", 1, 1)', 9),
        ('tool.AIWorker.ExecuteStatelessTask("nobody", "x")', 9),
        ('tool.AIWorker.ExecuteStatelessTask("w")', 4),
        ('tool.AIWorker.ExecuteStatelessTask("w", "x", {"on_limit": "maybe"})', 4),
        ('tool.AIWorker.ExecuteBatch("w", ["x"], 0)', 4),
        ('tool.AIWorker.ExecuteBatch("w", ["x", 7])', 4),
        ('tool.AIWorker.LogFeedback("nobody", 3)', 9),
        ('tool.AIWorker.GetPerformanceRecords("w", {"colour": "red"})', 4),
        ('tool.Conversation.Ask("handle", "x")', 4),
        ("tool.Conversation.History(nil)", 4),
    ],
)
def test_what_is_refused_and_with_which_code(run_with_own: Run, call: str, code: int) -> None:
    with raises_code(code):
        run_with_own(f"return {call}")


# --- instances and conversations ---


def test_the_life_of_an_instance(run: Run, tmp_path: Path) -> None:
    result = run(
        """
  set inst = tool.AIWorkerInstance.Spawn("w", {"temperature": 0.5})
  set chat = inst.conversation_manager_handle
  call tool.Conversation.AddUserMessage(chat, "My name is Ada.")
  call tool.Conversation.AddModelMessage(chat, "Hello Ada.")
  set reply = tool.Conversation.Ask(chat, "Who am I?", {"top_p": 1})
  call tool.AIWorkerInstance.UpdateTokenUsage(inst.instance_id, 100, 50)
  call tool.AIWorkerInstance.UpdateStatus(inst.instance_id, "error", "hm")
  set now = tool.AIWorkerInstance.Get(inst.instance_id)
  set listed = tool.AIWorkerInstance.ListActive({"status": "error"})
  set said = tool.Conversation.History(chat)
  call tool.AIWorkerInstance.Retire(inst.instance_id, chat, "done", "retired_completed")
  set tokens = now.session_token_usage.total_tokens
  return [inst.status, reply, now.status, now.last_error, tokens, len(listed), said, now.current_config]
"""
    )
    status, reply, later, last_error, tokens, listed, said, config = result
    assert (status, reply, later, last_error, listed) == ("idle", "echo: Who am I?", "error", "hm", 1)
    assert tokens == 150 + 9 + 4
    assert said == [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "Who am I?"},
        {"role": "assistant", "content": "echo: Who am I?"},
    ]
    assert config == {"temperature": 0.5}
    (entry,) = json.loads((tmp_path / "ai_worker_performance_data.json").read_text())
    assert entry["session_token_usage"] == {"input_tokens": 109, "output_tokens": 54, "total_tokens": 163}


def test_a_handle_shows_its_kind_alone(run: Run) -> None:
    handle, shown, kind = run(
        'set h = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle\nreturn [h, "" + h, typeof h]'
    )
    assert isinstance(handle, Handle)
    assert (shown, kind) == ("<handle conversation>", "handle")


def test_a_handle_of_another_interpreter_stands_for_nothing(run: Run, tmp_path: Path) -> None:
    handle = run('return tool.AIWorkerInstance.Spawn("w").conversation_manager_handle')
    with Interpreter() as other, raises_code(19):
        other.tools.call("Conversation.History", handle, context=other.host_context())
    with raises_code(19):
        run("return tool.Conversation.History(a0)", Handle("conversation"))
    with raises_code(7):
        run("return tool.Conversation.History(a0)", Handle("file"))


@pytest.mark.parametrize(
    "call",
    [
        'tool.Conversation.Ask(chat, "x")',
        'tool.Conversation.AddUserMessage(chat, "x")',
        'tool.Conversation.AddModelMessage(chat, "x")',
        "tool.Conversation.History(chat)",
        "tool.Conversation.Clear(chat)",
        "tool.AIWorkerInstance.Get(inst.instance_id)",
        'tool.AIWorkerInstance.UpdateStatus(inst.instance_id, "idle")',
        "tool.AIWorkerInstance.UpdateTokenUsage(inst.instance_id, 1, 1)",
        'tool.AIWorkerInstance.Retire(inst.instance_id, chat, "again", "retired_completed")',
    ],
)
@pytest.mark.parametrize("by_host", [False, True])
def test_after_retirement_everything_is_error_19(interpreter: Interpreter, run: Run, call: str, by_host: bool) -> None:
    inst = run('return tool.AIWorkerInstance.Spawn("w")')
    if by_host:
        manager_of(interpreter).retire_worker_instance(inst["instance_id"])
    else:
        run(
            'call tool.AIWorkerInstance.Retire(a0.instance_id, a0.conversation_manager_handle, "", "retired_error")',
            inst,
        )
    with raises_code(19):
        run(f"set inst = a0\nset chat = a0.conversation_manager_handle\nreturn {call}", inst)


def test_an_instance_is_retired_with_its_own_handle_only(run: Run) -> None:
    with raises_code(19, "belongs to the instance"):
        run(
            """
  set one = tool.AIWorkerInstance.Spawn("w")
  set two = tool.AIWorkerInstance.Spawn("w")
  call tool.AIWorkerInstance.Retire(one.instance_id, two.conversation_manager_handle, "", "retired_completed")
"""
        )


def test_usage_and_records_passed_to_retire(run_with_own: Run) -> None:
    records = run_with_own(
        """
  set inst = tool.AIWorkerInstance.Spawn("w")
  set record = {"task_id": "own", "success": true, "duration_ms": 5, "timestamp_start": "2025-06-15T09:30:00Z"}
  call tool.AIWorkerInstance.Retire(
    instance_id: inst.instance_id,
    conversation_manager_handle: inst.conversation_manager_handle,
    reason: "moved",
    final_status: "context_full",
    final_session_token_usage: {"input_tokens": 3, "output_tokens": 4},
    performance_records: [record]
  )
  return tool.AIWorker.GetPerformanceRecords("w")
"""
    )
    assert [record["task_id"] for record in records] == ["own"]


def test_a_failed_turn_is_caught_and_the_conversation_goes_on(interpreter: Interpreter, run: Run) -> None:
    manager_of(interpreter).add_worker_definition(scripted("s", ["one", {"error": "down"}, "three"]))
    seen = run(
        """
  set seen = []
  set chat = tool.AIWorkerInstance.Spawn("s").conversation_manager_handle
  on error do
    set seen = tool.list.Append(seen, [system_error_code, system_error_message])
    clear_error
  endon
  set seen = tool.list.Append(seen, tool.Conversation.Ask(chat, "a"))
  set seen = tool.list.Append(seen, tool.Conversation.Ask(chat, "b"))
  set seen = tool.list.Append(seen, tool.Conversation.Ask(chat, "c"))
  return seen
"""
    )
    assert seen == ["one", [16, "down"], "three"]


def test_clearing_forgets(run: Run) -> None:
    assert (
        run(
            """
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  call tool.Conversation.Ask(chat, "hello")
  call tool.Conversation.Clear(chat)
  return tool.Conversation.History(chat)
"""
        )
        == []
    )


def test_file_contexts_from_a_script(interpreter: Interpreter, run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("It rains.")
    reply, tokens = run(
        """
  set inst = tool.AIWorkerInstance.Spawn("w", nil, ["notes.txt"])
  set reply = tool.Conversation.Ask(inst.conversation_manager_handle, "weather?")
  return [reply, tool.AIWorkerInstance.Get(inst.instance_id).session_token_usage.input_tokens]
"""
    )
    assert reply == "echo: weather?"
    assert tokens > 10
    with raises_code(34):
        run(
            'set inst = tool.AIWorkerInstance.Spawn("w", file_contexts: ["../x"])\n'
            'return tool.Conversation.Ask(inst.conversation_manager_handle, "weather?")'
        )


# --- tasks ---


def test_a_task_as_scripts_see_it(run: Run) -> None:
    result = run('return tool.AIWorker.ExecuteStatelessTask("w", "hello there")')
    assert list(result) == [
        "output",
        "task_id",
        "cost",
        "input_tokens",
        "output_tokens",
        "duration_ms",
        "finish_reason",
    ]
    assert (result["output"], result["input_tokens"], result["output_tokens"]) == ("echo: hello there", 2, 3)
    assert (result["cost"], result["finish_reason"]) == (0, "stop")


def test_a_rate_limit_as_scripts_see_it(interpreter: Interpreter, run: Run) -> None:
    manager_of(interpreter).update_worker_definition("w", {"rate_limits": {"max_requests_per_minute": 1}})
    code, limit, value, wait = run(
        """
  set seen = nil
  on error do
    set seen = [system_error.code, system_error.limit, system_error.value, system_error.retry_after_seconds]
    clear_error
  endon
  call tool.AIWorker.ExecuteStatelessTask("w", "one")
  call tool.AIWorker.ExecuteStatelessTask("w", "two")
  return seen
"""
    )
    assert (code, limit, value) == (20, "max_requests_per_minute", 1)
    assert 59 < wait <= 60


def test_a_batch_gives_error_values_where_one_failed(interpreter: Interpreter, run: Run) -> None:
    manager_of(interpreter).update_worker_definition("w", {"rate_limits": {"max_requests_per_minute": 2}})
    results = run('return tool.AIWorker.ExecuteBatch("w", ["a", "b", "c"], max_parallel: 1)')
    assert [result["output"] for result in results[:2]] == ["echo: a", "echo: b"]
    assert isinstance(results[2], ErrorValue)
    assert results[2].code == ErrorCode.RATE_LIMITED
    checks = run(
        """
  set results = tool.AIWorker.ExecuteBatch("w", ["a"])
  return [is_error(results[0]), results[0].code, results[0].limit, some results[0]]
"""
    )
    assert checks == [True, 20, "max_requests_per_minute", False]


def test_records_feedback_and_the_summary(run_with_own: Run) -> None:
    records, summary, sentences = run_with_own(
        """
  set task = tool.AIWorker.ExecuteStatelessTask("w", "hello")
  call tool.AIWorker.LogFeedback(task.task_id, 4.5, comments: "good", supervisor_agent_id: "ada")
  set own = tool.AIWorker.LogPerformance(
    "own", "stateless-own", "w", tool.time.Now(), "2025-06-15T09:30:00Z", 7, false, error_details: "broken"
  )
  set records = tool.AIWorker.GetPerformanceRecords("w", {"instance_id": "stateless"})
  set summary = tool.AIWorkerDefinition.Get("w").aggregate_performance_summary
  return [records, summary, [own, tool.AIWorker.SavePerformanceData(), tool.AIWorker.LoadPerformanceData()]]
"""
    )
    assert records[0]["task_id"] == "own"
    assert records[1]["supervisor_feedback"]["comments"] == "good"
    assert (summary["total_tasks_attempted"], summary["failed_tasks"]) == (2, 1)
    assert (summary["average_success_rate"], summary["average_quality_score"]) == (0.5, 4.5)
    assert sentences == ["own", "Saved 2 performance records.", "Loaded 2 performance records."]


def test_events_reach_handlers(interpreter: Interpreter) -> None:
    manager_of(interpreter).add_worker_definition(
        worker("w", rate_limits={"max_requests_per_minute": 2, "max_concurrent_active_instances": 1})
    )
    emitted: list[Any] = []
    interpreter.emit_sink = emitted.append
    names = (
        "ai_wm.instance.spawned",
        "ai_wm.instance.retired",
        "ai_wm.task.completed",
        "ai_wm.task.failed",
        "ai_wm.rate_limited",
    )
    handlers = "\n".join(f'on event "{name}" as e do\n  emit [e.name, e.payload["name"]]\nendon' for name in names)
    interpreter.load(
        handlers
        + """
func main() means
  set inst = tool.AIWorkerInstance.Spawn("w")
  call tool.Conversation.Ask(inst.conversation_manager_handle, "a")
  call tool.AIWorkerInstance.Retire(inst.instance_id, inst.conversation_manager_handle, "", "retired_completed")
  call tool.AIWorker.ExecuteBatch("w", ["b", "c"], 1)
endfunc
"""
    )
    interpreter.run("main")
    assert [name for name, _ in emitted] == [
        "ai_wm.instance.spawned",
        "ai_wm.task.completed",
        "ai_wm.instance.retired",
        "ai_wm.task.completed",
        "ai_wm.rate_limited",
    ]


def test_cancelling_a_batch_from_another_thread(interpreter: Interpreter, run: Run) -> None:
    manager_of(interpreter).update_worker_definition(
        "w", {"rate_limits": {"max_requests_per_minute": 1}, "base_config": {"on_limit": "wait"}}
    )
    timer = threading.Timer(0.3, interpreter.cancel)
    timer.start()
    with raises_code(44):
        run('return tool.AIWorker.ExecuteBatch("w", ["a", "b", "c"], 2)')
    timer.join()
    assert manager_of(interpreter).limit_usage("w")["calls_in_flight"] == 0


def test_cancelling_a_call_that_waits_for_room(interpreter: Interpreter, run: Run) -> None:
    manager_of(interpreter).update_worker_definition(
        "w", {"rate_limits": {"max_requests_per_minute": 1}, "base_config": {"on_limit": "wait"}}
    )
    run('return tool.AIWorker.ExecuteStatelessTask("w", "a")')
    timer = threading.Timer(0.3, interpreter.cancel)
    timer.start()
    with raises_code(44):
        run('return tool.AIWorker.ExecuteStatelessTask("w", "b")')
    timer.join()
    assert manager_of(interpreter).limit_usage("w")["waiting"] == 0


def test_a_host_calls_a_tool_itself(interpreter: Interpreter, run: Run) -> None:
    result = interpreter.tools.call(
        "AIWorker.ExecuteStatelessTask", "w", prompt="hello", context=interpreter.host_context()
    )
    assert result["output"] == "echo: hello"


def test_a_tool_outside_of_an_interpreter_is_error_18() -> None:
    with raises_code(18):
        worker_registry().call("AIWorkerDefinition.List")


def test_a_policy_without_ask_refuses_every_worker_tool() -> None:
    with Interpreter(policy=Policy(grants=("fs:read",))) as interpreter:
        for program in ("call tool.AIWorkerDefinition.List()", 'call tool.AIWorker.ExecuteStatelessTask("w", "x")'):
            with pytest.raises(NeuroScriptError, match="ask"):
                interpreter.execute(f"command\n  {program}\nendcommand")


def test_two_interpreters_share_a_manager_and_their_handles_stay_apart(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    source = """
func start() means
  return tool.AIWorkerInstance.Spawn("w")
endfunc
func say(needs chat, text) means
  return tool.Conversation.Ask(chat, text)
endfunc
"""
    with Interpreter(plugins=False) as one, Interpreter(plugins=False) as two:
        for interpreter in (one, two):
            register_ai_worker_tools(interpreter, manager)
            interpreter.load(source)
        first, second = one.run("start"), two.run("start")
        assert one.run("say", first["conversation_manager_handle"], "hello") == "echo: hello"
        with raises_code(19):
            two.run("say", first["conversation_manager_handle"], "hello")
        one.close()
        assert [item.instance_id for item in manager.list_active_worker_instances()] == [second["instance_id"]]
    assert manager.list_active_worker_instances() == []
    assert text_of(first["conversation_manager_handle"]) == "<handle conversation>"


# --- ensuring, and tasks of many ---


def test_a_program_that_ensures_its_workers_runs_twice(tmp_path: Path) -> None:
    program = """
func main() means
  set id = tool.AIWorkerDefinition.Ensure(name: "helper", provider: "local", model_name: "echo",
    auth: {"method": "none"}, interaction_models: ["both"], base_config: {"max_tokens": 9, "stop": nil})
  ask "helper", "x" into reply
  return [id, reply, tool.AIWorkerDefinition.Get(id).base_config]
endfunc
"""
    results, files = [], []
    for _ in range(2):
        with Interpreter(sandbox=tmp_path) as interpreter:
            interpreter.load(program)
            results.append(interpreter.run("main"))
            modified = manager_of(interpreter).get_worker_definition("helper").modified_timestamp
        files.append(modified)
    assert results[0] == results[1]
    assert results[0][1:] == ["echo: x", {"max_output_tokens": 9}]
    assert files[0] == files[1]


def test_ensuring_is_charged_only_where_something_is_written(tmp_path: Path) -> None:
    call = 'tool.AIWorkerDefinition.Ensure(name: "v", provider: "local", model_name: "echo", auth: {"method": "none"}'
    program = f"""
func many(needs changes) means
  set n = 0
  while n < 50
    set wanted = {{}}
    if changes
      set wanted = {{"n": n}}
    endif
    call {call}, metadata: wanted)
    set n = n + 1
  endwhile
  return n
endfunc
"""
    with Interpreter(sandbox=tmp_path, limits={"max_written_bytes": 10_000}) as interpreter:
        interpreter.load(program)
        assert interpreter.run("many", False) == 50
        with raises_code(37):
            interpreter.run("many", True)


def test_tasks_of_many_workers_as_scripts_see_them(run: Run) -> None:
    results = run(
        """
  set last_one = tool.AIWorker.ExecuteAll([
    {"worker": "w", "prompt": "one"},
    {"worker": "nobody", "prompt": "two"},
    {"worker": "w", "prompt": "three", "config_overrides": nil}
  ], max_parallel: 2)
  return last_one
"""
    )
    assert [results[0]["output"], results[2]["output"]] == ["echo: one", "echo: three"]
    assert isinstance(results[1], ErrorValue)
    assert int(results[1].code) == 9
    assert run('return tool.AIWorkerDefinition.Get("w").aggregate_performance_summary.total_tasks_attempted') == 2


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ('[{"worker": "w", "prompt": "x"}, {"worker": "w", "promt": "x"}]', r"tasks\[1\].*did you mean 'prompt'"),
        ('[{"worker": "w", "prompt": "x"}, "x"]', r"tasks"),
        ('[{"worker": "w", "prompt": "x", "config_overrides": {"max_tokens": 1, "max_output_tokens": 2}}]', r"tasks.0"),
        ('[{"worker": "w", "prompt": "x"}], 300', "max_parallel"),
    ],
)
def test_malformed_tasks_are_refused_before_any_call(run: Run, tasks: str, words: str) -> None:
    with raises_code(4, words):
        run(f"return tool.AIWorker.ExecuteAll({tasks})")
    assert run('return tool.AIWorkerDefinition.Get("w").aggregate_performance_summary.total_tasks_attempted') == 0
