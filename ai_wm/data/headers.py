"""Extra HTTP headers from a host's definition, ``base_config.headers``, whose values may be keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ai_wm.data.model import MASK
from ai_wm.data.type_words import described_type
from neuroscript import ErrorCode, NeuroScriptError

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")
_PUT_IN_HERE: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that say how a request is carried; another value would make it another request."""

_PLAIN: Final = frozenset(
    {
        "accept",
        "accept-language",
        "anthropic-beta",
        "anthropic-version",
        "http-referer",
        "openai-beta",
        "referer",
        "user-agent",
        "x-title",
    }
)
"""Headers whose values are no keys, and would be missed in messages."""

_LISTS: Final = frozenset({"anthropic-beta", "openai-beta"})


def headers_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the headers that a configuration adds to a request, by lower-case name.

    Raises:
        NeuroScriptError: 4 for one that cannot be sent, by its name alone: its value may be a key.
    """
    given = config.get("headers")
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _bad(f"are {described_type(given)}", 'a map such as {"X-Title": "my program"}')
    found: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _bad("have a name that cannot be sent", "names of letters, digits and hyphens")
        lower = name.lower()
        if lower in _PUT_IN_HERE:
            raise _bad(f"have {name}, which the program itself sets", "other headers")
        if lower in found:
            raise _bad(f"have {name} twice", "each name once, in upper or lower case")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise _bad(f"have a value for {name} that cannot be sent", "printable ASCII text on one line")
        if value == MASK:
            raise _bad(f"have {MASK} for {name}, which is shown in place of a value", "the value itself")
        found[lower] = value
    return found


def key_header_of(config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns the header in which a configuration wants its key sent, and what stands before the key; None if unsaid.

    ``auth_header`` is a header's name, perhaps with a scheme (``Authorization: Token``); that of ``Authorization`` is
    ``Bearer`` unless it says another.

    Raises:
        NeuroScriptError: 4 for what is no header.
    """
    given = config.get("auth_header")
    if given is None:
        return None
    name, _, scheme = given.partition(":") if isinstance(given, str) else ("", "", "")
    name, scheme = name.strip().lower(), scheme.strip()
    if not _NAME.fullmatch(name) or name in _PUT_IN_HERE or (scheme and not _NAME.fullmatch(scheme)):
        message = "base_config.auth_header is no header that a key can be sent in; expected a name such as "
        message += '"api-key" or "Authorization", perhaps with a scheme: "Authorization: Token"'
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "auth_header"})
    if not scheme and name == "authorization":
        scheme = "Bearer"
    return name, f"{scheme} " if scheme else ""


def joined_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Merges headers; later ones come before earlier ones, but for those that are lists of features to switch on."""
    found: dict[str, str] = {}
    for layer in layers:
        for given, value in layer.items():
            name = given.lower()
            if name in _LISTS and name in found:
                items = (item.strip() for item in f"{found[name]},{value}".split(","))
                found[name] = ",".join(dict.fromkeys(filter(None, items)))
            else:
                found[name] = value
    return found


def secret_texts(headers: Mapping[str, str]) -> Iterator[str]:
    """Returns the header values that may be keys, with and without a scheme such as ``Bearer`` or ``Basic``."""
    for name, value in headers.items():
        if name not in _PLAIN:
            yield value
            kind, _, rest = value.partition(" ")
            if kind.isalpha() and rest.strip():
                yield rest.strip()


def shown_config(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration for display, with the values of its headers masked."""
    headers = config.get("headers")
    if headers is None:
        return config
    return {**config, "headers": dict.fromkeys(headers, MASK) if isinstance(headers, Mapping) else MASK}


def _bad(what: str, expected: str) -> NeuroScriptError:
    message = f"the headers of base_config {what}; expected {expected}"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "headers"})
