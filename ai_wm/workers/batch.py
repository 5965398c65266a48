"""Batches: many stateless tasks, several at once, their results in the order of the tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, replace
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from ai_wm.calls.run_budget import is_of_run
from ai_wm.calls.stored_forms import plain
from ai_wm.calls.streaming import StreamRelay
from ai_wm.calls.task import CallOptions, CallsOfRun, Check
from ai_wm.data.settings import check_overrides
from ai_wm.data.spelling import nearest
from ai_wm.data.type_words import described_type, type_word
from ai_wm.support.events import Events
from ai_wm.workers.stateless import StatelessTasks, TaskResult, task_result_map, task_result_of
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


class BatchTask(NamedTuple):
    """A task of a batch: the id or name of its worker, the prompt, and settings for this call."""

    worker: str
    prompt: str
    overrides: Mapping[str, Any]


def read_tasks(tasks: Any) -> list[BatchTask]:
    """Reads tasks that are given as maps ``worker``, ``prompt``, ``config_overrides`` (optional).

    Raises:
        NeuroScriptError: 4 for one in another form, naming it by its index, and the key.
    """
    if isinstance(tasks, str | bytes | Mapping) or not isinstance(tasks, Sequence):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"tasks is a list of maps, not {described_type(tasks)}")
    return [_read_task(task, index) for index, task in enumerate(tasks)]


def bad_overrides(index: int, error: NeuroScriptError) -> NeuroScriptError:
    """The error 4 for the overrides of a task, which names it by its index."""
    return _bad_task(f"tasks[{index}]", "config_overrides", error.message)


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
        """Gives one worker many prompts, at most ``max_parallel`` at once.

        Returns:
            one result or error for each prompt, in the order of the prompts.

        Raises:
            NeuroScriptError: 4, 9 or 19 where no prompt could run; what `execute_all` raises.
        """
        _check_prompts(prompts)
        _check_parallel(max_parallel)
        given = check_overrides(overrides)
        self.tasks.ready(id_or_name, options.clearance)
        if prompts and given.get("attach") is not None:  # read once for all of them
            read = options.attachments or self.tasks.attachments
            given["attach"] = read(given["attach"], options.check)
        return self._run([BatchTask(id_or_name, prompt, given) for prompt in prompts], max_parallel, options, progress)

    def execute_all(
        self,
        tasks: Sequence[BatchTask | NeuroScriptError],
        max_parallel: int,
        options: CallOptions,
        progress: Callable[[int], Progress],
    ) -> list[TaskResult | NeuroScriptError]:
        """Gives several workers a prompt each, at most ``max_parallel`` at once.

        Args:
            tasks: what `read_tasks` returns; an error stands for a task that cannot run, and is its result.
            max_parallel: how many run at once.
            options: the options of each call.
            progress: a display of how far it is.

        Returns:
            one result or error for each task, in the order of the tasks.

        Raises:
            NeuroScriptError: 4 for ``max_parallel``; 46 where the run's budget does not suffice;
                44 if cancelled.  Then what is running ends in the background.
        """
        _check_parallel(max_parallel)
        return self._run(tasks, max_parallel, options, progress, ends_all=is_of_run)

    def _run(
        self,
        tasks: Sequence[BatchTask | NeuroScriptError],
        max_parallel: int,
        options: CallOptions,
        progress: Callable[[int], Progress],
        ends_all: Callable[[NeuroScriptError], bool] = lambda error: False,
    ) -> list[TaskResult | NeuroScriptError]:
        """Runs tasks in threads; an error of one that ``ends_all`` is true of is raised."""
        if not tasks:
            return []
        stopped = threading.Event()

        def check() -> None:
            if stopped.is_set():
                raise NeuroScriptError(ErrorCode.CANCELLED, "the batch was cancelled")

        results: dict[int, TaskResult | NeuroScriptError] = {}
        ready: dict[int, list[tuple[str, dict[str, Any]]]] = {}  # events that wait for those of the tasks before them
        journal = options.journal
        finished: SimpleQueue[_Done | Callable[[], None]] = SimpleQueue()
        relay = None if options.on_stream is None else StreamRelay(options.on_stream, finished.put, stopped)
        own = replace(options, check=check, on_stream=None if relay is None else relay.tell)
        indexes = iter(range(len(tasks)))

        def work() -> None:
            if relay is not None:
                relay.use_in_thread()
            for index in indexes:
                try:
                    finished.put(_Done(index, *self._one(index, tasks[index], own, check)))
                except BaseException as error:  # raised where the batch waits
                    finished.put(_Done(index, None, [], error))

        longest = max(1 if isinstance(task, NeuroScriptError) else len(task.prompt) for task in tasks)
        workers = min(max_parallel, len(tasks), max(1, _MOST_CHARACTERS // max(1, longest)))
        running: list[Future[None]] = []
        told = 0
        pool = ThreadPoolExecutor(workers, thread_name_prefix="ai_wm-batch")
        try:
            with progress(len(tasks)) as advance:
                with nullcontext() if journal is None else journal.tasks():
                    running = [pool.submit(copy_context().run, work) for _ in range(workers)]
                while len(results) < len(tasks):
                    if options.check is not None:
                        options.check()  # at each turn: results that come fast take memory too
                    for place, result, fired, error in sorted(_next_of(finished, options.check), key=_place_of):
                        if result is None:
                            raise error if error is not None else AssertionError(place)
                        if isinstance(result, NeuroScriptError) and ends_all(result):
                            raise result
                        results[place] = result
                        # In this thread: what listens may belong to it.
                        if journal is None:
                            self._fire(fired)
                        else:
                            ready[place] = fired
                            while told in ready:  # in the same order whenever the run is replayed
                                with journal.told_of(told):
                                    self._fire(ready.pop(told))
                                told += 1
                        advance()
        finally:
            stopped.set()
            if relay is not None:
                relay.cut_off()
            done = len(results) == len(tasks)
            if not done:
                # The calls in flight notice it and are recorded, mostly by then; a host's own client may take longer.
                wait(running, timeout=_ENDING_SECONDS)
            pool.shutdown(wait=done, cancel_futures=True)
        return [results[index] for index in range(len(tasks))]

    def _fire(self, fired: list[tuple[str, dict[str, Any]]]) -> None:
        for name, payload in fired:
            self.events.fire(name, payload)

    def _one(
        self, index: int, task: BatchTask | NeuroScriptError, options: CallOptions, check: Check
    ) -> tuple[TaskResult | NeuroScriptError, list[tuple[str, dict[str, Any]]]]:
        with self.events.collected() as fired:
            try:
                check()
                if isinstance(task, NeuroScriptError):
                    return task, fired
                if options.journal is None:
                    return self.tasks.execute(task.worker, task.prompt, task.overrides, options), fired
                return self._journaled(index, task, options, options.journal, fired)
            except NeuroScriptError as error:
                return error, fired

    def _journaled(
        self,
        index: int,
        task: BatchTask,
        options: CallOptions,
        journal: CallsOfRun,
        fired: list[tuple[str, dict[str, Any]]],
    ) -> tuple[TaskResult | NeuroScriptError, list[tuple[str, dict[str, Any]]]]:
        """Runs a task, or gives what the journal has of it, with the events that it fires or fired."""
        made: list[TaskResult] = []

        def do() -> dict[str, Any]:
            try:
                made.append(self.tasks.execute(task.worker, task.prompt, task.overrides, options))
            except NeuroScriptError as error:
                error.details["fired"] = plain(fired)
                raise
            return {"result": task_result_map(made[0]), "fired": plain(fired)}

        arguments = [str(task.worker), task.prompt, sorted(task.overrides)]
        try:
            found = journal.task(index, arguments, do)
        except NeuroScriptError as error:
            told = error.details.pop("fired", [])
            return error, [(name, payload) for name, payload in told]
        if made:
            return made[0], fired
        return task_result_of(found["result"]), [(name, payload) for name, payload in found["fired"]]


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


_TASK_KEYS = frozenset({"config_overrides", "prompt", "worker"})


def _read_task(task: Any, index: int) -> BatchTask:
    where = f"tasks[{index}]"
    if not isinstance(task, Mapping):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"{where} is {described_type(task)}; expected a map with worker, prompt and, if need be, config_overrides",
            details={"field": where},
        )
    for key in task:
        if key not in _TASK_KEYS:
            near = nearest(key, _TASK_KEYS) if isinstance(key, str) else None
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(_TASK_KEYS))}"
            shown = key[:60] if isinstance(key, str) else type_word(key)
            raise _bad_task(where, shown, f"unknown key {shown!r}; {hint}")
    for key in ("worker", "prompt"):
        if key not in task:
            raise _bad_task(where, key, f"the key {key} is missing")
        if not isinstance(task[key], str):
            raise _bad_task(where, key, f"{key} is {described_type(task[key])}; expected a string")
    try:
        overrides = check_overrides(task.get("config_overrides"))
    except NeuroScriptError as error:
        raise bad_overrides(index, error) from None
    return BatchTask(task["worker"], task["prompt"], overrides)


def _bad_task(where: str, key: str, what: str) -> NeuroScriptError:
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{where}: {what}", details={"field": f"{where}.{key}"})


def _check_prompts(prompts: Any) -> None:
    if isinstance(prompts, str) or not isinstance(prompts, Sequence) or not all(isinstance(p, str) for p in prompts):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "prompts is a list of strings")


def _check_parallel(max_parallel: Any) -> None:
    if type(max_parallel) is not int or not 1 <= max_parallel <= MAX_PARALLEL:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"max_parallel is a whole number from 1 to {MAX_PARALLEL}, not {max_parallel!r}"
        )
