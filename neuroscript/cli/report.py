"""Output of the command line: emitted values, results and errors, as text for people or as lines of JSON."""

from __future__ import annotations

import sys

from neuroscript.error_text import explain
from neuroscript.errors import Diagnostic, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.output import end_reply, one_line, write_line
from neuroscript.values import text_of, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from neuroscript.cli.replies import Replies
    from neuroscript.streaming import StreamEvent

    class Report(Protocol):
        """Where a run's values and its end go."""

        def emit(self, value: Any, *, again: bool = False) -> None: ...

        def stream(self, event: StreamEvent) -> None: ...

        def result(self, value: Any) -> None: ...

        def error(self, error: NeuroScriptError, sources: Mapping[str, str]) -> None: ...

        def ended_before(self, run_id: str, ended: float) -> None: ...


FORMATS = ("text", "jsonl")


class TextReport:
    """Values as their text on standard output, errors with the script's own stack on standard error.

    Args:
        show_result: whether the result is printed too; a program's `main` speaks through ``emit``.
    """

    def __init__(self, show_result: bool = False) -> None:
        self._show_result = show_result
        self._replies: Replies | None = None

    def emit(self, value: Any, *, again: bool = False) -> None:
        end_reply(sys.stderr)
        text = text_of(value)
        if self._replies is None or not self._replies.repeats(text):
            write_line(sys.stdout, text)

    def stream(self, event: StreamEvent) -> None:
        if self._replies is None:
            from neuroscript.cli.replies import Replies, is_one_terminal

            # Not on standard output: what the program makes of the replies goes there, to be read by other programs.
            self._replies = Replies(sys.stderr, once=is_one_terminal(sys.stdout, sys.stderr))
        self._replies.show(event)

    def result(self, value: Any) -> None:
        end_reply(sys.stderr)
        if self._show_result:
            self.emit(value)

    def error(self, error: NeuroScriptError, sources: Mapping[str, str]) -> None:
        sys.stdout.flush()
        end_reply(sys.stderr)
        write_line(sys.stderr, explain(error, sources))

    def ended_before(self, run_id: str, ended: float) -> None:
        """Tells that a run has returned before, so that nothing of it is done now."""
        complain(returned_before(run_id, ended))


class JsonLinesReport:
    """One JSON object a line on standard output, in ASCII, each flushed at once."""

    def emit(self, value: Any, *, again: bool = False) -> None:
        more = {"replayed": True} if again else {}
        self._line({"emit": to_json(value), "text": text_of(value), **more})

    def stream(self, event: StreamEvent) -> None:
        used = {"input_tokens": event.input_tokens, "output_tokens": event.output_tokens, "cost": event.cost}
        told: dict[str, Any] = {
            "delta": event.text,
            "tool_call": event.tool,
            "usage": used,
            "repair": event.text,
            "done": {"ok": event.ok, "code": event.code, "task_id": event.task_id, **used},
        }
        self._line({event.kind: told[event.kind], "worker": event.worker, "call": event.call_id})

    def result(self, value: Any) -> None:
        self._line({"result": to_json(value), "text": text_of(value)})

    def error(self, error: NeuroScriptError, sources: Mapping[str, str]) -> None:
        self._line({"error": error_map(error)})

    def ended_before(self, run_id: str, ended: float) -> None:
        """Tells that a run has returned before, so that nothing of it is done now."""
        self._line({"run": {"run_id": run_id, "state": "returned", "ended": ended}})

    def _line(self, row: dict[str, Any]) -> None:
        print_json(row)


def make_report(format_name: str, show_result: bool = False) -> Report:
    """Makes the report that ``--format`` names."""
    return JsonLinesReport() if format_name == "jsonl" else TextReport(show_result)


def print_json(row: Any) -> None:
    """Writes a value as one line of JSON to standard output.

    In ASCII alone: other characters would depend on the terminal's encoding, and some of them end a line for some
    readers.
    """
    import json

    # The one control character that JSON lets stand as it is.
    sys.stdout.write(json.dumps(row).replace("\x7f", "\\u007f") + "\n")
    sys.stdout.flush()


def complain(message: object) -> None:
    """Tells on standard error, in one line, why the command does not do what it was asked to."""
    end_reply(sys.stderr)
    write_line(sys.stderr, f"neuroscript: {one_line(message)}")


def moment(seconds: float) -> str:
    """A moment as people read it, by the clock of this machine."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def returned_before(run_id: str, ended: float) -> str:
    """Says that a run has returned before."""
    return f"the run {run_id!r} returned on {moment(ended)}; this is its result, and nothing was done again"


def log_to_standard_error() -> None:
    """Has what is logged shown on standard error, one line a record."""
    from neuroscript.cli import log  # which imports `logging`

    log.install()


def error_map(error: NeuroScriptError) -> dict[str, Any]:
    """An error as JSON values."""
    row: dict[str, Any] = {
        "code": int(error.code),
        "name": error.name,
        "message": error.message,
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "stack": [
            {"procedure": frame.procedure, "file": frame.file, "line": frame.line, "column": frame.column}
            for frame in error.stack
        ],
    }
    if error.details:
        row["details"] = {key: _plain(value) for key, value in error.details.items()}
    if isinstance(error, NeuroScriptSyntaxError):
        row["diagnostics"] = [diagnostic_map(diagnostic) for diagnostic in error.diagnostics]
    return row


def diagnostic_map(diagnostic: Diagnostic) -> dict[str, Any]:
    """A finding as JSON values; with its hint if it has one, and its rule if it is one of the linter."""
    row: dict[str, Any] = {
        "line": diagnostic.line,
        "column": diagnostic.column,
        "severity": diagnostic.severity,
        "code": int(diagnostic.code),
        "message": diagnostic.message,
    }
    if diagnostic.hint:
        row["hint"] = diagnostic.hint
    if diagnostic.rule:
        row |= {"rule": diagnostic.rule, "name": diagnostic.rule_name}
    return row


def _plain(value: Any) -> Any:
    """A detail as JSON: a host's detail may be any object."""
    import json

    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value
