"""The files of a program that uses others (language reference, section 12), wherever they lie."""

from __future__ import annotations

from pathlib import Path

from neuroscript.limits import Limits
from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse


def programs_of(path: Path, limits: Limits | None = None) -> list[nodes.Program]:
    """The programs in a file and in those that it uses, directly or not, each once and after those that it uses."""
    found: dict[Path, nodes.Program | None] = {}

    def add(file: Path, name: str) -> None:
        found[file] = None  # its place among those that are begun, while the files that it uses are added
        program = parse(file.read_bytes(), name, limits or Limits())
        for key, value in program.metadata:
            for entry in value.split(",") if key == "uses" else ():
                used = (file.parent / entry.strip()).resolve()
                if entry.strip().endswith(".ns") and used not in found:
                    add(used, used.name)
        del found[file]
        found[file] = program

    add(path.resolve(), path.name)
    return [program for program in found.values() if program is not None]
