"""Exit statuses of the command line."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
SYNTAX = 3
SUSPENDED = 4  # the run waits for a person, and goes on when it is started again
NO_TESTS = 5  # as pytest has it
# As a shell reports a process that a signal ended: 128 and the signal's number.
CANCELLED = 130
BROKEN_PIPE = 141
TERMINATED = 143


class UsageError(Exception):
    """The command line asks for something that cannot be: a missing file, arguments that are no JSON."""
