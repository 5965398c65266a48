"""Where the user's key for marks lies."""

from __future__ import annotations

from pathlib import Path

from neuroscript import user_key


def key_file() -> Path:
    """The path of its file."""
    path = user_key.key_file()
    assert path is not None
    return Path(path)
