"""The log of prompts and replies: an SQLite file of the user's own, kept only where the user wants one.

Records of calls say what was done and cost, and hold no prompt; this log holds what was said.  No key is in it: whoever
adds an entry has masked them.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from neuroscript import ErrorCode, NeuroScriptError, get_logger
from neuroscript.private_files import check_plain, make_private_directory, open_private

FILE: Final = "log.sqlite"
SWITCH: Final = "log.on"
"""The file whose existence says that calls are logged."""

_BUSY_SECONDS: Final = 10.0

_LOG = get_logger("ai_wm.store")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One call: what was said, and the most important of its record.

    Args:
        task_id: the id of the call's record.
        conversation: the conversation that it belongs to; of a call by itself, an id of its own.
        time: when it began, in RFC 3339.
        worker: the name of the worker that answered.
        model: its provider and model.
        owner: whose script made the call; empty for the user's own.
        system: the system prompt.
        context: texts that went ahead of the prompt.
        prompt: the prompt.
        attachments: the names of what was attached.
        reply: the reply, or what came of it.
        error: what the call failed with; empty if it succeeded.
        input_tokens: tokens of input.
        output_tokens: tokens of output.
        cost: what it cost.
        duration_ms: how long it took.
    """

    task_id: str
    conversation: str
    time: str
    worker: str
    model: str
    owner: str = ""
    system: str = ""
    context: str = ""
    prompt: str = ""
    attachments: str = ""
    reply: str = ""
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    duration_ms: int = 0


_COLUMNS: Final = tuple(each.name for each in fields(LoggedCall))
_SEARCHED: Final = ("prompt", "reply", "context", "system", "worker", "model", "error")
_TYPES: Final = {"int": "INTEGER", "float": "REAL"}
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY AUTOINCREMENT, "
    + ", ".join(f"{each.name} {_TYPES.get(str(each.type), 'TEXT')} NOT NULL" for each in fields(LoggedCall))
    + ")",
    "CREATE INDEX IF NOT EXISTS by_conversation ON calls (conversation)",
    "CREATE UNIQUE INDEX IF NOT EXISTS by_task ON calls (task_id)",
)


_MOST = 2**63 - 1  # the largest number of SQLite's


class PromptLog:
    """A log of prompts and replies in one file, for any number of threads and processes.

    Args:
        path: the file, which is made when the first call is added.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._continued: dict[str, str] = {}
        self._warned = False

    def continues(self, instance_id: str, conversation: str) -> None:
        """Notes that an instance goes on with an earlier conversation."""
        self._continued[instance_id] = conversation

    def add(self, call: LoggedCall) -> None:
        """Adds a call.  A log that cannot be written does not stop the work; a warning is logged, once."""
        values = asdict(call) | {"conversation": self._continued.get(call.conversation, call.conversation)}
        marks = ", ".join(f":{name}" for name in _COLUMNS)
        try:
            with self._lock, self._open(make=True) as database:
                database.execute(f"INSERT OR IGNORE INTO calls ({', '.join(_COLUMNS)}) VALUES ({marks})", values)
        except NeuroScriptError as error:
            if not self._warned:
                self._warned = True
                _LOG.warning("prompts and replies are not logged: %s", error.message)

    def calls(
        self, text: str = "", *, conversation: str = "", worker: str = "", since: str = "", limit: int | None = None
    ) -> list[tuple[int, LoggedCall]]:
        """Returns calls with their numbers, the newest first.

        Args:
            text: only those in which this text occurs, in whatever case.
            conversation: only those of this conversation.
            worker: only those that this worker answered.
            since: only those that began at this time or later, in RFC 3339.
            limit: at most so many.

        Raises:
            NeuroScriptError: 26 if the file cannot be read.
        """
        conditions, values = ["1"], []
        if text:
            pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            conditions.append("(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in _SEARCHED) + ")")
            values += [pattern] * len(_SEARCHED)
        for name, operator, value in (
            ("conversation", "=", conversation),
            ("worker", "=", worker),
            ("time", ">=", since),
        ):
            if value:
                conditions.append(f"{name} {operator} ?")
                values.append(value)
        bound: Sequence[Any] = [*values, -1 if limit is None else min(limit, _MOST)]
        query = f"WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"
        return self._select(query, bound)

    def call(self, number: int) -> LoggedCall | None:
        """Returns the call of a number; None if there is none."""
        found = self._select("WHERE number = ?", [number])
        return found[0][1] if found else None

    def last_conversation(self, worker: str = "") -> str:
        """Returns the conversation of the last call that belonged to one and succeeded; empty if there is none."""
        where = "WHERE conversation NOT LIKE 'stateless-%' AND error = '' AND owner = '' AND (worker = ? OR ? = '')"
        found = self._select(f"{where} ORDER BY number DESC LIMIT 1", [worker, worker])
        return found[0][1].conversation if found else ""

    def clear(self, before: str = "") -> int:
        """Removes all calls, or those that began before a time in RFC 3339; returns how many.

        Raises:
            NeuroScriptError: 26 if the file cannot be written.
        """
        if not os.path.lexists(self.path):
            return 0
        with self._lock, self._open(make=False) as database:
            removed = database.execute("DELETE FROM calls WHERE time < ? OR ? = ''", (before, before)).rowcount
            database.commit()
            database.execute("VACUUM")  # what was removed is in the file until then
        return int(removed)

    def _select(self, query: str, values: Sequence[Any]) -> list[tuple[int, LoggedCall]]:
        if not os.path.lexists(self.path):
            return []
        with self._lock, self._open(make=False) as database:
            try:
                rows = database.execute(f"SELECT number, {', '.join(_COLUMNS)} FROM calls {query}", values).fetchall()
            except (OverflowError, UnicodeEncodeError):  # a number or a text that SQLite has not, and so no call
                return []
        return [(row[0], LoggedCall(**dict(zip(_COLUMNS, row[1:], strict=True)))) for row in rows]

    @contextmanager
    def _open(self, *, make: bool) -> Iterator[sqlite3.Connection]:
        """Opens the file for one step, which is committed at its end.

        Raises:
            NeuroScriptError: 26 if it is no such file, or cannot be used.
        """
        try:
            if make and not os.path.lexists(self.path):
                make_private_directory(self.path.parent)
                os.close(open_private(self.path, os.O_RDWR | os.O_CREAT))
            check_plain(self.path)
            # SQLite gives the files that it makes beside it the permissions of the file itself.
            with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS)) as database:
                database.execute("PRAGMA secure_delete = ON")
                with database:
                    for statement in _SCHEMA:
                        database.execute(statement)
                    yield database
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            message = f"the log of prompts {self.path} cannot be used: {reason}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from None


# --- the user's own ---


def log_path() -> Path:
    """Returns the path of the user's log."""
    from platformdirs import user_data_dir

    return Path(user_data_dir("neuroscript", appauthor=False)) / FILE


def is_on() -> bool:
    """Whether the user wants calls to be logged."""
    return os.path.isfile(log_path().with_name(SWITCH))  # a directory that cannot be read keeps no log


def turn(on: bool) -> None:
    """Turns the log on or off; what is in it stays.

    Raises:
        NeuroScriptError: 26 if that cannot be noted.
    """
    switch = log_path().with_name(SWITCH)
    try:
        if on:
            make_private_directory(switch.parent)
            os.close(open_private(switch, os.O_WRONLY | os.O_CREAT))
        else:
            switch.unlink(missing_ok=True)
    except OSError as error:
        raise NeuroScriptError(ErrorCode.IO_FAILED, f"{switch} cannot be changed: {error.strerror}") from error


def user_log() -> PromptLog | None:
    """Returns the user's log, if calls are to be logged."""
    return PromptLog(log_path()) if is_on() else None
