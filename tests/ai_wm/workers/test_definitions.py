"""Worker definitions through the manager: adding, finding, changing, removing."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerDefinition, AIWorkerManager, APIKeyStatus
from ai_wm.ratelimit import MemoryRateLimiter
from ai_wm.store.memory_store import MemoryStore
from tests.ai_wm.helpers import raises_code, worker


def stored(manager: AIWorkerManager) -> list[dict[str, Any]]:
    assert manager.sandbox_dir is not None
    return json.loads((manager.sandbox_dir / "ai_worker_definitions.json").read_text())  # type: ignore[no-any-return]


# --- adding ---


def test_an_added_definition_is_found_by_id_and_by_name_and_is_in_the_file(manager: AIWorkerManager) -> None:
    id_ = manager.add_worker_definition(worker("helper", capabilities=["text"], metadata={"owner": "ops"}))
    assert manager.get_worker_definition(id_) == manager.get_worker_definition("helper")
    assert manager.get_worker_definition("helper").metadata == {"owner": "ops"}
    assert [entry["definitionID"] for entry in stored(manager)] == [id_]


@pytest.mark.parametrize("spelling", ["modelName", "model_name"])
def test_either_spelling_of_a_key_is_taken(manager: AIWorkerManager, spelling: str) -> None:
    data = worker("w")
    del data["model_name"]
    manager.add_worker_definition({**data, spelling: "echo"})
    assert manager.get_worker_definition("w").model_name == "echo"


def test_a_model_is_taken_as_well(manager: AIWorkerManager) -> None:
    made = AIWorkerDefinition.parse(worker("w"))
    assert manager.add_worker_definition(made) == made.definition_id


def test_without_interaction_models_it_is_conversational(manager: AIWorkerManager) -> None:
    data = worker("w")
    del data["interaction_models"]
    manager.add_worker_definition(data)
    found = manager.get_worker_definition("w")
    assert (found.can_chat, found.can_run_stateless) == (True, False)


def test_a_definition_without_a_name_gets_one_of_its_own(manager: AIWorkerManager) -> None:
    nameless = worker("")
    names = {manager.get_worker_definition(manager.add_worker_definition(nameless)).name for _ in range(3)}
    assert names == {"local-echo", "local-echo-2", "local-echo-3"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"model_name": ""}, "model_name"),
        ({"model_name": 7}, "model_name"),
        ({"auth": {"method": "telepathy"}}, "auth.method"),
        ({"status": "asleep"}, "status"),
        ({"interaction_models": ["chat"]}, "interaction_models[0]"),
        ({"rate_limits": {"max_requests_per_minute": -1}}, "rate_limits.max_requests_per_minute"),
        ({"cost_metrics": {"cost_per_call": -0.5}}, "cost_metrics.cost_per_call"),
        ({"capabilities": "text"}, "capabilities"),
        ({"base_config": {"on_limit": "shrug"}}, "on_limit"),
        ({"base_config": {"max_tool_rounds": -1}}, "max_tool_rounds"),
        ({"base_config": {"fallbacks": "other"}}, "fallbacks"),
    ],
)
def test_a_value_that_does_not_fit_is_error_4_and_names_the_field(
    manager: AIWorkerManager, change: dict[str, Any], field: str
) -> None:
    with raises_code(4) as error:
        manager.add_worker_definition(worker("w", **change))
    assert error.value.details["field"] == field
    assert manager.list_worker_definitions() == []


@pytest.mark.parametrize("missing", ["provider", "model_name", "auth"])
def test_provider_model_and_auth_are_required(manager: AIWorkerManager, missing: str) -> None:
    data = worker("w")
    del data[missing]
    with raises_code(4, missing):
        manager.add_worker_definition(data)


def test_names_are_unique_among_what_is_not_archived(manager: AIWorkerManager) -> None:
    first = manager.add_worker_definition(worker("w"))
    with raises_code(42):
        manager.add_worker_definition(worker("w"))

    manager.update_worker_definition(first, {"status": "archived"})
    second = manager.add_worker_definition(worker("w"))
    assert manager.get_worker_definition("w").definition_id == second
    with raises_code(42):
        manager.update_worker_definition(first, {"status": "active"})


def test_an_id_is_taken_once_and_is_nobodys_name(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", definition_id="one"))
    for data in (worker("v", definition_id="one"), worker("one")):
        with raises_code(42):
            manager.add_worker_definition(data)


def test_what_was_given_may_be_changed_afterwards_without_effect(manager: AIWorkerManager) -> None:
    data = worker("w", base_config={"nested": {"a": [1]}})
    manager.add_worker_definition(data)
    data["base_config"]["nested"]["a"].append(2)
    found = manager.get_worker_definition("w")
    found.base_config["nested"]["a"].append(3)
    assert manager.get_worker_definition("w").base_config == {"nested": {"a": [1]}}


# --- finding ---


def test_an_unknown_definition_is_error_9_with_the_nearest_name(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("reviewer"))
    with raises_code(9, "did you mean 'reviewer'"):
        manager.get_worker_definition("reviewr")


def test_an_archived_definition_is_found_by_a_name_that_only_it_has(manager: AIWorkerManager) -> None:
    first = manager.add_worker_definition(worker("old", status="archived"))
    assert manager.get_worker_definition("old").definition_id == first
    manager.add_worker_definition(worker("old", status="archived"))
    with raises_code(9, "2 archived definitions"):
        manager.get_worker_definition("old")


@pytest.fixture
def many(manager: AIWorkerManager) -> AIWorkerManager:
    manager.add_worker_definition(
        worker("beta", definition_id="id-b", model_name="Echo-Large", interaction_models=["stateless_task"])
    )
    manager.add_worker_definition(worker("Alpha", interaction_models=["conversational"], capabilities=["text", "code"]))
    manager.add_worker_definition(worker("gamma", provider="ollama", status="disabled", capabilities=["text"]))
    return manager


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (None, ["Alpha", "beta", "gamma"]),
        ({"capabilities_contains": "CODE"}, ["Alpha"]),
        ({"capabilities_contains_all": ["Text", "CODE"]}, ["Alpha"]),
        ({"capabilities_contains": "cod"}, []),
        ({"definition_id": "id-b"}, ["beta"]),
        ({"id": "id-b"}, ["beta"]),
        ({"name": "A"}, ["Alpha", "beta", "gamma"]),
        ({"name": "ALPH"}, ["Alpha"]),
        ({"model_name": "large"}, ["beta"]),
        ({"provider": "ollama"}, ["gamma"]),
        ({"status": "active"}, ["Alpha", "beta"]),
        ({"interaction_models_contains": "conversational"}, ["Alpha", "gamma"]),
        ({"capabilities_contains": "text"}, ["Alpha", "gamma"]),
        ({"capabilities_contains_all": ["code", "text"]}, ["Alpha"]),
        ({"status": "active", "capabilities_contains": "text"}, ["Alpha"]),
        ({"status": None}, ["Alpha", "beta", "gamma"]),
    ],
)
def test_filters(many: AIWorkerManager, filters: dict[str, Any] | None, names: list[str]) -> None:
    assert [item.name for item in many.list_worker_definitions(filters)] == names


@pytest.mark.parametrize(
    "filters", [{"colour": "red"}, {"status": "asleep"}, {"name": 7}, {"capabilities_contains_all": "text"}]
)
def test_an_unknown_filter_or_value_is_error_4(many: AIWorkerManager, filters: dict[str, Any]) -> None:
    with raises_code(4):
        many.list_worker_definitions(filters)


def test_the_display_list_says_who_can_chat_and_whose_key_is_there(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path, environ={"THERE": "sk-secret-1"}) as manager:
        manager.add_worker_definition(worker("none"))
        manager.add_worker_definition(worker("there", auth={"method": "env_var", "value": "THERE"}))
        manager.add_worker_definition(worker("gone", auth={"method": "env_var", "value": "GONE"}))
        manager.add_worker_definition(worker("inline", auth={"method": "inline", "value": "sk-secret-2"}))
        rows = {row["name"]: row for row in manager.list_worker_definitions_for_display()}
        assert {name: row["api_key_status"] for name, row in rows.items()} == {
            "none": "Not Configured",
            "there": "Found",
            "gone": "Not Found",
            "inline": "Found",
        }
        assert rows["inline"]["auth"] == {"method": "inline", "value": "***"}
        assert all(row["can_chat"] for row in rows.values())
        assert "sk-secret" not in repr(rows)
        assert manager.key_status("gone") is APIKeyStatus.NOT_FOUND


# --- updating ---


def test_an_update_changes_what_it_names_and_nothing_else(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", base_config={"a": 1}, capabilities=["text"]))
    before = manager.get_worker_definition("w")
    manager.update_worker_definition("w", {"base_config": {"b": 2}, "modelName": "scripted"})
    after = manager.get_worker_definition("w")
    assert (after.base_config, after.model_name, after.capabilities) == ({"b": 2}, "scripted", ["text"])
    assert after.created_timestamp == before.created_timestamp
    assert after.modified_timestamp >= before.modified_timestamp
    assert stored(manager)[0]["baseConfig"] == {"b": 2}


@pytest.mark.parametrize(
    ("updates", "code"),
    [
        ({"status": "asleep"}, 4),
        ({"capabilities": ["ok"], "rate_limits": {"max_tokens_per_day": -1}}, 4),
        ({"colour": "red"}, 4),
        ({"definition_id": "other"}, 11),
        ({"definitionID": "other"}, 11),
        ({"aggregate_performance_summary": {}}, 11),
        ({"created_timestamp": "2025-06-15T09:30:00Z"}, 11),
        ({"name": "taken"}, 42),
        ({"capabilities": ["ok"], "name": "taken"}, 42),
    ],
)
def test_an_update_that_is_refused_changes_nothing(
    manager: AIWorkerManager, updates: dict[str, Any], code: int
) -> None:
    manager.add_worker_definition(worker("w"))
    manager.add_worker_definition(worker("taken"))
    before, file_before = manager.get_worker_definition("w"), stored(manager)
    with raises_code(code):
        manager.update_worker_definition("w", updates)
    assert manager.get_worker_definition("w") == before
    assert stored(manager) == file_before


def test_an_update_made_from_what_was_shown_keeps_the_inline_key(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", auth={"method": "inline", "value": "sk-real"}))
    shown = manager.get_worker_definition("w").to_script()["auth"]
    manager.update_worker_definition("w", {"auth": shown})
    assert stored(manager)[0]["auth"] == {"method": "inline", "value": "sk-real"}

    manager.add_worker_definition(worker("v"))
    with raises_code(4, "give the key itself"):
        manager.update_worker_definition("v", {"auth": shown})


def test_keys_that_this_program_does_not_know_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ai_worker_definitions.json"
    entry = {**worker("w"), "definitionID": "one", "futureField": {"x": [1]}}
    path.write_text(json.dumps([entry]))
    with AIWorkerManager(tmp_path) as manager:
        manager.update_worker_definition("w", {"capabilities": ["text"]})
    assert json.loads(path.read_text())[0]["futureField"] == {"x": [1]}


# --- removing, loading, saving ---


def test_a_definition_with_active_instances_is_not_removed(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    instance = manager.spawn_worker_instance("w")
    with raises_code(19, "1 active instance"):
        manager.remove_worker_definition("w")
    manager.retire_worker_instance(instance.instance_id)
    manager.remove_worker_definition("w")
    assert manager.list_worker_definitions() == []
    assert stored(manager) == []


def test_a_restarted_manager_finds_what_was_there(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        before = manager.get_worker_definition("w")
    with AIWorkerManager(tmp_path) as manager:
        assert manager.get_worker_definition("w") == before


def test_loading_and_saving_say_how_many_there_are(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    manager.add_worker_definition(worker("v"))
    assert manager.save_worker_definitions_to_file() == 2
    assert manager.load_worker_definitions_from_file() == 2


def test_a_closed_manager_refuses_work(tmp_path: Path) -> None:
    manager = AIWorkerManager(tmp_path)
    manager.close()
    manager.close()
    with raises_code(19, "closed"):
        manager.add_worker_definition(worker("w"))


def test_without_a_directory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w"))
        manager.execute_stateless_task("w", "hello")
        assert manager.get_worker_definition("w").aggregate_performance_summary.total_tasks_attempted == 1
    assert list(tmp_path.iterdir()) == []


# --- limits of what was changed ---


def test_the_limiter_is_told_of_every_change(tmp_path: Path) -> None:
    told: list[str] = []

    class Limiter(MemoryRateLimiter):
        def changed(self, definition_id: str) -> None:
            told.append(definition_id)
            super().changed(definition_id)

        def forget(self, definition_id: str, known_as: str = "") -> None:
            told.append(f"no {definition_id}")
            super().forget(definition_id, known_as)

    with AIWorkerManager(tmp_path, limiter=Limiter()) as manager:
        id_ = manager.add_worker_definition(worker("w"))
        other = manager.add_worker_definition(worker("other"))
        manager.update_worker_definition("w", {"rate_limits": {"max_requests_per_day": 5}})
        manager.update_worker_definition("w", {"status": "disabled"})
        assert told == [id_, id_]
        manager.remove_worker_definition("other")
        assert told[2:] == [f"no {other}"]


def test_a_reload_tells_the_limiter_of_what_it_changed() -> None:
    told: list[str] = []

    class Limiter(MemoryRateLimiter):
        def changed(self, definition_id: str) -> None:
            told.append(definition_id)

    class EditedStore(MemoryStore):
        """A store whose definitions somebody edits before the next reload."""

        edits: dict[str, dict[str, Any]]

        def reload(self) -> None:
            def change(definitions: MutableMapping[str, AIWorkerDefinition]) -> None:
                for name, fields in self.edits.items():
                    definitions[name] = AIWorkerDefinition.parse(definitions[name].to_file() | fields)
                del definitions["removed"]

            self.change_definitions(change)

    store = EditedStore()
    store.edits = {
        "limited": {"rateLimits": {"max_requests_per_day": 1}},
        "disabled": {"status": "disabled"},
        "described": {"capabilities": ["text"]},
    }
    with AIWorkerManager(store=store, limiter=Limiter()) as manager:
        for name in ("limited", "disabled", "described", "left", "removed"):
            manager.add_worker_definition(worker(name, definition_id=name))
        assert manager.load_worker_definitions_from_file() == 4
        assert told == ["limited", "disabled", "removed"]


def test_removing_and_adding_does_not_reset_the_counters(manager: AIWorkerManager) -> None:
    data = worker("w", definition_id="id-w", rate_limits={"max_requests_per_day": 1})
    manager.add_worker_definition(data)
    manager.execute_stateless_task("w", "hello")
    manager.remove_worker_definition("w")
    manager.add_worker_definition(data)
    with raises_code(20, "max_requests_per_day"):
        manager.execute_stateless_task("w", "hello")


# --- many ---


def test_names_are_found_among_many(tmp_path: Path) -> None:
    with AIWorkerManager() as manager:
        ids = [manager.add_worker_definition(worker(f"w-{number}")) for number in range(500)]
        nameless = [manager.add_worker_definition(worker("")) for _ in range(40)]
        assert [manager.get_worker_definition(f"w-{number}").definition_id for number in range(500)] == ids
        names = {manager.get_worker_definition(id_).name for id_ in nameless}
        assert names == {"local-echo", *(f"local-echo-{number}" for number in range(2, 41))}
        manager.update_worker_definition("w-7", {"name": "seven"})
        with raises_code(42):
            manager.add_worker_definition(worker("seven"))
        with raises_code(42):
            manager.add_worker_definition(worker("w", definition_id="w-8"))
        with raises_code(9, "w-7"):
            manager.get_worker_definition("w-7")
        assert manager.add_worker_definition(worker("w-7")) not in ids
        manager.remove_worker_definition("seven")
        manager.add_worker_definition(worker("seven"))


def test_a_name_cannot_be_taken_away(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    with raises_code(4, "name"):
        manager.update_worker_definition("w", {"name": " "})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model_name": 7}, "field model_name: expected"),
        ({"modelName": 7}, r"field model_name \(modelName\): expected"),
        ({"base_config": 7}, "field base_config: expected"),
        ({"rate_limits": {"max_requests_per_day": -1}}, "field rate_limits.max_requests_per_day: expected"),
        ({"rateLimits": {"max_requests_per_day": -1}}, r"\(rateLimits.max_requests_per_day\): expected"),
        ({"default_supervisory_ai_ref": 7}, "field default_supervisory_ai_ref: expected"),
    ],
)
def test_a_field_is_named_as_the_caller_spells_it(manager: AIWorkerManager, fields: dict[str, Any], named: str) -> None:
    plain = {key: value for key, value in worker("v").items() if key != "model_name" or "modelName" not in fields}
    with raises_code(4, named):
        manager.add_worker_definition({**plain, **fields})
    with raises_code(4, named):
        AIWorkerDefinition(**{**plain, **fields})
    manager.add_worker_definition(worker("v"))
    snake = {"modelName": "model_name", "rateLimits": "rate_limits"}
    for spelled in (fields, {snake.get(key, key): value for key, value in fields.items()}):
        with raises_code(4, r"definition 'v': field [a-z_.]+: expected"):
            manager.update_worker_definition("v", spelled)
