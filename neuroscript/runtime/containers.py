"""Lists and maps with value semantics by copy-on-write (language reference, section 4).

A list or map behaves as if copied when it is assigned, passed, returned or stored, at no cost: whoever is about to
change one looks at its reference count, and copies first if anything else holds it - another variable, a container, a
caller, a running ``for each``, the host.  No marks are needed, and every holder is seen by itself.

What a count is when nothing else holds the object depends on the interpreter, and is measured by
`neuroscript.values.holders`.  Here it is that of a parameter which got it from a local; for a variable that an inner
function shares, generated code tells the count as ``alone``.
"""

from __future__ import annotations

from itertools import repeat

from neuroscript.errors import ErrorCode, NeuroScriptError, plain_error
from neuroscript.runtime.errors import NilOperandError
from neuroscript.runtime.operators import Operations, describe
from neuroscript.values import ErrorValue, EventValue, number_text
from neuroscript.values.flat_maps import may_nest
from neuroscript.values.holders import IN_CONTAINER, IN_HELPER, refcount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

_BIG = 4096  # items from which on copying checks the limits
_SMALL = 16  # entries of a map that are looked at one by one
_CONTAINERS = frozenset({list, dict})

UNSET: Any = type("Unset", (), {"__slots__": (), "__repr__": lambda self: "<unset>", "__bool__": lambda self: False})()
"""Stands in a local of generated code for a variable that has not been set."""


class Containers:
    """Reads and changes lists and maps within the limits of one interpreter."""

    def __init__(self, operations: Operations) -> None:
        self.text = operations.text
        self.max_items = operations.max_items
        self.max_string = operations.max_string
        self.max_nesting = operations.max_nesting
        self.check_limits = operations.check_limits
        self.may_be_deep = may_nest if self.max_nesting > 1 else lambda _: True

    def nested(self, value: Any) -> Any:
        """Returns a value that is about to be stored in a list or map; raises if it is nested too deeply for that.

        The depth is looked for along the first and the last items, which takes no longer than the depth is; in a small
        map where neither holds lists or maps, along the one between them that does.  What is nested elsewhere is
        refused when it is shown, compared or given to the host.
        """
        if type(value) not in _CONTAINERS or not value:
            return value
        first = last = value
        left = self.max_nesting
        while True:
            left -= 1
            if not left:
                self._too_deep()
            if first is last:
                if type(first) is list:
                    last = first[-1]
                    first = first[0]
                    if type(first) not in _CONTAINERS or not first:
                        if type(last) not in _CONTAINERS or not last:
                            return value
                        first = last
                    elif type(last) not in _CONTAINERS or not last:
                        last = first
                    if (
                        left > 1
                        and type(first) is dict
                        and type(last) is dict
                        and not (may_nest(first) or may_nest(last))
                    ):
                        return value
                    continue
                if not may_nest(first):
                    return value
                first, last = _inner(first)
                if first is None:
                    return value
                continue
            if type(first) is list:
                item = first[0]
                if type(item) not in _CONTAINERS or not item:
                    item = first[-1]
                    if type(item) not in _CONTAINERS or not item:
                        item = None
                first = item
            else:
                for item in first.values():  # noqa: B007
                    break
                if type(item) is dict and item and (len(first) < 3 or may_nest(item)):
                    first = item
                else:
                    first = _inner(first)[0] if may_nest(first) else None
            if type(last) is list:
                item = last[-1]
                if type(item) not in _CONTAINERS or not item:
                    item = last[0]
                    if type(item) not in _CONTAINERS or not item:
                        item = None
                last = item
            else:
                for item in reversed(last.values()):  # noqa: B007
                    break
                if type(item) is dict and item and (len(last) < 3 or may_nest(item)):
                    last = item
                else:
                    last = _inner(last)[1] if may_nest(last) else None
            if first is None:
                if last is None:
                    return value
                first = last
            elif last is None:
                last = first

    def _too_deep(self) -> NoReturn:
        message = f"lists and maps would be nested more than {self.max_nesting} deep"
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, message)

    # --- changing ----------------------------------------------------------------------------------------------------

    def put(self, container: Any, key: Any, value: Any, alone: int = IN_HELPER) -> Any:
        """The container with ``value`` at ``key``: itself if nothing else holds it, else a copy."""
        kind = type(container)
        if kind is list:
            index = list_index(key)
            if refcount(container) > alone:
                container = self.copied(container)
            if index < len(container):
                container[index] = value
            else:
                self._extend(container, index, value)
            return container
        if kind is dict:
            key = key if type(key) is str else self.key_text(key)
            if refcount(container) > alone:
                container = container.copy() if len(container) <= _BIG else self.copied(container)
            container[key] = value
            if len(container) > self.max_items:
                del container[key]
                self.too_many("map")
            return container
        return self.put(self.made_for(container, key), key, value)

    def put_path(self, container: Any, keys: tuple[Any, ...], value: Any, alone: int = IN_HELPER) -> Any:
        """The container with ``value`` at the end of a path of two keys or more; what is missing on it is made."""
        kind = type(container)
        if kind is list or kind is dict:
            if refcount(container) > alone:
                container = container.copy()
        else:
            container = self.made_for(container, keys[0])
        root = container
        last = len(keys) - 1
        # Every step changes only containers that nothing else holds: a copied parent shares its children with the
        # original, so that their counts tell it.  What is missing is built before it is stored, so that a failure
        # leaves everything as it was.
        for step in range(last):
            key = keys[step]
            child = self._child(container, key)
            kind = type(child)
            if kind is not list and kind is not dict:
                self._store(container, key, self._built(child, keys[step + 1 :], value))
                return root
            if refcount(child) > IN_CONTAINER:
                child = child.copy()
                self._store(container, key, child)
            container = child
        self._store(container, keys[last], value)
        return root

    def append_at(self, container: Any, keys: tuple[Any, ...], value: Any, alone: int = IN_HELPER) -> bool:
        """Appends to the list at the end of a path; not where something else holds any of it, or it is no list."""
        if refcount(container) > alone:
            return False
        container = _followed(container, keys)
        if type(container) is not list or len(container) >= self.max_items:
            return False
        container.append(value)
        return True

    def _built(self, old: Any, keys: tuple[Any, ...], value: Any) -> Any:
        """New containers along ``keys``, in the place of ``old``, with ``value`` at their end."""
        made = self.made_for(old, keys[0])
        for key in reversed(keys[1:]):
            inner = self.made_for(None, key)
            self._store(inner, key, value)
            value = inner
        self._store(made, keys[0], value)
        return made

    def copied(self, container: Any) -> Any:
        """A list or map of its own with the same items."""
        if len(container) > _BIG:
            self.check_limits()
        return container.copy()

    def _child(self, container: Any, key: Any) -> Any:
        if type(container) is list:
            index = list_index(key)
            return container[index] if index < len(container) else None
        return container.get(key if type(key) is str else self.key_text(key))

    def _store(self, container: Any, key: Any, value: Any) -> None:
        if type(container) is list:
            index = list_index(key)
            if index < len(container):
                container[index] = value
            else:
                self._extend(container, index, value)
            return
        container[key if type(key) is str else self.key_text(key)] = value
        if len(container) > self.max_items:
            self.too_many("map")

    def _extend(self, container: list[Any], index: int, value: Any) -> None:
        if index >= self.max_items:
            self.too_many("list")
        if index > len(container):
            if index > _BIG:
                self.check_limits()
            container.extend(repeat(None, index - len(container)))
        container.append(value)

    def made_for(self, old: Any, key: Any) -> Any:
        """The container that ``set`` makes where there is none: a list for a whole number, else a map."""
        if old is not None and old is not UNSET:
            raise NeuroScriptError(ErrorCode.TYPE, f"cannot set an item of {describe(old)}: it is not a list or map")
        if type(key) is int or (type(key) is float and key.is_integer()):
            list_index(key)
            return []
        if type(key) is str:
            return {}
        message = "there is nothing to index here yet: a string makes a map, a whole number a list, {} neither"
        raise NeuroScriptError(ErrorCode.TYPE, message.format(describe(key)))

    def key_text(self, key: Any) -> str:
        """A key that ``set`` writes, as text."""
        kind = type(key)
        if kind is str:
            return key  # type: ignore[no-any-return]
        if kind is int or kind is float:
            return number_text(key)
        if kind is bool:
            return "true" if key else "false"
        raise NeuroScriptError(ErrorCode.TYPE, f"a map's key is a string, number or boolean, not {describe(key)}")

    def too_many(self, kind: str, *_: Any) -> NoReturn:
        """Raises the error of a list or map beyond the limit."""
        raise NeuroScriptError(
            ErrorCode.RESOURCE_EXHAUSTION, f"a {kind} would have more than the limit of {self.max_items} items"
        )

    # --- reading -----------------------------------------------------------------------------------------------------

    def index(self, container: Any, key: Any) -> Any:
        """``container[key]``."""
        kind = type(container)
        if kind is dict:
            return container.get(key if type(key) is str else self.text(key))
        if kind is list or kind is str:
            position = whole_index(key, kind)
            if 0 <= position < len(container):
                return container[position]
            raise out_of_range(position, container)
        if kind is EventValue or kind is ErrorValue:
            return container.field(key if type(key) is str else self.text(key))
        error = NilOperandError if container is None else NeuroScriptError
        raise error(ErrorCode.TYPE, f"cannot read an item of {describe(container)}: it is not a list, map or string")

    def walk(self, value: Any, path: Sequence[str | int]) -> Any:
        """``value[a][b]…``, as a placeholder says it."""
        for key in path:
            value = self.index(value, key)
        return value

    def take(self, container: Any, key: Any, alone: int = IN_HELPER) -> Any:
        """``container[key]``, which the container lets go of if nothing else holds the container.

        It is to get another item there.
        """
        if type(container) is dict and refcount(container) == alone:
            value = container.get(key)
            if type(value) in _CONTAINERS:
                container[key] = None
            return value
        if type(container) is list and refcount(container) == alone and 0 <= key < len(container):
            value = container[key]
            container[key] = None
            return value
        return self.index(container, key)

    def iterate(self, value: Any) -> Any:
        """An iterator for ``for each``.  It holds the collection, so that a change in the loop makes a copy."""
        kind = type(value)
        if kind is list or kind is str:
            return iter(value)
        if kind is dict:
            return iter(value.values())
        if value is None:
            return iter(())
        raise NeuroScriptError(ErrorCode.TYPE, f"'for each' walks a list, map or string, not {describe(value)}")

    def iterate_pairs(self, value: Any) -> Any:
        """As `iterate`, for ``for each`` with two names: an iterator of indexes and items, or of keys and values."""
        if type(value) is dict:
            return iter(value.items())
        return enumerate(self.iterate(value))


def _inner(container: dict[str, Any]) -> tuple[Any, Any]:
    """The items of a map along which nesting is looked for; twice the same if there is one, nil if none."""
    values = container.values()
    for last in reversed(values):  # noqa: B007
        break
    for first in values:  # noqa: B007
        break
    if type(first) not in _CONTAINERS or not first:
        first = None
    if type(last) not in _CONTAINERS or not last:
        last = None
    elif first is None and _holds(last):
        return last, last  # most are records that end with what goes on
    ends = first or last
    if not 2 < len(container) <= _SMALL:
        return ends, last or first
    if (last is not None and _holds(last)) or (first is not None and _holds(first)):
        return ends, last or first
    only, plain = None, ends
    for item in values:
        if item is None:
            return ends, last or first  # there may be several, as in trees, which grow slowly
        if type(item) in _CONTAINERS and item:
            if not _holds(item):
                plain = item
            elif only is not None:
                return ends, last or first
            else:
                only = item
    if only is None and ends is not None:
        return ends, last or first
    return only or plain, only or plain


def _holds(container: Any) -> bool:
    """Whether a list or map that is not empty may hold others, as far as can be told at once."""
    if type(container) is dict:
        return may_nest(container)
    return type(container[0]) in _CONTAINERS or type(container[-1]) in _CONTAINERS


def list_index(key: Any) -> int:
    """The index that ``set`` writes in a list: a whole number of 0 or more."""
    index = whole_index(key, list)
    if index < 0:
        raise NeuroScriptError(ErrorCode.BOUNDS, f"a list's index is 0 or more, not {index}")
    return index


def whole_index(key: Any, kind: type) -> int:
    """A whole number as index of a list or string."""
    if type(key) is int:
        return key
    if type(key) is float and key.is_integer():
        return int(key)
    name = "list" if kind is list else "string"
    hint = ""
    if type(key) is str:
        from neuroscript.foreign_names import method_cure

        cure = method_cure(key)
        hint = f"; {cure}" if cure else ""
    raise NeuroScriptError(ErrorCode.TYPE, f"a {name}'s index is a whole number, not {describe(key)}{hint}")


def out_of_range(index: int, container: Any) -> NeuroScriptError:
    """The error of reading past the end."""
    name, items = ("list", "items") if type(container) is list else ("string", "characters")
    size = f"it has {len(container)} {items}" if container else "it is empty"
    shown = str(index) if abs(index) < 1 << 62 else "a huge number"
    return plain_error(ErrorCode.BOUNDS, f"index {shown} is outside the {name}: {size}")


def held_at(container: Any, keys: tuple[Any, ...], alone: int = IN_HELPER) -> Any:
    """The list or map at the end of a path; nil where something else holds any of it, or there is none."""
    return None if refcount(container) > alone else _followed(container, keys)


def _followed(container: Any, keys: tuple[Any, ...]) -> Any:
    """What is at the end of a path from a list or map; nil where something else holds any of it, or there is none."""
    for key in keys:
        if type(container) is dict and (type(key) is str or type(key) is int):
            container = container.get(key if type(key) is str else str(key))
        elif type(container) is list and type(key) is int and 0 <= key < len(container):
            container = container[key]
        else:
            return None
        if refcount(container) > IN_CONTAINER:
            return None
    return container
