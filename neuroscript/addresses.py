"""URLs of servers: parsed strictly, and compared by scheme, host, port and whole path segments.

An approval of an address covers all paths below it, so no server may interpret such an address as a path elsewhere.
Everything that parsers disagree about is therefore refused: user names, backslashes, control characters and blanks,
hosts that are numbers in an unusual form, and paths with dot segments, also in the disguises that some servers see
through (``%2e%2e``, ``..;x``, ``%252e``), or with encoded slashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from unicodedata import normalize
from urllib.parse import quote, unquote

PORTS: Final = {"http": 80, "https": 443}

_PRINTABLE = re.compile(r"[!-\[\]-~\u00a1-\ud7ff\ue000-\U0010ffff]+")  # no controls, blanks, backslashes
_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^/?#@:\[\]]+)(:(?P<port>[0-9]{1,5}))?(?P<path>/[^?#]*)?(\?[^#]*)?",
    re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
_NUMERIC = re.compile(r"0x[0-9a-f]*|[0-9]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_CHARACTERS = "%!$&'()*+,;=:@~"  # what RFC 3986 has in a segment, escapes and letters besides
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Address:
    """An ``http`` or ``https`` URL of a server, for checks of which servers may be called.

    Args:
        scheme: ``http`` or ``https``.
        host: in lower case; an international name in its ASCII form, an IPv6 address in its shortest, in brackets.
        port: the port, the scheme's own where none is written.
        segments: the path between its slashes, slashes at the end not counted.
    """

    scheme: str
    host: str
    port: int
    segments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parses a URL, and drops its query if it has one.

        Raises:
            ValueError: saying what is wrong, and never showing the address, which may hold a password.
        """
        return _parsed(text)

    @classmethod
    def parse_prefix(cls, text: str) -> Address:
        """Parses a URL prefix of an approval, which may have no query.

        Raises:
            ValueError: as `parse`.
        """
        if "?" in text:
            raise ValueError("it has a query")
        return _parsed(text)

    @property
    def text(self) -> str:
        """The normalised text of the URL."""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        path = "".join(f"/{segment}" for segment in self.segments)
        return f"{self.scheme}://{self.host}{port}{path}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine: ``localhost``, 127.0.0.0/8 or ::1."""
        return _is_loopback(self.host)

    def covers(self, other: Address) -> bool:
        """Whether another address is equal to this one or below it."""
        own = self.segments
        return (
            self.host == other.host
            and self.port == other.port
            and self.scheme == other.scheme
            and other.segments[: len(own)] == own
        )

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Address:
    if not _PRINTABLE.fullmatch(text) or not text.isprintable():
        raise ValueError("it has blanks, control characters or backslashes")
    form = _FORM.fullmatch(text)
    if form is None:
        wrong = (
            "it holds a user name or password" if "@" in text else "it is not http:// or https://, a host and a path"
        )
        raise ValueError(wrong)
    scheme = form["scheme"].lower()
    port = int(form["port"] or PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise ValueError("its port is not a number from 1 to 65535")
    return Address(scheme, _host(form["host"].lower()), port, _segments(form["path"] or ""))


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            raise ValueError("its host is not an IPv6 address") from None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise ValueError("its host is not a valid name") from None
    if not _NAME.fullmatch(host) or ".." in host:
        raise ValueError("its host is not a valid name")
    # Some systems read 127.1, 0x7f000001 and 2130706433 as addresses, others do not.
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        try:
            IPv4Address(host)
        except ValueError:
            raise ValueError("its host is a number that is not written as four numbers with dots") from None
    return host


def _segments(path: str) -> tuple[str, ...]:
    segments = path.rstrip("/").split("/")[1:]
    for segment in segments:
        _check_segment(segment)
    return tuple(quote(_ESCAPE.sub(_escape, segment), safe=_PATH_CHARACTERS) for segment in segments)


def _check_segment(segment: str) -> None:
    """Raises an error for a path segment that a proxy or a server may interpret as more than a plain name.

    Raises:
        ValueError: saying what is wrong.
    """
    if not segment:
        raise ValueError("its path has two slashes in a row")
    if _NO_ESCAPE.search(segment):
        raise ValueError("its path has a % that does not begin an escape")
    try:
        plain = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("its path has escapes that are not UTF-8") from None
    # What a server makes of something that is encoded twice, nobody knows.
    if "%" in plain:
        raise ValueError("its path has characters that are encoded twice")
    plain = normalize("NFKC", plain)  # some write a full-width dot or slash as the usual one
    if "/" in plain or "\\" in plain or any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in plain):
        raise ValueError("its path has an encoded slash, backslash or control character")
    # Some servers cut the parameters of a segment off before they look for dots, some dots and blanks at its end.
    name = plain.partition(";")[0]
    if "." in name and not name.strip(". "):
        raise ValueError("its path has a dot segment, such as . or ..")


def _escape(found: re.Match[str]) -> str:
    """A percent-encoding as RFC 3986 normalises it: decoded if it need not be encoded, else in upper case."""
    char = chr(int(found[1], 16))
    return char if char in _UNRESERVED else found[0].upper()


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return address == IPv6Address("::1")
    return address.is_loopback
