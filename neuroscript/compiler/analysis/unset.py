"""Which variables of a body may be read before they are set.

Such a read may find a procedure, a host global or a type constant of the variable's name, and which there are is known
only when it is made: programs may be loaded later.  So the value may be of any type.
"""

from __future__ import annotations

from collections.abc import Iterable

from neuroscript.compiler.error_handlers import changed_by
from neuroscript.compiler.resolve import SYSTEM_NAMES, Body
from neuroscript.compiler.traversal import assigned_by, certainly_succeeds, expressions
from neuroscript.records import record
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders


@record(frozen=True)
class Unset:
    """What may be read before it is set.

    Attributes:
        names: the variables.
        reads: the places of the expressions that read them then.
        stores: the places of the targets of items whose variables, none of these, certainly are set.
    """

    names: frozenset[str] = frozenset()
    reads: frozenset[n.Place] = frozenset()
    stores: frozenset[n.Place] = frozenset()


_NOTHING = Unset()


def read_unset(body: Body) -> Unset:
    """Finds the variables of a body, parameters apart, that may be read before they are set."""
    reads = _Reads(body)
    reads.block(body.block)
    found = reads.found.copy()
    for handler in body.handlers:
        reads.begin(SYSTEM_NAMES)
        reads.block(handler.body)
        # What only the handler reads tells nothing of what the body reads, unless that goes on behind any statement.
        found |= reads.found if body.resumes else reads.found.intersection(changed_by(handler.body))
    if not (found or reads.places or reads.stores):
        return _NOTHING
    return Unset(frozenset(found), frozenset(reads.places), frozenset(reads.stores))


class _Reads:
    """Follows the statements of a body in order.

    Attributes:
        found: the variables that may be read before they are set.
        places: of these reads.
        stores: the places of the targets of items whose variables are set.
        assigned: the variables that are certainly set, besides the parameters.
    """

    def __init__(self, body: Body) -> None:
        self.found: set[str] = set()
        self.places: set[n.Place] = set()
        self.stores: set[n.Place] = set()
        self.assigned: set[str] = set()
        self._params = set(body.params)
        self._variables = body.variables - self._params
        self._tolerant = body.tolerant
        self._resumes = body.resumes
        self._parts_of = body.parts_of
        self._order: list[str] = []  # what was put into `assigned`, so that a branch can be taken back

    def begin(self, names: tuple[str, ...]) -> None:
        """Begins a block before which only these are certainly set."""
        self.assigned = set(names)
        self._order = []

    def block(self, block: n.Block) -> bool:
        """Follows a block; whether control may go on behind it."""
        goes_on = True
        for statement in block:
            for expression in expressions(statement):
                self._expression(expression)
            if isinstance(statement, n.Set):
                stores = (target for target in statement.targets if target.path and target.name in self.assigned)
                self.stores.update(target.place for target in stores)
            match statement:
                case n.If():
                    goes_on = self._if(statement) and goes_on
                case n.While(body=inner) | n.ForEach(body=inner):
                    mark = len(self._order)
                    if isinstance(statement, n.ForEach):
                        self._assign(statement)
                    self.block(inner)
                    self._take_back(mark)
                case n.Return() | n.Fail() | n.Break() | n.Continue():
                    goes_on = goes_on and self._resumes  # it may fail, or be handled
                case n.OnError():
                    pass  # a body of its own
                case _ if not self._resumes or _cannot_fail(statement, self.assigned | self._params):
                    self._assign(statement)
        return goes_on

    def _if(self, statement: n.If) -> bool:
        ends: list[set[str]] = []
        for block in (*(block for _, block in statement.branches), statement.orelse or []):
            mark = len(self._order)
            goes_on = self.block(block)
            names = self._take_back(mark)
            if goes_on:
                ends.append(names)
        if ends and not self._resumes:  # else its condition may have failed
            self._add(set.intersection(*ends))
        return bool(ends)

    def _assign(self, statement: n.Stmt) -> None:
        self._add(assigned_by(statement))
        targets = statement.targets if isinstance(statement, n.Set) else []
        self._add(target.name for target in targets)  # an item of what is not set makes a list or map

    def _add(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.assigned:
                self.assigned.add(name)
                self._order.append(name)

    def _take_back(self, mark: int) -> set[str]:
        names = set(self._order[mark:])
        del self._order[mark:]
        self.assigned -= names
        return names

    def _expression(self, expression: n.Expr) -> None:
        for part in self._parts_of(expression):
            form = type(part)
            if form is n.Literal or form is n.Index or form is n.Chain:
                continue  # as most are
            if isinstance(part, n.Name):
                if id(part) not in self._tolerant and self._read(part.name):
                    self.places.add(part.place)
            elif isinstance(part, n.Call):
                if self._read(part.name):
                    self.places.add(part.place)
            elif isinstance(part, n.Raw):
                self._placeholders(part.text, part.span, raw=True)
            elif isinstance(part, n.Eval) and isinstance(part.text, n.Literal) and isinstance(part.text.value, str):
                self._placeholders(part.text.value, part.text.span, raw=False)

    def _placeholders(self, text: str, span: n.Span, *, raw: bool) -> None:
        names = [piece[0] for piece in placeholders(text) if not isinstance(piece, str)]
        if not self.assigned.issuperset(names):
            places = placeholder_spans(text, span, raw=raw)
            self.places |= {place for name, place in zip(names, places, strict=True) if self._read(name)}

    def _read(self, name: str) -> bool:
        """Notes a read; whether the variable may not be set."""
        if name not in self._variables or name in self.assigned:
            return False
        self.found.add(name)
        return True


def _cannot_fail(statement: n.Stmt, assigned: set[str]) -> bool:
    """Whether a statement certainly sets its variable, so that an error handler never goes on behind it unset."""
    match statement:
        case n.Set(targets=[n.Target(path=[])], value=value, must=False):
            return certainly_succeeds(value, assigned.__contains__)
    return False
