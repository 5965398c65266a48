"""The names of a manager's events, and their dispatch to listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from neuroscript import get_logger

INSTANCE_SPAWNED = "ai_wm.instance.spawned"
INSTANCE_RETIRED = "ai_wm.instance.retired"
TASK_COMPLETED = "ai_wm.task.completed"
TASK_FAILED = "ai_wm.task.failed"
RATE_LIMITED = "ai_wm.rate_limited"

Listener = Callable[[str, dict[str, Any]], object]
"""A function that is called with an event's name and payload."""

_collected: ContextVar[list[tuple[str, dict[str, Any]]] | None] = ContextVar("ai_wm_collected_events", default=None)

_log = get_logger("ai_wm.calls")


class Events:
    """Dispatches the events of one manager to its listeners, in the thread of the caller, with no lock held."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Adds a listener; returns a function that removes it."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(item for item in self._listeners if item is not listener)

        return unsubscribe

    def fire(self, name: str, payload: dict[str, Any]) -> None:
        """Calls every listener.  An exception of one is logged and stops neither the others nor the caller."""
        collected = _collected.get()
        if collected is not None:
            collected.append((name, payload))
            return
        for listener in self._listeners:
            try:
                listener(name, dict(payload))
            except Exception:  # listeners are foreign code; the work that they are told of is done
                _log.exception("a listener failed on the event %s", name)

    @contextmanager
    def collected(self) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Context manager that collects the events fired in it, for the thread that waits for this one to fire them."""
        events: list[tuple[str, dict[str, Any]]] = []
        token = _collected.set(events)
        try:
            yield events
        finally:
            _collected.reset(token)
