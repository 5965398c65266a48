"""Reading of files that decide on trust: regular ones, of a bounded size, that nobody else may have written."""

from __future__ import annotations

import os
import stat

from neuroscript.private_files import NotAPlainFileError, open_private

_GROUP = 0o020
_GROUP_AND_OTHERS = 0o022


class NotPlain(Exception):
    """A file is not what it must be; the text says why."""


def read_plain(path: str, most: int, *, follow: bool = False, own: bool = False, private_group: bool = False) -> bytes:
    """The content of a file.

    Args:
        path: where it is.
        most: the most bytes that it may have.
        follow: whether it may be reached through a link.
        own: whether it must be as `check_own` says.
        private_group: as there.

    Raises:
        FileNotFoundError: if there is none.
        NotPlain: if it is not a regular file, is too large, is not the user's own, or cannot be read.
    """
    try:
        descriptor = open_private(path, os.O_RDONLY, follow=follow)
    except FileNotFoundError:
        raise
    except NotAPlainFileError as error:
        raise NotPlain(f"{error.strerror}; put the file itself there") from error
    except (OSError, ValueError) as error:
        raise NotPlain(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        if own:
            check_own(os.fstat(descriptor), private_group=private_group)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise NotPlain(f"it cannot be read: {error.strerror or error}") from error
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise NotPlain(f"it has more than {most} bytes")
    return content


def check_own(found: os.stat_result, *, private_group: bool = False) -> None:
    """Refuses what belongs to somebody else or may be written by others; where there are no owners, nothing.

    Args:
        found: what the system says of it.
        private_group: whether the group that the user alone is in may write in it, as files that users make may be
            written where each of them has such a group.

    Raises:
        NotPlain: saying which it is.
    """
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid not in (os.geteuid(), 0):
        raise NotPlain("it belongs to another user")
    others = found.st_mode & _GROUP_AND_OTHERS
    if others == _GROUP and private_group and _is_private(found.st_gid):
        return
    if others:
        mode = stat.S_IMODE(found.st_mode)
        raise NotPlain(f"others may write in it (mode {mode:o}); take that from them: chmod go-w")


def _is_private(group: int) -> bool:
    """Whether the user alone is in a group, which has the name or the number of the user."""
    user = os.geteuid()
    try:
        import grp
        import pwd

        name, found = pwd.getpwuid(user).pw_name, grp.getgrgid(group)
    except (ImportError, KeyError):  # the system knows one of them by its number alone, and nobody else in the group
        return group == user
    return (group == user or found.gr_name == name) and set(found.gr_mem) <= {name}
