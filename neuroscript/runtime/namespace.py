"""The runtime of one interpreter: the namespace of its generated code, and what that code calls.

Generated code sees the names of `Runtime.namespace` and no others: its ``__builtins__`` is empty.
"""

from __future__ import annotations

import builtins
import sys
from functools import partial
from itertools import chain, compress
from time import monotonic, time_ns

from neuroscript.cancellation import CancelToken
from neuroscript.errors import MOST_TEXT, UNCATCHABLE, ErrorCode, NeuroScriptError, plain_error, script_failure
from neuroscript.output import write_line
from neuroscript.runtime import abi
from neuroscript.runtime import operators as ops
from neuroscript.runtime.budget import Fuel
from neuroscript.runtime.containers import UNSET, Containers, held_at
from neuroscript.runtime.errors import (
    NilOperandError,
    Stop,
    Unset,
    caught_error,
    innermost,
    no_procedure,
    place,
    script_error,
)
from neuroscript.runtime.events import Events
from neuroscript.runtime.operators import BUILTINS, Operations, describe
from neuroscript.runtime.procedures import ProcedureLinks
from neuroscript.runtime.runs import Runs
from neuroscript.runtime.tool_calls import TOOL_NAMES, ToolLinks, bad_call
from neuroscript.tools.awaiting import wait_for
from neuroscript.tools.registry import checked_result
from neuroscript.values import (
    INT_LIMIT,
    TYPE_CONSTANTS,
    ErrorValue,
    EventValue,
    Function,
    Fuzzy,
    TimeDate,
    ToolValue,
    equal,
    from_host,
    named_from_host,
    to_host,
    type_name,
)
from neuroscript.values.error_fields import handler_fields, later_fields
from neuroscript.values.holders import refcount
from neuroscript.values.kinds import script_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, NoReturn

    from neuroscript.interpreter import Interpreter
    from neuroscript.limits import Limits
    from neuroscript.streaming import StreamEvent
    from neuroscript.syntax.placeholders import Placeholder

_CALLABLE = frozenset({Function, ToolValue})
_OUT_OF_ROOM = (RecursionError, MemoryError)
_OF_SCRIPT = (NeuroScriptError, *_OUT_OF_ROOM)  # what host code raises that goes on as it is
_SINK = "the host's emit sink"
_MOST_TEMPLATES, _LONGEST_TEMPLATE = 64, 4096  # texts whose placeholders are remembered, and their characters
_LAST_SECONDS = 1.0  # for an asynchronous callback that is told of the end of a call whose run has been cancelled


class Runtime(ToolLinks, ProcedureLinks, Runs):
    """The functions that generated code calls, for one interpreter and one run at a time."""

    def __init__(self, interpreter: Interpreter, limits: Limits, global_values: dict[str, Any]) -> None:
        ToolLinks.__init__(self)
        ProcedureLinks.__init__(self)
        Runs.__init__(self, limits)
        self.interpreter = interpreter
        self.limits = limits
        self.globals = global_values
        self.namespace: dict[str, Any] = {"__builtins__": {}}
        self.operations = Operations(limits)
        self.fuel = Fuel(limits, self.namespace)
        self.operations.check_limits = self.fuel.check_limits
        self.containers = Containers(self.operations)
        self.events = Events(self.operations.max_items)
        self._templates: dict[str, list[str | Placeholder]] = {}  # what `eval` has taken apart
        self.emitted = 0
        self.max_emitted = limits.max_emitted if limits.max_emitted is not None else 1 << 62
        self.whispered: dict[str, list[Any]] = {}
        self.fuel.time_tools = self._time_tools
        self.fuel.emitted = lambda: self.emitted
        self.fuel.kept = lambda: [value for values in self.whispered.values() for value in values]
        self._fill_namespace()

    def _fill_namespace(self) -> None:
        operations, containers = self.operations, self.containers
        self.namespace.update(_STATELESS)
        self.namespace.update((abi.GLOBAL + name, value) for name, value in self.globals.items())
        self.namespace.update(
            {
                abi.ADD: operations.add,
                abi.MUL: operations.multiply,
                abi.JOIN: operations.join,
                abi.JOIN_ALL: operations.pieces,
                abi.TEXT: operations.joined,
                abi.MAP_KEY: operations.map_key,
                abi.BUILTIN_LEN: operations.length,
                abi.LONG_STRING: operations.long_string,
                abi.NESTED: containers.nested,
                abi.MAY_BE_DEEP: containers.may_be_deep,
                abi.TOO_MANY: containers.too_many,
                abi.INDEX: containers.index,
                abi.WALK: containers.walk,
                abi.TAKE: containers.take,
                abi.PUT: containers.put,
                abi.COPIED: containers.copied,
                abi.PUT_PATH: containers.put_path,
                abi.APPEND_AT: containers.append_at,
                abi.HELD_AT: held_at,
                abi.ITERATE: containers.iterate,
                abi.ITERATE_PAIRS: containers.iterate_pairs,
                abi.TOO_DEEP: self.too_deep,
                abi.DEEPER: self.deeper,
                abi.DEEP_CALLS: False,
                abi.NAME: self.name,
                abi.FUNCTION_OF: self.function,
                abi.FITTING: self.fitting,
                abi.NAME_OR_NIL: self.name_or_nil,
                abi.REFUSE_READ_ONLY: self.read_only,
                abi.EVAL: self.evaluate,
                abi.CALL: self.call,
                abi.GENERAL: self.general,
                abi.FIRST_CALL: self.first_call,
                abi.ENTRY: self.entry_of,
                abi.OWNER: self,
                abi.CALL_FOR_LAST: self.call_for_last,
                abi.CONTEXT: self.interpreter.context,
                abi.CALL_TOOL: self.late_tool,
                abi.TOOL_VALUE: self.tool_value,
                abi.EMIT: self.emit,
                abi.WHISPER: self.whisper,
                abi.PROMPT: self.prompt,
                abi.ASK: self.ask,
                abi.FAIL: operations.fail,
                abi.HANDLE: self.handle,
                abi.ATTEMPTED: self.attempted,
                abi.ERROR_FIELDS: self.error_fields,
                abi.ERROR_PLACE: self.error_place,
                abi.ON_EVENT: self.events.register,
                abi.CLEAR_EVENT: self.events.clear,
            }
        )

    def deeper(self, depth: int) -> None:
        """Notes that calls have got so deep that what they give may be nested too deeply; raises if they are too deep.

        Args:
            depth: how many more calls may be inside this one.
        """
        if depth < 1:
            self.too_deep()
        self.namespace[abi.DEEP_CALLS] = True

    # --- errors ---------------------------------------------------------------------------------------------------

    def name_nil(self, error: NeuroScriptError, frame: FrameType, span: tuple[int, int, int, int]) -> None:
        """Adds to the message of an operation on nil which expression that was, and which key may have been meant."""
        told = self.interpreter.loader.told_of_nil(frame, span)
        if told:
            error.message = f"{error.message}; {told}"

    def handle(self, handler: Callable[..., Any], exception: Exception, in_loop: bool, *values: Any) -> Any:
        """Runs an error handler.

        Most errors are cleared, and few handlers ask where they happened, which takes longer to find than all else; so
        an error gets its place and stack where it goes on, or is asked for them.

        Args:
            handler: its function, which gives whether it has cleared the error, or how it leaves what failed.
            exception: what failed.
            in_loop: whether a loop is around what failed, in the same body, that the handler may leave.
            values: what its function gets after the error.

        Returns:
            None if it cleared the error; a tuple of its value if it returned, or the signal of its ``break`` or
            ``continue``; else the error that goes on.
        """
        out = False
        if isinstance(exception, NeuroScriptError) and type(exception) is not NilOperandError:
            error = exception
            message = error.args[1]
            if error.has_details or len(message) > MOST_TEXT or not message.isascii():
                error.trim()
        else:
            error = caught_error(exception, self)
            out = isinstance(exception, _OUT_OF_ROOM)
        if self.fuel.token.cancelled:  # whatever failed then, and no handler begins
            place(error, self)
            error = self.fuel.run.error().at_place_of(error)
        if out or error.code in UNCATCHABLE:
            place(error, self)
            raise Stop(error) from exception
        try:
            outcome = handler(error, *values) if values else handler(error)
            if outcome is True:
                return None
            if outcome is False or (type(outcome) is str and not in_loop):
                place(error, self)
                return error
            return outcome
        except Exception as failed:  # the handler failed itself: its error goes on, with the old one as cause
            place(error, self)
            return self._failed_again(failed, error)
        finally:
            del error, exception  # this frame is in the new error's traceback, and would keep both alive

    def attempted(self, exception: Exception) -> ErrorValue:
        """What ``tool.error.Try`` gives where the procedure failed.

        Raises:
            Stop: where the error ends the run.
        """
        error = self.error_of(exception, outermost=False)
        if isinstance(error, NeuroScriptError):
            return ErrorValue(error.code, error.message, later_fields(error))
        raise error

    def error_fields(self, error: NeuroScriptError) -> dict[str, Any]:
        """The value of ``system_error`` in an error handler."""
        place(error, self)
        return handler_fields(error)

    def error_place(self, error: NeuroScriptError) -> tuple[int, int, str]:
        """The fields ``line``, ``column`` and ``procedure`` of ``system_error``, without the whole stack."""
        return innermost(error, self)

    def _failed_again(self, failed: Exception, error: NeuroScriptError) -> NeuroScriptError:
        new = script_error(failed, self)
        if new is not error and new.__cause__ is None:
            new.__cause__ = error
        return new

    # --- names -------------------------------------------------------------------------------------------------------

    def name(self, name: str) -> Any:
        """A name that is not set as a variable: a host global, a procedure, a type constant."""
        value = self.name_or_nil(name, UNSET)
        if value is UNSET:
            raise Unset(name)
        return value

    def name_or_nil(self, name: str, otherwise: Any = None) -> Any:
        """As `name`, but nil where nothing has that name."""
        if name in self.globals:
            return self.globals[name]
        if name in self.procedures:
            return self.function(name)
        if self.is_builtin(name):
            entries: list[Callable[..., Any]] = [partial(self._enter_builtin, name)] * abi.ENTRIES
            return Function(name, partial(self.run_builtin, name), self, entries)
        return TYPE_CONSTANTS.get(name, otherwise)

    def _enter_builtin(self, name: str, depth: int, *args: Any) -> Any:
        """Calls a built-in function that is a value, unless a procedure has taken its place."""
        if len(args) == 1 and name not in self.procedures:
            return self.operations.length(args[0]) if name == "len" else BUILTINS[name](args[0])
        return self.call(depth + 1, UNSET, name, args, ())

    def run_builtin(self, name: str, *args: Any) -> Any:
        """Calls a built-in function for the host, which has got it as a value."""
        with self.run(joining=True) as depth:
            return to_host(self.call(depth, UNSET, name, tuple(from_host(list(args))), ()))

    def check_procedure(self, name: str) -> None:
        """Raises error 2 where no procedure of that name is loaded."""
        if name not in self.procedures:
            raise no_procedure(name, self.procedures)

    def read_only(self, name: str) -> NoReturn:
        """Raises the error of setting a global of the host."""
        raise NeuroScriptError(ErrorCode.WRITE_VIOLATION, f"'{name}' is set by the host and cannot be changed")

    def evaluate(self, text: Any, scope: dict[str, Any]) -> str:
        """``eval(text)``: the text with its placeholders replaced, once."""
        if type(text) is not str:
            text = self.operations.joined(text)
        parts = []
        for piece in self._templates.get(text) or self._pieces(text):
            if isinstance(piece, str):
                parts.append(piece)
                continue
            name, path = piece
            value = scope.get(name, UNSET)
            if value is UNSET:
                value = self.name(name)
            if path:
                value = self.containers.walk(value, path)
            parts.append(value if type(value) is str else self.operations.joined(value))
        return self.operations.pieces(*parts)

    def _pieces(self, text: str) -> list[str | Placeholder]:
        """The pieces of a text; a program mostly evaluates the same few over and over."""
        from neuroscript.syntax.placeholders import placeholders

        pieces = placeholders(text)
        if len(text) <= _LONGEST_TEMPLATE:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            self._templates[text] = pieces
        return pieces

    # --- calls -------------------------------------------------------------------------------------------------------

    def call_for_last(self, depth: int, callee: Any, name: str | None, *rest: Any) -> tuple[Any, Any]:
        """As `call`, with what ``last`` was: gives the result, and what ``last`` is after the call."""
        *given, latest = rest
        builtin = self._is_builtin(callee, name)
        result = self.call(depth, callee, name, *given)
        return result, latest if builtin else result

    def _is_builtin(self, callee: Any, name: str | None) -> bool:
        """Whether a call is one of a built-in function."""
        if type(callee) is Function:
            if not self.owns(callee):
                return False
            name = callee.name
        elif type(callee) is ToolValue:
            return False
        elif name is not None and name in self.globals and type(self.globals[name]) in _CALLABLE:
            return self._is_builtin(self.globals[name], None)
        return self.is_builtin(name)

    def is_builtin(self, name: str | None) -> bool:
        """Whether a name means a built-in function, which no procedure has taken the place of."""
        return name not in self.procedures and (name == "len" or name in BUILTINS)

    def general(self, load: int, name: str) -> Callable[..., Any]:
        """The general body of a procedure, whose code is made now if it is called for the first time."""
        was_host = self.fuel.enter_host()
        try:
            return self.interpreter.loader.late_bodies[load].function(name)
        finally:
            self.fuel.leave_host(was_host)

    def first_call(self, load: int, identifier: str) -> Callable[..., Any]:
        """The function of a procedure that is called for the first time, whose code is made now."""
        was_host = self.fuel.enter_host()
        try:
            return self.interpreter.loader.first_calls[load].function(identifier)
        finally:
            self.fuel.leave_host(was_host)

    def call(self, depth: int, callee: Any, name: str | None, args: tuple[Any, ...], names: tuple[str, ...]) -> Any:
        """A call whose callee is known only now: the function value in a variable, the procedure, the built-in."""
        if type(callee) is Function:
            if not self.owns(callee):
                return self._foreign_call(callee, args, names)
            name, callee = callee.name, UNSET
        elif type(callee) is ToolValue:
            return self.late_tool(depth, callee.name, args, names)
        elif name is None:
            raise NeuroScriptError(ErrorCode.TYPE, f"only a function can be called, not {describe(callee)}")
        elif name in self.globals and type(self.globals[name]) in _CALLABLE:
            return self.call(depth, self.globals[name], name, args, names)
        procedure = self.procedures.get(name)
        if procedure is None:
            return self._builtin(name, callee, args, names)
        positional = args[: len(args) - len(names)]
        problem = procedure.signature.problem(len(positional), list(names))
        if problem is not None:
            bad_call(f"{name}() {problem}; it is {procedure.signature}")
        named = {abi.VARIABLE + key: value for key, value in zip(names, args[len(positional) :], strict=True)}
        return self.namespace[abi.PROCEDURE + name](depth - 1, *positional, **named)

    def entry_of(self, callee: Any, name: str | None, count: int) -> Callable[..., Any]:
        """What to call for a callee that is no procedure of this interpreter, with the depth that a procedure gets.

        Args:
            callee: the value.
            name: the variable that holds it, if one does.
            count: the number of arguments.
        """
        if type(callee) is ToolValue:
            # What is not permitted is refused when it is called, after the arguments have been evaluated.
            known = self._tool_values.get((callee.name, count))
            if known is not None and known[2] is not None:
                return known[2]
            return partial(self._enter_tool, callee.name)
        return lambda depth, *args: self.call(depth + 1, callee, name, args, ())

    def _enter_tool(self, name: str, depth: int, *args: Any) -> Any:
        code = self.tool_code(name, len(args))
        return self.late_tool(depth + 1, name, args, ()) if code is None else code(depth, *args)

    def _foreign_call(self, function: Function, args: tuple[Any, ...], names: tuple[str, ...]) -> Any:
        """A call of a function value that is the host's, or another interpreter's."""
        count = len(args) - len(names)
        given = to_host(list(args))
        named = dict(zip(names, given[count:], strict=True))
        what = f"the function '{function.name}'"
        return named_from_host(self.call_host(what, function.call, *given[:count], **named), f"the result of {what}")

    def _builtin(self, name: str, callee: Any, args: tuple[Any, ...], names: tuple[str, ...]) -> Any:
        function = self.operations.length if name == "len" else BUILTINS.get(name)
        if function is None:
            if callee is not UNSET:
                message = f"'{name}' is {describe(callee)}, not a function"
                raise NeuroScriptError(ErrorCode.TYPE, message)
            raise no_procedure(name, [*self.procedures, *BUILTINS, "len"])
        if len(args) != 1 or names:
            bad_call(f"{name}() takes one value; it is {name}(x)")
        return function(args[0])

    # --- the host ----------------------------------------------------------------------------------------------------

    def emit(self, value: Any) -> None:
        """Emits a value to the host: ``emit value``."""
        kind = type(value)
        text = value if kind is str else str(value) if kind is int else self.operations.text(value)
        self.emitted += len(text)
        if self.emitted > self.max_emitted:
            message = f"the run has emitted more than {self.max_emitted} characters"
            raise Stop(NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message))
        if self.journal is not None and self.journal.is_silent:
            return
        sink = self.interpreter.emit_sink
        if sink is None:
            self.call_host("standard output", write_line, sys.stdout, text)
            return
        given, fuel = value if kind is str or kind is int else to_host(value), self.fuel
        if fuel.token.cancelled:
            fuel.check_cancelled()
        was_host = fuel.enter_host()
        try:  # as `call_host` does, which takes longer than most sinks
            result = sink(given)
            if result is not None and hasattr(result, "__await__"):
                wait_for(result, fuel.token)
        except _OF_SCRIPT:
            raise
        except Exception as error:
            raise _host_failure(_SINK, error) from error
        finally:
            if not was_host:
                fuel.take_off()
        if fuel.token.cancelled:
            fuel.check_cancelled()

    def call_host(self, what: str, function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        """Calls the host, whose time is not the script's, and waits for the result of an asynchronous function.

        A run that is cancelled does not begin it, and does not go on after it.
        """
        fuel = self.fuel
        if fuel.token.cancelled:
            fuel.check_cancelled()
        was_host = fuel.enter_host()
        try:
            result = function(*args, **named)
            if result is not None and hasattr(result, "__await__"):
                result = wait_for(result, fuel.token)
        except _OF_SCRIPT:
            raise
        except Exception as error:
            raise _host_failure(what, error) from error
        finally:
            fuel.leave_host(was_host)
        if fuel.token.cancelled:
            fuel.check_cancelled()
        return result

    def whisper(self, target: Any, value: Any) -> None:
        """Whispers a value to the host, and keeps it for the next ``ask`` if the target is ``self``."""
        name = target if type(target) is str else self.operations.joined(target)
        self.fuel.check_cancelled()
        if name == "self":
            whispered = self.whispered.setdefault(name, [])
            if len(whispered) >= self.operations.max_items:
                self.containers.too_many("list of whispers")
            whispered.append(value)
        sink = self.interpreter.whisper_sink
        if sink is not None and not (self.journal is not None and self.journal.is_silent):
            self.call_host("the host's whisper sink", sink, name, to_host(value))

    def stream(self, event: StreamEvent) -> None:
        """Gives the host an event of a model's reply.

        The end of a call is told even if the run has been cancelled, since the host may have to clear up after the
        call; then an asynchronous function gets a second for it, and the run does not hang on it.
        """
        sink, what = self.interpreter.on_stream, "the host's stream callback"
        if sink is None:
            return
        if event.kind != "done" or not self.fuel.token.cancelled:
            self.call_host(what, sink, event)
            return
        result = sink(event)
        if result is not None and hasattr(result, "__await__"):
            from neuroscript.runtime.deadlines import DEADLINES

            limit = CancelToken()
            alarm = DEADLINES.add(monotonic() + _LAST_SECONDS, limit.cancel)
            try:
                wait_for(result, limit)
            finally:
                alarm.remove()

    def prompt(self, depth: int, text: Any) -> str:
        """Asks the person at the host: ``promptuser``."""
        source = self.interpreter.prompt_source
        if source is None:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "there is nobody to ask: the host gave no prompt source")
        what = "the host's prompt source"
        question = self.operations.joined(text)

        def answer() -> str:
            return str(named_from_host(self.call_host(what, source, question), f"the result of {what}"))

        if self.journal is None:
            return answer()
        return str(self.journal.call("promptuser", "idempotent", question, answer))

    def ask(self, depth: int, who: Any, given: bool, prompt: Any, config: Any) -> Any:
        """Asks a model: ``ask``."""
        asker = self.interpreter.asker()
        if asker is None:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "there are no models to ask: no worker system is installed")
        if given and who is None:
            raise NeuroScriptError(ErrorCode.TYPE, "ask needs a worker's name or a conversation handle, not nil")
        if config is not None and type(config) is not dict:
            raise NeuroScriptError(ErrorCode.TYPE, f"the configuration after 'with' is a map, not {describe(config)}")
        whispered = self.whispered.pop("self", [])
        text = self.operations.joined(prompt)
        self.depth = depth - 1
        given_all = (self.interpreter.context, who, text, to_host(config), to_host(whispered))

        def answer() -> Any:
            return from_host(self.call_host("the model", asker, *given_all))

        if self.journal is None:
            return answer()
        in_parts = self.interpreter.asks_in_parts
        return self.journal.call("ask", "idempotent", [who, text, config, whispered], answer, in_parts=in_parts)

    def fire(
        self, name: str, payload: Any, source: str, joining: bool = False, cancel: CancelToken | None = None
    ) -> None:
        """Runs the handlers of an event; what fails in one goes to the host's error callback and the log."""
        handlers = self.events.of(name)
        if not handlers:
            return
        with self.run(joining, cancel) as depth:
            functions = tuple(handler.function for handler in handlers)
            event = self._event(name, payload, source)
            if self.journal is None:
                self._run_handlers(functions, depth, event)
            else:
                run = partial(self._run_handlers, functions, depth, event)
                self.journal.event(name, payload, source, run)

    def _event(self, name: str, payload: Any, source: str) -> EventValue:
        moment, journal = time_ns(), self.journal
        if journal is None:
            return EventValue(name, payload, source, moment)
        return EventValue(name, payload, source, partial(journal.moment, moment), journal.new_id)

    def emit_event(self, depth: int, name: str, payload: Any) -> None:
        """Fires an event for generated code: ``tool.event.Emit(name, payload)``."""
        fuel = self.fuel
        if fuel.token.cancelled:
            fuel.check_cancelled()
        functions = self.events.of_scripts.get(name)
        if functions is None:
            functions = self._handlers_of(name)
        if functions:
            event = script_event(name, payload) if self.journal is None else self._event(name, payload, "script")
            depth -= 2
            for function in functions:  # as in `_run_handlers`, whose call takes as long as that of a handler
                try:
                    function(depth, event)
                except Exception as exception:
                    self._report(exception, f"a handler of event '{name}'")
            if fuel.token.cancelled:
                fuel.check_cancelled()

    def _handlers_of(self, name: str) -> tuple[Callable[[int, EventValue], None], ...]:
        """The code of the handlers of an event that a script fires, if it may."""
        if self.interpreter.is_reserved_event(name):
            from neuroscript.stdlib.events import reserved_event

            raise reserved_event(name)
        return self.events.of_script(name)

    def _run_handlers(
        self, functions: tuple[Callable[[int, EventValue], None], ...], depth: int, event: EventValue
    ) -> None:
        depth -= 1
        for function in functions:
            try:
                function(depth, event)
            except Exception as exception:  # one handler's failure stops neither the others nor the emitter
                self._report(exception, f"a handler of event '{event.name}'")

    def _report(self, exception: Exception, what: str) -> None:
        """Tells the host of an error that ends no run; a limit ends it all the same."""
        error = script_error(exception, self)
        if self.fuel.token.cancelled:
            error = self.fuel.run.error().at_place_of(error)
        if error.code in UNCATCHABLE:
            raise Stop(error) from None
        self.fuel.handler_failures += 1
        self.call_host("the host's error callback", self.interpreter.report, error, what, self.fuel.handler_failures)


# --- without state -------------------------------------------------------------------------------------------------


def _host_failure(what: str, error: Exception) -> NeuroScriptError:
    """The script's error for a failure of the host's own code."""
    return NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, f"{what} failed: {type(error).__name__}: {error}")


def unset(name: str) -> NoReturn:
    """Raises the error of reading a variable that is not set."""
    raise Unset(name)


_MUST_FAILED = ErrorCode.MUST_FAILED  # reading a member of an enumeration takes as long as a call


def must(value: Any, source: str) -> NoReturn:
    """Raises the error of a ``must`` whose value is not truthy."""
    if type(value) is ErrorValue:
        raise value.error()
    told = "false" if value is False else describe(value)
    shown = f"{source} is {told}" if source else f"got {told}"
    raise plain_error(_MUST_FAILED, f"must does not hold: {shown}")


def must_set(value: Any) -> None:
    """Refuses an error value, nil and false in ``set target = must value``."""
    if type(value) is ErrorValue:
        raise value.error()
    if value is None or value is False:
        raise plain_error(_MUST_FAILED, f"must does not hold: the value is {describe(value)}")


def unpack(value: Any, count: int) -> None:
    """Checks the right side of a ``set`` with several targets."""
    if type(value) is not list:
        raise NeuroScriptError(ErrorCode.TYPE, f"set with {count} targets takes a list apart, not {describe(value)}")
    if len(value) != count:
        message = f"set has {count} targets, but the list has {len(value)} items"
        raise NeuroScriptError(ErrorCode.COUNT_MISMATCH, message)


def returned(declared: int, given: int, value: Any) -> Any:
    """Checks the value of a ``return`` in a procedure that declares two or more."""
    if given == 1 and type(value) is list and len(value) == declared:
        return value
    got = f"a list of {len(value)}" if given == 1 and type(value) is list else str(given)
    message = f"the procedure declares {declared} return values, but returns {got}"
    raise NeuroScriptError(ErrorCode.RETURN_VIOLATION, message)


_STATELESS: dict[str, Any] = {
    **{name: getattr(builtins, name) for name in abi.PYTHON},
    **{abi.BUILTIN + name: function for name, function in BUILTINS.items()},
    **{abi.CONSTANT + name: value for name, value in TYPE_CONSTANTS.items()},
    **TOOL_NAMES,
    abi.UNSET: UNSET,
    abi.BREAK_LOOP: "break",
    abi.CONTINUE_LOOP: "continue",
    abi.FUZZY: Fuzzy,
    abi.EVENT: EventValue,
    abi.FUNCTION: Function,
    abi.TOOL_KIND: ToolValue,
    abi.TIME_KIND: TimeDate,
    abi.RANGE: range,
    abi.COMPRESS: compress,
    abi.CHAIN: chain,
    abi.COUNTED: ops.counted,
    abi.REFCOUNT: refcount,
    abi.DICT_GET: dict.get,
    abi.DICT_ITEMS: dict.items,
    abi.DICT_UPDATE: dict.update,
    abi.DICT_VALUES: dict.values,
    abi.ENUMERATE: enumerate,
    abi.SUB: ops.subtract,
    abi.DIV: ops.divide,
    abi.MOD: ops.modulo,
    abi.POW: ops.power,
    abi.NEG: ops.negate,
    abi.BIT_AND: ops.bit_and,
    abi.BIT_OR: ops.bit_or,
    abi.BIT_XOR: ops.bit_xor,
    abi.BIT_NOT: ops.bit_not,
    abi.EQ: equal,
    abi.NE: ops.not_equal,
    abi.LT: ops.less,
    abi.LE: ops.less_equal,
    abi.GT: ops.greater,
    abi.GE: ops.greater_equal,
    abi.AND: ops.both,
    abi.OR: ops.either,
    abi.NOT: ops.negation,
    abi.TYPEOF: type_name,
    abi.INFINITE: ops.infinite,
    abi.FINITE: ops.in_range,
    abi.FROM_HOST: from_host,
    abi.CHECKED_RESULT: checked_result,
    abi.BAD_CALL: bad_call,
    abi.REFUSE_UNSET: unset,
    abi.FAILURE: script_failure,
    abi.MUST: must,
    abi.MUST_SET: must_set,
    abi.UNPACK: unpack,
    abi.INT_LIMIT: INT_LIMIT,
    abi.NEGATIVE_INT_LIMIT: -INT_LIMIT,
    abi.MISSED: (LookupError, TypeError),
    abi.TEXTS: [*map(str, range(abi.MOST_TEXTS))],
    abi.RETURNED: returned,
}
