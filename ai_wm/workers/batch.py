"""Batches: many stateless tasks, several at once, their results in the order of the prompts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass, replace
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from ai_wm.calls.streaming import StreamRelay
from ai_wm.calls.task import CallOptions, Check
from ai_wm.data.settings import check_overrides
from ai_wm.support.events import Events
from ai_wm.workers.stateless import StatelessTasks, TaskResult
from neuroscript import ErrorCode, NeuroScriptError

MAX_PARALLEL = 256
_WATCH_SECONDS = 0.05
"""How often a waiting batch checks whether it was cancelled, in seconds."""

_ENDING_SECONDS = 0.2
"""How long a batch that was cancelled waits for its calls in flight."""

_MOST_CHARACTERS = 64_000_000
"""How much the prompts that run at once may have together; of very long ones fewer run at once."""

Progress = AbstractContextManager[Callable[[], object]]
"""A display of how far a batch is: entered, it gives a function to call for each prompt that is done."""


@dataclass(frozen=True, slots=True)
class Batches:
    """Runs batches of stateless tasks.

    Args:
        tasks: runs each of them.
        events: what the tasks cause; it is fired in the thread that waits for the batch.
    """

    tasks: StatelessTasks
    events: Events

    def execute(
        self,
        id_or_name: str,
        prompts: Sequence[str],
        max_parallel: int,
        overrides: Mapping[str, Any] | None,
        options: CallOptions,
        progress: Callable[[int], Progress],
    ) -> list[TaskResult | NeuroScriptError]:
        """Runs many prompts, at most ``max_parallel`` at once.

        Returns:
            one result or error for each prompt, in the order of the prompts.

        Raises:
            NeuroScriptError: 4, 9 or 19 where no prompt could run; 44 if cancelled, and then what is running ends in
                the background.
        """
        _check_batch(prompts, max_parallel)
        overrides = check_overrides(overrides)
        self.tasks.ready(id_or_name, options.clearance)
        if not prompts:
            return []
        stopped = threading.Event()

        def check() -> None:
            if stopped.is_set():
                raise NeuroScriptError(ErrorCode.CANCELLED, "the batch was cancelled")

        results: dict[int, TaskResult | NeuroScriptError] = {}
        finished: SimpleQueue[_Done | Callable[[], None]] = SimpleQueue()
        relay = None if options.on_stream is None else StreamRelay(options.on_stream, finished.put, stopped)
        own = replace(options, check=check, on_stream=None if relay is None else relay.tell)
        indexes = iter(range(len(prompts)))

        def work() -> None:
            if relay is not None:
                relay.use_in_thread()
            for index in indexes:
                try:
                    finished.put(_Done(index, *self._one(id_or_name, prompts[index], overrides, own, check)))
                except BaseException as error:  # raised where the batch waits
                    finished.put(_Done(index, None, [], error))

        workers = min(max_parallel, len(prompts), max(1, _MOST_CHARACTERS // max(1, *map(len, prompts))))
        running: list[Future[None]] = []
        pool = ThreadPoolExecutor(workers, thread_name_prefix="ai_wm-batch")
        try:
            with progress(len(prompts)) as advance:
                running = [pool.submit(copy_context().run, work) for _ in range(workers)]
                while len(results) < len(prompts):
                    if options.check is not None:
                        options.check()  # at each turn: results that come fast take memory too
                    for place, result, fired, error in sorted(_next_of(finished, options.check), key=_place_of):
                        if result is None:
                            raise error if error is not None else AssertionError(place)
                        results[place] = result
                        # In this thread: what listens may belong to it.
                        for name, payload in fired:
                            self.events.fire(name, payload)
                        advance()
        finally:
            stopped.set()
            if relay is not None:
                relay.cut_off()
            done = len(results) == len(prompts)
            if not done:
                # The calls in flight notice it and are recorded, mostly by then; a host's own client may take longer.
                wait(running, timeout=_ENDING_SECONDS)
            pool.shutdown(wait=done, cancel_futures=True)
        return [results[index] for index in range(len(prompts))]

    def _one(
        self, id_or_name: str, prompt: str, overrides: Mapping[str, Any], options: CallOptions, check: Check
    ) -> tuple[TaskResult | NeuroScriptError, list[tuple[str, dict[str, Any]]]]:
        with self.events.collected() as fired:
            try:
                check()
                return self.tasks.execute(id_or_name, prompt, overrides, options), fired
            except NeuroScriptError as error:
                return error, fired


class _Done(NamedTuple):
    """A task of a batch that is over: what it gave, the events that it fired, and what it raised if it gave nothing."""

    place: int
    result: TaskResult | NeuroScriptError | None
    fired: list[tuple[str, dict[str, Any]]]
    error: BaseException | None = None


_place_of = attrgetter("place")


def _next_of(finished: SimpleQueue[_Done | Callable[[], None]], check: Check | None) -> list[_Done]:
    """The tasks that are over, waiting for at least one; looks now and then whether the caller was cancelled.

    What else the tasks want done in this thread is done meanwhile.
    """
    found: list[_Done] = []
    while not found:
        try:
            item = finished.get(timeout=None if check is None else _WATCH_SECONDS)
            while True:
                if isinstance(item, _Done):
                    found.append(item)
                else:
                    item()
                item = finished.get_nowait()
        except Empty:
            if check is not None:
                check()
    return found


def _check_batch(prompts: Any, max_parallel: Any) -> None:
    if isinstance(prompts, str) or not isinstance(prompts, Sequence) or not all(isinstance(p, str) for p in prompts):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "prompts is a list of strings")
    if type(max_parallel) is not int or not 1 <= max_parallel <= MAX_PARALLEL:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"max_parallel is a whole number from 1 to {MAX_PARALLEL}, not {max_parallel!r}"
        )
