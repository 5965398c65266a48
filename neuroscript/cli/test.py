"""``neuroscript test``: runs the tests of programs."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from time import perf_counter

from neuroscript.cancellation import CancelToken
from neuroscript.cli.host import MAX_COST, POLICY_SERVICE, check_patterns, configuration_files, make_host
from neuroscript.cli.interrupts import Interrupts
from neuroscript.cli.options import add_format, add_given, add_limits, add_policy, add_tools, environment, library_roots
from neuroscript.cli.outcomes import OutcomeReport, Tally, make_outcome_report
from neuroscript.cli.report import log_to_standard_error
from neuroscript.cli.source import read_program
from neuroscript.cli.status import CANCELLED, FAILED, NO_TESTS, OK, SYNTAX, UsageError
from neuroscript.error_text import explain
from neuroscript.errors import NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.testing.cases import SUFFIX, Case, test_files
from neuroscript.testing.coverage import Coverage
from neuroscript.testing.golden import replace_file
from neuroscript.testing.junit import junit_xml
from neuroscript.testing.models import Models, RecordingError
from neuroscript.testing.runner import Conditions, Runner
from neuroscript.testing.selection import selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from neuroscript.cli.host import Host
    from neuroscript.testing.selection import Test

SUMMARY = "run the tests of programs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add = parser.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="*",
        default=["."],
        help=f"a file of tests, or FILE::test_name for one of them; a directory stands for the files in it and below "
        f"it whose names end in {SUFFIX} (default: the working directory)",
    )
    add("-k", metavar="WORDS", type=_selection, help="only tests whose names hold these: 'cart and not slow'")
    add("-x", action="store_true", help="stop after the first test that fails")
    add("--update", action="store_true", help="write what each test emits to its golden file, instead of comparing")
    add_format(parser)
    reports = parser.add_argument_group("reports")
    reports.add_argument("--junit", metavar="FILE", help="write the outcomes as JUnit XML")
    reports.add_argument("--coverage", action="store_true", help="show which lines of the files under test were run")
    for kind, what in (("lcov", "in the format of lcov"), ("json", "as JSON"), ("html", "as a page")):
        reports.add_argument(f"--coverage-{kind}", metavar="FILE", help=f"write that {what}")
    models = parser.add_argument_group("models", "tests ask no model, unless --live says so")
    models.add_argument("--live", action="store_true", help="let tests ask the models of their workers, which may cost")
    models.add_argument("--record", metavar="FILE", help="with --live: record the replies, for --replay")
    models.add_argument("--replay", metavar="FILE", help="answer as recorded")
    add_given(parser)
    add_tools(parser)
    add_limits(parser)
    add_policy(parser)
    # Each test has a directory of its own, and nothing is streamed.
    parser.set_defaults(sandbox=None, workers=None, stream=False)


def run(options: argparse.Namespace) -> int:
    """Runs the tests; returns 1 if one failed, 3 if a file cannot be loaded, 5 if there are no tests."""
    log_to_standard_error()
    _check_together(options)
    models = _models(options)
    coverage = Coverage() if _wants_coverage(options) else None
    tally, report = Tally(), make_outcome_report(options.format)
    token, interrupts, hosts = CancelToken(), Interrupts(), _Hosts(options)
    began = perf_counter()
    with interrupts.cancelling(token.cancel):
        for path, names in _files(options.files).items():
            if token.cancelled or (options.x and (tally.failed or tally.broken)):
                break
            host = hosts.of(path)
            runner = Runner(_maker(options, host), models=models, coverage=coverage, update=options.update)
            cases = _load(runner, path, names, tally, report)
            for case in cases:
                if options.k is not None and not options.k(case.identity):
                    tally.deselected += 1
                    continue
                report.begin(case)
                outcome = runner.run(case, token)
                tally.add(outcome)
                report.outcome(outcome)
                if token.cancelled or (options.x and not outcome.passed):
                    break
    tally.seconds = perf_counter() - began
    tally.cancelled = token.cancelled
    tally.recorded = 0 if token.cancelled else _saved(models)  # then a recording is incomplete
    report.end(tally, coverage if options.coverage else None)
    _write_reports(options, tally, coverage)
    if token.cancelled:
        return interrupts.status or CANCELLED
    if tally.broken:
        return SYNTAX
    if not tally.outcomes:
        return NO_TESTS
    return FAILED if tally.failed else OK


def _load(runner: Runner, path: str, names: list[str], tally: Tally, report: OutcomeReport) -> list[Case]:
    """The tests in a file, or those of them that were named; none if it cannot be loaded, which is told."""
    program = read_program(path)
    try:
        cases = runner.collect(program)
    except NeuroScriptError as error:
        content = program.content
        text = content if isinstance(content, str) else content.decode("utf-8", "replace")
        tally.broken[path] = explain(error, {path: text})
        report.broken(path, error, tally.broken[path])
        return []
    if not names:
        return cases
    known = {case.name: case for case in cases}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}" if known else ""
            raise UsageError(f"there is no test {name!r} in {path}{hint}")
    return [known[name] for name in dict.fromkeys(names)]


def _files(arguments: list[str]) -> dict[str, list[str]]:
    """The files of tests, each with the names of the tests that are wanted; none for all.

    Raises:
        UsageError: if there is no such file.
    """
    found: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    for argument in arguments:
        path, separator, name = argument.partition("::")
        if not os.path.lexists(path):
            raise UsageError(f"there is no file or directory {path!r}")
        if os.path.isdir(path) and separator:
            raise UsageError(f"{path!r} is a directory; name a file of tests before '::'")
        for file in _in(path):
            key = seen.setdefault(os.path.realpath(file), file)
            wanted = found.get(key)
            if wanted is None:
                found[key] = [name] if separator else []
            elif separator and wanted:
                wanted.append(name)
            elif not separator:
                wanted.clear()
    return found


def _in(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        yield from test_files(path)
    else:
        yield path


class _Hosts:
    """What the files of tests are given: each what its own configuration files say, which are read once."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._made: dict[tuple[str | None, ...], Host] = {}

    def of(self, path: str) -> Host:
        """What a file of tests is given."""
        user, projects = configuration_files(path)
        key = user, *projects
        if key not in self._made:
            # What is not live costs nothing.
            self._made[key] = make_host(self._options, path, MAX_COST if self._options.live else None)
        return self._made[key]


def _maker(options: argparse.Namespace, host: Host) -> Callable[[Conditions], Interpreter]:
    """What makes the interpreters of the tests in one file."""
    checked = False

    def make(conditions: Conditions) -> Interpreter:
        nonlocal checked
        interpreter = _Quiet(
            sandbox=conditions.sandbox,
            limits=host.limits,
            emit=conditions.emit,
            on_error=conditions.on_error,
            environment=environment(host.environment),
            plugins=host.plugins,
            policy=host.tools,
            services={**conditions.services, POLICY_SERVICE: host.services[POLICY_SERVICE]},
            library_roots=library_roots(options.lib),
        )
        if options.tools:
            from neuroscript.cli.tool_modules import add_tool_modules

            add_tool_modules(interpreter, options.tools)
        if not checked:
            check_patterns(interpreter, options, host.plugins)
            checked = True
        return interpreter

    return make


class _Quiet(Interpreter):
    """An interpreter that does not log the errors of event handlers, which are failures of the test."""

    def report(self, error: NeuroScriptError, what: str, number: int = 1) -> object:
        return self.on_error(error) if self.on_error is not None else None


def _selection(text: str) -> Test:
    try:
        return selection(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} selects no tests: {error}") from None


def _check_together(options: argparse.Namespace) -> None:
    """Refuses options that exclude one another."""
    if options.record is not None and not options.live:
        raise UsageError("--record needs --live: what models reply is recorded, and without it none is asked")
    if options.replay is not None and options.live:
        raise UsageError("--replay and --live exclude each other: either the recording answers or the models do")


def _models(options: argparse.Namespace) -> Models:
    try:
        return Models(live=options.live, replay=options.replay, record=options.record)
    except RecordingError as error:
        raise UsageError(f"{'--replay' if options.replay is not None else '--record'}: {error}") from error


def _saved(models: Models) -> int:
    try:
        return models.save()
    except RecordingError as error:
        raise UsageError(f"--record: {error}") from error


def _wants_coverage(options: argparse.Namespace) -> bool:
    return bool(options.coverage or options.coverage_lcov or options.coverage_json or options.coverage_html)


def _write_reports(options: argparse.Namespace, tally: Tally, coverage: Coverage | None) -> None:
    """Writes the files that were asked for.

    Raises:
        UsageError: if one cannot be written.
    """
    texts: list[tuple[str, str | None, Callable[[], str]]] = [
        ("--junit", options.junit, lambda: junit_xml(tally.outcomes, tally.broken))
    ]
    if coverage is not None:
        texts += [
            ("--coverage-lcov", options.coverage_lcov, coverage.lcov),
            ("--coverage-json", options.coverage_json, coverage.json),
            ("--coverage-html", options.coverage_html, coverage.html),
        ]
    sys.stdout.flush()
    for flag, path, text in texts:
        if path is None:
            continue
        try:
            replace_file(path, text())
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{flag} {path!r} cannot be written: {getattr(error, 'strerror', None) or error}"
            ) from error
