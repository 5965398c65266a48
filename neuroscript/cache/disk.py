"""The cache of compiled programs on disk, which lasts from one process to the next.

A file is the code of one program under one set of circumstances, and is named by the hash of both: the source, the
names, procedures and limits that code is made for, the Python that runs and the modules that made it.  How its tools
were linked is in the file, and checked when it is found, as in `neuroscript.cache.memory`.

Code that is read is code that is run, so a file counts only if this package has written it, for this user.  Its first
bytes are a keyed hash of the rest (BLAKE2b), under a key that lies beside the directory, in a file that the user alone
may read; the directory and the file belong to the user, and nobody else may write in them.  A program that is run in a
sandbox directory which holds all of that can neither read the key nor write the files
(`neuroscript.sandbox.protection`), and there the cache is not used at all.  A file that is torn or damaged is as good
as none.  Whatever goes wrong, the program is compiled; a cache is never why one fails.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import stat
import sys
from _operator import _compare_digest as compare_digest  # as `hmac` has it, which imports all of OpenSSL

from neuroscript.cache.memory import Entry
from neuroscript.runtime.programs import Compiled, LoadedProcedure, LoadedProgram, Signature
from neuroscript.user_directories import KEY, user_directory
from neuroscript.values.holders import COUNTS
from neuroscript.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import blake2b
    from typing import Any

    from neuroscript.runtime.programs import Linker
else:
    try:
        from _blake2 import blake2b
    except ImportError:  # `hashlib` imports OpenSSL first, which is a tenth of a start
        from hashlib import blake2b

SWITCH = "NEUROSCRIPT_NO_CACHE"
"""The environment variable that turns the cache off, for every interpreter of the process, when it is not empty."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes that all files may have together; the oldest are removed."""

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # of the package `neuroscript`
_MAKERS = ("compiler", "runtime", "syntax", "values")  # the packages that code depends on
_HASH_BYTES = 32
_KEY_BYTES = 32
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ |= getattr(os, "O_NONBLOCK", 0)  # a named pipe without a partner would block the open for ever
_RELATIVE = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")


class DiskCache:
    """The cache in one directory, which several processes may use at once.

    Args:
        directory: its path; it is made when the first program is kept, and so is the key beside it.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.key_file = directory + KEY

    def find(self, source: str | bytes, circumstances: tuple[object, ...], linker: Linker) -> Entry | None:
        """The entry of a program, if ``linker`` links all its tools in the same way.

        Args:
            source: the program.
            circumstances: all else that its code depends on, with a ``repr`` that tells them apart.
            linker: links the tools.
        """
        name = _name(source, circumstances)
        try:
            key = _find_key(self.key_file)
            with _Folder(self.directory) as folder:
                data = folder.read(name)
        except OSError:  # there is no such file, or none that can be read or trusted
            return None
        content = data[_HASH_BYTES:]
        if not compare_digest(_seal(key, name, content), data[:_HASH_BYTES]):
            return None
        entry, linked = _entry(marshal.loads(content))
        for name, link in linked.items():
            entry.links[name] = linker.tool(name)
            if repr(entry.links[name]) != link:
                return None
        return entry

    def keep(self, source: str | bytes, circumstances: tuple[object, ...], entry: Entry) -> None:
        """Adds an entry, and removes the oldest ones if all take more than `MOST_BYTES`."""
        name = _name(source, circumstances)
        try:
            content = marshal.dumps(_plain(entry))
        except ValueError:  # a constant that only this process has
            return
        if len(content) > MOST_BYTES // 8:
            return
        try:
            from neuroscript.private_files import make_private_directory  # which most starts do without

            make_private_directory(self.directory)
            with _Folder(self.directory) as folder:
                folder.write(name, _seal(_find_or_make_key(self.key_file), name, content) + content)
                folder.trim(MOST_BYTES)
        except OSError:  # a full or read-only disk, or a directory that others may write in
            return


class _Folder:
    """A directory that the user alone can write in, held open, so that it is the same one from check to use.

    Raises:
        OSError: if there is none, or others may write in it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> _Folder:
        if _RELATIVE:
            self._descriptor = os.open(self.path, _READ | os.O_DIRECTORY)
            status = os.fstat(self._descriptor)
        else:
            status = os.lstat(self.path)
        if not (stat.S_ISDIR(status.st_mode) and _is_ours(status)):
            self.__exit__()
            raise PermissionError(f"others may write in {self.path}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self.path, name)

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        with open(os.open(self._at(name), _READ, dir_fd=self._descriptor), "rb") as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) and _is_ours(status)):
                raise PermissionError(f"others may write in {name}")
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        """Writes a file atomically: whoever reads it meanwhile gets the old content or the new one, whole."""
        folder = self._descriptor
        draft = _draft(self._at(name), data, folder)
        os.replace(draft, self._at(name), src_dir_fd=folder, dst_dir_fd=folder)

    def trim(self, most: int) -> None:
        """Removes the oldest files until the rest has at most so many bytes."""
        found = []
        with os.scandir(self.path if self._descriptor is None else self._descriptor) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime_ns, entry.name, status.st_size))
        total = sum(size for _, _, size in found)
        for _, name, size in sorted(found):
            if total <= most:
                return
            total -= size
            with contextlib.suppress(OSError):  # another process was faster, or it is none of ours
                os.unlink(self._at(name), dir_fd=self._descriptor)


def _draft(path: str, data: bytes, folder: int | None = None) -> str:
    """A file beside ``path`` with these bytes, to be put in its place; gives its name."""
    from neuroscript.private_files import open_private  # which most starts do without

    draft = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    with open(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=folder), "wb") as file:
        file.write(data)
    return draft


def _is_ours(status: os.stat_result) -> bool:
    """Whether a file or directory belongs to the user and nobody else may write in it.

    On Windows the access lists of the user's profile say so, and files have no owner or mode to be asked.
    """
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


# --- the key ----------------------------------------------------------------------------------------------------------


def _find_key(path: str) -> bytes:
    """Reads the key.

    Raises:
        OSError: if there is none, or one that others may know or have chosen.
    """
    _check_place(path)
    return _read_key(path)


def _find_or_make_key(path: str) -> bytes:
    """Reads the key, or makes a new one if there is none or others may know it; all that was kept is lost then."""
    _check_place(path)
    try:
        return _read_key(path)
    except FileNotFoundError:
        draft = _draft(path, os.urandom(_KEY_BYTES))
        try:
            with contextlib.suppress(FileExistsError):  # another process was faster, and its key is as good
                os.link(draft, path)
        finally:
            os.unlink(draft)
    except OSError:
        draft = _draft(path, os.urandom(_KEY_BYTES))
        try:
            os.replace(draft, path)
        except OSError:  # a directory has its name
            os.unlink(draft)
            raise
    return _read_key(path)


def _check_place(path: str) -> None:
    """Refuses a directory in which others may exchange the key for another file of the user's."""
    mode = os.stat(os.path.dirname(path)).st_mode
    if hasattr(os, "geteuid") and mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        raise PermissionError(f"others may exchange {path}")


def _read_key(path: str) -> bytes:
    with open(os.open(path, _READ), "rb") as file:
        status = os.fstat(file.fileno())
        private = not hasattr(os, "geteuid") or not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        if not (stat.S_ISREG(status.st_mode) and _is_ours(status) and private and status.st_size == _KEY_BYTES):
            raise PermissionError(f"others may know {path}")
        return file.read(_KEY_BYTES)


def _seal(key: bytes, name: str, content: bytes) -> bytes:
    """The keyed hash that a file begins with."""
    return blake2b(name.encode() + content, key=key, digest_size=_HASH_BYTES).digest()


# --- where it is ------------------------------------------------------------------------------------------------------


def open_cache(where: bool | str | os.PathLike[str], sandbox: str | os.PathLike[str] | None) -> DiskCache | None:
    """Opens the cache that a host asks for; None if it is turned off, or scripts could reach it.

    Args:
        where: a directory, or True for the user's own.
        sandbox: the directory that scripts may touch.
    """
    directory = cache_directory(where)
    if directory is None or os.environ.get(SWITCH):
        return None
    cache = DiskCache(directory)
    if sandbox is None:
        return cache
    reached = _within(directory, sandbox) or _within(sandbox, directory) or _within(cache.key_file, sandbox)
    return None if reached else cache


def cache_directory(where: bool | str | os.PathLike[str]) -> str | None:
    """The directory of a cache: the one that is named, or with True the user's own; None if there is none."""
    if isinstance(where, bool):
        return user_directory("cache") if where else None
    return os.path.abspath(where)


def _within(inner: str | os.PathLike[str], outer: str | os.PathLike[str]) -> bool:
    """Whether a path, that may not exist yet, is a directory or lies in it, by whatever name."""
    try:
        wanted = os.stat(outer)
    except OSError:
        return False
    path = os.path.realpath(inner)
    while True:
        with contextlib.suppress(OSError):  # what does not exist is no directory
            if os.path.samestat(os.stat(path), wanted):
                return True
        parent = os.path.dirname(path)
        if parent == path:
            return False
        path = parent


# --- what it holds ----------------------------------------------------------------------------------------------------


def _name(source: str | bytes, circumstances: tuple[object, ...]) -> str:
    """The name of a program's file: the hash of all that its code depends on."""
    text = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    made = blake2b(repr((_maker(), *circumstances)).encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES)
    made.update(b"\0" + text)
    return made.hexdigest()


def _maker() -> tuple[object, ...]:
    """The version of the compiler and runtime: this Python, its options, and our modules by size and time."""
    python = sys.implementation.cache_tag, sys.version, sys.flags.optimize, COUNTS
    positions = "no_debug_ranges" in sys._xoptions, os.environ.get("PYTHONNODEBUGRANGES", "")
    modules: list[tuple[str, int, int]] = []
    pending = list(_MAKERS)
    while pending:
        package = pending.pop()
        with contextlib.suppress(OSError), os.scandir(os.path.join(_ROOT, package)) as files:
            for file in files:
                if file.name.endswith(".py"):
                    status = file.stat()
                    modules.append((f"{package}/{file.name}", status.st_size, status.st_mtime_ns))
                elif "." not in file.name and file.name != "__pycache__":
                    pending.append(f"{package}/{file.name}")
    return __version__, python, positions, sorted(modules)


def _plain(entry: Entry) -> tuple[Any, ...]:
    """An entry as plain values, which `marshal` can write."""
    program, compiled = entry.program, entry.compiled
    procedures = []
    for one in program.procedures:
        signature = one.signature
        names = signature.name, signature.needs, signature.optional, one.returns
        procedures.append((*names, one.metadata, one.line))
    links = {name: repr(link) for name, link in entry.links.items()}
    parts = program.name, program.metadata, procedures
    code = compiled.codes, compiled.start, compiled.commands, compiled.calls, compiled.sealed
    late = compiled.late, compiled.general
    return parts, (*code, *late), links, entry.length


def _entry(parts: Any) -> tuple[Entry, dict[str, str]]:
    """The entry of plain values, and the links of its tools as text."""
    (name, metadata, found), code, links, length = parts
    procedures = [
        LoadedProcedure(Signature(own, needs, optional), returns, about, name, line)
        for own, needs, optional, returns, about, line in found
    ]
    return Entry(LoadedProgram(name, metadata, procedures), Compiled(*code), {}, length), links
