"""Errors as text for people: the place, the line with a caret, the script's stack, and the causes."""

from __future__ import annotations

from itertools import groupby

from neuroscript.errors import Diagnostic, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.output import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STACK = 20


def explain(error: NeuroScriptError, sources: Mapping[str, str]) -> str:
    """An error for people: where it is, the line with a caret, the script's stack, and what caused it.

    Args:
        error: the error.
        sources: the program texts by name, to show lines from.
    """
    rows = [error.render() if isinstance(error, NeuroScriptSyntaxError) else _headline(error, sources)]
    rows += _stack(error)
    cause = error.__cause__
    while isinstance(cause, NeuroScriptError) and len(rows) < 100:
        rows.append(f"  caused by error {int(cause.code)} ({cause.name}): {one_line(cause.message)}")
        cause = cause.__cause__
    return "\n".join(rows)


def _headline(error: NeuroScriptError, sources: Mapping[str, str]) -> str:
    severity = f"error {int(error.code)} ({error.name})"
    if not error.line:
        return f"{one_line(error.file or 'neuroscript')}: {severity}: {one_line(error.message)}"
    lines = _lines(sources.get(error.file, ""))
    source_line = lines[error.line - 1] if error.line <= len(lines) else ""
    place = Diagnostic(error.line, error.column, severity, error.code, error.message, error.file, 0, source_line)
    return place.render()


def _lines(source: str) -> list[str]:
    """The lines as the language counts them: `str.splitlines` knows more line ends than it does."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _stack(error: NeuroScriptError) -> list[str]:
    """The procedures that the error went through, innermost first; a recursion is shortened."""
    rows: list[str] = []
    for frame, group in groupby(error.stack):
        times = sum(1 for _ in group)
        rows.append(f"  in {frame}" if times == 1 else f"  in {frame}, {times} times")
    if len(rows) > MAX_STACK:
        half = MAX_STACK // 2
        rows[half:-half] = [f"  … {len(rows) - 2 * half} more"]
    return rows
