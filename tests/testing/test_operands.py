"""A failed assertion tells the values of its operands; and code that is compiled for tests means what it meant."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.runtime.assertions import Probes
from neuroscript.values import text_of, to_json
from tests.conformance.case import ConformanceCase, check_outcome, run_cases

SETTING = """\
func add(needs a, b) means
  return a + b
endfunc
func probe(needs n, xs, m) means
  set text = "abc"
  must ASSERTION
endfunc
"""


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        ("add(n, 2) == 7", [("add(n, 2)", 5), ("n", 3), ("7", 7)]),
        ("n > 5", [("n", 3)]),
        ("n * 2 + 1 < len(xs)", [("n * 2 + 1", 7), ("n", 3), ("len(xs)", 2), ("xs", [1, 2])]),
        ("m.k.inner == 4", [("m.k.inner", 5), ("m.k", {"inner": 5}), ("m", {"k": {"inner": 5}}), ("4", 4)]),
        ("n == 3 and xs[0] == 2", [("n", 3), ("xs[0]", 1), ("xs", [1, 2])]),
        ("n == 4 and xs[0] == 2", [("n", 3), ("xs", [1, 2])]),  # what was not evaluated has no value
        ("not (n == 3)", [("n", 3)]),
        ("no xs", [("xs", [1, 2])]),
        ('tool.str.Contains(text, "z")', [('tool.str.Contains(text, "z")', False), ("text", "abc")]),
        ("is_string(n)", [("is_string(n)", False), ("n", 3)]),
        ("xs == [1, 3]", [("xs", [1, 2]), ("[1, 3]", [1, 3])]),
        ('{"a": n} == {"a": 4}', [('{"a": n}', {"a": 3}), ("n", 3), ('{"a": 4}', {"a": 4})]),
        ("nothing == 3", [("nothing", None), ("3", 3)]),  # it is not set, and counts as nil
        ("xs + [n] == [1]", [("xs + [n]", [1, 2, 3]), ("xs", [1, 2]), ("n", 3), ("[1]", [1])]),
        ("-n ** 2 > 0", [("-n ** 2", -9), ("n", 3)]),
        ("host == n", [("host", 1), ("n", 3)]),
        ("false", []),
    ],
)
def test_values_of_operands(assertion: str, told: list[tuple[str, Any]]) -> None:
    for handler in ("", "  on error do\n    set seen = system_error_message\n  endon\n"):
        with Interpreter(plugins=False, globals={"host": 1}) as interpreter:
            interpreter.loader.probe(Probes())
            interpreter.load(SETTING.replace("  must", f"{handler}  must").replace("ASSERTION", assertion))
            with pytest.raises(NeuroScriptError) as caught:
                interpreter.run("probe", 3, [1, 2], {"k": {"inner": 5}})
        assert [(operand.text, operand.value) for operand in caught.value.operands] == told


def test_the_error_is_the_same_with_and_without_operands() -> None:
    seen = []
    for probed in (False, True):
        with Interpreter(plugins=False) as interpreter:
            if probed:
                interpreter.loader.probe(Probes())
            interpreter.load(SETTING.replace("ASSERTION", "add(n, 2) == 7"), "x.ns")
            with pytest.raises(NeuroScriptError) as caught:
                interpreter.run("probe", 3, [], {})
            seen.append((str(caught.value), caught.value.stack, caught.value.details))
    assert seen[0] == seen[1]


def test_what_nothing_reads_any_more_is_told_too() -> None:
    text = """\
func changed(needs xs) means
  set xs[0] = 9
  return xs
endfunc
func probe() means
  set xs = [1, 2]
  must changed(xs) == [8, 2]
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        interpreter.loader.probe(Probes())
        interpreter.load(text)
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("probe")
    told = [(one.text, one.value) for one in caught.value.operands]
    assert told == [("changed(xs)", [9, 2]), ("xs", [1, 2]), ("[8, 2]", [8, 2])]


def test_each_evaluation_has_values_of_its_own() -> None:
    text = """\
func f(needs n) means
  return n
endfunc
func probe() means
  set n = 0
  while n < 5
    set n = n + 1
    must f(n) < 3 and f(n * 10) < 1000
  endwhile
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        interpreter.loader.probe(Probes())
        interpreter.load(text)
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("probe")
    assert [(one.text, one.value) for one in caught.value.operands] == [("f(n)", 3), ("n", 3)]


@pytest.mark.parametrize("case", run_cases(), ids=lambda case: case.name)
def test_probed_code_means_the_same(case: ConformanceCase) -> None:
    covered: set[tuple[str, int]] = set()
    lines: set[tuple[str, int]] = set()
    emits: list[str] = []
    result: Any = None
    failure: NeuroScriptError | None = None
    with Interpreter(emit=lambda value: emits.append(text_of(value)), plugins=False) as interpreter:
        probes = Probes(
            lambda file, line: covered.add((file, line)),
            lambda file, found: lines.update((file, line) for line in found),
        )
        interpreter.loader.probe(probes)
        try:
            interpreter.load(case.path)
            for name, payload in case.events:
                interpreter.emit_event(name, payload)
            if case.entry is not None:
                result = to_json(interpreter.run(case.entry, *case.args))
            else:
                interpreter.run_commands()
        except NeuroScriptError as error:
            failure = error
    check_outcome(case, emits, result, None if failure is None else (int(failure.code), failure.line), str(failure))
    # The handlers of a file are registered by statements outside of all bodies.
    text = case.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(text[line - 1].lstrip("\ufeff \t").startswith("on event") for _, line in covered - lines)
