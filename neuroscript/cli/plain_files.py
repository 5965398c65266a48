"""Reading of files that decide on trust: regular ones, of a bounded size, that nobody else may have written."""

from __future__ import annotations

import os
import stat

OTHERS = 0o002
"""The permission bit by which everybody may write."""

GROUP_AND_OTHERS = 0o022


class NotPlain(Exception):
    """A file is not what it must be; the text says why."""


def read_plain(path: str, most: int, *, follow: bool = False, own: bool = False, writable_by: int = OTHERS) -> bytes:
    """The content of a file.

    Args:
        path: where it is.
        most: the most bytes that it may have.
        follow: whether it may be reached through a link.
        own: whether it must belong to the user (or the system's administrator), and others must not be able to write
            in it.
        writable_by: who those others are, as bits of the file's mode.

    Raises:
        FileNotFoundError: if there is none.
        NotPlain: if it is not a regular file, is too large, is not the user's own, or cannot be read.
    """
    # Without waiting for a writer, which a pipe in the file's place would make it do.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not follow and stat.S_ISLNK(os.lstat(path).st_mode):
            raise NotPlain("it is a link, which is not followed; put the file itself there")
        descriptor = os.open(path, flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise NotPlain(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotPlain("it is not a regular file")
        if own:
            check_own(found, writable_by)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise NotPlain(f"it cannot be read: {error.strerror or error}") from error
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise NotPlain(f"it has more than {most} bytes")
    return content


def check_own(found: os.stat_result, writable_by: int) -> None:
    """Refuses what belongs to somebody else or may be written by others; where there are no owners, nothing.

    Raises:
        NotPlain: saying which it is.
    """
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid not in (os.geteuid(), 0):
        raise NotPlain("it belongs to another user")
    if found.st_mode & writable_by:
        raise NotPlain(f"others may write in it (mode {stat.S_IMODE(found.st_mode):o}); take that from them with chmod")
