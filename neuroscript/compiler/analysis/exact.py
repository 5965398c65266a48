"""Quotients that certainly are whole: ``n / 2`` behind ``n % 2 == 0``, and ``(n - n % 10) / 10``.

The language has one kind of division, whose result is whole where it goes even.  Programs that mean to divide whole
numbers make sure that it does, in one of these ways, or round the quotient.
"""

from __future__ import annotations

from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import assigned_by, assigned_in, children, expressions, follow
from neuroscript.syntax import nodes as n

Facts = frozenset[tuple[str, object]]
"""The variables that can be divided without a rest, each with by what: a whole number, or a variable's name."""

_NONE: Facts = frozenset()


def exact_quotients(body: Body) -> frozenset[n.Place]:
    """The divisions of whole numbers whose results certainly are whole, by the place of the operator.

    In a body with error handlers only those are found that prove it themselves, since execution may go on behind a
    statement that failed.
    """
    if not body.operators.issuperset("/%"):
        return frozenset()
    quotients = _Quotients(follows=not body.resumes and not body.leaves and body.session is None)
    quotients.block(body.block, _NONE)
    return frozenset(quotients.found)


class _Quotients:
    """Follows statements; what can be divided at a point is given from one to the next.

    Attributes:
        found: the places of the divisions.
    """

    def __init__(self, *, follows: bool) -> None:
        self.found: set[n.Place] = set()
        self._follows = follows

    def block(self, block: n.Block, known: Facts) -> Facts | None:
        """Follows a block; what is known behind it, None if control does not go on there."""
        return follow(block, known, self._statement, _NONE)

    def _statement(self, statement: n.Stmt, known: Facts) -> Facts | None:
        match statement:
            case n.If(branches=branches, orelse=orelse):
                ends = []
                for condition, block in branches:
                    self._expression(condition, known)
                    ends.append(self.block(block, known | self._told(condition, holds=True)))
                    known |= self._told(condition, holds=False)
                ends.append(self.block(orelse or [], known))
                reached = [end for end in ends if end is not None]
                return frozenset.intersection(*reached) if reached else None
            case n.While(condition=condition, body=body):
                known = _without(known, {*assigned_in(body)})
                self._expression(condition, known)
                self.block(body, known | self._told(condition, holds=True))
                return known
            case n.ForEach(collection=collection, body=body):
                self._expression(collection, known)
                known = _without(known, {*assigned_in([statement])})
                self.block(body, known)
                return known
            case n.OnError(body=body):
                self.block(body, _NONE)
                return known
        for expression in expressions(statement):
            self._expression(expression, known)
        if isinstance(statement, n.Return | n.Fail | n.Break | n.Continue):
            return None
        return _without(known, {*assigned_by(statement)})

    def _expression(self, expression: n.Expr, known: Facts) -> None:
        match expression:
            case n.Chain(first=n.Name(name=name), rest=[("/", divisor, place), *_]) if (name, _key(divisor)) in known:
                self.found.add(place)
            case n.Chain(
                first=n.Chain(
                    first=n.Name(name=name),
                    rest=[("-", n.Chain(first=n.Name(name=other), rest=[("%", by, _)]), _)],
                ),
                rest=[("/", divisor, place), *_],
            ) if name == other and _key(by) == _key(divisor) is not None:
                self.found.add(place)
        for part in children(expression):
            self._expression(part, known)

    def _told(self, condition: n.Expr, *, holds: bool) -> Facts:
        """What can be divided where a condition holds, or does not."""
        match condition:
            case n.Unary(op="not", operand=operand):
                return self._told(operand, holds=not holds)
            case n.Chain(first=first, rest=[("and" | "or" as joined, _, _), *_] as rest) if holds == (joined == "and"):
                told = (self._told(operand, holds=holds) for operand in (first, *(operand for _, operand, _ in rest)))
                return _NONE.union(*told)
            case n.Chain(
                first=n.Chain(first=n.Name(name=name), rest=[("%", divisor, _)]),
                rest=[("==" | "!=" as operator, n.Literal(value=0), _)],
            ) if holds == (operator == "==") and self._follows and _key(divisor) is not None:
                return frozenset({(name, _key(divisor))})
        return _NONE


def _key(divisor: n.Expr) -> object:
    """What stands for a divisor; None for one that may change."""
    match divisor:
        case n.Name(name=name):
            return name
        case n.Literal(value=value) if type(value) is int and value:
            return value
    return None


def _without(known: Facts, names: set[str]) -> Facts:
    if not known or not names:
        return known
    return frozenset(fact for fact in known if names.isdisjoint(fact))
