"""The options of ``neuroscript run`` for runs that survive, and the journal that they ask for."""

from __future__ import annotations

import argparse
import os

from neuroscript.cli.host import WORKERS_VARIABLE, find_place
from neuroscript.cli.options import whole_number
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.journal import Journal

RUN_ID = "--run-id"
DIRECTORY = "journal_directory"
"""The attribute of parsed options that names the journal's directory, where a run is resumed."""
WHERE = "journal_where"
"""The attribute of parsed options that holds what `directory_option` says of the command that resumes a run."""

_NEED_ID = ("force_program", "ask_before", "approval_seconds", "max_calls", "deadline")
_MOST_ID = 200


def add_journal(parser: argparse.ArgumentParser) -> None:
    """Adds ``--run-id`` and the options that go with it."""
    add = parser.add_argument_group(
        "runs that survive", "a run with an id goes on where it was stopped; the page on runs explains it"
    )
    add.add_argument(
        RUN_ID, metavar="ID", type=_run_id, help="the name of the run: a second start with it goes on with the first"
    )
    add.add_argument(
        "--force-program", action="store_true", help="go on with this program where the run was of another one"
    )
    add.add_argument(
        "--ask-before",
        metavar="TOOL",
        action="append",
        default=[],
        help="tools of which each call needs a yes, such as fs.Delete or mail.*; with =first after it, the first call "
        "of each in the run; may be given several times",
    )
    add.add_argument(
        "--approval-seconds", metavar="S", type=_seconds, help="seconds after which no answer is a no (default: none)"
    )
    add.add_argument("--max-calls", metavar="N", type=whole_number, help="most calls of the run, over all its starts")
    add.add_argument(
        "--deadline", metavar="S", type=_seconds, help="seconds after the first start in which the run may make calls"
    )


def open_journal(options: argparse.Namespace, events: list[tuple[str, Any]]) -> Journal | None:
    """Opens the journal that the options ask for, which lies with the workers' state; None if they ask for none.

    Args:
        options: what was parsed.
        events: what is fired before the run.

    Raises:
        UsageError: for an option that makes sense with an id alone, and where there is no place for a journal.
        NeuroScriptError: 18 or 26 if it cannot be opened.
    """
    if options.run_id is None:
        for name in _NEED_ID:
            if getattr(options, name) not in (None, [], False):
                raise UsageError(f"--{name.replace('_', '-')} is for runs with an id: {RUN_ID} ID")
        return None
    from neuroscript.journal import Journal, RunTerms

    directory = getattr(options, DIRECTORY, None) or find_place(options, options.file).path
    return Journal.open(
        directory,
        RunTerms(
            max_calls=options.max_calls,
            deadline=options.deadline,
            ask_before=tuple(options.ask_before),
            approval_seconds=options.approval_seconds,
            other_program=options.force_program,
            repeats_output=options.format == "jsonl",
            events=tuple(events),
            command=_command(options),
            where=getattr(options, WHERE, None) or directory_option(options),
        ),
    )


def check_sandbox(journal: Journal, run_id: str, sandbox: str | None) -> None:
    """Refuses to go on with a run whose files are gone, which an empty directory in their place would hide.

    Raises:
        UsageError: if the run may go on and its sandbox is no directory.
    """
    from neuroscript.journal.entries import FINAL

    if sandbox is None or os.path.isdir(sandbox):
        return
    info = journal.find(run_id)
    if info is not None and info.state not in FINAL and info.entries:
        raise UsageError(
            f"the run {run_id!r} has made calls, and its sandbox {os.path.abspath(sandbox)!r} is gone; put it back, "
            "or make an empty one if the run needs none of its files"
        )


def directory_option(options: argparse.Namespace) -> str:
    """The option that named the directory of a command, ``--sandbox shop``, for commands that are told to people."""
    from shlex import quote

    for name in ("workers", "sandbox"):
        if getattr(options, name):
            return f"--{name} {quote(getattr(options, name))}"
    return ""


def _command(options: argparse.Namespace) -> dict[str, Any] | None:
    """How the run is started again; None for a program that came from standard input."""
    if options.file == STDIN:
        return None
    return {"words": options.command_line, "directory": os.getcwd(), "workers": os.environ.get(WORKERS_VARIABLE, "")}


def _run_id(text: str) -> str:
    if not text.strip() or len(text) > _MOST_ID or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a name of 1 to {_MOST_ID} printable characters is wanted, not {text!r}")
    return text


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of seconds such as 2.5 is wanted, not {text!r}")
    return number
