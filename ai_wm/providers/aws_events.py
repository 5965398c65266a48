"""Parser of AWS's binary event streams (``application/vnd.amazon.eventstream``), as Bedrock sends them.

A message is its length and that of its headers, a checksum of both, the headers, the payload, and a checksum of all
(Amazon Transcribe's and Smithy's specification of the format).  The payload is JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final
from zlib import crc32

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.sse import WHOLE
from ai_wm.providers.wire_json import problem_of, read_json

MEDIA_TYPE: Final = "application/vnd.amazon.eventstream"

_PRELUDE: Final = 12
_LEAST: Final = _PRELUDE + 4
_LONGEST: Final = 24 * 1024 * 1024
_LONGEST_HEADERS: Final = 128 * 1024
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""The bytes of a header's value, by its type; those of the types 6 and 7 (bytes and text) begin with their length."""
_TEXT: Final = 7


def aws_events(chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Yields the events of a stream, however it is chunked, each with its type and its JSON.

    An exception in the stream is the event ``error``, with ``type`` and ``message``.  A stream that is cut within a
    message ends before it.  JSON where a stream was asked for is the one event `WHOLE`.

    Raises:
        BadReply: a message is not what the format promises.
    """
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        if pending.startswith((b"{", b"[")):
            continue
        start = 0
        while (length := _length(pending, start)) and len(pending) - start >= length:
            yield _event(bytes(pending[start : start + length]))
            start += length
        del pending[:start]
    if pending.startswith((b"{", b"[")):
        yield WHOLE, _json(bytes(pending))


def _length(pending: bytearray, start: int) -> int:
    """The length of the message that begins here; 0 while its prelude is not complete."""
    if len(pending) - start < _PRELUDE:
        return 0
    total, headers, checksum = struct.unpack_from(">III", pending, start)
    if crc32(pending[start : start + 8]) != checksum:
        raise BadReply("the checksum of an event's prelude is wrong")
    if not _LEAST + headers <= total <= _LONGEST or headers > _LONGEST_HEADERS:
        raise BadReply(f"an event has the length {total}, with headers of {headers} bytes")
    return int(total)


def _event(message: bytes) -> tuple[str, Any]:
    (checksum,) = struct.unpack_from(">I", message, len(message) - 4)
    if crc32(message[:-4]) != checksum:
        raise BadReply("the checksum of an event is wrong")
    (size,) = struct.unpack_from(">I", message, 4)
    headers = _headers(message[_PRELUDE : _PRELUDE + size])
    payload = message[_PRELUDE + size : -4]
    match headers.get(":message-type"):
        case "exception":
            said = _json(payload) if payload else {}
            return "error", {**(said if isinstance(said, dict) else {}), "type": headers.get(":exception-type", "")}
        case "error":
            return "error", {"message": headers.get(":error-message", ""), "type": headers.get(":error-code", "")}
    return headers.get(":event-type", ""), _json(payload) if payload else None


def _headers(block: bytes) -> dict[str, str]:
    """The headers that are texts; the others are passed over."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            end = at + 1 + block[at]
            name, kind = block[at + 1 : end].decode(), block[end]
            at = end + 1
            size = _SIZES.get(kind)
            if size is None:
                if kind not in (6, _TEXT):
                    raise BadReply(f"a header of an event has the type {kind}, which does not exist")
                (size,) = struct.unpack_from(">H", block, at)
                at += 2
            if at + size > len(block):
                raise BadReply("the headers of an event are cut")
            if kind == _TEXT:
                found[name] = block[at : at + size].decode()
            at += size
    except (IndexError, UnicodeDecodeError, struct.error):
        raise BadReply("the headers of an event cannot be read") from None
    return found


def _json(payload: bytes) -> Any:
    try:
        return read_json(payload)
    except (ValueError, RecursionError) as error:
        raise BadReply(f"an event is not JSON: {problem_of(error)}", payload[:1000].decode(errors="replace")) from None
