"""Finds the address of a call and the wire format spoken there.

The address is the definition's ``base_url``, else that of the provider's environment variable, else the public one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib import import_module
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ai_wm.data.presets import PRESETS, preset_of
from ai_wm.data.type_words import described_type
from ai_wm.keys.approvals import Server
from ai_wm.providers.adapter import Endpoint
from ai_wm.providers.clouds import place_of
from ai_wm.providers.options import bad_option
from neuroscript import Address, ErrorCode, NeuroScriptError

_OWN: Final = ("anthropic", "bedrock", "google", "ollama", "openai", "vertex")
ADAPTERS: Final = {name: name for name in _OWN} | dict.fromkeys(("azure", "custom", *PRESETS), "openai")
"""The module of each provider that is reached over HTTP."""

APIS: Final = ("responses", "chat")
"""The values of ``api``, which chooses between the two APIs of OpenAI and of compatible servers."""

CLOUD_VARIABLES: Final = {
    "azure": "AZURE_OPENAI_ENDPOINT",
    "bedrock": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "vertex": "GOOGLE_VERTEX_BASE_URL",
}
"""The clouds, whose addresses depend on settings, each with the variable of its SDK for another address."""

_OPENAI: Final = Address.parse("https://api.openai.com")

# What is taken off the end of an address, since the adapter puts it there itself.
_ENDS: Final = {
    "openai": re.compile(r"/(chat/completions|completions|responses|embeddings|models)$"),
    "anthropic": re.compile(r"(/v1)?(/messages)?$"),
    "google": re.compile(r"(/v1(beta|alpha)?\d?)?(/(models|tunedModels)(/.*)?)?$"),
    "ollama": re.compile(r"(/api(/(chat|generate|embed|embeddings|tags))?|/v1(/(chat/completions|embeddings))?)$"),
}
# The first part of every path that an adapter puts there.
_BEGINNINGS: Final = {"anthropic": "/v1", "google": "/v1beta", "ollama": "/api"}
AZURE_DEPLOYMENTS: Final = "/openai/deployments/"
# What people leave around the values of variables, and the clients of Ollama take off.
_AROUND: Final = " \t\r\n\"'"
_VERSION: Final = re.compile(rf"/v\d+\w*(/|$)|{AZURE_DEPLOYMENTS}")
# Keys have no place in an address, where they are seen; the version of an API has.
_QUERY: Final = frozenset({"api-version"})


@cache
def endpoint_of(provider: str) -> Endpoint:
    """Returns the endpoint of a provider reached over HTTP; ``custom`` has none, whatever API it speaks."""
    if provider in CLOUD_VARIABLES:
        return Endpoint("", CLOUD_VARIABLES[provider])
    if provider == "custom" or provider in PRESETS:
        return Endpoint(preset_of(provider).base_url)
    endpoint: Endpoint = import_module(f"ai_wm.providers.{ADAPTERS[provider]}").endpoint
    return endpoint


def server_of(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Server:
    """Returns the server that a call is sent to: the address, among `addresses`, that is a prefix of the others."""
    return _widest(addresses(provider, endpoint, config, environ))


def addresses(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> tuple[Server, ...]:
    """Returns the base addresses to try (with `joined`), the likeliest first; mostly one.

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
        if not isinstance(given, str) or not given.strip():
            wrong = "empty" if isinstance(given, str) else described_type(given)
            message = f"base_config.base_url is {wrong}; expected an address, such as http://127.0.0.1:8080/v1"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
        return _servers(provider, given.strip(), "base_config.base_url", config, environ)
    operators = _operators(provider, endpoint, config, environ)
    if operators:
        return operators
    if provider in CLOUD_VARIABLES:
        return (_cloud_server(provider, None, config, environ),)
    if not endpoint.default:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {provider!r} needs base_config.base_url, the address of an OpenAI-compatible server, "
            "such as http://127.0.0.1:8080/v1",
        )
    return _servers(provider, endpoint.default, "the public address", config, environ)


def wire_format(
    provider: str,
    config: Mapping[str, object],
    servers: Sequence[Server],
    environ: Mapping[str, str] | None = None,
) -> str:
    """Returns the module of the wire format in which a call is sent.

    The OpenAI-compatible providers have two: ``api`` decides, else OpenAI's public address gets Responses, and
    so does Azure's target URI of that API; every other server gets chat completions, which all of them speak.

    Args:
        provider: the provider's name.
        config: the effective configuration of the call.
        servers: the call's `addresses`.
        environ: the variables; by default the process's own.

    Raises:
        NeuroScriptError: 4 for an unknown ``api``, or for a provider that has one API only.
    """
    module, api = ADAPTERS[provider], config.get("api")
    if module != "openai":
        if api is not None:
            raise bad_option("api", api, f"no such setting, since {provider} has one API")
        return module
    if api is None:
        public = provider == "openai" and _OPENAI.covers(servers[0].address)
        api = "responses" if public or _is_azures_responses(provider, config, environ) else "chat"
    if api not in APIS:
        raise bad_option("api", api, " or ".join(map(repr, APIS)))
    return "responses" if api == "responses" else module


def _is_azures_responses(provider: str, config: Mapping[str, object], environ: Mapping[str, str] | None) -> bool:
    """Whether the address at Azure is the target URI of Responses, as the portal shows it."""
    if provider != "azure":
        return False
    variables = os.environ if environ is None else environ
    given = config.get("base_url") or variables.get(CLOUD_VARIABLES["azure"], "")
    return str(given).strip(_AROUND).partition("?")[0].rstrip("/").endswith("/responses")


def joined(address: str, path: str) -> str:
    """Joins a base address and a path, with the query parameters of both."""
    base, _, query = address.partition("?")
    below, _, more = path.partition("?")
    queries = "&".join(part for part in (query, more) if part)
    return f"{base}/{below}?{queries}" if queries else f"{base}/{below}"


def shown(address: str, path: str) -> str:
    """Returns the address of a call for messages, without its query."""
    return joined(address, path).partition("?")[0]


def servers_of(provider: str, environ: Mapping[str, str] | None = None) -> tuple[Server, ...]:
    """Returns the default servers of a provider: the one in its environment variable, if set, and the public one.

    A preset for this machine has none: what listens at its port is not known, and not for scripts to try.

    Raises:
        NeuroScriptError: 18 where the variable holds no ``http`` or ``https`` address.
    """
    if provider not in ADAPTERS or (provider in PRESETS and PRESETS[provider].is_local):
        return ()
    endpoint = endpoint_of(provider)
    if provider in CLOUD_VARIABLES:
        return _cloud_servers(provider, endpoint, environ)
    public = _plain_servers(provider, endpoint.default, "the public address") if endpoint.default else ()
    return tuple(_widest(found) for found in (_operators(provider, endpoint, {}, environ), public) if found)


def _cloud_servers(provider: str, endpoint: Endpoint, environ: Mapping[str, str] | None) -> tuple[Server, ...]:
    """The servers of a cloud that the environment alone names; none where it names no resource, region or project."""
    found: list[Server] = []
    for operators in (True, False):
        try:
            named = _operators(provider, endpoint, {}, environ) if operators else ()
            found += named if operators else [_cloud_server(provider, None, {}, environ)]
        except NeuroScriptError as error:
            if error.details.get("setting") is None:
                raise
    return tuple(found)


def _operators(
    provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str] | None
) -> tuple[Server, ...]:
    given = (os.environ if environ is None else environ).get(endpoint.variable) if endpoint.variable else None
    if not given or not given.strip(_AROUND):
        return ()
    if endpoint.variable == "OLLAMA_HOST":
        given = _ollama_host(given)
    found = _servers(provider, given.strip(_AROUND), f"the variable {endpoint.variable}", config, environ)
    return tuple(replace(server, by_operator=True) for server in found)


def _widest(servers: tuple[Server, ...]) -> Server:
    return min(servers, key=lambda server: len(server.address.segments))


def _ollama_host(value: str) -> str:
    """Reads ``OLLAMA_HOST`` as an address; like in Ollama's clients, scheme and port may be missing.

    A server's bind address ``0.0.0.0`` or ``::`` means this machine.
    """
    written = value.strip(_AROUND)
    scheme, found, rest = written.partition("://")
    if not found:
        scheme, rest = "http", written
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


def _servers(
    provider: str, url: str, source: str, config: Mapping[str, object], environ: Mapping[str, str] | None
) -> tuple[Server, ...]:
    if provider in CLOUD_VARIABLES:
        _checked(url, source)
        return (_cloud_server(provider, url, config, environ),)
    return _plain_servers(provider, url, source)


def _cloud_server(
    provider: str, url: str | None, config: Mapping[str, object], environ: Mapping[str, str] | None
) -> Server:
    place = place_of(provider, url, config, environ)
    return Server(place.url, _checked(place.scope, "the address made of the settings"))


@lru_cache(maxsize=1024)
def _plain_servers(provider: str, url: str, source: str) -> tuple[Server, ...]:
    address = _checked(url, source)
    base, _, query = url.partition("?")
    base = base.rstrip("/") if base.isascii() else address.text
    dialect = ADAPTERS[provider]
    ends, written = _ENDS.get(dialect), base
    if ends is not None:
        base = ends.sub("", base).rstrip("/")
    more = f"?{query}" if query else ""
    if dialect != "openai":
        # Of an address that says more than its server, no more is approved than what is really asked.
        scope = base if base == written else base + _BEGINNINGS[dialect]
        return (Server(base + more, Address.parse(scope)),)
    if query or base != written or _VERSION.search(urlsplit(base).path):
        return (Server(base + more, Address.parse(base)),)
    plain, versioned = (Server(each, Address.parse(each)) for each in (base, f"{base}/v1"))
    return (plain, versioned) if address.segments else (versioned, plain)


def _checked(url: str, source: str) -> Address:
    # The address itself is not shown: it may hold a password.
    if url.lower().startswith(("http://", "https://")):
        if "@" in url.partition("://")[2].partition("/")[0]:
            wrong = "holds a user name or password; keys belong into auth, not into addresses"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} {wrong}")
        query = parse_qsl(url.partition("?")[2], keep_blank_values=True)
        if "#" in url or any(name.lower() not in _QUERY for name, _ in query):
            wrong = "has a query or fragment; expected scheme, host, port and path, and of queries only api-version"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} {wrong}")
    try:
        return Address.parse(url)
    except ValueError as error:
        wrong = f"is not an http or https address: {error}; expected one like https://host/v1"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{source} {wrong}") from None
