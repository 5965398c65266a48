"""The analyse stage: the results of all analyses, which code generation is given as a value.

Which procedures are specialised has to be known before any code is generated, since calls go to specialised bodies
directly.  All else is computed for one body at a time, when its code is due, and dropped after it: the results for a
large program, all at once, would take more memory than its tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from neuroscript.compiler.analysis.counted_loops import Counter, counted_loops
from neuroscript.compiler.analysis.escape import READERS, EscapeAnalysis
from neuroscript.compiler.analysis.infer import Inference, Type
from neuroscript.compiler.analysis.specialize import Specialisation, expected_types, specialise
from neuroscript.compiler.analysis.unset import read_unset
from neuroscript.compiler.resolve import Body, Resolved
from neuroscript.compiler.traversal import (
    assigned_in,
    expressions,
    loop_depth,
    nil_tolerant_operands,
    statements,
    stored_in,
    walk,
)
from neuroscript.compiler.unit import Unit
from neuroscript.records import record
from neuroscript.syntax import nodes as n

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
        special: the specialisation, if this is the specialised version.
    """

    body: Body
    types: Inference
    foreign: frozenset[str]
    guarded: frozenset[str]
    escape: EscapeAnalysis
    counted: Mapping[int, Counter]
    special: Specialisation | None = None


class ProgramAnalysis:
    """The results of the analyses of a program.

    Attributes:
        resolved: the program.
        unit: what it is compiled against.
        specialised: its specialised bodies, by procedure.
        changed_params: the parameters that procedures assign to, or store in, by procedure.
    """

    def __init__(self, resolved: Resolved, unit: Unit) -> None:
        self.resolved = resolved
        self.unit = unit
        self.specialised: dict[str, Specialisation] = {}
        self.changed_params = {
            body.name: frozenset((*assigned_in(body.block), *stored_in(body.block))).intersection(body.params)
            for body in resolved.bodies
            if body.kind == "procedure" and body.params
        }
        self._general: dict[str, BodyAnalysis] = {}  # of those that are specialised too: inference is half of the work
        for body in resolved.bodies:
            if params := expected_types(body):
                self._general[body.name] = self._general_version(body)
                self.specialised[body.name] = self._specialise(body, params)

    def versions(self, body: Body) -> Iterator[BodyAnalysis]:
        """Analyses the versions of a body: the specialised one, if there is one, and the general one.

        This works once for each body, since nothing is kept of it.
        """
        general = self._general.pop(body.name, None) if body.kind == "procedure" else None
        if general is None:
            yield self._general_version(body)
            return
        special = self.specialised[body.name]
        types = self._infer(body, general.foreign, *special.assumptions(body.name))
        yield BodyAnalysis(body, types, general.foreign, general.guarded, general.escape, general.counted, special)
        yield general

    def _general_version(self, body: Body) -> BodyAnalysis:
        unit = self.unit
        body.exclude(unit.globals)
        foreign = read_unset(body)
        return BodyAnalysis(
            body,
            self._infer(body, foreign, {}, {}),
            foreign,
            frozenset(guarded(body, foreign)),
            self._escape(body),
            counted_loops(body),
        )

    def _infer(
        self, body: Body, foreign: frozenset[str], params: Mapping[str, Type], calls: Mapping[str, Type]
    ) -> Inference:
        unset = foreign | (body.session or frozenset())
        return Inference(body, unset, self.unit.procedures, self.unit.globals, params, calls, self.unit.result_type)

    def _escape(self, body: Body) -> EscapeAnalysis:
        hiding = (body.variables, self.unit.procedures, self.unit.globals)
        readers = frozenset(name for name in READERS if not any(name in names for names in hiding))
        # Where the body uses `last`, that holds what the tool has given too.
        return EscapeAnalysis(readers, (lambda tool: False) if body.uses_last else self.unit.appends)

    def _specialise(self, body: Body, params: dict[str, Type]) -> Specialisation:
        foreign = self._general[body.name].foreign
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
    if body.session is not None or body.handlers or body.evals or loop_depth(body.block) > MAX_BLOCKS:
        return body.variables - params
    found = set(foreign)
    for statement in statements(body.block):
        targets = statement.targets if isinstance(statement, n.Set) else []
        into = getattr(statement, "into", None)
        found.update(target.name for target in (*targets, *([into] if into else [])) if target.path)
        for expression in expressions(statement):
            for part in walk(expression):
                found.update(name.name for name in nil_tolerant_operands(part) if isinstance(name, n.Name))
                if isinstance(part, n.Call):
                    found.add(part.name)
    return (found & body.variables) - params
