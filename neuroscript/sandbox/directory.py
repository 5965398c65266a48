"""Folders that are read and changed by descriptor, the parsing of scripts' paths, and the errors of both."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, ELOOP, ENAMETOOLONG, ENOSPC, ENOTEMPTY, EXDEV

from neuroscript.errors import ErrorCode, NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 100
MAX_PATH = 4096
_TRIES = 100  # to follow a path whose links change meanwhile

ANCHORED = {os.open, os.stat, os.mkdir, os.unlink, os.rmdir, os.rename, os.readlink} <= os.supports_dir_fd
"""Whether this platform opens names relative to an open folder."""

_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
# A named pipe without a partner would block the open for ever.
_SAFE = _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)

RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
"""Names that Windows keeps for devices, whatever the extension."""


class Directory:
    """An open folder, by descriptor where the platform can, else by its checked real path."""

    __slots__ = ("_descriptor", "_path", "_root")

    def __init__(self, path: str, root: str, descriptor: int | None) -> None:
        self._path = path
        self._root = root
        self._descriptor = descriptor

    @classmethod
    def open_root(cls, root: str) -> Directory:
        return cls(root, root, os.open(root, os.O_RDONLY | _DIRECTORY) if ANCHORED else None)

    @property
    def name(self) -> str:
        """The folder's name; where folders are opened by their path, as the system spells it."""
        return os.path.basename(self._path)

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _at(self, name: str, option: str = "dir_fd") -> tuple[str, dict[str, Any]]:
        if self._descriptor is not None:
            return name, {option: self._descriptor}
        return os.path.join(self._path, name), {}

    def child(self, name: str) -> Directory:
        """The folder called ``name`` in this one; a link or a file in its place is an `OSError`."""
        path = os.path.join(self._path, name)
        if self._descriptor is not None:
            flags = os.O_RDONLY | _DIRECTORY | _NO_FOLLOW
            return Directory(path, self._root, os.open(name, flags, dir_fd=self._descriptor))
        status, real = os.lstat(path), real_path(path)
        if stat.S_ISLNK(status.st_mode) or os.path.commonpath([self._root, real]) != self._root:
            raise OSError(ELOOP, "a link took the folder's place")
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(path)
        return Directory(real, self._root, None)

    def stat(self, name: str) -> os.stat_result | None:
        target, at = self._at(name)
        try:
            return os.stat(target, follow_symlinks=False, **at)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        return sorted(os.listdir(self._path if self._descriptor is None else self._descriptor))

    def readlink(self, name: str) -> str:
        target, at = self._at(name)
        try:
            return os.readlink(target, **at)
        except OSError as error:
            if error.errno != EINVAL:
                raise
            raise OSError(ELOOP, "the link was exchanged for something else") from error

    def open(self, name: str, flags: int, mode: int) -> int:
        target, at = self._at(name)
        return os.open(target, flags | _SAFE, mode, **at)

    def mkdir(self, name: str) -> None:
        target, at = self._at(name)
        try:
            os.mkdir(target, **at)
        except FileExistsError:
            # Somebody else made it at the same moment; what it is shows when it is entered.
            status = self.stat(name)
            if status is None or not stat.S_ISDIR(status.st_mode):
                raise

    def unlink(self, name: str) -> None:
        target, at = self._at(name)
        os.unlink(target, **at)

    def rmdir(self, name: str) -> None:
        target, at = self._at(name)
        os.rmdir(target, **at)

    def rename(self, name: str, other: Directory, new_name: str) -> None:
        source, source_at = self._at(name, "src_dir_fd")
        target, target_at = other._at(new_name, "dst_dir_fd")
        os.replace(source, target, **source_at, **target_at)


# --- paths -----------------------------------------------------------------------------------------------------------


def path_parts(path: str) -> list[str]:
    """Splits a script's path into the names of its folders and its own; refuses a bad one with error 34."""
    if not path:
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, "the path is empty; '.' is the sandbox directory itself")
    if len(path) > MAX_PATH:
        message = f"the path {path[:80]!r}… has {len(path)} characters; a path has at most {MAX_PATH}"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    if "\0" in path:
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the path {path!r} holds a NUL character")
    if "\\" in path:
        # One rule on every system: what is a name on one would be a way out on another.
        message = f"the path {path!r} holds a backslash; write '/' between folders"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    if path.startswith("/") or os.path.isabs(path) or os.path.splitdrive(path)[0]:
        message = f"the path {path!r} is absolute; paths are relative to the sandbox directory"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    parts = split(path)
    if os.name == "nt" and any(_is_windows_trap(part) for part in parts):
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the path {path!r} is not a file name on this system")
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise outside(path)
    if len(parts) > 2 * MAX_DEPTH:
        raise too_deep(path)
    return parts


def split(path: str) -> list[str]:
    separated = path.replace(os.sep, "/")
    return [part for part in separated.split("/") if part not in ("", ".")]


def _is_windows_trap(part: str) -> bool:
    """Device names, alternate data streams, and names that Windows silently shortens."""
    if part == "..":
        return False
    stem = part.partition(".")[0].rstrip().lower()
    return stem in RESERVED_NAMES or part[-1] in ". " or any(char in '<>:"|?*' for char in part)


def kind_of(status: os.stat_result) -> str:
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


# --- errors ----------------------------------------------------------------------------------------------------------


def outside(path: str) -> NeuroScriptError:
    return NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the path {path!r} leads out of the sandbox directory")


def missing(path: str) -> NeuroScriptError:
    return NeuroScriptError(ErrorCode.FILE_NOT_FOUND, f"there is no {path!r} in the sandbox directory")


def protected(path: str) -> NeuroScriptError:
    """Makes the error for a path that belongs to the host, the same whether anything is there or not."""
    message = f"{path!r} is out of every program's reach: it is kept for keys, records, configuration or compiled code"
    return NeuroScriptError(ErrorCode.SECURITY, message)


def too_deep(path: str) -> NeuroScriptError:
    message = f"the path {path!r} goes through more than {MAX_DEPTH} folders"
    return NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)


def wrong_kind(path: str, wanted: str, status: os.stat_result) -> NeuroScriptError:
    found = {"file": "a file", "directory": "a directory", "link": "a link", "other": "a device, pipe or socket"}
    message = f"{path!r} is {found[kind_of(status)]}, not {wanted}"
    return NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, message)


def real_path(path: str) -> str:
    """The path without links, looked for again where a link became something else while it was read."""
    for _ in range(_TRIES):
        try:
            return os.path.realpath(path)
        except OSError:  # the link that was found is gone, or a folder, once it is read
            continue
    return os.path.realpath(path)


@contextmanager
def failures(path: str, action: str) -> Iterator[None]:
    """Turns the system's errors into the package's; no path of the machine gets into a message."""
    try:
        yield
    except FileNotFoundError as error:
        raise missing(path) from error
    except FileExistsError as error:
        raise NeuroScriptError(ErrorCode.PATH_EXISTS, f"{path!r} exists already") from error
    except (IsADirectoryError, NotADirectoryError) as error:
        message = f"cannot {action} {path!r}: a part of it is a directory where a file is needed, or the reverse"
        raise NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, message) from error
    except PermissionError as error:
        message = f"cannot {action} {path!r}: the system does not permit it"
        raise NeuroScriptError(ErrorCode.PERMISSION_DENIED, message) from error
    except OSError as error:
        raise _system_error(path, action, error) from error


def _system_error(path: str, action: str, error: OSError) -> NeuroScriptError:
    match error.errno:
        case code if code == ELOOP:
            return NeuroScriptError(ErrorCode.PATH_VIOLATION, f"cannot {action} {path!r}: a link is in the way")
        case code if code == ENOTEMPTY:
            message = f"the folder {path!r} is not empty; delete what it holds first, or recursively"
            return NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        case _:
            reason = _REASONS.get(error.errno or 0, error.strerror or "the system gave no reason")
            return NeuroScriptError(ErrorCode.IO_FAILED, f"cannot {action} {path!r}: {reason}")


_REASONS = {
    ENAMETOOLONG: "a name in it is too long for the file system",
    ENOSPC: "no space is left on the device",
    EINVAL: "the file system does not accept the name",
    EXDEV: "the folders are on different file systems",
}
