"""Code patterns that several generators share, and the names of locals in them."""

from __future__ import annotations

import ast

from neuroscript.compiler.codegen import pyast as py
from neuroscript.runtime import abi

LATEST = "latest"
"""The local that holds the result of the latest call, where the body uses ``last``."""

SCOPE = "scope"
"""The function that gives `eval` the variables, or the parameter that is an interactive session's mapping of them."""

CLEARED = "cleared"
"""The local of an error handler's function that tells whether the error has been cleared."""

DIGIT = (1 << 30) - 1
"""The largest number of one digit of CPython's integers, which compare fastest."""

_SMALL = 1 << 62  # Whole numbers inline are checked against this; beyond it a helper decides.
_CAUGHT = "x"


def step() -> ast.stmt:
    """A statement that takes one step of fuel.

    The iterator never ends: it raises when the run has used up what it may.
    """
    return ast.For(ast.Name("_", py.STORE), py.name(abi.FUEL), [ast.Break()], [])


def error_handler(number: int) -> str:
    """The name of the function of a body's error handler, an inner function of the body's."""
    return f"h_{number}"


def under_handler(code: list[ast.stmt], handler: int | None, failed: list[ast.stmt] | None = None) -> list[ast.stmt]:
    """Puts statements under an error handler, if there is one.

    Args:
        code: the statements.
        handler: the number of the handler; None for none.
        failed: statements to run when an error has been cleared.
    """
    if handler is None:
        return code
    # `x = _handle(h, x)` runs the handler; it gives None if the error was cleared, else the error to go on.
    handle = py.assign(_CAUGHT, py.call(abi.HANDLE, py.name(error_handler(handler)), py.name(_CAUGHT)))
    go_on = py.when(py.compare(py.name(_CAUGHT), "is not", py.const(None)), [ast.Raise(py.name(_CAUGHT), None)])
    caught = ast.ExceptHandler(py.name("Exception"), _CAUGHT, [handle, go_on, *(failed or [])])
    return [ast.Try(code, [caught], [], [])]


def in_range(first: ast.expr, again: ast.expr) -> ast.expr:
    """The test that a whole number is so small that no helper has to check it.

    Args:
        first: its code at the first mention.
        again: its code at the others.
    """
    digit = py.both(py.compare(first, "<", py.const(DIGIT)), py.compare(again, ">", py.const(-DIGIT)))
    return py.some(digit, py.compare(py.const(-_SMALL), "<", again, "<", py.const(_SMALL)))


def once(first: ast.expr) -> ast.expr:
    """Code of an operand that turned out to be needed once only, so that it takes no temporary."""
    return first.value if isinstance(first, ast.NamedExpr) else first
