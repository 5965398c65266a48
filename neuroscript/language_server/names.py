"""The names in a program: each place where one stands, and what it means there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from neuroscript.compiler.resolve import Body, Resolved
from neuroscript.compiler.traversal import expressions, statements, walk
from neuroscript.language_server.text import Text
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders
from neuroscript.syntax.tolerant import UNKNOWN

_BY_NAME = "script.call"
_OFFERED = "func:"
"""What stands before the name of a procedure that models may call."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AS = re.compile(r"\bas[ \t]+([A-Za-z_][A-Za-z0-9_]*)")
_PARAMETER_KEYS = ("param:", "type:")
_METADATA = re.compile(r"(?m)^[ \t\f]*::[ \t]*((?:param|type):([A-Za-z_][A-Za-z0-9_]*))")


class Kind(Enum):
    """What a name stands for."""

    VARIABLE = auto()
    PARAMETER = auto()
    PROCEDURE = auto()
    """Of the program, of a file that it uses, or of nobody; built-in functions and names of the host too."""
    TOOL = auto()
    ARGUMENT = auto()
    """The name of an argument in a call."""


class Role(Enum):
    """What happens to a name where it stands."""

    DEFINITION = auto()
    WRITE = auto()
    READ = auto()
    CALL = auto()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a name stands.

    Attributes:
        kind: what it stands for.
        role: what happens to it.
        name: the name; of a tool without ``tool.``.
        start: the offset at which it begins.
        end: the offset at which it ends.
        body: the body whose variable it is; for other names that in which it stands, if any.
        owner: of an argument's name, the name of what is called; of a tool with ``tool.``.
    """

    kind: Kind
    role: Role
    name: str
    start: int
    end: int
    body: Body | None = None
    owner: str = ""


def occurrences(resolved: Resolved, text: Text) -> list[Occurrence]:
    """All names in a program, in the order of the text."""
    finder = _Finder(text)
    for body in resolved.bodies:
        finder.body(body)
    for event in resolved.program.handlers:
        finder.expression(None, event.event)
    found = [each for each in finder.found if each.name != UNKNOWN and each.end > each.start]
    return sorted(found, key=lambda each: (each.start, each.end))


def is_local(occurrence: Occurrence) -> bool:
    """Whether a name is a variable or parameter."""
    return occurrence.kind in (Kind.VARIABLE, Kind.PARAMETER)


class _Finder:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.found: list[Occurrence] = []

    def body(self, body: Body) -> None:
        if body.procedure is not None:
            self._procedure(body, body.procedure)
        elif body.kind == "event" and body.params:
            self._event_variable(body)
        for block in (body.block, *(handler.body for handler in body.handlers)):
            for statement in statements(block):
                self._statement(body, statement)

    def expression(self, body: Body | None, expression: n.Expr) -> None:
        evaluated: set[int] = set()
        for part in walk(expression):
            match part:
                case n.Name(name=name, span=span):
                    self._name(body, name, span, Role.READ)
                case n.Call(name=name, name_span=span, args=args):
                    self._name(body, name, span, Role.CALL)
                    self._arguments(body, args, name)
                case n.ToolCall(name=name, name_span=span, args=args):
                    self._add(Kind.TOOL, Role.CALL, name, *self.text.offsets(span), body)
                    self._arguments(body, args, f"tool.{name}")
                    if name.lower() == _BY_NAME:
                        self._called_by_name(body, args)
                case n.ToolName(name=name, span=span):
                    self._add(Kind.TOOL, Role.READ, name, *self.text.offsets(span), body)
                case n.Raw(span=span):
                    self._placeholders(body, span, 3)
                case n.Eval(text=n.Literal(value=str(), span=span) as text):
                    evaluated.add(id(text))
                    self._placeholders(body, span, self._quotes(span))
                case n.Literal(value=str() as value, span=span) if id(part) not in evaluated:
                    if value.startswith(_OFFERED):
                        self._in_quotes(Kind.PROCEDURE, body, part, _OFFERED)
                    if body is not None and body.evals:  # which may evaluate this text
                        self._placeholders(body, span, self._quotes(span))

    def _quotes(self, span: n.Span) -> int:
        """How many quotes are at each end of a string."""
        start, _ = self.text.offsets(span)
        return 3 if self.text.content.startswith("'''", start) else 1

    def _called_by_name(self, body: Body | None, arguments: list[n.Argument]) -> None:
        """A procedure whose name is a text, as in ``tool.script.Call("greet", {"name": "Ann"})``."""
        values = [argument.value for argument in arguments]
        if not values or not isinstance(values[0], n.Literal) or not isinstance(values[0].value, str):
            return
        self._in_quotes(Kind.PROCEDURE, body, values[0])
        for given in values[1:2]:
            for key, _ in given.entries if isinstance(given, n.MapExpr) else ():
                if isinstance(key, n.Literal) and isinstance(key.value, str):
                    self._in_quotes(Kind.ARGUMENT, body, key, owner=values[0].value)

    def _in_quotes(self, kind: Kind, body: Body | None, literal: n.Literal, before: str = "", owner: str = "") -> None:
        """A name that is all of a string but for what stands before it."""
        start, end = self.text.offsets(literal.span)
        name = self.text.content[start + 1 : end - 1]
        if name == literal.value and _NAME.fullmatch(name := name.removeprefix(before)):
            first = start + 1 + len(before)
            self.found.append(Occurrence(kind, Role.READ, name, first, first + len(name), body, owner))

    # --- definitions -------------------------------------------------------------------------------------------------

    def _procedure(self, body: Body, procedure: n.Procedure) -> None:
        start, end = self.text.offsets(procedure.name_span)
        self._add(Kind.PROCEDURE, Role.DEFINITION, procedure.name, start, end, body)
        for param in (*procedure.needs, *procedure.optional):
            self._add(Kind.PARAMETER, Role.DEFINITION, param.name, *self.text.offsets(param.span), body)
        self._described_parameters(body, procedure)

    def _described_parameters(self, body: Body, procedure: n.Procedure) -> None:
        """The names of parameters in metadata such as ``:: param:name: …``."""
        if not any(key.startswith(_PARAMETER_KEYS) for key, _ in procedure.metadata):
            return
        start = self.text.offset_of(procedure.span[2], procedure.span[3])
        end = self.text.content.find("endfunc", start)
        if body.block:
            end = self.text.offset_of(body.block[0].span[0], 0)
        end = end if end >= 0 else len(self.text.content)
        known = set(body.params)
        for match in _METADATA.finditer(self.text.content, start, end):
            if match[2] in known:
                self._add(Kind.PARAMETER, Role.READ, match[2], match.start(2), match.end(2), body)

    def _event_variable(self, body: Body) -> None:
        start, end = self.text.offsets(body.span)
        for match in _AS.finditer(self.text.content, start, end):
            if match[1] == body.params[0]:
                self._add(Kind.PARAMETER, Role.DEFINITION, match[1], match.start(1), match.end(1), body)

    # --- statements --------------------------------------------------------------------------------------------------

    def _statement(self, body: Body, statement: n.Stmt) -> None:
        match statement:
            case n.Set(targets=targets):
                for target in targets:
                    self._target(body, target)
            case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                self._target(body, target)
            case n.ForEach(name=name, name_span=span, key=key, key_span=key_span):
                if key is not None and key_span is not None:
                    self._variable(body, key, *self.text.offsets(key_span), Role.WRITE)
                self._variable(body, name, *self.text.offsets(span), Role.WRITE)
        for expression in expressions(statement):
            self.expression(body, expression)

    def _target(self, body: Body, target: n.Target) -> None:
        start, _ = self.text.offsets(target.span)
        self._variable(body, target.name, start, start + len(target.name), Role.WRITE)

    # --- names -------------------------------------------------------------------------------------------------------

    def _name(self, body: Body | None, name: str, span: n.Span, role: Role) -> None:
        start, end = self.text.offsets(span)
        if body is not None and name in body.variables:
            self._variable(body, name, start, end, role)
        else:
            self._add(Kind.PROCEDURE, role, name, start, end, body)

    def _variable(self, body: Body, name: str, start: int, end: int, role: Role) -> None:
        self._add(Kind.PARAMETER if name in body.params else Kind.VARIABLE, role, name, start, end, body)

    def _arguments(self, body: Body | None, arguments: list[n.Argument], owner: str) -> None:
        for argument in arguments:
            if argument.name is not None:
                start, _ = self.text.offsets(argument.span)
                end = start + len(argument.name)
                self.found.append(Occurrence(Kind.ARGUMENT, Role.READ, argument.name, start, end, body, owner))

    def _placeholders(self, body: Body | None, span: n.Span, quotes: int) -> None:
        """The names in the placeholders of a string, as they are written in the text."""
        start, end = self.text.offsets(span)
        inner = self.text.content[start + quotes : end - quotes]
        if "{{" not in inner:
            return
        # Three quotes are what `placeholder_spans` counts on.
        line, column, end_line, end_column = span
        spans = placeholder_spans(inner, (line, column + quotes - 3, end_line, end_column), raw=True)
        pieces = [piece for piece in placeholders(inner) if not isinstance(piece, str)]
        for (name, _), place in zip(pieces, spans, strict=True):
            first, last = self.text.offsets(place)
            at = self.text.content.index(name, first + 2, last)
            if body is not None and name in body.variables:
                self._variable(body, name, at, at + len(name), Role.READ)
            else:
                self._add(Kind.PROCEDURE, Role.READ, name, at, at + len(name), body)

    def _add(self, kind: Kind, role: Role, name: str, start: int, end: int, body: Body | None) -> None:
        self.found.append(Occurrence(kind, role, name, start, end, body))
