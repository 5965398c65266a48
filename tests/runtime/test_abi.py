"""The names that generated code and the runtime share: what code mentions is there, and nothing of a script's is."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from types import CodeType, FunctionType

import pytest

from neuroscript import Interpreter
from neuroscript.runtime import abi
from neuroscript.runtime.assertions import Probes
from neuroscript.runtime.watching import Watcher
from tests.fuzz.programs import make_case
from tests.fuzz.routines import make_trial

PREFIXES = {"PROCEDURE", "PROCEDURE_VALUE", "VARIABLE", "BUILTIN", "CONSTANT", "GLOBAL", "UNREPLACED"}
PREFIXES |= {"TOOL", "TOOL_FUNCTION", "TOOL_CONSTANT", "TOOL_CHANGE", "TOOL_READER"}
CONSTANTS = {name: value for name, value in vars(abi).items() if name.isupper() and not name.startswith("_")}
HELPERS = {name: value for name, value in CONSTANTS.items() if type(value) is str} | {name: name for name in abi.PYTHON}

IN_TESTS = {"COVERED", "MUST_EXPLAINED", "NOTE"}
"""What only code that is compiled for tests mentions."""

WATCHED = {"BEGIN", "TURN", "RESULT", "LEFT"}
"""What only code that is watched mentions."""

ATTRIBUTES = frozenset({"append", "pop", "owner", "entries", "fitting", "message", "code", "name", "payload", "source"})


def mentioned(code: CodeType) -> Iterator[str]:
    """The globals and attributes that a function and its inner functions name."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from mentioned(constant)


@pytest.mark.parametrize("helper", sorted(HELPERS.keys() - PREFIXES - {"DEPTH", "SESSION_LAST"}))
def test_every_helper_is_in_the_namespace(helper: str) -> None:
    interpreter = Interpreter(plugins=False)
    if helper in IN_TESTS:
        assert HELPERS[helper] not in interpreter.runtime.namespace
        interpreter.loader.probe(Probes(covered=lambda file, line: None))
    if helper in WATCHED:
        assert HELPERS[helper] not in interpreter.runtime.namespace
        interpreter.loader.watch(Watcher())
    assert HELPERS[helper] in interpreter.runtime.namespace


def test_no_two_helpers_have_one_name() -> None:
    assert len(set(HELPERS.values())) == len(HELPERS)


@pytest.mark.parametrize("procedure", ["total", "t1_total", "_", "e_1_0", "é"])
def test_the_names_of_functions_are_read_as_they_are_written(procedure: str) -> None:
    general, specialised = abi.PROCEDURE + procedure, abi.specialised(12, procedure)
    assert [abi.shown_name(function) for function in (general, specialised)] == [procedure, procedure]
    assert abi.general(specialised) == general
    others = {abi.event_handler(12, 3): "event handler", abi.command(12, 3): "command", abi.start(12): "load"}
    assert {function: abi.shown_name(function) for function in others} == others
    for function in (general, abi.specialised_self(12, procedure), *others):
        assert abi.general(function) == ""
        assert not abi.is_late(function)
    late = abi.late(12, procedure)
    assert [abi.is_late(late), abi.shown_name(late), abi.general(late)] == [True, procedure, ""]
    assert not abi.is_late(general)


@pytest.mark.parametrize("seed", range(40))
def test_code_mentions_what_is_there(seed: int) -> None:
    for source in (make_case(Random(seed)).source, make_trial(Random(seed)).source):
        interpreter = Interpreter(plugins=False)
        interpreter.load(source)
        namespace = interpreter.runtime.namespace
        # What a load defines has its file's name; the runtime's own functions stand beside it.
        made = [one for one in namespace.values() if isinstance(one, FunctionType) and one.__globals__ is namespace]
        assert made
        for function in made:
            names = set(mentioned(function.__code__))
            assert names <= namespace.keys() | ATTRIBUTES


@pytest.mark.parametrize("name", ["_add", "UNSET", "int", "d", "append", "__builtins__", "p_main", "v_x", "_fuel"])
def test_a_script_s_names_meet_none_of_them(name: str) -> None:
    with Interpreter(plugins=False) as interpreter:
        before = interpreter.runtime.namespace.get(name)
        interpreter.load(f"func {name}_(needs {name}) means\n  set {name} = {name} + 1\n  return {name}\nendfunc\n")
        assert interpreter.run(f"{name}_", 1) == 2
        if name != abi.FUEL:  # each run has its own
            assert interpreter.runtime.namespace.get(name) is before
