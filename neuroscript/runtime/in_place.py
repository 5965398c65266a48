"""Changes in place where a tool gets a list or map and its result is put back: ``set m = tool.map.Set(m, …)``.

The tool would copy what the statement lets go of, and a loop of such statements would take time by the square of its
turns.  Where nothing else holds the list or map, generated code makes the change here instead.  Each function tells
whether it did; if not, nothing is different, and the tool itself does the work or explains what is wrong.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Change = Callable[..., bool]


def _concat(most: int, items: list[Any], *others: list[Any]) -> bool:
    if len(items) + sum(map(len, others)) > most:
        return False
    for each in others:
        items += each
    return True


def _prepend(most: int, items: list[Any], element: Any) -> bool:
    return _insert(most, items, 0, element)


def _insert(most: int, items: list[Any], index: int, element: Any) -> bool:
    if len(items) >= most or not 0 <= index <= len(items):
        return False
    items.insert(index, element)
    return True


def _remove(most: int, items: list[Any], index: int) -> bool:
    if not 0 <= index < len(items):
        return False
    del items[index]
    return True


def _rest(most: int, items: list[Any]) -> bool:
    del items[:1]
    return True


def _slice(most: int, items: list[Any], start: int, end: int) -> bool:
    if start < 0 or end < 0:
        return False
    del items[end:]
    del items[:start]
    return True


def _set(most: int, entries: dict[str, Any], key: Any, value: Any) -> bool:
    if type(key) is int:
        key = str(key)
    if type(key) is not str or (len(entries) >= most and key not in entries):
        return False
    entries[key] = value
    return True


def _delete(most: int, entries: dict[str, Any], key: Any) -> bool:
    if type(key) is not str:
        return False
    entries.pop(key, None)
    return True


def _merge(most: int, entries: dict[str, Any], *others: dict[str, Any]) -> bool:
    if len(entries) + sum(map(len, others)) > most:
        return False
    for each in others:
        entries.update(each)
    return True


CHANGES: dict[str, tuple[Change, tuple[int, ...]]] = {
    "list.Concat": (_concat, ()),
    "list.Prepend": (_prepend, (1,)),
    "list.Insert": (_insert, (2,)),
    "list.Remove": (_remove, ()),
    "list.Rest": (_rest, ()),
    "list.Slice": (_slice, ()),
    "map.Set": (_set, (2,)),
    "map.Delete": (_delete, ()),
    "map.Merge": (_merge, ()),
}
"""By the name of a standard tool: what it does to its first argument, and the places of arguments that it stores."""
