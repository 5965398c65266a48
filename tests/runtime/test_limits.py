"""Limits: each ends a run with its error and place, none can be caught, and the interpreter works afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, LimitError, Limits, NeuroScriptError
from tests.compiler.support import procedure

CATCHING = 'on error do\n  emit "caught"\n  clear_error\nendon\n'
LOADING = """
while true
  set number = len(tool.script.ListFunctions())
  call tool.script.LoadScript("func f" + number + " means\\nendfunc\\n")
endwhile
"""
BIG = 'func big(optional n) means\n  return "x" * 1000000 + n\nendfunc\n'


def ended(text: str, limits: Limits, more: str = "") -> NeuroScriptError:
    """The error that ends the procedure of that text, which nothing caught; other runs work before and after."""
    emitted: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append, limits=limits) as interpreter:
        interpreter.load(procedure(CATCHING + text) + more, "main.ns")
        with pytest.raises(LimitError) as raised:
            interpreter.run("main")
        assert "caught" not in emitted
        interpreter.load("func fine means\n  return 1\nendfunc\n")
        assert interpreter.run("fine") == 1
    return raised.value


@pytest.mark.parametrize(
    ("limits", "text", "place", "message"),
    [
        (Limits(max_steps=100), "while true\nendwhile", (6, 3), "used up its 100 steps"),
        (Limits(max_steps=100), "for each x in tool.list.Range(0, 200)\nendfor", (6, 3), "used up its 100 steps"),
        (Limits(max_seconds=0.01), "while true\nendwhile", (6, 3), "used up its 0.01 seconds"),
        (Limits(max_depth=10), "set x = main()", (6, 11), "more than 10 deep"),
        (Limits(max_string=50), 'set s = "12345678901234567890" * 3', (6, 34), "longer than the limit of 50"),
        (Limits(max_string=50), 'set s = "12345678901234567890"\nset s = s + s + s', (7, 3), "limit of 50"),
        (Limits(max_string=50), 'set s = "12345678901234567890"\nset t = s + s + s', (7, 11), "limit of 50"),
        (Limits(max_string=10), "set s = tool.str.Concat([123456, 123456])", (6, 11), "10"),
        (Limits(max_items=3), "set xs = [1, 2, 3, 4]", (6, 12), "a list would have more than the limit of 3"),
        (Limits(max_items=3), "set xs[3] = 1", (6, 7), "a list would have more"),
        (Limits(max_items=3), 'set m = {"a": 1, "b": 2, "c": 3, "d": 4}', (6, 11), "a map would have more"),
        (Limits(max_items=3), "set xs = [1, 2, 3]\nset xs = tool.list.Append(xs, 4)", (7, 12), "3"),
        (Limits(max_emitted=5), 'emit "123"\nemit "456"', (7, 3), "emitted more than 5 characters"),
        (Limits(max_nesting=5), "set x = 1\nwhile true\n  set x = [x]\nendwhile", (8, 14), "more than 5 deep"),
    ],
)
def test_a_limit_ends_the_run_at_its_place(limits: Limits, text: str, place: tuple[int, int], message: str) -> None:
    error = ended(text, limits)
    assert error.code == (
        ErrorCode.NESTING_DEPTH_EXCEEDED if limits.max_nesting == 5 else ErrorCode.RESOURCE_EXHAUSTION
    )
    assert message in error.message
    assert (error.line, error.column) == place


def test_event_handlers_are_limited_as_items_are() -> None:
    error = ended('while true\n  on event "x" do\n  endon\nendwhile', Limits(max_items=50))
    assert "50 event handlers" in error.message


def test_program_text_that_a_run_loads_is_limited() -> None:
    error = ended(LOADING, Limits(max_source=10_000))
    assert "loads more program text than the 10000 bytes" in error.message


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("set i = 0\nwhile true\n  set xs[i] = big(i)\n  set i = i + 1\nendwhile", ""),
        ('set m = {"a": {}}\nwhile true\n  set m.a.b[len(m.a.b)] = {"k": big(len(m.a.b))}\nendwhile', ""),
        ("set i = 0\nwhile true\n  whisper self, big(i)\n  set i = i + 1\nendwhile", ""),
        ("call tool.list.Map(tool.list.Range(0, 200), big)", ""),
        (f"set xs = [{', '.join(f'big({i})' for i in range(200))}]", ""),
        (f"set xs = tool.str.Concat([{', '.join(f'big({i})' for i in range(200))}])", ""),
        ("return deeper(0)", "func deeper(needs n) means\n  return big(n) + deeper(n + 1)\nendfunc\n"),
        ("return deeper(0, 1)", "func deeper(needs n, x) means\n  return deeper(n + 1, [big(n)])\nendfunc\n"),
        (
            "return deeper(0)",
            "func deeper(needs n) means\n  for each x in [big(n)]\n    call deeper(n + 1)\n  endfor\nendfunc\n",
        ),
        ('call tool.event.Emit("e", big(0))', 'on event "e" as ev do\n  call tool.event.Emit("e", big(1))\nendon\n'),
    ],
    ids=["list", "map", "whisper", "tool", "literal", "arguments", "operand", "parameter", "loop", "event"],
)
def test_memory_is_limited_wherever_it_is_held(text: str, more: str) -> None:
    error = ended(text, Limits(max_memory=8 * 1024 * 1024), BIG + more)
    assert "MiB" in error.message


def test_measuring_the_memory_copies_nothing() -> None:
    text = 'set xs = []\nwhile len(xs) < 9\n  set xs[len(xs)] = "y" * (3000000 + len(xs))\nendwhile\nreturn len(xs)'
    with Interpreter(plugins=False, limits=Limits(max_memory=40 * 1024 * 1024)) as interpreter:
        interpreter.load(procedure(text))
        assert interpreter.run("main") == 9


@pytest.mark.parametrize(
    "name", ["max_steps", "max_seconds", "max_depth", "max_string", "max_items", "max_emitted", "max_memory"]
)
@pytest.mark.parametrize("value", [None, 10**12])
def test_a_limit_can_be_lifted(name: str, value: int | None) -> None:
    with Interpreter(plugins=False, emit=lambda value: None, limits=Limits(**{name: value})) as interpreter:
        text = 'set xs = []\nwhile len(xs) < 100\n  set xs[len(xs)] = "x"\n  emit xs\nendwhile\nreturn len(xs)'
        interpreter.load(procedure(text))
        assert interpreter.run("main") == 100


@pytest.mark.parametrize(
    "name", ["max_steps", "max_seconds", "max_depth", "max_string", "max_items", "max_emitted", "max_memory"]
)
def test_no_limit_is_too_small_to_load_and_to_fail_in_order(name: str) -> None:
    with Interpreter(plugins=False, emit=lambda value: None, limits=Limits(**{name: 0})) as interpreter:
        interpreter.load(procedure('set xs = [1]\nemit "x" + xs[0]\nwhile true\nendwhile'))
        with pytest.raises(LimitError):
            interpreter.run("main")


@pytest.mark.parametrize(
    ("name", "value"), [("max_steps", -1), ("max_items", 1.5), ("max_depth", "5"), ("max_seconds", True)]
)
def test_what_is_no_limit_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"Limits.{name} must be a number of 0 or more, or None"):
        Limits(**{name: value})


def test_a_limit_of_an_earlier_run_is_forgotten() -> None:
    with Interpreter(plugins=False, limits=Limits(max_steps=150)) as interpreter:
        interpreter.load(procedure("set i = 0\nwhile i < 100\n  set i = i + 1\nendwhile\nreturn i"))
        for _ in range(5):
            assert interpreter.run("main") == 100


def test_a_tool_that_reaches_a_limit_ends_the_run() -> None:
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("host.Full")
        def full(x: int) -> int:
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, "the disk is full")

        interpreter.load(procedure(CATCHING + "call tool.host.Full(1)"))
        with pytest.raises(LimitError, match="the disk is full"):
            interpreter.run("main")


def test_time_in_tools_is_not_the_scripts() -> None:
    with Interpreter(plugins=False, limits=Limits(max_seconds=0.05)) as interpreter:
        interpreter.load(procedure("for each i in [1, 2, 3]\n  call tool.time.Sleep(0.03)\nendfor\nreturn 1"))
        assert interpreter.run("main") == 1


def test_time_of_the_script_inside_tools_is() -> None:
    more = "func spin(needs x) means\n  while true\n  endwhile\nendfunc\n"
    error = ended("call tool.list.Map([1], spin)", Limits(max_seconds=0.02, max_steps=None), more)
    assert "seconds" in error.message


def test_what_the_host_keeps_of_the_emitted_values_is_not_the_runs() -> None:
    kept: list[Any] = []
    with Interpreter(plugins=False, emit=kept.append, limits=Limits(max_memory=2 * 1024 * 1024)) as interpreter:
        interpreter.load(procedure("for each i in tool.list.Range(0, 50000)\n  emit [i, i, i]\nendfor"))
        interpreter.run("main")
    assert len(kept) == 50_000
