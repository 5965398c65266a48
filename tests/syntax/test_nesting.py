"""How deep a program may nest: error 38 at the first token that goes too deep, and no other failure at any depth."""

from __future__ import annotations

import pytest

from neuroscript.errors import ErrorCode, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.syntax.parser import parse

DEFAULTS = Limits()
# What opens a level, and what closes it.
LEVELS = [("(", ")"), ("[", "]"), ("{1: ", "}"), ("f(", ")"), ("x[", "]"), ("- ", ""), ("not ", ""), ("2 ** ", "")]
STEPS = [".a", "[0]", "()"]
BLOCKS = [("if a", "endif"), ("while a", "endwhile"), ("for each a in b", "endfor"), ('on event "x"', "endon")]


def depth_error(body: str, limits: Limits = DEFAULTS) -> tuple[int, int] | None:
    """Where the body of a procedure nests too deeply."""
    found = None
    try:
        parse(f"func f() means\n{body}\nendfunc", limits=limits)
    except NeuroScriptSyntaxError as error:
        found = error
    if found is None:
        return None
    assert found.code == ErrorCode.NESTING_DEPTH_EXCEEDED
    return found.line, found.column


@pytest.mark.parametrize(("opening", "closing"), LEVELS)
def test_a_hundred_levels_of_an_expression(opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        return "emit " + opening * levels + "1" + closing * levels

    assert depth_error(nested(100)) is None
    assert depth_error(nested(101)) is not None
    assert depth_error(nested(50_000)) == depth_error(nested(101))
    assert depth_error(nested(3), Limits(max_nesting=2)) is not None


@pytest.mark.parametrize("step", STEPS)
def test_a_hundred_steps_after_one_another(step: str) -> None:
    assert depth_error("emit x" + step * 100) is None
    assert depth_error("emit x" + step * 101) is not None
    assert depth_error("emit x" + step * 50_000) is not None


@pytest.mark.parametrize(("opening", "closing"), BLOCKS)
def test_a_hundred_blocks(opening: str, closing: str) -> None:
    def nested(levels: int, inner: str = "emit 1") -> str:
        return f"{opening}\n" * levels + inner + f"\n{closing}" * levels

    assert depth_error(nested(100)) is None
    assert depth_error(nested(101)) == (102, 1)
    assert depth_error(nested(99, "emit [1]")) is None
    assert depth_error(nested(100, "emit [1]")) == (102, 6)


def test_different_kinds_add_up() -> None:
    assert depth_error("emit " + "-(" * 50 + "1" + ")" * 50) is None
    assert depth_error("emit " + "-(" * 51 + "1" + ")" * 51) is not None
    assert depth_error("emit a" + ".b" * 60 + "[c" + ".d" * 60 + "]") is None
    assert depth_error("emit a[c" + ".d" * 60 + "]" + ".b" * 60) is not None


def test_what_stands_side_by_side_is_not_deep() -> None:
    assert depth_error("if a\n" + "else if b\n" * 1000 + "endif") is None
    assert depth_error("emit [" + "-a.b[0] ** (2), " * 1000 + "]") is None
    assert depth_error("emit a" + " - a" * 1000) is None
    assert depth_error("set " + ", ".join(["a.b"] * 1000) + " = x") is None


def test_no_limit() -> None:
    limits = Limits(max_nesting=None)
    assert depth_error("emit " + "[" * 5000 + "]" * 5000, limits) is None


def test_an_earlier_syntax_error_comes_first() -> None:
    source = "func f() means\n  emit 1 2\n  emit " + "[" * 200 + "\nendfunc"
    with pytest.raises(NeuroScriptSyntaxError) as caught:
        parse(source)
    assert [(d.line, d.code) for d in caught.value.diagnostics] == [(2, 15), (3, 38)]
