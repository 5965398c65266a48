"""Code generation for storing items in hope of the likely types.

In ``set s.tasks[id].count = s.tasks[id].count + 1`` the way to the map is gone once: nothing else may hold what is on
it, and the new value is made of what is found there.  Where that is not so, the runtime does all of it anew.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.types import CONTAINER, INT, LIST, MAP, NIL, OTHER, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.hopeful import item_of_likely, may_run_twice, missing, text_of
from neuroscript.compiler.codegen.moves import idle_within
from neuroscript.compiler.codegen.temporaries import clear, only_container_holds
from neuroscript.compiler.traversal import key_of, path_of, walk
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.runtime.programs import BIG
from neuroscript.syntax import nodes as n

Evaluated = tuple[list[ast.stmt], ast.expr, list[ast.stmt]]


@record(frozen=True)
class _Child:
    """A list or map on the way to the one that gets the item.

    Attributes:
        name: of the temporary that holds it.
        kind: its type.
        holder: what holds it.
        key: where it is there.
        is_unshared: the test that nothing else holds it, which puts it into the temporary.
    """

    name: str
    kind: Type
    holder: ast.expr
    key: ast.expr
    is_unshared: ast.expr


class StoreGenerator:
    """Generates the code of ``set name[a]… = value``.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        target: what is set.
        kind: the type of the value that its variable holds.
        unshared: the test that nothing else holds that, if one is needed.
    """

    def __init__(
        self, context: FunctionContext, expressions: Expressions, target: n.Target, kind: Type, unshared: list[ast.expr]
    ) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self.target = target
        self.root = self.kind = kind
        self.unshared = unshared
        self.whole = (target.name, *map(key_of, target.path))
        self.held: ast.Name = py.variable(target.name)  # the list or map that gets the item
        self.known: dict[tuple[object, ...], str] = {}  # what is held on the way to it
        self.children: list[_Child] = []

    def store(
        self,
        value: n.Expr,
        evaluated: Callable[[n.Expr], Evaluated],
        evaluated_key: Callable[[n.Expr], tuple[list[ast.stmt], ast.expr]],
    ) -> list[ast.stmt] | None:
        """Generates the statement; None where no types are likely, or hope is no gain.

        Args:
            value: the value.
            evaluated: generates what evaluates it before anything else: statements, the value, and what clears it.
            evaluated_key: generates what evaluates a key: statements, and the key.
        """
        context, path = self.context, self.target.path
        # A number, string or boolean may be evaluated last, and read what the way has led to.
        late = not context.type_of(value).kinds & CONTAINER and may_run_twice(context, value)
        late = late and all(map(self._cannot_fail, path)) and not idle_within(context)
        renews = late and None not in self.whole and any(path_of(part) == self.whole for part in walk(value))
        last = context.type_of(path[-1])
        is_likely = last.within(STR) or (last.within(INT) and not self.kind.within(MAP))
        if len(path) == 1 and not renews and is_likely:
            return None
        code, item, let_go = ([], None, []) if late else evaluated(value)
        reads: list[ast.expr] = []
        for key in path:
            first, read = evaluated_key(key)
            code += first
            reads.append(read)
        if not self._go(reads):
            return None
        again: list[ast.stmt] = []
        if item is None:
            if None not in self.whole:
                self.known |= {self.whole[:-1]: self.held.id, self.whole: ""}
            with context.hoping(self.known):
                made = self.expressions.value(value)
            let_go = self.temporaries.release()
            temporary = self.temporaries.fresh()
            with context.short():
                again = [*let_go, py.assign(temporary, self.expressions.value(value)), *self.temporaries.release()]
            item = py.name(temporary)
        else:
            made = item
        clean = [clear(child.name) for child in self.children]
        put = py.call(abi.PUT_PATH, py.variable(self.target.name), py.items(reads), item)
        if len(path) == 1:
            put = py.call(abi.PUT, py.variable(self.target.name), reads[0], item)
        other: list[ast.stmt] = [*clean, *again, py.set_variable(self.target.name, put)]
        is_there = renews and (last.within(STR) or (last.within(INT) and not self.kind.kinds & (MAP | OTHER)))
        is_there = is_there or (isinstance(path[-1], n.Literal) and self.kind.has(path[-1].value))
        stored: list[ast.stmt] = [store_item(self.held, reads[-1], made)]
        if not is_there:
            stored = self._stored(reads[-1], made, other)
        likely = stored
        tests = [*self.unshared, *(child.is_unshared for child in self.children)]
        if tests and self._can_copy():
            likely = [*self._copies(), *stored]
        elif tests:
            likely = [py.when(py.both(*tests), stored, other)]
        return [*code, *missing(likely, other), *clean, *let_go]

    def _can_copy(self) -> bool:
        """Whether what is on the way, and what gets the item, can be copied where it stands, by its type."""
        kinds = [self.root, *(child.kind for child in self.children)]
        if not all(kind.within(MAP | NIL) or kind.within(LIST | NIL) for kind in kinds):
            return False
        way = zip(kinds, self.target.path[:-1], strict=False)
        return all(self.context.type_of(key).within(INT if kind.within(LIST | NIL) else STR) for kind, key in way)

    def _copies(self) -> list[ast.stmt]:
        """Statements that give the variable, and what is on the way, a list or map of its own where others hold it."""
        made: list[ast.stmt] = []
        if self.unshared:
            own = py.set_variable(self.target.name, _copy(py.variable(self.target.name), self.root))
            made.append(py.when(py.negated(py.both(*self.unshared)), [own]))
        for child in self.children:
            targets = [ast.Name(child.name, py.STORE), ast.Subscript(child.holder, child.key, py.STORE)]
            copied = ast.Assign(targets, _copy(py.name(child.name), child.kind))
            made.append(py.when(py.negated(child.is_unshared), [copied]))
        return made

    def _cannot_fail(self, key: n.Expr) -> bool:
        """Whether the evaluation of a key certainly does not fail, so that it may come before that of the value."""
        if isinstance(key, n.Chain):
            parts = (key.first, *(operand for _, operand, _ in key.rest))
            sized = all(self.context.type_of(part).within(INT) and self.context.is_pure(part) for part in parts)
            adds = all(operator in ("+", "-", "*") for operator, _, _ in key.rest)
            return sized and adds and self.context.type_of(key).bits is not None
        return self.context.is_pure(key)

    def _go(self, reads: list[ast.expr]) -> bool:
        """Goes the way to the list or map that gets the item; whether the types on it are likely."""
        for depth, key in enumerate(self.target.path[:-1], 1):
            held, read = self.held, reads[depth - 1]
            found = item_of_likely(self.context, self.expressions, _same(held), self.kind, key, read)
            if found is None:
                return False
            self.kind = _item_type(self.kind, key)
            child = self.temporaries.fresh()
            is_unshared = only_container_holds(py.bind(child, found))
            self.children.append(_Child(child, self.kind, held, read, is_unshared))
            self.held = py.name(child)
            if None not in self.whole[: depth + 1]:
                self.known[self.whole[: depth + 1]] = child
        return bool(self.context.type_of(self.target.path[-1]).kinds & (INT | STR))

    def _stored(self, key: ast.expr, value: ast.expr, other: list[ast.stmt]) -> list[ast.stmt]:
        """Statements that store the item, or do ``other`` where it is another kind of key, or there is no room."""
        kind = self.context.type_of(self.target.path[-1])
        if not self.kind.kinds & (MAP | OTHER):
            kind = kind.restricted_to(~NIL)  # which Python compares with no number
        store: list[ast.stmt] = [store_item(self.held, key, value)]
        size, most = py.call("len", self.held), py.const(self.context.unit.max_items)
        room = py.compare(size, "<", most)
        if kind.within(INT) and self.kind.within(MAP | NIL):
            return [py.when(room, [store_item(self.held, text_of(key, key, natural=kind.natural), value)], other)]
        if kind.within(STR):  # of a list Python raises
            return [py.when(room, store, other)]
        inside = py.compare(size, ">", key, *([] if kind.natural else [">", py.const(-1)]))
        is_list = py.kind_is(self.held, "list")
        if kind.within(INT):
            full = py.both(py.compare(key, "==", size), py.compare(key, "<", most))
            listed: list[ast.stmt] = [py.when(inside, store, [py.when(full, [append_item(self.held, value)], other)])]
            return [py.when(is_list, listed, other)] if self.kind.kinds & (MAP | OTHER) else listed
        made = other
        if kind.kinds & INT and self.kind.kinds & LIST:
            made = [py.when(py.both(is_list, py.kind_is(key, "int"), inside), store, other)]
        if kind.kinds & STR and self.kind.kinds & MAP:
            made = [py.when(py.both(py.kind_is(key, "str"), room), store, made)]
        return made


def _copy(held: ast.expr, kind: Type) -> ast.expr:
    """A copy of a list or map; Python raises where there is neither."""
    whole: ast.expr = ast.Dict([None], [held])
    if kind.within(LIST | NIL):
        whole = ast.List([ast.Starred(held, py.LOAD)], py.LOAD)
    return py.either(py.compare(py.call("len", held), "<=", py.const(BIG)), whole, py.call(abi.COPIED, held))


def _same(held: ast.expr) -> Callable[[bool], tuple[ast.expr, ast.expr]]:
    return lambda _: (held, held)


def _item_type(kind: Type, key: n.Expr) -> Type:
    return types.item_at(kind, key.value) if isinstance(key, n.Literal) else types.item_of(kind)


def append_item(local: ast.expr, value: ast.expr) -> ast.stmt:
    """A statement that appends to a list.

    The one attribute in generated code: Python has a shorter way for this form of the call than for any other.
    """
    return ast.Expr(py.call(ast.Attribute(local, "append", py.LOAD), value))


def store_item(container: ast.expr, key: ast.expr, value: ast.expr) -> ast.stmt:
    """``container[key] = value``."""
    return ast.Assign([ast.Subscript(container, key, py.STORE)], value)
