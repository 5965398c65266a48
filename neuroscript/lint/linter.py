"""The linter: findings about code that loads and is a mistake, each of a rule of `neuroscript.lint.rules`.

An error is certain to fail where it is reached: a tool that does not exist, a call that its signature refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING

from neuroscript.compiler.resolve import LAST, SYSTEM_NAMES, Body, Resolved, diagnostic, signature_of
from neuroscript.compiler.traversal import expressions, inner_blocks, nil_tolerant_operands, walk
from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptError
from neuroscript.foreign_names import CONSTANTS, name_cure
from neuroscript.lint.call_mistakes import Procedure
from neuroscript.lint.common_mistakes import Mistakes
from neuroscript.lint.entries import first_entries
from neuroscript.lint.failing import Failing
from neuroscript.lint.ignores import silence
from neuroscript.lint.lost_changes import lost_changes
from neuroscript.lint.members import (
    foreign_lengths,
    foreign_methods,
    keys_written,
    lengths,
    members_of,
    replaces_placeholders,
    sequence_fields,
    unquoted_names,
)
from neuroscript.lint.rules import RULES
from neuroscript.lint.shapes import MapKeys
from neuroscript.lint.stale import StaleValues, endless_continues
from neuroscript.lint.tried import unchecked
from neuroscript.lint.unset import MaybeUnset
from neuroscript.runtime.errors import nearest, procedure_hint
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders
from neuroscript.values import TYPE_CONSTANTS

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.runtime.programs import Signature
    from neuroscript.tools.registry import Tool

_MOST_LOOKS = 200_000  # names that are looked at for the nearest one, all together
_MOST_WRONG_KEYS = 1000  # keys of maps of which the nearest is told
_ERROR_NAMES = frozenset(
    ("error", "err", "exception", "error_message", "e", "ex", "exc")
)  # in the handlers of other languages
_NEVER_MEANT = frozenset((*CONSTANTS, "NaN", "Infinity"))  # as variables that may be unset
_ERROR_VARIABLES = frozenset(("err", "error", "exception"))  # that are asked for after a call in other languages
_MOST_UNKNOWN = 100  # unknown tools whose nearest names are told


def lint(
    resolved: Resolved,
    interpreter: Interpreter,
    known: Mapping[str, Signature] | None = None,
    also: Iterable[Diagnostic] = (),
) -> list[Diagnostic]:
    """Checks a program for mistakes that are no errors yet.

    Args:
        resolved: the program.
        interpreter: the one with the tools, procedures and globals that the program may use.
        known: further procedures that it may call.
        also: further findings about it, which its comments may silence as well.

    Returns:
        The findings that no comment of the program silences, in no particular order.
    """
    linter = _Linter(resolved, interpreter, known or {})
    for body in resolved.bodies:
        linter.body(body)
    for event in resolved.program.handlers:
        linter.event(event)
    kept, wrong = silence(resolved.program.source, [*linter.found, *also])
    linter.found = kept
    for rule, span, message in wrong:
        linter.find(rule, span, message)
    return linter.found


class _Linter:
    def __init__(self, resolved: Resolved, interpreter: Interpreter, known: Mapping[str, Signature]) -> None:
        self.resolved = resolved
        self.interpreter = interpreter
        self.found: list[Diagnostic] = []
        self.looks = _MOST_LOOKS
        self.wrong_keys = repeat(True, _MOST_WRONG_KEYS)
        self.unknown_tools: dict[str, str] = {}
        runtime = interpreter.runtime
        self.signatures = {name: loaded.signature for name, loaded in runtime.procedures.items()}
        self.signatures.update(known)
        self.signatures.update((node.name, signature_of(node)) for node in resolved.program.procedures)
        self.procedures = {node.name: Procedure(node) for node in resolved.program.procedures}
        self.globals = set(runtime.globals)
        self.set_in: dict[str, list[str]] = {}  # the first two bodies that set each variable
        for body in resolved.bodies:
            for name in body.variables - {*body.params, *SYSTEM_NAMES}:
                if len(bodies := self.set_in.setdefault(name, [])) < 2:
                    bodies.append(body.name)
        self.keys = keys_written(resolved)
        self.evaluates = any(body.evals for body in resolved.bodies) or replaces_placeholders(resolved)

    def find(self, rule_name: str, span: n.Span, message: str) -> None:
        """Adds a finding of a rule."""
        rule = RULES[rule_name]
        found = diagnostic(self.resolved.program, span, rule.severity, rule.error, message)
        self.found.append(replace(found, rule=rule.code, rule_name=rule.name))

    def rules(self, body: Body) -> Mistakes:
        return Mistakes(self.resolved, body, self.interpreter.tools, self.procedures, self.evaluates)

    def keys_of_maps(self, body: Body) -> MapKeys:
        return MapKeys(body, self.interpreter.tools, self.interpreter.ask_config, self.wrong_keys)

    def body(self, body: Body) -> None:
        self.mistakes = self.rules(body)
        self.map_keys = self.keys_of_maps(body)
        for span, message in lost_changes(body):
            self.find("lost-change", span, message)
        failing = Failing(body, self.interpreter.tools)
        unset = MaybeUnset(body, (*self.globals, *self.signatures), self.set_in)
        holding = self.mistakes.holding
        for rule, span, message in chain(
            StaleValues(body, failing).find(),
            endless_continues(body, failing),
            unset.find(),
            first_entries(body, holding),
            unchecked(body, holding),
        ):
            self.find(rule, span, message)
        self.block(body, body.block)

    def event(self, event: n.OnEvent) -> None:
        """The expression of a top-level event handler, which is evaluated when the program is loaded."""
        body = Body("event", "load", [], [], event.span)
        self.mistakes = self.rules(body)
        self.map_keys = self.keys_of_maps(body)
        self.expression(body, event.event)

    def block(self, body: Body, block: n.Block) -> None:
        ended: n.Stmt | None = None
        for statement in block:
            if ended is not None and not isinstance(statement, n.OnError):
                word = type(ended).__name__.lower()
                self.find("unreachable", statement.span, f"this is never reached: it stands after '{word}'")
                ended = None
            for name, span in _targets(statement):
                if name in self.globals and name not in body.params:
                    message = f"'{name}' is set by the host and cannot be changed"
                    self.find("host-name", span, message)
            before = len(self.found)
            for part in expressions(statement):
                if not _is_default_sink(statement, part):
                    self.expression(body, part, called=isinstance(statement, n.CallStmt))
            if len(self.found) == before or not isinstance(statement, n.CallStmt):
                for rule, span, message in self.mistakes.in_statement(statement):
                    self.find(rule, span, message)
            for span, message in self.map_keys.in_statement(statement):
                self.find("unknown-key", span, message)
            for inner in inner_blocks(statement):
                self.block(body, inner)
            if isinstance(statement, n.OnError):
                self.block(body, statement.body)
            # With a handler, execution may go on after a `fail`.
            final = n.Return | n.Break | n.Continue if body.handlers else n.Return | n.Break | n.Continue | n.Fail
            if isinstance(statement, final):
                ended = statement

    def expression(self, body: Body, expression: n.Expr, called: bool = False) -> None:
        loose = {id(operand) for part in walk(expression) for operand in nil_tolerant_operands(part)}
        members = members_of(expression)
        unquoted = unquoted_names(expression)
        self.members(body, expression)
        for rule, span, message in self.mistakes.in_expression(expression, called):
            self.find(rule, span, message)
        for span, message in self.map_keys.in_expression(expression):
            self.find("unknown-key", span, message)
        for part in walk(expression):
            match part:
                case n.Name(name=name, span=span) if id(part) not in loose or name in _NEVER_MEANT:
                    hint = unquoted.get(id(part), "")
                    self.name(body, name, span, *members.get(id(part), ("", False)), hint=hint)
                case n.Name(name=name, span=span) if name in _ERROR_VARIABLES and not self.known(body, name):
                    cure = "an error is caught by `on error do`, or is the value of `tool.error.Try(function, …)`"
                    self.find("never-set", span, f"'{name}' is never set, so that it is nil here; {cure}")
                case n.Raw(text=text, span=span) | n.Eval(text=n.Literal(value=str() as text, span=span)):
                    self.placeholders(body, text, placeholder_spans(text, span, raw=isinstance(part, n.Raw)))
                case n.Chain(first=first, rest=rest):
                    self.operands(first, rest)
                case n.Call():
                    self.call(body, part)
                case n.ToolCall():
                    self.tool(part)
                case n.ToolName(name=name, span=span):
                    self.known_tool(name, span)

    def members(self, body: Body, expression: n.Expr) -> None:
        """Members that values do not have here, as ``text.upper()`` and ``items.length``."""
        for owner, span, cure in foreign_methods(expression, self.keys):
            if not isinstance(owner, n.Name) or owner.name in body.variables:
                self.find("no-methods", span, f"texts, lists and maps have no methods; {cure}")
        found = {span: name for name, span in foreign_lengths(expression, self.keys) if name in body.variables}
        found |= {span: name for name, span in lengths(expression, self.mistakes.holding.sized)}
        for span, name in found.items():
            self.find("no-fields", span, f"'{name}' has no fields; write `len({name})`")
        for span, message in sequence_fields(expression, self.mistakes.uses.listed, self.keys):
            if span not in found:
                self.find("no-fields", span, message)

    def known(self, body: Body, name: str) -> bool:
        """Whether a name can mean something where it stands."""
        return name in body.variables or name in self.globals or name in self.signatures or name in TYPE_CONSTANTS

    def name(self, body: Body, name: str, span: n.Span, member: str = "", called: bool = False, hint: str = "") -> None:
        if self.known(body, name):
            return
        if name in (LAST, "len") or name in BUILTINS:
            return  # the latest result, a built-in function as a value
        cure = hint or name_cure(name, member, called=called, tool=self.interpreter.tools.canonical)
        if name in _ERROR_NAMES and body.handlers and not cure:
            cure = "an error handler knows the error as `system_error_message`, `system_error_code` and `system_error`"
        if not cure and name in self.set_in:
            way = "send it along as the event's payload" if body.kind == "event" else "take it as a parameter"
            cure = f"that of {self.set_in[name][0]} is another variable: {way}"
        told = f"; {cure}" if cure else self.nearest(name, body.variables, self.globals, self.signatures, BUILTINS)
        self.find("never-set", span, f"'{name}' is never set{told}")

    def placeholders(self, body: Body, text: str, spans: list[n.Span]) -> None:
        """The names in a text's placeholders, each where it stands first."""
        names = [piece[0] for piece in placeholders(text) if not isinstance(piece, str)]
        for name, span in dict(zip(reversed(names), reversed(spans), strict=True)).items():
            self.name(body, name, span)

    def operands(self, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> None:
        """A nil that is written as the operand of an arithmetic operator."""
        operands = [first, *(operand for _, operand, _ in rest)]
        for number, (left, right) in enumerate(pairwise(operands)):
            operator = rest[number][0]
            sides = [("left", left, right)] if number == 0 else []  # else it is the result of what stands before
            for side, operand, other in (*sides, ("right", right, left)):
                is_nil = isinstance(operand, n.Literal) and operand.value is None
                adds = number == 0 and isinstance(other, n.Literal) and type(other.value) in (int, float)
                if is_nil and (operator in ("-", "*", "/", "%") or (operator == "+" and adds)):
                    message = f"'{operator}' takes no nil, and its {side} operand is nil"
                    self.find("nil-operand", operand.span, message)

    def call(self, body: Body, call: n.Call) -> None:
        name = call.name
        known = name in self.signatures or name in self.globals or name == "len" or name in BUILTINS
        kind = self.mistakes.holding.kind(n.Name(call.name_span, name)) if name in body.variables else None
        if kind is not None and not known:
            cure = f"an item is read with brackets, `{name}[index]`"
            self.find("not-callable", call.name_span, f"'{name}' is a {kind} and cannot be called; {cure}")
        if name in body.variables or name in self.globals or name == LAST:
            return
        names = [argument.name for argument in call.args if argument.name is not None]
        signature = self.signatures.get(name)
        if signature is not None:
            problem = signature.problem(len(call.args) - len(names), names)
            if problem is not None:
                self.find("wrong-arguments", call.span, f"{name}() {problem}; it is {signature}")
        elif name == "len" or name in BUILTINS:
            if len(call.args) != 1 or names:
                self.find("wrong-arguments", call.span, f"{name}() takes one value; it is {name}(x)")
        else:
            hint = self.nearest(name, self.signatures, BUILTINS, ("len",), hint=procedure_hint)
            self.find("unknown-procedure", call.name_span, f"there is no procedure '{name}' here{hint}")

    def nearest(self, name: str, *known: Collection[str], hint: Callable[[str, Iterable[str]], str] = nearest) -> str:
        """The nearest name, as long as looking for it has not taken too long for one program."""
        self.looks -= sum(map(len, known))
        return hint(name, chain(*known)) if self.looks > 0 else ""

    def known_tool(self, name: str, span: n.Span) -> Tool | None:
        """The tool of a name; None, after a warning, if there is none that may be called."""
        key = name.lower()
        if key in self.unknown_tools:
            self.find("unknown-tool", span, self.unknown_tools[key])
            return None
        if len(self.unknown_tools) >= _MOST_UNKNOWN and self.interpreter.tools.get(name) is None:
            self.find("unknown-tool", span, f"there is no tool tool.{name}")
            return None
        try:
            tool = self.interpreter.tools.lookup(name)
            self.interpreter.check_permission(tool)
        except NeuroScriptError as error:
            if error.code == ErrorCode.TOOL_NOT_FOUND:
                self.unknown_tools[key] = error.message
                self.find("unknown-tool", span, error.message)
            else:
                self.find("forbidden-tool", span, error.message)
            return None
        return tool

    def tool(self, call: n.ToolCall) -> None:
        tool = self.known_tool(call.name, call.name_span)
        if tool is None:
            return
        spec = tool.spec
        names = [argument.name for argument in call.args if argument.name is not None]
        count = len(call.args) - len(names)
        known = [arg.name for arg in spec.args]
        problem = ""
        if count > len(known) and not spec.variadic:
            problem = f"takes at most {len(known)} argument{'s' * (len(known) != 1)}, not {len(call.args)}"
        elif unknown := [name for name in names if name not in known]:
            problem = f"has no argument '{unknown[0]}'{nearest(unknown[0], known)}"
        else:
            given = {*known[:count], *names}
            missing = [arg.name for arg in spec.args if arg.required and arg.name not in given]
            if missing and not (spec.variadic and missing == known[-1:]):
                problem = f"needs {' and '.join(repr(name) for name in missing)}"
        if problem:
            self.find("wrong-arguments", call.span, f"{spec.full_name} {problem}; it is {spec.usage}")


def _is_default_sink(statement: n.Stmt, part: n.Expr) -> bool:
    """Whether an expression is the ``self`` that ``whisper`` knows as its default sink."""
    is_target = isinstance(statement, n.Whisper) and part is statement.target
    return is_target and isinstance(part, n.Name) and part.name == "self"


def _targets(statement: n.Stmt) -> Iterator[tuple[str, n.Span]]:
    """The names that a statement sets, each with its span."""
    match statement:
        case n.Set(targets=targets):
            yield from ((target.name, target.span) for target in targets)
        case n.Ask(into=n.Target() as target) | n.PromptUser(into=target):
            yield target.name, target.span
        case n.ForEach(name=name, name_span=span, key=key, key_span=key_span):
            if key is not None and key_span is not None:
                yield key, key_span
            yield name, span
