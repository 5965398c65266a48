"""The pytest plugin: collects ``*_test.ns`` files, each test as an item of its own.

Tests run as ``neuroscript test`` runs them.  A ``conftest.py`` may give their interpreters tools, with the hook
``pytest_neuroscript_interpreter(interpreter)``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from neuroscript.output import visible
from neuroscript.testing.cases import SUFFIX

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.testing.cases import Case
    from neuroscript.testing.models import Models
    from neuroscript.testing.runner import Conditions, Outcome, Runner


class Hooks:
    """The hooks that a ``conftest.py`` may implement."""

    @staticmethod
    def pytest_neuroscript_interpreter(interpreter: Interpreter) -> None:
        """Called with the interpreter of each test before its file is loaded, to give it tools, fakes, globals."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declares the hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options."""
    group = parser.getgroup("neuroscript", "NeuroScript tests (*_test.ns)")
    add = group.addoption
    add("--ns-update", action="store_true", help="write what each test emits to its golden file, instead of comparing")
    add("--ns-live", action="store_true", help="let tests ask the models of their workers, which may cost")
    add("--ns-record", metavar="FILE", help="with --ns-live: record the replies, for --ns-replay")
    add("--ns-replay", metavar="FILE", help="answer as recorded")
    add("--ns-lib", metavar="DIR", action="append", default=[], help="a directory that programs may use files from")


_MODELS = pytest.StashKey["Models"]()


def pytest_configure(config: pytest.Config) -> None:
    """Checks the options about models before anything is collected."""
    live, record, replay = (config.getoption(f"--ns-{name}") for name in ("live", "record", "replay"))
    if record is not None and not live:
        raise pytest.UsageError("--ns-record needs --ns-live: without it no model replies")
    if record is not None and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--ns-record writes one file, and the processes of -n would each write it; use -n 0")
    if replay is not None and live:
        raise pytest.UsageError("--ns-replay and --ns-live exclude each other")
    if live or replay is not None:
        with _usage_errors():
            config.stash[_MODELS] = _models(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects a file of tests."""
    if not file_path.name.endswith(SUFFIX):
        return None
    file: NeuroScriptFile = NeuroScriptFile.from_parent(parent, path=file_path)
    return file


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the replies that were recorded."""
    models = session.config.stash.get(_MODELS, None)
    if models is not None:
        with _usage_errors():
            models.save()


class NeuroScriptFile(pytest.File):
    """A file of tests."""

    def collect(self) -> Iterator[NeuroScriptItem]:
        """The tests in the file."""
        from neuroscript.program_text import ProgramText
        from neuroscript.testing.runner import Runner

        program = ProgramText(self.path.read_bytes(), os.path.relpath(self.path, self.config.rootpath), str(self.path))
        runner = Runner(self._make, models=_models(self.config), update=self.config.getoption("--ns-update"))
        for case in runner.collect(program):
            yield NeuroScriptItem.from_parent(self, name=case.name, case=case, runner=runner)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Why the file cannot be loaded."""
        from neuroscript.error_text import explain
        from neuroscript.errors import NeuroScriptError

        if isinstance(excinfo.value, NeuroScriptError):
            return explain(excinfo.value, {})
        return super().repr_failure(excinfo)

    def _make(self, conditions: Conditions) -> Interpreter:
        from neuroscript.interpreter import Interpreter

        interpreter = Interpreter(
            sandbox=conditions.sandbox,
            emit=conditions.emit,
            on_error=conditions.on_error,
            services=conditions.services,
            library_roots=self.config.getoption("--ns-lib"),
        )
        # The proxy knows the conftest.py files that hold for this file.
        self.ihook.pytest_neuroscript_interpreter(interpreter=interpreter)
        return interpreter


class NeuroScriptItem(pytest.Item):
    """A test."""

    def __init__(self, *, case: Case, runner: Runner, **more: Any) -> None:
        super().__init__(**more)
        self.case = case
        self.runner = runner

    def runtest(self) -> None:
        """Runs the test."""
        outcome = self.runner.run(self.case)
        if outcome.emitted:
            self.add_report_section("call", "emit", visible("\n".join(outcome.emitted)))
        if not outcome.passed:
            raise FailedTest(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Why the test failed."""
        if isinstance(excinfo.value, FailedTest):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test is."""
        return self.path, self.case.line - 1, self.name


class FailedTest(Exception):
    """A test that failed; the text says why."""

    def __init__(self, outcome: Outcome) -> None:
        texts = [
            failure.text if failure.phase in ("test", "output") else f"in {failure.phase}:\n{failure.text}"
            for failure in outcome.failures
        ]
        super().__init__(visible("\n".join(texts)))


def _models(config: pytest.Config) -> Models:
    """Who answers for models in this session."""
    found = config.stash.get(_MODELS, None)
    if found is None:
        from neuroscript.testing.models import Models

        live, record, replay = (config.getoption(f"--ns-{name}") for name in ("live", "record", "replay"))
        found = config.stash[_MODELS] = Models(live=live, record=record, replay=replay)
    return found


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Context manager in which a file of recorded replies that cannot be used is wrong usage."""
    from neuroscript.testing.models import RecordingError

    try:
        yield
    except RecordingError as error:
        raise pytest.UsageError(str(error)) from error
