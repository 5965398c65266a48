"""Authorization of calls: checks whether a call, and the API key that it carries, may be sent to its server.

The check is made twice: before anything is reserved, so that a refusal costs nothing and says at once what would permit
the call; and by the client, for the exact address of the request, which it has to pass in order to get the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai_wm.calls.clearance import Clearance
from ai_wm.calls.task import subject_of
from ai_wm.calls.turn import Turn
from ai_wm.data.settings import ADDRESS_SETTINGS
from ai_wm.data.types import AIWorkerDefinition, APIKeySource
from ai_wm.keys import Secret
from ai_wm.keys.approvals import Approvals, KeyUse, Server, Standing
from ai_wm.keys.grant import KeyGrant
from ai_wm.providers import Clients
from neuroscript import ErrorCode, NeuroScriptError

_MOST_KNOWN: Final = 1000


@dataclass(slots=True)
class Authorization:
    """The permission to send a turn's requests to its server, with a way to look up the key for them."""

    use: KeyUse
    approvals: Approvals
    resolve_key: Callable[[APIKeySource], Secret | None]
    keyless: KeyGrant | None = None
    """The grant of a call that needs no key, once it was made."""

    @property
    def server(self) -> Server | None:
        """The server that the turn's requests are sent to; None where only the client knows it."""
        return self.use.server

    def grant(self) -> KeyGrant:
        """Looks the key up and returns a grant of it for one request.

        Raises:
            NeuroScriptError: 18 or 34 as `ai_wm.keys.resolve_key`.
        """
        if self.use.has_key:
            return KeyGrant(self.use, self.approvals, self.resolve_key(self.use.auth))
        if self.keyless is None:
            self.keyless = KeyGrant(self.use, self.approvals, None)
        return self.keyless


class Authorizer:
    """Checks whether the turns of one manager may be sent to their servers.

    Args:
        clients: tells the server of each call.
        resolve_key: looks a key up.
        approvals: the approvals that apply when the host itself calls definitions that scripts made.
        is_marked: whether a definition carries the host's mark, where the host's own calls look at that too.
    """

    def __init__(
        self,
        clients: Clients,
        resolve_key: Callable[[APIKeySource], Secret | None],
        approvals: Approvals,
        is_marked: Callable[[AIWorkerDefinition], bool] = lambda definition: True,
    ) -> None:
        self.clients = clients
        self.resolve_key = resolve_key
        self.approvals = approvals
        self._is_marked = is_marked
        self._known: dict[tuple[str, int], tuple[AIWorkerDefinition, Clearance | None, Authorization]] = {}

    def authorize(self, turn: Turn) -> Authorization:
        """Checks that a turn may be sent to its server; looks up no key.

        Raises:
            NeuroScriptError: 10 if it may not, with the policy that would permit it; 18 for an invalid address.
        """
        definition, clearance = turn.definition, turn.task.options.clearance
        key = definition.definition_id, id(clearance)
        known = self._known.get(key)
        if known is not None and known[0] is definition and known[1] is clearance:
            return known[2]
        use, approvals = self.use_of(definition, turn.config, clearance)
        approvals.check(use, None if use.server is None else use.server.address)
        authorization = Authorization(use, approvals, self.resolve_key)
        # Without an address, nothing of this changes as long as the definition does not, which is never changed itself.
        if use.server is None and use.standing is Standing.HOST:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = definition, clearance, authorization
        return authorization

    def permits_key(self, definition: AIWorkerDefinition) -> bool:
        """Whether the host's own calls of a definition may send its key where they go."""
        try:
            use, approvals = self.use_of(definition, definition.base_config, None)
            approvals.check(use, None if use.server is None else use.server.address)
        except NeuroScriptError as error:
            return error.code != ErrorCode.SECURITY  # an address that is none is another matter
        return True

    def use_of(
        self, definition: AIWorkerDefinition, config: Mapping[str, Any], clearance: Clearance | None
    ) -> tuple[KeyUse, Approvals]:
        """Describes how a call with this configuration uses its key, and returns the approvals that it needs to pass.

        Raises:
            NeuroScriptError: 10 for a model file outside the permitted directories; 18 for an invalid address.
        """
        provider = str(definition.provider)
        own = server = self.clients.server(provider, config)
        approvals, shared, allow_http = self.approvals, False, config.get("allow_http") is True
        if clearance is None:
            # The host calls what it likes, and sends keys where it likes; what scripts made stays theirs.
            hosts = Standing.HOST if self._is_marked(definition) else Standing.NOBODY
            standing = Standing.OWN if definition.owner else hosts
        else:
            standing, approvals = clearance.standing(definition), clearance.approvals
            as_made = definition.base_config
            if any(config.get(name) != as_made.get(name) for name in ADDRESS_SETTINGS):
                own = self.clients.server(provider, as_made)
            allow_http = as_made.get("allow_http") is True
            if standing is not Standing.HOST:
                shared = clearance.shares_key(definition)
                if provider == "local" and definition.model_name not in ("echo", "scripted"):
                    clearance.check_model(definition)
        headers = config.get("headers")
        use = KeyUse(
            worker=subject_of(definition),
            name=definition.name or definition.definition_id,
            standing=standing,
            auth=definition.auth,
            provider=provider,
            own=own,
            server=server,
            allow_http=allow_http and standing is Standing.HOST,
            shared=shared,
            is_implied=definition.auth_is_implied,
            has_headers=bool(headers),
            headers_are_hosts=bool(headers)
            and standing is Standing.HOST
            and headers == definition.base_config.get("headers"),
        )
        return use, approvals
