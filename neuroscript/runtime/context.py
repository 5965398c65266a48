"""The call context: what a tool can use of the interpreter and the run that call it."""

from __future__ import annotations

from time import monotonic

from neuroscript.values import from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    import threading
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from neuroscript.interpreter import Interpreter
    from neuroscript.limits import Limits
    from neuroscript.runtime.handles import HandleTable
    from neuroscript.runtime.services import Services
    from neuroscript.values import Function


class ToolContext:
    """The call context: a tool gets it as its first argument if that is called ``ctx`` or annotated so.

    It lasts as long as the interpreter, and is the same for every call.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    @property
    def sandbox(self) -> Path | None:
        """The directory that file tools may touch; None if the host gave none."""
        return self.interpreter.sandbox

    @property
    def limits(self) -> Limits:
        """The limits of the run."""
        return self.interpreter.limits

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
        """What stands for the run that is going on: one object throughout it; None where the host calls a tool."""
        return self.interpreter.runtime.current_run

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that the host allows."""
        return self.interpreter.environment

    @property
    def log(self) -> logging.Logger:
        """The interpreter's log."""
        return self.interpreter.log

    def is_private(self, path: str) -> bool:
        """Whether the file at an absolute path holds what no program may see."""
        return self.interpreter.is_private(path)

    def emit(self, value: Any) -> None:
        """Emits a value, as the statement does."""
        runtime = self.interpreter.runtime
        with runtime.run(joining=True):
            runtime.emit(from_host(value))

    def emit_event(self, name: str, payload: Any = None, source: str = "tool") -> None:
        """Fires an event; its handlers have run when this returns."""
        self.interpreter.runtime.fire(name, from_host(payload), source, joining=True)

    def prompt(self, text: str) -> str:
        """Asks the person at the host.

        Raises:
            NeuroScriptError: 18 if there is none.
        """
        return self.interpreter.runtime.prompt(self.interpreter.runtime.depth, text)

    def call(self, function: Function, *args: Any) -> Any:
        """Calls a function value of the script."""
        runtime = self.interpreter.runtime
        if runtime.running:
            with runtime.fuel.nested():
                return runtime.call(runtime.depth, function, None, args, ())
        with runtime.run() as depth:  # a tool that the host called itself
            return runtime.call(depth, function, None, args, ())

    def check(self) -> None:
        """Raises if the run is cancelled or has used up what it may; a long tool calls it now and then."""
        runtime = self.interpreter.runtime
        if runtime.running:
            runtime.fuel.check_limits()

    def sleep(self, seconds: float) -> None:
        """Waits so many seconds, or until the run is cancelled."""
        wake: threading.Event = self.interpreter.runtime.cancel_event
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            if wake.wait(min(left, 3600.0)):
                self.check()
                return

    def load(self, source: str, name: str) -> list[str]:
        """Loads more procedures into the interpreter; gives their names."""
        runtime = self.interpreter.runtime
        with runtime.fuel.nested():
            runtime.charge_load(len(source))
            return self.interpreter.load(source, name)

    def procedures(self) -> list[dict[str, Any]]:
        """The procedures that are loaded: name, signature, file and metadata of each."""
        return self.interpreter.procedures()
