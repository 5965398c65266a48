"""Loops that never end, run past an end, or give something else than they are read for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import assigned_in, expressions, statements, stored_in, walk
from neuroscript.lint.failing import names_in
from neuroscript.lint.holding import MAP, Holding
from neuroscript.lint.reads import Uses
from neuroscript.lint.stale import MOST_STATEMENTS
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]

_INDEX_NAMES = frozenset({"i", "j", "k", "idx", "index", "key", "pos", "position"})
_KEY_NAMES = frozenset({"k", "key"})
_OF_LAST = frozenset({"list.last", "list.pop", "list.slice", "list.get"})
_CHARACTER = re.compile(r"(?i)c$|ch|letter|symbol|digit")  # the names of items that are meant as characters
_PAIRS = {"list.enumerate": "list", "map.entries": "map", "list.zip": ""}


def in_while(loop: n.While, body: Body, uses: Uses) -> Iterator[Found]:
    """A loop that nothing ends, and one that reads past the end of its list."""
    condition = loop.condition
    if isinstance(condition, n.Literal):
        if not condition.value and any(not isinstance(each, n.OnError) for each in loop.body):
            yield "constant-condition", condition.span, "this loop never runs: the condition is always false"
        if condition.value and not can_leave(loop.body):
            yield "endless-loop", loop.span, "this loop has no way out: leave it with `break` or `return`"
        return
    names = names_in([condition]) - {"len"}
    calls = any(isinstance(part, n.ToolCall | n.CallValue | n.Eval | n.Raw) for part in walk(condition))
    variables = names & body.variables
    if names and names == variables and not calls and not _changes(loop.body, names, body) and not leaves(loop.body):
        told = " or ".join(f"'{name}'" for name in sorted(names))
        name = min(names)
        measured = {
            part.args[0].value.name
            for part in walk(condition)
            if isinstance(part, n.Call) and part.args and isinstance(part.args[0].value, n.Name)
        }
        change = f"tool.list.Slice({name}, 1, len({name}))" if name in measured else f"{name} + 1"
        cure = f"change it in the loop, such as `set {name} = {change}`"
        yield "endless-loop", loop.span, f"nothing in this loop changes {told}, so that it never ends: {cure}"
    match condition:
        case n.Chain(first=n.Name(name=index), rest=[("<", limit, _)]):
            items = _of_length(limit, uses)
            yield from _next_read(loop.body, items, index)
        case n.Chain(first=n.Name(name=index), rest=[("<=", limit, _)]):
            items = _of_length(limit, uses)
            place = _item_read(loop.body, items, index)
            if place is not None:
                line = f"line {condition.span[0]}"
                yield "index-past-end", place, f"the last index is `len(…) - 1`: write `{index} < len(…)` on {line}"
        case n.Chain(first=n.Name(name=index), rest=[(">" | ">=", n.Literal(value=0), _)]):
            inside = {id(statement) for statement in statements(loop.body)}
            before = [each for each in uses.assigned.get(index, ()) if id(each) not in inside]
            match before:
                case [n.Set(targets=[_], value=n.Call(name="len") as value)]:
                    place = _item_read(loop.body, _of_length(value, uses), index)
                    if place is not None:
                        start = f"write `set {index} = len(…) - 1` on line {before[0].span[0]}"
                        yield "index-past-end", place, f"the last index is `len(…) - 1`: {start}"


def _of_length(limit: n.Expr, uses: Uses) -> n.Expr | None:
    """What an expression is the length of: ``len(x)``, or a variable that is set to it and to nothing else."""
    match limit:
        case n.Call(name="len", args=[length]):
            return length.value
        case n.Name(name=name):
            match uses.assigned.get(name):
                case [n.Set(targets=[_], value=n.Call() as value)]:
                    return _of_length(value, uses)
    return None


def in_for_each(loop: n.ForEach, body: Body, holding: Holding, uses: Uses) -> Iterator[Found]:
    """What a loop over a collection gives is not what its names or its body say."""
    collection = loop.collection
    match collection:
        case n.Literal(value=value) if type(value) in (int, float):
            yield "no-collection", collection.span, f"a number is no collection: write `tool.list.Range(0, {value})`"
        case n.Call(name="len") if "len" not in body.variables:
            yield "no-collection", collection.span, "a number is no collection: write `tool.list.Range(0, len(list))`"
        case n.ToolCall(name=name) if loop.key is not None and name.lower() in _PAIRS:
            if _is_taken_apart(loop):
                return
            of = _PAIRS[name.lower()] or "list1"
            cure = f"write `for each {loop.key}, {loop.name} in {of}`"
            if not _PAIRS[name.lower()]:
                cure = "take one name, and its items by `pair[0]` and `pair[1]`"
            told = f"'{loop.key}' is the index here, and '{loop.name}' a pair of both: {cure}"
            yield "pairs-in-loop", collection.span, told
        case n.ToolCall(name=name, args=[start, end]) if name.lower() == "list.range":
            yield from _range(loop, end.value, body)
            yield from _downwards(collection, start.value, end.value)
        case n.Literal(value=str() as text) if (" " in text or "," in text) and not _CHARACTER.match(loop.name):
            told = "of a text this gives the characters: write a list of texts, or `tool.str.Split(text, separator)`"
            yield "no-collection", collection.span, told
        case n.ToolCall(name=name) if name.lower() == "fs.read":
            told = "of a text this gives the characters: take its lines, `tool.str.Lines(text)`"
            yield "no-collection", collection.span, told
        case n.Name(name=name) if _is_read(holding.values.get(name, ())):
            told = f"'{name}' is a text, of which this gives the characters: take its lines, `tool.str.Lines(text)`"
            yield "no-collection", collection.span, told
        case n.Name(name=name) if name in holding.answers:
            cure = "take its lines, `tool.str.Lines(text)`, or the list in it, `tool.json.Extract(text)`"
            yield "no-collection", collection.span, f"'{name}' is a text, of which this gives the characters: {cure}"
        case _ if loop.key is None:
            yield from _items(loop, collection, holding)
    yield from _reset(loop, body, uses)


def _is_read(values: Collection[object]) -> bool:
    """Whether all values are the texts of files."""
    return bool(values) and all(isinstance(each, n.ToolCall) and each.name.lower() == "fs.read" for each in values)


def _is_taken_apart(loop: n.ForEach) -> bool:
    """Whether a loop's item is used as the pair that it is."""
    for statement in statements(loop.body):
        match statement:
            case n.Set(targets=[_, _, *_], value=n.Name(name=name)) | n.ForEach(collection=n.Name(name=name)):
                if name == loop.name:
                    return True
    return any(
        isinstance(part, n.Index) and isinstance(part.value, n.Name) and part.value.name == loop.name
        for part in _parts(loop.body)
    )


def _items(loop: n.ForEach, collection: n.Expr, holding: Holding) -> Iterator[Found]:
    """An item that is used as the index or key that other languages give."""
    owner = _path(collection)
    cure = f"`for each {loop.name}, value in …` gives both"
    is_map = holding.kind(collection) == MAP
    if _leads_on(collection, holding):
        return
    if owner and (loop.name in _INDEX_NAMES or is_map):
        for part in _parts(loop.body):
            match part:
                case n.Index(value=value, index=n.Name(name=index)) if index == loop.name and _path(value) == owner:
                    told = f"'{loop.name}' is the item itself, not its index or key: {cure}"
                    yield "value-as-index", part.index.span, told
                    return
    if is_map and loop.name in _KEY_NAMES:
        yield "value-as-index", loop.name_span, f"of a map this gives the values, not the keys: {cure}"


def _leads_on(collection: n.Expr, holding: Holding) -> bool:
    """Whether a map is written whose values are keys of its own, as of a graph: such a value may well be looked up."""
    written = holding.values.get(collection.name, ()) if isinstance(collection, n.Name) else (collection,)
    for each in written:
        if isinstance(each, n.MapExpr):
            keys = {key.value for key, _ in each.entries if isinstance(key, n.Literal)}
            if any(isinstance(value, n.Literal) and value.value in keys for _, value in each.entries):
                return True
    return False


def _path(value: n.Expr) -> str:
    """A variable with its fields as text; empty for anything else."""
    match value:
        case n.Name(name=name):
            return name
        case n.Index(value=owner, index=n.Literal(value=str() as key)):
            start = _path(owner)
            return f"{start}.{key}" if start else ""
    return ""


def _treats_last_apart(loop: n.ForEach, items: str, body: Body) -> bool:
    """Whether the last item of a list has its own place in a body, so that a loop leaves it out on purpose."""
    if body.size > MOST_STATEMENTS // 2:
        return True  # which is not looked for, since it takes the square of their number
    inside = {id(statement) for statement in statements(loop.body)} | {id(loop)}
    for statement in statements(body.block):
        if id(statement) in inside:
            continue
        for whole in expressions(statement):
            for part in walk(whole):
                match part:
                    case n.Chain(
                        first=n.Call(name="len", args=[n.Argument(value=n.Name(name=name))]),
                        rest=[("-", n.Literal(value=1), _)],
                    ) if name == items:
                        return True
                    case n.ToolCall(name=tool, args=[n.Argument(value=n.Name(name=name)), *_]) if name == items:
                        if tool.lower() in _OF_LAST:
                            return True
    return any(
        isinstance(part, n.Name) and part.name == loop.name
        for statement in statements(loop.body)
        if isinstance(statement, n.If)
        for condition, _ in statement.branches
        for part in walk(condition)
    )


def _range(loop: n.ForEach, end: n.Expr, body: Body) -> Iterator[Found]:
    """A count that goes beyond the last index, or stops before it."""
    match end:
        case n.Call(name="len", args=[length]):
            yield from _next_read(loop.body, length.value, loop.name)
        case n.Chain(
            first=n.Call(name="len", args=[n.Argument(value=n.Name(name=items))]),
            rest=[("+" | "-" as operator, n.Literal(value=1), _)],
        ):
            exact: n.Span | None = None
            other = False
            for part in _parts(loop.body):
                if isinstance(part, n.Index) and isinstance(part.value, n.Name) and part.value.name == items:
                    is_index = isinstance(part.index, n.Name) and part.index.name == loop.name
                    exact = exact or (part.index.span if is_index else None)
                    other = other or not is_index
            if operator == "+" and exact:
                told = "the last number is `len(…)`, and the last index `len(…) - 1`: write"
                line = f"on line {end.span[0]}"
                yield "index-past-end", exact, f"{told} `tool.list.Range(0, len({items}))` {line}"
            elif operator == "-" and exact and not other and _starts_at_0(loop.collection):
                if _treats_last_apart(loop, items, body):
                    return
                told = "`Range` stops before its end, so that the last item is left out: write"
                yield "range-too-short", end.span, f"{told} `tool.list.Range(0, len({items}))`"


def _downwards(collection: n.Expr, start: n.Expr, end: n.Expr) -> Iterator[Found]:
    """A count down without a step, which has no turns."""
    match start, end:
        case (n.Literal(value=int() as first), n.Literal(value=int() as last)) if first > last:
            cure = f"tool.list.Range({first}, {last}, -1)"
        case (n.Chain(first=n.Call(name="len"), rest=[("-", n.Literal(value=1), _)]) | n.Call(name="len"), n.Literal()):
            cure = "tool.list.Range(len(x) - 1, -1, -1)"
        case _:
            return
    yield "no-collection", collection.span, f"without a step this counts up, and has no items: write `{cure}`"


def _starts_at_0(collection: n.Expr) -> bool:
    match collection:
        case n.ToolCall(args=[n.Argument(value=n.Literal(value=0)), *_]):
            return True
    return False


def _reset(loop: n.ForEach, body: Body, uses: Uses) -> Iterator[Found]:
    """A sum that each turn begins anew, and that is read after the loop."""
    for place, statement in enumerate(loop.body):
        match statement:
            case n.Set(targets=[n.Target(name=name, path=[])], value=value) if _is_start(value):
                grown = [
                    each
                    for each in loop.body[place + 1 :]
                    if isinstance(each, n.Set) and len(each.targets) == 1 and each.targets[0].name == name
                ]
                grows = [each for each in grown if not each.targets[0].path and name in names_in([each.value])]
                if not grows or len(grows) != len(grown):
                    continue
                reads = [
                    each for each in statements(loop.body) if each not in grows and name in names_in(expressions(each))
                ]
                dynamic = body.evals or any(isinstance(part, n.Raw) for part in _parts(loop.body))
                if not reads and not dynamic and uses.is_read_below(name, _end(loop)):
                    told = f"each turn sets '{name}' anew, so that only the last one counts: set it before the loop"
                    yield "reset-in-loop", statement.span, told


def _is_start(value: n.Expr) -> bool:
    match value:
        case n.Literal(value=start):
            return start in (0, "") and type(start) is not bool
        case n.ListExpr(items=[]) | n.MapExpr(entries=[]):
            return True
    return False


def _parts(block: n.Block) -> Iterator[n.Expr]:
    for statement in statements(block):
        for whole in expressions(statement):
            yield from walk(whole)


def _end(loop: n.ForEach) -> tuple[int, int]:
    """The place of the last statement of a loop."""
    return max((each.span[:2] for each in statements(loop.body)), default=loop.span[:2])


def _changes(block: n.Block, names: set[str], body: Body) -> bool:
    """Whether a block, or a handler of the body, sets one of some variables."""
    blocks = [block, *(handler.body for handler in body.handlers)]
    return any(name in names for each in blocks for name in (*assigned_in(each), *stored_in(each)))


def leaves(block: n.Block) -> bool:
    """Whether a statement of a block leaves a loop round it, or asks somebody."""
    return any(
        isinstance(each, n.Return | n.Break | n.Fail | n.Must) or (isinstance(each, n.Set) and each.must)
        for each in statements(block)
    )


def can_leave(block: n.Block) -> bool:
    """Whether a loop over this block ends by a statement of its own, or may by an error that is meant."""
    return (
        leaves(block)
        or any(isinstance(each, n.Ask | n.PromptUser) for each in statements(block))
        or any(isinstance(part, n.ToolCall | n.Call | n.CallValue) for part in _parts(block))
    )


def _item_read(block: n.Block, items: n.Expr | None, index: str) -> n.Span | None:
    """Where a block reads the item of a variable at exactly this index, before it changes the index."""
    if not isinstance(items, n.Name):
        return None
    for statement in block:
        for value in expressions(statement):
            if isinstance(value, n.Chain) and value.rest[0][0] in ("and", "or") and index in names_in([value.first]):
                return None  # which asks where the index is
            for part in walk(value):
                match part:
                    case n.Index(value=n.Name(name=name), index=n.Name(name=at)) if at == index:
                        return part.index.span if items.name == name else None
            if isinstance(statement, n.If) and index in names_in([value]):
                return None
        if isinstance(statement, n.Set) and any(target.name == index for target in statement.targets):
            return None
    return None


def _next_read(block: n.Block, items: n.Expr | None, index: str) -> Iterator[Found]:
    """A read of the item after the one of the turn, which the last turn does not have, with no condition that asks."""
    if not isinstance(items, n.Name):
        return
    for statement in block:
        for value in expressions(statement):
            asks = isinstance(value, n.Chain) and value.rest[0][0] in ("and", "or")
            for part in walk(value):
                match part:
                    case n.Index(
                        value=n.Name(name=name),
                        index=n.Chain(first=n.Name(name=at), rest=[("+", n.Literal(value=1), _)]),
                    ) if name == items.name and at == index and not asks:
                        told = f"the last turn has no item after its own: let it end before `len({name}) - 1`"
                        yield "index-past-end", part.index.span, told
                        return
            if index in names_in([value]) and isinstance(statement, n.If):
                return
        changes = isinstance(statement, n.Set) and any(
            target.name in (index, items.name) for target in statement.targets
        )
        if changes or isinstance(statement, n.If | n.While | n.ForEach):
            return
