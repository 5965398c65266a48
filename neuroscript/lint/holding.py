"""What the variables of a body certainly hold, by everything that is assigned to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import assigned_by, statements
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body
    from neuroscript.tools import ToolRegistry

TEXT = "text"
LIST = "list"
MAP = "map"
NUMBER = "number"
BOOLEAN = "boolean"
MOMENT = "moment"

_RETURNED = {
    "string": TEXT,
    "slice": LIST,
    "map": MAP,
    "int": NUMBER,
    "float": NUMBER,
    "number": NUMBER,
    "bool": BOOLEAN,
    "timedate": MOMENT,
}
"""What a tool gives, by the first part of its return type."""

_ROUNDS = 20  # in which what is known of one variable tells of another
_CONDITIONS = ("==", "!=", "<", ">", "<=", ">=", "and", "or")


class Holding:
    """The kinds of the variables and expressions of one body, where they are certain.

    Attributes:
        sized: the variables that hold texts and lists alone.
        answers: those of the texts that a person or a model gives.
    """

    def __init__(self, body: Body, tools: ToolRegistry) -> None:
        self._tools = tools
        self._kinds: dict[str, str] = {}
        values, answers = _values(body)
        for _ in range(_ROUNDS):  # what may be, by the values whose kinds are known
            found = {name: self._only(assigned) for name, assigned in values.items()}
            kinds = {name: kind for name, kind in found.items() if kind is not None}
            if kinds == self._kinds:
                break
            self._kinds = kinds
        for _ in range(_ROUNDS):  # what is, if all that may be is
            kept = {
                name: kind for name, kind in self._kinds.items() if all(self._of(each) == kind for each in values[name])
            }
            if kept == self._kinds:
                break
            self._kinds = kept
        else:
            self._kinds = {}
        self.answers = {name for name in answers if self._kinds.get(name) == TEXT}
        self.sized = {name for name, kind in self._kinds.items() if kind in (TEXT, LIST)}

    def _only(self, assigned: list[n.Expr | str | None]) -> str | None:
        """The one kind of those values whose kind is known."""
        if None in assigned:
            return None
        kinds = {kind for each in assigned if (kind := self._of(each)) is not None}
        return kinds.pop() if len(kinds) == 1 else None

    def _of(self, assigned: n.Expr | str | None) -> str | None:
        return assigned if assigned is None or isinstance(assigned, str) else self.kind(assigned)

    def kind(self, value: n.Expr) -> str | None:
        """The kind of what an expression gives; None where it is not certain."""
        match value:
            case n.Literal(value=literal):
                return {str: TEXT, int: NUMBER, float: NUMBER, bool: BOOLEAN}.get(type(literal))
            case n.Raw() | n.Eval() | n.Unary(op="typeof"):
                return TEXT
            case n.ListExpr():
                return LIST
            case n.MapExpr():
                return MAP
            case n.Name(name=name):
                return self._kinds.get(name)
            case n.Call(name="len") | n.Unary(op="-"):
                return NUMBER
            case n.Unary(op="not" | "no" | "some"):
                return BOOLEAN
            case n.ToolCall(name=name):
                tool = self._tools.get(name)
                return _RETURNED.get(str(tool.spec.return_type).partition("_")[0]) if tool is not None else None
            case n.Chain(first=first, rest=rest):
                return self._chain(first, rest)
        return None

    def _chain(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Span]]) -> str | None:
        if rest[0][0] in _CONDITIONS:
            return BOOLEAN
        kinds = [self.kind(first), *(self.kind(operand) for _, operand, _ in rest)]
        operators = {operator for operator, _, _ in rest}
        if operators == {"+"} and TEXT in kinds:
            return TEXT
        if operators == {"*"} and kinds[0] == TEXT:
            return TEXT
        if operators == {"+"} and set(kinds) == {LIST}:
            return LIST
        return NUMBER if set(kinds) == {NUMBER} else None

    def is_moment(self, value: n.Expr) -> bool:
        """Whether an expression gives a moment."""
        return self.kind(value) == MOMENT

    def negative_index(self, value: n.Expr) -> bool:
        """Whether an expression reads an item of a text or list from the end."""
        if not isinstance(value, n.Index) or value.dotted or not isinstance(value.index, n.Unary):
            return False
        is_sized = self.kind(value.value) in (TEXT, LIST)
        return value.index.op == "-" and isinstance(value.index.operand, n.Literal) and is_sized


def _values(body: Body) -> tuple[dict[str, list[n.Expr | str | None]], set[str]]:
    """What is assigned to each variable: expressions, kinds, None for what is not known; and the answers."""
    found: dict[str, list[n.Expr | str | None]] = {}
    answers: set[str] = set()
    for name in (*body.params, *(body.session or ())):
        found[name] = [None]
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            match statement:
                case n.Set(targets=[target], value=value):
                    if not target.path:
                        found.setdefault(target.name, []).append(value)
                        if isinstance(value, n.ToolCall) and value.name.lower() in ("io.input", "os.getenv"):
                            answers.add(target.name)
                case n.PromptUser(into=n.Target(name=name, path=[])):
                    found.setdefault(name, []).append(TEXT)
                    answers.add(name)
                case n.Ask(config=None, into=n.Target(name=name, path=[])):
                    found.setdefault(name, []).append(TEXT)
                    answers.add(name)
                case n.ForEach(name=name, key=None, collection=n.ToolCall(name=tool)) if tool.lower() == "list.range":
                    found.setdefault(name, []).append(NUMBER)
                case _:
                    for name in assigned_by(statement):
                        found.setdefault(name, []).append(None)
    return found, answers
