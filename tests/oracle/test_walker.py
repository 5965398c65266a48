"""The tree walker agrees with every conformance case, so that it may judge programs that have none."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript.errors import NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.stdlib import standard_registry
from neuroscript.syntax.parser import parse
from neuroscript.values import text_of, to_json
from tests.conformance.case import ConformanceCase, ParseCase, check_outcome, parse_cases, run_cases

from .checks import check_program
from .used import programs_of
from .walker import Walker

TOOLS = standard_registry()


@pytest.mark.parametrize("case", run_cases(), ids=lambda case: case.name)
def test_case(case: ConformanceCase) -> None:
    emits: list[str] = []
    result: Any = None
    error, message = None, ""
    walker = Walker(tools=TOOLS, emit=lambda value: emits.append(text_of(value)))
    try:
        *used, program = programs_of(case.path)
        if case.entry is None:
            walker.load(*used)
            walker.execute(program)
        else:
            walker.load(*used, program)
            for name, payload in case.events:
                walker.fire(name, payload)
            result = to_json(walker.run(case.entry, *case.args))
    except NeuroScriptError as raised:
        error, message = (int(raised.code), raised.line), str(raised)
    check_outcome(case, emits, result, error, message)


@pytest.mark.parametrize("case", parse_cases(), ids=lambda case: case.name)
def test_parse(case: ParseCase) -> None:
    found = None
    try:
        check_program(parse(case.source, "case.ns", Limits()))
    except NeuroScriptError as error:
        found = error
    assert (found is None) is case.valid, str(found)
    if found is not None:
        assert case.code is None or found.code == case.code
        assert case.line is None or found.line == case.line
