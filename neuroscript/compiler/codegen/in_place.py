"""Code generation for statements that give a list or map to a tool, or to ``+``, and put the result back.

``set m = tool.map.Set(m, k, v)``, ``set m.xs = m.xs + [v]`` and ``set xs, x = tool.list.Pop(xs)`` change their list or
map in place where nothing else holds it (`neuroscript.runtime.in_place`), and do what any statement does elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from neuroscript.compiler.analysis.types import CONTAINER, LIST, MAP, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import FunctionContext
from neuroscript.compiler.codegen.expressions import ExpressionGenerator
from neuroscript.compiler.codegen.hopeful import is_last, is_length
from neuroscript.compiler.codegen.moves import is_read_last
from neuroscript.compiler.codegen.temporaries import clear, only_variable_holds
from neuroscript.compiler.codegen.tools import ToolCallGenerator, places_of
from neuroscript.compiler.traversal import key_of, path_of
from neuroscript.runtime import abi
from neuroscript.runtime.programs import ToolLink
from neuroscript.syntax import nodes as n
from neuroscript.tools.spec import ArgType

Put = Callable[[ast.expr], list[ast.stmt]]
"""Makes the code that stores a value in the target of the statement."""


DEEP = 4
"""Keys of a path beyond which the runtime goes along it."""

Way = Callable[[n.Target, list[n.Expr], list[ast.expr], bool], tuple[list[ast.expr], list[str], Type]]
"""Generates the way to a list or map that is in another one."""


class InPlaceGenerator:
    """Generates the code of one statement that puts back what a tool, or ``+``, makes of the value that it sets.

    Args:
        target: what the statement sets.
        put: makes the code that stores a value there, which may stand in several places.
        way: generates the way to an item that is set.
    """

    def __init__(
        self,
        context: FunctionContext,
        expressions: ExpressionGenerator,
        target: n.Target,
        put: Put,
        way: Way | None = None,
    ) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self.target = target
        self.put = put
        self.way = way
        self._code: list[ast.stmt] = []
        self._cleared: list[ast.stmt] = []

    def by_tool(self, value: n.Expr) -> list[ast.stmt] | None:
        """``set target = tool.group.Name(target, …)``; None where it is another kind of statement."""
        if not isinstance(value, n.ToolCall) or not value.args or any(argument.name for argument in value.args):
            return None
        old, *others = (argument.value for argument in value.args)
        link = self.context.unit.linker.tool(value.name)
        if link is None or link.stored is None or not self._is_put_back(old):
            return None
        places = places_of(link, value.args)
        if places is None or (not link.variadic and len(places) < len(link.types)):
            return None
        if (shortened := self._shortened(value, old, others, link)) is not None:
            return shortened
        self._read_first(old, others)
        operands = [self._kept(other, place in link.stored) for place, other in zip(places[1:], others, strict=True)]
        tools = ToolCallGenerator(self.context, self.expressions)
        tests = [test for each in zip(places[1:], others, operands, strict=True) for test in tools.passes(link, *each)]
        held, found = self._held("dict" if link.types[0] is ArgType.MAP else "list")
        change = py.call(abi.TOOL_CHANGE + link.key, held, *operands)
        args = ast.Tuple([self.expressions.value(old), *operands], py.LOAD)
        call = py.call(abi.TOOL + link.key, py.name(abi.DEPTH), args, py.const(()))
        py.place(call, value.place)
        return self._either([*found, *tests, change], ast.Pass(), call)

    def _shortened(self, value: n.ToolCall, old: n.Expr, others: list[n.Expr], link: ToolLink) -> list[ast.stmt] | None:
        """A statement that takes the first item off, or the last; None for another one.

        It is ``set xs = tool.list.Rest(xs)``, or ``tool.list.Slice`` from 1 to the length, or from 0 to one less.
        """
        match value.name.lower(), others:
            case "list.rest", []:
                place = 0
            case "list.slice", [n.Literal(value=int() as start), end] if type(start) is int and start in (0, 1):
                is_short = is_last(self.context, old, end) if start == 0 else is_length(self.context, old, end)
                if not is_short or not all(map(self.context.is_pure, self.target.path)):
                    return None
                place = 0 if start else -1
            case _:
                return None
        self._read_first(old, others)
        held, found = self._held("list")
        args = ast.Tuple([self.expressions.value(old), *map(self.expressions.value, others)], py.LOAD)
        call = py.call(abi.TOOL + link.key, py.name(abi.DEPTH), args, py.const(()))
        py.place(call, value.place)
        shorten = ast.Delete([ast.Subscript(held, py.const(place), ast.Del())])
        return self._either([*found, held], shorten, call)  # an empty one is left to the tool

    def by_adding(self, value: n.Expr) -> list[ast.stmt] | None:
        """``set target = target + [v, …]`` for an item; None where it is another kind of statement."""
        match value:
            case n.Chain(first=old, rest=[("+", n.ListExpr() as added, place)]) if self._is_put_back(old):
                self._read_first(old, [added])
            case _:
                return None
        items = self._kept(added, True)
        held, found = self._held("list")
        size = py.binary(py.call("len", held), "+", py.call("len", items))
        room = py.compare(size, "<=", py.const(self.context.unit.max_items))
        extend = ast.AugAssign(ast.Name(held.id, py.STORE), ast.Add(), items)
        join = py.call(abi.ADD, self.expressions.value(old), items)
        py.place(join, place)
        return self._either([*found, room], extend, join)

    # --- parts -------------------------------------------------------------------------------------------------------

    def _is_put_back(self, old: n.Expr) -> bool:
        """Whether an expression reads what the statement sets, and does so again to the same effect."""
        return is_put_back(self.context, self.target, old)

    def _read_first(self, old: n.Expr, others: list[n.Expr]) -> None:
        """Has the old value read before anything else is evaluated, so that it fails first if it does."""
        pure = self.context.is_pure
        if not pure(old) and not (self.target.path and all(map(pure, others))):
            self._code += [ast.Expr(self.expressions.value(old)), *self.temporaries.release()]

    def _kept(self, argument: n.Expr, is_stored: bool) -> ast.expr:
        """Code that gives an argument, in several places: a temporary's, unless it is as simple."""
        is_container = bool(self.context.type_of(argument).kinds & CONTAINER)
        if self.context.is_pure(argument) and not is_container:
            return self.expressions.value(argument)
        made = self.expressions.stored(argument) if is_stored or self.target.path else self.expressions.value(argument)
        temporary = self.temporaries.fresh()
        self._code += [py.assign(temporary, made), *self.temporaries.release()]
        if is_container:
            self._cleared.append(clear(temporary))
        return py.name(temporary)

    def _held(self, kind: str) -> tuple[ast.Name, list[ast.expr]]:
        """The list or map that the target holds, and the tests that it is one which nothing else holds."""
        local = py.variable(self.target.name)
        if not self.target.path:
            name, flow = self.target.name, self.context.flow
            wanted = LIST if kind == "list" else MAP
            is_certain = name in flow.assigned and self.context.types.of_target(self.target).within(wanted)
            return local, [*([] if is_certain else [py.kind_is(local, kind)]), only_variable_holds(name)]
        if self.way is not None and len(self.target.path) <= DEEP and not self.context.compact:
            last = n.Literal(self.target.place, 0 if kind == "list" else "")
            reads = [self.expressions.value(key) for key in self.target.path]
            tests, children, _ = self.way(self.target, [*self.target.path, last], reads, kind == "list")
            self._cleared += map(clear, children)
            return py.name(children[-1]), tests
        keys = ast.Tuple([self.expressions.value(key) for key in self.target.path], py.LOAD)
        temporary = self.temporaries.fresh()
        self._cleared.append(clear(temporary))
        return py.name(temporary), [py.kind_is(py.bind(temporary, py.call(abi.HELD_AT, local, keys)), kind)]

    def _either(self, tests: list[ast.expr], change: ast.stmt, otherwise: ast.expr) -> list[ast.stmt]:
        """The statement: ``change`` where the tests hold, else the target gets the value ``otherwise``."""
        result = self.temporaries.fresh()
        general: list[ast.stmt] = [py.assign(result, otherwise), *self._cleared]
        general += [*self.put(py.name(result)), clear(result)]
        return [*self._code, py.when(py.both(*tests), [change], general), *self._cleared]


def popping(
    context: FunctionContext, expressions: ExpressionGenerator, targets: list[n.Target], value: n.Expr, way: Way
) -> Callable[[list[ast.stmt]], list[ast.stmt]] | None:
    """``set xs, x = tool.list.Pop(xs)``, where ``xs`` may be a path: makes the statement of what does it otherwise.

    Where nothing reads ``xs`` again, ``set rest, x = tool.list.Pop(xs)`` takes its list over.
    """
    match targets, value:
        case (
            [n.Target(name=name, path=path) as target, n.Target(name=item, path=[])],
            n.ToolCall(name=tool, args=[n.Argument(value=old, name=None)]),
        ) if name != item and not context.is_read_only(item):
            pass
        case _:
            return None
    link = context.unit.linker.tool(tool)
    if link is None or not link.pop or len(path) > DEEP or (path and context.compact):
        return None
    if is_put_back(context, target, old):
        root, after = name, []
    elif isinstance(old, n.Name) and old.name != item and _is_taken_over(context, target, old):
        root = old.name
        after = [py.set_variable(name, py.variable(root)), py.set_variable(root, py.const(None))]
    else:
        return None
    first: list[ast.stmt] = [] if context.is_pure(old) else [ast.Expr(expressions.value(old))]
    first += context.temporaries.release()
    held: ast.Name = py.variable(root)
    tests = [py.kind_is(held, "list"), only_variable_holds(root)]
    clean: list[ast.stmt] = []
    if path:
        keys = [expressions.value(key) for key in path]
        tests, children, _ = way(target, [*path, n.Literal(target.place, 0)], keys, True)
        held = py.name(children[-1])
        clean = [clear(child) for child in children]
    pop = py.set_variable(item, py.call(ast.Attribute(held, "pop", py.LOAD)))
    test = py.both(*tests, held)
    return lambda other: [*first, py.when(test, [pop, *after], [*clean, *other]), *clean]


def _is_taken_over(context: FunctionContext, target: n.Target, old: n.Name) -> bool:
    """Whether a target that is a variable may get the very value of another, which nothing reads again."""
    if target.path or context.body.uses_last or context.is_read_only(target.name):
        return False
    return is_read_last(context, old.name)


def is_put_back(context: FunctionContext, target: n.Target, old: n.Expr) -> bool:
    """Whether an expression reads what a target sets, and does so again to the same effect."""
    if context.body.uses_last or context.is_read_only(target.name):
        return False
    path = path_of(old)
    same = path == (target.name, *map(key_of, target.path)) and None not in path
    return same and all(context.is_pure(key) for key in target.path)
