"""What a file is, and how much of it there is, is told by its bytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.data.attachments import MEDIA_TYPES, MOST_BYTES, Attachment, check_together, sniff
from tests.ai_wm import files
from tests.ai_wm.helpers import raises_code

CONTENT = {
    "image/png": files.png(),
    "image/jpeg": files.jpeg(),
    "image/gif": files.gif(),
    "image/webp": files.webp(),
    "image/bmp": b"BM" + bytes(30),
    "image/tiff": b"II*\0" + bytes(30),
    "image/heic": b"\0\0\0\x18ftypheic" + bytes(12),
    "application/pdf": files.pdf(),
    "audio/wav": files.wav(0.1),
    "audio/mpeg": files.MP3,
    "audio/flac": b"fLaC" + bytes(40),
    "audio/ogg": b"OggS" + bytes(40),
    "audio/aac": b"\xff\xf1\x50\x80" + bytes(20),
    "audio/aiff": b"FORM\0\0\0\x20AIFF" + bytes(20),
    "audio/mp4": b"\0\0\0\x18ftypM4A " + bytes(12),
}


def test_every_type_is_recognised_whatever_its_file_is_called() -> None:
    assert CONTENT.keys() == MEDIA_TYPES.keys()
    for media_type, data in CONTENT.items():
        assert Attachment.of("notes.txt", data).media_type == media_type


@pytest.mark.parametrize(
    "data", [b"", b"plain text", b"<svg/>", b"PK\3\4zip", b"\xff", b"RIFF\0\0\0\0AVI ", b"\x7fELF"]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with raises_code(4, "chart.png"):
        Attachment.of("chart.png", data)


@given(st.binary(max_size=64))
def test_bytes_from_anywhere_are_of_a_known_type_or_refused(data: bytes) -> None:
    if sniff(data) is None:
        with raises_code(4):
            Attachment.of("x", data)
    else:
        made = Attachment.of("x", data)
        assert made.width >= 0
        assert made.height >= 0
        assert made.pages >= 0
        assert made.seconds >= 0


def test_a_type_that_is_said_must_be_the_type_that_is_there() -> None:
    assert Attachment.of("a", CONTENT["image/jpeg"], "image/JPG; q=1").media_type == "image/jpeg"
    with raises_code(4, "its content is image/jpeg"):
        Attachment.of("a", CONTENT["image/jpeg"], "image/png")


@pytest.mark.parametrize("make", [files.png, files.jpeg, files.gif, files.webp])
def test_the_pixels_of_an_image_are_read_from_its_header(make: Callable[[int, int], bytes]) -> None:
    made = Attachment.of("image", make(1200, 48))
    assert (made.width, made.height) == (1200, 48)


@pytest.mark.parametrize("pages", [1, 3, 120])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_the_pages_of_a_document_are_counted(pages: int, packed: bool) -> None:
    assert Attachment.of("report.pdf", files.pdf(pages, packed=packed)).pages == pages


def test_a_document_that_does_not_tell_its_pages_counts_as_a_long_one() -> None:
    assert Attachment.of("report.pdf", b"%PDF-1.7\n" + bytes(100)).pages == 100


def test_the_length_of_audio_is_its_own_or_the_longest_it_can_be() -> None:
    assert Attachment.of("a.wav", files.wav(3)).seconds == pytest.approx(3, abs=0.01)
    lying = bytearray(files.wav(3))
    lying[28:32] = (2**32 - 1).to_bytes(4, "little")
    assert Attachment.of("a.wav", bytes(lying)).seconds > 60
    assert Attachment.of("a.mp3", files.MP3 + bytes(7500)).seconds >= 10


def test_neither_a_repr_nor_the_facts_show_the_bytes_or_the_folder() -> None:
    made = Attachment.of("secret/place/cat\n.png", files.png())
    assert "IHDR" not in repr(made)
    assert made.facts["name"] == "cat\N{REPLACEMENT CHARACTER}.png"
    assert made.facts["size_bytes"] == len(files.png())
    assert len(made.facts["sha256"]) == 64


def test_too_much_is_refused() -> None:
    with raises_code(37, str(MOST_BYTES)):
        Attachment.of("a.png", files.png() + bytes(MOST_BYTES))
    with raises_code(37, "101 attachments"):
        check_together((Attachment.of("a.png", files.png()),) * 101, "the prompt")


HOSTILE = {
    "many streams": b"%PDF-1.7\n" + b"/ObjStm stream\n" * 1_000_000,
    "blocks without content": b"%PDF-1.7\n/ObjStm stream\n\x78\x01" + b"\0\0\0\xff\xff" * 2_000_000,
    "much from little": b"%PDF-1.7\n" + (b"/ObjStm stream\n" + zlib.compress(bytes(50_000_000))) * 20,
    "no end of filling": b"\xff\xd8" + b"\xff" * 20_000_000,
    "no end of segments": b"\xff\xd8" + b"\xff\xe0\0\2" * 5_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_made_to_be_long_to_measure_counts_as_one_that_does_not_tell(name: str) -> None:
    made = Attachment.of(name, HOSTILE[name])
    assert (made.pages, made.width, made.height) in ((100, 0, 0), (0, 0, 0))
