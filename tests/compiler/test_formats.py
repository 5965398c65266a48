"""A literal template becomes a formatted string of Python, and gives what the tool gives."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.stdlib import standard_registry

from .support import run

VALUES: list[Any] = [0, 1, -1, 5, 65, 1234567, -99, 10**9, 1 << 30, 10**13, 2**53, 10**30, 0.5, -0.5, 2.0, -3.0, 1e-5]
VALUES += [0.0001, 123.456, -7.25, 1e12 + 0.5, 1e13, 1e16, 1e300, "abc", "12", "", "é", "x" * 20, "y" * 5000]
VALUES += [True, None, [1], {"a": 1}]


def specification(random: Random) -> str:
    """A specification that may be none, or go with no value."""
    parts = [
        (0.4, lambda: random.choice(["", "*", "0", " "]) + random.choice("<>^=")),
        (0.2, lambda: random.choice("+- ")),
        (0.1, lambda: "z"),
        (0.1, lambda: "#"),
        (0.2, lambda: "0"),
        (0.6, lambda: str(random.choice([0, 1, 5, 9, 12]))),
        (0.2, lambda: random.choice(",_")),
        (0.5, lambda: "." + str(random.choice([0, 1, 2, 6]))),
        (0.7, lambda: random.choice("bcdeEfFgGosxX%")),
    ]
    return "".join(make() for chance, make in parts if random.random() < chance)


def outcome(call: Any) -> tuple[Any, ...]:
    """A result, or the error instead of it."""
    try:
        return ("gives", call())
    except NeuroScriptError as error:
        return ("fails", error.code, error.message)


def texts(count: int, seed: int) -> list[str]:
    """Templates with one field each."""
    random = Random(seed)
    return ["a{:" + specification(random) + "}b" for _ in range(count)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("setup", ["", "set v = v + 0", 'set v = "" + v', "set v = v * 1.0"])
def test_a_literal_template_gives_what_the_tool_gives(seed: int, setup: str) -> None:
    interpreter = Interpreter(plugins=False)
    templates = texts(60, seed)
    interpreter.load(
        "\n".join(
            f'func f{number}(needs v) means\n{setup}\nreturn tool.str.Format("{template}", v)\nendfunc'
            for number, template in enumerate(templates)
        )
        + f"\nfunc prepared(needs v) means\n{setup}\nreturn v\nendfunc\n"
    )
    for value in VALUES:
        prepared = outcome(lambda value=value: interpreter.run("prepared", value))
        for number, template in enumerate(templates):
            found = outcome(lambda number=number, value=value: interpreter.run(f"f{number}", value))
            if prepared[0] == "fails":
                assert found == prepared
                continue
            wanted = outcome(partial(standard_registry().call, "str.Format", template, prepared[1]))
            assert found == wanted, (template, value)


@pytest.mark.parametrize(
    "template",
    ["{} and {}", "{1}{0}{1}", "{{}}{}", "no field", "{0", "}", "{} {0}", "{:>1001}", "{:5}{:5}{:5}", "{:.1f}" * 13],
)
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_arguments_are_those_that_the_template_asks_for(template: str, count: int) -> None:
    interpreter = Interpreter(plugins=False)
    given = ", ".join(["", "1.5", '"x"', "2"][: count + 1])
    interpreter.load(f'func main() means\nreturn tool.str.Format("{template}"{given})\nendfunc\n')
    values = [1.5, "x", 2][:count]
    wanted = outcome(lambda: standard_registry().call("str.Format", template, *values))
    assert outcome(lambda: interpreter.run("main")) == wanted


def test_arguments_are_evaluated_once_from_left_to_right() -> None:
    more = "func say(needs x) means\nemit x\nreturn x\nendfunc\n"
    done = run('return tool.str.Format("{1:>3}|{0:<3}|{1}", say(1), say("b"))', more=more)
    assert (done.emitted, done.result) == ([1, "b"], "  b|1  |b")


def test_a_result_beyond_the_limit_ends_the_run() -> None:
    done = run('return tool.str.Format("{:<900}{:<900}", a, b)', "x", "y", limits={"max_string": 1000})
    assert done.code == 37
