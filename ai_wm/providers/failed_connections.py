"""Converts errors of the network to failures that say what was asked, and by which proxy."""

from __future__ import annotations

import socket
import ssl

import httpx

from ai_wm.providers.errors import AttemptFailed
from ai_wm.providers.network import Reached, reached
from ai_wm.providers.retry import Attempts
from neuroscript import ErrorCode

UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL)
"""The failures before anything of a request has reached its server."""


def out_of_time(attempts: Attempts) -> AttemptFailed:
    """Makes the failure of a call that ran out of time."""
    message = f"no complete reply within {attempts.timeout:g} s (timeout_seconds)"
    return _on_the_way(AttemptFailed(ErrorCode.TIMEOUT, message), attempts)


def silent(attempts: Attempts) -> AttemptFailed:
    """Makes the failure of a stream that was silent for too long."""
    message = f"the stream was silent for {attempts.stall:g} s (stall_seconds)"
    return _on_the_way(AttemptFailed(ErrorCode.TIMEOUT, message, retry=True), attempts)


def broken(why: str, attempts: Attempts) -> AttemptFailed:
    """Makes the failure of a connection that broke after it was made."""
    return _on_the_way(AttemptFailed(ErrorCode.LLM_ERROR, f"the connection broke: {why}", retry=True), attempts)


def failed_connection(error: Exception, attempts: Attempts) -> AttemptFailed:
    """Converts an error of ``httpx``.  The error is not passed on: it holds the request and so the key."""
    at_proxy = bool(attempts.proxy) and _is_at_proxy(error, attempts)
    the_connection = f"the connection to the proxy {attempts.proxy}" if at_proxy else "the connection"
    match error:
        case httpx.ConnectTimeout():
            message, reason = f"{the_connection} could not be made in time", "connect_timeout"
        case httpx.TimeoutException():
            return out_of_time(attempts)
        case httpx.ProxyError():
            message, reason = f"the proxy {attempts.proxy} did not make the connection: {error}", "proxy"
        case httpx.ConnectError():
            message, reason = f"{the_connection} could not be made: {error}", _reason(error)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            # Not shown: what is wrong may be the key itself, as a header value.
            return AttemptFailed(
                ErrorCode.CONFIGURATION, "the request cannot be sent: its address or a header is not valid"
            )
        case _ if at_proxy:
            message, reason = f"{the_connection} broke: {error}", "proxy"
        case _:
            return broken(str(error), attempts)
    details = {"reason": "proxy" if at_proxy else reason}
    failure = AttemptFailed(ErrorCode.LLM_ERROR, message, retry=True, details=details)
    return _on_the_way(failure, attempts)


def refused_by_proxy(failure: AttemptFailed, said: str, attempts: Attempts) -> AttemptFailed:
    """Says of a reply that it is the proxy's, which alone asks to authenticate with it (407).

    Args:
        failure: the failure that the reply stands for.
        said: what the reply says, fit to be shown.
        attempts: those of the call.
    """
    failure.message = f"the proxy {attempts.proxy} refused the request (status 407): {said or 'no reason given'}"
    failure.details["reason"] = "proxy"
    return _on_the_way(failure, attempts)


def _on_the_way(failure: AttemptFailed, attempts: Attempts) -> AttemptFailed:
    """Adds where a request was sent, and by which proxy."""
    if attempts.asked:
        by = f" by the proxy {attempts.proxy}" if attempts.proxy else ""
        failure.message += f" (asked at {attempts.asked}{by})"
        failure.details["address"] = attempts.asked
        if attempts.proxy:
            failure.details["proxy"] = attempts.proxy
    return failure


def _is_at_proxy(error: Exception, attempts: Attempts) -> bool:
    """Whether it is the proxy that failed or refused, and not the server behind it, as far as can be told."""
    at = reached()
    if isinstance(error, httpx.ProxyError) or at == Reached.CONNECTING:
        return True
    if at == Reached.NOTHING:  # a connection that was kept
        return False
    is_secure = attempts.proxy.startswith("https:")
    if is_secure and at == Reached.FIRST_HANDSHAKE and isinstance(error, UNSENT):
        return True
    is_tunnel = attempts.asked.startswith("https:")
    return is_tunnel and at < (Reached.SECOND_HANDSHAKE if is_secure else Reached.FIRST_HANDSHAKE)


def _reason(error: Exception) -> str:
    """Says in one word why there is no connection: ``refused``, ``name``, ``tls`` or ``unreachable``."""
    link: BaseException | None = error
    while link is not None:
        match link:
            case ConnectionRefusedError():
                return "refused"
            case socket.gaierror():
                return "name"
            case ssl.SSLError():
                return "tls"
        link = link.__cause__
    return "unreachable"
