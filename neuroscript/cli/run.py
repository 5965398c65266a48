"""``neuroscript run``: loads a program, fires events, and runs its procedure or its command blocks."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from neuroscript.cancellation import CancelToken
from neuroscript.cli.app import silence_stdout
from neuroscript.cli.host import (
    JOBS_PIECE,
    JOBS_SERVICE,
    MAX_COST,
    check_patterns,
    make_host,
    settings_of,
    workers_place,
)
from neuroscript.cli.interrupts import Interrupts
from neuroscript.cli.journaling import add_journal, check_sandbox, open_journal
from neuroscript.cli.options import (
    add_format,
    add_host,
    add_limits,
    add_policy,
    add_tools,
    environment,
    file_ending,
    json_value,
    library_roots,
    sandbox_directory,
)
from neuroscript.cli.report import log_to_standard_error, make_report
from neuroscript.cli.source import STDIN, read_program, read_source, text_of_program, texts_of
from neuroscript.cli.status import BROKEN_PIPE, CANCELLED, FAILED, OK, SUSPENDED, SYNTAX, UsageError
from neuroscript.errors import ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.interpreter import Interpreter
from neuroscript.records import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import logging
    from collections.abc import Callable
    from typing import Any

    from neuroscript.cli.report import Report
    from neuroscript.jobs.access import JobAccess
    from neuroscript.journal import Journal
    from neuroscript.program_text import ProgramText
    from neuroscript.streaming import StreamEvent

DEFAULT_ENTRY = "main"
SUMMARY = "run a program"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("file", metavar="FILE", help="the program; - reads it from standard input")
    add_seeing(parser)
    parser.add_argument(
        "--stream",
        action="store_true",
        help='show the models\' replies while they come: on standard error, or as lines {"delta": text, …}',
    )
    parser.add_argument(
        "--explain-policy",
        action="store_true",
        help="say what the program may do, and why; run nothing",
    )
    add_format(parser)
    add_run(parser)


def add_seeing(parser: argparse.ArgumentParser) -> None:
    """Adds the options that show what the run does."""
    seeing = parser.add_argument_group("seeing the run", "what they show goes to standard error, or to a file")
    seeing.add_argument("--trace", action="store_true", help="show each statement, and the values that it sets")
    seeing.add_argument(
        "--profile",
        metavar="OUT.json",
        nargs="?",
        const="",
        type=file_ending(".json"),
        help="show which lines and tools took how long; with a file, write it for speedscope too",
    )
    seeing.add_argument(
        "--timeline",
        metavar="OUT.html",
        type=file_ending(".html"),
        help="write a page that shows which model was asked what, when, and at what cost",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds the options for what is run of a program, and what it is given."""
    parser.add_argument(
        "--entry", metavar="NAME", help="the procedure of a library to run, whose result is shown (default: main)"
    )
    parser.add_argument(
        "--args",
        metavar="JSON",
        help='the procedure\'s arguments: by position \'[1, "two"]\', or by name \'{"count": 1, "name": "two"}\'',
    )
    parser.add_argument(
        "--event",
        metavar="NAME[=JSON]",
        action="append",
        default=[],
        help="an event to fire before the run, with its payload; may be given several times",
    )
    add_host(parser)
    add_tools(parser)
    add_limits(parser)
    add_policy(parser)
    add_journal(parser)


@record()
class Surroundings:
    """What a program is run with, besides what its options say.

    Attributes:
        report: where its values and its end go; None: where the options say.
        token: ends everything that the command runs; None: one of its own.
        prepare: gets the interpreter before anything is loaded.
        prompt: answers ``promptuser``; None: the person at the terminal does.
        services: what plugins find besides what the host grants.
    """

    report: Report | None = None
    token: CancelToken | None = None
    prepare: Callable[[Interpreter], object] | None = None
    prompt: Callable[[str], str] | None = None
    services: dict[str, Any] = field(default_factory=dict)


def run(options: argparse.Namespace) -> int:
    """Runs the program; returns the exit status."""
    if options.explain_policy:
        from neuroscript.cli.explanation import explain_policy

        if options.file != STDIN:
            read_source(options.file)  # which tells if there is no such program
        settings = settings_of(options, options.file, MAX_COST)
        return explain_policy(settings, workers_place(options, settings), options.format)
    if options.trace or options.profile is not None or options.timeline is not None:
        from neuroscript.cli.observing import observed

        return observed(
            options, lambda prepare, services: run_program(options, Surroundings(prepare=prepare, services=services))
        )
    return run_program(options, Surroundings())


def run_program(options: argparse.Namespace, surroundings: Surroundings) -> int:
    """Runs the program that the options name; returns the exit status."""
    host = make_host(options, options.file, MAX_COST)
    program = read_program(options.file)
    arguments = None if options.args is None else _arguments(options.args)
    events = [_event(text) for text in options.event]
    journal = open_journal(options, events)
    if journal is not None:
        check_sandbox(journal, options.run_id, host.sandbox)
    job = _Job(program, options.entry, arguments, events, options.run_id, journal)
    interrupts = Interrupts()
    queues = _Queues(options, journal)
    report = surroundings.report or make_report(options.format, show_result=options.entry is not None)
    sink = _Sink(report, surroundings.token or CancelToken())
    with (
        journal or nullcontext(),
        _Host(
            sandbox=sandbox_directory(host.sandbox),
            limits=host.limits,
            emit=sink.emit,
            on_error=sink.note_failure,
            on_stream=sink.stream if host.stream else None,
            # Where the program itself comes from standard input, no answer can.
            prompt=surroundings.prompt or (None if options.file == STDIN else interrupts.ask),
            environment=environment(host.environment),
            plugins=host.plugins,
            policy=host.tools,
            cache=True,
            services={**host.services, JOBS_SERVICE: queues, **surroundings.services},
            library_roots=library_roots(options.lib),
        ) as interpreter,
    ):
        sink.interpreter = queues.interpreter = interpreter
        interpreter.on_pieces(JOBS_PIECE, apply=queues.acknowledge)
        if surroundings.prepare is not None:
            surroundings.prepare(interpreter)
        if options.tools:
            from neuroscript.cli.tool_modules import add_tool_modules

            add_tool_modules(interpreter, options.tools)
        check_patterns(interpreter, options, host.plugins)
        if journal is not None:
            _tell_of_end(journal, options.run_id, sink.report)
        try:
            with interrupts.cancelling(sink.token.cancel):
                result = job.run(interpreter, sink.token)
        except NeuroScriptError as error:
            return _failed(error, job, interpreter, sink, interrupts)
        except KeyboardInterrupt:
            cancelled = NeuroScriptError(ErrorCode.CANCELLED, "the run was cancelled")
            return _failed(cancelled, job, interpreter, sink, interrupts)
        sink.report.result(result)
    return FAILED if sink.failed else OK


def _failed(error: NeuroScriptError, job: _Job, interpreter: Interpreter, sink: _Sink, interrupts: Interrupts) -> int:
    if sink.broken:
        return BROKEN_PIPE
    sink.report.error(error, {**texts_of(interpreter), job.program.name: text_of_program(job.program)})
    if isinstance(error, NeuroScriptSyntaxError) and not error.stack:  # else a text that the running program loads
        return SYNTAX
    if job.is_suspended(error):
        return SUSPENDED
    if error.code == ErrorCode.CANCELLED:
        return interrupts.status or CANCELLED
    return FAILED


def _tell_of_end(journal: Journal, run_id: str, report: Report) -> None:
    """Tells that a run has returned before, so that nothing is done now."""
    from neuroscript.journal.entries import RETURNED

    info = journal.find(run_id)
    if info is not None and info.state == RETURNED:
        report.ended_before(run_id, info.ended)


@record(frozen=True)
class _Job:
    """The run that the command line asks for: a program, its entry procedure, arguments and events, id and journal."""

    program: ProgramText
    entry: str | None
    arguments: list[Any] | dict[str, Any] | None
    events: list[tuple[str, Any]]
    run_id: str | None = None
    journal: Journal | None = None

    def is_suspended(self, error: NeuroScriptError) -> bool:
        """Whether an error tells that the run waits for a person, which no error of a script can pretend."""
        if self.journal is None or self.run_id is None or "suspended" not in error.details:
            return False
        return self.journal.run(self.run_id).state == "suspended"

    def run(self, interpreter: Interpreter, token: CancelToken) -> Any:
        """Loads the program, fires the events, runs it, and gives its result; the token ends all that."""
        interpreter.load(self.program)
        commands = interpreter.has_commands
        if commands and (self.entry is not None or self.arguments is not None):
            raise UsageError(
                f"{self.program.name} holds command blocks; --entry and --args are for procedure libraries"
            )
        if self.journal is None:  # else they belong to the run, which fires them once
            for name, payload in self.events:
                interpreter.emit_event(name, payload, cancel=token)
        if commands:
            interpreter.run_commands(cancel=token, run_id=self.run_id, journal=self.journal)
            return None
        entry = self.entry or DEFAULT_ENTRY
        positional: list[Any] = []
        named: dict[str, Any] = {}
        if isinstance(self.arguments, dict):
            named = self.arguments
            for name in ("cancel", "run_id", "journal"):
                if name in named:  # which is the name of an argument of `Interpreter.run`
                    raise UsageError(f"--args: a parameter of the name {name} gets its value by position: write a list")
        else:
            positional = self.arguments or []
        return interpreter.run(entry, *positional, cancel=token, run_id=self.run_id, journal=self.journal, **named)


class _Queues:
    """What gives the tools for jobs their queues, which are opened when a program uses them for the first time."""

    def __init__(self, options: argparse.Namespace, journal: Journal | None) -> None:
        self.interpreter: Interpreter | None = None
        self._options = options
        self._journal = journal
        self._access: JobAccess | None = None

    def __call__(self) -> JobAccess:
        """The queues as the program reaches them."""
        if self._access is None:
            from neuroscript.cli.queueing import open_queues

            assert self.interpreter is not None
            self._access = open_queues(self.interpreter, self._options, self._journal)
        return self._access

    def acknowledge(self, what: str) -> None:
        """Takes note of the end of a job that an earlier start of the run was told of."""
        self().acknowledge(what)


class _Host(Interpreter):
    """The interpreter of the command.

    Errors that end no run, such as an event handler's, are reported to the log, and that is standard error here.
    `logging` takes as long to import as a short program to run, so it waits until something may be logged.
    """

    @property
    def log(self) -> logging.Logger:
        log_to_standard_error()
        return super().log

    def load_plugins(self) -> None:
        if self.wants_plugins:
            log_to_standard_error()
        super().load_plugins()


class _Sink:
    """The emit sink.  A reader that went away cancels the run instead of failing in the middle of the script."""

    def __init__(self, report: Report, token: CancelToken) -> None:
        self.report = report
        self.interpreter: Interpreter | None = None
        self.token = token  # of everything that the command runs
        self.broken = False
        self.failed = False  # whether an event handler has failed, which ends no run

    def note_failure(self, error: NeuroScriptError) -> None:
        """Notes that an event handler has failed; the log tells of it."""
        self.failed = True

    def emit(self, value: Any) -> None:
        """Prints an emitted value."""
        again = self.interpreter is not None and self.interpreter.is_replaying
        self._print(partial(self.report.emit, again=again) if again else self.report.emit, value)

    def stream(self, event: StreamEvent) -> None:
        """Prints what an event of a model's reply tells."""
        self._print(self.report.stream, event)

    def _print(self, print_: Callable[[Any], None], value: Any) -> None:
        if self.broken:
            return
        try:
            print_(value)
        except BrokenPipeError:
            self.broken = True
            silence_stdout()
            self.token.cancel()


def _arguments(text: str) -> list[Any] | dict[str, Any]:
    value = json_value(text, "--args")
    if not isinstance(value, list | dict):
        wanted = "'[1, \"two\"]', or a JSON object of names and values, such as '{\"count\": 1}'"
        raise UsageError(f"--args: a JSON list is wanted, such as {wanted}, not {text!r}")
    return value


def _event(text: str) -> tuple[str, Any]:
    name, separator, payload = text.partition("=")
    if not name:
        raise UsageError(f"--event: a name is wanted before '=' in {text!r}")
    return name, json_value(payload, f"--event {name}") if separator else None
