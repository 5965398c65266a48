"""Long work that Python cannot interrupt, given up when the run that waits for it is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from neuroscript.stdlib.declare import Context
from neuroscript.threads import POOL, Job

T = TypeVar("T")


def interruptible(ctx: Context, function: Callable[[], T]) -> T:
    """Calls a function in another thread and returns its result; if the run is cancelled, the function goes on alone.

    So it is one without effects, which ends by itself, and which lets go of Python's lock while it works.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    over: SimpleQueue[None] = SimpleQueue()

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # it is raised where the script waits
            errors.append(error)

    POOL.start(Job(work, lambda: over.put(None), extra=True))
    with ctx.cancel_token.on_cancel(lambda: over.put(None)):
        over.get()
    if errors:
        raise errors[0]
    if not results:
        ctx.check()
    return results[0]
