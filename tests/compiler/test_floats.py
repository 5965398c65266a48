"""Arithmetic that is known to be of floats: one test for a whole tree, and yet the operator to blame is found."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter, NeuroScriptError

MAIN = """func main() means
  set big = 1.5e308
  set ten = 10.0
  set tiny = 5e-324
  set zero = 0.0
  return {}
endfunc
"""


def result(expression: str) -> object:
    interpreter = Interpreter(plugins=False)
    interpreter.load(MAIN.format(expression))
    return interpreter.run("main")


@pytest.mark.parametrize(
    ("expression", "operator"),
    [
        ("big * ten + big", "*"),
        ("ten + big * ten", "*"),
        ("ten - (big + big) * zero", "+"),
        ("ten * 2 + (0.5 - (ten + big * ten)) - 1", "*"),
        ("(big - ten) - (ten - big - big * 1)", "- big * 1"),
        ("1.0 / (big * ten)", "*"),
        ("2 * (ten / zero)", "/"),
    ],
)
def test_the_operator_to_blame(expression: str, operator: str) -> None:
    with pytest.raises(NeuroScriptError) as raised:
        result(expression)
    assert raised.value.code == (14 if operator == "/" else 41)
    line = MAIN.format(expression).splitlines()[5]
    rest = line[raised.value.column - 1 :]
    assert rest.startswith(operator), rest


@pytest.mark.parametrize(
    "expression",
    [
        "zero * -1 * ten",
        "-zero",
        "(zero - zero) * -ten",
        "tiny * tiny * -1.0",
        "zero * -3",
        "(0 - 3) * zero",
        "-1 / big / big",
    ],
)
def test_a_zero_has_no_sign(expression: str) -> None:
    assert str(result(expression)) == "0.0"


def test_whole_numbers_stay_whole_beside_floats() -> None:
    assert str(result("[6 / 2 + 1, 7 / 2 + 1, 6 / 2 * 3 - 1, 9 / 3 / 1]")) == "[4, 4.5, 8, 3]"
