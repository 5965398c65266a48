"""Temporaries of generated code, and the reference counts that it relies on.

The two belong together: a list or map is changed in place where its reference count says that only its variable holds
it, and a temporary that still holds it would make it count as shared.  So every temporary is made here, is noted where
it may hold a list or map, and is emptied before the count can be read; and every test of a count is made here.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.infer import CONTAINER, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.runtime import abi
from neuroscript.runtime.containers import IN_LOCAL


class Temporaries:
    """The temporaries of one Python function."""

    def __init__(self) -> None:
        self._number = 0
        self._lasting = 0
        self._holding: list[str] = []  # those of the statement at hand that may hold a list or map

    def begin(self) -> None:
        """Begins a function, none of whose temporaries holds anything."""
        self._holding = []

    def next_statement(self) -> None:
        """Begins a statement, or a part of one, which may use the names of the one before it again."""
        self._number = 0

    def fresh(self) -> str:
        """A name for a part of the statement at hand."""
        self._number += 1
        return f"t{self._number}"

    def lasting(self) -> str:
        """A name that lives longer than one statement."""
        self._lasting += 1
        return f"go_{self._lasting}"

    def inner_function(self) -> str:
        """The name of a function for a loop that is nested too deeply."""
        self._lasting += 1
        return f"loop_{self._lasting}"

    def hold(self, bound: ast.expr, kind: Type) -> None:
        """Notes a temporary that is bound to a value of a type; nothing where ``bound`` binds none."""
        if isinstance(bound, ast.NamedExpr) and kind.kinds & CONTAINER:
            self._holding.append(bound.target.id)

    def hold_name(self, temporary: str) -> None:
        """Notes a temporary, whatever it is bound to."""
        self._holding.append(temporary)

    def holding(self) -> bool:
        """Whether any temporary has been noted since the last `release`."""
        return bool(self._holding)

    def release(self) -> list[ast.stmt]:
        """Code that empties the temporaries noted so far; it stands where the expression has been evaluated."""
        code = [clear(temporary) for temporary in self._holding]
        self._holding.clear()
        return code


def clear(temporary: str) -> ast.stmt:
    """Code that empties a temporary."""
    return py.assign(temporary, py.const(None))


def only_variable_holds(name: str) -> ast.expr:
    """The test that only the script's variable ``name`` holds its list or map."""
    return py.compare(py.call(abi.REFCOUNT, py.variable(name)), "==", py.const(IN_LOCAL))


def only_container_holds(temporary: ast.expr) -> ast.expr:
    """The test that only a list or map holds the list or map that has just been read from it into a temporary."""
    return py.compare(py.call(abi.REFCOUNT, temporary), "==", py.const(IN_LOCAL + 1))
