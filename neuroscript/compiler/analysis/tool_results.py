"""The types of what standard tools give: as they are declared, or as they follow from the arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable

from neuroscript.compiler.analysis.types import (
    ANY,
    FLOAT,
    INT,
    LIST,
    MAP,
    NOTHING,
    NUM,
    OTHER,
    STR,
    T_BOOL,
    T_FLOAT,
    T_LENGTH,
    T_NIL,
    T_NUM,
    T_STR,
    WORD_BITS,
    Type,
    bounded,
    container,
    fits_word,
)
from neuroscript.tools.spec import ArgType

_DECLARED: dict[ArgType, Type] = {
    ArgType.NIL: T_NIL,
    ArgType.STRING: T_STR,
    ArgType.INT: Type(INT),
    ArgType.FLOAT: T_NUM,
    ArgType.NUMBER: T_NUM,
    ArgType.BOOL: T_BOOL,
    ArgType.MAP: Type(MAP),
    ArgType.SLICE_ANY: Type(LIST),
    ArgType.SLICE_STRING: Type(LIST, item=T_STR),
    ArgType.SLICE_INT: Type(LIST, item=Type(INT)),
    ArgType.SLICE_NUMBER: Type(LIST, item=T_NUM),
    ArgType.SLICE_BOOL: Type(LIST, item=T_BOOL),
    ArgType.SLICE_MAP: Type(LIST, item=Type(MAP)),
}


_FLOAT_BITS = 1024
_LENGTH_BITS = 62
_ORDERED = NUM | STR | OTHER  # what can be put in an order: timedates, besides


def result_of(tool: str, declared: ArgType, args: list[Type]) -> Type:
    """The type of the result of a pure standard tool.

    Args:
        tool: its name, in any case.
        declared: the declared type.
        args: the types of the arguments, in the order of the parameters.
    """
    rule = _FROM_ARGUMENTS.get(tool.lower())
    if rule is not None and args:
        found = rule(args)
        if found is not None:
            return found
    return _DECLARED.get(declared, ANY)


def _items(kind: Type, wanted: int) -> Type | None:
    """The type of the items of an argument that has to be a list or map; None if it is not known."""
    if not kind.kinds:
        return NOTHING
    return kind.restricted_to(wanted).items() if kind.kinds & wanted else NOTHING


def _same(args: list[Type]) -> Type | None:
    return container(LIST, _items(args[0], LIST))


def _with(place: int) -> Callable[[list[Type]], Type | None]:
    """The rule of a tool that gives its first argument, a list, with another argument among the items."""

    def rule(args: list[Type]) -> Type | None:
        items = _items(args[0], LIST)
        if items is None or len(args) <= place:
            return None
        return container(LIST, items.union(args[place]))

    return rule


def popped(tool: str, args: list[Type], place: int) -> Type | None:
    """The type of the rest, or the item, that ``list.Pop`` gives; None for another tool, or if it is not known."""
    items = _items(args[0], LIST) if tool.lower() == "list.pop" and len(args) == 1 else None
    if items is None or place > 1:
        return None
    return items if place else container(LIST, items)


def mapped(result: Type) -> Type:
    """The type of what ``list.Map`` gives, given that of the function's results."""
    return container(LIST, result if result != ANY else None)


def _item(args: list[Type]) -> Type | None:
    items = _items(args[0], LIST)
    return items.union(args[2] if len(args) > 2 else T_NIL) if items is not None else None


def _repeated(args: list[Type]) -> Type | None:
    return container(LIST, args[0])


def _grouped(args: list[Type]) -> Type | None:
    return container(MAP, _same(args))


def _counted(args: list[Type]) -> Type | None:
    return container(MAP, T_LENGTH)


def _values(args: list[Type]) -> Type | None:
    return container(LIST, _items(args[0], MAP))


def _entry(args: list[Type]) -> Type | None:
    """A value of a map, or a default."""
    values = _items(args[0], MAP)
    return values.union(args[2] if len(args) > 2 else T_NIL) if values is not None else None


def _entries_of(args: list[Type]) -> Type | None:
    """A map with some entries of another."""
    return container(MAP, _items(args[0], MAP))


def _together(kind: int) -> Callable[[list[Type]], Type | None]:
    """The rule of a tool that puts lists or maps together."""

    def rule(args: list[Type]) -> Type | None:
        items = [_items(arg, kind) for arg in args]
        known = [each for each in items if each is not None]
        return container(kind, functools.reduce(Type.union, known)) if len(known) == len(items) else None

    return rule


def _set(args: list[Type]) -> Type | None:
    """A map with an entry."""
    values = _items(args[0], MAP)
    return container(MAP, values.union(args[2])) if values is not None and len(args) == 3 else None


def _rows(args: list[Type]) -> Type | None:
    """Lists of what is in lists."""
    items = [_items(arg, LIST) for arg in args]
    known = [each for each in items if each is not None]
    if len(known) < len(items):
        return container(LIST, Type(LIST))
    return container(LIST, container(LIST, functools.reduce(Type.union, known)))


def _numbered(args: list[Type]) -> Type | None:
    items = _items(args[0], LIST)
    return container(LIST, container(LIST, items.union(T_LENGTH) if items is not None else None))


def _parts(args: list[Type]) -> Type | None:
    return container(LIST, container(LIST, _items(args[0], LIST)))


def _pairs(args: list[Type]) -> Type | None:
    """The entries of a map, as lists."""
    values = _items(args[0], MAP)
    return container(LIST, container(LIST, values.union(T_STR) if values is not None else None))


def _table(args: list[Type]) -> Type | None:
    """Rows of strings: maps, or lists where another argument says that there is no header."""
    return container(LIST, container(MAP if len(args) == 1 else MAP | LIST, T_STR))


def _ordered(args: list[Type]) -> Type:
    """What the items of a list that are put in an order can be."""
    items = _items(args[0], LIST)
    return Type(_ORDERED) if items is None else items.restricted_to(_ORDERED) if items.kinds & _ORDERED else NOTHING


def _sorted(args: list[Type]) -> Type | None:
    return container(LIST, _ordered(args))


def _extreme(args: list[Type]) -> Type | None:
    """The smallest or the largest item, nil of an empty list."""
    return _ordered(args).union(T_NIL)


def _sum(args: list[Type]) -> Type | None:
    items = _items(args[0], LIST)
    if items is None or not items.within(INT):
        return None if items is None or items.kinds else NOTHING
    return bounded(WORD_BITS + _LENGTH_BITS if fits_word(items) else None, items.natural)


def _is_known(kind: Type) -> bool:
    """Whether a type has been looked at yet."""
    return kind.kinds != 0


def _range(args: list[Type]) -> Type | None:
    """A list of the whole numbers between two, or up to one: none is larger than these."""
    if not all(map(_is_known, args)):
        return NOTHING
    if not all(kind.within(INT) for kind in args):
        return None
    ends = args[:2]
    bits = None if any(kind.bits is None for kind in ends) else max(kind.bits or 0 for kind in ends)
    return container(LIST, bounded(bits, all(kind.natural for kind in ends)))


def _rounded(args: list[Type]) -> Type | None:
    """A number without its fraction; a float is below the 1,024th power of two."""
    kind = args[0]
    if not kind.within(NUM):
        return None if _is_known(kind) else NOTHING
    bits = kind.bits if kind.kinds & INT else 0
    if not kind.kinds & FLOAT:
        return bounded(bits, kind.natural)
    return bounded(max(bits, _FLOAT_BITS) if bits is not None else None)


def _size(args: list[Type]) -> Type | None:
    kind = args[0]
    if not kind.within(NUM):
        return None if _is_known(kind) else NOTHING
    return kind._replace(natural=True)


def _root(args: list[Type]) -> Type | None:
    """A square root, which is no larger if it is whole."""
    kind = args[0]
    if not kind.within(NUM):
        return None if _is_known(kind) else NOTHING
    return Type(NUM, kind.bits, natural=True) if kind.kinds & INT else T_FLOAT


def _one_of(args: list[Type]) -> Type | None:
    """One of the arguments."""
    if not all(map(_is_known, args)):
        return NOTHING
    return functools.reduce(Type.union, args) if all(kind.within(NUM) for kind in args) else None


def _length(args: list[Type]) -> Type | None:
    return T_LENGTH


def _place(args: list[Type]) -> Type | None:
    """An index, or -1."""
    return bounded(_LENGTH_BITS)


_FROM_ARGUMENTS: dict[str, Callable[[list[Type]], Type | None]] = {
    "csv.parse": _table,
    "list.append": _with(1),
    "list.chunk": _parts,
    "list.concat": _together(LIST),
    "list.enumerate": _numbered,
    "list.indexof": _place,
    "list.length": _length,
    "list.max": _extreme,
    "list.min": _extreme,
    "list.range": _range,
    "map.length": _length,
    "math.abs": _size,
    "math.ceil": _rounded,
    "math.floor": _rounded,
    "math.max": _one_of,
    "math.min": _one_of,
    "math.sqrt": _root,
    "math.truncate": _rounded,
    "str.count": _length,
    "str.indexof": _place,
    "str.length": _length,
    "list.countby": _counted,
    "list.filter": _same,
    "list.find": _item,
    "list.get": _item,
    "list.groupby": _grouped,
    "list.head": _item,
    "list.insert": _with(2),
    "list.prepend": _with(1),
    "list.push": _with(1),
    "list.remove": _same,
    "list.repeat": _repeated,
    "list.rest": _same,
    "list.reverse": _same,
    "list.slice": _same,
    "list.sort": _sorted,
    "list.sortby": _same,
    "list.sum": _sum,
    "list.tail": _same,
    "list.unique": _same,
    "list.zip": _rows,
    "map.delete": _entries_of,
    "map.entries": _pairs,
    "map.get": _entry,
    "map.merge": _together(MAP),
    "map.omit": _entries_of,
    "map.pick": _entries_of,
    "map.set": _set,
    "map.values": _values,
}
