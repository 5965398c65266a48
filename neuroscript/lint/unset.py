"""Variables that may not be set where they are read: set in one branch, by the error handler alone, or further down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import assigned_by, expressions, inner_blocks, statements
from neuroscript.lint.failing import names_in
from neuroscript.lint.reads import evaluated, reads, set_by
from neuroscript.lint.stale import MOST_STATEMENTS
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]


@dataclass(slots=True)
class _Partly:
    """A variable that one way to a place has set and another has not.

    Args:
        line: where it is set.
        related: the variables that tell which way was gone: those of the conditions, and what was set beside it.
    """

    line: int
    related: set[str]


@dataclass(slots=True)
class _State:
    """What is set at one place."""

    certain: set[str]
    partly: dict[str, _Partly] = field(default_factory=dict)

    def copy(self) -> _State:
        return _State(set(self.certain), dict(self.partly))


class MaybeUnset:
    """The reads of one body that a path comes to on which nothing has set the variable.

    A loop counts as run at least once.  Where a condition that a read stands in, or that was left before it, asks for
    what tells the ways apart, nothing is found.

    Args:
        body: the body.
        other: names that mean something where no variable is set: of the host, procedures.
        elsewhere: the variables of all bodies, each with the names of the first two that set it.
    """

    def __init__(self, body: Body, other: Iterable[str], elsewhere: Mapping[str, list[str]]) -> None:
        self._body = body
        self._session = body.session is not None
        self._ignored = {*body.params, *other}
        in_handlers = [statement for handler in body.handlers for statement in statements(handler.body)]
        self._by_handlers = {name: each.span[0] for each in in_handlers for name in set_by(each)}
        self._setters: dict[str, list[n.Stmt]] = {}
        for statement in statements(body.block):
            for name in set_by(statement):
                self._setters.setdefault(name, []).append(statement)
        self._elsewhere = elsewhere
        self._tolerant = {
            name
            for statement in statements(body.block)
            for expression in expressions(statement)
            for name, _, loose in reads(expression)
            if loose
        }
        self._told: set[str] = set()
        self._found: list[Found] = []
        self._breaks: list[list[_State]] = []
        self._seen: set[str] = set()  # set somewhere above in the text
        self._depth = 0  # of conditions and loops
        self._conditions = 0

    def find(self) -> list[Found]:
        """The findings, one for each variable."""
        if not self._session and self._body.size <= MOST_STATEMENTS:
            self._block(self._body.block, _State(set()))
        return self._found

    def _block(self, block: n.Block, state: _State) -> _State | None:
        after: _State | None = state
        for statement in block:
            if isinstance(statement, n.OnError | n.OnEvent):
                continue
            if after is None:
                return None
            after = self._statement(statement, after)
        return after

    def _statement(self, statement: n.Stmt, state: _State) -> _State | None:
        self._read(statement, state)
        if isinstance(statement, n.If):
            return self._if(statement, state)
        for expression in expressions(statement):
            self._succeeded(evaluated(expression), state)
        match statement:
            case n.While() | n.ForEach():
                return self._loop(statement, state)
            case n.Break():
                if self._breaks:
                    self._breaks[-1].append(state)
                return None
            case n.Return() | n.Continue():
                return None
            case n.Fail() if not self._body.handlers:
                return None
            case n.Must(value=value):
                _settle(state, names_in([value]))
        for name in set_by(statement):
            self._set(name, state)
        return state

    def _succeeded(self, names: set[str], state: _State) -> None:
        """Takes for set what has been read without an error."""
        for name in names & self._setters.keys():
            state.certain.add(name)
            state.partly.pop(name, None)

    def _set(self, name: str, state: _State) -> None:
        state.certain.add(name)
        state.partly.pop(name, None)
        self._seen.add(name)

    def _if(self, statement: n.If, state: _State) -> _State | None:
        asked = names_in(condition for condition, _ in statement.branches)
        before = set(state.certain)
        ends: list[_State | None] = []
        inside: list[set[str]] = []
        self._depth += 1
        self._conditions += 1
        conditions = [condition for condition, _ in statement.branches]
        refused: set[str] = set()  # read by the conditions so far, which were false
        for number, block in enumerate(inner_blocks(statement)):
            inner = state.copy()
            self._succeeded(refused, inner)
            if number < len(conditions):
                self._succeeded(evaluated(conditions[number], truth=True), inner)
                refused |= evaluated(conditions[number], truth=False)
            _settle(inner, asked)
            ends.append(self._block(block, inner))
            inside.append({name for each in statements(block) for name in set_by(each)})
        self._depth -= 1
        self._conditions -= 1
        self._succeeded(refused, state)
        if any(end is None for end in ends):
            _settle(state, asked)  # who comes here has passed a test of what tells the ways apart
        reached = [end for end in ends if end is not None]
        always = any(isinstance(condition, n.Literal) and condition.value for condition, _ in statement.branches)
        if statement.orelse is None and not always:
            reached.append(state)
        if not reached:
            return None
        joined = _State(set.intersection(*(end.certain for end in reached)))
        for end in reached:
            for name, partly in end.partly.items():
                if name not in joined.certain and name in state.partly:
                    joined.partly[name] = partly
                elif name not in joined.certain:
                    joined.partly.setdefault(name, partly)
        for way, names in zip(ends, inside, strict=True):
            if way is None:
                continue
            for name in way.certain - joined.certain - before:
                known = state.partly.get(name)
                if name in asked or (known is not None and known.related & asked):
                    joined.certain.add(name)  # the other case of a test made before
                    joined.partly.pop(name, None)
                else:
                    joined.partly[name] = _Partly(self._line(statement, name), asked | names | {name})
        return joined

    def _line(self, statement: n.Stmt, name: str) -> int:
        for block in inner_blocks(statement):
            for each in statements(block):
                if name in set_by(each):
                    return each.span[0]
        return statement.span[0]

    def _loop(self, statement: n.While | n.ForEach, state: _State) -> _State | None:
        asked = names_in(expressions(statement))
        match statement:
            case n.While(condition=n.Literal(value=value)):
                forever = bool(value)
            case _:
                forever = False
        inner = state.copy()
        if isinstance(statement, n.ForEach):
            for name in assigned_by(statement):
                self._set(name, inner)
        else:
            _settle(inner, asked)
        self._breaks.append([])
        self._depth += 1
        end = self._block(statement.body, inner)
        self._depth -= 1
        breaks = self._breaks.pop()
        if end is not None and isinstance(statement, n.While):
            _settle(end, asked)  # the loop has ended since its condition says so
        ways = [*([end] if end is not None and not forever else []), *breaks]
        if not ways:
            # Every turn returns, or goes on with the next one.
            return None if forever and not breaks else state
        joined = _State(set.intersection(*(way.certain for way in ways)))
        for way in ways:
            for name, partly in way.partly.items():
                if name not in joined.certain:
                    related = partly.related if name in state.partly else partly.related | asked
                    joined.partly.setdefault(name, _Partly(partly.line, related))
            for name in way.certain - joined.certain:
                told = {each for one in statements(statement.body) for each in set_by(one)}
                joined.partly.setdefault(name, _Partly(self._line(statement, name), asked | told))
        return joined

    def _read(self, statement: n.Stmt, state: _State) -> None:
        for expression in expressions(statement):
            for name, span, loose in reads(expression):
                if loose or name in state.certain or name in self._ignored or name in self._told:
                    continue
                message = self._problem(name, state, statement)
                if message:
                    self._told.add(name)
                    self._found.append(("maybe-unset", span, message))

    def _problem(self, name: str, state: _State, statement: n.Stmt) -> str:
        partly = state.partly.get(name)
        if partly is not None:
            how = f"'{name}' is set on line {partly.line}, and not on every way here"
        elif name in self._by_handlers and name not in self._setters:
            how = f"'{name}' is set by the error handler alone"
        elif self._is_later(name, statement) or self._is_only_continued(name):
            other = next((each for each in self._elsewhere.get(name, ()) if each != self._body.name), "")
            if other:
                return f"'{name}' is not set here, and that of {other} is another variable: {_own(self._body)}"
            if self._body.kind == "event":
                return f"'{name}' is not set here: {_own(self._body)}"
            how = f"'{name}' has no value here yet"
            if self._depth:
                return f"{how}: set it before the loop, such as `set {name} = {_start(name, statement)}`"
        else:
            return ""
        return f"{how}: set it before, such as `set {name} = {_start(name, statement)}`"

    def _is_later(self, name: str, statement: n.Stmt) -> bool:
        """Whether a variable is set below this place alone, which is reached before."""
        if name not in self._setters or name in self._seen or name in self._by_handlers or self._body.handlers:
            return False
        if self._depth == 0:
            return True
        # In the first turn of a loop, unless a condition skips this place then.
        parts = [statement.branches[0][0]] if isinstance(statement, n.If) else expressions(statement)
        read = {each for part in parts for each in evaluated(part)}
        return self._depth == 1 and not self._conditions and name in read and name not in self._tolerant

    def _is_only_continued(self, name: str) -> bool:
        """Whether all that sets a variable reads it first, as ``set n = n + 1`` does."""
        setters = self._setters.get(name, ())
        return bool(setters) and name not in self._by_handlers and all(_reads_itself(name, each) for each in setters)


def _reads_itself(name: str, statement: n.Stmt) -> bool:
    return isinstance(statement, n.Set) and name in evaluated(statement.value)


def _own(body: Body) -> str:
    """What to do where the variable of another body is wanted."""
    if body.kind == "event":
        return "an event handler begins without variables each time: send it along as the payload, or keep it in a file"
    return "take it as a parameter, and `return` what changes"


def _start(name: str, statement: n.Stmt) -> str:
    """A value with which a variable may begin that a statement goes on with."""
    match statement:
        case n.Set(value=n.Chain(first=first, rest=[(operator, second, _), *_])):
            other = second if isinstance(first, n.Name) and first.name == name else first
            match other:
                case n.Raw():
                    return '""'
                case n.Literal(value=str()) if operator == "+":
                    return '""'
                case n.ListExpr():
                    return "[]"
                case n.Literal(value=int() | float()) | n.Call(name="len"):
                    return "1" if operator == "*" else "0"
                case _ if operator in ("-", "/", "%"):
                    return "0"
        case n.Set(value=n.ToolCall(name=tool)) if tool.lower().startswith("list."):
            return "[]"
        case n.Set(value=n.ToolCall(name=tool)) if tool.lower().startswith("map."):
            return "{}"
        case n.While(condition=n.Chain() as chain) | n.If(branches=[(n.Chain() as chain, _), *_]):
            if chain.rest[0][0] in ("<", ">", "<=", ">="):
                return "0"
    return "nil"


def _settle(state: _State, names: set[str]) -> None:
    """Takes for set what a condition that reads these names has asked about."""
    for name, partly in list(state.partly.items()):
        if partly.related & names:
            del state.partly[name]
