"""The types of variables that may be read before they are set: their own, or that of a function of their name."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError

MAYBE = """func main(needs n) means
  set i = 0
  while i < n
    set v = {made}
    set i = i + 1
  endwhile
  {use}
endfunc
"""
OTHER = "func v(optional a) means\n  return 5\nendfunc\n"
USES = {
    "set x = v[0] + 1\nreturn x": ("[4]", 5, 7),
    'set x = v["k"] + 1\nreturn x': ('{"k": 4}', 5, 7),
    "set x = v.k\nreturn x": ('{"k": 4}', 4, 7),
    "set x = v[0][0] * 2.5 + v[0][1]\nreturn x": ("[[2, 1]]", 6.0, 7),
    "set s = 0\nfor each x in v\nset s = s + x\nendfor\nreturn s": ("[4, 5]", 9, 7),
    "set s = []\nfor each k, x in v\nset s = s + [k]\nendfor\nreturn s": ("[4, 5]", [0, 1], 7),
    "set x = v - 1\nreturn x": ("4", 3, 7),
    "set x = v + 1\nreturn x": ("4", 5, 7),
    'set x = "" + v\nreturn x': ("4", "4", "function<v>"),
    "set x = [v]\nreturn len(x)": ("4", 1, 1),
    "return len(v)": ('"abc"', 3, 7),
    "return v == 4": ("4", True, False),
    'return v[0] == "a" or false': ('"ab"', True, 7),
    "return v(1) + 0": ("4", None, 5),
    "if v < 5\nreturn true\nendif\nreturn false": ("4", True, 7),
    "set v[0] = 7\nreturn v": ("[4]", [7], [7]),
}


def outcome(interpreter: Interpreter, turns: int) -> Any:
    try:
        return interpreter.run("main", turns)
    except NeuroScriptError as error:
        return int(error.code)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_function_of_the_name_is_what_an_unset_variable_means(use: str, when: str) -> None:
    made, value, otherwise = USES[use]
    with Interpreter(plugins=False) as interpreter:
        if when == "before":
            interpreter.load(OTHER, "other.ns")
        interpreter.load(MAYBE.format(made=made, use=use), "main.ns")
        if value is not None:
            assert outcome(interpreter, 1) == value
        if when == "after":
            unset = [7] if use.startswith("set v[0]") else False if use == "return v == 4" else 9
            assert outcome(interpreter, 0) == unset or value is None
            interpreter.load(OTHER, "other.ns")
        assert outcome(interpreter, 0) == otherwise


def test_a_type_constant_of_the_name_is_a_string() -> None:
    text = "func main(needs n) means\nif n\nset TYPE_LIST = [5]\nendif\nreturn TYPE_LIST[0]\nendfunc"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(text)
        assert [interpreter.run("main", n) for n in (True, False)] == [5, "l"]


def test_a_host_s_value_of_the_name_is_no_variable_s() -> None:
    with Interpreter(plugins=False, globals={"v": [9]}) as interpreter:
        interpreter.load("func main(needs n) means\nreturn v[0] + 1\nendfunc")
        assert interpreter.run("main", 0) == 10
