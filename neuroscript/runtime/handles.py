"""The table of the objects that handles refer to, which no script can read."""

from __future__ import annotations

import threading
import weakref

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import Handle, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class HandleTable:
    """The objects behind a script's handles.

    A handle is known by identity: one made elsewhere, or put together by a script, stands for nothing.  An object is
    let go when its handle is released or no longer held by anyone.
    """

    def __init__(self) -> None:
        self._objects: weakref.WeakKeyDictionary[Handle, Any] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def create(self, kind: str, target: Any) -> Handle:
        """A new handle of a kind (``conversation``) for an object."""
        handle = Handle(kind)
        with self._lock:
            self._objects[handle] = target
        return handle

    def get(self, handle: Any, kind: str) -> Any:
        """The object behind a handle.

        Raises:
            NeuroScriptError: 7 if it is no handle, or one of another kind; 19 if it is stale.
        """
        if type(handle) is not Handle:
            raise NeuroScriptError(ErrorCode.TYPE, f"a {kind} handle was expected, not {type_name(handle)}")
        if handle.kind != kind:
            raise NeuroScriptError(ErrorCode.TYPE, f"a {kind} handle was expected, not a {handle.kind} handle")
        with self._lock:
            target = self._objects.get(handle)
        if target is None:
            raise NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"the {kind} handle is stale: what it stood for has been retired or closed",
            )
        return target

    def release(self, handle: Handle) -> None:
        """Makes a handle stale; releasing one twice is no error."""
        with self._lock:
            self._objects.pop(handle, None)

    def clear(self) -> None:
        """Makes every handle stale."""
        with self._lock:
            self._objects.clear()
