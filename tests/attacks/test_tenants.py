"""Attacks of one tenant on another: two programs on one manager, each in its own interpreter with its own policy."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy
from neuroscript import Interpreter
from tests.ai_wm.helpers import raises_code, worker
from tests.attacks.world import Script, World, adding, ids

LOCAL = {"provider": "local", "model_name": "echo"}


@dataclass
class Tenants:
    """Ada, who was there first, and Mallory."""

    manager: AIWorkerManager
    ada: Script
    mallory: Script


@pytest.fixture
def tenants(world: World, tmp_path: Path) -> Tenants:
    """Two tenants, each with a directory of its own, on a manager whose directory is neither's; the host has a worker
    for both."""
    manager = world.manager()
    manager.add_worker_definition(worker("shared"))
    made = []
    for name in ("ada", "mallory"):
        (tmp_path / name).mkdir()
        made.append(world.script(manager, sandbox=tmp_path / name))
    return Tenants(manager, *made)


def life_of_ada(tenants: Tenants) -> dict[str, Any]:
    """What Ada has: a worker, two live instances, records."""
    found: dict[str, Any] = tenants.ada.run(
        adding("adas", **LOCAL)
        + """
set own = tool.AIWorkerInstance.Spawn("adas")
set hers = tool.AIWorkerInstance.Spawn("shared")
call tool.Conversation.Ask(hers.conversation_manager_handle, "her secret")
set task = tool.AIWorker.ExecuteStatelessTask("shared", "her secret task")
set private = tool.AIWorker.ExecuteStatelessTask("adas", "her secret task")
set gone = tool.AIWorkerInstance.Spawn("shared")
call tool.AIWorkerInstance.Retire(gone.instance_id, gone.conversation_manager_handle, "", "retired_completed")
return {"own": own.instance_id, "hers": hers.instance_id, "gone": gone.instance_id, "task": task.task_id,
  "private": private.task_id, "definition": own.definition_id, "handle": hers.conversation_manager_handle,
  "stateless": tool.AIWorker.GetPerformanceRecords("shared", {"instance_id": "stateless"})[0].instance_id}
"""
    )
    return found


FAILING = {"replies": [{"error": "down"}], "fallbacks": ["adas"]}
MOMENT = '"2025-06-15T09:30:00Z"'

ATTACKS: list[tuple[str, str]] = [
    ("Another tenant's worker was asked, with the key that it has.", 'ask "adas", "x" into r'),
    ("The same by its id.", 'ask a.definition, "x" into r'),
    ("Another tenant's worker was read.", 'return tool.AIWorkerDefinition.Get("adas")'),
    ("The same by its id.", "return tool.AIWorkerDefinition.Get(a.definition)"),
    (
        "Another tenant's worker was changed.",
        'call tool.AIWorkerDefinition.Update(a.definition, {"status": "disabled"})',
    ),
    ("Another tenant's worker was removed.", "call tool.AIWorkerDefinition.Remove(a.definition)"),
    (
        "Another tenant's worker was a fallback.",
        adding("fails", provider="local", model_name="scripted", base_config=FAILING) + '\nask "fails", "x" into r',
    ),
    ("Another tenant's worker was spawned.", "call tool.AIWorkerInstance.Spawn(a.definition)"),
    ("Another tenant's instance was looked at.", "return tool.AIWorkerInstance.Get(a.hers)"),
    (
        "Another tenant's instance was put out of action.",
        'call tool.AIWorkerInstance.UpdateStatus(a.hers, "error", "x")',
    ),
    ("Another tenant's instance was charged for tokens.", "call tool.AIWorkerInstance.UpdateTokenUsage(a.hers, 5, 5)"),
    ("Another tenant's conversation was read by its handle.", "return tool.Conversation.History(a.handle)"),
    (
        "Another tenant's instance was retired by its handle.",
        'call tool.AIWorkerInstance.Retire(a.hers, a.handle, "", "retired_error")',
    ),
    ("Another tenant's task was judged.", "call tool.AIWorker.LogFeedback(a.task, -5)"),
    (
        "Another tenant's records of a worker of its own were read.",
        "return tool.AIWorker.GetPerformanceRecords(a.definition)",
    ),
    (
        "A record was put into another tenant's live instance.",
        f'call tool.AIWorker.LogPerformance("t1", a.hers, "mine", {MOMENT}, {MOMENT}, 1, true)',
    ),
    (
        "A record was put into another tenant's task.",
        f'call tool.AIWorker.LogPerformance("t2", a.stateless, "mine", {MOMENT}, {MOMENT}, 1, true)',
    ),
    (
        "A record was put into another tenant's retired instance.",
        f'call tool.AIWorker.LogPerformance("t3", a.gone, "mine", {MOMENT}, {MOMENT}, 1, true)',
    ),
    (
        "A record was logged for another tenant's worker.",
        f'call tool.AIWorker.LogPerformance("t4", "", a.definition, {MOMENT}, {MOMENT}, 1, true)',
    ),
]


@pytest.mark.parametrize(("says", "text"), ATTACKS, ids=ids(ATTACKS))
def test_what_belongs_to_another_tenant_is_as_good_as_nothing(tenants: Tenants, says: str, text: str) -> None:
    ada = life_of_ada(tenants)
    tenants.mallory.run(adding("mine", **LOCAL))
    before = state_of(tenants, ada)
    code = tenants.mallory.code(text, ada)
    # A record for a stranger's instance is one for an instance of that name of one's own.
    expected = 19 if "a.handle" in text else 16 if "fails" in text else 0 if "was put into" in says else 9
    assert code == expected, says
    assert state_of(tenants, ada) == before


def state_of(tenants: Tenants, ada: dict[str, Any]) -> list[Any]:
    """All of Ada's, as she sees it."""
    text = """
return [tool.AIWorkerDefinition.Get("adas"), tool.AIWorkerInstance.Get(a.hers), tool.AIWorkerInstance.Get(a.own),
  tool.AIWorker.GetPerformanceRecords("adas"), tool.AIWorker.GetPerformanceRecords("shared"),
  tool.Conversation.History(a.handle), tool.AIWorkerInstance.ListActive()]
"""
    found: list[Any] = tenants.ada.run(text, ada)
    return found


def test_a_tenant_sees_nothing_of_another_in_any_listing(tenants: Tenants) -> None:
    """Listings, records, counts and hints of the wrong name told of other tenants."""
    life_of_ada(tenants)
    mallory = tenants.mallory
    seen = mallory.run(
        """
set records = tool.AIWorker.GetPerformanceRecords("shared")
return [tool.AIWorkerInstance.ListActive(), records, tool.AIWorkerDefinition.List({"name": "ada"}),
  tool.AIWorkerDefinition.SaveAll(), tool.AIWorkerDefinition.LoadAll(),
  tool.AIWorker.SavePerformanceData(), tool.AIWorker.LoadPerformanceData()]
"""
    )
    assert seen == [
        [],
        [],
        [],
        "Saved 1 worker definitions.",
        "Reloaded 1 worker definitions.",
        "Saved 0 performance records.",
        "Loaded 0 performance records.",
    ]
    for wrong in ("adaz", "x", ""):
        with raises_code(9) as caught:
            mallory.run(f'return tool.AIWorkerDefinition.Get("{wrong}")')
        assert "adas" not in caught.value.message


def test_a_tenant_learns_of_no_name_by_being_refused_it(tenants: Tenants) -> None:
    """Error 42 told which names another tenant's workers have."""
    life_of_ada(tenants)
    tenants.mallory.run(adding("adas", **LOCAL))
    tenants.mallory.run('call tool.AIWorkerDefinition.Update("adas", {"capabilities": ["x"]})')
    assert tenants.ada.run('return tool.AIWorkerDefinition.Get("adas").capabilities') == []
    add = 'tool.AIWorkerDefinition.Add(nil, nil, "local", "echo", {"method": "none"})'
    unnamed = f"return tool.AIWorkerDefinition.Get({add}).name"
    assert [tenants.ada.run(unnamed), tenants.mallory.run(unnamed)] == ["local-echo"] * 2


def test_a_plain_ask_picks_no_worker_of_another_tenant(tenants: Tenants) -> None:
    """A plain ask went to the only active worker, which was another tenant's."""
    tenants.manager.remove_worker_definition("shared")
    tenants.ada.run(adding("default", **{**LOCAL, "model_name": "scripted"}, base_config={"replies": ["adas"]}))
    assert tenants.mallory.run('ask "x" into r\nreturn r') == "echo: x"
    assert tenants.ada.run('ask "x" into r\nreturn r') == "adas"


def test_events_of_another_tenant_are_not_told(tenants: Tenants) -> None:
    """Handlers of one tenant were told of the tasks, instances and refusals of another, and of what the host did to
    them in the same thread."""
    told: dict[str, list[Any]] = {}
    handlers = "".join(
        f'on event "ai_wm.{name}" as e do\n  emit e.payload\nendon\n'
        for name in ("instance.spawned", "instance.retired", "task.completed", "task.failed", "rate_limited")
    )
    for name, script in (("ada", tenants.ada), ("mallory", tenants.mallory)):
        script.interpreter.load(handlers)
        script.interpreter.emit_sink = told.setdefault(name, []).append
    ada = life_of_ada(tenants)
    tenants.manager.retire_worker_instance(ada["own"])
    assert len(told["ada"]) >= 7
    tenants.ada.interpreter.close()
    assert told["mallory"] == []
    # What the host does by itself both are told of.
    tenants.manager.execute_stateless_task("shared", "from the host")
    assert len(told["mallory"]) == 1


def test_whispers_stay_in_their_interpreter(tenants: Tenants) -> None:
    """What one tenant whispered went to the model with the other's prompt."""
    tenants.manager.update_worker_definition("shared", {"model_name": "echo"})
    tenants.ada.run('whisper self, "her secret"')
    records = tenants.mallory.run('ask "shared", "x" into r\nreturn tool.AIWorker.GetPerformanceRecords("shared")')
    assert records[0]["llm_metrics"]["input_tokens"] == 1


def test_an_event_of_the_system_cannot_be_imitated(world: World) -> None:
    """A script fired ai_wm.task.completed itself, and the host's books believed it."""
    manager = world.manager()
    script = world.script(manager)
    for name in ("ai_wm.task.completed", "ai_wm.", "ai_wm.instance.retired", "ai_wm.anything"):
        assert "cannot" in script.refusal(f'call tool.event.Emit("{name}", {{"cost": 0}})')
    for name in ("ai_wm", "aiwm.task.completed", "order.paid"):
        script.run(f'call tool.event.Emit("{name}")')


def test_any_plugin_may_keep_names_of_events() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.reserve_events("shop.")
        with raises_code(10):
            interpreter.execute('command\n  call tool.event.Emit("shop.paid")\nendcommand')
        fired: list[Any] = []
        interpreter.emit_sink = fired.append
        interpreter.load('on event "shop.paid" as e do\n  emit e.payload\nendon')
        interpreter.emit_event("shop.paid", 7)
        assert fired == [7]


def test_closing_one_retires_nothing_of_the_other(tenants: Tenants) -> None:
    life_of_ada(tenants)
    mine = tenants.mallory.run('return tool.AIWorkerInstance.Spawn("shared").instance_id')
    tenants.ada.interpreter.close()
    assert [item.instance_id for item in tenants.manager.list_active_worker_instances()] == [mine]


def test_tenants_at_work_at_once_keep_apart(world: World, tmp_path: Path) -> None:
    """Two programs at once: whose call it was, was a matter of which thread came last."""
    manager = world.manager()
    manager.add_worker_definition(worker("shared"))
    scripts = {}
    for name in ("ada", "ben", "cleo"):
        scripts[name] = world.script(manager, WorkerPolicy(owner=name))
    failures: list[BaseException] = []

    def work(name: str, script: Script) -> None:
        try:
            for _ in range(10):
                script.run(f'set r = tool.AIWorker.ExecuteBatch("shared", ["{name}", "{name}"], 2)')
            records = script.run('return tool.AIWorker.GetPerformanceRecords("shared")')
            assert [record["output_summary"] for record in records] == [f"echo: {name}"] * 20
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=item) for item in scripts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_owners_are_for_the_host_to_name(world: World, tmp_path: Path) -> None:
    """Two interpreters of one owner, wherever they run, are one tenant; two owners in one directory are two."""
    manager = world.manager()
    (tmp_path / "elsewhere").mkdir()
    one = world.script(manager, WorkerPolicy(owner="team"))
    two = world.script(manager, WorkerPolicy(owner="team"), sandbox=tmp_path / "elsewhere")
    other = world.script(manager, WorkerPolicy(owner="another"))
    one.run(adding("w", **LOCAL))
    two.run('ask "w", "x" into r')
    assert other.code('ask "w", "x" into r') == 9


def test_a_link_to_the_sandbox_is_the_same_owner(world: World, tmp_path: Path) -> None:
    """The same directory under another name was another tenant, and had its ceilings anew."""
    (tmp_path / "link").symlink_to(world.directory)
    manager = world.manager()
    world.script(manager).run(adding("w", **LOCAL))
    linked = world.script(manager, sandbox=tmp_path / "link")
    assert linked.run('ask "w", "x" into r\nreturn r') == "echo: x"


# --- ids that scripts choose ---


def test_ids_that_nobody_else_uses_are_stored_as_they_are_chosen(world: World) -> None:
    """It is no attack: the host's program finds what a script made under the ids that the script gave it."""
    manager = world.manager()
    script = world.script(manager)
    script.run(
        adding("w", definition_id="nightly", **LOCAL)
        + f'\ncall tool.AIWorker.LogPerformance("task-1", "stateless-1", "w", {MOMENT}, {MOMENT}, 1, true)'
    )
    assert manager.get_worker_definition("nightly").name == "w"
    (record,) = manager.get_performance_records_for_definition("nightly")
    assert (record.task_id, record.instance_id) == ("task-1", "stateless-1")


RETIRE = """set i = tool.AIWorkerInstance.Spawn("mine")
call tool.AIWorkerInstance.Retire(i.instance_id, i.conversation_manager_handle, "", """

ORACLES: list[tuple[str, str]] = [
    ("Whether a worker of that id exists.", adding("x", definition_id="$ID", **LOCAL)),
    (
        "Whether a task of that id exists.",
        f'return tool.AIWorker.LogPerformance("$ID", "stateless-x", "mine", {MOMENT}, {MOMENT}, 1, true)',
    ),
    (
        "Whether an instance of that id exists.",
        f'return tool.AIWorker.LogPerformance("x", "$ID", "mine", {MOMENT}, {MOMENT}, 1, true)',
    ),
    (
        "Whether a task of that id exists, by Retire.",
        f'{RETIRE}"retired_completed", nil, [{{"task_id": "$ID"}}])',
    ),
    ("Whether there is a record to judge.", 'call tool.AIWorker.LogFeedback("$ID", 5)'),
]


@pytest.mark.parametrize(("says", "text"), ORACLES, ids=ids(ORACLES))
def test_an_id_does_not_tell_whether_another_tenant_uses_it(tenants: Tenants, says: str, text: str) -> None:
    tenants.ada.run(
        adding("hers", definition_id="hers", **LOCAL)
        + f'\ncall tool.AIWorker.LogPerformance("hers", "hers", "hers", {MOMENT}, {MOMENT}, 1, true)'
    )
    tenants.mallory.run(adding("mine", **LOCAL))
    answers = []
    for id_ in ("hers", "nobodys"):
        mark = tenants.mallory.code(text.replace("$ID", id_).replace('"x"', f'"x-{id_}"'))
        answers.append(mark)
    assert answers[0] == answers[1], says
    assert tenants.ada.run('return tool.AIWorker.GetPerformanceRecords("hers")[0].supervisor_feedback') is None


def test_a_program_uses_the_ids_that_it_chose(tenants: Tenants) -> None:
    for script in (tenants.ada, tenants.mallory):
        records = script.run(
            adding("helper", definition_id="my-worker", **LOCAL)
            + f"""
ask "my-worker", "x" into r
call tool.AIWorkerDefinition.Update("my-worker", {{"capabilities": ["x"]}})
set task = tool.AIWorker.LogPerformance("my-task", "my-instance", "my-worker", {MOMENT}, {MOMENT}, 1, true)
call tool.AIWorker.LogFeedback(task, 4)
call tool.AIWorker.LogFeedback("my-task", 5)
return tool.AIWorker.GetPerformanceRecords("my-worker", {{"task_id": "my-task", "instance_id": "my-instance"}})
"""
        )
        assert [(record["task_id"], record["instance_id"]) for record in records] == [("my-task", "my-instance")]
        assert records[0]["supervisor_feedback"]["rating"] == 5
        logged = f'call tool.AIWorker.LogPerformance("my-task", "x", "my-worker", {MOMENT}, {MOMENT}, 1, true)'
        assert script.code(logged) == 42
        assert script.code(adding("again", definition_id="my-worker", **LOCAL)) == 42
