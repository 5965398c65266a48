"""Program texts from files and standard input."""

from __future__ import annotations

import sys

from neuroscript.cli.status import UsageError

STDIN = "-"
STDIN_NAME = "<stdin>"


def read_source(path: str) -> bytes:
    """The bytes of a program file, or of standard input for ``-``.

    Raises:
        UsageError: if the file cannot be read.
    """
    if path == STDIN:
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise UsageError(f"there is no file {path!r}") from None
    except IsADirectoryError:
        raise UsageError(f"{path!r} is a directory, not a program file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise UsageError(f"{path!r} is no file name: {error}") from error


def source_name(path: str) -> str:
    """The name of a program in errors."""
    return STDIN_NAME if path == STDIN else path
