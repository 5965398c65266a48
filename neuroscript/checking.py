"""Checks a program and the files that it uses, without loading them: errors, warnings and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from neuroscript.compiler.build import duplicates
from neuroscript.compiler.resolve import Resolved, resolve, signature_of
from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.lint.linter import lint
from neuroscript.lint.rules import RULES
from neuroscript.program_text import USES
from neuroscript.runtime.programs import LoadedProcedure, Signature
from neuroscript.syntax.parser import parse
from neuroscript.uses import SUFFIX, SourceFile, Use, diagnostic, following, source_file, uses_of, without_lines

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.program_text import Metadata, ProgramText
    from neuroscript.sandbox.protection import Identity
    from neuroscript.syntax import nodes as n

NOTE = "note"
_ENTRY = "main"
_KEYS = frozenset(("uses", "use", "using", "import", "imports", "include", "includes", "require", "requires"))
"""Keys, in small letters, that are written where `uses` is meant."""
_COMMENT = re.compile(r"[ \t]+(?:#|--|//).*", re.DOTALL)
_ROUND_PATHS = " \t\"'`<>[](){};"  # what may stand round a path, and is no part of it


def check(
    interpreter: Interpreter,
    text: ProgramText,
    beside: Sequence[ProgramText],
    edited: Mapping[Identity, str] = MappingProxyType({}),
) -> list[Diagnostic]:
    """Everything that is wrong with a program and the files that it uses, each file after those that it uses.

    Args:
        interpreter: the one with the tools, globals, policy and directories that the program may use.
        text: the program.
        beside: all other programs that are loaded beside it.
        edited: the texts that count in place of what is in files, which are open in an editor.
    """
    checker = _Checker(interpreter, edited)
    files = checker.read(text)
    others = [file for other in beside for file in _Checker(interpreter, edited).read(other)]
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
        warnings = lint(resolved, interpreter, known, misspelt_uses(resolved.program))
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

    def __init__(self, interpreter: Interpreter, edited: Mapping[Identity, str]) -> None:
        self._interpreter = interpreter
        self._edited = edited
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
        content = source.content
        if source.identity is not None:
            content = self._edited.get(source.identity, content)
        try:
            program = parse(content, source.name, self._interpreter.limits)
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


# --- uses that are written wrongly -----------------------------------------------------------------------------------


def misspelt_uses(program: n.Program) -> Iterator[Diagnostic]:
    """The findings about metadata that was surely meant to use a file, and is a remark."""
    file = SourceFile(program.source, program.name)
    for number, (key, value) in enumerate(program.metadata):
        for entry in value.split(","):
            meant = _path_meant(key, entry)
            if meant and key != USES:
                yield _misspelt(file, Use(key, number), f"the key that uses a file is `{USES}`, not `{key}`")
                break
            if meant and not entry.strip().endswith(SUFFIX):
                message = f"this names no file to use, since it does not end in `{SUFFIX}`: write `{meant}` alone"
                yield _misspelt(file, Use(entry.strip(), number), message)
    headers = [(each.metadata, each.span[2]) for each in program.procedures]
    headers += [(each.metadata, each.span[2]) for each in program.commands]
    for metadata, line in headers:
        for number, (key, value) in enumerate(metadata):
            if any(_path_meant(key, entry) for entry in value.split(",")):
                message = f"no file is used here: `:: {USES}: …` stands before everything else in the file"
                yield _misspelt(file, Use(key, number), message, line)


def _path_meant(key: str, entry: str) -> str:
    """The path in an entry under a key that is, or looks like, `uses`; empty if it holds none."""
    if key.lower() not in _KEYS:
        return ""
    path = _COMMENT.sub("", entry).strip(_ROUND_PATHS)
    stem = path[: -len(SUFFIX)]
    return stem + SUFFIX if stem and path.lower().endswith(SUFFIX) else ""


def _misspelt(file: SourceFile, use: Use, message: str, after: int = 0) -> Diagnostic:
    rule = RULES["misspelt-use"]
    found = diagnostic(file, use, rule.error, message, after)
    return replace(found, severity=rule.severity, rule=rule.code, rule_name=rule.name)
