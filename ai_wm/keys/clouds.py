"""Keys made from a cloud identity: tokens of Microsoft Entra and of Google, and the signatures of AWS.

The identity is what the cloud's own library finds on this machine (its variables, a signed-in tool, a workload's or
machine's identity), or what the value of the key source names.  Libraries are imported when a key is first made.
Functions here return their problems as texts and raise nothing, for the reason given in `ai_wm.keys.sources`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any, Final, Protocol

from ai_wm.data.enumerations import APIKeySourceMethod
from ai_wm.keys.secret import Secret

ENTRA_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
BEDROCK_TOKEN: Final = "AWS_BEARER_TOKEN_BEDROCK"

_EARLY: Final = 300.0
"""A token is replaced so many seconds before it expires, or sooner if it lasts for less."""

_METHODS: Final = {
    APIKeySourceMethod.ENTRA: ("azure.identity", "azure-identity", "azure"),
    APIKeySourceMethod.AWS: ("botocore", "botocore", "bedrock"),
    APIKeySourceMethod.GOOGLE: ("google.auth", "google-auth", "vertex"),
}
"""The library of each method, its distribution, and the extra that installs it."""


class Identity(Protocol):
    """Protocol of an identity at a cloud, shared by all calls that use it; ``method`` is that of its key source."""

    method: APIKeySourceMethod

    def secret(self) -> str:
        """Returns what the requests carry, or what they are signed with, and no message may show."""
        ...

    def forget(self) -> None:
        """Forgets what was cached, after a server has refused it."""
        ...

    def headers(self, secret: str, url: str, content: bytes | None, region: str) -> dict[str, str]:
        """Returns the headers that prove the identity to the server of a request."""
        ...


class CloudKey(Secret):
    """A key made from an identity, which can be renewed in place; it shows itself as ``***`` like any other."""

    __slots__ = ("_identity", "_text")

    def __init__(self, identity: Identity, text: str) -> None:
        super().__init__("")
        self._identity = identity
        self._text = text

    def get(self) -> str:
        """Returns the text that no message may show."""
        return self._text

    def headers(self, url: str, content: bytes | None, region: str) -> dict[str, str] | str:
        """Returns the headers that prove the identity to a server, or a text that says why there are none.

        Args:
            url: where the request is sent.
            content: its body; None for a GET.
            region: the region that it is signed for, where it is signed.
        """
        try:
            return self._identity.headers(self._text, url, content, region)
        except Exception as error:  # of the cloud's library, whose credentials may be gone by now
            return _why(self._identity.method, error)

    def renew(self) -> str:
        """Makes the key anew after a server has refused it; returns a problem, or an empty text."""
        self._identity.forget()
        made = _secret_of(self._identity)
        if isinstance(made, _Failed):
            return made.why
        self._text = made
        return ""

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def cloud_key(method: APIKeySourceMethod, value: str) -> CloudKey | str:
    """Makes a key of a cloud identity; returns a text that says why there is none.

    Args:
        method: ``entra``, ``aws`` or ``google``.
        value: the client id of a managed identity, the name of a profile, or the path of a service account's file;
            empty for what the cloud's library finds by itself.
    """
    missing = missing_library(method)
    if missing:
        return missing
    identity = _identity(method, value)
    if isinstance(identity, _Failed):
        return identity.why
    made = _secret_of(identity)
    return made.why if isinstance(made, _Failed) else CloudKey(identity, made)


def missing_library(method: APIKeySourceMethod) -> str:
    """Returns advice if the library of a method is not installed; an empty text if it is, or the method needs none."""
    if method not in _METHODS:
        return ""
    module, distribution, extra = _METHODS[method]
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it
        found = False
    if found:
        return ""
    return (
        f"keys of the method {method.value!r} need the library {distribution}; "
        f"install it with: pip install 'neuroscript[{extra}]'"
    )


def forget_identities() -> None:
    """Forgets all identities, so that the next call looks for them again."""
    _known.cache_clear()


class _Failed:
    """Why there is no identity or no token."""

    def __init__(self, why: str) -> None:
        self.why = why


def _identity(method: APIKeySourceMethod, value: str) -> Identity | _Failed:
    try:
        return _known(method, value)
    except Exception as error:  # of the cloud's library; what its message shows is not known
        return _Failed(_why(method, error))


@cache
def _known(method: APIKeySourceMethod, value: str) -> Identity:
    match method:
        case APIKeySourceMethod.ENTRA:
            return TokenIdentity(method, partial(_entra, value))
        case APIKeySourceMethod.GOOGLE:
            return TokenIdentity(method, partial(_google, value))
    return AwsIdentity(value)


def _secret_of(identity: Identity) -> str | _Failed:
    try:
        return identity.secret()
    except Exception as error:  # as above
        return _Failed(_why(identity.method, error))


_ADVICE: Final = {
    APIKeySourceMethod.ENTRA: "sign in with `az login`, set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, "
    "or run where there is a managed identity",
    APIKeySourceMethod.AWS: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK, "
    "or run where there is a role",
    APIKeySourceMethod.GOOGLE: "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or "
    "name the file of a service account in auth.value",
}


def _why(method: APIKeySourceMethod, error: Exception) -> str:
    return f"there is no usable identity for the method {method.value!r} ({type(error).__name__}); {_ADVICE[method]}"


class TokenIdentity:
    """An identity that proves itself by a bearer token, kept until shortly before it expires.

    Args:
        method: the key source's method.
        connect: makes what gets a token, and the time of its expiry in seconds since 1970.
    """

    def __init__(self, method: APIKeySourceMethod, connect: Callable[[], Callable[[], tuple[str, float]]]) -> None:
        self.method = method
        self._connect = connect
        self._fetch: Callable[[], tuple[str, float]] | None = None
        self._lock = Lock()
        self._token = ""
        self._until = 0.0

    def secret(self) -> str:
        """Returns the token."""
        with self._lock:
            now = time.time()
            if self._fetch is None:
                self._fetch = self._connect()
            if not self._token or now >= self._until:
                self._token, expiry = self._fetch()
                self._until = expiry - min(_EARLY, max(0.0, expiry - now) / 2)
            return self._token

    def forget(self) -> None:
        """Forgets the token, and the library's object, which may have kept it as well."""
        with self._lock:
            self._token, self._fetch = "", None

    def headers(self, secret: str, url: str, content: bytes | None, region: str) -> dict[str, str]:
        """Returns the token as a header."""
        return {"Authorization": f"Bearer {secret}"}


class AwsIdentity:
    """An identity at AWS, whose requests are signed (Signature Version 4), or carry a Bedrock API key.

    Args:
        profile: the profile in the user's AWS files; empty for the usual chain, where a Bedrock API key comes first.
    """

    method = APIKeySourceMethod.AWS

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._lock = Lock()
        self._credentials: Any = None

    def secret(self) -> str:
        """Returns the Bedrock API key, or the session token, or the secret key, which is never sent itself."""
        token = self._bearer()
        if token:
            return token
        found = self._frozen()
        return str(found.token or found.secret_key)

    def forget(self) -> None:
        """Forgets the credentials, so that changed files are read again."""
        with self._lock:
            self._credentials = None

    def headers(self, secret: str, url: str, content: bytes | None, region: str) -> dict[str, str]:
        """Returns the signature of a request, or the Bedrock API key."""
        token = self._bearer()
        if token:
            return {"Authorization": f"Bearer {token}"}
        request = import_module("botocore.awsrequest").AWSRequest(
            method="GET" if content is None else "POST",
            url=url,
            data=content or b"",
            headers={} if content is None else {"Content-Type": "application/json"},
        )
        import_module("botocore.auth").SigV4Auth(self._frozen(), "bedrock", region).add_auth(request)
        signed: Mapping[str, str] = request.headers
        return {name: value for name, value in signed.items() if name.lower() not in ("content-type", "host")}

    def _bearer(self) -> str:
        return "" if self._profile else os.environ.get(BEDROCK_TOKEN, "").strip()

    def _frozen(self) -> Any:
        with self._lock:
            if self._credentials is None:
                session = import_module("botocore.session").Session(profile=self._profile or None)
                self._credentials = session.get_credentials()
            if self._credentials is None:
                raise LookupError("no credentials")
            return self._credentials.get_frozen_credentials()


def _entra(client_id: str) -> Callable[[], tuple[str, float]]:
    options = {"managed_identity_client_id": client_id} if client_id else {}
    credential = import_module("azure.identity").DefaultAzureCredential(**options)

    def fetch() -> tuple[str, float]:
        found = credential.get_token(ENTRA_SCOPE)
        return found.token, float(found.expires_on)

    return fetch


def _google(path: str) -> Callable[[], tuple[str, float]]:
    if path:
        accounts = import_module("google.oauth2.service_account")
        credentials = accounts.Credentials.from_service_account_file(path, scopes=[GOOGLE_SCOPE])
    else:
        credentials, _ = import_module("google.auth").default(scopes=[GOOGLE_SCOPE])
    request = import_module("google.auth.transport.requests").Request()

    def fetch() -> tuple[str, float]:
        credentials.refresh(request)
        from datetime import UTC

        expiry = credentials.expiry  # in UTC, without saying so
        return credentials.token, expiry.replace(tzinfo=UTC).timestamp() if expiry else time.time() + _EARLY

    return fetch
