"""Literals that are too long to stand in the code twice, wherever a tool or a procedure takes them."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter

LENGTHS = [1, 63, 64, 65, 4095, 4096, 4097, 100_000]

CALLS = {
    'tool.str.ToUpper("{}")': 1,
    'f(tool.str.ToUpper("{}"))': 1,
    'f(tool.str.Replace("q", "q", "{}"))': 1,
    'tool.str.Replace("q", f("q"), "{}")': 1,
    'tool.str.Replace(f("q"), "q", "{}")': 1,
    'tool.str.Replace("{}q", f("q"), "{}")': 2,
    'tool.str.ToUpper(tool.str.ToUpper("{}"))': 1,
    'f("{}")': 1,
    '"{}" + x': 2,
    'x + "{}" + "{}"': 3,
}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("call", CALLS)
def test_a_literal_of_any_length_is_taken(call: str, length: int) -> None:
    text = "a" * length
    program = f"func f(needs s) means\n  return s\nendfunc\nfunc main(needs x) means\n  return {call}\nendfunc\n"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(program.replace("{}", text))
        assert str(interpreter.run("main", text)).lower() == text * CALLS[call]
