"""Runs tests: each in an interpreter of its own, with a temporary directory of its own as sandbox."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from neuroscript.cancellation import CancelToken
from neuroscript.error_text import explain
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.output import whole_text
from neuroscript.program_text import ProgramText
from neuroscript.records import field, record
from neuroscript.runtime.assertions import Probes
from neuroscript.testing import golden
from neuroscript.testing.cases import SETUP, TEARDOWN, Case, cases_in
from neuroscript.testing.coverage import Coverage
from neuroscript.testing.differences import explain_operands
from neuroscript.testing.models import Models
from neuroscript.uses import used_texts
from neuroscript.values import text_of

PASSED = "passed"
FAILED = "failed"


@record(frozen=True)
class Conditions:
    """What an interpreter is made with for one test.

    Attributes:
        sandbox: the path of its directory.
        emit: gets what is emitted.
        on_error: gets the errors of event handlers.
        services: what plugins find.
    """

    sandbox: str
    emit: Callable[[Any], object]
    on_error: Callable[[NeuroScriptError], object]
    services: Mapping[str, Any]


MakeInterpreter = Callable[[Conditions], Interpreter]


@record(frozen=True)
class Failure:
    """What failed in a test.

    Attributes:
        phase: ``setup``, ``test``, ``teardown``, ``event handler`` or ``output``.
        text: the explanation, of some lines.
        error: the error; None where the output is not what it should be.
    """

    phase: str
    text: str
    error: NeuroScriptError | None = None


@record()
class Outcome:
    """How a test ended.

    Attributes:
        case: the test.
        seconds: how long it took.
        failures: what failed in it; none if it passed.
        emitted: the texts that it emitted.
        golden: what was done to its golden file: ``written``, ``removed``, or an empty text.
        cancelled: whether it was ended by the person who runs the tests.
    """

    case: Case
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    emitted: list[str] = field(default_factory=list)
    golden: str = ""
    cancelled: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def word(self) -> str:
        """``passed`` or ``failed``."""
        return PASSED if self.passed else FAILED


class Runner:
    """Runs tests.

    Args:
        make: makes the interpreter of each test.
        models: who answers for models.
        coverage: notes which lines are run; None: nobody wants to know.
        update: whether golden files are written, rather than compared with.
    """

    def __init__(
        self,
        make: MakeInterpreter,
        *,
        models: Models | None = None,
        coverage: Coverage | None = None,
        update: bool = False,
    ) -> None:
        self._make = make
        self._models = models if models is not None else Models()
        self._coverage = coverage
        self._update = update
        if coverage is not None:
            self._probes = Probes(coverage.note, coverage.add_lines)
        else:
            self._probes = Probes()

    def collect(self, program: ProgramText) -> list[Case]:
        """The tests in a file.

        Raises:
            NeuroScriptError: as `cases_in` does.
        """
        with tempfile.TemporaryDirectory(prefix="neuroscript-test-") as directory:
            conditions = Conditions(directory, lambda value: None, lambda error: None, self._models.services(""))
            with self._make(conditions) as interpreter:
                self._probe(interpreter, program)
                return cases_in(interpreter, program)

    def run(self, case: Case, cancel: CancelToken | None = None) -> Outcome:
        """Runs a test.

        Args:
            case: the test.
            cancel: ends it when it is cancelled.
        """
        token = cancel if cancel is not None else CancelToken()
        outcome = Outcome(case)
        handlers: list[NeuroScriptError] = []
        began = perf_counter()
        with tempfile.TemporaryDirectory(prefix="neuroscript-test-") as directory:
            conditions = Conditions(
                directory,
                lambda value: outcome.emitted.append(whole_text(text_of(value))),
                handlers.append,
                self._models.services(case.short_identity),
            )
            with self._make(conditions) as interpreter:
                self._probe(interpreter, case.program)
                for phase, error in self._phases(interpreter, case, token, handlers):
                    outcome.failures.append(Failure(phase, _explained(error, interpreter, case.program), error))
                    outcome.cancelled |= error.code == ErrorCode.CANCELLED and token.cancelled
                if self._coverage is not None:
                    self._coverage.add_texts(used_texts(interpreter))
        if outcome.passed:
            self._check_output(outcome)
        outcome.seconds = perf_counter() - began
        return outcome

    def _probe(self, interpreter: Interpreter, program: ProgramText) -> None:
        if self._coverage is not None:
            self._coverage.leave_out(program.name)
        interpreter.loader.probe(self._probes)

    def _phases(
        self, interpreter: Interpreter, case: Case, token: CancelToken, handlers: list[NeuroScriptError]
    ) -> list[tuple[str, NeuroScriptError]]:
        """Runs ``setup``, the test and ``teardown``; gives what failed, with the phase."""
        failed: list[tuple[str, NeuroScriptError]] = []
        prepared: Any = None
        try:
            interpreter.load(case.program)
            if case.setup:
                prepared = interpreter.run(SETUP, cancel=token)
        except NeuroScriptError as error:
            failed.append((SETUP, error))
        else:
            try:
                interpreter.run(case.name, *([prepared] if case.takes_setup else []), cancel=token)
            except NeuroScriptError as error:
                failed.append(("test", error))
            if case.teardown and not token.cancelled:
                try:
                    interpreter.run(TEARDOWN, *([prepared] if case.teardown_takes_setup else []), cancel=token)
                except NeuroScriptError as error:
                    failed.append((TEARDOWN, error))
        return failed + [("event handler", error) for error in handlers]

    def _check_output(self, outcome: Outcome) -> None:
        """Compares what was emitted with the golden file, or writes that."""
        try:
            if self._update:
                outcome.golden = golden.update(outcome.case, outcome.emitted)
                return
            difference = golden.compare(outcome.case, outcome.emitted)
        except golden.GoldenFileError as error:
            outcome.failures.append(Failure("output", str(error)))
            return
        if difference:
            text = f"the output differs from {golden.golden_path(outcome.case)}; --update writes it anew\n{difference}"
            outcome.failures.append(Failure("output", text))


def _explained(error: NeuroScriptError, interpreter: Interpreter, program: ProgramText) -> str:
    """An error with the script's line, its stack, and the values that a failed assertion was about."""
    content = program.content
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    rows = [explain(error, {**used_texts(interpreter), program.name: text})]
    return "\n".join(rows + [f"  {row}" for row in explain_operands(error.operands)])
