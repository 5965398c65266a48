"""Name resolution and static rules: the variables of each body, the error handlers that cover its statements, errors.

A *body* is what has variables of its own: a procedure, a command block or an event handler.  Error handlers share
those of the body that they stand in (language reference, sections 5 and 6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache

from neuroscript.compiler.callbacks import is_attempt, is_callback
from neuroscript.compiler.error_handlers import SYSTEM_ERROR, can_share_a_try, changed_by, ends_body, mentioned
from neuroscript.compiler.traversal import (
    expressions,
    inner_blocks,
    nil_tolerant_operands,
    put_back,
    statements,
    walk,
)
from neuroscript.errors import Diagnostic, ErrorCode
from neuroscript.records import field, record
from neuroscript.runtime import abi
from neuroscript.runtime.programs import Signature
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders

_MOST_HANDLERS = 1000  # of one body; Python's compiler takes long over functions that share variables
_MOST_PARTS = 20_000  # operands of one expression, placeholders of one text; each takes 2 KB while its code is made
LAST = "last"
"""The result of the latest call, in a body that has no variable of this name."""

_RULED = frozenset({n.Break, n.Continue, n.ClearError, n.Return, n.OnError})  # what may not stand everywhere
_LISTS = ("events", "loops", "calls", "value_calls", "callbacks", "literals", "returns")
_SETS = ("variables", "readonly", "reads", "values", "changed", "stored", "operators", "tolerated", "tolerant")
_EMPTY: frozenset[str] = frozenset()
SYSTEM_NAMES = ("system_error_message", "system_error_code", SYSTEM_ERROR)


@record()
class Body:
    """One body of code, with its variables and error handlers."""

    kind: str  # "procedure", "command" or "event"
    name: str
    block: n.Block
    params: list[str]
    span: n.Span
    procedure: n.Procedure | None = None
    variables: set[str] = field(default_factory=set)  # every name that is set somewhere, parameters included
    readonly: set[str] = field(default_factory=set)  # the host's names among those, which cannot be set
    reads: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)  # those among them that are not only called
    handlers: list[n.OnError] = field(default_factory=list)
    handler_of: dict[int, int] = field(default_factory=dict)  # id(statement) -> index into handlers
    jumps: dict[int, set[str]] = field(default_factory=dict)  # index into handlers -> how it leaves what it covers
    resumes: bool = False  # whether execution may go on behind a statement that failed
    leaves: bool = False  # whether it may go on behind the loop that such a statement stands in, or with the next turn
    handled: frozenset[str] = frozenset()  # the names that error handlers mention
    handler_sets: frozenset[str] = frozenset()  # those that they change, where execution goes on
    has_loop: bool = False  # outside of its error handlers
    events: list[n.OnEvent] = field(default_factory=list)
    loops: list[n.While] = field(default_factory=list)  # those inside one another too
    calls: list[n.Call] = field(default_factory=list)
    value_calls: list[n.CallValue] = field(default_factory=list)
    callbacks: list[n.ToolCall] = field(default_factory=list)  # of standard tools that call a function by its name
    literals: list[n.ListExpr | n.MapExpr] = field(default_factory=list)
    returns: list[n.Return] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)  # the names that are set or stored in, outside of error handlers
    stored: set[str] = field(default_factory=set)  # those among them that are stored in
    operators: set[str] = field(default_factory=set)  # those between two operands
    tolerated: set[str] = field(default_factory=set)  # the names that are read where one that is not set is nil
    tolerant: set[int] = field(default_factory=set)  # the ``id`` of the nodes that read them there
    walked: dict[int, Sequence[n.Expr]] = field(default_factory=dict)  # id(expression) -> all its parts
    tools: dict[str, None] = field(default_factory=dict)  # those that it names, in order
    depth: int = 0  # of blocks inside one another, error handlers and loops too
    longest: int = 0  # of its expressions, in parts
    uses_last: bool = False
    size: int = 0  # statements
    evals: int = 0  # how often it evaluates a text that is known only when it runs
    session: frozenset[str] | None = None  # the variables that an interactive session shares with it; None without one

    def settle(self) -> None:
        """Has the sets and lists that are empty share one, when all is found; programs of very many bodies need it."""
        for name in _SETS:
            if not getattr(self, name):
                setattr(self, name, _EMPTY)
        for name in _LISTS:
            if not getattr(self, name):
                setattr(self, name, ())

    def discard(self) -> None:
        """Lets go of the body's tree, when its code has been generated."""
        self.forget()
        self.block.clear()
        self.handlers = []

    def forget(self) -> None:
        """Lets go of what has been found in the body's tree, when it has been analysed."""
        for name in _LISTS:
            setattr(self, name, ())
        self.walked.clear()

    def parts_of(self, expression: n.Expr) -> Sequence[n.Expr]:
        """An expression of the body and all its subexpressions, from left to right."""
        return self.walked.get(id(expression)) or walk(expression)

    def enters(self, args: list[n.Argument]) -> bool:
        """Whether it enters a procedure that is a value directly, with these arguments."""
        by_name = any(argument.name is not None for argument in args)
        return not self.uses_last and len(args) < abi.ENTRIES and not by_name

    def exclude(self, names: Collection[str]) -> None:
        """Makes the host's names read-only, unless a parameter has the name: they are no variables of the body."""
        self.readonly |= {name for name in self.variables if name in names and name not in self.params}
        self.variables -= self.readonly


@record()
class Resolved:
    """A program with its bodies and the errors in it."""

    program: n.Program
    bodies: list[Body]
    body_of_event: dict[int, Body]  # id(OnEvent) -> its body
    diagnostics: list[Diagnostic]


def resolve(program: n.Program, session: frozenset[str] | None = None) -> Resolved:
    """Resolves the names of a program, body by body, and checks it against the static rules.

    Args:
        program: the tree.
        session: the variables of an interactive session whose input it is, which its command blocks share.

    The diagnostics have the codes 12 (``return`` where none may stand), 13 (``clear_error`` outside a handler),
    15 (a handler inside a handler), 39 (``break`` outside a loop) and 42 (a procedure defined twice).
    """
    result = Resolved(program, [], {}, [])
    seen: dict[str, n.Procedure] = {}
    for procedure in program.procedures:
        first = seen.setdefault(procedure.name, procedure)
        if first is not procedure:
            message = f"procedure '{procedure.name}' is defined already, on line {first.span[0]}"
            _report(result, procedure.name_span, ErrorCode.DUPLICATE, message)
        params = [param.name for param in (*procedure.needs, *procedure.optional)]
        body = Body("procedure", procedure.name, procedure.body, params, procedure.span, procedure)
        for name in (name for name, times in Counter(params).items() if times > 1):
            message = f"procedure '{procedure.name}' has two parameters named '{name}'"
            _report(result, procedure.name_span, ErrorCode.SYNTAX, message)
        _add(result, body)
    for number, command in enumerate(program.commands, 1):
        _add(result, Body("command", f"command {number}", command.body, [], command.span, session=session))
    for event in program.handlers:
        _add_event(result, event)
    result.diagnostics.sort(key=lambda found: (found.line, found.column))
    return result


def signature_of(procedure: n.Procedure) -> Signature:
    """The signature of a procedure's definition."""
    needs = tuple(param.name for param in procedure.needs)
    return Signature(procedure.name, needs, tuple(param.name for param in procedure.optional))


def _add_event(result: Resolved, event: n.OnEvent) -> None:
    params = [event.variable] if event.variable else []
    body = Body("event", "event handler", event.body, params, event.span)
    result.body_of_event[id(event)] = body
    _add(result, body)


def _add(result: Resolved, body: Body) -> None:
    result.bodies.append(body)
    body.variables.update(body.params, body.session or ())
    walker = _Walker(result, body)
    walker.block(body.block, loop=False, handler=False)
    walker.jumps()
    body.reads |= body.values
    if LAST in body.reads and LAST not in body.variables:
        body.reads.remove(LAST)
        body.uses_last = True
    if body.session is not None:  # the next input may ask for it
        body.uses_last = True
    if body.handlers:
        body.variables.update(SYSTEM_NAMES)
        body.handled = frozenset().union(*(mentioned(handler.body) for handler in body.handlers)) - {*SYSTEM_NAMES}
        body.resumes = not _shares_a_try(body)
        body.leaves = any(jumps - {"return"} for jumps in body.jumps.values())
        if body.resumes or body.leaves:
            body.handler_sets = frozenset(name for each in body.handlers for name in changed_by(each.body))
    if len(body.handlers) > _MOST_HANDLERS:
        message = f"{body.name} has more than {_MOST_HANDLERS} error handlers"
        _report(result, body.handlers[_MOST_HANDLERS].span, ErrorCode.RESOURCE_EXHAUSTION, message)
    _assign_handlers(body)
    for event in body.events:
        _add_event(result, event)
    body.settle()


def _shares_a_try(body: Body) -> bool:
    """Whether what an error handler covers, in a loop or outside, can stand in one ``try``."""
    if body.session is not None or body.evals:
        return False
    return all(map(ends_body, body.handlers)) and can_share_a_try(body.block, body.size, len(body.handlers))


def _assign_handlers(body: Body) -> None:
    """Assigns to each statement the nearest handler above it, and the first one to those above all (section 6)."""
    if not body.handlers:
        return
    current = 0
    numbers = {id(handler): index for index, handler in enumerate(body.handlers)}
    for statement in statements(body.block):
        if isinstance(statement, n.OnError):
            current = numbers[id(statement)]
        else:
            body.handler_of[id(statement)] = current


def _report(result: Resolved, span: n.Span, code: ErrorCode, message: str, hint: str = "") -> None:
    result.diagnostics.append(diagnostic(result.program, span, "error", code, message, hint))


def diagnostic(
    program: n.Program, span: n.Span, severity: str, code: ErrorCode, message: str, hint: str = ""
) -> Diagnostic:
    """A diagnostic for a span of a program, with the source line."""
    line, column, end_line, end_column = span
    text = source_line(program.source, line)
    end = end_column + 1 if end_line == line else len(text) + 1
    return Diagnostic(line, column + 1, severity, code, message, program.name, end, text, hint)


def source_line(source: str, line: int) -> str:
    """Line ``line`` (from 1) of a source whose lines end in ``\\n``, ``\\r\\n`` or ``\\r``."""
    rows = _lines(source)
    return rows[line - 1] if 0 < line <= len(rows) else ""


@lru_cache(maxsize=1)
def _lines(source: str) -> list[str]:
    return source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


class _Walker:
    """Collects the names that one body assigns and reads, and reports statements that may not stand where they do."""

    def __init__(self, result: Resolved, body: Body) -> None:
        self.result = result
        self.body = body
        self._depth = 0
        self._jumps: list[n.Stmt] = []  # `break` and `continue` in error handlers, outside of the handlers' own loops

    def block(self, block: n.Block, *, loop: bool, handler: bool) -> None:
        self._depth += 1
        if self._depth > self.body.depth:
            self.body.depth = self._depth
        for statement in block:
            self.statement(statement, loop, handler)
        self._depth -= 1

    def statement(self, statement: n.Stmt, loop: bool, handler: bool) -> None:
        if type(statement) in _RULED:
            self.rules(statement, loop, handler)
        body = self.body
        body.size += 1
        match statement:
            case n.Set(targets=targets):
                for target in targets:
                    self.target(target, handler)
            case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                self.target(target, handler)
            case n.ForEach(name=name, key=key):
                names = (name,) if key is None else (key, name)
                body.variables.update(names)
                if not handler:
                    body.changed.update(names)
            case n.Return(values=values):
                body.returns.append(statement)
                if not handler and len(values) == 1 and (changed := put_back(values[0])) is not None:
                    body.changed.add(changed.name)
        if isinstance(statement, n.Ask):
            body.uses_last = body.uses_last or statement.into is None
        for expression in expressions(statement):
            self.expression(expression)
        match statement:
            case n.OnError(body=block):
                if not handler:
                    body.handlers.append(statement)
                self.block(block, loop=False, handler=True)
            case n.OnEvent():
                body.events.append(statement)
            case n.While(body=block) | n.ForEach(body=block):
                if isinstance(statement, n.While):
                    body.loops.append(statement)
                body.has_loop = body.has_loop or not handler
                self.block(block, loop=True, handler=handler)
            case n.If():
                for inner in inner_blocks(statement):
                    self.block(inner, loop=loop, handler=handler)

    def rules(self, statement: n.Stmt, loop: bool, handler: bool) -> None:
        word = type(statement).__name__.lower()
        match statement:
            case n.Break() | n.Continue() if handler and not loop:
                self._jumps.append(statement)
                self._leaves(word)
            case n.Break() | n.Continue() if not loop:
                self.report(statement, ErrorCode.CONTROL_FLOW, f"'{word}' stands outside a loop")
            case n.ClearError() if not handler:
                self.report(statement, ErrorCode.CLEAR_VIOLATION, "'clear_error' stands outside an error handler")
            case n.Return() if self.body.kind == "command":
                self.report(statement, ErrorCode.RETURN_VIOLATION, "'return' may not stand in a command block")
            case n.Return() if handler:
                self._leaves(word)
            case n.OnError() if handler:
                self.report(statement, ErrorCode.SYNTAX, "an error handler may not stand inside an error handler")

    def _leaves(self, word: str) -> None:
        self.body.jumps.setdefault(len(self.body.handlers) - 1, set()).add(word)

    def jumps(self) -> None:
        """Reports each ``break`` and ``continue`` of an error handler in a body that has no loop."""
        for statement in () if self.body.has_loop else self._jumps:
            word = type(statement).__name__.lower()
            message = f"'{word}' stands in an error handler, and there is no loop around anything that it covers"
            self.report(statement, ErrorCode.CONTROL_FLOW, message)

    def report(self, statement: n.Stmt, code: ErrorCode, message: str, hint: str = "") -> None:
        _report(self.result, statement.span, code, message, hint)

    def too_many(self, part: n.Expr, whole: str, parts: str) -> None:
        message = f"the {whole} has more than {_MOST_PARTS:,} {parts}; make it in pieces"
        _report(self.result, part.span, ErrorCode.RESOURCE_EXHAUSTION, message)

    def target(self, target: n.Target, handler: bool) -> None:
        self.body.variables.add(target.name)
        if not handler:
            self.body.changed.add(target.name)
            if target.path:
                self.body.stored.add(target.name)

    def expression(self, expression: n.Expr) -> None:
        body = self.body
        parts = walk(expression)
        if len(parts) > 1:
            body.walked[id(expression)] = parts
            if len(parts) > body.longest:
                body.longest = len(parts)
        for part in parts:
            form = type(part)
            if isinstance(part, n.Name):
                body.values.add(part.name)
            elif form is n.Literal or form is n.Index:
                continue
            elif form is n.Chain or form is n.Unary:
                for operand in nil_tolerant_operands(part):
                    if isinstance(operand, n.Name):
                        body.tolerated.add(operand.name)
                        body.tolerant.add(id(operand))
                if isinstance(part, n.Chain):
                    body.operators.update([operator for operator, _, _ in part.rest])
                    if len(part.rest) >= _MOST_PARTS:
                        self.too_many(part, "expression", "operands")
            elif isinstance(part, n.Call):
                body.reads.add(part.name)
                body.calls.append(part)
            elif isinstance(part, n.ToolCall | n.ToolName):
                body.tools[part.name] = None
                if isinstance(part, n.ToolCall) and (is_callback(part) or is_attempt(part)):
                    body.callbacks.append(part)
            elif form is n.CallValue:
                body.value_calls.append(part)  # type: ignore[arg-type]
            elif isinstance(part, n.ListExpr | n.MapExpr):
                body.literals.append(part)
            elif isinstance(part, n.Raw):
                self.placeholders(part, part.text)
            elif isinstance(part, n.Eval) and isinstance(part.text, n.Literal) and isinstance(part.text.value, str):
                self.placeholders(part, part.text.value)
            elif isinstance(part, n.Eval):
                body.evals += 1
                body.uses_last = True

    def placeholders(self, part: n.Expr, text: str) -> None:
        if text.count("{{") > _MOST_PARTS:
            self.too_many(part, "text", "placeholders")
        else:
            self.body.values.update(piece[0] for piece in placeholders(text) if not isinstance(piece, str))
