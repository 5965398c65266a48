"""``neuroscript ask``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ai_wm.cli.calling import ReplyWriter
from neuroscript import StreamEvent
from tests.ai_wm.cli.conftest import KEY, Home

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.fixture
def ready(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same, with a key and a worker."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    home.add()
    return home


def contents(home: Home) -> list[str]:
    return [each["content"] for each in home.messages]


def test_the_reply_and_nothing_else_goes_to_standard_output(ready: Home) -> None:
    assert ready("ask", "Name", "a river.") == (0, "A reply.\n", "")
    assert ready.messages == [{"role": "user", "content": "Name a river."}]
    ready.reply[:] = ["ends\n"]
    assert ready("ask", "Name a river.")[1] == "ends\n"


def test_what_comes_on_standard_input_goes_ahead_of_the_prompt_or_is_it(ready: Home) -> None:
    ready("ask", "Summarise it.", stdin="A long text.\n")
    assert contents(ready) == ["A long text.\n", "Summarise it."]
    ready("ask", stdin="Name a river.\n")
    assert contents(ready) == ["Name a river.\n"]
    assert ready("ask") == (2, "", "neuroscript: there is no prompt, and standard input is empty\n")
    status, _, err = ready("ask", "What is it?", stdin=b"\x89PNG\r\n\xff")
    assert (status, "-a FILE" in err) == (1, True)


def test_files_go_along_as_text_or_attached(ready: Home) -> None:
    ready.write("notes.txt", "Of a river.")
    (ready.directory / "chart.gif").write_bytes(
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00"
        b"\x01\x00\x00\x02\x02D\x01\x00;"
    )
    assert ready("ask", "-a", "notes.txt", "-a", "chart.gif", "What is it?")[0] == 0
    first, second = ready.messages
    assert first["content"] == "notes.txt:\n\nOf a river."
    assert [part["type"] for part in second["content"]] == ["image_url", "text"]
    (ready.directory / "odd.bin").write_bytes(b"\0\1\2\3")
    for name, message in (("odd.bin", "expected an image"), ("missing.png", "there is no file 'missing.png'")):
        status, _, err = ready("ask", "-a", name, "What is it?")
        assert (status, message in err) == (1, True)


def test_the_system_prompt_is_the_worker_s_unless_one_is_given(ready: Home) -> None:
    ready.add("brief", "--system", "Be brief.")
    ready("ask", "-w", "brief", "hello")
    assert contents(ready) == ["Be brief.", "hello"]
    ready("ask", "-w", "brief", "-s", "Be long.", "hello")
    assert contents(ready) == ["Be long.", "hello"]


def test_a_schema_gives_a_value(ready: Home) -> None:
    ready.reply[:] = ['{"age"', ": 7}"]
    assert ready("ask", "--schema", json.dumps(SCHEMA), "How old?") == (0, '{\n  "age": 7\n}\n', "")
    ready.write("schema.json", json.dumps(SCHEMA))
    [row] = ready.rows("ask", "--schema", "schema.json", "--format", "jsonl", "How old?")
    assert (row["value"], row["reply"], row["worker"]) == ({"age": 7}, '{"age": 7}', "fast")
    assert (row["input_tokens"], row["output_tokens"], row["model"]) == (9, 3, "m-1-2026")
    status, _, err = ready("ask", "--schema", "missing.json", "How old?")
    assert (status, "cannot be read" in err) == (2, True)


def test_whom_to_ask_is_chosen_or_must_be_said(ready: Home) -> None:
    ready.add("other")
    status, out, err = ready("ask", "hello")
    assert (status, out, "2 workers (fast, other); say which one with -w NAME" in err) == (1, "", True)
    assert ready("ask", "-w", "other", "hello")[0] == 0
    assert "did you mean 'other'?" in ready("ask", "-w", "othr", "hello")[2]
    ready.add("default", "--system", "The default.")
    assert ready("ask", "hello")[0] == 0
    assert contents(ready)[0] == "The default."


def test_where_there_is_no_worker_it_says_how_to_add_one(home: Home) -> None:
    status, out, err = home("ask", "hello")
    assert (status, out) == (1, "")
    assert err.endswith("add one: neuroscript workers add NAME --model PROVIDER/MODEL\n")
    assert not home.data.exists()


def test_a_failure_is_one_line_without_the_key(ready: Home) -> None:
    from tests.ai_wm.providers import loopback
    from tests.ai_wm.providers.support import error_of

    ready.server.will(loopback.reply(error_of("openai", f"wrong key {KEY}"), 401))
    status, out, err = ready("ask", "hello")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "error 45" in err
    assert KEY not in err


def test_a_definition_that_came_with_a_file_gets_no_key(ready: Home) -> None:
    place = ready.data / "workers" / "ai_worker_definitions.json"
    copied = json.loads(place.read_text())
    copied[0]["baseConfig"] = {"base_url": f"{ready.server.url}/v1"}  # and the mark is not for that
    there = ready.directory / "cloned"
    there.mkdir()
    (there / "ai_worker_definitions.json").write_text(json.dumps(copied))
    for command in (["ask", "hello"], ["chat"]):
        status, out, err = ready(*command, "--workers", "cloned", stdin="hello\n" if command == ["chat"] else "")
        assert (status, out) == (1, "")
        assert "neuroscript workers trust fast" in err
    assert ready.server.received == []


@pytest.mark.parametrize(
    ("pieces", "written"),
    [
        (["a", "b"], "ab\n"),
        (["a\n"], "a\n"),
        (["a\r", "\nb"], "a\nb\n"),
        (["a\r"], "a\r\n"),
        (["", "\x1b[2J"], "\x1b[2J\n"),
        ([], ""),
    ],
)
def test_pieces_are_put_together(pieces: list[str], written: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("out") / "out"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = ReplyWriter(stream)
        for piece in pieces:
            writer.show(StreamEvent(kind="delta", call_id="1", worker="w", worker_id="1", text=piece))
        writer.end()
        writer.end()
    assert path.read_bytes().decode() == written


def test_a_directory_of_workers_that_cannot_be_read_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "glob", refused)
    status, _, err = home("ask", "hello")
    assert status == 2
    place = str(home.data / "workers")
    assert err == f"neuroscript: the directory of workers {place!r} cannot be read: Permission denied\n"
