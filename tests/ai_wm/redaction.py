"""Keys in every spelling in which a server may repeat one, and what can be read of a key in a text."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import string
from collections.abc import Callable, Iterator
from random import Random
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from hypothesis import strategies as st

SHOWN = 8
"""A part of a key of so many characters is never to be read."""


def _base64(encode: Callable[[bytes], bytes], before: bytes, after: bytes) -> Callable[[str], str]:
    return lambda key: encode(before + key.encode() + after).decode()


def _escaped(characters: str) -> Callable[[str], str]:
    return lambda key: re.sub(characters, lambda found: f"\\u{ord(found[0]):04X}", json.dumps(key)[1:-1])


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "percent-encoded": quote,
    "percent-encoded, slashes too": lambda key: quote(key, safe=""),
    "percent-encoded in lower case": lambda key: re.sub("%..", lambda found: found[0].lower(), quote(key, safe="")),
    "as in a form": quote_plus,
    "percent-encoded twice": lambda key: quote(quote(key, safe=""), safe=""),
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON of PHP": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON of Go": _escaped("[<>&]"),
    "JSON of .NET": lambda key: _escaped("[<>&'+`]")(key).replace('\\"', "\\u0022"),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key))[3:-3],
    "HTML": html.escape,
    "HTML in decimal": lambda key: html.escape(key).replace("&#x27;", "&#39;"),
    "repr": lambda key: repr(key)[1:-1],
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in upper case": lambda key: key.encode().hex().upper(),
    **{
        f"base64 {kind}, {len(before)} before, {len(after)} after": _base64(encode, before, after)
        for kind, encode in (("standard", base64.b64encode), ("for URLs", base64.urlsafe_b64encode))
        for before in (b"", b"u", b"u:", b"usr", b"Bearer ")
        for after in (b"", b"\n", b"\r\n")
    },
    "base64 without its end": lambda key: base64.b64encode(key.encode()).decode().rstrip("="),
}


_ALPHABETS = (
    string.ascii_letters + string.digits + "_-",
    string.ascii_letters + string.digits + "+/",
    string.hexdigits[:16],
    string.ascii_letters + string.digits + string.punctuation,
)
_PREFIXES = ("", "sk-", "sk-ant-api03-", "gsk_", "AIza")


@st.composite
def keys(draw: st.DrawFn) -> str:
    """Keys as providers issue them, and odder ones of anything that a header can carry.

    Their characters come from a generator of random numbers: a key of words of this program could be read everywhere.
    """
    random = Random(draw(st.integers(0, 2**32)))
    length = draw(st.integers(16, 80))
    return draw(st.sampled_from(_PREFIXES)) + "".join(random.choices(draw(st.sampled_from(_ALPHABETS)), k=length))


@st.composite
def echoes(draw: st.DrawFn) -> tuple[str, str]:
    """A key, and a text that shows it or a part of it somewhere, in some spelling."""
    key = draw(keys())
    spelled = draw(st.sampled_from(sorted(SPELLINGS.items())))[1](key)
    match draw(st.sampled_from(["whole", "beginning", "end"])):
        case "beginning":
            spelled = spelled[: draw(st.integers(1, len(spelled)))]
        case "end":
            spelled = spelled[draw(st.integers(0, len(spelled) - 1)) :]
    around = st.text(st.sampled_from(" .,:;\"'\n<>/=%&xyzXYZ-_"), max_size=20)
    before = draw(st.sampled_from([0, 1, 2, 3, 150, 167, 190, 480])) * "."
    return key, before + draw(around) + spelled + draw(around)


def readable(text: str, key: str) -> str | None:
    """A part of the key of `SHOWN` characters or more that can be read in the text, in whatever spelling; else None."""
    key = key.lower()
    parts = {key[at : at + SHOWN] for at in range(len(key) - SHOWN + 1)}
    quarters = {key[at : at + 4] for at in range(len(key) - 3)}
    for reading in map(str.lower, _readings(text)):
        # Of eight characters in a row, four begin at a multiple of five; mostly none is the key's.
        if quarters.isdisjoint([reading[at : at + 4] for at in range(0, len(reading) - 3, 5)]):
            continue
        for at in range(len(reading) - SHOWN + 1):
            if reading[at : at + SHOWN] in parts:
                return reading[at : at + SHOWN]
    return None


def _readings(text: str) -> Iterator[str]:
    yield from (text, unquote(text), unquote(unquote(text)), unquote_plus(text), html.unescape(text))
    once = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    yield from (once, re.sub(r"\\(.)", r"\1", once), re.sub(r"\\(.)", r"\1", re.sub(r"\\(.)", r"\1", once)))
    for run in re.findall("[0-9a-fA-F]{8,}", text):
        for start in (0, 1):
            digits = run[start:]
            yield bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("latin-1")
    for run in re.findall("[A-Za-z0-9+/_-]{8,}", text):
        plain = run.replace("-", "+").replace("_", "/")
        for start in range(4):
            quads = plain[start:]
            try:
                yield base64.b64decode(quads + "A" * (-len(quads) % 4)).decode("latin-1")
            except binascii.Error:
                continue
