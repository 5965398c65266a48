"""Grants of keys: release the key of one call only for an address that it may be sent to."""

from __future__ import annotations

from ai_wm.data.types import APIKeySourceMethod
from ai_wm.keys.approvals import Approvals, KeyUse, Standing
from ai_wm.keys.secret import Secret
from ai_wm.keys.stored import StoredSecret
from neuroscript import Address, ErrorCode, NeuroScriptError


class KeyGrant:
    """The key of one call, released to a client that names an approved address.

    Args:
        use: describes the call.
        approvals: checks the address.
        secret: the key; None where none is needed.
    """

    __slots__ = ("_approvals", "_use", "is_for_an_address", "secret", "takes_environment")

    def __init__(self, use: KeyUse, approvals: Approvals, secret: Secret | None) -> None:
        self._use = use
        self._approvals = approvals
        self.secret = secret
        self.is_for_an_address = use.server is not None
        """Whether the client names the address; clients of the host and of packages get the key without a check."""
        has_approved_key = use.has_key and use.auth.method is not APIKeySourceMethod.INLINE
        self.takes_environment = use.standing is Standing.HOST or has_approved_key
        """Whether headers of the environment may go along, to the provider's own address; they are keys as well."""

    def key_for(self, url: str) -> Secret | None:
        """Returns the key if the call may be sent to this exact address.

        Raises:
            NeuroScriptError: 10 if it may not.
        """
        try:
            address = Address.parse(url)
        except ValueError as error:
            message = (
                f"{self._use.worker} was not asked: the address that it would be sent to cannot be used: {error}; "
                "base_url must be like https://host/v1"
            )
            raise NeuroScriptError(ErrorCode.SECURITY, message) from None
        self._approvals.check(self._use, address)
        if isinstance(self.secret, StoredSecret):
            self._approvals.check_stored(self._use, self.secret, address)
        return self.secret
