"""The records of a journal: runs, and the calls of each."""

from __future__ import annotations

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FORMAT: Final = 1
"""The version of what is stored; a journal of a later one is refused."""

# States of a run.
RUNNING: Final = "running"  # it has an owner, or had one that died
SUSPENDED: Final = "suspended"  # it waits for a person: an approval, or the decision about an unknown end
RETURNED: Final = "returned"  # final: its result is given again without doing anything
FAILED: Final = "failed"  # it ended by an error, a limit or a cancel; it goes on at its last failed call
REFUSED: Final = "cancelled"  # final: somebody cancelled it by its id
FINAL: Final = (RETURNED, REFUSED)
RUN_STATES: Final = (RUNNING, SUSPENDED, RETURNED, FAILED, REFUSED)

# States of an entry.
BEGUN: Final = "begun"  # the call was made, or was about to be
DONE: Final = "done"
ERROR: Final = "failed"
WAITING: Final = "waiting"  # for a person
DROPPED: Final = "dropped"  # a person decided that it is made again

# Effects of a tool.
PURE: Final = "pure"
READ: Final = "read"
IDEMPOTENT: Final = "idempotent"
ONCE: Final = "once"
EFFECTS: Final = (PURE, READ, IDEMPOTENT, ONCE)

EVENT: Final = "event"
"""What the tools of entries that are events begin with, ahead of the event's name."""

EVENTS: Final = f"{EVENT} "
"""The same with the blank before the name."""

PART: Final = "part "
"""The beginning of the names of entries that are parts of a call: they are neither counted nor asked about."""

Path = tuple[int, ...]


def path_text(path: Path) -> str:
    """A path as people write it: ``3/0/1``."""
    return "/".join(map(str, path))


def read_path(text: str) -> Path:
    """Reads what `path_text` gives.

    Raises:
        ValueError: for any other text.
    """
    return tuple(int(part) for part in text.split("/"))


@record(frozen=True)
class Header:
    """What a run is: two starts with one id must agree in it.

    Args:
        procedure: the entry procedure; empty for the command blocks of a script.
        arguments: the arguments, in the form of `codec.encode`.
        globals_: the values that the host has set, likewise.
        program: the hash of all program texts that are loaded, those of used files among them.
        seed: what random numbers and ids come from.
        versions: the versions of what made it, for people.
    """

    procedure: str
    arguments: str
    globals_: str
    program: str
    seed: str
    versions: str


@record(frozen=True)
class Entry:
    """One call of a run.

    Args:
        path: where it stands among the calls.
        tool: its tool, or ``ask``, ``promptuser``, ``event``.
        arguments: the hash of its arguments.
        effect: one of `EFFECTS`.
        state: `BEGUN`, `DONE`, `ERROR` or `WAITING`.
        result: its result or error, in the form of `codec`.
        note: what the tool noted before it acted, by which it can tell later whether it did.
        payload: what the tool commits with the end, opaque.
        applied: whether the payload has been applied.
        begun: when it began, in seconds since 1970.
        ended: when it ended; 0 if it has not.
    """

    path: Path
    tool: str
    arguments: str
    effect: str
    state: str
    result: str = ""
    note: str = ""
    payload: str = ""
    applied: bool = False
    begun: float = 0.0
    ended: float = 0.0


@record(frozen=True)
class RunInfo:
    """What a journal knows of a run.

    Args:
        run_id: its id.
        header: what it is.
        state: one of `RUN_STATES`.
        fence: the number of the last start or decision; a start with a smaller number may write no more.
        owner: the process of the last start, for people.
        since: when that was, in seconds since 1970.
        result: the result or error in the form of `codec`; empty while there is none.
        why: what it waits for, or ended by, for people.
        started: when it was first started.
        ended: when it ended; 0 while it goes on.
        terms: the terms of the last start, in JSON (see `terms`).
        starts: how often it has been started.
        entries: how many calls there are.
    """

    run_id: str
    header: Header
    state: str
    fence: int
    owner: str
    since: float
    result: str = ""
    why: str = ""
    started: float = 0.0
    ended: float = 0.0
    terms: str = ""
    starts: int = 0
    entries: int = 0
