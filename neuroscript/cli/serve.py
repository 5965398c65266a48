"""``neuroscript serve``: does the jobs of queues until it is told to stop."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from neuroscript.cli.app import silence_stdout
from neuroscript.cli.host import check_patterns, find_place, make_host
from neuroscript.cli.interrupts import Interrupts
from neuroscript.cli.options import (
    add_format,
    add_host,
    add_limits,
    add_policy,
    add_tools,
    environment,
    library_roots,
    sandbox_directory,
    whole_number,
)
from neuroscript.cli.report import log_to_standard_error, print_json
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import OK, UsageError
from neuroscript.interpreter import Interpreter
from neuroscript.output import one_line, shortened, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neuroscript.jobs.engine import Attempt, JobEngine, Outcome

SUMMARY = "do the jobs of work queues until told to stop"

_USUAL_MOST = 4
_GRACE = 30.0
_LONGEST = 200  # characters of an error in a line


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "--queue", metavar="NAME", action="append", required=True, help="the queue; may be given several times"
    )
    parser.add_argument(
        "--min", metavar="N", type=whole_number, help="jobs that it is always ready for (default: as the queue says)"
    )
    parser.add_argument(
        "--max", metavar="N", type=whole_number, help="jobs at once of each queue (default: as the queue says, else 4)"
    )
    parser.add_argument(
        "--grace",
        metavar="S",
        type=_seconds,
        default=_GRACE,
        help="seconds that jobs may go on when it is told to stop (default: 30)",
    )
    add_format(parser)
    add_host(parser)
    add_tools(parser)
    add_limits(parser)
    add_policy(parser)


def run(options: argparse.Namespace) -> int:
    """Serves the queues; returns the exit status."""
    if options.max == 0:
        raise UsageError("--max: it would do no job; 1 or more is wanted")
    if options.min is not None and options.max is not None and options.min > options.max:
        raise UsageError(f"--min {options.min} is more than --max {options.max}")
    log_to_standard_error()
    host = make_host(options, STDIN, None)
    place = find_place(options)
    told = _Teller(options.format)
    interrupts, stopping = Interrupts(), threading.Event()
    with Interpreter(
        sandbox=sandbox_directory(host.sandbox),
        limits=host.limits,
        environment=environment(host.environment),
        plugins=host.plugins,
        policy=host.tools,
        services=host.services,
        library_roots=library_roots(options.lib),
    ) as interpreter:
        if options.tools:
            from neuroscript.cli.tool_modules import add_tool_modules

            add_tool_modules(interpreter, options.tools)
        check_patterns(interpreter, options, host.plugins)
        from neuroscript.cli.queueing import open_host

        jobs = open_host(interpreter, place.path)
        with interrupts.cancelling(stopping.set):
            try:
                for name in dict.fromkeys(options.queue):
                    most = _check_queue(jobs.engine, name, options.max)
                    jobs.serve_named(name, least=options.min, most=most, around=told.around)
                told.line({"serving": list(dict.fromkeys(options.queue)), "directory": os.path.abspath(place.path)})
                while not stopping.wait(2.0) and not told.broken:
                    pass
                told.line({"stopping": True, "running": jobs.busy, "grace": options.grace})
                jobs.close(options.grace)
            except KeyboardInterrupt:  # a second signal
                jobs.close(0.0)
                return interrupts.status
    return OK


def _check_queue(engine: JobEngine, name: str, most: int | None) -> int | None:
    """How many jobs of a queue are done at once; says so if there is no such queue yet."""
    from neuroscript.cli.parser import did_you_mean

    queues = engine.queues(None)
    found = [queue.most for queue in queues if queue.name == name]
    if not found:
        meant = did_you_mean(name, sorted({queue.name for queue in queues}))
        line = f"neuroscript: there is no queue {name!r} yet{meant}; its jobs are done once there is one"
        write_line(sys.stderr, one_line(line))
    return most if most is not None or any(found) else _USUAL_MOST


class _Teller:
    """Tells what becomes of each attempt: a line on standard error, or one of JSON on standard output.

    Attributes:
        broken: whether nobody reads the lines of JSON any longer.
    """

    def __init__(self, format_: str) -> None:
        self._json = format_ == "jsonl"
        self._lock = threading.Lock()
        self.broken = False

    def around(self, body: Callable[[Attempt], Outcome]) -> Callable[[Attempt], Outcome]:
        """What does an attempt, and tells of it."""

        def tell(attempt: Attempt) -> Outcome:
            began = time.monotonic()
            outcome = body(attempt)
            job, error = attempt.job, outcome.error
            self.line(
                {
                    "queue": job.queue,
                    "job": job.id,
                    "attempt": job.attempt,
                    "state": outcome.state,
                    "seconds": round(time.monotonic() - began, 3),
                    "cost": outcome.measures.get("cost", 0.0),
                    "error": dict(error) if error is not None else None,
                    "retry": outcome.retry,
                    "waits_for": outcome.waits_for,
                }
            )
            return outcome

        return tell

    def line(self, row: dict[str, object]) -> None:
        """Tells something."""
        with self._lock:
            if not self._json:
                write_line(sys.stderr, _text_of(row))
                sys.stderr.flush()
                return
            if self.broken:
                return
            try:
                print_json(row)
                sys.stdout.flush()
            except BrokenPipeError:
                self.broken = True
                silence_stdout()


def _text_of(row: dict[str, object]) -> str:
    now = time.strftime("%H:%M:%S")
    if "serving" in row:
        names = row["serving"]
        assert isinstance(names, list)
        return one_line(f"{now} serving {', '.join(names)} in {row['directory']}")
    if "stopping" in row:
        return f"{now} stopping; {row['running']} jobs have {row['grace']:g} s to end"
    what = f"{now} {row['queue']} {row['job']} {row['state']} after {row['seconds']:.2f} s"
    cost, error = row["cost"], row["error"]
    if cost:
        what += f", cost {cost:.4f}"
    if isinstance(error, dict):
        what += f": error {error['code']} ({error['name']}): {shortened(str(error['message']), _LONGEST)}"
        what += "; it may be attempted again" if row["retry"] else ""
    if row["waits_for"]:
        what += f": it waits for {row['waits_for']}"
    return one_line(what)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of seconds such as 30 is wanted, not {text!r}")
    return number
