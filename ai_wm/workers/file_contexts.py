"""File contexts: text files of the sandbox that go to a model ahead of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ai_wm.calls.turn import Check
from ai_wm.providers.base import Message
from neuroscript import ErrorCode, NeuroScriptError, Sandbox

MAX_FILE_CHARACTERS = 1 << 20
MAX_ALL_CHARACTERS = 4 << 20

_OWN_FILES = "ai_worker_"
"""How the names of the files begin in which the manager keeps its data; one of them may hold keys."""


class FileContexts:
    """The file contexts of one instance.  Their contents are kept from the first turn that succeeds.

    Args:
        paths: the files, relative to the sandbox directory.
        sandbox: the directory that they must lie in; None: there is none.
    """

    def __init__(self, paths: Sequence[str], sandbox: Path | None) -> None:
        if isinstance(paths, str) or not isinstance(paths, Sequence) or not all(isinstance(p, str) for p in paths):
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "file_contexts is a list of paths, each a string")
        self.paths: tuple[str, ...] = tuple(paths)
        self._sandbox = sandbox
        self._read: tuple[Message, ...] | None = None
        self._kept = False

    def messages(self, check: Check | None = None) -> tuple[Message, ...]:
        """Returns one message with the contents of all files, or none without files.

        Raises:
            NeuroScriptError: 34 outside the sandbox; 22 missing; 23 no file; 25 not readable; 37 too large; 41 no
                UTF-8 text; 10 one of the manager's own files.
        """
        if not self.paths:
            return ()
        if not self._kept or self._read is None:
            self._read = (Message(role="user", content=_as_text(self.paths, self._sandbox, check)),)
        return self._read

    def keep(self) -> None:
        """Keeps the contents that were read, to be sent from now on."""
        self._kept = True


def _as_text(paths: Sequence[str], root: Path | None, check: Check | None) -> str:
    parts = ["These files belong to the context of this conversation."]
    left = MAX_ALL_CHARACTERS
    for path in paths:
        text = _read(path, root, check)
        left -= len(text)
        if left < 0:
            message = f"the file contexts together have more than {MAX_ALL_CHARACTERS} characters; name fewer files"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        parts.append(f"--- {path} ---\n{text}\n--- end of {path} ---")
    return "\n\n".join(parts)


def _read(path: str, root: Path | None, check: Check | None) -> str:
    if root is None:
        message = f"the file context {path!r} cannot be read: the worker manager has no sandbox directory"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    if "://" in path:
        message = f"the file context {path!r} is an address; only files of the sandbox directory can be sent"
        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message)
    options: dict[str, Any] = {} if check is None else {"check": check}
    sandbox = Sandbox(root, **options)
    if sandbox.stat(path).path.rpartition("/")[2].startswith(_OWN_FILES):
        message = f"the file context {path!r} is one of the worker manager's own files, which no model is shown"
        raise NeuroScriptError(ErrorCode.SECURITY, message)
    return sandbox.read_text(path, MAX_FILE_CHARACTERS)
