"""What the tests of the store share: records to store, files that fail, and crashes without dying."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    RetiredInstanceInfo,
    Timestamp,
)
from ai_wm.store import JsonStore, Store
from ai_wm.store.engine import DEFINITIONS_FILE, PERFORMANCE_FILE
from ai_wm.store.files import FileSystem, read_at
from ai_wm.store.memory_store import MemoryStore

NOON = 1_750_000_000
"""Some moment, in seconds since 1970."""


KINDS = ["json", "memory"]
"""Every kind of store: what `open_store` opens, and what the tests of the protocol run over."""


def open_store(kind: str, directory: Path) -> Store:
    """Open a store of a kind, with the data of the directory if the kind has any."""
    return JsonStore(directory, files=Files()) if kind == "json" else MemoryStore()


def worker(name: str = "w", definition_id: str = "def-1", **more: Any) -> AIWorkerDefinition:
    """A definition of the built-in echo model."""
    basic = {"provider": "local", "model_name": "echo", "auth": {"method": "none"}}
    return AIWorkerDefinition.parse({"definition_id": definition_id, "name": name} | basic | more)


def add(store: Store, *definitions: AIWorkerDefinition) -> None:
    """Add definitions to a store."""
    store.change_definitions(lambda all_: all_.update({each.definition_id: each for each in definitions}))


def record(task_id: str, instance_id: str = "", definition_id: str = "def-1", **more: Any) -> PerformanceRecord:
    """A record of a task that took 10 ms and 3 tokens; stateless unless it has an instance."""
    fields: dict[str, Any] = {
        "task_id": task_id,
        "instance_id": instance_id or f"stateless-{task_id}",
        "definition_id": definition_id,
        "timestamp_start": Timestamp.from_unix(NOON),
        "timestamp_end": Timestamp.from_unix(NOON + 1),
        "duration_ms": 10,
        "success": True,
        "llm_metrics": {"input_tokens": 2, "output_tokens": 1},
    }
    return PerformanceRecord.parse(fields | more)


def spawn(store: Store, instance_id: str, definition_id: str = "def-1") -> str:
    """Start an instance."""
    store.start_instance(
        AIWorkerInstance(
            instance_id=instance_id, definition_id=definition_id, creation_timestamp=Timestamp.from_unix(NOON)
        )
    )
    return instance_id


def retire(store: Store, instance_id: str, **more: Any) -> RetiredInstanceInfo:
    """Retire an instance as completed."""
    done = AIWorkerInstanceStatus.RETIRED_COMPLETED
    moment = Timestamp.from_unix(NOON + 60)
    return store.retire_instance(instance_id, final_status=done, reason="done", retired_at=moment, **more)


def entries(directory: Path) -> list[dict[str, Any]]:
    """What any other program reads in the performance data."""
    path = directory / PERFORMANCE_FILE
    return json.loads(path.read_text("utf-8")) if path.exists() else []


def definitions(directory: Path) -> list[dict[str, Any]]:
    """What any other program reads in the definitions."""
    path = directory / DEFINITIONS_FILE
    return json.loads(path.read_text("utf-8")) if path.exists() else []


def tasks(directory: Path) -> list[str]:
    """The ids of all tasks stored, as often as they are stored."""
    return [one["task_id"] for entry in entries(directory) for one in entry["performance_records"]]


def reopened(directory: Path, copy: Path) -> JsonStore:
    """Open a copy of a directory: what another process finds if the one at work dies at this moment.

    The locks are of files, so those of the copy are free.
    """
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    return JsonStore(copy, files=Files())


class Files(FileSystem):
    """Calls that fail when told to.

    ``fail`` gets the name of each call before it is made and the data that is to be written, and returns the error to
    raise, or None.  ``partly`` is how many bytes of a failing write are written all the same.
    """

    def __init__(self) -> None:
        self.fail: Callable[[str, bytes], OSError | None] = lambda _call, _data: None
        self.partly = 0

    def _may(self, call: str, data: bytes = b"") -> None:
        error = self.fail(call, data)
        if error is not None:
            raise error

    def make_directory(self, path: Path) -> None:
        self._may("make_directory")
        super().make_directory(path)

    def open(self, path: Path, flags: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            self._may("open")
        return super().open(path, flags)

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        try:
            self._may("write", data)
        except OSError:
            if self.partly:
                super().write_at(descriptor, data[: self.partly], offset)
            raise
        super().write_at(descriptor, data, offset)

    def truncate(self, descriptor: int, length: int) -> None:
        self._may("truncate")
        super().truncate(descriptor, length)

    def sync_data(self, descriptor: int) -> None:
        self._may("sync")

    def sync(self, descriptor: int) -> None:
        self._may("sync")

    def replace(self, source: Path, target: Path) -> None:
        self._may("replace")
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        self._may("remove")
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        self._may("sync")


class PowerLost(BaseException):
    """What a `Disk` that is without power raises at every call."""


class Disk(FileSystem):
    """A disk that loses with the power whatever was not synced: the contents of files, and the names in directories.

    After ``left`` more calls the power is lost: every call raises `PowerLost`, and does nothing.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.left = sys.maxsize
        self._numbers: dict[int, int] = {}
        """The files, numbered: the system gives the inode of a file that was removed to the next."""
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}

    def _call(self) -> None:
        self.calls += 1
        self.left -= 1
        if self.left < 0:
            raise PowerLost

    def _number(self, status: os.stat_result) -> int:
        return self._numbers.setdefault(status.st_ino, len(self._numbers) + self.calls * 1_000_000)

    def lose(self, directory: Path, into: Path) -> Path:
        """Make a copy of what is on the disk of a directory."""
        for place, names in self._names.items():
            if place.is_relative_to(directory):
                copy = into / place.relative_to(directory)
                copy.mkdir(parents=True, exist_ok=True)
                for name, number in names.items():
                    if not (place / name).is_dir():
                        (copy / name).write_bytes(self._contents.get(number, b""))
        return into

    def make_directory(self, path: Path) -> None:
        self._call()
        super().make_directory(path)

    def open(self, path: Path, flags: int) -> int:
        new = flags & os.O_CREAT and not path.exists()
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            self._call()
        descriptor = super().open(path, flags)
        if new:
            self._numbers.pop(os.fstat(descriptor).st_ino, None)
        self._number(os.fstat(descriptor))
        return descriptor

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        self._call()
        super().write_at(descriptor, data, offset)

    def truncate(self, descriptor: int, length: int) -> None:
        self._call()
        super().truncate(descriptor, length)

    def sync_data(self, descriptor: int) -> None:
        self.sync(descriptor)

    def sync(self, descriptor: int) -> None:
        self._call()
        status = os.fstat(descriptor)
        self._contents[self._number(status)] = read_at(descriptor, status.st_size, 0)

    def replace(self, source: Path, target: Path) -> None:
        self._call()
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self._call()
        super().remove(path)

    def sync_directory(self, path: Path) -> None:
        self._call()
        with os.scandir(path) as found:
            self._names[path] = {each.name: self._number(each.stat(follow_symlinks=False)) for each in found}


def system_error(number: int) -> OSError:
    """The system's error of that number."""
    return OSError(number, os.strerror(number))


FULL = errno.ENOSPC
READ_ONLY = errno.EROFS
