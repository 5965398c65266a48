"""Attachments: images, PDF documents and audio that go to a model with a prompt.

The type of a file is told by its first bytes, never by its name, and what a provider counts it by (pixels, pages,
seconds) is read from its own headers, without decoding it.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

from neuroscript import ErrorCode, NeuroScriptError

Kind = Literal["image", "pdf", "audio"]

MOST_BYTES: Final = 50_000_000
"""Bytes of one attachment; no provider takes more within a request."""

MOST_TOGETHER: Final = 64_000_000
"""Bytes of all attachments of one prompt, and of all that a conversation keeps."""

MOST_ATTACHMENTS: Final = 100
"""Attachments of one prompt."""

_UNKNOWN_PAGES: Final = 100
"""Pages of a document that does not tell how many it has."""

_MOST_PAGES: Final = 10_000
_LEAST_BYTES_A_SECOND: Final = 750
"""Bytes of one second of compressed speech at the lowest rate in use (6 kbit/s)."""

# What is read of a file to measure it, however it is made.
_MOST_INFLATED: Final = 16 << 20
_MOST_DEFLATED: Final = 160 << 20
_MOST_STREAMS: Final = 10_000
_MOST_SEGMENTS: Final = 10_000
_CHUNK: Final = 16 << 10
_NAME_LENGTH: Final = 200

MEDIA_TYPES: Final[dict[str, Kind]] = {
    "image/png": "image",
    "image/jpeg": "image",
    "image/gif": "image",
    "image/webp": "image",
    "image/heic": "image",
    "image/bmp": "image",
    "image/tiff": "image",
    "application/pdf": "pdf",
    "audio/wav": "audio",
    "audio/mpeg": "audio",
    "audio/flac": "audio",
    "audio/ogg": "audio",
    "audio/aac": "audio",
    "audio/aiff": "audio",
    "audio/mp4": "audio",
}
"""The types of content that are recognised, and what each is."""

_SPELLINGS: Final = {
    "image/jpg": "image/jpeg",
    "image/heif": "image/heic",
    "audio/mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-aiff": "audio/aiff",
    "application/x-pdf": "application/pdf",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes to a model with a prompt; no ``repr`` shows its bytes.

    Make one with `of`, which reads the type and the measures from the bytes.

    Args:
        name: how it is called, for the model and for messages.
        media_type: the type of its content, one of `MEDIA_TYPES`.
        data: its bytes.
        width: the width of an image in pixels; 0 if it does not tell.
        height: the height of an image in pixels.
        pages: the pages of a document.
        seconds: the length of audio, at least.
    """

    name: str
    media_type: str
    data: bytes = field(repr=False)
    width: int = 0
    height: int = 0
    pages: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, name: str, data: bytes, media_type: str | None = None) -> Attachment:
        """Makes an attachment of bytes.

        Args:
            name: how it is called.
            data: the bytes.
            media_type: the type that they are said to have; None: whatever they are.

        Raises:
            NeuroScriptError: 4 if they are of no known type, or of another one than is said; 37 if they are too many.
        """
        shown = _shown(name)
        if len(data) > MOST_BYTES:
            message = f"the attachment {shown!r} has {len(data)} bytes; one has at most {MOST_BYTES}"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        found = sniff(data)
        said = None if media_type is None else plain_type(media_type)
        if found is None:
            what = "is empty" if not data else f"begins with {data[:8].hex(' ')}, which is none of these"
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"the attachment {shown!r} {what}; expected an image (PNG, JPEG, GIF, WebP, HEIC, BMP, TIFF), a PDF "
                "document, or audio (WAV, MP3, FLAC, Ogg, AAC, AIFF, MP4). The text of a file goes into the prompt "
                "itself",
                details={"field": "attach"},
            )
        if said is not None and said != found:
            message = f"the attachment {shown!r} is said to be {said}, but its content is {found}; leave the type out"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "attach"})
        match MEDIA_TYPES[found]:
            case "image":
                width, height = _pixels(found, data)
                return cls(shown, found, data, width=width, height=height)
            case "pdf":
                return cls(shown, found, data, pages=_pages(data))
            case _:
                return cls(shown, found, data, seconds=_seconds(found, data))

    @property
    def kind(self) -> Kind:
        """What it is: an image, a document, or audio."""
        return MEDIA_TYPES[self.media_type]

    @property
    def facts(self) -> dict[str, Any]:
        """What a record tells of it: its name, type and size, and the SHA-256 of its bytes."""
        digest = hashlib.sha256(self.data).hexdigest()
        return {"name": self.name, "media_type": self.media_type, "size_bytes": len(self.data), "sha256": digest}

    @property
    def note(self) -> str:
        """A short text in its place, for what can show no more."""
        return f"[{self.name}: {self.media_type}, {len(self.data)} bytes]"


def plain_type(media_type: str) -> str:
    """Returns a media type in its usual spelling, without parameters."""
    plain = media_type.partition(";")[0].strip().lower()
    return _SPELLINGS.get(plain, plain)


def check_together(attachments: tuple[Attachment, ...], what: str) -> None:
    """Raises an error for too many attachments, or for too many bytes.

    Raises:
        NeuroScriptError: 37, naming the limit.
    """
    size = sum(len(each.data) for each in attachments)
    if len(attachments) > MOST_ATTACHMENTS or size > MOST_TOGETHER:
        raise NeuroScriptError(
            ErrorCode.RESOURCE_EXHAUSTION,
            f"{what} has {len(attachments)} attachments of {size} bytes together; at most {MOST_ATTACHMENTS} of "
            f"{MOST_TOGETHER} bytes are kept",
        )


def sniff(data: bytes) -> str | None:
    """Tells the media type of some content by its first bytes; None if it is none that is known."""
    head = data[:16]
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if b"%PDF-" in data[:1024]:  # the header may stand behind other bytes
        return "application/pdf"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] >> 1 & 3
        if layer == 0 and head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if layer and head[2] >> 4 != 15 and head[1] >> 3 & 3 != 1:
            return "audio/mpeg"
    return None


_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_BRANDS: Final = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}


def _shown(name: str) -> str:
    """The last part of a path, on one line and of an ordinary length."""
    last = re.split(r"[/\\]", name)[-1] or name
    line = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in last)
    return line[:_NAME_LENGTH] or "attachment"


# What they measure


def _pixels(media_type: str, data: bytes) -> tuple[int, int]:
    """The width and the height that an image states; 0 where its form is not read, or it is broken."""
    try:
        match media_type:
            case "image/png":
                return struct.unpack(">II", data[16:24])
            case "image/gif":
                return struct.unpack("<HH", data[6:10])
            case "image/bmp":
                width, height = struct.unpack("<ii", data[18:26])
                return abs(width), abs(height)
            case "image/webp":
                return _pixels_of_webp(data)
            case "image/jpeg":
                return _pixels_of_jpeg(data)
    except (struct.error, IndexError):
        pass  # the server will say what is wrong with it; until then it counts as an image of unknown size
    return 0, 0


def _pixels_of_webp(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _pixels_of_jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 9 >= len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return 0, 0


_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_PAGE_COUNT: Final = re.compile(rb"/Count\s+(\d{1,6})")
_OBJECT_STREAM: Final = re.compile(rb"/ObjStm\b")


def _pages(data: bytes) -> int:
    """The pages of a document: what its page tree says, or the pages that it holds, whichever is more."""
    parts = [data, *_object_streams(data)]
    held = sum(1 for part in parts for _ in _PAGE.finditer(part))
    said = max((int(each) for part in parts for each in _PAGE_COUNT.findall(part)), default=0)
    pages = max(held, said if held else 0)
    return min(pages, _MOST_PAGES) if pages else _UNKNOWN_PAGES


def _object_streams(data: bytes) -> Iterator[bytes]:
    """The compressed objects of a document, in which its pages may be."""
    view, left, budget = memoryview(data), _MOST_INFLATED, _MOST_DEFLATED
    for found in islice(_OBJECT_STREAM.finditer(data), _MOST_STREAMS):
        begin = data.find(b"stream", found.end(), found.end() + 1024)
        if begin < 0:
            continue
        begin += 8 if data[begin + 6 : begin + 8] == b"\r\n" else 7
        inflater, parts = zlib.decompressobj(), list[bytes]()
        for at in range(begin, len(data), _CHUNK):
            if left <= 0 or budget <= 0 or inflater.eof:
                break
            budget -= _CHUNK
            try:
                parts.append(inflater.decompress(view[at : at + _CHUNK], left))
            except zlib.error:  # under another filter, or broken: then what is in it is not counted
                break
            left -= len(parts[-1])
        yield b"".join(parts)


def _seconds(media_type: str, data: bytes) -> float:
    """The length of audio: what a WAV file states, else the longest that so many bytes can be."""
    if media_type == "audio/wav" and data[12:16] == b"fmt " and len(data) >= 32:
        rate = int.from_bytes(data[28:32], "little")
        if _LEAST_BYTES_A_SECOND <= rate <= 1_600_000:
            return len(data) / rate
    return len(data) / _LEAST_BYTES_A_SECOND
