"""Fixtures of the tests of tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from neuroscript import Interpreter
from neuroscript.program_text import ProgramText
from neuroscript.testing.coverage import Coverage
from neuroscript.testing.runner import Conditions, Outcome, Runner

RunTests = Callable[..., dict[str, Outcome]]


def interpreter_of(conditions: Conditions) -> Interpreter:
    """An interpreter without plugins."""
    return Interpreter(
        sandbox=conditions.sandbox,
        emit=conditions.emit,
        on_error=conditions.on_error,
        plugins=False,
        limits={"max_steps": 100_000},
    )


@pytest.fixture
def outcomes(tmp_path: Path) -> RunTests:
    """Runs the tests of a text, and gives their outcomes by name."""

    def run(text: str, *, coverage: Coverage | None = None, update: bool = False) -> dict[str, Outcome]:
        path = tmp_path / "some_test.ns"
        path.write_text(text, encoding="utf-8")
        runner = Runner(interpreter_of, coverage=coverage, update=update)
        cases = runner.collect(ProgramText(text, "some_test.ns", str(path)))
        return {case.name: runner.run(case) for case in cases}

    return run
