"""The errors of jobs: which ones another attempt may mend, and how they are kept and told."""

from __future__ import annotations

from neuroscript.errors import MOST_TEXT, UNCATCHABLE, ErrorCode, NeuroScriptError
from neuroscript.output import shortened, whole_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

_MAY_PASS: Final = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.TIMEOUT, ErrorCode.IO_FAILED, ErrorCode.LLM_ERROR})
"""What rate limits, time-outs, the disk and outages of providers raise."""

_MOST: Final = 4_000  # characters of a message
_REFUSED_FOR_GOOD: Final = range(400, 500)
_PASSING_STATUS: Final = frozenset({408, 409, 425, 429})


def may_pass(error: NeuroScriptError) -> bool:
    """Whether another attempt may do better, without anybody changing anything."""
    if error.code == ErrorCode.TOOL_EXECUTION_FAILED:
        return isinstance(error.__cause__, OSError)  # of a tool of the host: a connection, a disk
    if error.code == ErrorCode.LLM_ERROR:
        status = error.details.get("status")
        return status not in _REFUSED_FOR_GOOD or status in _PASSING_STATUS
    return error.code in _MAY_PASS


def failure_map(error: NeuroScriptError) -> dict[str, Any]:
    """An error as JSON values, of a bounded size."""
    found: dict[str, Any] = {
        "code": int(error.code),
        "name": error.name,
        "message": whole_text(shortened(error.message, min(_MOST, MOST_TEXT))),
    }
    if error.file:
        found |= {"file": whole_text(error.file), "line": error.line}
    plain = {key: value for key, value in error.details.items() if type(value) in (bool, int, float)}
    texts = {key: value for key, value in error.details.items() if type(value) is str and len(value) < _MOST}
    details = {whole_text(str(key)): value for key, value in (plain | texts).items()}
    return found | ({"details": {key: _whole(value) for key, value in details.items()}} if details else {})


def failure_of(error: Mapping[str, Any], job: str) -> NeuroScriptError:
    """The error that a job failed with, as a script gets it, which it may handle."""
    code, message = error.get("code", 0), str(error.get("message", ""))
    details = {**error.get("details", {}), "job": job}
    if code in UNCATCHABLE:  # it ended the job's run, and shall not end the run of who asks for the result
        return NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, f"the job {job!r} failed: {message}", details=details)
    return NeuroScriptError(code, f"the job {job!r} failed: {message}", details=details)


def _whole(value: Any) -> Any:
    return whole_text(value) if type(value) is str else value
