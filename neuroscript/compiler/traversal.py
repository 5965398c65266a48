"""Walks over syntax trees: the statements of a block, the expressions of a statement, and what statements set."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Sized
from itertools import zip_longest
from typing import Any, Final, TypeVar

from neuroscript.runtime.in_place import CHANGES
from neuroscript.runtime.programs import Place
from neuroscript.syntax import nodes as n

FactsT = TypeVar("FactsT", bound=Sized)

_MOST_FACTS = 500
_PUT_BACK = frozenset({"list.append", "list.push", *map(str.lower, CHANGES)})  # tools whose work is done in place

# --- statements ------------------------------------------------------------------------------------------------------


def follow(
    block: n.Block, known: FactsT, through: Callable[[n.Stmt, FactsT], FactsT | None], nothing: FactsT
) -> FactsT | None:
    """Follows the statements of a block by the facts that hold between them.

    Facts are forgotten where there are hundreds: each statement takes time that grows with their number.

    Args:
        block: the statements.
        known: the facts before the first.
        through: gives the facts behind a statement from those before it; None if control does not go on there.
        nothing: no facts.

    Returns:
        the facts behind the last; None if control does not get there.
    """
    goes_on = True
    for statement in block:
        after = through(statement, known)
        goes_on = goes_on and after is not None
        if after is not None:
            known = after if len(after) <= _MOST_FACTS else nothing
    return known if goes_on else None


def statements(block: n.Block) -> Iterator[n.Stmt]:
    """All statements of a block and its inner blocks, in order, without those in the bodies of error handlers."""
    pending = block[::-1]  # and no recursion, in which every statement would pass through all blocks that it stands in
    while pending:
        statement = pending.pop()
        yield statement
        for inner in reversed(inner_blocks(statement)):
            pending += reversed(inner)


def certainly_succeeds(value: n.Expr, is_set: Callable[[str], bool]) -> bool:
    """Whether the evaluation of an expression certainly does not fail: literals, also of variables that are set.

    Args:
        value: the expression.
        is_set: whether a name is that of a variable which is set.
    """
    match value:
        case n.Literal():
            return True
        case n.Name(name=name):
            return is_set(name)
        case n.ListExpr(items=items):
            return all(certainly_succeeds(item, is_set) for item in items)
        case n.MapExpr(entries=entries):
            keys = all(isinstance(key, n.Literal) and isinstance(key.value, str) for key, _ in entries)
            return keys and all(certainly_succeeds(item, is_set) for _, item in entries)
    return False


def inner_blocks(statement: n.Stmt) -> Sequence[n.Block]:
    """The blocks of an ``if``, ``while`` or ``for each``."""
    form = type(statement)
    if form is n.Set:
        return ()  # as most are
    if isinstance(statement, n.If):
        blocks = [block for _, block in statement.branches]
        return blocks if statement.orelse is None else [*blocks, statement.orelse]
    if form is n.While or form is n.ForEach:
        return (statement.body,)  # type: ignore[attr-defined]
    return ()


def lines_of(bodies: Iterable[n.Block]) -> list[int]:
    """The lines on which statements begin, in order, those in error handlers too."""
    found = []
    for body in bodies:
        pending = list(body)
        while pending:
            statement = pending.pop()
            if isinstance(statement, n.OnError):
                pending += statement.body
                continue
            found.append(statement.span[0])
            for inner in inner_blocks(statement):
                pending += inner
    return sorted(set(found))


def places_of(block: n.Block, handled: Container[int]) -> list[Place]:
    """The places of a body's statements, in order, those in its error handlers too.

    Args:
        block: of the body.
        handled: the ``id`` of each statement that an error handler covers.
    """
    found = []
    pending = list(block)
    while pending:
        statement = pending.pop()
        if isinstance(statement, n.OnError):
            pending += statement.body
            continue
        inner = inner_blocks(statement)
        names = tuple(dict.fromkeys([*assigned_by(statement), *stored_by(statement)]))
        last = statement.span[0] if inner else statement.span[2]
        found.append(Place(statement.span[0], last, names, id(statement) in handled))
        for block in inner:
            pending += block
    return sorted(found, key=lambda place: place.line)


def loop_depth(block: n.Block) -> int:
    """The depth of nesting of a block's loops."""
    depth = 0
    for statement in block:
        inner = max((loop_depth(part) for part in inner_blocks(statement)), default=0)
        depth = max(depth, inner + isinstance(statement, n.While | n.ForEach))
    return depth


def assigned_by(statement: n.Stmt) -> Sequence[str]:
    """The variables that a statement assigns as a whole, apart from its inner blocks."""
    if isinstance(statement, n.Set):
        return [target.name for target in statement.targets if not target.path]
    match statement:
        case n.ForEach(name=name, key=key):
            return (name,) if key is None else (name, key)
        case n.Ask(into=n.Target(name=name)) | n.PromptUser(into=n.Target(name=name)):
            return (name,)
    return ()


def assigned_in(block: n.Block) -> Iterator[str]:
    """The variables that a block assigns as a whole."""
    for statement in block:
        yield from assigned_by(statement)
        for inner in inner_blocks(statement):
            yield from assigned_in(inner)


def stored_by(statement: n.Stmt) -> Iterator[str]:
    """The variables in whose lists or maps a statement stores a value, apart from its inner blocks."""
    match statement:
        case n.Set(targets=targets):
            yield from (target.name for target in targets if target.path)
        case n.Ask(into=n.Target() as target) | n.PromptUser(into=target) if target.path:
            yield target.name


def stored_in(block: n.Block) -> Iterator[str]:
    """The variables in whose lists or maps a block stores a value."""
    for statement in block:
        yield from stored_by(statement)
        for inner in inner_blocks(statement):
            yield from stored_in(inner)


# --- expressions -----------------------------------------------------------------------------------------------------


def expressions(statement: n.Stmt) -> Sequence[n.Expr]:
    """The expressions that stand directly in a statement, in the order of evaluation."""
    parts = _EXPRESSIONS.get(type(statement))
    return parts(statement) if parts is not None else ()


def _present(*parts: n.Expr | None) -> list[n.Expr]:
    return [part for part in parts if part is not None]


def _of_set(statement: n.Set) -> Sequence[n.Expr]:
    if len(statement.targets) == 1:
        path = statement.targets[0].path
        return [statement.value, *path] if path else (statement.value,)
    return [statement.value, *(index for target in statement.targets for index in target.path)]


def _path(target: n.Target | None) -> list[n.Expr]:
    return [] if target is None else target.path


# Every analysis asks for these, many times: a table takes a third of the time of matching class by class.
_EXPRESSIONS: Final[dict[type[n.Stmt], Callable[[Any], Sequence[n.Expr]]]] = {
    n.Set: _of_set,
    n.CallStmt: lambda it: (it.call,),
    n.Emit: lambda it: (it.value,),
    n.Must: lambda it: (it.value,),
    n.Return: lambda it: it.values,
    n.Whisper: lambda it: (it.target, it.value),
    n.Fail: lambda it: _present(it.value),
    n.If: lambda it: [condition for condition, _ in it.branches],
    n.While: lambda it: (it.condition,),
    n.ForEach: lambda it: (it.collection,),
    n.OnEvent: lambda it: (it.event,),
    n.ClearEvent: lambda it: _present(it.event),
    n.Ask: lambda it: [*_present(it.who, it.prompt, it.config), *_path(it.into)],
    n.PromptUser: lambda it: [it.prompt, *_path(it.into)],
}


def walk(expression: n.Expr) -> Sequence[n.Expr]:
    """An expression and all its subexpressions, from left to right."""
    inner = _CHILDREN.get(type(expression))
    if inner is None:
        return (expression,)
    found = [expression]  # and not one after the other, which would take a third longer
    pending = [*reversed(inner(expression))]
    while pending:
        part = pending.pop()
        found.append(part)
        inner = _CHILDREN.get(type(part))
        if inner is not None:
            pending += reversed(inner(part))
    return found


def children(expression: n.Expr) -> Sequence[n.Expr]:
    """The direct subexpressions of an expression, from left to right."""
    inner = _CHILDREN.get(type(expression))
    return inner(expression) if inner is not None else ()


def _operands(chain: n.Chain) -> list[n.Expr]:
    rest = chain.rest
    return [chain.first, rest[0][1]] if len(rest) == 1 else [chain.first, *[operand for _, operand, _ in rest]]


def _arguments(call: n.Call | n.ToolCall) -> list[n.Expr]:
    return [argument.value for argument in call.args]


_CHILDREN: Final[dict[type[n.Expr], Callable[[Any], Sequence[n.Expr]]]] = {
    n.ListExpr: lambda it: it.items,
    n.MapExpr: lambda it: [part for entry in it.entries for part in entry],
    n.Unary: lambda it: (it.operand,),
    n.Chain: _operands,
    n.Power: lambda it: (it.base, it.exponent),
    n.Index: lambda it: (it.value, it.index),
    n.Call: _arguments,
    n.ToolCall: _arguments,
    n.CallValue: lambda it: [it.callee, *[argument.value for argument in it.args]],
    n.Eval: lambda it: (it.text,),
}


def arguments_of(call: n.Call, names: Sequence[str]) -> dict[str, n.Expr]:
    """The arguments of a call by the names of the parameters that they are for, of those that have one.

    Args:
        call: the call.
        names: the parameters of the procedure, in order.
    """
    found: dict[str, n.Expr] = {}
    for given, name in zip_longest(call.args, names[: len(call.args)]):
        name = name if given.name is None else given.name
        if name is not None:
            found.setdefault(name, given.value)
    return found


def nil_tolerant_operands(expression: n.Expr) -> Sequence[n.Expr]:
    """The direct operands of ``== != typeof no some``, in which a variable that is not set counts as nil."""
    if isinstance(expression, n.Unary) and expression.op in ("typeof", "no", "some"):
        return (expression.operand,)
    if isinstance(expression, n.Chain) and expression.rest[0][0] in ("==", "!="):
        return _operands(expression)
    return ()


def put_back(value: n.Expr) -> n.Name | None:
    """The variable whose list or map a value is made of, and may be made in place of: ``xs + [v]``; None elsewhere."""
    match value:
        case n.Chain(first=n.Name() as old, rest=[("+", n.ListExpr(), _)]):
            return old
        case n.ToolCall(name=name, args=[n.Argument(value=n.Name() as old, name=None), *_]):
            return old if name.lower() in _PUT_BACK else None
    return None


def path_of(expression: n.Expr) -> tuple[object, ...]:
    """A comparable form of a name and the names and literals that index it, in which None stands for anything else."""
    keys: list[object] = []
    while isinstance(expression, n.Index):
        keys.append(key_of(expression.index))
        expression = expression.value
    return (expression.name if isinstance(expression, n.Name) else None, *reversed(keys))


def form_of(index: n.Expr) -> object:
    """As `key_of`, for an index that is made of names, literals, items and lengths too."""
    match index:
        case n.Chain(first=first, rest=rest):
            parts: tuple[object, ...] = tuple(operator for operator, _, _ in rest)
            forms = [form_of(first), *(form_of(operand) for _, operand, _ in rest)]
        case n.Index(value=value, index=key):
            parts, forms = ("[]",), [form_of(value), form_of(key)]
        case n.Call(name="len", args=[n.Argument(value=value, name=None)]):
            parts, forms = ("len",), [form_of(value)]
        case _:
            return key_of(index)
    return None if None in forms else (parts, *forms)


def alike(one: n.Expr, other: n.Expr) -> bool:
    """Whether two expressions without calls are written alike, apart from where they stand."""
    match one, other:
        case n.Literal(value=a), n.Literal(value=b):
            return type(a) is type(b) and bool(a == b)
        case n.Name(name=a), n.Name(name=b):
            return bool(a == b)
        case n.Index(value=a, index=i), n.Index(value=b, index=j):
            return alike(a, b) and alike(i, j)
        case n.Chain(first=a, rest=i), n.Chain(first=b, rest=j):
            same = [operator for operator, _, _ in i] == [operator for operator, _, _ in j]
            return same and alike(a, b) and all(alike(x, y) for (_, x, _), (_, y, _) in zip(i, j, strict=True))
    return False


def key_of(index: n.Expr) -> object:
    """A comparable form of a name or literal that is an index; None for anything else."""
    if isinstance(index, n.Name):
        return n.Name, index.name
    if isinstance(index, n.Literal) and type(index.value) in (str, int):
        return type(index.value), index.value
    return None
