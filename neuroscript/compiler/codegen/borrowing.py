"""What a function needs where Python borrows parameters, so that reference counts still tell who holds a value.

From Python 3.14 on, a parameter does not add to the count of what the caller's variable goes on to hold, and neither
does a variable that it is assigned to (`neuroscript.values.holders`).  So a function takes hold of the parameters that
it may change, by a statement at its start.

What is passed to a call is borrowed, and not counted, where Python's compiler sees that a variable goes on to hold it.
It looks neither at all code of a function with ``try`` nor at variables that inner functions share; there the value is
passed in a form that is never borrowed, and compared with the count that it has then.  Everywhere else a value which is
not borrowed after all counts as shared, and is copied.

All of this is found in the Python tree of the finished function, where it is plain what is assigned to what, and which
variables inner functions share.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from neuroscript.compiler.codegen import pyast as py
from neuroscript.runtime import abi
from neuroscript.values.holders import PARAMETERS_BORROW, UNBORROWED, UNBORROWED_IN_HELPER

_COUNTING = frozenset({abi.TAKE, abi.PUT, abi.PUT_PATH, abi.APPEND_AT, abi.HELD_AT})
"""The helpers that look at the count of their first argument."""

IS_NEEDED = PARAMETERS_BORROW
"""Whether this version of Python is one of those."""


def count_holders(function: ast.FunctionDef, start: int) -> None:
    """Has a generated function count the holders of its variables as this version of Python does.

    Args:
        function: the function, whose code is complete but for parts that are made later.
        start: the number of its statements that come before any of the script's.
    """
    scope = _Scope(function.body, _params_of(function))
    function.body[start:start] = map(_take_hold, sorted(scope.params_to_hold()))


def count_holders_in_part(code: list[ast.stmt]) -> None:
    """As `count_holders`, for a part of a function which is made later, and which takes hold of all its parameters."""
    _Scope(code, set())


class _Scope:
    """The variables of one Python function; inner functions have scopes of their own.

    What counts the holders of variables that may not be borrowed is set right while the scope is made.
    """

    def __init__(self, code: list[ast.stmt], params: set[str], outer: frozenset[str] = frozenset()) -> None:
        self.params = params
        self.counted: set[str] = set()  # the names whose holders are counted, but for shared ones
        self.assigned: dict[str, set[str]] = {}  # by name, those that are assigned to it as they are
        self._names: set[str] = set()
        self._stored = set(params)
        self._declared: set[str] = set()
        self._inner: list[ast.FunctionDef] = []
        self._counts: dict[int, tuple[ast.expr, ast.Compare | ast.Call]] = {}  # by ``id``: nodes may stand twice
        self._is_complete = True
        self._tries = False
        for node in _walk(code):
            self._see(node)
        own = self._stored - self._declared
        self.free = (self._names | self._declared) - own
        """The names of the functions around this one, and global ones."""
        self.shared = self._declared | (outer & self.free)
        for function in self._inner:
            scope = _Scope(function.body, _params_of(function), outer | own)
            self.shared |= scope.free & (outer | own)
            self.free |= scope.free - own
        for looked_at, node in self._counts.values():
            if isinstance(looked_at, ast.Name) and (self._tries or looked_at.id in self.shared):
                _count_unborrowed(node, looked_at)
            self.counted.update(set(_given_by(looked_at)) - self.shared)

    def _see(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=context):
                self._names.add(name)
                if isinstance(context, ast.Store):
                    self._stored.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(name, value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                self._assign(name, value)
            case ast.Compare(left=ast.Call(func=ast.Name(id=abi.REFCOUNT), args=[looked_at])):
                self._counts[id(node)] = looked_at, node
            case ast.Call(func=ast.Name(id=name), args=[looked_at, *_]) if name in _COUNTING:
                self._counts[id(node)] = looked_at, node
            case py.Later():
                self._is_complete = False
            case ast.FunctionDef():
                self._inner.append(node)
            case ast.Nonlocal(names=names):
                self._declared.update(names)
            case ast.Try():
                self._tries = True

    def _assign(self, name: str, value: ast.expr) -> None:
        self.assigned.setdefault(name, set()).update(_given_by(value))

    def params_to_hold(self) -> set[str]:
        """The parameters of which holders are counted, by whichever name."""
        own = {name for name in self.params - self.shared if name.startswith(abi.VARIABLE)}
        if not self._is_complete:
            return own
        seen = set(self.counted)
        pending = list(seen)
        for name in pending:  # to which others are added on the way
            new = self.assigned.get(name, set()) - seen
            seen |= new
            pending += new
        return own & seen


def _params_of(function: ast.FunctionDef) -> set[str]:
    return {parameter.arg for parameter in function.args.args}


def _walk(code: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of one function; of inner functions, and of what is made later, nothing but their own nodes."""
    pending: list[ast.AST] = list(code)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            pending += py.inner_nodes(node)


def _given_by(value: ast.expr) -> Iterator[str]:
    """The names whose values an expression may give as they are; whatever else it gives, Python counts."""
    match value:
        case ast.Name(id=name):
            yield name
        case ast.NamedExpr(target=ast.Name(id=name), value=inner):
            yield name
            yield from _given_by(inner)
        case ast.IfExp(body=yes, orelse=no):
            yield from _given_by(yes)
            yield from _given_by(no)
        case ast.BoolOp(values=values):
            for each in values:
                yield from _given_by(each)


def _count_unborrowed(node: ast.Compare | ast.Call, variable: ast.Name) -> None:
    """Has a test, or a helper, count a variable as one that is not borrowed, and see to it that it is not.

    As ``v or v`` it is passed from one stretch of code to another, which ends where the call is.
    """
    passed = py.some(variable, py.name(variable.id))
    made: list[ast.expr] = [passed]
    if isinstance(node, ast.Call):
        made.append(py.const(UNBORROWED_IN_HELPER))
        node.args = [passed, *node.args[1:], made[-1]]
    else:
        assert isinstance(node.left, ast.Call)
        node.left.args = [passed]
        match node.comparators:
            case [ast.Constant(value=int(count))]:
                made.append(py.const(count + UNBORROWED))
                node.comparators = made[1:]
    if variable.lineno:
        line, column = variable.lineno, variable.col_offset
        for part in made:
            py.place(part, (line, column, variable.end_lineno or line, variable.end_col_offset or column))


def _take_hold(name: str) -> ast.stmt:
    """``name = (name,)[0]``: what was in a tuple is held by whatever it is assigned to."""
    return py.assign(name, py.item(py.items([py.name(name)]), py.const(0)))
