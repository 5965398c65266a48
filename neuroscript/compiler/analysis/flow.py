"""Flow-sensitive analysis: definite assignment, and which variables own their lists and maps.

Both change from statement to statement.  They are not recorded ahead for every statement, which would take a walk and
memory of its own: code generation goes through the statements in their order, and moves a `Flow` along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from neuroscript.compiler.analysis.escape import EscapeAnalysis
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import assigned_by
from neuroscript.syntax import nodes as n


class Flow:
    """The facts that hold at the statement for which code is being generated.

    Args:
        body: the code.
        escape: tells when a variable stops being the only holder of its value.

    Attributes:
        assigned: the variables that are certainly set.
        owned: the variables whose lists and maps certainly nothing else holds.
    """

    def __init__(self, body: Body, escape: EscapeAnalysis) -> None:
        self.assigned: set[str] = set(body.params)
        self.owned: set[str] = set()
        self._escape = escape
        self._order: list[str] = []  # what was put into `assigned`, so that a branch can be taken back
        self._resumes = body.resumes
        self._owners = not body.resumes and not body.leaves and body.session is None

    def begin(self, names: Iterable[str]) -> None:
        """Begins a function, at whose start these variables are set."""
        self.assigned = set(names)
        self.owned = set()
        self._order = []

    # --- statements --------------------------------------------------------------------------------------------------

    def assign(self, name: str) -> None:
        """Records that a statement sets a variable; where execution goes on after errors it may have failed to."""
        if not self._resumes:
            self.certainly_set(name)

    def certainly_set(self, name: str) -> None:
        """Records that a variable is set from here on, whatever happens."""
        if name not in self.assigned:
            self.assigned.add(name)
            self._order.append(name)

    def enter(self, statement: n.Stmt) -> None:
        """Begins a statement: the variables whose values it lets escape own them no longer."""
        if self.owned:
            self.owned.difference_update(self._escape.by(statement))
            if isinstance(statement, n.Set) and len(statement.targets) > 1:  # one may be set before another is changed
                self.owned.difference_update(assigned_by(statement))

    def leave(self, statement: n.Stmt) -> None:
        """Ends a statement: the variables whose list or map it made, or changed, own it.

        Not where execution goes on after errors, as the statement may have failed.
        """
        if not self._owners:
            return
        match statement:
            case n.Set(targets=targets, value=value):
                made = len(targets) == 1 and isinstance(value, n.ListExpr | n.MapExpr)
                made = made or self._escape.extends(statement) or self._escape.appended(statement) is not None
                for target in targets:
                    if made or target.path:
                        self.owned.add(target.name)
                    else:
                        self.owned.discard(target.name)
            case n.Ask(into=n.Target() as target):
                self.owned.discard(target.name)

    # --- branches and loops ------------------------------------------------------------------------------------------

    def branches(self) -> Branches:
        """Begins an ``if``."""
        return Branches(self)

    @contextmanager
    def loop(self, statement: n.Stmt) -> Iterator[None]:
        """Context manager for a loop, in which and after which only that holds which holds for any number of turns."""
        mark = self.mark()
        self.owned.difference_update(self._escape.within(statement))
        owned = self.owned.copy()
        yield
        self.owned = owned
        self.take_back(mark)

    def mark(self) -> int:
        """The current point, for `take_back`."""
        return len(self._order)

    def take_back(self, mark: int) -> set[str]:
        """Removes the variables that have been set since a mark, and returns them."""
        names = self._order[mark:]
        del self._order[mark:]
        self.assigned.difference_update(names)
        return set(names)


class Branches:
    """The branches of one ``if``: what holds before it holds in each, what holds after all holds behind it."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._owned = flow.owned
        self._mark = 0
        self._ends: list[tuple[set[str], set[str]]] = []  # of each branch that goes on: what it sets, what is owned

    def begin(self) -> None:
        """Begins a branch."""
        self._flow.owned = self._owned.copy()
        self._mark = self._flow.mark()

    def end(self, *, goes_on: bool) -> None:
        """Ends a branch; its facts count if control goes on behind the ``if``."""
        names = self._flow.take_back(self._mark)
        if goes_on:
            self._ends.append((names, self._flow.owned))

    def join(self, *, certain: bool) -> None:
        """Ends the ``if``.

        Args:
            certain: whether one branch has certainly run; not where a condition may have failed and been handled.
        """
        if not self._ends:
            self._flow.owned = self._owned
            return
        self._flow.owned = set.intersection(*(owned for _, owned in self._ends))
        if certain:
            for name in set.intersection(*(names for names, _ in self._ends)):
                self._flow.certainly_set(name)
