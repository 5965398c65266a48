"""Escape analysis: where a list or map is certainly held by its variable alone, and so is changed in place unchecked.

A variable *owns* its list or map from where it was made, or changed, to where the value may *escape*: come to be held
by something else too, such as another variable, a container, a call, or a loop that walks it.  From there on generated
code reads the reference count again.
"""

from __future__ import annotations

from collections.abc import Callable

from neuroscript.compiler.traversal import assigned_by, children, expressions, inner_blocks
from neuroscript.syntax import nodes as n

READERS = frozenset({"len"})
"""The built-in functions that read their argument and keep nothing of it, and that no procedure can replace."""


class EscapeAnalysis:
    """Determines which variables' lists and maps may come to be held by something else.

    Args:
        readers: those of `READERS` that no procedure, variable or host value hides.
        appends: whether a tool, by its name, is the one that appends to a list.
    """

    def __init__(self, readers: frozenset[str], appends: Callable[[str], bool]) -> None:
        self.readers = readers
        self.appends = appends
        self._within: dict[int, frozenset[str]] = {}  # by the identity of the statement

    def appended(self, statement: n.Stmt) -> n.Expr | None:
        """The value that ``set xs = tool.list.Append(xs, v)`` appends, after which only the variable holds the list."""
        if type(statement) is not n.Set or type(statement.value) is not n.ToolCall:
            return None  # as most, and quicker told than by the pattern
        match statement:
            case n.Set(
                targets=[n.Target(name=name, path=[])],
                value=n.ToolCall(name=tool, args=[n.Argument(value=n.Name(name=own), name=None), n.Argument() as new]),
                must=False,
            ) if name == own and new.name is None and self.appends(tool):
                return new.value
        return None

    def extends(self, statement: n.Stmt) -> bool:
        """Whether a statement is ``set xs = xs + [v, …]``, after which only the variable holds the list."""
        if type(statement) is not n.Set or type(statement.value) is not n.Chain:
            return False
        match statement:
            case n.Set(
                targets=[n.Target(name=name, path=[])],
                value=n.Chain(first=n.Name(name=own), rest=[("+", n.ListExpr(), _)]),
                must=False,
            ):
                return name == own
        return False

    def by(self, statement: n.Stmt) -> list[str]:
        """The variables whose values escape through a statement's own expressions; inner blocks do not count."""
        found: list[str] = []
        if (appended := self.appended(statement)) is not None:
            self._through(appended, found)
            return found
        match statement:
            case n.Set(targets=targets, value=value):
                self._through(value, found)
                for target in targets:
                    for key in target.path:
                        self._inside(key, found)
            case n.If() | n.While() | n.Must() | n.CallStmt():
                for expression in expressions(statement):
                    self._inside(expression, found)
            case _:
                for expression in expressions(statement):
                    self._through(expression, found)
        return found

    def within(self, statement: n.Stmt) -> frozenset[str]:
        """The variables whose values escape anywhere in a statement, and those that it sets anew."""
        known = self._within.get(id(statement))
        if known is None:
            found = set(self.by(statement))
            if self.appended(statement) is None and not self.extends(statement):
                found.update(assigned_by(statement))
            for inner in inner_blocks(statement):
                for part in inner:
                    found |= self.within(part)
            known = frozenset(found)
            if isinstance(statement, n.While | n.ForEach | n.If):  # which are asked for again, from inside
                self._within[id(statement)] = known
        return known

    def _through(self, expression: n.Expr, found: list[str]) -> None:
        """Adds the variables whose values escape where the expression's value is stored or passed on."""
        form = type(expression)
        if form is n.Name:
            found.append(expression.name)  # type: ignore[attr-defined]
        elif form is n.ListExpr:
            for item in expression.items:  # type: ignore[attr-defined]
                self._through(item, found)
        elif form is n.MapExpr:
            for key, value in expression.entries:  # type: ignore[attr-defined]
                self._inside(key, found)
                self._through(value, found)
        elif form is not n.Literal:
            self._inside(expression, found)

    def _inside(self, expression: n.Expr, found: list[str]) -> None:
        """Adds the variables whose values escape where the expression's value is only read."""
        form = type(expression)
        if form is n.Name or form is n.Literal:
            return
        if form is n.ListExpr or form is n.MapExpr:
            self._through(expression, found)
            return
        if form in _CALLS:
            args: list[n.Argument] = expression.args  # type: ignore[attr-defined]
            reads = form is n.Call and expression.name in self.readers  # type: ignore[attr-defined]
            if reads and len(args) == 1 and args[0].name is None:
                self._inside(args[0].value, found)
                return
            if form is n.CallValue:
                self._through(expression.callee, found)  # type: ignore[attr-defined]
            for argument in args:
                self._through(argument.value, found)
            return
        for part in children(expression):
            self._inside(part, found)


_CALLS = frozenset({n.Call, n.ToolCall, n.CallValue})
