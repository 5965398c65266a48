"""The standard tools, one module a group.  Each module has ``TOOLS``, a list of pairs of spec and function."""

from __future__ import annotations

import threading

from neuroscript.tools.registry import ToolRegistry

GROUPS = {
    "str": "neuroscript.stdlib.strings",
    "list": "neuroscript.stdlib.lists",
    "map": "neuroscript.stdlib.maps",
    "math": "neuroscript.stdlib.math",
    "json": "neuroscript.stdlib.json_tools",
    "csv": "neuroscript.stdlib.csv_",
    "text": "neuroscript.stdlib.text",
    "regex": "neuroscript.stdlib.regex",
    "time": "neuroscript.stdlib.time",
    "fs": "neuroscript.stdlib.fs",
    "io": "neuroscript.stdlib.io",
    "meta": "neuroscript.stdlib.meta",
    "error": "neuroscript.stdlib.errors",
    "event": "neuroscript.stdlib.events",
    "script": "neuroscript.stdlib.script",
    "os": "neuroscript.stdlib.os_",
    "approval": "neuroscript.stdlib.approval",
    "run": "neuroscript.stdlib.run",
    "WorkQueue": "neuroscript.jobs.queue_tools",
    "Job": "neuroscript.jobs.tools",
}
"""The module of each group of standard tools."""

_lock = threading.Lock()
_standard: ToolRegistry | None = None


def standard_registry() -> ToolRegistry:
    """The standard tools: one frozen registry for the whole process.  A group is imported when it is first used."""
    global _standard
    if _standard is None:
        with _lock:
            if _standard is None:
                registry = ToolRegistry(groups=GROUPS)
                registry.freeze()
                _standard = registry
    return _standard
