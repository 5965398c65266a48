"""Cancellation of waits inside a call, for code that is not handed the caller's check."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("ai_wm_cancel_check", default=None)


def cancel_check() -> Callable[[], None] | None:
    """Returns the function that raises when this thread's caller was cancelled; None if nobody cancels it.

    It may be called from another thread, too.
    """
    return _check.get()


class cancellable:
    """Context manager in which waits obey a caller's cancellation.

    Args:
        check: raises when the caller was cancelled; safe to call from any thread.
    """

    __slots__ = ("_new", "_token")

    def __init__(self, check: Callable[[], None] | None) -> None:
        self._new = check

    def __enter__(self) -> None:
        self._token = _check.set(self._new)

    def __exit__(self, *_: object) -> None:
        _check.reset(self._token)
