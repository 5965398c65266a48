"""Events that scripts fire: who gets them, after any change, and what their handlers see."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError

FIRE = 'func fire(needs name) means\n  call tool.event.Emit(name, {"n": 1})\nendfunc\n'


@pytest.fixture
def emitted() -> list[Any]:
    return []


@pytest.fixture
def interpreter(emitted: list[Any]) -> Interpreter:
    made = Interpreter(plugins=False, emit=emitted.append)
    made.load(FIRE)
    return made


def test_a_handler_that_comes_later_is_called_from_then_on(interpreter: Interpreter, emitted: list[Any]) -> None:
    interpreter.run("fire", "paid")
    interpreter.load('on event "paid" do\n  emit "first"\nendon')
    interpreter.run("fire", "paid")
    interpreter.load('on event "paid" do\n  emit "second"\nendon')
    interpreter.run("fire", "paid")
    assert emitted == ["first", "first", "second"]


def test_a_handler_that_is_cleared_is_not_called_again(interpreter: Interpreter, emitted: list[Any]) -> None:
    interpreter.load(
        'on event "paid" named "mine" do\n  emit "named"\nendon\non event "paid" do\n  emit "plain"\nendon'
    )
    interpreter.run("fire", "paid")
    interpreter.execute('command\n  clear event "paid"\nendcommand')
    interpreter.run("fire", "paid")
    interpreter.execute('command\n  clear event named "mine"\nendcommand')
    interpreter.run("fire", "paid")
    assert emitted == ["named", "plain", "named"]


def test_a_name_that_is_kept_later_cannot_be_fired_any_more(interpreter: Interpreter, emitted: list[Any]) -> None:
    interpreter.load('on event "shop.paid" do\n  emit "shop"\nendon')
    interpreter.run("fire", "shop.paid")
    interpreter.reserve_events("shop.")
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("fire", "shop.paid")
    assert int(caught.value.code) == 10
    assert emitted == ["shop"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("e.payload", {"n": 1}),
        ("e.payload.n", 1),
        ('e["payload"]', {"n": 1}),
        ("e.name", "paid"),
        ("e.source", "script"),
        ("typeof e.timestamp", "timedate"),
        ("len(e.id)", 36),
        ("e.id == e.id", True),
        ("e.nothing", None),
    ],
)
def test_the_fields_of_an_event(interpreter: Interpreter, emitted: list[Any], expression: str, value: Any) -> None:
    interpreter.load(f'on event "paid" as e do\n  emit {expression}\nendon')
    interpreter.run("fire", "paid")
    assert emitted == [value]


def test_the_variable_of_the_event_may_hold_something_else(interpreter: Interpreter, emitted: list[Any]) -> None:
    body = 'set e = {"payload": "a map"}\n  emit e.payload\n  set e = nil\n  set x = e.payload'
    interpreter.load(f'on event "paid" as e do\n  on error do\n    emit system_error_code\n  endon\n  {body}\nendon')
    interpreter.run("fire", "paid")
    assert emitted == ["a map", 7]


def test_a_run_that_fails_over_and_over_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[NeuroScriptError] = []
    program = """
on event "e" do
  fail "no"
endon
func main(needs times) means
  set i = 0
  while i < times
    call tool.event.Emit("e", i)
    set i = i + 1
  endwhile
endfunc
"""
    with Interpreter(plugins=False, on_error=heard.append) as interpreter:
        interpreter.load(program, name="p.ns")
        interpreter.run("main", 1000)
        told = [record.getMessage() for record in caplog.records]
        line = "a handler of event 'e' failed: p.ns:3:3: error 1 (FAIL_STATEMENT): no"
        assert told[:100] == [line] * 100
        rest = "; not every one is logged)"
        assert told[100:] == [f"{line} (failure {number} of this run{rest}" for number in (128, 256, 512)]
        assert len(heard) == 1000
        caplog.clear()
        interpreter.run("main", 2)
        interpreter.emit_event("e", 1)
        assert [record.getMessage() for record in caplog.records] == [line] * 3
