"""Escape analysis: where a list or map is certainly held by its variable alone, and so is changed in place unchecked.

A variable *owns* its list or map from where it was made, or changed, to where the value may *escape*: come to be held
by something else too, such as another variable, a container, a call, or a loop that walks it.  From there on generated
code reads the reference count again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neuroscript.compiler.traversal import assigned_by, expressions, inner_blocks
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
        match statement:
            case n.Set(
                targets=[n.Target(name=name, path=[])],
                value=n.Chain(first=n.Name(name=own), rest=[("+", n.ListExpr(), _)]),
                must=False,
            ):
                return name == own
        return False

    def by(self, statement: n.Stmt) -> Iterator[str]:
        """The variables whose values escape through a statement's own expressions; inner blocks do not count."""
        if (appended := self.appended(statement)) is not None:
            yield from self._through(appended)
            return
        match statement:
            case n.Set(targets=targets, value=value):
                yield from self._through(value)
                for target in targets:
                    for key in target.path:
                        yield from self._inside(key)
            case n.If() | n.While() | n.Must() | n.CallStmt():
                for expression in expressions(statement):
                    yield from self._inside(expression)
            case _:
                for expression in expressions(statement):
                    yield from self._through(expression)

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

    def _through(self, expression: n.Expr) -> Iterator[str]:
        """The variables whose values escape where the expression's value is stored or passed on."""
        match expression:
            case n.Name(name=name):
                yield name
            case n.ListExpr(items=items):
                for item in items:
                    yield from self._through(item)
            case n.MapExpr(entries=entries):
                for key, value in entries:
                    yield from self._inside(key)
                    yield from self._through(value)
            case _:
                yield from self._inside(expression)

    def _inside(self, expression: n.Expr) -> Iterator[str]:
        """The variables whose values escape where the expression's value is only read."""
        match expression:
            case n.Index(value=value, index=index):
                yield from self._inside(value)
                yield from self._inside(index)
            case n.Unary(operand=operand):
                yield from self._inside(operand)
            case n.Chain(first=first, rest=rest):
                yield from self._inside(first)
                for _, operand, _ in rest:
                    yield from self._inside(operand)
            case n.Power(base=base, exponent=exponent):
                yield from self._inside(base)
                yield from self._inside(exponent)
            case n.Call(name=name, args=[n.Argument(value=value, name=None)]) if name in self.readers:
                yield from self._inside(value)
            case n.Call(args=args) | n.ToolCall(args=args) | n.CallValue(args=args):
                if isinstance(expression, n.CallValue):
                    yield from self._through(expression.callee)
                for argument in args:
                    yield from self._through(argument.value)
            case n.Eval(text=text):
                yield from self._inside(text)
            case n.ListExpr() | n.MapExpr():
                yield from self._through(expression)
