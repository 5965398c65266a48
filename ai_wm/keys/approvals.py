"""Approvals: the pairs of key source and address to which keys may be sent, checked just before a call is sent.

There are approvals for the key in each provider's usual variable and the provider's public address, or the address in
its environment variable if that is set; for the key that a definition of the host names and the definition's own
server; and for the pairs that the host's policy adds.  A refusal does not reveal whether the key exists,
since the key is not looked up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from shlex import quote
from typing import Final

from ai_wm.data.policy import PROVIDER_PREFIX, WorkerPolicy
from ai_wm.data.presets import KEY_VARIABLES, is_cloud_host
from ai_wm.data.types import APIKeySource, APIKeySourceMethod
from ai_wm.keys.sources import source_name
from ai_wm.keys.stored import StoredSecret
from neuroscript import Address, ErrorCode, NeuroScriptError

CONVENTIONAL: Final = {f"env:{variable}": provider for variable, provider in KEY_VARIABLES.items()}
"""The sources that are a provider's by convention, and may go to its address."""


class Standing(Enum):
    """To whom a definition belongs, from the view of one owner's scripts."""

    HOST = auto()
    """The definition is the host's: it carries a valid mark, or the host's policy trusts its file."""
    OWN = auto()
    """The definition was made by scripts of the same owner."""
    NOBODY = auto()
    """The definition has neither mark nor owner, in a file in the owner's own directory."""
    FOREIGN = auto()
    """The definition belongs to another owner and is hidden from this one."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a call is sent to.

    Args:
        url: the URL that paths are appended to.
        address: the same URL in normal form, for comparisons.
        by_operator: whether it comes from an environment variable.
    """

    url: str
    address: Address
    by_operator: bool = False

    @property
    def scope(self) -> Address:
        """The addresses approved with the server: the exact path that an operator names, or the whole public host."""
        address = self.address
        return address if self.by_operator else Address(address.scheme, address.host, address.port)


@dataclass(slots=True, kw_only=True)
class KeyUse:
    """Describes a call for the check of approvals: its key source, its server, its headers and its definition's owner.

    Args:
        worker: the worker's name in messages.
        name: its plain name.
        standing: to whom its definition belongs.
        auth: its key source.
        provider: its provider.
        own: the server of the definition without overrides; None where the client tells no address.
        server: the server that the call goes to.
        allow_http: whether the definition is the host's and lets its key be sent over plain http.
        shared: whether a definition of the host's uses the same key, so that the default approval does not apply.
        is_implied: whether the definition names no key source, so that its provider's usual one is meant.
        has_headers: whether it has headers of its own, which may hold keys.
        headers_are_hosts: whether the headers are from the host's definition, which may be sent to its own server only.
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
    is_implied: bool = False
    has_headers: bool = False
    headers_are_hosts: bool = False

    @property
    def has_key(self) -> bool:
        """Whether the call needs a key."""
        return self.auth.method is not APIKeySourceMethod.NONE


class Approvals:
    """Checks calls against the approvals of one policy.

    Args:
        policy: the policy.
        servers: returns the default servers of a provider: the one in its environment variable, and the public one.
    """

    def __init__(self, policy: WorkerPolicy, servers: Callable[[str], tuple[Server, ...]]) -> None:
        self._policy = policy
        self._servers = servers

    def check(self, use: KeyUse, address: Address | None) -> None:
        """Raises an error if a call, or its key, may not be sent to an address.

        Args:
            use: the call.
            address: the address that it is about to be sent to; None for a client that tells no address.

        Raises:
            NeuroScriptError: 10, with the policy that would permit it.
        """
        as_made = use.own is None if address is None else use.own is not None and use.own.address.covers(address)
        if use.standing is Standing.HOST and as_made:
            if use.is_implied and use.has_key and address is not None and not self._is_usual(use, address):
                raise _not_meant(use, address)
        else:
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

    def check_stored(self, use: KeyUse, secret: StoredSecret, address: Address) -> None:
        """Raises an error if a stored key may not be sent to an address, whoever made the definition.

        Raises:
            NeuroScriptError: 10, with the command that approves the address.
        """
        source = source_name(use.auth)
        if (
            any(Address.parse(origin).covers(address) for origin in secret.origins)
            # Where the operator names another server, that one replaces the public one.
            or any(server.scope.covers(address) for server in self._servers(secret.provider)[:1])
            or (address.scheme == "https" and is_cloud_host(secret.provider, address.host))
            or (source is not None and self._policy.approves(source, address))
        ):
            return
        place = _narrowest(use, address)
        raise NeuroScriptError(
            ErrorCode.SECURITY,
            f"{use.worker} may not send the stored key of {secret.provider} to {place}, which is not that provider's "
            f"address; if it may go there, store it with: neuroscript keys set {secret.provider} --origin "
            f"{quote(place)}, or give the worker a key source of its own",
        )

    def _is_usual(self, use: KeyUse, address: Address) -> bool:
        """Whether an address is one for which a provider's usual key is meant where a definition names none."""
        if self._approves(use, address) or (address.scheme == "https" and is_cloud_host(use.provider, address.host)):
            return True
        return any(server.scope.covers(address) for server in self._servers(use.provider))

    def _check_nobodys(self, use: KeyUse, address: Address | None) -> None:
        if use.has_key or use.has_headers or (address is not None and not address.is_loopback):
            raise NeuroScriptError(
                ErrorCode.SECURITY,
                f"{use.worker} is in a file that does not carry the host's mark for it, so it gets no key, and no "
                "address but this machine's; look at its key and address, and if they are yours, trust it with: "
                f"neuroscript workers trust {quote(use.name)} (or WorkerPolicy(trust_file=True))",
            )

    def _may_name(self, use: KeyUse, address: Address) -> bool:
        """Whether calls without a key may be sent to an address."""
        policy, provider = self._policy, use.provider
        return policy.names(address) or any(server.scope.covers(address) for server in self._servers(provider))

    def _approves(self, use: KeyUse, address: Address | None) -> bool:
        """Whether the call's key, if there is one, may be sent to an address."""
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
        return any(server.scope.covers(address) for server in self._servers(owner)[:1])


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


def _not_meant(use: KeyUse, address: Address) -> NeuroScriptError:
    usual = json.dumps({"auth": use.auth.to_script()})
    return NeuroScriptError(
        ErrorCode.SECURITY,
        f"{use.worker} may not send the key {source_name(use.auth)} to {_narrowest(use, address)}: without auth that "
        f"key is meant for the usual address of {use.provider} alone; to send it there, the host writes so: "
        f"neuroscript workers update {quote(use.name)} {quote(usual)} (the method 'none' where no key is needed)",
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
    """The narrowest approval that would permit the call: the common prefix of all its addresses."""
    server = use.server
    return (server.address if server is not None and server.address.covers(address) else address).text


def _origin(address: Address) -> str:
    return Address(address.scheme, address.host, address.port).text
