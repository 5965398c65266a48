"""``neuroscript workers top``: the workers at work, on a terminal or once as a table."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from neuroscript.cli import OK, UsageError, complain, print_json

if TYPE_CHECKING:
    from ai_wm.manager import AIWorkerManager
    from ai_wm.reporting.monitor import Watched

EXTRA = "tui"


def top(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    """Watches the workers until the person quits, or looks once.

    Raises:
        UsageError: without a terminal, or without the extra, where it is not one look that is wanted.
    """
    from ai_wm.reporting.monitor import Monitor

    monitor = Monitor(manager)
    if options.once or options.format == "jsonl":
        workers = monitor.look(datetime.now().astimezone()).workers
        if options.format == "jsonl":
            for each in workers:
                print_json(as_map(each))
        elif not workers:
            complain(f"there are no workers yet in {manager.sandbox_dir}")
        else:
            from ai_wm.cli import tables

            tables.watched(workers)
        return OK
    # The screen is drawn on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError("top needs a terminal; --once prints a table, --format jsonl a line of JSON for each worker")
    try:
        from ai_wm.cli.top_screen import TopScreen
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("textual"):
            raise
        raise UsageError(
            f"top needs the package textual: pip install 'neuroscript[{EXTRA}]'; --once works without it"
        ) from error
    TopScreen(monitor, str(manager.sandbox_dir), options.every).run()
    return OK


def as_map(worker: Watched) -> dict[str, Any]:
    """Makes the map of a worker that programs read."""
    made = asdict(worker)
    made["requests"], made["tokens"] = ([asdict(each) for each in some] for some in (worker.requests, worker.tokens))
    for name in ("lately", "today"):
        made[name]["success"] = getattr(worker, name).success
        del made[name]["last"]
    return made
