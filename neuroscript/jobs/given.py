"""Reads what scripts say of queues and jobs, and refuses what does not fit before anything is stored."""

from __future__ import annotations

import math
import time

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.engine import MIDDLE, STATES, Queue
from neuroscript.jobs.shapes import FILTERS, GIVEN_JOB, QUEUE_SETTINGS
from neuroscript.records import field, record
from neuroscript.tools.arguments import ArgType
from neuroscript.tools.shapes import nearest_key
from neuroscript.values import TimeDate, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

    from neuroscript.tools.shapes import Shape

MOST_JOBS: Final = 10_000
"""How many unfinished jobs a queue of a script holds unless the script says otherwise."""

MOST_AT_ONCE: Final = 64
"""The largest ``max`` of a queue."""

_MOST_NAME: Final = 60
_MOST_ID: Final = 100
_DAY: Final = 86_400.0
_YEARS: Final = 10 * 366 * _DAY
_HOLDS: Final = {
    ArgType.STRING: (str,),
    ArgType.INT: (int,),
    ArgType.NUMBER: (int, float),
    ArgType.MAP: (dict,),
    ArgType.BOOL: (bool,),
}


@record(frozen=True, kw_only=True)
class GivenJob:
    """A job as a script describes it.

    Args:
        id: its id; empty for one that is made.
        work: what is to be done: ``prompt``, ``worker``, ``input`` and ``config``, or ``procedure`` and ``args``.
        metadata: what is kept with it.
        priority: 1 to 5.
        not_before: when it may start, in seconds since 1970; 0: at once.
        deadline: when it expires, likewise; 0: never.
        attempts: how often it is attempted; None: as the queue says.
    """

    work: dict[str, Any]
    id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    priority: int = MIDDLE
    not_before: float = 0.0
    deadline: float = 0.0
    attempts: int | None = None


def read_job(given: dict[str, Any], what: str = "the job") -> GivenJob:
    """Reads a job.

    Args:
        given: the map of the script, in values of the language.
        what: what it is called in messages.

    Raises:
        NeuroScriptError: 4 for a key that there is not, with the nearest one, and a value that does not fit.
    """
    _check(given, GIVEN_JOB, what)
    has_prompt, has_procedure = given.get("prompt") is not None, given.get("procedure") is not None
    if has_prompt == has_procedure:
        told = "both a prompt and a procedure" if has_prompt else "neither a prompt nor a procedure"
        _refuse(f'{what} has {told}; one is {{"prompt": "…"}}, or {{"procedure": "name", "args": […]}}')
    own, other = ("prompt", "procedure") if has_prompt else ("procedure", "prompt")
    strangers = ("args",) if has_prompt else ("worker", "input", "config")
    for key in strangers:
        if given.get(key) is not None:
            _refuse(f"{what} has {key}, which goes with a {other}; it has a {own}")
    if not given[own].strip():
        _refuse(f"{what}: its {own} is empty")
    keys = ("prompt", "worker", "input", "config") if has_prompt else ("procedure", "args")
    work = {key: given[key] for key in keys if given.get(key) is not None}
    if has_procedure and not isinstance(work.setdefault("args", []), list | dict):
        _refuse(f"{what}: args is {type_name(work['args'])}; expected a list, or a map of names and values")
    now = time.time()
    not_before = _moment(given, "not_before", what, relative=False)
    if given.get("delay") is not None:
        if not_before:
            _refuse(f"{what} has both delay and not_before; say one of them")
        not_before = now + _number(given, "delay", what, 0, _YEARS)
    attempts = given.get("max_attempts")
    return GivenJob(
        work=work,
        id=_id(given.get("id"), what),
        metadata=given.get("metadata") or {},
        priority=int(_number(given, "priority", what, 1, 5)) if given.get("priority") is not None else MIDDLE,
        not_before=not_before,
        deadline=_moment(given, "deadline", what, relative=True),
        attempts=None if attempts is None else int(_number(given, "max_attempts", what, 1, 100)),
    )


def read_queue(name: str, settings: dict[str, Any], owner: str) -> Queue:
    """Reads a queue.

    Raises:
        NeuroScriptError: 4 as `read_job`.
    """
    what = f"the queue {name!r}"
    plain = name.replace("-", "_").replace(".", "_")
    if not (plain.isascii() and plain.isidentifier() and len(name) <= _MOST_NAME):
        _refuse(f"{name!r} is no name of a queue; one has 1 to {_MOST_NAME} letters, digits, -, _ and ., and begins so")
    _check(settings, QUEUE_SETTINGS, what)

    def number(key: str, default: Any, least: float, most: float) -> Any:
        return default if settings.get(key) is None else _number(settings, key, what, least, most)

    usual = Queue(name=name)
    least, most = number("min", usual.least, 0, MOST_AT_ONCE), number("max", usual.most, 0, MOST_AT_ONCE)
    if settings.get("max") is None:
        most = max(least, most)
    if least > most:
        _refuse(f"{what}: min is {least} and max is {most}; min is at most max")
    backoff = float(number("backoff_seconds", usual.backoff, 0, _DAY))
    return Queue(
        name=name,
        owner=owner,
        worker=settings.get("worker") or "",
        least=least,
        most=most,
        attempts=number("max_attempts", usual.attempts, 1, 100),
        lease=float(number("lease_seconds", usual.lease, 1, _DAY)),
        backoff=backoff,
        backoff_most=float(number("max_backoff_seconds", max(usual.backoff_most, backoff), 0, _DAY)),
        max_jobs=number("max_jobs", MOST_JOBS, 1, 1_000_000),
        note=settings.get("note") or "",
    )


def read_filters(given: dict[str, Any]) -> dict[str, Any]:
    """Reads the filters of a list of jobs, with ``states`` in place of ``state``.

    Raises:
        NeuroScriptError: 4 as `read_job`.
    """
    _check(given, FILTERS, "the filters")
    found = {key: value for key, value in given.items() if value is not None}
    states = found.pop("state", None)
    found["states"] = read_states(states if isinstance(states, list) else [] if states is None else [states])
    found["limit"] = int(_number(found, "limit", "the filters", 1, 10_000)) if "limit" in found else 100
    return found


def read_states(names: list[Any]) -> list[str]:
    """Checks names of states of jobs.

    Raises:
        NeuroScriptError: 4 for one that there is not, with the nearest one.
    """
    for name in names:
        if name not in STATES:
            near = nearest_key(str(name), STATES)
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(STATES)}"
            _refuse(f"there is no state {name!r} of a job; {hint}")
    return names


def _check(given: dict[str, Any], shape: Shape, what: str) -> None:
    for key, value in given.items():
        problem = shape.problem(key)
        if problem:
            _refuse(f"{what}: {problem}")
        one = shape.field(key)
        assert one is not None
        kinds = _HOLDS.get(one.type)
        if value is not None and kinds is not None and type(value) not in kinds:
            _refuse(f"{what}: {key} is {type_name(value)}; expected {one.type.expected}")


def _number(given: dict[str, Any], key: str, what: str, least: float, most: float) -> float:
    value: float = given[key]
    if not math.isfinite(value) or not least <= value <= most:
        _refuse(f"{what}: {key} is {value!r}; expected {least:g} to {most:g}")
    return value


def _moment(given: dict[str, Any], key: str, what: str, *, relative: bool) -> float:
    """A moment in seconds since 1970; 0 if none is given."""
    value = given.get(key)
    if value is None:
        return 0.0
    if relative and type(value) in (int, float):
        return time.time() + _number(given, key, what, 0, _YEARS)
    if isinstance(value, str):
        try:
            value = TimeDate.fromisoformat(value)
        except ValueError:
            value = None
        else:
            value = value if value.tzinfo is not None else None
    if not isinstance(value, TimeDate):
        more = ", or seconds from now" if relative else ""
        wanted = f"expected a timedate, or a text in RFC 3339 such as 2026-11-30T09:00:00Z{more}"
        _refuse(f"{what}: {key} is {given[key]!r}; {wanted}")
    return max(value.timestamp(), 1e-3)


def _id(given: str | None, what: str) -> str:
    if given is None:
        return ""
    if not given.strip() or len(given) > _MOST_ID or not given.isprintable():
        _refuse(f"{what}: its id is {given[:_MOST_ID]!r}; expected 1 to {_MOST_ID} printable characters")
    return given


def _refuse(message: str) -> NoReturn:
    raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
