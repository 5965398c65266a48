"""Code generation for ``is_string(x)`` and its like: a test of the type, as long as no procedure has the name."""

from __future__ import annotations

import ast

from neuroscript.compiler.codegen import pyast as py
from neuroscript.runtime import abi

_TYPES = {
    "is_string": ("str",),
    "is_number": ("int", "float"),
    "is_bool": ("bool",),
    "is_list": ("list",),
    "is_map": ("dict",),
}


def builtin(name: str, value: ast.expr, again: ast.expr) -> ast.expr:
    """Code of the built-in function of one value, given the value's code at the first mention and at the others."""
    if name in _TYPES:
        return py.some(*(py.kind_is(one, word) for one, word in zip((value, again), _TYPES[name], strict=False)))
    if name == "is_nil" and not isinstance(value, ast.Constant):  # Python warns of `is` between constants
        return py.compare(value, "is", py.const(None))
    return py.call(abi.BUILTIN + name, value)
