"""Messages of the Debug Adapter Protocol: JSON behind a header that says how long it is.

A port of this machine can be reached from web pages too, whose requests are not quite such messages; so nothing but the
two headers of the protocol is read.
"""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any, BinaryIO

_LONGEST_HEADER = 1024
_LONGEST = 16 * 1024 * 1024
_LENGTH, _TYPE = b"content-length", b"content-type"


class ProtocolError(Exception):
    """What comes in is no message of the protocol."""


class Messages:
    """Reads and writes messages.

    Args:
        reader: where they come from.
        writer: where they go.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._lock = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """The next message; None at the end.

        Raises:
            ProtocolError: for anything else.
        """
        length = self._length()
        if length is None:
            return None
        content = self._reader.read(length)
        if len(content) < length:
            return None
        try:
            message = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"a message is not JSON: {error}") from None
        if not isinstance(message, dict):
            raise ProtocolError("a message is not a JSON object")
        return message

    def _length(self) -> int | None:
        length = None
        first = True
        while True:
            line = self._reader.readline(_LONGEST_HEADER)
            if not line:
                return None
            name, separator, value = line.partition(b":")
            if line in (b"\r\n", b"\n"):
                if length is None:
                    raise ProtocolError("a message has no Content-Length")
                return length
            if not line.endswith(b"\n") or not separator or name.strip().lower() not in (_LENGTH, _TYPE):
                raise ProtocolError("this is the Debug Adapter Protocol, and something else was sent")
            if name.strip().lower() == _LENGTH:
                digits = value.strip()
                if not digits.isdigit() or len(digits) > 9 or int(digits) > _LONGEST or not first:
                    raise ProtocolError(f"a message may have up to {_LONGEST:,} bytes, and one Content-Length")
                length, first = int(digits), False

    def write(self, message: dict[str, Any]) -> None:
        """Writes a message, with the next number.  Nobody may be there any more to read it."""
        with self._lock:
            self._number += 1
            content = json.dumps({"seq": self._number, **message}).encode()
            with contextlib.suppress(OSError, ValueError):  # the client has gone, which the reading end tells too
                self._writer.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
                self._writer.flush()
