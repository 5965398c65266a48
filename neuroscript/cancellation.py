"""Cancellation: a token with which a host, or another thread, ends runs and waits."""

from __future__ import annotations

from _thread import TIMEOUT_MAX, allocate_lock
from _weakref import ref

from neuroscript.errors import ErrorCode, NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class CancelToken:
    """A cancellation token: `cancel` ends all runs it was given to, and all other waits that use it.

    A token can be made before a run, given to several (`Interpreter.run`, ``cancel=token``), and linked to a parent,
    whose cancelling is its own too.  It is cancelled once and for ever.

    Every method may be called from any thread, and from a signal handler: none takes a lock, since the code that a
    signal interrupts could hold it.

    Args:
        parent: a token whose cancelling cancels this one.

    Attributes:
        cancelled: whether it has been cancelled; read it, and call `cancel` to set it.
        reason: the reason given to `cancel`.
    """

    __slots__ = ("__weakref__", "_callbacks", "_children", "_marked", "_parents", "cancelled", "reason")

    def __init__(self, parent: CancelToken | None = None) -> None:
        self.cancelled = False
        self.reason = ""
        self._callbacks: dict[object, Callable[[], object]] = {}
        self._children: dict[object, ref[CancelToken]] = {}
        self._parents: tuple[CancelToken, ...] = ()
        self._marked: Callable[[], object] | None = None
        if parent is not None:
            self.follow(parent)

    def follow(self, parent: CancelToken) -> None:
        """Links the token to another parent; cancels it at once if the parent is cancelled already."""
        self._parents = (*self._parents, parent)
        children, key = parent._children, object()
        children[key] = ref(self, lambda _: children.pop(key, None))
        if parent.cancelled:
            self.cancel(parent.reason)

    @property
    def linked(self) -> bool:
        """Whether the token has a parent."""
        return bool(self._parents)

    def cancel(self, reason: str = "") -> None:
        """Cancels the token, all tokens linked to it, and all runs that they were given to.

        No tool, emit, ask, whisper or event handler of such a run begins after this has returned, except one that had
        passed its check.  Callbacks are called here, in this thread.  A second call does nothing more.

        Args:
            reason: what the error of the runs says besides.
        """
        self._mark(reason)
        self._notify()

    def on_cancel(self, callback: Callable[[], object]) -> CancelRegistration:
        """Calls ``callback`` once when the token is cancelled, in the thread that cancels; the latest one first.

        It is called at once if the token is cancelled already.  An exception that it raises is logged and does not
        stop the other callbacks.

        Returns:
            The registration, which can be removed and is a context manager: ``with token.on_cancel(socket.close):``.
        """
        registration = CancelRegistration(self._callbacks)
        self._callbacks[registration] = callback
        if self.cancelled:  # looked at after the callback is there, so that whoever cancels now cannot miss it
            self._notify()
        return registration

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the token is cancelled or a timeout in seconds passes; returns whether it is cancelled."""
        if self.cancelled:
            return True
        gate = allocate_lock()
        gate.acquire()
        with self.on_cancel(gate.release):
            gate.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), TIMEOUT_MAX))
        return self.cancelled

    def check(self) -> None:
        """Raises an error if the token is cancelled.

        Raises:
            CancelledError: 44.
        """
        if self.cancelled:
            raise self.error()

    def error(self) -> NeuroScriptError:
        """Makes the error of a run that the token has ended."""
        reason = f": {self.reason}" if self.reason else ""
        return NeuroScriptError(ErrorCode.CANCELLED, f"the run was cancelled{reason}")

    def when_marked(self, mark: Callable[[], object] | None) -> None:
        """Sets a function that every `cancel`, even a repeated one, calls before any other callback.

        It is for the run that the token belongs to, which blocks its further effects here: they are blocked when
        `cancel` returns, even if another thread cancels at the same time and is still busy with the callbacks.
        """
        self._marked = mark
        if mark is not None and self.cancelled:
            mark()

    def _mark(self, reason: str) -> None:
        if not self.cancelled:
            self.reason = reason
            self.cancelled = True
        mark = self._marked
        if mark is not None:
            mark()
        for child in self._linked():
            child._mark(self.reason)

    def _notify(self) -> None:
        while True:
            try:
                _, callback = self._callbacks.popitem()  # in one step: no other thread gets it too
            except KeyError:
                break
            try:
                callback()
            except Exception:  # the others must be called all the same
                from neuroscript.logs import get_logger

                get_logger("neuroscript").exception("a callback failed while a run was cancelled")
        for child in self._linked():
            child._notify()

    def _linked(self) -> list[CancelToken]:
        found = [child() for child in tuple(self._children.values())]
        return [child for child in found if child is not None]

    def __repr__(self) -> str:
        state = f"cancelled{f': {self.reason}' if self.reason else ''}" if self.cancelled else "not cancelled"
        return f"<CancelToken {state}>"


class CancelRegistration:
    """A callback registered for the cancellation of a token; made by `CancelToken.on_cancel`."""

    __slots__ = ("_callbacks",)

    def __init__(self, callbacks: dict[object, Callable[[], object]]) -> None:
        self._callbacks = callbacks

    def remove(self) -> bool:
        """Removes the callback.

        Returns:
            Whether it will not be called; False if it has been, or is being called in another thread at this moment.
        """
        return self._callbacks.pop(self, None) is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
