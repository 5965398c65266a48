"""The lock of a store, which one thread of all processes holds at a time.

The lock is on a file, whose name others may remove or replace: cleaners of temporary directories, ``git clean``, a
person.  Then a second process would lock another file, and both would write.  So whoever gets the lock makes sure that
the name still stands for the file that is locked, and else locks anew the file that the name stands for; and besides,
it locks the directory of the store, which is still the same when the file was removed in the middle of a change.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from ai_wm.store.files import Descriptor, FileSystem, io_error
from neuroscript import ErrorCode, NeuroScriptError, get_logger

if sys.platform != "win32":
    import fcntl

LOCK_SECONDS: Final = 30.0
"""How long a thread waits for the lock; whoever holds it does so for milliseconds."""

_FIRST_PAUSE: Final = 0.0002
_LONGEST_PAUSE: Final = 0.005

_HOLDER: Final = "holder"

_ATTEMPTS: Final = 10
"""How often the lock file is made before it is taken as impossible."""

_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})

_LOG = get_logger("ai_wm.store")


class _Claim:
    """What a `Hold` is known by; the lock refers to this alone, so that a forgotten `Hold` is released."""

    __slots__ = ("held", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.held = threading.Lock()
        """Locked until the lock is released, so that other threads need not ask again and again."""
        self.held.acquire()


class Hold:
    """Context manager that holds a `StoreLock`; no interrupt leaves it held.

    The lock knows which object holds it, so that what was begun can be undone wherever an interrupt came.

    Args:
        lock: the lock.
        check: called while waiting; ends the wait by raising.
    """

    __slots__ = ("_check", "_claim", "_lock")

    def __init__(self, lock: StoreLock, check: Callable[[], None] | None) -> None:
        self._lock = lock
        self._check = check
        self._claim = _Claim()

    def __enter__(self) -> None:
        try:
            self._lock.acquire(self._claim, self._check)
        except BaseException:  # raised again, once what was begun is undone
            self._lock.release(self._claim)
            raise

    def __exit__(self, *exception: object) -> None:
        try:
            self._lock.release(self._claim)
        finally:
            self._lock.release(self._claim)  # if that was interrupted

    def __del__(self) -> None:
        if hasattr(self, "_claim"):  # an interrupt may have come before it was set, or before it was left
            self._lock.release(self._claim)


class StoreLock:
    """The lock of a store; `held` may be nested.  The system releases it when the process dies.

    Where the system has ``flock``, taking a lock that is free costs a few system calls, and waiting for it is done in
    short pauses, so that the wait ends at its deadline or when the caller is cancelled; elsewhere `filelock` is asked.

    Args:
        path: the lock file, in the state directory of the store.
        files: the calls to write with.
        seconds: how long a thread waits.

    Raises:
        OSError: if the lock file cannot be made.
    """

    def __init__(self, path: Path, files: FileSystem, seconds: float = LOCK_SECONDS) -> None:
        self._path = path
        self._name = str(path)
        self._files = files
        self._seconds = seconds
        self._holder: dict[str, _Claim] = {}
        self._file, self._identity = self._open()
        self._store = path.parent.parent
        self._directory, self._store_identity = _open_directory(self._store)
        self._other: Any = FileLock(path, timeout=0) if sys.platform == "win32" else None

    def _open(self) -> tuple[Descriptor, tuple[int, int]]:
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):  # the directory was removed in this moment
                self._files.make_directory(self._path.parent)
                file = Descriptor(self._files.open(self._path, os.O_RDWR | os.O_CREAT))
                return file, _identity(os.fstat(file.number))
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), self._name)

    def held(self, check: Callable[[], None] | None = None) -> Hold:
        """Context manager that keeps all other threads and processes out.

        Args:
            check: called while waiting; ends the wait by raising.

        Raises:
            NeuroScriptError: 26 if the lock is not free in time, cannot be taken, or the store's directory is gone.
        """
        return Hold(self, check)

    def acquire(self, claim: _Claim, check: Callable[[], None] | None) -> None:
        """Wait until the lock is held by a claim, or by another one of the same thread."""
        if not self._is_held_by(claim, 0):
            self._wait(lambda pause: self._is_held_by(claim, pause), check, own=True)
        if self._holder.get(_HOLDER) is claim:
            try:
                self._take(check)
            except OSError as error:
                raise io_error(error, "lock the store of AI workers", self._path) from error

    def _is_held_by(self, claim: _Claim, pause: float) -> bool:
        """Whether a claim holds the lock for this process, or is nested in the one that does, after a pause."""
        holder = self._holder.setdefault(_HOLDER, claim)  # one step, which no interrupt divides
        if holder.thread == claim.thread:
            return True
        if pause and holder.held.acquire(timeout=pause):
            holder.held.release()
        return False

    def release(self, claim: _Claim) -> None:
        """Release the lock if a claim holds it.  If this is interrupted it can be called again."""
        if self._holder.get(_HOLDER) is claim:
            self._give()
            self._holder.pop(_HOLDER)
            claim.held.release()

    def _take(self, check: Callable[[], None] | None) -> None:
        while self._file.number >= 0:  # else it was closed while this thread waited: there is nothing left to guard
            if not self._try_both():
                self._wait(self._try_later, check, own=False)
            if self._is_current():
                return
            self._renew()

    def _wait(self, attempt: Callable[[float], bool], check: Callable[[], None] | None, *, own: bool) -> None:
        """Try in growing pauses until it succeeds, or the deadline has passed."""
        deadline, pause = time.monotonic() + self._seconds, _FIRST_PAUSE
        while not attempt(pause):
            if check is not None:
                check()
            if time.monotonic() >= deadline:
                raise self._too_long(own=own)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try_later(self, pause: float) -> bool:
        time.sleep(pause)
        return self._try_both()

    def _try_both(self) -> bool:
        if self._file.number < 0:
            return True
        if sys.platform == "win32":
            try:
                self._other.acquire()
            except Timeout:
                return False
            return True
        if not _try_lock(self._file.number):
            return False
        if self._directory is None:
            return True
        try:
            locked = _try_lock(self._directory.number)
        except OSError:  # a file system that locks no directories
            self._directory = None
            return True
        if not locked:
            fcntl.flock(self._file.number, fcntl.LOCK_UN)
        return locked

    def _give(self) -> None:
        if self._file.number < 0:
            return
        if sys.platform == "win32":
            self._other.release()
            return
        if self._directory is not None:
            fcntl.flock(self._directory.number, fcntl.LOCK_UN)
        fcntl.flock(self._file.number, fcntl.LOCK_UN)

    def _is_current(self) -> bool:
        """Whether the name of the lock file still stands for the one that is locked."""
        try:
            return _identity(os.lstat(self._name)) == self._identity
        except FileNotFoundError:
            return False

    def _renew(self) -> None:
        """Open the file that the name stands for now, made anew if there is none.

        Raises:
            NeuroScriptError: 26 if the whole directory of the store was removed or replaced.
        """
        try:
            now = _identity(os.stat(self._store))
        except FileNotFoundError:
            now = None
        if now != self._store_identity:
            what = "removed" if now is None else "replaced by another"
            raise NeuroScriptError(
                ErrorCode.IO_FAILED,
                f"the directory {self._store} was {what} while the store of AI workers in it was open; "
                "nothing is written there: put it back, or close the store and open it "
                "anew",
                details={"path": str(self._store)},
            )
        _LOG.warning("%s was removed or replaced while it was in use; it is made anew", self._path)
        self._give()
        old = self._file
        self._file, self._identity = self._open()
        old.close()

    def _too_long(self, *, own: bool) -> NeuroScriptError:
        holder = "another thread of this process" if own else _holder(self._identity)
        return NeuroScriptError(
            ErrorCode.IO_FAILED,
            f"the store of AI workers was not free for {self._seconds:g} seconds: {self._path} is locked by {holder}, "
            "which may be stopped or hang; nothing was changed: let it go on or end it, and try again",
            details={"path": self._name},
        )

    def close(self) -> None:
        """Close the lock file."""
        self._file.close()
        if self._directory is not None:
            self._directory.close()
            self._directory = None


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        raise NotImplementedError
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def _identity(status: os.stat_result) -> tuple[int, int]:
    return (status.st_dev, status.st_ino)


def _open_directory(path: Path) -> tuple[Descriptor | None, tuple[int, int]]:
    if sys.platform == "win32":
        return None, _identity(os.stat(path))
    directory = Descriptor(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    return directory, _identity(os.fstat(directory.number))


def _holder(identity: tuple[int, int]) -> str:
    """Who holds the lock of a file, as far as the system tells."""
    device, inode = identity
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}" if hasattr(os, "major") else ""
    with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii", errors="replace") as locks:
        for line in locks:
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted and fields[4].isdigit():
                return f"process {fields[4]}"
    return "another process"
