"""What a program is compiled against: names, procedures, tools and limits of the interpreter that loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuroscript.runtime.programs import Signature

if TYPE_CHECKING:
    from neuroscript.runtime.tool_calls import Linker


@dataclass(frozen=True, slots=True)
class Unit:
    """The circumstances of one compilation.

    Attributes:
        load: the number of the load, which keeps the names of its functions apart from those of other loads.
        globals: the names of the host's values, which code can read and not set.
        procedures: the signatures of the procedures that code can call by name, the program's own among them.
        linker: binds the tools that the program calls.
        max_items: of a list or map.
        max_string: characters of a string.
        max_depth: of calls; None for as many as Python allows.
    """

    load: int
    globals: frozenset[str]
    procedures: Mapping[str, Signature]
    linker: Linker
    max_items: int
    max_string: int
    max_depth: int | None

    def appends(self, tool: str) -> bool:
        """Whether a tool is the standard one that appends to a list, which code does in place."""
        link = self.linker.tool(tool)
        return link is not None and link.append
