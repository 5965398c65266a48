"""Tells a host of calls as they are made: each call when it is over, and retries, refusals and the like on the way.

What is said on the way comes from the log, which holds no prompt, no reply and no key; the calls come with their
prompts and replies, without keys, as the user's log of prompts has them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ai_wm.data.types import Timestamp
from ai_wm.logs import CALLS, LIMITS

if TYPE_CHECKING:
    from ai_wm.store.prompt_log import LoggedCall

Listener = Callable[[str, Mapping[str, Any]], object]
"""Gets a word and fields: ``call`` for a call that is over, any other for an event of the log."""

CALL: Final = "call"
_TOLD: Final = frozenset(
    {"asked", "retry", "cool_down", "refused", "fallback", "fallback_passed_over", "cut_short", "tool"}
)
_FIELDS: Final = ("worker", "instance_id", "model", "code", "attempt", "round", "tool")


class Listening:
    """Tells a listener of the calls in this process, until it is closed.

    Args:
        listener: gets them, from whatever thread makes the call.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._handler = _Handler(listener)
        self._levels = {logger: logger.level for logger in (CALLS, LIMITS)}
        for logger in self._levels:
            logger.addHandler(self._handler)
            logger.setLevel(logging.DEBUG)

    def add(self, call: LoggedCall) -> None:
        """Tells of a call that is over."""
        fields = asdict(call)
        fields["time"] = Timestamp.parse(call.time).timestamp()
        fields["instance_id"] = call.conversation
        self._listener(CALL, fields)

    def close(self) -> None:
        """Ends the telling."""
        for logger, level in self._levels.items():
            logger.removeHandler(self._handler)
            logger.setLevel(level)


class _Handler(logging.Handler):
    """Handler that passes on events of calls."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(logging.DEBUG)
        self._tell = listener

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", "")
        if event in _TOLD:
            fields = {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
            self._tell(event, {**fields, "time": record.created, "message": record.getMessage()})
