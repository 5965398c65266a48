"""Calls of procedures, function values, built-ins and tools.

A call of a procedure that is known when the code is made is a plain Python call; one of a tool whose arguments pass as
they are is a call of the tool's function.  Everything else goes through the runtime, which binds and checks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from neuroscript.compiler.analysis.infer import (
    BOOL,
    CONTAINER,
    FLOAT,
    INT,
    LIST,
    MAP,
    NIL,
    NOTHING,
    NUM,
    OTHER,
    STR,
    Inference,
    Type,
)
from neuroscript.compiler.analysis.specialize import ENTRY_BITS, Special, value_given
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.resolve import Body
from neuroscript.runtime.operators import BUILTINS
from neuroscript.runtime.programs import Signature
from neuroscript.runtime.tool_calls import BIG, ToolLink
from neuroscript.syntax import nodes as n
from neuroscript.tools.spec import ArgType


class Linker(Protocol):
    """What the code generator asks the interpreter while it links tools."""

    def tool(self, name: str) -> ToolLink | None:
        """The tool of that name as far as the program may call it; None leaves it to the run."""


@dataclass(slots=True)
class Unit:
    """What all bodies of one load share."""

    globals: frozenset[str]
    procedures: dict[str, Signature]
    linker: Linker
    max_items: int
    max_string: int
    max_depth: int | None
    specials: dict[str, Special] = field(default_factory=dict)  # the specialised bodies, by procedure

    def appends(self, tool: str) -> bool:
        """Whether a tool is the one that appends to a list, which code does in place."""
        link = self.linker.tool(tool)
        return link is not None and link.append


# What f_KEY takes without a look by its validator: the Python type, and what inference calls it.
_EXACT: dict[ArgType, tuple[str, int]] = {
    ArgType.STRING: ("str", STR),
    ArgType.INT: ("int", INT),
    ArgType.FLOAT: ("float", FLOAT),
    ArgType.NUMBER: ("int", NUM),
    ArgType.BOOL: ("bool", BOOL),
    ArgType.BYTES: ("bytes", 0),
    ArgType.MAP: ("dict", MAP),
    ArgType.SLICE_ANY: ("list", LIST),
}
_ITEMS: dict[ArgType, str] = {
    ArgType.SLICE_STRING: "_all_str",
    ArgType.SLICE_INT: "_all_int",
    ArgType.SLICE_FLOAT: "_all_float",
    ArgType.SLICE_NUMBER: "_all_number",
    ArgType.SLICE_BOOL: "_all_bool",
    ArgType.SLICE_MAP: "_all_dict",
}
SMALL = 1 << 62  # Whole numbers inline are checked against this; beyond it a helper decides.
DIGIT = (1 << 30) - 1  # One digit of CPython's integers, which compare fastest: looked at first.
_LARGEST = sys.float_info.max
_UNSIZED = frozenset({ArgType.INT, ArgType.FLOAT, ArgType.NUMBER, ArgType.BOOL})
_CONTAINERS = frozenset({ArgType.ANY, ArgType.MAP, ArgType.SLICE_ANY, ArgType.SLICE_MAP})


def in_range(first: ast.expr, again: ast.expr) -> ast.expr:
    """Whether a whole number is so small that no helper need look at it; ``first`` is where it is mentioned first."""
    digit = py.both(py.compare(first, "<", py.const(DIGIT)), py.compare(again, ">", py.const(-DIGIT)))
    return ast.BoolOp(ast.Or(), [digit, py.compare(py.const(-SMALL), "<", again, "<", py.const(SMALL))])


class Calls:
    """The part of the expression maker that makes calls; `value` and the rest come from `Expressions`."""

    unit: Unit
    body: Body
    types: Inference
    special: Special | None  # if this is the specialised body of a procedure
    assigned: set[str]
    guarded: set[str]
    unsure: set[str]
    foreign: set[str]
    long: bool  # whether the body is so long that what is in no loop is made short rather than fast
    blocks: int  # how many loops are around the statement at hand
    scoped: bool  # whether a function `scope` gives the variables to `eval`
    holding: list[str]  # temporaries of the statement at hand that may hold a list or map
    _temporaries: int = 0

    def value(self, expression: n.Expr) -> ast.expr:
        raise AssertionError  # pragma: no cover - given by Expressions

    def type_of(self, expression: n.Expr) -> Type:
        raise AssertionError  # pragma: no cover - given by Expressions

    def operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        raise AssertionError  # pragma: no cover - given by Expressions

    def settled(self, expression: n.Expr) -> bool:
        raise AssertionError  # pragma: no cover - given by Expressions

    def temporary(self) -> str:
        """A fresh name of the statement at hand."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def passing(self) -> bool:
        """Whether the statement at hand is one of many that run through once: it is made short rather than fast."""
        return self.long and not self.blocks

    def holds(self, bound: ast.expr, kind: Type) -> None:
        """Notes a temporary that would make its list or map count as shared for as long as it lives."""
        if isinstance(bound, ast.NamedExpr) and kind.kinds & (LIST | MAP):
            self.holding.append(bound.target.id)

    def let_go(self) -> list[ast.stmt]:
        """Code that empties the temporaries noted so far; it stands where the expression has been evaluated."""
        code: list[ast.stmt] = [py.assign(temporary, py.const(None)) for temporary in self.holding]
        self.holding.clear()
        return code

    def remembered(self, call: ast.expr) -> ast.expr:
        """A completed call: what ``last`` is from now on, where the body uses it."""
        return py.bind("latest", call) if self.body.uses_last else call

    # --- procedures --------------------------------------------------------------------------------------------------

    def procedure_call(self, call: n.Call) -> ast.expr:
        name = call.name
        if name in self.body.variables:
            read: ast.expr = py.name(f"v_{name}")
            if name in self.guarded and name not in self.assigned:
                test = py.compare(read, "is not", py.name("UNSET"))
                read = py.either(test, read, py.const(None))
            return self.value_call(read, py.const(name), call.args)
        signature = self.unit.procedures.get(name)
        if signature is not None and name not in self.unit.globals and self._fits_signature(signature, call.args):
            return self.remembered(self._direct(call))
        if (name == "len" or name in BUILTINS) and name not in self.unit.globals:
            return self._builtin(name, call.args)
        return self.value_call(py.const(None), py.const(name), call.args)

    def _fits_signature(self, signature: Signature, args: list[n.Argument]) -> bool:
        names = [argument.name for argument in args if argument.name is not None]
        return signature.problem(len(args) - len(names), names) is None

    def _direct(self, call: n.Call) -> ast.expr:
        args = call.args
        names = [argument.name for argument in args if argument.name is not None]
        values = [self.value(argument.value) for argument in args]
        count = len(args) - len(names)
        named = {f"v_{key}": value for key, value in zip(names, values[count:], strict=True)}
        depth = py.binary(py.name("d"), "-", py.const(1))
        return py.call(self._version(call), depth, *values[:count], **named)

    def _version(self, call: n.Call) -> str:
        """The function that a call goes to: of the specialised body where the arguments certainly fit it."""
        special = self.unit.specials.get(call.name)
        own = self.body.procedure is not None and self.body.name == call.name
        if special is None or (own and self.special is None):
            return f"p_{call.name}"  # also from the general body to itself, so that a traceback tells the two apart
        if own and special.result is not None:  # then all its calls of itself fit
            return special.itself
        names = list(self.unit.procedures[call.name].params)
        for name, wanted in special.params.items():
            value = value_given(call, names, name)
            kind = self.type_of(value) if value is not None else NOTHING
            small = own or wanted.kinds != INT or (kind.bits is not None and kind.bits <= ENTRY_BITS)
            if not (kind.within(wanted.kinds) and small):
                return f"p_{call.name}"
        return special.itself if own else special.identifier

    def _builtin(self, name: str, args: list[n.Argument]) -> ast.expr:
        values = [self.value(argument.value) for argument in args]
        if len(args) != 1 or args[0].name is not None:
            return py.call("_bad_call", py.const(f"{name}() takes one value; it is {name}(x)"), *values)
        if name == "len" and self.type_of(args[0].value).within(LIST | MAP | STR):
            return py.call("len", *values)
        return py.call("_len" if name == "len" else f"b_{name}", *values)

    def value_call(self, callee: ast.expr, name: ast.expr, args: list[n.Argument]) -> ast.expr:
        """A call whose procedure is known only when it happens."""
        return self.remembered(py.call("_call", py.name("d"), callee, name, *self._bundle(args)))

    def _bundle(self, args: list[n.Argument]) -> Iterator[ast.expr]:
        """The arguments as a tuple, and the named ones' names as a tuple of constants."""
        yield ast.Tuple([self.value(argument.value) for argument in args], py.LOAD)
        yield py.const(tuple(argument.name for argument in args if argument.name is not None))

    # --- tools -------------------------------------------------------------------------------------------------------

    def tool_call(self, call: n.ToolCall) -> ast.expr:
        link = self.unit.linker.tool(call.name)
        if link is None:
            return self.remembered(py.call("_tool", py.name("d"), py.const(call.name), *self._bundle(call.args)))
        places = self._places(link, call.args) if link.direct else None
        if places is not None:
            return self.remembered(self._direct_tool(link, call.args, places))
        return self.remembered(py.call(f"s_{link.key}", py.name("d"), *self._bundle(call.args)))

    def _places(self, link: ToolLink, args: list[n.Argument]) -> list[int] | None:
        """The positions that the arguments are for; None if they do not fit, which the run explains."""
        if link.variadic:
            fits = len(args) >= len(link.types) and all(argument.name is None for argument in args)
            return list(range(len(args))) if fits else None
        places = [
            place if argument.name is None else link.names.index(argument.name) if argument.name in link.names else -1
            for place, argument in enumerate(args)
        ]
        given = set(places)
        filled = (place in given or default is not ... for place, default in enumerate(link.defaults))
        return places if len(given) == len(places) and given <= set(range(len(link.types))) and all(filled) else None

    def _direct_tool(self, link: ToolLink, args: list[n.Argument], places: list[int]) -> ast.expr:
        """``f(a, b) if type(a) is … else s(d, (a, b), ())``."""
        values = [argument.value for argument in args]
        operands = [self.operand(value) for value in values]
        for value, (first, _) in zip(values, operands, strict=True):
            self.holds(first, self.type_of(value))
        later = [again for _, again in operands]
        tests = [self._passes(link, *each) for each in zip(places, values, later, strict=True)]
        in_turn = places == sorted(places)
        if in_turn and not any(tests):
            plain = [first.value if isinstance(first, ast.NamedExpr) else first for first, _ in operands]
            return self._result(link, self._called(link, values, plain, places))
        doubtful = [index for index, value in enumerate(values) if not self.settled(value)]
        evaluated: list[list[ast.expr]] = []
        if len(doubtful) == 1 and tests[doubtful[0]]:
            # The only one that can fail is evaluated where it is looked at first.
            index = doubtful[0]
            _, *others = tests[index]
            tests[index] = []
            first = self._passes(link, places[index], values[index], operands[index][0])[0]
            evaluated = [[first, *others]]
        elif doubtful:
            # All arguments are evaluated, from left to right, before the first is looked at; a tuple is never empty.
            evaluated = [[ast.Tuple([operands[index][0] for index in doubtful], py.LOAD)]]
        fast = self._result(link, self._called(link, values, later, places))
        all_tests = [test for some in (*evaluated, *tests) for test in some]
        if not all_tests:
            return fast
        names = tuple(argument.name for argument in args if argument.name is not None)
        slow = py.call(f"s_{link.key}", py.name("d"), ast.Tuple(later, py.LOAD), py.const(names))
        return py.either(py.both(*all_tests), fast, slow)

    def _passes(self, link: ToolLink, place: int, argument: n.Expr, value: ast.expr) -> list[ast.expr]:
        """The tests that an argument passes as it is; none where that is certain.  The first is of ``value`` itself."""
        last = len(link.types) - 1
        wanted, kind = link.types[min(place, last)], self.type_of(argument)
        if wanted is ArgType.ANY:
            # nil stands for the default.
            replaced = kind.kinds & NIL and not link.variadic and link.defaults[place] not in (..., None)
            return [py.compare(value, "is not", py.const(None))] if replaced else []
        tests: list[ast.expr] = []
        again = py.name(value.target.id) if isinstance(value, ast.NamedExpr) else value
        if wanted in _ITEMS:
            held = py.call(_ITEMS[wanted], py.call("_map", py.name("type"), again))
            tests = [py.kind_is(value, "list"), held]
        else:
            name, kinds = _EXACT[wanted]
            if not kind.within(kinds):
                tests = [py.kind_is(value, name)]
                if wanted is ArgType.NUMBER:
                    tests = [ast.BoolOp(ast.Or(), [*tests, py.kind_is(again, "float")])]
        literal = isinstance(argument, n.Literal) and isinstance(argument.value, str) and len(argument.value) <= BIG
        if link.watched and wanted not in _UNSIZED and not literal:
            tests.append(py.compare(py.call("len", again if tests else value), "<=", py.const(BIG)))
        return tests

    def _called(self, link: ToolLink, args: list[n.Expr], values: list[ast.expr], places: list[int]) -> ast.expr:
        """``f(a, b, default)``."""
        given = {
            place: py.call("_own", value)
            if place in link.copied and self.type_of(arg).kinds & (CONTAINER | OTHER)
            else value
            for place, arg, value in zip(places, args, values, strict=True)
        }
        if link.variadic:
            last = len(link.types) - 1
            given[last] = ast.List([value for place, value in given.items() if place >= last], py.LOAD)
        filled = enumerate(link.defaults)
        return py.call(f"f_{link.key}", *(given.get(place, py.const(default)) for place, default in filled))

    def _result(self, link: ToolLink, call: ast.expr) -> ast.expr:
        if link.trusted:
            return py.call("_nested", call) if link.returns in _CONTAINERS and not link.brief else call
        temporary = self.temporary()
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
                test = py.both(py.kind_is(bound, "str"), py.call("_ascii", result))
                self.holding.append(temporary)
            case _:
                return py.call("_host", call)
        return py.either(test, result, py.call("_host", result))
