"""The accounts of budgets that several runs share: a run, and the jobs that it starts in other processes.

An account adds up what its runs have used and what their calls in flight hold.  A call is reserved in it before it is
made, in one transaction, so that all runs together never exceed the budget, whatever process they are in.  What a
journaled run has used is known exactly by its journal: a run that starts again says so, and what its last process held
is dropped.  What a process held that died, and whose run never starts again, counts for good.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.private_files import check_plain, open_private
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Final, Self

FILE: Final = "budgets.sqlite3"
UNITS: Final = 1_000_000_000
"""In one of the currency: sums of whole numbers stay exact."""

_LIMITS: Final = ("max_cost", "max_tokens", "max_calls", "deadline")
_VERSION: Final = 1
_BUSY_SECONDS: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE accounts (
    id TEXT PRIMARY KEY, touched REAL, cost INTEGER DEFAULT 0, tokens INTEGER DEFAULT 0, calls INTEGER DEFAULT 0,
    held_cost INTEGER DEFAULT 0, held_tokens INTEGER DEFAULT 0,
    max_cost REAL, max_tokens INTEGER, max_calls INTEGER, deadline REAL
) WITHOUT ROWID;
CREATE TABLE members (
    account TEXT, member TEXT, cost INTEGER DEFAULT 0, tokens INTEGER DEFAULT 0, calls INTEGER DEFAULT 0,
    PRIMARY KEY (account, member)
) WITHOUT ROWID;
CREATE TABLE holds (
    number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, member TEXT, cost INTEGER, tokens INTEGER
);
CREATE INDEX holds_of ON holds (account, member)
"""


@record(frozen=True)
class SharedBudget:
    """A budget that several runs share.

    Args:
        id: the id of its account.
        max_cost: the most that all of them may cost together, in the currency; None is no limit.
        max_tokens: the most tokens that they may use together.
        max_calls: the most calls that they may make together.
        deadline: when they may make no more, in seconds since 1970.
    """

    id: str
    max_cost: float | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    deadline: float | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Reads what `to_map` gives, as it was kept with a job.

        Raises:
            NeuroScriptError: 4 for anything else.
        """
        numbers = [given.get(name) for name in _LIMITS]
        fits = all(value is None or (type(value) in (int, float) and value >= 0) for value in numbers)
        if not isinstance(given.get("id"), str) or not given["id"] or not fits or not set(given) <= {"id", *_LIMITS}:
            message = f"a shared budget is a map with an id and {', '.join(_LIMITS)}, not {dict(given)!r:.200}"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
        return cls(**given)

    def to_map(self) -> dict[str, Any]:
        """The budget as JSON values, to be kept with a job."""
        return {name: getattr(self, name) for name in ("id", *_LIMITS)}


@record(frozen=True)
class Sums:
    """What the runs of an account have used, and what their calls in flight hold.

    Args:
        cost: what calls have cost, in billionths of the currency.
        tokens: the tokens that they have used.
        calls: how many calls the runs have made.
        held_cost: what calls in flight may cost, in billionths.
        held_tokens: the tokens that they may use.
    """

    cost: int = 0
    tokens: int = 0
    calls: int = 0
    held_cost: int = 0
    held_tokens: int = 0


class Accounts:
    """The accounts in one file, which any number of processes and threads use at once.

    Args:
        directory: where the file lies; it is made when it is first written.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.path = os.path.join(directory, FILE)
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        """Whether any budget is or was shared here."""
        return self._database is not None or os.path.lexists(self.path)

    def open(self, budget: SharedBudget) -> None:
        """Makes the account of a budget, or takes the limits that it has now."""
        limits = [getattr(budget, name) for name in _LIMITS]
        with self._transaction() as execute:
            execute("INSERT OR IGNORE INTO accounts(id) VALUES (?)", (budget.id,))
            execute(
                f"UPDATE accounts SET touched = ?, {', '.join(f'{name} = ?' for name in _LIMITS)} WHERE id = ?",
                (time.time(), *limits, budget.id),
            )

    def budget(self, account: str) -> SharedBudget | None:
        """The budget with the limits that its run has said last; None if there is no account of it."""
        if not self.exists:
            return None
        with self._transaction() as execute:
            row = execute(f"SELECT id, {', '.join(_LIMITS)} FROM accounts WHERE id = ?", (account,)).fetchone()
        return None if row is None else SharedBudget(*row)

    def idle(self, since: float) -> list[str]:
        """The accounts in which nothing has been counted since a moment, in seconds since 1970."""
        if not self.exists:
            return []
        with self._transaction() as execute:
            return [found for (found,) in execute("SELECT id FROM accounts WHERE touched < ?", (since,))]

    def sums(self, account: str) -> Sums | None:
        """What an account has; None if there is none."""
        if not self.exists:
            return None
        with self._transaction() as execute:
            return _sums(execute, account)

    def begin(self, account: str, member: str, cost: int, tokens: int, calls: int | None) -> None:
        """Says what a run has used so far, in place of all that the account knew of it.

        Args:
            account: the account.
            member: the run.
            cost: what its calls have cost, in billionths.
            tokens: the tokens that they have used.
            calls: how many it has made; None: as many as the account knows of.

        Raises:
            NeuroScriptError: 46 if the account was removed, so that nobody knows what is left.
        """
        with self._transaction() as execute:
            if _sums(execute, account) is None:
                raise _gone(account)
            row = execute("SELECT cost, tokens, calls FROM members WHERE account = ? AND member = ?", (account, member))
            before = row.fetchone() or (0, 0, 0)
            calls = before[2] if calls is None else calls
            held = execute(
                "SELECT ifnull(sum(cost), 0), ifnull(sum(tokens), 0) FROM holds WHERE account = ? AND member = ?",
                (account, member),
            ).fetchone()
            execute("DELETE FROM holds WHERE account = ? AND member = ?", (account, member))
            execute("REPLACE INTO members VALUES (?, ?, ?, ?, ?)", (account, member, cost, tokens, calls))
            changes = [now - then for now, then in zip((cost, tokens, calls), before, strict=True)]
            _add(execute, account, *changes, *(-part for part in held))

    def reserve(
        self,
        account: str,
        member: str,
        cost: int,
        tokens: int,
        max_cost: int | None = None,
        max_tokens: int | None = None,
    ) -> tuple[int, Sums]:
        """Holds room for a call that is about to be made.

        Args:
            account: the account.
            member: the run whose call it is.
            cost: the most that it may cost, in billionths.
            tokens: the most tokens that it may use.
            max_cost: the whole budget, in billionths; None: the call is held whatever there is.
            max_tokens: likewise of tokens.

        Returns:
            a number by which `settle` knows it, or 0 if there is no room; and what was used and held before.

        Raises:
            NeuroScriptError: 46 if the account was removed.
        """
        with self._transaction() as execute:
            sums = _sums(execute, account)
            if sums is None:
                raise _gone(account)
            if max_cost is not None and sums.cost + sums.held_cost + cost > max_cost:
                return 0, sums
            if max_tokens is not None and sums.tokens + sums.held_tokens + tokens > max_tokens:
                return 0, sums
            held = execute(
                "INSERT INTO holds(account, member, cost, tokens) VALUES (?, ?, ?, ?)", (account, member, cost, tokens)
            )
            _add(execute, account, 0, 0, 0, cost, tokens)
            assert held.lastrowid is not None
            return held.lastrowid, sums

    def settle(self, number: int, cost: int, tokens: int) -> None:
        """Replaces what is held for a call by what it used; once only."""
        with self._transaction() as execute:
            row = execute("SELECT account, member, cost, tokens FROM holds WHERE number = ?", (number,)).fetchone()
            if row is None:
                return
            account, member, held_cost, held_tokens = row
            execute("DELETE FROM holds WHERE number = ?", (number,))
            self._count(execute, account, member, cost, tokens, 0)
            _add(execute, account, cost, tokens, 0, -held_cost, -held_tokens)

    def add_call(self, account: str, member: str, most: int | None) -> bool:
        """Counts a call of a run, unless all together have made so many.

        Raises:
            NeuroScriptError: 46 if the account was removed.
        """
        with self._transaction() as execute:
            sums = _sums(execute, account)
            if sums is None:
                raise _gone(account)
            if most is not None and sums.calls >= most:
                return False
            self._count(execute, account, member, 0, 0, 1)
            _add(execute, account, 0, 0, 1, 0, 0)
            return True

    def remove(self, account: str) -> None:
        """Forgets an account; a run that counts under it and starts later is refused."""
        if not self.exists:
            return
        with self._transaction() as execute:
            execute("DELETE FROM accounts WHERE id = ?", (account,))
            execute("DELETE FROM members WHERE account = ?", (account,))
            execute("DELETE FROM holds WHERE account = ?", (account,))

    def close(self) -> None:
        """Closes the file; it is opened again when it is needed."""
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                database.close()

    def _count(self, execute: Any, account: str, member: str, cost: int, tokens: int, calls: int) -> None:
        execute(
            "INSERT INTO members VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "cost = cost + excluded.cost, tokens = tokens + excluded.tokens, calls = calls + excluded.calls",
            (account, member, cost, tokens, calls),
        )

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        try:
            with self._lock:
                database = self._database = self._database or self._connect()
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database.execute
                    database.execute("COMMIT")
                finally:
                    if database.in_transaction:
                        database.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            message = (
                f"{self.path}, which adds up what runs that share a budget use, cannot be read or written: {error}"
            )
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error

    def _connect(self) -> sqlite3.Connection:
        check_plain(self.path)
        os.close(open_private(self.path, os.O_RDWR | os.O_CREAT))
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # What a loss of power may take, journaled runs tell again when they start.
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("BEGIN IMMEDIATE")
            [version] = database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute("COMMIT")
            if version > _VERSION:
                message = f"{self.path} is of version {version}; this release reads version {_VERSION}: update it"
                raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
        except BaseException:
            database.close()
            raise
        return database


class Membership:
    """The part of one run in a budget that it shares.

    Args:
        accounts: where the account is.
        budget: the budget.
        member: what the account knows the run by.
        owns: whether it is the run that shared its budget, whose own limits of cost and tokens are those of all.
    """

    def __init__(self, accounts: Accounts, budget: SharedBudget, member: str, *, owns: bool = False) -> None:
        self._accounts = accounts
        self.budget = budget
        self._member = member
        self.owns = owns

    def begin(self, cost: int, tokens: int, calls: int | None = None) -> None:
        """Says what the run has used so far; see `Accounts.begin`."""
        self._accounts.begin(self.budget.id, self._member, cost, tokens, calls)

    def hold(self, cost: int, tokens: int) -> int:
        """Holds room for a call that is under way already, whatever is left."""
        return self._accounts.reserve(self.budget.id, self._member, cost, tokens)[0]

    def reserve(self, cost: int, tokens: int, max_cost: int | None, max_tokens: int | None) -> tuple[int, Sums]:
        """Holds room for a call, if there is any; see `Accounts.reserve`."""
        return self._accounts.reserve(self.budget.id, self._member, cost, tokens, max_cost, max_tokens)

    def settle(self, number: int, cost: int, tokens: int) -> None:
        """Replaces what is held for a call by what it used; see `Accounts.settle`."""
        self._accounts.settle(number, cost, tokens)

    def add_call(self) -> bool:
        """Counts a call of the run; false if all runs together have made as many as they may."""
        return self._accounts.add_call(self.budget.id, self._member, self.budget.max_calls)

    def sums(self) -> Sums:
        """What all runs have used, and what their calls in flight hold."""
        return self._accounts.sums(self.budget.id) or Sums()


def _sums(execute: Any, account: str) -> Sums | None:
    row = execute("SELECT cost, tokens, calls, held_cost, held_tokens FROM accounts WHERE id = ?", (account,))
    found = row.fetchone()
    return None if found is None else Sums(*found)


def _add(execute: Any, account: str, cost: int, tokens: int, calls: int, held_cost: int, held_tokens: int) -> None:
    execute(
        "UPDATE accounts SET touched = ?, cost = cost + ?, tokens = tokens + ?, calls = calls + ?, "
        "held_cost = held_cost + ?, held_tokens = held_tokens + ? WHERE id = ?",
        (time.time(), cost, tokens, calls, held_cost, held_tokens, account),
    )


def _gone(account: str) -> NeuroScriptError:
    return NeuroScriptError(
        ErrorCode.BUDGET_EXCEEDED,
        f"the budget {account!r} of the run that started this one is gone, since that run was removed; nobody knows "
        "what is left of it, so nothing more is done under it",
        details={"limit": "shared_budget", "budget": account},
    )
