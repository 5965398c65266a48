"""Loaded programs: the signatures and metadata of their procedures, and their code."""

from __future__ import annotations

from collections import Counter

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType


@record(frozen=True)
class Signature:
    """The name and the parameters of a procedure."""

    name: str
    needs: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def params(self) -> tuple[str, ...]:
        """All parameters in positional order."""
        return self.needs + self.optional

    def __str__(self) -> str:
        return f"{self.name}({', '.join([*self.needs, *(f'{name}?' for name in self.optional)])})"

    def problem(self, positional: int, names: list[str]) -> str | None:
        """What is wrong with a call that passes so many positional arguments and these named ones; None if nothing."""
        least = len(self.needs)
        if not names and least <= positional <= least + len(self.optional):
            return None
        params = self.params
        given = Counter(params[:positional])
        given.update(names)
        if positional > len(params):
            most = f"at most {len(params)}" if self.optional else str(len(params))
            return f"takes {most} argument{'s' * (len(params) != 1)}, not {positional + len(names)}"
        for name in names:
            if name not in params:
                return f"has no parameter '{name}'"
            if given[name] > 1:
                return f"gets '{name}' twice"
        missing = [name for name in self.needs if name not in given]
        if missing:
            return f"needs {' and '.join(repr(name) for name in missing)}"
        return None


@record(frozen=True)
class LoadedProcedure:
    """A procedure that can be called."""

    signature: Signature
    returns: tuple[str, ...]
    metadata: list[tuple[str, str]]
    file: str
    line: int

    @property
    def name(self) -> str:
        """The procedure's name."""
        return self.signature.name


@record(frozen=True)
class LoadedProgram:
    """A program that was loaded, without its tree."""

    name: str
    metadata: list[tuple[str, str]]
    procedures: list[LoadedProcedure]


@record(frozen=True)
class Compiled:
    """The code of one load, a module for each function, and the names of the functions that the load itself calls.

    ``start`` registers the event handlers; it is empty where the program has none.
    """

    codes: tuple[CodeType, ...]
    start: str
    commands: tuple[str, ...]
