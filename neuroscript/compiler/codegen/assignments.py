"""``set`` in all its forms, and the other statements that store a value.

A list or map is changed in place when its reference count says that nothing else holds it; the test stands in the code
for the common cases and in `neuroscript.runtime.containers` for the rest.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.escape import Sharing
from neuroscript.compiler.analysis.infer import INT, LIST, MAP, STR
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.expressions import Expressions
from neuroscript.runtime.containers import IN_LOCAL
from neuroscript.runtime.tool_calls import ToolLink
from neuroscript.syntax import nodes as n


class Assignments(Expressions):
    """The part of the statement maker that stores values."""

    readonly: set[str]
    sharing: Sharing
    counters: list[str]  # of the loops around the statement at hand that count up by one
    owned: set[str]  # the variables whose lists and maps certainly nothing else holds

    def _now_set(self, name: str) -> None:
        if not self.body.handlers:
            self._note(name)

    def _note(self, name: str) -> None:
        raise AssertionError(name)  # pragma: no cover - given by Statements

    def _refused(self, name: str) -> ast.stmt:
        return ast.Expr(py.call("_read_only", py.const(name)))

    def _set_name(self, target: n.Target, value: n.Expr) -> list[ast.stmt]:
        """``set name = value``."""
        name = target.name
        if name in self.readonly:
            return [ast.Expr(self.value(value)), self._refused(name)]
        made = self._appending(name, value) or self._growing(name, value)
        if made is None:
            made = [py.assign(f"v_{name}", self.value(value))]
        self._now_set(name)
        return made

    def _growing(self, name: str, value: n.Expr) -> list[ast.stmt] | None:
        """``set s = s + …`` on a string, as the statement that Python does in place."""
        if not (isinstance(value, n.Chain) and isinstance(value.first, n.Name) and value.first.name == name):
            return None
        if name in self.foreign or not self.type_of(value.first).within(STR):
            return None
        if any(operator != "+" for operator, _, _ in value.rest):
            return None
        looked: list[ast.stmt] = [] if self.settled(value.first) else [ast.Expr(self.value(value.first))]
        if len(value.rest) == 1:
            piece, short = self.text_piece(value.rest[0][1])
        else:
            pieces = [self.text_piece(operand)[0] for _, operand, _ in value.rest]
            piece, short = py.call("_pieces", *pieces), False
        local = py.name(f"v_{name}")
        if not short:
            return [*looked, *self._growing_checked(name, piece)]
        grow = py.assign(f"v_{name}", py.binary(local, "+", piece))
        limit = py.compare(py.call("len", local), ">", py.const(self.unit.max_string))
        return [*looked, grow, py.when(limit, [ast.Expr(py.call("_long_string"))])]

    def _growing_checked(self, name: str, piece: ast.expr) -> list[ast.stmt]:
        """As `_growing`, for a piece of any length: looked at before it is joined."""
        temporary, local = self.temporary(), py.name(f"v_{name}")
        length = py.binary(py.call("len", local), "+", py.call("len", py.name(temporary)))
        return [
            py.assign(temporary, piece),
            py.when(py.compare(length, ">", py.const(self.unit.max_string)), [ast.Expr(py.call("_long_string"))]),
            py.assign(f"v_{name}", py.binary(local, "+", py.name(temporary))),
        ]

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
        local = py.name(f"v_{name}")
        first, held, clean = self._held(new.value)
        certain = self.settled(old)
        if first and not certain:
            first = [ast.Expr(self.value(old)), *first]
        if self.body.uses_last:
            # This call's result takes the place of the one before it, which may be the same list.
            first.append(py.when(py.kind_is(local, "list"), [py.assign("latest", py.const(None))]))
        tests: list[ast.expr] = [] if certain and self.type_of(old).within(LIST) else [py.kind_is(local, "list")]
        tests += self._unshared(name)
        tests.append(py.compare(py.call("len", local), "<", py.const(self.unit.max_items)))
        append = self._append(local, held)
        copy: ast.stmt = py.assign(f"v_{name}", self._appended(link, value, self.value(old), held))
        made: list[ast.stmt] = [*first, py.when(py.both(*tests), [append], [copy]), *clean]
        if self.body.uses_last:
            made.append(py.assign("latest", local))
        return made

    def _appended(self, link: ToolLink, value: n.Expr, old: ast.expr, new: ast.expr) -> ast.expr:
        """The call of the tool itself, which copies."""
        made = py.call(f"s_{link.key}", py.name("d"), ast.Tuple([old, new], py.LOAD), py.const(()))
        py.place(made, value.span)
        return made

    def _appending_inside(self, target: n.Target, value: n.Expr) -> list[ast.stmt] | None:
        """``set m.xs = tool.list.Append(m.xs, v)``: in place where nothing else holds the list or what it is in."""
        if not isinstance(value, n.ToolCall) or len(value.args) != 2 or any(arg.name for arg in value.args):
            return None
        old, new = (argument.value for argument in value.args)
        link = self.unit.linker.tool(value.name)
        same = _path(old) == (target.name, *map(_key, target.path)) and None not in _path(old)
        if not same or link is None or not link.append or self.body.uses_last or target.name in self.readonly:
            return None
        if not all(self.settled(key) for key in target.path):
            return None
        first, held, clean = self._held(new)
        if first:
            first = [ast.Expr(self.value(old)), *self.let_go(), *first]
        local = py.name(f"v_{target.name}")
        keys = ast.Tuple([self.value(key) for key in target.path], py.LOAD)
        result = self.temporary()
        copy: list[ast.stmt] = [
            py.assign(result, self._appended(link, value, self.value(old), held)),
            *self._put(target, py.name(result)),
            py.assign(result, py.const(None)),
        ]
        return [*first, py.when(ast.UnaryOp(ast.Not(), py.call("_append_at", local, keys, held)), copy), *clean]

    def _held(self, value: n.Expr) -> tuple[list[ast.stmt], ast.expr, list[ast.stmt]]:
        """A value that is about to be stored: what evaluates it, how to mention it, and what lets it go.

        It is evaluated before the reference count of the container is read, so that a container stored into itself
        is seen to be held.
        """
        kind = self.type_of(value)
        if self.settled(value) and not kind.kinds & (LIST | MAP):
            return [], self.value(value), []
        temporary = self.temporary()
        clean: list[ast.stmt] = []
        if kind.kinds & (LIST | MAP):
            clean = [py.assign(temporary, py.const(None))]
        evaluated = py.assign(temporary, self.stored(value))
        return [evaluated, *self.let_go()], py.name(temporary), clean

    def _set(self, targets: list[n.Target], value: n.Expr, must: bool) -> list[ast.stmt]:
        """Every other form of ``set``."""
        if not must and len(targets) == 1:
            if (made := self._appending_inside(targets[0], value)) is not None:
                return made
            first, held, clean = self._held(value)
            return [*first, *self._put(targets[0], held), *clean]
        temporary = self.temporary()
        code: list[ast.stmt] = [py.assign(temporary, self.value(value)), *self.let_go()]
        if must:
            code.append(ast.Expr(py.call("_must_set", py.name(temporary))))
        if len(targets) == 1:
            code += self._store_from(targets[0], py.name(temporary))
        else:
            code.append(ast.Expr(py.call("_unpack", py.name(temporary), py.const(len(targets)))))
            for index, target in enumerate(targets):
                code += self._store_from(target, py.item(py.name(temporary), py.const(index)))
        return [*code, py.assign(temporary, py.const(None))]

    def _store(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """Code that stores what ``value`` gives."""
        temporary = self.temporary()
        return [
            py.assign(temporary, value),
            *self._store_from(target, py.name(temporary)),
            py.assign(temporary, py.const(None)),
        ]

    def _store_from(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        if target.path or target.name in self.readonly:
            held = self.temporary()
            if not target.path:
                return [self._refused(target.name)]
            return [
                py.assign(held, py.call("_nested", value)),
                *self._put(target, py.name(held)),
                py.assign(held, py.const(None)),
            ]
        made = py.assign(f"v_{target.name}", value)
        py.place(made, target.span)
        self._now_set(target.name)
        return [made]

    def _put(self, target: n.Target, value: ast.expr) -> list[ast.stmt]:
        """``set name[…]… = value``, where ``value`` may be mentioned more than once."""
        name, path = target.name, target.path
        if name in self.readonly:
            return [self._refused(name)]
        local = py.name(f"v_{name}")
        if name not in self.guarded and name not in self.assigned:
            raise AssertionError(name)  # pragma: no cover - a path's variable is guarded
        if len(path) > 1:
            made = self._put_inside(name, local, path, value)
        else:
            made = self._put_one(name, local, path[0], value)
        for part in made:
            py.place(part, target.span)
        self._now_set(name)
        return made

    def _put_inside(self, name: str, local: ast.expr, path: list[n.Expr], value: ast.expr) -> list[ast.stmt]:
        """``set name[a][b]… = value``: inline for two keys, where nothing else holds either list or map."""
        evaluated, reads = zip(*map(self._key_read, path), strict=True)
        code = [part for parts in evaluated for part in parts]
        slow: ast.stmt = py.assign(f"v_{name}", py.call("_put_path", local, ast.Tuple([*reads], py.LOAD), value))
        if len(path) != 2:
            return [*code, slow]
        (outer, inner), (first, second) = map(self.type_of, path), reads
        child = self.temporary()
        let_go = py.assign(child, py.const(None))
        held = py.name(child)
        size = py.call("len", held)
        tests: list[ast.expr] = []
        if outer.within(INT):
            tests.append(py.kind_is(local, "list"))
            tests += self._unshared(name)
            tests.append(py.compare(py.call("len", local), ">", first, ">", py.const(-1)))
            found: ast.expr = py.item(local, first)
        else:
            tests.append(py.kind_is(local, "dict"))
            tests += [] if outer.within(STR) else [py.kind_is(first, "str")]
            tests += self._unshared(name)
            found = py.call("_get", local, first)
        tests.append(py.kind_is(py.bind(child, found), "list" if inner.within(INT) else "dict"))
        tests.append(py.compare(py.call("_refcount", held), "==", py.const(IN_LOCAL + 1)))
        store: list[ast.stmt] = [ast.Assign([ast.Subscript(held, second, py.STORE)], value)]
        other: list[ast.stmt] = [let_go, slow]
        if inner.within(INT):
            full = py.both(py.compare(second, "==", size), py.compare(second, "<", py.const(self.unit.max_items)))
            inside = py.compare(size, ">", second, ">", py.const(-1))
            store = [py.when(inside, store, [py.when(full, [self._append(held, value)], other)])]
        else:
            if not inner.within(STR):
                tests.append(py.kind_is(second, "str"))
            tests.append(py.compare(size, "<", py.const(self.unit.max_items)))
        return [*code, py.when(py.both(*tests), store, other), let_go]

    def _key_read(self, key: n.Expr) -> tuple[list[ast.stmt], ast.expr]:
        """What evaluates a key, and how to mention it, more than once."""
        if self.simple(key):
            return [], self.value(key)
        temporary = self.temporary()
        return [py.assign(temporary, self.value(key)), *self.let_go()], py.name(temporary)

    def _put_one(self, name: str, local: ast.expr, key: n.Expr, value: ast.expr) -> list[ast.stmt]:
        kind = self.type_of(n.Name(key.span, name)) if name in self.assigned else self.types.types[name]
        known = name in self.assigned
        key_kind = self.type_of(key)
        code, read = self._key_read(key)
        slow: ast.stmt = py.assign(f"v_{name}", py.call("_put", local, read, value))
        store: ast.stmt = ast.Assign([ast.Subscript(local, read, py.STORE)], value)
        unshared = self._unshared(name)
        size = py.call("len", local)
        is_index = key_kind.within(INT) or (kind.within(LIST) and known)
        if key_kind.within(STR) or (key_kind.kinds & STR and kind.kinds & MAP and not is_index):
            tests: list[ast.expr] = [] if kind.within(MAP) and known else [py.kind_is(local, "dict")]
            tests += [] if key_kind.within(STR) else [py.kind_is(read, "str")]
            tests += [*unshared, py.compare(size, "<", py.const(self.unit.max_items))]
            return [*code, py.when(py.both(*tests), [store], [slow])]
        if not is_index:
            return [*code, slow]
        tests = [] if kind.within(LIST) and known else [py.kind_is(local, "list")]
        tests += [] if key_kind.within(INT) else [py.kind_is(read, "int")]
        store_in: list[ast.stmt] = [store]
        if not (key_kind.natural and key_kind.within(INT)):
            store_in = [py.when(py.compare(read, ">=", py.const(0)), [store], [slow])]
        append = self._append(local, value)
        if isinstance(key, n.Name) and key.name in self.counters:  # most likely it fills the list
            full = py.both(py.compare(read, "==", size), py.compare(read, "<", py.const(self.unit.max_items)))
            inside = py.compare(read, "<", size)
            made = py.when(full, [append], [py.when(inside, store_in, [slow])])
        else:
            length = self.temporary()
            inside = py.compare(read, "<", py.bind(length, size))
            at_end = py.compare(read, "==", py.name(length))
            room = py.compare(py.name(length), "<", py.const(self.unit.max_items))
            made = py.when(inside, store_in, [py.when(py.both(at_end, room), [append], [slow])])
        tests += unshared
        return [*code, py.when(py.both(*tests), [made], [slow]) if tests else made]

    def _append(self, local: ast.expr, value: ast.expr) -> ast.stmt:
        """Appends to what is known to be a list.

        The one attribute in generated code: Python has a shorter way for this form of the call than for any other.
        """
        return ast.Expr(py.call(ast.Attribute(local, "append", py.LOAD), value))

    def _unshared(self, name: str) -> list[ast.expr]:
        """The test that nothing else holds a variable's list or map, where that is in doubt."""
        if name in self.owned:
            return []
        return [py.compare(py.call("_refcount", py.name(f"v_{name}")), "==", py.const(IN_LOCAL))]


def _path(expression: n.Expr) -> tuple[object, ...]:
    """A name and the literals and names that index it, in a form that can be compared; None stands for any other."""
    keys: list[object] = []
    while isinstance(expression, n.Index):
        keys.append(_key(expression.index))
        expression = expression.value
    return (expression.name if isinstance(expression, n.Name) else None, *reversed(keys))


def _key(index: n.Expr) -> object:
    if isinstance(index, n.Name):
        return n.Name, index.name
    if isinstance(index, n.Literal) and type(index.value) in (str, int):
        return type(index.value), index.value
    return None
