"""Taking keys out of what comes from outside.

A server may repeat the key that it was sent, in any spelling.  `redact` is the one function that masks keys; texts are
redacted first and shortened then.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote, quote_plus

from ai_wm.data.types import MASK
from ai_wm.keys.secret import Secret
from neuroscript import NeuroScriptError

T = TypeVar("T")

_SHOWN: Final = 8
"""So many characters of a key in a row, or more, are never shown."""


def redact(value: T, secrets: Iterable[Secret]) -> T:
    """``value`` without any of the keys: wherever one shows, wholly or in part, there is ``***`` instead.

    A part of at least eight characters is recognised wherever it stands, in upper and lower case: of the key as it is,
    percent-encoded, as JSON, HTML or `repr` write it, in hexadecimal digits, and in base64, also where it is encoded
    together with other text.  A key of fewer characters is recognised as a whole.  Masking is best effort all the same:
    whoever has a key can write it in ways that nobody recognises.

    Args:
        value: a text, or a map or list, whose texts are redacted at any depth.  Any other object comes back as it is,
            unless its `repr` shows a key: then that, redacted.
        secrets: the keys.
    """
    traces = [_traces(secret.get()) for secret in secrets if secret]
    return cast(T, _redacted(value, traces)) if traces else value


def redact_error(error: NeuroScriptError, secrets: Iterable[Secret]) -> NeuroScriptError:
    """The error itself, or one like it without its causes if it or anything behind it shows one of the keys."""
    secrets = list(secrets)
    link: BaseException | None = error
    while link is not None:
        notes = getattr(link, "__notes__", ())
        shown = f"{link!r} {link} {getattr(link, 'details', '')} {notes}"
        if redact(shown, secrets) != shown:
            return NeuroScriptError(error.code, redact(error.message, secrets), details=redact(error.details, secrets))
        link = link.__cause__ or link.__context__
    return error


def _redacted(value: Any, traces: list[_Traces]) -> Any:
    match value:
        case str():
            for trace in traces:
                value = trace.mask(value)
            return value
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {_redacted(name, traces): _redacted(item, traces) for name, item in value.items()}
        case list():
            return [_redacted(item, traces) for item in value]
        case tuple():
            return tuple(_redacted(item, traces) for item in value)
    shown = repr(value)
    masked = _redacted(shown, traces)
    return value if masked == shown else masked


class _Traces:
    """What a key leaves in a text: every run of `_SHOWN` characters of every spelling of it, in lower case.

    Looking for them costs next to nothing where there are none: a run of eight characters anywhere in a text has four
    in a row that begin at a multiple of five, so one look-up for every five characters tells.
    """

    __slots__ = ("_runs", "_seeds", "_short")

    def __init__(self, key: str) -> None:
        spellings = set(_spellings(key))
        self._short = sorted((spelling for spelling in spellings if len(spelling) < _SHOWN), key=len, reverse=True)
        folded = {_folded(spelling) for spelling in spellings}
        self._runs = frozenset(text[at : at + _SHOWN] for text in folded for at in range(len(text) - _SHOWN + 1))
        self._seeds = frozenset(run[at : at + 4] for run in self._runs for at in range(_SHOWN - 3))

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
    """The text in lower case, as far as it is ASCII: every character stays where it was."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _spellings(key: str) -> Iterator[str]:
    """The texts in which a key may turn up."""
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
