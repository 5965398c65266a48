"""Nothing outlives its use: no run, error or interpreter waits for the garbage collector, or for ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress
from logging import Logger

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from tests.compiler.support import procedure

MARK = "the list of this test"
LIST = f'set xs = ["{MARK}"]\n'


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def lists_left() -> int:
    """The lists of these programs that still exist."""
    return sum(
        type(value) is list and len(value) == 1 and type(value[0]) is str and value[0] == MARK
        for value in gc.get_objects()
    )


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "text",
    [
        "return 1",
        'fail "x"',
        "return 1 / 0",
        "return unknown",
        "set y = xs[a]",
        "call main(1, 2, 3)",
        "return main()",
        "while true\nendwhile",
        "call tool.str.ToUpper(5)",
        "call tool.host.Fail(1)",
        "must false",
    ],
)
@pytest.mark.parametrize(
    "before",
    ["", "on error do\n  clear_error\nendon\n", 'on error do\n  fail "again"\nendon\n'],
    ids=["plain", "cleared", "failing"],
)
def test_values_are_freed_when_the_run_ends(text: str, before: str) -> None:
    def fail(x: int) -> int:
        raise ValueError("bad")

    with Interpreter(plugins=False, limits=Limits(max_steps=500, max_depth=20)) as interpreter:
        interpreter.tool("host.Fail")(fail)
        interpreter.load(procedure(before + LIST + text))
        for _ in range(3):
            with suppress(NeuroScriptError):
                interpreter.run("main")
            assert lists_left() == 0


@pytest.mark.usefixtures("no_collector")
def test_values_of_event_handlers_are_freed() -> None:
    with Interpreter(plugins=False, on_error=lambda error: None, log=Logger("quiet")) as interpreter:
        interpreter.load(f'on event "x" do\n{LIST}fail "x"\nendon\n')
        interpreter.emit_event("x")
        assert lists_left() == 0


@pytest.mark.usefixtures("no_collector")
def test_a_handled_failure_keeps_nothing_of_the_procedure_that_failed() -> None:
    left: list[int] = []
    with Interpreter(plugins=False, emit=lambda value: left.append(lists_left())) as interpreter:
        text = "on error do\n  clear_error\nendon\ncall inner()\nemit 1\ncall inner()\nemit 2"
        interpreter.load(procedure(text) + f"func inner means\n{LIST}set y = 1 / 0\nendfunc\n")
        interpreter.run("main")
    assert left == [0, 0]


def test_interpreters_are_freed() -> None:
    alive: list[weakref.ref[Interpreter]] = []
    for _ in range(1000):
        interpreter = Interpreter(plugins=False)
        alive.append(weakref.ref(interpreter))
    interpreter.load(procedure("return 1 / 0"))
    with pytest.raises(NeuroScriptError):
        interpreter.run("main")
    del interpreter
    gc.collect()
    assert sum(reference() is not None for reference in alive) == 0
