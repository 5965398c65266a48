"""File contexts: text files of the sandbox that go to a model ahead of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ai_wm.calls.task import Check
from ai_wm.providers.base import Message
from neuroscript import ErrorCode, NeuroScriptError, Protection, Sandbox

MAX_FILE_CHARACTERS = 1 << 20
MAX_ALL_CHARACTERS = 4 << 20


FileReader = Callable[[str, Check | None], str]
"""Gives the text of a file by its path in the sandbox; the second argument is called now and then, and may raise."""


class FileContexts:
    """The file contexts of one instance.  Their contents are kept from the first turn that succeeds.

    Args:
        paths: the files, relative to the sandbox directory.
        read: reads one.
    """

    def __init__(self, paths: Sequence[str], read: FileReader) -> None:
        self.paths = checked_paths(paths)
        self._reader = read
        self._read: tuple[Message, ...] | None = None
        self._kept = False

    def messages(self, check: Check | None = None) -> tuple[Message, ...]:
        """Returns one message with the contents of all files, or none without files.

        Raises:
            NeuroScriptError: 34 outside the sandbox; 22 missing; 23 no file; 25 not readable; 37 too large; 41 no
                UTF-8 text; 10 one of the manager's own files, or another that whoever asks may not see.
        """
        if not self.paths:
            return ()
        if not self._kept or self._read is None:
            self._read = (Message(role="user", content=self._as_text(check)),)
        return self._read

    @property
    def kept(self) -> tuple[Message, ...]:
        """The contents that are sent from now on; nothing before they are kept."""
        return self._read if self._kept and self._read is not None else ()

    def put_back(self, read: tuple[Message, ...]) -> None:
        """Keeps contents that were read and sent by another process."""
        if self.paths and read:
            self._read, self._kept = read, True

    def keep(self) -> None:
        """Keeps the contents that were read, to be sent from now on."""
        self._kept = True

    def _as_text(self, check: Check | None) -> str:
        parts = ["These files belong to the context of this conversation."]
        left = MAX_ALL_CHARACTERS
        for path in self.paths:
            text = self._reader(path, check)
            left -= len(text)
            if left < 0:
                message = f"the file contexts together have more than {MAX_ALL_CHARACTERS} characters; name fewer files"
                raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
            parts.append(f"--- {path} ---\n{text}\n--- end of {path} ---")
        return "\n\n".join(parts)


def checked_paths(paths: object) -> tuple[str, ...]:
    """Checks the paths of file contexts, and returns them.

    Raises:
        NeuroScriptError: 4 if they are no list of strings.
    """
    if isinstance(paths, str) or not isinstance(paths, Sequence) or not all(isinstance(path, str) for path in paths):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "file_contexts is a list of paths, each a string")
    return tuple(paths)


def reader_in(root: Path | None, private: Sequence[str]) -> FileReader:
    """Makes a reader of the files of a sandbox directory, as the host reads them.

    Args:
        root: the directory; None: there is none.
        private: what no model may see, as paths to protect.
    """

    def read(path: str, check: Check | None) -> str:
        if root is None:
            return text_of(path, None)
        options: dict[str, Any] = {} if check is None else {"check": check}
        return text_of(path, Sandbox(root, Protection(*private), **options))

    return read


def text_of(path: str, sandbox: Sandbox | None) -> str:
    """Reads one file context.

    Raises:
        NeuroScriptError: 34 for an address, or where there is no sandbox; and as `FileContexts.messages`.
    """
    if sandbox is None:
        message = f"the file context {path!r} cannot be read: there is no sandbox directory"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    if "://" in path:
        message = f"the file context {path!r} is an address; only files of the sandbox directory can be sent"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    return sandbox.read_text(path, MAX_FILE_CHARACTERS)
