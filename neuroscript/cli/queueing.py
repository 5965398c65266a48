"""The queues that programs at the command line use: they lie with the workers' state, as the journal does."""

from __future__ import annotations

import os

from neuroscript.cli.host import find_place
from neuroscript.jobs.embedded import EmbeddedEngine
from neuroscript.jobs.host import JobHost
from neuroscript.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from neuroscript.interpreter import Interpreter
    from neuroscript.jobs.access import JobAccess


def open_queues(interpreter: Interpreter, options: argparse.Namespace, journal: Journal | None) -> JobAccess:
    """Opens the queues that a program uses for the first time; its interpreter closes them.

    Args:
        interpreter: the program's.
        options: which name the directory.
        journal: that of the program's run; None: the one in that directory.

    Raises:
        UsageError: if there is no place for them.
        NeuroScriptError: 18 or 26 if they cannot be opened.
    """
    return open_host(interpreter, find_place(options, options.file).path, journal).access()


def open_host(interpreter: Interpreter, directory: str, journal: Journal | None = None) -> JobHost:
    """Opens the queues in a directory; the interpreter, whose programs may do at most what jobs may, closes them."""
    engine = EmbeddedEngine.open(os.path.abspath(directory))
    interpreter.on_close(engine.close)
    if journal is None:
        journal = Journal.open(directory)
        interpreter.on_close(journal.close)
    return JobHost(engine, journal, interpreter)
