"""A progress bar for a batch, shown if standard error is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def display(total: int, shown: bool | None = None) -> Iterator[Callable[[], object]]:
    """Shows a progress bar on standard error; returns a function to call for each finished item.

    Args:
        total: how many there are to do.
        shown: whether to show anything; None: if the standard error is a terminal.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # On a terminal the bar goes when all is done; elsewhere only its end is written.
    with Progress(console=console, transient=console.is_terminal) as bar:
        task = bar.add_task("asking", total=total)
        yield lambda: bar.advance(task)
