"""The exceptions of the package, in one tree, and their stable codes.

    NeuroScriptError              every failure: code, message, file, line, column, stack
    ├── NeuroScriptSyntaxError    a program that cannot be loaded; carries .diagnostics
    ├── ScriptFailureError        fail and must                               1, 5
    ├── NotFoundError             procedure, tool, name, file, provider       2, 3, 9, 22, 40
    ├── ArgumentError             arguments and counts                        4, 36
    ├── EvaluationError           types, bounds, numbers, return values       7, 8, 12, 13, 14, 17, 30, 39, 41
    ├── AccessError               security, permissions, approval, read-only  10, 11, 25, 34, 43, 48
    ├── ConflictError             a thing that is there already               23, 24, 42
    ├── StateError                configuration, preconditions                18, 19, 35
    ├── LimitError                resource limits and nesting                 37, 38
    ├── CancelledError            the host cancelled the run                  44
    ├── RateLimitedError          rate limits and budgets                     20, 46
    ├── ModelError                the model or its provider                   16, 31, 45, 47
    └── ToolError                 tools, input and output                     21, 26, 32, and 1000 and up

``NeuroScriptError(code, message)`` makes an instance of the family that the code belongs to, so raising takes one
name and catching any.  The numbers are stable; they are those of the public Go implementation where it has one.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache, partial

from neuroscript.output import one_line, shortened, whole_text
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self

    from neuroscript.runtime.assertions import Operand

MOST_TEXT = 65_536
"""Characters that a script sees of an error's message, and of its details together."""

_ITEM = 8  # characters that an item of a list or map counts as, besides its own
_MOST_NESTED = 20  # lists and maps inside one another that are kept of details


class ErrorCode(IntEnum):
    """The stable number of each kind of failure."""

    GENERIC = 0
    FAIL_STATEMENT = 1
    PROC_NOT_FOUND = 2
    TOOL_NOT_FOUND = 3
    ARG_MISMATCH = 4
    MUST_FAILED = 5
    INTERNAL = 6
    TYPE = 7
    BOUNDS = 8
    KEY_NOT_FOUND = 9
    SECURITY = 10
    READ_ONLY = 11
    RETURN_VIOLATION = 12
    CLEAR_VIOLATION = 13
    DIVISION_BY_ZERO = 14
    SYNTAX = 15
    LLM_ERROR = 16
    EVALUATION = 17
    CONFIGURATION = 18
    PRECONDITION_FAILED = 19
    RATE_LIMITED = 20
    TOOL_EXECUTION_FAILED = 21
    FILE_NOT_FOUND = 22
    PATH_TYPE_MISMATCH = 23
    PATH_EXISTS = 24
    PERMISSION_DENIED = 25
    IO_FAILED = 26
    UNKNOWN_KEYWORD = 30
    TIMEOUT = 31
    EXECUTION_FAILED = 32
    PATH_VIOLATION = 34
    NOT_IMPLEMENTED = 35
    COUNT_MISMATCH = 36
    RESOURCE_EXHAUSTION = 37
    NESTING_DEPTH_EXCEEDED = 38
    CONTROL_FLOW = 39
    PROVIDER_NOT_FOUND = 40
    INVALID_VALUE = 41
    DUPLICATE = 42
    WRITE_VIOLATION = 43
    CANCELLED = 44
    AUTHENTICATION = 45
    BUDGET_EXCEEDED = 46
    CONTEXT_FULL = 47
    APPROVAL_REFUSED = 48

    __hash__ = int.__hash__  # that of an enumeration is written in Python, and codes are looked up for every error


UNCATCHABLE = frozenset({ErrorCode.RESOURCE_EXHAUSTION, ErrorCode.NESTING_DEPTH_EXCEEDED, ErrorCode.CANCELLED})
"""The codes that end a run whatever its error handlers say: limits and cancellation."""


@record(frozen=True)
class StackFrame:
    """One procedure on the script's stack: where it was when the error passed through it."""

    procedure: str
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return _shown_frame(self.procedure, self.file, self.line, self.column)


@lru_cache(maxsize=1024)  # handlers in loops ask for the same ones over and over
def _shown_frame(procedure: str, file: str, line: int, column: int) -> str:
    return f"{one_line(procedure)} ({one_line(file)}:{line}:{column})"


class NeuroScriptError(Exception):
    """A failure with a stable code and a place in the script.

    Args:
        code: an `ErrorCode`, or 1000 and up for a tool's own.
        message: what happened, to which thing, and what was expected.  Never a secret.
        details: further facts for programs (``retry_after_seconds``); scripts see them as fields of the error.

    ``file``, ``line``, ``column`` (both from 1; 0 where unknown) and ``stack`` (innermost procedure first) are filled
    in where the error crosses the script that caused it.  ``__cause__`` is the error behind it, if any.
    """

    code: int
    has_details = False
    """Whether there may be details; they are a dictionary once somebody has asked for them."""
    _details: dict[str, Any]
    _file: str = ""
    _line: int = 0
    _column: int = 0
    _stack: tuple[StackFrame, ...] | Callable[[], tuple[StackFrame, ...]] = ()
    operands: tuple[Operand, ...] = ()
    """Of a ``must`` that failed in a test, the values that it was about; no script sees them."""

    def __new__(cls, code: int = 0, message: str = "", **kwargs: Any) -> Self:
        if cls is not NeuroScriptError:
            return Exception.__new__(cls, code, message)
        family = _FAMILIES.get(code) or (ToolError if code >= 1000 else NeuroScriptError)
        return Exception.__new__(family, code, message)  # type: ignore[return-value]

    def __init__(self, code: int = 0, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        # Scripts raise and clear errors in loops, so nothing is set here that has been set before.
        self.code = code if type(code) is ErrorCode else known_code(code)
        if self.args[1] is not message:  # a subclass has arguments of its own
            self.args = (self.code, message)
        if details:
            self.details = dict(details)

    @property
    def message(self) -> str:
        """What happened."""
        return self.args[1]  # type: ignore[no-any-return]

    @message.setter
    def message(self, message: str) -> None:
        self.args = (self.code, message)

    @property
    def details(self) -> dict[str, Any]:
        """Further facts for programs."""
        if not self.has_details:
            self.details = {}
        return self._details

    @details.setter
    def details(self, details: dict[str, Any]) -> None:
        self._details = details
        self.has_details = True

    @property
    def file(self) -> str:
        """The file of the place."""
        self._settle()
        return self._file

    @file.setter
    def file(self, file: str) -> None:
        self._file = file

    @property
    def line(self) -> int:
        """The line of the place."""
        self._settle()
        return self._line

    @line.setter
    def line(self, line: int) -> None:
        self._line = line

    @property
    def column(self) -> int:
        """The column of the place."""
        self._settle()
        return self._column

    @column.setter
    def column(self, column: int) -> None:
        self._column = column

    @property
    def stack(self) -> tuple[StackFrame, ...]:
        """The script's procedures, the innermost first."""
        return self._settle()

    @stack.setter
    def stack(self, stack: tuple[StackFrame, ...]) -> None:
        self._stack = stack

    def place_later(self, stack: Callable[[], tuple[StackFrame, ...]]) -> None:
        """Gives the error its stack, which is made when somebody asks for it, and the place of its first frame.

        Scripts raise and clear errors in loops, and few ask where they happened.
        """
        self._stack = stack

    @property
    def is_placed(self) -> bool:
        """Whether the error has got its stack."""
        return bool(self._stack)

    @property
    def stack_later(self) -> Callable[[], tuple[StackFrame, ...]] | None:
        """What makes the stack that nobody has asked for yet, where the place is that of its first frame."""
        return self._stack if callable(self._stack) and not self._file else None

    def _settle(self) -> tuple[StackFrame, ...]:
        stack = self._stack
        if callable(stack):
            self._stack = stack = stack()
            if stack and not self._file:
                here = stack[0]
                self._file, self._line, self._column = here.file, here.line, here.column
        return stack

    def trim(self) -> None:
        """Cuts a message and details that are too large to be passed on; done where an error enters a script.

        Before that it may still hold what has to be masked, and a cut could leave half of it.
        """
        message = self.message
        if len(message) > MOST_TEXT or not message.isascii():
            self.message = whole_text(shortened(message, MOST_TEXT))
        if self.has_details:
            self._details = _trimmed(self._details, [MOST_TEXT], _MOST_NESTED)

    def at_place_of(self, other: NeuroScriptError) -> Self:
        """Gives the error the place and the stack of another one, which it takes the place of."""
        self.file, self.line, self.column, self.stack = other.file, other.line, other.column, other.stack
        return self

    @property
    def name(self) -> str:
        """The code's name, such as ``DIVISION_BY_ZERO``; ``TOOL`` for a tool's own codes."""
        return self.code.name if isinstance(self.code, ErrorCode) else "TOOL"

    @property
    def location(self) -> str:
        """``file:line:column``, as far as known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)

    def __str__(self) -> str:
        where = f"{one_line(self.location)}: " if self.location else ""
        return f"{where}error {int(self.code)} ({self.name}): {one_line(self.message)}"

    def __reduce__(self) -> tuple[Any, ...]:
        self._settle()
        return (type(self), (int(self.code), self.message), self.__dict__)


class ScriptFailureError(NeuroScriptError):
    """`fail` was executed, or a `must` did not hold."""

    code: int = ErrorCode.FAIL_STATEMENT


def plain_error(code: ErrorCode, message: str) -> NeuroScriptError:
    """``NeuroScriptError(code, message)`` in half the time, for what scripts raise and clear in loops."""
    error: NeuroScriptError = Exception.__new__(_FAMILIES[code], code, message)
    error.code = code
    return error


script_failure: Callable[[str], ScriptFailureError]
script_failure = partial(Exception.__new__, ScriptFailureError, ErrorCode.FAIL_STATEMENT)
"""Makes the error of ``fail`` in one step, with nothing set: scripts raise and clear it in loops."""


class NotFoundError(NeuroScriptError):
    """A procedure, tool, variable, key, file or provider that is not there."""


class ArgumentError(NeuroScriptError):
    """Arguments of the wrong number, name or type."""


class EvaluationError(NeuroScriptError):
    """An operation on values that it does not apply to."""


class AccessError(NeuroScriptError):
    """Something that the host's policy or the sandbox does not permit, or a person has refused."""


class ConflictError(NeuroScriptError):
    """A thing that exists already, or exists as something else."""


class StateError(NeuroScriptError):
    """The configuration or the state of a thing does not allow this now."""


class LimitError(NeuroScriptError):
    """A limit of the host was reached.  Scripts cannot catch it."""


class CancelledError(NeuroScriptError):
    """The host cancelled the run.  Scripts cannot catch it."""


class RateLimitedError(NeuroScriptError):
    """A rate limit or budget refused the call; ``details`` may hold ``retry_after_seconds``."""


class ModelError(NeuroScriptError):
    """The model's provider failed, timed out, refused the key, or found the context too long."""


class ToolError(NeuroScriptError):
    """A tool failed while it ran."""


@record(frozen=True)
class Diagnostic:
    """One error or warning about a program's text, and where it is.

    ``line`` and ``column`` count from 1; ``end_column`` is exclusive and on the same line.  ``severity`` is ``error``,
    ``warning`` or ``note``.  ``source_line`` is the line itself, for showing a caret.  ``rule`` and ``rule_name`` name
    the linter's rule (``NS101``, ``stale-value``), and are empty for errors of the language.
    """

    line: int
    column: int
    severity: str
    code: int
    message: str
    file: str = ""
    end_column: int = 0
    source_line: str = ""
    hint: str = ""
    rule: str = ""
    rule_name: str = ""

    def render(self) -> str:
        """The finding as lines of text: place, message, the source line with a caret, and the hint.

        Nothing in the message, the names or the source line can look like a line of its own, or steer a terminal.
        """
        place = f"{one_line(self.file or '<script>')}:{self.line}:{self.column}"
        rule = f" [{self.rule} {self.rule_name}]" if self.rule else ""
        rows = [f"{place}: {self.severity}: {one_line(self.message)}{rule}"]
        if self.source_line:
            line, column = _window(self.source_line, self.column - 1)
            width = max(1, min(self.end_column - self.column, len(line) - column)) if self.end_column else 1
            end = column + width
            before, at, after = one_line(line[:column]), one_line(line[column:end]), one_line(line[end:])
            number = str(self.line)
            # Tabs are kept in the padding, so that the caret stands under the character whatever the tab width is.
            padding = "".join("\t" if char == "\t" else " " for char in before)
            rows.append(f"  {number} | {before}{at}{after}")
            rows.append(f"  {' ' * len(number)} | {padding}{'^' * max(len(at), 1)}")
        if self.hint:
            rows.append(f"  hint: {one_line(self.hint)}")
        return "\n".join(rows)


class NeuroScriptSyntaxError(NeuroScriptError):
    """A program that cannot be loaded.  ``diagnostics`` holds every finding, the first one first."""

    diagnostics: tuple[Diagnostic, ...]

    def __new__(cls, diagnostics: Sequence[Diagnostic] = (), **kwargs: Any) -> Self:
        return Exception.__new__(cls, 0, "")

    def __init__(self, diagnostics: Sequence[Diagnostic] = ()) -> None:
        first = diagnostics[0] if diagnostics else Diagnostic(0, 0, "error", ErrorCode.SYNTAX, "syntax error")
        super().__init__(first.code, first.message)
        self.diagnostics = tuple(diagnostics)
        self.file, self.line, self.column = first.file, first.line, first.column

    def render(self) -> str:
        """Every finding with its source line and caret."""
        return "\n".join(diagnostic.render() for diagnostic in self.diagnostics)

    def __reduce__(self) -> tuple[Any, ...]:
        self._settle()
        return (type(self), (self.diagnostics,), self.__dict__)


def known_code(code: int) -> int:
    """``code`` as an `ErrorCode` where it is one; codes of 1000 and up, which belong to tools, as they are."""
    if type(code) is ErrorCode:
        return code
    try:
        return ErrorCode(code)
    except ValueError:
        return int(code)


def _trimmed(value: Any, room: list[int], depth: int) -> Any:
    """A detail, without what goes beyond the characters and items that there is room for, and is nested too deeply."""
    kind = type(value)
    if kind is str or kind is bytes:
        if len(value) > room[0]:
            value = shortened(value, room[0]) if kind is str else value[: room[0]]
        room[0] = max(room[0] - len(value), 0)
    elif kind is list or kind is tuple or kind is dict:
        if depth == 0:
            return "…"
        pairs: list[Any] = []
        for item in value.items() if kind is dict else value:
            if room[0] <= 0:
                break
            room[0] -= _ITEM
            if kind is dict:
                pairs.append((_trimmed(item[0], room, depth - 1), _trimmed(item[1], room, depth - 1)))
            else:
                pairs.append(_trimmed(item, room, depth - 1))
        return kind(pairs)
    return value


def _window(line: str, column: int, width: int = 160) -> tuple[str, int]:
    """The part of a long line round ``column``, and the column in it."""
    if len(line) <= width:
        return line, min(max(column, 0), len(line))
    start = max(0, min(column - width // 2, len(line) - width))
    return line[start : start + width], column - start


_FAMILIES: dict[int, type[NeuroScriptError]] = {
    number: family
    for family, numbers in (
        (ScriptFailureError, (1, 5)),
        (NotFoundError, (2, 3, 9, 22, 40)),
        (ArgumentError, (4, 36)),
        (EvaluationError, (7, 8, 12, 13, 14, 17, 30, 39, 41)),
        (AccessError, (10, 11, 25, 34, 43, 48)),
        (ConflictError, (23, 24, 42)),
        (StateError, (18, 19, 35)),
        (LimitError, (37, 38)),
        (CancelledError, (44,)),
        (RateLimitedError, (20, 46)),
        (ModelError, (16, 31, 45, 47)),
        (ToolError, (21, 26, 32)),
    )
    for number in numbers
}
