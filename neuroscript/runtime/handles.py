"""The table of the objects that handles refer to, which no script can read."""

from __future__ import annotations

import threading
import weakref

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import Handle, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class HandleTable:
    """The objects behind a script's handles.

    A handle is known by identity: one made elsewhere, or put together by a script, stands for nothing.  An object is
    let go when its handle is released or no longer held by anyone.
    """

    def __init__(self) -> None:
        self._objects: weakref.WeakKeyDictionary[Handle, Any] = weakref.WeakKeyDictionary()
        self._kinds: dict[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {}
        self._named: weakref.WeakValueDictionary[tuple[str, str], Handle] = weakref.WeakValueDictionary()
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

    def name_kind(self, kind: str, name_of: Callable[[Any], str], find: Callable[[str], Any]) -> None:
        """Gives the objects of a kind names, by which a journaled run finds them again in another process.

        Args:
            kind: the kind of their handles.
            name_of: gives the name of an object.
            find: gives the object of a name; None where there is none any more.
        """
        self._kinds[kind] = name_of, find

    def name_of(self, handle: Handle) -> str:
        """The name of what a handle stands for; empty where it has none."""
        with self._lock:
            target = self._objects.get(handle)
        kind = self._kinds.get(handle.kind)
        if kind is None or target is None:
            return next((name for (_, name), named in list(self._named.items()) if named is handle), "")
        name = kind[0](target)
        self._named[handle.kind, name] = handle
        return name

    def named(self, kind: str, name: str) -> Handle:
        """The handle of a kind for the object of a name, always the same one; a stale one where there is none."""
        handle = self._named.get((kind, name)) if name else None
        if handle is None:
            handle = Handle(kind)
            if name:
                self._named[kind, name] = handle
        if name and kind in self._kinds and handle not in self._objects:
            target = self._kinds[kind][1](name)
            if target is not None:
                with self._lock:
                    self._objects[handle] = target
        return handle

    def release(self, handle: Handle) -> None:
        """Makes a handle stale; releasing one twice is no error."""
        with self._lock:
            self._objects.pop(handle, None)

    def clear(self) -> None:
        """Makes every handle stale."""
        with self._lock:
            self._objects.clear()
