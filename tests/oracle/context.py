"""What the tree walker hands to tools that ask for a call context."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from neuroscript.cancellation import CancelToken
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.syntax.parser import parse
from neuroscript.values import Function

if TYPE_CHECKING:
    from .walker import Walker


class WalkerContext:
    """The part of a call context that tools over values and events need."""

    def __init__(self, walker: Walker, tool: str) -> None:
        self.walker = walker
        self.tool = tool
        self.limits = walker.limits
        self.services: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.sandbox = None
        self.on_stream = None
        self.log = logging.getLogger("neuroscript.oracle")
        self.cancel_token = CancelToken()  # nobody cancels the walker

    def emit(self, value: Any) -> None:
        """Hands a value to the emit sink."""
        self.walker.emitted(value)

    def emit_event(self, name: str, payload: Any = None, source: str = "") -> None:
        """Fires an event."""
        self.walker.emit_event(name, payload, source)

    def has_handlers(self, name: str) -> bool:
        """Whether the walker is told of such an event: always, since it copies nothing for it."""
        return True

    def is_reserved_event(self, name: str) -> bool:
        """Whether scripts may not fire an event: the walker has no parts of a host."""
        return False

    def call(self, function: Function, *args: Any) -> Any:
        """Calls a function value."""
        with self.walker.budget.between():
            return self.walker.expressions.call_value(function, list(args), [], None)

    def tool_code(self, function: object, count: int) -> None:
        """Library functions are called as all tools are."""

    def procedure(self, function: Function, count: int) -> None:
        """The code of a procedure: the walker has none."""

    def call_procedure(self, name: str, args: list[Any], named: dict[str, Any]) -> Any:
        """Calls a procedure by its name."""
        with self.walker.budget.between():
            return self.walker.call_procedure(name, args, list(named.items()))

    def load(self, source: str, name: str) -> list[str]:
        """Loads more procedures."""
        return self.walker.define(parse(source, name, self.limits))

    def check(self) -> None:
        """Ends a long tool where the run's time is over."""
        self.walker.budget.look()

    def prompt(self, text: str) -> str:
        """Asks the person at the host."""
        if self.walker.prompt is None:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "there is no prompt source")
        return self.walker.prompt(text)
