"""Attacks by ``AIWorkerDefinition.Ensure``: taking over, resetting or finding out what is another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy
from tests.ai_wm.helpers import raises_code, worker
from tests.attacks.test_tenants import Tenants, tenants
from tests.attacks.world import INLINE, World, adding, env

__all__ = ["tenants"]

HELPER = {"name": "helper", "provider": "openai", "model_name": "m", "auth": env("OPENAI_API_KEY")}


def ensuring(**fields: Any) -> str:
    """The call by which a script ensures a definition."""
    given = ", ".join(f"{key}: {json.dumps(value).replace('null', 'nil')}" for key, value in fields.items())
    return f"return tool.AIWorkerDefinition.Ensure({given})"


CHANGES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"base_config": {"base_url": "$EVIL/v1"}}, ("base_config.base_url",)),
    ({"base_config": {"temperature": 1, "seed": None}}, ("base_config.temperature", "base_config.seed")),
    ({"auth": env("AWS_SECRET_ACCESS_KEY")}, ("auth",)),
    ({"auth": {"method": "inline", "value": "sk-mine"}}, ("auth",)),
    ({"provider": "custom"}, ("provider",)),
    ({"rate_limits": {"max_requests_per_day": 1000}}, ("rate_limits.max_requests_per_day",)),
    ({"rate_limits": {"max_requests_per_day": None}}, ("rate_limits.max_requests_per_day",)),
    ({"cost_metrics": {"cost_per_call": 0}}, ("cost_metrics.cost_per_call",)),
    ({"status": "active"}, ("status",)),
    ({"tool_allowlist": ["*"]}, ("tool_allowlist",)),
    ({"definition_id": "mine"}, ("definition_id",)),
    ({"definition_id": "h1", "name": "renamed"}, ("name",)),
]


@pytest.mark.parametrize(("fields", "names"), CHANGES, ids=repr)
def test_a_definition_of_the_hosts_stays_as_it_is(world: World, fields: dict[str, Any], names: tuple[str, ...]) -> None:
    manager = world.manager()
    world.host_adds(
        manager,
        definition_id="h1",
        status="disabled",
        base_config={"seed": 1},
        rate_limits={"max_requests_per_day": 5},
    )
    before = manager.get_worker_definition("helper")
    for policy in (WorkerPolicy(), WorkerPolicy(manage="none")):
        message = world.script(manager, policy).refusal(ensuring(**HELPER | fields))
        assert all(name in message for name in names)
        assert "--manage all" in message
    assert manager.get_worker_definition("helper") == before
    assert len(manager.list_worker_definitions()) == 1
    same = {"rate_limits": {"max_requests_per_day": 5}, "base_config": {"seed": 1.0}, "status": "disabled"}
    for policy in (WorkerPolicy(), WorkerPolicy(manage="none")):
        assert world.script(manager, policy).run(ensuring(**HELPER | same)) == "h1"
    assert manager.get_worker_definition("helper") == before


def test_a_key_of_the_hosts_is_not_guessed_by_comparing(world: World) -> None:
    manager = world.manager()
    config = {"headers": {"X-Api-Key": INLINE}}
    world.host_adds(manager, auth={"method": "inline", "value": INLINE}, base_config=config)
    mask = {"method": "inline", "value": "***"}
    access = manager.script_access("ada")
    told = set()
    for key in (INLINE, "sk-wrong"):
        with raises_code(10) as caught:
            access.definitions.ensure(HELPER | {"auth": {"method": "inline", "value": key}})
        told.add(caught.value.message)
        with raises_code(10) as caught:
            access.definitions.ensure(HELPER | {"auth": mask, "base_config": {"headers": {"X-Api-Key": key}}})
        told.add(caught.value.message)
    assert len(told) == 2
    shown = {"headers": {"X-Api-Key": "***"}}
    assert access.definitions.ensure(HELPER | {"auth": mask, "base_config": shown})


def test_what_another_tenant_has_is_neither_changed_nor_found_out(tenants: Tenants) -> None:
    local = {"provider": "local", "model_name": "echo", "auth": {"method": "none"}}
    adas = tenants.ada.run(ensuring(name="same", definition_id="chosen", **local))
    before = tenants.manager.get_worker_definition(adas)
    mine = tenants.mallory.run(ensuring(name="same", base_config={"seed": 6}, **local))
    suffixed = tenants.mallory.run(ensuring(name="other", definition_id="chosen", **local))
    assert len({adas, mine, suffixed}) == 3
    assert tenants.mallory.run(ensuring(name="other", definition_id="chosen", **local)) == suffixed
    assert tenants.mallory.run(ensuring(name="renamed", definition_id=suffixed, **local)) == suffixed
    assert tenants.manager.get_worker_definition(adas) == before
    assert tenants.ada.run(ensuring(name="same", **local)) == adas


def test_a_script_resets_no_counter_of_its_own(world: World) -> None:
    manager = world.manager()
    script = world.script(manager)
    one = {"name": "w", "provider": "local", "model_name": "echo", "auth": {"method": "none"}}
    one |= {"interaction_models": ["both"], "rate_limits": {"max_requests_per_day": 1}}
    script.run(ensuring(**one))
    script.run('ask "w", "x" into r')
    for fields in ({}, {"status": "archived"}, {"status": "active"}, {"base_config": {"seed": 1}}):
        script.run(ensuring(**one | fields))
    assert script.code('ask "w", "x" into r') == 20
    seen = script.run('return tool.AIWorkerDefinition.Get("w").aggregate_performance_summary')
    assert seen["total_tasks_attempted"] == 1


def test_a_script_that_was_there_first_gives_the_host_nothing(world: World) -> None:
    """A script makes a worker under a name, or an id, that the host will ensure."""
    manager = world.manager()
    script = world.script(manager)
    script.run(adding("helper", provider="custom", base_config={"base_url": "$EVIL/v1"}, definition_id="h1"))
    hosts = manager.ensure_worker_definition(HELPER)
    assert (hosts != "h1", manager.standing(hosts)) == (True, "host")
    assert manager.get_worker_definition("helper").base_config == {}
    with raises_code(42):
        manager.ensure_worker_definition(HELPER | {"name": "h", "definition_id": "h1"})


def test_checks_of_add_and_update_hold(world: World) -> None:
    manager = world.manager()
    script = world.script(manager, WorkerPolicy(max_definitions=1))
    mine = {"name": "w", "provider": "local", "model_name": "echo", "auth": {"method": "none"}}
    assert "reasoning_effort" in script.refusal(ensuring(**mine, base_config={"reasoning_effort": "high"}))
    script.run(ensuring(**mine))
    assert "headers" in script.refusal(ensuring(**mine, base_config={"headers": {"A": "b"}}))
    assert "max_definitions" in script.refusal(ensuring(**mine | {"name": "v"}))
    assert script.code(ensuring(**mine, cost_metrics={"cost_per_call": 1e9})) == 4
    assert script.code(ensuring(**mine, metadata={"a": "x" * 100_000})) == 4
    none = world.script(manager, WorkerPolicy(manage="none"))
    assert none.run(ensuring(**mine)) == manager.get_worker_definition("w").definition_id
    assert "--manage own" in none.refusal(ensuring(**mine, base_config={"seed": 1}))
    assert "--manage own" in none.refusal(ensuring(**mine | {"name": "v"}))


def test_with_manage_all_a_script_changes_the_hosts_and_the_mark_holds_no_longer(world: World) -> None:
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager, WorkerPolicy(manage="all"))
    script.run(ensuring(**HELPER, metadata={"a": 1}))
    assert manager.standing("helper") == "host"
    script.run(ensuring(**HELPER, base_config={"base_url": "$EVIL/v1"}))
    assert manager.standing("helper") == "untrusted"
    script.refusal('ask "helper", "x" into r')


def test_a_task_of_many_obeys_what_each_alone_obeys(world: World) -> None:
    manager = world.manager()
    manager.add_worker_definition(worker("shown"))
    manager.add_worker_definition(worker("hidden"))
    script = world.script(manager, WorkerPolicy(ask=("shown",)))
    results = script.run(
        'return tool.AIWorker.ExecuteAll([{"worker": "shown", "prompt": "x"}, {"worker": "hidden", "prompt": "x"}, '
        '{"worker": "shown", "prompt": "x", "config_overrides": {"base_url": "$EVIL/v1"}}])'
    )
    assert results[0]["output"] == "echo: x"
    assert [int(each.code) for each in results[1:]] == [10, 10]
    assert script.code('return tool.AIWorker.ExecuteAll([{"worker": "shown", "promt": "x"}])') == 4


def test_the_ceiling_of_the_run_ends_all_tasks(world: World) -> None:
    manager = world.manager()
    dear = worker("dear", model_name="scripted", provider="openai", cost_metrics={"cost_per_call": 1})
    manager.add_worker_definition(dear | {"auth": env("OPENAI_API_KEY")})
    script = world.script(manager, WorkerPolicy(max_cost_per_run=2.5))
    tasks = json.dumps([{"worker": "dear", "prompt": "x", "config_overrides": {"max_output_tokens": 1}}] * 6)
    assert script.code(f"return tool.AIWorker.ExecuteAll({tasks}, 1)") == 46
    assert len(world.friend.received) == 2


def test_a_model_gets_it_by_its_full_name_alone(world: World) -> None:
    manager = world.manager()
    call = {"name": "AIWorkerDefinition__Ensure", "arguments": worker("made")}
    config = {"replies": [{"tool_calls": [call]}, "done"]}
    manager.add_worker_definition(worker("m", model_name="scripted", base_config=config, tool_allowlist=["*"]))
    script = world.script(manager)
    script.run('ask "m", "x" into r')
    assert [item.name for item in AIWorkerManager.list_worker_definitions(manager)] == ["m"]
