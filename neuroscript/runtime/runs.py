"""Runs of one interpreter: their start and end, call depth, and the threads that wait for them.

A run is what the host starts.  What happens inside it - a tool that calls a procedure, an emit sink that fires an
event - belongs to it: it shares its budget and its call depth, in whatever thread it happens.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from time import monotonic

from neuroscript.errors import UNCATCHABLE, ErrorCode, NeuroScriptError
from neuroscript.logs import DEBUG, INFO, get_logger
from neuroscript.runtime import abi
from neuroscript.runtime.errors import Stop, script_error
from neuroscript.runtime.run_state import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from contextvars import Token
    from types import FrameType, TracebackType
    from typing import Any, NoReturn

    from neuroscript.cancellation import CancelRegistration, CancelToken
    from neuroscript.limits import Limits
    from neuroscript.runtime.budget import Fuel

_UNLIMITED_DEPTH = 1 << 30
_MOST_FRAMES = 30_000
_TURN = 0.05  # seconds; how often a run that waits for another looks whether it is cancelled
_LOG = "neuroscript.run"
_SMALLEST_LOAD = 1024  # bytes that a load counts as, however short it is

_runs: ContextVar[tuple[RunState, ...]] = ContextVar("neuroscript_runs", default=())
"""The runs, of all interpreters, that the running code belongs to."""


def is_inside_run() -> bool:
    """Whether the running code belongs to a run that is going on, of whatever interpreter."""
    return any(run.open for run in _runs.get())


class Runs:
    """The part of the runtime that starts and ends runs."""

    namespace: dict[str, Any]
    globals: dict[str, Any]
    procedures: dict[str, Any]
    fuel: Fuel
    emitted: int

    def __init__(self, limits: Limits) -> None:
        self.lock = threading.RLock()
        self.running = 0
        self.depth = 0  # the call depth that is left to what the run or the running tool calls
        self.max_depth = limits.max_depth if limits.max_depth is not None else _UNLIMITED_DEPTH
        self.loaded = 0  # bytes of program text that the run has loaded
        self.written = 0  # bytes that it has written to files
        self.files = 0  # files and folders that it has made
        self._run: RunState | None = None
        self.log_of_runs: logging.Logger | None = None  # none until the process has imported `logging`

    def tool_of(self, exception: BaseException) -> str | None:
        """The tool whose own code raised."""
        raise AssertionError  # pragma: no cover - given by ToolLinks

    def name_nil(self, error: NeuroScriptError, frame: FrameType, span: tuple[int, int, int, int]) -> None:
        """Adds to the message of an operation on nil which expression that was."""
        raise AssertionError  # pragma: no cover - given by Runtime

    def alone(self, joining: bool = False, cancel: CancelToken | None = None) -> Alone:
        """Keeps other threads waiting; what belongs to the run that is going on does not wait for it.

        Args:
            joining: whether the caller is known to belong to the run that is going on.
            cancel: ends the wait of this thread for others.
        """
        return Alone(self, joining, cancel)

    def run(self, joining: bool = False, cancel: CancelToken | None = None) -> Run:
        """A run, or a part of the one that is going on: a context that gives the call depth that is left.

        Whatever exception ends it becomes the script's error, with its place in the script.

        Args:
            joining: whether the caller is known to belong to the run that is going on.
            cancel: what ends the whole run, while this part of it lasts.
        """
        return Run(self, joining, cancel)

    @property
    def current_run(self) -> RunState | None:
        """The run that is going on; None between runs."""
        return self._run if self.running else None

    def belongs(self) -> bool:
        """Whether the running code belongs to the run that is going on."""
        return self.running > 0 and self._run in _runs.get()

    def enter(self, cancel: CancelToken | None) -> tuple[bool, int, bool, int, Token[tuple[RunState, ...]]]:
        """Begins a run or a part of one; gives whether it is a run, its depth, and what `leave` puts back."""
        outermost = self.running == 0
        if outermost:
            depth = self.max_depth
            self._start(cancel)
        else:
            self.fuel.check_cancelled()
            depth = self._depth_left()
        was_host = self.fuel.enter_script()
        outer, self.depth = self.depth, depth
        self.running += 1
        return outermost, depth, was_host, outer, _runs.set((*_runs.get(), self.fuel.run))

    def leave(self, outermost: bool, was_host: bool, outer: int, before: Token[tuple[RunState, ...]]) -> None:
        """Puts back what was there before `enter`."""
        self.fuel.leave_script(was_host)
        self.running -= 1
        if outermost:
            self.fuel.end()
        self.depth = outer
        _runs.reset(before)

    def error_of(self, exception: BaseException, outermost: bool) -> BaseException:
        """The exception to raise, for one that ends a run or a part of one, to whoever started that."""
        error = script_error(exception, self)
        if not outermost:
            if isinstance(exception, Stop):
                return exception
            return Stop(error) if error.code in UNCATCHABLE else error
        if isinstance(exception, Stop):
            del exception.error  # the one becomes the other's context, and they would keep each other alive
        return error

    def _start(self, cancel: CancelToken | None) -> None:
        self._make_room()
        self._run = run = RunState()
        if cancel is not None:
            run.token.follow(cancel)
        outer = _runs.get()
        if outer and outer[-1].open:  # a tool of another interpreter's run has started this one
            run.token.follow(outer[-1].token)
        self.fuel.begin(run)
        seconds = self.fuel.limits.max_wall_seconds
        if seconds is not None:
            run.end_after(seconds)
        self.emitted = 0
        self.loaded = self.written = self.files = 0

    def charge_load(self, size: int) -> None:
        """Counts program text that the run loads: all together, it may be as long as one program may be."""
        most = self.fuel.limits.max_source
        self.loaded += max(size, _SMALLEST_LOAD)
        if self.running and most is not None and self.loaded > most:
            message = f"the run loads more program text than the {most} bytes that the host allows"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)

    def charge_disk(self, size: int, files: int) -> None:
        """Counts what the run is about to write: bytes, and files and folders that it makes."""
        if not self.running:  # the host calls a tool itself
            self.written = self.files = 0
        self.fuel.check_cancelled()
        self.written += size
        self.files += files
        bytes_allowed, files_allowed = self.fuel.limits.max_written_bytes, self.fuel.limits.max_files
        if bytes_allowed is not None and self.written > bytes_allowed:
            message = f"the run would have written {self.written} bytes to files; it may write {bytes_allowed}"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        if files_allowed is not None and self.files > files_allowed:
            message = f"the run would have made {self.files} files and folders; it may make {files_allowed}"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)

    def _make_room(self) -> None:
        """Raises Python's recursion limit to what the call depth of scripts needs.

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
                left: int = variables[abi.DEPTH] - 1
                if type(variables) is dict:
                    variables.clear()  # before Python 3.13 a copy that would make every list count as shared
                return left
            frame = frame.f_back  # type: ignore[assignment]
        return self.depth

    def cancel(self, reason: str) -> None:
        """Ends the run that is going on, from any thread; without one nothing happens."""
        run = self._run
        if self.running and run is not None:
            run.token.cancel(reason)

    def too_deep(self) -> NoReturn:
        """Raises the error of procedures that call one another too deeply."""
        message = f"procedures call one another more than {self.max_depth} deep"
        raise Stop(NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message), at_caller=True)


class Alone:
    """Context manager that keeps other threads waiting.

    It is a class, since a generator's frames would keep each exception that passes through in a cycle.
    """

    __slots__ = ("_cancel", "_joining", "_locked", "_runs")

    def __init__(self, runs: Runs, joining: bool, cancel: CancelToken | None = None) -> None:
        self._runs = runs
        self._joining = joining
        self._cancel = cancel
        self._locked = False

    def __enter__(self) -> None:
        runs = self._runs
        if not (runs.running and self._joining) and not runs.belongs():
            if self._cancel is None:
                runs.lock.acquire()
            else:
                while not runs.lock.acquire(timeout=_TURN):
                    self._cancel.check()
            self._locked = True

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._locked:
            self._locked = False
            self._runs.lock.release()


class Run:
    """Context manager for one run, or for a part of the run that is going on; it gives the call depth that is left."""

    __slots__ = (
        "_alone",
        "_before",
        "_began",
        "_cancel",
        "_outer",
        "_outermost",
        "_registration",
        "_runs",
        "_was_host",
    )

    def __init__(self, runs: Runs, joining: bool, cancel: CancelToken | None) -> None:
        self._runs = runs
        self._cancel = cancel
        self._alone = Alone(runs, joining, cancel)
        self._registration: CancelRegistration | None = None
        self._began: float | None

    def __enter__(self) -> int:
        runs, cancel = self._runs, self._cancel
        self._alone.__enter__()
        self._outermost, depth, self._was_host, self._outer, self._before = runs.enter(cancel)
        if cancel is not None and not self._outermost:
            token = runs.fuel.token
            self._registration = cancel.on_cancel(lambda: token.cancel(cancel.reason))
        self._began = None
        if self._outermost:
            log = runs.log_of_runs
            if log is None and "logging" in sys.modules:
                log = runs.log_of_runs = get_logger(_LOG)
            if log is not None and log.isEnabledFor(INFO):
                self._began = monotonic()
        return depth

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        runs, outermost, fuel = self._runs, self._outermost, self._runs.fuel
        if self._registration is not None:
            self._registration.remove()
        stopped = fuel.stopped if outermost else None
        if stopped is None and fuel.token.cancelled:
            stopped = fuel.run.error()
        runs.leave(outermost, self._was_host, self._outer, self._before)
        self._alone.__exit__(None, None, None)
        unseen = stopped is not None and (exception is None or isinstance(exception, Exception))
        if stopped is not None and unseen:
            # The host's code swallowed the end of the run, or it came so late that nothing noticed it.
            exception = Stop(stopped).with_traceback(traceback)
        if not isinstance(exception, Exception | Stop):
            if self._began is not None:
                _log_end(self._began, exception)
            return
        error = runs.error_of(exception, outermost)
        if self._began is not None:
            _log_end(self._began, error)
        if error is exception and not unseen:
            return
        try:
            raise error from error.__cause__
        finally:
            del error, exception, traceback, stopped  # this frame is in the traceback, and would keep the error alive


def _log_end(began: float, error: BaseException | None) -> None:
    """Logs that a run is over; of an error its place and code, and not its message, which may quote any value."""
    fields: dict[str, Any] = {"event": "run_done", "duration_ms": round((monotonic() - began) * 1000)}
    log = get_logger(_LOG)
    if error is None:
        if log.isEnabledFor(DEBUG):
            log.debug("a run is done, %d ms", fields["duration_ms"], extra=fields)
        return
    fields["event"] = "run_failed"
    if isinstance(error, NeuroScriptError):
        fields |= {"code": int(error.code), "file": error.file, "line": error.line}
        message = "a run has failed at %s:%d: error %d (%s), %d ms"
        log.info(message, error.file, error.line, error.code, error.name, fields["duration_ms"], extra=fields)
    else:
        log.info("a run was interrupted (%s), %d ms", type(error).__name__, fields["duration_ms"], extra=fields)
