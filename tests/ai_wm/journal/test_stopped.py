"""Runs with models that are stopped in the middle of what they do with them: what goes on, and what it costs."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ai_wm import LLMRequest, LLMResponse, Usage, WorkerPolicy
from neuroscript import CancelToken, Interpreter, Journal, NeuroScriptError, ToolContext
from tests.ai_wm.helpers import Answers, raises_code
from tests.ai_wm.journal.world import ALWAYS_UP, DOWN, World, raising, reply, wants

TIMEOUT = 30


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def down_at(word: str) -> Callable[[LLMRequest], Any]:
    """Answers until it is asked something that ends so."""
    return raising(DOWN, lambda request: request.messages[-1].content.endswith(word))


def tokens_in(world: World) -> int:
    return sum(record.llm_metrics["total_tokens"] for record in world.records() if not record.llm_metrics.get("lost"))


# --- cancelled ---

TOOLED = """\
func main() means
  ask "w", "act 1" into one
  ask "w", "act 2" into two
  return [one, two]
endfunc
"""


def test_a_run_that_is_cancelled_in_a_tool_of_a_model_goes_on_behind_it(world: World) -> None:
    token = CancelToken()
    world.on_act = lambda word: token.cancel("enough") if word == "act 2" else None
    with raises_code(44, "enough"):
        world.start(TOOLED, ALWAYS_UP, cancel=token)
    assert world.asked == ["act 1", "acted act 1", "act 2"]
    world.on_act = lambda word: None
    assert world.start(TOOLED, ALWAYS_UP) == ["3: acted act 1", "3: acted act 2"]
    assert world.asked == ["act 1", "acted act 1", "act 2", "acted act 2"]
    assert world.acts == ["act 1", "act 2"], "the tool is not called again"
    assert tokens_in(world) == 4 * 15


def test_a_run_that_is_cancelled_while_a_model_answers_sends_that_round_once_more(world: World) -> None:
    token = CancelToken()

    def cancelled(request: LLMRequest) -> Any:
        if request.messages[-1].content == "acted act 2":
            token.cancel("enough")
            assert request.check is not None
            request.check()
        return ALWAYS_UP(request)

    with raises_code(44, "enough"):
        world.start(TOOLED, cancelled, cancel=token)
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=10)
    told = world.start(TOOLED.replace("return [one, two]", "return tool.run.Budget()"), ALWAYS_UP, run_id="whole")
    found = world.start(TOOLED, ALWAYS_UP)
    assert found == ["3: acted act 1", "3: acted act 2"]
    assert world.acts == ["act 1", "act 2", "act 1", "act 2"], "twice, once in each run"
    [lost] = [record for record in world.records() if record.llm_metrics.get("lost")]
    assert lost.cost_incurred >= told["cost"] / 4


LOST = 'func main() means\n  ask "w", "x" into y\n  return tool.run.Budget()\nendfunc\n'


class Killed(BaseException):
    """What ends a process so that it cannot account for anything."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[LLMRequest], Any]:
    """Ends a run in a call of a model as the end of its process would."""
    monkeypatch.setattr("ai_wm.calls.journaling.CallJournal.interrupted", lambda *_: None)

    def kill(request: LLMRequest) -> Any:
        raise Killed

    return kill


def test_the_lost_attempts_of_a_run_that_is_cancelled_get_their_records(
    world: World, killed: Callable[[LLMRequest], Any]
) -> None:
    with pytest.raises(Killed):
        world.start(LOST, killed)
    with Journal.open(world.directory / "state") as journal:
        journal.cancel("r", why="never mind")
        with Interpreter(plugins=False) as interpreter, world.manager() as manager:
            world.register(interpreter, manager)
            for _ in range(2):
                interpreter.apply_committed(journal)
        journal.remove("r")
    [record] = world.records()
    assert (record.llm_metrics["lost"], record.success) == (True, False)
    assert record.cost_incurred == pytest.approx(0.2)


def test_the_next_run_accounts_for_them_where_nobody_has(world: World, killed: Callable[[LLMRequest], Any]) -> None:
    with pytest.raises(Killed):
        world.start(LOST, killed)
    with Journal.open(world.directory / "state") as journal:
        journal.cancel("r")
    world.start(LOST, run_id="another")
    assert sorted(record.llm_metrics.get("lost", False) for record in world.records()) == [False, True]


def test_a_lost_attempt_counts_in_the_budget_before_the_run_comes_to_it(
    world: World, killed: Callable[[LLMRequest], Any]
) -> None:
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=0.39)
    with pytest.raises(Killed):
        world.start(LOST, killed)
    with raises_code(46, r"0\.2 are spent"):
        world.start(LOST)
    world.policy = WorkerPolicy(owner="tests", max_cost_per_run=1)
    assert world.start(LOST)["cost"] == pytest.approx(0.25)


# --- instances ---

CHAT = """\
func main() means
  set live = tool.AIWorkerInstance.Spawn("w")
  ask live.conversation_manager_handle, "hello" into one
  ask live.conversation_manager_handle, "bye" into two
  return two
endfunc
"""


def test_a_run_that_goes_on_waits_until_a_slot_is_free(world: World) -> None:
    world.worker = {"rate_limits": {"max_concurrent_active_instances": 1}}
    with raises_code(16):
        world.start(CHAT, down_at("bye"))
    with world.manager() as manager, ThreadPoolExecutor(1) as pool:
        other = manager.spawn_worker_instance("w")
        going_on = pool.submit(world.start, CHAT, ALWAYS_UP)
        time.sleep(0.5)
        assert not going_on.done(), "it waits"
        manager.retire_worker_instance(other.instance_id)
        assert going_on.result(TIMEOUT) == "3: bye"


def test_a_run_that_waits_for_a_slot_can_be_cancelled(world: World) -> None:
    world.worker = {"rate_limits": {"max_concurrent_active_instances": 1}}
    with raises_code(16):
        world.start(CHAT, down_at("bye"))
    token = CancelToken()
    with world.manager() as manager, ThreadPoolExecutor(1) as pool:
        manager.spawn_worker_instance("w")
        going_on = pool.submit(world.start, CHAT, ALWAYS_UP, cancel=token)
        time.sleep(0.2)
        token.cancel("no slot")
        with raises_code(44, "no slot"):
            going_on.result(TIMEOUT)
    assert world.start(CHAT, ALWAYS_UP) == "3: bye"


# --- what else models do ---

EMBED = """\
func main() means
  set one = tool.AIWorker.Embed("w", ["a", "b"])
  set two = tool.AIWorker.Embed("w", ["c"])
  return [one, two]
endfunc
"""


class Embedding(Answers):
    """A client that embeds texts."""

    embeds = True


def test_texts_that_were_embedded_are_not_embedded_again(world: World) -> None:
    world.client = Embedding()
    down = [True]

    def embed(request: LLMRequest) -> Any:
        if request.embed == ("c",) and down:
            raise NeuroScriptError(DOWN.code, DOWN.message)
        return LLMResponse(
            text="",
            finish_reason="stop",
            usage=Usage(input_tokens=3),
            model="m",
            vectors=tuple((float(ord(text)), 0.5) for text in request.embed),
        )

    with raises_code(16):
        world.start(EMBED, embed)
    down.clear()
    assert world.start(EMBED, embed) == [[[97.0, 0.5], [98.0, 0.5]], [[99.0, 0.5]]]
    assert [request.embed for request in world.client.requests] == [("a", "b"), ("c",), ("c",)]


SCHEMA = """\
func main() means
  ask "w", "a number" with {"schema": {"type": "integer"}} into one
  ask "w", "last" into two
  return one
endfunc
"""


def test_a_reply_that_was_repaired_is_repaired_once(world: World) -> None:
    def answer(request: LLMRequest) -> Any:
        if request.messages[-1].content == "last" and down:
            raise NeuroScriptError(DOWN.code, DOWN.message)
        return reply("seven" if len(request.messages) == 1 else "7")

    down = [True]
    with raises_code(16):
        world.start(SCHEMA, answer)
    down.clear()
    assert world.start(SCHEMA, answer) == 7
    assert len(world.asked) == 4, "asked, repaired, and the last one twice"
    repaired = [record for record in world.records() if record.llm_metrics.get("schema_repairs")]
    assert [record.llm_metrics["schema_repairs"] for record in repaired] == [1]
    assert tokens_in(world) == 3 * 15


def test_a_repair_that_failed_is_asked_for_again_and_not_the_reply_before_it(world: World) -> None:
    def answer(request: LLMRequest) -> Any:
        if len(request.messages) > 1 and down:
            raise NeuroScriptError(DOWN.code, DOWN.message)
        return reply("seven" if len(request.messages) == 1 and request.messages[-1].content != "last" else "7")

    down = [True]
    with raises_code(16):
        world.start(SCHEMA, answer)
    down.clear()
    assert world.start(SCHEMA, answer) == 7
    assert [len(request.messages) for request in world.client.requests] == [1, 3, 3, 1]


NESTED = """\
func main() means
  ask "w", "nest it" into one
  ask "w", "last" into two
  return one
endfunc
"""


def test_a_worker_that_a_tool_of_a_model_has_asked_is_not_asked_again(world: World) -> None:
    def nest(ctx: ToolContext, word: str) -> Any:
        """Asks another worker."""
        tool = ctx.interpreter.tools.get("AIWorker.ExecuteStatelessTask")
        assert tool is not None
        return ctx.invoke(tool, ["v", word, None])["output"]

    world.tools["world.Nest"] = nest

    def answer(request: LLMRequest) -> Any:
        last = request.messages[-1]
        if last.content == down:
            raise NeuroScriptError(DOWN.code, DOWN.message)
        return wants("world__Nest", word="inner") if last.content == "nest it" else reply(f"said {last.content}")

    down = "said inner"  # the round behind the tool
    with raises_code(16):
        world.start(NESTED, answer)
    down = "last"
    with raises_code(16):
        world.start(NESTED, answer)
    down = ""
    assert world.start(NESTED, answer) == "said said inner"
    assert world.asked == ["nest it", "inner", "said inner", "said inner", "last", "last"]
    assert tokens_in(world) == 4 * 15


ATTACHED = """\
func main() means
  ask "w", "look" with {"attach": ["dot.png"]} into one
  ask "w", "last" into two
  return one
endfunc
"""
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Seeing(Answers):
    """A client that takes attachments."""

    takes_attachments = True


def test_what_was_attached_is_needed_no_more_once_it_was_answered(world: World) -> None:
    world.client = Seeing()
    picture = world.directory / "box" / "dot.png"
    picture.write_bytes(DOT)
    with raises_code(16):
        world.start(ATTACHED, down_at("last"))
    assert len(world.client.requests[0].messages[0].attachments) == 1
    assert world.start(ATTACHED, ALWAYS_UP) == "1: look"
    assert world.asked == ["look", "last", "last"]


def test_a_reply_that_is_streamed_is_streamed_once(world: World) -> None:
    with raises_code(16):
        world.start(ATTACHED.replace(' with {"attach": ["dot.png"]}', ""), down_at("last"))
    world.start(ATTACHED.replace(' with {"attach": ["dot.png"]}', ""), ALWAYS_UP)
    assert "".join(event.text for event in world.events if event.kind == "delta") == "1:look1:last"


# --- side by side ---

ALL = """\
func main() means
  set tasks = []
  for each word in ["a", "b", "act c", "d"]
    set tasks = tool.list.Append(tasks, {"worker": "w", "prompt": word})
  endfor
  set found = tool.AIWorker.ExecuteAll(tasks, max_parallel: 1)
  set outputs = []
  for each one in found
    set outputs = tool.list.Append(outputs, one.output)
  endfor
  return outputs
endfunc
"""
BATCH = ALL.replace("ExecuteAll(tasks", 'ExecuteBatch("w", ["a", "b", "act c", "d"]')


@pytest.mark.parametrize("program", [ALL, BATCH], ids=["ExecuteAll", "ExecuteBatch"])
def test_tasks_that_were_done_when_the_run_was_cancelled_are_not_done_again(world: World, program: str) -> None:
    token = CancelToken()

    def cancelled(request: LLMRequest) -> Any:
        if request.messages[-1].content == "acted act c":
            token.cancel("enough")
            while True:  # the batch notices it in another thread, and tells its tasks
                assert request.check is not None
                request.check()
                time.sleep(0.01)
        return ALWAYS_UP(request)

    with raises_code(44, "enough"):
        world.start(program, cancelled, cancel=token)
    before = list(world.asked)
    assert before == ["a", "b", "act c", "acted act c"]
    assert world.start(program, ALWAYS_UP) == ["1: a", "1: b", "3: acted act c", "1: d"]
    assert world.asked[len(before) :] == ["acted act c", "d"]
    assert world.acts == ["act c"]
    records = world.records()
    assert sum(record.llm_metrics["attempts"] for record in records) == len(world.asked), (
        "each request is in one record"
    )
    assert sum(record.llm_metrics["total_tokens"] for record in records if record.success) == 4 * 15


def test_an_outage_is_waited_out_by_starting_again(world: World) -> None:
    for _ in range(3):
        with raises_code(16, "the server is down"):
            world.start(TOOLED, raising(DOWN, lambda request: True))
    with raises_code(16):
        world.start(TOOLED, down_at("act 2"))
    assert world.start(TOOLED, ALWAYS_UP) == ["3: acted act 1", "3: acted act 2"]
    assert world.acts == ["act 1", "act 2"]
    failed = [record for record in world.records() if not record.success]
    assert len(failed) == 4, "each request that failed has its record"
