"""What the variables of a body certainly hold, by everything that is assigned to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import assigned_by, statements
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body
    from neuroscript.tools import ToolRegistry


class Holding:
    """The variables of one body that hold texts and lists alone, and those that hold moments alone."""

    def __init__(self, body: Body, tools: ToolRegistry) -> None:
        self._tools = tools
        self.sized = _variables(body, self.is_sized)
        self._moments = _variables(body, self._is_new_moment)

    def is_sized(self, value: n.Expr) -> bool:
        """Whether an expression gives a text or a list."""
        return isinstance(value, n.ListExpr | n.Raw) or (
            type(value.value) is str if isinstance(value, n.Literal) else self._gives(value, ("string", "slice"))
        )

    def is_moment(self, value: n.Expr) -> bool:
        """Whether an expression gives a moment."""
        return self._is_new_moment(value) or (isinstance(value, n.Name) and value.name in self._moments)

    def negative_index(self, value: n.Expr) -> bool:
        """Whether an expression reads an item of a text or list from the end."""
        if not isinstance(value, n.Index) or value.dotted or not isinstance(value.index, n.Unary):
            return False
        owner = value.value
        is_sized = self.is_sized(owner) or (isinstance(owner, n.Name) and owner.name in self.sized)
        return value.index.op == "-" and isinstance(value.index.operand, n.Literal) and is_sized

    def _is_new_moment(self, value: n.Expr) -> bool:
        return self._gives(value, ("timedate",))

    def _gives(self, value: n.Expr, types: tuple[str, ...]) -> bool:
        tool = self._tools.get(value.name) if isinstance(value, n.ToolCall) else None
        return tool is not None and str(tool.spec.return_type).startswith(types)


def _variables(body: Body, accepts: Callable[[n.Expr], bool]) -> set[str]:
    """The variables to which nothing but what is accepted is assigned."""
    found: set[str] = set()
    others = set(body.params)
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            if isinstance(statement, n.Set) and len(statement.targets) == 1 and accepts(statement.value):
                found.update(assigned_by(statement))
            else:
                others.update(assigned_by(statement))
    return found - others - (body.session or frozenset())
