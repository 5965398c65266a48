"""The address of a call: ``base_url`` of the definition, else the provider's own variable, else the public one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ai_wm.providers.adapter import Endpoint
from neuroscript import ErrorCode, NeuroScriptError

# What is taken off the end of an address, since the adapter puts it there itself.
_ENDS: Final = {
    "openai": re.compile(r"/(chat/completions|completions|responses|models)$"),
    "anthropic": re.compile(r"(/v1)?(/messages)?$"),
    "google": re.compile(r"(/v1(beta|alpha)?\d?)?(/(models|tunedModels)(/.*)?)?$"),
    "ollama": re.compile(r"(/api(/(chat|generate|tags))?|/v1(/chat/completions)?)$"),
}
_VERSION: Final = re.compile(r"/v\d+\w*(/|$)|/openai/deployments/")
# Keys have no place in an address, where they are seen; the version of an API has.
_QUERY: Final = frozenset({"api-version"})


def addresses(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Returns the addresses that paths are appended to (with `joined`), the likeliest first; mostly there is one.

    People write them in many ways: with the version or without, with a slash at the end, down to the very method, with
    Azure's ``?api-version=``.  Where an OpenAI-compatible address says nothing of a version there are two: servers
    differ, and one that answers 404 to the first is asked at the second.

    Args:
        provider: the provider's name.
        endpoint: its public address and its variable.
        config: the effective configuration of the call.
        environ: the variables; by default the process's own.

    Raises:
        NeuroScriptError: 18 where there is none or it is not an ``http`` or ``https`` address.
    """
    given = config.get("base_url")
    if given is not None:
        if not isinstance(given, str):
            message = f"baseConfig.base_url is {type(given).__name__}; expected a text"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
        return _addresses(provider, given.strip(), "baseConfig.base_url")
    operators = (os.environ if environ is None else environ).get(endpoint.variable) if endpoint.variable else None
    if operators:
        if endpoint.variable == "OLLAMA_HOST":
            operators = _ollama_host(operators)
        return _addresses(provider, operators.strip(), f"the variable {endpoint.variable}")
    if not endpoint.default:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {provider!r} needs baseConfig.base_url, the address of an OpenAI-compatible server, "
            "such as http://127.0.0.1:8080/v1",
        )
    return _addresses(provider, endpoint.default, "the public address")


def joined(address: str, path: str) -> str:
    """Makes the whole address of a call: ``path`` below ``address``, and the query of each."""
    base, _, query = address.partition("?")
    below, _, more = path.partition("?")
    queries = "&".join(part for part in (query, more) if part)
    return f"{base}/{below}?{queries}" if queries else f"{base}/{below}"


def shown(address: str, path: str) -> str:
    """Returns the address of a call as messages show it: without its query."""
    return joined(address, path).partition("?")[0]


@lru_cache(maxsize=1024)
def _addresses(provider: str, url: str, source: str) -> tuple[str, ...]:
    base, _, query = _checked(url, source).partition("?")
    dialect = "openai" if provider == "custom" else provider
    ends = _ENDS.get(dialect)
    written = base
    if ends is not None:
        base = ends.sub("", base).rstrip("/")
    more = f"?{query}" if query else ""
    if dialect != "openai" or query or base != written or _VERSION.search(urlsplit(base).path):
        return (base + more,)
    versioned = f"{base}/v1"
    return (base, versioned) if urlsplit(base).path else (versioned, base)


def _ollama_host(value: str) -> str:
    """``OLLAMA_HOST`` as an address: like Ollama's clients, scheme and port may be missing.

    A server's bind address ``0.0.0.0`` or ``::`` means this machine.
    """
    scheme, found, rest = value.strip().partition("://")
    if not found:
        scheme, rest = "http", value.strip()
    parts = urlsplit(f"{scheme}://{rest}")
    host = parts.hostname or "127.0.0.1"
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    if ":" in host:  # an IPv6 address, whose brackets hostname has taken off
        host = f"[{host}]"
    try:
        port = parts.port or {"http": 80, "https": 443}.get(scheme if found else "", 11434)
    except ValueError:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION, f"the variable OLLAMA_HOST is {value[:80]!r}, whose port is not a number"
        ) from None
    return f"{scheme}://{host}:{port}{parts.path.rstrip('/')}"


def _checked(url: str, source: str) -> str:
    # The address itself is not shown where it may hold a password.
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION, f"{source} is not an http or https address; expected one like https://host/v1"
        )
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"{source} holds a user name or password; keys belong into auth, not into addresses",
        )
    if parts.fragment or any(name.lower() not in _QUERY for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"{source} has a query or fragment; expected scheme, host, port and path, and of queries only api-version",
        )
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return f"{base}?{parts.query}" if parts.query else base
