"""The analyse stage: everything that code generation may rely on, as a value.

Which procedures are specialised has to be known before any code is made, since calls go to specialised bodies directly;
`analyse` finds that out.  The rest is known of one body at a time, when its code is due: the facts of a large program,
all at once, would take more room than its tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from neuroscript.compiler.analysis.counted_loops import Counter, counted_loops
from neuroscript.compiler.analysis.escape import READERS, EscapeAnalysis
from neuroscript.compiler.analysis.infer import Inference, Type
from neuroscript.compiler.analysis.specialize import Specialisation, expected_types, specialise
from neuroscript.compiler.resolve import Body, Resolved
from neuroscript.compiler.traversal import expressions, loop_depth, loose_operands, statements, walk
from neuroscript.compiler.unit import Unit
from neuroscript.syntax import nodes as n
from neuroscript.values import TYPE_CONSTANTS

MAX_BLOCKS = 16
"""Loops inside one another in one Python function, of CPython's 20 blocks; deeper ones get functions of their own."""


@dataclass(frozen=True, slots=True)
class BodyAnalysis:
    """What is known of one body, or of its specialised version.

    Attributes:
        body: the code.
        types: the types of its variables.
        foreign: the variables that mean something else while they are not set: a procedure or a type constant.
        guarded: the variables that start as a marker, so that code can ask whether they are set.
        escape: what its statements let escape.
        counted: the counted loops, by the ``id`` of the node.
        special: what this version is specialised for; None for the general one.
    """

    body: Body
    types: Inference
    foreign: frozenset[str]
    guarded: frozenset[str]
    escape: EscapeAnalysis
    counted: Mapping[int, Counter]
    special: Specialisation | None = None


class ProgramAnalysis:
    """What is known of a program.

    Attributes:
        resolved: the program.
        unit: what it is compiled against.
        specialised: its specialised bodies, by procedure.
    """

    def __init__(self, resolved: Resolved, unit: Unit) -> None:
        self.resolved = resolved
        self.unit = unit
        self.specialised: dict[str, Specialisation] = {}
        self._general: dict[str, BodyAnalysis] = {}  # of those that are specialised too: inference is half of the work
        for body in resolved.bodies:
            if params := expected_types(body):
                self._general[body.name] = self._general_version(body)
                self.specialised[body.name] = self._specialise(body, params)

    def versions(self, body: Body) -> Iterator[BodyAnalysis]:
        """The versions of a body that code is made of: the specialised one, if there is one, and the general one.

        They are given once.  Each is found out when it is asked for, and kept by nobody here.
        """
        general = self._general.pop(body.name, None) if body.kind == "procedure" else None
        if general is None:
            yield self._general_version(body)
            return
        special = self.specialised[body.name]
        types = self._infer(body, general.foreign, *special.known(body.name))
        yield replace(general, types=types, special=special)
        yield general

    def _general_version(self, body: Body) -> BodyAnalysis:
        unit = self.unit
        body.withhold(unit.globals)
        constant = body.variables - set(body.params)
        foreign = frozenset(name for name in constant if name in unit.procedures or name in TYPE_CONSTANTS)
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
        return Inference(body, unset, self.unit.procedures, self.unit.globals, params, calls)

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
    """Finds out what the code of a program may rely on.

    Args:
        resolved: the program, without errors.
        unit: what it is compiled against.
    """
    return ProgramAnalysis(resolved, unit)


def guarded(body: Body, foreign: frozenset[str]) -> set[str]:
    """The variables of a body that code asks of, whether they are set."""
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
                found.update(name.name for name in loose_operands(part) if isinstance(name, n.Name))
                if isinstance(part, n.Call):
                    found.add(part.name)
    return (found & body.variables) - params
