"""Where a call goes: ``base_url`` of the definition, else the provider's own variable, else its public address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

from ai_wm.data.addresses import Address
from ai_wm.keys.approvals import Server
from ai_wm.providers.adapter import Endpoint
from neuroscript import ErrorCode, NeuroScriptError

ADAPTERS: Final = {name: name for name in ("anthropic", "google", "ollama", "openai")} | {"custom": "openai"}
"""The module of each provider that is reached over HTTP."""


@cache
def endpoint_of(provider: str) -> Endpoint:
    """The endpoint of a provider that is reached over HTTP; ``custom`` has none by itself, whatever it speaks."""
    if provider == "custom":
        return Endpoint("")
    endpoint: Endpoint = import_module(f"ai_wm.providers.{ADAPTERS[provider]}").endpoint
    return endpoint


def base_url(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> str:
    """The address that paths are appended to, without a slash at its end; see `server_of`."""
    return server_of(provider, endpoint, config, environ).url


def server_of(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Server:
    """The server that a call goes to.

    Args:
        provider: the provider, for messages.
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
        return _server(given.strip(), "baseConfig.base_url")
    operators = operator_server(endpoint, environ)
    if operators is not None:
        return operators
    if not endpoint.default:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {provider!r} needs baseConfig.base_url, the address of an OpenAI-compatible server "
            "with its version, such as http://127.0.0.1:8080/v1",
        )
    return _server(endpoint.default, "the public address")


def servers_of(provider: str, environ: Mapping[str, str] | None = None) -> tuple[Server, ...]:
    """The servers that a provider has by itself: the one that its variable names, if it is set, and the public one.

    Raises:
        NeuroScriptError: 18 where the variable holds no ``http`` or ``https`` address.
    """
    if provider not in ADAPTERS:
        return ()
    endpoint = endpoint_of(provider)
    operators = operator_server(endpoint, environ)
    public = (_server(endpoint.default, "the public address"),) if endpoint.default else ()
    return public if operators is None else (operators, *public)


def operator_server(endpoint: Endpoint, environ: Mapping[str, str] | None = None) -> Server | None:
    """The server that the provider's own variable names; None if it is not set.

    Raises:
        NeuroScriptError: 18 where it is not an ``http`` or ``https`` address.
    """
    given = (os.environ if environ is None else environ).get(endpoint.variable) if endpoint.variable else None
    if not given:
        return None
    if endpoint.variable == "OLLAMA_HOST":
        given = _ollama_host(given)
    return replace(_server(given.strip(), f"the variable {endpoint.variable}"), by_operator=True)


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
def _server(url: str, source: str) -> Server:
    # The address itself is not shown: it may hold a password.
    if url.lower().startswith(("http://", "https://")):
        if "@" in url.partition("://")[2].partition("/")[0]:
            wrong = "holds a user name or password; keys belong into auth, not into addresses"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} {wrong}")
        if "?" in url or "#" in url:
            wrong = "has a query or fragment; expected scheme, host, port and path only"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} {wrong}")
    try:
        address = Address.parse(url)
    except ValueError as error:
        wrong = f"is not an http or https address: {error}; expected one like https://host/v1"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} {wrong}") from None
    return Server(url.rstrip("/") if url.isascii() else address.text, address)
