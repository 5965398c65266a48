from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from neuroscript import Interpreter
from tests.ai_wm.helpers import Run, manager_of, worker


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[AIWorkerManager]:
    """A manager with its files in a directory of the test's own."""
    with AIWorkerManager(sandbox_dir=tmp_path / "sandbox") as made:
        yield made


@pytest.fixture
def interpreter(tmp_path: Path) -> Iterator[Interpreter]:
    with Interpreter(sandbox=tmp_path) as made:
        yield made


@pytest.fixture
def run(interpreter: Interpreter) -> Run:
    """Runs the body of a procedure that is given a worker ``w`` of the host's on the echo model."""
    manager_of(interpreter).add_worker_definition(worker("w"))
    return runs_bodies(interpreter)


@pytest.fixture
def run_with_own(interpreter: Interpreter) -> Run:
    """Runs the body of a procedure; a worker ``w`` on the echo model was made by a script, and so is the scripts'."""
    interpreter.tools.call("AIWorkerDefinition.Add", **worker("w"), context=interpreter.host_context())
    return runs_bodies(interpreter)


def runs_bodies(interpreter: Interpreter) -> Run:
    def run_body(body: str, *args: Any) -> Any:
        signature = "(needs " + ", ".join(f"a{i}" for i in range(len(args))) + ")" if args else "()"
        interpreter.load(f"func test{signature} means\n{body}\nendfunc", replace=True)
        return interpreter.run("test", *args)

    return run_body
