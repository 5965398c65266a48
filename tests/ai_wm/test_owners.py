"""Whose a definition, an instance, a record is: written where it is stored, and seen by its owner alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, RecordFilter, WorkerPolicy, register_ai_worker_tools
from ai_wm.scripts.access import ScriptAccess
from ai_wm.scripts.rights import owner_of_path
from neuroscript import Interpreter
from tests.ai_wm.helpers import raises_code, worker

LIFE = """
func main() means
  call tool.AIWorkerDefinition.Add(name: "mine", provider: "local", model_name: "echo", auth: {"method": "none"},
    interaction_models: ["both"])
  set inst = tool.AIWorkerInstance.Spawn("mine")
  set chat = inst.conversation_manager_handle
  ask chat, "hello" into reply
  call tool.AIWorkerInstance.Retire(inst.instance_id, chat, "done", "retired_completed")
  set task = tool.AIWorker.ExecuteStatelessTask("mine", "hello")
  set records = tool.AIWorker.GetPerformanceRecords("mine")
  return [tool.AIWorkerDefinition.Get("mine"), inst, records]
endfunc
"""


def live(manager: AIWorkerManager, owner: str) -> Interpreter:
    interpreter = Interpreter(plugins=False)
    register_ai_worker_tools(interpreter, manager, policy=WorkerPolicy(owner=owner))
    interpreter.load(LIFE)
    return interpreter


def test_owners_are_stored_and_no_script_sees_them(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager, live(manager, "tenant-7") as interpreter:
        seen = interpreter.run("main")
        manager.execute_stateless_task("mine", "from the host")
    assert "tenant-7" not in json.dumps(seen, default=str)
    (definition,) = json.loads((tmp_path / "ai_worker_definitions.json").read_text())
    entries = json.loads((tmp_path / "ai_worker_performance_data.json").read_text())
    assert (definition["owner"], definition.get("hostMark", "")) == ("tenant-7", "")
    assert [entry.get("owner", "") for entry in entries] == ["tenant-7", "tenant-7", ""]
    records = [entry["performance_records"][0] for entry in entries]
    assert [record.get("owner", "") for record in records] == ["tenant-7", "tenant-7", ""]


def test_an_instance_of_a_process_that_died_keeps_its_owner(tmp_path: Path) -> None:
    manager = AIWorkerManager(tmp_path)
    access = manager.script_access("ada")
    access.definitions.add(worker("mine"))
    access.instances.spawn("mine", None, None)
    manager._wiring.store.close()  # without retiring it, as a process that is killed leaves it
    manager._wiring.limiter.close()
    with AIWorkerManager(tmp_path) as again:
        (entry,) = again._wiring.store.entries()
    assert (entry.owner, entry.final_status) == ("ada", "retired_error")


def test_a_definition_of_the_host_carries_its_mark(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("helper", owner="somebody", hostMark="made up"))
    (definition,) = json.loads((tmp_path / "ai_worker_definitions.json").read_text())
    assert "owner" not in definition or definition["owner"] == ""
    assert len(definition["hostMark"]) == 64
    assert definition["hostMark"] != "made up"


@pytest.fixture(params=["in memory", "in a file"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AIWorkerManager]:
    with AIWorkerManager(tmp_path if request.param == "in a file" else None) as made:
        made.add_worker_definition(worker("helper"))
        yield made


def found(access: ScriptAccess, **filters: Any) -> list[str]:
    return [record["task_id"] for record in access.records.find("helper", filters)]


def test_the_newest_of_ones_own_records_are_given(manager: AIWorkerManager) -> None:
    ada, ben = manager.script_access("ada"), manager.script_access("ben")
    ids: dict[str, list[str]] = {"ada": [], "ben": []}
    for number in range(12):
        name, access = ("ada", ada) if number % 3 == 0 else ("ben", ben)
        result = access.execute("helper", f"{number}", None, access.options(None))
        ids[name].insert(0, result.record.task_id)
    assert found(ada) == ids["ada"]
    assert found(ada, limit=2) == ids["ada"][:2]
    assert found(ben, limit=100) == ids["ben"]
    assert found(ben, task_id=ids["ada"][0]) == []
    assert len(manager.get_performance_records_for_definition("helper")) == 12
    with raises_code(4, "owners"):
        RecordFilter.parse({"owners": ["ben"]})


def test_names_are_unique_for_each_owner_and_the_hosts_come_first(manager: AIWorkerManager) -> None:
    ada, ben = manager.script_access("ada"), manager.script_access("ben")
    mine = ada.definitions.add(worker("mine"))
    bens = ben.definitions.add(worker("mine"))
    assert (ada.definitions.get("mine")["definition_id"], ben.definitions.get("mine")["definition_id"]) == (mine, bens)
    with raises_code(42):
        ada.definitions.add(worker("mine"))
    with raises_code(42):
        ada.definitions.add(worker("helper"))
    with raises_code(9, "name the one you mean by its id"):
        manager.get_worker_definition("mine")
    hosts = manager.add_worker_definition(worker("mine"))
    assert manager.get_worker_definition("mine").definition_id == hosts
    assert ada.definitions.get("mine")["definition_id"] == hosts
    assert ada.definitions.get(mine)["definition_id"] == mine


def test_what_has_no_owner_is_that_of_its_directory(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("old"))
        task = manager.execute_stateless_task("old", "hello").record.task_id
    path = tmp_path / "ai_worker_definitions.json"
    old = json.loads(path.read_text())
    del old[0]["hostMark"]
    path.write_text(json.dumps(old))
    with AIWorkerManager(tmp_path) as manager:
        here, elsewhere = (manager.script_access(owner) for owner in (owner_of_path(tmp_path), "/elsewhere"))
        assert here.definitions.get("old")["name"] == "old"
        here.definitions.update("old", {"capabilities": ["text"]})
        here.records.judge(task, 5.0, "", "", "")
        for call in (elsewhere.definitions.get, elsewhere.definitions.remove):
            with raises_code(9):
                call("old")
        with raises_code(9):
            elsewhere.records.judge(task, 5.0, "", "", "")
        manager.trust_worker_definition("old")
        assert elsewhere.definitions.get("old")["name"] == "old"
        assert elsewhere.records.find("old", None) == []
