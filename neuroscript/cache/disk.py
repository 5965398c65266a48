"""Compiled programs, kept on disk from one process to the next.

A file is the code of one program under one set of circumstances, and is named by the hash of both: the source, the
names, procedures and limits that code is made for, the Python that runs and the modules that made it.  How its tools
were linked is in the file, and checked when it is found, as in `neuroscript.cache.memory`.

Code that is read is code that is run, so a file counts only if nobody but the user can have written it: the directory
and the file belong to the user, nobody else may write in them, and no sandbox reaches the directory.  A file that is
torn or damaged has another hash than its first bytes say, and is as good as none.  Whatever goes wrong, the program is
compiled; a cache is never why one fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import stat
import sys

from neuroscript.cache.memory import Entry
from neuroscript.runtime.containers import COPY_ALWAYS, IN_CONTAINER, IN_HELPER, IN_LOCAL
from neuroscript.runtime.programs import Compiled, LoadedProcedure, LoadedProgram, Signature
from neuroscript.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.runtime.tool_calls import Linker

SWITCH = "NEUROSCRIPT_NO_CACHE"
"""The environment variable that turns the cache off, for every interpreter of the process, when it is not empty."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes that all files may have together; the oldest are removed."""

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # of the package `neuroscript`
_MAKERS = ("compiler", "runtime", "syntax", "values")  # the packages that code depends on
_HASH_BYTES = 32
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _READ
_RELATIVE = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")


class DiskCache:
    """The cache in one directory.

    Args:
        directory: its path; it is made when the first program is kept.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def find(self, source: str | bytes, circumstances: tuple[object, ...], linker: Linker) -> Entry | None:
        """The entry of a program, if its tools are linked in the same way here.

        Args:
            source: the program.
            circumstances: all else that its code depends on, by its ``repr``.
            linker: how its tools are linked here.
        """
        key = _key(source, circumstances)
        try:
            with _Folder(self.directory) as folder:
                data = folder.read(key)
        except OSError:  # there is no such file, or none that can be read or trusted
            return None
        content = data[_HASH_BYTES:]
        if hashlib.sha256(key.encode() + content).digest() != data[:_HASH_BYTES]:
            return None
        entry, linked = _entry(marshal.loads(content))
        for name, link in linked.items():
            entry.links[name] = linker.tool(name)
            if repr(entry.links[name]) != link:
                return None
        return entry

    def keep(self, source: str | bytes, circumstances: tuple[object, ...], entry: Entry) -> None:
        """Keeps an entry, and removes the oldest ones if there is too much."""
        key = _key(source, circumstances)
        try:
            content = marshal.dumps(_plain(entry))
        except ValueError:  # a constant that only this process has
            return
        if len(content) > MOST_BYTES // 8:
            return
        data = hashlib.sha256(key.encode() + content).digest() + content
        try:
            os.makedirs(os.path.dirname(self.directory), exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.directory, 0o700)
            with _Folder(self.directory) as folder:
                folder.write(key, data)
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
        """A file with these bytes; whoever reads it meanwhile reads the old one whole, or the new one."""
        temporary = f"{name[:16]}.{os.getpid()}.{os.urandom(4).hex()}"
        with open(os.open(self._at(temporary), _WRITE, 0o600, dir_fd=self._descriptor), "wb") as file:
            file.write(data)
        folder = self._descriptor
        os.replace(self._at(temporary), self._at(name), src_dir_fd=folder, dst_dir_fd=folder)

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


def _is_ours(status: os.stat_result) -> bool:
    """Whether a file or directory belongs to the user and nobody else may write in it.

    On Windows the access lists of the user's profile say so, and files have no owner or mode to be asked.
    """
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


# --- where it is ------------------------------------------------------------------------------------------------------


def open_cache(where: bool | str | os.PathLike[str], sandbox: str | os.PathLike[str] | None) -> DiskCache | None:
    """The cache that a host asks for; None if it is turned off, or scripts could reach it.

    Args:
        where: a directory, or True for the user's own.
        sandbox: the directory that scripts may touch.
    """
    if not where or os.environ.get(SWITCH):
        return None
    directory = user_directory() if where is True else os.path.abspath(where)
    if directory is None:
        return None
    if sandbox is not None and (_within(directory, sandbox) or _within(sandbox, directory)):
        return None
    return DiskCache(directory)


def user_directory() -> str | None:
    """The directory for caches of the user's, as `platformdirs` has it, whose import takes 10 ms; None without one."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        return os.path.join(base, "neuroscript", "Cache") if os.path.isabs(base) else None
    if sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")
    return os.path.join(base, "neuroscript") if os.path.isabs(base) else None


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


def _key(source: str | bytes, circumstances: tuple[object, ...]) -> str:
    """The name of a program's file."""
    text = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    made = hashlib.sha256(repr((_maker(), *circumstances)).encode("utf-8", "surrogatepass"))
    made.update(b"\0" + text)
    return made.hexdigest()


def _maker() -> tuple[object, ...]:
    """What makes the code and runs it: this Python, how it was started, and these modules, by size and time."""
    python = sys.implementation.cache_tag, sys.version, sys.flags.optimize, IN_LOCAL, IN_HELPER, IN_CONTAINER
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
    return __version__, python, positions, COPY_ALWAYS, sorted(modules)


def _plain(entry: Entry) -> tuple[Any, ...]:
    """An entry as `marshal` takes it."""
    program, compiled = entry.program, entry.compiled
    procedures = []
    for one in program.procedures:
        signature = one.signature
        names = signature.name, signature.needs, signature.optional, one.returns
        procedures.append((*names, one.metadata, one.line))
    links = {name: repr(link) for name, link in entry.links.items()}
    parts = program.name, program.metadata, procedures
    return parts, (compiled.codes, compiled.start, compiled.commands), links, entry.length


def _entry(parts: Any) -> tuple[Entry, dict[str, str]]:
    """What `_plain` made."""
    (name, metadata, found), (codes, start, commands), links, length = parts
    procedures = [
        LoadedProcedure(Signature(own, needs, optional), returns, about, name, line)
        for own, needs, optional, returns, about, line in found
    ]
    return Entry(LoadedProgram(name, metadata, procedures), Compiled(codes, start, commands), {}, length), links
