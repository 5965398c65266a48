"""What the statements of a body assign to its variables, and what the types of those assignments depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from neuroscript.compiler.analysis.not_nil import Path, paths_read
from neuroscript.compiler.analysis.small import Bound
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import statements, walk
from neuroscript.records import record
from neuroscript.syntax import nodes as n


@record()
class Assignment:
    """One statement's effect on a variable's type.

    Attributes:
        name: the variable.
        value: what is assigned to it; None for a value of any type.
        path: the keys, where the value is stored in the variable's list or map.
        each: whether it is the items of ``value`` that are assigned, one after the other.
        keys: whether it is the indexes or keys of ``value`` that are assigned.
        increments: what is added to the variable itself, with ``+`` or ``-``; None for any other assignment.
        place: which item of ``value`` it is that is assigned; None for the whole.
        target: the node.
        read: the lists and maps of which ``value`` reads an item.
    """

    name: str
    value: n.Expr | None
    path: list[n.Expr]
    each: bool = False
    increments: list[tuple[str, n.Expr, n.Place]] | None = None
    keys: bool = False
    place: int | None = None
    target: n.Target | None = None
    read: frozenset[Path] = frozenset()


class Effects:
    """The effects of a body's statements on the types of its variables.

    Attributes:
        made: the assignments.
        small: the bounds that hold where variables are mentioned.
        readers: the places in ``made`` of the assignments that depend on the type of a variable or of a procedure's
            result, by its name.
    """

    def __init__(self, body: Body, small: Mapping[n.Place, tuple[Bound, ...]] = MappingProxyType({})) -> None:
        self.made = list(_assignments(body))
        self.small = small
        self.readers: dict[str, list[int]] = {}
        for place, assignment in enumerate(self.made):
            names = {assignment.name} if assignment.path or assignment.increments is not None else set()
            for expression in (assignment.value, *assignment.path) if assignment.path else (assignment.value,):
                if expression is None or type(expression) is n.Literal:
                    continue
                for part in body.parts_of(expression):
                    if type(part) is n.Name or type(part) is n.Call:
                        names.add(part.name)
                        for bound in small.get(part.place, ()):
                            names.update(inner.name for inner in walk(bound.value) if type(inner) is n.Name)
            for name in names:
                self.readers.setdefault(name, []).append(place)


def _assignments(body: Body) -> Iterator[Assignment]:
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            match statement:
                case n.Set(targets=[target], value=value):
                    increments = _increments(target.name, value) if not target.path else None
                    read = frozenset(paths_read(value)) if target.path else frozenset()
                    yield Assignment(target.name, value, target.path, increments=increments, target=target, read=read)
                case n.Set(targets=targets, value=n.ListExpr(items=items)) if len(targets) == len(items):
                    for target, item in zip(targets, items, strict=True):
                        yield Assignment(target.name, item, target.path)
                case n.Set(targets=targets, value=value):
                    for place, target in enumerate(targets):
                        yield Assignment(target.name, value, target.path, place=place)
                case n.ForEach(name=name, collection=collection, key=key):
                    yield Assignment(name, collection, [], each=True)
                    if key is not None:
                        yield Assignment(key, collection, [], keys=True)
                case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                    yield Assignment(target.name, None, target.path)


def _increments(name: str, value: n.Expr) -> list[tuple[str, n.Expr, n.Place]] | None:
    """What ``set name = name + e - f …`` adds to the variable, as a chain's; None for a value of any other form."""
    if type(value) is not n.Chain:
        return None
    first, rest = value.first, value.rest
    for operator, _, _ in rest:
        if operator not in "+-":
            return None
    if type(first) is n.Name and first.name == name:
        added = rest  # and no list of its own
    else:
        added = [("+", first, first.place), *rest]
        own = [part for part in added if type(part[1]) is n.Name and part[1].name == name]
        if len(own) != 1 or own[0][0] != "+":
            return None
        added = [part for part in added if part is not own[0]]
    return None if any(_mentions(operand, name) for _, operand, _ in added) else added


def _mentions(expression: n.Expr, name: str) -> bool:
    for part in walk(expression):
        form = type(part)
        if (form is n.Name or form is n.Call) and part.name == name:  # type: ignore[attr-defined]
            return True
    return False
