"""Runs of one interpreter: one at a time, those inside one another, their call depth, and how they end.

A run is what the host starts.  What happens inside it - a tool that calls a procedure, an emit sink that fires an
event - belongs to it: it shares its budget and its call depth, in whatever thread it happens.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.runtime.fuel import Fuel
from neuroscript.runtime.limits import Limits
from neuroscript.runtime.tracebacks import UNCATCHABLE, Stop, script_error

_UNLIMITED_DEPTH = 1 << 30
_MOST_FRAMES = 30_000
_SMALLEST_LOAD = 1024  # bytes that a load counts as, however short it is

_runs: ContextVar[tuple[object, ...]] = ContextVar("neuroscript_runs", default=())
"""The runs, of whatever interpreters, that the code at hand belongs to."""


class Runs:
    """The part of the runtime that starts and ends runs."""

    namespace: dict[str, Any]
    globals: dict[str, Any]
    procedures: dict[str, Any]
    fuel: Fuel
    emitted: int

    def __init__(self, limits: Limits) -> None:
        self.lock = threading.RLock()
        self.cancel_event = threading.Event()
        self.running = 0
        self.depth = 0  # the call depth that is left to what the run or tool at hand calls
        self.max_depth = limits.max_depth if limits.max_depth is not None else _UNLIMITED_DEPTH
        self.loaded = 0  # bytes of program text that the run has loaded
        self._run: object = None

    def tool_of(self, exception: BaseException) -> str | None:
        """The tool whose own code raised."""
        raise AssertionError  # pragma: no cover - given by ToolLinks

    @contextmanager
    def alone(self, joining: bool = False) -> Iterator[None]:
        """Keeps other threads waiting; what belongs to the run that is going on does not wait for it.

        Args:
            joining: whether the caller is known to belong to the run that is going on.
        """
        if self.running and (joining or self._run in _runs.get()):
            yield
            return
        with self.lock:
            yield

    @contextmanager
    def run(self, joining: bool = False) -> Iterator[int]:
        """A run, or a part of the one that is going on; gives the call depth that is left.

        Args:
            joining: whether the caller is known to belong to the run that is going on.

        Raises:
            NeuroScriptError: for whatever ends the run, with its place in the script.
        """
        with self.alone(joining):
            outermost = self.running == 0
            depth = self.max_depth if outermost else self._depth_left()
            if outermost:
                self._start()
            before = _runs.set((*_runs.get(), self._run))
            outer, self.depth = self.depth, depth
            self.running += 1
            try:
                yield depth
                if outermost and self.fuel.stopped is not None:
                    raise Stop(self.fuel.stopped)  # the host's code swallowed the end of the run
            except Stop as stop:
                self._end(stop, outermost)
            except Exception as exception:  # whatever it is, it becomes the script's error
                stopped = self.fuel.stopped if outermost else None
                self._end(exception if stopped is None else Stop(stopped), outermost)
            finally:
                self.running -= 1
                if outermost:
                    self.fuel.stopped = None
                self.depth = outer
                _runs.reset(before)

    def _start(self) -> None:
        self._make_room()
        self._run = object()
        self.cancel_event.clear()
        self.fuel.reset()
        self.emitted = 0
        self.loaded = 0

    def charge_load(self, size: int) -> None:
        """Counts program text that the run loads: all together, it may be as long as one program may be."""
        most = self.fuel.limits.max_source
        self.loaded += max(size, _SMALLEST_LOAD)
        if self.running and most is not None and self.loaded > most:
            message = f"the run loads more program text than the {most} bytes that the host allows"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)

    def _end(self, exception: BaseException, outermost: bool) -> NoReturn:
        """Ends a run, or a part of one, with the script's error for an exception."""
        error = script_error(exception, self)
        if isinstance(exception, Stop):
            del exception.error  # the one becomes the other's context, and they would keep each other alive
        try:
            if outermost:
                raise error from error.__cause__
            if isinstance(exception, Stop) or error.code in UNCATCHABLE:
                raise Stop(error) from error.__cause__
            raise error from error.__cause__
        finally:
            del error, exception  # this frame is in the traceback, and would keep the error alive

    def _make_room(self) -> None:
        """Has Python allow the call depth that the limits allow.

        A call takes one Python frame, and up to six where it goes through an error handler or a tool.  The limit of the
        process is only ever raised, since other threads may rely on it.
        """
        needed = min(self.max_depth * 6, _MOST_FRAMES) + 1000
        if sys.getrecursionlimit() < needed:
            sys.setrecursionlimit(needed)

    def _depth_left(self) -> int:
        """The call depth that is left where the host's code calls back: that of the innermost body in this thread."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_globals is self.namespace and "." not in frame.f_code.co_qualname:
                variables = frame.f_locals
                left: int = variables["d"] - 1
                if type(variables) is dict:
                    variables.clear()  # before Python 3.13 a copy that would make every list count as shared
                return left
            frame = frame.f_back  # type: ignore[assignment]
        return self.depth

    def cancel(self) -> None:
        """Ends the run that is going on, from any thread; without one nothing happens."""
        if self.running:
            self.fuel.cancelled = True
            self.cancel_event.set()

    def too_deep(self) -> NoReturn:
        """The call depth is used up."""
        message = f"procedures call one another more than {self.max_depth} deep"
        raise Stop(NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message), at_caller=True)
