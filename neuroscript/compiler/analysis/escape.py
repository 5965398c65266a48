"""Which lists and maps certainly nothing but their variable holds, so that they are changed without a look.

A variable *owns* its list or map from where it was made, or changed, to where its value may come to be held by
something else too: another variable, a container, a call, a loop that walks it.  From there on generated code looks at
the reference count again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neuroscript.compiler.traversal import assigned_by, expressions, inner_blocks
from neuroscript.syntax import nodes as n

READERS = frozenset({"len", "is_list", "is_map", "is_string", "is_number", "is_nil", "not_empty"})


class Sharing:
    """Finds the variables whose values something else may hold afterwards.

    Args:
        readers: the built-in functions that only look at their argument, and that nothing else is named like.
        appends: whether a tool, by its name, is the one that appends to a list.
    """

    def __init__(self, readers: frozenset[str], appends: Callable[[str], bool]) -> None:
        self.readers = readers
        self.appends = appends

    def appended(self, statement: n.Stmt) -> n.Expr | None:
        """What ``set xs = tool.list.Append(xs, v)`` appends; only the variable holds the list after it."""
        match statement:
            case n.Set(
                targets=[n.Target(name=name, path=[])],
                value=n.ToolCall(name=tool, args=[n.Argument(value=n.Name(name=own), name=None), n.Argument() as new]),
                must=False,
            ) if name == own and new.name is None and self.appends(tool):
                return new.value
        return None

    def kept(self, expression: n.Expr) -> Iterator[str]:
        """Those of an expression whose value is kept."""
        match expression:
            case n.Name(name=name):
                yield name
            case n.ListExpr(items=items):
                for item in items:
                    yield from self.kept(item)
            case n.MapExpr(entries=entries):
                for key, value in entries:
                    yield from self.read(key)
                    yield from self.kept(value)
            case _:
                yield from self.read(expression)

    def read(self, expression: n.Expr) -> Iterator[str]:
        """Those of an expression whose value is looked at only."""
        match expression:
            case n.Index(value=value, index=index):
                yield from self.read(value)
                yield from self.read(index)
            case n.Unary(operand=operand):
                yield from self.read(operand)
            case n.Chain(first=first, rest=rest):
                yield from self.read(first)
                for _, operand, _ in rest:
                    yield from self.read(operand)
            case n.Power(base=base, exponent=exponent):
                yield from self.read(base)
                yield from self.read(exponent)
            case n.Call(name=name, args=[n.Argument(value=value, name=None)]) if name in self.readers:
                yield from self.read(value)
            case n.Call(args=args) | n.ToolCall(args=args) | n.CallValue(args=args):
                if isinstance(expression, n.CallValue):
                    yield from self.kept(expression.callee)
                for argument in args:
                    yield from self.kept(argument.value)
            case n.Eval(text=text):
                yield from self.read(text)
            case n.ListExpr() | n.MapExpr():
                yield from self.kept(expression)

    def by(self, statement: n.Stmt) -> Iterator[str]:
        """Those of a statement's own expressions; its inner blocks are not looked at."""
        if (appended := self.appended(statement)) is not None:
            yield from self.kept(appended)
            return
        match statement:
            case n.Set(targets=targets, value=value):
                yield from self.kept(value)
                for target in targets:
                    for key in target.path:
                        yield from self.read(key)
            case n.If() | n.While() | n.Must() | n.CallStmt():
                for expression in expressions(statement):
                    yield from self.read(expression)
            case _:
                for expression in expressions(statement):
                    yield from self.kept(expression)

    def within(self, block: n.Block) -> Iterator[str]:
        """Those of a block and all that is in it, and the variables that it sets anew."""
        for statement in block:
            yield from self.by(statement)
            if self.appended(statement) is None:
                yield from assigned_by(statement)
            for inner in inner_blocks(statement):
                yield from self.within(inner)
