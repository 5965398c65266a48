"""The names that generated code and the runtime share: what code mentions is there, and nothing of a script's is."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from types import CodeType, FunctionType

import pytest

from neuroscript import Interpreter
from neuroscript.runtime import abi
from tests.fuzz.programs import make_case
from tests.fuzz.routines import make_trial

PREFIXES = {"PROCEDURE", "VARIABLE", "TOOL", "TOOL_FUNCTION", "BUILTIN"}
HELPERS = {name: value for name, value in vars(abi).items() if name.isupper() and type(value) is str} | {
    name: name for name in abi.PYTHON
}


def mentioned(code: CodeType) -> Iterator[str]:
    """The globals and attributes that a function and its inner functions name."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from mentioned(constant)


@pytest.mark.parametrize("helper", sorted(HELPERS.keys() - PREFIXES - {"DEPTH"}))
def test_every_helper_is_in_the_namespace(helper: str) -> None:
    assert HELPERS[helper] in Interpreter(plugins=False).runtime.namespace


def test_no_two_helpers_have_one_name() -> None:
    assert len(set(HELPERS.values())) == len(HELPERS)


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
            assert names <= namespace.keys() | {"append"}


@pytest.mark.parametrize("name", ["_add", "UNSET", "int", "d", "append", "__builtins__", "p_main", "v_x", "_fuel"])
def test_a_script_s_names_meet_none_of_them(name: str) -> None:
    with Interpreter(plugins=False) as interpreter:
        before = interpreter.runtime.namespace.get(name)
        interpreter.load(f"func {name}_(needs {name}) means\n  set {name} = {name} + 1\n  return {name}\nendfunc\n")
        assert interpreter.run(f"{name}_", 1) == 2
        if name != abi.FUEL:  # each run has its own
            assert interpreter.runtime.namespace.get(name) is before
