"""File contexts of scripts: the files in the sandbox that a script may pass to a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ai_wm.calls.task import AttachmentReader, Check
from ai_wm.workers.file_contexts import FileReader
from neuroscript import ErrorCode, NeuroScriptError


class ScriptFiles(Protocol):
    """Protocol of an interpreter's sandbox directory, with the same rules as the file tools."""

    @property
    def root(self) -> Path | None:
        """The sandbox directory; None if there is none."""
        ...

    def refusal(self) -> str | None:
        """Returns the reason why scripts may not read files; None if they may."""
        ...

    def read(self, path: str, check: Check | None) -> str:
        """Reads the text of a file.

        Raises:
            NeuroScriptError: 34 outside the directory, 22 missing, 23, 25, 37 or 41 as the file tools do; 10 for one
                that no script may see.
        """
        ...

    def read_bytes(self, path: str, most: int, check: Check | None) -> bytes:
        """Reads a file of at most ``most`` bytes.

        Raises:
            NeuroScriptError: as `read`, without 41.
        """
        ...


def attachment_reader(files: ScriptFiles) -> AttachmentReader:
    """Returns the reader of the attachments of scripts: paths are read as by the file tools, and bytes are taken."""
    from ai_wm.workers.attaching import reader

    def read(path: str, most: int, check: Check | None) -> bytes:
        check_files(files, "attachments")
        return files.read_bytes(path, most, check)

    return reader(read)


def checked(files: ScriptFiles, read: FileReader) -> FileReader:
    """Returns a file reader that checks, at each read, whether scripts may read files."""

    def read_checked(path: str, check: Check | None) -> str:
        check_files(files)
        return read(path, check)

    return read_checked


def check_files(files: ScriptFiles, what: str = "file contexts") -> None:
    """Raises error 10 if the policy does not let scripts read files."""
    reason = files.refusal()
    if reason is not None:
        raise NeuroScriptError(ErrorCode.SECURITY, f"{what} are read like files by tool.fs.Read: {reason}")


class NoFiles:
    """The `ScriptFiles` of scripts without an interpreter, which have no sandbox and can read no file."""

    root: Path | None = None

    def refusal(self) -> str | None:
        """Returns None: the policy forbids nothing here."""
        return None

    def read_bytes(self, path: str, most: int, check: Check | None) -> bytes:
        """Raises error 34, since there is no sandbox."""
        from ai_wm.workers.attaching import no_sandbox

        raise no_sandbox(path)

    def read(self, path: str, check: Callable[[], None] | None) -> str:
        """Raises error 34, since there is no sandbox."""
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the file context {path!r} cannot be read: no sandbox")
