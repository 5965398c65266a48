"""The files that scripts may have a model read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ai_wm.calls.turn import Check
from ai_wm.workers.file_contexts import FileReader
from neuroscript import ErrorCode, NeuroScriptError


class ScriptFiles(Protocol):
    """The sandbox directory as the file tools of an interpreter reach it."""

    @property
    def root(self) -> Path | None:
        """The directory; None if there is none."""
        ...

    def refusal(self) -> str | None:
        """Why scripts may not read files; None if they may."""
        ...

    def read(self, path: str, check: Check | None) -> str:
        """The text of a file.

        Raises:
            NeuroScriptError: 34 outside the directory, 22 missing, 23, 25, 37 or 41 as the file tools do; 10 for one
                that no script may see.
        """
        ...


def checked(files: ScriptFiles, read: FileReader) -> FileReader:
    """A reader that asks, whenever a file is read, whether scripts may read files at all."""

    def read_checked(path: str, check: Check | None) -> str:
        check_files(files)
        return read(path, check)

    return read_checked


def check_files(files: ScriptFiles) -> None:
    """Refuses, with error 10, to read files where the file tools do not."""
    reason = files.refusal()
    if reason is not None:
        raise NeuroScriptError(ErrorCode.SECURITY, f"file contexts are read like files by tool.fs.Read: {reason}")


class NoFiles:
    """The files of scripts that have no interpreter."""

    root: Path | None = None

    def refusal(self) -> str | None:
        """There is nothing to refuse."""
        return None

    def read(self, path: str, check: Callable[[], None] | None) -> str:
        """There is nothing to read."""
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the file context {path!r} cannot be read: no sandbox")
