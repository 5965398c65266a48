"""One HTTP/1.1 connection straight to a server: the protocol is `h11`'s, the network that of `network`.

A request goes out in one piece, head and body together, so that the server is woken once and nothing is sent twice.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

import h11
import httpcore
import httpx

from ai_wm.providers.network import Network, closed_on_failure

MOST_HEAD_BYTES: Final = 100 * 1024
"""The longest head of a reply that is read."""

_READ_BYTES: Final = 64 * 1024

Origin = tuple[bytes, bytes, int]
"""The scheme, the host and the port of a server."""


class DirectConnection:
    """A connection to one server, opened by the first request.  One thread uses it at a time.

    Args:
        origin: the server.
        tls: the TLS context, if the scheme is https.
    """

    __slots__ = ("_is_whole", "_origin", "_protocol", "_stream", "_tls")

    def __init__(self, origin: Origin, tls: ssl.SSLContext) -> None:
        self._origin = origin
        self._tls = tls
        self._stream: httpcore.NetworkStream | None = None
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
        self._is_whole = False
        """Whether the request was written to its end."""

    def send(self, request: httpx.Request) -> tuple[int, list[tuple[bytes, bytes]], Iterator[bytes]]:
        """Sends a request; returns the status, the headers and the body of the reply, which is read as it is iterated.

        Raises:
            httpx.LocalProtocolError: the request is not valid.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError: there is no reply.
        """
        timeout = request.extensions.get("timeout", {})
        stream = self._stream or self._open(timeout.get("connect"))
        data, self._is_whole = self._written(request), False
        try:
            stream.write(data, timeout.get("write"))
            self._is_whole = True
        except httpcore.WriteError:
            pass  # a server may refuse a request before it has read it all, and say why
        while True:
            event = self._next(stream, timeout)
            if isinstance(event, h11.Response):
                return event.status_code, event.headers.raw_items(), self._body(stream, timeout)

    def finish(self) -> bool:
        """Ends an exchange; returns whether another one may follow."""
        protocol = self._protocol
        is_over = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
        # What came behind the end of a reply must not be taken for the reply to another request.
        if not is_over or not self._is_whole or protocol.trailing_data[0]:
            return False
        protocol.start_next_cycle()
        return True

    def is_usable(self) -> bool:
        """Whether the idle connection still stands: a server that sends anything now has ended it."""
        return self._stream is not None and not self._stream.get_extra_info("is_readable")

    def close(self) -> None:
        """Closes the connection."""
        if self._stream is not None:
            self._stream.close()

    def _open(self, seconds: float | None) -> httpcore.NetworkStream:
        scheme, host, port = self._origin
        name = host.decode("ascii")
        with closed_on_failure():
            stream = Network().connect_tcp(name, port, seconds)
            if scheme == b"https":
                stream = stream.start_tls(self._tls, name, seconds)
            self._stream = stream
        return stream

    def _written(self, request: httpx.Request) -> bytes:
        """Encodes a request."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        events: list[h11.Request | h11.Data | h11.EndOfMessage] = []
        try:
            events.append(h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw))
            events += [h11.Data(data=chunk) for chunk in request.stream]
            events.append(h11.EndOfMessage())
            return b"".join(self._protocol.send(event) or b"" for event in events)
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error

    def _body(self, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> Iterator[bytes]:
        while True:
            event = self._next(stream, timeout)
            if not isinstance(event, h11.Data):
                return
            yield bytes(event.data)

    def _next(
        self, stream: httpcore.NetworkStream, timeout: dict[str, float]
    ) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        protocol = self._protocol
        try:
            while (event := protocol.next_event()) is h11.NEED_DATA:
                data = stream.read(_READ_BYTES, timeout.get("read"))
                if not data and protocol.their_state is h11.SEND_RESPONSE:
                    raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
                protocol.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        return event
