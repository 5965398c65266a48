"""The cache of compiled programs in memory, shared by all interpreters of the process.

A host that makes an interpreter for each request loads the same program again and again; from the second time on that
costs a look-up.  Code depends on more than its source: on the names that the host sets, the procedures that are loaded,
the limits that are written into it, and on how each tool that it calls was linked.  All but the last are the key; the
last is compared when an entry is found.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from neuroscript.runtime.programs import Compiled, Linker, LoadedProgram, ToolLink

_ENTRIES = 128
_LONGEST = 1024 * 1024  # characters of all sources that are kept; their code takes up to ten times as much


@record(frozen=True)
class Entry:
    """A compiled program.

    Attributes:
        program: its procedures and metadata.
        compiled: its code.
        links: how each tool that it calls was linked, by name.
        length: of its source, in characters or bytes.
    """

    program: LoadedProgram
    compiled: Compiled
    links: dict[str, ToolLink | None]
    length: int


class RecordingLinker:
    """A linker that passes requests on to another one, and records the links, until it is closed."""

    def __init__(self, linker: Linker) -> None:
        self._linker: Linker | None = linker
        self.links: dict[str, ToolLink | None] = {}

    def tool(self, name: str) -> ToolLink | None:
        """Links a tool, and records the link."""
        if self._linker is None:
            return self.links.get(name)
        link = self.links[name] = self._linker.tool(name)
        return link

    def close(self) -> None:
        """Lets go of the other linker: a program's tools stay linked as they are now, whatever becomes of them."""
        self._linker = None


class RecordedLinker:
    """A linker that links the tools of a program as they were linked before, whatever has become of them."""

    def __init__(self, links: dict[str, ToolLink | None]) -> None:
        self.links = links

    def tool(self, name: str) -> ToolLink | None:
        """The recorded link of a tool."""
        return self.links.get(name)


class Cache:
    """A thread-safe cache of the programs that were used last, with bounds on their number and size."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._length = 0
        self._lock = threading.Lock()

    def find(self, key: Hashable, linker: Linker) -> Entry | None:
        """The entry of a key, if ``linker`` links all its tools in the same way."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
        if entry is None or any(linker.tool(name) != link for name, link in entry.links.items()):
            return None
        return entry

    def keep(self, key: Hashable, entry: Entry) -> None:
        """Adds an entry, and evicts those that have not been used for longest; a very long program is not kept."""
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
