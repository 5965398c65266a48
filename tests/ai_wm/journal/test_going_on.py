"""Runs with models that ended by an error, and go on: what is asked again, what comes back, and what it costs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ai_wm import LLMRequest, LLMResponse, WorkerPolicy
from ai_wm.store import JsonStore
from neuroscript.journal import segments
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.journal.world import ALWAYS_UP, DOWN, World, raising, reply


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def is_result(request: LLMRequest) -> bool:
    return request.messages[-1].role == "tool"


TOOLED = """\
func main() means
  ask "w", "first" into one
  ask "w", "act 1" into two
  return [one, two]
endfunc
"""


def test_a_round_that_failed_is_sent_again_and_those_before_it_are_not(world: World) -> None:
    with raises_code(16, "down"):
        world.start(TOOLED, raising(DOWN, is_result))
    assert world.start(TOOLED, ALWAYS_UP) == ["1: first", "3: acted act 1"]
    assert world.asked == ["first", "act 1", "acted act 1", "acted act 1"]
    assert world.acts == ["act 1"], "the tool of the round before is not called again"


def test_each_request_that_was_answered_is_in_one_record(world: World) -> None:
    with raises_code(16):
        world.start(TOOLED, raising(DOWN, is_result))
    world.start(TOOLED, ALWAYS_UP)
    records = world.records()
    assert len({record.task_id for record in records}) == len(records) == 3  # first; act, which failed; act's end
    assert sum(record.llm_metrics["total_tokens"] for record in records) == 3 * 15
    assert [record.success for record in records].count(False) == 1


def test_replies_that_are_repeated_are_not_streamed_again(world: World) -> None:
    with raises_code(16):
        world.start(TOOLED, raising(DOWN, is_result))
    before = len(world.events)
    world.start(TOOLED, ALWAYS_UP)
    told = world.events[before:]
    assert "".join(event.text for event in told).replace(" ", "") == "3:actedact1"
    assert {event.kind for event in told} == {"delta", "usage", "done"}, "the call of the tool is not told again"


BATCH = """\
func main() means
  set many = tool.AIWorker.ExecuteBatch("w", ["a", "act b", "c"], max_parallel: 3)
  set outputs = []
  for each one in many
    set outputs = tool.list.Append(outputs, one.output)
  endfor
  ask "w", "last" into last_one
  return outputs
endfunc
"""


def test_a_batch_is_repeated_task_by_task(world: World) -> None:
    with raises_code(16):
        world.start(BATCH, raising(DOWN, lambda request: request.messages[-1].content == "last"))
    assert world.start(BATCH, ALWAYS_UP) == ["1: a", "3: acted act b", "1: c"]
    assert sorted(world.asked) == ["a", "act b", "acted act b", "c", "last", "last"]
    assert world.acts == ["act b"]


FALLBACK = """\
func main() means
  ask "w", "one" with {"fallbacks": ["v"]} into one
  ask "v", "two" into two
  return one
endfunc
"""


def test_a_fallback_that_answered_is_not_asked_again(world: World) -> None:
    failing = iter([True, False, True])
    with raises_code(16):
        world.start(FALLBACK, raising(DOWN, lambda request: next(failing)))
    assert world.start(FALLBACK, ALWAYS_UP) == "1: one"
    assert world.asked == ["one", "one", "two", "two"]
    assert len(world.records()) == 4


CHAT = """\
func main() means
  set live = tool.AIWorkerInstance.Spawn("w")
  set chat = live.conversation_manager_handle
  ask chat, "hello" into one
  call tool.Conversation.AddUserMessage(chat, "aside")
  ask chat, "act 2" into two
  ask chat, "bye" into three
  set said = []
  for each message in tool.Conversation.History(chat)
    set said = tool.list.Append(said, message.content)
  endfor
  set used = tool.AIWorkerInstance.Get(live.instance_id).session_token_usage.total_tokens
  call tool.AIWorkerInstance.Retire(live.instance_id, chat, "over", "retired_completed")
  return {"said": said, "used": used, "id": live.instance_id}
endfunc
"""


def is_bye(request: LLMRequest) -> bool:
    return request.messages[-1].content.endswith("bye")


def test_a_conversation_comes_back_with_what_was_said(world: World) -> None:
    with raises_code(16):
        world.start(CHAT, raising(DOWN, is_bye))
    found = world.start(CHAT, ALWAYS_UP)
    assert found["said"] == [
        "hello",
        "1: hello",
        "aside",
        "act 2",
        "",
        "acted act 2",
        "6: acted act 2",
        "bye",
        "8: bye",
    ]
    assert found["used"] == 4 * 15
    assert world.acts == ["act 2"]
    last = world.client.requests[-1]
    assert [message.content for message in last.messages] == found["said"][:-1]


def test_an_instance_is_suspended_while_its_run_is_and_retired_by_the_run(world: World) -> None:
    world.worker = {"rate_limits": {"max_concurrent_active_instances": 1}}
    with raises_code(16):
        world.start(CHAT, raising(DOWN, is_bye))
    with world.manager() as manager:
        [entry] = manager._store.entries()
        assert (entry.final_status, entry.instance_id) == ("suspended", entry.instance_id)
        assert "may go on" in entry.retirement_reason
        # Its slot is free for others meanwhile.
        other = manager.spawn_worker_instance("w")
        manager.retire_worker_instance(other.instance_id)
    found = world.start(CHAT, ALWAYS_UP)
    with world.manager() as manager:
        [first, _] = manager._store.entries()
        assert (first.instance_id, first.final_status) == (found["id"], "retired_completed")
        assert first.session_token_usage.total_tokens == found["used"] == 4 * 15
        assert len(first.performance_records) == 4  # hello, act, bye that failed, bye
        definition = manager.get_worker_definition("w")
        assert definition.aggregate_performance_summary.active_instances_count == 0


def test_an_instance_whose_run_has_returned_is_retired_with_the_interpreter(world: World) -> None:
    world.start('func main() means\n  set live = tool.AIWorkerInstance.Spawn("w")\nendfunc\n')
    with world.manager() as manager:
        [entry] = manager._store.entries()
        assert (entry.final_status, entry.retirement_reason) == ("retired_completed", "interpreter closed")


SPENDING = """\
func main() means
  ask "w", "one" into one
  ask "w", "two" into two
  ask "w", "three" into three
  return "done"
endfunc
"""


def test_a_budget_counts_over_all_starts_of_a_run(world: World) -> None:
    # Each call may cost 0.2, and costs 0.05.
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.25)
    with raises_code(16):
        world.start(SPENDING, raising(DOWN, lambda request: request.messages[-1].content == "two"))
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.24)
    with raises_code(46, r"may cost 0\.24 \(max_cost_per_run\); 0\.05 are spent") as refusal:
        world.start(SPENDING, ALWAYS_UP)
    assert refusal.value.details["limit"] == "max_cost_per_run"
    assert world.asked == ["one", "two"]
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=5)
    assert world.start(SPENDING, ALWAYS_UP) == "done"
    assert world.asked == ["one", "two", "two", "three"]


def test_a_round_is_sent_with_the_same_key_until_it_is_answered(world: World) -> None:
    keys: list[str] = []

    def answer(request: LLMRequest) -> Any:
        keys.append(request.idempotency_key)
        return reply()

    world.start(SPENDING, answer)
    assert len(set(keys)) == len(keys) == 3
    assert all(keys)


def test_the_journal_waits_for_the_disk_before_a_request_and_at_the_end_of_its_ask(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable: list[bytes] = []
    at_requests: list[tuple[int, bytes]] = []

    def sync(file: int) -> None:
        durable.append(os.pread(file, os.fstat(file).st_size, 0))

    def answer(request: LLMRequest) -> LLMResponse:
        at_requests.append((len(durable), durable[-1]))
        return reply(f"said {request.messages[-1].content}")

    monkeypatch.setattr(segments, "_sync", sync)
    world.start('func main() means\n  ask "w", "one" into a\n  ask "w", "two" into b\nendfunc\n', answer)
    (first, known_first), (second, known_second) = at_requests
    assert all(path in known_first for path in (b'"1"', b'"1/1"'))  # that the ask and its request were begun
    assert all(what in known_second for what in (b"said one", b'"2/1"'))
    assert second - first == 2


def test_a_record_that_the_power_took_comes_back_from_the_journal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store does not wait for the disk, since the journal has the record; it does before the run is over."""
    with monkeypatch.context() as patch:
        patch.setattr(JsonStore, "add_record", lambda *_, **__: None)
        patch.setattr(JsonStore, "sync", lambda _: None)
        with raises_code(16, "down"):
            world.start(TOOLED, raising(DOWN, lambda request: request.messages[-1].content != "first"))
    assert [each.success for each in world.records()] == []
    world.start(TOOLED, ALWAYS_UP)
    assert sorted(each.success for each in world.records()) == [False, True, True]
    assert world.asked.count("first") == 1


def test_no_key_is_in_the_journal(world: World) -> None:
    secret = "sk-very-secret-0123456789"
    world.worker = {"auth": {"method": "inline", "value": secret}}

    def answer(request: LLMRequest) -> Any:
        return reply(f"your key is {secret}", provider_data={"seen": secret})

    found = world.start('func main() means\n  ask "w", "x" into y\n  return y\nendfunc\n', answer)
    assert secret not in found
    written = b"".join(path.read_bytes() for path in (world.directory / "state").rglob("*") if path.is_file())
    assert b"your key is" in written
    assert secret.encode() not in written
    assert json.loads(json.dumps(found))
