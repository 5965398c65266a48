"""What is known of the body whose code is being made, at the statement that is being made."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from neuroscript.compiler.analysis.analyse import BodyAnalysis
from neuroscript.compiler.analysis.flow import Flow
from neuroscript.compiler.analysis.infer import ANY, NIL, OTHER, Type
from neuroscript.compiler.analysis.specialize import Specialisation
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.forms import LATEST
from neuroscript.compiler.codegen.temporaries import Temporaries
from neuroscript.compiler.unit import Unit
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_LONG = 150  # statements
_LONG_TEXT = 64  # characters
_MOST_NAMES = 4000  # names that are written out for `eval` in one body, before a function does it in one place


@dataclass(frozen=True, slots=True)
class ProgramContext:
    """What the bodies of one program share while their code is made.

    Attributes:
        unit: what the program is compiled against.
        source: its text.
        specialised: the specialised bodies, by procedure.
        event_functions: the names of the event handlers' functions, by the ``id`` of the `OnEvent` node.
    """

    unit: Unit
    source: str
    specialised: Mapping[str, Specialisation]
    event_functions: Mapping[int, str]


class FunctionContext:
    """What is known of one body while its function is made.

    What does not change is the body and the results of its analysis.  What changes as statements are made is the
    `Flow`, the `Temporaries`, and how many loops are around the statement at hand.

    Args:
        program: what all bodies of the program share.
        analysis: the results of the body's analysis.
    """

    def __init__(self, program: ProgramContext, analysis: BodyAnalysis) -> None:
        self.program = program
        self.unit = program.unit
        self.analysis = analysis
        self.body = analysis.body
        self.types = analysis.types
        self.special = analysis.special  # None for a general body
        self.escape = analysis.escape
        self.guarded = set(analysis.guarded)
        self.flow = Flow(analysis.body, analysis.escape)
        self.temporaries = Temporaries()
        self.in_error_handler = False
        self._unsure: set[str] = set()
        self._long = analysis.body.size > _LONG
        self._loops = 0  # around the statement at hand, in the Python function at hand
        self._outlined = 0  # how many functions of loops are around it
        self._counters: list[str | None] = []  # of the counted loops around it; None for one not counted up by one

    def begin(self, names: Iterable[str], *, error_handler: bool = False) -> None:
        """Begins the body's function, or that of one of its error handlers.

        Args:
            names: the variables that are set at its beginning.
            error_handler: whether it is an error handler's.
        """
        self.flow.begin(names)
        self.temporaries.begin()
        self.in_error_handler = error_handler
        self._counters = []

    # --- the statement at hand ---------------------------------------------------------------------------------------

    def handler_of(self, statement: n.Stmt) -> int | None:
        """The number of the error handler that covers a statement."""
        return None if self.in_error_handler else self.body.handler_of.get(id(statement))

    @contextmanager
    def loop(self, statement: n.Stmt) -> Iterator[None]:
        """The code of a loop, which the statements inside find around them."""
        self._loops += 1
        with self.flow.loop(statement):
            yield
        self._loops -= 1

    @contextmanager
    def outlined(self) -> Iterator[None]:
        """The code of a loop that becomes a function of its own."""
        loops, self._loops = self._loops, 0
        self._outlined += 1
        yield
        self._outlined -= 1
        self._loops = loops

    @contextmanager
    def counting(self, name: str | None) -> Iterator[None]:
        """The turns of a loop that counts ``name`` up by one; None for a loop that counts otherwise."""
        self._counters.append(name)
        yield
        self._counters.pop()

    @property
    def loops(self) -> int:
        """How many loops are around the statement at hand, in the Python function at hand."""
        return self._loops

    @property
    def is_outlined(self) -> bool:
        """Whether the statement at hand is in a function that was made for a loop."""
        return self._outlined > 0

    @property
    def compact(self) -> bool:
        """Whether the statement at hand is one of many that run once: its code is made short rather than fast."""
        return self._long and not self._loops

    def counts_up(self, name: str) -> bool:
        """Whether a loop around the statement at hand counts a variable up by one."""
        return name in self._counters

    # --- names -------------------------------------------------------------------------------------------------------

    def is_set(self, name: str) -> bool:
        """Whether a variable's local can be read as it is.

        A name that may turn out not to be set is noted; `guard_unsure` then has it guarded, and the code is made anew.
        """
        if name not in self.body.variables:
            return False
        assigned = name in self.flow.assigned
        if not assigned and name not in self.guarded:
            self._unsure.add(name)
        return assigned or name not in self.guarded

    def guard_unsure(self) -> bool:
        """Guards the variables that the code made so far reads though they may not be set; whether there are any."""
        self.guarded |= self._unsure
        return bool(self._unsure)

    def is_foreign(self, name: str) -> bool:
        """Whether a variable that is not set means something else: a procedure or a type constant."""
        return name in self.analysis.foreign

    def refuses(self, name: str) -> bool:
        """Whether a name cannot be set, since it is the host's."""
        return name in self.body.readonly

    @property
    def scope_is_function(self) -> bool:
        """Whether a function gives `eval` the variables, which would take too much code in each place."""
        return self.body.evals * len(self.body.variables) > _MOST_NAMES

    def scope(self) -> ast.expr:
        """The variables by name, for `eval`."""
        names = sorted(self.body.variables)
        keys: list[ast.expr | None] = [*map(py.const, names), py.const("last")]
        return ast.Dict(keys, [*map(py.variable, names), py.name(LATEST)])

    def shared(self, code: list[ast.stmt], *more: str) -> list[ast.stmt]:
        """The ``nonlocal`` that makes an inner function share the body's variables, and ``more`` locals."""
        used = {part.id for statement in code for part in ast.walk(statement) if isinstance(part, ast.Name)}
        mine = {abi.VARIABLE + name for name in self.body.variables} | {LATEST, *more}
        return [ast.Nonlocal(sorted(used & mine))] if used & mine else []

    # --- expressions -------------------------------------------------------------------------------------------------

    def type_of(self, expression: n.Expr) -> Type:
        """What the value may be."""
        return self.types.of(expression)

    def loose_type(self, expression: n.Expr, kind: Type) -> Type:
        """The type of an operand that is nil where its variable is not set, and else what ``kind`` says."""
        if not isinstance(expression, n.Name) or self.is_set(expression.name):
            return kind
        own = expression.name in self.body.variables and not self.is_foreign(expression.name)
        return kind.union(Type(NIL)) if own else ANY

    def never_fuzzy(self, expression: n.Expr) -> bool:
        """Whether the value is certainly no fuzzy."""
        return not self.type_of(expression).kinds & OTHER

    def simple(self, expression: n.Expr) -> bool:
        """Whether the expression can be written twice: a literal, or a variable whose local can be read as it is."""
        if isinstance(expression, n.Literal):
            return not isinstance(expression.value, str) or len(expression.value) < _LONG_TEXT
        return isinstance(expression, n.Name) and self.is_set(expression.name)

    def settled(self, expression: n.Expr) -> bool:
        """Whether the expression cannot fail and does nothing, so that it may be evaluated out of turn."""
        if isinstance(expression, n.Name):
            return expression.name in self.flow.assigned and expression.name in self.body.variables
        return isinstance(expression, n.Literal)

    def settled_code(self, made: ast.expr) -> bool:
        """`settled`, of code that has been made."""
        if isinstance(made, ast.Name):
            return not made.id.startswith(abi.VARIABLE) or made.id.removeprefix(abi.VARIABLE) in self.flow.assigned
        return isinstance(made, ast.Constant)

    def remembered(self, call: ast.expr) -> ast.expr:
        """A completed call: what ``last`` is from now on, where the body uses it."""
        return py.bind(LATEST, call) if self.body.uses_last else call


class Expressions(Protocol):
    """Makes the code of expressions: what the generators of their parts need of the one that calls them."""

    def value(self, expression: n.Expr) -> ast.expr:
        """Code that gives the expression's value."""

    def condition(self, expression: n.Expr) -> ast.expr:
        """Code whose Python truth is the expression's truth."""

    def loose(self, expression: n.Expr) -> ast.expr:
        """Code of an operand in which a variable that is not set counts as nil."""

    def operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        """The expression where it is evaluated, and again where its value is needed a second time."""
