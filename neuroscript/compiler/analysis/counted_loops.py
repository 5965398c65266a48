"""Loops that count: ``while i < n … set i = i + 1``, where nothing else sets either of the two."""

from __future__ import annotations

from typing import NamedTuple

from neuroscript.compiler.traversal import assigned_in, inner_blocks, stored_in
from neuroscript.syntax import nodes as n


class Counter(NamedTuple):
    """What a loop counts with; ``down`` tells whether each turn takes the step off."""

    name: str
    operator: str
    bound: n.Expr
    step: n.Expr
    down: bool

    @property
    def by_one(self) -> bool:
        """Whether each turn adds one."""
        return isinstance(self.step, n.Literal) and self.step.value == 1 and not self.down


def counter(loop: n.While) -> Counter | None:
    """What a loop counts with; None for a loop that does not count."""
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


def _goes_on(block: n.Block) -> bool:
    """Whether a ``continue`` belongs to the loop of this block."""
    for statement in block:
        if isinstance(statement, n.Continue):
            return True
        if isinstance(statement, n.If) and any(map(_goes_on, inner_blocks(statement))):
            return True
    return False
