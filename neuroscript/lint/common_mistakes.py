"""Code that runs and hardly does what it says: what other languages mean by it, and what to write here.

Each rule looks at one expression or statement, and says nothing where the code may be meant as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.resolve import source_line
from neuroscript.compiler.traversal import expressions, statements, walk
from neuroscript.lint.holding import Holding
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders
from neuroscript.values import read_number

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body, Resolved
    from neuroscript.tools import ToolRegistry, ToolSpec

Found: TypeAlias = tuple[str, n.Span, str]
"""The name of the rule, the place, and what to say."""

_ORDER = ("<", ">", "<=", ">=")
_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_OPERATOR = re.compile(r"[-+*/%()]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOREIGN_PLACEHOLDER = re.compile(r"[$#]\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PATTERN_FIRST = ("str.findallregex", "str.matchregex", "str.replaceregex")
_LOOKS_LIKE_A_PATTERN = re.compile(r"\\[dwsbSDW]|[.\])][*+]|^\^.*\$$")
_PART = 200  # characters of a pattern that are looked at
_TRIED = ("list.Get", "str.FromBase64", "str.FromHex", "str.ParseJsonString", "str.ToNumber")
_CALLS = n.ToolCall | n.Call | n.CallValue
_QUOTIENT = re.compile(r"\s*//\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?)\s*")


class Mistakes:
    """The rules, for one body at a time.

    Args:
        resolved: the program.
        body: the body.
        tools: the tools that it may call.
        evaluates: whether the program replaces placeholders in texts that are known only when it runs, so that those in
            a plain string may be meant for later.
    """

    def __init__(self, resolved: Resolved, body: Body, tools: ToolRegistry, evaluates: bool) -> None:
        self._source = resolved.program.source
        self._body = body
        self._tools = tools
        self._evaluates = evaluates
        self.holding = Holding(body, tools)

    def in_expression(self, expression: n.Expr) -> Iterator[Found]:
        """The mistakes in an expression and its parts."""
        called = {id(part.callee) for part in walk(expression) if isinstance(part, n.CallValue)}
        templates = {id(part.text) for part in walk(expression) if isinstance(part, n.Eval)}
        for part in walk(expression):
            match part:
                case n.Chain(first=first, rest=rest):
                    yield from _chain(part, first, rest)
                    yield from self._moments(first, rest)
                case n.Index(value=n.Literal(value=str()), dotted=True) if id(part) not in called:
                    yield "dotted-join", part.span, "strings are joined with `+`"
                case n.Index(index=index) if self.holding.negative_index(part):
                    yield "negative-index", index.span, "an index counts from 0: the last item is `x[len(x) - 1]`"
                case n.Eval(text=n.Literal(value=str() as text)) if self._works_out(text):
                    told = "a placeholder holds a name or a field, and nothing is worked out in it"
                    yield "calculated-placeholder", part.span, told
                case n.Literal(value=str() as text) if "{" in text and id(part) not in templates:
                    yield from self._plain_string(part, text)
                case n.ToolCall(name=name, args=[n.Argument() as first_argument, n.Argument() as second, *_]):
                    yield from self._order(part, name.lower(), first_argument, second)

    def in_statement(self, statement: n.Stmt) -> Iterator[Found]:
        """The mistakes in a statement, apart from its expressions and inner blocks."""
        match statement:
            case n.CallStmt(call=n.ToolCall(name=name) as call) if not self._body.uses_last and not self._body.handlers:
                tool = self._tools.get(name)
                if tool is not None and _only_gives(tool.spec):
                    usage = f"set x = {tool.spec.full_name}(…)"
                    told = f"{tool.spec.full_name} changes nothing: keep what it gives, `{usage}`"
                    yield "unused-result", call.span, told
            case n.Must(value=n.Literal(value=None)):
                yield "must-nil", statement.span, "`must nil` always fails: to expect nil write `must x == nil`"
            case n.ForEach(collection=n.Literal(value=value) as counted) if type(value) in (int, float):
                yield "no-collection", counted.span, f"a number is no collection: write `tool.list.Range(0, {value})`"
            case n.ForEach(collection=n.Call(name="len") as counted) if "len" not in self._body.variables:
                yield "no-collection", counted.span, "a number is no collection: write `tool.list.Range(0, len(list))`"
            case n.While(condition=n.Literal(value=True)) if not _can_leave(statement.body):
                yield "endless-loop", statement.span, "this loop has no way out: leave it with `break` or `return`"
            case n.While(
                condition=n.Chain(first=n.Name(name=index), rest=[("<=", n.Call(name="len", args=[each]), place)])
            ):
                if _reads_item(statement.body, each.value, index):
                    yield "index-past-end", place, f"the last index is `len(…) - 1`: write `{index} < len(…)`"
        yield from self._whole_quotient(statement)

    def _works_out(self, text: str) -> bool:
        """Whether a text has a calculation with one of the variables where a placeholder would be."""
        worked_out = " ".join(inner for inner in _PLACE.findall(text) if _OPERATOR.search(inner))
        return any(name in self._body.variables for name in _IDENTIFIER.findall(worked_out))

    def _moments(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Span]]) -> Iterator[Found]:
        operator, right, place = rest[0]
        if operator == "-" and self.holding.is_moment(first) and self.holding.is_moment(right):
            told = "moments are not subtracted: write `tool.time.Diff(start, end)`, which gives seconds"
            yield "subtracted-moments", place, told

    def _order(self, call: n.Expr, name: str, first: n.Argument, second: n.Argument) -> Iterator[Found]:
        """Arguments that are the wrong way round."""
        text, pattern = _text(first.value), _text(second.value)
        if first.name or second.name:
            return
        if name == "str.split" and text is not None and len(text) <= 2 and pattern is None:
            yield "argument-order", call.span, "the text comes first: `tool.str.Split(text, separator)`"
        tool = self._tools.get(name) if name.startswith("regex.") or name in _PATTERN_FIRST else None
        if tool is not None and text is None and pattern is not None and _LOOKS_LIKE_A_PATTERN.search(pattern[:_PART]):
            yield "argument-order", call.span, f"the pattern comes first: `{tool.spec.usage}`"

    def _plain_string(self, literal: n.Expr, text: str) -> Iterator[Found]:
        line, column, _, _ = literal.span
        if source_line(self._source, line).startswith("'''", column):
            return  # chosen for what it does not replace
        if self._evaluates:
            return
        variables = self._body.variables
        names = [piece[0] for piece in placeholders(text) if not isinstance(piece, str)]
        if any(name in variables for name in names):
            told = "placeholders are replaced in raw strings, ```…```, and by `eval(text)` alone"
            yield "plain-placeholder", literal.span, told
        foreign = next((match for match in _FOREIGN_PLACEHOLDER.finditer(text) if match[1] in variables), None)
        if foreign is not None:
            cure = f"write a raw string with `{{{{{foreign[1]}}}}}`, or join with `+`"
            yield "foreign-placeholder", literal.span, f"`{foreign[0]}` is not replaced: {cure}"

    def _whole_quotient(self, statement: n.Stmt) -> Iterator[Found]:
        """``7 // 2``, of which ``// 2`` is a comment."""
        if not isinstance(statement, n.Set | n.Return | n.Emit):
            return
        values = [statement.value] if not isinstance(statement, n.Return) else statement.values
        last = _rightmost(values[-1] if values else None)
        number = isinstance(last, n.Literal) and type(last.value) in (int, float)
        if not number and not isinstance(last, n.Name | n.Index | n.Call):
            return
        _, _, line, column = statement.span
        match = _QUOTIENT.fullmatch(source_line(self._source, line)[column:])
        if match is not None and (match[1][0].isdigit() or match[1] in self._body.variables):
            span = (line, column, line, column + len(match[0]))
            yield "comment-for-quotient", span, "`//` begins a comment: a whole quotient is `tool.math.Floor(a / b)`"


def _chain(chain: n.Chain, first: n.Expr, rest: list[tuple[str, n.Expr, n.Span]]) -> Iterator[Found]:
    operator, _, place = rest[0]
    negated = isinstance(first, n.Unary) and first.op == "not" and first.span[:2] == chain.span[:2]
    if operator in ("==", "!=") and negated:
        cure = f"a {'!=' if operator == '==' else '=='} b"
        yield "negated-comparison", chain.span, f"this is `(not a) {operator} b`: write `{cure}`"
    compared = [place for operator, _, place in rest if operator in _ORDER]
    if len(compared) > 1:
        yield "chained-comparison", compared[1], "comparisons are not chained: write `a < b and b < c`"
    operands = [first, *(operand for _, operand, _ in rest)]
    if operator in ("or", "and"):
        for operand in operands:
            if _is_value(operand):
                cure = "a default is given by `if` or `tool.map.Get(map, key, default)`"
                yield "value-of-or", operand.span, f"`{operator}` gives true or false, not one of its operands: {cure}"
                break
    text = _text(first)
    if operator == "%" and text is not None and "%" in text:
        yield "remainder-of-text", place, "`%` is the remainder: write `tool.str.Format(template, value)`"
    if operator == "&" and any(read_number(each) is None for each in map(_text, operands) if each is not None):
        yield "bits-of-text", place, "`&` is for bits: strings are joined with `+`, conditions with `and`"


def _is_value(operand: n.Expr) -> bool:
    """Whether an operand of ``or`` is a value that is wanted rather than a condition."""
    if isinstance(operand, n.Literal):
        return operand.value is not None and type(operand.value) is not bool
    return isinstance(operand, n.ListExpr | n.MapExpr | n.Raw)


def _text(operand: n.Expr) -> str | None:
    return operand.value if isinstance(operand, n.Literal) and type(operand.value) is str else None


def _reads_item(block: n.Block, items: n.Expr, index: str) -> bool:
    """Whether a block reads the item of a variable at exactly this index, before it changes the index."""
    for statement in block:
        for value in expressions(statement):
            for part in walk(value):
                match part:
                    case n.Index(value=n.Name(name=name), index=n.Name(name=at)) if at == index:
                        return isinstance(items, n.Name) and items.name == name
        if isinstance(statement, n.Set) and any(target.name == index for target in statement.targets):
            return False
    return False


def _only_gives(spec: ToolSpec) -> bool:
    """Whether a tool has nothing but its result, so that a call for nothing is a mistake.

    Not those that call a function, which may do something, and those that are called to see whether they fail.
    """
    calls = any(str(arg.type).startswith("function") for arg in spec.args)
    return spec.pure and not calls and spec.group in ("list", "map", "str", "text") and spec.name not in _TRIED


def _can_leave(block: n.Block) -> bool:
    """Whether a loop over this block ends by a statement of its own, or may by an error that is meant."""
    return any(
        isinstance(each, n.Return | n.Fail | n.Must | n.Break | n.Ask | n.PromptUser)
        or (isinstance(each, n.Set) and each.must)
        or any(
            isinstance(part, n.ToolCall | n.Call | n.CallValue) for value in expressions(each) for part in walk(value)
        )
        for each in statements(block)
    )


def _rightmost(value: n.Expr | None) -> n.Expr | None:
    """The operand at the end of an expression."""
    while isinstance(value, n.Chain):
        value = value.rest[-1][1]
    return value
