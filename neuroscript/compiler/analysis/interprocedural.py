"""Interprocedural type inference: what the procedures of one program pass to each other, and give back.

A procedure that others of the program call gets a second body, for what those calls pass.  The first one takes whatever
comes from elsewhere: from the host, from other programs, from calls of function values.  So there are two worlds.
*Internal* code calls the second bodies, and what it passes is what they are made for.  *External* code, of whose
parameters nothing is known, calls the first bodies.  The host mostly enters a program at procedures that nothing in it
calls; their code is internal too.

All of it rests on procedures being those of this program.  The loader compiles a program again, without this, where one
of them is replaced.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.recursion import Recursion, recursion_of
from neuroscript.compiler.analysis.specialize import Specialisation, falls_through
from neuroscript.compiler.analysis.types import (
    ANY,
    ANY_KINDS,
    CONTAINER,
    FUNCTION,
    INT,
    NIL,
    NOTHING,
    T_NIL,
    Shape,
    Shapes,
    Type,
)
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import arguments_of
from neuroscript.compiler.unit import Unit
from neuroscript.records import record
from neuroscript.syntax import nodes as n

_MOST_ROUNDS = 40
_MOST_ATTEMPTS = 7
_CHANGES = 5  # of a parameter's or result's type, after which it is widened
_MOST_STATEMENTS = 3000  # of a program

Results = Callable[[str], Type]
InferTypes = Callable[[Body, Mapping[str, Type], Mapping[str, Type], Results, Shapes, bool], Inference]

_NO_SHAPES: AbstractSet[Shape] = frozenset()


@record(frozen=True)
class Calls:
    """The calls of a program's procedures among each other.

    Attributes:
        by: the calls of procedures of the program that each one makes.
        called: the procedures that another one calls.
        valued: the procedures that are values somewhere in the program.
    """

    by: Mapping[str, list[n.Call]]
    called: frozenset[str]
    valued: frozenset[str]


@record(frozen=True)
class ProcedureTypes:
    """The types of a procedure's versions.

    Attributes:
        general: of the general one; None where its code is left for later.
        is_internal: whether the general one is internal code.
        special: of the other one, if there is one.
        params: what internal calls pass to the other one; None where it is for checked arguments.
        fits: whether all that internal code passes to the other one is what it is made for.
    """

    general: Inference | None
    is_internal: bool
    special: Inference | None
    params: Mapping[str, Type] | None
    fits: bool

    def for_calls(self) -> Inference | None:
        """The types of the one version that all calls by internal code go to; None where there may be two."""
        if self.special is None:
            return self.general if self.is_internal else None
        return self.special if self.params is not None or self.general is None else None


def calls_among(procedures: list[Body], unit: Unit) -> Calls:
    """Finds the calls of a program's procedures among each other."""
    by = {body.name: [call for call in body.calls if _is_direct(call, body, unit)] for body in procedures}
    called = frozenset(call.name for name, calls in by.items() for call in calls if call.name != name)
    names = frozenset(unit.procedures) - unit.globals
    return Calls(by, called, frozenset().union(*((body.values - body.variables) & names for body in procedures)))


def infer_program(
    procedures: list[Body],
    unit: Unit,
    calls: Calls,
    checked: Mapping[str, Specialisation],
    infer_types: InferTypes,
    entered: frozenset[str] | None = None,
) -> dict[str, ProcedureTypes] | None:
    """Infers the types of all procedures of a program.

    Args:
        procedures: their bodies.
        unit: what the program is compiled against.
        calls: of the procedures among each other.
        checked: the specialised bodies for arguments that are checked, of the procedures that may have one.
        infer_types: infers the types of a body's variables, given those of parameters and results, of the results of
            procedures that are called as values, the shapes, and whether its literals have any.
        entered: the procedures whose general bodies are called, apart from calls by other general bodies; None for all.

    Returns:
        The types by procedure; None where they cannot be told.
    """
    if sum(body.size for body in procedures) > _MOST_STATEMENTS:
        return None
    takes = {body.name for body in procedures if body.params and not body.evals}
    inner = takes & (calls.called | calls.valued)
    # Numbers that recursive calls pass on are known best where they are checked at the first of the calls.
    fitting = {
        body.name
        for body in procedures
        if body.name in takes & calls.called and body.name in checked and checked[body.name].counts(body.params)
    }
    solver = None
    outside = {body.name for body in procedures}
    for _ in range(_MOST_ATTEMPTS):
        if solver is None:
            solver = _Solver(procedures, unit, calls, checked, infer_types, inner - fitting, fitting)
        if not solver.solve():
            return None
        unfit = {name for name in fitting if not checked[name].admits(solver.params[name])}
        vague = sorted(name for name in inner - fitting if _is_vague(solver.params[name]))
        fitting -= unfit
        inner.difference_update(vague)
        if unfit or not checked.keys().isdisjoint(vague):
            solver = None  # what the others pass on, and give back, is known better then
        elif vague:
            solver.open(vague)
        elif not solver.looks_outside:
            if entered is not None:
                unsure = {name for name, special in checked.items() if _may_not_fit(name, special, calls)}
                outside = _reached(entered | (unsure - inner - fitting), calls)
            solver.look_outside(infer_types, calls, outside)
        else:
            return solver.finished()
    return None


def _reached(names: Iterable[str], calls: Calls) -> set[str]:
    """The procedures of some names, and all that these call, one after the other."""
    found: set[str] = set()
    pending = [*names]
    while pending:
        name = pending.pop()
        if name not in found and name in calls.by:
            found.add(name)
            pending += [call.name for call in calls.by[name]]
    return found


def _may_not_fit(name: str, special: Specialisation, calls: Calls) -> bool:
    """Whether the program calls a procedure with arguments that may not be what its specialised body checks."""
    return name in calls.called or (special.result is None and any(call.name == name for call in calls.by[name]))


def _is_vague(params: Mapping[str, Type]) -> bool:
    """Whether what is passed to a procedure tells nothing, or nothing that is reached calls it."""
    kinds = [kind.kinds for kind in params.values()]
    return 0 in kinds or all(kind == ANY_KINDS for kind in kinds)


def _is_direct(call: n.Call, body: Body, unit: Unit) -> bool:
    """Whether a body calls a procedure of its program directly, and with arguments that it takes."""
    signature = unit.procedures.get(call.name)
    if signature is None or call.name in body.variables or call.name in unit.globals:
        return False
    names = [argument.name for argument in call.args if argument.name is not None]
    return signature.problem(len(call.args) - len(names), names) is None


class _Version:
    """One version of a body, while types are inferred."""

    def __init__(self, body: Body, types: Inference, calls: Calls, *, internal: bool) -> None:
        self.body = body
        self.types = types
        self.internal = internal
        self.calls = calls.by[body.name]
        self.called = sorted({call.name for call in self.calls})
        self.value_calls: list[n.Call | n.CallValue | n.ToolCall] = [*body.callbacks]
        self.value_calls += [call for call in body.calls if call.name in body.variables and body.enters(call.args)]
        self.value_calls += [call for call in body.value_calls if body.enters(call.args)]
        self.values: dict[str, Type] = {}  # and of those that it calls as values, as far as that is known
        self.results: dict[str, Type] = {}  # of what it calls, when its types were last inferred
        self._params: list[Type] | None = None  # and what is passed to it
        self._read = _NO_SHAPES  # and the shapes that this depended on
        self._since = 0  # after so many changes
        self.is_due = True  # whether what is passed to it, or a result, may have changed since
        self._seen = -1  # so many changes to shapes have been looked at
        self._ends = body.resumes or falls_through(body.block)

    def begin(self, params: Mapping[str, Type], results: Mapping[str, Type], values: Results, shapes: Shapes) -> bool:
        """Begins to infer its types; whether anything has changed that they depend on."""
        if not self.is_due and self._seen == shapes.changes:
            return False
        self.is_due, self._seen = False, shapes.changes
        given = [*params.values()]
        anew = given != self._params
        self._params = given
        for name in self.called:
            kind = results.get(name, NOTHING)
            if self.results.get(name) != kind:
                self.results[name] = kind
                self.types.changed(name)
                anew = True
        if any(values(name) != kind for name, kind in self.values.items()):
            self.types.changed_all()
            anew = True
        if shapes.changes > self._since and not anew:
            anew = any(shape.changed > self._since for shape in self._read)
        return anew

    def solved(self, shapes: Shapes) -> None:
        """Notes that the types of its variables have been inferred."""
        self._since = shapes.changes
        shapes.read = self._read = self.types.read

    def called_as_values(self, results: Results) -> list[str]:
        """The procedures that it has turned out to call as values since the last time.

        Args:
            results: gives the type of the results of such a procedure, on which the version depends from now on.
        """
        found = sorted(self.types.called - self.values.keys())
        self.values = {name: results(name) for name in self.types.called}
        return found

    def result(self) -> Type:
        """The type of what the body returns."""
        found = T_NIL if self._ends else NOTHING
        for values in (statement.values for statement in self.body.returns):
            if not values:
                found = found.union(T_NIL)
            else:
                one = len(values) == 1
                found = found.union(self.types.of(values[0]) if one else self.types.listed(values, returned=True))
        return found

    def add_literals(self) -> None:
        """Adds to the shapes what the body's literals hold."""
        for part in self.body.literals:
            self.types.of(part)


class _Solver:
    """Iterates over the versions of all bodies to a fixed point.

    Attributes:
        params: what internal calls pass, by procedure and parameter.
        looks_outside: whether external code is looked at too, which passes nothing on.
    """

    def __init__(
        self,
        procedures: list[Body],
        unit: Unit,
        calls: Calls,
        checked: Mapping[str, Specialisation],
        infer_types: InferTypes,
        inner: set[str],
        fitting: set[str],
    ) -> None:
        names = [body.name for body in procedures if body.name not in unit.globals]
        self._inside: dict[str, Type] = dict.fromkeys(names, NOTHING)  # the results of calls by internal code
        self._outside: dict[str, Type] = dict.fromkeys(names, NOTHING)
        self._unit = unit
        self._inner = inner
        self._fitting = fitting
        self._shapes = Shapes()
        self._changes: dict[tuple[str, str], int] = {}
        self._changed = True
        self._first: dict[str, dict[str, Type]] = {}  # what is passed to those that call themselves, but by themselves
        self._recursion: dict[str, Recursion] = {}
        self.looks_outside = False
        bodies = {body.name: body for body in procedures}
        self.params = {name: dict.fromkeys(bodies[name].params, NOTHING) for name in inner | fitting}
        self._general: dict[str, _Version] = {}
        self._special: dict[str, _Version] = {}
        for body in procedures:
            name = body.name
            if name in inner and unit.max_depth is not None:
                recursion = recursion_of(body, calls.by[name])
                if recursion is not None:
                    self._recursion[name] = recursion
                    self._first[name] = dict.fromkeys(body.params, NOTHING)
            if name in inner:
                types = infer_types(body, self.params[name], self._inside, self._entered, self._shapes, True)
                self._special[name] = _Version(body, types, calls, internal=True)
            elif name in checked:
                special = checked[name]
                # What lists and maps hold is found here; how large numbers get at any depth of calls is known already.
                given = special.result
                own = {name: given} if given is not None and not given.kinds & CONTAINER else {}
                results = ChainMap(own, self._inside)
                types = infer_types(body, special.params, results, self._entered, self._shapes, True)
                self._special[name] = _Version(body, types, calls, internal=True)
            else:
                types = infer_types(body, {}, self._inside, self._entered, self._shapes, True)
                self._general[name] = _Version(body, types, calls, internal=True)
        # The versions that depend on what is passed to a procedure, or on its results: its own, and those that call it.
        self._concerned: dict[str, list[_Version]] = {name: [] for name in bodies}
        for version in (*self._special.values(), *self._general.values()):
            self._concern(version)

    def _concern(self, version: _Version) -> None:
        for name in {version.body.name, *version.called}:
            self._concerned[name].append(version)

    def _entered(self, name: str) -> Type:
        """The type of the results of a procedure that internal code calls as a value."""
        return self._inside.get(name, ANY)

    def _entered_outside(self, name: str) -> Type:
        """As `_entered`, where external code calls it."""
        return self._outside.get(name, ANY)

    def look_outside(self, infer_types: InferTypes, calls: Calls, names: set[str]) -> None:
        """Adds external code: the general bodies of the procedures of these names that have another one.

        They call no general bodies of others.
        """
        self.looks_outside = True
        for name, special in self._special.items():
            if name in names:
                types = infer_types(special.body, {}, self._outside, self._entered_outside, self._shapes, False)
                version = self._general[name] = _Version(special.body, types, calls, internal=False)
                self._concern(version)

    def open(self, names: list[str]) -> None:
        """Lets procedures take anything, since internal calls tell nothing of them; `solve` goes on from there.

        There is nothing to gain from a second version of them, or nothing that is reached calls them, as where
        procedures call each other and the host one of them.
        """
        for name in names:
            self._inner.remove(name)
            del self.params[name]
            version = self._general[name] = self._special.pop(name)
            version.is_due = True
            version.types.add(dict.fromkeys(version.body.params, ANY))

    def solve(self) -> bool:
        """Iterates; whether it came to an end."""
        for _ in range(_MOST_ROUNDS):
            before, self._changed = self._shapes.changes, False
            for version in (*self._special.values(), *self._general.values()):
                self._look_at(version)
            if not self._changed and before == self._shapes.changes:
                return True
        return False

    def _look_at(self, version: _Version) -> None:
        name = version.body.name
        results = self._inside if version.internal else self._outside
        given = self.params.get(name, {})
        values = self._entered if version.internal else self._entered_outside
        if not version.begin(given, results, values, self._shapes):
            return
        if name in self._inner and version.internal:
            version.types.add(given)
        version.types.solve()
        version.solved(self._shapes)
        version.add_literals()
        if version.internal:
            for call in version.calls:
                if call.name in self._inner or (call.name in self._fitting and call.name != name):
                    self._pass(version, call)
            for value_call in version.value_calls:
                self._pass_to_values(version, value_call)
        result = version.result()
        for called in version.called_as_values(values):
            self._concerned[called].append(version)
        if name not in self._inside:
            return
        if version.internal or (name not in self._inner and name not in self._fitting):
            self._inside[name] = self._joined((name, " inside"), self._inside[name], result)
        if version is self._general.get(name):
            self._outside[name] = self._joined((name, " outside"), self._outside[name], result)

    def _pass(self, version: _Version, call: n.Call) -> None:
        """Adds what a call passes to the types of the parameters."""
        params = self.params[call.name]
        values = arguments_of(call, self._unit.procedures[call.name].params)
        given = {name: version.types.of(values[name]) if name in values else T_NIL for name in params}
        recursion = self._recursion.get(call.name)
        if recursion is not None and call.name == version.body.name:
            self._bound(call.name, recursion, given)
        else:
            self._note_first(call.name, given)
        for name, kind in given.items():
            params[name] = self._joined((call.name, name), params[name], kind)

    def _note_first(self, procedure: str, given: Mapping[str, Type]) -> None:
        """Notes what a call passes that is not the procedure's own."""
        first = self._first.get(procedure)
        if first is not None:
            first.update((name, first[name].union(kind)) for name, kind in given.items())

    def _bound(self, procedure: str, recursion: Recursion, given: dict[str, Type]) -> None:
        """Limits the numbers that a procedure passes to itself to what they can get to at any depth of calls."""
        joined = {name: self.params[procedure][name].union(given[name]) for name in recursion.params}
        bits = recursion.bits(self._first[procedure], joined, self._unit.max_depth or 0)
        if bits is not None:
            given.update(
                (name, given[name]._replace(bits=bits)) for name in recursion.params if joined[name].kinds & INT
            )

    def _pass_to_values(self, version: _Version, call: n.Call | n.CallValue | n.ToolCall) -> None:
        """Adds what a call of a function value passes to the types of the parameters of all that it may call."""
        kind, given = version.types.passed(call)
        if not kind.within(FUNCTION | NIL):
            return
        for name in sorted(kind.procedures & self.params.keys()):
            if self._unit.procedures[name].problem(len(given), []) is not None:
                continue
            params = self.params[name]
            places = enumerate(self._unit.procedures[name].params)
            passed = {param: given[place] if place < len(given) else T_NIL for place, param in places}
            self._note_first(name, passed)
            for param, more in passed.items():
                params[param] = self._joined((name, param), params[param], more)

    def _joined(self, key: tuple[str, str], old: Type, more: Type) -> Type:
        new = old.union(more)
        if new == old:
            return old
        self._changed = True
        for version in self._concerned[key[0]]:
            version.is_due = True
        count = self._changes[key] = self._changes.get(key, 0) + 1
        return new.widened() if count > _CHANGES else new

    def finished(self) -> dict[str, ProcedureTypes]:
        """The result."""
        found = {}
        for name in self._concerned:
            general, special = self._general.get(name), self._special.get(name)
            for version in (general, special):
                if version is not None:
                    version.types.close()
            found[name] = ProcedureTypes(
                general.types if general is not None else None,
                general is not None and general.internal,
                special.types if special is not None else None,
                self.params[name] if name in self._inner else None,
                name in self._inner or name in self._fitting,
            )
        return found
