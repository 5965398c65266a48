"""Compiled programs, kept in the process.

A host that makes an interpreter for each request loads the same program again and again; the second time it costs a
look-up.  Code depends on more than its source: on the names that the host sets, the procedures that are loaded, the
limits that are written into it, and on how each tool that it calls was linked.  All but the last are the key; the last
is checked when an entry is found.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from neuroscript.runtime.programs import Compiled, LoadedProgram
    from neuroscript.runtime.tool_calls import Linker, ToolLink

_ENTRIES = 128
_LONGEST = 1024 * 1024  # characters of all sources that are kept; their code takes up to ten times as much


@record(frozen=True)
class Entry:
    """A compiled program, the tools that it is linked to, and the length of its source."""

    program: LoadedProgram
    compiled: Compiled
    links: dict[str, ToolLink | None]
    length: int


class RecordingLinker:
    """Passes on to a linker, and keeps what it said."""

    def __init__(self, linker: Linker) -> None:
        self.linker = linker
        self.links: dict[str, ToolLink | None] = {}

    def tool(self, name: str) -> ToolLink | None:
        """The `Linker` protocol."""
        link = self.links[name] = self.linker.tool(name)
        return link


class Cache:
    """The latest programs that were compiled, for all interpreters of the process."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._length = 0
        self._lock = threading.Lock()

    def find(self, key: Hashable, linker: Linker) -> Entry | None:
        """The entry of a key, if its tools are linked in the same way here."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
        if entry is None or any(linker.tool(name) != link for name, link in entry.links.items()):
            return None
        return entry

    def keep(self, key: Hashable, entry: Entry) -> None:
        """Keeps an entry, and lets the oldest one go."""
        length = entry.length
        if length > _LONGEST // 4:
            return
        with self._lock:
            if key not in self._entries:
                self._length += length
            self._entries[key] = entry
            while len(self._entries) > _ENTRIES or self._length > _LONGEST:
                _, oldest = self._entries.popitem(last=False)
                self._length -= oldest.length
