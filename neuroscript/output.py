"""Makes text safe to show: on a terminal, which obeys control characters, and in diagnostics, which are lines.

What a program, a model or a server says is text.  On a terminal its control characters are shown as escapes; into a
file or a pipe it goes as it is.  A message or a name within a diagnostic is on one line and cut, wherever it goes.
"""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import TextIO

MOST_SHOWN = 2_000
"""Characters of a message, or of a name, that a diagnostic shows."""

ENDLESS = 1_000_000
"""Characters of a line that nothing is cut from."""

# Control characters but line feed and tab; marks and overrides of the writing direction; line and paragraph separators;
# characters without width, but for the two joiners, which some scripts and many emoji need; halves of characters.
_OBEYED = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """A text for a terminal: control characters are shown as escapes such as ``\\x1b``; line ends and tabs stay."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return _pattern(rf"{_OBEYED}|\r(?!\n)").sub(_escape, text)


def one_line(text: object, most: int = MOST_SHOWN) -> str:
    """A message or a name for a diagnostic: as `visible`, without line ends, and about so many characters of it."""
    shown = shortened(str(text), most)
    if shown.isprintable():
        return shown
    return _pattern(rf"{_OBEYED}|[\r\n]").sub(_escape, shown)


def whole_text(text: str) -> str:
    """A text in which halves of characters (lone surrogates), which UTF-8 cannot hold, are U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def shortened(text: str, most: int) -> str:
    """A text, or its beginning and its end if it has more than so many characters."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail]} […{len(text) - most} characters…] {text[len(text) - tail :]}"


def clipped(text: str, most: int) -> str:
    """A text in a table: its beginning, and an ellipsis for the rest, if it has more than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def columns_of(stream: TextIO) -> int:
    """How long a line on a stream may be: as long as it is where that is no terminal, unless ``COLUMNS`` is set."""
    import os
    import shutil

    if stream.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size().columns
    return ENDLESS


def write(stream: TextIO, text: str) -> None:
    """Writes a text to a stream: made `visible` if that is a terminal.

    Characters that the stream's encoding lacks are written as escapes instead of failing.
    """
    if stream.isatty():
        text = visible(text)
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def write_line(stream: TextIO, text: str) -> None:
    """Writes a line, as `write` does."""
    write(stream, text + "\n")


REPLY_MARK = "| "
"""What begins each line of a reply that is shown while it comes; no line of ours begins so."""

_in_reply = False  # whether the last line is one of a reply, and has not ended


def write_reply(stream: TextIO, text: str) -> None:
    """Writes a piece of a model's reply, each line behind `REPLY_MARK`: it may read like a message of ours."""
    global _in_reply
    for index, line in enumerate(visible(text.replace("\r\n", "\n")).split("\n")):
        if index:
            write(stream, "\n" if _in_reply else f"{REPLY_MARK}\n")
            _in_reply = False
        if line:
            write(stream, line if _in_reply else REPLY_MARK + line)
            _in_reply = True
    stream.flush()


def end_reply(stream: TextIO) -> None:
    """Ends the line of a reply, so that what follows stands on a line of its own."""
    global _in_reply
    if _in_reply:
        _in_reply = False
        write_line(stream, "")


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    import re  # which takes its time, and most texts need none

    return re.compile(text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code in _SHORT:
        return _SHORT[code]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_SHORT = {ord("\n"): "\\n", ord("\r"): "\\r"}
