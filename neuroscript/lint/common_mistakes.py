"""Code that runs and hardly does what it says: what other languages mean by it, and what to write here.

Each rule looks at one expression or statement, and says nothing where the code may be meant as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.resolve import source_line
from neuroscript.compiler.traversal import walk
from neuroscript.lint.call_mistakes import Calls
from neuroscript.lint.conditions import NEVER_ERROR, in_chain, in_condition, truths, written
from neuroscript.lint.holding import NUMBER, Holding
from neuroscript.lint.loops import in_for_each, in_while
from neuroscript.lint.operands import comments_for_minus, in_change, in_index, in_literal_map, in_operands, powers
from neuroscript.lint.ranges import in_branches
from neuroscript.lint.reads import Uses
from neuroscript.lint.turns import in_turns
from neuroscript.runtime.operators import BUILTINS
from neuroscript.stdlib.foreign_layouts import in_our_form
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders
from neuroscript.values import read_number

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body, Resolved
    from neuroscript.lint.call_mistakes import Procedure
    from neuroscript.tools import ToolRegistry

Found: TypeAlias = tuple[str, n.Span, str]
"""The name of the rule, the place, and what to say."""

_ORDER = ("<", ">", "<=", ">=")
_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_OPERATOR = re.compile(r"[-+*/%()]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOREIGN_PLACEHOLDER = re.compile(r"(?<!\{)[$#]?\{([A-Za-z_][A-Za-z0-9_]*)\}(?!\})|\$([A-Za-z_][A-Za-z0-9_]*)")
_ABOUT_BRACES = re.compile(r"(?i)\b(?:templates?|placeholders?|braces|regex|patterns?)\b")  # a text that tells of them
_CONDITION_NAME = re.compile(
    r"(?i)^(?:is|has|can|may|should|was|are|all|any|ok|done|valid|found|ready|busy)|(?:ed|able|ive)$"
)
_DEFAULT = "a default is given by `if` or `tool.map.Get(map, key, default)`"
_FILE = re.compile(r"[./]|file|log|out")
_QUOTIENT = re.compile(r"\s*//\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?)\s*")


class Mistakes:
    """The rules, for one body at a time.

    Args:
        resolved: the program.
        body: the body.
        tools: the tools that it may call.
        procedures: the program's own, by name.
        evaluates: whether the program replaces placeholders in texts that are known only when it runs, so that those in
            a plain string may be meant for later.
    """

    def __init__(
        self,
        resolved: Resolved,
        body: Body,
        tools: ToolRegistry,
        procedures: Mapping[str, Procedure],
        evaluates: bool,
    ) -> None:
        self._source = resolved.program.source
        self._body = body
        self._tools = tools
        self._evaluates = evaluates
        self.holding = Holding(body, tools)
        self.uses = Uses(body)
        self._procedures = procedures
        self._calls = Calls(body, tools, self.holding, self.uses, procedures)

    def in_expression(self, expression: n.Expr, called: bool = False) -> Iterator[Found]:
        """The mistakes in an expression and its parts; ``called`` if it is the call of a ``call`` statement."""
        callees = {id(part.callee) for part in walk(expression) if isinstance(part, n.CallValue)}
        templates = {id(part.text) for part in walk(expression) if isinstance(part, n.Eval)}
        templates |= {
            id(part.args[0].value)
            for part in walk(expression)
            if isinstance(part, n.ToolCall) and part.name.lower() == "str.format" and part.args
        }
        for part in walk(expression):
            match part:
                case n.Chain(first=first, rest=rest):
                    yield from _chain(part, first, rest)
                    yield from in_chain(part, self.holding)
                    yield from self._moments(first, rest)
                    yield from in_operands(part, self.holding)
                    yield from self._calculates_uncalled(part)
                    yield from powers(part)
                case n.Index(value=n.Literal(value=str()), dotted=True) if id(part) not in callees:
                    yield "dotted-join", part.span, "strings are joined with `+`"
                case n.Index(index=index) if self.holding.negative_index(part):
                    yield "negative-index", index.span, "an index counts from 0: the last item is `x[len(x) - 1]`"
                case n.Eval(text=n.Literal(value=str() as text)) if self._works_out(text):
                    told = "a placeholder holds a name or a field, and nothing is worked out in it"
                    yield "calculated-placeholder", part.span, told
                case n.Literal(value=str() as text) if ("{" in text or "$" in text) and id(part) not in templates:
                    yield from self._plain_string(part, text)
                case n.Index() if id(part) not in callees:
                    yield from in_index(part, self.holding)
                case n.MapExpr():
                    yield from in_literal_map(part)
                case n.ToolCall():
                    yield from self._calls.in_tool_call(part)
                    yield from _layout(part.name.lower(), part.args)
                case n.Call(name="is_error", args=[n.Argument(value=n.Name(name=name))]) if self.holding.never_error(
                    name
                ):
                    yield "constant-condition", part.span, NEVER_ERROR.format(name)
                case n.Call() if not (called and part is expression):
                    yield from self._calls.in_call(part)

    def in_statement(self, statement: n.Stmt) -> Iterator[Found]:
        """The mistakes in a statement, apart from its expressions and inner blocks."""
        match statement:
            case n.Must(value=n.Literal(value=None)):
                yield "must-nil", statement.span, "`must nil` always fails: to expect nil write `must x == nil`"
            case n.ForEach():
                yield from in_for_each(statement, self._body, self.holding, self.uses)
                yield from in_turns(statement, self._body, self.holding, self.uses)
            case n.While(condition=condition):
                yield from in_while(statement, self._body, self.uses)
                yield from in_turns(statement, self._body, self.holding, self.uses)
                yield from in_condition(condition, self.holding)
                yield from self._uncalled(condition)
            case n.If(branches=branches):
                for condition, _ in branches:
                    yield from in_condition(condition, self.holding)
                    yield from self._uncalled(condition)
                yield from in_branches(branches, written)
            case n.Must(value=value, check=False):
                yield from self._uncalled(value)
            case n.Emit(value=n.Chain(first=first, rest=[(">", n.Literal(value=str() as text), place)])):
                if self.holding.kind(first) != NUMBER and not isinstance(first, n.Literal) and _FILE.search(text):
                    told = "`>` compares: a text is written to a file by `tool.fs.Write(path, text)`"
                    yield "redirection", n.span_of(place), told
            case n.Set(targets=[n.Target(name=name, path=[])], value=n.Chain() as chain):
                yield from self._operand_kept(name, chain)
                yield from in_change(name, chain, self.holding)
        yield from self._calls.in_statement(statement)
        yield from self._whole_quotient(statement)

    def _uncalled(self, condition: n.Expr) -> Iterator[Found]:
        """A procedure or tool where its result is meant: as a condition."""
        for part in truths(condition):
            name = self._function(part)
            if name:
                told = f"`{name}` without arguments is a function, which is always true: call it, `{name}(…)`"
                yield "constant-condition", part.span, told

    def _function(self, value: n.Expr) -> str:
        """The name of the procedure, built-in or tool that an expression is; empty for anything else."""
        match value:
            case n.ToolName(name=name):
                return f"tool.{name}"
            case n.Name(name=name) if name not in self._body.variables:
                return name if name in self._procedures or name in BUILTINS or name == "len" else ""
        return ""

    def _calculates_uncalled(self, chain: n.Chain) -> Iterator[Found]:
        """A procedure among the operands of an operator that takes no function."""
        operands = [chain.first, *(operand for _, operand, _ in chain.rest)]
        if chain.rest[0][0] in ("==", "!=") and not any(
            isinstance(each, n.Literal) and each.value for each in operands
        ):
            return
        if chain.rest[0][0] in ("and", "or"):
            return
        for operand in operands:
            name = self._function(operand) if isinstance(operand, n.Name) else ""
            if name:
                told = f"`{name}` without arguments is a function: call it, `{name}(…)`"
                yield "wrong-operand", operand.span, told
                return

    def _operand_kept(self, name: str, chain: n.Chain) -> Iterator[Found]:
        """``set name = user.nick or user.name``, where the name is used as a value and not as a condition."""
        operator = chain.rest[0][0]
        operands = [chain.first, *(operand for _, operand, _ in chain.rest)]
        if operator not in ("and", "or") or not all(isinstance(each, n.Name | n.Index) for each in operands):
            return
        if operator == "and" and not _leads_to(operands[0], operands[-1]):
            return
        joined = name in self.uses.joined and not _CONDITION_NAME.search(name)
        if name in self.uses.valued or joined:
            told = f"`{operator}` gives true or false, not one of its operands: {_DEFAULT}"
            yield "value-of-or", chain.span, told

    def _works_out(self, text: str) -> bool:
        """Whether a text has a calculation with one of the variables where a placeholder would be."""
        worked_out = " ".join(inner for inner in _PLACE.findall(text) if _OPERATOR.search(inner))
        return any(name in self._body.variables for name in _IDENTIFIER.findall(worked_out))

    def _moments(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> Iterator[Found]:
        operator, right, place = rest[0]
        if operator == "-" and self.holding.is_moment(first) and self.holding.is_moment(right):
            told = "moments are not subtracted: write `tool.time.Diff(start, end)`, which gives seconds"
            yield "subtracted-moments", n.span_of(place), told

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
        matches = _FOREIGN_PLACEHOLDER.finditer(text) if not _ABOUT_BRACES.search(text) else ()
        foreign = next((match for match in matches if (match[1] or match[2]) in variables), None)
        if foreign is not None:
            cure = f"write a raw string with `{{{{{foreign[1] or foreign[2]}}}}}`, or join with `+`"
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
        after = source_line(self._source, line)[column:]
        if comments_for_minus(after, last, self._body):
            told = "`--` begins a comment: write `a - -b`, or `set n = n - 1`"
            yield "comment-for-minus", (line, column, line, column + 2), told
        match = _QUOTIENT.fullmatch(after)
        if match is not None and (match[1][0].isdigit() or match[1] in self._body.variables):
            span = (line, column, line, column + len(match[0]))
            yield "comment-for-quotient", span, "`//` begins a comment: a whole quotient is `tool.math.Floor(a / b)`"


def _layout(name: str, args: list[n.Argument]) -> Iterator[Found]:
    """A layout of a time in another language's form, which is written as it stands."""
    if name not in ("time.format", "time.parse"):
        return
    second = args[1] if len(args) > 1 and args[1].name is None else None
    given = next((each for each in args if each.name == "layout"), second)
    layout = _text(given.value) if given is not None else None
    if given is not None and layout and "%" not in layout:
        meant = in_our_form(layout)
        cure = f'write "{meant}"' if meant else 'write one like "%Y-%m-%d %H:%M"'
        yield "foreign-layout", given.value.span, f"a layout is made of `%` sequences, and this one has none: {cure}"


def _chain(chain: n.Chain, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> Iterator[Found]:
    operator, _, place = rest[0]
    negated = isinstance(first, n.Unary) and first.op == "not" and first.span[:2] == chain.span[:2]
    if operator in ("==", "!=") and negated:
        cure = f"a {'!=' if operator == '==' else '=='} b"
        yield "negated-comparison", chain.span, f"this is `(not a) {operator} b`: write `{cure}`"
    compared = [place for operator, _, place in rest if operator in _ORDER]
    if len(compared) > 1:
        yield "chained-comparison", n.span_of(compared[1]), "comparisons are not chained: write `a < b and b < c`"
    operands = [first, *(operand for _, operand, _ in rest)]
    if operator in ("or", "and"):
        compares = any(isinstance(each, n.Chain) and each.rest[0][0] in ("==", "!=", *_ORDER) for each in operands)
        for operand in operands:
            if _is_value(operand):
                cure = _DEFAULT
                if compares and operand is not first:
                    cure = f"each side is a condition of its own, `x == a {operator} x == b`"
                yield "value-of-or", operand.span, f"`{operator}` gives true or false, not one of its operands: {cure}"
                break
    text = _text(first)
    if operator == "%" and text is not None and "%" in text:
        yield "remainder-of-text", n.span_of(place), "`%` is the remainder: write `tool.str.Format(template, value)`"
    if operator == "&" and any(read_number(each) is None for each in map(_text, operands) if each is not None):
        yield "bits-of-text", n.span_of(place), "`&` is for bits: strings are joined with `+`, conditions with `and`"


def _is_value(operand: n.Expr) -> bool:
    """Whether an operand of ``or`` is a value that is wanted rather than a condition."""
    if isinstance(operand, n.Literal):
        return operand.value is not None and type(operand.value) is not bool
    return isinstance(operand, n.ListExpr | n.MapExpr | n.Raw)


def _leads_to(owner: n.Expr, value: n.Expr) -> bool:
    """Whether a value is an entry of another one, as in ``user and user.name``."""
    start = written(owner)
    return bool(start) and written(value).startswith(f"{start}.")


def _text(operand: n.Expr) -> str | None:
    return operand.value if isinstance(operand, n.Literal) and type(operand.value) is str else None


def _rightmost(value: n.Expr | None) -> n.Expr | None:
    """The operand at the end of an expression."""
    while isinstance(value, n.Chain):
        value = value.rest[-1][1]
    return value
