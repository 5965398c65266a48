"""Watching a run: what code that is compiled for it tells a watcher, statement by statement.

Only code that is loaded after `install` tells anything; other code is compiled without the calls, and costs what it
costs.  The watcher's time is not the script's, and it takes no steps.
"""

from __future__ import annotations

import sys

from neuroscript.runtime import abi
from neuroscript.runtime.errors import Stop, script_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType
    from typing import Any

    from neuroscript.runtime.namespace import Runtime
    from neuroscript.runtime.programs import Place

    Function = Callable[..., Any]
    Arguments = tuple[tuple[Any, ...], tuple[str, ...]]

ASK = "ask"
PROMPT_USER = "promptuser"
WAITING = (ASK, PROMPT_USER)
"""The statements that a watcher is told of as it is of tools."""


class Watcher:
    """What a run tells of itself; each method may be overridden.

    The frames are those of the functions that bodies are compiled to; `variables_of` reads them.
    """

    def compiled(self, file: str, text: str, places: Sequence[Place]) -> None:
        """A program is compiled: its name, its text, and where its statements are."""

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        """A statement begins, or the turn of a ``while``."""

    def turn(self, frame: FrameType, file: str, line: int) -> None:
        """The turn of a ``for each`` begins, its variables set."""

    def result(self, frame: FrameType, value: Any) -> None:
        """A body is about to return a value."""

    def left(self, frame: FrameType, failure: BaseException | None) -> None:
        """A body ends, by a failure or not."""

    def caught(self, frame: FrameType, failure: BaseException) -> None:
        """An error handler is about to begin."""

    def go_on(self) -> None:
        """Other watchers have been told the same, and the run goes on."""

    def tool_begins(self, name: str, values: tuple[Any, ...], names: tuple[str, ...]) -> None:
        """A tool is about to be called, or what `WAITING` names: with its arguments, and the names of the last ones.

        The arguments of ``ask`` are the worker, if one is named, and the prompt.
        """

    def tool_ends(self, name: str, result: Any, failure: BaseException | None) -> None:
        """It has ended."""


def install(runtime: Runtime, watcher: Watcher) -> None:
    """Has code that is compiled to be watched, and calls of tools, told to a watcher."""
    fuel, namespace = runtime.fuel, runtime.namespace

    def unpaid(tell: Function, *given: Any) -> None:
        was_host = fuel.enter_host()
        try:
            tell(*given)
        finally:
            fuel.leave_host(was_host)

    tell_begin, enter_host, leave_host, frame_of = watcher.begin, fuel.enter_host, fuel.leave_host, sys._getframe

    def begin(file: str, line: int) -> None:  # as `unpaid` does, without its calls: it comes most often
        was_host = enter_host()
        try:
            tell_begin(frame_of(1), file, line)
        finally:
            leave_host(was_host)

    def turn(file: str, line: int) -> None:
        unpaid(watcher.turn, sys._getframe(1), file, line)

    def result(value: Any) -> Any:
        # From an error handler, or a loop that is a function of its own, it comes in a tuple.
        unpaid(watcher.result, sys._getframe(1), value[0] if type(value) is tuple else value)
        return value

    def left() -> None:
        frame, failure = sys._getframe(1), sys.exc_info()[1]
        if failure is not None:
            # Where an error handler has called this body, the failure is the one that is being handled there.
            traceback = failure.__traceback__
            failure = failure if traceback is not None and traceback.tb_frame is frame else None
        unpaid(watcher.left, frame, None if failure is None else error_in(failure))

    def error_in(failure: BaseException) -> BaseException:
        """The script's error for a failure; the exception itself where it is none, as for an interrupt."""
        if isinstance(failure, Stop):
            return failure.error
        return script_error(failure, runtime) if isinstance(failure, Exception) else failure

    def around(name: str, function: Function, given: Callable[[Sequence[Any]], Arguments] = _of_tool) -> Function:
        def call(*arguments: Any) -> Any:
            unpaid(watcher.tool_begins, name, *given(arguments))
            try:
                value = function(*arguments)
            except BaseException as failure:
                unpaid(watcher.tool_ends, name, None, error_in(failure))
                raise
            unpaid(watcher.tool_ends, name, value, None)
            return value

        return call

    plain = namespace[abi.HANDLE]

    def handle(handler: Function, exception: Exception, in_loop: bool) -> Any:
        unpaid(watcher.caught, sys._getframe(1), error_in(exception))
        return plain(handler, exception, in_loop)

    namespace[abi.BEGIN], namespace[abi.TURN] = begin, turn
    namespace[abi.RESULT], namespace[abi.LEFT] = result, left
    namespace[abi.HANDLE] = handle
    namespace[abi.ASK] = around(ASK, namespace[abi.ASK], _of_ask)
    namespace[abi.PROMPT] = around(PROMPT_USER, namespace[abi.PROMPT], _of_prompt)
    runtime.watch_tools(around)


def _of_tool(arguments: Sequence[Any]) -> Arguments:
    _, _, values, names = arguments
    return values, names


def _of_ask(arguments: Sequence[Any]) -> Arguments:
    _, who, given, prompt, _ = arguments
    return ((who, prompt) if given else (prompt,)), ()


def _of_prompt(arguments: Sequence[Any]) -> Arguments:
    _, text = arguments
    return (text,), ()


# --- frames ----------------------------------------------------------------------------------------------------------


def body_of(frame: FrameType) -> str:
    """The name of the function of the body that a frame is of, without error handlers and loops in it."""
    return frame.f_code.co_qualname.partition(".")[0]


def inner_of(frame: FrameType) -> str:
    """The name of the error handler or loop of a body that a frame is of; empty for that of the body itself."""
    return frame.f_code.co_qualname.rpartition(".")[2] if "." in frame.f_code.co_qualname else ""


def callers(frame: FrameType) -> Iterator[FrameType]:
    """The frames of the same interpreter's code, from this one outwards."""
    namespace = frame.f_globals
    current: FrameType | None = frame
    while current is not None:
        if current.f_globals is namespace:
            yield current
        current = current.f_back


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The variables of the script that are set in a frame, by name."""
    from neuroscript.runtime.containers import UNSET

    held = frame.f_locals
    try:
        return {
            name.removeprefix(abi.VARIABLE): value
            for name, value in held.items()
            if name.startswith(abi.VARIABLE) and value is not UNSET
        }
    finally:
        if type(held) is dict:
            held.clear()  # before Python 3.13 a copy that would make every list count as shared
