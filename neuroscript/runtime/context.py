"""The call context: what a tool can use of the interpreter and the run that call it."""

from __future__ import annotations

from functools import partial
from time import monotonic

from neuroscript.errors import NeuroScriptError
from neuroscript.program_text import ProgramText
from neuroscript.values import Function, ToolValue, from_host, named_from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, NoReturn, Protocol

    from neuroscript.approval import Approval
    from neuroscript.cancellation import CancelToken
    from neuroscript.interpreter import Interpreter
    from neuroscript.journal.accounts import Membership
    from neuroscript.journal.replay import JournaledRun
    from neuroscript.runtime.handles import HandleTable
    from neuroscript.runtime.services import Services
    from neuroscript.sandbox.sandbox import Sandbox
    from neuroscript.streaming import StreamEvent
    from neuroscript.tools.registry import Tool

    class RunMeter(Protocol):
        """What counts the cost and the tokens of the run that is going on in an interpreter."""

        def told(self) -> Mapping[str, Any]:
            """Some of `BUDGET`: cost, tokens, the most of each, and what is left of that."""

        def join(self, shared: Membership) -> None:
            """Counts the run in a budget that it shares, from now on, with what it has used before."""


BUDGET = (
    *("calls", "max_calls", "seconds", "deadline"),
    *("cost", "max_cost", "cost_left", "tokens", "max_tokens", "tokens_left"),
)
"""The keys of a run's budget."""

METER = "run_meter"
"""The service of a plugin that counts what runs use, a `RunMeter`."""

SHARED_BUDGET = "run_budget"
"""The service by which a host says that the runs of an interpreter count in a budget that they share with another run:
the map that `neuroscript.journal.share_budget` gave for that run, with ``id``, ``max_cost``, ``max_tokens``,
``max_calls``, ``deadline``.  Such runs have a journal, the one that was shared in."""


class ToolContext:
    """The call context: a tool gets it as its first argument if that is called ``ctx`` or annotated so.

    It lasts as long as the interpreter, and is the same for every call.

    Attributes:
        interpreter: the interpreter.
        limits: the limits of the run.
        chance: the interpreter's generator of random numbers, once there is one.
    """

    chance: Any = None

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.limits = interpreter.limits

    @property
    def sandbox(self) -> Path | None:
        """The directory that file tools may touch; None if the host gave none.  `files` reaches what is in it."""
        return self.interpreter.sandbox

    @property
    def files(self) -> Sandbox:
        """The sandbox directory as programs reach it: without what is protected in it, and each write counted.

        Raises:
            NeuroScriptError: 18 if the host gave none.
        """
        return self.interpreter.files

    @property
    def services(self) -> Services:
        """Objects that plugins share with their tools, by name."""
        return self.interpreter.services

    @property
    def handles(self) -> HandleTable:
        """The table of the objects behind handles."""
        return self.interpreter.handles

    @property
    def run(self) -> object:
        """An object that identifies the run that is going on; None where the host calls a tool."""
        return self.interpreter.runtime.current_run

    @property
    def journal(self) -> JournaledRun | None:
        """The journal of the run that is going on; None where it has none."""
        return self.interpreter.runtime.journal

    def invoke(self, tool: Tool, arguments: list[Any]) -> Any:
        """Calls a tool as the script does, under its effect in a journaled run.

        Args:
            tool: the tool.
            arguments: its arguments in their order, validated.
        """
        runtime = self.interpreter.runtime
        if runtime.journal is None or tool.spec.effect == "pure":
            return tool.invoke(self, arguments)
        return runtime.journaled(runtime.journal, tool, arguments)

    @property
    def cancel_token(self) -> CancelToken:
        """The token of the run: cancelled when the run is, by whomever, and when its time is over.

        What blocks registers what wakes it (``with ctx.cancel_token.on_cancel(socket.close):``), or waits for the token
        itself, and then calls `check`.  Where the host calls a tool outside of a run, nobody cancels it.
        """
        return self.interpreter.runtime.fuel.token

    @property
    def deadline(self) -> float | None:
        """The moment, of `time.monotonic`, when the run's time is over (``max_wall_seconds``); None without a limit."""
        run = self.interpreter.runtime.current_run
        return None if run is None else run.deadline

    def remaining(self) -> float | None:
        """The seconds that the run has left by the clock, 0 or more; None without a limit."""
        deadline = self.deadline
        return None if deadline is None else max(deadline - monotonic(), 0.0)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that the host allows."""
        return self.interpreter.environment

    @property
    def log(self) -> logging.Logger:
        """The interpreter's log."""
        return self.interpreter.log

    @property
    def on_stream(self) -> Callable[[StreamEvent], object] | None:
        """Gives the host an event of a model's reply, as `call_host` does; None where the host does not listen.

        The event ``done`` reaches the host even if the run has been cancelled.
        """
        interpreter = self.interpreter
        return None if interpreter.on_stream is None else interpreter.runtime.stream

    def emit(self, value: Any) -> None:
        """Emits a value, as the statement does."""
        runtime = self.interpreter.runtime
        with runtime.run(joining=True):
            runtime.emit(from_host(value))

    def emit_event(self, name: str, payload: Any = None, source: str = "tool") -> None:
        """Fires an event; its handlers have run when this returns."""
        self.interpreter.runtime.fire(name, named_from_host(payload, "the payload"), source, joining=True)

    def has_handlers(self, name: str) -> bool:
        """Whether any handler is registered for events of this name."""
        return bool(self.interpreter.runtime.events.of(name))

    def is_reserved_event(self, name: str) -> bool:
        """Whether only the host's own parts may fire events of this name."""
        return self.interpreter.is_reserved_event(name)

    def prompt(self, text: str) -> str:
        """Asks the person at the host.

        Raises:
            NeuroScriptError: 18 if there is none.
        """
        return self.interpreter.runtime.prompt(self.interpreter.runtime.depth, text)

    def request_approval(self, what: str, details: Any = None, seconds: float | None = None) -> Approval:
        """Asks a person for a yes; a journaled run is suspended until somebody has answered.

        Args:
            what: what is to be done, in words.
            details: more about it, a value of the language.
            seconds: the time in which a suspended run has to have an answer; None: what the host says.

        Raises:
            NeuroScriptError: 48 if it is refused; 18 if there is nobody to ask.
        """
        from neuroscript.runtime.approval import request_approval

        return request_approval(self.interpreter.runtime, what, details, seconds)

    def run_budget(self) -> dict[str, Any]:
        """What the run has used, with a journal over all its starts, and what it may use.

        None is told where nothing is counted, or there is no limit: calls and time are counted in a journal alone.
        """
        journal, meter = self.interpreter.runtime.journal, self.services.get(METER)
        counted = {} if journal is None else journal.budget()
        return dict.fromkeys(BUDGET) | counted | ({} if meter is None else meter.told())

    def call(self, function: Function | ToolValue, *args: Any) -> Any:
        """Calls a function value of the script.

        Raises:
            NeuroScriptError: the script's own error, with its place and its stack down to the tool's caller.
        """
        runtime = self.interpreter.runtime
        if not runtime.running:  # a tool that the host called itself
            with runtime.run() as depth:
                return runtime.call(depth, function, None, args, ())
        try:
            with runtime.fuel.nested():
                if runtime.fuel.token.cancelled:
                    runtime.fuel.check_cancelled()
                return runtime.call(runtime.depth, function, None, args, ())
        except Exception as exception:
            self.raise_script_error(exception)

    def procedure(self, function: Function | ToolValue, count: int) -> Callable[..., Any] | None:
        """The code of a procedure or a built-in function, to be called over and over with ``count`` values; else None.

        It is for functions over values alone (`ToolSpec.pure`).  They give what it raises to `raise_script_error`.
        """
        runtime = self.interpreter.runtime
        fuel = runtime.fuel
        if not runtime.running or fuel.host_since is not None or type(function) is not Function:
            return None
        code: Callable[..., Any] | None
        if function.owner is runtime and count < len(function.entries) and not fuel.token.cancelled:
            code = function.entries[count]
            if type(code) is not partial and function.name in runtime.procedures:
                return partial(code, runtime.depth - 1)
        if not runtime.owns(function):
            return None
        if function.name not in runtime.procedures:
            is_builtin = function.owner is runtime and runtime.is_builtin(function.name) and count == 1
            return partial(function.entries[count], runtime.depth - 1) if is_builtin else None
        fuel.check_cancelled()
        return partial(runtime.entry(function.name, count), runtime.depth - 1)  # entries look for the procedure first

    def tool_code(self, function: Function | ToolValue, count: int) -> Callable[..., Any] | None:
        """As `procedure`, of a tool that is a value, if it is called without binding; else None.

        Whoever calls it over and over has to `check` now and then.
        """
        runtime = self.interpreter.runtime
        if not runtime.running or runtime.fuel.host_since is not None or type(function) is not ToolValue:
            return None
        runtime.fuel.check_cancelled()
        code = runtime.tool_code(function.name, count)
        return None if code is None else partial(code, runtime.depth - 1)

    def script_error(self, exception: Exception) -> NeuroScriptError:
        """The script's own error for what came out of its code, with its place and its stack.

        Raises:
            Stop: where the error ends the run.
        """
        error = self.interpreter.runtime.error_of(exception, outermost=False)
        if isinstance(error, NeuroScriptError):
            return error
        raise error

    def raise_script_error(self, exception: Exception) -> NoReturn:
        """Raises the script's own error, for what came out of its code, before the tool's frames are in the traceback.

        Raises:
            NeuroScriptError: the error, with its place and its stack down to the tool's caller.
        """
        error = self.interpreter.runtime.error_of(exception, outermost=False)
        try:
            raise error from error.__cause__
        finally:
            del error, exception  # this frame is in the traceback, and would keep the error alive

    def call_procedure(self, name: str, args: list[Any], named: dict[str, Any]) -> Any:
        """Calls a procedure by its name.

        Raises:
            NeuroScriptError: 2 if there is no such procedure, 4 for wrong arguments, and the procedure's own error.
        """
        runtime = self.interpreter.runtime
        runtime.check_procedure(name)
        with runtime.run(joining=True) as depth:
            return runtime.call(depth, runtime.function(name), None, (*args, *named.values()), tuple(named))

    def check(self) -> None:
        """Ends the run if it is cancelled or has used up what it may; a long tool calls it now and then.

        What it raises is no `Exception`: no handler of the script, and none for failures, catches it.
        """
        runtime = self.interpreter.runtime
        if runtime.running:
            runtime.fuel.check_limits()

    def charge_written(self, size: int) -> None:
        """Counts bytes that a tool is about to store for the program, against what one run may write to files.

        Raises:
            NeuroScriptError: 37 if they are too many.
        """
        self.interpreter.runtime.charge_disk(size, 0)

    def sleep(self, seconds: float) -> None:
        """Waits so many seconds; what ends the run ends the wait."""
        if self.cancel_token.wait(seconds):
            self.check()

    def call_host(self, function: Callable[..., Any], *args: Any) -> Any:
        """Calls a function of the host for the run, as tools and sinks are called.

        An asynchronous one runs on the host's event loop if the run was begun with `Interpreter.arun` or its like, and
        this waits for its result.  A run that is cancelled does not begin it, and does not go on after it.

        Raises:
            NeuroScriptError: 21 for whatever the function raises, which is the cause.
        """
        return self.interpreter.runtime.call_host(getattr(function, "__qualname__", "a function"), function, *args)

    def load(self, source: str, name: str) -> list[str]:
        """Loads more procedures into the interpreter; gives their names.

        Files that the text uses are looked for in the sandbox directory, from the directory of the file there that has
        the name; a text with another name uses none.
        """
        runtime = self.interpreter.runtime
        with runtime.fuel.nested():
            runtime.charge_load(len(source))
            return self.interpreter.load(ProgramText(source, name, name, in_sandbox=True))

    def procedures(self) -> list[dict[str, Any]]:
        """The procedures that are loaded: name, signature, file and metadata of each."""
        return self.interpreter.procedures()
