"""``set x = tool.error.Try(procedure, …)`` as a call in a `try`: the same as the tool's own function gives."""

from __future__ import annotations

import pytest

from neuroscript import Limits
from tests.compiler.support import procedure, run

MORE = procedure('if a == nil\n  fail "nothing"\nendif\nmust a > 1\nset a[0] = 1\nreturn [a, b, last]', "f")
MORE += procedure("return deep(a + 1)", "deep") + procedure("set x = {}\nreturn x", "down")
SHOWN = (
    "if is_error(x)\n  emit [x.code, x.message, x.line, x.column, x.procedure]\nelse\n  emit x\nendif\nemit [xs, ys]"
)
ARGUMENTS = ["", ", nil", ", 1", ", 2", ", [2], a", ", ys", ", ys, ys", ", a, xs[9]", ", xs[0], xs", ", missing"]


@pytest.mark.parametrize("args", [*ARGUMENTS, ", 1 / 0"])
def test_an_attempt_gives_what_the_tool_gives(args: str) -> None:
    text = f"set xs = [[3], 2]\nset ys = xs[0]\nset x = {{}}tool.error.Try(f{args}){{}}\n{SHOWN}"
    quick = run(text.format("", ""), 5, more=MORE)
    slow = run(text.format("[", "][0]"), 5, more=MORE)
    assert (quick.emitted, quick.code) == (slow.emitted, slow.code)


def test_the_stack_of_an_attempt_that_fails() -> None:
    outcome = run("set x = tool.error.Try(f)\nemit x.stack", more=MORE)
    assert outcome.emitted == [["f (main.ns:7:5)", "main (main.ns:2:11)"]]


def test_a_limit_goes_through_an_attempt() -> None:
    assert run("set x = tool.error.Try(deep, 1)\nemit x", more=MORE).code == 37


def test_the_arguments_of_an_attempt_fail_outside_of_it() -> None:
    outcome = run("set x = tool.error.Try(f, 1 / a)\nemit x", 0, more=MORE)
    assert (outcome.code, outcome.place) == (14, run("emit                      1 / a", 0).place)


def test_an_attempt_takes_the_call_depth_that_the_tool_takes() -> None:
    def most(call: str) -> int:
        more = MORE.replace("{}", call)
        return next(
            depth for depth in range(99) if run("return down(6)", more=more, limits=Limits(max_depth=depth)).code == 0
        )

    step = "0\n  if a > 0\n    set x = {}tool.error.Try(down, a - 1){}\n  endif"
    assert most(step.format("", "")) == most(step.format("[", "][0]"))
