"""Attacks on money: spending more than the host lets a script spend."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from ai_wm.calls.pricing import FALLBACK_INPUT_COST, FALLBACK_OUTPUT_COST
from neuroscript import Interpreter, NeuroScriptError
from tests.ai_wm.helpers import Answers, FakeClock, Gate, raises_code, scripted, worker
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import body_of
from tests.attacks.world import World, adding, env

PRICE = {"cost_per_call": 1.0}
LOCAL = {"provider": "local", "model_name": "echo"}


def priced(name: str = "dear", **fields: Any) -> dict[str, Any]:
    """A worker of which each call costs 1."""
    return worker(name, cost_metrics=PRICE, **fields)


# --- what a run may cost ---


def test_a_run_costs_no_more_than_it_may(world: World) -> None:
    manager = world.manager()
    manager.add_worker_definition(priced())
    script = world.script(manager, WorkerPolicy(max_cost_per_run=2.5))
    text = 'ask "dear", "x" into a\nask "dear", "x" into b\n'
    script.run(text)
    with raises_code(46, "max_cost_per_run") as caught:
        script.run(text + 'ask "dear", "x" into c')
    assert (caught.value.details["limit"], caught.value.details["value"]) == ("max_cost_per_run", 2.5)
    assert "--max-cost" in caught.value.message
    script.run(text)  # the next run has a budget of its own
    assert manager.performance_summary("dear").total_tasks_attempted == 6


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('call tool.AIWorker.ExecuteBatch("dear", ["1", "2", "3", "4", "5", "6"], 6)', id="a batch"),
        pytest.param(
            'set c = tool.AIWorkerInstance.Spawn("dear").conversation_manager_handle\n'
            'for each n in [1, 2, 3, 4, 5, 6]\n  ask c, "x" into r\nendfor',
            id="a conversation",
        ),
        pytest.param("for each n in [1, 2, 3, 4, 5, 6]\n  call tool.Outer.Go()\nendfor", id="a tool that asks"),
        pytest.param(
            'on error do\n  clear_error\nendon\nfor each n in [1, 2, 3, 4, 5, 6]\n  ask "dear", "x" into r\nendfor',
            id="errors handled",
        ),
        pytest.param(
            adding("own", **LOCAL, cost_metrics=PRICE)
            + '\nfor each n in [1, 2, 3, 4]\n  ask "own", "x" into r\n  ask "dear", "x" into r\nendfor',
            id="several workers",
        ),
        pytest.param('ask "agent", "go" into r', id="a model that asks"),
    ],
)
def test_every_way_to_ask_counts_under_one_budget(world: World, text: str) -> None:
    """Each way to ask had a purse of its own, or none."""
    manager = world.manager()
    manager.add_worker_definition(priced())
    ask = {"tool_calls": [{"name": "AIWorker__ExecuteStatelessTask", "arguments": {"name": "dear", "prompt": "x"}}] * 6}
    manager.add_worker_definition(scripted("agent", [ask, "done"], tool_allowlist=["AIWorker.ExecuteStatelessTask"]))
    script = world.script(manager, WorkerPolicy(max_cost_per_run=3))

    def go(ctx: Any) -> None:
        ctx.interpreter.tools.call("AIWorker.ExecuteStatelessTask", "dear", "x", context=ctx)

    script.interpreter.tool("Outer.Go")(go)
    script.code(text)
    total = sum(item.aggregate_performance_summary.total_cost_incurred for item in manager.list_worker_definitions())
    assert total == 3


def test_calls_at_once_share_what_is_left(world: World) -> None:
    """Eight calls looked at the same rest of the budget, and each spent it."""
    gate = Gate()
    manager = world.manager(clients={"mine": gate})
    manager.add_worker_definition(priced(provider="mine"))
    script = world.script(manager, WorkerPolicy(max_cost_per_run=3))
    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.extend(
            script.run('return tool.AIWorker.ExecuteBatch("dear", ["x", "x", "x", "x", "x", "x", "x", "x"], 8)')
        )
    )
    thread.start()
    for _ in range(3):
        assert gate.entered.acquire(timeout=10)
    assert not gate.entered.acquire(timeout=0.3)
    gate.open.set()
    thread.join()
    assert gate.most_at_once == 3
    assert sum(isinstance(result, dict) for result in results) == 3


def test_a_call_that_is_given_up_is_not_free(world: World) -> None:
    """A script set a time-out of a moment: the provider charged for each call, and the budget for none."""
    manager = world.manager(clients={"mine": Answers(lambda request: gave_up())})

    def gave_up() -> str:
        raise NeuroScriptError(31, "no reply in time")

    manager.add_worker_definition(priced(provider="mine"))
    script = world.script(manager, WorkerPolicy(max_cost_per_run=2.5))
    codes = script.run(
        "set codes = []\n"
        "on error do\n  set codes = tool.list.Append(codes, system_error_code)\n  clear_error\nendon\n"
        'for each n in [1, 2, 3, 4]\n  ask "dear", "x" into r\nendfor\nreturn codes'
    )
    assert codes == [31, 31, 46, 46]


def test_a_call_that_was_never_made_is_free(world: World) -> None:
    manager = world.manager()
    manager.add_worker_definition(priced("keyless", provider="openai", auth=env("NO_SUCH_VARIABLE")))
    manager.add_worker_definition(priced())
    script = world.script(manager, WorkerPolicy(max_cost_per_run=1))
    script.run('on error do\n  clear_error\nendon\nask "keyless", "x" into r\nask "keyless", "x" into r')
    script.run('on error do\n  clear_error\nendon\nask "keyless", "x" into r\nask "dear", "x" into r\nreturn r')
    assert manager.performance_summary("dear").total_tasks_attempted == 1


# --- over all definitions together ---

CEILINGS: list[tuple[dict[str, Any], int]] = [
    ({"max_cost_per_day": 2.5}, 46),
    ({"max_tokens_per_day": 7}, 20),
    ({"max_requests_per_minute": 2}, 20),
]


@pytest.mark.parametrize(("ceiling", "code"), CEILINGS, ids=lambda value: str(value))
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_ceiling_is_over_all_definitions_together(
    tmp_path: Path, ceiling: dict[str, Any], code: int, on_disk: bool
) -> None:
    """Each definition had limits of its own, and a script adds as many definitions as it likes."""
    clock = FakeClock()
    with (
        AIWorkerManager(tmp_path if on_disk else None, clock=clock) as manager,
        Interpreter(plugins=False) as interpreter,
    ):
        register_ai_worker_tools(interpreter, manager, policy=WorkerPolicy(owner="me", **ceiling))
        interpreter.load('func ask_it(needs name) means\n  ask name, "x" into r\nendfunc\n')
        access = interpreter.services["ai_wm_access"]()
        for number in range(3):
            access.definitions.add(priced(f"w{number}"))
        for number in range(2):
            interpreter.run("ask_it", f"w{number}")
        with raises_code(code, "together") as caught:
            interpreter.run("ask_it", "w2")
        assert caught.value.details["limit"] in ceiling
        clock.seconds += 61 if "minute" in next(iter(ceiling)) else 86_401
        interpreter.run("ask_it", "w2")


@pytest.mark.parametrize("on_disk", [False, True])
def test_calls_in_flight_have_a_ceiling(tmp_path: Path, on_disk: bool) -> None:
    """A batch of hundreds kept every connection and thread of the host busy; those beyond the ceiling wait for it."""
    gate = Gate()
    with (
        AIWorkerManager(tmp_path if on_disk else None, clients={"mine": gate}) as manager,
        Interpreter(plugins=False) as interpreter,
    ):
        manager.add_worker_definition(worker("w", provider="mine"))
        register_ai_worker_tools(interpreter, manager, policy=WorkerPolicy(owner="me", max_concurrent_calls=2))
        interpreter.load(
            'func go() means\n  return tool.AIWorker.ExecuteBatch("w", ["1", "2", "3", "4"], 4)\nendfunc\n'
        )
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.extend(interpreter.run("go")))
        thread.start()
        for _ in range(2):
            assert gate.entered.acquire(timeout=10)
        assert not gate.entered.acquire(timeout=0.3)
        gate.open.set()
        thread.join()
    assert gate.most_at_once == 2
    assert [isinstance(result, dict) for result in results] == [True] * 4


def test_a_ceiling_of_nothing_permits_nothing(world: World) -> None:
    """0 meant no limit, as it does in a definition."""
    manager = world.manager()
    manager.add_worker_definition(priced())
    manager.add_worker_definition(worker("free"))
    for ceiling in ({"max_requests_per_minute": 0}, {"max_tokens_per_day": 0}, {"max_concurrent_calls": 0}):
        script = world.script(manager, WorkerPolicy(**ceiling))
        for name in ("dear", "free"):
            assert script.code(f'ask "{name}", "x" into r') == 20
    for ceiling in ({"max_cost_per_run": 0}, {"max_cost_per_day": 0}):
        script = world.script(manager, WorkerPolicy(**ceiling))
        assert script.code('ask "dear", "x" into r') == 46
        script.run('ask "free", "x" into r')


def test_another_program_in_the_directory_has_no_ceiling_of_its_own(world: World, tmp_path: Path) -> None:
    """The same program under another name had the day's budget again."""
    manager = world.manager()
    manager.add_worker_definition(priced())
    for owner in ("a.ns", "b.ns"):
        script = world.script(manager, WorkerPolicy(owner=owner, max_cost_per_day=1))
        codes = [script.code('ask "dear", "x" into r') for _ in range(2)]
        assert codes == ([0, 46] if owner == "a.ns" else [46, 46])


def test_a_new_manager_has_no_new_ceiling(world: World) -> None:
    """Ending the program and starting it again gave the day's budget back."""
    for expected in (0, 46):
        manager = world.manager()
        if not manager.list_worker_definitions():
            manager.add_worker_definition(priced())
        script = world.script(manager, WorkerPolicy(max_cost_per_day=1))
        assert script.code('ask "dear", "x" into r') == expected
        script.interpreter.close()
        manager.close()


def test_removing_and_adding_again_gives_nothing_back(world: World) -> None:
    """A definition that was removed took the counters of its limits along, and came back without a past."""
    manager = world.manager()
    script = world.script(manager)
    add = adding("w", **LOCAL, rate_limits={"max_requests_per_minute": 1})
    script.run(add + '\nask "w", "x" into r')
    script.run('call tool.AIWorkerDefinition.Remove("w")\n' + add)
    assert script.code('ask "w", "x" into r') == 20
    assert manager.limit_usage("w")["requests_last_minute"] == 1


# --- prices ---


def test_a_price_of_a_script_can_only_raise_a_published_one(world: World) -> None:
    """A script said that its calls cost nothing, and the budget believed it."""
    world.friend.will(reply({**body_of("openai"), "model": "gpt-4o"}))
    manager = world.manager(price_source=lambda provider, model, usage: 0.5 if model == "gpt-4o" else None)
    script = world.script(manager, WorkerPolicy(max_cost_per_run=0.9))
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0, "cost_per_call": 0}
    script.run(adding("w", env("OPENAI_API_KEY"), provider="openai", model_name="gpt-4o", cost_metrics=free))
    assert script.code('ask "w", "x" into a\nask "w", "x" into b') == 46
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.cost_incurred, record.llm_metrics["cost_source"]) == (0.5, "published")
    script.run('call tool.AIWorkerDefinition.Update("w", {"cost_metrics": {"cost_per_call": 0.8}})')
    script.run('ask "w", "x" into a')
    assert manager.get_performance_records_for_definition("w")[0].cost_incurred == 0.8


def test_a_model_that_nobody_knows_is_not_free(world: World) -> None:
    """The budget was kept by counting every call of a new model as 0."""
    manager = world.manager(price_source=lambda provider, model, usage: None)
    world.host_adds(manager)
    world.host_adds(manager, "with prices", cost_metrics={"cost_per_call": 0})
    for policy in (WorkerPolicy(max_cost_per_run=1), WorkerPolicy(max_cost_per_day=1)):
        script = world.script(manager, policy)
        with raises_code(46, "nobody knows the price of openai/m"):
            script.run('ask "helper", "x" into r')
        script.run('ask "with prices", "x" into r')
    manager.update_worker_definition("helper", {"rate_limits": {"max_cost_per_day": 1}})
    with raises_code(46, "nobody knows the price"):
        manager.execute_stateless_task("helper", "x")


def test_what_a_script_says_that_the_hosts_key_costs_is_not_believed(world: World) -> None:
    """With a granted key at a compatible server, whose prices nobody publishes, the script said 0."""
    key, origin = {"env:GROQ_API_KEY": [world.friend.url]}, [world.friend.url]
    manager = world.manager(price_source=lambda provider, model, usage: None)
    script = world.script(manager, WorkerPolicy(keys=key, origins=origin, max_cost_per_run=1))
    at = {"base_config": {"base_url": "$FRIEND/v1"}, "cost_metrics": {"cost_per_call": 0}}
    script.run(adding("w", env("GROQ_API_KEY"), **at))
    with raises_code(46, "have the host define the worker"):
        script.run('ask "w", "x" into r')
    # Where it is not the host who pays, the script's word is good.
    script.run(adding("v", **at) + '\nask "v", "x" into r')


def test_what_costs_nobody_anything_is_free(world: World) -> None:
    world.environ["OLLAMA_HOST"] = world.friend.url
    world.friend.will(reply(body_of("ollama")))
    manager = world.manager()
    manager.add_worker_definition(worker("echo"))
    manager.add_worker_definition(worker("near", provider="ollama"))
    manager.add_worker_definition(worker("far", provider="ollama", base_config={"base_url": "https://far.example"}))
    script = world.script(manager, WorkerPolicy(max_cost_per_run=0, max_cost_per_day=0))
    script.run('ask "echo", "x" into a\nask "near", "x" into b')
    assert script.code('ask "far", "x" into c') == 46


def test_under_the_ceiling_of_the_command_line_an_unknown_price_is_assumed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Of programs that people run and did not write, the first call of an unknown model would have been refused, or
    nothing counted."""
    manager = world.manager(price_source=lambda provider, model, usage: None)
    world.host_adds(manager)
    world.host_adds(manager, "own budget", rate_limits={"max_cost_per_day": 1})
    script = world.script(manager)
    services = script.interpreter.services
    services["worker_policy"] = {"max_cost_per_run": 0.01, "default_ceiling": True}
    with caplog.at_level(logging.WARNING, "ai_wm"):
        text = 'ask "helper", "x" with {"max_output_tokens": 20} into r\n'
        script.run(text * 5)
        with raises_code(46, "max_cost_per_run"):
            script.run(text * 20)
    told = [record.message for record in caplog.records if "nobody knows the price" in record.message]
    assert len(told) == 1
    # A call reserves 20 tokens of output and the bytes of its input, and uses 0.0008; what is left must cover the next.
    used = 9 * FALLBACK_INPUT_COST + 3 * FALLBACK_OUTPUT_COST
    calls = manager.performance_summary("helper").total_tasks_attempted - 5
    assert 0 < calls * used <= 0.01 < calls * used + 20 * FALLBACK_OUTPUT_COST + 100 * FALLBACK_INPUT_COST
    with raises_code(46, "nobody knows the price"):  # a budget that somebody set
        script.run('ask "own budget", "x" into r')
    services["worker_policy"] = {"max_cost_per_run": 0.01}
    with raises_code(46, "nobody knows the price"):
        script.run(text)


def test_a_server_that_names_another_model_does_not_lower_the_price(world: World) -> None:
    """The server said that a model without a price had answered, and the call cost nothing."""
    world.friend.will(reply({**body_of("openai"), "model": "gpt-free"}))
    manager = world.manager(price_source=lambda provider, model, usage: 0.5 if model == "gpt-4o" else None)
    world.host_adds(manager, model_name="gpt-4o")
    world.script(manager, WorkerPolicy(max_cost_per_run=10)).run('ask "helper", "x" into r')
    assert manager.performance_summary("helper").total_cost_incurred == 0.5


def test_the_rest_of_a_refused_call_is_given_back(world: World) -> None:
    """What had been reserved elsewhere before a ceiling refused stayed reserved, and others paid for it."""
    manager = world.manager()
    manager.add_worker_definition(priced(rate_limits={"max_requests_per_minute": 5, "max_cost_per_day": 100}))
    script = world.script(manager, WorkerPolicy(max_cost_per_run=0.5, max_requests_per_minute=3))
    for _ in range(5):
        assert script.code('ask "dear", "x" into r') == 46
    usage = manager.limit_usage("dear")
    assert (usage["requests_last_minute"], usage["cost_last_day"], usage["calls_in_flight"]) == (0, 0, 0)
    manager.add_worker_definition(worker("free"))
    for _ in range(3):
        script.run('ask "free", "x" into r')
    assert script.code('ask "free", "x" into r') == 20
