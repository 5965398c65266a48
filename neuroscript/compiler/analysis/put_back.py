"""Which items are put back: read out of a list or map, changed as a variable's value, and stored where they were.

    set task = tasks[id]
    set task.runs = task.runs + 1
    set tasks[id] = task

While the variable's value is changed, the list or map that it was read from holds it too, so that it would have to be
copied.  Where nothing reads that item before another value takes its place, it may be let go of first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from neuroscript.compiler.analysis.liveness import read_by_handlers
from neuroscript.compiler.analysis.paths import Path, are_apart, key_to, may_change, may_read, names_of, path_to
from neuroscript.compiler.analysis.walks import is_walked_by_key
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import (
    assigned_by,
    expressions,
    inner_blocks,
    statements,
    stored_in,
    walk,
)
from neuroscript.records import record
from neuroscript.syntax import nodes as n

_MOST_STATEMENTS = 1000  # of a body
_READ, _PUT, _NEITHER = range(3)  # what becomes of an item


@record(frozen=True)
class Item:
    """An item that a variable's value has been read from.

    Attributes:
        name: the variable.
        root: the variable whose list or map it is in.
        path: the keys that lead to it.
        keys: their comparable forms.
        reads: the paths that keys read which are more than names and literals.
        is_spent: whether it has been let go of already.
    """

    name: str
    root: str
    path: Sequence[n.Expr]
    keys: tuple[object, ...]
    reads: tuple[Path, ...]
    is_spent: bool = False

    def spent(self) -> Item:
        """The same item, as one that has been let go of."""
        return Item(self.name, self.root, self.path, self.keys, self.reads, is_spent=True)

    def is_same(self, other: Item | None) -> bool:
        """Whether another one has been read by the same expression."""
        return other is not None and other.path is self.path


Rest: TypeAlias = "tuple[n.Block, int, Rest] | bool"
"""What comes after a statement: a block from a place on, and the rest; at last whether that is the body's end."""


class ItemsPutBack:
    """The statements before which items are let go of.

    There are none where something else may read variables at any time: `eval`, an interactive session; nor where the
    body uses ``last``, which holds what calls gave.  Items of what error handlers read stay where they are, and all
    do where execution goes on behind what has failed.

    Attributes:
        changed: the variables whose lists and maps are stored in, or given to procedures and tools.

    Args:
        body: the body.
        given: the arguments of a call that the procedure changes.
    """

    def __init__(self, body: Body, given: Callable[[n.Call], Iterable[n.Expr]]) -> None:
        self.changed = set(body.stored)
        self._given = given
        self._before: dict[int, list[Item]] = {}
        self._within: dict[int, list[Item]] = {}
        self._passed: dict[int, Item] = {}
        self._handled = read_by_handlers(body)
        plain = not body.resumes and not body.leaves and not body.evals and body.session is None and not body.uses_last
        if plain and body.size <= _MOST_STATEMENTS:
            arguments = [argument for call in body.calls for argument in given(call)]
            self.changed.update(argument.name for argument in arguments if isinstance(argument, n.Name))
            found = any(isinstance(argument, n.Index) for argument in arguments)
            for statement in statements(body.block):
                match statement:
                    case n.Set(targets=targets, value=value):
                        found = found or type(value) is n.Index
                        added = _added_to(value)
                        self.changed.update(target.name for target in targets if target.name == added)
                    case n.ForEach(key=str()):
                        found = True
            if found:
                self._block(body.block, True, {})

    def before(self, statement: n.Stmt) -> Sequence[Item]:
        """The items to let go of before a statement, in this order, if their variables' values still are there."""
        return self._before.get(id(statement), ())

    def within(self, statement: n.Stmt) -> Sequence[Item]:
        """As `before`, for those that a statement's value reads, after the evaluation of that.

        Where the value is a call, it is after that of its arguments.
        """
        return self._within.get(id(statement), ())

    def passed(self, statement: n.Stmt) -> Item | None:
        """The item that ``set name, … = procedure(…, item, …)`` gives to a procedure which changes it, to let go of."""
        return self._passed.get(id(statement))

    def _block(self, block: n.Block, rest: Rest, items: dict[str, Item]) -> None:
        """Notes the items that statements of a block change; ``items`` are those that variables have been read from."""
        for place, statement in enumerate(block):
            following: Rest = (block, place + 1, rest)
            if isinstance(statement, n.If):
                found = [items.copy() for _ in inner_blocks(statement)]
                for inner, known in zip(inner_blocks(statement), found, strict=True):
                    self._block(inner, following, known)
                self._join(items, found, whole=statement.orelse is not None)
                continue
            for name in self._changed_by(statement):
                self._change(statement, name, (block, place, rest), items)
            if isinstance(statement, n.While | n.ForEach):
                self._block(statement.body, False, _walked(statement))
            for name in [name for name, item in items.items() if item.reads and may_change(item.reads, statement)]:
                del items[name]
            match statement:
                case n.Set(targets=targets, value=n.Call() as call, must=False):
                    if not any(target.path for target in targets):
                        self._pass(statement, [target.name for target in targets], call, following)
                case n.Set(targets=[n.Target(name=name, path=[])], value=n.Index() as value, must=False):
                    items.pop(name, None)
                    item = _item(name, value)
                    if item is not None and item.root not in self._handled:
                        items[name] = item

    def _join(self, items: dict[str, Item], found: list[dict[str, Item]], *, whole: bool) -> None:
        """Joins what the branches of an ``if`` know with what was known before it.

        Only one that has certainly been read may be looked for by keys whose evaluation could fail.
        """
        before = items.copy()
        items.clear()
        for known in found if whole else (before, *found):
            for name, item in known.items():
                if name not in items or not item.is_spent:
                    items[name] = item
        for name, item in [*items.items()]:
            if item.reads and not all(item.is_same(known.get(name)) for known in (before, *found)):
                del items[name]

    def _pass(self, statement: n.Stmt, names: list[str], call: n.Call, following: Rest) -> None:
        """Notes the item that a call gives to a procedure which changes it; what that gives is assigned to names."""
        for argument in self._given(call):
            items = [_item(name, argument) for name in names] if isinstance(argument, n.Index) else []
            if not items or None in items:
                continue
            item = items[0]
            if item is None or item.reads or item.root in self._handled:
                continue
            others = (other.value for other in call.args if other.value is not argument)
            if not any(may_read(other, item.root, item.keys) for other in others) and _is_put_over(item, following):
                self._passed[id(statement)] = item

    def _change(self, statement: n.Stmt, name: str, where: Rest, items: dict[str, Item]) -> None:
        """Notes that a statement changes the value of a variable, if the item that it was may be let go of."""
        item = items.get(name)
        if item is None or item.is_spent:
            return
        items[name] = item.spent()
        table = self._before
        if not _is_put_over(item, where):
            table = self._within
            reads_first = _stores_last(statement, item) or _calls_last(statement, item)
            if not reads_first or not _is_put_over(item, _after(where)):
                return
        elif item.root in items:
            self._change(statement, item.root, where, items)
        noted = table.setdefault(id(statement), [])
        if item not in noted:
            noted.append(item)

    def _changed_by(self, statement: n.Stmt) -> Iterator[str]:
        """The variables whose lists or maps a statement may change in place, in its inner blocks too."""
        if isinstance(statement, n.Set):
            added = _added_to(statement.value)
            yield from (target.name for target in statement.targets if target.path or target.name == added)
        for expression in expressions(statement):
            for part in walk(expression):
                if isinstance(part, n.Call):
                    given = self._given(part)
                    yield from (argument.name for argument in given if isinstance(argument, n.Name))
        for inner in inner_blocks(statement):
            for each in inner:
                yield from self._changed_by(each)


def _item(name: str, value: n.Index) -> Item | None:
    """The item that an expression reads, if its keys are names and literals."""
    root, *keys = path_to(value)
    if not isinstance(root, str) or None in keys or root == name or name in names_of(keys):
        return None
    reads = tuple(key[1] for key in keys if isinstance(key, tuple) and key[0] is n.Index)
    if any(key == (n.Name, root) for key in keys) or not all(_is_outside(read, root, keys) for read in reads):
        return None
    path: list[n.Expr] = []
    part: n.Expr = value
    while isinstance(part, n.Index):
        path.insert(0, part.index)
        part = part.value
    return Item(name, root, path, tuple(keys), reads)


def _walked(loop: n.While | n.ForEach) -> dict[str, Item]:
    """The item that the variable of a loop has been read from where a turn begins."""
    if not isinstance(loop, n.ForEach) or loop.key is None or not is_walked_by_key(loop):
        return {}
    item = _item(loop.name, n.Index(loop.place, loop.collection, n.Name(loop.place, loop.key)))
    return {} if item is None else {loop.name: item}


def _is_outside(read: Path, root: str, keys: Sequence[object]) -> bool:
    """Whether what a key reads is certainly neither an item itself, nor what that is in, nor in it."""
    name, *inner = read
    return root not in names_of(inner) and (name != root or are_apart(inner, keys))


def _added_to(value: n.Expr) -> str | None:
    """The variable that is the first operand of ``+``, or the first argument of a tool."""
    match value:
        case n.Chain(first=n.Name(name=name)) | n.ToolCall(args=[n.Argument(value=n.Name(name=name)), *_]):
            return name
    return None


def _stores_last(statement: n.Stmt, item: Item) -> bool:
    """Whether a statement stores its value in an item, and but for that value reads nothing of what the item is in."""
    match statement:
        case n.Set(targets=[n.Target(name=item.name, path=[_, *_] as path)], must=False):
            return not any(may_read(key, item.root, item.keys) for key in path)
    return False


def _calls_last(statement: n.Stmt, item: Item) -> bool:
    """Whether a statement calls a procedure when it has read the last of what the item is in."""
    match statement:
        case n.Set(targets=targets, value=n.Call(args=args), must=False) if not any(target.path for target in targets):
            if not {item.root, *names_of(item.keys)}.isdisjoint(target.name for target in targets):
                return False
            values = [argument.value for argument in args]
            given = [value for value in values if may_read(value, item.root, item.keys)]
            is_given_once = sum(isinstance(value, n.Name) and value.name == item.name for value in values) == 1
            return is_given_once and all(isinstance(value, n.Index | n.Chain | n.Unary) for value in given)
    return False


def _after(where: Rest) -> Rest:
    assert not isinstance(where, bool)
    block, place, rest = where
    return block, place + 1, rest


# --- what becomes of an item -----------------------------------------------------------------------------------------


def _is_put_over(item: Item, where: Rest) -> bool:
    """Whether another value certainly takes the place of an item before anything reads that."""
    while not isinstance(where, bool):
        block, place, where = where
        fate = _fate_in(item, block[place:], in_loop=False)
        if fate != _NEITHER:
            return fate == _PUT
    return where  # at the body's end nothing reads it any more


def _fate_in(item: Item, block: n.Block, *, in_loop: bool) -> int:
    for statement in block:
        fate = _fate(item, statement, in_loop=in_loop)
        if fate != _NEITHER:
            return fate
    return _NEITHER


def _fate(item: Item, statement: n.Stmt, *, in_loop: bool) -> int:
    """What a statement does to an item."""
    if any(may_read(part, item.root, item.keys) for part in expressions(statement)):
        return _READ
    assigned = set(assigned_by(statement))
    plain = {key[1] for key in item.keys if isinstance(key, tuple) and key[0] is n.Name}
    if not plain.isdisjoint(assigned.union(stored_in([statement]))) or may_change(item.reads, statement):
        return _READ  # the keys will mean another item
    match statement:
        case n.If(branches=branches, orelse=orelse):
            blocks = [block for _, block in branches] + ([] if orelse is None else [orelse])
            fates = [_fate_in(item, block, in_loop=in_loop) for block in blocks]
            if _READ in fates:
                return _READ
            return _PUT if orelse is not None and _NEITHER not in fates else _NEITHER
        case n.While(body=body) | n.ForEach(body=body):
            if item.root in assigned or _fate_of_all(item, body) == _READ:
                return _READ
            return _NEITHER
        case n.Break() | n.Continue():
            return _NEITHER if in_loop else _READ
        case n.Return() | n.Fail():
            return _PUT
        case n.Set(targets=[n.Target(name=item.root, path=path)]):
            keys = tuple(map(key_to, path))
            if keys == item.keys[: len(keys)]:
                return _PUT
            # One that is no longer may lead to the item, or what that is in, but not through it.
            return _NEITHER if len(keys) <= len(item.keys) or are_apart(keys, item.keys) else _READ
    into = statement.targets if isinstance(statement, n.Set) else [getattr(statement, "into", None)]
    return _READ if any(target is not None and target.name == item.root for target in into) else _NEITHER


def _fate_of_all(item: Item, block: n.Block) -> int:
    """Whether any statement of a loop's body reads an item; a turn may come after any other."""
    for statement in block:
        fate = _fate(item, statement, in_loop=True)
        if fate == _READ:
            return _READ
        for inner in inner_blocks(statement):
            if _fate_of_all(item, inner) == _READ:
                return _READ
    return _NEITHER
