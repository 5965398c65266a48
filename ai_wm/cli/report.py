"""``neuroscript workers report``: one page of HTML on what the workers did."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neuroscript.cli import OK, UsageError, complain, write, write_line

if TYPE_CHECKING:
    from ai_wm.manager import AIWorkerManager

STDOUT: Final = "-"
DAYS: Final = 30


def report(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    """Makes the report that the options ask for and writes it."""
    now = datetime.now(UTC)
    until = now if options.until is None else options.until.astimezone(UTC)
    since = until - timedelta(days=DAYS - 1) if options.since is None else options.since.astimezone(UTC)
    if since > until:
        raise UsageError(f"the period would end ({until:%Y-%m-%d %H:%M}) before it begins ({since:%Y-%m-%d %H:%M})")
    from ai_wm.reporting.figures import failures, first_moment, workers_with_rows
    from ai_wm.reporting.page import FAILURES, Report, page

    workers = workers_with_rows(manager, options.names, since, until)
    if options.since is not None:
        # A beginning long before the first record would leave the charts empty.
        since = first_moment(workers, since)
    said = failures(manager, workers, since, until, FAILURES)
    made = page(Report(str(manager.sandbox_dir), since, until, now, workers, said))
    if options.html == STDOUT:
        write(sys.stdout, made)
        return OK
    write_page(options.html, made)
    tasks = sum(len(worker.rows) for worker in workers)
    busy = sum(bool(worker.rows) for worker in workers)
    of = f"{tasks} task{'' if tasks == 1 else 's'} of {busy} worker{'' if busy == 1 else 's'}"
    write_line(sys.stdout, f"{options.html}: {of}, {since:%Y-%m-%d} to {until:%Y-%m-%d}")
    if not tasks:
        complain("no tasks were recorded in that period; name an earlier one: --since 90d")
    return OK


def write_page(path: str, made: str) -> None:
    """Writes a page in one step, so that no half of one is ever read; nobody but the user may read it.

    Raises:
        UsageError: if it cannot be written there.
    """
    place = Path(path)
    with contextlib.suppress(OSError):
        if place.is_dir():
            raise UsageError(f"--html {path!r} is a directory; name a file in it")
        if place.exists() and not place.is_file():
            raise UsageError(f"--html {path!r} is no regular file; - is the standard output")
        place = place.resolve()  # a link stays one
    draft = ""
    try:
        descriptor, draft = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(made)
        os.replace(draft, place)
    except OSError as error:
        if draft:
            with contextlib.suppress(OSError):
                os.unlink(draft)
        raise UsageError(f"--html {path!r} cannot be written: {error.strerror or error}") from error
