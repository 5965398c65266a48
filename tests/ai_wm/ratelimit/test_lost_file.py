"""A shared file that is removed, replaced or cut short while limiters use it: error 26, never a second allowance."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ai_wm.ratelimit import SQLiteRateLimiter
from neuroscript.errors import ErrorCode, NeuroScriptError, RateLimitedError

from .support import Policy

TWO = Policy(max_requests_per_day=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.sqlite3"


def beside(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]


def removed(path: Path) -> None:
    for each in beside(path):
        each.unlink(missing_ok=True)


def removed_alone(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    removed(path)
    other = SQLiteRateLimiter(path)
    other.reserve("e", TWO, tokens=1).settle(1)
    other.close()


def put_back(path: Path) -> None:
    """A copy of an hour ago, as a program that keeps backups puts it back."""
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    removed(path)
    copy.rename(path)


def cut_short(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    limiter_sees_its_size(path)
    os.truncate(path, 0)


def limiter_sees_its_size(path: Path) -> None:
    assert path.stat().st_size > 1024


def renamed(path: Path) -> None:
    path.rename(path.with_suffix(".old"))


def written_ahead_removed(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


@pytest.mark.skipif(os.name == "nt", reason="a file in use cannot be removed there")
@pytest.mark.parametrize("fate", [removed, removed_alone, replaced, put_back, cut_short, renamed])
def test_a_file_that_is_not_the_same_any_more_is_refused_until_the_next_start(
    path: Path, fate: Callable[[Path], None]
) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", TWO, tokens=1).settle(1)
    held = limiter.reserve("d", TWO, tokens=1)
    limiter.usage("d")
    fate(path)
    for _ in range(3):
        with pytest.raises(NeuroScriptError) as caught:
            limiter.reserve("d", TWO, tokens=1)
        assert caught.value.code == ErrorCode.IO_FAILED
        assert str(path) in caught.value.message
        assert "while this program used it" in caught.value.message
        assert "stop the programs that use it and start them again" in caught.value.message
    for look in (lambda: limiter.usage("d"), lambda: limiter.acquire_slot("d", TWO, "one")):
        with pytest.raises(NeuroScriptError) as caught:
            look()  # type: ignore[no-untyped-call]
        assert caught.value.code == ErrorCode.IO_FAILED
    del held
    limiter.close()


@pytest.mark.skipif(os.name == "nt", reason="a file in use cannot be removed there")
def test_what_was_written_last_is_missed_too(path: Path) -> None:
    policy = Policy(max_requests_per_day=1)
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", policy, tokens=1).settle(1)
    written_ahead_removed(path)
    with pytest.raises(NeuroScriptError) as caught:
        limiter.reserve("d", policy, tokens=1)
    assert caught.value.code == ErrorCode.IO_FAILED
    limiter.close()


@pytest.mark.skipif(os.name == "nt", reason="a file in use cannot be removed there")
def test_a_limiter_that_lost_its_file_leaves_the_new_one_alone(path: Path) -> None:
    old = SQLiteRateLimiter(path)
    old.reserve("d", TWO, tokens=1).settle(1)
    removed(path)
    new = SQLiteRateLimiter(path)
    new.reserve("d", TWO, tokens=1).settle(1)
    with pytest.raises(NeuroScriptError, match="was replaced by another"):
        old.reserve("d", TWO, tokens=1)
    old.close()
    new.reserve("d", TWO, tokens=1).settle(1)
    with pytest.raises(RateLimitedError):
        new.reserve("d", TWO, tokens=1)
    new.close()
    again = SQLiteRateLimiter(path)
    assert again.usage("d")["requests_last_day"] == 2
    again.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_file_that_was_replaced_while_it_was_closed_is_known_by_what_is_in_it(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", TWO, tokens=1).settle(1)
    limiter._database.close()
    replaced(path)
    with pytest.raises(NeuroScriptError, match="was replaced by another"):
        limiter.reserve("d", TWO, tokens=1)
    limiter.close()


def test_a_limiter_that_was_closed_goes_on_with_its_file(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", TWO, tokens=1).settle(1)
    limiter.close()
    limiter.reserve("d", TWO, tokens=1).settle(1)
    with pytest.raises(RateLimitedError):
        limiter.reserve("d", TWO, tokens=1)
    limiter.close()
