"""Walks over syntax trees: the statements of a block, the expressions of a statement, and what statements set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from neuroscript.syntax import nodes as n

# --- statements ------------------------------------------------------------------------------------------------------


def statements(block: n.Block) -> Iterator[n.Stmt]:
    """All statements of a block and its inner blocks, in order, without those in the bodies of error handlers."""
    pending = block[::-1]  # and no recursion, in which every statement would pass through all blocks that it stands in
    while pending:
        statement = pending.pop()
        yield statement
        for inner in reversed(list(inner_blocks(statement))):
            pending.extend(reversed(inner))


def inner_blocks(statement: n.Stmt) -> Iterable[n.Block]:
    """The blocks of an ``if``, ``while`` or ``for each``."""
    if isinstance(statement, n.If):
        yield from (block for _, block in statement.branches)
        if statement.orelse is not None:
            yield statement.orelse
    elif isinstance(statement, n.While | n.ForEach):
        yield statement.body


def loop_depth(block: n.Block) -> int:
    """The depth of nesting of a block's loops."""
    depth = 0
    for statement in block:
        inner = max((loop_depth(part) for part in inner_blocks(statement)), default=0)
        depth = max(depth, inner + isinstance(statement, n.While | n.ForEach))
    return depth


def assigned_by(statement: n.Stmt) -> Iterator[str]:
    """The variables that a statement assigns as a whole, apart from its inner blocks."""
    match statement:
        case n.Set(targets=targets):
            yield from (target.name for target in targets if not target.path)
        case n.ForEach(name=name, key=key):
            yield name
            if key is not None:
                yield key
        case n.Ask(into=n.Target(name=name)) | n.PromptUser(into=n.Target(name=name)):
            yield name


def assigned_in(block: n.Block) -> Iterator[str]:
    """The variables that a block assigns as a whole."""
    for statement in block:
        yield from assigned_by(statement)
        for inner in inner_blocks(statement):
            yield from assigned_in(inner)


def stored_in(block: n.Block) -> Iterator[str]:
    """The variables in whose lists or maps a block stores a value."""
    for statement in block:
        match statement:
            case n.Set(targets=targets):
                yield from (target.name for target in targets if target.path)
            case n.Ask(into=n.Target() as target) | n.PromptUser(into=target) if target.path:
                yield target.name
        for inner in inner_blocks(statement):
            yield from stored_in(inner)


# --- expressions -----------------------------------------------------------------------------------------------------


def expressions(statement: n.Stmt) -> Iterator[n.Expr]:
    """The expressions that stand directly in a statement, in the order of evaluation."""
    match statement:
        case n.Set(targets=targets, value=value):
            yield value
            for target in targets:
                yield from target.path
        case n.CallStmt(call=value) | n.Emit(value=value) | n.Must(value=value):
            yield value
        case n.Return(values=values):
            yield from values
        case n.Whisper(target=whom, value=value):
            yield whom
            yield value
        case n.Fail(value=n.Expr() as value):
            yield value
        case n.If(branches=branches):
            yield from (condition for condition, _ in branches)
        case n.While(condition=value):
            yield value
        case n.ForEach(collection=value):
            yield value
        case n.OnEvent(event=value) | n.ClearEvent(event=n.Expr() as value):
            yield value
        case n.Ask(who=who, prompt=prompt, config=config, into=into):
            yield from (part for part in (who, prompt, config) if part is not None)
            if into is not None:
                yield from into.path
        case n.PromptUser(prompt=prompt, into=into):
            yield prompt
            yield from into.path


def walk(expression: n.Expr) -> Iterator[n.Expr]:
    """An expression and all its subexpressions, from left to right."""
    pending = [expression]
    while pending:
        part = pending.pop()
        yield part
        if type(part) not in _LEAVES:
            pending += reversed(list(children(part)))


_LEAVES = frozenset({n.Name, n.ToolName, n.Literal, n.Raw})


def children(expression: n.Expr) -> Iterator[n.Expr]:
    """The direct subexpressions of an expression, from left to right."""
    match expression:
        case n.ListExpr(items=items):
            yield from items
        case n.MapExpr(entries=entries):
            for key, value in entries:
                yield key
                yield value
        case n.Unary(operand=operand):
            yield operand
        case n.Chain(first=first, rest=rest):
            yield first
            yield from (operand for _, operand, _ in rest)
        case n.Power(base=base, exponent=exponent):
            yield base
            yield exponent
        case n.Index(value=value, index=index):
            yield value
            yield index
        case n.Call(args=args) | n.ToolCall(args=args):
            yield from (argument.value for argument in args)
        case n.CallValue(callee=callee, args=args):
            yield callee
            yield from (argument.value for argument in args)
        case n.Eval(text=text):
            yield text


def nil_tolerant_operands(expression: n.Expr) -> Iterator[n.Expr]:
    """The direct operands of ``== != typeof no some``, in which a variable that is not set counts as nil."""
    match expression:
        case n.Unary(op="typeof" | "no" | "some", operand=operand):
            yield operand
        case n.Chain(first=first, rest=[("==" | "!=", _, _), *_] as rest):
            yield first
            yield from (operand for _, operand, _ in rest)
