"""Each field of the policy: one and the same attempt of a script, refused under one value and done under another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import Answers, scripted, worker
from tests.attacks.world import World, adding, env, world_in

ASK = 'ask "w", "x" into r\n'
LOCAL = {"provider": "local", "model_name": "echo"}
PRICED = {**LOCAL, "cost_metrics": {"cost_per_call": 3}}
COUNTED = {**LOCAL, "cost_metrics": {"cost_per_call": 0}}


def on_host(**given: Any) -> Callable[[AIWorkerManager], object]:
    """Prepares a worker of the host's."""
    return lambda manager: manager.add_worker_definition(worker("w", **given))


def nothing(manager: AIWorkerManager) -> None:
    """Prepares nothing."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """An attempt, and the values of the field under which it is refused and done.

    Args:
        script: what the script does; ``$FRIEND`` is a server that the host has not approved for it.
        refused: the value under which it is refused; None is the default.
        granted: the value under which it is done.
        code: the error of the refusal.
        says: what its message names.
        prepare: what the host does before.
        done: whether it was done, where the script by itself does not end in an error.
    """

    script: str
    granted: Any
    code: int = 10
    says: str
    refused: Any = None
    prepare: Callable[[AIWorkerManager], object] = nothing
    done: Callable[[AIWorkerManager], bool] = lambda manager: True


def made_by_a_model(manager: AIWorkerManager) -> bool:
    return any(definition.name == "made" for definition in manager.list_worker_definitions())


def unmarked(manager: AIWorkerManager) -> None:
    """Writes a definition into the file, as a repository brings one along."""
    assert manager.sandbox_dir is not None
    path = Path(manager.sandbox_dir) / "ai_worker_definitions.json"
    manager.add_worker_definition(worker("w", provider="openai", auth=env("OPENAI_API_KEY")))
    manager.save_worker_definitions_to_file()
    definitions = json.loads(path.read_text())
    for definition in definitions:
        definition.pop("hostMark", None)
    path.write_text(json.dumps(definitions))
    manager.load_worker_definitions_from_file()


def other_owner(manager: AIWorkerManager) -> None:
    """Has the scripts of another owner make a worker."""
    access = manager.script_access("team", WorkerPolicy(owner="team"))
    access.definitions.add(worker("w"))


TOOL_CALL = {
    "tool_calls": [{"name": "AIWorkerDefinition__Add", "arguments": worker("made")}],
}

ROWS: dict[str, Row] = {
    "ask": Row(
        script=ASK,
        prepare=on_host(),
        refused=("other",),
        granted=("other", "w?*", "w"),
        says="--ask",
    ),
    "manage": Row(
        script='call tool.AIWorkerDefinition.Update("w", {"status": "disabled"})',
        prepare=on_host(),
        granted="all",
        says="--manage all",
    ),
    "keys": Row(
        script=adding(auth=env("GROQ_API_KEY"), base_config={"base_url": "$FRIEND/v1"}) + "\n" + ASK,
        granted={"env:GROQ_API_KEY": ("$FRIEND",)},
        says="--allow-key",
    ),
    "origins": Row(
        script=adding(base_config={"base_url": "$FRIEND/v1"}) + "\n" + ASK,
        granted=("$FRIEND",),
        says="--allow-origin",
    ),
    "overrides": Row(
        script='ask "w", "x" with {"reasoning_effort": "low"} into r',
        prepare=on_host(),
        granted=("reasoning_effort",),
        says="--allow-setting",
    ),
    "owner": Row(script=ASK, prepare=other_owner, granted="team", code=9, says="'w'"),
    "trust_file": Row(script=ASK, prepare=unmarked, granted=True, says="neuroscript workers trust"),
    "model_tools": Row(
        script='ask "w", "x" into r\nask "w", "x" into r',
        prepare=lambda manager: manager.add_worker_definition(
            scripted("w", [TOOL_CALL, "done"], tool_allowlist=["AIWorkerDefinition.Add"])
        ),
        granted=("AIWorkerDefinition.Add",),
        code=0,
        says="",
        done=made_by_a_model,
    ),
    "max_cost_per_run": Row(
        script=ASK * 2, prepare=on_host(**PRICED), refused=5, granted=6, code=46, says="--max-cost"
    ),
    "max_tokens_per_run": Row(
        script=ASK * 2, prepare=on_host(**COUNTED), refused=5, granted=100, code=46, says="--max-tokens"
    ),
    "max_cost_per_day": Row(
        script=ASK * 2, prepare=on_host(**PRICED), refused=5, granted=6, code=46, says="max_cost_per_day"
    ),
    "max_tokens_per_day": Row(
        script=ASK * 2, prepare=on_host(**COUNTED), refused=5, granted=100, code=20, says="max_tokens_per_day"
    ),
    "max_requests_per_minute": Row(
        script=ASK * 2, prepare=on_host(), refused=1, granted=2, code=20, says="max_requests_per_minute"
    ),
    "max_concurrent_calls": Row(
        script=ASK, prepare=on_host(), refused=0, granted=1, code=20, says="max_concurrent_calls"
    ),
    "max_definitions": Row(
        script=adding("a", **LOCAL) + "\n" + adding("b", **LOCAL),
        refused=1,
        granted=2,
        says="WorkerPolicy(max_definitions=",
    ),
}
"""The fields that refuse something."""

CAPS = {
    "max_timeout_seconds": ("timeout_seconds", 600, 1000),
    "max_limit_wait_seconds": ("limit_wait_seconds", 600, 1000),
    "max_tool_rounds": ("max_tool_rounds", 8, 10),
    "max_retries": ("max_retries", 5, 7),
}
"""The fields that lower a setting of a script's: the setting, what the default lets it be, and what it asks for."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as made:
        yield made


def test_every_field_has_its_attempt() -> None:
    assert set(ROWS) | set(CAPS) == {each.name for each in fields(WorkerPolicy)}


def placed(value: Any, url: str) -> Any:
    """A value with the address of the server in it."""
    if isinstance(value, dict):
        return {key: placed(item, url) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(placed(item, url) for item in value)
    return value.replace("$FRIEND", url) if isinstance(value, str) else value


@pytest.mark.parametrize("name", ROWS)
def test_what_one_value_refuses_another_grants(world: World, tmp_path: Path, name: str) -> None:
    row = ROWS[name]
    for number, value in enumerate((row.refused, row.granted)):
        world.directory = tmp_path / f"sandbox{number}"
        world.directory.mkdir()
        policy = WorkerPolicy()
        if number or row.refused is not None:
            policy = replace(policy, **{name: placed(value, world.friend.url)})
        with AIWorkerManager(world.directory, environ=world.environ, config_dir=world.config) as manager:
            row.prepare(manager)
            script = world.script(manager, policy)
            if number:
                script.run(row.script)
                assert row.done(manager)
            elif row.code:
                with pytest.raises(NeuroScriptError) as caught:
                    script.run(row.script)
                assert (int(caught.value.code), row.says in caught.value.message) == (row.code, True), caught.value
                assert world.friend.received == []
            else:
                script.run(row.script)
                assert not row.done(manager)
            script.interpreter.close()


@pytest.mark.parametrize("name", CAPS)
def test_what_one_value_lowers_another_lets_through(world: World, name: str) -> None:
    setting, most, wanted = CAPS[name]
    client = Answers()
    manager = world.manager(clients={"mine": client})
    manager.add_worker_definition(worker("w", provider="mine"))
    text = f'ask "w", "x" with {{"{setting}": {wanted}}} into r'
    world.script(manager).run(text)
    world.script(manager, replace(WorkerPolicy(), **{name: wanted})).run(text)
    assert [request.config[setting] for request in client.requests] == [most, wanted]
