"""Turns Python exceptions into the script's errors: what failed, where, and through which procedures.

Generated code carries the script's positions, so nothing is recorded while a script runs: the place of a failure is
read from the traceback when there is one.
"""

from __future__ import annotations

from functools import partial

from neuroscript.errors import ErrorCode, EvaluationError, NeuroScriptError, StackFrame, plain_error
from neuroscript.runtime import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Protocol

    class RunState(Protocol):
        """What is asked of the runtime whose code raised an exception."""

        namespace: dict[str, Any]
        globals: dict[str, Any]

        @property
        def procedures(self) -> Mapping[str, object]: ...

        def tool_of(self, exception: BaseException) -> str | None:
            """The tool whose own code raised."""

        def name_nil(self, error: NeuroScriptError, frame: FrameType, span: tuple[int, int, int, int]) -> None:
            """Adds to the message of an operation on nil which expression that was."""


_MOST_KNOWN = 512  # functions whose places are kept

_known: dict[int, _Places] = {}
"""By the identity of their code, which is kept with them: to hash code takes long."""


class _Places:
    """What is known of the places in one function, of which errors in loops ask again and again."""

    def __init__(self, code: CodeType) -> None:
        body, _, inner = code.co_qualname.partition(".")
        self.code = code
        self.spans = list(code.co_positions())
        self.body = body
        self.is_late = abi.is_late(body)
        self.owner = body if inner else abi.general(body)  # the function outside that stands for the same body, if any
        self.frames: dict[int, StackFrame] = {}

    def span(self, position: int) -> tuple[int, int, int, int]:
        """The span of an instruction in the script, as syntax trees have it."""
        line, end_line, column, end_column = self.spans[position // 2]
        return line or 0, column or 0, end_line or 0, end_column or 0

    def frame(self, position: int) -> StackFrame:
        """What the stack shows where that instruction is executed."""
        found = self.frames.get(position)
        if found is None:
            line, column, _, _ = self.span(position)
            name = abi.shown_name(self.body)
            found = self.frames[position] = StackFrame(name, self.code.co_filename, line, column + 1)
        return found


def _places_in(code: CodeType) -> _Places:
    found = _known.get(id(code))
    if found is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        found = _known[id(code)] = _Places(code)
    return found


class Stop(BaseException):
    """Carries an error that no script may catch: a limit, or the host's cancellation."""

    def __init__(self, error: NeuroScriptError, *, at_caller: bool = False) -> None:
        super().__init__()
        self.error = error
        self.at_caller = at_caller  # whether the place is the call, not the procedure that was called


class Unset(NameError):
    """Raised where a variable is read before it is set."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable


class NilOperandError(EvaluationError):
    """An operation on nil; when its place is found, so is the expression that was nil, and the message names it."""


_OUT_OF_ROOM = (RecursionError, MemoryError)
_WITH_FRAMES = (NeuroScriptError, NameError)  # whose messages may tell of variables
_LONG_NAME = 100  # characters from which on no near name is looked for


def script_error(exception: BaseException, runtime: RunState) -> NeuroScriptError:
    """The script's error for an exception that came out of generated code, with its place and stack.

    An error that has a place already keeps it.
    """
    if isinstance(exception, _WITH_FRAMES):
        if type(exception) is not NilOperandError and isinstance(exception, NeuroScriptError):
            exception.trim()
            place(exception, runtime)
            return exception
        error = _told(exception, runtime)
    else:
        error = _translated(exception, runtime)
    error.trim()
    if not error.is_placed:
        at_caller = isinstance(exception, Stop) and exception.at_caller
        _place(error, _places(exception.__traceback__, runtime.namespace), at_caller)
    return error


def _told(exception: BaseException, runtime: RunState) -> NeuroScriptError:
    """The error of an unset variable, or of an operation on nil, whose message tells of the variables."""
    frames = _frames(exception.__traceback__, runtime.namespace)
    if isinstance(exception, NameError):
        tool = runtime.tool_of(exception)
        return _unset(exception, frames, runtime) if tool is None else _of_tool(exception, tool)
    assert isinstance(exception, NilOperandError)
    if frames and not exception.is_placed:
        frame, position = frames[-1]
        runtime.name_nil(exception, frame, _span_of(frame.f_code, position))
    return exception


def caught_error(exception: Exception, runtime: RunState) -> NeuroScriptError:
    """The script's error for what an error handler is about to see; `place` gives it its place, where that matters."""
    error = _told(exception, runtime) if isinstance(exception, _WITH_FRAMES) else _translated(exception, runtime)
    error.trim()
    if error is not exception and not error.is_placed:
        error.__traceback__ = exception.__traceback__
    return error


def place(error: NeuroScriptError, runtime: RunState) -> None:
    """Gives an error that came out of generated code as it is its place and stack, unless it has them already."""
    if not error.is_placed:
        _place(error, _places(error.__traceback__, runtime.namespace), False)


def innermost(error: NeuroScriptError, runtime: RunState) -> tuple[int, int, str]:
    """Line, column and procedure of the place that `place` would give an error; the rest of the stack is not made."""
    found: tuple[CodeType, int] | None = None
    if not error.is_placed and not error.file:
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_globals is runtime.namespace:
                found = traceback.tb_frame.f_code, traceback.tb_lasti
            traceback = traceback.tb_next
    if found is None:
        place(error, runtime)
        return error.line, error.column, error.stack[0].procedure if error.stack else ""
    frame = _places_in(found[0]).frame(found[1])
    return frame.line, frame.column, frame.procedure


def _place(error: NeuroScriptError, places: list[tuple[CodeType, int]], at_caller: bool) -> None:
    if places:
        error.place_later(partial(_stack, places, at_caller))


def _stack(places: list[tuple[CodeType, int]], at_caller: bool) -> tuple[StackFrame, ...]:
    stack = tuple(places_to_stack(places))
    return stack[1:] or stack if at_caller else stack


def _frames(traceback: TracebackType | None, namespace: dict[str, Any]) -> list[tuple[FrameType, int]]:
    """The frames of generated code from the outermost to the one that failed, with where each one is."""
    found: list[tuple[FrameType, int]] = []
    frame = traceback.tb_frame.f_back if traceback is not None else None
    while frame is not None:
        if frame.f_globals is namespace:
            found.append((frame, frame.f_lasti))
        frame = frame.f_back
    found.reverse()
    while traceback is not None:
        if traceback.tb_frame.f_globals is namespace:
            found.append((traceback.tb_frame, traceback.tb_lasti))
        traceback = traceback.tb_next
    return found


def _places(traceback: TracebackType | None, namespace: dict[str, Any]) -> list[tuple[CodeType, int]]:
    """The same places without the frames, which would keep all values that were in variables then."""
    return [(frame.f_code, position) for frame, position in _frames(traceback, namespace)]


def places_to_stack(places: list[tuple[CodeType, int]]) -> Iterable[StackFrame]:
    """The stack as the script's author sees it, innermost first.

    An error handler, and a loop that became a function of its own, belong to the body that they stand in; and a
    procedure that handed over to its specialised body, or had to make its general one, is not in the stack twice.
    """
    owner = ""
    for number, (code, position) in enumerate(reversed(places)):
        known = _places_in(code)
        is_same = known.body == owner or (number and known.is_late)
        owner = known.owner
        if not is_same:
            yield known.frame(position)


def place_of(code: CodeType, position: int) -> tuple[int, int]:
    """Line and column, both from 1, of an instruction."""
    line, column, _, _ = _span_of(code, position)
    return line, column + 1


def _span_of(code: CodeType, position: int) -> tuple[int, int, int, int]:
    """The span of an instruction in the script, as syntax trees have it."""
    return _places_in(code).span(position)


def _translated(exception: BaseException, runtime: RunState) -> NeuroScriptError:
    if isinstance(exception, Stop):
        return exception.error
    if isinstance(exception, _OUT_OF_ROOM):
        what = "memory" if isinstance(exception, MemoryError) else "call depth"
        return NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, f"the run is out of {what}")
    tool = runtime.tool_of(exception)
    if tool is not None:
        return _of_tool(exception, tool)
    if isinstance(exception, ZeroDivisionError):
        error = plain_error(ErrorCode.DIVISION_BY_ZERO, "division by zero")
    elif isinstance(exception, OverflowError):
        error = NeuroScriptError(ErrorCode.INVALID_VALUE, "the result is not a finite number")
    else:
        message = f"an internal error of the interpreter: {type(exception).__name__}: {exception}"
        error = NeuroScriptError(ErrorCode.INTERNAL, message)
    error.__cause__ = exception
    return error


def _of_tool(exception: BaseException, tool: str) -> NeuroScriptError:
    message = f"{tool} failed: {type(exception).__name__}: {exception}"
    error = NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, message)
    error.__cause__ = exception
    return error


def _unset(exception: NameError, frames: list[tuple[FrameType, int]], runtime: RunState) -> NeuroScriptError:
    if isinstance(exception, Unset):
        name = exception.variable
    else:
        # Python says "cannot access local variable 'v_name' where it is not associated with a value".
        _, found, rest = str(exception).partition(f"variable '{abi.VARIABLE}")
        name = rest.partition("'")[0] if found else str(exception)
    known: set[str] = set(runtime.globals) | set(runtime.procedures)
    if frames:
        code = frames[-1][0].f_code
        names = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
        known |= {local.removeprefix(abi.VARIABLE) for local in names if local.startswith(abi.VARIABLE)}
    from neuroscript.foreign_names import name_cure

    cure = name_cure(name)
    hint = f"; {cure}" if cure else nearest(name, known - {name})
    return NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"variable '{name}' is not set{hint}")


def no_procedure(name: str, known: Iterable[str]) -> NeuroScriptError:
    """The error of a call of a procedure that does not exist, with what may be meant.

    Args:
        name: the procedure's name.
        known: the names of the procedures and built-in functions that can be called.
    """
    return NeuroScriptError(ErrorCode.PROC_NOT_FOUND, f"there is no procedure '{name}'{procedure_hint(name, known)}")


def procedure_hint(name: str, known: Iterable[str]) -> str:
    """The hint at a procedure that does not exist: one of ``known``, or what another language's function is here."""
    from neuroscript.foreign_names import function_cure

    known = list(known)
    cure = "" if name.lower() in map(str.lower, known) else function_cure(name)
    return f"; {cure}" if cure else nearest(name, known)


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint ``; did you mean 'x'?`` if a known name is close to ``name``, else nothing."""
    if len(name) > _LONG_NAME:  # comparing takes the square of the length
        return ""
    import difflib

    known = list(known)
    found = difflib.get_close_matches(name, known, 1, 0.6 if len(name) > 3 else 0.75)
    if not found:
        lowered = {candidate.lower(): candidate for candidate in known}
        found = [lowered[name.lower()]] if name.lower() in lowered else []
    return f"; did you mean '{found[0]}'?" if found else ""
