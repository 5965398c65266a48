"""Type inference for local variables, so that generated code can leave out the checks that cannot fail.

A type is a set of kinds, as bits, with bounds on the size of the whole numbers and with the type of the items of the
lists and maps among them.  The analysis is flow-insensitive: each variable of a body has the union of the types of all
that is assigned to it, computed by iteration to a fixed point.  Lists and maps are values, so what one holds is what
its variable's own statements put there.

The bound on whole numbers is what makes ``set i = i + 1`` one machine-level addition: a variable that only ever grows
by a bounded amount per assignment (``v = v + e``, with ``v`` not in ``e``) cannot outgrow its start by more than 64
bits, since no run makes 2**64 assignments.  Sums that are known to stay below the language's 4,096 bits need no check.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple

from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import statements, walk
from neuroscript.records import record
from neuroscript.syntax import nodes as n
from neuroscript.tools.spec import ArgType
from neuroscript.values import MAX_INT_BITS

NIL, BOOL, INT, FLOAT, STR, LIST, MAP, OTHER = (1 << bit for bit in range(8))
NUM = INT | FLOAT
CONTAINER = LIST | MAP
ANY_KINDS = 255
_GROWTH_BITS = 64
_ROUNDS = 16
_SAFE_BITS = MAX_INT_BITS - 8
_ITEM_DEPTH = 3  # how deep it is known what lists and maps hold
_ITEMS = 64  # of a literal that are looked at


class Type(NamedTuple):
    """The type of a value: a set of kinds, with bounds.

    Attributes:
        kinds: the kinds that the value may be of, as bits.
        bits: the most bits that it has if it is a whole number; None without a bound.
        natural: whether it is 0 or more if it is a whole number.
        item: the type of its items if it is a list or map; None if that is not known.
    """

    kinds: int
    bits: int | None = None
    natural: bool = False
    item: Type | None = None

    def within(self, kinds: int) -> bool:
        """Whether every value of this type is one of ``kinds``."""
        return self.kinds != 0 and not self.kinds & ~kinds

    def restricted_to(self, kinds: int) -> Type:
        """The type of those values that are one of ``kinds``."""
        return self if not self.kinds & ~kinds else Type(self.kinds & kinds, self.bits, self.natural, self.item)

    def union(self, other: Type) -> Type:
        """The type of the values of either type."""
        if self is other or not other.kinds or self == other:
            return self
        if not self.kinds:
            return other
        kinds = self.kinds | other.kinds
        bits, natural, item = self.bits, self.natural, self.item
        if not self.kinds & INT:
            bits, natural = other.bits, other.natural
        elif other.kinds & INT:
            bits = max(bits, other.bits) if bits is not None and other.bits is not None else None
            natural = natural and other.natural
        if not self.kinds & CONTAINER:
            item = other.item
        elif other.kinds & CONTAINER:
            item = item.union(other.item) if item is not None and other.item is not None else None
        return Type(kinds, bits, natural, item)

    def widened(self) -> Type:
        """The type without the bounds that a loop could go on raising, so that iteration ends."""
        return Type(self.kinds, None, self.natural, self.item.widened() if self.item is not None else None)


NOTHING = Type(0)
ANY = Type(ANY_KINDS)
T_NIL = Type(NIL)
T_BOOL = Type(BOOL)
T_STR = Type(STR)
T_FLOAT = Type(FLOAT)
T_NUM = Type(NUM)
T_TRUTH = Type(BOOL | OTHER)
T_LENGTH = Type(INT, 62, natural=True)
T_WORD = Type(INT, 64)

_RESULTS: dict[ArgType | None, Type] = {
    ArgType.NIL: Type(NIL),
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

_FUNCTIONS = frozenset({"ln", "log", "sin", "cos", "tan", "asin", "acos", "atan"})


def bounded(bits: int | None, natural: bool = False) -> Type:
    """The type of the whole numbers of at most ``bits`` bits."""
    return Type(INT, bits if bits is not None and bits <= _SAFE_BITS else None, natural)


def container(kinds: int, item: Type | None) -> Type:
    """The type of the lists or maps that hold items of a type."""
    inner, depth = item, 0
    while inner is not None:
        inner, depth = inner.item, depth + 1
    return Type(kinds, item=item if depth <= _ITEM_DEPTH else None)


@record(frozen=True)
class Assignment:
    """One statement's effect on a variable's type.

    Attributes:
        name: the variable.
        value: what is assigned to it; None for a value of any type.
        path: the keys, where the value is stored in the variable's list or map.
        each: whether it is the items of ``value`` that are assigned, one after the other.
        keys: whether it is the indexes or keys of ``value`` that are assigned.
        increments: what is added to the variable itself, with ``+`` or ``-``; None for any other assignment.
    """

    name: str
    value: n.Expr | None
    path: list[n.Expr]
    each: bool = False
    increments: list[tuple[str, n.Expr]] | None = None
    keys: bool = False


class Inference:
    """Infers the types of one body's variables, and of its expressions.

    Args:
        body: the code.
        foreign: its variables that may hold what other code has set.
        procedures: the names of procedures, which hide built-in functions of the same names.
        globals: the names of the host's values, which hide them too.
        params: the types of parameters, as far as they are known.
        calls: the types of procedures' results, as far as they are known.
        tools: gives the declared type of a tool's results where they certainly are of it, else None.
    """

    def __init__(
        self,
        body: Body,
        foreign: AbstractSet[str],
        procedures: Container[str] = (),
        globals: Container[str] = (),
        params: Mapping[str, Type] = MappingProxyType({}),
        calls: Mapping[str, Type] = MappingProxyType({}),
        tools: Callable[[str], ArgType | None] = lambda tool: None,
    ) -> None:
        self.body = body
        self.foreign = foreign
        self.shadowing = procedures, globals
        self.calls = calls
        self.tools = tools
        self.types: dict[str, Type] = dict.fromkeys(body.variables, NOTHING)
        self.types.update(dict.fromkeys(foreign, ANY))
        self.types.update((name, params.get(name, ANY)) for name in body.params if name in body.variables)
        if body.handlers:
            self.types.update(dict.fromkeys(("system_error_message", "system_error_code", "system_error"), ANY))
        self._starts = self.types.copy()  # without what a variable grows by itself
        self._assignments = list(self._collect())
        self._solve()

    def _collect(self) -> Iterator[Assignment]:
        for block in (self.body.block, *(handler.body for handler in self.body.handlers)):
            for statement in statements(block):
                match statement:
                    case n.Set(targets=[target], value=value):
                        increments = _increments(target.name, value) if not target.path else None
                        yield Assignment(target.name, value, target.path, increments=increments)
                    case n.Set(targets=targets):
                        yield from (Assignment(target.name, None, target.path) for target in targets)
                    case n.ForEach(name=name, collection=collection, key=key):
                        yield Assignment(name, collection, [], each=True)
                        if key is not None:
                            yield Assignment(key, collection, [], keys=True)
                    case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                        yield Assignment(target.name, None, target.path)

    def _solve(self) -> None:
        for round_number in range(_ROUNDS * 2):
            changed = False
            for assignment in self._assignments:
                old = self.types.get(assignment.name, ANY)
                new = old.union(self._assigned(assignment))
                if new == old:
                    continue
                self.types[assignment.name] = new.widened() if round_number >= _ROUNDS else new
                changed = True
            if not changed:
                return
        self.types = dict.fromkeys(self.types, ANY)

    def _assigned(self, assignment: Assignment) -> Type:
        value, path = assignment.value, assignment.path
        if path:
            return self._stored(path, self.of(value) if value is not None else ANY)
        if value is None:
            return ANY
        if assignment.increments is not None:
            total = self._accumulated(assignment.name, assignment.increments)
            if total is not None:
                return total
        start = self.of(value)
        if assignment.each:
            start = _each(start)
        elif assignment.keys:
            start = _key(start)
        self._starts[assignment.name] = self._starts.get(assignment.name, ANY).union(start)
        return start

    def _stored(self, path: list[n.Expr], value: Type) -> Type:
        """The list or map that a variable is after ``set v[i]… = value``, as far as that statement made it."""
        for key in reversed(path):
            kind = self.of(key)
            if kind.within(STR):
                value = container(MAP, value)
            elif kind.within(INT):
                value = container(LIST, value.union(T_NIL))  # what is skipped is nil
            else:
                value = container(LIST | MAP, value.union(T_NIL))
        return value

    def _accumulated(self, name: str, added: list[tuple[str, n.Expr]]) -> Type | None:
        """The type of a variable to which whole numbers are added as often as a run can; None if they are unbounded."""
        own = self.types.get(name, ANY)  # a name that the host has set is no variable
        if not own.within(INT):
            return None
        total, natural = 0, own.natural
        for operator, operand in added:
            kind = self.of(operand)
            if kind.kinds & STR:
                return None
            kind = kind.restricted_to(NUM)
            if not kind.within(INT) or kind.bits is None:
                return None
            total = max(total, kind.bits) + 1
            natural = natural and operator == "+" and kind.natural
        start = self._starts[name].bits
        return bounded(max(total + _GROWTH_BITS, start) + 1 if start is not None else None, natural)

    # --- expressions -------------------------------------------------------------------------------------------------

    def of(self, expression: n.Expr) -> Type:
        """The type of an expression's value."""
        match expression:
            case n.Literal(value=value):
                return _literal(value)
            case n.Name(name=name):
                return self.types.get(name, ANY)
            case n.ListExpr(items=items):
                return container(LIST, self._any_of(items))
            case n.MapExpr(entries=entries):
                return container(MAP, self._any_of([value for _, value in entries[: _ITEMS + 1]]))
            case n.Raw() | n.Eval():
                return T_STR
            case n.Unary(op=op, operand=operand):
                return self._unary(op, operand)
            case n.Chain(first=first, rest=rest):
                left = self.of(first)
                for operator, operand, _ in rest:
                    left = binary(operator, left, self.of(operand))
                return left
            case n.Power(base=base, exponent=exponent):
                return self._power(self.of(base), exponent)
            case n.Index(value=value):
                return _item(self.of(value))
            case n.Call(name=name):
                return self._call(name)
            case n.ToolCall(name=name):
                return _RESULTS.get(self.tools(name), ANY)
        return ANY

    def _any_of(self, items: list[n.Expr]) -> Type | None:
        """The type of the items of a literal."""
        if len(items) > _ITEMS:
            return None
        return functools.reduce(Type.union, map(self.of, items), NOTHING)

    def _call(self, name: str) -> Type:
        if name in self.body.variables:
            return ANY
        if name in self.calls:
            return self.calls[name]
        return ANY if any(name in names for names in self.shadowing) else _builtin(name)

    def _unary(self, op: str, operand: n.Expr) -> Type:
        match op:
            case "typeof":
                return T_STR
            case "no" | "some":
                return T_BOOL
            case "not":
                return T_TRUTH if self.of(operand).kinds & OTHER else T_BOOL
            case "~":
                return T_WORD
        kind = self.of(operand)
        return Type(kind.kinds, kind.bits) if kind.within(NUM) else T_NUM

    def _power(self, base: Type, exponent: n.Expr) -> Type:
        if base.within(FLOAT):
            return T_FLOAT
        power = exponent.value if isinstance(exponent, n.Literal) else None
        if type(power) is int and base.within(INT):
            return bounded(base.bits * power + 1 if base.bits is not None else None, base.natural)
        return T_NUM


def binary(operator: str, left: Type, right: Type) -> Type:
    """The type of ``left operator right``, if the operation does not fail."""
    if operator in ("+", "-", "*") and not (left.kinds and right.kinds):
        return NOTHING  # a variable that has not been looked at yet
    match operator:
        case "+":
            if left.within(STR) or right.within(STR):
                return T_STR
            joined = NOTHING
            if left.kinds & right.kinds & LIST:
                joined = left.restricted_to(LIST).union(right.restricted_to(LIST))
            if left.within(LIST) and right.within(LIST):
                return joined
            if not (left.kinds | right.kinds) & STR:
                return joined.union(_sum(operator, left.restricted_to(NUM), right.restricted_to(NUM)))
            return joined.union(Type(STR | NUM))
        case "-":
            if (left.kinds | right.kinds) & STR:
                return T_NUM
            return _sum(operator, left.restricted_to(NUM), right.restricted_to(NUM))
        case "*":
            if (left.kinds | right.kinds) & STR:
                return Type(NUM | STR)
            return _product(left.restricted_to(NUM), right.restricted_to(NUM))
        case "/":
            return _quotient(left, right)
        case "%":
            whole = right.within(INT | NIL | BOOL | CONTAINER)
            return Type(INT, right.bits if whole else None, left.natural and not left.kinds & (STR | FLOAT | OTHER))
        case "&" | "|" | "^":
            return T_WORD
        case "and" | "or":
            return T_TRUTH if (left.kinds | right.kinds) & OTHER else T_BOOL
    return T_BOOL


def _sum(operator: str, left: Type, right: Type) -> Type:
    bits = max(left.bits, right.bits) + 1 if left.bits is not None and right.bits is not None else None
    return _of_numbers(left, right, bits, operator == "+" and left.natural and right.natural)


def _product(left: Type, right: Type) -> Type:
    bits = left.bits + right.bits if left.bits is not None and right.bits is not None else None
    return _of_numbers(left, right, bits, left.natural and right.natural)


def _of_numbers(left: Type, right: Type, bits: int | None, natural: bool) -> Type:
    """The type of a result of ``+ - *``, of which a whole number has at most ``bits`` bits."""
    if left.within(INT) and right.within(INT):
        return bounded(bits, natural)
    if left.within(FLOAT) or right.within(FLOAT):
        return T_FLOAT
    whole = bounded(bits, natural)
    return Type(NUM, whole.bits, whole.natural)


def _quotient(left: Type, right: Type) -> Type:
    if left.within(FLOAT) or right.within(FLOAT):
        return T_FLOAT
    return Type(NUM, left.bits) if left.within(INT) and right.within(INT) else T_NUM


def _item(collection: Type) -> Type:
    """The type of ``collection[key]``, if the operation does not fail."""
    if collection.kinds & OTHER or (collection.kinds & CONTAINER and collection.item is None):
        return ANY
    found = collection.item.union(T_NIL) if collection.kinds & MAP and collection.item else collection.item or NOTHING
    return found.union(T_STR) if collection.kinds & STR else found


def _each(collection: Type) -> Type:
    """The type of the items that ``for each`` takes from a collection."""
    found = NOTHING
    if collection.kinds & CONTAINER:
        if collection.item is None:
            return ANY
        found = collection.item
    return found.union(T_STR) if collection.kinds & STR else found


def _key(collection: Type) -> Type:
    """The type of the indexes or keys that ``for each`` takes from a collection."""
    found = T_LENGTH if collection.kinds & (LIST | STR) else NOTHING
    return found.union(T_STR) if collection.kinds & MAP else found


def _literal(value: object) -> Type:
    match value:
        case None:
            return Type(NIL)
        case bool():
            return T_BOOL
        case int():
            return bounded(value.bit_length(), value >= 0)
        case float():
            return T_FLOAT
    return T_STR


def _builtin(name: str) -> Type:
    """The type of a built-in function's result; any other name may be a procedure's when the call is made."""
    if name == "len":
        return T_LENGTH
    return T_NUM if name in _FUNCTIONS else ANY


def _increments(name: str, value: n.Expr) -> list[tuple[str, n.Expr]] | None:
    """The operands that ``set name = name + e - f …`` adds to the variable; None for a value of any other form."""
    if not isinstance(value, n.Chain) or any(operator not in "+-" for operator, _, _ in value.rest):
        return None
    operands = [("+", value.first), *((operator, operand) for operator, operand, _ in value.rest)]
    own = [(op, operand) for op, operand in operands if isinstance(operand, n.Name) and operand.name == name]
    added = [pair for pair in operands if pair not in own]
    if [op for op, _ in own] != ["+"] or any(_mentions(operand, name) for _, operand in added):
        return None
    return added


def _mentions(expression: n.Expr, name: str) -> bool:
    return any(isinstance(part, n.Name | n.Call) and part.name == name for part in walk(expression))
