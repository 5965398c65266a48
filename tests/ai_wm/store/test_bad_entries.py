"""Entries of the performance file that are JSON but not valid are set aside; everything else works."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import SupervisorFeedback
from ai_wm.store import JsonStore
from ai_wm.store.engine import PERFORMANCE_FILE
from neuroscript.errors import NeuroScriptError

from .support import FULL, Files, add, record, reopened, spawn, system_error, tasks, worker
from .test_performance_file import entry, file_of, line

HUGE = "9" * 5000
NESTED = 5000


def with_record(**fields: Any) -> str:
    """An entry whose record has some other fields; a str that begins with RAW is written as it is."""
    one = entry(7)
    one["performance_records"][0] |= fields
    text = json.dumps(one)
    for value in fields.values():
        if isinstance(value, str) and value.startswith("RAW"):
            text = text.replace(json.dumps(value), value[3:])
    return text


BAD: dict[str, str] = {
    "another tool's object": '{"kind":"note","text":"x"}',
    "no id": '{"definition_id":"d"}',
    "unknown status": '{"instance_id":"i","final_status":"gone"}',
    "text as duration": with_record(duration_ms="x"),
    "negative duration": with_record(duration_ms=-1),
    "duration of 5,000 digits": with_record(duration_ms=f"RAW{HUGE}"),
    "duration of 200 digits": with_record(duration_ms=int(HUGE[:200])),
    "unknown number of 5,000 digits": with_record(novel=f"RAW{HUGE}"),
    "cost of 1e999": with_record(cost_incurred="RAW1e999"),
    "cost that is NaN": with_record(cost_incurred="RAWNaN"),
    "rating of -1e999": with_record(supervisor_feedback={"rating": 7}).replace('"rating": 7', '"rating": -1e999'),
    "rating of 400 digits": with_record(supervisor_feedback={"rating": 7}).replace(
        '"rating": 7', f'"rating": {HUGE[:400]}'
    ),
    "1e999 in the metrics": with_record(llm_metrics={"x": [7]}).replace("[7]", "[1e999]"),
    "-1e999 in the context": with_record(input_context='RAW{"x": -1E+999}'),
    "400 digits and a fraction in an unknown key": with_record(novel=f"RAW{HUGE[:400]}.5"),
    "usage of absurd size": json.dumps(entry(7) | {"session_token_usage": {"input_tokens": 10**200}}),
    "half of a pair as an id": json.dumps(entry(7) | {"instance_id": "\ud800"}),
    "half of a pair as a task": with_record(task_id="\udfff"),
    "nested too deeply": '{"instance_id":"i","x":' + "[" * NESTED + "]" * NESTED + "}",
}
OTHERS: dict[str, str] = {
    "a number": "1",
    "text": '"x"',
    "null": "null",
    "a number of 5,000 digits": HUGE,
    "a list": "[]",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sandbox" / PERFORMANCE_FILE


@pytest.mark.parametrize("layout", ["an entry a line", "one line"])
@pytest.mark.parametrize("bad", [*BAD.values(), *OTHERS.values()], ids=[*BAD, *OTHERS])
def test_it_is_kept_with_its_bytes_and_everything_else_works(
    path: Path, tmp_path: Path, bad: str, layout: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    lines = [line(1), bad.encode(), line(2)]
    path.write_bytes(file_of(*lines) if layout == "an entry a line" else b"[" + b",".join(lines) + b"]")
    with caplog.at_level(logging.WARNING):
        store = JsonStore(path.parent, files=Files())
    add(store, worker())
    [kept] = store.set_aside()
    assert kept.read_bytes() == bad.encode()
    if sys.platform != "win32":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    place = "line 3, column 1" if layout == "an entry a line" else f"line 1, column {len(line(1).decode()) + 3}"
    assert f"{path}: {place} (entry 2) is set aside: " in caplog.text
    assert str(kept) in caplog.text
    assert [one.task_id for one in store.records("def-1")] == ["t2", "t1"]
    store.add_record(record("t3"))
    store.add_feedback("t1", SupervisorFeedback(rating=3))
    assert store.summary("def-1").total_tasks_attempted == 3
    again = reopened(path.parent, tmp_path / "copy")
    assert again.summary("def-1") == store.summary("def-1")
    again.close()
    store.close()
    last = JsonStore(path.parent, files=Files())
    assert last.summary("def-1").total_tasks_attempted == 3
    last.close()
    assert kept.read_bytes() == bad.encode()


@pytest.mark.usefixtures("eager")
def test_tidying_up_takes_it_out_of_the_file_once_it_is_kept(path: Path) -> None:
    path.parent.mkdir()
    bad = BAD["unknown status"].encode()
    path.write_bytes(file_of(line(1), bad, line(2)))
    files = Files()
    files.fail = lambda call, data: system_error(FULL) if call == "write" and data == bad else None
    store = JsonStore(path.parent, files=files)
    store.save()
    store.close()
    assert bad in path.read_bytes()
    files.fail = lambda _call, _data: None
    os.utime(path)
    (path.parent / "ai_worker_state" / "index").rename(path.parent / "elsewhere")
    store = JsonStore(path.parent, files=files)
    store.close()
    assert tasks(path.parent) == ["t1", "t2"]
    assert [kept.read_bytes() for kept in store.set_aside()] == [bad]


def test_a_store_that_is_only_read_leaves_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(file_of(line(1), BAD["no id"].encode()))
    files = Files()
    files.fail = lambda _call, _data: system_error(30)
    with caplog.at_level(logging.WARNING):
        store = JsonStore(path.parent, files=files)
    assert "is left where it is, because the store is only read" in caplog.text
    assert [one.task_id for one in store.records("def-1")] == ["t1"]
    assert store.set_aside() == []
    store.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"cost_incurred": 10**400},
        {"cost_incurred": float("inf")},
        {"task_id": "\ud800"},
        {"supervisor_feedback": {"rating": float("inf")}},
    ],
    ids=str,
)
def test_a_record_that_could_not_be_read_again_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    store = JsonStore(tmp_path, files=Files())
    with pytest.raises(NeuroScriptError) as caught:
        store.add_record(record("t1", **fields) if "task_id" not in fields else record(fields["task_id"]))
    assert caught.value.code == 4
    store.close()
    assert tasks(tmp_path) == []


ABSURD = [
    b'{"start": {"instance_id": [], "usage": 7}}',
    b'{"start": {"instance_id": "", "initial_file_contexts": 7, "creation_timestamp": "x"}}',
    b'{"instance_id": "i", "record": 7}',
    b'{"instance_id": "i", "record": {"task_id": []}}',
    b'{"instance_id": "i", "changed": "x", "usage": [1]}',
    b'{"instance_id": "i", "usage": {"input_tokens": ' + HUGE.encode() + b"}}",
    b'{"instance_id": "i", "usage": {"input_tokens": 1e999}}',
    b'{"instance_id": {}, "record": {}}',
    b"[" * 5000 + b"]" * 5000,
    b"7",
]


def test_absurd_lines_of_a_journal_are_passed_over(tmp_path: Path) -> None:
    store = JsonStore(tmp_path / "sandbox", files=Files())
    add(store, worker())
    spawn(store, "i")
    store.add_record(record("l0", "i"))
    reopened(tmp_path / "sandbox", tmp_path / "copy").close()
    state = tmp_path / "sandbox" / "ai_worker_state"
    [journal] = state.glob("*-*.jsonl")
    with journal.open("ab") as file:
        file.write(b"".join(b"\n" + absurd + b"\n" for absurd in ABSURD))
    (state / "amendments.jsonl").write_bytes(b"\n".join(ABSURD))
    again = reopened(tmp_path / "sandbox", tmp_path / "another")
    assert [one.task_id for one in again.records("def-1")] == ["l0"]
    again.close()
    assert {"l0"} == set(tasks(tmp_path / "another"))
    store.close()
