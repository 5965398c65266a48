"""Code generation for expressions in hope of the likely types.

``grid[y][x]`` of lists and whole numbers is one look-up after the other in Python, if nothing has to be tested before
each.  So an expression without effects is generated twice.  The first time its code takes values to be of the likely
types and indexes to be inside, and where they are not, Python raises, or is made to.  The second time it is made of
calls of the runtime, which runs after such a miss: it evaluates everything once more, and gives the value or the error.
What Python would do in another way than the language, without raising, is tested in the first code too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from neuroscript.compiler.analysis.types import BOOL, CONTAINER, INT, LIST, MAP, NIL, NUM, OTHER, STR, Type, item_of
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import once
from neuroscript.compiler.traversal import key_of, path_of, walk
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_MOST_PARTS = 60  # of an expression
_WITHOUT_EFFECTS = frozenset({n.Literal, n.Name, n.Index, n.Chain, n.Unary, n.ListExpr, n.MapExpr})
_MOST_JOINED = 20  # operands of ``and`` or ``or``


def is_hopeful(context: FunctionContext, expression: n.Expr) -> bool:
    """Whether the code of an expression gets faster in hope of the likely types, and may run twice."""
    if type(expression) is n.Name or type(expression) is n.Literal or context.compact:
        return False
    parts = walk(expression)
    if all(type(part) is n.Name or type(part) is n.Literal for part in parts) or not _may_run_twice(context, parts):
        return False
    return any(_is_faster(context, part) for part in parts)


def _is_faster(context: FunctionContext, part: n.Expr) -> bool:
    """Whether the code of an item, or of a length, would need tests."""
    match part:
        case n.Index(value=value, index=index):
            return _gains(context, value, index)
        case n.Call(name=name, args=[n.Argument(value=value, name=None)]) if name in context.escape.readers:
            kind = context.type_of(value)
            return bool(kind.kinds & (LIST | MAP | STR)) and not kind.within(LIST | MAP | STR)
    return False


def may_run_twice(context: FunctionContext, expression: n.Expr) -> bool:
    """Whether an expression is short and has no effects."""
    return _may_run_twice(context, walk(expression))


def _may_run_twice(context: FunctionContext, parts: Sequence[n.Expr]) -> bool:
    if len(parts) > _MOST_PARTS:
        return False
    for part in parts:
        if type(part) not in _WITHOUT_EFFECTS:
            match part:
                case n.Call(name=name, args=[n.Argument(name=None)]) if name in context.escape.readers:
                    pass
                case _:
                    return False
    return True


def _gains(context: FunctionContext, value: n.Expr, index: n.Expr) -> bool:
    """Whether ``value[index]`` would need tests."""
    kind, key = context.type_of(value), context.type_of(index)
    if isinstance(index, n.Literal) and kind.has(index.value):
        return bool(kind.kinds & NIL)
    if not kind.kinds & (LIST | MAP | STR) or not key.kinds & (INT | STR):
        return False
    if kind.within(MAP):
        return not key.within(STR)
    item = item_of(kind)
    if item.kinds & NIL and item.restricted_to(~NIL).within(NUM):
        return True  # a number, in hope
    return not context.is_below_length(index, value)


def evaluated(
    context: FunctionContext, expressions: Expressions, expression: n.Expr, use: Callable[[ast.expr], ast.stmt]
) -> list[ast.stmt]:
    """Statements that evaluate an expression and use its value once.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        expression: the expression.
        use: makes the statement that uses the value of Python code; it fails in no way that the value may not.
    """
    if not is_hopeful(context, expression):
        first = _arguments_first(context, expressions, expression)
        return [*first, use(expressions.value(expression))]
    with context.hoping():
        likely = use(expressions.value(expression))
    with context.short():
        other = use(expressions.value(expression))
    return missing([likely], [other])


def all_evaluated(
    context: FunctionContext,
    values: list[n.Expr],
    value_of: Callable[[n.Expr], ast.expr],
    use: Callable[[list[ast.expr]], ast.stmt],
) -> list[ast.stmt]:
    """Statements that evaluate several expressions in order, and use their values once.

    Args:
        context: of the function.
        values: the expressions.
        value_of: generates the code of each.
        use: makes the statement that uses the values of Python code; it fails in no way that these may not.
    """
    hopeful = any(is_hopeful(context, value) for value in values)
    if not hopeful or not _may_run_twice(context, [part for value in values for part in walk(value)]):
        return [use([*map(value_of, values)])]
    with context.hoping():
        likely = use([*map(value_of, values)])
    with context.short():
        other = use([*map(value_of, values)])
    return missing([likely], [other])


def _arguments_first(context: FunctionContext, expressions: Expressions, call: n.Expr) -> list[ast.stmt]:
    """Statements that evaluate the arguments of a procedure's call in hope, which as a whole may not run twice.

    Lists and maps are left where they are: a temporary would hold them while the procedure changes them.
    """
    if not isinstance(call, n.Call) or context.compact or not context.is_procedure(call.name):
        return []
    signature = context.unit.procedures[call.name]
    values = [argument.value for argument in call.args if argument.name is None]
    if len(values) != len(call.args) or signature.problem(len(values), []) is not None:
        return []
    doubtful = [value for value in values if not context.is_pure(value)]
    if not all(may_run_twice(context, value) for value in doubtful) or not any(
        is_hopeful(context, value) for value in doubtful
    ):
        return []
    if any(context.type_of(value).kinds & CONTAINER for value in doubtful):
        return []
    names = [context.temporaries.fresh() for _ in doubtful]
    with context.hoping():
        likely: list[ast.stmt] = [
            py.assign(name, expressions.value(value)) for name, value in zip(names, doubtful, strict=True)
        ]
    with context.short():
        other: list[ast.stmt] = [
            py.assign(name, expressions.value(value)) for name, value in zip(names, doubtful, strict=True)
        ]
    for part, value in zip([*likely, *other], [*doubtful, *doubtful], strict=True):
        py.place(part, value.place)
    context.evaluated.update(zip(map(id, doubtful), names, strict=True))
    return missing(likely, other)


def tested(context: FunctionContext, expressions: Expressions, condition: n.Expr) -> tuple[list[ast.stmt], ast.expr]:
    """Statements to run before a test, and the code of the test, whose truth is that of a condition."""
    first, others = _split(context, condition)
    if context.type_of(first).kinds & CONTAINER or not is_hopeful(context, first):
        return [], expressions.condition(condition)
    flag = context.temporaries.fresh()
    with context.hoping():
        likely = py.assign(flag, expressions.condition(first))
    with context.short():
        other = py.assign(flag, expressions.condition(first))
    code = missing([likely], [other])
    for part in code:
        py.place(part, first.place)
    tests = [py.name(flag), *map(expressions.condition, others)]
    joins_all = isinstance(condition, n.Chain) and condition.rest[0][0] == "and"
    return code, py.both(*tests) if joins_all else py.some(*tests)


def _split(context: FunctionContext, condition: n.Expr) -> tuple[n.Expr, list[n.Expr]]:
    """The first operands of ``and`` or ``or``, up to one that may not run twice, and the others."""
    if not isinstance(condition, n.Chain) or condition.rest[0][0] not in ("and", "or"):
        return condition, []
    parts = [condition.first, *(operand for _, operand, _ in condition.rest)]
    count = next((place for place, part in enumerate(parts) if not may_run_twice(context, part)), len(parts))
    if count in (0, len(parts)) or len(parts) > _MOST_JOINED or not all(map(context.never_fuzzy, parts[:-1])):
        return condition, []
    if count == 1:
        return parts[0], parts[1:]
    return context.made(n.Chain(condition.place, condition.first, condition.rest[: count - 1])), parts[count:]


def missing(likely: list[ast.stmt], other: list[ast.stmt]) -> list[ast.stmt]:
    """Statements that run ``likely``, and ``other`` where that misses."""
    return [py.catch(likely, abi.MISSED, None, other)]


# --- items -----------------------------------------------------------------------------------------------------------


def likely_item(context: FunctionContext, expressions: Expressions, value: n.Expr, index: n.Expr) -> ast.expr | None:
    """Code of ``value[index]`` in hope of the likely types; None where none is likely."""
    kind = context.type_of(value)
    held = context.held.get(path_of(value)) if context.held else None
    if held is not None and context.type_of(index).within(STR) and (*path_of(value), key_of(index)) in context.held:
        return py.item(py.name(held), expressions.value(index))  # what is about to be set has to be there
    is_unsure = isinstance(value, n.Name) and value.name in context.body.variables and not context.is_set(value.name)
    if isinstance(value, n.Name) and is_unsure and is_look_up(context, value, index):
        made = py.variable(value.name)  # which misses where it is not set, since nothing can be looked up then
        return item_of_likely(context, expressions, lambda _: (made, made), context.types.of_variable(value), index)
    if is_last(context, value, index) and kind.kinds & (LIST | STR) and not kind.kinds & (MAP | OTHER):
        return py.item(expressions.value(value), py.const(-1))  # of what is empty that misses too

    def owner(again: bool) -> tuple[ast.expr, ast.expr]:
        if held is not None:
            return py.name(held), py.name(held)
        if not again:
            return (made := _there(context, value, expressions.value(value))), made
        first, name = expressions.operand(value)
        if isinstance(first, ast.NamedExpr):
            first.value = _there(context, value, first.value)
        context.temporaries.hold(first, kind)
        return first, name

    is_short = held is not None or _is_short(context, value)
    return item_of_likely(context, expressions, owner, kind, index, is_short=is_short)


def _there(context: FunctionContext, value: n.Expr, made: ast.expr) -> ast.expr:
    """Code of what an item is taken from, which misses where it is nil: an entry of a map that has to be there."""
    match made:
        case ast.Call(func=ast.Name(id=abi.DICT_GET), args=[held, key]):
            return py.item(held, key)
        case ast.IfExp(
            test=ast.Compare(), body=ast.Call(func=ast.Name(id=abi.DICT_GET), args=[held, ast.Name() as key])
        ):
            # A map has no entry for nil either.
            is_key = isinstance(value, n.Index) and context.type_of(value.index).within(STR | NIL)
            if is_key and isinstance(value, n.Index) and context.type_of(value.value).within(MAP | NIL):
                return made if _binds(made.test) else py.item(held, key)
    return made


def _binds(made: ast.expr) -> bool:
    return any(isinstance(part, ast.NamedExpr) for part in py.walk([made]))


def is_last(context: FunctionContext, value: n.Expr, index: n.Expr) -> bool:
    """Whether ``value[index]`` is the last item of a list or string that a path leads to: ``xs[len(xs) - 1]``."""
    match index:
        case n.Chain(
            first=n.Call(name="len", args=[n.Argument(value=counted, name=None)]),
            rest=[("-", n.Literal(value=int() as one), _)],
        ):
            path = path_of(value)
            return (
                type(one) is int
                and one == 1
                and path == path_of(counted)
                and None not in path
                and "len" in context.escape.readers
            )
    return False


def _is_short(context: FunctionContext, value: n.Expr) -> bool:
    """Whether the code of a value is a look-up or two."""
    while (
        isinstance(value, n.Index) and isinstance(value.index, n.Literal) and context.type_of(value.value).within(MAP)
    ):
        value = value.value
    return isinstance(value, n.Name) and context.is_set(value.name)


def item_of_likely(
    context: FunctionContext,
    expressions: Expressions,
    owner: Callable[[bool], tuple[ast.expr, ast.expr]],
    kind: Type,
    index: n.Expr,
    read: ast.expr | None = None,
    *,
    is_short: bool = True,
) -> ast.expr | None:
    """Code of an item of a value of a likely type, at an index of one; None where no type is likely.

    A value that has no items makes Python raise, and so does nil as an index.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        owner: generates the code of the value: at the first mention, and at others, if there are any.
        kind: the type of the value.
        index: the index.
        read: code that gives the index, where it has been evaluated.
        is_short: whether the code of the value may stand in several places.
    """

    def places() -> tuple[ast.expr, ast.expr]:
        return expressions.operand(index) if read is None else (read, read)

    key = context.type_of(index)
    if isinstance(index, n.Literal) and kind.has(index.value):
        return py.item(owner(False)[0], expressions.value(index))
    if key.within(STR) and kind.kinds & MAP:
        return py.call(abi.DICT_GET, owner(False)[0], expressions.value(index) if read is None else read)
    if not key.kinds & (INT | STR) or not kind.kinds & (LIST | STR | MAP):
        return None
    if key.kinds & INT and kind.kinds & (LIST | STR) and not kind.kinds & (MAP | OTHER):
        made = owner(False)[0]
        sums = _index_operand(context, expressions, index) if read is None else (read, read)
        return py.item(made, _place(*sums, key))
    if key.within(INT) and kind.within(MAP | NIL):
        return py.call(abi.DICT_GET, owner(False)[0], text_of(*places(), natural=key.natural))
    if not key.kinds & STR:
        first, again = owner(True)
        place, place_again = places()
        tests: list[ast.expr] = [py.kind_is(first, "list")]
        tests += [py.kind_is(again, "str")] if kind.kinds & STR else []
        # The value is evaluated before the index, which its own test evaluates.
        other = _evaluating(place, py.call(abi.INDEX, again, place_again))
        return py.either(py.some(*tests), py.item(again, _place(place, place_again, key)), other)
    if not kind.kinds & MAP or not is_short:
        return None
    place, place_again = places()
    found = py.call(abi.DICT_GET, owner(False)[0], place_again)
    if not kind.kinds & LIST or not key.kinds & INT:
        return py.either(py.kind_is(place, "str"), found, py.call(abi.INDEX, owner(False)[0], place_again))
    first, again = owner(True)
    listed = py.item(again, _place(place_again, place_again, key))
    rest = py.either(py.kind_is(first, "list"), listed, py.call(abi.INDEX, again, place_again))
    return py.either(py.kind_is(place, "str"), found, rest)


def _index_operand(context: FunctionContext, expressions: Expressions, index: n.Expr) -> tuple[ast.expr, ast.expr]:
    """Code that evaluates an index of a list or string, and code that gives it again.

    Whether a sum is in the language's range need not be tested: what is not is no index either, and misses.
    """
    match index:
        case n.Chain(first=first, rest=rest) if all(operator in "+-" for operator, _, _ in rest):
            parts = [first, *(operand for _, operand, _ in rest)]
            kinds = [context.type_of(part) for part in parts]
            plain = all(kind.within(INT | NIL) and kind.kinds & INT for kind in kinds)
            if plain and context.type_of(index).bits is None and all(map(context.is_pure, parts)):
                made = expressions.value(first)
                for operator, operand, _ in rest:
                    made = py.binary(made, operator, expressions.value(operand))
                temporary = context.temporaries.fresh()
                return py.bind(temporary, made), py.name(temporary)
    return expressions.operand(index)


def is_look_up(context: FunctionContext, value: n.Expr, index: n.Expr) -> bool:
    """Whether the code of `likely_item` does nothing but look the item up, or misses."""
    kind, key = context.types.of_collection(value), context.type_of(index)
    if isinstance(index, n.Literal) and kind.has(index.value):
        return True
    if key.within(STR):
        return bool(kind.kinds & MAP)
    if not key.within(INT | NIL) or not key.kinds & INT:
        return False
    return (bool(kind.kinds & (LIST | STR)) and not kind.kinds & (MAP | OTHER)) or kind.within(MAP | NIL)


def text_of(first: ast.expr, again: ast.expr, *, natural: bool) -> ast.expr:
    """The key of a map that a whole number stands for; those of small ones are at hand.

    Args:
        first: code of the number at the first mention.
        again: its code at the others.
        natural: whether it certainly is 0 or more.
    """
    if isinstance(first, ast.Constant):
        return py.const(str(first.value))
    most = py.const(abi.MOST_TEXTS)
    small = py.compare(first, "<", most) if natural else py.compare(py.const(-1), "<", first, "<", most)
    text = ast.JoinedStr([ast.FormattedValue(again, -1, None)])
    return py.either(small, py.item(py.name(abi.TEXTS), again), text)


def _evaluating(place: ast.expr, call: ast.Call) -> ast.Call:
    """A call whose last argument is evaluated in it."""
    call.args[-1] = once(place)
    return call


def _place(first: ast.expr, again: ast.expr, key: Type) -> ast.expr:
    """An index of a list or string; nil where Python would count from the end, or take a boolean for a number."""
    tests: list[ast.expr] = []
    if key.kinds & (BOOL | OTHER):
        tests.append(py.kind_is(first, "int"))
    if not key.natural:
        tests.append(py.compare(again if tests else first, ">", py.const(-1)))
    return py.either(py.both(*tests), again, py.const(None)) if tests else once(first)
