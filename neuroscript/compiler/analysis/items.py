"""Which variables only ever hold items: what has been read from a list or map, or is neither.

Lists and maps may be nested only so deeply, which is tested where one is stored in another.  An item needs no test: the
list or map that it was read from has room for it at that depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.types import CONTAINER, OTHER, STR
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import statements
from neuroscript.syntax import nodes as n


def item_names(body: Body, types: Inference) -> frozenset[str]:
    """The variables of a body that only ever hold items, or what cannot be nested.

    Args:
        body: the body.
        types: its inferred types.
    """
    names = body.variables - set(body.params) - types.foreign - (body.session or frozenset())
    assigned = list(_assigned(body))
    while True:
        others = {name for name, value in assigned if not is_item(value, names, types)}
        if names.isdisjoint(others):
            return frozenset(names)
        names = names - others


def is_item(value: n.Expr | bool, names: Set[str], types: Inference) -> bool:
    """Whether a value is an item, or cannot be nested.

    Args:
        value: an expression; or the answer, where a statement gives the value itself.
        names: the variables that only hold such values.
        types: the types of the body's variables.
    """
    match value:
        case bool():
            return value
        case n.Index(value=owner, index=index):
            return not (types.of(owner).kinds & OTHER and _may_be_payload(index, types))
        case n.Name(name=name) if name in names:
            return True
        case n.Chain(rest=[*_, (operator, _, _)]) if operator != "+":
            return True  # no other operator gives a list or map
    return not types.of(value).kinds & CONTAINER


def _may_be_payload(index: n.Expr, types: Inference) -> bool:
    """Whether an index may name what an event was fired with: that is as deep as any value, and no item."""
    if isinstance(index, n.Literal):
        return bool(index.value == "payload")
    return bool(types.of(index).kinds & STR)


def _assigned(body: Body) -> Iterator[tuple[str, n.Expr | bool]]:
    """What each statement assigns: an expression, True for an item, False for any value."""
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            match statement:
                case n.Set(targets=[n.Target(name=name, path=[])], value=value):
                    yield name, value
                case n.Set(targets=targets):
                    # Of several targets each gets an item; one with a path makes its variable's own value deeper.
                    yield from ((target.name, not target.path) for target in targets)
                case n.ForEach(name=name, key=key):
                    yield name, True
                    if key is not None:
                        yield key, True
                case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                    yield target.name, False
