"""Files of recorded replies."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from neuroscript.testing.models import SERVICE, Models, RecordingError


def test_a_plugin_records_and_is_given_back(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    models = Models(live=True, record=str(file))
    for test in ("a_test.ns::test_a", "a_test.ns::test_b"):
        models.services(test)[SERVICE]["record"]({"reply": f"of {test[-1]}"})
    assert not file.exists()
    assert models.save() == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    given = Models(replay=str(file)).services("a_test.ns::test_b")[SERVICE]
    assert (given["live"], given["record"]) == (False, None)
    assert given["recorded"] == [{"test": "a_test.ns::test_b", "reply": "of b"}]


def test_recordings_of_tests_that_were_not_run_stay(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(json.dumps({"test": test, "reply": 1}) + "\n" for test in ("t::a", "t::b")))
    models = Models(live=True, record=str(file))
    models.services("t::a")[SERVICE]["record"]({"reply": 2})
    assert models.save() == 1
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows == [{"test": "t::b", "reply": 1}, {"test": "t::a", "reply": 2}]


def test_nothing_is_replayed_unless_said() -> None:
    given = Models().services("t::a")[SERVICE]
    assert (given["live"], given["recorded"], given["record"]) == (False, None, None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "line 1, is not JSON"),
        ("[]\n", "line 1, is no recorded reply"),
        ('{"test": 1}\n', "line 1, is no recorded reply"),
        ("[" * 100_000, "line 1, is not JSON"),
    ],
)
def test_a_file_that_is_none(content: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text(content)
    for given in ({"replay": str(file)}, {"live": True, "record": str(file)}):
        with pytest.raises(RecordingError, match=problem):
            Models(**given)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no file"):
        Models(replay=str(tmp_path / "nowhere"))
    with pytest.raises(RecordingError, match="a directory, not a regular file"):
        Models(replay=str(tmp_path))
    models = Models(live=True, record=str(tmp_path / "no" / "where"))
    with pytest.raises(RecordingError, match="cannot be written"):
        models.save()
