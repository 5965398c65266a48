"""What a run of the tree walker may use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits

WORK = 20_000_000


class LimitReached(BaseException):
    """A limit ended the run: no handler of a script catches it."""

    def __init__(self, error: NeuroScriptError) -> None:
        super().__init__(error)
        self.error = error


class Budget:
    """Counts what a run uses and ends it where a limit is reached.

    ``work`` stands for the time spent on copying: the walker copies everything, all the time.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = 0
        self.work = 0
        self.depth = 0
        self.emitted = 0
        self.deadline = time.monotonic() + (limits.max_seconds or 3600)

    def step(self) -> bool:
        """Counts a call of a procedure or event handler, or a test whether a loop goes on; True unless it ends the run.

        A loop's last test counts too, so that a loop of three turns takes four steps.
        """
        self.steps += 1
        self._check(self.steps, self.limits.max_steps, "steps")
        if self.steps % 256 == 0:
            self.look()
        return True

    def look(self) -> None:
        """Looks at the clock."""
        if time.monotonic() > self.deadline:
            self.stop("out of time")

    @contextmanager
    def between(self) -> Iterator[None]:
        """A tool that calls back, or an event, is a level of its own, which only what it calls may find too deep."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def enter(self) -> None:
        """Counts one more procedure inside another."""
        self.depth += 1
        self._check(self.depth, self.limits.max_depth, "call depth")

    def leave(self) -> None:
        """The procedure has ended."""
        self.depth -= 1

    def text(self, length: int) -> None:
        """Checks the length of a string about to be made."""
        self._check(length, self.limits.max_string, "characters of one string")
        self.working(length // 100)

    def items(self, count: int) -> None:
        """Checks the size of a list or map about to be made."""
        self._check(count, self.limits.max_items, "items")

    def emitting(self, length: int) -> None:
        """Counts emitted characters."""
        self.emitted += length
        self._check(self.emitted, self.limits.max_emitted, "emitted characters")

    def working(self, amount: int) -> None:
        """Counts copying."""
        self.work += amount
        self._check(self.work, WORK, "copies")

    def nested(self, depth: int) -> None:
        """Checks the depth of a value."""
        if self.limits.max_nesting is not None and depth > self.limits.max_nesting:
            self.stop("nested too deeply", ErrorCode.NESTING_DEPTH_EXCEEDED)

    def stop(self, why: str, code: ErrorCode = ErrorCode.RESOURCE_EXHAUSTION) -> None:
        """Ends the run."""
        raise LimitReached(NeuroScriptError(code, why))

    def _check(self, used: int, limit: int | None, what: str) -> None:
        if limit is not None and used > limit:
            self.stop(f"more than {limit} {what}")
