"""Plain data of programs, for the compiler, the caches and the runtime alike.

A program that has been loaded is its procedures' signatures and metadata, its code, and how its tools are linked.
"""

from __future__ import annotations

from collections import Counter

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Protocol

    from neuroscript.tools.spec import ArgType

    class Linker(Protocol):
        """Links the tools of a program while it is compiled, or found in a cache."""

        def tool(self, name: str) -> ToolLink | None:
            """How generated code reaches a tool; None leaves the call to the run, which finds or refuses it."""

    class Deferred(Protocol):
        """The procedures of a program whose code is made when they are called for the first time.

        Attributes:
            codes: all code that has been made.
            specialised: the names of the functions of specialised bodies, by procedure, from the first call on.
        """

        codes: list[CodeType]
        specialised: dict[str, str]

        def stub(self, name: str, identifier: str) -> CodeType:
            """The code of a function that stands for a procedure's until that is called."""

        def code(self, name: str) -> Made:
            """The code of a procedure, which is made now if no interpreter has called it yet."""

        def general(self) -> Made:
            """The general bodies that the procedures' code leaves out."""


BIG = 4096
"""Items or characters from which on a library function's call looks at the clock."""


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
    """A loaded procedure, without its code."""

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
    """A loaded program, without its tree and its code."""

    name: str
    metadata: list[tuple[str, str]]
    procedures: list[LoadedProcedure]


@record(frozen=True)
class Place:
    """Where a statement stands.

    Attributes:
        line: its first line.
        last: its last one, without the blocks inside.
        sets: the variables that it sets, or stores into.
        handled: whether an error handler covers it.
    """

    line: int
    last: int
    sets: tuple[str, ...]
    handled: bool


@record(frozen=True)
class Compiled:
    """The code of a program.

    Attributes:
        codes: modules to execute in the namespace of an interpreter; each defines a function.
        start: the name of the function that registers the event handlers; empty where the program has none.
        commands: the names of the command blocks' functions.
        calls: the calls by name of what the program does not define: the name, the number of positional arguments,
            and the names of the others.
        sealed: whether the code relies on the program's procedures not being replaced.
        late: the procedures whose general bodies are made when they are called for the first time, if ever.
        general: the modules of these bodies; none until they have been made.
        deferred: the procedures, where the codes have none of them.
    """

    codes: tuple[CodeType, ...]
    start: str
    commands: tuple[str, ...]
    calls: tuple[tuple[str, int, tuple[str, ...]], ...]
    sealed: bool
    late: tuple[str, ...] = ()
    general: tuple[CodeType, ...] = ()
    deferred: Deferred | None = None


@record(frozen=True)
class Made:
    """Code that is made while the program runs.

    Attributes:
        codes: modules, each of which defines functions.
        calls: the calls, in all code that has been made so far, of what the program does not define.
    """

    codes: tuple[CodeType, ...]
    calls: tuple[tuple[str, int, tuple[str, ...]], ...]


@record(frozen=True)
class ToolLink:
    """A tool as generated code reaches it, by two functions: one that validates the arguments, and the tool's own.

    Attributes:
        key: the end of both functions' names (`neuroscript.runtime.abi`).
        names: of the arguments.
        types: of the arguments.
        defaults: of the optional arguments; ``...`` where one must be given.
        direct: whether the tool's own function may be called with arguments of exactly those types.
        variadic: whether it takes the values from the last type on as a list.
        copied: the places of the arguments that it gets copies of.
        watched: whether long arguments are left to the function that validates, which looks at the clock.
        brief: whether results are nested no deeper than arguments, besides.
        trusted: whether results need no check.
        returns: the type of the result.
        append: whether it is the standard tool that appends to a list.
        pop: whether it is the one that takes the last item from a list.
        stored: where its work can be done in place (`neuroscript.runtime.in_place`), the places of the arguments that
            are stored in the first one; otherwise None.
        nests: whether results are lists or maps that may be nested more deeply than those that it was given, which is
            looked at where the tool is called.
        checked: whether a result of another type is an error.
        options: the types of which an argument of type ``any`` has one, by its place.
        standard: whether it is a pure standard tool, whose results certainly are of the type ``returns``.
        emits: whether it is the standard tool that fires an event: its function gets the call depth first.
        calls: whether it calls functions of the script: its function gets the call depth first, too.
        context: whether its function gets the call context first.
    """

    key: str
    names: tuple[str, ...]
    types: tuple[ArgType, ...]
    defaults: tuple[object, ...]
    direct: bool
    variadic: bool
    copied: tuple[int, ...]
    watched: bool
    brief: bool
    trusted: bool
    returns: ArgType
    append: bool = False
    nests: bool = False
    pop: bool = False
    stored: tuple[int, ...] | None = None
    checked: bool = False
    options: tuple[tuple[ArgType, ...], ...] = ()
    standard: bool = False
    emits: bool = False
    calls: bool = False
    context: bool = False
