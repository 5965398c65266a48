"""The syntax tree: slotted records, each with the span of its text.

A span is ``(line, column, end_line, end_column)``; lines count from 1, columns from 0 and in characters, the end is
exclusive.  Nodes keep theirs as numbers (`spans`).  Binary operators of one level are kept flat (`Chain`), so that the
depth of a tree is the nesting that the author wrote and not the length of a sum.
"""

from __future__ import annotations

from neuroscript.records import field, record
from neuroscript.syntax.spans import Span as Span
from neuroscript.syntax.spans import unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Place: TypeAlias = "int | Span"
"""A span, packed or not."""


def span_of(place: Place) -> Span:
    """The span of a place."""
    return unpacked(place) if isinstance(place, int) else place


@record()
class Node:
    """The base of all nodes: a span."""

    place: Place

    @property
    def span(self) -> Span:
        """Where the node's text stands."""
        place = self.place
        return unpacked(place) if isinstance(place, int) else place


# --- expressions -----------------------------------------------------------------------------------------------------


@record()
class Expr(Node):
    """An expression."""


@record()
class Literal(Expr):
    """A number, string (plain or literal raw), true, false or nil: the value itself."""

    value: Any


@record()
class Raw(Expr):
    """A raw string: text whose placeholders are replaced each time it is evaluated."""

    text: str


@record()
class Name(Expr):
    """A variable, host global, procedure, built-in or type constant; ``last`` where the body does not set it."""

    name: str


@record()
class ToolName(Expr):
    """``tool.group.Name`` without arguments: the tool as a value; ``name`` is ``group.Name`` as written."""

    name: str


@record()
class ListExpr(Expr):
    """``[a, b]``."""

    items: list[Expr]


@record()
class MapExpr(Expr):
    """``{"k": v}``."""

    entries: list[tuple[Expr, Expr]]


@record()
class Unary(Expr):
    """``- not no some ~ typeof``; ``op`` is that word."""

    op: str
    operand: Expr


@record()
class Chain(Expr):
    """Operands of one precedence level from left to right: ``first op operand op operand …``.

    ``rest`` holds (operator, operand, place of the operator).  The levels: ``or`` · ``and`` · ``|`` · ``^`` · ``&`` ·
    ``== !=`` · ``> < >= <=`` · ``+ -`` · ``* / %``.
    """

    first: Expr
    rest: list[tuple[str, Expr, Place]]


@record()
class Power(Expr):
    """``base ** exponent``, associating to the right."""

    base: Expr
    exponent: Expr
    op_place: Place

    @property
    def op_span(self) -> Span:
        """Where ``**`` stands."""
        return span_of(self.op_place)


@record()
class Index(Expr):
    """``x[i]``, and ``x.key`` as ``x["key"]`` (then ``dotted``)."""

    value: Expr
    index: Expr
    dotted: bool = False


@record()
class Argument(Node):
    """One argument of a call, named or not."""

    value: Expr
    name: str | None = None


@record()
class Call(Expr):
    """``name(args)``: the name of a procedure, of a variable that holds a function, or of a built-in."""

    name: str
    args: list[Argument]
    name_place: Place

    @property
    def name_span(self) -> Span:
        """Where the name stands."""
        return span_of(self.name_place)


@record()
class CallValue(Expr):
    """``expr(args)`` for any other callee, such as ``handlers["add"](1)``."""

    callee: Expr
    args: list[Argument]


@record()
class ToolCall(Expr):
    """``tool.group.Name(args)``; ``name`` is ``group.Name`` as written."""

    name: str
    args: list[Argument]
    name_place: Place

    @property
    def name_span(self) -> Span:
        """Where the name stands."""
        return span_of(self.name_place)


@record()
class Eval(Expr):
    """``eval(text)``."""

    text: Expr


# --- statements ------------------------------------------------------------------------------------------------------


@record()
class Stmt(Node):
    """A statement.  Its span is that of its words; a block's is that of its header."""


Block: TypeAlias = list[Stmt]


@record()
class Target(Node):
    """What ``set`` assigns: a name and the indexes after it (``.key`` is a string literal)."""

    name: str
    path: list[Expr]


@record()
class Set(Stmt):
    """``set targets = [must] value``; more than one target takes a list apart."""

    targets: list[Target]
    value: Expr
    must: bool = False


@record()
class CallStmt(Stmt):
    """``call f(…)``."""

    call: Expr


@record()
class Return(Stmt):
    """``return``, with its values."""

    values: list[Expr]


@record()
class Emit(Stmt):
    """``emit value``."""

    value: Expr


@record()
class Whisper(Stmt):
    """``whisper target, value``; the name ``self`` as target is a `Name` like any other expression."""

    target: Expr
    value: Expr


@record()
class Must(Stmt):
    """``must value``, and ``mustbe check(…)`` (then ``check``)."""

    value: Expr
    check: bool = False


@record()
class Fail(Stmt):
    """``fail``, with its value."""

    value: Expr | None


@record()
class If(Stmt):
    """``if`` and its ``else if`` branches in order, then ``else`` (None where there is none)."""

    branches: list[tuple[Expr, Block]]
    orelse: Block | None


@record()
class While(Stmt):
    """``while``."""

    condition: Expr
    body: Block


@record()
class ForEach(Stmt):
    """``for each name in collection``, and ``for each key, name in collection``."""

    name: str
    name_span: Span
    collection: Expr
    body: Block
    key: str | None = None
    key_span: Span | None = None


@record()
class Break(Stmt):
    """``break``."""


@record()
class Continue(Stmt):
    """``continue``."""


@record()
class OnError(Stmt):
    """An error handler, in either spelling."""

    body: Block


@record()
class ClearError(Stmt):
    """``clear_error``."""


@record()
class OnEvent(Stmt):
    """An event handler, at the top level or inside a procedure."""

    event: Expr
    named: str | None
    variable: str | None
    body: Block


@record()
class ClearEvent(Stmt):
    """``clear event x`` (then ``event``) or ``clear event named "x"``."""

    event: Expr | None
    named: str | None


@record()
class Ask(Stmt):
    """``ask [who,] prompt [with config] [into target]``."""

    who: Expr | None
    prompt: Expr
    config: Expr | None
    into: Target | None


@record()
class PromptUser(Stmt):
    """``promptuser prompt into target``."""

    prompt: Expr
    into: Target


# --- programs --------------------------------------------------------------------------------------------------------

Metadata: TypeAlias = list[tuple[str, str]]


@record()
class Param(Node):
    """One name of a signature."""

    name: str


@record()
class Procedure(Node):
    """``func``; the span is that of its header line, up to ``means``."""

    name: str
    name_span: Span
    needs: list[Param]
    optional: list[Param]
    returns: list[Param]
    metadata: Metadata
    body: Block

    @property
    def signature(self) -> str:
        """The procedure as a caller writes it: ``name(a, b, c?)``."""
        names = [p.name for p in self.needs] + [f"{p.name}?" for p in self.optional]
        return f"{self.name}({', '.join(names)})"


@record()
class Command(Node):
    """A command block; the span is that of the word ``command``."""

    metadata: Metadata
    body: Block


@record()
class Program:
    """A whole file: procedures and top-level event handlers, or command blocks."""

    name: str
    source: str
    metadata: Metadata = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    handlers: list[OnEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
