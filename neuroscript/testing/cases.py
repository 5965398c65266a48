"""Finds tests: the files that hold some, and the tests in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.program_text import ProgramText
from neuroscript.records import record

SUFFIX = "_test.ns"
PREFIX = "test_"
SETUP = "setup"
TEARDOWN = "teardown"


@record(frozen=True)
class Case:
    """A test.

    Attributes:
        program: the file that it is in.
        name: the procedure.
        line: where that begins.
        takes_setup: whether it has a parameter, which gets what ``setup`` returned.
        setup: whether the file has a procedure ``setup``.
        teardown: whether it has a procedure ``teardown``.
        teardown_takes_setup: whether that has a parameter.
    """

    program: ProgramText
    name: str
    line: int
    takes_setup: bool
    setup: bool
    teardown: bool
    teardown_takes_setup: bool

    @property
    def identity(self) -> str:
        """The file and the procedure: ``cart_test.ns::test_total``."""
        return f"{self.program.name}::{self.name}"

    @property
    def short_identity(self) -> str:
        """As `identity`, without the directories, so that it is the same from wherever the tests are run."""
        return f"{os.path.basename(self.program.name)}::{self.name}"


def test_files(directory: str) -> Iterator[str]:
    """The files of tests in a directory and below it, but for what is hidden; links to directories are not followed."""
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.normpath(os.path.join(folder, name))
            # A pipe, whose reading might never end, is none; a link that leads nowhere is told of when it is read.
            if name.endswith(SUFFIX) and not name.startswith(".") and (os.path.isfile(path) or os.path.islink(path)):
                yield path


def cases_in(interpreter: Interpreter, program: ProgramText) -> list[Case]:
    """Loads a file of tests, and gives its tests in the order in which they stand there.

    Raises:
        NeuroScriptError: as `Interpreter.load` does; 19 for a command script; 4 for a test, or a ``setup`` or
            ``teardown``, with parameters that it can't get.
    """
    interpreter.load(program)
    if interpreter.has_commands:
        message = "a file of tests holds procedures, and this one command blocks; make each a procedure test_…"
        raise _at(NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message), program, 0)
    own = [found for found in interpreter.procedures() if found["file"] == program.name]
    by_name = {found["name"]: found for found in own}
    setup, teardown = by_name.get(SETUP), by_name.get(TEARDOWN)
    if setup is not None and setup["needs"]:
        raise _at(_needs(SETUP, setup["signature"], "it takes none"), program, setup["line"])
    if teardown is not None:
        _check(TEARDOWN, teardown, program, setup is not None)
    cases = []
    for found in sorted(own, key=lambda one: one["line"]):
        if not found["name"].startswith(PREFIX):
            continue
        _check(found["name"], found, program, setup is not None)
        cases.append(
            Case(
                program,
                found["name"],
                found["line"],
                bool(found["needs"]),
                setup is not None,
                teardown is not None,
                teardown is not None and bool(teardown["needs"]),
            )
        )
    return cases


def _check(name: str, found: dict[str, Sequence[str]], program: ProgramText, has_setup: bool) -> None:
    """Refuses needed parameters beyond the one that gets what ``setup`` returned."""
    line = found["line"]
    assert isinstance(line, int)
    if len(found["needs"]) > 1:
        raise _at(_needs(name, found["signature"], "it may have one, which gets what setup() returned"), program, line)
    if found["needs"] and not has_setup:
        missing = "it would get what setup() returned, and the file has no procedure setup"
        raise _at(_needs(name, found["signature"], missing), program, line)


def _needs(name: str, signature: object, problem: str) -> NeuroScriptError:
    message = f"{name} has parameters that nobody gives it: {problem}; it is {signature}"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message)


def _at(error: NeuroScriptError, program: ProgramText, line: int) -> NeuroScriptError:
    error.file, error.line, error.column = program.name, line, 1 if line else 0
    return error
