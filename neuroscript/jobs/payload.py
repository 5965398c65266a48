"""The payload of a job: what is to be done, what it may do, and the mark of the user who submitted it."""

from __future__ import annotations

import json

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.engine import MOST_BYTES
from neuroscript.jobs.grants import Grant
from neuroscript.journal import codec
from neuroscript.journal.marks import mark_holds, mark_of
from neuroscript.output import one_line
from neuroscript.records import field, record
from neuroscript.values import Function, Handle, ToolValue, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from neuroscript.jobs.contents import Contents
    from neuroscript.jobs.engine import Job

_MARK: Final = "job"
_CONTENT: Final = "content"
_VALUE: Final = "value"
_ROOM: Final = 16 * 1024  # bytes of a payload for all but the work and the metadata
_MOST: Final = MOST_BYTES - 1024  # of a value that is kept as it is
_MOST_METADATA: Final = 16 * 1024


@record(frozen=True, kw_only=True)
class Order:
    """What a job's payload says.

    Args:
        work: what is to be done, as `GivenJob.work`.
        metadata: what is kept with it.
        grant: what its submitter may do.
        program: the hash of the programs whose procedure it is; empty for a prompt.
        queues: the queues of the jobs that it descends from, its own last.
        budget: the budget that it shares with its submitter (`neuroscript.journal.sharing`); None: no limits.
    """

    work: dict[str, Any]
    grant: Grant
    metadata: dict[str, Any] = field(default_factory=dict)
    program: str = ""
    queues: tuple[str, ...] = ()
    budget: Mapping[str, Any] | None = None


def write_payload(order: Order, job: Job, contents: Contents) -> dict[str, Any]:
    """Writes the payload of a job, with this user's mark.

    Args:
        order: what it says.
        job: whose id, queue, owner and submitter the mark is for.
        contents: keeps work that is too large for a payload.

    Raises:
        NeuroScriptError: 7 for a value that cannot be kept; 37 for one that is too large.
    """
    metadata = stored(order.metadata, "the metadata", None)
    if _size(metadata) > _MOST_METADATA:
        message = f"the metadata of a job has {_size(metadata):,} bytes; it may have {_MOST_METADATA:,}"
        raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
    payload: dict[str, Any] = {
        "work": stored(order.work, "the job", contents, MOST_BYTES - _ROOM - _MOST_METADATA),
        "summary": _summary(order.work),
        "metadata": metadata,
        "program": order.program,
        "grant": order.grant.to_json(),
        "queues": list(order.queues),
        "budget": order.budget,
    }
    return {**payload, "mark": mark_of(_MARK, _covered(job, payload))}


def read_payload(job: Job, contents: Contents) -> Order:
    """Reads the payload of a job that is about to be done.

    Raises:
        NeuroScriptError: 10 if it does not carry this user's mark; 9 or 10 if what it refers to is not there.
    """
    payload = job.payload if isinstance(job.payload, dict) else {}
    rest = {key: value for key, value in payload.items() if key != "mark"}
    if not mark_holds(payload.get("mark"), _MARK, _covered(job, rest)):
        message = (
            f"nobody vouches for the job {job.id!r} of the queue {job.queue!r}: it was not submitted by this user, or "
            "has been changed since; it is not done. Submit it yourself, if it is wanted"
        )
        raise NeuroScriptError(ErrorCode.SECURITY, message)
    return Order(
        work=fetched(payload["work"], contents),
        metadata=fetched(payload["metadata"], contents),
        grant=Grant.of_json(payload["grant"]),
        program=payload["program"],
        queues=tuple(payload["queues"]),
        budget=payload["budget"],
    )


def is_same(payload: Any, other: Any) -> bool:
    """Whether two payloads ask for the same, whatever their submitters may do."""
    same = ("work", "metadata", "program")
    return isinstance(payload, dict) and all(payload.get(key) == other.get(key) for key in same)


def told(payload: Any) -> dict[str, Any]:
    """What a payload says in short, whoever wrote it: ``worker``, ``prompt``, ``procedure``, ``metadata``."""
    held = payload if isinstance(payload, dict) else {}
    summary = held.get("summary")
    found: dict[str, Any] = dict.fromkeys(("worker", "prompt", "procedure"), "")
    if isinstance(summary, dict):
        found |= {key: value for key, value in summary.items() if key in found and isinstance(value, str)}
    metadata = held.get("metadata")
    kept = metadata.get(_VALUE) if isinstance(metadata, dict) else None
    try:
        read = codec.decode(json.dumps(kept)) if isinstance(kept, dict) else {}
    except (NeuroScriptError, LookupError, TypeError, ValueError):
        read = {}
    return {**found, "metadata": read if isinstance(read, dict) else {}}


def stored(value: Any, what: str, contents: Contents | None, room: int = _MOST) -> dict[str, Any]:
    """A value of the language as JSON values: itself, or where it is too large a reference into the store.

    Raises:
        NeuroScriptError: 7 for a handle, a function or a tool in it; 37 if it is too large.
    """
    _check_plain(value, what)
    text = codec.encode(value)
    if contents is not None and _size(text) > room:
        return {_CONTENT: contents.put(text.encode())}
    return {_VALUE: json.loads(text)}


def fetched(held: Any, contents: Contents) -> Any:
    """The value that `stored` kept.

    Raises:
        NeuroScriptError: 9 or 10 if what it refers to is not there.
    """
    if not isinstance(held, dict):
        return None
    if _CONTENT in held:
        return codec.decode(contents.get(str(held[_CONTENT])).decode())
    return codec.decode(json.dumps(held.get(_VALUE)))


def _summary(work: dict[str, Any]) -> dict[str, Any]:
    short = {key: str(work.get(key, "")) for key in ("worker", "prompt", "procedure")}
    return short | {"prompt": short["prompt"][:2_000]}


def _covered(job: Job, payload: Mapping[str, Any]) -> list[Any]:
    return [job.owner, job.queue, job.id, job.submitter, payload]


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    return len(text.encode("utf-8", "surrogatepass"))


def _check_plain(value: Any, what: str) -> None:
    if isinstance(value, Handle | Function | ToolValue):
        message = f"{what} holds a {type_name(value)}, which only the run knows that made it; give plain values"
        raise NeuroScriptError(ErrorCode.TYPE, message)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_plain(item, f"{what}[{one_line(key, 40)!r}]")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_plain(item, f"{what}[{number}]")
