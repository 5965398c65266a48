"""Small files of the kinds that can be attached."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 2, height: int = 2) -> bytes:
    """A PNG of one colour that image programs can open."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x7f" * width for _ in range(min(height, 64))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pdf(pages: int = 1, *, packed: bool = False) -> bytes:
    """A PDF document of empty pages; ``packed``: its objects lie in a compressed stream."""
    kids = " ".join(f"{3 + number} 0 R" for number in range(pages))
    tree = f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>"
    leaves = [f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >> % {number}" for number in range(pages)]
    if not packed:
        objects = "".join(f"{2 + number} 0 obj {each} endobj\n" for number, each in enumerate([tree, *leaves]))
        return f"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n{objects}trailer << >>\n%%EOF".encode()
    stream = zlib.compress("\n".join([tree, *leaves]).encode())
    head = f"%PDF-1.7\n9 0 obj << /Type /ObjStm /Filter /FlateDecode /Length {len(stream)} >>\nstream\n".encode()
    return head + stream + b"\nendstream endobj\n%%EOF"


def wav(seconds: float = 1.0, rate: int = 8000) -> bytes:
    """Silence."""
    data = bytes(int(seconds * rate) * 2)
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + head + b"data" + struct.pack("<I", len(data)) + data


def jpeg(width: int = 2, height: int = 2) -> bytes:
    """The headers of a JPEG, with a filling segment before the one that has the size."""
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + bytes(14) + b"\xff\xc0" + frame + b"\xff\xd9"


def gif(width: int = 2, height: int = 2) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def webp(width: int = 2, height: int = 2) -> bytes:
    """A WebP image in the extended form."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + sides


MP3 = b"\xff\xfb\x90\x00" + bytes(413)
