"""Attacks on the state that is kept: making it unreadable, or reading what is not for scripts.

What file tools reach of it is attacked in `test_protected_files` and `test_filesystem`.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_wm import AIWorkerManager
from ai_wm.scripts.access import ScriptAccess
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code, worker
from tests.attacks.world import World, adding
from tests.user_key import key_file

MOMENT = "2025-06-15T09:30:00Z"

NASTY: dict[str, Any] = {
    "no number": float("nan"),
    "no end": float("inf"),
    "a large number": 10**400,
    "more than 64 bits": 2**63,
    "minus zero": -0.0,
    "half a character": "\udc00",
    "a NUL": "a\0b",
    "line ends": "a\r\nb\u2028c",
    "an escape": "\x1b[2J\x1b]0;owned\x07",
    "a formula": "=HYPERLINK(1)",
    "nothing": "",
    "nil": None,
    "deep": json.loads("[" * 99 + "]" * 99),
    "a map with odd keys": {"": 1, "__proto__": 2, "a.b": 3, "\udc00": 4},
    "the key of the older form": {"aiWorkerDefinitions": []},
}


def attempts(access: ScriptAccess, value: Any, number: int) -> None:
    """Everything that a script can have stored, with a nasty value in it; what is refused is refused."""
    name, changed = f"w{number}", access.definitions.add(worker("changed"))
    fields = {
        "name": value,
        "definition_id": value,
        "model_name": value,
        "capabilities": [value],
        "metadata": {"k": value},
        "base_config": {"system_prompt": value, "replies": value},
        "cost_metrics": {"cost_per_call": value, "other": value},
        "rate_limits": {"max_requests_per_minute": value, "other": value},
        "default_file_contexts": [value],
        "tool_allowlist": [value],
        "auth": {"method": "inline", "value": value, "other": value},
        "data_source_refs": [value],
        "default_supervisory_ai_ref": value,
    }
    record = {"task_id": f"t{number}", "instance_id": "", "definition_id": "base", "duration_ms": 1, "success": True}
    record |= {"timestamp_start": MOMENT, "timestamp_end": MOMENT}
    logged = {
        "task_id": value,
        "instance_id": value,
        "duration_ms": value,
        "cost_incurred": value,
        "input_context": {"k": value},
        "llm_metrics": {"total_tokens": value, "k": value},
        "output_summary": value,
        "error_details": value,
        "timestamp_start": value,
        "timestamp_end": value,
    }
    for index, (field, given_) in enumerate(fields.items()):
        definition = {**worker(f"{name}-{index}"), field: given_}
        tried(lambda definition=definition: access.definitions.add(definition))
        tried(lambda field=field, given_=given_: access.definitions.update(changed, {field: given_}))
    tried(lambda: access.definitions.update(changed, {str(value): value}))
    for index, (field, given_) in enumerate(logged.items()):
        fields_ = {**record, "task_id": f"t{number}-{index}", field: given_}
        tried(lambda fields_=fields_: access.records.log(fields_))
    tried(lambda: access.records.log(record))
    tried(lambda: access.records.judge(f"t{number}", value, "", "", ""))
    tried(lambda: access.records.judge(f"t{number}", 1.0, value, value, value))
    session = access.instances.spawn("base", None, None)
    tried(lambda: access.instances.set_status(session.instance_id, "error", value))
    tried(lambda: access.instances.add_usage(session.instance_id, value, value))
    usage = {"input_tokens": value, "other": value}
    for extra in (
        {"usage": usage},
        {"records": [{**record, "task_id": f"r{number}", "llm_metrics": {"k": value}}]},
        {},
    ):
        given_args = {"reason": "", "final_status": "x", "usage": None, "records": None, **extra}
        tried(lambda given_args=given_args: access.instances.retire(session.instance_id, **given_args))


def tried(attempt: Any) -> None:
    with contextlib.suppress(NeuroScriptError):  # nothing else may come of it
        attempt()


@pytest.mark.parametrize("what", NASTY)
def test_no_value_that_was_taken_makes_a_start_fail(tmp_path: Path, what: str) -> None:
    """A script had something stored that was acknowledged, and after that no manager started in the directory."""
    with AIWorkerManager(tmp_path) as manager:
        access = manager.script_access("me")
        access.definitions.add(worker("base"))
        attempts(access, NASTY[what], 0)
        before = [(item.definition_id, item.to_file()) for item in manager.list_worker_definitions()]
        summary = manager.performance_summary("base")
    with AIWorkerManager(tmp_path) as manager:
        after = [(item.definition_id, item.to_file()) for item in manager.list_worker_definitions()]
        for (old_id, old), (new_id, new) in zip(before, after, strict=True):
            for form in (old, new):
                form.pop("aggregatePerformanceSummary", None)
            assert (old_id, old) == (new_id, new)
        assert manager.performance_summary("base").total_tasks_attempted == summary.total_tasks_attempted
        manager.load_performance_data()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nor_does_any_other(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    test_no_value = tmp_path_factory.mktemp("any")
    with AIWorkerManager(test_no_value) as manager:
        access = manager.script_access("me")
        access.definitions.add(worker("base"))
        attempts(access, value, 0)
    with AIWorkerManager(test_no_value) as manager:
        assert manager.get_worker_definition("base").owner == "me"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_key_of_the_marks_is_for_the_user_alone(world: World) -> None:
    """Another user of the machine read the key, and made marks of the host's."""
    world.host_adds(world.manager())
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file().parent.stat().st_mode) == 0o700
    assert not key_file().is_relative_to(world.directory)


def test_no_mark_and_no_owner_is_seen_by_a_script(world: World) -> None:
    """A script read the mark of a definition, or the real path of another sandbox."""
    manager = world.manager()
    world.host_adds(manager)
    mark = manager.get_worker_definition("helper").host_mark
    script = world.script(manager)
    script.run(adding("w", provider="local", model_name="echo"))
    seen = script.run(
        'set i = tool.AIWorkerInstance.Spawn("w")\nset r = tool.AIWorker.ExecuteStatelessTask("w", "x")\n'
        'return [i, r, tool.AIWorkerDefinition.List(), tool.AIWorkerDefinition.Get("helper"), '
        'tool.AIWorkerInstance.ListActive(), tool.AIWorker.GetPerformanceRecords("w")]'
    )
    text = repr(seen)
    assert mark not in text
    assert str(world.directory) not in text
    assert "owner" not in json.loads(json.dumps(seen[3], default=str))


def test_a_filter_asks_for_no_owner(world: World) -> None:
    """A filter that is the program's own let a script ask for another tenant's records."""
    manager = world.manager()
    manager.add_worker_definition(worker("w"))
    script = world.script(manager)
    for name in ("owners", "owner"):
        with raises_code(4):
            script.run(f'return tool.AIWorker.GetPerformanceRecords("w", {{"{name}": "x"}})')
        with raises_code(4):
            script.run(f'return tool.AIWorkerDefinition.List({{"{name}": "x"}})')
        with raises_code(4):
            script.run(f'return tool.AIWorkerInstance.ListActive({{"{name}": "x"}})')
