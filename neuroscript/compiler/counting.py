"""Loops that count: ``while i < n … set i = i + 1``, where nothing else sets either of the two."""

from __future__ import annotations

from neuroscript.compiler.ownership import assigned_in, stored_in
from neuroscript.compiler.resolve import inner_blocks
from neuroscript.syntax import nodes as n


def counter(loop: n.While) -> tuple[str, str, n.Expr, int] | None:
    """A loop that counts: its variable, the comparison, the bound, and what each turn adds; None for any other."""
    match loop:
        case n.While(
            condition=n.Chain(first=n.Name(name=name), rest=[(("<" | "<=" | ">" | ">=") as operator, bound, _)]),
            body=[
                *body,
                n.Set(
                    targets=[n.Target(name=target, path=[])],
                    value=n.Chain(first=n.Name(name=own), rest=[(("+" | "-") as sign, n.Literal(value=step), _)]),
                    must=False,
                ),
            ],
        ) if name == target == own and type(step) is int and step > 0:
            step = step if sign == "+" else -step
        case _:
            return None
    if (step > 0) != (operator in ("<", "<=")) or _goes_on(body):
        return None
    fixed = {name}
    match bound:
        case n.Name(name=other) | n.Call(name="len", args=[n.Argument(value=n.Name(name=other), name=None)]):
            if other == name:
                return None
            fixed.add(other)
        case n.Literal():
            pass
        case _:
            return None
    return (name, operator, bound, step) if fixed.isdisjoint((*assigned_in(body), *stored_in(body))) else None


def _goes_on(block: n.Block) -> bool:
    """Whether a ``continue`` belongs to the loop of this block."""
    for statement in block:
        if isinstance(statement, n.Continue):
            return True
        if isinstance(statement, n.If) and any(map(_goes_on, inner_blocks(statement))):
            return True
    return False
