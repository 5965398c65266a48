"""Decodes program source, and refuses what is no text or too long."""

from __future__ import annotations

import re

from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptSyntaxError

LINE_END = re.compile(r"\r\n?|\n")
_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")


def decode(source: str | bytes, name: str, max_source: int | None) -> str:
    """The text of a source: UTF-8, with a byte order mark at the start skipped.

    Args:
        source: the text, or its bytes.
        name: of the file, for messages.
        max_source: bytes that it may have; None for any number.

    Raises:
        NeuroScriptSyntaxError: invalid UTF-8 (a lone surrogate in a text is that too) or a NUL (15), too large (37).
    """
    size = len(source)
    if max_source is not None and size > max_source:
        raise refused(name, "", 0, ErrorCode.RESOURCE_EXHAUSTION, _too_large(size, max_source))
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            text = source[: error.start].decode("utf-8")
            message = f"byte 0x{source[error.start]:02x} is not valid UTF-8; save the file as UTF-8"
            raise refused(name, _unmarked(text), len(_unmarked(text)), ErrorCode.SYNTAX, message) from None
    else:
        text = source
        if not text.isascii():
            try:
                size = len(text.encode("utf-8"))
            except UnicodeEncodeError as error:
                message = f"U+{ord(text[error.start]):04X} is a lone surrogate, which UTF-8 does not have"
                offset = error.start - (len(text) - len(_unmarked(text)))
                raise refused(name, _unmarked(text), offset, ErrorCode.SYNTAX, message) from None
            if max_source is not None and size > max_source:
                raise refused(name, "", 0, ErrorCode.RESOURCE_EXHAUSTION, _too_large(size, max_source))
    text = _unmarked(text)
    if "\0" in text:
        message = "a NUL character cannot stand in a program; is this a text file?"
        raise refused(name, text, text.index("\0"), ErrorCode.SYNTAX, message)
    return text


def _unmarked(text: str) -> str:
    return text.removeprefix("\ufeff")


def _too_large(size: int, limit: int) -> str:
    return f"the program has more than the {limit:,} bytes that the host allows ({size:,})"


def refused(name: str, text: str, offset: int, code: ErrorCode, message: str) -> NeuroScriptSyntaxError:
    """The syntax error of a source, at an offset of its text."""
    lines = [0, *(match.end() for match in LINE_END.finditer(text, 0, offset))]
    start = lines[-1]
    shown = LINE_END.split(text[start : start + 1000], maxsplit=1)[0]
    shown = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", shown)
    column = offset - start + 1
    return NeuroScriptSyntaxError([Diagnostic(len(lines), column, "error", code, message, name, column + 1, shown)])
