"""The compilation unit: the names, procedures, tools and limits that a program is compiled against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuroscript.records import record

if TYPE_CHECKING:
    from neuroscript.runtime.programs import Linker, Signature
    from neuroscript.tools.spec import ArgType


@record(frozen=True)
class Unit:
    """What the code of one program depends on, besides the program.

    Attributes:
        load: the number of the load, which keeps the names of its functions apart from those of other loads.
        globals: the names of the host's values, which code can read and not set.
        procedures: the signatures of the program's own procedures; those of other programs may be loaded later.
        linker: binds the tools that the program calls.
        max_items: of a list or map.
        max_string: characters of a string.
        max_depth: of calls; None for as many as Python allows.
        levels: of lists and maps inside one another that certainly may be stored in another one.
        max_nesting: of lists and maps inside one another.
        sealed: whether code may rely on the program's procedures not being replaced.
        explains: whether an assertion that fails tells the values of its operands.
        covers: whether each statement that is begun is reported.
        watches: whether the code tells a `Watcher` of its statements, turns and ends, and keeps what variables hold.
        defers: whether general bodies that the program itself does not call are left for later.
    """

    load: int
    globals: frozenset[str]
    procedures: Mapping[str, Signature]
    linker: Linker
    max_items: int
    max_string: int
    max_depth: int | None
    sealed: bool = True
    levels: int = 1
    max_nesting: int = 1
    explains: bool = False
    covers: bool = False
    watches: bool = False
    defers: bool = False

    def whole(self) -> Unit:
        """The same for a program of which nothing is left for later."""
        known = {name: getattr(self, name) for name in Unit.__annotations__}
        return Unit(**known | {"defers": False})

    def appends(self, tool: str) -> bool:
        """Whether a tool is the standard one that appends to a list, which generated code does in place."""
        link = self.linker.tool(tool)
        return link is not None and link.append

    def result_type(self, tool: str) -> ArgType | None:
        """The type that results of a tool certainly have; None if that is not certain."""
        link = self.linker.tool(tool)
        return link.returns if link is not None and link.standard else None

    def checks_nesting(self, tool: str) -> bool:
        """Whether the nesting of a tool's results is checked where it is called."""
        link = self.linker.tool(tool)
        return link is not None and link.nests
