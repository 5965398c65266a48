"""Counted loops: ``while i < n … set i = i + 1``, where nothing else sets either of the two.

Generated code runs one as a loop over a range, which counts in C.
"""

from __future__ import annotations

from collections import Counter as Counts
from typing import NamedTuple

from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import assigned_by, assigned_in, inner_blocks, stored_in
from neuroscript.syntax import nodes as n


class Counter(NamedTuple):
    """The induction variable of a counted loop, its test ``name operator bound``, and its step.

    ``down`` tells whether the step is subtracted.
    """

    name: str
    operator: str
    bound: n.Expr
    step: n.Expr
    down: bool

    @property
    def by_one(self) -> bool:
        """Whether each turn adds one."""
        return isinstance(self.step, n.Literal) and self.step.value == 1 and not self.down


def counted_loops(body: Body) -> dict[int, Counter]:
    """Finds the counted loops of a body; their counters, by the ``id`` of the `While` node.

    In a body whose error handlers let execution go on behind a statement that failed there are none; nor where
    variables belong to an interactive session.
    """
    if body.resumes or body.session is not None:
        return {}
    return {id(loop): found for loop in body.loops if (found := counter(loop)) is not None}


def counter(loop: n.While) -> Counter | None:
    """Recognises a counted loop by its form; None for any other."""
    match loop:
        case n.While(
            condition=n.Chain(first=n.Name(name=name), rest=[(("<" | "<=" | ">" | ">=") as operator, bound, _)]),
            body=[
                *body,
                n.Set(
                    targets=[n.Target(name=target, path=[])],
                    value=n.Chain(first=n.Name(name=own), rest=[(("+" | "-") as sign, step, _)]),
                    must=False,
                ),
            ],
        ) if name == target == own:
            down = sign == "-"
        case _:
            return None
    fixed = [name]
    match step:
        case n.Literal(value=int() as value) if value > 0 and type(value) is int:
            pass
        case n.Name(name=other):
            fixed.append(other)
        case _:
            return None
    match bound:
        case n.Chain(first=first, rest=rest) if all(sign in ("+", "-") for sign, _, _ in rest):
            terms = [first, *(term for _, term, _ in rest)]
        case _:
            terms = [bound]
    for term in terms:
        match term:
            case n.Name(name=other) | n.Call(name="len", args=[n.Argument(value=n.Name(name=other), name=None)]):
                fixed.append(other)
            case n.Literal():
                pass
            case _:
                return None
    if down != (operator in (">", ">=")) or name in fixed[1:] or _goes_on(body):
        return None
    changed = {*assigned_in(body), *stored_in(body)}
    return Counter(name, operator, bound, step, down) if changed.isdisjoint(fixed) else None


def lengths(body: Body) -> dict[str, str]:
    """The variables that hold the length of another variable's list or string, or less than it; and those others.

    Neither is set again, and what is stored in a list does not make it shorter.
    """
    if body.resumes or body.session is not None:
        return {}
    found: dict[str, str] = {}
    if not any(call.name == "len" for call in body.calls):
        return found
    times = Counts(assigned_in(body.block))
    once = {name for name in body.params if not times[name]}
    for statement in body.block:
        match statement:
            case n.Set(
                targets=[n.Target(name=name, path=[])],
                value=n.Call(name="len", args=[n.Argument(value=n.Name(name=owner), name=None)]),
            ) if times[name] == 1 and name not in body.params and owner in once:
                found[name] = owner
        # Behind a statement of the body itself, which is executed once, its variables hold what they always will.
        once.update(name for name in assigned_by(statement) if times[name] == 1 and name not in body.params)
    return found


def _goes_on(block: n.Block) -> bool:
    """Whether a ``continue`` belongs to the loop of this block."""
    for statement in block:
        if isinstance(statement, n.Continue):
            return True
        if isinstance(statement, n.If) and any(map(_goes_on, inner_blocks(statement))):
            return True
    return False
