"""Code generation for tool calls.

Arguments that have the right types are passed to the tool's own function; types that inference leaves open are tested
inline, and where a test fails the runtime validates and converts the arguments.
"""

from __future__ import annotations

import ast
import sys

from neuroscript.compiler.analysis.types import (
    BOOL,
    CONTAINER,
    FLOAT,
    FUNCTION,
    INT,
    LIST,
    MAP,
    NIL,
    NUM,
    OTHER,
    STR,
    Type,
)
from neuroscript.compiler.callbacks import CALLEE, is_callback
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.calls import packed_arguments
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import in_range, once
from neuroscript.compiler.codegen.intrinsic_call import LEAST_ITEMS, LEAST_STRING, IntrinsicCall, Operand
from neuroscript.compiler.codegen.intrinsic_numbers import floor_of_quotient
from neuroscript.compiler.codegen.intrinsics import intrinsic
from neuroscript.compiler.traversal import walk
from neuroscript.runtime import abi
from neuroscript.runtime.programs import BIG, ToolLink
from neuroscript.syntax import nodes as n
from neuroscript.tools.spec import ArgType

# The types that a tool's own function takes without validation, in Python and in inference.
_EXACT: dict[ArgType, tuple[str, int]] = {
    ArgType.STRING: ("str", STR),
    ArgType.INT: ("int", INT),
    ArgType.FLOAT: ("float", FLOAT),
    ArgType.NUMBER: ("int", NUM),
    ArgType.BOOL: ("bool", BOOL),
    ArgType.BYTES: ("bytes", 0),
    ArgType.TIMEDATE: (abi.TIME_KIND, 0),
    ArgType.MAP: ("dict", MAP),
    ArgType.SLICE_ANY: ("list", LIST),
}
_ITEMS: dict[ArgType, str] = {
    ArgType.SLICE_STRING: abi.ALL_STR,
    ArgType.SLICE_INT: abi.ALL_INT,
    ArgType.SLICE_FLOAT: abi.ALL_FLOAT,
    ArgType.SLICE_NUMBER: abi.ALL_NUMBER,
    ArgType.SLICE_BOOL: abi.ALL_BOOL,
    ArgType.SLICE_MAP: abi.ALL_DICT,
}
_MORE = {ArgType.NUMBER: ("float",)}
_LARGEST = sys.float_info.max
_WHOLE = 1 << 53  # up to which doubles hold every whole number
_FUNCTIONS = frozenset({ArgType.FUNCTION, ArgType.FUNCTION_OR_KEY})
_UNSIZED = frozenset({ArgType.INT, ArgType.FLOAT, ArgType.NUMBER, ArgType.BOOL, ArgType.TIMEDATE})


class ToolCallGenerator:
    """Generates code for tool calls."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries

    def call(self, call: n.ToolCall) -> ast.expr:
        """``tool.group.Name(…)``."""
        link = self.context.unit.linker.tool(call.name)
        depth = py.name(abi.DEPTH)
        made: ast.expr
        if link is None:
            made = py.call(abi.CALL_TOOL, depth, py.const(call.name), *packed_arguments(self.expressions, call.args))
        elif link.standard and not self.context.unit.watches and (short := self._floor(link, call)) is not None:
            made = short
        elif link.direct and (places := places_of(link, call.args)) is not None:
            made = self._direct(link, call, places)
        else:
            made = py.call(abi.TOOL + link.key, depth, *packed_arguments(self.expressions, call.args))
        return self.context.as_last(made)

    def value(self, name: str) -> ast.expr:
        """``tool.group.Name``, the tool as a value."""
        link = self.context.unit.linker.tool(name)
        return py.call(abi.TOOL_VALUE, py.const(name)) if link is None else py.name(abi.TOOL_CONSTANT + link.key)

    def _direct(self, link: ToolLink, call: n.ToolCall, places: list[int]) -> ast.expr:
        """``f(a, b) if type(a) is … else s(d, (a, b), ())``."""
        args = call.args
        values = [argument.value for argument in args]
        operands = [self.expressions.operand(value) for value in values]
        if self.context.analysis.internal and is_callback(call):
            kind = self.context.types.callback(call)
            if kind.procedures:  # the code for what is passed here
                fitting = py.call(abi.FITTING, operands[CALLEE][1])
                operands[CALLEE] = fitting, fitting
        for value, (first, _) in zip(values, operands, strict=True):
            self.temporaries.hold(first, self.context.type_of(value))
        later = [again for _, again in operands]
        tests = [self.passes(link, *each) for each in zip(places, values, later, strict=True)]
        in_turn = places == sorted(places)
        # A tool with effects is looked up once its arguments are there: what they call may take long, and a run that is
        # cancelled meanwhile finds another function in its place.
        at_once = link.trusted or not any(_calls(value) for value in values)
        kind = self.context.type_of(call)
        known = self._intrinsic(link, call, later, places)
        if known is None and in_turn and at_once and not any(tests):
            return self._result(link, self._called(link, values, [once(first) for first, _ in operands], places), kind)
        names = tuple(argument.name for argument in args if argument.name is not None)
        if self.context.runs_once and at_once and any(tests):
            given = py.items([once(first) for first, _ in operands])
            return py.call(abi.TOOL + link.key, py.name(abi.DEPTH), given, py.const(names))
        # One that takes a temporary, such as a long literal, must be evaluated even if it cannot fail.
        doubtful = [
            index
            for index, value in enumerate(values)
            if not self.context.is_pure(value) or isinstance(operands[index][0], ast.NamedExpr)
        ]
        evaluated: list[list[ast.expr]] = []
        if len(doubtful) == 1 and tests[doubtful[0]]:
            # The only one that can fail is evaluated where it is looked at first.
            index = doubtful[0]
            _, *others = tests[index]
            tests[index] = []
            first = self.passes(link, places[index], values[index], operands[index][0])[0]
            evaluated = [[first, *others]]
        elif doubtful:
            # All arguments are evaluated, from left to right, before the first is looked at; a tuple is never empty.
            evaluated = [[py.items([operands[index][0] for index in doubtful])]]
        fast = known or self._result(link, self._called(link, values, later, places), kind)
        if doubtful and not any(tests) and isinstance(evaluated[0][0], ast.Tuple):
            return py.item(py.items([*evaluated[0][0].elts, fast]), py.const(-1))
        all_tests = [test for some in (*evaluated, *tests) for test in some]
        if not all_tests:
            return fast
        slow = py.call(abi.TOOL + link.key, py.name(abi.DEPTH), py.items(later), py.const(names))
        return py.either(py.both(*all_tests), fast, slow)

    def _floor(self, link: ToolLink, call: n.ToolCall) -> ast.expr | None:
        """``tool.math.Floor(a / b)``, as whole numbers are divided here; None for other calls."""

        def floor(quotient: ast.expr) -> ast.expr:
            return py.call(abi.TOOL_FUNCTION + link.key, quotient)

        return floor_of_quotient(self.context, self.expressions, call, floor)

    def _intrinsic(
        self, link: ToolLink, tool_call: n.ToolCall, later: list[ast.expr], places: list[int]
    ) -> ast.expr | None:
        """Code that does what a standard tool does, for arguments of its types; None if there is none."""
        unit = self.context.unit
        if not link.standard or unit.max_string < LEAST_STRING or unit.max_items < LEAST_ITEMS or self.context.compact:
            return None
        values = [argument.value for argument in tool_call.args]
        types = [link.types[min(place, len(link.types) - 1)] for place in places]
        if not all(map(self._may_fit, types, values)):
            return None  # and Python would warn of what the code does with the literals
        operands = {
            place: Operand(value, code, self.context.type_of(value))
            for place, value, code in zip(places, values, later, strict=True)
        }

        kind = self.context.type_of(tool_call)

        def call() -> ast.expr:
            return self._result(link, self._called(link, values, later, places), kind)

        def checked(result: ast.expr) -> ast.expr:
            return self._nested(result, kind) if link.nests else result

        return intrinsic(tool_call.name.lower(), IntrinsicCall(operands, self.temporaries, call, checked))

    def _may_fit(self, wanted: ArgType, value: n.Expr) -> bool:
        """Whether an argument may be of the type that a tool takes."""
        return wanted not in _EXACT or bool(self.context.type_of(value).kinds & _EXACT[wanted][1])

    def passes(self, link: ToolLink, place: int, argument: n.Expr, value: ast.expr) -> list[ast.expr]:
        """The tests that an argument has the right type; none where that is certain.

        The first of them is of ``value`` itself, the others are of the value again.
        """
        last = len(link.types) - 1
        wanted, kind = link.types[min(place, last)], self.context.type_of(argument)
        if link.options and link.options[min(place, last)]:
            return self._passes_one(link.options[min(place, last)], kind, value)
        if wanted is ArgType.ANY:
            # nil stands for the default.
            replaced = kind.kinds & NIL and not link.variadic and link.defaults[place] not in (..., None)
            return [py.compare(value, "is not", py.const(None))] if replaced else []
        if wanted in _FUNCTIONS:
            return self._passes_function(wanted, argument, value)
        tests: list[ast.expr] = []
        again = py.name(value.target.id) if isinstance(value, ast.NamedExpr) else value
        if wanted in _ITEMS:
            held = py.call(_ITEMS[wanted], py.call(abi.MAP, py.name("type"), again))
            tests = [py.kind_is(value, "list"), held]
        else:
            name, kinds = _EXACT[wanted]
            if wanted is ArgType.FLOAT and kind.kinds & INT:
                tests = self._passes_number(argument, kind, value, again)
            elif not kind.within(kinds):
                tests = [py.kind_is(value, name)]
                if wanted is ArgType.NUMBER:
                    tests = [py.some(*tests, py.kind_is(again, "float"))]
        literal = isinstance(argument, n.Literal) and isinstance(argument.value, str) and len(argument.value) <= BIG
        if link.watched and wanted not in _UNSIZED and not literal:
            tests.append(py.compare(py.call("len", again if tests else value), "<=", py.const(BIG)))
        return tests

    def _passes_number(self, argument: n.Expr, kind: Type, value: ast.expr, again: ast.expr) -> list[ast.expr]:
        """The test that an argument is a double, or a whole number that equals one; none where that is certain."""
        if isinstance(argument, n.Literal) and type(argument.value) is int and argument.value <= _WHOLE:
            return []
        whole = py.both(
            py.kind_is(again if kind.kinds & FLOAT else value, "int"),
            py.compare(py.const(-_WHOLE), "<=", again, "<=", py.const(_WHOLE)),
        )
        return [py.some(py.kind_is(value, "float"), whole) if kind.kinds & FLOAT else whole]

    def _passes_function(self, wanted: ArgType, argument: n.Expr, value: ast.expr) -> list[ast.expr]:
        """The test that an argument is a function, or short names of keys in the source; none where that is certain."""
        if isinstance(argument, n.ToolName) or (wanted is ArgType.FUNCTION_OR_KEY and _names_keys(argument)):
            return []
        if self.context.type_of(argument).within(FUNCTION):
            return []
        again = py.name(value.target.id) if isinstance(value, ast.NamedExpr) else value
        return [py.some(py.kind_is(value, abi.FUNCTION), py.kind_is(again, abi.TOOL_KIND))]

    def _passes_one(self, options: tuple[ArgType, ...], kind: Type, value: ast.expr) -> list[ast.expr]:
        """The test that an argument has one of several types; none where that is certain."""
        names, kinds = [], 0
        for option in options:
            names += [_EXACT[option][0], *_MORE.get(option, ())]
            kinds |= _EXACT[option][1]
        if kind.within(kinds):
            return []
        again = py.name(value.target.id) if isinstance(value, ast.NamedExpr) else value
        return [py.some(*(py.kind_is(again if place else value, name) for place, name in enumerate(names)))]

    def _called(self, link: ToolLink, args: list[n.Expr], values: list[ast.expr], places: list[int]) -> ast.expr:
        """``f(a, b, default)``."""
        given = {
            place: py.call(abi.TO_HOST, value)
            if place in link.copied and self.context.type_of(arg).kinds & (CONTAINER | FUNCTION | OTHER)
            else value
            for place, arg, value in zip(places, args, values, strict=True)
        }
        for place, arg in zip(places, args, strict=True):
            if link.types[min(place, len(link.types) - 1)] is ArgType.FLOAT and self.context.type_of(arg).kinds & INT:
                given[place] = py.binary(given[place], "*", py.const(1.0))
        if link.variadic:
            last = len(link.types) - 1
            given[last] = ast.List([value for place, value in given.items() if place >= last], py.LOAD)
        filled = [given.get(place, py.const(value)) for place, value in enumerate(link.defaults)]
        if link.calls and any(
            link.types[min(place, len(link.types) - 1)] is ArgType.FUNCTION_OR_KEY and _names_keys(arg)
            for place, arg in zip(places, args, strict=True)
        ):
            return py.call(abi.TOOL_READER + link.key, py.name(abi.CONTEXT), *filled)
        first = [py.name(abi.DEPTH)] if link.emits or link.calls else [py.name(abi.CONTEXT)] if link.context else []
        return py.call(abi.TOOL_FUNCTION + link.key, *first, *filled)

    def _nested(self, made: ast.expr, kind: Type) -> ast.expr:
        """Code that gives a list or map that a tool has made; how deeply it is nested is checked unless that is known.

        Args:
            made: its code.
            kind: its type.
        """
        unit = self.context.unit
        is_flat = unit.max_nesting > 1 and not kind.may_hold_others()
        if is_flat or kind.levels(unit.levels) <= unit.levels:
            return made
        if self.context.compact or unit.max_nesting < 2 or not (kind.within(LIST) or kind.within(MAP)):
            return py.call(abi.NESTED, made)
        temporary = self.temporaries.fresh()
        self.temporaries.hold_name(temporary)
        bound, again = py.bind(temporary, made), py.name(temporary)
        if kind.within(MAP):
            return py.either(py.call(abi.MAY_BE_DEEP, bound), py.call(abi.NESTED, again), again)
        first, last = (
            py.compare(py.call("type", py.item(again, py.const(place))), "in", py.name(abi.DEEP_KINDS))
            for place in (0, -1)
        )
        return py.either(py.both(bound, py.some(first, last)), py.call(abi.NESTED, again), again)

    def _result(self, link: ToolLink, call: ast.expr, kind: Type) -> ast.expr:
        """A call of a tool's own function, with its result converted to a value of the language unless it is one."""
        if link.trusted:
            return self._nested(call, kind) if link.nests else call
        temporary = self.temporaries.fresh()
        bound, result = py.bind(temporary, call), py.name(temporary)
        match link.returns:
            case ArgType.INT | ArgType.NUMBER:
                test: ast.expr = py.both(py.kind_is(bound, "int"), in_range(result, result))
            case ArgType.FLOAT:
                finite = py.compare(py.const(-_LARGEST), "<=", result, "<=", py.const(_LARGEST))
                test = py.both(py.kind_is(bound, "float"), finite)
            case ArgType.BOOL:
                test = py.kind_is(bound, "bool")
            case ArgType.NIL:
                test = py.compare(bound, "is", py.const(None))
            case ArgType.STRING:
                test = py.both(py.kind_is(bound, "str"), py.call(abi.IS_ASCII, result))
                self.temporaries.hold_name(temporary)
            case _:
                return py.call(abi.FROM_HOST, call)
        if link.checked:
            return py.either(test, result, py.call(abi.CHECKED_RESULT, py.const(str(link.returns)), result))
        return py.either(test, result, py.call(abi.FROM_HOST, result))


def _names_keys(argument: n.Expr) -> bool:
    """Whether an argument is a literal name of a key, or a list of them, and short."""
    keys = argument.items if isinstance(argument, n.ListExpr) else [argument]
    short = (isinstance(key, n.Literal) and type(key.value) is str and len(key.value) <= BIG for key in keys)
    return all(short) and len(keys) <= BIG


def _calls(expression: n.Expr) -> bool:
    """Whether evaluating an expression calls a procedure or a tool."""
    return any(isinstance(part, n.Call | n.CallValue | n.ToolCall) for part in walk(expression))


def places_of(link: ToolLink, args: list[n.Argument]) -> list[int] | None:
    """The positions of the parameters that arguments are for; None if they do not fit, which the runtime explains."""
    if link.variadic:
        fits = all(argument.name is None for argument in args) and ... not in link.defaults[len(args) :]
        return list(range(len(args))) if fits else None
    places = [
        place if argument.name is None else link.names.index(argument.name) if argument.name in link.names else -1
        for place, argument in enumerate(args)
    ]
    given = set(places)
    filled = (place in given or default is not ... for place, default in enumerate(link.defaults))
    return places if len(given) == len(places) and given <= set(range(len(link.types))) and all(filled) else None
