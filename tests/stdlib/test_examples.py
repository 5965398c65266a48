"""The examples that the specs of the tools over values show, and the wholeness of those specs."""

from __future__ import annotations

import importlib
import re

import pytest

from neuroscript import Interpreter
from neuroscript.stdlib import GROUPS, standard_registry
from neuroscript.syntax.tables import KEYWORDS
from neuroscript.tools.call_shape import CallShape
from neuroscript.tools.spec import ToolSpec
from neuroscript.values import same

PURE = ("str", "list", "map", "math", "json", "csv", "text", "regex")
SPECS = [spec for group in PURE for spec, _ in importlib.import_module(GROUPS[group]).TOOLS]

# What the examples of the tools that take functions speak of.
PROCEDURES = """
func double(needs x) means
  return x * 2
endfunc
func negate(needs x) means
  return -x
endfunc
func plus(needs a, b) means
  return a + b
endfunc
func is_even(needs x) means
  return x % 2 == 0
endfunc
func is_even_value(needs key, value) means
  return value % 2 == 0
endfunc
func parity(needs x) means
  if x % 2 == 0
    return "even"
  endif
  return "odd"
endfunc
"""


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_example_is_true(spec: ToolSpec) -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(PROCEDURES, "procedures.ns")
        session = interpreter.session()
        call, separator, result = spec.example.rpartition(" = ")
        assert separator, "the example has no result"
        assert spec.full_name in call
        assert same(session.evaluate(call), session.evaluate(result))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_spec_is_whole(spec: ToolSpec) -> None:
    assert spec.pure
    assert spec.category == spec.group
    assert spec.description.endswith(".")
    assert spec.return_help.endswith(".")
    assert spec.error_conditions.startswith("Error 4")
    for arg in spec.args:
        assert arg.description, arg.name
        assert re.fullmatch("[a-z][a-z0-9_]*", arg.name)
        assert arg.name not in KEYWORDS, "a script could not pass it by name"


def test_the_names_that_scripts_rely_on() -> None:
    names = set(standard_registry().names())
    for group, words in {
        "str": "Contains HasPrefix HasSuffix ToUpper ToLower TrimSpace Split SplitWords Join Concat Replace Substring "
        "Length LineCount MatchRegex FindAllRegex ReplaceRegex ToBase64 FromBase64 ToHex FromHex",
        "list": "Append Prepend Get Slice Contains Reverse Sort Head Rest Tail IsEmpty Length Map Filter Reduce",
        "math": "Add Subtract Multiply Divide Modulo Round Floor Ceil Abs Min Max Sqrt Random",
        "map": "Keys Values Has Merge Delete",
        "json": "Parse Stringify",
        "regex": "Match Find FindAll Groups Replace Split",
    }.items():
        assert {f"{group}.{word}" for word in words.split()} <= names


def test_one_group_is_imported_for_one_tool() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from neuroscript.stdlib import standard_registry; standard_registry().get('math.Add'); "
        "print(sorted(m for m in sys.modules if m.startswith('neuroscript.stdlib.')), 're2' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[0] == "['neuroscript.stdlib.declare', 'neuroscript.stdlib.math'] False"


@pytest.mark.parametrize("group", PURE)
def test_every_function_is_called_as_its_signature_says(group: str) -> None:
    for spec, function in importlib.import_module(GROUPS[group]).TOOLS:
        shape = CallShape.of(spec, function)
        found = standard_registry().lookup(spec.name)
        assert (found.function, found.takes_context, found.is_async, found.context_optional) == (
            shape.function,
            shape.takes_context,
            shape.is_async,
            shape.context_optional,
        )
        assert found.shared_args == set(range(len(spec.args)))
