"""Code of the standard tools for lists and maps that Python does in a step or two."""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.types import CONTAINER, NUM, STR, fits_word
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.intrinsic_call import LEAST_STRING, IntrinsicCall, Maker, Operand
from neuroscript.runtime import abi
from neuroscript.runtime.programs import BIG

_LONGEST_PART = 1000  # characters of what is looked for in a list
_HASHED_BITS = 60  # of whole numbers whose hashes in Python are all their own


def _length(call: IntrinsicCall) -> ast.expr | None:
    """``len(x)``."""
    return py.call("len", call.operands[0].code)


def _empty(call: IntrinsicCall) -> ast.expr | None:
    """``not x``."""
    return py.negated(call.operands[0].code)


def _item(call: IntrinsicCall) -> ast.expr | None:
    """An item of a list, or a default."""
    items, index = call.operands[0].code, call.operands[1]
    otherwise = call.operands[2].code if len(call.operands) == 3 else py.const(None)
    inside = py.compare(py.const(-1), "<", index.code, "<", py.call("len", items))
    return py.either(inside, py.item(items, index.code), otherwise)


def _head(call: IntrinsicCall) -> ast.expr | None:
    """The first item of a list."""
    items = call.operands[0].code
    return py.either(items, py.item(items, py.const(0)), py.const(None))


def _rest(call: IntrinsicCall) -> ast.expr | None:
    """A list without its first item."""
    return _part(call, call.operands[0], ast.Slice(py.const(1), None, None))


def _last(call: IntrinsicCall) -> ast.expr | None:
    """The last items of a list."""
    count = call.operands[1]
    places = ast.Slice(ast.UnaryOp(ast.USub(), count.code), None, None)
    return call.either(count.within(1, BIG), _part(call, call.operands[0], places))


def _reversed(call: IntrinsicCall) -> ast.expr | None:
    """A list from its end to its start."""
    return _part(call, call.operands[0], ast.Slice(None, None, py.const(-1)))


def _cut(call: IntrinsicCall) -> ast.expr | None:
    """A part of a list."""
    items, start, end = (call.operands[place] for place in range(3))
    first, second = start.within(0, BIG), end.within(0, BIG)
    if first is None or second is None:
        return None
    return call.either([*first, *second], _part(call, items, ast.Slice(start.code, end.code, None)))


def _copies(call: IntrinsicCall) -> ast.expr | None:
    """A list of a value, a few times."""
    element, count = call.operands[0], call.operands[1]
    tests = count.within(0, BIG)
    made = py.binary(ast.List([element.code], py.LOAD), "*", count.code)
    return call.either(tests, call.nested(made) if element.kind.kinds & CONTAINER else made)


def _part(call: IntrinsicCall, items: Operand, places: ast.Slice) -> ast.expr:
    """A part of a list."""
    return call.nested(py.item(items.code, places))


def _numbers(call: IntrinsicCall) -> ast.expr | None:
    """The whole numbers from one to another, if they are not many."""
    start, end = call.operands[0], call.operands[1]
    if len(call.operands) == 3 and call.operands[2].within(1, BIG) != []:
        return None  # what is not certainly a literal in that range
    first = start.literal(int)
    count = end.code if first == 0 else py.binary(end.code, "-", start.code)
    made = ast.List([ast.Starred(py.call(abi.RANGE, *call.codes()), py.LOAD)], py.LOAD)
    return call.either([py.compare(count, "<=", py.const(BIG))], made)


def _with_item(call: IntrinsicCall, *, first: bool) -> ast.expr | None:
    """A list with one item more, at its start or its end."""
    items, element = call.codes()
    parts: list[ast.expr] = [ast.Starred(items, py.LOAD), element]
    return call.nested(ast.List(parts[::-1] if first else parts, py.LOAD))


def _together(call: IntrinsicCall) -> ast.expr | None:
    """Two lists one after the other."""
    first, second = call.codes()
    return call.nested(py.binary(first, "+", second))


def _among(call: IntrinsicCall) -> ast.expr | None:
    """``x in xs``."""
    items, element = call.codes()
    among = py.compare(element, "in", items)
    if call.operands[1].kind.within(NUM) and not call.holds(0, NUM):
        return py.both(among, call.tool())  # to Python true is 1 as well
    return call.either(_is_equal_in_python(call), among)


def _place(call: IntrinsicCall) -> ast.expr | None:
    """The index of the first item that equals a value, or -1."""
    items, element = call.codes()
    among = py.compare(element, "in", items)
    if call.operands[1].kind.within(NUM) and not call.holds(0, NUM):
        return py.either(among, call.tool(), py.const(-1))
    found = py.either(among, py.call(abi.LIST_INDEX, items, element), py.const(-1))
    return call.either(_is_equal_in_python(call), found)


def _is_equal_in_python(call: IntrinsicCall) -> list[ast.expr] | None:
    """The tests that what equals a value, among the items of a list, equals it in Python; None if they cannot help.

    Nothing but a string equals a string, and among numbers the language and Python agree.
    """
    element = call.operands[1]
    if element.kind.within(NUM) and call.holds(0, NUM):
        return []
    literal = element.literal(str)
    if not element.kind.kinds & STR or (isinstance(literal, str) and len(literal) > _LONGEST_PART):
        return None
    tests: list[ast.expr] = [] if element.kind.within(STR) else [py.kind_is(element.code, "str")]
    if literal is None:
        tests.append(py.compare(py.call("len", element.code), "<=", py.const(_LONGEST_PART)))
    return tests


def _ordered(call: IntrinsicCall) -> list[ast.expr] | None:
    """The tests that items can be put in an order, and quickly; None where their types are not known."""
    if call.holds(0, NUM):
        return []
    size = py.call(abi.SUM, py.call(abi.MAP, py.name("len"), call.operands[0].code))
    return [py.compare(size, "<=", py.const(LEAST_STRING))] if call.holds(0, STR) else None


def _sorted(call: IntrinsicCall) -> ast.expr | None:
    """A list in order."""
    named: dict[str, ast.expr] = {}
    if len(call.operands) == 2:
        if call.operands[1].literal(bool) is None:
            return None
        named = {"reverse": call.operands[1].code}
    return call.either(_ordered(call), py.call(abi.SORTED, call.operands[0].code, **named))


def _extreme(call: IntrinsicCall, function: str) -> ast.expr | None:
    """The smallest or the largest item, nil of an empty list."""
    items = call.operands[0].code
    return call.either(_ordered(call), py.either(items, py.call(function, items), py.const(None)))


def _sum(call: IntrinsicCall) -> ast.expr | None:
    """The sum of whole numbers that are not large."""
    kind = call.operands[0].kind.items()
    return py.call(abi.SUM, call.operands[0].code) if kind is not None and fits_word(kind) else None


def _unique(call: IntrinsicCall) -> ast.expr | None:
    """The items without those that equal an earlier one, where Python's hashes tell them apart."""
    kind = call.operands[0].kind.items()
    if kind is None or not (kind.within(STR) or (fits_word(kind) and (kind.bits or 0) <= _HASHED_BITS)):
        return None
    made = ast.List([ast.Starred(py.call(abi.DICT_FROM_KEYS, call.operands[0].code), py.LOAD)], py.LOAD)
    return call.either(_ordered(call) if kind.kinds & STR else [], made)


def _keys(call: IntrinsicCall) -> ast.expr | None:
    """The keys of a map."""
    return ast.List([ast.Starred(call.operands[0].code, py.LOAD)], py.LOAD)


def _values(call: IntrinsicCall) -> ast.expr | None:
    """The values of a map."""
    values = py.call(abi.DICT_VALUES, call.operands[0].code)
    return call.nested(ast.List([ast.Starred(values, py.LOAD)], py.LOAD))


def _with_entry(call: IntrinsicCall) -> ast.expr | None:
    """A map with an entry more, or another."""
    entries, key, value = call.codes()
    return _with_key(call, call.nested(ast.Dict([None, key], [entries, value])))


def _merged(call: IntrinsicCall) -> ast.expr | None:
    """Two maps as one."""
    return call.nested(ast.Dict([None, None], call.codes()))


def _has(call: IntrinsicCall) -> ast.expr | None:
    """``key in map``."""
    return _with_key(call, py.compare(call.operands[1].code, "in", call.operands[0].code))


def _entry(call: IntrinsicCall) -> ast.expr | None:
    """A value of a map, or a default."""
    return _with_key(call, py.call(abi.DICT_GET, *call.codes()))


def _with_key(call: IntrinsicCall, made: ast.expr) -> ast.expr | None:
    key = call.operands[1]
    if not key.kind.kinds & STR:
        return None
    return call.either([] if key.kind.within(STR) else [py.kind_is(key.code, "str")], made)


MAKERS: dict[tuple[str, int], Maker] = {
    ("str.length", 1): _length,
    ("list.length", 1): _length,
    ("list.isempty", 1): _empty,
    ("list.get", 2): _item,
    ("list.get", 3): _item,
    ("list.head", 1): _head,
    ("list.rest", 1): _rest,
    ("list.tail", 2): _last,
    ("list.slice", 3): _cut,
    ("list.reverse", 1): _reversed,
    ("list.range", 2): _numbers,
    ("list.range", 3): _numbers,
    ("list.repeat", 2): _copies,
    ("list.append", 2): lambda call: _with_item(call, first=False),
    ("list.push", 2): lambda call: _with_item(call, first=False),
    ("list.prepend", 2): lambda call: _with_item(call, first=True),
    ("list.concat", 2): _together,
    ("list.contains", 2): _among,
    ("list.indexof", 2): _place,
    ("list.sort", 1): _sorted,
    ("list.sort", 2): _sorted,
    ("list.min", 1): lambda call: _extreme(call, abi.LEAST),
    ("list.max", 1): lambda call: _extreme(call, abi.GREATEST),
    ("list.sum", 1): _sum,
    ("list.unique", 1): _unique,
    ("map.length", 1): _length,
    ("map.isempty", 1): _empty,
    ("map.keys", 1): _keys,
    ("map.values", 1): _values,
    ("map.has", 2): _has,
    ("map.get", 2): _entry,
    ("map.get", 3): _entry,
    ("map.set", 3): _with_entry,
    ("map.merge", 2): _merged,
}
"""How the code of a call is made, by the tool's name in lower case and the number of arguments."""
