"""Code generation for assignments: ``set`` in all its forms, and the other statements that store a value.

A list or map is changed in place when its reference count says that nothing else holds it; the test stands in the code
for the common cases and in `neuroscript.runtime.containers` for the rest.
"""

from __future__ import annotations

import ast
from functools import partial

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.types import CONTAINER, INT, LIST, MAP, NIL, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.attempts import attempt
from neuroscript.compiler.codegen.context import FunctionContext
from neuroscript.compiler.codegen.expressions import ExpressionGenerator
from neuroscript.compiler.codegen.forms import LATEST
from neuroscript.compiler.codegen.hopeful import all_evaluated, evaluated, missing
from neuroscript.compiler.codegen.in_place import DEEP, InPlaceGenerator, Put, Way, is_put_back, popping
from neuroscript.compiler.codegen.keys import keys_once
from neuroscript.compiler.codegen.moves import is_taken
from neuroscript.compiler.codegen.stores import StoreGenerator, append_item, store_item
from neuroscript.compiler.codegen.temporaries import clear, only_container_holds, only_variable_holds
from neuroscript.compiler.codegen.text import SHORT, TextGenerator
from neuroscript.compiler.codegen.vacating import vacate, vacated_within
from neuroscript.compiler.traversal import put_back
from neuroscript.runtime import abi
from neuroscript.runtime.programs import ToolLink
from neuroscript.syntax import nodes as n


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
        made: list[ast.stmt] | None = None
        if isinstance(value, n.ToolCall):
            made = attempt(self.context, self.expressions, name, value) or self._appending(name, value)
            made = made or self._in_place(target, lambda result: [py.set_variable(name, result)]).by_tool(value)
        elif isinstance(value, n.Chain):
            made = self._extending(name, value) or self._growing(name, value)
        if made is None:
            made = evaluated(self.context, self.expressions, value, lambda made: py.set_variable(name, made))
            if isinstance(value, n.Index) and is_taken(self.context, name, value):
                assert isinstance(value.value, n.Name)
                made += self.temporaries.release()
                held = py.variable(name)
                made += vacate(self.context, self.expressions, held, value.value.name, [value.index])
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
        parts = [text.part(operand, place) for _, operand, place in value.rest]
        short = all(part.longest is not None for part in parts) and sum(part.longest or 0 for part in parts) < SHORT
        piece = text.string(parts[0]) if len(parts) == 1 else text.joined(parts)
        local = py.variable(name)
        if not short:
            return [*first, *self._growing_checked(name, piece, kept=len(parts) == 1 and parts[0].pure)]
        grow = py.set_variable(name, py.binary(local, "+", piece))
        limit = py.compare(py.call("len", local), ">", py.const(self.unit.max_string))
        return [*first, grow, py.when(limit, [py.run(abi.LONG_STRING)])]

    def _growing_checked(self, name: str, piece: ast.expr, *, kept: bool) -> list[ast.stmt]:
        """As `_growing`, for a string of any length: the result's is checked before they are joined.

        Args:
            name: the variable.
            piece: code of what is added.
            kept: whether that is a literal, or the value of a variable.
        """
        local = py.variable(name)
        made: list[ast.stmt] = []
        if not kept or not isinstance(piece, ast.Name | ast.Constant):
            temporary = self.temporaries.fresh()
            made, piece = [py.assign(temporary, piece)], py.name(temporary)
        length = py.binary(py.call("len", local), "+", py.call("len", piece))
        return [
            *made,
            py.when(py.compare(length, ">", py.const(self.unit.max_string)), [py.run(abi.LONG_STRING)]),
            py.set_variable(name, py.binary(local, "+", piece)),
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
        append = append_item(local, held)
        copy: ast.stmt = py.set_variable(name, _appended(link, value, self.expressions.value(old), held))
        made: list[ast.stmt] = [*first, py.when(py.both(*tests), [append], [copy]), *clean]
        if uses_last:
            made.append(py.assign(LATEST, local))
        return made

    def _extending(self, name: str, value: n.Expr) -> list[ast.stmt] | None:
        """``set xs = xs + [v, …]``: in place where nothing else holds the list."""
        match value:
            case n.Chain(first=n.Name(name=own) as old, rest=[("+", n.ListExpr() as added, place)]) if own == name:
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
            code, held, clean = self._evaluated(added.items[0])
            first += code
            tests.append(py.compare(py.call("len", local), "<", py.const(self.unit.max_items)))
            extend: ast.stmt = append_item(local, held)
            items: ast.expr = ast.List([held], py.LOAD)
        else:
            temporary = self.temporaries.fresh()
            items, clean = py.name(temporary), [clear(temporary)]
            first += [py.assign(temporary, self.expressions.value(added)), *self.temporaries.release()]
            size = py.binary(py.call("len", local), "+", py.call("len", items))
            tests.append(py.compare(size, "<=", py.const(self.unit.max_items)))
            extend = ast.AugAssign(ast.Name(abi.VARIABLE + name, py.STORE), ast.Add(), items)
        join = py.set_variable(name, py.call(abi.ADD, self.expressions.value(old), items))
        py.place(join, place)
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
        keys = [self.expressions.value(key) for key in target.path]
        tests, children, _ = self._way(target, [*target.path, n.Literal(target.place, 0)], keys, is_list=True)
        items = py.name(children[-1])
        tests.append(py.compare(py.call("len", items), "<", py.const(self.unit.max_items)))
        let_go = [clear(child) for child in children]
        result = self.temporaries.fresh()
        copy: list[ast.stmt] = [
            py.assign(result, _appended(link, value, self.expressions.value(old), held)),
            *self._put(target, py.name(result)),
            clear(result),
        ]
        appended = py.call(abi.APPEND_AT, py.variable(target.name), py.items(keys), held)
        other = [*let_go, py.when(py.negated(appended), copy)]
        if len(target.path) > DEEP:
            return [*first, *other, *clean]
        return [*first, py.when(py.both(*tests), [append_item(items, held)], other), *let_go, *clean]

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
        held = py.name(temporary)
        code = evaluated(self.context, self.expressions, value, lambda made: py.assign(temporary, made))
        code += self.temporaries.release()
        if self.expressions.may_nest(value):
            check = py.when(self.expressions.may_be_deep(value, held, held), [py.run(abi.NESTED, held)])
            py.place(check, value.place)
            code.append(check)
        return code, held, clean

    # --- several targets, items, and values that statements give -----------------------------------------------------

    def set(self, targets: list[n.Target], value: n.Expr, *, must: bool) -> list[ast.stmt]:
        """``set`` with items, with several targets, or with ``must``."""
        if not must and len(targets) == 1:
            target = targets[0]
            if target.path and (vacating := vacated_within(self.context, self.expressions)):
                first, held, clean = self._evaluated(value)
                return [*first, *vacating, *self._put(target, held), *clean]
            if not self.context.compact and not self.context.is_read_only(target.name):
                once = keys_once(self.context, self.expressions, target, value)
                if once is not None:
                    before, target, value, after = once
                    return [*before, *self.set([target], value, must=False), *after]
            if (made := self._appending_inside(target, value)) is not None:
                return made
            if target.path:
                for form in (InPlaceGenerator.by_tool, InPlaceGenerator.by_adding):
                    in_place = self._in_place(target, partial(self._put, target), self._way)
                    if (made := form(in_place, value)) is not None:
                        return made
            if (made := self._put_in_hope(target, value)) is not None:
                return made
            first, held, clean = self._evaluated(value)
            return [*first, *self._put(target, held), *clean]
        if not must and (made := self._unpacked(targets, value)) is not None:
            return made
        temporary = self.temporaries.fresh()
        pop = None if must else popping(self.context, self.expressions, targets, value)
        code: list[ast.stmt] = [py.assign(temporary, self.expressions.value(value)), *self.temporaries.release()]
        if must:
            code.append(py.run(abi.MUST_SET, py.name(temporary)))
        if len(targets) == 1:
            code += self._store_from(targets[0], py.name(temporary))
        else:
            is_list = py.compare(py.call("type", py.name(temporary)), "is not", py.name("list"))
            count = py.compare(py.call("len", py.name(temporary)), "!=", py.const(len(targets)))
            unpack = py.run(abi.UNPACK, py.name(temporary), py.const(len(targets)))
            code.append(py.when(py.some(is_list, count), [unpack]))
            for index, target in enumerate(targets):
                code += self._store_from(target, py.item(py.name(temporary), py.const(index)))
        code.append(clear(temporary))
        return code if pop is None else [*pop[0], py.when(pop[1], [pop[2]], code)]

    def _unpacked(self, targets: list[n.Target], value: n.Expr) -> list[ast.stmt] | None:
        """``set a, b = …`` as Python unpacks, where the value certainly is a list of so many items."""
        names = [target.name for target in targets]
        if any(map(self.context.is_read_only, names)):
            return None
        count, direct = len(targets), not any(target.path for target in targets)
        variables = [ast.Name(abi.VARIABLE + name, py.STORE) for name in names]
        if not isinstance(value, n.ListExpr):
            kind = self.context.type_of(value)
            if not direct or not kind.within(LIST) or not kind.shapes or self.context.compact:
                return None
            if any(len(shape.fields) != count for shape in kind.shapes):
                return None
            made = evaluated(
                self.context,
                self.expressions,
                value,
                lambda made: ast.Assign([ast.Tuple([*variables], py.STORE)], made),
            )
            self._assign_all(names)
            return made
        if len(value.items) != count:
            return None
        temporaries = [] if direct else [self.temporaries.fresh() for _ in targets]
        into = variables if direct else [ast.Name(name, py.STORE) for name in temporaries]
        target = ast.Tuple([*into], py.STORE)
        code = all_evaluated(
            self.context,
            value.items,
            self.expressions.stored,
            lambda made: ast.Assign([target], ast.Tuple(made, py.LOAD)),
        )
        if direct:
            self._assign_all(names)
            return code
        code += self.temporaries.release()
        for place, held in zip(targets, temporaries, strict=True):
            if place.path:
                code += self._put(place, py.name(held))
            else:
                code += self._store_from(place, py.name(held))
        holding = zip(value.items, temporaries, strict=True)
        return code + [clear(held) for item, held in holding if self.context.type_of(item).kinds & CONTAINER]

    def _assign_all(self, names: list[str]) -> None:
        for name in names:
            self.context.flow.assign(name)

    def put_back(self, value: n.Expr) -> list[ast.stmt] | None:
        """``return xs + [v]`` and its like, as ``set xs = xs + [v]`` and ``return xs``: nothing reads ``xs`` again.

        None for what is no such value.
        """
        old = put_back(value)
        if old is None:
            return None
        if not self.context.is_assigned(old.name) or self.context.is_read_only(old.name) or self.context.compact:
            return None
        target = n.Target(old.span, old.name, [])
        if isinstance(value, n.Chain):
            made = self._extending(old.name, value)
        else:
            made = self._appending(old.name, value)
            made = made or self._in_place(target, lambda result: [py.set_variable(old.name, result)]).by_tool(value)
        return None if made is None else [*made, py.give(py.variable(old.name))]

    def _in_place(self, target: n.Target, put: Put, way: Way | None = None) -> InPlaceGenerator:
        return InPlaceGenerator(self.context, self.expressions, target, put, way)

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
        py.place(made, target.place)
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
            py.place(part, target.place)
        self.context.flow.assign(name)
        return made

    def _put_in_hope(self, target: n.Target, value: n.Expr) -> list[ast.stmt] | None:
        """``set name[a]… = value`` in hope of the likely types; None where that is no gain."""
        if self.context.compact or self.context.is_read_only(target.name) or not 0 < len(target.path) <= DEEP:
            return None
        stores = StoreGenerator(
            self.context, self.expressions, target, self._type_of(target), self._unshared(target.name)
        )
        made = stores.store(value, self._evaluated, self._evaluated_key)
        for part in made or ():
            py.place(part, target.place)
        if made is not None:
            self.context.flow.assign(target.name)
        return made

    def _put_inside(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """``set name[a][b]… = value``: inline for a few keys, where nothing else holds any list or map on the way."""
        name, path = target.name, target.path
        local = py.variable(name)
        keys, reads = zip(*map(self._evaluated_key, path), strict=True)
        code = [part for parts in keys for part in parts]
        slow: ast.stmt = py.set_variable(name, py.call(abi.PUT_PATH, local, py.items([*reads]), value))
        if len(path) > DEEP:
            return [*code, slow]
        tests, children, kind = self._way(target, path, list(reads), self.context.type_of(path[-1]).within(INT))
        held, key, key_kind = py.name(children[-1]), reads[-1], self.context.type_of(path[-1])
        let_go = [clear(child) for child in children]
        size = py.call("len", held)
        store: list[ast.stmt] = [store_item(held, key, value)]
        other: list[ast.stmt] = [*let_go, slow]
        if key_kind.within(INT):
            full = py.both(py.compare(key, "==", size), py.compare(key, "<", py.const(self.unit.max_items)))
            inside = py.compare(size, ">", key, ">", py.const(-1))
            store = [py.when(inside, store, [py.when(full, [append_item(held, value)], other)])]
        else:
            if not key_kind.within(STR):
                tests.append(py.kind_is(key, "str"))
            if not (isinstance(path[-1], n.Literal) and kind.has(path[-1].value)):
                tests.append(py.compare(size, "<", py.const(self.unit.max_items)))
        return [*code, py.when(py.both(*tests), store, other), *let_go]

    def _way(
        self, target: n.Target, path: list[n.Expr], reads: list[ast.expr], is_list: bool
    ) -> tuple[list[ast.expr], list[str], Type]:
        """The way to what is in a variable, where nothing else holds any list or map on it.

        Args:
            target: begins with the variable.
            path: the keys; what the last but one leads to is the last list or map.
            reads: code that gives each key.
            is_list: whether that is a list, otherwise a map.

        Returns:
            The tests, the temporaries that hold the lists and maps below the variable's, and the type of the last one.
        """
        held: ast.expr = py.variable(target.name)
        kind = self._type_of(target)
        tests: list[ast.expr] = []
        children: list[str] = []
        for key, read, following in zip(path, reads, [*path[1:-1], None], strict=False):
            key_kind = self.context.type_of(key)
            unshared = [only_container_holds(held)] if children else self._unshared(target.name)
            if isinstance(key, n.Literal) and kind.has(key.value) and (children or not kind.kinds & NIL):
                tests += unshared
                found: ast.expr = py.item(held, read)
            elif key_kind.within(INT):
                tests += [] if children or kind.within(LIST) else [py.kind_is(held, "list")]
                tests += [*unshared, py.compare(py.call("len", held), ">", read, ">", py.const(-1))]
                found = py.item(held, read)
            else:
                tests += [] if children or kind.within(MAP) else [py.kind_is(held, "dict")]
                tests += [] if key_kind.within(STR) else [py.kind_is(read, "str")]
                tests += unshared
                found = py.call(abi.DICT_GET, held, read)
            kind = types.item_at(kind, key.value) if isinstance(key, n.Literal) else types.item_of(kind)
            child = self.temporaries.fresh()
            children.append(child)
            wanted = LIST if (is_list if following is None else self.context.type_of(following).within(INT)) else MAP
            bound = py.bind(child, found)
            if kind.within(wanted | NIL):
                tests.append(py.compare(bound, "is not", py.const(None)))
            else:
                tests.append(py.kind_is(bound, "list" if wanted == LIST else "dict"))
            held = py.name(child)
        tests.append(only_container_holds(held))
        return tests, children, kind

    def _evaluated_key(self, key: n.Expr) -> tuple[list[ast.stmt], ast.expr]:
        """Code that evaluates a key, and code that gives it, which may stand in several places."""
        if self.context.is_repeatable(key):
            return [], self.expressions.value(key)
        temporary = self.temporaries.fresh()
        code = evaluated(self.context, self.expressions, key, lambda made: py.assign(temporary, made))
        return [*code, *self.temporaries.release()], py.name(temporary)

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
        store = store_item(local, read, value)
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
        append = append_item(local, value)
        if not tests and store_in == [store] and self.context.types.is_index_of(key, name):
            made = missing([store], [slow])[0]
        elif isinstance(key, n.Name) and self.context.counts_up(key.name):  # most likely it fills the list
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


def _appended(link: ToolLink, value: n.Expr, old: ast.expr, new: ast.expr) -> ast.expr:
    """The call of the tool that appends, which copies the list."""
    made = py.call(abi.TOOL + link.key, py.name(abi.DEPTH), py.items([old, new]), py.const(()))
    py.place(made, value.place)
    return made
