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


def generate(analysis: ProgramAnalysis) -> Compiled:
    """Generates the code of a program.

    The bodies are analysed, generated and compiled one after the other, and each is emptied before its last version is
    compiled: Python's syntax tree takes about fifty times the memory of the source, and its compiler as much again.

    Raises:
        NeuroScriptError: 38 if the program is nested too deeply for Python's compiler.
    """
    resolved, load = analysis.resolved, analysis.unit.load
    events, commands = _names(resolved, load)
    functions = _functions(resolved, events, commands)
    handlers: Block = list(resolved.program.handlers)
    start = abi.start(load) if handlers else ""
    if handlers:
        functions.append((start, Body("event", "load", handlers, [], handlers[0].span)))
    program = _context(analysis, events)
    resolved.bodies.clear()  # what is kept of a program are its signatures and its metadata
    functions.reverse()
    codes: list[CodeType] = []
    with no_collection():
        while functions:
            codes += _codes(program, analysis, *functions.pop(), resolved.program.name)
    late = tuple(sorted(analysis.late))
    return Compiled(tuple(codes), start, commands, tuple(sorted(program.calls)), analysis.relies, late)


def generate_late(analysis: ProgramAnalysis, compiled: Compiled) -> Compiled:
    """Generates the general bodies that `generate` has left out; gives the code with them.

    Args:
        analysis: of the program, with all its bodies.
        compiled: what `generate` has given.
    """
    resolved = analysis.resolved
    program = _context(analysis, _names(resolved, analysis.unit.load)[0])
    codes = []
    with no_collection():
        for body in resolved.bodies:
            if body.kind == "procedure" and body.name in compiled.late:
                *_, version = analysis.versions(body)
                function = FunctionGenerator(program, version).function(abi.PROCEDURE + body.name)
                codes.append(_code([function], resolved.program.name))
    calls = tuple(sorted(program.calls.union(compiled.calls)))
    known = compiled.start, compiled.commands, calls, compiled.sealed
    return Compiled(compiled.codes, *known, compiled.late, tuple(codes))


def _names(resolved: Resolved, load: int) -> tuple[dict[int, str], tuple[str, ...]]:
    """The names of the functions of event handlers, by the ``id`` of the node, and of command blocks."""
    events = {key: abi.event_handler(load, number) for number, key in enumerate(resolved.body_of_event)}
    return events, tuple(abi.command(load, number) for number in range(len(resolved.program.commands)))


def _context(analysis: ProgramAnalysis, events: dict[int, str]) -> ProgramContext:
    source = analysis.resolved.program
    names = analysis.specialised, analysis.changed_params
    return ProgramContext(analysis.unit, source.source, source.name, *names, events, set())


def _codes(
    program: ProgramContext, analysis: ProgramAnalysis, identifier: str, body: Body, file: str
) -> Iterator[CodeType]:
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
        yield _code(module, file)


def _procedure_values(unit: Unit, body: Body) -> list[ast.stmt]:
    """Statements that make the values of the procedures of the program that a body mentions."""
    names = (body.values - body.variables).intersection(unit.procedures) - unit.globals
    made: list[ast.stmt] = []
    for name in sorted(names):
        made.append(py.assign(abi.PROCEDURE_VALUE + name, py.call(abi.FUNCTION_OF, py.const(name))))
        py.place(made[-1], body.span)
    return made


def _functions(resolved: Resolved, events: dict[int, str], commands: tuple[str, ...]) -> list[tuple[str, Body]]:
    """The bodies of a program in order, each with the name of its function."""
    found: list[tuple[str, Body]] = []
    remaining = iter(commands)
    event_of_body = {id(body): events[key] for key, body in resolved.body_of_event.items()}
    for body in resolved.bodies:
        match body.kind:
            case "procedure":
                found.append((abi.PROCEDURE + body.name, body))
            case "command":
                found.append((next(remaining), body))
            case _:
                found.append((event_of_body[id(body)], body))
    return found


def _code(function: list[ast.stmt], name: str) -> CodeType:
    """Compiles a module of one function; ``name`` is the file's in tracebacks."""
    # Python's compiler takes no file name that no file could have.
    file = name.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    try:
        return compile(ast.Module(function, []), file, "exec", dont_inherit=True)
    except (RecursionError, MemoryError) as error:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "the program is nested too deeply") from error
