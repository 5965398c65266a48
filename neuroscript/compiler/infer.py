"""Types of locals, so that generated code can leave out the checks that cannot fail.

A type is a set of kinds, as bits, and for whole numbers a bound on their size in bits, where one is known.  The
analysis takes each variable of a body to have the union of the types of all that is assigned to it, and iterates until
nothing changes.

The bound on whole numbers is what makes ``set i = i + 1`` one machine-level addition: a variable that only ever grows
by a bounded amount per assignment (``v = v + e``, with ``v`` not in ``e``) cannot outgrow its start by more than 64
bits, since no run makes 2**64 assignments.  Sums that are known to stay below the language's 4,096 bits need no check.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from neuroscript.compiler.resolve import Body, statements, walk
from neuroscript.syntax import nodes as n
from neuroscript.values import MAX_INT_BITS

NIL, BOOL, INT, FLOAT, STR, LIST, MAP, OTHER = (1 << bit for bit in range(8))
NUM = INT | FLOAT
ANY_KINDS = 255
_GROWTH_BITS = 64
_ROUNDS = 16
_SAFE_BITS = MAX_INT_BITS - 8


@dataclass(frozen=True, slots=True)
class Type:
    """What a value may be; ``bits`` bounds the whole numbers among it, None if nothing is known of their size."""

    kinds: int
    bits: int | None = None

    def within(self, kinds: int) -> bool:
        """Whether it is certainly one of ``kinds``."""
        return self.kinds != 0 and not self.kinds & ~kinds

    def union(self, other: Type) -> Type:
        """Either of the two."""
        kinds = self.kinds | other.kinds
        if not kinds & INT:
            return Type(kinds)
        sides = [side.bits for side in (self, other) if side.kinds & INT]
        return Type(kinds, None if None in sides else max(bits for bits in sides if bits is not None))


NOTHING = Type(0)
ANY = Type(ANY_KINDS)
T_BOOL = Type(BOOL)
T_STR = Type(STR)
T_FLOAT = Type(FLOAT)
T_NUM = Type(NUM)
T_TRUTH = Type(BOOL | OTHER)
T_LENGTH = Type(INT, 62)
T_WORD = Type(INT, 64)

_PREDICATES = frozenset(
    {
        "is_string",
        "is_number",
        "is_int",
        "is_float",
        "is_bool",
        "is_list",
        "is_map",
        "is_error",
        "is_nil",
        "not_empty",
    }
)
_FUNCTIONS = frozenset({"ln", "log", "sin", "cos", "tan", "asin", "acos", "atan"})


def bounded(bits: int | None) -> Type:
    """A whole number of at most ``bits`` bits."""
    return Type(INT, bits if bits is not None and bits <= _SAFE_BITS else None)


class Inference:
    """The types of one body's variables.

    Args:
        body: the code.
        foreign: its variables that may hold what this code has not set.
        shadowing: the names that mean something other than the built-in that has such a name.
    """

    def __init__(self, body: Body, foreign: set[str], *shadowing: Container[str]) -> None:
        self.body = body
        self.foreign = foreign
        self.shadowing = shadowing
        self.types: dict[str, Type] = dict.fromkeys(body.variables, NOTHING)
        self.types.update(dict.fromkeys(foreign, ANY))
        self.types.update((name, ANY) for name in body.params if name in body.variables)
        if body.handlers:
            self.types.update(dict.fromkeys(("system_error_message", "system_error_code", "system_error"), ANY))
        self._assignments = list(self._collect())
        self._solve()

    def _collect(self) -> list[tuple[str, n.Expr | None, n.Target | None]]:
        found: list[tuple[str, n.Expr | None, n.Target | None]] = []
        blocks = [self.body.block, *(handler.body for handler in self.body.handlers)]
        for block in blocks:
            for statement in statements(block):
                match statement:
                    case n.Set(targets=[target], value=value):
                        found.append((target.name, value, target if target.path else None))
                    case n.Set(targets=targets):
                        found.extend((target.name, None, target if target.path else None) for target in targets)
                    case n.ForEach(name=name):
                        found.append((name, None, None))
                    case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                        found.append((target.name, None, target if target.path else None))
        return found

    def _solve(self) -> None:
        for round_number in range(_ROUNDS * 2):
            changed = False
            for name, value, target in self._assignments:
                old = self.types.get(name, ANY)
                new = old.union(self._assigned(name, value, target))
                if round_number >= _ROUNDS and new.bits != old.bits:
                    new = Type(new.kinds)  # still growing: nothing is known of its size
                if new != old:
                    self.types[name] = new
                    changed = True
            if not changed:
                return
        self.types = dict.fromkeys(self.types, ANY)

    def _assigned(self, name: str, value: n.Expr | None, target: n.Target | None) -> Type:
        if target is not None:
            return self._container(target)
        if value is None:
            return ANY
        growth = self._growth(name, value)
        return growth if growth is not None else self.of(value)

    def _container(self, target: n.Target) -> Type:
        """What a variable is after ``set v[i]…``: what it was, or the container that was made."""
        key = self.of(target.path[0])
        if key.within(INT):
            return Type(LIST)
        if key.within(STR):
            return Type(MAP)
        return Type(LIST | MAP)

    def _growth(self, name: str, value: n.Expr) -> Type | None:
        """The type of ``name + e`` and ``name - e``, where ``e`` is a bounded whole number without ``name``."""
        if not isinstance(value, n.Chain) or any(operator not in "+-" for operator, _, _ in value.rest):
            return None
        operands = [("+", value.first), *((operator, operand) for operator, operand, _ in value.rest)]
        own = [op for op, operand in operands if isinstance(operand, n.Name) and operand.name == name]
        if own != ["+"] or not self.types[name].within(INT):
            return None
        total: int | None = 0
        for _, operand in operands:
            if isinstance(operand, n.Name) and operand.name == name:
                continue
            kind = self.of(operand)
            if not kind.within(INT) or kind.bits is None or _mentions(operand, name):
                return None
            total = max(total or 0, kind.bits) + 1
        return bounded((total or 0) + _GROWTH_BITS)

    # --- expressions -------------------------------------------------------------------------------------------------

    def of(self, expression: n.Expr) -> Type:
        """The type of an expression's value."""
        match expression:
            case n.Literal(value=value):
                return _literal(value)
            case n.Name(name=name):
                return self.types.get(name, ANY)
            case n.ListExpr():
                return Type(LIST)
            case n.MapExpr():
                return Type(MAP)
            case n.Raw() | n.Eval():
                return T_STR
            case n.Unary(op=op, operand=operand):
                return self._unary(op, operand)
            case n.Chain(first=first, rest=rest):
                left = self.of(first)
                for operator, operand, _ in rest:
                    left = binary(operator, left, self.of(operand))
                return left
            case n.Power():
                return T_NUM
            case n.Call(name=name) if not any(name in names for names in (self.body.variables, *self.shadowing)):
                return _builtin(name)
        return ANY

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


def binary(operator: str, left: Type, right: Type) -> Type:
    """The type of ``left operator right``."""
    both_whole = left.within(INT) and right.within(INT)
    if operator in ("+", "-", "*") and not (left.kinds and right.kinds):
        return NOTHING  # a variable that has not been looked at yet
    match operator:
        case "+":
            if left.within(STR) or right.within(STR):
                return T_STR
            if left.within(NUM) and right.within(NUM):
                return _sum(left, right)
            return Type(STR | NUM)
        case "-":
            return _sum(left, right) if left.within(NUM) and right.within(NUM) else T_NUM
        case "*":
            if both_whole:
                known = left.bits is not None and right.bits is not None
                return bounded((left.bits or 0) + (right.bits or 0) if known else None)
            return T_NUM if left.within(NUM) and right.within(NUM) else Type(NUM | STR)
        case "/":
            return T_NUM
        case "%":
            return Type(INT, right.bits) if both_whole else Type(INT)
        case "&" | "|" | "^":
            return T_WORD
        case "and" | "or":
            return T_TRUTH if (left.kinds | right.kinds) & OTHER else T_BOOL
    return T_BOOL


def _sum(left: Type, right: Type) -> Type:
    if left.within(INT) and right.within(INT):
        known = left.bits is not None and right.bits is not None
        return bounded(max(left.bits or 0, right.bits or 0) + 1 if known else None)
    return T_FLOAT if left.within(FLOAT) or right.within(FLOAT) else T_NUM


def _literal(value: object) -> Type:
    match value:
        case None:
            return Type(NIL)
        case bool():
            return T_BOOL
        case int():
            return bounded(value.bit_length())
        case float():
            return T_FLOAT
    return T_STR


def _builtin(name: str) -> Type:
    if name == "len":
        return T_LENGTH
    if name in _PREDICATES:
        return T_BOOL
    return T_NUM if name in _FUNCTIONS else ANY


def _mentions(expression: n.Expr, name: str) -> bool:
    return any(isinstance(part, n.Name | n.Call) and part.name == name for part in walk(expression))
