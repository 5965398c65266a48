"""Builds the nodes of the syntax tree: one method for each rule of the grammar.

The driver calls a method with the values of the rule's symbols, the place of its first token and that of the token
after its last.  A token's value is its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from neuroscript.syntax import nodes
from neuroscript.syntax.lexer import Positions, Tokens
from neuroscript.syntax.nodes import Argument, Block, Chain, Expr, Literal, Metadata, Name, Param, Target
from neuroscript.syntax.tables import BUILTIN_WORDS

Values: TypeAlias = list[Any]
Method: TypeAlias = Callable[[Values, int, int], Any]
_NEVER_CALLABLE = (
    Literal,
    nodes.Raw,
    nodes.ListExpr,
    nodes.MapExpr,
    nodes.Unary,
    nodes.Chain,
    nodes.Power,
    nodes.Eval,
)

# A finding of the builder: the place of the token that it stands at, and the message.
Finding: TypeAlias = tuple[int, str]


class Builder:
    """Makes the nodes of one program; ``findings`` has what the grammar cannot refuse."""

    def __init__(self, tokens: Tokens, positions: Positions, name: str) -> None:
        self.tokens = tokens
        self.texts = tokens.texts
        self.values = tokens.values
        self.begins, self.ends = positions.begins, positions.ends
        self.span = positions.span
        self.name_of_program = name
        self.findings: list[Finding] = []
        # The handlers that are open: whether each is an error handler.
        self._handlers: list[bool] = []

    def _place(self, first: int, last: int) -> int:
        return self.begins[first] + self.ends[last]

    # --- programs ----------------------------------------------------------------------------------------------------

    def program(self, values: Values, first: int, end: int) -> nodes.Program:
        program = nodes.Program(self.name_of_program, self.tokens.source)
        for value in values:
            if isinstance(value, list):
                program.metadata = value
            elif isinstance(value, tuple):
                kind, items = value
                if kind == "script":
                    program.commands = items
                else:
                    program.procedures = [item for item in items if isinstance(item, nodes.Procedure)]
                    program.handlers = [item for item in items if isinstance(item, nodes.OnEvent)]
        return program

    def library(self, values: Values, first: int, end: int) -> tuple[str, list[Any]]:
        return "library", [item for item in values[0] if not isinstance(item, int)]

    def script(self, values: Values, first: int, end: int) -> tuple[str, list[Any]]:
        return "script", [item for item in values[0] if not isinstance(item, int)]

    def metadata(self, values: Values, first: int, end: int) -> tuple[str, str]:
        entry: tuple[str, str] = self.values[self.texts[first]]
        return entry

    def procedure(self, values: Values, first: int, end: int) -> nodes.Procedure:
        _, name, lists, means = values[:4]
        if self.texts[name] in BUILTIN_WORDS:
            word = self.texts[name]
            message = f"`{word}` is a reserved word and cannot be a procedure's name; `{word}_of` would do"
            self.findings.append((name, message))
        metadata: Metadata = values[5] if len(values) == 8 else []
        return nodes.Procedure(
            self._place(first, means),
            self.texts[name],
            self.span(name, name),
            lists.get("needs", []),
            lists.get("optional", []),
            lists.get("returns", []),
            metadata,
            values[-2],
        )

    def signature(self, values: Values, first: int, end: int) -> dict[str, list[Param]]:
        lists: dict[str, list[Param]] = {}
        for value in values:
            for keyword, params in value if isinstance(value, list) else ():
                word = self.texts[keyword]
                if word in lists:
                    message = f"a second `{word}` in one signature: put all its names after the first"
                    self.findings.append((keyword, message))
                lists.setdefault(word, params)
        return lists

    def clause(self, values: Values, first: int, end: int) -> tuple[int, list[Param]]:
        names = [values[1], *(values[2][1::2] if len(values) > 2 else ())]
        return values[0], [Param(self._place(name, name), self.texts[name]) for name in names]

    def command(self, values: Values, first: int, end: int) -> nodes.Command:
        return nodes.Command(self._place(first, first), values[2] if len(values) == 5 else [], values[-2])

    def event_handler(self, values: Values, first: int, end: int) -> nodes.OnEvent:
        _, _, event, named, variable, _, newline, body, _ = values
        self._handlers.pop()
        return nodes.OnEvent(self._place(first, newline - 1), event, named, variable, body)

    def event_name(self, values: Values, first: int, end: int) -> str | None:
        return self.values[self.texts[values[1]]] if values else None

    def event_variable(self, values: Values, first: int, end: int) -> str | None:
        # An event handler is a unit of its own: an error handler in it does not stand inside one round it.
        self._handlers.append(False)
        return self.texts[values[1]] if values else None

    def do(self, values: Values, first: int, end: int) -> None:
        """An absent ``do`` has no value."""

    # --- statements --------------------------------------------------------------------------------------------------

    def block(self, values: Values, first: int, end: int) -> Block:
        return values[0][0::2] if values else []

    def set_statement(self, values: Values, first: int, end: int) -> nodes.Set:
        targets = [values[1]]
        if isinstance(values[2], list):
            targets += values[2][1::2]
        must = isinstance(values[-2], int) and self.texts[values[-2]] == "must"
        return nodes.Set(self._place(first, end - 1), targets, values[-1], must)

    def call_statement(self, values: Values, first: int, end: int) -> nodes.CallStmt:
        self._callable(values[1], first)
        return nodes.CallStmt(self._place(first, end - 1), values[1])

    def _callable(self, call: Expr, first: int) -> None:
        """Refuses a ``call`` or ``mustbe`` of what certainly cannot be called."""
        if isinstance(call, nodes.CallValue) and isinstance(call.callee, _NEVER_CALLABLE):
            word = self.texts[first]
            message = f"`{word}` takes the call of a procedure, a tool or a function value: `{word} name(…)`"
            called = self.texts[first + 1]
            if called in ("true", "false", "nil"):
                message += f"; `{called}` is a reserved word: choose another name, such as `{called}_value`"
            self.findings.append((first + 1, message))

    def return_statement(self, values: Values, first: int, end: int) -> nodes.Return:
        results = values[1:2]
        if len(values) > 2:
            results += values[2][1::2]
        return nodes.Return(self._place(first, end - 1), results)

    def emit_statement(self, values: Values, first: int, end: int) -> nodes.Emit:
        return nodes.Emit(self._place(first, end - 1), values[1])

    def whisper_statement(self, values: Values, first: int, end: int) -> nodes.Whisper:
        return nodes.Whisper(self._place(first, end - 1), values[1], values[3])

    def must_statement(self, values: Values, first: int, end: int) -> nodes.Must:
        return nodes.Must(self._place(first, end - 1), values[1])

    def mustbe_statement(self, values: Values, first: int, end: int) -> nodes.Must:
        self._callable(values[1], first)
        return nodes.Must(self._place(first, end - 1), values[1], check=True)

    def fail_statement(self, values: Values, first: int, end: int) -> nodes.Fail:
        return nodes.Fail(self._place(first, end - 1), values[1] if len(values) > 1 else None)

    def if_statement(self, values: Values, first: int, end: int) -> nodes.If:
        branches = [(values[1], values[3])]
        orelse = None
        for value in values[4:-1]:
            if isinstance(value, list):
                branches += value
            else:
                orelse = value[1]
        return nodes.If(self._place(first, values[2] - 1), branches, orelse)

    def else_if(self, values: Values, first: int, end: int) -> tuple[Expr, Block]:
        return values[2], values[4]

    def else_part(self, values: Values, first: int, end: int) -> tuple[None, Block]:
        return None, values[2]

    def while_statement(self, values: Values, first: int, end: int) -> nodes.While:
        return nodes.While(self._place(first, values[2] - 1), values[1], values[3])

    def for_statement(self, values: Values, first: int, end: int) -> nodes.ForEach:
        collection, newline, body, _ = values[-4:]
        names = [values[2]] if len(values) == 8 else [values[2], values[4]]
        key, name = (None, names[0]) if len(names) == 1 else (self.texts[names[0]], names[1])
        if key == self.texts[name]:
            self.findings.append((name, f"`for each` gives two values, and both names are `{key}`: use two names"))
        return nodes.ForEach(
            self._place(first, newline - 1),
            self.texts[name],
            self.span(name, name),
            collection,
            body,
            key,
            self.span(names[0], names[0]) if key is not None else None,
        )

    def break_statement(self, values: Values, first: int, end: int) -> nodes.Break:
        return nodes.Break(self._place(first, first))

    def continue_statement(self, values: Values, first: int, end: int) -> nodes.Continue:
        return nodes.Continue(self._place(first, first))

    def error_handler(self, values: Values, first: int, end: int) -> nodes.OnError:
        self._handlers.pop()
        return nodes.OnError(self._place(first, values[1] - 1), values[2])

    def handler_head(self, values: Values, first: int, end: int) -> None:
        """Both spellings mean the same."""
        if self._handlers and self._handlers[-1]:
            message = "an error handler cannot stand inside another: end the outer one with `endon` first"
            self.findings.append((first, message))
        self._handlers.append(True)

    def clear_error_statement(self, values: Values, first: int, end: int) -> nodes.ClearError:
        return nodes.ClearError(self._place(first, first))

    def clear_event(self, values: Values, first: int, end: int) -> nodes.ClearEvent:
        return nodes.ClearEvent(self._place(first, end - 1), values[2], None)

    def clear_named_event(self, values: Values, first: int, end: int) -> nodes.ClearEvent:
        return nodes.ClearEvent(self._place(first, end - 1), None, self.values[self.texts[values[3]]])

    def ask_statement(self, values: Values, first: int, end: int) -> nodes.Ask:
        _, (who, prompt), config, target = values
        return nodes.Ask(self._place(first, end - 1), who, prompt, config, target)

    def ask_prompt(self, values: Values, first: int, end: int) -> tuple[Expr | None, Expr]:
        return (values[0], values[2]) if len(values) > 1 else (None, values[0])

    def ask_config(self, values: Values, first: int, end: int) -> Expr | None:
        return values[1] if values else None

    def ask_target(self, values: Values, first: int, end: int) -> Target | None:
        return values[1] if values else None

    def promptuser_statement(self, values: Values, first: int, end: int) -> nodes.PromptUser:
        return nodes.PromptUser(self._place(first, end - 1), values[1], values[3])

    def target_name(self, values: Values, first: int, end: int) -> Target:
        return Target(self._place(first, first), self.texts[first], [])

    def target_key(self, values: Values, first: int, end: int) -> Target:
        target: Target = values[0]
        name = values[2]
        target.path.append(Literal(self._place(name, name), self.texts[name]))
        target.place = self._place(first, end - 1)
        return target

    def target_index(self, values: Values, first: int, end: int) -> Target:
        target: Target = values[0]
        target.path.append(values[2])
        target.place = self._place(first, end - 1)
        return target

    # --- expressions -------------------------------------------------------------------------------------------------

    def chain(self, values: Values, first: int, end: int) -> Chain:
        pairs = values[1]
        texts, begins, ends = self.texts, self.begins, self.ends
        operators = [
            (texts[op], operand, begins[op] + ends[op]) for op, operand in zip(pairs[0::2], pairs[1::2], strict=True)
        ]
        return Chain(self._place(first, end - 1), values[0], operators)

    def prefix(self, values: Values, first: int, end: int) -> nodes.Unary:
        return nodes.Unary(self._place(first, end - 1), self.texts[first], values[1])

    def raised(self, values: Values, first: int, end: int) -> nodes.Power:
        base, operator, exponent = values
        return nodes.Power(self._place(first, end - 1), base, exponent, self._place(operator, operator))

    def index(self, values: Values, first: int, end: int) -> nodes.Index:
        return nodes.Index(self._place(first, end - 1), values[0], values[2])

    def key(self, values: Values, first: int, end: int) -> Expr:
        value, _, name = values
        if isinstance(value, nodes.ToolName) and self.texts[first] != "(":
            return nodes.ToolName(self._place(first, name), f"{value.name}.{self.texts[name]}")
        key = Literal(self._place(name, name), self.texts[name])
        return nodes.Index(self._place(first, name), value, key, dotted=True)

    def call_value(self, values: Values, first: int, end: int) -> Expr:
        callee, bracket, args, _ = values
        span = self._place(first, end - 1)
        # A callee of one token that is a name is called by name; `(f)(1)` calls what the variable holds.
        if bracket == first + 1 and isinstance(callee, Name):
            return nodes.Call(span, callee.name, args, callee.place)
        if isinstance(callee, nodes.ToolName) and self.texts[first] != "(":
            return nodes.ToolCall(span, callee.name, args, callee.place)
        return nodes.CallValue(span, callee, args)

    def call_eval(self, values: Values, first: int, end: int) -> nodes.Eval:
        return nodes.Eval(self._place(first, end - 1), values[2])

    def arguments(self, values: Values, first: int, end: int) -> list[Argument]:
        arguments = []
        for value in values:
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, Argument):
                    arguments.append(item)
                elif not isinstance(item, int):
                    arguments.append(Argument(item.place, item))
        return arguments

    def named_argument(self, values: Values, first: int, end: int) -> Argument:
        return Argument(self._place(first, end - 1), values[2], self.texts[first])

    def name(self, values: Values, first: int, end: int) -> Name:
        return Name(self._place(first, first), self.texts[first])

    def word(self, values: Values, first: int, end: int) -> int:
        place: int = values[0]
        return place

    soft = word

    def literal(self, values: Values, first: int, end: int) -> Literal:
        return Literal(self._place(first, first), self.values[self.texts[first]])

    def raw(self, values: Values, first: int, end: int) -> nodes.Raw:
        return nodes.Raw(self._place(first, first), self.values[self.texts[first]])

    def true(self, values: Values, first: int, end: int) -> Literal:
        return Literal(self._place(first, first), True)

    def false(self, values: Values, first: int, end: int) -> Literal:
        return Literal(self._place(first, first), False)

    def nil(self, values: Values, first: int, end: int) -> Literal:
        return Literal(self._place(first, first), None)

    def tool(self, values: Values, first: int, end: int) -> nodes.ToolName:
        return nodes.ToolName(self._place(first, values[2]), self.texts[values[2]])

    def list(self, values: Values, first: int, end: int) -> nodes.ListExpr:
        return nodes.ListExpr(self._place(first, end - 1), _separated(values))

    def map(self, values: Values, first: int, end: int) -> nodes.MapExpr:
        return nodes.MapExpr(self._place(first, end - 1), _separated(values))

    def map_entry(self, values: Values, first: int, end: int) -> tuple[Expr, Expr]:
        return values[0], values[2]

    def parenthesised(self, values: Values, first: int, end: int) -> Expr:
        expression: Expr = values[1]
        return expression


def _separated(values: Values) -> list[Any]:
    """The items of ``( item , item … )``: the first, then the list that the commas and the others are in."""
    if len(values) == 2:
        return []
    items = [values[1]]
    if isinstance(values[2], list):
        items += values[2][1::2]
    return items
