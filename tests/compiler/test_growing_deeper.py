"""A record that comes to hold itself, over and over, reaches the limit of nesting wherever in it that is."""

from __future__ import annotations

import pytest

from neuroscript import ErrorCode, Interpreter, Limits, NeuroScriptError

DEEPEST = 40

SOURCE = """
func wrapped(needs x) means
  return {literal}
endfunc

func grow(needs x, turns) means
  set i = 0
  while i < turns
    {statement}
    set i = i + 1
  endwhile
  return i
endfunc

func plain(needs turns) means
  set x = {first}
  set i = 0
  while i < turns
    {statement}
    set i = i + 1
  endwhile
  return i
endfunc

func passed(needs turns) means
  return grow({first}, turns)
endfunc
"""

LITERALS = [
    '{"next": x}',
    '{"a": 1, "next": x}',
    '{"next": x, "z": 0}',
    '{"a": 1, "next": x, "z": 0}',
    '{"a": 1, "b": "s", "next": x, "y": true, "z": 0.5}',
    '{"a": [1], "next": x, "z": {"k": 1}}',
    '{"a": {"k": 1}, "next": x, "z": []}',
    '{"a": 1, "t": [1, 2], "next": x, "m": {}, "z": 0}',
    '{"a": 1, "inner": [x], "z": 1}',
    '{"a": 1, "inner": [0, x], "z": 1}',
    '{"a": 1, "inner": {"a": 1, "x": x, "b": 2}, "z": 1}',
]
STATEMENTS = ["set x = {literal}", "set x = wrapped(x)", "set x.next = {literal}"]


def interpreter(literal: str, statement: str) -> Interpreter:
    made = Interpreter(plugins=False, limits=Limits(max_nesting=DEEPEST))
    source = SOURCE.replace("{statement}", statement).replace("{literal}", literal)
    made.load(source.replace("{first}", literal.replace("x", "nil") if "nex" not in literal else '{"a": 1}'))
    return made


@pytest.mark.parametrize("procedure", ["plain", "passed", "grow"])
@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("literal", LITERALS)
def test_a_record_that_holds_itself_over_and_over_reaches_the_limit(
    literal: str, statement: str, procedure: str
) -> None:
    args = (100,) if procedure != "grow" else ({"a": 1, "next": None, "z": 0}, 100)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter(literal, statement).run(procedure, *args)
    assert raised.value.code == ErrorCode.NESTING_DEPTH_EXCEEDED


@pytest.mark.parametrize("literal", LITERALS[:5])  # in which nothing else is a list or map
def test_the_limit_is_reached_at_the_same_depth_wherever_that_is(literal: str) -> None:
    made = interpreter(literal, "set x = {literal}")
    assert made.run("grow", 1, DEEPEST) == DEEPEST
    with pytest.raises(NeuroScriptError):
        made.run("grow", 1, DEEPEST + 1)


def test_branches_of_different_depth_are_not_added_up() -> None:
    library = """
func chain(needs n) means
  set x = 1
  while n > 0
    set x = {"next": x}
    set n = n - 1
  endwhile
  return x
endfunc

func both(needs a, b) means
  set x = {"first": chain(a), "n": 1, "last": chain(b)}
  return len([x, 1])
endfunc
"""
    made = Interpreter(plugins=False, limits=Limits(max_nesting=DEEPEST))
    made.load(library)
    for short in (1, 5, 20):
        assert made.run("both", short, DEEPEST - 2) == made.run("both", DEEPEST - 2, short) == 2
        for args in ((short, DEEPEST - 1), (DEEPEST - 1, short)):
            with pytest.raises(NeuroScriptError):
                made.run("both", *args)


@pytest.mark.parametrize(
    "around", ['{"a": 1, "m": m}', '{"m": m, "a": 1}', "[m, 1]", "[1, m]", '{"a": 1, "m": m, "b": 2}', '{"m": m}']
)
def test_a_map_that_was_emptied_is_not_deep(around: str) -> None:
    """Python goes on to take it for one that may hold others."""
    program = f"""
func main() means
  set m = {{"k": [1], "j": 2}}
  set m = tool.map.Delete(m, "k")
  set m = tool.map.Delete(m, "j")
  set x = {around}
  set y = [x]
  set z = {{"a": 1, "b": y, "c": x}}
  return len(z.b)
endfunc
"""
    interpreter = Interpreter(plugins=False)
    interpreter.load(program)
    assert interpreter.run("main") == 1
