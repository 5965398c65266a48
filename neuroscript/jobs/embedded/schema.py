"""The tables of an embedded engine's file, and the stages that a job goes through in them."""

from __future__ import annotations

from neuroscript.jobs.engine import CANCELLED, DONE, EXPIRED, FAILED, PENDING, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

VERSION: Final = 1
"""The version of the tables, which the file carries."""

# A pending job is in one of these stages; the others have the name of their state.
READY: Final = "ready"
DELAYED: Final = "delayed"  # until the wall clock has come to ``not_before``
BACKING_OFF: Final = "backing_off"  # between two attempts, until the machine's clock has come to ``backoff_until``
WAITING: Final = "waiting"  # until somebody wakes it
STAGES: Final = (READY, DELAYED, BACKING_OFF, WAITING, RUNNING, DONE, FAILED, CANCELLED, EXPIRED)
STATE_OF: Final = {stage: PENDING if stage in (READY, DELAYED, BACKING_OFF, WAITING) else stage for stage in STAGES}
UNFINISHED: Final = (READY, DELAYED, BACKING_OFF, WAITING, RUNNING)

# Numbers of a queue that are kept up to date instead of being counted: how many jobs are in each stage ("stage:ready"),
# and sums over ended jobs ("measure:cost").
STAGE: Final = "stage:"
MEASURE: Final = "measure:"
ATTEMPTS: Final = "attempts"
RATED: Final = "rated"
RATING: Final = "rating"
TIMED: Final = "timed"

_NUMBERS = {
    "integer": ("priority", "attempt", "used", "attempts", "process", "begun", "woken", "end_number", "holder"),
    "real": ("not_before", "deadline", "backoff_until", "created", "started", "ended"),
}
_LATEST = 253_402_300_799  # the end of the year 9999


def _checks() -> str:
    """What the columns of a job hold: one wrong row would keep a process from all the jobs of the file."""
    stages = ", ".join(f"'{stage}'" for stage in STAGES)
    types = [f"CHECK (typeof({name}) = '{type}')" for type, names in _NUMBERS.items() for name in names]
    times = [f"CHECK (abs({name}) <= {_LATEST})" for name in _NUMBERS["real"]]
    return ", ".join([f"CHECK (stage IN ({stages}))", *types, *times])


# What a job is given and gives lies beside it, so that it is not written again whenever its stage changes.
SCHEMA: Final = f"""
CREATE TABLE machine (boot TEXT NOT NULL, ends INTEGER NOT NULL)

CREATE TABLE queues (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, name TEXT NOT NULL, worker TEXT NOT NULL,
    least INTEGER NOT NULL, most INTEGER NOT NULL, attempts INTEGER NOT NULL,
    lease REAL NOT NULL CHECK (typeof(lease) = 'real'),
    backoff REAL NOT NULL, backoff_most REAL NOT NULL, max_jobs INTEGER, paused INTEGER NOT NULL, note TEXT NOT NULL,
    created REAL NOT NULL CHECK (typeof(created) = 'real'), UNIQUE (owner, name)
)

CREATE TABLE tallies (
    queue INTEGER NOT NULL, name TEXT NOT NULL, value NUMERIC NOT NULL CHECK (typeof(value) IN ('integer', 'real')),
    PRIMARY KEY (queue, name)
) WITHOUT ROWID

CREATE TABLE processes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, pid INTEGER NOT NULL, heartbeat REAL NOT NULL
)

CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, owner TEXT NOT NULL, id TEXT NOT NULL,
    submitter TEXT NOT NULL, digest BLOB NOT NULL, stage TEXT NOT NULL, priority INTEGER NOT NULL,
    not_before REAL NOT NULL, deadline REAL NOT NULL, backoff_until REAL NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL,
    created REAL NOT NULL, started REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0,
    process INTEGER NOT NULL DEFAULT 0, begun INTEGER NOT NULL DEFAULT 0, woken INTEGER NOT NULL DEFAULT 0,
    cancel_reason TEXT, end_number INTEGER NOT NULL DEFAULT 0, holder INTEGER NOT NULL DEFAULT 0,
    acknowledged INTEGER NOT NULL DEFAULT 0, waits_for TEXT NOT NULL DEFAULT '', measures TEXT NOT NULL DEFAULT '{{}}',
    feedback TEXT, error TEXT, UNIQUE (owner, id), {_checks()}
)

CREATE TABLE payloads (number INTEGER PRIMARY KEY, payload TEXT NOT NULL)

CREATE TABLE results (number INTEGER PRIMARY KEY, result TEXT NOT NULL)

CREATE INDEX of_queue ON jobs (queue)

CREATE INDEX ready ON jobs (queue, priority, number) WHERE stage = 'ready'

CREATE INDEX delayed ON jobs (not_before) WHERE stage = 'delayed'

CREATE INDEX backing_off ON jobs (backoff_until) WHERE stage = 'backing_off'

CREATE INDEX due ON jobs (deadline) WHERE end_number = 0 AND deadline > 0

CREATE INDEX running ON jobs (process) WHERE stage = 'running'

CREATE INDEX unfinished ON jobs (queue, submitter) WHERE end_number = 0

CREATE INDEX ends ON jobs (queue, end_number) WHERE end_number > 0 AND acknowledged = 0

CREATE INDEX ends_of ON jobs (queue, submitter, end_number) WHERE end_number > 0 AND acknowledged = 0

CREATE INDEX held ON jobs (holder) WHERE holder > 0

CREATE TRIGGER added AFTER INSERT ON jobs BEGIN
    UPDATE tallies SET value = value + 1 WHERE queue = new.queue AND name = 'stage:' || new.stage;
END

CREATE TRIGGER moved AFTER UPDATE OF stage ON jobs WHEN old.stage != new.stage BEGIN
    UPDATE tallies SET value = value - 1 WHERE queue = new.queue AND name = 'stage:' || old.stage;
    UPDATE tallies SET value = value + 1 WHERE queue = new.queue AND name = 'stage:' || new.stage;
END
"""
