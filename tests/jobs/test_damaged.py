"""What somebody has damaged in the file of an embedded engine costs that job, and no other one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from neuroscript.jobs import EmbeddedEngine, Job, Queue
from neuroscript.jobs.embedded.database import FILE
from neuroscript.sandbox.protection import JOBS_DIRECTORY

from .other import echo

TEXTS = [
    (table, column, text)
    for table, column in (("payloads", "payload"), ("jobs", "measures"), ("jobs", "error"), ("jobs", "feedback"))
    for text in ('{"a"', "[]", "[" * 100_000, b"\xff")
]
NUMBERS = [
    ("jobs", "deadline", "x"),
    ("jobs", "deadline", 1e300),
    ("jobs", "not_before", float("inf")),
    ("jobs", "priority", "x"),
    ("jobs", "attempts", b"3"),
    ("jobs", "used", 1.5),
    ("jobs", "created", "x"),
    ("jobs", "stage", "x"),
    ("queues", "lease", "x"),
    ("queues", "created", "x"),
    ("tallies", "value", "x"),
]


@pytest.fixture
def engine(tmp_path: Path) -> EmbeddedEngine:
    """Three jobs, which nobody has begun."""
    engine = EmbeddedEngine.open(tmp_path)
    engine.create(Queue(name="q", owner="me"))
    engine.submit_all([Job(id=id, queue="q", owner="me", payload={"say": id}) for id in "abc"])
    return engine


def change(directory: Path, table: str, column: str, value: object) -> None:
    """Changes the file by hand; of jobs the first."""
    where = "" if table in ("queues", "tallies") else "WHERE number = 1"
    with closing(sqlite3.connect(directory / JOBS_DIRECTORY / FILE)) as file, file:
        file.execute(f"UPDATE {table} SET {column} = ? {where}", (value,))


@pytest.mark.parametrize(("table", "column", "text"), TEXTS, ids=lambda value: str(value)[:8])
def test_a_damaged_text_costs_its_own_job(
    engine: EmbeddedEngine, tmp_path: Path, table: str, column: str, text: object
) -> None:
    change(tmp_path, table, column, text)
    with engine, EmbeddedEngine.open(tmp_path) as other:
        assert [job.id for job in other.list("me", "q")] == ["c", "b", "a"]
        serving = other.serve("q", echo, owner="me", most=2)
        assert [engine.wait("me", id, 60).state for id in "bc"] == ["done", "done"]
        assert engine.wait("me", "a", 60).has_ended
        serving.stop()


@pytest.mark.parametrize(("table", "column", "value"), NUMBERS, ids=lambda value: str(value)[:8])
def test_the_file_takes_no_value_of_another_kind(
    engine: EmbeddedEngine, tmp_path: Path, table: str, column: str, value: object
) -> None:
    with engine, pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        change(tmp_path, table, column, value)


def test_an_engine_closes_whose_file_cannot_be_written(
    engine: EmbeddedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.serve("q", echo, owner="me")
    assert engine.wait("me", "a", 60).has_ended
    with closing(sqlite3.connect(tmp_path / JOBS_DIRECTORY / FILE)) as file:
        file.execute("CREATE TRIGGER full BEFORE DELETE ON processes BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    engine.close()
    assert "disk is full" in caplog.text
