"""Loops whose turns undo one another, never get past one item, or end in the first one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import assigned_in, expressions, statements, stored_in, walk
from neuroscript.lint.failing import names_in
from neuroscript.lint.holding import BOOLEAN, Holding
from neuroscript.lint.loops import leaves
from neuroscript.lint.reads import Uses
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]

_STEADY = ("str", "list", "map", "regex")  # groups of tools that give the same for the same


def in_turns(loop: n.While | n.ForEach, body: Body, holding: Holding, uses: Uses) -> Iterator[Found]:
    """What is wrong with the way from one turn to the next."""
    yield from _first_turn(loop)
    if isinstance(loop, n.ForEach):
        yield from _overwritten(loop, body, holding, uses)
    elif not any(handler.body for handler in body.handlers):
        yield from _wrong_way(loop)
        yield from _skipped_change(loop, body)


# --- loops that end in the first turn --------------------------------------------------------------------------------


def _first_turn(loop: n.While | n.ForEach) -> Iterator[Found]:
    """Both branches return true or false, or a sum is returned in the loop that adds to it."""
    if not loop.body:
        return
    match loop.body[-1]:
        case n.If(branches=branches, orelse=[*_, n.Return(values=[n.Literal(value=bool() as value)]) as final]):
            ends = [block[-1] if block else None for _, block in branches]
            if all(isinstance(end, n.Return) for end in ends) and not _continues(loop):
                cure = f"put `return {str(value).lower()}` after the loop"
                told = f"the first turn always returns, so that no other item is reached: {cure}"
                yield "first-turn-only", final.span, told
        case n.Return(values=[n.Name(name=name)]) as final:
            adds = any(_step(statement, name) is not None for statement in statements(loop.body))
            if adds and not _continues(loop):
                told = f"the first turn always returns, so that nothing else is added to '{name}'"
                yield "first-turn-only", final.span, f"{told}: put `return {name}` after the loop"


def _continues(loop: n.While | n.ForEach) -> bool:
    return any(isinstance(each, n.Continue) for each in statements(loop.body))


def _step(statement: n.Stmt, name: str) -> n.Chain | None:
    """The value of a statement that changes a variable by an operator."""
    match statement:
        case n.Set(targets=[n.Target(name=own, path=[])], value=n.Chain(first=n.Name(name=first)) as chain):
            return chain if own == first == name else None
    return None


# --- turns that undo one another -------------------------------------------------------------------------------------


def _overwritten(loop: n.ForEach, body: Body, holding: Holding, uses: Uses) -> Iterator[Found]:
    """A boolean that every turn sets anew, and that is read after the loop alone."""
    kept = _kept(loop, body, uses)
    if not kept:
        return
    for statement in loop.body:
        match statement:
            case n.Set(targets=[n.Target(name=name, path=[])], value=value) if holding.kind(value) == BOOLEAN:
                if loop.name in names_in([value]) and kept.get(name) == 1:
                    cure = f"write `if …`, `set {name} = true` and `break`, with `set {name} = false` before the loop"
                    told = f"each turn sets '{name}' anew, so that only the last item counts: {cure}"
                    yield "reset-in-loop", statement.span, told
            case n.If(branches=[(_, [*_, n.Set() as first])], orelse=[n.Set() as second]):
                match first, second:
                    case (
                        n.Set(targets=[n.Target(name=name, path=[])], value=n.Literal(value=bool() as yes)),
                        n.Set(targets=[n.Target(name=other, path=[])], value=n.Literal(value=bool() as no)),
                    ) if name == other and yes != no and kept.get(name) == 2:
                        cure = f"set '{name}' before the loop and leave the `else` out, or `break` when it is settled"
                        told = f"each turn sets '{name}' anew, so that only the last item counts: {cure}"
                        yield "reset-in-loop", second.span, told


def _kept(loop: n.ForEach, body: Body, uses: Uses) -> dict[str, int]:
    """The variables that a loop sets and never reads, and that are read after it; how many statements set each."""
    if body.evals or leaves(loop.body):
        return {}
    inside = list(statements(loop.body))
    read = {name for each in inside for name in names_in(expressions(each))}
    end = max((each.span[:2] for each in inside), default=loop.span[:2])
    counts = Counter(assigned_in(loop.body))
    return {name: count for name, count in counts.items() if name not in read and uses.is_read_below(name, end)}


# --- turns that do not get any further -------------------------------------------------------------------------------


def _wrong_way(loop: n.While) -> Iterator[Found]:
    """``while i > 0`` where the loop only adds to `i`."""
    match loop.condition:
        case n.Chain(first=n.Name(name=name), rest=[("<" | ">" | "<=" | ">=" as operator, limit, _)]):
            pass
        case _:
            return
    if not isinstance(limit, n.Literal | n.Name | n.Call) or not _is_steady(limit) or leaves(loop.body):
        return
    changed = [*assigned_in(loop.body), *stored_in(loop.body)]
    if names_in([limit]) & set(changed):
        return
    wrong = "+" if operator.startswith(">") else "-"
    steps = [(each, step) for each in statements(loop.body) if (step := _step(each, name)) is not None]
    if not steps or len(steps) != changed.count(name):
        return
    for _, step in steps:
        match step.rest:
            case [(sign, n.Literal(value=int() | float() as by), _)] if sign == wrong and by > 0:
                continue
        return
    what, right = ("grows", "-") if wrong == "+" else ("falls", "+")
    told = f"'{name}' only {what} here, so that `{name} {operator} …` on line {loop.span[0]} never becomes false"
    yield "endless-loop", steps[0][0].span, f"{told}: write `set {name} = {name} {right} 1`"


def _skipped_change(loop: n.While, body: Body) -> Iterator[Found]:
    """A `continue` before anything has changed that the condition of the loop, or of the branch, asks about."""
    asked = names_in([loop.condition]) & body.variables
    if not asked or not _is_steady(loop.condition):
        return
    changed: set[str] = set()
    for statement in loop.body:
        match statement:
            case n.If(branches=branches):
                for condition, block in branches:
                    if not _is_steady(condition) or names_in([condition]) & changed:
                        return
                    reads = asked | names_in([condition])
                    if not block or not isinstance(block[-1], n.Continue) or leaves(block):
                        continue
                    if not reads & {*assigned_in(block), *stored_in(block)}:
                        told = f"nothing has changed here that line {loop.span[0]} asks about, so that it never ends"
                        name = next((name for name in assigned_in(loop.body) if name in asked), min(asked))
                        cure = f"change '{name}' before `continue`"
                        yield "endless-loop", block[-1].span, f"{told}: {cure}"
                        return
            case n.Set(targets=[n.Target(name=name, path=[])], value=value):
                if name not in asked and _is_steady(value) and not names_in([value]) & (changed | {name}):
                    continue
        if leaves([statement]):
            return
        changed |= {*assigned_in([statement]), *stored_in([statement])}
        if changed & asked:
            return


def _is_steady(value: n.Expr) -> bool:
    """Whether an expression gives the same as long as its variables do."""
    for part in walk(value):
        match part:
            case n.CallValue() | n.Eval() | n.Name(name="last"):
                return False
            case n.Call(name=name) if name != "len" and name not in BUILTINS:
                return False
            case n.ToolCall(name=name) if name.lower().partition(".")[0] not in _STEADY:
                return False
    return True
