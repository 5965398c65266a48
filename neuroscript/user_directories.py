"""Where this package keeps the user's own files: compiled code, configuration, data, and what sessions leave.

The places are those of `platformdirs`, whose import takes 10 ms.
"""

from __future__ import annotations

import os
import sys

_APP = "neuroscript"
_XDG = {
    "cache": ("XDG_CACHE_HOME", "~/.cache"),
    "config": ("XDG_CONFIG_HOME", "~/.config"),
    "data": ("XDG_DATA_HOME", "~/.local/share"),
    "state": ("XDG_STATE_HOME", "~/.local/state"),
}
_SUPPORT = "~/Library/Application Support"

KEY = ".key"
"""What the name of a cache's key ends with, which lies beside the cache's directory and begins with its name."""


def user_directory(kind: str) -> str | None:
    """The user's directory of a kind: ``cache``, ``config``, ``data`` or ``state``; None where there is no home."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        path = os.path.join(base, _APP, "Cache") if kind == "cache" else os.path.join(base, _APP)
        return path if os.path.isabs(base) else None
    variable, _ = _XDG[kind]
    base = os.environ.get(variable, "").strip() or _default(kind)
    return os.path.join(base, _APP) if os.path.isabs(base) else None


def own_paths() -> list[str]:
    """All of them, those that a process would use whose environment says nothing of them, and the keys of the caches.

    The keys' paths end with ``*``: while one is made, it has another name.
    """
    found = [user_directory(kind) for kind in _XDG]
    if sys.platform != "win32":
        found += [os.path.join(_default(kind), _APP) for kind in _XDG]
    paths = [path for path in found if path is not None and os.path.isabs(path)]
    return list(dict.fromkeys([*paths, *(f"{path}{KEY}*" for path in paths)]))


def _default(kind: str) -> str:
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches" if kind == "cache" else _SUPPORT)
    return os.path.expanduser(_XDG[kind][1])
