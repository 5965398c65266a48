"""Redaction: masks API keys in text from outside.

A server may repeat the key that it was sent, in any spelling.  `redact` is the one function that masks keys; texts are
redacted first and shortened then.  What a model wrote is masked with more restraint (`without_keys`), since it is used
and not only shown.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote, quote_plus

from ai_wm.data.types import MASK
from ai_wm.keys.secret import Secret
from neuroscript import NeuroScriptError

T = TypeVar("T")

_SHOWN: Final = 8
"""So many characters of a key in a row, or more, are never shown."""

_WHOLE: Final = 16
"""The fewest characters of a spelling that is looked for in what a model wrote.  Servers on this machine often have a
word such as ``ollama`` for a key, which may stand in any reply; those of providers are far longer than this."""


def redact(value: T, secrets: Iterable[Secret]) -> T:
    """Returns ``value`` with every API key in it, whole or in part, replaced by ``***``.

    A part of at least eight characters is recognised wherever it stands, in upper and lower case: of the key as it is,
    percent-encoded, as JSON, HTML or `repr` write it, in hexadecimal digits, and in base64, also where it is encoded
    together with other text.  A key of fewer characters is recognised as a whole.  Masking is best effort all the same:
    a key can always be written in ways that are not recognised.

    Args:
        value: a text, or a map or list, whose texts are redacted at any depth.  Any other object comes back as it is,
            unless its `repr` shows a key: then that, redacted.
        secrets: the keys.
    """
    traces = [_traces(secret.get()) for secret in secrets if secret]
    return cast(T, _masked(value, [trace.mask for trace in traces])) if traces else value


def without_keys(value: T, secrets: Iterable[Secret]) -> T:
    """Returns ``value`` with ``***`` for each whole key in it, in any spelling; for text that a model wrote.

    Args:
        value: a text, or a map or list, whose texts are masked at any depth.
        secrets: the keys.
    """
    traces = [_traces(secret.get()) for secret in secrets if secret]
    return cast(T, _masked(value, [trace.mask_whole for trace in traces])) if traces else value


class StreamMask:
    """Masks the keys in a text that comes in pieces, as `without_keys` does in a whole one.

    Args:
        secrets: the keys.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._traces = [_traces(secret.get()) for secret in secrets if secret]
        self._held = ""

    def take(self, piece: str) -> str:
        """Takes the next piece, and returns the text that cannot be the beginning of a key."""
        text = self._held + piece
        for trace in self._traces:
            text = trace.mask_whole(text)
        begun = max((trace.begun(text) for trace in self._traces), default=0)
        self._held = text[len(text) - begun :]
        return text[: len(text) - begun]

    def end(self) -> str:
        """Returns the remaining text."""
        rest, self._held = self._held, ""
        return rest


def redact_error(error: NeuroScriptError, secrets: Iterable[Secret]) -> NeuroScriptError:
    """Returns the error itself, or a copy without its causes if it or one of its causes shows one of the keys."""
    secrets = list(secrets)
    link: BaseException | None = error
    while link is not None:
        notes = getattr(link, "__notes__", ())
        shown = f"{link!r} {link} {getattr(link, 'details', '')} {notes}"
        if redact(shown, secrets) != shown:
            return NeuroScriptError(error.code, redact(error.message, secrets), details=redact(error.details, secrets))
        link = link.__cause__ or link.__context__
    return error


def _masked(value: Any, masks: list[Callable[[str], str]]) -> Any:
    match value:
        case str():
            for mask in masks:
                value = mask(value)
            return value
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {_masked(name, masks): _masked(item, masks) for name, item in value.items()}
        case list():
            return [_masked(item, masks) for item in value]
        case tuple():
            return tuple(_masked(item, masks) for item in value)
    shown = repr(value)
    masked = _masked(shown, masks)
    return value if masked == shown else masked


class _Traces:
    """An index of a key: every run of `_SHOWN` characters of every spelling of it, in lower case.

    Looking for them costs next to nothing where there are none: a run of eight characters anywhere in a text has four
    in a row that begin at a multiple of five, so one look-up for every five characters tells.
    """

    __slots__ = ("_beginnings", "_runs", "_seeds", "_short", "_whole")

    def __init__(self, key: str) -> None:
        spellings = set(_spellings(key))
        self._short = sorted((spelling for spelling in spellings if len(spelling) < _SHOWN), key=len, reverse=True)
        folded = {_folded(spelling) for spelling in spellings}
        self._runs = frozenset(text[at : at + _SHOWN] for text in folded for at in range(len(text) - _SHOWN + 1))
        self._seeds = frozenset(run[at : at + 4] for run in self._runs for at in range(_SHOWN - 3))
        self._whole = sorted((text for text in folded if len(text) >= _WHOLE), key=len, reverse=True)
        self._beginnings = frozenset(text[:end] for text in self._whole for end in range(1, len(text)))

    def mask(self, text: str) -> str:
        """The text with ``***`` for every part that shows the key."""
        for spelling in self._short:
            text = text.replace(spelling, MASK)
        # Again, since what stood before a masked part and what stood behind it may show something together.
        while spans := self._spans(text):
            ends = [0, *(end for _, end in spans)]
            starts = [*(start for start, _ in spans), len(text)]
            text = MASK.join(text[end:start] for end, start in zip(ends, starts, strict=True))
        return text

    def mask_whole(self, text: str) -> str:
        """The text with ``***`` for the key as a whole, in each of its longer spellings."""
        folded = _folded(text)
        for spelling in self._whole:
            if spelling in folded:
                text = re.sub(re.escape(spelling), MASK, text, flags=re.IGNORECASE | re.ASCII)
                folded = _folded(text)
        return text

    def begun(self, text: str) -> int:
        """The length of the longest end of a text that may be the beginning of one of the key's longer spellings."""
        end = _folded(text[-len(self._whole[0]) :]) if self._whole else ""
        return next((len(end) - at for at in range(len(end)) if end[at:] in self._beginnings), 0)

    def _spans(self, text: str) -> list[tuple[int, int]]:
        text = _folded(text)
        if self._seeds.isdisjoint([text[at : at + 4] for at in range(0, len(text) - 3, _SHOWN - 3)]):
            return []
        spans: list[tuple[int, int]] = []
        for at in range(len(text) - _SHOWN + 1):
            if text[at : at + _SHOWN] in self._runs:
                start = spans.pop()[0] if spans and at <= spans[-1][1] else at
                spans.append((start, at + _SHOWN))
        return spans


@lru_cache(maxsize=64)
def _traces(key: str) -> _Traces:
    # Making them takes 0.3 to 1 ms, as long as all the rest of a call.
    return _Traces(key)


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _folded(text: str) -> str:
    """The text with ASCII letters in lower case, so that every character keeps its position."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _spellings(key: str) -> Iterator[str]:
    """The spellings in which a key may appear in text."""
    escaped = json.dumps(key)[1:-1]
    yield from (key, escaped, json.dumps(key, ensure_ascii=False)[1:-1], repr(key)[1:-1])
    if len(key) < 4:
        return
    # PHP escapes slashes in JSON, Go what would be special in HTML, .NET that and more; and JSON stands in JSON.
    yield escaped.replace("/", "\\/")
    yield re.sub("[<>&]", _unicode_escape, escaped)
    yield re.sub("[<>&'+`]", _unicode_escape, escaped.replace('\\"', '"').replace('"', "\\u0022"))
    yield json.dumps(escaped)[1:-1]
    yield html.escape(key)
    yield html.escape(key).replace("&#x27;", "&#39;")
    # Of a variable that is not UTF-8, Python keeps the bytes in this way.
    data = key.encode("utf-8", "surrogateescape")
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from (quoted, quote(quoted, safe=""))
    yield data.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # The last character of a text in base64, and at other alignments the first, depends on what stands beside it.
        yield encode(data).decode()
        yield encode(data).decode().rstrip("=")
        for before in range(3):
            inner = encode(bytes(before) + data).decode()[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
            if len(inner) >= _SHOWN:
                yield inner


def _unicode_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
