"""What the tests of compiled programs share: a program in, what it did out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from neuroscript import Interpreter, NeuroScriptError


@dataclass(slots=True)
class Outcome:
    """What a run emitted, and its result or its error."""

    emitted: list[Any]
    result: Any = None
    error: NeuroScriptError | None = None

    @property
    def code(self) -> int:
        """The error's code, 0 where there is none."""
        return 0 if self.error is None else int(self.error.code)

    @property
    def place(self) -> tuple[int, int]:
        """The error's line and column."""
        assert self.error is not None
        return self.error.line, self.error.column


@dataclass(slots=True)
class Seen:
    """The lists and maps that a program showed to ``tool.probe.See``, by identity."""

    identities: list[int] = field(default_factory=list)

    @property
    def copies(self) -> int:
        """How often the value that was shown was another object than the time before."""
        pairs = zip(self.identities, self.identities[1:], strict=False)
        return sum(before != after for before, after in pairs)


def procedure(text: str, name: str = "main", signature: str = "(optional a, b)") -> str:
    """A procedure of that text; its first line is line 2 of the source."""
    lines = "\n".join(f"  {line}" for line in text.strip("\n").splitlines())
    return f"func {name}{signature} means\n{lines}\nendfunc\n"


def run(text: str, *args: Any, more: str = "", **options: Any) -> Outcome:
    """Runs a body as procedure ``main``.

    Args:
        text: the statements; the first line is line 2.
        args: what ``a`` and ``b`` get.
        more: procedures that stand behind it.
        options: those of the interpreter.
    """
    outcome = Outcome([])
    with Interpreter(emit=outcome.emitted.append, plugins=False, **options) as interpreter:
        try:
            interpreter.load(procedure(text) + more, "main.ns")
            outcome.result = interpreter.run("main", *args)
        except NeuroScriptError as error:
            outcome.error = error
    return outcome


def mentioned(source: str, function: str = "p_main", *, late: bool = False) -> frozenset[str]:
    """The names of the runtime that the code of a function mentions, which tell what it looks at.

    Args:
        source: a program.
        function: the function's name; that of a specialised body is ``t_`` and the procedure's.
        late: whether to look at a general body that is made when it is called.
    """
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source)
        interpreter.loader.compile_all()
        if late:
            interpreter.loader.late_bodies[1].function(function.removeprefix("p_"))
        found = [
            code.__code__.co_names
            for name, code in interpreter.runtime.namespace.items()
            if name == function or (function[:2] == "t_" and re.fullmatch(rf"t\d+_{function[2:]}", name))
        ]
    assert len(found) <= 1
    return frozenset(found[0]) if found else frozenset()


def watch(interpreter: Interpreter) -> Seen:
    """Registers ``tool.probe.See(value)``, a library function that notes which object it was given."""
    seen = Seen()

    def see(value: Any) -> None:
        seen.identities.append(id(value))

    interpreter.tool("probe.See", pure=True)(see)
    return seen
