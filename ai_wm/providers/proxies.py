"""Chooses the proxy of a call, by the usual environment variables and their exemptions.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` name proxies by the scheme of the address, ``NO_PROXY`` what is
exempt; names in small letters come first.  On macOS and Windows the system's settings count where no variable is set.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Returns the proxy to use for an address, or ``None`` if there is none.

    Raises:
        ValueError: the variable names a proxy of a kind that is not spoken; the message does not show its address,
            which may hold a password.
    """
    named = getproxies()
    parts = urlsplit(url)
    address = named.get(parts.scheme) or named.get("all")
    if not address or is_exempt(url, environ.get("no_proxy", environ.get("NO_PROXY", ""))):
        return None
    if not getproxies_environment() and parts.hostname and proxy_bypass(parts.hostname):  # the system's exemptions
        return None
    if "://" not in address:
        address = f"http://{address}"
    scheme = address.partition("://")[0].lower()
    if scheme == "socks":  # as curl and GNOME write it
        scheme, address = "socks5", f"socks5://{address.partition('://')[2]}"
    if scheme not in _SCHEMES:
        raise ValueError(f"a proxy of the kind {scheme[:20]!r} is not spoken here, but {', '.join(_SCHEMES)}")
    return address


def shown_proxy(url: str) -> str:
    """Returns the proxy for an address as it may be shown: without user name and password; empty if there is none."""
    try:
        parts = urlsplit(proxy_for(url) or "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "one that cannot be used"
    return f"{parts.scheme}://{parts.hostname or ''}{port}" if parts.scheme else ""


def is_exempt(url: str, exemptions: str) -> bool:
    """Tells whether ``NO_PROXY`` exempts the server of an address.

    It is a list of names (``example.com`` and what is below it, also ``.example.com`` and ``*.example.com``),
    addresses, networks (``10.0.0.0/8``), each perhaps with a port, or ``*`` for everything.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    address = _address(host)
    for item in exemptions.replace(",", " ").split():
        name = item.strip().lower().partition("://")[2] or item.strip().lower()
        if name == "*":
            return True
        if "/" in name:
            network = _network(name)
            if network is not None and address is not None and address in network:
                return True
            continue
        name, wanted = _split_port(name)
        if wanted is not None and wanted != port:
            continue
        if address is not None:
            if _address(name) == address:
                return True
            continue
        name = name.removeprefix("*").strip(".")
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False


def _split_port(name: str) -> tuple[str, int | None]:
    if name.startswith("["):
        host, _, port = name[1:].partition("]")
        port = port.removeprefix(":")
    elif name.count(":") == 1:
        host, _, port = name.partition(":")
    else:
        return name, None
    return host, int(port) if port.isdecimal() else None


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
