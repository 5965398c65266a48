"""Code patterns that several generators share, and the names of locals in them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from neuroscript.compiler.analysis.types import BOOL, CONTAINER, FLOAT, INT, LIST, MAP, NIL, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.records import record
from neuroscript.runtime import abi

LATEST = "latest"
"""The local that holds the result of the latest call, where the body uses ``last``."""

SCOPE = "scope"
"""The function that gives `eval` the variables, or the parameter that is an interactive session's mapping of them."""

CLEARED = "cleared"
"""The local of an error handler's function that tells whether the error has been cleared."""

DIGIT = (1 << 30) - 1
"""The largest number of one digit of CPython's integers, which compare fastest."""

ENTRY_TYPES = {INT: "int", LIST: "list", MAP: "dict", STR: "str", FLOAT: "float", BOOL: "bool"}
"""What the arguments of a specialised body are tested to be."""

GONE = "gone"
"""The local that holds an error which goes on to the caller, past other error handlers' code around what failed."""

_CAUGHT = "x"


def step() -> ast.stmt:
    """A statement that takes one step of fuel.

    The iterator never ends: it raises when the run has used up what it may.
    """
    return py.each(py.stored("_"), py.name(abi.FUEL), [py.stop()], [])


def error_handler(number: int) -> str:
    """The name of the function of a body's error handler, an inner function of the body's."""
    return f"h_{number}"


@record(frozen=True)
class Covering:
    """The error handler that covers a statement.

    Attributes:
        number: of the handler in its body.
        jumps: the statements by which it may leave what it covers: ``return``, ``break``, ``continue``.
        in_loop: whether a loop is around the statement, in the same Python function.
        outlined: whether that function was made for a loop.
        tupled: whether that function gives what is returned in a tuple.
        flag: for the condition of a loop, the variable that tells which way the loop around it is left.
    """

    number: int
    jumps: frozenset[str]
    in_loop: bool
    outlined: bool
    tupled: bool
    flag: str | None = None

    @property
    def loop_jumps(self) -> list[str]:
        """The jumps of which a loop around the statement is the target; none without such a loop."""
        return sorted(self.jumps & _JUMPS.keys()) if self.in_loop or self.outlined else []

    def leave(self, jump: str) -> list[ast.stmt]:
        """Statements that make a jump."""
        if self.flag is not None:
            return [py.assign(self.flag, py.name(_JUMPS[jump])), py.stop()]
        if self.in_loop:
            return [py.stop() if jump == "break" else ast.Continue()]
        return [py.give(py.name(_JUMPS[jump]))]


_JUMPS = {"break": abi.BREAK_LOOP, "continue": abi.CONTINUE_LOOP}


def jump_signal(jump: str) -> ast.stmt:
    """The statement by which an error handler's function tells that the loop around what failed is to be left."""
    return py.give(py.name(_JUMPS[jump]))


def jumps_of(signal: str, jumps: Iterable[str]) -> list[ast.stmt]:
    """Statements that make the jump that a variable tells of, in the innermost loop; none where it tells of none."""
    return [
        py.when(
            py.compare(py.name(signal), "is", py.name(_JUMPS[jump])),
            [py.stop() if jump == "break" else ast.Continue()],
        )
        for jump in jumps
    ]


def under_handler(
    code: list[ast.stmt], handler: Covering | None, failed: list[ast.stmt] | None = None
) -> list[ast.stmt]:
    """Puts statements under an error handler, if there is one.

    Args:
        code: the statements.
        handler: the handler; None for none.
        failed: statements to run when an error has been cleared.
    """
    if handler is None:
        return code
    # `x := _handle(h, x, in_loop)` runs the handler; it gives None if the error was cleared, a tuple of what the
    # handler returned, the jump that it makes if there is a loop, and else the error to go on.  All but None are true.
    jumps = handler.loop_jumps
    args = py.name(error_handler(handler.number)), py.name(_CAUGHT), py.const(bool(jumps))
    handled = py.bind(_CAUGHT, py.call(abi.HANDLE, *args))
    not_cleared: list[ast.stmt] = []
    if "return" in handler.jumps:
        value = py.name(_CAUGHT) if handler.tupled else py.item(py.name(_CAUGHT), py.const(0))
        not_cleared.append(py.when(py.kind_is(py.name(_CAUGHT), "tuple"), [py.give(value)]))
    for jump in jumps:
        made = py.compare(py.name(_CAUGHT), "is", py.name(_JUMPS[jump]))
        not_cleared.append(py.when(made, handler.leave(jump)))
    not_cleared.append(py.fail(py.name(_CAUGHT)))
    return [py.catch(code, "Exception", _CAUGHT, [py.when(handled, not_cleared), *(failed or [])])]


def under_last_handler(code: list[ast.stmt], handler: ast.FunctionDef) -> list[ast.stmt]:
    """Puts statements under an error handler after which nothing of their body is executed.

    Args:
        code: the statements.
        handler: its function, made where it is needed, and given the body's locals that it mentions.
    """
    given = [py.name(parameter.arg) for parameter in handler.args.args[1:]]
    handled = py.call(abi.HANDLE, py.name(handler.name), py.name(_CAUGHT), py.const(False), *given)
    returned = py.when(py.kind_is(py.name(_CAUGHT), "tuple"), [py.give(py.item(py.name(_CAUGHT), py.const(0)))])
    return [
        py.catch(
            code, "Exception", _CAUGHT, [handler, py.assign(_CAUGHT, handled), returned, py.fail(py.name(_CAUGHT))]
        )
    ]


def under_leaving_handler(
    code: list[ast.stmt], handler: ast.FunctionDef, jumps: Iterable[str], *, in_loop: bool
) -> list[ast.stmt]:
    """Puts statements under an error handler that ends the body, or leaves the innermost loop around what failed.

    Args:
        code: the statements; those of the body of a loop, or the outermost.
        handler: its function, which has been made.
        jumps: the statements by which it may leave what it covers.
        in_loop: whether the statements are those of the body of a loop.
    """
    caught = py.name(_CAUGHT)
    given = [py.name(parameter.arg) for parameter in handler.args.args[1:]]
    handled = py.call(abi.HANDLE, py.name(handler.name), caught, py.const(in_loop), *given)
    made: list[ast.stmt] = [py.assign(_CAUGHT, handled)]
    if "return" in jumps:
        made.append(py.when(py.kind_is(caught, "tuple"), [py.give(py.item(caught, py.const(0)))]))
    made += jumps_of(_CAUGHT, sorted(_JUMPS.keys() & set(jumps))) if in_loop else []
    # What goes on has been handled, and passes the code of the loops around this one.
    passing: list[ast.stmt] = [] if in_loop else [py.assign(GONE, py.const(None))]
    passes = py.when(py.compare(caught, "is", py.name(GONE)), [*passing, py.fail(caught)])
    made += [py.assign(GONE, caught)] if in_loop else []
    return [py.catch(code, "Exception", _CAUGHT, [passes, *made, py.fail(caught)])]


def in_range(first: ast.expr, again: ast.expr, *, natural: bool = False) -> ast.expr:
    """The test that a whole number is in the language's range, as most are in that of one digit.

    Args:
        first: its code at the first mention.
        again: its code at the others.
        natural: whether it certainly is 0 or more.
    """
    if natural:
        return py.some(py.compare(first, "<", py.const(DIGIT)), py.compare(again, "<", py.name(abi.INT_LIMIT)))
    digit = py.both(py.compare(first, "<", py.const(DIGIT)), py.compare(again, ">", py.const(-DIGIT)))
    return py.some(digit, py.compare(py.name(abi.NEGATIVE_INT_LIMIT), "<", again, "<", py.name(abi.INT_LIMIT)))


def may_be_deep(first: ast.expr, again: ast.expr, kind: Type, max_nesting: int) -> ast.expr:
    """The test that a value is a list or map that may hold lists or maps.

    Python's garbage collector keeps no track of maps that hold nothing but strings, numbers, booleans and nil.

    Args:
        first: its code at the first mention.
        again: its code at the others.
        kind: its type, which may be a list or a map.
        max_nesting: how deeply lists and maps may be nested.
    """
    if max_nesting > 1 and (ends := _tested_ends(again, kind)):
        return py.both(py.compare(first, "is not", py.const(None)), py.some(*ends))
    tests: list[ast.expr] = []
    if kind.kinds & MAP:
        tests.append(py.both(py.kind_is(first, "dict"), py.call(abi.MAY_BE_DEEP, again)))
    if kind.kinds & LIST:
        tests.append(py.kind_is(again if tests else first, "list"))
    return py.some(*tests)


def _tested_ends(value: ast.expr, kind: Type) -> list[ast.expr]:
    """The tests that the first and the last item of a list are lists or maps, where they can only be nil else.

    Nesting is looked for along these; there are none for values of other types.
    """
    if not kind.within(LIST | NIL) or not kind.shapes or any(shape.extra or not shape.fields for shape in kind.shapes):
        return []
    tests: list[ast.expr] = []
    for place in (0, -1):
        fields = [[*shape.fields.values()][place] for shape in kind.shapes]
        if not any(field.kinds & CONTAINER for field in fields):
            continue
        if not all(field.within(CONTAINER | NIL) for field in fields):
            return []
        tests.append(py.compare(py.item(value, py.const(place)), "is not", py.const(None)))
    return tests


def once(first: ast.expr) -> ast.expr:
    """Code of an operand that turned out to be needed once only, so that it takes no temporary."""
    return first.value if isinstance(first, ast.NamedExpr) else first
