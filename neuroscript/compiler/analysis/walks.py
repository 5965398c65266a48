"""Loops over a list or map that change the items which they come to.

    for each id, task in world.tasks
      set task.age = task.age + 1
      set world.tasks[id] = task
    endfor

The loop walks the collection as it was at the start, which would have to be held for that, and so be copied at the
first store.  Where all that the loop stores in it goes to the current index or key, what comes later is the same in the
collection as it is now: it can be walked by index or key, and nothing holds it.
"""

from __future__ import annotations

from neuroscript.compiler.analysis.paths import are_apart, key_to, path_to, targets_of
from neuroscript.compiler.traversal import assigned_by, inner_blocks, statements
from neuroscript.syntax import nodes as n


def is_walked_by_key(loop: n.ForEach) -> bool:
    """Whether a loop may look each item up in its collection as it is by then, and gains by it.

    That is of a list or map in a variable, or along a path of names and literals from it.
    """
    root, *keys = path_to(loop.collection)
    names = {key[1] for key in keys if isinstance(key, tuple) and key[0] is n.Name}
    if loop.key is None or not isinstance(root, str) or not all(map(_is_plain, keys)):
        return False
    fixed = {root, loop.key, *names}
    if len(fixed) != 2 + len(names) or loop.name in fixed:
        return False
    place = (*keys, (n.Name, loop.key))
    for statement in statements(loop.body):
        if not fixed.isdisjoint(assigned_by(statement)):
            return False
        for target in targets_of(statement):
            path = tuple(map(key_to, target.path))
            if target.name in fixed and (
                target.name != root or (path[: len(place)] != place and not are_apart(path, keys))
            ):
                return False
    return _stores(loop.body, root, place)


def leaves_early(loop: n.ForEach) -> bool:
    """Whether a loop may be left in a turn that has stored nothing in what it walks."""
    root, *keys = path_to(loop.collection)
    assert isinstance(root, str)
    return _leaves(loop.body, root, (*keys, (n.Name, loop.key)), in_loop=False)


def _leaves(block: n.Block, root: str, place: tuple[object, ...], *, in_loop: bool) -> bool:
    for statement in block:
        if _stores_in(statement, root, place):
            return False
        if isinstance(statement, n.Return | n.Fail) or (isinstance(statement, n.Break) and not in_loop):
            return True
        inside = in_loop or isinstance(statement, n.While | n.ForEach)
        if any(_leaves(inner, root, place, in_loop=inside) for inner in inner_blocks(statement)):
            return True
    return False


def _stores(block: n.Block, root: str, place: tuple[object, ...]) -> bool:
    return any(_stores_in(statement, root, place) for statement in statements(block))


def _stores_in(statement: n.Stmt, root: str, place: tuple[object, ...]) -> bool:
    """Whether a statement itself stores a value in the item at a place."""
    paths = (tuple(map(key_to, target.path)) for target in targets_of(statement) if target.name == root)
    return any(path[: len(place)] == place for path in paths)


def _is_plain(key: object) -> bool:
    """Whether a key is a name or a literal."""
    return isinstance(key, tuple) and key[0] is not n.Index
