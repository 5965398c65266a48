"""The host's mark: what it covers, and the file of the key that it is made with."""

from __future__ import annotations

import logging
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import AIWorkerDefinition
from ai_wm.keys.marks import process_marks, user_marks
from tests.ai_wm.helpers import worker
from tests.user_key import key_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's directory for data that nobody has used yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path / "share"


def definition(**fields: Any) -> AIWorkerDefinition:
    values = {"definition_id": "d", "provider": "custom", "auth": {"method": "env_var", "value": "KEY"}}
    return AIWorkerDefinition.parse(
        worker("w", **{**values, "base_config": {"base_url": "https://h/v1", "temperature": 0.5}, **fields})
    )


def marked(marks: Any, **fields: Any) -> AIWorkerDefinition:
    made = definition(**fields)
    return made.model_copy(update={"host_mark": marks.of(made)})


@pytest.mark.parametrize(
    "change",
    [
        {"definition_id": "e"},
        {"owner": "me"},
        {"provider": "openai"},
        {"auth": {"method": "env_var", "value": "OTHER"}},
        {"auth": {"method": "config_path", "value": "KEY"}},
        {"base_config": {"base_url": "https://evil.example/v1"}},
        {"base_config": {}},
        {"base_config": {"base_url": "https://h/v1", "api": "responses"}},
        {"base_config": {"base_url": "https://h/v1", "headers": {"X": "y"}}},
        {"base_config": {"base_url": "https://h/v1", "allow_http": True}},
    ],
)
def test_a_mark_covers_all_that_a_key_depends_on(change: dict[str, Any]) -> None:
    marks = process_marks()
    made = marked(marks)
    assert marks.holds(made)
    assert not marks.holds(AIWorkerDefinition.parse({**made.to_file(), **definition(**change).to_file()}))


def test_the_file_of_a_local_model_is_its_address() -> None:
    marks = process_marks()
    made = marked(marks, provider="local", model_name="a.gguf")
    assert marks.holds(made)
    assert not marks.holds(made.model_copy(update={"model_name": "/etc/passwd"}))


def test_what_a_key_does_not_depend_on_may_change() -> None:
    marks = process_marks()
    made = marked(marks)
    assert marks.holds(made.model_copy(update={"name": "other", "rate_limits": definition().rate_limits}))


def test_no_mark_and_a_made_up_one_are_none() -> None:
    marks = process_marks()
    for mark in ("", "0" * 64, "ü" * 64):
        assert not marks.holds(definition().model_copy(update={"host_mark": mark}))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_key_is_the_users_alone_whatever_the_umask(home: Path) -> None:
    before = os.umask(0o777)
    try:
        made = marked(user_marks())
    finally:
        os.umask(before)
    assert key_file().is_relative_to(home)
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file().parent.stat().st_mode) == 0o700
    assert [path.name for path in key_file().parent.iterdir()] == [key_file().name]
    assert user_marks().holds(made)


def test_checking_makes_no_key(home: Path) -> None:
    assert not user_marks().holds(definition().model_copy(update={"host_mark": "0" * 64}))
    assert not home.exists()


def test_two_that_make_the_key_at_once_have_one(home: Path) -> None:
    found: list[AIWorkerDefinition] = []
    threads = [threading.Thread(target=lambda: found.append(marked(user_marks()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({made.host_mark for made in found}) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("what", ["a link", "a pipe", "a readable file", "a short file", "a directory", "no home"])
def test_a_key_that_another_may_have_made_counts_for_nothing(
    what: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = marked(user_marks())
    path = key_file()
    key = path.read_bytes()
    path.unlink()
    match what:
        case "a link":
            (home / "elsewhere").write_bytes(key)
            (home / "elsewhere").chmod(0o600)
            path.symlink_to(home / "elsewhere")
        case "a pipe":
            os.mkfifo(path, 0o600)
        case "a readable file":
            path.write_bytes(key)
            path.chmod(0o644)
        case "a short file":
            path.write_bytes(key[:5])
            path.chmod(0o600)
        case "a directory":
            path.mkdir()
        case "no home":
            path.parent.rmdir()
            path.parent.write_bytes(b"")
    with caplog.at_level(logging.WARNING, "ai_wm"):
        assert not user_marks().holds(made)
        again = marked(user_marks())
        assert user_marks().holds(again)
    assert [record.message for record in caplog.records if "for this process only" in record.message]
    assert len(caplog.records) == 1
    assert key.hex() not in caplog.text
