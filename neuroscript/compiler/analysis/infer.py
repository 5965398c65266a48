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
from collections.abc import Callable, Container, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

from neuroscript.compiler.analysis.effects import Assignment, Effects
from neuroscript.compiler.analysis.not_nil import Path
from neuroscript.compiler.analysis.small import Bound
from neuroscript.compiler.analysis.system_names import system_types
from neuroscript.compiler.analysis.tool_results import mapped, popped, result_of
from neuroscript.compiler.analysis.types import (
    ANY,
    CONTAINER,
    FLOAT,
    FUNCTION,
    INT,
    LIST,
    LITERALS,
    MAP,
    NIL,
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
    T_TRUTH,
    Shape,
    Shapes,
    Type,
    binary,
    bounded,
    complement,
    container,
    each_of,
    function,
    item_at,
    item_of,
    literal,
    plain,
    shaped,
)
from neuroscript.compiler.analysis.types import key_of as key_type
from neuroscript.compiler.analysis.unset import Unset
from neuroscript.compiler.callbacks import CALLEE, FOLD, INITIAL, ITEMS, further, is_attempt, is_callback
from neuroscript.compiler.resolve import LAST, Body
from neuroscript.compiler.traversal import form_of, key_of
from neuroscript.syntax import nodes as n
from neuroscript.tools.spec import ArgType
from neuroscript.values import TYPE_CONSTANTS, read_number

_GROWTH_BITS = 64
_FEW_BITS = 8
_ROUNDS = 16
_ITEMS = 64  # of a literal that are looked at
_LONGEST_SHAPE = 8  # items of a list that is looked at one by one
_MOST_KEYS = 32  # of a map that is

_ROUNDING = frozenset({"math.floor", "math.ceil", "math.truncate"})

_ALL_SET = Unset()
_T_FUNCTION = Type(OTHER)
_FUNCTIONS = frozenset({"ln", "log", "sin", "cos", "tan", "asin", "acos", "atan"})


class Inference:
    """Infers the types of one body's variables, and of its expressions.

    Args:
        body: the code.
        foreign: its variables that may hold what other code has set.
        procedures: the names of procedures, which hide built-in functions of the same names.
        globals: the names of the host's values, which hide them too.
        params: the types of parameters, as far as they are known.
        calls: the types of procedures' results, as far as they are known.
        values: gives the type of a procedure's results where it is called as a value, since which its general body is
            entered, as far as it is known.
        tools: gives the declared type of a tool's results where they certainly are of it, else None.
        not_nil: the mentions of variables that certainly are not nil.
        shapes: those of the program, of which all bodies have to be solved in turn; None where literals have none.
        literals: whether literals that stand here are of a shape.
        unset: what may be read before it is set, and so be something else.
        effects: of the body's statements, where they are at hand.
        exact: the divisions of whole numbers that certainly have whole results.

    Attributes:
        called: the procedures that it calls as values, as far as that is known.
    """

    def __init__(
        self,
        body: Body,
        foreign: AbstractSet[str],
        procedures: Container[str] = (),
        globals: Container[str] = (),
        params: Mapping[str, Type] = MappingProxyType({}),
        calls: Mapping[str, Type] = MappingProxyType({}),
        values: Callable[[str], Type] = lambda procedure: ANY,
        tools: Callable[[str], ArgType | None] = lambda tool: None,
        not_nil: AbstractSet[n.Place] = frozenset(),
        shapes: Shapes | None = None,
        literals: bool = True,
        unset: Unset = _ALL_SET,
        effects: Effects | None = None,
        exact: AbstractSet[n.Place] = frozenset(),
    ) -> None:
        self.body = body
        self.foreign = foreign | unset.names
        self._unset = unset
        self.shadowing = procedures, globals
        self._is_sized = "len" not in body.variables and "len" not in procedures and "len" not in globals
        self.calls = calls
        self.called: set[str] = set()
        self._values = values
        self.tools = tools
        self.not_nil = not_nil
        self._exact = exact
        self._literals = shapes if literals else None
        self._shapes = shapes or Shapes()
        self._records = True  # whether what is looked at adds to the types of fields
        self.types: dict[str, Type] = dict.fromkeys(body.variables, NOTHING)
        self.types.update(dict.fromkeys(foreign, ANY))
        self.types.update((name, params.get(name, ANY)) for name in body.params if name in body.variables)
        if body.handlers:
            taken = {*self.foreign, *body.params}
            for name, kind in system_types(self._literals).items():
                self.types[name] = ANY if name in taken else kind
        self._starts = self.types.copy()  # without what a variable grows by itself
        self._effects = Effects(body) if effects is None else effects
        self._small = self._effects.small
        self._due = bytearray(b"\1" * len(self._effects.made))  # whether an assignment has to be looked at
        self._read: dict[int, tuple[int, frozenset[Shape]]] = {}  # of what shapes, and after how many changes
        self._known: dict[int, tuple[n.Expr, Type]] | None = None  # by identity, once types stay the same
        if shapes is None:
            self.solve()
            self.close()

    def add(self, params: Mapping[str, Type]) -> None:
        """Adds to the types that parameters may have; `solve` goes on from there."""
        for name, kind in params.items():
            old = self.types[name]
            self.types[name] = old.union(kind)
            self._starts[name] = self._starts[name].union(kind)
            if self.types[name] != old:
                self.changed(name)

    def changed(self, name: str) -> None:
        """Notes that a variable, or the result of a procedure, has another type now."""
        for place in self._effects.readers.get(name, ()):
            self._due[place] = True

    def changed_all(self) -> None:
        """Notes that what any of the assignments depends on may have changed."""
        self._due = bytearray(b"\1" * len(self._effects.made))

    @property
    def read(self) -> set[Shape]:
        """The shapes that the types of variables depend on."""
        return set().union(*(shapes for _, shapes in self._read.values()))

    def close(self) -> None:
        """Ends the inference of all bodies: from now on nothing adds to the types of fields."""
        self._records = False
        self._known = {}
        del self._effects, self._due, self._read

    def forget(self, *, keep: bool = True) -> None:
        """Forgets the types of expressions, which are about to go; whether those to come are kept."""
        self._known = {} if keep else None

    def solve(self) -> None:
        """Iterates to a fixed point; looks only at assignments for which something has changed."""
        table, due = self._shapes, self._due
        for round_number in range(_ROUNDS * 2):
            changed, before = False, table.changes
            for place, (since, shapes) in self._read.items():
                if table.changes > since and any(shape.changed > since for shape in shapes):
                    due[place] = True
            place = due.find(1)
            while place >= 0:
                assignment = self._effects.made[place]
                due[place] = False
                table.read = set()
                now = table.changes
                old = self.types.get(assignment.name, ANY)
                new = old.union(self._assigned(assignment))
                if table.read:
                    self._read[place] = now, frozenset(table.read)
                elif place in self._read:
                    del self._read[place]
                if new != old:
                    self.types[assignment.name] = new.widened() if round_number >= _ROUNDS else new
                    self.changed(assignment.name)
                    changed = True
                place = due.find(1, place + 1)
            if not changed and before == table.changes and due.find(1) < 0:
                return
        self.types = dict.fromkeys(self.types, ANY)

    def _assigned(self, assignment: Assignment) -> Type:
        value, path = assignment.value, assignment.path
        if path:
            stored = self._value(assignment)
            own = self.types.get(assignment.name, ANY)
            there = (assignment.name,) in assignment.read or (
                assignment.target is not None and assignment.target.place in self.not_nil
            )
            is_set = assignment.target is not None and assignment.target.place in self._unset.stores
            if not there and (is_set or assignment.name in self.body.params):
                there = not own.kinds & NIL
            sure = assignment.read if there else None
            if sure is not None:
                own = own.restricted_to(~NIL)
            return self._stored(own, (assignment.name,), path, stored, sure)
        if value is None:
            return ANY
        if assignment.increments is not None:
            total = self._accumulated(assignment.name, assignment.increments)
            if total is not None:
                return total
        start = self._value(assignment)
        old = self._starts.get(assignment.name, ANY)
        new = self._starts[assignment.name] = old.union(start)
        if new != old:
            self.changed(assignment.name)
        return start

    def _value(self, assignment: Assignment) -> Type:
        """The type of what an assignment assigns."""
        if assignment.value is None:
            return ANY
        if assignment.each or assignment.keys:
            collection = self.of_collection(assignment.value)
            return each_of(collection) if assignment.each else key_type(collection)
        found = self.of(assignment.value)
        if assignment.place is not None:
            match assignment.value:
                case n.ToolCall(name=name, args=[n.Argument(value=value, name=None)]) if self.tools(name) is not None:
                    own = popped(name, [self.of(value)], assignment.place)
                    if own is not None:
                        return own
            return item_at(found.restricted_to(LIST), assignment.place) if found.kinds & LIST else NOTHING
        return found

    def _stored(self, own: Type, before: Path, path: list[n.Expr], value: Type, sure: AbstractSet[Path] | None) -> Type:
        """The list or map that there is after ``set v[i]… = value``, as far as that statement made it.

        Args:
            own: the type of what there was.
            before: the path to it.
            path: the keys from there on.
            value: the type of the value.
            sure: the paths to what certainly is there and not nil, if this is; None if this may not be.
        """
        if not path:
            return value
        key, rest = path[0], path[1:]
        kind = self.of(key)
        if not kind.kinds:
            return NOTHING  # it has not been looked at yet
        step = (*before, form_of(key) if self._is_sized else key_of(key))
        deeper = sure if sure is not None and step in sure else None
        fresh = self._fresh(path, value) if sure is None or own.kinds & ~CONTAINER else NOTHING
        if not own.kinds & CONTAINER:
            return fresh
        if own.shapes and (fields := _fields(own.shapes, key)):
            for shape, name in fields:
                self._shapes.read.add(shape)
                held = shape.at(name)
                held = held.restricted_to(~NIL) if deeper is not None else held
                there = deeper
                if there is None and held.within(CONTAINER):
                    there = frozenset()  # the field of a shape is there, and all that it may hold is known
                inner = self._stored(held, step, rest, value, there)
                if self._records:
                    shape.put(name, inner)
            return own.restricted_to(CONTAINER).union(fresh)
        items = own.items()
        if items is None:
            return self._fresh(path, value)._replace(item=None, shapes=frozenset())
        held = items.restricted_to(~NIL) if deeper is not None else items
        inner = self._stored(held, step, rest, value, deeper)
        if deeper is None and rest:
            inner = inner.union(self._fresh(rest, value))
        if kind.within(STR) or (sure is not None and own.within(MAP)):
            return container(MAP, inner).union(fresh)
        if deeper is None and not (sure is not None and step in sure):
            inner = inner.union(T_NIL)  # what is skipped is nil
        is_list = kind.within(INT) or (sure is not None and own.within(LIST))
        return container(LIST if is_list else LIST | MAP, inner).union(fresh)

    def _fresh(self, path: list[n.Expr], value: Type) -> Type:
        """The list or map that ``set v[i]… = value`` makes where there is none."""
        for key in reversed(path):
            kind = self.of(key)
            if not kind.kinds:
                return NOTHING
            if kind.within(STR):
                if self._literals is not None and isinstance(key, n.Literal):
                    shape = self._literals.shape(MAP, (key.value,))
                    if self._records:
                        shape.put(key.value, value)
                    value = shaped(shape)
                else:
                    value = container(MAP, value)
            elif kind.within(INT):
                value = container(LIST, value.union(T_NIL))  # what is skipped is nil
            else:
                value = container(LIST | MAP, value.union(T_NIL))
        return value

    def _accumulated(self, name: str, added: list[tuple[str, n.Expr, n.Place]]) -> Type | None:
        """The type of a variable to which numbers are added as often as a run can; None if they are unbounded.

        Where some of them are floats it is whole only for as long as none has been added.
        """
        own = self.types.get(name, ANY)  # a name that the host has set is no variable
        if not own.within(NUM) or name in self._unset.names:
            return None
        total, natural, kinds = 0, own.natural, own.kinds
        for operator, operand, _ in added:
            kind = self.of(operand)
            if kind.kinds & STR:
                return None
            kind = kind.restricted_to(NUM)
            if not kind.kinds or (kind.kinds & INT and kind.bits is None):
                return None
            total = max(total, kind.bits or 0) + 1
            natural = natural and (not kind.kinds & INT or (operator == "+" and kind.natural))
            kinds = (kinds | kind.kinds) & ~(INT if kind.within(FLOAT) else 0)
        if not kinds & INT:
            return T_FLOAT
        start = self._starts[name].bits
        whole = bounded(max(total + _GROWTH_BITS, start) + 1 if start is not None else None, natural)
        return whole._replace(kinds=kinds)

    def of_target(self, target: n.Target) -> Type:
        """The type of the value in a variable that is set, where an item is about to be stored in it."""
        kind = self.types.get(target.name, ANY)
        return kind.restricted_to(~NIL) if kind.kinds & NIL and target.place in self.not_nil else kind

    # --- expressions -------------------------------------------------------------------------------------------------

    def of(self, expression: n.Expr) -> Type:
        """The type of an expression's value."""
        form = type(expression)
        if form is n.Literal:
            value = expression.value  # type: ignore[attr-defined]
            return LITERALS.get(type(value)) or literal(value)
        known = self._known
        if known is not None:
            found = known.get(id(expression))
            if found is not None:
                return found[1]
        kind = _RULES[form](self, expression) if form in _RULES else ANY
        if known is not None:
            known[id(expression)] = expression, kind  # which is kept, so that its identity is not used again
        return kind

    def _name(self, expression: n.Name) -> Type:
        name = expression.name
        if name not in self.types:
            return self._unassigned(name)
        kind = self.of_variable(expression)
        if self._unset.reads and expression.place in self._unset.reads:
            # What else has a variable's name is a procedure or a built-in function, since no host's value has it.
            return ANY if name in TYPE_CONSTANTS else kind.union(_T_FUNCTION)
        return kind

    def of_variable(self, expression: n.Name) -> Type:
        """The type of a variable's value, if it is set where it is read."""
        kind = self.types.get(expression.name, ANY)
        if kind.kinds & NIL and expression.place in self.not_nil:
            kind = kind.restricted_to(~NIL)
        if kind.kinds & INT and self._small and (bounds := self._small.get(expression.place)):
            for bound in bounds:
                kind = self._narrowed(kind, bound)
        return kind

    def is_index_of(self, index: n.Expr, name: str) -> bool:
        """Whether a variable has been an index of another one's list or string, which then may have become shorter."""
        bounds = self._small.get(index.place, ()) if isinstance(index, n.Name) else ()
        return any(bound.is_index and isinstance(bound.value, n.Name) and bound.value.name == name for bound in bounds)

    def _narrowed(self, kind: Type, bound: Bound) -> Type:
        """The type of a number where a bound holds for it."""
        other = self.of(bound.value)
        if bound.is_index:
            if other.kinds & ~(LIST | STR | NIL):
                return kind
            # The same for all but the smallest, so that one that grows in a loop does not get there bit by bit.
            bits = kind.bits if kind.bits is not None and kind.bits <= _FEW_BITS else T_LENGTH.bits
            return kind._replace(bits=bits, natural=True)
        most = other.bits if other.kinds else 0
        if not kind.natural or other.kinds & ~INT or most is None or (kind.bits is not None and kind.bits <= most):
            return kind
        return kind._replace(bits=most)

    def of_collection(self, expression: n.Expr) -> Type:
        """The type of what items are taken from, where that does not fail as it does for a function."""
        if type(expression) is n.Name and expression.name in self.types and expression.name not in TYPE_CONSTANTS:
            return self.of_variable(expression)
        return self.of(expression)

    def _chain(self, chain: n.Chain) -> Type:
        left = self.of(chain.first)
        for place in range(len(chain.rest)):
            left = self.step(chain, place, left)
        return left

    def step(self, chain: n.Chain, place: int, left: Type) -> Type:
        """The type of the result of one of a chain's operations, given that of its left operand."""
        operator, operand, where = chain.rest[place]
        right = self.of(operand)
        if operator == "/" and where in self._exact and left.within(INT) and right.within(INT):
            # What `n - n % 10` takes away has the sign of the whole.
            whole = self.of(chain.first.first) if not place and isinstance(chain.first, n.Chain) else left
            return bounded(whole.bits, whole.natural and right.natural)
        if operator == "*" and (is_text(operand) or (not place and is_text(chain.first))):
            return T_STR  # repeated
        return binary(operator, left, right)

    def is_exact(self, place: n.Place) -> bool:
        """Whether a division of whole numbers, by the place of its operator, certainly is exact."""
        return place in self._exact

    def _index(self, expression: n.Index) -> Type:
        collection, index = self.of_collection(expression.value), expression.index
        return item_at(collection, index.value) if isinstance(index, n.Literal) else item_of(collection)

    def listed(self, items: list[n.Expr], *, returned: bool = False) -> Type:
        """The type of a list of these items; whether they are what a statement returns."""
        if self._literals is None or not 1 < len(items) <= _LONGEST_SHAPE:
            return container(LIST, self._any_of(items))
        place = "return" if returned else _class(items[0])
        shape = self._literals.shape(LIST, tuple(range(len(items))), f"{self.body.name} {place}")
        if self._records:
            for index, item in enumerate(items):
                shape.put(index, self.of(item))
        return shaped(shape)

    def _mapped(self, literal: n.MapExpr) -> Type:
        entries = literal.entries
        if self._literals is not None and not entries:
            line, column, *_ = literal.span
            return shaped(self._literals.shape(MAP, (), f"{self.body.name}:{line}:{column}"))
        keys = [key.value for key, _ in entries if isinstance(key, n.Literal) and isinstance(key.value, str)]
        if self._literals is None or not len(set(keys)) == len(entries) <= _MOST_KEYS or not keys:
            return container(MAP, self._any_of([value for _, value in entries[: _ITEMS + 1]]))
        shape = self._literals.shape(MAP, tuple(keys))
        shape.is_literal = True
        if self._records:
            for key, (_, value) in zip(keys, entries, strict=True):
                shape.put(key, self.of(value))
        return shaped(shape)

    def callback(self, call: n.ToolCall) -> Type:
        """The type of the function that a tool calls; any where it may be none of the program's own."""
        if self.tools(call.name) is None:
            return ANY
        kind = self.of(call.args[0 if is_attempt(call) else CALLEE].value)
        return kind if kind.within(FUNCTION) or not kind.kinds else ANY

    def passed(self, call: n.Call | n.CallValue | n.ToolCall) -> tuple[Type, list[Type]]:
        """The type of the function value that is called, and those of what it gets, in order.

        Args:
            call: of a function value, or of a tool that calls one (`is_callback`, `is_attempt`).
        """
        if isinstance(call, n.ToolCall) and is_attempt(call):
            return self.callback(call), [self.of(argument.value) for argument in call.args[1:]]
        if isinstance(call, n.ToolCall):
            kind, listed = self.callback(call), self.of(call.args[ITEMS].value)
            given = [each_of(listed.restricted_to(LIST)) if listed.kinds else NOTHING]
            if call.name.lower() == FOLD:
                given.insert(0, self._folded(call, kind))
            return kind, given + [self.of(value) for value in further(call)]
        kind = self.callee(call) if isinstance(call, n.Call) else self.of(call.callee)
        return kind, [self.of(argument.value) for argument in call.args]

    def _folded(self, call: n.ToolCall, kind: Type) -> Type:
        initial = self.of(call.args[INITIAL].value) if len(call.args) > INITIAL else ANY
        return self._result(kind).union(initial)

    def _tool(self, call: n.ToolCall) -> Type:
        name, args = call.name, call.args
        declared = self.tools(name)
        if declared is None:
            return ANY
        if is_callback(call):
            if name.lower() == "list.map":
                return mapped(self._result(self.callback(call)))
            if name.lower() == FOLD:
                return self._folded(call, self.callback(call))
        if name.lower() in _ROUNDING and len(args) == 1 and (quotient := self._whole_quotient(args[0])) is not None:
            return quotient
        positional = all(argument.name is None for argument in args)
        kinds = [self.of(argument.value) for argument in args] if positional else []
        return result_of(name, declared, kinds)

    def _whole_quotient(self, argument: n.Argument) -> Type | None:
        """The type of the rounded quotient of whole numbers; None for another argument."""
        match argument:
            case n.Argument(value=n.Chain(first=left, rest=[*_, ("/", divisor, _)] as rest) as chain, name=None):
                kind, by = self.of(left), self.of(divisor)
                for place in range(len(rest) - 1):
                    kind = self.step(chain, place, kind)
                if not kind.kinds or not by.kinds:
                    return NOTHING
                if kind.within(INT) and by.within(INT):  # what is not exact is half as large, so rounding is no matter
                    return bounded(kind.bits, kind.natural and by.natural)
        return None

    def _any_of(self, items: list[n.Expr]) -> Type | None:
        """The type of the items of a literal."""
        if len(items) > _ITEMS:
            return None
        return functools.reduce(Type.union, map(self.of, items), NOTHING)

    def _unassigned(self, name: str) -> Type:
        """The type of what a name means that is no variable's."""
        procedures, hosts = self.shadowing
        return function(name) if name in procedures and name not in hosts and name != LAST else ANY

    def callee(self, call: n.Call) -> Type:
        """The type of the value that a call by the name of a variable calls."""
        kind = ANY if call.place in self._unset.reads else self.types.get(call.name, ANY)
        if kind.kinds & NIL and call.place in self.not_nil:
            kind = kind.restricted_to(~NIL)
        return kind if kind.within(FUNCTION | NIL) or not kind.kinds else ANY

    def _result(self, kind: Type) -> Type:
        """The type of the results of a function value."""
        if not kind.kinds:
            return NOTHING
        if not kind.procedures or not kind.within(FUNCTION | NIL):
            return ANY
        self.called |= kind.procedures
        return functools.reduce(Type.union, map(self._values, sorted(kind.procedures)))

    def _call(self, call: n.Call) -> Type:
        name = call.name
        if name in self.body.variables:
            kind = self.callee(call) if self.body.enters(call.args) else ANY
            # What is no function leaves the name its other meaning, of which nothing is known.
            return self._result(kind).union(ANY) if kind.kinds & NIL else self._result(kind)
        if name in self.calls:
            return self.calls[name]
        procedures, hosts = self.shadowing
        return ANY if name in procedures or name in hosts else _builtin(name)

    def _unary(self, op: str, operand: n.Expr) -> Type:
        match op:
            case "typeof":
                return T_STR
            case "no" | "some":
                return T_BOOL
            case "not":
                return T_TRUTH if self.of(operand).kinds & OTHER else T_BOOL
            case "~":
                return complement(self.of(operand))
        kind = self.of(operand)
        return plain(kind.kinds, kind.bits) if kind.within(NUM) or not kind.kinds else T_NUM

    def _power(self, base: Type, exponent: n.Expr) -> Type:
        if base.within(FLOAT) or not base.kinds:
            return T_FLOAT if base.kinds else NOTHING
        power = exponent.value if isinstance(exponent, n.Literal) else None
        if type(power) is int and base.within(INT):
            return bounded(base.bits * power + 1 if base.bits is not None else None, base.natural)
        return T_NUM


# A table takes a third of the time of matching class by class.
_RULES: dict[type[n.Expr], Callable[[Inference, Any], Type]] = {
    n.Name: Inference._name,
    n.ListExpr: lambda types, it: types.listed(it.items),
    n.MapExpr: lambda types, it: types._mapped(it),
    n.Raw: lambda types, it: T_STR,
    n.Eval: lambda types, it: T_STR,
    n.Unary: lambda types, it: types._unary(it.op, it.operand),
    n.Chain: Inference._chain,
    n.Power: lambda types, it: types._power(types.of(it.base), it.exponent),
    n.Index: Inference._index,
    n.Call: Inference._call,
    n.CallValue: lambda types, it: types._result(types.of(it.callee)) if types.body.enters(it.args) else ANY,
    n.ToolCall: Inference._tool,
}


def _class(item: n.Expr) -> str:
    """What kind of literal an item is; lists of one length that begin with different ones have little in common."""
    return type(item.value).__name__ if isinstance(item, n.Literal) else type(item).__name__


def is_text(expression: n.Expr) -> bool:
    """Whether an expression is a string literal that does not read as a number."""
    return isinstance(expression, n.Literal) and type(expression.value) is str and read_number(expression.value) is None


def _builtin(name: str) -> Type:
    """The type of a built-in function's result; any other name may be a procedure's when the call is made."""
    if name == "len":
        return T_LENGTH
    return T_NUM if name in _FUNCTIONS else ANY


def _fields(shapes: AbstractSet[Shape], key: n.Expr) -> list[tuple[Shape, int | str]]:
    """The field of each shape that a literal key names; none where a shape has no room for it."""
    value = key.value if isinstance(key, n.Literal) else None
    if not isinstance(value, int | str) or isinstance(value, bool):
        return []
    found = [(shape, str(value) if shape.kind == MAP else value) for shape in shapes]
    return found if all(shape.takes(name) for shape, name in found) else []
