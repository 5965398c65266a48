"""The examples run: on the built-in models always, and against llama.cpp for every provider where it is installed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter
from neuroscript.cli import main

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ns")), ids=lambda path: path.name)
def test_nothing_is_found_in_an_example(path: Path) -> None:
    with Interpreter() as interpreter:
        assert interpreter.check(path.read_bytes(), path.name) == []


def test_a_model_calls_two_tools(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(EXAMPLES / "tools.ns")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Six times seven is 42, and the word is TIDE.",
        'called ["math.Multiply", "str.ToUpper"] in 1 round',
    ]


def test_one_program_on_the_built_in_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for attempt in (1, 2):
        assert main(["run", "--sandbox", str(tmp_path), str(EXAMPLES / "models.ns")]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[:2] == ["conversation: 4 messages", "batch: 200 of 200 answered"]
        assert lines[3].startswith(f"{203 * attempt} calls, 0 failed, ")


def run_models(
    worker: dict[str, Any], tasks: int, policy: WorkerPolicy | None = None, models: Sequence[Path] = ()
) -> list[str]:
    """What examples/models.ns emits for a worker.

    Args:
        worker: what the program is given.
        tasks: how many tasks it has.
        policy: what it may do.
        models: directories of model files.
    """
    shown: list[str] = []
    with (
        AIWorkerManager(model_directories=models) as manager,
        Interpreter(emit=shown.append, environment=()) as interpreter,
    ):
        register_ai_worker_tools(interpreter, manager, policy=policy)
        interpreter.load_file(EXAMPLES / "models.ns")
        assert interpreter.run("main", json.loads(json.dumps(worker)), tasks) == tasks
    return shown
