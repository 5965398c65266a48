"""Chooses the proxy of a call, by the usual environment variables and their exemptions.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` name proxies by the scheme of the address, ``NO_PROXY`` what is
exempt; names in small letters come first.  On macOS and Windows the system's settings count where no variable is set.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443}

# An entry of NO_PROXY: a scheme, a name, an address or a network, and a port.
_ENTRY: Final = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?"
    r"(?:\[(?P<inside>[^\]\[]+)\](?P<outer>/\d{1,3})?|(?P<plain>[^:\[\]]+)|(?P<bare>[^\[\]]*:[^\[\]]*:[^\[\]]*))"
    r"(?::(?P<port>\d{1,5})?)?"
)


def proxy_for(url: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Returns the proxy to use for an address, or ``None`` if there is none.

    Args:
        url: the address.
        environ: the variables, which then count alone; by default the process's own, and the system's settings.

    Raises:
        ValueError: the variable names a proxy of a kind that is not spoken; the message does not show its address,
            which may hold a password.
    """
    named = getproxies() if environ is None else _named(environ)
    parts = urlsplit(url)
    address = (named.get(parts.scheme) or named.get("all") or "").strip()
    variables = os.environ if environ is None else environ
    if not address or is_exempt(url, variables.get("no_proxy", variables.get("NO_PROXY", ""))):
        return None
    from_system = environ is None and not getproxies_environment()
    if from_system and parts.hostname and proxy_bypass(parts.hostname):  # the system's exemptions
        return None
    if "://" not in address:
        address = f"http://{address}"
    scheme = address.partition("://")[0].lower()
    if scheme == "socks":  # as curl and GNOME write it
        scheme, address = "socks5", f"socks5://{address.partition('://')[2]}"
    if scheme not in _SCHEMES:
        raise ValueError(f"a proxy of the kind {scheme[:20]!r} is not spoken here, but {', '.join(_SCHEMES)}")
    return address


def _named(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies that variables name, by scheme, read as the standard library reads those of the process."""
    found = {}
    for scheme in ("http", "https", "all"):
        small, large = f"{scheme}_proxy", f"{scheme.upper()}_PROXY"
        # Under CGI, HTTP_PROXY is a header of the client's.
        value = environ.get(small, "" if scheme == "http" and "REQUEST_METHOD" in environ else environ.get(large, ""))
        if value:
            found[scheme] = value
    return found


def shown_proxy(url: str, environ: Mapping[str, str] | None = None) -> str:
    """Returns the proxy for an address as it may be shown: without user name and password; empty if there is none."""
    try:
        return without_credentials(proxy_for(url, environ) or "")
    except ValueError:
        return "one that cannot be used"


def without_credentials(proxy: str) -> str:
    """Returns the address of a proxy without user name and password.

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(proxy)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}" if parts.scheme else ""


def is_exempt(url: str, exemptions: str) -> bool:
    """Tells whether ``NO_PROXY`` exempts the server of an address.

    It is a list, parted by commas or spaces, of names (``example.com`` and what is below it, also ``.example.com`` and
    ``*.example.com``), addresses and networks (``10.0.0.0/8``, ``::1``, ``[fd00::]/8``), or ``*`` for everything; each
    perhaps with a port (``10.0.0.0/8:8080``, ``[::1]:8080``, ``*:8080``) and a scheme (``http://example.com``, where
    ``all`` stands for any).  An entry that cannot be read exempts nothing.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    port = parts.port or _PORTS.get(parts.scheme)
    entries = exemptions.lower().replace(",", " ").split()
    return any(_exempts(entry, parts.scheme, host, port) for entry in entries)


def _exempts(entry: str, scheme: str, host: str, port: int | None) -> bool:
    found = _ENTRY.fullmatch(entry.removesuffix("/") if "://" in entry else entry)
    if found is None or found["scheme"] not in (None, "all", scheme):
        return False
    if found["port"] and int(found["port"]) != port:
        return False
    name = found["plain"] or found["bare"] or found["inside"] + (found["outer"] or "")
    if name == "*":
        return True
    address = _address(host)
    if "/" in name:
        network = _network(name)
        return network is not None and address is not None and address in network
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is; one of IPv4 in the form of IPv6 is the same address."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
