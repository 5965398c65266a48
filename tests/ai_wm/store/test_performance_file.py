"""Files as they are found: torn by a crash, written elsewhere, or broken by hand."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_wm.data.types import AIWorkerPerformanceSummary, PerformanceRecord, Timestamp
from ai_wm.store import JsonStore, performance_file
from ai_wm.store.engine import DEFINITIONS_FILE, PERFORMANCE_FILE
from ai_wm.store.json_array import PADDING_LINE, SECTOR, is_torn
from ai_wm.store.state_directory import STATE_DIRECTORY
from neuroscript.errors import NeuroScriptError, StateError

from .support import FULL, NOON, READ_ONLY, Files, add, entries, record, system_error, tasks, worker


def entry(number: int, **more: Any) -> dict[str, Any]:
    """An entry with one record, as this program writes it."""
    one = record(f"t{number}", output_summary='odd "text" }, ] \\ ü \u2028', **more)
    return {"instance_id": one.instance_id, "definition_id": "def-1", "performance_records": [one.to_file()]}


def line(number: int, **more: Any) -> bytes:
    return json.dumps(entry(number, **more), ensure_ascii=False, separators=(",", ":")).encode()


def file_of(*lines: bytes, padding: int = 0) -> bytes:
    return b"[\n" + b",\n".join(lines) + (b"\n]\n" if lines else b"]\n") + (PADDING_LINE * 99)[:padding]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / PERFORMANCE_FILE


def opened(path: Path) -> list[str]:
    """The tasks found on opening; when something is added, the file is valid and holds them all.

    Nothing is known of what the file held before.
    """
    shutil.rmtree(path.parent / STATE_DIRECTORY, ignore_errors=True)
    store = JsonStore(path.parent, files=Files())
    found = [one.task_id for one in reversed(store.records("def-1"))]
    store.add_record(record("new"))
    assert sorted(tasks(path.parent)) == sorted([*found, "new"])
    store.close()
    assert sorted(tasks(path.parent)) == sorted([*found, "new"])
    return found


def refused(path: Path) -> str:
    """The message with which a file is refused; it is left as it is."""
    before = path.read_bytes()
    with pytest.raises(StateError) as caught:
        JsonStore(path.parent, files=Files())
    assert caught.value.code == 18
    assert path.read_bytes() == before
    assert caught.value.message.startswith(f"{path}: ")
    assert "left as it is" in caught.value.message
    return caught.value.message


class TestTornTails:
    """A torn tail is cut at a line; nothing before it is lost."""

    def test_cut_at_every_byte_of_the_last_entry(self, path: Path) -> None:
        whole = file_of(line(1), line(2))
        first = whole.index(b",\n")
        for length in range(first, len(whole)):
            path.write_bytes(whole[:length])
            shutil.rmtree(path.parent / STATE_DIRECTORY, ignore_errors=True)
            store = JsonStore(path.parent, files=Files())
            found = [one.task_id for one in store.records("def-1")]
            store.close()
            assert found == (["t2", "t1"] if length >= whole.index(b"\n]\n") else ["t1"])
            assert tasks(path.parent) == found[::-1]

    @pytest.mark.parametrize("before", [0, 1])
    @pytest.mark.parametrize("padding", [0, 4096])
    def test_broken_off_after_every_byte_of_an_append(self, path: Path, before: int, padding: int) -> None:
        kept = [line(number) for number in range(before)]
        start = file_of(*kept, padding=padding)
        tail = start.index(b"\n]\n") if kept else 2
        written = file_of(*kept, line(8), line(9))[tail:]
        for count in range(len(written)):
            path.write_bytes(start[:tail] + written[:count] + start[tail + count :])
            found = opened(path)
            assert found[:before] == [f"t{number}" for number in range(before)]
            assert found[before:] in ([], ["t8"], ["t8", "t9"])

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_power_lost_any_sector_old_or_new(self, path: Path, data: st.DataObject) -> None:
        bare = len(file_of(line(0), line(1, input_context={"x": ""}))) - len(b"\n]\n")
        near_an_edge = st.sampled_from([508, 509, 510, 511, 0, 1]) | st.integers(0, SECTOR - 1)
        filler = (data.draw(near_an_edge, label="where the tail is in its sector") - bare) % SECTOR
        kept = [line(0), line(1, input_context={"x": "y" * filler})]
        new = [line(8, input_context={"x": "z" * data.draw(st.integers(0, 2000))}), line(9)]
        padding = data.draw(st.sampled_from([0, 16384]))
        start = file_of(*kept)
        start += (PADDING_LINE * 400)[: -len(start) % 16384] if padding else b""
        tail = start.index(b"\n]\n")
        after = start[:tail] + file_of(*kept, *new)[tail:]
        after += start[len(after) :]
        old = start + b"\0" * (len(after) - len(start))
        sectors = range(tail // SECTOR, -(-len(after) // SECTOR))
        kinds = data.draw(st.lists(st.booleans(), min_size=len(sectors), max_size=len(sectors)))
        mixed = bytearray(old)
        for sector, is_new in zip(sectors, kinds, strict=True):
            if is_new:
                part = slice(sector * SECTOR, (sector + 1) * SECTOR)
                mixed[part] = after[part]
        length = data.draw(st.sampled_from([len(mixed), max(len(start), len(mixed) - len(mixed) % SECTOR)]))
        path.write_bytes(bytes(mixed[:length]))
        found = opened(path)
        assert found[:2] == ["t0", "t1"]
        assert found[2:] in ([], ["t8"], ["t9"], ["t8", "t9"])

    def test_it_is_logged(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path.write_bytes(file_of(line(1), line(2))[:-40])
        with caplog.at_level(logging.WARNING):
            opened(path)
        assert "broken off by a crash" in caplog.text
        assert "behind entry 1 are cut off, and kept in" in caplog.text

    def test_a_directory_that_is_only_read_gets_no_repair(self, path: Path) -> None:
        torn = file_of(line(1), line(2))[:-40]
        path.write_bytes(torn)
        files = Files()
        files.fail = lambda _call, _data: system_error(READ_ONLY)
        store = JsonStore(path.parent, files=files)
        assert [one.task_id for one in store.records("def-1")] == ["t1"]
        assert [one.task_id for one in store.records("def-1")] == ["t1"]
        store.close()
        assert path.read_bytes() == torn


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a NUL byte in an entry": lambda text: text.replace(b'"t2"', b'"t2\0"'),
    "a line of zeros": lambda text: text.replace(line(2), bytes(len(line(2)))),
    "zeros in two lines": lambda text: text.replace(line(2)[200:] + b",\n" + line(3)[:90], bytes(400)),
    "old padding in an entry": lambda text: text.replace(line(2), line(2)[:200] + PADDING_LINE * 2 + line(2)[328:]),
    "zeros at the beginning": lambda text: text.replace(line(0), bytes(len(line(0)))),
    "a NUL byte in the last entry": lambda text: text.replace(b'"t5"', b'"t5\0"'),
}


class TestDamage:
    """Entries behind damage in the middle are never lost, nor are the damaged bytes, if they say anything."""

    @pytest.mark.parametrize("running", [False, True])
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_what_is_whole_is_kept(self, path: Path, damage: Callable[[bytes], bytes], running: bool) -> None:
        before = file_of(*map(line, range(6)))
        path.write_bytes(before)
        store = JsonStore(path.parent, files=Files())
        if not running:
            store.close()
        text = path.read_bytes() if running else before
        damaged = damage(text)
        copy = path.with_name("copy")
        copy.write_bytes(damaged)
        copy.replace(path)
        if not running:
            store = JsonStore(path.parent, files=Files())
        whole = [f"t{number}" for number in range(6) if line(number) in damaged]
        assert len(whole) >= 4
        with contextlib.suppress(StateError):
            store.records("def-1")  # tells once that some are missing
        assert [one.task_id for one in reversed(store.records("def-1"))] == whole
        store.add_record(record("new"))
        store.close()
        assert sorted(tasks(path.parent)) == sorted([*whole, "new"])
        kept = b"".join(each.read_bytes() for each in store.set_aside())
        written = path.read_bytes()
        for piece in damaged.replace(PADDING_LINE, b"\0").replace(b"\n", b"\0").split(b"\0"):
            for part in piece.strip(b" ,[]").split(b"},\n"):
                assert part in kept or part in written

    @pytest.mark.parametrize("bytes_", [b"\xff", b"\0"], ids=["no UTF-8", "NUL"])
    @pytest.mark.parametrize("noticed", [False, True])
    def test_damage_in_place_while_it_is_in_use(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, bytes_: bytes, noticed: bool
    ) -> None:
        """Whether it was noticed that the file changed, or only that an entry in it is none any more."""
        path.write_bytes(file_of(*map(line, range(3))))
        store = JsonStore(path.parent, files=Files())
        add(store, worker())
        assert len(store.records("def-1")) == 3
        monkeypatch.setattr(performance_file, "_LOOK_SECONDS", 0 if noticed else 1e9)
        with path.open("r+b") as file:
            file.seek(path.read_bytes().index(b'"t1"') + 2)
            file.write(bytes_)
        if noticed and bytes_ == b"\0":
            with pytest.raises(StateError, match="entries that were stored are not in it any more"):
                store.records("def-1")
            assert len(store.records("def-1")) == 2
        else:
            for ask in (lambda: store.records("def-1"), lambda: list(store.entries())):
                with pytest.raises(StateError, match="line 3, column") as caught:
                    ask()
                assert caught.value.code == 18
        with contextlib.suppress(StateError):
            store.close()

    def test_a_store_that_is_only_read_refuses_it(self, path: Path) -> None:
        path.write_bytes(DAMAGES["a line of zeros"](file_of(*map(line, range(6)))))
        before, files = path.read_bytes(), Files()
        files.fail = lambda _call, _data: system_error(READ_ONLY)
        with pytest.raises(StateError, match=r"line 4, column 1 \(entry 3\)"):
            JsonStore(path.parent, files=files)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("call", ["write", "sync", "replace"])
    def test_a_repair_that_fails_leaves_the_file(self, path: Path, call: str) -> None:
        path.write_bytes(DAMAGES["a line of zeros"](file_of(*map(line, range(6)))))
        before, files = path.read_bytes(), Files()
        files.fail = lambda name, _data: system_error(FULL) if name == call else None
        with pytest.raises(NeuroScriptError):
            JsonStore(path.parent, files=files)
        assert path.read_bytes() == before
        assert opened(path) == ["t0", "t1", "t3", "t4", "t5"]


def lost(number: int, **more: Any) -> PerformanceRecord:
    """The record that a call gets whose process died."""
    return record(f"t{number}", success=False, llm_metrics={"total_tokens": 2, "lost": True}, cost_incurred=0.5, **more)


class TestRecordsThatComeBack:
    """A summary counts a record once that was missing in the file, and comes back from the notes of a dead process."""

    @pytest.mark.parametrize("left", [0, 2, 5])
    def test_each_is_counted_once(self, path: Path, left: int, caplog: pytest.LogCaptureFixture) -> None:
        store = JsonStore(path.parent, files=Files())
        add(store, worker())
        for number in range(6):
            store.add_record(record(f"t{number}", cost_incurred=1.0))
        store.close()
        before, lines = store_summary(path), path.read_bytes().split(b"\n")[1:7]
        path.write_bytes(file_of(*(each.rstrip(b",") for each in lines[:left])))
        shutil.rmtree(path.parent / STATE_DIRECTORY / "index")  # a process that died left none
        (path.parent / STATE_DIRECTORY / "in-flight-1.log").touch()
        store = JsonStore(path.parent, files=Files())
        assert f"{6 - left} records that the summaries" in caplog.text
        assert "noted of its calls comes back now" in caplog.text
        for number in range(left, 6):
            store.add_record(lost(number))
            assert store.summary("def-1") == before
        store.close()
        assert store_summary(path) == before

    def test_others_count_as_always(self, path: Path) -> None:
        store = JsonStore(path.parent, files=Files())
        add(store, worker())
        for number in range(6):
            store.add_record(record(f"t{number}"))
        store.close()
        path.unlink()
        shutil.rmtree(path.parent / STATE_DIRECTORY / "index")
        store = JsonStore(path.parent, files=Files())
        store.add_record(lost(1))
        assert store.summary("def-1").total_tasks_attempted == 6
        store.add_record(record("t7"))
        assert store.summary("def-1").total_tasks_attempted == 7
        later = Timestamp.from_unix(NOON + 60)
        store.add_record(lost(8, timestamp_start=later, timestamp_end=later))
        assert store.summary("def-1").total_tasks_attempted == 8
        store.close()
        assert store_summary(path).total_tasks_attempted == 8


def store_summary(path: Path) -> AIWorkerPerformanceSummary:
    """The summary at the next start."""
    store = JsonStore(path.parent, files=Files())
    found = store.summary("def-1")
    store.close()
    return found


class TestOtherLayouts:
    """A person or another program may write the file anew."""

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps([entry(1), entry(2)]),
            json.dumps([entry(1), entry(2)], indent=2),
            "\ufeff" + json.dumps([entry(1), entry(2)], indent="\t", ensure_ascii=False) + "\n\n",
            json.dumps([entry(1), entry(2)]).replace("}, {", "}\r\n,\r\n{"),
            "[\n" + ",\n".join(json.dumps(entry(number)) for number in (1, 2)) + "\n]",
            "[\n" + ",\n".join(json.dumps(entry(number)) for number in (1, 2)) + "]",
        ],
        ids=["one line", "indented", "tabs and a mark", "CRLF", "an entry a line", "no line end"],
    )
    def test_it_is_read_and_becomes_an_entry_a_line(self, path: Path, text: str) -> None:
        path.write_text(text, "utf-8", newline="")
        assert opened(path) == ["t1", "t2"]
        assert path.read_bytes().count(b"\n") == 5

    @pytest.mark.parametrize("text", ["", " \n", "[]", "[\n]\n", "[ ]", "[\n\n]"])
    def test_nothing(self, path: Path, text: str) -> None:
        path.write_text(text)
        JsonStore(path.parent, files=Files()).close()
        assert entries(path.parent) == []
        assert opened(path) == []

    def test_the_other_spelling_and_unknown_keys(self, path: Path) -> None:
        inner = entry(1)["performance_records"][0]
        inner["taskId"], inner["shard"] = inner.pop("task_id"), 7
        path.write_text(json.dumps([{"instanceId": "i", "performanceRecords": [inner], "region": "eu"}]))
        assert opened(path) == ["t1"]
        first = entries(path.parent)[0]
        assert first["instance_id"] == "i"
        assert first["region"] == "eu"
        assert first["performance_records"][0]["shard"] == 7

    def test_the_other_spelling_an_entry_a_line(self, path: Path) -> None:
        spelled = json.dumps(entry(1)).replace("task_id", "taskID")
        path.write_text(f"[\n{spelled}\n]\n")
        assert opened(path) == ["t1"]

    def test_of_two_entries_of_an_instance_the_later_counts(self, path: Path) -> None:
        path.write_text(json.dumps([entry(1) | {"region": "old"}, entry(2), entry(1) | {"region": "new"}]))
        assert sorted(opened(path)) == ["t1", "t2"]
        assert {one.get("region") for one in entries(path.parent)} == {None, "new"}

    def test_an_element_longer_than_what_is_read_at_once(self, path: Path) -> None:
        big = entry(1) | {"blob": "x" * 3_000_000}
        path.write_text(json.dumps([big, entry(2)], indent=1))
        assert opened(path) == ["t1", "t2"]
        assert entries(path.parent)[0]["blob"] == big["blob"]

    def test_another_program_may_rewrite_it_while_it_is_open(self, path: Path) -> None:
        path.write_bytes(file_of(line(1)))
        store = JsonStore(path.parent)
        store.add_record(record("t2"))
        path.write_text(json.dumps([entry(7), entry(8)], indent=2))
        store.add_record(record("t9"))
        with pytest.raises(StateError, match="2 entries that were stored are not in it any more"):
            store.summary("def-1")
        assert sorted(tasks(path.parent)) == ["t7", "t8", "t9"]
        assert store.summary("def-1").total_tasks_attempted == 3
        store.close()

    def test_a_person_may_edit_it_in_place(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(performance_file, "_LOOK_SECONDS", 0)
        store = JsonStore(path.parent)
        store.add_record(record("t1", output_summary="before"))
        assert [one.output_summary for one in store.records("def-1")] == ["before"]
        text = path.read_bytes().replace(b'"before"', b'"after!"')
        with path.open("r+b") as file:
            file.write(text)
        assert [one.output_summary for one in store.records("def-1")] == ["after!"]
        store.add_record(record("t2"))
        assert sorted(tasks(path.parent)) == ["t1", "t2"]
        store.close()

    def test_a_person_may_replace_it_with_an_edited_copy(self, path: Path) -> None:
        store = JsonStore(path.parent)
        store.add_record(record("t1"))
        edited = path.with_name("edited")
        edited.write_bytes(path.read_bytes().replace(b'"t1"', b'"u1"'))
        edited.replace(path)
        store.add_record(record("t2"))
        assert sorted(tasks(path.parent)) == ["t2", "u1"]
        assert {one.task_id for one in store.records("def-1")} == {"t2", "u1"}
        store.close()

    def test_or_take_it_away(self, path: Path) -> None:
        path.write_bytes(file_of(line(1)))
        store = JsonStore(path.parent)
        path.unlink()
        with pytest.raises(StateError, match="not in it any more: stateless-t1; if they were taken out on purpose"):
            store.records("def-1")
        assert store.records("def-1") == []
        store.add_record(record("t2"))
        assert tasks(path.parent) == ["t2"]
        store.close()


class TestBrokenFiles:
    """A file that is not valid is never written to: file, line, column and entry are named, and how to go on."""

    def test_a_line_in_the_middle(self, path: Path) -> None:
        path.write_bytes(file_of(line(1), line(2)[:-5], line(3)))
        assert "line 3, column" in refused(path)
        assert "(entry 2)" in refused(path)

    def test_the_last_line_though_the_bracket_is_there(self, path: Path) -> None:
        path.write_bytes(file_of(line(1), line(2)[:-5]))
        assert "(entry 2)" in refused(path)

    def test_something_behind_the_array(self, path: Path) -> None:
        path.write_bytes(file_of(line(1)) + b"oops\n")
        assert "line 4, column 1" in refused(path)
        assert "behind the end of the array" in refused(path)

    def test_a_missing_comma(self, path: Path) -> None:
        path.write_bytes(file_of(line(1), line(2)).replace(b",\n{", b"\n{"))
        assert "expected , or ] after an element" in refused(path)

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("{}", "line 1, column 1 (entry 1): expected an array"),
            ("[", "the array is not closed|expecting value"),
            ("[" * 100_000, "nested too deeply"),
        ],
    )
    def test_other_things(self, path: Path, text: str, what: str) -> None:
        path.write_text(text)
        message = refused(path)
        assert any(part in message for part in what.split("|"))

    def test_bytes_that_are_not_utf_8(self, path: Path) -> None:
        path.write_bytes(file_of(line(1), line(2).replace("ü".encode(), b"\xff")))
        message = refused(path)
        assert "line 3, column" in message
        assert "(entry 2): a byte here is not UTF-8" in message

    @pytest.mark.parametrize(
        "text", [b"\xff" + file_of(line(1)), file_of(line(1)).decode().encode("utf-16"), b" \n\xff", b"[]\n\xff"]
    )
    def test_bytes_that_are_not_utf_8_around_the_array(self, path: Path, text: bytes) -> None:
        path.write_bytes(text)
        assert "a byte here is not UTF-8" in refused(path)

    def test_definitions_too(self, tmp_path: Path) -> None:
        path = tmp_path / DEFINITIONS_FILE
        path.write_text('[\n  {"name": "a", "provider": "local"\n  "modelName": "m"}\n]')
        assert "line 3, column 3 (entry 1): expecting ',' delimiter" in refused(path)
        path.write_text('{"aiWorkerDefinitions": [{}, {"name": }]}')
        assert "column 39 (entry 2)" in refused(path)
        path.write_text('{"somethingElse": []}')
        assert "aiWorkerDefinitions" in refused(path)

    def test_a_key_in_a_bad_file_is_not_shown(self, tmp_path: Path) -> None:
        path = tmp_path / DEFINITIONS_FILE
        secret = {"method": "inline", "value": "sk-secret"}
        path.write_text(json.dumps([{"name": "a", "provider": "x", "modelName": "m", "auth": secret}]) + "]")
        assert "sk-secret" not in refused(path)

    def test_a_directory_in_its_place(self, path: Path) -> None:
        path.mkdir()
        with pytest.raises(Exception, match="it is a directory, not a regular file"):
            JsonStore(path.parent)
        assert os.listdir(path) == []


class TestIsTorn:
    @pytest.mark.parametrize("rest", [b"", b"\n", b",", b",\n", b",]\n", b",\n{", b',\n{"inst', b"\n  \n", b",\n{\n"])
    def test_yes(self, rest: bytes) -> None:
        assert is_torn(rest, 1000)

    @pytest.mark.parametrize(
        "rest", [b"]", b",\n]", b",\n{}\n]\n", b",\nnull", b"\n]\nx", b',\n{"name":', b',\n{"instance_id":"a"\n]\n']
    )
    def test_no(self, rest: bytes) -> None:
        assert not is_torn(rest, 1000)
