"""Builders of Python syntax trees, and the script's positions on them.

Trees are built without positions; `place` then gives one to every node that has none, so that the innermost expression
of the script that a piece of code comes from is the one that a failing operation is reported at.

The commonest nodes are of slotted subclasses: a dictionary for each would take five times the memory of the node.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from sys import intern
from typing import Any, TypeVar

from neuroscript.runtime import abi
from neuroscript.syntax.nodes import Place, span_of
from neuroscript.syntax.spans import unpacked

NodeT = TypeVar("NodeT", bound=ast.AST)

# Without positions, and so the same wherever they stand.
LOAD = ast.Load()
STORE = ast.Store()
_AND, _OR, _NOT = ast.And(), ast.Or(), ast.Not()
_OPERATORS: dict[str, ast.operator] = {
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "/": ast.Div(),
    "//": ast.FloorDiv(),
    "%": ast.Mod(),
    "**": ast.Pow(),
    "&": ast.BitAnd(),
    "|": ast.BitOr(),
    "^": ast.BitXor(),
}
_COMPARISONS: dict[str, ast.cmpop] = {
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "==": ast.Eq(),
    "!=": ast.NotEq(),
    "is": ast.Is(),
    "is not": ast.IsNot(),
    "in": ast.In(),
}

# Lists that nodes share, since nothing is ever put into them.
_COMPARISON: dict[str, list[ast.cmpop]] = {word: [operator] for word, operator in _COMPARISONS.items()}
_NONE: list[Any] = []

# The fields that hold nodes with positions: of the slotted classes, and of the others.
_SLOTTED: dict[type[ast.AST], tuple[str, ...]] = {}
_PLAIN: dict[type[ast.AST], tuple[str, ...]] = {ast.Name: (), ast.Constant: ()}
_NO_NODES = frozenset({"ctx", "op", "ops", "id", "name", "names", "arg", "type_comment", "attr", "conversion"})
_LEFT_OUT = frozenset({"kind", "type_comment"})  # they stay None, as the base class has them


class _NodeClass(type):
    """The class of the slotted classes, each of which has itself as the attribute ``__class__``.

    To find out what a node is, Python's compiler asks whether it is of this class or that, a name more than twenty
    times.  Each answer takes the node's ``__class__``, and `object` takes twice as long to give it.
    """

    # In the place of a descriptor, which would not let a class have such an attribute.
    __class__ = type  # type: ignore[assignment]


def _slotted(kind: type[NodeT]) -> Callable[..., NodeT]:
    """A class of nodes without dictionaries, whose ``lineno`` is 0 until they are placed.

    To find out that a slot is empty takes longer than all the rest of `place`, and the base class takes twice the time
    for setting the fields.
    """
    names = tuple(name for name in kind._fields if name not in _LEFT_OUT)
    methods: dict[str, Any] = {}
    fields = "".join([f" self.{name} = {name}\n" for name in names])
    # The text is made of the names of fields of Python's own classes.
    exec(f"def __init__({', '.join(['self', *names])}):\n{fields} self.lineno = 0", methods)
    members = {"__slots__": (*names, *kind._attributes), "_fields": names, "__init__": methods["__init__"]}
    made: type[NodeT] = _NodeClass(kind.__name__, (kind,), members)  # type: ignore[assignment]
    setattr(made, "__class__", made)  # noqa: B010 - no type lets a class be its own
    _SLOTTED[made] = _PLAIN[kind] if kind in _PLAIN else tuple(name for name in names if name not in _NO_NODES)
    return made


_Assign = _slotted(ast.Assign)
_Attribute = _slotted(ast.Attribute)
_BinOp = _slotted(ast.BinOp)
_BoolOp = _slotted(ast.BoolOp)
_Call = _slotted(ast.Call)
_Compare = _slotted(ast.Compare)
_Constant = _slotted(ast.Constant)
_Break = _slotted(ast.Break)
_ExceptHandler = _slotted(ast.ExceptHandler)
_Expr = _slotted(ast.Expr)
_For = _slotted(ast.For)
_If = _slotted(ast.If)
_IfExp = _slotted(ast.IfExp)
_Name = _slotted(ast.Name)
_NamedExpr = _slotted(ast.NamedExpr)
_Raise = _slotted(ast.Raise)
_Return = _slotted(ast.Return)
_Subscript = _slotted(ast.Subscript)
_Try = _slotted(ast.Try)
_Tuple = _slotted(ast.Tuple)
_UnaryOp = _slotted(ast.UnaryOp)


def name(identifier: str) -> ast.Name:
    """A reference to a name."""
    return _Name(identifier, LOAD)


def variable(identifier: str) -> ast.Name:
    """A reference to a variable of the script."""
    return _Name(intern(abi.VARIABLE + identifier), LOAD)


def stored(identifier: str) -> ast.Name:
    """A name that is set."""
    return _Name(identifier, STORE)


def set_variable(identifier: str, value: ast.expr) -> ast.Assign:
    """An assignment to a variable of the script."""
    return assign(intern(abi.VARIABLE + identifier), value)


def const(value: Any) -> ast.Constant:
    """A constant."""
    return _Constant(value)


def call(function: str | ast.expr, *args: ast.expr) -> ast.Call:
    """A call with positional arguments."""
    return _Call(_Name(function, LOAD) if type(function) is str else function, [*args], _NONE)


def call_named(function: str | ast.expr, args: list[ast.expr], named: dict[str, ast.expr]) -> ast.Call:
    """A call with positional arguments, then named ones."""
    made = call(function, *args)
    made.keywords = [ast.keyword(key, value) for key, value in named.items()]
    return made


def bind(identifier: str, value: ast.expr) -> ast.NamedExpr:
    """``(identifier := value)``."""
    return _NamedExpr(_Name(identifier, STORE), value)


def either(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.IfExp:
    """``yes if test else no``."""
    return _IfExp(test, yes, no)


def compare(left: ast.expr, *pairs: Any) -> ast.Compare:
    """``compare(a, "<", b, "<", c)`` is ``a < b < c``."""
    if len(pairs) == 2:
        return _Compare(left, _COMPARISON[pairs[0]], [pairs[1]])
    return _Compare(left, [_COMPARISONS[op] for op in pairs[::2]], list(pairs[1::2]))


def both(*tests: ast.expr) -> ast.expr:
    """``a and b and …``; of none, True."""
    if not tests:
        return const(True)
    return tests[0] if len(tests) == 1 else _BoolOp(_AND, list(tests))


def some(*tests: ast.expr) -> ast.expr:
    """``a or b or …``."""
    return tests[0] if len(tests) == 1 else _BoolOp(_OR, list(tests))


def negated(test: ast.expr) -> ast.UnaryOp:
    """``not test``."""
    return _UnaryOp(_NOT, test)


def binary(left: ast.expr, operator: str, right: ast.expr) -> ast.BinOp:
    """``left operator right``."""
    return _BinOp(left, _OPERATORS[operator], right)


def item(container: ast.expr, key: ast.expr) -> ast.Subscript:
    """``container[key]``."""
    return _Subscript(container, key, LOAD)


def attribute(value: ast.expr, name: str) -> ast.Attribute:
    """``value.name``."""
    return _Attribute(value, name, LOAD)


def kind_is(value: ast.expr, kind: str) -> ast.Compare:
    """``type(value) is kind``."""
    of_value = _Call(_Name("type", LOAD), [value], _NONE)
    return _Compare(of_value, _COMPARISON["is"], [_Name(kind, LOAD)])


def assign(identifier: str, value: ast.expr) -> ast.Assign:
    """``identifier = value``."""
    return _Assign([_Name(identifier, STORE)], value)


def run(function: str, *args: ast.expr) -> ast.Expr:
    """A call as a statement."""
    return _Expr(call(function, *args))


def when(test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt] | None = None) -> ast.If:
    """``if``."""
    return _If(test, body, orelse or _NONE)


def each(target: ast.expr, items: ast.expr, body: list[ast.stmt], rest: list[ast.stmt]) -> ast.For:
    """``for target in items``, and what runs after the last item."""
    return _For(target, items, body, rest)


def stop() -> ast.Break:
    """``break``."""
    return _Break()


def give(value: ast.expr) -> ast.Return:
    """``return value``."""
    return _Return(value)


def fail(error: ast.expr) -> ast.Raise:
    """``raise error``."""
    return _Raise(error, None)


def catch(code: list[ast.stmt], kind: str, bound: str | None, handler: list[ast.stmt]) -> ast.Try:
    """Statements, and those that run where an exception of a kind is raised; ``bound`` is the name of its variable."""
    return _Try(code, [_ExceptHandler(name(kind), bound, handler)], _NONE, _NONE)


def items(values: list[ast.expr]) -> ast.Tuple:
    """A tuple."""
    return _Tuple(values, LOAD)


def function(identifier: str, params: list[str], optional: list[str], body: list[ast.stmt]) -> ast.FunctionDef:
    """A function; the optional parameters are None when left out."""
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(param) for param in (*params, *optional)],
        vararg=None,
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=[const(None) for _ in optional],
    )
    made = ast.FunctionDef(identifier, arguments, body, [], None)
    if "type_params" in ast.FunctionDef._fields:
        made.type_params = []  # type: ignore[attr-defined]
    return made


class Later(ast.FunctionDef):
    """A function without parameters whose statements are made when Python's compiler gets to them.

    It takes a tree apart statement by statement, and then has no more need of it; so only a part of the tree of a long
    procedure, which consists of such functions, is there at any time.

    Args:
        identifier: its name.
        make: makes the statements; it is asked once.
        where: where the first of them stands.
    """

    def __init__(self, identifier: str, make: Callable[[], list[ast.stmt]], where: Place) -> None:
        made = function(identifier, [], [], [])
        super().__init__(**{name: getattr(made, name) for name in made._fields if name not in ("body", "type_comment")})
        self._make: Callable[[], list[ast.stmt]] | None = make
        self.lineno, self.col_offset, self.end_lineno, self.end_col_offset = span_of(where)

    @property
    def body(self) -> list[ast.stmt]:
        """The statements."""
        make, self._make = self._make, None
        assert make is not None
        return make()

    @body.setter
    def body(self, value: list[ast.stmt]) -> None:
        """Takes no notice of the empty list that nodes begin with from Python 3.13 on."""


def place(tree: ast.AST, where: Place) -> None:
    """Sets the position of every node of a tree that has none yet."""
    node: Any = tree
    inner = _SLOTTED.get(type(node))
    if inner is not None and node.lineno:
        return
    line, column, end_line, end_column = unpacked(where) if isinstance(where, int) else where
    if inner == ():
        node.lineno = line
        node.col_offset = column
        node.end_lineno = end_line
        node.end_col_offset = end_column
        return
    pending: list[Any] = [tree]
    for node in pending:  # to which the inner ones are added on the way
        kind = type(node)
        # The commonest by statements of their own: a loop over the names of fields takes twice the time.
        if kind is _Name or kind is _Constant:
            if node.lineno:
                continue
        elif kind is _Call:
            if node.lineno:
                continue
            pending.append(node.func)
            pending += node.args
            if node.keywords:
                pending += node.keywords
        elif kind is _Compare:
            if node.lineno:
                continue
            pending.append(node.left)
            pending += node.comparators
        elif kind is _IfExp:
            if node.lineno:
                continue
            pending += (node.test, node.body, node.orelse)
        elif kind is _Assign:
            if node.lineno:
                continue
            pending += node.targets
            pending.append(node.value)
        elif kind is _BinOp:
            if node.lineno:
                continue
            pending += (node.left, node.right)
        elif kind is _NamedExpr:
            if node.lineno:
                continue
            pending += (node.target, node.value)
        elif kind is _BoolOp:
            if node.lineno:
                continue
            pending += node.values
        else:
            inner = _SLOTTED.get(kind)
            if inner is not None:
                if node.lineno:
                    continue
            elif node is None or "lineno" in node.__dict__:
                continue
            else:
                inner = _fields_of(kind)
            for name in inner:
                value = getattr(node, name, None)
                if type(value) is list:
                    pending += value
                elif value is not None:
                    pending.append(value)
            if not kind._attributes:
                continue
        node.lineno = line
        node.col_offset = column
        node.end_lineno = end_line
        node.end_col_offset = end_column


def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    inner = _PLAIN.get(kind)
    if inner is None:
        inner = _PLAIN[kind] = tuple(name for name in kind._fields if name not in _NO_NODES)
    return inner


def watch_results(code: Iterable[ast.AST], hook: str) -> None:
    """Passes what the ``return`` statements in some code return through a function."""
    for part in walk(code):
        if isinstance(part, ast.Return) and part.value is not None:
            part.value = call(hook, part.value)


def walk(code: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Nodes and all nodes inside, apart from operators and the like; a third of the time of `ast.walk`."""
    pending: list[Any] = list(code)
    for node in pending:
        if node is None:  # a key of `**` in a map
            continue
        yield node
        pending += inner_nodes(node)


def inner_nodes(node: ast.AST) -> list[Any]:
    """The nodes right inside a node, apart from operators and the like; None for a key of ``**`` in a map."""
    found: list[Any] = []
    kind = type(node)
    inner = _SLOTTED.get(kind)
    for name in _fields_of(kind) if inner is None else inner:
        value = getattr(node, name, None)
        if type(value) is list:
            found += value
        elif value is not None:
            found.append(value)
    return found
