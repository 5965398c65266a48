"""The budget of a run: steps, time, memory and cancellation.

Generated code takes one item of an iterator for every loop turn and procedure call, which costs a few nanoseconds.  The
items come in portions, and between two portions `Fuel` checks the clock, the other limits and whether the host cancels.
A portion is as large as the program is fast: about a millisecond's worth.
"""

from __future__ import annotations

import os
import sys
import threading
from itertools import chain, repeat
from time import perf_counter

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.runtime import abi
from neuroscript.runtime.errors import Stop
from neuroscript.runtime.run_state import RunState
from neuroscript.values import EventValue
from neuroscript.values.holders import IN_CONTAINER, refcount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NoReturn

_SMALLEST, _LARGEST = 16, 2048
_SLOW_STEP = 20e-6  # seconds; what a step without a tool hardly ever takes
_TIMED_PORTIONS = 8  # quick portions after which tools are called without a clock again
_MEMORY_INTERVAL = 0.004
_LONG_TOOL = 0.005  # seconds from which on memory that a tool took is looked for
# How many times its limit a run may let the process grow by, where its own values do not explain it.
_UNSEEN, _UNSEEN_AMONG_THREADS = 1.5, 8
_KEPT_BY_HOST = 12  # bytes for each emitted character, which a host may take that keeps what is emitted
_MIB = 1024 * 1024
_STATM = "/proc/self/statm"


class Fuel:
    """The budget of one run; ``namespace[abi.FUEL]`` is what generated code draws on."""

    def __init__(self, limits: Limits, namespace: dict[str, Any]) -> None:
        self.limits = limits
        self.namespace = namespace
        self.max_steps = limits.max_steps if limits.max_steps is not None else sys.maxsize
        self.max_seconds = limits.max_seconds if limits.max_seconds is not None else float("inf")
        self.run = RunState()
        self.token = self.run.token
        self.stopped: NeuroScriptError | None = None
        self.direct_tools = False  # whether host tools are called without being timed
        self.timing = False  # whether they have been found slow enough to be timed from now on
        self.time_tools: Callable[[bool], None] = lambda timing: None
        self.kept: Callable[[], list[Any]] = list  # values of the run that are in none of its variables
        self.emitted: Callable[[], int] = int  # characters that the run has emitted
        self.slow_portions = self.quick_portions = 0
        self.timed = 0.0
        self.reset()

    def begin(self, run: RunState) -> None:
        """A whole budget for a new run, which its token ends."""
        self.run = run
        self.token = run.token
        run.token.when_marked(self.close_tools)
        self.reset()

    def end(self) -> None:
        """Lets go of the run that is over: whoever cancels it later does nothing to what comes after it."""
        self.stopped = None
        self.run.close()
        self.token.when_marked(None)
        if self.token.cancelled or self.token.linked:
            self.run = RunState()
            self.token = self.run.token

    def close_tools(self) -> None:
        """Has the host's tools that generated code calls directly called with a check from now on; from any thread."""
        self.timing = True
        self.time_tools(True)

    def reset(self) -> None:
        """A whole budget."""
        self.stopped = None
        self.handler_failures = 0  # of event handlers
        self.left = self.max_steps
        self.seconds = 0.0
        self.tool_seconds = 0.0  # of the host's code, since the last check
        self.host_since: float | None = None  # when the host's code that runs now began; None while the script runs
        self.mark = perf_counter()
        self.portion = _SMALLEST
        self.memory_mark = self.mark
        self.memory_base = self.memory_seen = 0
        self.memory_allowed = self.limits.max_memory
        self.renew()

    def renew(self) -> None:
        """Puts steps of what is left in the place where code takes them."""
        # An iterator that never ends: `chain` asks the generator for the next portion in the middle of a step.
        self.namespace[abi.FUEL] = chain.from_iterable(self._portions())

    def _portions(self) -> Iterator[Iterable[bool]]:
        """Yields steps in portions, each step true; the limits are checked between two portions."""
        while True:
            self.portion = min(self.portion, self.left)
            self.left -= self.portion
            yield repeat(True, self.portion)
            elapsed = self.check_limits()
            if self.left <= 0:
                self._exhausted(f"the run has used up its {self.max_steps} steps (loop turns and calls)")
            if elapsed < 0.0005:
                self.portion = min(self.portion * 2, _LARGEST)
            elif elapsed > 0.002:
                self.portion = max(self.portion // 4, _SMALLEST)

    def check_limits(self) -> float:
        """Ends the run if it is cancelled or beyond a limit; returns the script's seconds since the last check."""
        if self.token.cancelled:
            self.stop(self.run.error())
        return self._charge()

    def check_cancelled(self) -> None:
        """Ends the run if it is cancelled; asked before and after everything that has an effect."""
        if self.token.cancelled:
            self.stop(self.run.error())

    def enter_host(self) -> bool:
        """Begins code of the host, whose time is not the script's; gives what `leave_host` takes.

        That is whether the host's code runs already, as where a tool emits a value.
        """
        if self.host_since is not None:
            return True
        self.host_since = perf_counter()
        return False

    def leave_host(self, was_host: bool) -> None:
        """Ends code of the host."""
        if not was_host:
            self.take_off()

    def enter_script(self) -> bool:
        """Begins a part of the script inside code of the host; gives what `leave_script` takes."""
        if self.host_since is None:
            return False
        self.take_off()
        return True

    def leave_script(self, was_host: bool) -> None:
        """Ends a part of the script inside code of the host, which goes on."""
        if was_host:
            self.host_since = perf_counter()

    def nested(self) -> Nested:
        """A context in which a part of the script runs inside code of the host."""
        return Nested(self)

    def apart(self, steps: int, seconds: float) -> Apart:
        """A context in which a part of the script has a budget of its own, and takes nothing of the run's."""
        return Apart(self, steps, seconds)

    def take_off(self) -> None:
        """Takes the time of the host's code off the script's."""
        since, self.host_since = self.host_since, None
        if since is None:  # other threads of the run have done so
            return
        seconds = perf_counter() - since
        self.tool_seconds += seconds
        if seconds > _LONG_TOOL:
            self._excuse_memory()

    def stop(self, error: NeuroScriptError) -> NoReturn:
        """Ends the run with an error that no script can catch."""
        self.stopped = error
        try:
            raise Stop(error)
        finally:
            del error  # this frame is in its traceback, and would keep it alive

    def _charge(self) -> float:
        """Charges the script for its time since the last check, and returns that time."""
        now = perf_counter()
        if self.host_since is not None:  # a tool asks whether it is to go on
            self.tool_seconds += now - self.host_since
            self.host_since = now
        elapsed = now - self.mark - self.tool_seconds
        self.timed = self.tool_seconds
        self.mark = now
        self.tool_seconds = 0.0
        if self.direct_tools:
            elapsed = self._without_tools(elapsed)
        self.seconds += max(elapsed, 0.0)
        if self.seconds > self.max_seconds:
            self._exhausted(f"the run has used up its {self.max_seconds:g} seconds")
        if self.memory_allowed is not None and now - self.memory_mark > _MEMORY_INTERVAL:
            self.memory_mark = now
            self._check_memory()
        return elapsed

    def _without_tools(self, elapsed: float) -> float:
        """The script's share of a time in which tools of the host may have been called without a clock.

        Looking at a clock twice would double the cost of a small tool, so tools are called without one until portions
        take longer than their steps can, and then with one until they are quick again.
        """
        quick = self.portion * _SLOW_STEP
        if self.timing:
            self.quick_portions = self.quick_portions + 1 if elapsed + self.timed < quick else 0
            if self.quick_portions > _TIMED_PORTIONS:
                self._set_timing(False)
            return elapsed
        if elapsed <= quick:
            self.slow_portions = 0
            return elapsed
        self._excuse_memory()
        self.slow_portions += 1
        if self.slow_portions > 1 or elapsed > 0.05:
            self._set_timing(True)
        return quick

    def _set_timing(self, timing: bool) -> None:
        self.timing = timing
        self.slow_portions = self.quick_portions = 0
        self.time_tools(timing)
        if self.token.cancelled:  # by another thread, whose change must not be lost in this one
            self.close_tools()

    def _check_memory(self) -> None:
        """Ends the run if its own values have grown beyond the limit.

        The process's size is cheap to read and tells when something has grown; whether it was this run, only measuring
        its values tells, which is done when that much more has been taken.
        """
        self.memory_seen = size = process_bytes()
        if not self.memory_base or size < self.memory_base:
            self.memory_base = size
        allowed, grown = self.limits.max_memory, size - self.memory_base
        if allowed is None or self.memory_allowed is None or grown <= self.memory_allowed:
            return
        if own_bytes(self.namespace, allowed, self.kept()) > allowed:
            self._exhausted(f"the run's values take more than the limit of {allowed // _MIB} MiB")
        most = allowed * (_UNSEEN if threading.active_count() == 1 else _UNSEEN_AMONG_THREADS)
        if grown > most + _KEPT_BY_HOST * self.emitted():
            # Not all that a run holds is in its variables: a list that a tool is making, or a call's arguments.
            self._exhausted(f"the process has grown by {grown // _MIB} MiB; the run may take {allowed // _MIB} MiB")
        self.memory_allowed = grown + allowed // 4

    def _excuse_memory(self) -> None:
        """Does not charge the run for memory that the process took while the host's code ran."""
        if self.memory_base:
            size = process_bytes()
            self.memory_base += max(size - self.memory_seen, 0)
            self.memory_seen = size

    def _exhausted(self, message: str) -> NoReturn:
        self.stop(NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message))


class Nested:
    """Context manager for a part of the script that runs inside code of the host."""

    __slots__ = ("_fuel", "_was_host")

    def __init__(self, fuel: Fuel) -> None:
        self._fuel = fuel

    def __enter__(self) -> None:
        self._was_host = self._fuel.enter_script()

    def __exit__(self, *_: object) -> None:
        self._fuel.leave_script(self._was_host)


class Apart:
    """Context manager for a part of the script with a budget of its own, started by code of the host."""

    __slots__ = ("_began", "_fuel", "_kept", "_was_host")

    _KEPT = ("left", "seconds", "max_seconds", "portion", "stopped", "tool_seconds", "mark")

    def __init__(self, fuel: Fuel, steps: int, seconds: float) -> None:
        self._fuel = fuel
        self._was_host = fuel.enter_script()
        self._began = perf_counter()
        self._kept = {name: getattr(fuel, name) for name in self._KEPT}
        self._kept[abi.FUEL] = fuel.namespace[abi.FUEL]
        fuel.left, fuel.max_seconds = steps, seconds

    def __enter__(self) -> None:
        fuel = self._fuel
        fuel.seconds, fuel.tool_seconds, fuel.portion = 0.0, 0.0, _SMALLEST
        fuel.mark = perf_counter()
        fuel.renew()

    def __exit__(self, *_: object) -> None:
        fuel = self._fuel
        fuel.namespace[abi.FUEL] = self._kept.pop(abi.FUEL)
        for name, value in self._kept.items():
            setattr(fuel, name, value)
        fuel.mark += perf_counter() - self._began
        fuel.host_since = None
        fuel.leave_script(self._was_host)


def process_bytes() -> int:
    """The memory that the process has in use now; 0 where the platform does not tell."""
    try:
        with open(_STATM, "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return 0


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def own_bytes(namespace: dict[str, Any], enough: int, kept: list[Any]) -> int:
    """The memory of what the running code holds, and of ``kept``; counting ends when it is more than ``enough``."""
    pending = list(kept)
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is namespace:
            variables = frame.f_locals
            pending.extend(variables.values())
            if type(variables) is dict:
                variables.clear()  # before Python 3.13 a copy that would make every list count as shared
        frame = frame.f_back  # type: ignore[assignment]
    seen: set[int] = set()
    total = 0
    while pending and total <= enough:
        value = pending.pop()
        kind = type(value)
        if kind not in _SIZED:
            if kind is EventValue:
                pending.append(value.payload)
            continue
        if refcount(value) > IN_CONTAINER:  # it may come again
            if id(value) in seen:
                continue
            seen.add(id(value))
        total += sys.getsizeof(value) + 15 & ~15  # what the allocator rounds up to
        if kind is list:
            pending.extend(item for item in value if type(item) in _SIZED)
        elif kind is dict:
            total += 57 * len(value) + sum(map(len, value))  # its keys
            pending.extend(item for item in value.values() if type(item) in _SIZED)
    return total


_SIZED = frozenset({list, dict, str, bytes, int, float})
