"""Misspelt keys of definitions: refused from programs, people and scripts, kept and told of in files."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ai_wm import (
    AIWorkerDefinition,
    AIWorkerManager,
    APIKeySource,
    RateLimitPolicy,
    WorkerPolicy,
    register_ai_worker_tools,
)
from ai_wm.data import setting_names
from neuroscript import Interpreter
from neuroscript.cli import main
from tests.ai_wm.conftest import runs_bodies
from tests.ai_wm.helpers import Run, raises_code, worker

DEFINITIONS = "ai_worker_definitions.json"

MISSPELT = [
    ({"rate_limits": {"max_request_per_minute": 1}}, "rate_limits.max_request_per_minute", "max_requests_per_minute"),
    ({"rateLimits": {"max_tokens_per_dya": 1}}, "rate_limits.max_tokens_per_dya", "max_tokens_per_day"),
    ({"rate_limits": {"requests_per_day": 1}}, "rate_limits.requests_per_day", "max_requests_per_day"),
    ({"cost_metrics": {"input_cost_per_tokens": 1}}, "cost_metrics.input_cost_per_tokens", "input_cost_per_token"),
    ({"costMetrics": {"costPerCall": 1}}, "cost_metrics.costPerCall", "cost_per_call"),
    ({"cost_metrics": {"cache_write_1_cost_per_token": 1}}, "cost_metrics.cache_write_1_cost_per_token", "cache_write"),
    ({"rate_limit": {"max_requests_per_minute": 1}}, "rate_limit", "rate_limits"),
    ({"rate-limits": {}}, "rate-limits", "rate_limits"),
    ({"toolAllowList": ["fs.*"]}, "toolAllowList", "tool_allowlist"),
    ({"tool_denylst": ["fs.*"]}, "tool_denylst", "tool_denylist"),
    ({"stauts": "disabled"}, "stauts", "status"),
]
"""What is given, the field in the error, and the beginning of the name that the error suggests."""

UNLIKE_ANY = [
    ({"rate_limits": {"colour": 1}}, "rate_limits.colour", "there are max_concurrent_active_instances"),
    ({"cost_metrics": {"colour": 1}}, "cost_metrics.colour", "there are cache_write_1h_cost_per_token"),
    ({"colour": 1}, "colour", "belongs under metadata"),
]

Place = Callable[[dict[str, Any]], object]


@pytest.fixture(params=["add", "add a model", "update", "merge", "class", "assignment"])
def python(request: pytest.FixtureRequest, manager: AIWorkerManager) -> Place:
    """Gives keys to the manager, or to the classes, in each way that Python has."""

    def assign(keys: dict[str, Any]) -> None:
        made = AIWorkerDefinition(**worker("made"))
        ((key, value),) = keys.items()
        setattr(made, {"rateLimits": "rate_limits", "costMetrics": "cost_metrics"}.get(key, key), value)

    manager.add_worker_definition(worker("there"))
    ways: dict[str, Place] = {
        "add": lambda keys: manager.add_worker_definition(worker("new", **keys)),
        "add a model": lambda keys: manager.add_worker_definition(AIWorkerDefinition.parse(worker("new", **keys))),
        "update": lambda keys: manager.update_worker_definition("there", keys),
        "merge": lambda keys: manager.update_worker_definition("there", keys, merge=True),
        "class": lambda keys: AIWorkerDefinition(**worker("new", **keys)),
        "assignment": assign,
    }
    return ways[request.param]


@pytest.mark.parametrize(("keys", "field", "meant"), MISSPELT)
def test_python_is_told_the_nearest_name(
    manager: AIWorkerManager, python: Place, keys: dict[str, Any], field: str, meant: str
) -> None:
    with raises_code(4, f"did you mean '{meant}") as error:
        python(keys)
    assert error.value.details["field"] == field
    (left,) = manager.list_worker_definitions()
    assert left.name == "there"
    assert (left.rate_limits, left.cost_metrics, left.unknown) == (RateLimitPolicy(), {}, {})


@pytest.mark.parametrize(("keys", "field", "hint"), UNLIKE_ANY)
def test_python_is_told_which_names_there_are(python: Place, keys: dict[str, Any], field: str, hint: str) -> None:
    with raises_code(4, hint) as error:
        python(keys)
    assert error.value.details["field"] == field


@pytest.mark.parametrize("action", ["add", "update"])
@pytest.mark.parametrize(("keys", "field", "meant"), MISSPELT)
def test_the_command_line_is_told_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str, keys: dict[str, Any], field: str, meant: str
) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("there"))
    before = json.loads((tmp_path / DEFINITIONS).read_text())
    given = ["add", json.dumps(worker("new", **keys))] if action == "add" else ["update", "there", json.dumps(keys)]
    assert main(["workers", *given, "--sandbox", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"did you mean '{meant}" in captured.err
    assert repr(field.rpartition(".")[2]) in captured.err
    assert json.loads((tmp_path / DEFINITIONS).read_text()) == before


SCRIPT = """
  set id = tool.AIWorkerDefinition.Add(name: "mine", provider: "local", model_name: "echo", auth: {"method": "none"})
  call tool.AIWorkerDefinition.Update(id, KEYS)
"""


@pytest.mark.parametrize(("keys", "field", "meant"), MISSPELT)
def test_scripts_are_told_the_nearest_name_on_updating(run: Run, keys: dict[str, Any], field: str, meant: str) -> None:
    with raises_code(4, f"did you mean '{meant}") as error:
        run(SCRIPT.replace("KEYS", json.dumps(keys)))
    assert error.value.details["field"] == field


@pytest.mark.parametrize(
    ("keys", "field", "meant"), [each for each in MISSPELT if next(iter(each[0])) in ("rate_limits", "cost_metrics")]
)
def test_scripts_are_told_the_nearest_name_on_adding(run: Run, keys: dict[str, Any], field: str, meant: str) -> None:
    ((name, value),) = keys.items()
    add = 'return tool.AIWorkerDefinition.Add(provider: "local", model_name: "echo", auth: {"method": "none"}, '
    with raises_code(4, f"did you mean '{meant}") as error:
        run(f"{add}{name}: {json.dumps(value)})")
    assert error.value.details["field"] == field


def test_a_key_given_in_two_spellings_is_refused() -> None:
    limits = {"max_requests_per_day": 1, "maxRequestsPerDay": 2}
    with raises_code(4, "the key max_requests_per_day in rate_limits is given twice"):
        AIWorkerDefinition(**worker("w", rate_limits=limits))
    with raises_code(4, "the key rate_limits is given twice"):
        AIWorkerDefinition(**worker("w", rateLimits={}, rate_limits={}))


def test_what_may_be_a_key_is_not_in_the_error() -> None:
    with raises_code(4, "unknown key in auth; there are method, value") as error:
        AIWorkerDefinition(**worker("w", auth={"method": "inline", "sk-0123456789": ""}))
    assert "sk-0" not in f"{error.value}{error.value.details}"
    with raises_code(4, "did you mean 'value'"):
        APIKeySource(method="env_var", valeu="OPENAI_API_KEY")  # type: ignore[call-arg]


# --- files ---


def in_a_file(directory: Path, **keys: Any) -> None:
    entry = {"definitionID": "d", "name": "w", "provider": "local", "modelName": "echo", "auth": {"method": "none"}}
    (directory / DEFINITIONS).write_text(json.dumps([{**entry, **keys}]))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


@pytest.mark.parametrize(("keys", "field", "meant"), MISSPELT)
def test_a_file_is_read_with_one_warning_and_keeps_what_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keys: dict[str, Any], field: str, meant: str
) -> None:
    in_a_file(tmp_path, **keys)
    with AIWorkerManager(tmp_path) as manager:
        (message,) = warnings(caplog)
        manager.update_worker_definition("w", {"status": "disabled", "metadata": {"seen": True}})
        manager.load_worker_definitions_from_file()
    assert warnings(caplog) == [message]
    assert message.startswith("the stored definition of worker 'w': unknown key")
    assert f"{field.rpartition('.')[2]!r}" in message
    assert f"did you mean '{meant}" in message
    (stored,) = json.loads((tmp_path / DEFINITIONS).read_text())
    ((key, value),) = keys.items()
    kept = stored.get(key, stored.get({"rate_limits": "rateLimits", "cost_metrics": "costMetrics"}.get(key, key)))
    assert kept == value if not isinstance(value, dict) else value.items() <= kept.items()


def test_a_warning_tells_of_all_that_is_wrong_with_an_entry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_a_file(tmp_path, rateLimits={"colour": 1}, rate_limts={}, baseConfig={"temprature": 1})
    AIWorkerManager(tmp_path).close()
    (message,) = warnings(caplog)
    for each in ("'colour' in rate_limits; there are", "'rate_limts'; did", "'temprature' in base_config; did"):
        assert each in message


def test_other_programs_may_keep_keys_of_their_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_a_file(tmp_path, dashboard={"colour": "red"})
    with AIWorkerManager(tmp_path) as manager:
        manager.update_worker_definition("w", {"dashboard": {"colour": "blue"}})
        assert manager.get_worker_definition("w").unknown == {"dashboard": {"colour": "blue"}}
    assert warnings(caplog) == []


def test_an_unknown_key_of_the_file_stays_in_an_update_made_from_it(tmp_path: Path) -> None:
    in_a_file(tmp_path, rateLimits={"max_request_per_day": 1})
    with AIWorkerManager(tmp_path) as manager:
        manager.update_worker_definition("w", {"rate_limits": {"max_request_per_day": 1, "max_requests_per_day": 2}})
        assert manager.get_worker_definition("w").rate_limits.unknown == {"max_request_per_day": 1}
        with raises_code(4, "max_tokens_per_day"):
            manager.update_worker_definition("w", {"rate_limits": {"max_token_per_day": 1}})
        manager.update_worker_definition("w", {"rate_limits": {"max_request_per_day": None}}, merge=True)
        assert manager.get_worker_definition("w").rate_limits == RateLimitPolicy(max_requests_per_day=2)


# --- settings, which are the provider's as well ---


@pytest.fixture
def fresh() -> None:
    """As in a new process, where nobody was warned yet."""
    setting_names.warn.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_a_misspelt_setting_is_passed_on_with_a_warning(
    manager: AIWorkerManager, caplog: pytest.LogCaptureFixture
) -> None:
    manager.add_worker_definition(worker("w", base_config={"temprature": 1, "mirostat": 2}))
    (message,) = warnings(caplog)
    assert "base_config of worker 'w'" in message
    assert "'temprature' (did you mean 'temperature'?)" in message
    assert "mirostat" not in message
    manager.update_worker_definition("w", {"status": "disabled"})
    assert len(warnings(caplog)) == 1
    manager.update_worker_definition("w", {"base_config": {"top-p": 1}})
    assert "'top-p' (did you mean 'top_p'?)" in warnings(caplog)[1]


@pytest.mark.usefixtures("fresh")
def test_a_misspelt_override_is_told_once(manager: AIWorkerManager, caplog: pytest.LogCaptureFixture) -> None:
    manager.add_worker_definition(worker("w"))
    for _ in range(3):
        manager.execute_stateless_task("w", "hi", {"temprature": 1, "mirostat": 2, "seed": 3})
    id_ = manager.spawn_worker_instance("w", {"temprature": 1}).instance_id
    manager.conversation(id_).ask("hi", {"temprature": 1})
    manager.execute_batch("w", ["a", "b"], config_overrides={"temprature": 1})
    (message,) = warnings(caplog)
    assert "the override 'temprature'" in message
    assert "did you mean 'temperature'?" in message
    manager.conversation(id_).ask("hi", {"max_output_token": 1})
    assert "did you mean 'max_output_tokens'?" in warnings(caplog)[1]


@pytest.mark.usefixtures("fresh")
def test_a_script_is_refused_a_misspelt_setting_and_the_log_stays_empty(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with raises_code(10, "did you mean 'temperature'"):
        run('return tool.AIWorker.ExecuteStatelessTask("w", "hi", {"temprature": 1})')
    with raises_code(10, "did you mean 'temperature'"):
        run(SCRIPT.replace("KEYS", '{"base_config": {"temprature": 1}}'))
    assert warnings(caplog) == []


# --- a permission that only the host gives ---


@pytest.mark.parametrize("value", [1, "yes", None, []])
def test_allow_unknown_price_is_true_or_false(manager: AIWorkerManager, value: Any) -> None:
    with raises_code(4, "expected true or false") as error:
        manager.add_worker_definition(worker("w", base_config={"allow_unknown_price": value}))
    assert error.value.details["field"] == "allow_unknown_price"


def test_no_script_sets_allow_unknown_price(tmp_path: Path) -> None:
    policy = WorkerPolicy(manage="all", overrides=("allow_unknown_price",))
    with AIWorkerManager(tmp_path, policy=policy) as manager:
        manager.add_worker_definition(worker("w", base_config={"allow_unknown_price": True}))
        interpreter = Interpreter(sandbox=tmp_path)
        register_ai_worker_tools(interpreter, manager)
        run = runs_bodies(interpreter)
        for body in (
            'call tool.AIWorker.ExecuteStatelessTask("w", "hi", {"allow_unknown_price": true})',
            'set chat = tool.AIWorkerInstance.Spawn("w", {"allow_unknown_price": true})',
            'call tool.AIWorkerDefinition.Update("w", {"base_config": {"allow_unknown_price": false}})',
            SCRIPT.replace("KEYS", '{"base_config": {"allow_unknown_price": true}}').strip(),
        ):
            with raises_code(10, "the host says it when it defines the worker"):
                run(body)
        assert manager.get_worker_definition("w").base_config == {"allow_unknown_price": True}
        interpreter.close()
