"""The exception tree: families by code, places, and what is shown of them."""

from __future__ import annotations

import pickle

import pytest

import neuroscript
from neuroscript import Diagnostic, ErrorCode, NeuroScriptError, NeuroScriptSyntaxError, StackFrame
from neuroscript import errors as tree


def test_every_code_has_its_family() -> None:
    families = {
        "ScriptFailureError": {1, 5},
        "NotFoundError": {2, 3, 9, 22, 40},
        "ArgumentError": {4, 36},
        "EvaluationError": {7, 8, 12, 13, 14, 17, 30, 39, 41},
        "AccessError": {10, 11, 25, 34, 43, 48},
        "ConflictError": {23, 24, 42},
        "StateError": {18, 19, 35},
        "LimitError": {37, 38},
        "CancelledError": {44},
        "RateLimitedError": {20, 46},
        "ModelError": {16, 31, 45, 47},
        "ToolError": {21, 26, 32, 1000, 5000},
        "NeuroScriptError": {0, 6, 15, 999, -1},
    }
    for family, codes in families.items():
        assert {type(NeuroScriptError(code, "x")).__name__ for code in codes} == {family}
    covered = set().union(*families.values())
    assert {int(code) for code in ErrorCode} <= covered


def test_the_docstring_draws_the_tree() -> None:
    for name in dir(tree):
        found = getattr(tree, name)
        if isinstance(found, type) and issubclass(found, NeuroScriptError):
            assert name in (tree.__doc__ or "")
            assert name in neuroscript.__all__


def test_an_error_says_what_it_is() -> None:
    error = NeuroScriptError(14, "division by zero")
    assert str(error) == "error 14 (DIVISION_BY_ZERO): division by zero"
    error.file, error.line, error.column = "a.ns", 3, 7
    assert str(error) == "a.ns:3:7: error 14 (DIVISION_BY_ZERO): division by zero"
    assert (error.name, error.location) == ("DIVISION_BY_ZERO", "a.ns:3:7")
    assert error.code is ErrorCode.DIVISION_BY_ZERO


def test_a_tools_own_code_is_kept() -> None:
    error = NeuroScriptError(1234, "mine", details={"n": 1})
    assert (error.code, error.name, error.details) == (1234, "TOOL", {"n": 1})


@pytest.mark.parametrize(
    "error",
    [
        NeuroScriptError(14, "x", details={"n": 1}),
        NeuroScriptError(1234, "mine"),
        NeuroScriptSyntaxError([Diagnostic(1, 2, "error", 15, "bad", "a.ns")]),
    ],
)
def test_errors_can_be_pickled(error: NeuroScriptError) -> None:
    error.stack = (StackFrame("main", "a.ns", 1, 2),)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert (copied.code, copied.message, copied.details, copied.stack) == (
        error.code,
        error.message,
        error.details,
        error.stack,
    )


def test_a_frame_is_shown_with_its_place() -> None:
    assert str(StackFrame("main", "a.ns", 3, 7)) == "main (a.ns:3:7)"


def test_a_finding_is_shown_with_a_caret() -> None:
    found = Diagnostic(2, 5, "error", 15, "unexpected", "a.ns", 8, "set x = 1", "try again")
    assert found.render().splitlines() == [
        "a.ns:2:5: error: unexpected",
        "  2 | set x = 1",
        "    |     ^^^",
        "  hint: try again",
    ]


def test_the_caret_stands_under_the_character_in_tabs_and_long_lines() -> None:
    tabbed = Diagnostic(1, 3, "error", 15, "x", source_line="\t\tx").render().splitlines()
    assert tabbed[2].endswith("\t\t^")
    line = "a" * 500 + "!" + "b" * 500
    shown = Diagnostic(1, 501, "error", 15, "x", source_line=line).render().splitlines()
    assert len(shown[1]) < 200
    assert shown[1][shown[2].index("^")] == "!"


def test_a_finding_without_its_line() -> None:
    assert (
        Diagnostic(1, 2, "warning", 9, "unset", hint="set it").render()
        == "<script>:1:2: warning: unset\n  hint: set it"
    )


def test_a_syntax_error_shows_all_its_findings() -> None:
    error = NeuroScriptSyntaxError(
        [Diagnostic(1, 2, "error", 15, "one", "a.ns"), Diagnostic(3, 4, "error", 39, "two", "a.ns")]
    )
    assert error.render() == "a.ns:1:2: error: one\na.ns:3:4: error: two"
    assert (error.code, error.location, error.message) == (15, "a.ns:1:2", "one")
    assert NeuroScriptSyntaxError().code == 15
