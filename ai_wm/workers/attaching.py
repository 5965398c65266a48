"""Reading the attachments of a call, which its setting ``attach`` names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ai_wm.calls.task import AttachmentReader, Check
from ai_wm.data.attachments import MOST_BYTES, Attachment, check_together
from ai_wm.data.spelling import nearest
from neuroscript import ErrorCode, NeuroScriptError, Protection, Sandbox

FileBytes = Callable[[str, int, Check | None], bytes]
"""Gives the bytes of a file by its path in the sandbox, of at most so many; what is given last may raise to cancel."""

_KEYS: Final = frozenset({"data", "media_type", "name", "path"})
_EXPECTED: Final = (
    'expected a path in the sandbox ("chart.png"), bytes, or a map with path or data and, if need be, name and '
    "media_type"
)


def reader(read: FileBytes, *, anywhere: bool = False) -> AttachmentReader:
    """Makes a reader of what ``attach`` names.

    Args:
        read: reads a file of the sandbox.
        anywhere: whether a ``pathlib.Path`` may name a file outside of it, which only the host's own code can write.
    """

    def attachments(given: Any, check: Check | None) -> tuple[Attachment, ...]:
        if given is None:
            return ()
        items = given if isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray) else [given]
        found: list[Attachment] = []
        for item in items:
            if check is not None:
                check()
            found.append(_attachment(item, read, anywhere, check))
            check_together(tuple(found), "the prompt")
        return tuple(found)

    return attachments


def _attachment(item: Any, read: FileBytes, anywhere: bool, check: Check | None) -> Attachment:
    name: Any = None
    media_type: Any = None
    if isinstance(item, Attachment):
        return item
    if isinstance(item, Mapping):
        for key in item:
            if key not in _KEYS:
                near = nearest(key, _KEYS) if isinstance(key, str) else None
                raise _bad(f"it has the key {str(key)[:60]!r}" + (f"; did you mean {near!r}?" if near else ""))
        if ("path" in item) == ("data" in item):
            raise _bad("it has both path and data" if "path" in item else "it has neither path nor data")
        name, media_type = item.get("name"), item.get("media_type")
        for key, value in (("name", name), ("media_type", media_type)):
            if value is not None and not isinstance(value, str):
                raise _bad(f"its {key} is {type(value).__name__}")
        if "data" in item and not isinstance(item["data"], bytes | bytearray | memoryview):
            raise _bad(f"its data is {type(item['data']).__name__}, not bytes")
        item = item["path"] if "path" in item else item["data"]
    if isinstance(item, bytes | bytearray | memoryview):
        return Attachment.of(name or "attachment", bytes(item), media_type)
    if isinstance(item, str):
        if "://" in item:
            message = f"{item[:80]!r} is an address; only files of the sandbox directory can be attached"
            raise NeuroScriptError(ErrorCode.PATH_VIOLATION, message, details={"field": "attach"})
        return Attachment.of(name or item, read(item, MOST_BYTES, check), media_type)
    if anywhere and isinstance(item, os.PathLike):
        path = Path(item)
        return Attachment.of(name or path.name, _read_anywhere(path), media_type)
    raise _bad(f"it is {type(item).__name__}")


def _bad(problem: str) -> NeuroScriptError:
    message = f"attach names something that cannot be attached: {problem}; {_EXPECTED}"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "attach"})


def reader_as_host(root: Path | None, private: Sequence[str]) -> AttachmentReader:
    """Makes the reader for calls of the host: texts are paths in the sandbox, a ``pathlib.Path`` lies anywhere.

    Args:
        root: the sandbox directory; None: there is none.
        private: what no model may see, as paths to protect.
    """

    def read(path: str, most: int, check: Check | None) -> bytes:
        if root is None:
            raise no_sandbox(path)
        options: dict[str, Any] = {} if check is None else {"check": check}
        return Sandbox(root, Protection(*private), **options).read_bytes(path, most)

    return reader(read, anywhere=True)


def no_sandbox(path: str) -> NeuroScriptError:
    """Makes the error for a path where there is no sandbox."""
    message = f"the attachment {path[:80]!r} cannot be read: there is no sandbox directory"
    return NeuroScriptError(ErrorCode.PATH_VIOLATION, message, details={"field": "attach"})


def _read_anywhere(path: Path) -> bytes:
    """The bytes of an ordinary file, of at most `MOST_BYTES` and one more."""
    name = path.name
    try:
        # A named pipe without a partner would block the open for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, f"the attachment {name!r} is not an ordinary file")
            if status.st_size > MOST_BYTES:
                message = f"the attachment {name!r} has {status.st_size} bytes; one has at most {MOST_BYTES}"
                raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise NeuroScriptError(ErrorCode.FILE_NOT_FOUND, f"there is no file {name!r} to attach") from error
    except PermissionError as error:
        message = f"the system does not permit to read the attachment {name!r}"
        raise NeuroScriptError(ErrorCode.PERMISSION_DENIED, message) from error
    except OSError as error:
        message = f"the attachment {name!r} cannot be read: {error.strerror or 'the system gave no reason'}"
        raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error


def taken_from(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Splits the overrides of a call into its settings and what is to be attached."""
    settings = dict(overrides)
    return settings, settings.pop("attach", None)


def facts_of(attachments: Sequence[Attachment]) -> dict[str, Any]:
    """Returns the entry of a record's ``input_context`` about attachments; empty without any."""
    return {"attachments": [each.facts for each in attachments]} if attachments else {}
