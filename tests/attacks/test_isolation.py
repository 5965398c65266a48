"""Attempts to change what belongs to somebody else: the host's values, another program's, a tool's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError

from .support import body, code_of, is_exact


@pytest.fixture
def interpreter() -> Iterator[Interpreter]:
    with Interpreter(plugins=False, emit=lambda value: None) as made:
        yield made


def test_values_that_leave_are_of_exact_types(interpreter: Interpreter) -> None:
    emitted: list[Any] = []
    interpreter.emit_sink = emitted.append
    interpreter.load(
        body(
            'set values = [nil, true, 1, 1.5, "s", [1], {"k": [nil]}, main, tool.error.New(1, "e"), tool.time.Now()]\n'
            "set values = tool.list.Append(tool.list.Append(values, a), b)\n"
            "for each v in values\n  emit v\nendfor\nemit values\nreturn values"
        )
    )
    result = interpreter.run("main", (1, {2}), {"k": (1,)})
    assert is_exact(result)
    assert is_exact(emitted)


def test_what_the_host_does_to_values_no_program_sees() -> None:
    shared = [1, [2]]
    emitted: list[Any] = []
    with Interpreter(plugins=False, globals={"g": shared}, emit=emitted.append) as interpreter:
        interpreter.load(
            "func keep(needs xs) means\nemit xs\nset ys = xs\nset ys[0] = 9\nemit ys\nreturn [xs, ys, g]\nendfunc\n"
            "func again() means\n  return g\nendfunc\n"
        )
        mine = [5, [6]]
        result = interpreter.run("keep", mine)
        assert result == [[5, [6]], [9, [6]], [1, [2]]]
        assert mine == [5, [6]]
        for item in (mine, shared, result[2], result[0], *emitted):
            item.append("changed")
            item[1].append("changed")
        assert interpreter.run("again") == [1, [2]]


def test_a_tool_cannot_change_a_programs_values(interpreter: Interpreter) -> None:
    kept: list[Any] = []

    @interpreter.tool("test.Spoil")
    def spoil(items: list[Any], more: dict[str, Any]) -> list[Any]:
        "Changes what it is given, and keeps what it gives back."
        items.append("spoilt")
        more["spoilt"] = items
        kept.append(items)
        return items

    interpreter.load(
        body('set xs = [1, [2]]\nset m = {"k": xs}\nset ys = tool.test.Spoil(xs, m)\nset ys[0] = 5\nreturn [xs, m, ys]')
    )
    result = interpreter.run("main")
    assert result == [[1, [2]], {"k": [1, [2]]}, [5, [2], "spoilt"]]
    assert kept == [[1, [2], "spoilt"]]


def test_interpreters_share_nothing() -> None:
    with Interpreter(plugins=False) as first, Interpreter(plugins=False) as second:
        first.load(body("set x = 1\nreturn x"))
        with pytest.raises(NeuroScriptError) as raised:
            second.run("main")
        assert raised.value.code == 2
        first.load('on event "e" do\n  fail "not mine"\nendon\n')
        second.emit_event("e", 1)


def test_an_exception_of_a_tool_is_an_error_of_the_program(interpreter: Interpreter) -> None:
    @interpreter.tool("test.Break")
    def fall(what: str) -> str:
        "Raises."
        raise {"value": ValueError, "key": KeyError, "stop": StopIteration}[what]("inside")

    for what in ("value", "key", "stop"):
        caught = f'on error do\n  clear_error\nendon\nset x = tool.test.Break("{what}")\nfail 1'
        assert code_of(interpreter, caught) == 0
        assert code_of(interpreter, f'return tool.test.Break("{what}")') == 21


# --- positions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_newlines_count_as_lines(interpreter: Interpreter, character: str) -> None:
    interpreter.load(
        f'func main() means # {character}\n  set s = "a{character}b"\n  set r = ```{character}```\n  fail s\nendfunc\n'
    )
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("main")
    assert (raised.value.code, raised.value.line) == (1, 4)
    assert raised.value.message == f"a{character}b"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_newline_counts_once(interpreter: Interpreter, newline: str) -> None:
    interpreter.load(newline.join(["", "func main() means", "  emit ```a", "b```", "", "  fail 1", "endfunc"]))
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("main")
    assert raised.value.line == 6


@pytest.mark.parametrize("name", ["", "<string>", "a\nb", "x" * 10_000, "../../etc/passwd", "\x00", "é\u202e.ns"])
def test_a_program_may_have_any_name(interpreter: Interpreter, name: str) -> None:
    interpreter.load(body("fail 1"), name=name)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("main")
    assert raised.value.line == 2
    assert str(raised.value)
