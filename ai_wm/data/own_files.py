"""The files of a worker manager, which are protected from the file tools."""

from __future__ import annotations

import os

OWN_FILES = "ai_worker_*"
"""The names of the manager's files and of its state's directory; one of them may hold keys."""

EDITORS_COPIES = (f".{OWN_FILES}", f".#{OWN_FILES}", f"#{OWN_FILES}")
"""The names under which editors keep what they are editing of such a file."""


def own_files(directory: str | os.PathLike[str]) -> str:
    """Returns a pattern of the manager's files in a directory, to protect with `neuroscript.Interpreter.protect`."""
    return os.path.join(os.path.abspath(directory), OWN_FILES)
