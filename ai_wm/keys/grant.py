"""The key of one call, given out for the address that the call is sent to."""

from __future__ import annotations

from ai_wm.keys.approvals import Approvals, KeyUse
from ai_wm.keys.secret import Secret
from neuroscript import Address, ErrorCode, NeuroScriptError


class KeyGrant:
    """The key of one call, for whoever names the address that it is about to be sent to.

    Args:
        use: what the call does with it.
        approvals: where it may be sent.
        secret: the key; None where none is needed.
    """

    __slots__ = ("_approvals", "_use", "is_for_an_address", "secret")

    def __init__(self, use: KeyUse, approvals: Approvals, secret: Secret | None) -> None:
        self._use = use
        self._approvals = approvals
        self.secret = secret
        self.is_for_an_address = use.server is not None
        """Whether the client is one that names the address; the host's own and a package's get the key as it is."""

    def key_for(self, url: str) -> Secret | None:
        """The key, if the call may be sent to that very address.

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
        return self.secret
