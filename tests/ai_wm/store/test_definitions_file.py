"""The file of the definitions: entries that are none, values beyond all bounds, and what other programs write."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_wm.data.types import SupervisorFeedback
from ai_wm.store import JsonStore
from ai_wm.store.engine import DEFINITIONS_FILE, PERFORMANCE_FILE
from neuroscript.errors import NeuroScriptError, StateError

from .support import FULL, Files, add, definitions, record, system_error, worker

GOOD: dict[str, Any] = {
    "definitionID": "good",
    "name": "good",
    "provider": "local",
    "modelName": "echo",
    "auth": {"method": "none"},
}


def with_member(member: str) -> str:
    """A definition with one more member, written as given."""
    return f"{json.dumps(GOOD | {'definitionID': 'x'})[:-1]}, {member}}}"


BAD: dict[str, str] = {
    "no map": "7",
    "text": '"worker"',
    "null": "null",
    "another tool's": '{"kind": "service", "spec": {}}',
    "no model": '{"name": "x", "provider": "local", "auth": {"method": "none"}}',
    "a status that is none": json.dumps(GOOD | {"definitionID": "x", "status": "gone"}),
    "a negative limit": json.dumps(GOOD | {"definitionID": "x", "rateLimits": {"max_requests_per_day": -1}}),
    "a limit of 5,000 digits": with_member(f'"rateLimits": {{"max_tokens_per_day": {"9" * 5000}}}'),
    "metadata of 5,000 digits": with_member(f'"metadata": {{"n": {"9" * 5000}}}'),
    "a number beyond all floats": with_member('"costMetrics": {"cost_per_call": 1e999}'),
    "the id of another": json.dumps(GOOD | {"name": "another"}),
}


def set_aside(directory: Path) -> list[bytes]:
    """What is in the quarantine, which nobody else may read."""
    paths = sorted((directory / "ai_worker_state" / "quarantine").glob("*"))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    return [path.read_bytes() for path in paths]


class TestEntriesThatAreNone:
    @pytest.fixture(params=BAD.values(), ids=BAD)
    def bad(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture(params=[False, True], ids=["array", "older form"])
    def path(self, request: pytest.FixtureRequest, directory: Path, bad: str) -> Path:
        directory.mkdir()
        path = directory / DEFINITIONS_FILE
        text = f"[\n {json.dumps(GOOD)},\n {bad},\n {json.dumps(GOOD | {'definitionID': 'too', 'name': 'too'})}]"
        path.write_text(f'{{"other": 1, "aiWorkerDefinitions": {text}}}' if request.param else text)
        return path

    def test_they_are_set_aside_and_the_others_are_used(
        self, path: Path, bad: str, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = path.read_bytes()
        for _ in range(2):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                store = JsonStore(directory, files=Files())
            assert list(store.definitions()) == ["good", "too"]
            assert f"{path}: line 3, column 2 (entry 2): " in caplog.text
            assert str(directory / "ai_worker_state" / "quarantine") in caplog.text
            assert set_aside(directory) == [bad.encode()]
            store.close()
            assert path.read_bytes() == before, "nothing had to be written"
        store = JsonStore(directory, files=Files())
        add(store, worker())
        store.add_record(record("t"))
        store.close()
        assert set_aside(directory) == [bad.encode()]
        caplog.clear()
        store = JsonStore(directory, files=Files())
        assert list(store.definitions()) == ["good", "too", "def-1"]
        assert not caplog.records
        store.close()

    def test_the_file_is_not_written_before_they_are_safe(
        self, path: Path, bad: str, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        before, files = path.read_bytes(), Files()
        files.fail = lambda call, data: system_error(FULL) if bad.encode() == data else None
        store = JsonStore(directory, files=files)
        assert "could not be set aside (No space left on device)" in caplog.text
        add(store, worker())
        assert list(store.definitions()) == ["good", "too", "def-1"]
        with pytest.raises(NeuroScriptError) as caught:
            store.save()
        assert caught.value.code == 26
        assert path.read_bytes() == before
        files.fail = lambda _call, _data: None
        store.close()
        assert set_aside(directory) == [bad.encode()]
        again = JsonStore(directory)
        assert list(again.definitions()) == ["good", "too", "def-1"]
        again.close()

    def test_nothing_is_written_where_nothing_may_be(
        self, path: Path, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = Files()
        files.fail = lambda _call, _data: system_error(errno.EROFS)
        store = JsonStore(directory, files=files)
        assert list(store.definitions()) == ["good", "too"]
        assert "it is left in the file" in caplog.text
        store.close()
        assert not (directory / "ai_worker_state").exists()


@pytest.mark.parametrize("summary", ["7", '{"total_tasks_attempted": -1}', '{"total_cost_incurred": 1e999}'])
def test_a_summary_that_is_none_takes_nobodys_worker_away(directory: Path, summary: str) -> None:
    directory.mkdir()
    entry = json.dumps(GOOD)[:-1] + f', "aggregatePerformanceSummary": {summary}}}'
    (directory / DEFINITIONS_FILE).write_text(f"[{entry}]")
    store = JsonStore(directory)
    store.add_record(record("t", definition_id="good"))
    assert store.summary("good").total_tasks_attempted == 1
    store.close()
    assert set_aside(directory) == [entry.encode()]
    assert definitions(directory)[0]["aggregatePerformanceSummary"]["total_tasks_attempted"] == 1


@pytest.mark.parametrize(
    "mark", [{"records": "all"}, {"records": 1, "beyond": 7}, {"records": 1, "beyond": {"cost": ["x"]}}, [1], {"a": 1}]
)
def test_a_mark_that_is_none_is_no_mark(directory: Path, mark: Any, caplog: pytest.LogCaptureFixture) -> None:
    directory.mkdir()
    summary = {"total_tasks_attempted": 5, "successful_tasks": 4, "counted": mark}
    (directory / DEFINITIONS_FILE).write_text(json.dumps([GOOD | {"aggregatePerformanceSummary": summary}]))
    store = JsonStore(directory)
    assert store.summary("good").total_tasks_attempted == (0 if isinstance(mark, list) else 5)
    assert caplog.records
    store.add_record(record("t", definition_id="good"))
    store.close()
    again = JsonStore(directory)
    assert again.summary("good").total_tasks_attempted == (1 if isinstance(mark, list) else 6)
    again.close()


HUGE = "9" * 4299
numbers = st.sampled_from(
    [
        "0",
        "-1",
        "1e308",
        "1.7976931348623157e308",
        "-1e308",
        "5e-324",
        "1e999",
        str(2**63 - 1),
        str(2**63),
        HUGE,
        "7" * 5000,
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, st.booleans()), min_size=1, max_size=4))
def test_no_value_keeps_a_store_from_starting(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str, str, str, bool]]
) -> None:
    """Start, add up, log more of it, save, start again: every file stays valid, every sum finite."""
    directory = tmp_path_factory.mktemp("absurd")
    entries = []
    for number, (tasks, cost, duration, term, marked) in enumerate(found):
        mark = f', "counted": {{"records": {tasks}, "beyond": {{"tasks": {tasks}, "cost": [{term}, {cost}]}}}}'
        entries.append(
            json.dumps(GOOD | {"definitionID": f"d{number}", "name": f"n{number}"})[:-1]
            + f', "aggregatePerformanceSummary": {{"total_tasks_attempted": {tasks}, "total_cost_incurred": {cost}, '
            f'"average_duration_ms": {duration}, "average_quality_score": {term}, "total_tokens_processed": {tasks}'
            f"{mark if marked else ''}}}}}"
        )
    (directory / DEFINITIONS_FILE).write_text(f"[{','.join(entries)}]")
    for turn in range(3):
        store = JsonStore(directory)
        for number in range(len(found)):
            for again in range(2):
                store.add_record(
                    record(
                        f"t{turn}-{number}-{again}",
                        definition_id=f"d{number}",
                        cost_incurred=1e308,
                        duration_ms=2**63 - 1,
                    )
                )
            store.add_feedback(f"t{turn}-{number}-1", SupervisorFeedback(rating=-1e308))
            summary = store.summary(f"d{number}")
            values = [value for value in summary.to_script().values() if isinstance(value, int | float)]
            assert all(map(math.isfinite, values))
            assert max(value for value in values if isinstance(value, int)) < 2**63
        assert len(store.definitions()) == len(found)
        store.save()
        json.loads((directory / DEFINITIONS_FILE).read_bytes(), parse_constant=pytest.fail)
        store.close()


def test_a_definition_that_json_has_no_form_for_is_refused(directory: Path) -> None:
    store = JsonStore(directory)
    with pytest.raises(NeuroScriptError) as caught:
        add(store, worker(metadata={"n": 10**5000}))
    assert caught.value.code == 4
    assert not store.definitions()
    add(store, worker())
    store.close()


@pytest.mark.parametrize(
    "value",
    ["NaN", "-Infinity", "[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000],
    ids=["nan", "infinity", "lists", "maps"],
)
def test_an_entry_that_python_does_not_read_is_set_aside(directory: Path, value: str) -> None:
    directory.mkdir()
    entry = json.dumps(GOOD | {"definitionID": "bad"})[:-1] + f', "metadata": {{"a": {value}}}}}'
    (directory / DEFINITIONS_FILE).write_text(f"[{entry}, {json.dumps(GOOD)}]")
    for _ in range(2):
        store = JsonStore(directory)
        assert list(store.definitions()) == ["good"]
        add(store, worker())
        store.change_definitions(lambda all_: all_.pop("def-1"))
        store.close()
        assert set_aside(directory) == [entry.encode()]


def test_a_file_that_is_not_json_is_never_written(directory: Path) -> None:
    directory.mkdir()
    path = directory / DEFINITIONS_FILE
    for text in ("[", "oops", "[{]", '[{"name": NaN]', "[1] 2", '{"a": 1}', "7", "[" * 100_000, "[1,]"):
        path.write_text(text)
        with pytest.raises(StateError) as caught:
            JsonStore(directory)
        assert (caught.value.code, path.read_text()) == (18, text)
    assert not os.path.exists(directory / PERFORMANCE_FILE)
