"""How a tool finds out, after a crash, whether a call that was begun was done."""

from __future__ import annotations

from neuroscript.errors import NeuroScriptError
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    class CallRecovery(Protocol):
        """What a call keeps before it is made, and how it finds out after a crash whether it was."""

        def prepare(self) -> Any:
            """What is to be kept before the call: a value of the language.  An error of this is the call's."""
            ...

        def recover(self, before: Any) -> Any:
            """The call's result if it was done, else `NOT_DONE` or `UNKNOWN`."""
            ...


class Outcome:
    """What is known of a call without a result."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NOT_DONE: Final = Outcome("NOT_DONE")
"""The call has changed nothing, and is made again."""

UNKNOWN: Final = Outcome("UNKNOWN")
"""Nobody can tell; a person has to look."""


@record(frozen=True)
class Recovery:
    """The two functions of a tool by which a journaled run goes on at a call whose end is unknown.

    Args:
        prepare: takes the call context and the arguments before the call, and gives what is to be kept: a value of the
            language that tells the state before.
        recover: takes the call context, that value and the arguments after a crash.  It gives the call's result if it
            was done, which it may finish; else `NOT_DONE` or `UNKNOWN`.
    """

    prepare: Callable[[Any, list[Any]], Any]
    recover: Callable[[Any, Any, list[Any]], Any]


class BoundRecovery:
    """A tool's recovery for one call.

    Args:
        recovery: the tool's.
        context: the call context.
        arguments: the call's arguments.
    """

    def __init__(self, recovery: Recovery, context: Any, arguments: list[Any]) -> None:
        self._recovery = recovery
        self._context = context
        self._arguments = arguments

    def prepare(self) -> Any:
        """What is to be kept before the call; nil where it will fail anyway."""
        try:
            return self._recovery.prepare(self._context, self._arguments)
        except NeuroScriptError:
            return None

    def recover(self, before: Any) -> Any:
        """The call's result if it was done, else `NOT_DONE` or `UNKNOWN`."""
        try:
            return self._recovery.recover(self._context, before, self._arguments)
        except NeuroScriptError:
            return UNKNOWN
