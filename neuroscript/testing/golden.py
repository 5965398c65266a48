"""Golden files: what a test emitted when somebody looked at it and found it right, kept beside the file of tests."""

from __future__ import annotations

import difflib
import errno
import os

from neuroscript.output import whole_text
from neuroscript.private_files import FILE_MODE, open_private
from neuroscript.testing.cases import Case

SUFFIX = ".golden"
_MOST = 16 * 1024 * 1024  # bytes
_MOST_LINES = 60  # of a difference that is shown
_MOST_COMPARED = 2_000  # lines; to find the least difference may take the square of it


class GoldenFileError(Exception):
    """A golden file cannot be read or written; the text says why."""


def golden_path(case: Case) -> str:
    """The golden file of a test: ``cart_test.test_total.golden`` beside ``cart_test.ns``."""
    path = case.program.path or case.program.name
    return f"{path.removesuffix('.ns')}.{case.name}{SUFFIX}"


def text_of_lines(emitted: list[str]) -> str:
    """What a golden file holds: each emitted text with a line end."""
    return "".join(f"{whole_text(text)}\n" for text in emitted)


def compare(case: Case, emitted: list[str]) -> str:
    """How the output of a test differs from its golden file; empty if it does not, or there is none.

    Raises:
        GoldenFileError: if the file cannot be read.
    """
    wanted = _read(golden_path(case))
    given = text_of_lines(emitted)
    if wanted is None or wanted == given:
        return ""
    name = os.path.basename(golden_path(case))
    old, new = wanted.splitlines(), given.splitlines()
    if max(len(old), len(new)) > _MOST_COMPARED:
        pairs = enumerate(zip(old, new, strict=False), 1)
        first = next((number for number, (one, other) in pairs if one != other), min(len(old), len(new)) + 1)
        return f"from line {first} on; {name} has {len(old)} lines, and {len(new)} were emitted"
    rows = list(difflib.unified_diff(old, new, name, "emitted", lineterm="")) or ["the line ends differ"]
    if len(rows) > _MOST_LINES:
        rows[_MOST_LINES:] = [f"… {len(rows) - _MOST_LINES} more lines"]
    return "\n".join(rows)


def update(case: Case, emitted: list[str]) -> str:
    """Writes the golden file of a test, or removes it if the test emitted nothing.

    Returns:
        what was done: ``written``, ``removed``, or an empty text if the file is as it was.

    Raises:
        GoldenFileError: if it cannot be done.
    """
    path, given = golden_path(case), text_of_lines(emitted)
    wanted = _read(path)
    if given == (wanted or ""):
        return ""
    try:
        if not given:
            os.unlink(path)
            return "removed"
        replace_file(path, given)
    except OSError as error:
        raise GoldenFileError(f"{path} cannot be written: {error.strerror or error}") from error
    return "written"


def replace_file(path: str, text: str, *, private: bool = False) -> None:
    """Writes a file in one step; what had its name, a link too, is replaced.

    Args:
        path: the file.
        text: its content.
        private: whether the user alone may read it.
    """
    draft = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE if private else 0o666)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:  # an interrupt too: the draft must not stay behind
        if os.path.lexists(draft):
            os.unlink(draft)
        raise


def _read(path: str) -> str | None:
    """The text of a golden file; None if there is none."""
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # so that there can be none
            return None
        raise GoldenFileError(f"{path} cannot be read: {error.strerror or error}") from error
    with open(descriptor, "rb") as file:
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise GoldenFileError(f"{path} has more than {_MOST} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise GoldenFileError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
