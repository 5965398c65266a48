"""How deeply what recursive procedures give is nested, by how deep their calls are.

A procedure that makes a tree stores in each list or map what its own calls have given.  No type tells how deep that is,
but every level of it took a call inside another: with so many calls inside one another, and a few levels made by each
of them, there are no more levels than the product.  So while no such call has been deeper than some bound, nothing that
these procedures store of one another's results is nested too deeply, and nobody has to look.

It holds of procedures whose results are made of such results and of what types bound, and of nothing else: not of
tools or globals that may be nested in any way, nor of a variable that gets deeper with each turn of a loop.  Arguments
are nested no more deeply than anything may be; so a result may hold what was in one, as far down as it was, which is
what ``set node.left = insert(node.left, key)`` does to a tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from neuroscript.compiler.analysis.effects import Assignment, Effects
from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.types import ANY, CONTAINER, LIST, OTHER, Type
from neuroscript.compiler.resolve import Body
from neuroscript.records import record
from neuroscript.syntax import nodes as n

_MOST = 6  # levels that a call makes, and that anything else has
_LEAST_CALLS = 8  # inside one another, below which it is no gain
_ROUNDS = 2 * _MOST + 4
_LONG = 200  # statements of a body, for all of whose expressions types are not kept

Depth = tuple[int, int, int]
"""A bound on how deeply a value is nested, the greatest of three: the first number; as deeply as any result of so many
calls inside one another as the body's own calls may make, and the second number; the body's deepest argument and the
third.  The second or third is `_NONE` where nothing of these is in it."""

_NONE = -100
_FLAT: Depth = (0, _NONE, _NONE)
_ANY: Depth = (_MOST + 1, _NONE, _NONE)
_RESULT: Depth = (0, 0, _NONE)
_ARGUMENT: Depth = (0, _NONE, 0)

_APPENDING = frozenset({"list.append", "list.push", "list.prepend"})

Standard = Callable[[str], bool]


@record(frozen=True)
class Growth:
    """What holds of one version of a body.

    Attributes:
        calls: inside one another, up to which nothing that it stores of their results is nested too deeply.
        depths: of its values.
    """

    calls: int
    depths: Depths

    def is_bounded(self, value: n.Expr) -> bool:
        """Whether a value is nested no more deeply than calls are, or than what is in an argument."""
        depth = self.depths.of(value)
        return _is_known(depth) and depth[2] < 0


def find_growth(
    versions: Mapping[str, Inference], max_nesting: int, is_standard: Standard, effects: Callable[[Body], Effects]
) -> dict[str, Growth]:
    """Finds the procedures whose results are as deep as their calls.

    Args:
        versions: by procedure, the types of the version that all calls of these versions go to.
        max_nesting: levels of lists and maps, of which a value that is stored may have one less.
        is_standard: whether a tool is the standard one of its name.
        effects: gives those of a body's statements.

    Returns:
        What is known, by procedure.
    """
    found = {
        name: Depths(types, effects(types.body).made, is_standard)
        for name, types in versions.items()
        if _may_grow(types)
    }
    before = -1
    while found and before != len(found):
        before = len(found)
        names = frozenset(found)
        for name in names:
            types = versions[name]
            is_long = types.body.size > _LONG
            if is_long:
                types.forget(keep=False)
            if not found[name].solve(names):
                del found[name]
            if is_long:
                types.forget()
    results = [depths.result for depths in found.values()]
    made = max((more for _, more, _ in results), default=_NONE)
    if made <= 0:
        return {}  # nothing grows, or no more than types tell
    start = max(made, *(least for least, _, _ in results))
    calls = (max_nesting - 1 - start - _MOST) // made
    if calls < _LEAST_CALLS:
        return {}
    return {name: Growth(calls, depths) for name, depths in found.items()}


def _may_grow(types: Inference) -> bool:
    """Whether a version of a procedure gives lists or maps that no type bounds, by statements that can be followed."""
    body = types.body
    if body.handlers or body.evals or body.session is not None:
        return False
    result = types.calls.get(body.name, ANY)
    return bool(result.kinds & CONTAINER) and not result.kinds & OTHER and _levels(result) > _MOST


def _levels(kind: Type) -> int:
    """How deeply values of a type are nested; more than `_MOST` for any depth."""
    reached = {kind}
    for depth in range(_MOST + 1):
        if any(each.kinds & OTHER for each in reached):
            break
        holding = [each for each in reached if each.kinds & CONTAINER]
        if not holding:
            return depth
        reached = {field for each in holding for shape in each.shapes for field in shape.items()}
        reached |= {each.item if each.item is not None else ANY for each in holding if not each.shapes}
    return _MOST + 1


class Depths:
    """The depths of the values in one version of a body.

    Attributes:
        result: of what it returns.
    """

    def __init__(self, types: Inference, assignments: list[Assignment], is_standard: Standard) -> None:
        self.result = _FLAT
        self._types = types
        self._body: Body = types.body
        self._assignments = assignments
        self._is_standard = is_standard
        self._names: frozenset[str] = frozenset()
        self._variables: dict[str, Depth] = {}

    def solve(self, names: frozenset[str]) -> bool:
        """Finds the depths of variables, and of the result, given which procedures grow; whether this one may."""
        self._names = names
        self._variables = {name: _ANY if name in self._types.foreign else _FLAT for name in self._body.variables}
        for name in self._body.params:
            kind = self._types.types.get(name, ANY)
            self._variables[name] = _of_type(kind) or (_ANY if kind.kinds & OTHER else _ARGUMENT)
        for _ in range(_ROUNDS):
            changed = False
            for assignment in self._assignments:
                old = self._variables.get(assignment.name, _ANY)
                new = _joined((old, self._assigned(assignment)))
                if new != old:
                    self._variables[assignment.name] = new
                    changed = True
            if not changed:
                break
        else:
            return False
        self.result = _joined(self._returned(statement.values) for statement in self._body.returns)
        return _is_known(self.result)

    def _returned(self, values: list[n.Expr]) -> Depth:
        if len(values) == 1:
            return self.of(values[0])
        return _deeper(_joined(map(self.of, values)), 1) if values else _FLAT

    def _assigned(self, assignment: Assignment) -> Depth:
        """The depth that a variable has by one of its statements."""
        if assignment.value is None:
            return _ANY
        if assignment.keys:
            return _FLAT
        if assignment.each or assignment.place is not None:
            found = self._inside(assignment.value)
        else:
            found = self.of(assignment.value)
        return _deeper(found, len(assignment.path)) if assignment.path else found

    def _inside(self, collection: n.Expr) -> Depth:
        """The depth of the items of a collection."""
        if self._types.of(collection).kinds & OTHER:
            return _ANY
        return _deeper(self.of(collection), -1)

    def of(self, value: n.Expr) -> Depth:
        """The depth of an expression's value."""
        bounded = _of_type(self._types.of(value))
        if bounded is not None:
            return bounded
        match value:
            case n.Name(name=name):
                return self._variables.get(name, _ANY)
            case n.ListExpr(items=items):
                return _deeper(_joined(map(self.of, items)), 1)
            case n.MapExpr(entries=entries):
                return _deeper(_joined(self.of(item) for _, item in entries), 1)
            case n.Call(name=name, args=args) if name in self._names and name not in self._body.variables:
                return _joined((_RESULT, *(self.of(argument.value) for argument in args)))
            case n.Index(value=collection):
                return self._inside(collection)
            case n.Chain(first=first, rest=rest) if all(operator == "+" for operator, _, _ in rest):
                return _joined(map(self.of, (first, *(operand for _, operand, _ in rest))))
            case n.ToolCall(name=name, args=[n.Argument(value=listed, name=None), n.Argument(value=item, name=None)]):
                appends = name.lower() in _APPENDING and self._is_standard(name)
                if appends and self._types.of(listed).within(LIST):
                    return _joined((self.of(listed), _deeper(self.of(item), 1)))
        return _ANY


def _of_type(kind: Type) -> Depth | None:
    """The depth of values of a type; None where the type does not tell."""
    if not kind.kinds & (CONTAINER | OTHER):
        return _FLAT
    levels = _levels(kind)
    return (levels, _NONE, _NONE) if levels <= _MOST else None


def _joined(depths: Iterable[Depth]) -> Depth:
    """The depth of what may be any of some values."""
    least, more, kept = _FLAT
    for one, other, argument in depths:
        least, more, kept = max(least, one), max(more, other), max(kept, argument)
    return least, more, kept


def _deeper(depth: Depth, levels: int) -> Depth:
    """The depth of a list or map around a value, or of an item of one."""
    if not _is_known(depth):
        return depth
    least, *others = depth
    more, kept = (one if one == _NONE else max(one + levels, -_MOST) for one in others)
    return max(least + levels, 0), more, kept


def _is_known(depth: Depth) -> bool:
    """Whether a depth is a bound at all; what is deeper than an argument would be deeper with each call."""
    least, more, kept = depth
    return max(least, more) <= _MOST and kept <= 0
