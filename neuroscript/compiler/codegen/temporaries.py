"""Temporary variables and reference counts in generated code.

The two belong together: a list or map is changed in place where its reference count says that only its variable holds
it, and a temporary that still held it would make it count as shared.  So every temporary is named here; one that may
hold a list or map is noted, and cleared once the expression has been evaluated; and every test of a reference count is
generated here.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.types import CONTAINER, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.runtime import abi
from neuroscript.values.holders import BOUND_IN_CONTAINER, IN_CONTAINER, IN_LOCAL

_NAMES = [f"t{number}" for number in range(50)]  # made once


class Temporaries:
    """Names the temporaries of one function, and keeps track of those that have to be cleared."""

    def __init__(self) -> None:
        self._number = 0
        self._lasting = 0
        self._holding: list[str] = []  # those of the current statement that have to be cleared

    def begin(self) -> None:
        """Begins a Python function."""
        self._holding = []

    def next_statement(self) -> None:
        """Begins a statement, or a part of one, which may use the names of the previous one again."""
        self._number = 0

    def fresh(self) -> str:
        """A new name, for the current statement."""
        self._number += 1
        return _NAMES[self._number] if self._number < len(_NAMES) else f"t{self._number}"

    def lasting(self) -> str:
        """A new name that is never used again, for a value that outlives its statement."""
        self._lasting += 1
        return f"go_{self._lasting}"

    def inner_function(self) -> str:
        """A new name for an inner function."""
        self._lasting += 1
        return f"loop_{self._lasting}"

    def hold(self, bound: ast.expr, kind: Type) -> None:
        """Notes the temporary that ``bound`` binds, if it binds one, and to a value that may be a list or map."""
        if isinstance(bound, ast.NamedExpr) and kind.kinds & CONTAINER:
            self._holding.append(bound.target.id)

    def hold_name(self, temporary: str) -> None:
        """Notes a temporary, whatever its type."""
        self._holding.append(temporary)

    def mark(self) -> int:
        """A mark for `held_since`."""
        return len(self._holding)

    def held_since(self, mark: int) -> list[str]:
        """The temporaries noted since a mark."""
        return self._holding[mark:]

    def release(self) -> list[ast.stmt]:
        """Statements that clear the temporaries noted so far, for where the expression has been evaluated."""
        code = [clear(temporary) for temporary in self._holding]
        self._holding.clear()
        return code


def clear(temporary: str) -> ast.stmt:
    """A statement that clears a temporary."""
    return py.assign(temporary, py.const(None))


def only_variable_holds(name: str) -> ast.expr:
    """The test that nothing but the script's variable ``name`` holds its list or map."""
    return py.compare(py.call(abi.REFCOUNT, py.variable(name)), "==", py.const(IN_LOCAL))


def only_container_holds(temporary: ast.expr) -> ast.expr:
    """The test that nothing but its container holds what a temporary holds, or has just been bound to."""
    count = BOUND_IN_CONTAINER if isinstance(temporary, ast.NamedExpr) else IN_CONTAINER
    return py.compare(py.call(abi.REFCOUNT, temporary), "==", py.const(count))
