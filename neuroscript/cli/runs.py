"""``neuroscript runs``: the runs of a journal, and what a person decides of them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import nullcontext

from neuroscript.cli.actions import PAUSE, add_actions, said, table
from neuroscript.cli.app import find, make_parser
from neuroscript.cli.host import SANDBOX_FLAG, WORKERS_VARIABLE, find_place, services_of
from neuroscript.cli.journaling import DIRECTORY, WHERE, directory_option
from neuroscript.cli.options import json_value
from neuroscript.cli.parser import did_you_mean
from neuroscript.cli.report import print_json
from neuroscript.cli.status import OK, UsageError
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.output import one_line, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

    from neuroscript.jobs import JobEngine
    from neuroscript.journal import Journal, RunInfo

SUMMARY = "list the runs that survive, and decide about those that wait"

_CALLS = 40  # that are shown unless all are wanted
_DAY = 24 * 60 * 60  # seconds


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_actions(parser, _ACTIONS, "the runs were started")


def run(options: argparse.Namespace) -> int:
    """Does what the action says; returns the exit status."""
    from neuroscript.journal import Journal
    from neuroscript.sandbox.protection import JOURNAL_DIRECTORY

    place = find_place(options)
    if not os.path.isdir(os.path.join(place.path, JOURNAL_DIRECTORY)):
        raise UsageError(f"there are no runs in {place.path}; name the directory: --workers DIR or --sandbox DIR")
    with Journal.open(place.path) as journal:
        work = _ACTIONS[options.action][2]
        if work is not _resume:
            return work(journal, options)
        command = _command_of(journal, options.run)
    return _resume_with(command, options, place.path)


# --- looking ----------------------------------------------------------------------------------------------------------


def _declare_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", metavar="STATE", help="only runs in this state, such as suspended")
    parser.add_argument("--jobs", action="store_true", help="also runs of jobs of queues that have returned")
    parser.add_argument("--follow", action="store_true", help="go on, and show each run whose state changes")


def _list(journal: Journal, options: argparse.Namespace) -> int:
    from neuroscript.cli.run_views import STATES, run_map, runs_table, state_of
    from neuroscript.jobs.views import read_run_id
    from neuroscript.journal.entries import RETURNED

    if options.state is not None and options.state not in STATES:
        hint = did_you_mean(options.state, STATES)
        raise UsageError(f"there is no state {options.state!r} of a run{hint}; they are {', '.join(STATES)}")

    def is_jobs(info: RunInfo) -> bool:
        return read_run_id(info.run_id) is not None

    shows_jobs = options.jobs or options.state is not None
    shown: dict[str, tuple[str, int]] = {}
    while True:
        found = []
        for info in sorted(journal.runs(), key=is_jobs):
            state = state_of(info, info.state == "running" and journal.is_going_on(info.run_id))
            seen = (state, info.starts)
            is_shown = shows_jobs or state != RETURNED or not is_jobs(info)
            if is_shown and options.state in (None, state) and shown.get(info.run_id) != seen:
                found.append((info, state))
            shown[info.run_id] = seen
        if options.format == "jsonl":
            for info, state in found:
                print_json(run_map(info, state))
        elif found:
            for line in runs_table(found, journal):
                write_line(sys.stdout, line)
        sys.stdout.flush()
        if not options.follow:
            return OK
        time.sleep(PAUSE)


def _declare_show(parser: argparse.ArgumentParser) -> None:
    _declare_run(parser)
    parser.add_argument("--all", action="store_true", help=f"show all calls, not only the last {_CALLS}")
    parser.add_argument("--follow", action="store_true", help="go on until the run ends, and show each call as it does")


def _show(journal: Journal, options: argparse.Namespace) -> int:
    from neuroscript.cli.run_views import entry_map, run_lines, run_map, state_of
    from neuroscript.journal.entries import RUNNING, path_text

    shown: dict[Any, str] = {}
    first = True
    while True:
        going_on = journal.is_going_on(options.run)
        info, entries = journal.run(options.run), journal.entries(options.run)
        state = state_of(info, going_on)
        new = [entry for entry in entries if shown.get(entry.path) != entry.state]
        shown.update((entry.path, entry.state) for entry in entries)
        if options.format == "jsonl":
            if first:
                print_json({"run": run_map(info, state)})
            for entry in new:
                print_json(entry_map(info, entry))
        elif first:
            for line in run_lines(info, state, entries, None if options.all else _CALLS, directory_option(options)):
                write_line(sys.stdout, line)
        else:
            for line in table([(path_text(entry.path), entry.tool, entry.state) for entry in new] or [("",)]):
                if line:
                    write_line(sys.stdout, one_line(line))
        sys.stdout.flush()
        first = False
        if not options.follow or info.state != RUNNING or not going_on:
            return OK
        time.sleep(PAUSE)


# --- deciding ---------------------------------------------------------------------------------------------------------


def _declare_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the id of the run")


def _declare_answer(parser: argparse.ArgumentParser) -> None:
    _declare_run(parser)
    parser.add_argument(
        "path", metavar="CALL", nargs="?", default="", help="the call that waits, such as 3/1, if there are several"
    )
    parser.add_argument("--by", metavar="NAME", default="", help="who decides (default: the user)")
    parser.add_argument("--why", metavar="TEXT", default="", help="what is said about it")


def _approve(journal: Journal, options: argparse.Namespace) -> int:
    journal.approve(options.run, options.path, by=options.by, why=options.why)
    return _decided(journal, options, "approved")


def _refuse(journal: Journal, options: argparse.Namespace) -> int:
    journal.refuse(options.run, options.path, by=options.by, why=options.why)
    return _decided(journal, options, "refused")


def _declare_cancel(parser: argparse.ArgumentParser) -> None:
    _declare_run(parser)
    parser.add_argument("--why", metavar="TEXT", default="", help="what is said about it")


def _cancel(journal: Journal, options: argparse.Namespace) -> int:
    journal.cancel(options.run, why=options.why)
    _apply_committed(journal, options)
    jobs = _cancel_jobs(journal, options)
    row = {"run_id": options.run, "decided": "cancelled", **({"jobs": jobs} if jobs else {})}
    and_jobs = f", and {jobs} {'job' if jobs == 1 else 'jobs'} with it" if jobs else ""
    return said(options, row, f"{options.run} is cancelled{and_jobs}; it is never resumed")


def _declare_remove(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("run", metavar="RUN", nargs="?", help="the id of a run that is over for good")
    which.add_argument(
        "--older-than", metavar="DAYS", type=_days, help="all runs that have been over for good for so many days"
    )


def _remove(journal: Journal, options: argparse.Namespace) -> int:
    _apply_committed(journal, options)
    if options.run is not None:
        journal.remove(options.run)
        row = {"run_id": options.run, "decided": "removed"}
        return said(options, row, f"{options.run} is removed; its id is free")
    removed = journal.remove_older(options.older_than * _DAY)
    if options.format == "jsonl":
        for run_id in removed:
            print_json({"run_id": run_id, "decided": "removed"})
    else:
        write_line(sys.stdout, f"{len(removed)} {'run is' if len(removed) == 1 else 'runs are'} removed")
    return OK


def _apply_committed(journal: Journal, options: argparse.Namespace) -> None:
    """Has the plugins store what runs that are over have left, such as the records of their calls."""
    from neuroscript.interpreter import Interpreter

    place = find_place(options)
    sandbox = place.path if place.origin == SANDBOX_FLAG else None
    with Interpreter(sandbox=sandbox, services=services_of(place, {})) as interpreter:
        interpreter.apply_committed(journal)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of days of 0 or more such as 30 is wanted, not {text!r}")
    return days


def _declare_resolve(parser: argparse.ArgumentParser) -> None:
    _declare_run(parser)
    parser.add_argument("path", metavar="CALL", help="the call, such as 3/1")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--done", metavar="JSON", help="it was done, and gave this")
    how.add_argument("--repeat", action="store_true", help="it was not done, and is made again")
    how.add_argument(
        "--fail", metavar="MESSAGE", nargs="?", const="the call was given up", help="it fails, with this message"
    )


def _resolve(journal: Journal, options: argparse.Namespace) -> int:
    if options.done is not None:
        journal.resolve(options.run, options.path, done=json_value(options.done, "--done"))
    elif options.repeat:
        journal.resolve(options.run, options.path, repeat=True)
    else:
        journal.resolve(options.run, options.path, fail=options.fail or "the call was given up")
    return _decided(journal, options, "resolved")


def _decided(journal: Journal, options: argparse.Namespace, what: str) -> int:
    """Says what was decided; the job goes on whose run it is."""
    from neuroscript.journal.terms import runs_command

    next_step = f"to go on: {runs_command('resume', options.run, where=directory_option(options))}"
    if _wake_job(journal, options.run):
        next_step = "its job goes on where its queue is served"
    return said(options, {"run_id": options.run, "decided": what}, f"{options.run} is {what}; {next_step}")


def _wake_job(journal: Journal, run_id: str) -> bool:
    """Tells the queues that somebody has decided about a run, if it is a job's; false if it is none."""
    from neuroscript.jobs.decisions import wake_job_of

    with _engine(journal) as engine:
        return engine is not None and wake_job_of(engine, run_id)


def _cancel_jobs(journal: Journal, options: argparse.Namespace) -> int:
    """Ends the job whose run is cancelled, and cancels those that the run has left; returns how many these are."""
    from neuroscript.jobs.decisions import cancel_jobs_of, wake_job_of

    why = f"the run {options.run} was cancelled{f': {options.why}' if options.why else ''}"
    with _engine(journal) as engine:
        if engine is None:
            return 0
        wake_job_of(engine, options.run)
        return cancel_jobs_of(engine, options.run, why)


def _engine(journal: Journal) -> AbstractContextManager[JobEngine | None]:
    """What keeps the queues beside the journal; None if there have been none."""
    from neuroscript.sandbox.protection import JOBS_DIRECTORY

    if not os.path.isdir(os.path.join(journal.directory, JOBS_DIRECTORY)):
        return nullcontext()
    from neuroscript.jobs.embedded import EmbeddedEngine

    return EmbeddedEngine.open(journal.directory)


# --- going on ---------------------------------------------------------------------------------------------------------


def _resume(journal: Journal, options: argparse.Namespace) -> int:
    raise AssertionError  # pragma: no cover - `run` closes the journal first, and resumes then


def _command_of(journal: Journal, run_id: str) -> dict[str, Any]:
    """How a run was started, as this user's mark vouches for."""
    from neuroscript.jobs.views import read_run_id
    from neuroscript.journal.terms import command_in

    job = read_run_id(run_id)
    if job is not None:
        _, queue, name = job
        again = f"one that ended gets further attempts by neuroscript queues retry {name}"
        raise UsageError(f"the run is that of a job, which goes on where its queue is served ({queue}); {again}")
    command = command_in(run_id, journal.run(run_id).terms)
    if command is None:
        message = (
            f"nobody vouches for how the run {run_id!r} was started: it was not by this user's command line, or the "
            f"journal came from elsewhere; start it yourself: neuroscript run --run-id {run_id} PROGRAM"
        )
        raise NeuroScriptError(ErrorCode.SECURITY, message)
    return command


def _resume_with(command: dict[str, Any], options: argparse.Namespace, place: str) -> int:
    """Starts a run again as it was started, in its directory."""
    place = os.path.abspath(place)
    try:
        os.chdir(command["directory"])
    except OSError as error:
        raise UsageError(f"the run was started in {command['directory']}: {error.strerror or error}") from error
    if command["workers"]:
        os.environ[WORKERS_VARIABLE] = command["workers"]
    program = find("run")
    words = [*command["words"], *(["--format", "jsonl"] if options.format == "jsonl" else [])]
    again = make_parser("run", program).parse_args(words)
    again.command_line = command["words"]
    setattr(again, DIRECTORY, place)
    setattr(again, WHERE, directory_option(options))
    return program.run(again)


_ACTIONS: dict[
    str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[Journal, argparse.Namespace], int]]
] = {
    "list": ("list the runs", _declare_list, _list),
    "show": ("show a run: what it waits for, and its calls on a time line", _declare_show, _show),
    "approve": ("say yes to what a run waits for", _declare_answer, _approve),
    "refuse": ("say no to what a run waits for", _declare_answer, _refuse),
    "resume": ("go on with a run as it was started", _declare_run, _resume),
    "cancel": ("end a run for good", _declare_cancel, _cancel),
    "remove": ("remove runs that are over for good, and what is kept for them", _declare_remove, _remove),
    "resolve": ("decide about a call of which nobody knows whether it was done", _declare_resolve, _resolve),
}
