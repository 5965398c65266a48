"""Event handlers of one interpreter (language reference, section 7)."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import record
from neuroscript.runtime.operators import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.values import EventValue


_MOST_KNOWN = 256  # events whose handlers are kept apart, since a program may make names without end


@record(frozen=True)
class Registered:
    """One handler: the event it is for, its own name if it has one, and its code."""

    event: str
    named: str | None
    function: Callable[[int, EventValue], None]


class Events:
    """Event handlers in the order of their registration.

    Args:
        most: how many there may be.

    Attributes:
        of_scripts: the code of the handlers of events that scripts have fired, and may fire.
    """

    def __init__(self, most: int) -> None:
        self._handlers: list[Registered] = []
        self._by_event: dict[str, tuple[Registered, ...]] = {}  # of the events that have been fired since
        self.of_scripts: dict[str, tuple[Callable[[int, EventValue], None], ...]] = {}
        self._most = most

    def register(self, event: Any, named: str | None, function: Callable[[int, EventValue], None]) -> None:
        """Adds a handler; one of the same name takes the place of the earlier one."""
        handler = Registered(event_name(event), named, function)
        self.forget()
        if named is not None:
            for index, old in enumerate(self._handlers):
                if old.named == named:
                    self._handlers[index] = handler
                    return
        if len(self._handlers) >= self._most:
            message = f"there are {self._most} event handlers already, which is the limit"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        self._handlers.append(handler)

    def clear(self, event: Any, named: str | None) -> None:
        """Removes the handler called ``named``, or else the unnamed ones of ``event``; none is no error."""
        self.forget()
        if named is not None:
            self._handlers = [handler for handler in self._handlers if handler.named != named]
            return
        name = event_name(event)
        self._handlers = [h for h in self._handlers if h.named is not None or h.event != name]

    def of(self, event: str) -> tuple[Registered, ...]:
        """The handlers of an event as they are now."""
        found = self._by_event.get(event)
        if found is None:
            found = tuple(handler for handler in self._handlers if handler.event == event)
            if len(self._by_event) < _MOST_KNOWN:
                self._by_event[event] = found
        return found

    def of_script(self, event: str) -> tuple[Callable[[int, EventValue], None], ...]:
        """The code of the handlers of an event that a script may fire, as they are now."""
        found = tuple(handler.function for handler in self.of(event))
        if len(self.of_scripts) < _MOST_KNOWN:
            self.of_scripts[event] = found
        return found

    def forget(self) -> None:
        """Forgets which handlers the events have, and which events scripts may fire; they are found anew."""
        self._by_event.clear()
        self.of_scripts.clear()

    def snapshot(self) -> list[Registered]:
        """All handlers, for `restore`."""
        return list(self._handlers)

    def restore(self, handlers: list[Registered]) -> None:
        """Puts back what `snapshot` gave."""
        self._handlers = handlers
        self.forget()


def event_name(event: Any) -> str:
    """The name of an event: a string that is not empty."""
    if type(event) is str and event:
        return event
    raise NeuroScriptError(ErrorCode.TYPE, f"an event's name is a string, not {describe(event)}")
