"""Ensuring definitions: added if they are missing, changed where they differ, and left alone otherwise."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm import AIWorkerDefinition, AIWorkerManager
from ai_wm.workers.ensuring import is_same
from tests.ai_wm.helpers import raises_code, scripted, worker

FILE = "ai_worker_definitions.json"


def seen(manager: AIWorkerManager, name: str = "w") -> dict[str, Any]:
    """A definition as it is stored, without what each change changes."""
    data = manager.get_worker_definition(name).to_file()
    return {key: value for key, value in data.items() if key not in ("modifiedTimestamp", "hostMark")}


# --- adding and changing ---


def test_a_missing_definition_is_added_and_one_that_is_there_is_found(manager: AIWorkerManager) -> None:
    made = manager.ensure_worker_definition(worker("w"))
    assert manager.ensure_worker_definition(worker("w")) == made
    assert manager.standing("w") == "host"
    assert len(manager.list_worker_definitions()) == 1


def test_what_is_given_changes_and_the_rest_stays(manager: AIWorkerManager) -> None:
    first = worker("w", base_config={"temperature": 0.2, "seed": 1, "logit_bias": {"1": 1, "2": 2}})
    made = manager.ensure_worker_definition(
        first | {"rate_limits": {"max_requests_per_day": 9, "max_cost_per_day": 1}, "capabilities": ["a", "b"]}
    )
    manager.update_worker_definition("w", {"status": "disabled", "metadata": {"team": "x"}})
    changed = {
        "model_name": "scripted",
        "base_config": {"temperature": 0.5, "seed": None, "logit_bias": {"3": 3}},
        "rate_limits": {"maxRequestsPerDay": 5},
        "metadata": {"ticket": 7},
        "capabilities": ["c"],
    }
    assert manager.ensure_worker_definition(worker("w", **changed)) == made
    after = manager.get_worker_definition("w").to_script()
    assert after["model_name"] == "scripted"
    assert after["base_config"] == {"temperature": 0.5, "logit_bias": {"3": 3}}
    assert (after["rate_limits"]["max_requests_per_day"], after["rate_limits"]["max_cost_per_day"]) == (5, 1)
    assert after["metadata"] == {"team": "x", "ticket": 7}
    assert (after["capabilities"], after["status"]) == (["c"], "disabled")
    assert manager.standing("w") == "host"


def test_counters_and_the_time_of_its_making_stay(manager: AIWorkerManager) -> None:
    manager.ensure_worker_definition(worker("w"))
    manager.execute_stateless_task("w", "hello")
    before = manager.get_worker_definition("w")
    given_back = before.model_copy(update={"created_timestamp": AIWorkerDefinition.parse(worker()).created_timestamp})
    manager.ensure_worker_definition(given_back)
    manager.ensure_worker_definition(worker("w", base_config={"seed": 2}))
    after = manager.get_worker_definition("w")
    assert after.aggregate_performance_summary.total_tasks_attempted == 1
    assert after.created_timestamp == before.created_timestamp


SAME: list[dict[str, Any]] = [
    {"base_config": {"temperature": 1.0}},
    {"baseConfig": {"temperature": 1}},
    {"base_config": {"max_tokens": 100}},
    {"base_config": {"max_output_tokens": 100.0}},
    {"base_config": {"stop": ("a", "b")}},
    {"base_config": {"top_p": None}},
    {"base_config": {}},
    {"base_config": None},
    {"rate_limits": {"maxRequestsPerDay": 5.0}},
    {"rate_limits": {"max_tokens_per_day": 0}},
    {"rate_limits": {"max_tokens_per_day": None}},
    {"interaction_models": ["both"]},
    {"auth": {"method": "none", "value": ""}},
    {"capabilities": []},
    {"status": "active"},
    {"metadata": {"a": {"b": [1, {"c": 2.0}]}}},
]


@pytest.mark.parametrize("fields", SAME, ids=repr)
def test_what_means_the_same_writes_nothing(tmp_path: Path, fields: dict[str, Any]) -> None:
    first = worker(
        "w",
        base_config={"temperature": 1, "max_output_tokens": 100, "stop": ["a", "b"]},
        rate_limits={"max_requests_per_day": 5},
        metadata={"a": {"b": [1.0, {"c": 2}]}},
    )
    with AIWorkerManager(tmp_path) as manager:
        made = manager.ensure_worker_definition(first)
        before = manager.get_worker_definition("w")
        files = {path: path.stat() for path in tmp_path.rglob("*.*") if path.is_file()}
        assert manager.ensure_worker_definition(first) == made
        assert manager.ensure_worker_definition(worker("w", **fields)) == made
        assert manager.get_worker_definition("w") == before
        for path, stat in files.items():
            now = path.stat()
            assert (now.st_mtime_ns, now.st_size, now.st_ino) == (stat.st_mtime_ns, stat.st_size, stat.st_ino), path


DIFFERENT: list[tuple[dict[str, Any], str, Any]] = [
    ({"base_config": {"seed": True}}, "base_config", {"seed": True}),
    ({"base_config": {"seed": 2**53 + 1}}, "base_config", {"seed": 2**53 + 1}),
    ({"base_config": {"max_tokens": 5}}, "base_config", {"seed": 1, "max_tokens": 5}),
    ({"cost_metrics": {"cost_per_call": 0}}, "cost_metrics", {"cost_per_call": 0}),
    ({"interaction_models": []}, "interaction_models", ["conversational"]),
    ({"status": "archived"}, "status", "archived"),
    ({"auth": {"method": "env_var", "value": "A"}}, "auth", {"method": "env_var", "value": "A"}),
]


@pytest.mark.parametrize("name", ["headers", "extra_headers", "default_headers"])
def test_headers_by_any_name(manager: AIWorkerManager, name: str) -> None:
    first = worker("w", base_config={name: {"X-Tenant": "a"}})
    made = manager.ensure_worker_definition(first)
    assert manager.ensure_worker_definition(worker("w", base_config={"headers": {"X-Tenant": "a"}})) == made
    assert manager.ensure_worker_definition(first) == made
    assert manager.get_worker_definition("w").base_config == {"headers": {"X-Tenant": "a"}}
    manager.ensure_worker_definition(worker("w", base_config={name: {"X-Tenant": "b"}}))
    assert manager.get_worker_definition("w").base_config == {"headers": {"X-Tenant": "b"}}
    manager.ensure_worker_definition(worker("w", base_config={name: None}))
    assert manager.get_worker_definition("w").base_config == {}


@pytest.mark.parametrize(("fields", "field", "value"), DIFFERENT, ids=repr)
def test_what_means_something_else_is_a_change(
    manager: AIWorkerManager, fields: dict[str, Any], field: str, value: Any
) -> None:
    manager.add_worker_definition(worker("w", base_config={"seed": 1}))
    manager.ensure_worker_definition(worker("w", **fields))
    assert is_same(manager.get_worker_definition("w").to_script()[field], value)


def test_another_name_of_a_setting_takes_the_place_of_the_first(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", base_config={"max_tokens": 5}))
    manager.ensure_worker_definition(worker("w", base_config={"max_output_tokens": 7}))
    assert manager.get_worker_definition("w").base_config == {"max_output_tokens": 7}
    with raises_code(4, "the setting max_output_tokens is given twice, as 'max_tokens'"):
        manager.ensure_worker_definition(worker("w", base_config={"max_output_tokens": 7, "max_tokens": 8}))


def test_a_mask_stands_for_the_key_that_is_there(manager: AIWorkerManager) -> None:
    masked = {"auth": {"method": "inline", "value": "***"}}
    with raises_code(4, "stands for a key"):
        manager.ensure_worker_definition(worker("w", **masked))
    manager.add_worker_definition(worker("w", auth={"method": "inline", "value": "sk-1"}))
    manager.ensure_worker_definition(worker("w", **masked))
    assert manager.get_worker_definition("w").auth.value == "sk-1"
    manager.add_worker_definition(worker("v"))
    with raises_code(4, "stands for a key"):
        manager.ensure_worker_definition(worker("v", **masked))


# --- which definition is meant ---


def test_an_id_that_is_known_is_meant_whatever_the_name(manager: AIWorkerManager) -> None:
    made = manager.ensure_worker_definition(worker("w", definition_id="one"))
    assert made == "one"
    assert manager.ensure_worker_definition(worker("renamed", definition_id="one")) == "one"
    assert manager.get_worker_definition("one").name == "renamed"
    without_name = worker(definition_id="one", model_name="scripted")
    del without_name["name"]
    assert manager.ensure_worker_definition(without_name) == "one"
    assert (manager.get_worker_definition("renamed").model_name) == "scripted"


def test_a_name_and_the_id_of_none_or_of_another(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("a", definition_id="one"))
    manager.add_worker_definition(worker("b", definition_id="two"))
    with raises_code(11, "has the id one"):
        manager.ensure_worker_definition(worker("a", definition_id="three"))
    with raises_code(42):
        manager.ensure_worker_definition(worker("a", definition_id="two"))
    with raises_code(42):
        manager.ensure_worker_definition(worker("one"))
    assert [item.name for item in manager.list_worker_definitions()] == ["a", "b"]


def test_neither_a_name_nor_an_id_is_error_4(manager: AIWorkerManager) -> None:
    for name in ("", "  "):
        with raises_code(4, "expected a name or a definition_id"):
            manager.ensure_worker_definition(worker(name))
    assert manager.list_worker_definitions() == []


def test_an_archived_definition_stays_archived_unless_the_status_is_given(manager: AIWorkerManager) -> None:
    made = manager.ensure_worker_definition(worker("w", status="archived"))
    assert manager.ensure_worker_definition(worker("w", status="archived")) == made
    assert manager.ensure_worker_definition(worker("w", base_config={"seed": 1})) == made
    assert manager.get_worker_definition(made).status == "archived"
    assert manager.ensure_worker_definition(worker("w", status="active")) == made
    assert manager.execute_stateless_task("w", "x").output == "echo: x"
    manager.update_worker_definition(made, {"status": "archived"})
    live = manager.add_worker_definition(worker("w"))
    assert manager.ensure_worker_definition(worker("w", base_config={"seed": 2})) == live
    manager.update_worker_definition(live, {"status": "archived"})
    with raises_code(9, "2 archived definitions are named 'w'"):
        manager.ensure_worker_definition(worker("w"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"rate_limits": {"max_request_per_day": 1}}, "did you mean 'max_requests_per_day'"),
        ({"rate_limits": {"max_requests_per_day": -1}}, "rate_limits.max_requests_per_day: expected"),
        ({"rate_limits": {7: None}}, "rate_limits"),
        ({"provider": "nobody"}, "field provider"),
        ({"status": "asleep"}, "field status"),
        ({"base_config": {"on_limit": "maybe"}}, "the setting on_limit is 'maybe'"),
        ({"model_name": 7}, "field model_name: expected a string"),
        ({"auth": {"method": "env_var", "value": "not a name"}}, "not the name of an environment variable"),
    ],
)
def test_what_does_not_fit_is_error_4_and_changes_nothing(
    manager: AIWorkerManager, fields: dict[str, Any], words: str
) -> None:
    with raises_code(4, words):
        manager.ensure_worker_definition(worker("w", **fields))
    assert manager.list_worker_definitions() == []
    manager.add_worker_definition(worker("w"))
    before = manager.get_worker_definition("w")
    with raises_code(4, words):
        manager.ensure_worker_definition(worker("w", **fields))
    assert manager.get_worker_definition("w") == before


# --- the replies of scripted workers, and providers that are models ---


REPLIES: list[tuple[Any, str]] = [
    ([], "base_config.replies must be a list with at least one reply"),
    ("hello", "base_config.replies must be a list"),
    (["fine", 3], r"base_config.replies\[1\] is int; expected a text or a map"),
    (["fine", {"txt": "x"}], r"base_config.replies\[1\] has the unknown key 'txt'; did you mean 'text'"),
    ([{"text": 1}], r"base_config.replies\[0\] has a text of type int"),
    ([{"tool_calls": {}}], r"base_config.replies\[0\] has tool_calls of type dict"),
    ([{"tool_calls": [{"nme": "x"}]}], r"replies\[0\].tool_calls\[0\] has the unknown key 'nme'; did you mean 'name'"),
    ([{"tool_calls": [{}]}], r"replies\[0\].tool_calls\[0\] is no tool call"),
    ([{"tool_calls": [{"name": "x", "arguments": []}]}], r"tool_calls\[0\] has arguments of type list"),
    ([{"finish_reason": "tired"}], r"replies\[0\] has the finish_reason 'tired'"),
    ([{"usage": {"output_token": 1}}], r"replies\[0\].usage has the unknown key 'output_token'"),
    ([{"error": {"mesage": "x"}}], r"replies\[0\].error has the unknown key 'mesage'; did you mean 'message'"),
    ([{"error": {"details": 3}}], r"replies\[0\] has error details of type int"),
]


@pytest.mark.parametrize(("replies", "words"), REPLIES, ids=repr)
def test_replies_that_cannot_be_used_are_refused_when_they_are_given(
    manager: AIWorkerManager, replies: Any, words: str
) -> None:
    with raises_code(4, words):
        manager.add_worker_definition(scripted("s", replies))
    with raises_code(4, words):
        manager.ensure_worker_definition(scripted("s", replies))
    manager.add_worker_definition(scripted("s", ["fine"]))
    with raises_code(4, words):
        manager.update_worker_definition("s", {"base_config": {"replies": replies}})
    with raises_code(4, words):
        manager.ensure_worker_definition(scripted("s", replies))
    manager.add_worker_definition(worker("echo", base_config={"replies": replies}))
    with raises_code(4, words):
        manager.update_worker_definition("echo", {"model_name": "scripted"})
    assert manager.execute_stateless_task("s", "x").output == "fine"


def test_a_worker_with_old_replies_that_cannot_be_used_can_be_disabled(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps([scripted("s", [3]) | {"definitionID": "s1"}]))
    with AIWorkerManager(tmp_path) as manager:
        manager.update_worker_definition("s", {"status": "disabled"})
        assert manager.get_worker_definition("s").status == "disabled"


@pytest.mark.parametrize("provider", ["echo", "scripted"])
def test_a_model_in_the_place_of_the_provider_is_told(manager: AIWorkerManager, provider: str) -> None:
    words = f'write provider: "local", model_name: "{provider}"'
    with raises_code(4, words):
        manager.add_worker_definition(worker("w", provider=provider))
    with raises_code(4, words):
        manager.ensure_worker_definition(worker("w", provider=provider))
    manager.add_worker_definition(worker("w"))
    with raises_code(4, words):
        manager.update_worker_definition("w", {"provider": provider})
    with raises_code(4, words):
        manager.ensure_worker_definition(worker("w", provider=provider))


# --- threads and processes ---


def ensure_one(directory: str, number: int, results: Any) -> None:
    with AIWorkerManager(directory) as manager:
        results.put(manager.ensure_worker_definition(worker("w", metadata={f"n{number}": number})))


@pytest.mark.parametrize("many", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_processes_that_ensure_a_name_at_once_make_one_definition(tmp_path: Path, many: int) -> None:
    context = multiprocessing.get_context("forkserver")
    results = context.Queue()
    processes = [context.Process(target=ensure_one, args=(str(tmp_path), number, results)) for number in range(many)]
    for process in processes:
        process.start()
    ids = {results.get(timeout=120) for _ in processes}
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    with AIWorkerManager(tmp_path) as manager:
        (definition,) = manager.list_worker_definitions()
    assert ids == {definition.definition_id}
    assert definition.metadata == {f"n{number}": number for number in range(many)}


@pytest.fixture(params=["in memory", "in a file"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AIWorkerManager]:
    with AIWorkerManager(tmp_path if request.param == "in a file" else None) as made:
        yield made


def test_ensuring_beside_updates_loses_neither(either: AIWorkerManager) -> None:
    either.ensure_worker_definition(worker("w"))
    errors: list[BaseException] = []

    def all_of(change: Any) -> None:
        try:
            for number in range(25):
                change(number)
        except BaseException as error:
            errors.append(error)

    changes = (
        lambda n: either.ensure_worker_definition(worker("w", metadata={f"e{n}": n})),
        lambda n: either.update_worker_definition("w", {"base_config": {"seed": n}}),
        lambda n: either.ensure_worker_definition(worker("w", rate_limits={"max_tokens_per_day": n + 1})),
        lambda n: either.update_worker_definition("w", {"metadata": {f"u{n}": n}}, merge=True),
    )
    threads = [threading.Thread(target=all_of, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    definition = either.get_worker_definition("w")
    assert definition.metadata == {f"{who}{n}": n for who in "eu" for n in range(25)}
    assert (definition.base_config, definition.rate_limits.max_tokens_per_day) == ({"seed": 24}, 25)


# --- against a model ---

NAMES = st.sampled_from(["a", "b"])
SETTINGS = st.dictionaries(
    st.sampled_from(["seed", "top_k", "extra"]),
    st.sampled_from([None, 0, 1, 1.0, True, "x", [1], {"k": 1}]),
    max_size=3,
)
LIMITS = st.dictionaries(
    st.sampled_from(["max_requests_per_day", "max_tokens_per_day"]), st.sampled_from([0, 1, 2.0]), max_size=2
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "base_config": SETTINGS,
        "rate_limits": LIMITS,
        "metadata": SETTINGS,
        "status": st.sampled_from(["active", "disabled"]),
        "capabilities": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "model_name": st.sampled_from(["echo", "other"]),
    },
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["ensure", "ensure", "update", "add", "remove"]), NAMES, FIELDS), min_size=1, max_size=12
)
DEFAULTS: dict[str, Any] = {
    "base_config": {},
    "rate_limits": {},
    "metadata": {},
    "status": "active",
    "capabilities": [],
    "model_name": "echo",
}


def without_zeros(limits: dict[str, Any]) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit}


def ensured(old: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The model of Ensure: maps key by key, all else replaced; a given None takes out what is there."""
    new = dict(old)
    for field, value in fields.items():
        if isinstance(value, dict):
            gone = {key for key, item in value.items() if item is None and old[field].get(key) is not None}
            kept = {key: item for key, item in value.items() if item is not None}
            new[field] = {key: item for key, item in {**old[field], **kept}.items() if key not in gone}
        else:
            new[field] = value
    return new


def plain(definition: AIWorkerDefinition) -> dict[str, Any]:
    found = {field: definition.to_script()[field] for field in DEFAULTS}
    return found | {"rate_limits": without_zeros(found["rate_limits"])}


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_random_sequences_agree_with_a_model(steps: list[tuple[str, str, dict[str, Any]]]) -> None:
    model: dict[str, dict[str, Any]] = {}
    ids: dict[str, str] = {}
    with AIWorkerManager() as manager:
        for step, name, fields in steps:
            full = {key: value for key, value in worker(name).items() if key != "model_name"} | {"model_name": "echo"}
            if (name in model) == (step == "add") and step != "ensure":
                with raises_code(42 if step == "add" else 9):
                    {
                        "add": lambda: manager.add_worker_definition(full | fields),  # noqa: B023
                        "update": lambda: manager.update_worker_definition(name, fields),  # noqa: B023
                        "remove": lambda: manager.remove_worker_definition(name),  # noqa: B023
                    }[step]()
            elif step == "ensure":
                stamp = manager.get_worker_definition(name).modified_timestamp if name in model else None
                given_id = manager.ensure_worker_definition(full | fields)
                assert ids.setdefault(name, given_id) == given_id
                wanted = ensured(model.get(name, DEFAULTS), {"model_name": "echo"} | fields)
                wanted["rate_limits"] = without_zeros(wanted["rate_limits"])
                if stamp is not None and is_same(wanted, model[name]):
                    assert manager.get_worker_definition(name).modified_timestamp == stamp
                model[name] = wanted
            elif step == "remove":
                manager.remove_worker_definition(name)
                del model[name], ids[name]
            else:
                if step == "update":
                    manager.update_worker_definition(name, fields)
                else:
                    ids[name] = manager.add_worker_definition(full | fields)
                model[name] = model.get(name, DEFAULTS) | fields
                model[name]["rate_limits"] = without_zeros(model[name]["rate_limits"])
        assert {item.name for item in manager.list_worker_definitions()} == set(model)
        for name, wanted in model.items():
            definition = manager.get_worker_definition(name)
            assert definition.definition_id == ids[name]
            assert manager.standing(name) == "host"
            assert is_same(plain(definition), wanted)
