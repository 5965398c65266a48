"""The generate stage: from an analysed program to Python code objects.

Each body becomes a function, and two if it is specialised; `neuroscript.runtime.abi` has their names.  Every node of
the Python tree carries the script's line and columns, so that a failing operation is found from the traceback.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType

from neuroscript.compiler.analysis.analyse import ProgramAnalysis
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import ProgramContext
from neuroscript.compiler.codegen.functions import FunctionGenerator
from neuroscript.compiler.resolve import Body, Resolved
from neuroscript.compiler.unit import Unit
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.runtime import abi
from neuroscript.runtime.programs import Compiled
from neuroscript.syntax.nodes import Block
from neuroscript.syntax.parser import no_collection


class ProgramGenerator:
    """Generates the code of a program, body by body.

    Python's syntax tree takes about fifty times the memory of the source, and its compiler as much again; so bodies are
    analysed, generated and compiled one after the other, and each is emptied before its last version is compiled.

    Attributes:
        analysis: of the program.
        bodies: those that are left to do, by the names of their functions.
        start: the name of the function that registers the event handlers; empty where the program has none.
        commands: the names of the command blocks' functions.
    """

    def __init__(self, analysis: ProgramAnalysis) -> None:
        self.analysis = analysis
        resolved, load = analysis.resolved, analysis.unit.load
        events = {key: abi.event_handler(load, number) for number, key in enumerate(resolved.body_of_event)}
        self.commands = tuple(abi.command(load, number) for number in range(len(resolved.program.commands)))
        self.bodies = _functions(resolved, events, self.commands)
        handlers: Block = list(resolved.program.handlers)
        self.start = abi.start(load) if handlers else ""
        if handlers:
            self.bodies[self.start] = Body("event", "load", handlers, [], handlers[0].span)
        source = resolved.program
        names = analysis.specialised, analysis.changed_params
        self._context = ProgramContext(analysis.unit, source.source, source.name, *names, events, set())
        resolved.bodies.clear()  # what is kept of a program are its signatures and its metadata

    @property
    def calls(self) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
        """The calls, in the code that has been made, of what the program does not define."""
        return tuple(sorted(self._context.calls))

    def codes(self, identifier: str) -> list[CodeType]:
        """The code of a body's versions, which is made once; its tree is emptied on the way.

        Raises:
            NeuroScriptError: 38 if the body is nested too deeply for Python's compiler.
        """
        with no_collection():
            return [*_codes(self._context, self.analysis, identifier, self.bodies.pop(identifier))]

    def general(self, name: str) -> CodeType:
        """The code of the general body of a procedure."""
        with no_collection():
            identifier = abi.PROCEDURE + name
            *_, version = self.analysis.versions(self.bodies.pop(identifier))
            return _code([FunctionGenerator(self._context, version).function(identifier)], self._context.file)


def generate(analysis: ProgramAnalysis) -> Compiled:
    """Generates the code of a program.

    Raises:
        NeuroScriptError: 38 if the program is nested too deeply for Python's compiler.
    """
    program = ProgramGenerator(analysis)
    codes = [code for identifier in [*program.bodies] for code in program.codes(identifier)]
    late = tuple(sorted(analysis.late))
    return Compiled(tuple(codes), program.start, program.commands, program.calls, analysis.relies, late)


def generate_late(analysis: ProgramAnalysis, compiled: Compiled) -> Compiled:
    """Generates the general bodies that `generate` has left out; gives the code with them.

    Args:
        analysis: of the program, with all its bodies.
        compiled: what `generate` has given.
    """
    program = ProgramGenerator(analysis)
    codes = tuple(map(program.general, compiled.late))
    calls = tuple(sorted({*program.calls, *compiled.calls}))
    known = compiled.start, compiled.commands, calls, compiled.sealed
    return Compiled(compiled.codes, *known, compiled.late, codes)


def _codes(program: ProgramContext, analysis: ProgramAnalysis, identifier: str, body: Body) -> Iterator[CodeType]:
    """Analyses a body, generates the functions of its versions, and compiles them; its tree is emptied on the way."""
    is_late = body.kind == "procedure" and body.name in analysis.late
    values = _procedure_values(program.unit, body)
    for version in analysis.versions(body):
        special = version.special
        name = identifier if special is None else special.identifier
        module: list[ast.stmt] = []
        generator = FunctionGenerator(program, version)
        del version
        if special is not None:
            names = [special.self_identifier]
            if body.name in analysis.fitting:
                names.append(abi.fitting(program.unit.load, body.name))
            module = [py.assign(other, py.name(name)) for other in names]
            for statement in module:
                py.place(statement, body.span)
            if is_late:
                module.append(generator.late(abi.late(program.unit.load, body.name)))
        module.insert(0, generator.function(name))
        module += values
        values = []
        if (special is None or is_late) and not generator.is_long:  # which is the last one
            body.discard()  # before Python's compiler takes its own memory
        del generator
        yield _code(module, program.file)


def _procedure_values(unit: Unit, body: Body) -> list[ast.stmt]:
    """Statements that make the values of the procedures of the program that a body mentions."""
    names = [name for name in body.values - body.variables if name in unit.procedures and name not in unit.globals]
    made: list[ast.stmt] = []
    for name in sorted(names):
        made.append(py.assign(abi.PROCEDURE_VALUE + name, py.call(abi.FUNCTION_OF, py.const(name))))
        py.place(made[-1], body.span)
    return made


def _functions(resolved: Resolved, events: dict[int, str], commands: tuple[str, ...]) -> dict[str, Body]:
    """The bodies of a program in order, by the names of their functions."""
    found: dict[str, Body] = {}
    remaining = iter(commands)
    event_of_body = {id(body): events[key] for key, body in resolved.body_of_event.items()}
    for body in resolved.bodies:
        match body.kind:
            case "procedure":
                found[abi.PROCEDURE + body.name] = body
            case "command":
                found[next(remaining)] = body
            case _:
                found[event_of_body[id(body)]] = body
    return found


def file_of(name: str) -> str:
    """What a program is called in its code; Python's compiler takes no file name that no file could have."""
    return name.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _code(function: list[ast.stmt], name: str) -> CodeType:
    """Compiles a module of one function; ``name`` is the file's in tracebacks."""
    try:
        return compile(ast.Module(function, []), file_of(name), "exec", dont_inherit=True)
    except (RecursionError, MemoryError) as error:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "the program is nested too deeply") from error
