"""Keys that a map does not have: in maps that are written for tools, and read from what tools give.

What a variable holds is known where everything that is assigned to it comes from one tool, or from one place in what a
tool gives.  A key that the program adds to such a map itself is no mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import statements, walk
from neuroscript.records import record
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgType

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body
    from neuroscript.tools import ToolRegistry

Found: TypeAlias = tuple[n.Span, str]

EVENT = Shape(
    "event",
    [
        ShapeField("name", ArgType.STRING, "The event's name."),
        ShapeField("payload", ArgType.ANY, "What came with it."),
        ShapeField("source", ArgType.STRING, "Who fired it."),
        ShapeField("timestamp", ArgType.TIMEDATE, "When."),
        ShapeField("id", ArgType.STRING, "An id that no other event has."),
    ],
)
"""What an event handler gets."""

ERROR = Shape(
    "error",
    [
        ShapeField("code", ArgType.INT, "The code."),
        ShapeField("message", ArgType.STRING, "What happened."),
        ShapeField("line", ArgType.INT, "The line where it did."),
        ShapeField("column", ArgType.INT, "The column."),
        ShapeField("procedure", ArgType.STRING, "The procedure."),
        ShapeField("stack", ArgType.SLICE_STRING, "The procedures that called it, the innermost first."),
    ],
    open=True,
)
"""What an error handler knows; errors of tools have further fields."""

_MESSAGE_NAMES = frozenset({"msg", "text", "description", "errmsg", "error_message", "Message", "Error"})


@record(frozen=True)
class Held:
    """What an expression gives: a map of a known shape, or a list of such maps.

    Attributes:
        shape: the keys.
        is_list: whether it is a list.
        may_fail: whether an error value may be in the place of a map.
    """

    shape: Shape
    is_list: bool = False
    may_fail: bool = False


@record(frozen=True)
class _Source:
    """Something that is assigned to a variable: a value, or each item of one.  Without a value, it is not known."""

    value: n.Expr | None
    is_item: bool = False
    is_reply: bool = False  # to an `ask` with the schema that `value` writes


_UNKNOWN = _Source(None)
_DEEPEST = 50  # variables that are assigned from one another


class MapKeys:
    """The rules for the keys of maps, for one body at a time.

    Args:
        body: the body.
        tools: the tools that it may call.
        ask_config: gives the keys of the settings of ``ask``; None if they are not known.
        most: one item for each wrong key that is still looked into, in this body and others.
    """

    def __init__(
        self, body: Body, tools: ToolRegistry, ask_config: Callable[[], Shape | None], most: Iterator[object]
    ) -> None:
        self._tools = tools
        self._ask_config = ask_config
        self._most = most
        self._sources: dict[str, list[_Source]] = {}
        self._added: dict[str, list[list[n.Expr]]] = {}
        self._held: dict[str, Held | None] = {}
        self._checked: set[tuple[int, int]] = set()
        self._own_keys: set[str] = set()
        self._replies: dict[int, Held | None] = {}
        self._depth = 0
        for block in (body.block, *(handler.body for handler in body.handlers)):
            for statement in statements(block):
                self._assignments(statement)
        for name in (*body.params, *(body.session or ())):
            self._sources.setdefault(name, []).append(_UNKNOWN)
        if body.kind == "event" and body.params and len(self._sources[body.params[0]]) == 1:
            self._held[body.params[0]] = Held(EVENT)
        if body.handlers and "system_error" not in self._sources:
            self._held["system_error"] = Held(ERROR)
        given = self._held.copy()
        self._own_keys = {key for name in self._added if self._variable(name) for key in self._added_keys(name)}
        self._held = given

    def in_expression(self, expression: n.Expr) -> Iterator[Found]:
        """The keys in an expression and its parts that are not there."""
        called = {id(part.callee) for part in walk(expression) if isinstance(part, n.CallValue)}
        for part in walk(expression):
            match part:
                case n.Index(value=owner, index=n.Literal(value=str() as key) as index) if id(part) not in called:
                    problem = self._problem(self.held(owner), key)
                    if problem:
                        yield index.span, problem
                case n.Raw(text=text, span=span) | n.Eval(text=n.Literal(value=str() as text, span=span)):
                    yield from self._placeholders(text, placeholder_spans(text, span, raw=isinstance(part, n.Raw)))
                case n.ToolCall():
                    yield from self._arguments(part)

    def held(self, value: n.Expr) -> Held | None:
        """What an expression gives, as far as that is known."""
        match value:
            case n.Name(name=name):
                return self._variable(name)
            case n.ToolCall(name=name, args=[n.Argument(value=n.ToolName(name=called)), *_]) if _is_try(name):
                held = self._result(called)
                return Held(held.shape, held.is_list, may_fail=True) if held is not None else None
            case n.ToolCall(name=name):
                return self._result(name)
            case n.Index(value=owner, index=index):
                return self._part(self.held(owner), index.value if isinstance(index, n.Literal) else None)
        return None

    def in_statement(self, statement: n.Stmt) -> Iterator[Found]:
        """The settings of ``ask`` that there are not."""
        if isinstance(statement, n.Ask) and isinstance(statement.config, n.MapExpr | n.Name):
            shape = self._ask_config()
            if shape is not None:
                yield from self.given(shape, statement.config)

    # --- what is known of a value ------------------------------------------------------------------------------------

    def _result(self, name: str) -> Held | None:
        tool = self._tools.get(name)
        if tool is None:
            return None
        kind = tool.spec.return_type
        if kind is ArgType.ERROR:
            return Held(ERROR)
        shape = tool.spec.result_shape
        may_fail = kind in (ArgType.ANY, ArgType.SLICE_ANY)
        return Held(shape, kind.item_type is not None, may_fail) if shape is not None else None

    def _part(self, held: Held | None, key: object) -> Held | None:
        """The value at a key or index of what is held; the index of a list need not be known."""
        if held is None:
            return None
        if held.is_list:
            return Held(held.shape, may_fail=held.may_fail) if type(key) is not str else None
        field = held.shape.field(key) if type(key) is str and key not in self._own_keys else None
        return Held(field.shape, field.type.item_type is not None) if field is not None and field.shape else None

    def _variable(self, name: str) -> Held | None:
        if name not in self._held:
            self._held[name] = None  # where it is assigned from itself, that says nothing
            if self._depth >= _DEEPEST:
                return None
            self._depth += 1
            found = [self._assigned(source) for source in self._sources.get(name, ()) if not _is_nil(source.value)]
            self._depth -= 1
            if found and found[0] is not None and all(each == found[0] for each in found):
                self._held[name] = found[0]
        return self._held[name]

    def _assigned(self, source: _Source) -> Held | None:
        if source.is_reply and source.value is not None:
            return self._reply(source.value)
        held = self.held(source.value) if source.value is not None else None
        if not source.is_item:
            return held
        return self._part(held, None) if held is not None and held.is_list else None

    def _reply(self, schema: n.Expr) -> Held | None:
        """What a model gives to an ``ask`` with a schema that is written out."""
        if id(schema) not in self._replies:
            self._replies[id(schema)] = _by_schema(schema)
        return self._replies[id(schema)]

    def _assignments(self, statement: n.Stmt) -> None:
        match statement:
            case n.Set(targets=[n.Target() as target], value=value):
                self._assign(target, _Source(value))
            case n.Set(targets=targets):
                for target in targets:
                    self._assign(target, _UNKNOWN)
            case n.Ask(config=n.MapExpr(entries=entries), into=n.Target(path=[]) as target) if _entry(
                entries, "schema"
            ):
                self._assign(target, _Source(_entry(entries, "schema"), is_reply=True))
            case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
                self._assign(target, _UNKNOWN)
            case n.ForEach(name=name, key=key, collection=collection):
                self._sources.setdefault(name, []).append(_Source(collection, is_item=True))
                if key is not None:
                    self._sources.setdefault(key, []).append(_UNKNOWN)

    def _assign(self, target: n.Target, source: _Source) -> None:
        if target.path and all(isinstance(step, n.Literal) for step in target.path):
            self._added.setdefault(target.name, []).append(target.path)
        else:  # a key that is known only when it runs may be any
            self._sources.setdefault(target.name, []).append(_UNKNOWN if target.path else source)

    def _added_keys(self, name: str) -> Iterator[str]:
        for path in self._added.get(name, ()):
            yield from (step.value for step in path if isinstance(step, n.Literal) and type(step.value) is str)

    # --- what is wrong -----------------------------------------------------------------------------------------------

    def _problem(self, held: Held | None, key: str) -> str:
        if held is None or held.is_list or key in self._own_keys or (held.may_fail and key in ERROR.fields):
            return ""
        if held.shape is ERROR and key in _MESSAGE_NAMES:
            return f"an error has no '{key}'; what happened is told by `message`"
        return self._wrong(held.shape, key)

    def _wrong(self, shape: Shape, key: str) -> str:
        """What is wrong with a key; the nearest one takes time to find, and is found so many times at most."""
        return shape.problem(key) if shape.field(key) is None and next(self._most, None) is not None else ""

    def _placeholders(self, text: str, spans: list[n.Span]) -> Iterator[Found]:
        pieces = [piece for piece in placeholders(text) if not isinstance(piece, str)]
        for (name, path), span in zip(pieces, spans, strict=True):
            held = self._variable(name) if path else None
            for key in path:
                problem = self._problem(held, key) if type(key) is str else ""
                if problem:
                    yield span, problem
                    break
                held = self._part(held, key)

    def _arguments(self, call: n.ToolCall) -> Iterator[Found]:
        given = call.args
        tool = self._tools.get(call.name)
        match call.args:
            case [n.Argument(value=n.ToolName(name=called)), *rest] if _is_try(call.name):
                tool, given = self._tools.get(called), rest
        if tool is None or not any(arg.shape is not None for arg in tool.spec.args):
            return
        by_name = {arg.name: arg for arg in tool.spec.args}
        for argument, arg in zip(given, tool.spec.args, strict=False):
            known = by_name.get(argument.name) if argument.name is not None else arg
            if known is not None and known.shape is not None:
                yield from self.given(known.shape, argument.value)

    def given(self, shape: Shape, value: n.Expr) -> Iterator[Found]:
        """The keys that a map has not that is written for a tool, or in a variable that holds nothing else."""
        if (id(shape), id(value)) in self._checked:
            return
        self._checked.add((id(shape), id(value)))
        match value:
            case n.Name(name=name):
                for written in self._written(name):
                    if (id(shape), id(written)) in self._checked:
                        continue
                    yield from self.given(shape, written)
                    for path in self._added.get(name, ()) if isinstance(written, n.MapExpr) else ():
                        yield from self._key(shape, path[0])
            case n.ListExpr(items=items):
                for item in items:
                    yield from self.given(shape, item)
            case n.MapExpr(entries=entries):
                for key, inner in entries:
                    yield from self._key(shape, key)
                    field = shape.field(key.value) if isinstance(key, n.Literal) and type(key.value) is str else None
                    if field is not None and field.shape is not None:
                        yield from self.given(field.shape, inner)

    def _written(self, name: str) -> list[n.MapExpr | n.ListExpr]:
        """The maps and lists that are written for a variable which gets nothing else: at once, or item by item."""
        found: list[n.MapExpr | n.ListExpr] = []
        for source in self._sources.get(name, ()):
            match source.value:
                case n.MapExpr() | n.ListExpr() as written if not source.is_item and not source.is_reply:
                    found.append(written)
                case n.Chain(first=n.Name(name=own), rest=[("+", n.ListExpr() as more, _)]) if own == name:
                    found.append(more)
                case n.ToolCall(name=tool, args=[n.Argument(value=n.Name(name=own)), n.Argument(value=item)]) if (
                    own == name and tool.lower() in ("list.append", "list.push")
                ):
                    found.append(n.ListExpr(item.span, [item]))
                case _:
                    return []
        maps = [written for written in found if isinstance(written, n.MapExpr)]
        return found if not maps or len(found) == 1 else []

    def _key(self, shape: Shape, key: n.Expr) -> Iterator[Found]:
        problem = self._wrong(shape, key.value) if isinstance(key, n.Literal) and type(key.value) is str else ""
        if problem:
            yield key.span, problem


def _is_nil(value: n.Expr | None) -> bool:
    return isinstance(value, n.Literal) and value.value is None


def _is_try(name: str) -> bool:
    return name.lower() == "error.try"


def _entry(entries: list[tuple[n.Expr, n.Expr]], key: str) -> n.Expr | None:
    """The value that stands at a key in a map that is written out."""
    found = (value for name, value in entries if isinstance(name, n.Literal) and name.value == key)
    return next(found, None)


def _by_schema(schema: n.Expr) -> Held | None:
    """What a JSON Schema describes that is written out: a map, or a list of maps."""
    if not isinstance(schema, n.MapExpr):
        return None
    items = _entry(schema.entries, "items")
    if items is not None:
        held = _by_schema(items)
        return Held(held.shape, is_list=True) if held is not None and not held.is_list else None
    properties = _entry(schema.entries, "properties")
    if not isinstance(properties, n.MapExpr):
        return None
    fields = []
    for key, inner in properties.entries:
        if not isinstance(key, n.Literal) or type(key.value) is not str:
            return None
        held = _by_schema(inner)
        kind = ArgType.ANY if held is None else ArgType.SLICE_MAP if held.is_list else ArgType.MAP
        fields.append(ShapeField(key.value, kind, shape=held.shape if held is not None else None))
    more = _entry(schema.entries, "additionalProperties")
    is_open = more is not None and not (isinstance(more, n.Literal) and more.value is False)
    return Held(Shape("reply", fields, open=is_open))
