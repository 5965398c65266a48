"""Opens files that only this user may access: without following links, without blocking, and with private permissions.

The path of such a file may hold anything, for example in a cloned repository.  A link there would cause another file to
be read or overwritten, and a pipe would block the opening process for ever.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "DIRECTORY_MODE",
    "FILE_MODE",
    "NotAPlainFileError",
    "check_plain",
    "make_own_directory",
    "make_private_directory",
    "open_private",
    "sync_directory",
]

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700

_LINK: Final = "a symbolic link, which is not followed"
_SAFE: Final = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_WRITING: Final = os.O_WRONLY | os.O_RDWR


class NotAPlainFileError(OSError):
    """The path is not a regular file, or not a directory if one is expected; ``strerror`` says what it is."""


def open_private(path: str | os.PathLike[str], flags: int, *, follow: bool = False, dir_fd: int | None = None) -> int:
    """Opens a regular file and returns its descriptor; a file opened for writing becomes unreadable for other users.

    Args:
        path: the file; the directories that it is in may be reached through links.
        flags: the flags of `os.open`.
        follow: whether the file itself may be reached through a link.
        dir_fd: the open directory that a relative path starts from.

    Raises:
        NotAPlainFileError: for a link, a directory, a pipe, a socket or a device.
        OSError: if the system refuses.
    """
    if not follow and not _NO_FOLLOW and os.path.islink(path):
        raise _not_plain(_LINK, path)
    try:
        descriptor = os.open(path, flags | _SAFE | (0 if follow else _NO_FOLLOW), FILE_MODE, dir_fd=dir_fd)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        found = _in_the_way(path, follow, dir_fd)
        if found:
            raise _not_plain(found, path) from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _not_plain(_kind_of(status), path)
        if flags & _WRITING:
            _take_from_others(descriptor, status, new=bool(flags & os.O_CREAT))
    except BaseException:  # raised again; only the file must not stay open
        os.close(descriptor)
        raise
    return descriptor


def make_private_directory(path: str | os.PathLike[str]) -> list[str]:
    """Creates a directory and its missing parents, for the user alone whatever the umask; returns the created ones.

    Raises:
        OSError: if the system refuses, or something else has the name.
    """
    missing, place = [], os.path.abspath(path)
    while not os.path.isdir(place):
        missing.append(place)
        above = os.path.dirname(place)
        if above == place:
            break
        place = above
    made = []
    for place in reversed(missing):
        try:
            os.mkdir(place, DIRECTORY_MODE)
        except FileExistsError:
            if not os.path.isdir(place):  # else another process was faster
                raise
        else:
            os.chmod(place, DIRECTORY_MODE)
            made.append(place)
    return made


def make_own_directory(path: str | os.PathLike[str]) -> list[str]:
    """Creates a directory for this system's own use, as `make_private_directory`; an existing one becomes private.

    Raises:
        NotAPlainFileError: for anything else that has the name, a link too.
        OSError: if the system refuses.
    """
    made = [] if os.path.lexists(path) else make_private_directory(path)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise _not_plain(_kind_of(status), path, "a directory")
    _take_from_others(path, status)
    return made


def check_plain(path: str | os.PathLike[str]) -> bool:
    """Checks that a path which a library is about to open is a regular file or does not exist.

    A file that is there becomes private.  It is not opened, since closing it would take SQLite's locks from it.

    Returns:
        whether there is one.

    Raises:
        NotAPlainFileError: for anything else, a link too.
        OSError: if the system refuses.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode):
        raise _not_plain(_kind_of(status), path)
    _take_from_others(path, status)
    return True


def sync_directory(directory: str | os.PathLike[str]) -> None:
    """Waits until the names of a directory's files are on the disk, where the system lets a directory be opened.

    Raises:
        OSError: if the system refuses.
    """
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _kind_of(status: os.stat_result) -> str:
    """The kind of a file in words."""
    kinds = {
        stat.S_IFREG: "a regular file",
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: _LINK,
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "a device")


def _in_the_way(path: str | os.PathLike[str], follow: bool, dir_fd: int | None) -> str:
    """The kind of a file that could not be opened because it is not a regular file; empty for other causes."""
    try:
        status = os.stat(path, dir_fd=dir_fd, follow_symlinks=follow)
    except OSError:
        return ""
    return "" if stat.S_ISREG(status.st_mode) else _kind_of(status)


def _not_plain(found: str, path: str | os.PathLike[str], wanted: str = "a regular file") -> NotAPlainFileError:
    what = found if found == _LINK else f"{found}, not {wanted}"
    return NotAPlainFileError(errno.EINVAL, f"it is {what}", os.fspath(path))


def _take_from_others(file: int | str | os.PathLike[str], status: os.stat_result, *, new: bool = False) -> None:
    """Removes other users' permissions from a file or directory that the user owns.

    Args:
        file: its path or descriptor.
        status: its result of `os.stat`.
        new: whether it may have just been made, so that the umask may have taken something from the user too.
    """
    mode = stat.S_IMODE(status.st_mode)
    wanted = mode & DIRECTORY_MODE | (FILE_MODE if new else 0)
    if mode != wanted and hasattr(os, "geteuid") and status.st_uid == os.geteuid():
        with contextlib.suppress(PermissionError):  # a file system without modes refuses, and has none to take away
            os.chmod(file, wanted)
