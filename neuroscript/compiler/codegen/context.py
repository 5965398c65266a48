"""The context of code generation: what is known of the program, of the body, and of the point in it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from neuroscript.compiler.analysis.analyse import BodyAnalysis
from neuroscript.compiler.analysis.bounds import Bounds
from neuroscript.compiler.analysis.counted_loops import Counter
from neuroscript.compiler.analysis.flow import Flow
from neuroscript.compiler.analysis.items import is_item, item_names
from neuroscript.compiler.analysis.specialize import Specialisation
from neuroscript.compiler.analysis.types import ANY, INT, NIL, OTHER, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.forms import LATEST, Covering
from neuroscript.compiler.codegen.temporaries import Temporaries
from neuroscript.compiler.resolve import LAST
from neuroscript.compiler.unit import Unit
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n
from neuroscript.values import TYPE_CONSTANTS

_LONG = 150  # statements
_LONG_TEXT = 64  # characters
_MOST_NAMES = 4000  # names that are written out for `eval` in one body, before a function does it in one place


@record(frozen=True)
class ProgramContext:
    """What the functions of one program have in common.

    Attributes:
        unit: what the program is compiled against.
        source: the text of the program.
        file: what the program is called in messages.
        specialised: the specialised bodies, by procedure.
        changed_params: the parameters that procedures change or keep, or give to others which do, by procedure.
        event_functions: the names of the event handlers' functions, by the ``id`` of the `OnEvent` node.
        calls: gets the calls of what the program does not define: name, number of positional arguments, other names.
    """

    unit: Unit
    source: str
    file: str
    specialised: Mapping[str, Specialisation]
    changed_params: Mapping[str, frozenset[str]]
    event_functions: Mapping[int, str]
    calls: set[tuple[str, int, tuple[str, ...]]]


class FunctionContext:
    """What the generators of one function share.

    The body and the results of its analysis stay the same.  What follows the statement for which code is being
    generated, the *current* one, is the `Flow`, the `Temporaries`, and the loops around it.

    Args:
        program: what the functions of the program have in common.
        analysis: the results of the body's analysis.
    """

    def __init__(self, program: ProgramContext, analysis: BodyAnalysis) -> None:
        self.program = program
        self.unit = program.unit
        self.analysis = analysis
        self.body = analysis.body
        self.types = analysis.types
        self.special = analysis.special  # None in a general body
        self.escape = analysis.escape
        self.guarded = set(analysis.guarded)
        self.flow = Flow(analysis.body, analysis.escape)
        self.bounds = Bounds(analysis.body, analysis.types)
        self.temporaries = Temporaries()
        self.in_error_handler = False
        self.handlers: list[ast.FunctionDef] = []  # the functions of the body's error handlers
        self.hopeful = False  # whether code may raise what `abi.MISSED` names where a value is of no likely type
        self.held: dict[tuple[object, ...], str] = {}  # what holds lists and maps that it may read
        self.needed: set[int] = set()  # the ``id`` of the index of each item that must not be nil, or else all fails
        self._short = False
        self.notes: dict[int, tuple[str, int]] = {}  # where the values of operands are noted, by their ``id``
        self.moved: list[n.Expr] = []  # the arguments that the current statement moves
        self.moved_items: dict[int, str] = {}  # and the temporaries of those that are items already let go of
        self.evaluated: dict[int, str] = {}  # the temporaries of arguments of the current statement's call
        self.growth = analysis.growth
        self.liveness = analysis.liveness
        values = self.body.variables
        changing = (call.name in values or program.changed_params.get(call.name) for call in self.body.calls)
        self.may_move = bool(self.body.value_calls) or any(changing)
        self.statement: n.Stmt | None = None  # the current one
        self._unsure: set[str] = set()
        self._items: frozenset[str] | None = None  # the variables that only hold items; None until they are asked for
        self._hidden: set[str] = set()
        self._made: list[n.Expr] = []
        self._coverings: dict[tuple[int, bool, bool, bool], Covering] = {}
        self._long = analysis.body.size > _LONG
        self._loops = 0  # around the current statement, in the current Python function
        self._outlined = 0  # how many functions of loops are around it
        self._apart = False  # whether the body's statements are in inner functions
        self._counters: list[Counter] = []  # of the counted loops around it

    def begin(self, names: Iterable[str], *, error_handler: bool = False) -> None:
        """Begins the function of the body, or of one of its error handlers.

        Args:
            names: the variables that are set at its start.
            error_handler: whether it is an error handler's.
        """
        self.flow.begin(names)
        self.bounds.begin()
        self.temporaries.begin()
        self.in_error_handler = error_handler
        self._counters = []

    # --- the current statement ---------------------------------------------------------------------------------------

    def handler_of(self, statement: n.Stmt) -> Covering | None:
        """The error handler that covers a statement."""
        if self.in_error_handler or not self.body.resumes:
            return None  # in a body that its handlers end, they cover more than one statement
        number = self.body.handler_of.get(id(statement))
        if number is None:
            return None
        key = number, self._loops > 0, self.is_outlined, self.gives_tuples
        found = self._coverings.get(key)
        if found is None:
            jumps = frozenset(self.body.jumps.get(number, ()))
            found = self._coverings[key] = Covering(number, jumps, *key[1:])
        return found

    def begun(self, statement: n.Stmt) -> list[ast.stmt]:
        """The call by which code that is watched, or covered by tests, tells that a statement begins."""
        if isinstance(statement, n.OnError) or not (self.unit.covers or self.unit.watches):
            return []
        if self.unit.watches and isinstance(statement, n.While):
            return []  # its turns tell
        return [self._told(abi.BEGIN if self.unit.watches else abi.COVERED, statement)]

    def turn(self, statement: n.While | n.ForEach) -> list[ast.stmt]:
        """The call by which code that is watched tells that a turn of a loop begins."""
        if not self.unit.watches:
            return []
        return [self._told(abi.BEGIN if isinstance(statement, n.While) else abi.TURN, statement)]

    def _told(self, hook: str, statement: n.Stmt) -> ast.stmt:
        made = py.run(hook, py.const(self.program.file), py.const(statement.span[0]))
        py.place(made, statement.place)
        return made

    @contextmanager
    def loop(self, statement: n.While | n.ForEach) -> Iterator[None]:
        """Context manager for the code of a loop."""
        self._loops += 1
        with self.flow.loop(statement), self.bounds.loop(statement):
            yield
        self._loops -= 1

    @contextmanager
    def outlined(self) -> Iterator[None]:
        """Context manager for the code of a loop that becomes a function of its own."""
        loops, self._loops = self._loops, 0
        self._outlined += 1
        yield
        self._outlined -= 1
        self._loops = loops

    @contextmanager
    def counting(self, counter: Counter) -> Iterator[None]:
        """Context manager for the body of a counted loop."""
        self._counters.append(counter)
        yield
        self._counters.pop()

    @contextmanager
    def hoping(self, held: dict[tuple[object, ...], str] | None = None) -> Iterator[None]:
        """Context manager for code that takes values to be of the likely types, and raises where they are not.

        Args:
            held: the temporaries that hold lists and maps, by the `path_of` what reads these.
        """
        self.hopeful, self.held = True, held or {}
        yield
        self.hopeful, self.held = False, {}
        self.needed.clear()

    @contextmanager
    def short(self) -> Iterator[None]:
        """Context manager for code that seldom runs, and so is made short rather than fast."""
        before, self._short = self._short, True
        yield
        self._short = before

    @property
    def loops(self) -> int:
        """The number of loops around the current statement, in the current Python function."""
        return self._loops

    @property
    def is_outlined(self) -> bool:
        """Whether the current statement is in a function that was made for a loop."""
        return self._outlined > 0

    @property
    def gives_tuples(self) -> bool:
        """Whether the current statement is in an inner function, which gives what is returned in a tuple."""
        return self._apart or self._outlined > 0 or self.in_error_handler

    @property
    def runs_once(self) -> bool:
        """Whether the current statement is one of many that run once."""
        return self._long and not self._loops

    @property
    def compact(self) -> bool:
        """Whether code is made short rather than fast: it runs once, or seldom."""
        return self._short or (self._long and not self._loops)

    def counts_up(self, name: str) -> bool:
        """Whether a loop around the current statement counts a variable up by one."""
        return any(counter.name == name and counter.by_one for counter in self._counters)

    def is_below_length(self, index: n.Expr, owner: n.Expr) -> bool:
        """Whether an index certainly is less than the length of a list or string, for a loop counts up to it."""
        if not isinstance(index, n.Name) or not isinstance(owner, n.Name) or "len" not in self.escape.readers:
            return False
        for counter in self._counters:
            if counter.name != index.name or counter.operator != "<" or owner.name not in self.flow.assigned:
                continue
            bound = counter.bound
            match bound:
                case n.Chain(first=first, rest=[("-", n.Literal(value=int()), _)]):
                    bound = first  # less than it: a literal has no sign
            match bound:
                case n.Call(args=[n.Argument(value=n.Name(name=name))]):
                    return name == owner.name
                case n.Name(name=name):
                    return self.analysis.lengths.get(name) == owner.name
        return False

    # --- names -------------------------------------------------------------------------------------------------------

    def is_set(self, name: str) -> bool:
        """Whether a variable can be read without testing whether it is set.

        A variable that is not guarded can, but if it may turn out not to be set it is noted for `guard_unsure`.
        """
        if name not in self.body.variables:
            return name in self._hidden
        assigned = name in self.flow.assigned
        if not assigned and name not in self.guarded:
            self._unsure.add(name)
        return assigned or name not in self.guarded

    def guard_unsure(self) -> bool:
        """Guards the variables that have been read untested though they may not be set; whether there are any.

        The code has to be generated again then.
        """
        unsure, self._unsure = self._unsure, set()
        self.guarded |= unsure
        return bool(unsure)

    def take_apart(self) -> None:
        """Prepares for a body whose statements are let go of as their code is generated, in inner functions.

        So nothing can be generated again, and every variable is guarded that may turn out not to be set.
        """
        self._apart = True
        self.guarded |= self.body.variables - set(self.body.params)
        self.types.forget(keep=False)  # those of all expressions of a long body, which this looks at once
        self._items = item_names(self.body, self.types)
        self.types.forget()
        self.liveness.find()
        if self.special is None:
            self.body.forget()

    def is_read_only(self, name: str) -> bool:
        """Whether a name is the host's and cannot be set."""
        return name in self.body.readonly

    @property
    def scope_is_function(self) -> bool:
        """Whether `eval` gets the variables from a function: naming them in each place would take too much code."""
        return self.body.evals * len(self.body.variables) > _MOST_NAMES

    def scope(self) -> ast.expr:
        """Code that makes a map of the variables by name, for `eval`."""
        names = sorted(self.body.variables)
        keys: list[ast.expr | None] = [*map(py.const, names)]
        values: list[ast.expr] = [*map(py.variable, names)]
        if LAST not in self.body.variables:
            keys.append(py.const(LAST))
            values.append(py.name(LATEST))
        return ast.Dict(keys, values)

    def nonlocals(self, code: list[ast.stmt], *more: str, without: Iterable[str] = ()) -> list[ast.stmt]:
        """The ``nonlocal`` statement of an inner function, for the body's variables and ``more`` locals in its code."""
        used = {part.id for part in py.walk(code) if isinstance(part, ast.Name)}
        mine = {abi.VARIABLE + name for name in self.body.variables}.union({LATEST, *more}).difference(without)
        return [ast.Nonlocal(sorted(used & mine))] if used & mine else []

    def locals_in(self, code: list[ast.stmt], *without: str) -> list[str]:
        """The locals of the body's function that code mentions, those of some variables apart."""
        used = {part.id for part in py.walk(code) if isinstance(part, ast.Name)}
        variables = {abi.VARIABLE + name for name in self.body.variables.difference(without)}
        stored = {part.target.id for part in py.walk(code) if isinstance(part, ast.NamedExpr)} & {LATEST}
        return sorted(used & (variables | {LATEST, abi.DEPTH}) - (stored if self.body.leaves else set()))

    # --- expressions -------------------------------------------------------------------------------------------------

    def type_of(self, expression: n.Expr) -> Type:
        """The inferred type of the value, at the current statement."""
        kind = self.types.of(expression)
        if self.bounds.known and kind.kinds & INT and not kind.natural and kind.within(INT | NIL):
            least = self.bounds.least(expression)
            if least is not None and least >= 0:
                return kind._replace(natural=True)
        return kind

    def made(self, expression: n.Expr) -> n.Expr:
        """Keeps an expression that is no part of the program, so that its identity is not used again."""
        self._made.append(expression)
        return expression

    def type_or_nil(self, expression: n.Expr, kind: Type) -> Type:
        """The type of an operand of type ``kind`` that counts as nil where it is a variable that is not set."""
        if not isinstance(expression, n.Name) or self.is_set(expression.name):
            return kind
        return ANY  # while it is not set, it may be the name of a procedure

    def is_item(self, expression: n.Expr) -> bool:
        """Whether the value certainly is an item of a list or map, which may be stored in another without a test."""
        if self._items is None:
            self._items = item_names(self.body, self.types)
        return is_item(expression, self._items, self.types)

    def is_bounded_by_calls(self, expression: n.Expr) -> bool:
        """Whether the value can be stored untested, unless `abi.DEEP_CALLS` tells of calls deep inside one another."""
        return self.growth is not None and self.growth.is_bounded(expression)

    def never_fuzzy(self, expression: n.Expr) -> bool:
        """Whether the value is certainly not a fuzzy."""
        return not self.type_of(expression).kinds & OTHER

    def is_procedure(self, name: str) -> bool:
        """Whether a name means a procedure of the program as a value."""
        hidden = name in self.body.variables or name == LAST or name in TYPE_CONSTANTS
        return not hidden and name in self.unit.procedures and name not in self.unit.globals

    def is_repeatable(self, expression: n.Expr) -> bool:
        """Whether the code may stand in two places: it is a short literal, or a variable that is read untested."""
        if isinstance(expression, n.Literal):
            return not isinstance(expression.value, str) or len(expression.value) < _LONG_TEXT
        return isinstance(expression, n.Name) and (self.is_set(expression.name) or self.is_procedure(expression.name))

    def is_pure(self, expression: n.Expr) -> bool:
        """Whether the expression cannot fail and has no effects, so that it may be evaluated at any time."""
        if isinstance(expression, n.Name):
            return self.is_assigned(expression.name) or self.is_procedure(expression.name)
        return isinstance(expression, n.Literal)

    def is_certain(self, expression: n.Expr) -> bool:
        """Whether evaluating the expression cannot fail and has no effects, as reading a field that is there."""
        if isinstance(expression, n.Index) and isinstance(expression.index, n.Literal):
            kind = self.type_of(expression.value)
            return kind.has(expression.index.value) and not kind.kinds & NIL and self.is_certain(expression.value)
        return self.is_pure(expression)

    def is_pure_code(self, made: ast.expr) -> bool:
        """Whether generated code cannot fail and has no effects."""
        if isinstance(made, ast.Name):
            return not made.id.startswith(abi.VARIABLE) or made.id.removeprefix(abi.VARIABLE) in self.flow.assigned
        return isinstance(made, ast.Constant)

    def is_assigned(self, name: str) -> bool:
        """Whether a name is that of a variable which certainly is set at the current statement."""
        return name in self._hidden or (name in self.flow.assigned and name in self.body.variables)

    def hide(self, name: str, value: n.Expr) -> str:
        """Makes a variable that no script can name, for the value of an expression in the current statement."""
        self._hidden.add(name)
        self.types.types[name] = self.type_of(value)
        return name

    def as_last(self, call: ast.expr) -> ast.expr:
        """Code of a call that also makes its result the value of ``last``, where the body uses that."""
        return py.bind(LATEST, call) if self.body.uses_last else call


class Expressions(Protocol):
    """Generates code for expressions; the part of `ExpressionGenerator` that other generators use."""

    def value(self, expression: n.Expr) -> ast.expr:
        """Code that gives the expression's value."""

    def condition(self, expression: n.Expr) -> ast.expr:
        """Code whose Python truth is the expression's truth."""

    def value_or_nil(self, expression: n.Expr) -> ast.expr:
        """Code that gives an operand's value, nil for a variable that is not set."""

    def operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        """Code that evaluates the expression, and code that gives the value again."""
