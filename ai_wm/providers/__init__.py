"""Model providers: clients for hosted and local models, and finding the client of a provider.

`Clients` finds the client of a provider: one that the host gave, one of the built-in adapters, or one that an installed
package offers through the entry-point group ``ai_wm.providers``.  An adapter is imported when its provider is first
asked for; importing this module imports no HTTP library and opens nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from ai_wm.data.provider_names import BUILT_IN, CLOUDS, ENTRY_POINT_GROUP, installed_providers, provider_names
from ai_wm.providers.base import LLMClient, LLMRequest, ModelInfo
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    import httpx

    from ai_wm.data.types import AIWorkerDefinition
    from ai_wm.keys import Secret
    from ai_wm.keys.approvals import Server
    from ai_wm.providers.breaker import Breaker
    from ai_wm.providers.fakes import ModelFakes
    from ai_wm.providers.transport import Transport

__all__ = ["BUILT_IN", "ENTRY_POINT_GROUP", "Clients", "provider_names"]


OVER_HTTP = frozenset(BUILT_IN) - {"local"}
"""The built-in providers that are reached over HTTP."""


class Clients:
    """The model clients of one manager, made when first needed and kept until `close`.

    Args:
        clients: clients of the host by provider; they come before everything else and are not closed here.
        transport: an ``httpx`` transport that all HTTP goes through (a proxy, mutual TLS, a recording); default
            connections of its own, by the proxy that the usual variables name.
        model_directory: where a relative path of a ``local`` model starts; default the working directory.
        environ: where the providers' variables and those that name proxies are looked up; default the process's own.
        fakes: who answers in place of models, in tests.

    Safe for use from many threads.
    """

    def __init__(
        self,
        clients: Mapping[str, LLMClient] | None = None,
        transport: httpx.BaseTransport | None = None,
        *,
        model_directory: Path | str | None = None,
        environ: Mapping[str, str] | None = None,
        fakes: ModelFakes | None = None,
    ) -> None:
        self._fakes = fakes
        self._given = dict(clients or {})
        self._httpx_transport = transport
        self._model_directory = Path(model_directory) if model_directory is not None else None
        self._environ = environ
        self._lock = Lock()
        self._made: dict[str, LLMClient] = {}
        self._transport: Transport | None = None
        self._breaker: Breaker | None = None
        self._closed = False

    def provider_names(self) -> tuple[str, ...]:
        """Returns the names of the providers: the host's, the built-in ones and those of installed packages."""
        return tuple(sorted({*self._given, *provider_names()}))

    def server(self, provider: str, config: Mapping[str, object]) -> Server | None:
        """Returns the server that a call is sent to; None if only the client knows it, as a client of the host or of a
        package does, and for a model in this process.

        Raises:
            NeuroScriptError: 18 where there is none, or its address is none.
        """
        if provider in self._given or provider not in OVER_HTTP:
            return None
        from ai_wm.providers.endpoints import endpoint_of, server_of

        return server_of(provider, endpoint_of(provider), config, self._environ)

    def servers(self, provider: str) -> tuple[Server, ...]:
        """Returns the default servers of a provider: the one in its environment variable, if set, and the public one.

        Raises:
            NeuroScriptError: 18 where the variable holds no address.
        """
        if provider not in OVER_HTTP:
            return ()
        from ai_wm.providers.endpoints import servers_of

        return servers_of(provider, self._environ)

    def check(self, definition: AIWorkerDefinition) -> None:
        """Checks what can be checked of a definition before its first call: the settings of its address, and the
        library that its key needs.

        Raises:
            NeuroScriptError: 18 for what is missing, 4 for a setting of another form.
        """
        from ai_wm.keys.clouds import missing_library

        provider = str(definition.provider)
        if provider in CLOUDS:
            self.server(provider, definition.base_config)
        missing = missing_library(definition.auth.method)
        if missing:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, missing, details={"field": "auth.method"})

    def environment_secrets(self, provider: str) -> Iterator[Secret]:
        """Returns what the environment may add to requests to a provider, as no message may show it.

        Raises:
            NeuroScriptError: 18 for a variable that holds what cannot be sent.
        """
        if provider in self._given or provider not in OVER_HTTP:
            return
        from ai_wm.data.headers import secret_texts
        from ai_wm.keys import Secret
        from ai_wm.providers.environment import environment_headers, environment_token

        token = environment_token(provider, self._environ)
        yield from map(Secret, secret_texts(environment_headers(provider, self._environ)))
        if token:
            yield Secret(token)

    def model_path(self, model: str) -> Path:
        """Returns the path of the file that the name of a ``local`` model stands for."""
        from ai_wm.providers.local import model_path

        return model_path(model, self._model_directory)

    def for_provider(self, provider: str, model: str = "") -> LLMClient:
        """Returns the client of a provider, made at the first request for it.

        Args:
            provider: the provider's name.
            model: the model's name; it matters for ``local``, where ``echo`` and ``scripted`` are built in.

        Raises:
            NeuroScriptError: 40 for an unknown provider, 18 where a package's provider cannot be made, 19 after
                `close`.
        """
        fake = self._fakes.client(provider, model) if self._fakes is not None else None
        if fake is not None:
            return fake
        given = self._given.get(provider)
        if given is not None:
            return given
        name = f"local/{model}" if provider == "local" and model in ("echo", "scripted") else provider
        made = self._made.get(name)
        if made is not None:
            return made
        with self._lock:
            if self._closed:
                raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, "the model clients are closed")
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def list_models(self, request: LLMRequest) -> list[ModelInfo]:
        """Returns the models that can be asked where a request goes.

        Args:
            request: the provider, its configuration and its key; of messages it has none.

        Raises:
            NeuroScriptError: 35 where nobody can tell; what `for_provider` and the client raise.
        """
        if request.provider == "local" and request.provider not in self._given:
            from ai_wm.providers.local import local_models

            return local_models(self._model_directory)
        listing = getattr(self.for_provider(request.provider, request.model), "list_models", None)
        if not callable(listing):
            message = f"the client of the provider {request.provider!r} cannot list its models; see its documentation"
            raise NeuroScriptError(ErrorCode.NOT_IMPLEMENTED, message)
        found: list[ModelInfo] = listing(request)
        return found

    def proxy(self, url: str) -> str:
        """Returns the proxy by which an address is reached, without user name and password; empty if there is none.

        Nobody knows what a transport of the host's does.
        """
        if self._httpx_transport is not None:
            return ""
        from ai_wm.providers.proxies import shown_proxy

        return shown_proxy(url, self._environ)

    def close(self) -> None:
        """Closes connections, loaded models and clients of packages that were opened here.  May be called again."""
        with self._lock:
            self._closed = True
            made, self._made = list(self._made.values()), {}
            transport, self._transport = self._transport, None
        try:
            for client in made:
                close = getattr(client, "close", None)
                if callable(close):
                    close()
        finally:
            if transport is not None:
                transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make(self, name: str) -> LLMClient:
        match name:
            case "local/echo":
                from ai_wm.providers.echo import EchoClient

                return EchoClient()
            case "local/scripted":
                from ai_wm.providers.scripted import ScriptedClient

                return ScriptedClient()
            case "local":
                from ai_wm.providers.local import LocalClient

                return LocalClient(self._model_directory)
            case _ if name in OVER_HTTP:
                from ai_wm.providers.breaker import Breaker
                from ai_wm.providers.http import HTTPClient
                from ai_wm.providers.transport import Transport

                if self._transport is None:
                    self._transport, self._breaker = Transport(self._httpx_transport, self._environ), Breaker()
                return HTTPClient(name, self._transport, self._breaker, self._environ)
        return _from_package(name, self.provider_names())


def _from_package(name: str, known: tuple[str, ...]) -> LLMClient:
    found = installed_providers().select(name=name)
    if not found:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NeuroScriptError(
            ErrorCode.PROVIDER_NOT_FOUND, f"there is no provider {name!r}{hint} (known: {', '.join(known)})"
        )
    point: EntryPoint = next(iter(found))
    try:
        factory: Callable[[], LLMClient] = point.load()
        client = factory()
    except Exception as error:  # another package's code: whatever it raises, the provider cannot be used
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {name!r} ({point.value}) cannot be made: {type(error).__name__}: {error}",
        ) from error
    if not isinstance(client, LLMClient):
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {name!r} ({point.value}) made {type(client).__name__}, which has no complete() and stream()",
        )
    return client
