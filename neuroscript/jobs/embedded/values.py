"""What may be kept of a job: JSON values within bounds, and texts that a file can hold."""

from __future__ import annotations

import hashlib
import json
import math

from neuroscript.errors import MOST_TEXT, ErrorCode, NeuroScriptError, known_code
from neuroscript.jobs.engine import MOST_BYTES
from neuroscript.journal.codec import to_text
from neuroscript.output import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

_DEEPEST: Final = 200
"""Levels of lists and maps in one another."""

_LONGEST_NAME: Final = 1000
"""Bytes of an id or a name."""

_MOST_DIGITS: Final = 4_000
_MOST_BITS: Final = int(_MOST_DIGITS * math.log2(10))
_MOST_OF_ERROR: Final = 64 * 1024
_NUMBERS: Final = (int, float)
_sorted_text = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def stored(value: Any, what: str) -> str:
    """The text of JSON values that the engine keeps.

    Args:
        value: the values.
        what: what they are, for the error: ``the payload of the job 'x'``.

    Raises:
        NeuroScriptError: 7 if they are no JSON values; 4 if they are too large, or a text in them is no Unicode.
    """
    _check(value, what, 0)
    text = to_text(value)
    size = len(text) if text.isascii() else len(text.encode())
    if size > MOST_BYTES:
        message = f"{what} is {size:,} bytes of JSON, above the {MOST_BYTES:,} that a job may have"
        cure = "put what is large into a file or a store, and its name into the job"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{message}; {cure}")
    return text


def digest(value: Any) -> bytes:
    """A short hash of what `stored` accepts, the same for maps in another order."""
    return hashlib.blake2b(_sorted_text(value).encode(), digest_size=16).digest()


def check_text(text: str, what: str, *, empty: bool = False, most: int = _LONGEST_NAME) -> str:
    """An id or a name that can be kept.

    Raises:
        NeuroScriptError: 7 if it is no text; 4 if it is empty, too long, or no Unicode.
    """
    if not isinstance(text, str):
        raise NeuroScriptError(ErrorCode.TYPE, f"{what} is a text, not {type(text).__name__}")
    if not text and not empty:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{what} is empty")
    size = len(_encoded(text, what))
    if size > most:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{what} has {size:,} bytes; at most {most:,} are possible")
    if "\0" in text:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{what} has a character 0, which it may not")
    return text


def check_number(value: Any, what: str, least: float, most: float) -> Any:
    """A number within bounds, not a boolean and not infinite.

    Raises:
        NeuroScriptError: 7 if it is no number; 4 if it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NeuroScriptError(ErrorCode.TYPE, f"{what} is a number, not {type(value).__name__}")
    if not least <= value <= most:  # nor for NaN
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{what} is {value}; it must be from {least:g} to {most:g}")
    return value


def check_whole(value: Any, what: str, least: int, most: int) -> int:
    """A whole number within bounds.

    Raises:
        NeuroScriptError: 7 if it is none; 4 if it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise NeuroScriptError(ErrorCode.TYPE, f"{what} is a whole number, not {type(value).__name__}")
    return int(check_number(value, what, least, most))


def read_value(text: Any) -> Any:
    """The value that a text of the file holds; None if there is none, or somebody has damaged it."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def read_map(text: Any) -> dict[str, Any] | None:
    """The map that a text of the file holds; None as for `read_value`, and for what is no map."""
    value = read_value(text)
    return value if isinstance(value, dict) else None


def stored_error(error: Mapping[str, Any] | None) -> str | None:
    """The text of an error, cut where it is too large or cannot be kept."""
    if error is None:
        return None
    held = {str(key): _short(value) for key, value in error.items()}
    try:
        text = stored(held, "the error")
        if len(text) <= _MOST_OF_ERROR:
            return text
    except NeuroScriptError:
        pass
    return to_text({key: whole(held[key]) for key in ("code", "name", "message") if key in held})


def error_of(code: int, message: str) -> dict[str, Any]:
    """An error of the engine's own, in the form that a job has."""
    known = known_code(code)
    return {"code": int(known), "name": getattr(known, "name", ""), "message": message}


def whole(value: Any) -> Any:
    """A value whose text, if it is one, has no halves of characters."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def numbers_of(measures: Mapping[str, Any]) -> dict[str, float]:
    """The measures that can be added up."""
    return {
        key: value
        for key, value in measures.items()
        if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    }


def _short(value: Any) -> Any:
    return whole(shortened(value, MOST_TEXT)) if isinstance(value, str) else value


def _check(value: Any, what: str, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii():
            _encoded(value, f"a text in {what}")
        return
    if value is None or isinstance(value, _NUMBERS):
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            message = f"{what} holds an integer of more than {_MOST_DIGITS:,} digits, which most readers of JSON refuse"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
        return
    if depth == _DEEPEST:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{what} has more than {_DEEPEST} levels of lists and maps")
    if isinstance(value, list | tuple):
        for item in value:
            _check(item, what, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                message = f"{what} has a key of the type {type(key).__name__}; the keys of JSON are texts"
                raise NeuroScriptError(ErrorCode.TYPE, message)
            _check(key, what, depth + 1)
            _check(item, what, depth + 1)
    else:
        message = f"{what} holds a value of the type {type(value).__name__}, which JSON does not have"
        raise NeuroScriptError(ErrorCode.TYPE, message)


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        message = f"{what} has half a character (U+{ord(text[error.start]):04X}) at position {error.start}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{message}; it is no Unicode text") from None
