"""Procedures whose code is made when they are called for the first time.

What can be wrong with a program is found when it is loaded: it is parsed, resolved and checked whole.  The analyses,
the generation of code and Python's own compiler take most of the time and serve only what is called, so they wait for
the first call: the analyses, which look at all procedures together, for that of any procedure, and the rest for that of
each one.

Until then a program's tree is kept, or its text alone: trees take fifty times the room, and there is a bound on all
that a process keeps.  A program whose tree is gone is parsed once more, and then all that is left of it is compiled.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from types import CodeType

from neuroscript.compiler.analysis.analyse import analyse
from neuroscript.compiler.codegen.generate import ProgramGenerator, file_of
from neuroscript.compiler.resolve import Resolved
from neuroscript.compiler.unit import Unit
from neuroscript.runtime import abi
from neuroscript.runtime.programs import Made
from neuroscript.syntax.parser import no_collection

_MOST_KEPT = 128 * 1024  # characters of all programs whose trees are kept
_DEEPEST = 24  # blocks inside one another; Python's compiler takes them wherever it is called
_MOST_LET_GO = 100  # arguments that a stub does not hold
_LONGEST = 400  # parts of an expression, which may as well stand inside one another
_LOAD, _IDENTIFIER = "load", "identifier"  # what stands in the pattern of a stub for the two


def can_wait(resolved: Resolved) -> bool:
    """Whether a program has procedures that certainly can be compiled, so that this may wait.

    One that Python's compiler may find to be nested too deeply is an error of the load.
    """
    bodies = resolved.bodies
    if any(body.depth > _DEEPEST or body.longest > _LONGEST for body in bodies):
        return False
    procedures = sum(body.kind == "procedure" for body in bodies)
    # What is no procedure needs the analyses at once, which a long program would need once more.
    return procedures == len(bodies) > 0 or (procedures > 0 and len(resolved.program.source) <= _MOST_KEPT)


class Deferred:
    """The procedures of one program, for all interpreters that have loaded it under the same circumstances.

    Args:
        resolved: the program, without errors.
        unit: what it is compiled against, when it is loaded and later.
        again: parses and resolves the program once more.

    Attributes:
        codes: all code that has been made, in the order in which it was.
        start: the name of the function that registers the event handlers; empty where the program has none.
        commands: the names of the command blocks' functions.
        calls: the calls, in the code that the load runs, of what the program does not define.
        specialised: the names of the functions of specialised bodies, by procedure, from the first call on.
    """

    def __init__(self, resolved: Resolved, unit: Unit, again: Callable[[], Resolved]) -> None:
        self.codes: list[CodeType] = []
        self.start = ""
        self.commands: tuple[str, ...] = ()
        self.calls: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
        self.specialised: dict[str, str] = {}
        self._unit = unit
        self._again = again
        self._length = len(resolved.program.source)
        self._file = file_of(resolved.program.name)
        self._lines = {procedure.name: procedure.span[0] for procedure in resolved.program.procedures}
        self._stubs: dict[str, CodeType] = {}
        self._made: dict[str, Made] = {}
        self._general: Made | None = None
        self._late: frozenset[str] = frozenset()
        self._resolved: Resolved | None = resolved
        self._program: ProgramGenerator | None = None
        self._lock = threading.Lock()
        for tool in dict.fromkeys(tool for body in resolved.bodies for tool in body.tools):
            unit.linker.tool(tool)
        if any(body.kind != "procedure" for body in resolved.bodies):
            self._make_others()
        _TREES.keep(self, self._length)

    def stub(self, name: str, identifier: str) -> CodeType:
        """The code of a function that stands for a procedure's until that is called.

        Args:
            name: the procedure's.
            identifier: the name of the procedure's function that it stands for.
        """
        code = self._stubs.get(identifier)
        if code is None:
            signature, load = self._unit.procedures[name], self._unit.load
            pattern = _pattern(signature.needs, signature.optional)
            known = {_LOAD: load, _IDENTIFIER: identifier}
            constants = tuple([known.get(one, one) if type(one) is str else one for one in pattern.co_consts])
            shown = abi.late(load, name)
            code = self._stubs[identifier] = pattern.replace(
                co_consts=constants,
                co_name=shown,
                co_qualname=shown,
                co_filename=self._file,
                co_firstlineno=self._lines[name],
            )
        return code

    def code(self, name: str) -> Made:
        """The code of a procedure, which is made now if no interpreter has called it yet."""
        with self._lock, no_collection():  # not while the analyses keep what they find either
            made = self._made.get(name)
            if made is None:
                is_again = self._resolved is None and self._program is None
                try:
                    made = self._make(name)
                    while is_again and self._program is not None and self._program.bodies:
                        self._make(next(iter(self._program.bodies)).removeprefix(abi.PROCEDURE))
                except BaseException:  # what was begun cannot be gone on with, and is begun anew at the next call
                    self._drop()
                    raise
                if self._program is not None and self._program.bodies:
                    _TREES.keep(self, self._length)
                else:
                    self._drop()
                    _TREES.forget(self)
            return made

    def general(self) -> Made:
        """The general bodies that the procedures' code leaves out, which are made now if they have not been yet."""
        with self._lock, no_collection():
            if self._general is None:
                program = ProgramGenerator(analyse(self._again(), self._unit.whole()))
                codes = tuple(map(program.general, sorted(self._late)))
                self._general = Made(codes, program.calls)
                self.codes += codes
            return self._general

    def let_go(self) -> None:
        """Keeps the program's text alone, unless its tree is in use."""
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()

    def _drop(self) -> None:
        self._resolved = self._program = None

    def _analysed(self) -> ProgramGenerator:
        program = self._program
        if program is None:
            resolved = self._resolved or self._again()
            self._resolved = None
            analysis = analyse(resolved, self._unit)
            self.specialised = {name: special.identifier for name, special in analysis.specialised.items()}
            self._late = analysis.late
            program = self._program = ProgramGenerator(analysis)
            for name in self._made:
                del program.bodies[abi.PROCEDURE + name]
        return program

    def _make(self, name: str) -> Made:
        program = self._analysed()
        codes = tuple(program.codes(abi.PROCEDURE + name))
        made = self._made[name] = Made(codes, program.calls)
        self.codes += codes
        return made

    def _make_others(self) -> None:
        """Makes the code of all that is no procedure: the load runs it, or what follows the load at once."""
        program = self._analysed()
        self.start, self.commands = program.start, program.commands
        for identifier in [name for name in program.bodies if not name.startswith(abi.PROCEDURE)]:
            self.codes += program.codes(identifier)
        self.calls = program.calls


class _Trees:
    """The programs of the process whose trees are kept, those that were used last, up to a bound of their length."""

    def __init__(self) -> None:
        self._programs: OrderedDict[Deferred, int] = OrderedDict()
        self._length = 0
        self._lock = threading.Lock()

    def keep(self, program: Deferred, length: int) -> None:
        """Adds a program, or notes that it is in use; has others let go of their trees where there are too many."""
        gone = [] if length <= _MOST_KEPT else [program]
        with self._lock:
            if gone:
                length = 0
            self._length += length - self._programs.pop(program, 0)
            self._programs[program] = length
            while self._length > _MOST_KEPT:
                oldest, taken = self._programs.popitem(last=False)
                self._length -= taken
                gone.append(oldest)
        for one in gone:
            one.let_go()

    def forget(self, program: Deferred) -> None:
        """Takes out a program that is compiled."""
        with self._lock:
            self._length -= self._programs.pop(program, 0)


_TREES = _Trees()


@lru_cache(maxsize=256)
def _pattern(needs: tuple[str, ...], optional: tuple[str, ...]) -> CodeType:
    """The code of a stub for a procedure with these parameters.

    It calls the procedure's function, which is there from then on, and holds none of the arguments meanwhile, so that
    nothing is copied for its sake; very many it does hold, rather than be long itself.
    """
    names = [abi.VARIABLE + name for name in (*needs, *optional)]
    given = "".join(f", ({name}, {name} := None)[0]" for name in names)
    first = f"{abi.FIRST_CALL}({_LOAD!r}, {_IDENTIFIER!r})"
    if len(names) <= _MOST_LET_GO:
        text = f"def stub({', '.join([abi.DEPTH, *names])}): return {first}({abi.DEPTH}{given})"
    else:
        text = f"def stub(*given, **named): return {first}(*given, **named)"
    [code] = [part for part in compile(text, "", "exec").co_consts if isinstance(part, CodeType)]
    return code
