"""A log of calls in flight, from which another process records the calls of one that died.

Every manager with a directory has a file of its own there, ``in-flight-<id>.log`` in the state directory, and holds the
lock beside it.  A line is written before a request is sent, without a sync: it survives the process, though not a power
failure.  When a manager is made, it looks for files whose lock no process holds; each call in them without a record
gets one, with the error ``lost`` and the amounts that were reserved for the call.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ai_wm.store.directory_watch import DirectoryWatch
from ai_wm.store.files import FileSystem
from ai_wm.store.json_array import write_line
from ai_wm.support.process_lock import ProcessLock, try_hold
from neuroscript import ErrorCode, NeuroScriptError, get_logger

_PREFIX: Final = "in-flight-"
_BYTES: Final = 1 << 16
"""The size of a file.  It is made at once, so that a line which is written later changes nothing but its own bytes, and
the sync of another file has nothing to wait for."""

_MOST_READ: Final = 1 << 26
"""The size in bytes beyond which a file is taken to be foreign and is not read."""

_log = get_logger("ai_wm.store")


class CallsInFlight:
    """The log of one manager's calls in flight.  Safe to use from many threads.

    Args:
        directory: the state directory, which exists.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files = FileSystem()
        self._watch = DirectoryWatch(directory)
        self._lock = threading.Lock()
        self._open: dict[str, bytes] = {}
        self._size = self._place = 0
        self._descriptor = -1
        self._path: Path | None = None
        self._held: ProcessLock | None = None

    def begin(self, call: dict[str, Any]) -> None:
        """Logs a call that is about to be sent, or its next round.

        Args:
            call: the record that it gets if it is lost; its ``task_id`` is that of the record it gets otherwise.
        """
        self._note(call["task_id"], write_line(call) + b"\n")

    def _note(self, task_id: str, line: bytes) -> None:
        try:
            with self._lock:
                self._open[task_id] = line
                if self._descriptor >= 0:
                    self._keep()
                if self._descriptor < 0:
                    self._create(self.directory)
                elif self._place + len(line) > self._size:
                    self._begin_anew()
                else:
                    self._files.write_at(self._descriptor, line, self._place)
                    self._place += len(line)
        except OSError as error:  # the call and its own record do not depend on it
            _log.warning("a call in flight cannot be noted in %s: %s", self.directory, error)

    def end(self, task_id: str) -> None:
        """Logs that a call is over and has its record."""
        with self._lock:
            self._open.pop(task_id, None)

    def withdraw(self, task_id: str) -> None:
        """Logs that a call was not made after all; does nothing for one that was not logged."""
        if task_id in self._open:
            self._note(task_id, write_line({"task_id": task_id, "over": True}) + b"\n")
            self.end(task_id)

    def counted(self, task_id: str) -> None:
        """Logs that a call is over and counted, though it has no record yet; does nothing for one that has."""
        line = self._open.get(task_id)
        if line is not None:
            self._note(task_id, write_line({**json.loads(line), "counted": True}) + b"\n")

    def close(self) -> None:
        """Removes the file, unless it holds calls without a record."""
        with self._lock:
            if self._descriptor < 0:
                return
            os.close(self._descriptor)
            self._descriptor = -1
            if self._path is not None and self._held is not None:
                if not self._open:
                    self._path.unlink(missing_ok=True)
                (self._held.release if self._open else self._held.remove)()

    def _keep(self) -> None:
        """Makes the lock anew if somebody removed it, and lets go of the file if that was removed."""
        look = self._watch.look()
        if look is None:
            return
        assert self._held is not None
        if not os.path.lexists(self._held.path):
            self._held = try_hold(self._held.path) or self._held
        if not os.fstat(self._descriptor).st_nlink:
            os.close(self._descriptor)
            self._descriptor = -1
            self._held.remove()
        self._watch.note(look)

    def _create(self, directory: Path) -> None:
        """Makes the file, with the calls that are in flight."""
        name = f"{_PREFIX}{uuid.uuid4().hex}"
        held = try_hold(directory / f"{name}.lock")
        if held is None:
            raise OSError(f"the lock of {name} is held already")
        try:
            self._use(directory / f"{name}.log", b"".join(self._open.values()))
        except OSError:
            held.remove()
            raise
        self._held = held

    def _begin_anew(self) -> None:
        """Puts another file in the place of one that is full, with the calls that are still in flight."""
        assert self._path is not None
        old = self._descriptor
        self._use(self._path, b"".join(self._open.values()))
        os.close(old)

    def _use(self, path: Path, lines: bytes) -> None:
        """Makes a file of some lines, and room for others behind them; it is used from then on."""
        new, size = path.with_suffix(".new"), max(_BYTES, 4 * len(lines))
        descriptor = self._files.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            self._files.write_at(descriptor, lines.ljust(size, b"\n"), 0)
            os.replace(new, path)
        except OSError:
            os.close(descriptor)
            new.unlink(missing_ok=True)
            raise
        self._path, self._descriptor, self._size, self._place = path, descriptor, size, len(lines)


def record_lost(directory: Path, add: Callable[[dict[str, Any]], object]) -> None:
    """Records the calls in flight of processes that died.

    Args:
        directory: the state directory.
        add: stores the record of such a call; it raises `NeuroScriptError` if the record exists already.
    """
    for path in sorted(directory.glob(f"{_PREFIX}*.log")):
        done = False
        try:
            held = try_hold(path.with_suffix(".lock"))
        except OSError as error:
            _log.warning("%s cannot be locked: %s", path, error)
            continue
        if held is None:  # its process is alive
            continue
        try:
            for call in _calls_in(path):
                try:
                    add(call)
                except NeuroScriptError as error:
                    # Mostly 42: the process died between the call's own record and the end of it here.
                    level = logging.DEBUG if error.code == ErrorCode.DUPLICATE else logging.WARNING
                    _log.log(level, "no record of the lost call %s: %s", call["task_id"], error.message)
            path.unlink(missing_ok=True)
            path.with_suffix(".new").unlink(missing_ok=True)
            done = True
        except OSError as error:
            _log.warning("%s cannot be read: %s", path, error)
        finally:
            (held.remove if done else held.release)()


def has_notes(directory: Path) -> bool:
    """Whether a state directory holds a log of calls in flight, of a process that is alive or dead."""
    return next(directory.glob(f"{_PREFIX}*.log"), None) is not None


def _calls_in(path: Path) -> Iterator[dict[str, Any]]:
    """The calls in a file, each in its latest version."""
    calls: dict[str, dict[str, Any]] = {}
    with os.fdopen(FileSystem().open(path, os.O_RDONLY), "rb") as file:
        if os.fstat(file.fileno()).st_size > _MOST_READ:
            raise OSError(f"{path} is larger than calls in flight are")
        for line in filter(bytes.strip, file):
            try:
                call = json.loads(line)
                calls[str(call["task_id"])] = call
            except (ValueError, TypeError, KeyError, RecursionError):
                _log.warning("%s: a line was broken off by a crash and is not read", path)
    yield from (call for call in calls.values() if call.get("over") is not True)
