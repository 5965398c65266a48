"""Where a key may be sent: approved pairs of a key source and an address, checked when a call is about to be sent.

There is an approval for each provider's usual variable with its public address, which the provider's own address
variable in the manager's environment replaces; for every definition of the host, as the host made it; and for what the
host's policy adds.  A refusal says the same whether or not there is such a key, since it is not looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from shlex import quote
from typing import Final

from ai_wm.data.policy import PROVIDER_PREFIX, WorkerPolicy
from ai_wm.data.types import APIKeySource, APIKeySourceMethod
from ai_wm.keys.sources import source_name
from neuroscript import Address, ErrorCode, NeuroScriptError

CONVENTIONAL: Final = {
    "env:ANTHROPIC_API_KEY": "anthropic",
    "env:GEMINI_API_KEY": "google",
    "env:GOOGLE_API_KEY": "google",
    "env:OPENAI_API_KEY": "openai",
}
"""The sources that are a provider's by convention, and may go to its address."""


class Standing(Enum):
    """Whose a definition is, as the scripts of one owner see it."""

    HOST = auto()
    """The host's: it carries a valid mark, or the host's policy trusts the file."""
    OWN = auto()
    """That of the same owner's scripts."""
    NOBODY = auto()
    """Of a file that came with neither mark nor owner, in the owner's own directory."""
    FOREIGN = auto()
    """Another owner's, which is not seen."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a call goes.

    Args:
        url: what paths are appended to.
        address: the same, as it is compared with others.
        by_operator: whether it comes from the environment.
    """

    url: str
    address: Address
    by_operator: bool = False


@dataclass(slots=True, kw_only=True)
class KeyUse:
    """What a call is about to do with a key.

    Args:
        worker: how messages name the worker.
        name: its name.
        standing: whose definition it is.
        auth: its key source.
        provider: its provider.
        own: the server that the definition names, as it was made; None where the client tells no address.
        server: the server that the call goes to.
        allow_http: whether the definition, the host's own, lets its key go over plain http.
        shared: whether a definition of the host's uses the same key, so that the usual approval is not enough.
        has_headers: whether it has headers of its own, which may hold keys.
        headers_are_hosts: whether they are those of the host's definition, which go where that sends them only.
    """

    worker: str
    name: str
    standing: Standing
    auth: APIKeySource
    provider: str
    own: Server | None
    server: Server | None
    allow_http: bool = False
    shared: bool = False
    has_headers: bool = False
    headers_are_hosts: bool = False

    @property
    def has_key(self) -> bool:
        """Whether a key is asked for."""
        return self.auth.method is not APIKeySourceMethod.NONE


class Approvals:
    """What one policy approves.

    Args:
        policy: the policy.
        servers: gives the servers that a provider has by itself: what its variable says, and the public one.
    """

    def __init__(self, policy: WorkerPolicy, servers: Callable[[str], tuple[Server, ...]]) -> None:
        self._policy = policy
        self._servers = servers

    def check(self, use: KeyUse, address: Address | None) -> None:
        """Refuses to send a call to an address, or its key.

        Args:
            use: the call.
            address: where it is about to be sent; None for a client that tells no address.

        Raises:
            NeuroScriptError: 10, saying what would permit it.
        """
        as_made = use.own is None if address is None else use.own is not None and use.own.address.covers(address)
        if not (use.standing is Standing.HOST and as_made):
            if use.standing is Standing.NOBODY:
                self._check_nobodys(use, address)
            elif address is not None and not (self._may_name(use, address) or self._approves(use, address)):
                # What permits a key to be sent somewhere permits the address as well.
                raise (_not_named if source_name(use.auth) is None else _not_approved)(use, address)
            if use.has_key and not self._approves(use, address):
                raise _not_approved(use, address)
            if use.headers_are_hosts:
                raise _headers_not_approved(use, address)
        if address is not None and address.scheme == "http" and (use.has_key or use.has_headers):
            _check_http(use, address, as_made)

    def _check_nobodys(self, use: KeyUse, address: Address | None) -> None:
        if use.has_key or use.has_headers or (address is not None and not address.is_loopback):
            raise NeuroScriptError(
                ErrorCode.SECURITY,
                f"{use.worker} is in a file that does not carry the host's mark for it, so it gets no key, and no "
                "address but this machine's; look at its key and address, and if they are yours, trust it with: "
                f"neuroscript workers trust {quote(use.name)} (or WorkerPolicy(trust_file=True))",
            )

    def _may_name(self, use: KeyUse, address: Address) -> bool:
        """Whether an address may be named without a key."""
        policy, provider = self._policy, use.provider
        return policy.names(address) or any(_scope(server).covers(address) for server in self._servers(provider))

    def _approves(self, use: KeyUse, address: Address | None) -> bool:
        """Whether the key, if there is one, may be sent there."""
        if use.auth.method is APIKeySourceMethod.INLINE:
            # A script's own; where it may go was looked at. The host's stays where the host sends it.
            named = address is None or self._may_name(use, address)
            return use.standing is Standing.OWN and named
        source = source_name(use.auth)
        if source is None:
            return False
        place = address if address is not None else f"{PROVIDER_PREFIX}{use.provider}"
        if self._policy.approves(source, place):
            return True
        owner = CONVENTIONAL.get(source)
        if owner is None or address is None or use.shared:
            return False
        # Where the operator names another server, that one replaces the public one.
        return _scope(self._servers(owner)[0]).covers(address)


def _scope(server: Server) -> Address:
    """What of a server belongs to it: of one that the operator names the very path, of the public ones everything."""
    address = server.address
    return address if server.by_operator else Address(address.scheme, address.host, address.port)


def _check_http(use: KeyUse, address: Address, as_made: bool) -> None:
    server = use.server
    by_operator = server is not None and server.by_operator and server.address.covers(address)
    if not (address.is_loopback or by_operator or (use.allow_http and as_made)):
        raise NeuroScriptError(
            ErrorCode.SECURITY,
            f"{use.worker} would send its key or its headers to {_origin(address)} over plain http, where anybody "
            "on the way can read them; use https, or have the host's own definition say allow_http: true in its "
            "base_config",
        )


def _not_named(use: KeyUse, address: Address) -> NeuroScriptError:
    place = _narrowest(use, address)
    return NeuroScriptError(
        ErrorCode.SECURITY,
        f"{use.worker} may not be asked at {place}, an address that scripts may not name; the host permits it with "
        f"--allow-origin {quote(place)} or WorkerPolicy(origins=({place!r},))",
    )


def _headers_not_approved(use: KeyUse, address: Address | None) -> NeuroScriptError:
    return NeuroScriptError(
        ErrorCode.SECURITY,
        f"{use.worker} may not send its headers, which may hold keys, to {_place(use, address)}: they are the host's "
        "for another address; the host permits it with a definition of its own for that address (neuroscript workers "
        "add)",
    )


def _not_approved(use: KeyUse, address: Address | None) -> NeuroScriptError:
    place, source = _place(use, address), source_name(use.auth)
    if source is None:
        return NeuroScriptError(
            ErrorCode.SECURITY,
            f"{use.worker} may not send its key to {place}: the key is the host's for another address, or auth.value "
            "does not say where it is; the host permits it with a definition of its own for that address (neuroscript "
            "workers add)",
        )
    why = ", which a definition of the host's uses," if use.shared else ""
    return NeuroScriptError(
        ErrorCode.SECURITY,
        f"{use.worker} may not send the key {source}{why} to {place}; the host permits it with --allow-key "
        f"{quote(f'{source}={place}')} or WorkerPolicy(keys={{{source!r}: ({place!r},)}})",
    )


def _place(use: KeyUse, address: Address | None) -> str:
    return _narrowest(use, address) if address is not None else f"{PROVIDER_PREFIX}{use.provider}"


def _narrowest(use: KeyUse, address: Address) -> str:
    """The narrowest approval that would do: what all addresses of the call have in common."""
    server = use.server
    return (server.address if server is not None and server.address.covers(address) else address).text


def _origin(address: Address) -> str:
    return Address(address.scheme, address.host, address.port).text
