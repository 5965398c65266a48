"""What the tests of attacks share."""

from __future__ import annotations

from itertools import count
from typing import Any

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.values import ErrorValue, EventValue, Function, Fuzzy, Handle, TimeDate, ToolValue

EXACT = (
    *(type(None), bool, int, float, str, bytes, list, dict),
    *(Function, ToolValue, ErrorValue, EventValue, TimeDate, Fuzzy, Handle),
)


_numbers = count()


def body(text: str, name: str = "main") -> str:
    """A library whose only procedure is that text."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    return f"func {name}(optional a, b) means\n{lines}\nendfunc\n"


def code_of(interpreter: Interpreter, text: str, *args: Any) -> int:
    """The code that loading and running a procedure of that text ends in, 0 for none."""
    name = f"attempt_{next(_numbers)}"
    try:
        interpreter.load(body(text, name))
        interpreter.run(name, *args)
    except NeuroScriptError as error:
        return int(error.code)
    return 0


def is_exact(value: Any) -> bool:
    """Whether a value and all inside it are of the language's own types."""
    if type(value) is list:
        return all(is_exact(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and is_exact(item) for key, item in value.items())
    return type(value) in EXACT
