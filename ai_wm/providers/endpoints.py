"""The address of a call: ``base_url`` of the definition, else the provider's own variable, else the public one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from ai_wm.providers.adapter import Endpoint
from neuroscript import ErrorCode, NeuroScriptError


def base_url(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] = os.environ
) -> str:
    """Returns the address that paths are appended to, without a slash at its end.

    Raises:
        NeuroScriptError: 18 where there is none or it is not an ``http`` or ``https`` address.
    """
    given = config.get("base_url")
    source = "baseConfig.base_url"
    if given is None and endpoint.variable and environ.get(endpoint.variable):
        given, source = environ[endpoint.variable], f"the variable {endpoint.variable}"
        if endpoint.variable == "OLLAMA_HOST":
            given = _ollama_host(environ[endpoint.variable])
    if given is None:
        given = endpoint.default
    if not given:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {provider!r} needs baseConfig.base_url, the address of an OpenAI-compatible server "
            "with its version, such as http://127.0.0.1:8080/v1",
        )
    if not isinstance(given, str):
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} is {type(given).__name__}; expected a text")
    return _checked(given.strip(), source)


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


@lru_cache(maxsize=1024)
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
    if parts.query or parts.fragment:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION, f"{source} has a query or fragment; expected scheme, host, port and path only"
        )
    return url.rstrip("/")
