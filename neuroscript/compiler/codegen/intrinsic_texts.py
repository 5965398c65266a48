"""Code of the standard tools for texts that Python does in a step or two."""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.types import FLOAT, INT, LIST, STR
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.intrinsic_call import LEAST_STRING, IntrinsicCall, Maker
from neuroscript.runtime import abi
from neuroscript.runtime.programs import BIG

_ASCII_BLANKS = "\t\n\v\f\r "
_MORE_BLANKS = "\x1c\x1d\x1e\x1f"  # Python's alone
_FAR = 1 << 30  # characters
_FEW_DIGITS = 300
_FEW_DECIMALS = 15
_EXACT = 1e10  # below it a double is exact to a millionth
_LONGEST_GROWTH = LEAST_STRING // BIG // 2  # characters that may be put in anywhere in a short text


def _method(call: IntrinsicCall, name: str) -> ast.expr | None:
    """A method of a string, on all arguments."""
    return py.call(name, *call.codes())


def _ascii_method(call: IntrinsicCall, name: str, *more: ast.expr) -> ast.expr | None:
    """A method of a string that does as the tool does for ASCII."""
    text = call.operands[0].code
    return call.either([py.call(abi.IS_ASCII, text)], py.call(name, text, *more))


def _contains(call: IntrinsicCall) -> ast.expr | None:
    """``part in text``."""
    return py.compare(call.operands[1].code, "in", call.operands[0].code)


def _split(call: IntrinsicCall) -> ast.expr | None:
    """A text split at what is not empty."""
    text, delimiter = call.operands[0], call.operands[1]
    if delimiter.literal(str) == "":
        return ast.List([ast.Starred(text.code, py.LOAD)], py.LOAD)
    tests = [] if delimiter.literal(str) else [delimiter.code]
    return call.either(tests, py.call(abi.STR_SPLIT, text.code, delimiter.code))


def _words(call: IntrinsicCall) -> ast.expr | None:
    """A text split at blanks; Python takes four control characters for blanks, of which a printable text has none."""
    text = call.operands[0].code
    others = [py.compare(py.const(blank), "in", text) for blank in _MORE_BLANKS]
    plain = py.some(py.call(abi.STR_IS_PRINTABLE, text), py.negated(py.some(*others)))
    return call.either([plain], py.call(abi.STR_SPLIT, text))


def _lines(call: IntrinsicCall) -> ast.expr | None:
    """The lines of a text whose lines end with newlines alone."""
    text = call.operands[0].code
    temporary = call.temporaries.fresh()
    call.temporaries.hold_name(temporary)
    parts, again = py.bind(temporary, py.call(abi.STR_SPLIT, text, py.const("\n"))), py.name(temporary)
    whole = py.item(again, ast.Slice(None, py.const(-1), None))
    last = py.item(parts, py.const(-1))
    return call.either([py.negated(py.compare(py.const("\r"), "in", text))], py.either(last, again, whole))


def _joined(call: IntrinsicCall) -> ast.expr | None:
    """Strings put together, if they are short."""
    items, separator = call.operands[0], call.operands[1].literal(str) if len(call.operands) == 2 else ""
    if not call.holds(0, STR) or not isinstance(separator, str) or len(separator) > _LONGEST_GROWTH:
        return None
    tests = [] if items.kind.within(LIST) else [py.kind_is(items.code, "list")]
    tests.append(py.compare(py.call("len", items.code), "<=", py.const(BIG)))
    size = py.call(abi.SUM, py.call(abi.MAP, py.name("len"), items.code))
    tests.append(py.compare(size, "<=", py.const(LEAST_STRING // 2)))
    return call.either(tests, py.call(abi.STR_JOIN, py.const(separator), items.code))


def _replace(call: IntrinsicCall) -> ast.expr | None:
    """A text with something replaced that does not get much longer."""
    new = call.operands[2]
    literal = new.literal(str)
    tests: list[ast.expr] = [py.compare(py.call("len", new.code), "<=", py.const(_LONGEST_GROWTH))]
    if isinstance(literal, str) and len(literal) <= _LONGEST_GROWTH:
        tests = []
    if len(call.operands) == 4:
        within = call.operands[3].within(0, BIG)
        if within is None:
            return None
        tests += within
    return call.either(tests, py.call(abi.STR_REPLACE, *call.codes()))


def _find(call: IntrinsicCall) -> ast.expr | None:
    """The place of a text in another, from an index on."""
    return call.either(call.operands[2].within(0, _FAR), py.call(abi.STR_FIND, *call.codes()))


def _substring(call: IntrinsicCall) -> ast.expr | None:
    """A part of a text."""
    text, start, count = (call.operands[place] for place in range(3))
    first, second = start.within(0, _FAR), count.within(0, BIG)
    if first is None or second is None:
        return None
    end = py.binary(start.code, "+", count.code)
    return call.either([*first, *second], py.item(text.code, ast.Slice(start.code, end, None)))


def _reversed(call: IntrinsicCall) -> ast.expr | None:
    """A text from its end to its start."""
    return py.item(call.operands[0].code, ast.Slice(None, None, py.const(-1)))


def _repeated(call: IntrinsicCall) -> ast.expr | None:
    """A text that is repeated a few times."""
    text, count = call.operands[0], call.operands[1]
    literal = text.literal(str)
    if isinstance(literal, str):
        tests = count.within(0, BIG // max(len(literal), 1))
    else:
        size = py.binary(py.call("len", text.code), "*", count.code)
        tests = [py.compare(count.code, ">=", py.const(0)), py.compare(size, "<=", py.const(BIG))]
    return call.either(tests, py.binary(text.code, "*", count.code))


def _padded(call: IntrinsicCall, method: str) -> ast.expr | None:
    """A text or a number that is filled up to a width, with one character."""
    value, width = call.operands[0], call.operands[1]
    tests = width.within(0, BIG)
    fill = call.operands[2].literal(str) if len(call.operands) == 3 else " "
    if tests is None or not isinstance(fill, str) or len(fill) != 1:
        return None
    text = value.code
    if not value.kind.within(STR):
        text = ast.JoinedStr([ast.FormattedValue(value.code, -1, None)])
        if not value.kind.within(INT):
            tests = [py.some(py.kind_is(value.code, "str"), py.kind_is(value.code, "int")), *tests]
    return call.either(tests, py.call(method, text, width.code, py.const(fill)))


def _formatted(call: IntrinsicCall) -> ast.expr | None:
    """A number with a fixed count of decimals: any whole one, and others where no half is near."""
    number, decimals = call.operands[0], call.operands[1].literal(int)
    if not isinstance(decimals, int) or not 0 <= decimals <= _FEW_DECIMALS:
        return None
    zeros = "." + "0" * decimals if decimals else ""
    whole = ast.JoinedStr([ast.FormattedValue(number.code, -1, None), py.const(zeros)])
    if number.kind.within(INT):
        return whole
    last = call.temporaries.fresh()
    scaled = py.bind(last, py.binary(number.code, "*", py.const(10**decimals)))
    near = py.compare(py.const(0.4999), "<", py.binary(py.name(last), "%", py.const(1.0)), "<", py.const(0.5001))
    tests: list[ast.expr] = [] if number.kind.within(FLOAT) else [py.kind_is(number.code, "float")]
    tests += [py.compare(py.const(-_EXACT), "<", scaled, "<", py.const(_EXACT)), py.negated(near)]
    again = py.name(last)
    # What is rounded to zero has no sign.
    tests.append(py.some(py.compare(again, ">=", py.const(0.0)), py.compare(again, "<", py.const(-0.5))))
    code = ast.JoinedStr([py.const(f".{decimals}f")])
    made = call.either(tests, ast.JoinedStr([ast.FormattedValue(number.code, -1, code)]))
    if number.kind.within(FLOAT) or made is None:
        return made
    return py.either(py.kind_is(number.code, "int"), whole, made)


def _as_text(call: IntrinsicCall) -> ast.expr | None:
    """A whole number in digits, or a text as it is."""
    value = call.operands[0]
    digits = ast.JoinedStr([ast.FormattedValue(value.code, -1, None)])
    if value.kind.within(INT):
        return digits
    made = call.tool()
    if value.kind.kinds & STR:
        short = py.compare(py.call("len", value.code), "<=", py.const(BIG))
        made = py.either(py.both(py.kind_is(value.code, "str"), short), value.code, made)
    if value.kind.kinds & INT:
        made = py.either(py.kind_is(value.code, "int"), digits, made)
    return made if value.kind.kinds & (STR | INT) else None


def _number(call: IntrinsicCall) -> ast.expr | None:
    """The number that a text reads as, if it consists of few digits."""
    text = call.operands[0].code
    few = py.compare(py.call("len", text), "<=", py.const(_FEW_DIGITS))
    tests = [py.call(abi.STR_IS_DIGITS, text), py.call(abi.IS_ASCII, text), few]
    return call.either(tests, py.call("int", text))


MAKERS: dict[tuple[str, int], Maker] = {
    ("str.contains", 2): _contains,
    ("str.hasprefix", 2): lambda call: _method(call, abi.STR_STARTS),
    ("str.hassuffix", 2): lambda call: _method(call, abi.STR_ENDS),
    ("str.trimprefix", 2): lambda call: _method(call, abi.STR_WITHOUT_PREFIX),
    ("str.trimsuffix", 2): lambda call: _method(call, abi.STR_WITHOUT_SUFFIX),
    ("str.toupper", 1): lambda call: _ascii_method(call, abi.STR_UPPER),
    ("str.tolower", 1): lambda call: _ascii_method(call, abi.STR_LOWER),
    ("str.trimspace", 1): lambda call: _ascii_method(call, abi.STR_STRIP, py.const(_ASCII_BLANKS)),
    ("str.split", 2): _split,
    ("str.splitwords", 1): _words,
    ("str.lines", 1): _lines,
    ("str.join", 2): _joined,
    ("str.concat", 1): _joined,
    ("str.replace", 3): _replace,
    ("str.replace", 4): _replace,
    ("str.substring", 3): _substring,
    ("str.indexof", 2): lambda call: _method(call, abi.STR_FIND),
    ("str.indexof", 3): _find,
    ("str.lastindexof", 2): lambda call: _method(call, abi.STR_FIND_LAST),
    ("str.count", 2): lambda call: _method(call, abi.STR_COUNT),
    ("str.reverse", 1): _reversed,
    ("str.repeat", 2): _repeated,
    ("str.padleft", 2): lambda call: _padded(call, abi.STR_RIGHT),
    ("str.padleft", 3): lambda call: _padded(call, abi.STR_RIGHT),
    ("str.padright", 2): lambda call: _padded(call, abi.STR_LEFT),
    ("str.padright", 3): lambda call: _padded(call, abi.STR_LEFT),
    ("str.tonumber", 1): _number,
    ("str.formatnumber", 2): _formatted,
    ("str.tostring", 1): _as_text,
}
"""How the code of a call is made, by the tool's name in lower case and the number of arguments."""
