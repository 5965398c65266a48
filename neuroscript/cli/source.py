"""Program texts from files and standard input."""

from __future__ import annotations

import os
import stat
import sys

from neuroscript.cli.status import UsageError
from neuroscript.program_text import ProgramText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from neuroscript.interpreter import Interpreter

STDIN = "-"
STDIN_NAME = "<stdin>"
_MOST = 64 << 20  # bytes
SUFFIX = ".ns"


def program_files(paths: Sequence[str]) -> Iterator[str]:
    """The files that the arguments name, those in directories in the order of their names.

    Raises:
        UsageError: if there are no programs in a directory.
    """
    for path in paths:
        if path == STDIN or not os.path.isdir(path):
            yield path
            continue
        found = list(_below(path))
        if not found:
            raise UsageError(f"there are no files that end in {SUFFIX} in {path!r}")
        yield from found


def _below(directory: str) -> Iterator[str]:
    """The programs in a directory and below it, but for what is hidden, and for pipes and devices.

    Links to directories are not followed.
    """
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIX) and not name.startswith(".") and not is_special(os.path.join(folder, name)):
                yield os.path.join(folder, name)


def read_source(path: str) -> bytes:
    """The bytes of a program file, or of standard input for ``-``.

    Raises:
        UsageError: if the file cannot be read.
    """
    if path == STDIN:
        return _whole(sys.stdin.buffer, "standard input")
    try:
        with open(path, "rb") as file:
            return _whole(file, repr(path))
    except FileNotFoundError:
        raise UsageError(f"there is no file {path!r}") from None
    except IsADirectoryError:
        raise UsageError(f"{path!r} is a directory, not a program file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise UsageError(f"{path!r} is no file name: {error}") from error


def _whole(file: BinaryIO, called: str) -> bytes:
    """What a file holds, which may be a pipe, or a device that never ends."""
    content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise UsageError(f"{called} is no program: it has more than {_MOST >> 20} MiB")
    return content


def is_special(path: str) -> bool:
    """Whether a path is that of a pipe, a device or a socket, whose reading might never end."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def read_program(path: str) -> ProgramText:
    """The program in a file, or on standard input for ``-``, which is text without a file.

    Raises:
        UsageError: if the file cannot be read.
    """
    return ProgramText(read_source(path), source_name(path), None if path == STDIN else path)


def source_name(path: str) -> str:
    """The name of a program in errors."""
    return STDIN_NAME if path == STDIN else path


def text_of_program(program: ProgramText) -> str:
    """The text of a program, for showing lines of it."""
    content = program.content
    return content if isinstance(content, str) else content.decode(errors="replace")


def texts_of(interpreter: Interpreter) -> dict[str, str]:
    """The texts of the files that programs use, by name, for showing lines of them."""
    if not interpreter.loader.texts:
        return {}
    from neuroscript.uses import used_texts

    return used_texts(interpreter)
