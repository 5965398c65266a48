"""Shows values of a program on one line, cut, with their secrets masked.

A value may be of any size, and one is shown at each statement: no more of it is read than is shown.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Any

from neuroscript.errors import NeuroScriptError
from neuroscript.observing.masking import LONGEST, MASK, Mask
from neuroscript.output import one_line
from neuroscript.values import Function, type_name
from neuroscript.values.text import text_of

_MOST_ITEMS = 30
_DEEPEST = 6
_MOST_DIGITS = 60


def shown(value: Any, mask: Mask, most: int = 100, *, name: str = "") -> str:
    """A value as the language writes it, in about so many characters.

    Args:
        value: the value.
        mask: masks what is secret in it.
        most: characters.
        name: of the variable that holds it, which may say that it is secret.
    """
    if name and mask.hides(name) and _may_be_secret(value):
        return f'"{MASK}"'
    text = one_line(_written(value, mask, most, _DEEPEST), most * 4)
    return text if len(text) <= most else text[: max(most - 1, 1)] + "…"


def _may_be_secret(value: Any) -> bool:
    return type(value) in (str, bytes, list, dict) and len(value) > 0


def _written(value: Any, mask: Mask, room: int, depth: int) -> str:
    kind = type(value)
    if kind is str:
        # First masked, then cut: a part of a secret would not be recognised.
        masked = mask.text(value[: room + LONGEST])
        return encode_basestring(masked[:room]) + ("…" if len(masked) > room else "")
    if kind is list or kind is dict:
        return _collection(value, mask, room, depth)
    if kind is int and value.bit_length() > _MOST_DIGITS * 3:
        return f"a number of {value.bit_length()} bits"
    if kind is Function:
        return f"function {value.name}"
    return mask.text(text_of(value)[: room + LONGEST])


def _collection(value: list[Any] | dict[str, Any], mask: Mask, room: int, depth: int) -> str:
    opening, closing = ("[", "]") if type(value) is list else ("{", "}")
    if depth <= 0 and value:
        return f"{opening}…{closing}"
    hidden = mask.hidden_keys(value) if isinstance(value, dict) and len(value) <= 1000 else frozenset()
    parts: list[str] = []
    used = 2
    for number, item in enumerate(value):
        if number >= _MOST_ITEMS or used > room:
            parts.append(f"… {len(value) - number} more")
            break
        if isinstance(value, dict):
            key, held = str(item), value[item]
            told = f'"{MASK}"' if key in hidden and _may_be_secret(held) else _written(held, mask, room, depth - 1)
            text = f"{encode_basestring(mask.text(key)[:room])}: {told}"
        else:
            text = _written(item, mask, room - used, depth - 1)
        parts.append(text)
        used += len(text) + 2
    return opening + ", ".join(parts) + closing


def described(value: Any) -> str:
    """The type of a value, with its length if it has one."""
    if type(value) in (str, list, dict, bytes):
        return f"{type_name(value)}({len(value)})"
    return type_name(value)


def failure_text(failure: BaseException) -> str:
    """What has failed: code, name and message of an error."""
    if isinstance(failure, NeuroScriptError):
        return f"error {int(failure.code)} ({failure.name}): {failure.message}"
    return "interrupted"
