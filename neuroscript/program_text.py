"""The text of a program as it comes to the interpreter, with the file that it is from.

Apart from `neuroscript.uses`, which most starts do without.
"""

from __future__ import annotations

import os

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    Metadata = list[tuple[str, str]]

USES = "uses"
"""The key of the metadata that names files which a program uses."""


@record(frozen=True)
class ProgramText:
    """The text of a program as a host, or a script, gives it.

    Args:
        content: the text, or its bytes in UTF-8.
        name: what errors call it.
        path: the file that it is the text of; None for text without a file.
        in_sandbox: whether that is a path in the sandbox directory, given by a script.
    """

    content: str | bytes
    name: str
    path: str | None = None
    in_sandbox: bool = False


def may_use(metadata: Metadata) -> bool:
    """Whether a program may use files; a remark under the same key looks like that too."""
    return any(key == USES for key, _ in metadata)


def identity_of(text: ProgramText) -> tuple[int, int] | None:
    """Which file a program that the host loads is from, by device and number; None for text without a file."""
    if text.path is None or text.in_sandbox:
        return None
    try:
        status = os.stat(text.path)
    except (OSError, ValueError):  # it was removed since it was read
        return None
    return status.st_dev, status.st_ino
