"""What one expression or text may have of parts."""

from __future__ import annotations

import pytest

from neuroscript import ErrorCode, Interpreter, NeuroScriptSyntaxError


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("emit 1" + " + 1" * 20_000, "the expression has more than 20,000 operands; make it in pieces", 8),
        ("emit true" + " and true" * 20_000, "the expression has more than 20,000 operands; make it in pieces", 8),
        ("emit ```" + "{{x}}" * 20_001 + "```", "the text has more than 20,000 placeholders; make it in pieces", 8),
    ],
)
def test_an_expression_of_too_many_parts_is_refused(text: str, message: str, column: int) -> None:
    with Interpreter(plugins=False) as interpreter, pytest.raises(NeuroScriptSyntaxError) as raised:
        interpreter.load(f"func main() means\n  {text}\nendfunc\n", "big.ns")
    [found] = raised.value.diagnostics
    assert (found.code, found.message, found.line, found.column) == (
        ErrorCode.RESOURCE_EXHAUSTION,
        message,
        2,
        column,
    )


def test_as_many_parts_as_there_may_be() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load("func main() means\n  return 1" + " + 1" * 19_999 + "\nendfunc\n")
        assert interpreter.run("main") == 20_000
