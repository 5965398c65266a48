"""Code generation for assignments: ``set`` in all its forms, and the other statements that store a value.

A list or map is changed in place when its reference count says that nothing else holds it; the test stands in the code
for the common cases and in `neuroscript.runtime.containers` for the rest.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.types import CONTAINER, INT, LIST, MAP, NIL, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import FunctionContext
from neuroscript.compiler.codegen.expressions import ExpressionGenerator
from neuroscript.compiler.codegen.forms import LATEST
from neuroscript.compiler.codegen.in_place import InPlaceGenerator, Put, is_put_back, popping
from neuroscript.compiler.codegen.moves import moved_argument
from neuroscript.compiler.codegen.temporaries import clear, only_container_holds, only_variable_holds
from neuroscript.compiler.codegen.text import TextGenerator
from neuroscript.runtime import abi
from neuroscript.runtime.programs import ToolLink
from neuroscript.syntax import nodes as n

_LONGEST_PATH = 4  # of an item that is stored inline


class AssignmentGenerator:
    """Generates code that stores values in variables, and in the lists and maps that they hold."""

    def __init__(self, context: FunctionContext, expressions: ExpressionGenerator) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self.unit = context.unit

    # --- whole variables ---------------------------------------------------------------------------------------------

    def set_name(self, target: n.Target, value: n.Expr) -> list[ast.stmt]:
        """``set name = value``."""
        name = target.name
        if self.context.is_read_only(name):
            return [ast.Expr(self.expressions.value(value)), read_only_error(name)]
        made = self._appending(name, value) or self._extending(name, value) or self._growing(name, value)
        made = made or self._in_place(target, lambda result: [py.set_variable(name, result)]).by_tool(value)
        if made is None:
            self.context.moved = moved_argument(self.context, target, value)
            made = [py.set_variable(name, self.expressions.value(value))]
            self.context.moved = None
        self.context.flow.assign(name)
        return made

    def _growing(self, name: str, value: n.Expr) -> list[ast.stmt] | None:
        """``set s = s + …`` on a string, as the statement that Python does in place."""
        if not (isinstance(value, n.Chain) and isinstance(value.first, n.Name) and value.first.name == name):
            return None
        if not self.context.type_of(value.first).within(STR):
            return None
        if any(operator != "+" for operator, _, _ in value.rest):
            return None
        first: list[ast.stmt] = []
        if not self.context.is_pure(value.first):
            first = [ast.Expr(self.expressions.value(value.first))]
        text = TextGenerator(self.context, self.expressions)
        if len(value.rest) == 1:
            piece, short = text.piece(value.rest[0][1])
        else:
            pieces = [text.piece(operand)[0] for _, operand, _ in value.rest]
            piece, short = py.call(abi.JOIN_ALL, *pieces), False
        local = py.variable(name)
        if not short:
            return [*first, *self._growing_checked(name, piece)]
        grow = py.set_variable(name, py.binary(local, "+", piece))
        limit = py.compare(py.call("len", local), ">", py.const(self.unit.max_string))
        return [*first, grow, py.when(limit, [py.run(abi.LONG_STRING)])]

    def _growing_checked(self, name: str, piece: ast.expr) -> list[ast.stmt]:
        """As `_growing`, for a string of any length: the result's is checked before they are joined."""
        temporary, local = self.temporaries.fresh(), py.variable(name)
        length = py.binary(py.call("len", local), "+", py.call("len", py.name(temporary)))
        return [
            py.assign(temporary, piece),
            py.when(py.compare(length, ">", py.const(self.unit.max_string)), [py.run(abi.LONG_STRING)]),
            py.set_variable(name, py.binary(local, "+", py.name(temporary))),
        ]

    # --- appending ---------------------------------------------------------------------------------------------------

    def _appending(self, name: str, value: n.Expr) -> list[ast.stmt] | None:
        """``set xs = tool.list.Append(xs, v)``: in place where nothing else holds the list."""
        match value:
            case n.ToolCall(
                name=tool, args=[n.Argument(value=n.Name(name=own) as old, name=None), n.Argument(name=None) as new]
            ):
                link = self.unit.linker.tool(tool)
                if own != name or link is None or not link.append:
                    return None
            case _:
                return None
        uses_last = self.context.body.uses_last
        local = py.variable(name)
        first, held, clean = self._evaluated(new.value)
        certain = self.context.is_pure(old)
        if first and not certain:
            first = [ast.Expr(self.expressions.value(old)), *first]
        if uses_last:
            # This call's result takes the place of the one before it, which may be the same list.
            first.append(py.when(py.kind_is(local, "list"), [clear(LATEST)]))
        is_list = certain and self.context.type_of(old).within(LIST)
        tests: list[ast.expr] = [] if is_list else [py.kind_is(local, "list")]
        tests += self._unshared(name)
        tests.append(py.compare(py.call("len", local), "<", py.const(self.unit.max_items)))
        append = _append(local, held)
        copy: ast.stmt = py.set_variable(name, _appended(link, value, self.expressions.value(old), held))
        made: list[ast.stmt] = [*first, py.when(py.both(*tests), [append], [copy]), *clean]
        if uses_last:
            made.append(py.assign(LATEST, local))
        return made

    def _extending(self, name: str, value: n.Expr) -> list[ast.stmt] | None:
        """``set xs = xs + [v, …]``: in place where nothing else holds the list."""
        match value:
            case n.Chain(first=n.Name(name=own) as old, rest=[("+", n.ListExpr() as added, span)]) if own == name:
                if not self.context.type_of(old).kinds & LIST:
                    return None
            case _:
                return None
        local = py.variable(name)
        certain = self.context.is_pure(old)
        first: list[ast.stmt] = [] if certain else [ast.Expr(self.expressions.value(old))]
        tests: list[ast.expr] = []
        if not certain or not self.context.type_of(old).within(LIST):
            tests.append(py.kind_is(local, "list"))
        tests += self._unshared(name)
        if len(added.items) == 1:
            evaluated, held, clean = self._evaluated(added.items[0])
            first += evaluated
            tests.append(py.compare(py.call("len", local), "<", py.const(self.unit.max_items)))
            extend: ast.stmt = _append(local, held)
            items: ast.expr = ast.List([held], py.LOAD)
        else:
            temporary = self.temporaries.fresh()
            items, clean = py.name(temporary), [clear(temporary)]
            first += [py.assign(temporary, self.expressions.value(added)), *self.temporaries.release()]
            size = py.binary(py.call("len", local), "+", py.call("len", items))
            tests.append(py.compare(size, "<=", py.const(self.unit.max_items)))
            extend = ast.AugAssign(ast.Name(abi.VARIABLE + name, py.STORE), ast.Add(), items)
        join = py.set_variable(name, py.call(abi.ADD, self.expressions.value(old), items))
        py.place(join, span)
        return [*first, py.when(py.both(*tests), [extend], [join]), *clean]

    def _appending_inside(self, target: n.Target, value: n.Expr) -> list[ast.stmt] | None:
        """``set m.xs = tool.list.Append(m.xs, v)``: in place where nothing else holds the list or what it is in."""
        context = self.context
        if not isinstance(value, n.ToolCall) or len(value.args) != 2 or any(arg.name for arg in value.args):
            return None
        old, new = (argument.value for argument in value.args)
        link = self.unit.linker.tool(value.name)
        if link is None or not link.append or not is_put_back(context, target, old):
            return None
        first, held, clean = self._evaluated(new)
        if first:
            first = [ast.Expr(self.expressions.value(old)), *self.temporaries.release(), *first]
        keys = ast.Tuple([self.expressions.value(key) for key in target.path], py.LOAD)
        result = self.temporaries.fresh()
        copy: list[ast.stmt] = [
            py.assign(result, _appended(link, value, self.expressions.value(old), held)),
            *self._put(target, py.name(result)),
            clear(result),
        ]
        appended = py.call(abi.APPEND_AT, py.variable(target.name), keys, held)
        return [*first, py.when(py.negated(appended), copy), *clean]

    def _evaluated(self, value: n.Expr) -> tuple[list[ast.stmt], ast.expr, list[ast.stmt]]:
        """A value to be stored in a container: code that evaluates it, that gives it, and that lets it go.

        It is evaluated before the reference count of the container is read, so that a container that is stored in
        itself counts as shared.
        """
        kind = self.context.type_of(value)
        if self.context.is_pure(value) and not kind.kinds & CONTAINER:
            return [], self.expressions.value(value), []
        temporary = self.temporaries.fresh()
        clean = [clear(temporary)] if kind.kinds & CONTAINER else []
        evaluated = py.assign(temporary, self.expressions.stored(value))
        return [evaluated, *self.temporaries.release()], py.name(temporary), clean

    # --- several targets, items, and values that statements give -----------------------------------------------------

    def set(self, targets: list[n.Target], value: n.Expr, *, must: bool) -> list[ast.stmt]:
        """``set`` with items, with several targets, or with ``must``."""
        if not must and len(targets) == 1:
            target = targets[0]
            if (made := self._appending_inside(target, value)) is not None:
                return made
            if target.path:
                for form in (InPlaceGenerator.by_tool, InPlaceGenerator.by_adding):
                    in_place = self._in_place(target, lambda result: self._put(target, result))
                    if (made := form(in_place, value)) is not None:
                        return made
            self.context.moved = moved_argument(self.context, targets[0], value)
            first, held, clean = self._evaluated(value)
            self.context.moved = None
            return [*first, *self._put(targets[0], held), *clean]
        temporary = self.temporaries.fresh()
        pop = None if must else popping(self.context, self.expressions, targets, value)
        code: list[ast.stmt] = [py.assign(temporary, self.expressions.value(value)), *self.temporaries.release()]
        if must:
            code.append(py.run(abi.MUST_SET, py.name(temporary)))
        if len(targets) == 1:
            code += self._store_from(targets[0], py.name(temporary))
        else:
            code.append(py.run(abi.UNPACK, py.name(temporary), py.const(len(targets))))
            for index, target in enumerate(targets):
                code += self._store_from(target, py.item(py.name(temporary), py.const(index)))
        code.append(clear(temporary))
        return code if pop is None else [*pop[0], py.when(pop[1], [pop[2]], code)]

    def _in_place(self, target: n.Target, put: Put) -> InPlaceGenerator:
        return InPlaceGenerator(self.context, self.expressions, target, put)

    def store(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """Code that stores the value of Python code in a target."""
        temporary = self.temporaries.fresh()
        stored = self._store_from(target, py.name(temporary))
        return [py.assign(temporary, value), *stored, clear(temporary)]

    def _store_from(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        if target.path:
            held = self.temporaries.fresh()
            put = self._put(target, py.name(held))
            return [py.assign(held, py.call(abi.NESTED, value)), *put, clear(held)]
        if self.context.is_read_only(target.name):
            return [read_only_error(target.name)]
        made = py.set_variable(target.name, value)
        py.place(made, target.span)
        self.context.flow.assign(target.name)
        return [made]

    # --- items -------------------------------------------------------------------------------------------------------

    def _put(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """``set name[…]… = value``; the code of the value may stand in several places."""
        name, path = target.name, target.path
        if self.context.is_read_only(name):
            return [read_only_error(name)]
        if name not in self.context.guarded and name not in self.context.flow.assigned:
            raise AssertionError(name)  # pragma: no cover - a path's variable is guarded
        made = self._put_inside(target, value) if len(path) > 1 else self._put_one(target, value)
        for part in made:
            py.place(part, target.span)
        self.context.flow.assign(name)
        return made

    def _put_inside(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """``set name[a][b]… = value``: inline where nothing else holds any of the lists and maps on the way."""
        name, path = target.name, target.path
        local = py.variable(name)
        evaluated, reads = zip(*map(self._evaluated_key, path), strict=True)
        code = [part for parts in evaluated for part in parts]
        slow: ast.stmt = py.set_variable(name, py.call(abi.PUT_PATH, local, ast.Tuple([*reads], py.LOAD), value))
        if len(path) > _LONGEST_PATH:
            return [*code, slow]
        kind, holder = self._type_of(target), local
        tests: list[ast.expr] = []
        children: list[str] = []
        for place, (key, read) in enumerate(zip(path[:-1], reads, strict=False)):
            checks, found = self._found(kind, holder, key, read, known=place > 0)
            if place == 0:
                checks[:0] = self._unshared(name)
            kind = types.item_at(kind, key.value) if isinstance(key, n.Literal) else types.item_of(kind)
            children.append(self.temporaries.fresh())
            holder = py.name(children[-1])
            wanted = LIST if self.context.type_of(path[place + 1]).within(INT) else MAP
            bound = py.bind(children[-1], found)
            if kind.within(wanted | NIL):
                checks.append(py.compare(bound, "is not", py.const(None)))
            else:
                checks.append(py.kind_is(bound, "list" if wanted == LIST else "dict"))
            tests += [*checks, only_container_holds(holder)]
        let_go = [clear(child) for child in children]
        last, read, size = path[-1], reads[-1], py.call("len", holder)
        store: list[ast.stmt] = [_store_item(holder, read, value)]
        other: list[ast.stmt] = [*let_go, slow]
        if self.context.type_of(last).within(INT):
            full = py.both(py.compare(read, "==", size), py.compare(read, "<", py.const(self.unit.max_items)))
            inside = py.compare(size, ">", read, ">", py.const(-1))
            store = [py.when(inside, store, [py.when(full, [_append(holder, value)], other)])]
        else:
            if not self.context.type_of(last).within(STR):
                tests.append(py.kind_is(read, "str"))
            if not (isinstance(last, n.Literal) and kind.has(last.value)):
                tests.append(py.compare(size, "<", py.const(self.unit.max_items)))
        return [*code, py.when(py.both(*tests), store, other), *let_go]

    def _found(
        self, kind: Type, holder: ast.expr, key: n.Expr, read: ast.expr, *, known: bool
    ) -> tuple[list[ast.expr], ast.expr]:
        """The tests that an item is there to be read inline, and the code that reads it.

        Args:
            kind: the type of the list or map.
            holder: code that gives it.
            key: the key.
            read: code that gives the key.
            known: whether it has been found to be a list if the key is a whole number, else a map.
        """
        key_kind = self.context.type_of(key)
        if isinstance(key, n.Literal) and kind.has(key.value) and (known or not kind.kinds & NIL):
            return [], py.item(holder, read)
        if key_kind.within(INT):
            is_list = [] if known or kind.within(LIST) else [py.kind_is(holder, "list")]
            return [*is_list, py.compare(py.call("len", holder), ">", read, ">", py.const(-1))], py.item(holder, read)
        is_map = [] if known or kind.within(MAP) else [py.kind_is(holder, "dict")]
        is_text = [] if key_kind.within(STR) else [py.kind_is(read, "str")]
        return [*is_map, *is_text], py.call(abi.DICT_GET, holder, read)

    def _evaluated_key(self, key: n.Expr) -> tuple[list[ast.stmt], ast.expr]:
        """Code that evaluates a key, and code that gives it, which may stand in several places."""
        if self.context.is_repeatable(key):
            return [], self.expressions.value(key)
        temporary = self.temporaries.fresh()
        evaluated = py.assign(temporary, self.expressions.value(key))
        return [evaluated, *self.temporaries.release()], py.name(temporary)

    def _type_of(self, target: n.Target) -> Type:
        """The type of the value that an item is stored in; not known of a variable that may not be set."""
        if target.name not in self.context.flow.assigned:
            return types.ANY
        return self.context.types.of_target(target)

    def _put_one(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """``set name[key] = value``."""
        name, key = target.name, target.path[0]
        local = py.variable(name)
        kind, key_kind = self._type_of(target), self.context.type_of(key)
        code, read = self._evaluated_key(key)
        slow: ast.stmt = py.set_variable(name, py.call(abi.PUT, local, read, value))
        store = _store_item(local, read, value)
        unshared = self._unshared(name)
        size = py.call("len", local)
        if isinstance(key, n.Literal) and kind.has(key.value) and not kind.kinds & NIL:
            return [*code, py.when(py.both(*unshared), [store], [slow]) if unshared else store]
        is_index = key_kind.within(INT) or kind.within(LIST)
        if key_kind.within(STR) or (key_kind.kinds & STR and kind.kinds & MAP and not is_index):
            tests: list[ast.expr] = [] if kind.within(MAP) else [py.kind_is(local, "dict")]
            tests += [] if key_kind.within(STR) else [py.kind_is(read, "str")]
            tests += [*unshared, py.compare(size, "<", py.const(self.unit.max_items))]
            return [*code, py.when(py.both(*tests), [store], [slow])]
        if not is_index:
            return [*code, slow]
        tests = [] if kind.within(LIST) else [py.kind_is(local, "list")]
        tests += [] if key_kind.within(INT) else [py.kind_is(read, "int")]
        store_in: list[ast.stmt] = [store]
        if not (key_kind.natural and key_kind.within(INT)):
            store_in = [py.when(py.compare(read, ">=", py.const(0)), [store], [slow])]
        append = _append(local, value)
        if isinstance(key, n.Name) and self.context.counts_up(key.name):  # most likely it fills the list
            full = py.both(py.compare(read, "==", size), py.compare(read, "<", py.const(self.unit.max_items)))
            inside = py.compare(read, "<", size)
            made = py.when(full, [append], [py.when(inside, store_in, [slow])])
        else:
            length = self.temporaries.fresh()
            inside = py.compare(read, "<", py.bind(length, size))
            at_end = py.compare(read, "==", py.name(length))
            room = py.compare(py.name(length), "<", py.const(self.unit.max_items))
            made = py.when(inside, store_in, [py.when(py.both(at_end, room), [append], [slow])])
        tests += unshared
        return [*code, py.when(py.both(*tests), [made], [slow]) if tests else made]

    def _unshared(self, name: str) -> list[ast.expr]:
        """The test that nothing else holds a variable's list or map; none where escape analysis proves it."""
        return [] if name in self.context.flow.owned else [only_variable_holds(name)]


def read_only_error(name: str) -> ast.stmt:
    """A statement that fails since it would set a name of the host's."""
    return py.run(abi.REFUSE_READ_ONLY, py.const(name))


def _append(local: ast.expr, value: ast.expr) -> ast.stmt:
    """A statement that appends to a list.

    The one attribute in generated code: Python has a shorter way for this form of the call than for any other.
    """
    return ast.Expr(py.call(ast.Attribute(local, "append", py.LOAD), value))


def _appended(link: ToolLink, value: n.Expr, old: ast.expr, new: ast.expr) -> ast.expr:
    """The call of the tool that appends, which copies the list."""
    made = py.call(abi.TOOL + link.key, py.name(abi.DEPTH), ast.Tuple([old, new], py.LOAD), py.const(()))
    py.place(made, value.span)
    return made


def _store_item(container: ast.expr, key: ast.expr, value: ast.expr) -> ast.stmt:
    """``container[key] = value``."""
    return ast.Assign([ast.Subscript(container, key, py.STORE)], value)
