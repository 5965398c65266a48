"""``neuroscript run`` with ``--trace``, ``--profile`` or ``--timeline``: runs a program, and shows what it did."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from neuroscript.cli.source import source_name
from neuroscript.cli.status import UsageError
from neuroscript.interpreter import Interpreter
from neuroscript.observing.masking import Mask
from neuroscript.observing.profile import Profile
from neuroscript.observing.timeline import LISTENER, Timeline
from neuroscript.observing.timeline_page import page_of
from neuroscript.observing.trace import Trace, width_of_standard_error
from neuroscript.observing.watchers import Watchers
from neuroscript.output import end_reply, write_line
from neuroscript.runtime.watching import Watcher
from neuroscript.testing.golden import replace_file

Prepare = Callable[[Interpreter], object]


def observed(options: argparse.Namespace, run: Callable[[Prepare, dict[str, Any]], int]) -> int:
    """Runs a program, and shows what the options ask for, however it ends; returns the exit status.

    Args:
        options: of the command.
        run: runs the program, with what prepares the interpreter, and services for plugins.
    """
    files = {"--profile": options.profile, "--timeline": options.timeline}
    for flag, path in files.items():
        if path:
            _check_writable(path, flag)
    mask = Mask()
    trace = Trace(_tell, mask, width_of_standard_error) if options.trace else None
    profile = Profile() if options.profile is not None else None
    timeline = Timeline(source_name(options.file), mask) if options.timeline is not None else None
    watchers: list[Watcher] = [one for one in (profile, trace, timeline) if one is not None]

    def prepare(interpreter: Interpreter) -> None:
        if timeline is not None:
            timeline.begin_run(lambda name: _reaches_outside(interpreter, name))
        interpreter.loader.watch(watchers[0] if len(watchers) == 1 else Watchers(watchers))

    try:
        return run(prepare, {} if timeline is None else {LISTENER: timeline.told})
    finally:
        sys.stdout.flush()
        if profile is not None:
            for row in profile.table(width_of_standard_error(), mask.source):
                _tell(row)
            if options.profile:
                _write(options.profile, "--profile", lambda: profile.speedscope(source_name(options.file)))
        if timeline is not None:
            timeline.end_run(perf_counter())
            _write(options.timeline, "--timeline", lambda: page_of(timeline))


def _reaches_outside(interpreter: Interpreter, name: str) -> bool:
    """Whether a tool does more than compute, so that it may wait."""
    tool = interpreter.tools.get(name.removeprefix("tool."))
    return tool is None or not tool.spec.pure


def _tell(line: str) -> None:
    try:
        end_reply(sys.stderr)
        write_line(sys.stderr, line)
    except BrokenPipeError:  # nobody reads it any more; the program goes on
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends


def _check_writable(path: str, flag: str) -> None:
    """Refuses a file that cannot be written before the program runs, which may take long and cost money.

    Raises:
        UsageError: naming the flag.
    """
    directory = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise UsageError(f"{flag}: {path!r} is a directory")
    if not os.path.isdir(directory):
        raise UsageError(f"{flag}: there is no directory {directory!r}")
    if not os.access(directory, os.W_OK):
        raise UsageError(f"{flag}: the directory {directory!r} cannot be written")


def _write(path: str, flag: str, content: Callable[[], str]) -> None:
    """Writes a file that the user alone may read, since values and prompts are in it.

    Raises:
        UsageError: if it cannot be written.
    """
    try:
        replace_file(path, content(), private=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{flag}: {path!r} cannot be written: {reason}") from error
