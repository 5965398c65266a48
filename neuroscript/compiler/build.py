"""From a program's text to its code: the stages one after the other.

Imported when there is a program to compile; one that is found in a cache needs neither the parser nor the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from neuroscript.compiler.codegen.calls import Unit
from neuroscript.compiler.codegen.generate import generate
from neuroscript.compiler.resolve import diagnostic, resolve, signature_of
from neuroscript.errors import ErrorCode, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.runtime.programs import Compiled, LoadedProcedure, LoadedProgram, Signature
from neuroscript.syntax.nodes import Procedure
from neuroscript.syntax.parser import parse


def build(
    source: str | bytes,
    name: str,
    limits: Limits,
    known: Mapping[str, LoadedProcedure],
    compiling: Callable[[Callable[[Unit, int], Compiled], Mapping[str, Signature]], Compiled],
) -> tuple[LoadedProgram, Compiled]:
    """Compiles a program.

    Args:
        source: its text.
        name: what it is called in messages.
        limits: what it may be.
        known: procedures that it may not define anew.
        compiling: calls what makes the code with what it is linked against and the number of the load, given the
            signatures of the program's own procedures.

    Raises:
        NeuroScriptSyntaxError: with every finding.
        NeuroScriptError: 38 if the program is nested too deeply for Python's compiler.
    """
    program = parse(source, name, limits)
    resolved = resolve(program)
    found = list(resolved.diagnostics)
    for procedure in program.procedures:
        old = known.get(procedure.name)
        if old is not None:
            message = f"procedure '{procedure.name}' is defined already, in {old.file} on line {old.line}"
            found.append(diagnostic(program, procedure.name_span, "error", ErrorCode.DUPLICATE, message))
    if found:
        raise NeuroScriptSyntaxError(found)
    loaded = LoadedProgram(name, program.metadata, [_loaded(procedure, name) for procedure in program.procedures])
    signatures = {procedure.name: procedure.signature for procedure in loaded.procedures}
    return loaded, compiling(lambda unit, load: generate(resolved, unit, load), signatures)


def _loaded(procedure: Procedure, file: str) -> LoadedProcedure:
    returns = tuple(param.name for param in procedure.returns)
    return LoadedProcedure(signature_of(procedure), returns, procedure.metadata, file, procedure.span[0])
