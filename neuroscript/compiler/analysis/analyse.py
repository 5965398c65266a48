"""The analyse stage: the results of all analyses, which code generation is given as a value.

Which procedures are specialised has to be known before any code is generated, since calls go to specialised bodies
directly.  All else is computed for one body at a time, when its code is due, and dropped after it: the results for a
large program, all at once, would take more memory than its tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from neuroscript.compiler.analysis.changes import changed_arguments, changed_params
from neuroscript.compiler.analysis.counted_loops import Counter, counted_loops, lengths
from neuroscript.compiler.analysis.effects import Effects
from neuroscript.compiler.analysis.escape import READERS, EscapeAnalysis
from neuroscript.compiler.analysis.exact import exact_quotients
from neuroscript.compiler.analysis.growth import Growth, find_growth
from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.interprocedural import (
    ProcedureTypes,
    calls_among,
    infer_program,
)
from neuroscript.compiler.analysis.liveness import Liveness
from neuroscript.compiler.analysis.not_nil import not_nil
from neuroscript.compiler.analysis.put_back import ItemsPutBack
from neuroscript.compiler.analysis.small import small_numbers
from neuroscript.compiler.analysis.specialize import Specialisation, expected_types, internal, specialise
from neuroscript.compiler.analysis.types import ANY, Shapes, Type
from neuroscript.compiler.analysis.unset import Unset, read_unset
from neuroscript.compiler.resolve import SYSTEM_NAMES, Body, Resolved
from neuroscript.compiler.traversal import loop_depth
from neuroscript.compiler.unit import Unit
from neuroscript.records import record
from neuroscript.syntax import nodes as n

_LONGEST_LATE = 200  # statements

MAX_BLOCKS = 16
"""Loops inside one another in one Python function, of CPython's 20 blocks; deeper ones get functions of their own."""


@record(frozen=True)
class BodyAnalysis:
    """The results of the analyses of one version of a body.

    Attributes:
        body: the body.
        types: the inferred types.
        foreign: the variables that may be read before they are set, when they may mean something else: a procedure.
        guarded: the variables that start as a marker value, so that code can test whether they are set.
        escape: the escape analysis.
        counted: the counted loops, by the ``id`` of the node.
        lengths: the variables that hold the length of another one's list or string, and those others.
        liveness: the last reads of its variables.
        growth: how deeply what its calls give is nested; None where nothing tells.
        special: the specialisation, if this is the specialised version.
        internal: whether calls go to the bodies that are for calls of the program's own.
    """

    body: Body
    types: Inference
    foreign: frozenset[str]
    guarded: frozenset[str]
    escape: EscapeAnalysis
    counted: Mapping[int, Counter]
    lengths: Mapping[str, str]
    liveness: Liveness
    put_back: ItemsPutBack
    growth: Growth | None = None
    special: Specialisation | None = None
    internal: bool = False


class ProgramAnalysis:
    """The results of the analyses of a program.

    Attributes:
        resolved: the program.
        unit: what it is compiled against.
        specialised: its specialised bodies, by procedure.
        relies: whether its code relies on its procedures being called by one another and not replaced.
        late: the procedures whose general bodies are left for later: nothing in the program enters them.
        fitting: the procedures to whose specialised bodies internal code may go whatever it passes.
        changed_params: the parameters that procedures change or keep, or give to others which do, by procedure.
    """

    def __init__(self, resolved: Resolved, unit: Unit) -> None:
        self.resolved = resolved
        self.unit = unit
        if unit.watches:  # which shows the variables in a handler too
            for body in resolved.bodies:
                body.resumes = bool(body.handlers)
        procedures = [body for body in resolved.bodies if body.kind == "procedure"]
        for body in procedures:
            body.exclude(unit.globals)
        calls = calls_among(procedures, unit)
        self.changed_params = changed_params(procedures, unit, calls)
        self._facts: dict[int, tuple[frozenset[n.Place], Effects, frozenset[n.Place]]] = {}
        self._foreign = {body.name: read_unset(body) for body in procedures}
        expected = expected_types(procedures, calls.by, unit)
        checked = {
            body.name: self._specialise(body, expected[body.name]) for body in procedures if body.name in expected
        }
        found = None
        if unit.sealed:
            entered = self._entered() if unit.defers else None
            found = infer_program(procedures, unit, calls, checked, self._infer_in_program, entered)
        self.relies = found is not None and bool(calls.called or calls.valued)
        self._types = found or {}  # else each is inferred alone, when its code is due
        self.fitting = frozenset(name for name, kinds in self._types.items() if kinds.fits)
        self.late = frozenset(name for name, kinds in self._types.items() if kinds.general is None)
        self._growth = self._find_growth() if found is not None else {}
        if found is not None:
            self._facts.clear()
        for body in procedures:
            body.walked.clear()  # which takes as much room again as the expressions
        self.specialised = checked | {
            name: internal(unit.load, name, kinds.params)
            for name, kinds in self._types.items()
            if kinds.params is not None
        }

    def versions(self, body: Body) -> Iterator[BodyAnalysis]:
        """Analyses the versions of a body: the specialised one, if there is one, and the general one.

        This works once for each body, since nothing is kept of it.
        """
        if body.kind != "procedure":
            body.exclude(self.unit.globals)
        foreign = self._foreign.pop(body.name) if body.kind == "procedure" else read_unset(body)
        facts = (
            foreign.names,
            frozenset(guarded(body, foreign.names)),
            self._escape(body),
            counted_loops(body),
            lengths(body),
            Liveness(body),
            ItemsPutBack(body, lambda call: changed_arguments(call, body, self.unit, self.changed_params)),
        )
        if body.kind != "procedure":
            types = self._infer(body, foreign, {}, {})
            self._facts.clear()
            yield BodyAnalysis(body, types, *facts)
            return
        kinds = self._types.pop(body.name, None) or self._alone(body, foreign, self.specialised.get(body.name))
        self._facts.pop(id(body), None)
        if kinds.special is not None:
            growth = self._growth.pop(id(kinds.special), None)
            yield BodyAnalysis(body, kinds.special, *facts, growth, self.specialised[body.name], internal=True)
        if kinds.general is None:
            return
        growth = self._growth.pop(id(kinds.general), None) if kinds.is_internal else None
        found = [BodyAnalysis(body, kinds.general, *facts, growth, internal=kinds.is_internal)]
        del foreign, facts, kinds
        yield found.pop()  # and nothing of it is kept here while its code is compiled

    def _find_growth(self) -> dict[int, Growth]:
        """What is known of how deeply results are nested, by the ``id`` of the types of the version for the calls."""
        unit = self.unit
        if unit.max_depth is None:
            return {}
        versions = {name: types for name, kinds in self._types.items() if (types := kinds.for_calls()) is not None}
        found = find_growth(
            versions,
            unit.max_nesting,
            lambda tool: unit.result_type(tool) is not None,
            lambda body: self._facts[id(body)][1],
        )
        return {id(versions[name]): growth for name, growth in found.items()}

    def _entered(self) -> frozenset[str]:
        """The procedures whose general bodies the program enters: as values, and from what is no procedure.

        Among them are those that are so long that they are compiled in parts.
        """
        found: set[str] = set()
        for body in self.resolved.bodies:
            if body.kind != "procedure":
                found |= body.reads
            else:
                found |= body.values - body.variables
                if body.size > _LONGEST_LATE:
                    found.add(body.name)
        return frozenset(found)

    def _alone(self, body: Body, foreign: Unset, special: Specialisation | None) -> ProcedureTypes:
        """The types of a procedure where nothing is known of the others."""
        general = self._infer(body, foreign, {}, {})
        if special is None:
            return ProcedureTypes(general, False, None, None, fits=False)
        calls = {body.name: special.result} if special.result is not None else {}
        return ProcedureTypes(general, False, self._infer(body, foreign, special.params, calls), None, fits=False)

    def _infer_in_program(
        self,
        body: Body,
        params: Mapping[str, Type],
        calls: Mapping[str, Type],
        values: Callable[[str], Type],
        shapes: Shapes,
        literals: bool,
    ) -> Inference:
        return self._infer(body, self._foreign[body.name], params, calls, values, shapes, literals=literals)

    def _infer(
        self,
        body: Body,
        foreign: Unset,
        params: Mapping[str, Type],
        calls: Mapping[str, Type],
        values: Callable[[str], Type] = lambda procedure: ANY,
        shapes: Shapes | None = None,
        *,
        literals: bool = False,
    ) -> Inference:
        unit = self.unit
        found = self._facts.get(id(body))
        if found is None:
            effects = Effects(body, small_numbers(body))
            found = self._facts[id(body)] = not_nil(body), effects, exact_quotients(body)
        known, effects, exact = found
        names = unit.procedures, unit.globals
        session = body.session or frozenset()
        tools = unit.result_type
        return Inference(
            body, session, *names, params, calls, values, tools, known, shapes, literals, foreign, effects, exact
        )

    def _escape(self, body: Body) -> EscapeAnalysis:
        hiding = (body.variables, self.unit.procedures, self.unit.globals)
        readers = frozenset(name for name in READERS if not any(name in names for names in hiding))
        # Where the body uses `last`, that holds what the tool has given too.
        return EscapeAnalysis(readers, (lambda tool: False) if body.uses_last else self.unit.appends)

    def _specialise(self, body: Body, params: dict[str, Type]) -> Specialisation:
        foreign = self._foreign[body.name]
        return specialise(
            body,
            params,
            self.unit.load,
            self.unit.max_depth,
            lambda params, calls: self._infer(body, foreign, params, calls),
        )


def analyse(resolved: Resolved, unit: Unit) -> ProgramAnalysis:
    """Analyses a program.

    Args:
        resolved: the program, without errors.
        unit: what it is compiled against.
    """
    return ProgramAnalysis(resolved, unit)


def guarded(body: Body, foreign: frozenset[str]) -> set[str]:
    """The variables of a body of which code may have to test whether they are set."""
    params = set(body.params)
    if body.session is not None or body.resumes or body.evals or loop_depth(body.block) > MAX_BLOCKS:
        return body.variables - params
    shared = body.reads.intersection(SYSTEM_NAMES) if body.leaves else frozenset()
    found = foreign | body.handled | shared | body.stored | body.tolerated | {call.name for call in body.calls}
    return body.variables.intersection(found) - params
