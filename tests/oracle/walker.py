"""Statements, procedures and events: a program run straight from its syntax tree."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError, StackFrame
from neuroscript.limits import Limits
from neuroscript.syntax import nodes
from neuroscript.tools.registry import ToolRegistry
from neuroscript.tools.validation import validate_and_convert_args
from neuroscript.values import ErrorValue, EventValue, Function, TimeDate, from_host, text_of, type_name

from .assignment import stored
from .budget import Budget, LimitReached
from .checks import check_program
from .context import WalkerContext
from .expressions import Expressions
from .scope import Break, Continue, Returned, Scope, Unhandled, copied, nearest

_UNCATCHABLE = (ErrorCode.RESOURCE_EXHAUSTION, ErrorCode.NESTING_DEPTH_EXCEEDED, ErrorCode.CANCELLED)


@dataclass(slots=True)
class Registered:
    """An event handler in its place in the order."""

    event: str
    node: nodes.OnEvent
    file: str


class Walker:
    """Loads and runs programs, as `neuroscript.Interpreter` does, one statement after the other.

    ``event_errors`` collects what went wrong in event handlers; ``whispers`` what was whispered, by target.
    """

    def __init__(
        self,
        *,
        tools: ToolRegistry,
        limits: Limits | None = None,
        emit: Callable[[Any], None] | None = None,
        globals: Mapping[str, Any] | None = None,
        prompt: Callable[[str], str] | None = None,
        asker: Callable[[Any, str, Any], str] | None = None,
    ) -> None:
        self.tools = tools
        self.limits = limits or Limits()
        self.emit = emit or (lambda value: None)
        self.globals = {name: from_host(value) for name, value in (globals or {}).items()}
        self.prompt = prompt
        self.asker = asker
        self.procedures: dict[str, tuple[nodes.Procedure, str]] = {}
        self.functions: dict[str, Function] = {}
        self.events: list[Registered] = []
        self.event_errors: list[NeuroScriptError] = []
        self.whispers: list[tuple[Any, Any]] = []
        self.whispered = 0  # for the next ``ask``
        self.budget = Budget(self.limits)
        self.expressions = Expressions(self)

    # --- for hosts ---------------------------------------------------------------------------------------------------

    def load(self, *programs: nodes.Program, replace: bool = False) -> None:
        """Makes the procedures of a program's files known and registers their event handlers: all of it or nothing."""
        before = dict(self.procedures)
        try:
            for program in programs:
                self.define(program, replace=replace)
            with self._running():
                self.events += [
                    self._registration(handler, Scope("", program.name, {}, []))
                    for program in programs
                    for handler in program.handlers
                ]
        except NeuroScriptError:
            self.procedures = before
            raise

    def define(self, program: nodes.Program, *, replace: bool = False) -> list[str]:
        """Makes a program's procedures known, which may take the place of others if ``replace``."""
        check_program(program, () if replace else self.procedures)
        for procedure in program.procedures:
            self.procedures[procedure.name] = (procedure, program.name)
            self.functions[procedure.name] = Function(procedure.name, self._function(procedure.name))
        return [procedure.name for procedure in program.procedures]

    def run(self, name: str, *args: Any, **named: Any) -> Any:
        """Calls a procedure with values of the host."""
        with self._running():
            values = [from_host(value) for value in args]
            pairs = [(key, from_host(value)) for key, value in named.items()]
            if name not in self.procedures:
                raise NeuroScriptError(ErrorCode.PROC_NOT_FOUND, f"there is no procedure {name}")
            return self.call_procedure(name, values, pairs)

    def execute(self, program: nodes.Program) -> None:
        """Runs the command blocks of a program in order."""
        check_program(program)
        with self._running():
            for command in program.commands:
                scope = Scope.of("command", program.name, {}, command.body)
                self._run_unit(command.body, scope)

    def fire(self, name: str, payload: Any = None) -> None:
        """An event from the host."""
        with self._running():
            self.emit_event(name, from_host(payload), "host")

    @contextmanager
    def _running(self) -> Any:
        self.budget = Budget(self.limits)
        before = sys.getrecursionlimit()
        # A call of the script takes about a dozen frames of the walker.
        sys.setrecursionlimit(max(before, 200_000))
        try:
            yield
        except LimitReached as reached:
            raise reached.error from None
        finally:
            sys.setrecursionlimit(before)

    # --- units -------------------------------------------------------------------------------------------------------

    def call_procedure(
        self, name: str, args: list[Any], named: list[tuple[str, Any]], caller: Scope | None = None
    ) -> Any:
        """Calls a procedure; its result is the caller's ``last``."""
        procedure, file = self.procedures[name]
        variables = self._bound(procedure, args, named)
        scope = Scope.of(name, file, variables, procedure.body, len(procedure.returns))
        result = copied(self._run_unit(procedure.body, scope), self.budget)
        if caller is not None:
            caller.last = copied(result, self.budget)
        return result

    def call_tool(self, name: str, args: list[Any], named: list[tuple[str, Any]], caller: Scope | None) -> Any:
        """Calls a tool with copies of the arguments; its result is the caller's ``last``."""
        tool = self.tools.lookup(name)
        values = [copied(value, self.budget) for value in args]
        by_name: dict[str, Any] = {}
        for key, value in named:
            if key in by_name:
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"argument {key} is given twice")
            by_name[key] = copied(value, self.budget)
        validated = validate_and_convert_args(tool.spec, values, by_name)
        if tool.takes_context:
            validated = [WalkerContext(self, tool.spec.name), *validated]
        result = tool.function(*validated)
        if tool.is_async:
            result = asyncio.run(result)
        result = copied(from_host(result), self.budget)
        if caller is not None:
            caller.last = copied(result, self.budget)
        return result

    def _function(self, name: str) -> Callable[..., Any]:
        return lambda *args: self.call_procedure(name, list(args), [])

    def _bound(self, procedure: nodes.Procedure, args: list[Any], named: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [param.name for param in (*procedure.needs, *procedure.optional)]
        problem = "too many arguments" if len(args) > len(names) else ""
        bound = dict(zip(names, args, strict=False))
        for name, value in named:
            if name not in names:
                problem = problem or f"unknown argument {name}"
            elif name in bound:
                problem = problem or f"argument {name} is given twice"
            bound[name] = value
        missing = [param.name for param in procedure.needs if param.name not in bound]
        if problem or missing:
            why = problem or f"missing argument {missing[0]}"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{why} in a call of {procedure.signature}")
        return {name: copied(bound.get(name), self.budget) for name in names}

    def _run_unit(self, body: nodes.Block, scope: Scope) -> Any:
        """Runs a body to its end, or to its ``return``."""
        self.budget.enter()
        try:
            self.budget.step()
            self._block(body, scope)
        except Returned as returned:
            return returned.value
        except Unhandled as unhandled:
            error = unhandled.error
            error.stack = (*error.stack, StackFrame(scope.unit, scope.file, error.line, error.column))
            raise error from error.__cause__
        finally:
            self.budget.leave()
        return None

    def _block(self, block: nodes.Block, scope: Scope) -> None:
        for statement in block:
            self._statement(statement, scope)

    def _statement(self, statement: nodes.Stmt, scope: Scope) -> None:
        """Runs a statement; where it fails itself, the handler that covers it runs, once."""
        try:
            self._perform(statement, scope)
        except NeuroScriptError as error:
            if not error.line:
                error.file, error.line, error.column = scope.file, statement.span[0], statement.span[1] + 1
            if error.code in _UNCATCHABLE:
                raise LimitReached(error) from error
            handler = nearest(scope.handlers, statement)
            if scope.in_handler or handler is None:
                raise Unhandled(error) from error.__cause__
            self._handle(handler, error, scope)

    def _handle(self, handler: nodes.OnError, error: NeuroScriptError, scope: Scope) -> None:
        scope.variables["system_error_message"] = error.message
        scope.variables["system_error_code"] = int(error.code)
        frames = (*error.stack, StackFrame(scope.unit, scope.file, error.line, error.column))
        scope.variables["system_error"] = {
            "code": int(error.code),
            "message": error.message,
            "line": error.line,
            "column": error.column,
            "procedure": frames[0].procedure,
            "stack": [frame.procedure for frame in frames],
        }
        scope.in_handler, scope.cleared = True, False
        try:
            self._block(handler.body, scope)
        except Unhandled as again:
            again.error.__cause__ = error
            raise
        except (Break, Continue):
            if not scope.loops:  # there is none to leave
                raise Unhandled(error) from None
            raise
        finally:
            scope.in_handler = False
        if not scope.cleared:
            raise Unhandled(error)

    # --- statements --------------------------------------------------------------------------------------------------

    def _perform(self, statement: nodes.Stmt, scope: Scope) -> None:
        evaluate = self.expressions.evaluate
        match statement:
            case nodes.Set():
                self._set(statement, scope)
            case nodes.CallStmt():
                evaluate(statement.call, scope)
            case nodes.Return():
                self._return(statement, scope)
            case nodes.Emit():
                self.emitted(evaluate(statement.value, scope))
            case nodes.Whisper():
                self._whisper(statement, scope)
            case nodes.Must():
                self._must(evaluate(statement.value, scope))
            case nodes.Fail():
                self._fail(statement, scope)
            case nodes.If():
                self._if(statement, scope)
            case nodes.While():
                while self.budget.step() and evaluate(statement.condition, scope):
                    if not self._turn(statement.body, scope):
                        break
            case nodes.ForEach():
                for key, item in self._items(evaluate(statement.collection, scope)):
                    self.budget.step()
                    if statement.key is not None:
                        self._assign(statement.key, [], key, scope)
                    self._assign(statement.name, [], item, scope)
                    if not self._turn(statement.body, scope):
                        break
                else:
                    self.budget.step()
            case nodes.Break():
                raise Break
            case nodes.Continue():
                raise Continue
            case nodes.ClearError():
                scope.cleared = True
            case nodes.OnEvent():
                self.events.append(self._registration(statement, scope))
            case nodes.ClearEvent():
                self._clear_event(statement, scope)
            case nodes.Ask():
                self._ask(statement, scope)
            case nodes.PromptUser():
                self._prompt_user(statement, scope)

    def _set(self, statement: nodes.Set, scope: Scope) -> None:
        value = copied(self.expressions.evaluate(statement.value, scope), self.budget)
        if statement.must and (value is None or value is False or type(value) is ErrorValue):
            self._must(value)
        if len(statement.targets) == 1:
            self._assign_target(statement.targets[0], value, scope)
            return
        if type(value) is not list:
            raise NeuroScriptError(ErrorCode.TYPE, f"a list is needed, not {type_name(value)}")
        if len(value) != len(statement.targets):
            raise NeuroScriptError(ErrorCode.COUNT_MISMATCH, f"{len(statement.targets)} targets, {len(value)} values")
        for target, item in zip(statement.targets, value, strict=True):
            self._assign_target(target, item, scope)

    def _assign_target(self, target: nodes.Target, value: Any, scope: Scope) -> None:
        path = [self.expressions.evaluate(step, scope) for step in target.path]
        self._assign(target.name, path, value, scope)

    def _assign(self, name: str, path: list[Any], value: Any, scope: Scope) -> None:
        if name in self.globals and name not in scope.variables:
            raise NeuroScriptError(ErrorCode.WRITE_VIOLATION, f"{name} belongs to the host and is read-only")
        result = stored(scope.variables.get(name), path, value, self.budget)
        scope.variables[name] = copied(result, self.budget)

    def _return(self, statement: nodes.Return, scope: Scope) -> None:
        values = [self.expressions.evaluate(value, scope) for value in statement.values]
        result = values if len(values) > 1 else (values[0] if values else None)
        if scope.returns >= 2:
            given = len(values)
            if given == 1:
                given = len(result) if type(result) is list else 1
            if given != scope.returns:
                raise NeuroScriptError(
                    ErrorCode.RETURN_VIOLATION, f"{scope.returns} values are declared, {given} returned"
                )
        raise Returned(copied(result, self.budget))

    def emitted(self, value: Any) -> None:
        """Hands a value to the host."""
        self.budget.emitting(len(text_of(value, max_string=self.limits.max_string)))
        self.emit(copied(value, self.budget))

    def _whisper(self, statement: nodes.Whisper, scope: Scope) -> None:
        target = statement.target
        to_self = isinstance(target, nodes.Name) and target.name == "self"
        name = "self" if to_self else self.expressions.evaluate(target, scope)
        value = copied(self.expressions.evaluate(statement.value, scope), self.budget)
        if name == "self":
            self.whispered += 1
            self.budget.items(self.whispered)
        self.whispers.append((name, value))

    def _must(self, value: Any) -> None:
        if type(value) is ErrorValue:
            raise value.error()
        if not value:
            raise NeuroScriptError(ErrorCode.MUST_FAILED, f"must: {type_name(value)} does not hold")

    def _fail(self, statement: nodes.Fail, scope: Scope) -> None:
        message: Any = "fail statement executed"
        if statement.value is not None:
            message = self.expressions.evaluate(statement.value, scope)
        if type(message) is ErrorValue:
            raise message.error()
        raise NeuroScriptError(ErrorCode.FAIL_STATEMENT, text_of(message))

    def _if(self, statement: nodes.If, scope: Scope) -> None:
        for condition, body in statement.branches:
            if self.expressions.evaluate(condition, scope):
                return self._block(body, scope)
        return self._block(statement.orelse or [], scope)

    def _turn(self, body: nodes.Block, scope: Scope) -> bool:
        """One turn of a loop; False after ``break``."""
        scope.loops += not scope.in_handler
        try:
            self._block(body, scope)
        except Break:
            return False
        except Continue:
            pass
        finally:
            scope.loops -= not scope.in_handler
        return True

    def _items(self, collection: Any) -> list[tuple[Any, Any]]:
        """What ``for each`` walks: a list, a map or a string as they are now, with indexes or keys; nil is empty."""
        kind = type(collection)
        if collection is None:
            return []
        if kind is dict:
            return list(copied(collection, self.budget).items())
        if kind is list or kind is str:
            return list(enumerate(copied(collection, self.budget)))
        raise NeuroScriptError(ErrorCode.TYPE, f"for each does not apply to {type_name(collection)}")

    # --- the host's side ---------------------------------------------------------------------------------------------

    def _ask(self, statement: nodes.Ask, scope: Scope) -> None:
        evaluate = self.expressions.evaluate
        who = None if statement.who is None else evaluate(statement.who, scope)
        prompt = evaluate(statement.prompt, scope)
        config = None if statement.config is None else evaluate(statement.config, scope)
        if self.asker is None:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "there is no worker to ask")
        self.whispered = 0
        reply = from_host(self.asker(who, text_of(prompt), config))
        scope.last = reply
        if statement.into is not None:
            self._assign_target(statement.into, reply, scope)

    def _prompt_user(self, statement: nodes.PromptUser, scope: Scope) -> None:
        text = text_of(self.expressions.evaluate(statement.prompt, scope))
        if self.prompt is None:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "there is no prompt source")
        self._assign_target(statement.into, from_host(self.prompt(text)), scope)

    # --- events ------------------------------------------------------------------------------------------------------

    def _registration(self, node: nodes.OnEvent, scope: Scope) -> Registered:
        return Registered(self._event_name(node.event, scope), node, scope.file)

    def _event_name(self, node: nodes.Expr, scope: Scope) -> str:
        name = self.expressions.evaluate(node, scope)
        if type(name) is not str:
            raise NeuroScriptError(ErrorCode.TYPE, f"the name of an event is a string, not {type_name(name)}")
        return name

    def _clear_event(self, statement: nodes.ClearEvent, scope: Scope) -> None:
        if statement.event is None:
            self.events = [one for one in self.events if one.node.named != statement.named]
            return
        event = self._event_name(statement.event, scope)
        self.events = [one for one in self.events if one.node.named is not None or one.event != event]

    def emit_event(self, name: str, payload: Any, source: str = "") -> None:
        """Runs the handlers of an event, each in a scope of its own; their errors are collected."""
        for one in [registered for registered in self.events if registered.event == name]:
            moment = TimeDate.of(datetime.now(UTC))
            variables: dict[str, Any] = {}
            if one.node.variable is not None:
                variables[one.node.variable] = EventValue(name, copied(payload, self.budget), source, moment, "event")
            scope = Scope.of(f"on event {name}", one.file, variables, one.node.body)
            try:
                with self.budget.between():
                    self._run_unit(one.node.body, scope)
            except NeuroScriptError as error:
                self.event_errors.append(error)
