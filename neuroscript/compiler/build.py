"""The stages of the compiler, in order: parse and resolve (the front end), analyse and generate (the back end).

Between the two the program is known to be correct, and the interpreter settles what it is compiled against: a `Unit`.

Imported when there is a program to compile; one that is found in a cache needs neither the parser nor the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from neuroscript.compiler.analysis.analyse import analyse
from neuroscript.compiler.codegen.generate import generate, generate_late
from neuroscript.compiler.deferred import Deferred, can_wait
from neuroscript.compiler.resolve import Resolved, diagnostic, resolve, signature_of
from neuroscript.compiler.unit import Unit
from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.runtime.programs import Compiled, LoadedProcedure, LoadedProgram
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse


def front_end(source: str | bytes, name: str, limits: Limits, known: Mapping[str, LoadedProcedure]) -> Resolved:
    """Parses and resolves a program.

    Args:
        source: its text.
        name: what it is called in messages.
        limits: how long it may be, and how deeply nested.
        known: the procedures that it may not define anew.

    Raises:
        NeuroScriptSyntaxError: with every finding.
    """
    program = parse(source, name, limits)
    resolved = resolve(program)
    raise_errors(resolved, known)
    return resolved


def back_end(resolved: Resolved, unit: Unit) -> Compiled:
    """Analyses a program and generates its code; the program's tree is emptied on the way.

    Args:
        resolved: the program, without errors.
        unit: what it is compiled against.

    Raises:
        NeuroScriptError: 38 if the program is nested too deeply for Python's compiler.
    """
    analysis = analyse(resolved, unit)
    return generate(analysis)


def deferred(resolved: Resolved, unit: Unit, again: Callable[[], Resolved]) -> Compiled:
    """Leaves the code of a program's procedures for their first calls, where that can be; else as `back_end`.

    Args:
        resolved: the program, without errors.
        unit: what it is compiled against, when it is loaded and later.
        again: parses and resolves the program once more.
    """
    if not can_wait(resolved):
        return back_end(resolved, unit)
    made = Deferred(resolved, unit, again)
    return Compiled(tuple(made.codes), made.start, made.commands, made.calls, sealed=True, deferred=made)


def complete(resolved: Resolved, unit: Unit, compiled: Compiled) -> Compiled:
    """Generates the general bodies that `back_end` has left out of a program's code.

    Args:
        resolved: the program, once more.
        unit: what it was compiled against, and which leaves out nothing.
        compiled: its code.
    """
    return generate_late(analyse(resolved, unit), compiled)


def raise_errors(resolved: Resolved, known: Mapping[str, LoadedProcedure]) -> None:
    """Raises all errors of a resolved program, if there are any; a procedure that is known already is one."""
    found = [*resolved.diagnostics, *duplicates(resolved, known)]
    if found:
        raise NeuroScriptSyntaxError(found)


def duplicates(resolved: Resolved, known: Mapping[str, LoadedProcedure]) -> list[Diagnostic]:
    """The errors of a program that defines what is known already."""
    found = []
    for procedure in resolved.program.procedures:
        old = known.get(procedure.name)
        if old is not None:
            message = f"procedure '{procedure.name}' is defined already, in {old.file} on line {old.line}"
            found.append(diagnostic(resolved.program, procedure.name_span, "error", ErrorCode.DUPLICATE, message))
    return found


def loaded_program(program: n.Program) -> LoadedProgram:
    """The part of a program that is kept when it has been compiled."""
    procedures = [
        LoadedProcedure(
            signature_of(procedure),
            tuple(param.name for param in procedure.returns),
            procedure.metadata,
            program.name,
            procedure.span[0],
        )
        for procedure in program.procedures
    ]
    return LoadedProgram(program.name, program.metadata, procedures)
