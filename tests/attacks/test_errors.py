"""Errors that are made large: their messages, details and stacks are kept, shown and passed on cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.errors import MOST_TEXT, Diagnostic
from neuroscript.output import MOST_SHOWN
from neuroscript.runtime.errors import nearest
from neuroscript.values import ErrorValue, text_of

from .support import body

HUGE = 10_000_000
KEPT = MOST_TEXT + 100
"""Characters of a message that is cut, with what says so."""


@pytest.fixture
def interpreter() -> Iterator[Interpreter]:
    with Interpreter(plugins=False, emit=lambda value: None) as made:

        @made.tool("test.Fail")
        def fail(how: str) -> str:
            "Fails at length."
            text = "x" * HUGE
            if how == "exception":
                raise ValueError(text)
            if how == "own":
                raise NeuroScriptError(1001, text)
            raise NeuroScriptError(1001, "short", details=DETAILS[how]())

        yield made


def endless() -> dict[str, Any]:
    value: list[Any] = []
    value += [value, value]
    return {"body": value}


DETAILS = {
    "a text": lambda: {"body": "x" * HUGE},
    "bytes": lambda: {"body": b"x" * HUGE},
    "many texts": lambda: {f"k{number}": "x" * 1000 for number in range(10_000)},
    "a list": lambda: {"body": list(range(1_000_000))},
    "a map": lambda: {"body": {f"k{number}": number for number in range(100_000)}},
    "long keys": lambda: {"body": {"k" * HUGE: 1}},
    "deep": lambda: {"body": nested(500)},
    "itself": endless,
}


def nested(levels: int) -> Any:
    value: Any = "x" * 1000
    for _ in range(levels):
        value = [value]
    return value


CAUGHT = "set e = nil\non error do\n  set e = system_error\n  clear_error\nendon\n"

FAILURES = {
    "fail": 'fail "x" * 10000000',
    "fail with a list": 'fail tool.list.Repeat("x" * 1000, 10000)',
    "an error value": 'fail tool.error.New(1001, "x" * 10000000)',
    "must": 'must tool.error.New(1001, "x" * 10000000)',
    "a tool's exception": 'set x = tool.test.Fail("exception")',
    "a tool's own error": 'set x = tool.test.Fail("own")',
    "a missing key": 'set m = {}\nset x = m["x" * 10000000].y.z',
    "an unknown name": f"set x = {'n' * 200_000}",
    "a call of nothing": f"call {'n' * 200_000}()",
}


@pytest.mark.parametrize("text", FAILURES.values(), ids=FAILURES)
def test_messages_are_cut(interpreter: Interpreter, text: str) -> None:
    """Each handler, each log and each journal would keep its own copy of what a script or a server made up."""
    interpreter.load(body(f"{CAUGHT}{text}\nreturn e"))
    error = interpreter.run("main")
    assert 5 < len(error["message"]) <= KEPT
    interpreter.load(body(text, "uncaught"))
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("uncaught")
    assert len(caught.value.message) <= KEPT
    assert len(str(caught.value)) <= MOST_SHOWN + 200
    assert sum(len(str(arg)) for arg in caught.value.args) <= KEPT + 10


@pytest.mark.parametrize("how", DETAILS)
def test_details_are_cut(interpreter: Interpreter, how: str) -> None:
    """A server's reply goes along in an error's details, as large and as deep as the server likes."""
    interpreter.load(body(f"{CAUGHT}set x = tool.test.Fail(a)\nreturn e"))
    error = interpreter.run("main", how)
    assert error["message"] == "short"
    assert len(text_of(error, max_nesting=50)) < 6 * MOST_TEXT


def test_details_that_are_small_stay_as_they_are() -> None:
    details = {"body": {"error": ["a", 1, None, 2.5]}, "retry_after_seconds": 5, "pair": (1, 2)}
    error = NeuroScriptError(1001, "m", details=details)
    error.trim()
    assert error.details == details
    assert error.message == "m"
    assert ErrorValue.of(error).details == details


def test_an_error_that_is_raised_again_and_again_does_not_grow(interpreter: Interpreter) -> None:
    """A program that puts the message of each error into the next would double it with every turn."""
    interpreter.load(
        body(
            'set m = "ab"\nset n = 0\non error do\n  set m = system_error_message\n  clear_error\nendon\n'
            "while n < 100\n  set n = n + 1\n  fail m + m\nendwhile\nreturn len(m)"
        )
    )
    assert interpreter.run("main") <= KEPT


def test_a_stack_of_long_names(interpreter: Interpreter) -> None:
    """A procedure may have a name of 200,000 characters, and call itself 400 times before it fails."""
    name = "n" * 200_000
    interpreter.load(
        f"func {name}(needs depth) means\n  if depth > 0\n    return {name}(depth - 1)\n  endif\n  fail 1\nendfunc\n"
        + body(f"{CAUGHT}set x = {name}(400)\nreturn e.stack")
    )
    stack = interpreter.run("main")
    assert len(stack) > 400
    assert sum(map(len, stack)) < 402 * (MOST_SHOWN + 200)


def test_what_a_tool_gives_as_an_error_is_cut(interpreter: Interpreter) -> None:
    """Tools that go on after failures, as batches do, give errors as values and not by raising them."""

    @interpreter.tool("test.Batch")
    def batch() -> list[Any]:
        "Gives errors."
        error = NeuroScriptError(1001, "x" * HUGE, details={"body": "y" * HUGE})
        return [error, ErrorValue.of(NeuroScriptError(1002, "x" * HUGE))]

    interpreter.load(body("return tool.test.Batch()"))
    for error in interpreter.run("main"):
        assert len(error.message) <= KEPT
        assert len(str(error.details)) <= KEPT


def test_no_near_name_is_looked_for_at_any_price() -> None:
    """Two names of 100,000 letters take the square of that to compare."""
    long = "".join(chr(97 + number % 26) * 3 for number in range(40_000))
    assert nearest(long, [long[::-1], "x" + long]) == ""
    assert nearest("lenght", ["length"]) == "; did you mean 'length'?"
    with Interpreter(plugins=False) as interpreter:
        assert interpreter.tools.near("str." + long) == []
        assert interpreter.tools.near("str.ToUper")[0] == "str.ToUpper"


def test_a_diagnostic_of_something_long_is_short() -> None:
    finding = Diagnostic(1, 5_000_000, "error", 15, "m" * HUGE, "f" * HUGE, 5_000_010, "s" * HUGE, "h" * HUGE)
    assert len(finding.render()) < 4 * MOST_SHOWN
