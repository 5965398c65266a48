"""The limits of an account, as providers tell them in the headers of their replies.

OpenAI, Groq, Cerebras and Azure write ``x-ratelimit-limit-requests``, Anthropic ``anthropic-ratelimit-requests-limit``,
OpenRouter and others ``x-ratelimit-limit``, and a draft of the IETF ``ratelimit-limit``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_HEADER: Final = re.compile(
    r"(?:x-|anthropic-)?ratelimit-(?:(?P<kind>limit|remaining|reset)(?:-(?P<what>[a-z-]+))?"
    r"|(?P<what_>[a-z-]+)-(?P<kind_>limit|remaining|reset))"
)
# A header's name and value are the server's, which may repeat the key that it was sent; nothing else is taken over.
_WORDS: Final = frozenset(
    {
        *("day", "hour", "minute", "month", "second", "week"),
        *("input", "output", "priority", "unified"),
        *("req", "request", "requests", "token", "tokens"),
    }
)
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?")
_RESET: Final = re.compile(
    r"\d{1,15}(?:\.\d{1,9})?|(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d)){1,5}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
)
_MOST: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimit:
    """A limit of the account at its provider.

    Args:
        what: what is limited, in the provider's words: ``requests``, ``tokens``, ``input tokens``, …
        limit: how much there is.
        remaining: how much of it is left.
        reset: when all of it is back: a duration such as ``6m0s``, a number or a time, as the provider writes it.

    What the provider does not tell is None, or empty.
    """

    what: str
    limit: float | None = None
    remaining: float | None = None
    reset: str = ""


def account_limits(headers: Mapping[str, str]) -> tuple[AccountLimit, ...]:
    """Reads the limits of an account from the headers of a reply; empty where they tell none."""
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        match = _HEADER.fullmatch(name.lower())
        if match is None:
            continue
        what = (match["what"] or match["what_"] or "requests").split("-")
        kind = match["kind"] or match["kind_"]
        expected = _RESET if kind == "reset" else _NUMBER
        if _WORDS.issuperset(what) and expected.fullmatch(value.strip()):
            found.setdefault(" ".join(what), {})[kind] = value.strip()
        if len(found) >= _MOST:
            break
    return tuple(
        AccountLimit(
            what=what,
            limit=_number(said.get("limit")),
            remaining=_number(said.get("remaining")),
            reset=said.get("reset", ""),
        )
        for what, said in found.items()
    )


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    return float(text) if "." in text else int(text)
