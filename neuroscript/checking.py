"""Checks a program and the files that it uses, without loading them: errors, warnings and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neuroscript.compiler.build import duplicates
from neuroscript.compiler.resolve import Resolved, resolve, signature_of
from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.lint.linter import lint
from neuroscript.runtime.programs import LoadedProcedure, Signature
from neuroscript.syntax.parser import parse
from neuroscript.uses import SourceFile, following, source_file, uses_of, without_lines

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.program_text import Metadata, ProgramText

NOTE = "note"
_ENTRY = "main"


def check(interpreter: Interpreter, text: ProgramText, beside: Sequence[ProgramText]) -> list[Diagnostic]:
    """Everything that is wrong with a program and the files that it uses, each file after those that it uses.

    Args:
        interpreter: the one with the tools, globals, policy and directories that the program may use.
        text: the program.
        beside: all other programs that are loaded beside it.
    """
    checker = _Checker(interpreter)
    files = checker.read(text)
    others = [file for other in beside for file in _Checker(interpreter).read(other)]
    known = {
        name: signature
        for file in (*others, *files)
        if file.resolved is not None
        for name, signature in _signatures(file.resolved).items()
    }
    defined: dict[str, LoadedProcedure] = {}
    found = checker.found
    is_partial = bool(found)  # what could not be read may define anything
    for file in files:
        resolved = file.resolved
        if resolved is None:
            continue
        found += resolved.diagnostics
        found += duplicates(resolved, defined)
        for procedure in resolved.program.procedures:
            name = resolved.program.name
            loaded = LoadedProcedure(signature_of(procedure), (), procedure.metadata, name, procedure.span[0])
            defined.setdefault(procedure.name, loaded)
        warnings = lint(resolved, interpreter, known)
        # Another program that is loaded with a library may have what the library calls.
        is_open = is_partial or (not beside and _is_library(resolved))
        found += [_noted(one) for one in warnings] if is_open else warnings
    order = {file.name: number for number, file in enumerate(files)}
    found.sort(key=lambda one: (order.get(one.file, len(order)), one.line, one.column))
    return without_lines(interpreter, found, text.name)


@dataclass(frozen=True, slots=True)
class _File:
    """One file; ``resolved`` is None where it is no program."""

    name: str
    resolved: Resolved | None


class _Checker:
    """Reads a program and the files that it uses; ``found`` has what keeps some of it from being read."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self.found: list[Diagnostic] = []

    def read(self, text: ProgramText) -> list[_File]:
        main, metadata, _ = self._read(source_file(text))
        if not uses_of(metadata):
            return [main]
        file, follower = following(self._interpreter, text, self._note)
        try:
            return [made for _, made in follower.follow(file, main, metadata, self._read)]
        except NeuroScriptError as error:  # a limit of the host, which has no place in the program
            self.found.append(Diagnostic(1, 1, "error", error.code, error.message, text.name))
            return [main]

    def _read(self, source: SourceFile) -> tuple[_File, Metadata, bool]:
        try:
            program = parse(source.content, source.name, self._interpreter.limits)
        except NeuroScriptSyntaxError as error:
            self._note(error)
            return _File(source.name, None), [], False
        return _File(source.name, resolve(program)), program.metadata, bool(program.commands)

    def _note(self, error: NeuroScriptSyntaxError) -> None:
        self.found += error.diagnostics


def _signatures(resolved: Resolved) -> dict[str, Signature]:
    return {procedure.name: signature_of(procedure) for procedure in resolved.program.procedures}


def _is_library(resolved: Resolved) -> bool:
    """Whether a file is made for other programs: nothing in it is where a run begins."""
    program = resolved.program
    return not program.commands and all(procedure.name != _ENTRY for procedure in program.procedures)


def _noted(found: Diagnostic) -> Diagnostic:
    return replace(found, severity=NOTE) if found.code == ErrorCode.PROC_NOT_FOUND else found
