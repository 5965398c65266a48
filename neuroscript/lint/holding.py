"""What the variables of a body certainly hold, by everything that is assigned to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import assigned_by, statements, stored_in
from neuroscript.syntax import nodes as n
from neuroscript.values import read_number

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

_NO_NUMBER = re.compile(r"[^\s0-9.eE+-]")  # what no text has that reads as a number
_PLACE = re.compile(r"\{\{[^{}]*\}\}")
_ROUNDS = 20  # in which what is known of one variable tells of another
_DOCUMENTS = ("fs.read", "json.stringify")
_CONDITIONS = ("==", "!=", "<", ">", "<=", ">=", "and", "or")


class Holding:
    """The kinds of the variables and expressions of one body, where they are certain.

    Attributes:
        sized: the variables that hold texts and lists alone.
        answers: those of the texts that a person or a model gives.
        values: all that is assigned to each variable: expressions, kinds, None for what is not known.
        stored: the variables in whose lists or maps something is stored.
    """

    def __init__(self, body: Body, tools: ToolRegistry) -> None:
        self._tools = tools
        self._kinds: dict[str, str] = {}
        self._items: dict[str, str | None] = {}
        self._item_texts: dict[str, bool] = {}
        self._starts: dict[str, n.Expr | None] = {}
        values, answers = _values(body)
        self.values = values
        blocks = (body.block, *(handler.body for handler in body.handlers))
        self.stored = {name for block in blocks for name in stored_in(block)}
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
            case n.Index(value=owner, index=index, dotted=False) if self.kind(index) == NUMBER:
                return TEXT if self.kind(owner) == TEXT else self.items(owner)
            case n.Chain(first=first, rest=rest):
                return self._chain(first, rest)
        return None

    def items(self, value: n.Expr) -> str | None:
        """The kind of the items of a list; None where it is not certain."""
        if isinstance(value, n.Name):
            if value.name not in self._items:
                assigned = self.values.get(value.name, [None])
                kinds = {self.items(each) if isinstance(each, n.ToolCall) else None for each in assigned}
                certain = len(kinds) == 1 and value.name not in self.stored
                self._items[value.name] = kinds.pop() if certain else None
            return self._items[value.name]
        if isinstance(value, n.ToolCall):
            tool = self._tools.get(value.name)
            texts = tool is not None and str(tool.spec.return_type) == "slice_string"
            return TEXT if texts else NUMBER if value.name.lower() == "list.range" else None
        return None

    def is_item_text(self, value: n.Expr) -> bool:
        """Whether an expression is an item of a list of texts, as of what was split."""
        if isinstance(value, n.Name):
            if value.name not in self._item_texts:
                self._item_texts[value.name] = False  # as long as it is looked for
                assigned = self.values.get(value.name, [None])
                certain = all(isinstance(each, n.Index) and self.is_item_text(each) for each in assigned)
                self._item_texts[value.name] = certain
            return self._item_texts[value.name]
        return isinstance(value, n.Index) and self.items(value.value) == TEXT and self.kind(value) == TEXT

    def start(self, name: str) -> n.Expr | None:
        """What a variable holds before it is first changed, if all but one of its values are made of the one before."""
        if name not in self._starts:
            starts = [each for each in self.values.get(name, [None]) if not _is_made_of(each, name)]
            single = starts[0] if len(starts) == 1 and name not in self.stored else None
            self._starts[name] = single if isinstance(single, n.Expr) else None
        return self._starts[name]

    def _chain(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> str | None:
        if rest[0][0] in _CONDITIONS:
            return BOOLEAN
        kinds = [self.kind(first), *(self.kind(operand) for _, operand, _ in rest)]
        operators = {operator for operator, _, _ in rest}
        if operators == {"+"} and TEXT in kinds:
            return TEXT
        if operators == {"*"} and kinds[0] == TEXT:
            return TEXT
        if operators == {"+"} and LIST in kinds and None not in kinds:
            return LIST  # of anything else the addition fails
        if operators == {"+"} and MAP in kinds and None not in kinds:
            return MAP
        if rest[-1][0] in ("-", "/", "%"):
            return NUMBER
        return NUMBER if set(kinds) == {NUMBER} else None

    def is_number_text(self, name: str) -> bool:
        """Whether a variable holds texts alone, of which those that are written read as numbers."""
        assigned = self.values.get(name, ())
        texts = [each.value for each in assigned if isinstance(each, n.Literal)]
        read = all(type(text) is str and read_number(text) is not None for text in texts)
        return bool(texts) and read and self._kinds.get(name) == TEXT

    def is_document(self, name: str) -> bool:
        """Whether a variable holds the text of a file, or JSON, alone."""
        assigned = self.values.get(name, [None])
        return all(isinstance(each, n.ToolCall) and each.name.lower() in _DOCUMENTS for each in assigned)

    def never_error(self, name: str) -> bool:
        """Whether a variable holds what tools and models give, of which none is an error value."""
        assigned = self.values.get(name, ())
        certain = all(isinstance(each, str) or (each is not None and self._never_error(each)) for each in assigned)
        return certain and any(isinstance(each, str | n.ToolCall) for each in assigned)

    def _never_error(self, value: n.Expr) -> bool:
        if isinstance(value, n.ToolCall):
            return value.name.lower() in ("json.parse", "json.extract") or self.kind(value) is not None
        return isinstance(value, n.Literal | n.ListExpr | n.MapExpr | n.Raw)

    def is_no_number(self, value: n.Expr, depth: int = 5) -> bool:
        """Whether an expression certainly gives a text that does not read as a number."""
        match value:
            case n.Literal(value=str() as text):
                return read_number(text) is None
            case n.Raw(text=text):
                return bool(_NO_NUMBER.search(_PLACE.sub("", text)))
            case n.Name(name=name) if depth:
                assigned = self.values.get(name, ())
                return bool(assigned) and all(
                    isinstance(each, n.Expr) and self.is_no_number(each, depth - 1) for each in assigned
                )
            case n.Chain(first=first, rest=rest) if all(operator == "+" for operator, _, _ in rest):
                parts = (first, *(operand for _, operand, _ in rest))
                texts = [each.value for each in parts if isinstance(each, n.Literal) and type(each.value) is str]
                return any(map(_NO_NUMBER.search, texts))
        return False

    def is_moment(self, value: n.Expr) -> bool:
        """Whether an expression gives a moment."""
        return self.kind(value) == MOMENT

    def negative_index(self, value: n.Expr) -> bool:
        """Whether an expression reads an item of a text or list from the end."""
        if not isinstance(value, n.Index) or value.dotted or not isinstance(value.index, n.Unary):
            return False
        is_sized = self.kind(value.value) in (TEXT, LIST)
        return value.index.op == "-" and isinstance(value.index.operand, n.Literal) and is_sized


def _is_made_of(value: n.Expr | str | None, name: str) -> bool:
    """Whether a value is made of the one that a variable held, by an operator or a tool."""
    match value:
        case n.Chain(first=n.Name(name=own)) | n.ToolCall(args=[n.Argument(value=n.Name(name=own)), *_]):
            return own == name
    return False


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
                        if isinstance(value, n.ToolCall) and value.name.lower() in ("io.input", "os.getenv", "fs.read"):
                            answers.add(target.name)
                case n.PromptUser(into=n.Target(name=name, path=[])):
                    found.setdefault(name, []).append(TEXT)
                    answers.add(name)
                case n.Ask(config=None, into=n.Target(name=name, path=[])):
                    found.setdefault(name, []).append(TEXT)
                    answers.add(name)
                case n.ForEach(name=name, key=key, collection=collection):
                    first = n.Literal(collection.span, 0)
                    found.setdefault(name, []).append(n.Index(collection.span, collection, first))
                    if key is not None:
                        found.setdefault(key, []).append(None)
                case _:
                    for name in assigned_by(statement):
                        found.setdefault(name, []).append(None)
    return found, answers
