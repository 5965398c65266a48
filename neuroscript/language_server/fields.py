"""The keys that a map has: by the shapes of what tools give, and by what the program itself writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import expressions, walk
from neuroscript.language_server.context import Map
from neuroscript.language_server.document import Document, every_statement
from neuroscript.syntax import nodes as n
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgType

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

_DEEPEST = 8  # maps that are followed from variable to variable


def fields_at(document: Document, offset: int) -> list[ShapeField]:
    """The keys that can stand at an offset, where a key begins: after a dot, or in brackets."""
    body = document.body_at(offset)
    owner = _owner_at(document, body, offset) if body is not None else None
    return fields_of(document, body, owner) if body is not None and owner is not None else []


def fields_of(document: Document, body: Body, value: n.Expr) -> list[ShapeField]:
    """The keys of what an expression gives, as far as they are known."""
    found: dict[str, ShapeField] = {}
    held = document.shapes(body).held(value)
    if held is not None and not held.is_list:
        found.update(held.shape.fields)
    for key in _Written(body).keys(value):
        found.setdefault(key, ShapeField(key, ArgType.ANY, "A key that this program sets."))
    found.pop("", None)
    return list(found.values())


def fields_to_write(document: Document, where: Map) -> list[ShapeField]:
    """The keys that a map may have which is written out for a tool, or for ``ask``."""
    shape: Shape | None = None
    if where.is_ask:
        shape = document.interpreter.ask_config()
    elif where.call is not None and where.call.name.lower().startswith("tool."):
        tool = document.interpreter.tools.get(where.call.name)
        args = tool.spec.args if tool is not None else ()
        named = where.call.named
        at = where.call.argument
        given = [arg for arg in args if arg.name == named] if named else args[at : at + 1]
        shape = given[0].shape if given else None
    for key in where.path:
        field = shape.field(key) if shape is not None else None
        shape = field.shape if field is not None else None
    return [field for field in shape.fields.values() if field.name not in where.keys] if shape is not None else []


def _owner_at(document: Document, body: Body, offset: int) -> n.Expr | None:
    """The expression whose key begins at an offset."""
    line = document.text.position(offset).line + 1

    def is_here(key: n.Expr) -> bool:
        return key.span[0] == line and document.text.offset_of(key.span[0], key.span[1]) == offset

    for statement in every_statement(body.block):
        for target in _targets(statement):
            owner: n.Expr = n.Name(target.span, target.name)
            for step in target.path:
                if is_here(step):
                    return owner
                owner = n.Index(target.span, owner, step)
        for expression in expressions(statement):
            for part in walk(expression):
                if isinstance(part, n.Index) and is_here(part.index):
                    return part.value
    return None


def _targets(statement: n.Stmt) -> Iterator[n.Target]:
    match statement:
        case n.Set(targets=targets):
            yield from targets
        case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
            yield target


class _Written:
    """The keys that a body's own statements give to maps."""

    def __init__(self, body: Body) -> None:
        self._whole: dict[str, list[n.Expr]] = {}
        self._items: dict[str, list[n.Expr]] = {}
        self._paths: dict[str, list[list[n.Expr]]] = {}
        for statement in every_statement(body.block):
            match statement:
                case n.Set(targets=[n.Target(name=name, path=[])], value=value):
                    self._whole.setdefault(name, []).append(value)
                case n.ForEach(name=name, collection=collection):
                    self._items.setdefault(name, []).append(collection)
            for target in _targets(statement):
                if target.path:
                    self._paths.setdefault(target.name, []).append(target.path)

    def keys(self, value: n.Expr) -> Iterator[str]:
        """The keys of what an expression gives, in the order in which they are written."""
        for written in self._maps(value, _DEEPEST):
            yield from _literals(key for key, _ in written.entries)
        name, path = _way(value)
        for other in self._paths.get(name, ()):
            if len(other) > len(path) and all(_is_equal(a, b) for a, b in zip(path, other, strict=False)):
                yield from _literals([other[len(path)]])

    def _maps(self, value: n.Expr, depth: int) -> Iterator[n.MapExpr]:
        """The maps, written out, that an expression may give."""
        if depth <= 0:
            return
        match value:
            case n.MapExpr():
                yield value
            case n.Name(name=name):
                for whole in self._whole.get(name, ()):
                    yield from self._maps(whole, depth - 1)
                for collection in self._items.get(name, ()):
                    yield from self._maps_in(collection, depth - 1)
            case n.Index(value=owner, index=n.Literal(value=str() as key)):
                for written in self._maps(owner, depth - 1):
                    for other, inner in written.entries:
                        if isinstance(other, n.Literal) and other.value == key:
                            yield from self._maps(inner, depth - 1)
            case n.Index(value=owner):
                yield from self._maps_in(owner, depth - 1)

    def _maps_in(self, collection: n.Expr, depth: int) -> Iterator[n.MapExpr]:
        """The maps, written out, in the list that an expression gives."""
        match collection:
            case n.ListExpr(items=items):
                for item in items:
                    yield from self._maps(item, depth)
            case n.Name(name=name) if depth > 0:
                for whole in self._whole.get(name, ()):
                    if isinstance(whole, n.ListExpr):
                        yield from self._maps_in(whole, depth - 1)


def _literals(keys: Iterator[n.Expr] | list[n.Expr]) -> Iterator[str]:
    for key in keys:
        if isinstance(key, n.Literal) and type(key.value) is str:
            yield key.value


def _way(value: n.Expr) -> tuple[str, list[n.Expr]]:
    """The variable that an expression begins with, and the keys to what it gives; no name where it is another."""
    path: list[n.Expr] = []
    while isinstance(value, n.Index):
        path.insert(0, value.index)
        value = value.value
    return (value.name, path) if isinstance(value, n.Name) else ("", [])


def _is_equal(one: n.Expr, other: n.Expr) -> bool:
    return isinstance(one, n.Literal) and isinstance(other, n.Literal) and one.value == other.value
