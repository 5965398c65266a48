"""Code generation for the standard tools that Python does in a step or two, without a call of the tool.

The arguments have been found to be of the types that the tool takes, and texts and lists to be short, so that nothing
here takes long.  What is not ordinary (an empty delimiter, an index out of range, a character that is not ASCII) is
left to the tool itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from neuroscript.compiler.analysis.types import CONTAINER, FLOAT, INT, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.temporaries import Temporaries
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.runtime.programs import BIG
from neuroscript.syntax import nodes as n

LEAST_STRING = 1 << 17
"""The characters that a string must be allowed to have for this code to be made."""

LEAST_ITEMS = 1 << 13
"""The items that a list must be allowed to have."""

_ASCII_BLANKS = "\t\n\v\f\r "
_LONGEST_PART = 1000  # characters of what is looked for in a list
_FAR = 1 << 30  # characters
_FEW_DIGITS = 300
_FEW_DECIMALS = 15
_EXACT = 1e10  # below it a double is exact to a millionth
_DOUBLE_BITS = 53


@record()
class Operand:
    """An argument of a tool.

    Attributes:
        source: its expression.
        code: code that gives its value, which has been evaluated; it may stand in several places.
        kind: its type.
    """

    source: n.Expr
    code: ast.expr
    kind: Type

    def literal(self, kind: type) -> object:
        """The value, if it is a literal of that Python type; else None."""
        value = self.source.value if isinstance(self.source, n.Literal) else None
        return value if type(value) is kind else None

    def within(self, least: int, most: int) -> list[ast.expr] | None:
        """The tests that a whole number is in a range; None if it certainly is not."""
        value = self.literal(int)
        if isinstance(value, int):
            return [] if least <= value <= most else None
        if least == 0 and self.kind.natural and self.kind.within(INT):
            return [py.compare(self.code, "<=", py.const(most))]
        return [py.compare(py.const(least), "<=", self.code, "<=", py.const(most))]


def floor_of_quotient(
    context: FunctionContext, expressions: Expressions, call: n.ToolCall, floor: Callable[[ast.expr], ast.expr]
) -> ast.expr | None:
    """``tool.math.Floor(a / b)`` of whole numbers, without the double; None for other calls.

    Up to 53 bits a quotient that is rounded to a double is never carried over a whole number.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        call: a call of a standard tool.
        floor: makes code that rounds the value of code down.
    """
    match call:
        case n.ToolCall(name=name, args=[n.Argument(value=n.Chain(span=span, first=left, rest=[*more, last]))]) if (
            name.lower() == "math.floor" and not context.compact
        ):
            operator, divisor, place = last
        case _:
            return None
    kind = context.type_of(divisor)
    if operator != "/" or not context.is_pure(divisor) or not context.is_repeatable(divisor) or not kind.kinds & INT:
        return None
    value = left if not more else context.made(n.Chain(span, left, more))
    left_kind, by = context.type_of(value), expressions.value(divisor)
    if not left_kind.kinds & INT:
        return None
    first, again = expressions.operand(value)
    tests: list[ast.expr] = []
    if not left_kind.within(INT):
        tests.append(py.kind_is(first, "int"))
    if left_kind.bits is None or left_kind.bits > _DOUBLE_BITS or not left_kind.within(INT):
        most = 1 << _DOUBLE_BITS
        tests.append(py.compare(py.const(-most), "<", again if tests else first, "<", py.const(most)))
    if not tests and isinstance(first, ast.NamedExpr):
        tests.append(py.compare(first, "is not", py.const(None)))
    if not (isinstance(divisor, n.Literal) and type(divisor.value) is int and divisor.value > 0):
        tests += [] if kind.within(INT) else [py.kind_is(by, "int")]
        tests.append(py.compare(by, ">", py.const(0)))
    quotient = py.call(abi.DIV, again, by)
    py.place(quotient, place)
    whole = py.binary(again, "//", by)
    return py.either(py.both(*tests), whole, floor(quotient)) if tests else whole


class IntrinsicGenerator:
    """Generates the code of one call.

    Args:
        operands: the arguments, by place.
        temporaries: of the function.
        call: makes code that calls the tool with the same arguments.
        nested: makes code that gives a result, whose nesting is checked where that has to be.
    """

    def __init__(
        self,
        operands: Mapping[int, Operand],
        temporaries: Temporaries,
        call: Callable[[], ast.expr],
        nested: Callable[[ast.expr], ast.expr],
    ) -> None:
        self.operands = operands
        self.temporaries = temporaries
        self.call = call
        self.nested = nested

    def code(self, tool: str) -> ast.expr | None:
        """Code that gives the result; None if there is none but the call."""
        if tool == "str.format":
            return self.template()
        make = _MAKERS.get((tool, len(self.operands)))
        return make(self) if make is not None and sorted(self.operands) == list(range(len(self.operands))) else None

    def _either(self, tests: Sequence[ast.expr] | None, made: ast.expr) -> ast.expr | None:
        if tests is None:
            return None
        return py.either(py.both(*tests), made, self.call()) if tests else made

    # --- any -----------------------------------------------------------------------------------------------------

    def length(self) -> ast.expr | None:
        """``len(x)``."""
        return py.call("len", self.operands[0].code)

    def empty(self) -> ast.expr | None:
        """``not x``."""
        return py.negated(self.operands[0].code)

    # --- strings -------------------------------------------------------------------------------------------------

    def method(self, name: str) -> ast.expr | None:
        """A method of a string, on all arguments."""
        return py.call(name, *(self.operands[place].code for place in range(len(self.operands))))

    def ascii_method(self, name: str, *more: ast.expr) -> ast.expr | None:
        """A method of a string that does as the tool does for ASCII."""
        text = self.operands[0].code
        return self._either([py.call(abi.IS_ASCII, text)], py.call(name, text, *more))

    def contains(self) -> ast.expr | None:
        """``part in text``."""
        return py.compare(self.operands[1].code, "in", self.operands[0].code)

    def split(self) -> ast.expr | None:
        """A text split at what is not empty."""
        text, delimiter = self.operands[0], self.operands[1]
        tests = [] if delimiter.literal(str) else [delimiter.code]
        return self._either(tests, py.call(abi.STR_SPLIT, text.code, delimiter.code))

    def replace(self) -> ast.expr | None:
        """A text with something replaced that does not get much longer."""
        text, old, new = (self.operands[place] for place in range(3))
        literal = new.literal(str)
        tests = [py.compare(py.call("len", new.code), "<=", py.const(LEAST_STRING // BIG // 2))]
        if isinstance(literal, str) and len(literal) <= LEAST_STRING // BIG // 2:
            tests = []
        return self._either(tests, py.call(abi.STR_REPLACE, text.code, old.code, new.code))

    def substring(self) -> ast.expr | None:
        """A part of a text."""
        text, start, count = (self.operands[place] for place in range(3))
        first, second = start.within(0, _FAR), count.within(0, BIG)
        if first is None or second is None:
            return None
        end = py.binary(start.code, "+", count.code)
        return self._either([*first, *second], py.item(text.code, ast.Slice(start.code, end, None)))

    def reversed(self) -> ast.expr | None:
        """A text from its end to its start."""
        return py.item(self.operands[0].code, ast.Slice(None, None, py.const(-1)))

    def repeated(self) -> ast.expr | None:
        """A text that is repeated a few times."""
        text, count = self.operands[0], self.operands[1]
        literal = text.literal(str)
        if isinstance(literal, str):
            tests = count.within(0, BIG // max(len(literal), 1))
        else:
            size = py.binary(py.call("len", text.code), "*", count.code)
            tests = [py.compare(count.code, ">=", py.const(0)), py.compare(size, "<=", py.const(BIG))]
        return self._either(tests, py.binary(text.code, "*", count.code))

    def padded(self, method: str) -> ast.expr | None:
        """A text or a number that is filled up to a width, with one character."""
        value, width = self.operands[0], self.operands[1]
        tests = width.within(0, BIG)
        fill = self.operands[2].literal(str) if len(self.operands) == 3 else " "
        if tests is None or not isinstance(fill, str) or len(fill) != 1:
            return None
        text = value.code
        if not value.kind.within(STR):
            text = ast.JoinedStr([ast.FormattedValue(value.code, -1, None)])
            if not value.kind.within(INT):
                tests = [py.some(py.kind_is(value.code, "str"), py.kind_is(value.code, "int")), *tests]
        return self._either(tests, py.call(method, text, width.code, py.const(fill)))

    def formatted(self) -> ast.expr | None:
        """A number with a fixed count of decimals: any whole one, and others where no half is near."""
        number, decimals = self.operands[0], self.operands[1].literal(int)
        if not isinstance(decimals, int) or not 0 <= decimals <= _FEW_DECIMALS:
            return None
        zeros = "." + "0" * decimals if decimals else ""
        whole = ast.JoinedStr([ast.FormattedValue(number.code, -1, None), py.const(zeros)])
        if number.kind.within(INT):
            return whole
        last = self.temporaries.fresh()
        scaled = py.bind(last, py.binary(number.code, "*", py.const(10**decimals)))
        near = py.compare(py.const(0.4999), "<", py.binary(py.name(last), "%", py.const(1.0)), "<", py.const(0.5001))
        tests: list[ast.expr] = [] if number.kind.within(FLOAT) else [py.kind_is(number.code, "float")]
        tests += [py.compare(py.const(0.0), "<=", scaled, "<", py.const(_EXACT)), py.negated(near)]
        code = ast.JoinedStr([py.const(f".{decimals}f")])
        made = self._either(tests, ast.JoinedStr([ast.FormattedValue(number.code, -1, code)]))
        if number.kind.within(FLOAT) or made is None:
            return made
        return py.either(py.kind_is(number.code, "int"), whole, made)

    def as_text(self) -> ast.expr | None:
        """A whole number in digits, or a text as it is."""
        value = self.operands[0]
        digits = ast.JoinedStr([ast.FormattedValue(value.code, -1, None)])
        if value.kind.within(INT):
            return digits
        made = self.call()
        if value.kind.kinds & STR:
            short = py.compare(py.call("len", value.code), "<=", py.const(BIG))
            made = py.either(py.both(py.kind_is(value.code, "str"), short), value.code, made)
        if value.kind.kinds & INT:
            made = py.either(py.kind_is(value.code, "int"), digits, made)
        return made if value.kind.kinds & (STR | INT) else None

    def template(self) -> ast.expr | None:
        """A literal template with ordinary values in its places."""
        literal, *values = (self.operands[place] for place in range(len(self.operands)))
        text = literal.literal(str)
        if not isinstance(text, str):
            return None
        from neuroscript.compiler.codegen.formats import formatted  # imports the tool, which few programs use

        made = formatted(text, [(value.code, value.kind) for value in values])
        return None if made is None else self._either(*made)

    def number(self) -> ast.expr | None:
        """The number that a text reads as, if it consists of few digits."""
        text = self.operands[0].code
        few = py.compare(py.call("len", text), "<=", py.const(_FEW_DIGITS))
        tests = [py.call(abi.STR_IS_DIGITS, text), py.call(abi.IS_ASCII, text), few]
        return self._either(tests, py.call("int", text))

    # --- numbers -------------------------------------------------------------------------------------------------

    def rounded(self, function: str) -> ast.expr | None:
        """A number made whole."""
        number = self.operands[0]
        if number.kind.within(INT):
            return number.code
        return py.either(py.kind_is(number.code, "int"), number.code, py.call(function, number.code))

    def root(self) -> ast.expr | None:
        """The square root of a float."""
        number = self.operands[0]
        if not number.kind.kinds & FLOAT:
            return None
        tests: list[ast.expr] = [] if number.kind.within(FLOAT) else [py.kind_is(number.code, "float")]
        return self._either([*tests, py.compare(number.code, ">=", py.const(0.0))], py.call(abi.SQRT, number.code))

    def absolute(self) -> ast.expr | None:
        """A number without its sign."""
        number = self.operands[0].code
        return py.either(py.compare(number, "<", py.const(0)), ast.UnaryOp(ast.USub(), number), number)

    def chosen(self, operator: str) -> ast.expr | None:
        """The smaller or the larger of two numbers: the first of equal ones."""
        first, second = self.operands[0].code, self.operands[1].code
        return py.either(py.compare(second, operator, first), second, first)

    # --- lists and maps ------------------------------------------------------------------------------------------

    def item(self) -> ast.expr | None:
        """An item of a list, or a default."""
        items, index = self.operands[0].code, self.operands[1]
        otherwise = self.operands[2].code if len(self.operands) == 3 else py.const(None)
        inside = py.compare(py.const(-1), "<", index.code, "<", py.call("len", items))
        return py.either(inside, py.item(items, index.code), otherwise)

    def head(self) -> ast.expr | None:
        """The first item of a list."""
        items = self.operands[0].code
        return py.either(items, py.item(items, py.const(0)), py.const(None))

    def rest(self) -> ast.expr | None:
        """A list without its first item."""
        return self._part(self.operands[0], ast.Slice(py.const(1), None, None))

    def cut(self) -> ast.expr | None:
        """A part of a list."""
        items, start, end = (self.operands[place] for place in range(3))
        first, second = start.within(0, BIG), end.within(0, BIG)
        if first is None or second is None:
            return None
        return self._either([*first, *second], self._part(items, ast.Slice(start.code, end.code, None)))

    def copies(self) -> ast.expr | None:
        """A list of a value, a few times."""
        element, count = self.operands[0], self.operands[1]
        tests = count.within(0, BIG)
        made = py.binary(ast.List([element.code], py.LOAD), "*", count.code)
        return self._either(tests, self.nested(made) if element.kind.kinds & CONTAINER else made)

    def _part(self, items: Operand, places: ast.Slice) -> ast.expr:
        """A part of a list."""
        return self.nested(py.item(items.code, places))

    def numbers(self) -> ast.expr | None:
        """The whole numbers from one to another, if they are not many."""
        start, end = self.operands[0], self.operands[1]
        first = start.literal(int)
        count = end.code if first == 0 else py.binary(end.code, "-", start.code)
        made = ast.List([ast.Starred(py.call(abi.RANGE, start.code, end.code), py.LOAD)], py.LOAD)
        return self._either([py.compare(count, "<=", py.const(BIG))], made)

    def among(self) -> ast.expr | None:
        """``x in xs``, of a string: nothing but a string equals one."""
        items, element = self.operands[0].code, self.operands[1]
        literal = element.literal(str)
        if not element.kind.kinds & STR or (isinstance(literal, str) and len(literal) > _LONGEST_PART):
            return None
        tests = [] if element.kind.within(STR) else [py.kind_is(element.code, "str")]
        if literal is None:
            tests.append(py.compare(py.call("len", element.code), "<=", py.const(_LONGEST_PART)))
        return self._either(tests, py.compare(element.code, "in", items))

    def keys(self) -> ast.expr | None:
        """The keys of a map."""
        return ast.List([ast.Starred(self.operands[0].code, py.LOAD)], py.LOAD)

    def has(self) -> ast.expr | None:
        """``key in map``."""
        return self._with_key(py.compare(self.operands[1].code, "in", self.operands[0].code))

    def entry(self) -> ast.expr | None:
        """A value of a map, or a default."""
        return self._with_key(
            py.call(abi.DICT_GET, *(self.operands[place].code for place in range(len(self.operands))))
        )

    def _with_key(self, made: ast.expr) -> ast.expr | None:
        key = self.operands[1]
        if not key.kind.kinds & STR:
            return None
        return self._either([] if key.kind.within(STR) else [py.kind_is(key.code, "str")], made)


_Maker = Callable[[IntrinsicGenerator], "ast.expr | None"]

_MAKERS: dict[tuple[str, int], _Maker] = {
    ("str.length", 1): IntrinsicGenerator.length,
    ("str.contains", 2): IntrinsicGenerator.contains,
    ("str.hasprefix", 2): lambda call: call.method(abi.STR_STARTS),
    ("str.hassuffix", 2): lambda call: call.method(abi.STR_ENDS),
    ("str.trimprefix", 2): lambda call: call.method(abi.STR_WITHOUT_PREFIX),
    ("str.trimsuffix", 2): lambda call: call.method(abi.STR_WITHOUT_SUFFIX),
    ("str.toupper", 1): lambda call: call.ascii_method(abi.STR_UPPER),
    ("str.tolower", 1): lambda call: call.ascii_method(abi.STR_LOWER),
    ("str.trimspace", 1): lambda call: call.ascii_method(abi.STR_STRIP, py.const(_ASCII_BLANKS)),
    ("str.split", 2): IntrinsicGenerator.split,
    ("str.replace", 3): IntrinsicGenerator.replace,
    ("str.substring", 3): IntrinsicGenerator.substring,
    ("str.indexof", 2): lambda call: call.method(abi.STR_FIND),
    ("str.count", 2): lambda call: call.method(abi.STR_COUNT),
    ("str.reverse", 1): IntrinsicGenerator.reversed,
    ("str.repeat", 2): IntrinsicGenerator.repeated,
    ("str.padleft", 2): lambda call: call.padded(abi.STR_RIGHT),
    ("str.padleft", 3): lambda call: call.padded(abi.STR_RIGHT),
    ("str.padright", 2): lambda call: call.padded(abi.STR_LEFT),
    ("str.padright", 3): lambda call: call.padded(abi.STR_LEFT),
    ("str.tonumber", 1): IntrinsicGenerator.number,
    ("str.formatnumber", 2): IntrinsicGenerator.formatted,
    ("str.tostring", 1): IntrinsicGenerator.as_text,
    ("math.floor", 1): lambda call: call.rounded(abi.FLOOR),
    ("math.ceil", 1): lambda call: call.rounded(abi.CEIL),
    ("math.truncate", 1): lambda call: call.rounded(abi.TRUNCATE),
    ("math.abs", 1): IntrinsicGenerator.absolute,
    ("math.sqrt", 1): IntrinsicGenerator.root,
    ("math.min", 2): lambda call: call.chosen("<"),
    ("math.max", 2): lambda call: call.chosen(">"),
    ("list.length", 1): IntrinsicGenerator.length,
    ("list.isempty", 1): IntrinsicGenerator.empty,
    ("list.get", 2): IntrinsicGenerator.item,
    ("list.get", 3): IntrinsicGenerator.item,
    ("list.head", 1): IntrinsicGenerator.head,
    ("list.rest", 1): IntrinsicGenerator.rest,
    ("list.slice", 3): IntrinsicGenerator.cut,
    ("list.range", 2): IntrinsicGenerator.numbers,
    ("list.repeat", 2): IntrinsicGenerator.copies,
    ("list.contains", 2): IntrinsicGenerator.among,
    ("map.length", 1): IntrinsicGenerator.length,
    ("map.isempty", 1): IntrinsicGenerator.empty,
    ("map.keys", 1): IntrinsicGenerator.keys,
    ("map.has", 2): IntrinsicGenerator.has,
    ("map.get", 2): IntrinsicGenerator.entry,
    ("map.get", 3): IntrinsicGenerator.entry,
}
"""How the code of a call is made, by the tool's name in lower case and the number of arguments."""
