"""Targets of ``set`` (language reference, section 3)."""

from __future__ import annotations

from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import type_name

from .budget import Budget
from .operators import key_text, whole


def stored(container: Any, path: list[Any], value: Any, budget: Budget) -> Any:
    """``container`` with ``value`` at ``path``, as a new value; what is missing on the way is made.

    Raises:
        NeuroScriptError: 7 where the container or the key does not fit, 8 for a negative index into a list.
    """
    if not path:
        return value
    key, rest = path[0], path[1:]
    if container is None:
        container = [] if whole(key) is not None else {}
        if type(container) is dict and type(key) is not str:
            raise NeuroScriptError(ErrorCode.TYPE, f"{type_name(key)} makes neither a list nor a map")
    if type(container) is dict:
        return _stored_in_map(container, key, rest, value, budget)
    if type(container) is list:
        return _stored_in_list(container, key, rest, value, budget)
    raise NeuroScriptError(ErrorCode.TYPE, f"{type_name(container)} cannot be indexed")


def _stored_in_map(container: dict[str, Any], key: Any, rest: list[Any], value: Any, budget: Budget) -> dict[str, Any]:
    if type(key) not in (str, int, float, bool):
        raise NeuroScriptError(ErrorCode.TYPE, f"{type_name(key)} is no key of a map")
    text = key_text(key)
    item = stored(container.get(text), rest, value, budget)
    result = {**container, text: item}
    budget.items(len(result))
    return result


def _stored_in_list(container: list[Any], key: Any, rest: list[Any], value: Any, budget: Budget) -> list[Any]:
    position = whole(key)
    if position is None:
        raise NeuroScriptError(ErrorCode.TYPE, f"a list's index is a whole number, not {type_name(key)}")
    if position < 0:
        raise NeuroScriptError(ErrorCode.BOUNDS, f"index {position} is negative")
    budget.items(position + 1)
    current = container[position] if position < len(container) else None
    item = stored(current, rest, value, budget)
    padding = [None] * (position + 1 - len(container))
    result = [*container, *padding]
    result[position] = item
    return result
