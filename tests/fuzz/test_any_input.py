"""Any bytes as source, any JSON as arguments, any payload: a result or a `NeuroScriptError`, soon, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroscript import ErrorCode, Interpreter, Limits, NeuroScriptError
from neuroscript.tools.policy import Policy
from tests.conformance.case import parse_cases, run_cases

from .programs import host_globals, make_case
from .soup import mutated, soup

SECONDS = float(os.environ.get("NS_FUZZ_SECONDS", "600"))
SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))
LIMITS = Limits(
    max_steps=20_000, max_seconds=2.0, max_depth=50, max_string=100_000, max_items=10_000, max_emitted=1_000_000
)
# What waits or reaches outside is of no interest here.
POLICY = Policy(deny=("*.Sleep", "fs.*", "io.*", "os.*"))
# A program that takes longer than this hangs: its limits end it after two seconds.
TOO_LONG = 30

QUICKLY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
SOURCES = [case.source.encode() for case in run_cases()] + [case.source for case in parse_cases()]


@contextmanager
def watched(what: object) -> Iterator[None]:
    """Fails with ``what`` where the body takes far too long."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def late(signum: int, frame: object) -> None:
        pytest.fail(f"hangs: {what!r}")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, TOO_LONG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def code_of(call: Callable[[], Any]) -> int:
    """The code of the package's own error that a call raises, 0 for none; any other exception goes on."""
    try:
        call()
    except NeuroScriptError as error:
        check_explained(error)
        return int(error.code)
    return 0


def check_explained(error: NeuroScriptError) -> None:
    """Refuses an error that says nothing, and one that stands for a fault of the interpreter."""
    assert str(error)
    assert error.code != ErrorCode.INTERNAL, error


def swallow(source: bytes | str, args: list[Any] | None = None) -> None:
    """Checks, loads and runs a text in every way; only the package's own error may come of it."""
    failures: list[NeuroScriptError] = []  # of event handlers
    with (
        watched(source),
        Interpreter(
            limits=LIMITS,
            plugins=False,
            emit=lambda value: None,
            globals=host_globals(),
            policy=POLICY,
            on_error=failures.append,
        ) as interpreter,
    ):
        for diagnostic in interpreter.check(source):
            diagnostic.render()
        code_of(lambda: interpreter.execute(source))
        code_of(lambda: interpreter.load(source))
        code_of(lambda: interpreter.emit_event("e0", args))
        code_of(lambda: interpreter.run("main", *(args or [])))
        interpreter.load("func fine_afterwards(needs n) means\n  return n * 2\nendfunc\n")
        assert interpreter.run("fine_afterwards", 21) == 42
    for failure in failures:
        check_explained(failure)


@QUICKLY
@given(st.binary(max_size=300))
def test_any_bytes(source: bytes) -> None:
    swallow(source)


@QUICKLY
@given(st.text(max_size=300))
def test_any_text(source: str) -> None:
    swallow(source)


@QUICKLY
@given(st.randoms(use_true_random=False))
def test_any_tokens(random: Random) -> None:
    swallow(soup(random))


@QUICKLY
@given(st.randoms(use_true_random=False))
def test_programs_with_errors_put_in(random: Random) -> None:
    swallow(mutated(random, SOURCES))


ECHO = """
func main(needs a optional b) means
  emit a
  emit "" + a + b
  set xs = [a, b, {"k": a}]
  set xs[0] = {"a": a, "same": a == b}
  set t = typeof a
  if a
    set t = ```{{a}} {{b}}```
  endif
  for each x in [a, b]
    set m[t] = x
  endfor
  return [xs, m, last, a == a]
endfunc
on event "any" as e do
  emit e.payload
  set p = [e.payload, e.name, e]
  emit p
  fail e
endon
"""


@QUICKLY
@given(st.lists(JSON, max_size=3))
def test_any_json_as_arguments(args: list[Any]) -> None:
    with Interpreter(limits=LIMITS, plugins=False, emit=lambda value: None) as interpreter:
        interpreter.load(ECHO)
        code_of(lambda: interpreter.run("main", *args))
        assert interpreter.run("main", 1)


@QUICKLY
@given(st.text(max_size=20), JSON)
def test_any_payload_of_an_event(name: str, payload: Any) -> None:
    failures: list[NeuroScriptError] = []
    with Interpreter(limits=LIMITS, plugins=False, emit=lambda value: None, on_error=failures.append) as interpreter:
        interpreter.load(ECHO)
        for event in ("any", name):
            failures.clear()
            code = code_of(partial(interpreter.emit_event, event, payload))
            # A payload that is no value of the language is refused; with any other the handler runs, and fails.
            assert len(failures) == (code == 0 and event == "any")
            for failure in failures:
                check_explained(failure)


class Odd:
    """Nothing that a script has a type for."""


@pytest.mark.parametrize(
    "value",
    [
        Odd(),
        Odd,
        object(),
        len,
        lambda: 1,
        1j,
        range(3),
        {1: 2},
        {(1, 2): 3},
        {None: 1},
        [Odd()],
        float("nan"),
        2**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_are_not_json(value: Any) -> None:
    with Interpreter(limits=LIMITS, plugins=False, emit=lambda value: None) as interpreter:
        interpreter.load(ECHO)
        assert code_of(lambda: interpreter.run("main", value)) in (0, 7, 41)
        assert code_of(lambda: interpreter.emit_event("any", value)) in (0, 7, 41)
        assert code_of(lambda: interpreter.run("main", 1, b=value)) in (0, 7, 41)


def test_a_value_that_holds_itself() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with Interpreter(limits=LIMITS, plugins=False, emit=lambda value: None) as interpreter:
        interpreter.load(ECHO)
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main", cycle)
        assert raised.value.code == 38


@pytest.mark.slow
@LONG
@given(st.binary(max_size=2_000))
def test_many_bytes(source: bytes) -> None:
    swallow(source)


@pytest.mark.slow
@LONG
@given(st.lists(JSON, max_size=3))
def test_many_arguments(args: list[Any]) -> None:
    swallow(ECHO, args)


@pytest.mark.slow
def test_fuzzing_for_some_minutes() -> None:
    """Runs for NS_FUZZ_SECONDS (600): tokens, mutated programs and noise, from NS_FUZZ_SEED on."""
    end = time.monotonic() + SECONDS
    seed = SEED * 1_000_000_000
    while time.monotonic() < end:
        seed += 1
        random = Random(seed)
        source: bytes | str
        match seed % 4:
            case 0:
                source = soup(random)
            case 1:
                source = mutated(random, SOURCES)
            case 2:
                source = mutated(random, [make_case(random).source.encode()])
            case _:
                source = random.randbytes(random.randint(0, 400))
        try:
            swallow(source, [random.choice([None, 1, "x", [1], {"k": 1}]) for _ in range(random.randint(0, 3))])
        except BaseException as error:
            error.add_note(f"seed {seed}: {source!r}")
            raise
