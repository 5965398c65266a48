"""Which of their parameters procedures change, or keep, so that a caller had better let go of what it passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from neuroscript.compiler.analysis.interprocedural import Calls
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import arguments_of, statements
from neuroscript.compiler.unit import Unit
from neuroscript.syntax import nodes as n

_NONE: frozenset[str] = frozenset()


def changed_params(procedures: list[Body], unit: Unit, calls: Calls) -> dict[str, frozenset[str]]:
    """The parameters that procedures change, or keep, or give to others of the program which do, by procedure.

    Those are the ones that are assigned to, or stored in; and those that are stored in something else, since what is
    read from that may be changed.  A caller that needs its argument no more had better let go of it.
    """
    found = {body.name: _own_changes(body) for body in procedures}
    givers: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for body in procedures:
        for call in calls.by[body.name]:
            for param, argument in arguments_of(call, unit.procedures[call.name].params).items():
                if isinstance(argument, n.Name) and argument.name in body.params:
                    givers[call.name, param].append((body.name, argument.name))
    due = [(name, param) for name, params in found.items() for param in params]
    while due:
        for name, own in givers.pop(due.pop(), ()):
            if own not in found[name]:
                found[name].add(own)
                due.append((name, own))
    return {name: frozenset(params) if params else _NONE for name, params in found.items()}


def _own_changes(body: Body) -> set[str]:
    """The parameters that a procedure changes itself, or keeps, or gives to a procedure that is a value."""
    changed = {*body.changed, *_kept_by(body)}
    for call in body.calls:
        if call.name in body.variables:
            changed.update(_names(call.args))
    changed.update(_names(argument for call in body.value_calls for argument in call.args))
    return changed.intersection(body.params)


def _kept_by(body: Body) -> Iterator[str]:
    """The variables whose values a body stores in lists and maps."""
    for part in body.literals:
        items = part.items if isinstance(part, n.ListExpr) else [value for _, value in part.entries]
        yield from (item.name for item in items if isinstance(item, n.Name))
    if body.params:
        for statement in statements(body.block):
            match statement:
                case n.Set(targets=targets, value=n.Name(name=name)) if any(target.path for target in targets):
                    yield name
                case n.Set(value=n.ToolCall(args=args)):
                    yield from _names(args)


def _names(args: Iterable[n.Argument]) -> Iterator[str]:
    return (argument.value.name for argument in args if isinstance(argument.value, n.Name))


def changed_arguments(
    call: n.Call | n.CallValue, body: Body, unit: Unit, changed: Mapping[str, frozenset[str]]
) -> Iterator[n.Expr]:
    """The arguments of a call that go to parameters which the procedure, one of the same program, changes.

    A procedure that is a value may change any of them.

    Args:
        call: the call.
        body: where it stands.
        unit: what the program is compiled against.
        changed: the result of `changed_params`.
    """
    if isinstance(call, n.CallValue) or call.name in body.variables:
        if body.enters(call.args):
            yield from (argument.value for argument in call.args)
        return
    name = call.name
    params = changed.get(name)
    signature = unit.procedures.get(name)
    if not params or signature is None or name in unit.globals:
        return
    for position, argument in enumerate(call.args):
        param = argument.name or (signature.params[position] if position < len(signature.params) else "")
        if param in params:
            yield argument.value
