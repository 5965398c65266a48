"""Changes of definitions: durable when they are acknowledged, seen by every process, and not lost to an editor."""

from __future__ import annotations

import json
import logging
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.store import JsonStore, summaries
from ai_wm.store.definitions_file import DefinitionsFile
from ai_wm.store.definitions_journal import DEFINITIONS_JOURNAL
from ai_wm.store.engine import DEFINITIONS_FILE
from ai_wm.store.state_directory import STATE_DIRECTORY
from neuroscript import NeuroScriptError

from .support import Disk, Files, PowerLost, add, definitions, record, reopened, worker

KEY = "sk-0123456789abcdef"


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file is written with every change, or follows later."""
    if request.param == "large":
        monkeypatch.setattr(summaries, "_SMALL", 0)
    return str(request.param)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file follows later, however few the definitions are."""
    monkeypatch.setattr(summaries, "_SMALL", 0)


@pytest.fixture
def pair(directory: Path) -> Iterator[tuple[JsonStore, JsonStore]]:
    """Two stores on a directory, as two processes have them."""
    first, second = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
    yield first, second
    first.close()
    second.close()


def named(store: JsonStore) -> dict[str, str]:
    """The names of the definitions by their ids, in order."""
    return {definition_id: definition.name for definition_id, definition in store.definitions().items()}


def in_file(directory: Path) -> dict[str, str]:
    """What other programs read of them."""
    return {one["definitionID"]: one["name"] for one in definitions(directory)}


def change(store: JsonStore, put: dict[str, str] | None = None, remove: str = "") -> None:
    """Name definitions, and remove some, in one change."""

    def make(all_: Any) -> None:
        for definition_id in remove:
            del all_[definition_id]
        for definition_id, name in (put or {}).items():
            all_[definition_id] = worker(name, definition_id)

    store.change_definitions(make)


def journal(directory: Path) -> Path:
    """The journal of the definitions."""
    return directory / STATE_DIRECTORY / DEFINITIONS_JOURNAL


@pytest.mark.usefixtures("size")
class TestChanges:
    def test_they_are_durable_when_they_are_acknowledged(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, tmp_path: Path
    ) -> None:
        steps: list[tuple[dict[str, str], str]] = [
            ({"1": "a"}, ""),
            ({"2": "b", "3": "c"}, ""),
            ({"1": "renamed"}, ""),
            ({}, "2"),
            ({"2": "again", "4": "d"}, "1"),
            ({"4": "moved"}, "4"),
        ]
        expected: dict[str, str] = {}
        for number, (put, remove) in enumerate(steps):
            for definition_id in remove:
                del expected[definition_id]
            expected |= put
            change(pair[number % 2], put, remove)
            for store in pair:
                assert list(named(store).items()) == list(expected.items())
            again = reopened(directory, tmp_path / "copy")
            assert list(named(again).items()) == list(expected.items())
            assert in_file(tmp_path / "copy") == expected
            again.close()

    def test_closing_and_saving_leave_the_file_as_they_are(
        self, pair: tuple[JsonStore, JsonStore], directory: Path
    ) -> None:
        for end in (JsonStore.save, JsonStore.close):
            change(pair[0], {"1": str(end)})
            end(pair[0])
            assert in_file(directory) == {"1": str(end)}

    def test_the_file_follows_by_itself(self, pair: tuple[JsonStore, JsonStore], directory: Path) -> None:
        change(pair[0], {"1": "a"})
        deadline = time.monotonic() + 20
        while in_file(directory) != {"1": "a"} and time.monotonic() < deadline:
            time.sleep(0.05)
        assert in_file(directory) == {"1": "a"}

    def test_a_line_that_a_crash_tore_is_not_read(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, tmp_path: Path
    ) -> None:
        change(pair[0], {"1": "a"})
        shutil.copytree(directory, tmp_path / "copy")
        with journal(tmp_path / "copy").open("ab") as file:
            file.write(b'\n{"changes":[["2","",{"name"')
        again = JsonStore(tmp_path / "copy", files=Files())
        change(again, {"3": "c"})
        assert named(again) == {"1": "a", "3": "c"}
        third = reopened(tmp_path / "copy", tmp_path / "third")
        assert named(third) == {"1": "a", "3": "c"}
        for store in (again, third):
            store.close()

    def test_an_interruption_in_the_middle_leaves_what_is_durable(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change(pair[0], {"1": "a"})
        with monkeypatch.context() as patch:
            patch.setattr(summaries.Summaries, "_put", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                change(pair[0], {"2": "b"})
        again = reopened(directory, tmp_path / "copy")
        assert named(pair[0]) == named(pair[1]) == named(again) == {"1": "a", "2": "b"}
        again.close()

    def test_no_other_process_reads_the_file_again(
        self, pair: tuple[JsonStore, JsonStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change(pair[0], {"1": "a"})
        assert named(pair[1]) == {"1": "a"}
        monkeypatch.setattr(DefinitionsFile, "load", lambda _: pytest.fail("the file was read again"))
        for number in range(5):
            change(pair[number % 2], {"2": f"b{number}"})
            pair[number % 2].save()
            assert named(pair[1 - number % 2]) == {"1": "a", "2": f"b{number}"}

    def test_a_key_is_in_the_journal_only_until_the_file_holds_it(
        self, pair: tuple[JsonStore, JsonStore], directory: Path
    ) -> None:
        add(pair[0], worker("a", "1", auth={"method": "inline", "value": KEY}))
        add(pair[0], worker("b", "2", base_config={"headers": {"X-Key": KEY + "2"}}))
        assert stat.S_IMODE(journal(directory).stat().st_mode) == 0o600
        pair[0].save()
        assert KEY not in journal(directory).read_text()
        assert KEY in (directory / DEFINITIONS_FILE).read_text()
        change(pair[1], remove="12")
        pair[1].save()
        assert KEY not in journal(directory).read_text() + (directory / DEFINITIONS_FILE).read_text()

    def test_the_journal_does_not_grow_for_ever(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(summaries, "_JOURNAL_BYTES", 2000)
        for number in range(40):
            change(pair[number % 2], {"1": f"a{number}"})
            pair[number % 2].save()
            assert named(pair[1 - number % 2]) == {"1": f"a{number}"}
        assert journal(directory).stat().st_size < 4000


@pytest.mark.usefixtures("large")
class TestRemovedFiles:
    @pytest.mark.parametrize("removed", [DEFINITIONS_FILE, f"{STATE_DIRECTORY}/{DEFINITIONS_JOURNAL}", STATE_DIRECTORY])
    @pytest.mark.parametrize("saved", [False, True])
    def test_nothing_is_lost(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, tmp_path: Path, removed: str, saved: bool
    ) -> None:
        change(pair[0], {"1": "a", "2": "b"})
        pair[0].save()
        change(pair[0], {"2": "changed", "3": "c"})
        if saved:
            pair[0].save()
        assert len(named(pair[1])) == 3
        path = directory / removed
        (shutil.rmtree if path.is_dir() else Path.unlink)(path)
        change(pair[1], {"4": "d"}, "1")
        expected = {"2": "changed", "3": "c", "4": "d"}
        assert named(pair[0]) == named(pair[1]) == expected
        pair[1].save()
        again = reopened(directory, tmp_path / "copy")
        assert named(again) == in_file(tmp_path / "copy") == expected
        again.close()


@pytest.mark.usefixtures("size")
class TestAFileThatSaysNothing:
    """Whoever wants to remove all definitions writes ``[]``; an empty file is no statement, nor is a missing one."""

    @pytest.mark.parametrize("empty", ["", " \n", "\ufeff"])
    @pytest.mark.parametrize("step", ["ask", "add", "record"])
    def test_an_editor_empties_it_and_writes_it_then(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, tmp_path: Path, empty: str, step: str
    ) -> None:
        change(pair[0], {"1": "a", "2": "b", "3": "c"})
        change(pair[1], remove="3")
        pair[0].save()
        path, expected = directory / DEFINITIONS_FILE, {"1": "a", "2": "b"}
        with path.open("r+") as editor:
            text = editor.read().replace('"a"', '"by hand"')
            editor.seek(0)
            editor.truncate()
            editor.write(empty)
            editor.flush()
            if step == "add":
                change(pair[0], {"4": "d"})
                expected["4"] = "d"
            elif step == "record":
                pair[0].add_record(record("t", definition_id="1"))
            for store in pair:
                assert named(store) == expected
                store._flush()
            again = reopened(directory, tmp_path / "copy")
            assert named(again) == expected
            again.close()
            editor.seek(0)
            editor.write(text)
        expected["1"] = "by hand"
        assert named(pair[1]) == named(pair[0]) == expected
        for store in pair:
            store.close()
        assert in_file(directory) == expected

    def test_one_that_stays_empty_is_written_anew(
        self, pair: tuple[JsonStore, JsonStore], directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change(pair[0], {"1": "a", "2": "b"})
        pair[0].save()
        (directory / DEFINITIONS_FILE).write_text("")
        assert named(pair[0]) == named(pair[1]) == {"1": "a", "2": "b"}
        with pytest.raises(NeuroScriptError, match="emptied by another program") as caught:
            pair[0].save()
        assert caught.value.code == 18
        monkeypatch.setattr(summaries, "_BLANK_SECONDS", 0)
        pair[0].save()
        assert in_file(directory) == named(pair[1]) == {"1": "a", "2": "b"}

    @pytest.mark.parametrize("how", ["emptied", "removed"])
    @pytest.mark.parametrize("edited", [None, "at work", "stopped"])
    def test_all_come_back_at_a_start(
        self, directory: Path, how: str, edited: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = JsonStore(directory, files=Files())
        path, expected = directory / DEFINITIONS_FILE, {"1": "a", "2": "b"}
        change(store, {"1": "a", "2": "b", "3": "c"})
        change(store, remove="3")
        store.save()
        if edited:
            if edited == "stopped":
                store.close()
            written = definitions(directory)
            rename(written)
            new(written)
            path.write_text(json.dumps(written))
            expected = {"1": "by hand", "2": "b", "9": "new"}
            store = store if edited == "at work" else JsonStore(directory, files=Files())
            assert named(store) == expected
        store.close()
        path.write_text("") if how == "emptied" else path.unlink()
        with caplog.at_level(logging.WARNING):
            store = JsonStore(directory, files=Files())
        assert ("has nothing in it" if how == "emptied" else "is missing") in caplog.text
        assert named(store) == expected
        store.close()
        assert in_file(directory) == expected

    def test_those_with_keys_are_not_kept_elsewhere(self, directory: Path) -> None:
        store = JsonStore(directory, files=Files())
        add(store, worker("a", "1", auth={"method": "inline", "value": KEY}))
        add(store, worker("b", "2"))
        store.close()
        assert KEY not in journal(directory).read_text()
        (directory / DEFINITIONS_FILE).unlink()
        store = JsonStore(directory, files=Files())
        assert named(store) == {"2": "b"}
        store.close()

    def test_an_empty_list_removes_all(self, pair: tuple[JsonStore, JsonStore], directory: Path) -> None:
        change(pair[0], {"1": "a"})
        pair[0].save()
        (directory / DEFINITIONS_FILE).write_text("[]")
        assert named(pair[0]) == named(pair[1]) == {}
        (directory / DEFINITIONS_FILE).unlink()
        for store in pair:
            store.close()
        again = JsonStore(directory, files=Files())
        assert named(again) == {}
        again.close()


Edit = Callable[[list[dict[str, Any]]], Any]


def rename(written: list[dict[str, Any]]) -> None:
    written[0]["name"] = "by hand"


def new(written: list[dict[str, Any]]) -> None:
    written.append(json.loads(json.dumps(written[0])) | {"definitionID": "9", "name": "new"})


def nothing(_: list[dict[str, Any]]) -> None:
    """The editor only saves."""


class TestEditors:
    """An editor has the file open, and saves what it read, edited, over what was changed since."""

    EDITS = pytest.mark.parametrize(("edit", "more"), [(nothing, {}), (rename, {"1": "by hand"}), (new, {"9": "new"})])

    @pytest.fixture(params=["at work", "stopped"])
    def at_work(self, request: pytest.FixtureRequest) -> bool:
        """Whether the store is open when the editor saves."""
        return bool(request.param == "at work")

    def edited(self, store: JsonStore, directory: Path, at_work: bool, edit: Edit, read: bytes) -> JsonStore:
        if not at_work:
            store.close()
        written = json.loads(read)
        edit(written)
        (directory / DEFINITIONS_FILE).write_text(
            json.dumps(written, indent=2) if edit is not nothing else read.decode()
        )
        return store if at_work else JsonStore(directory, files=Files())

    @EDITS
    @pytest.mark.usefixtures("size")
    def test_of_the_present_state(self, directory: Path, at_work: bool, edit: Edit, more: dict[str, str]) -> None:
        """What a person writes holds."""
        store = JsonStore(directory, files=Files())
        change(store, {"1": "a", "2": "b"})
        store.save()
        store = self.edited(store, directory, at_work, edit, (directory / DEFINITIONS_FILE).read_bytes())
        assert named(store) == {"1": "a", "2": "b"} | more
        change(store, {"3": "c"})
        assert named(store) == {"1": "a", "2": "b"} | more | {"3": "c"}
        store.close()
        assert in_file(directory) == {"1": "a", "2": "b"} | more | {"3": "c"}

    @EDITS
    @pytest.mark.usefixtures("size")
    def test_of_an_older_state(
        self, directory: Path, at_work: bool, edit: Edit, more: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """What was changed since comes back, and the rest of what a person writes holds."""
        store = JsonStore(directory, files=Files())
        change(store, {"1": "a", "2": "b"})
        store.save()
        read = (directory / DEFINITIONS_FILE).read_bytes()
        change(store, {"2": "changed"})
        store.save()
        with caplog.at_level(logging.WARNING):
            store = self.edited(store, directory, at_work, edit, read)
            assert named(store) == {"1": "a", "2": "changed"} | more
        assert "did not know the latest changes of the definition 2; these are put back" in caplog.text
        store.close()
        assert in_file(directory) == {"1": "a", "2": "changed"} | more

    @pytest.mark.usefixtures("size")
    def test_without_what_was_added_since_says_so(
        self, directory: Path, at_work: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may have been taken out on purpose."""
        store = JsonStore(directory, files=Files())
        change(store, {"1": "a"})
        store.save()
        read = (directory / DEFINITIONS_FILE).read_bytes()
        change(store, {"2": "b"})
        store.save()
        with caplog.at_level(logging.WARNING):
            store = self.edited(store, directory, at_work, rename, read)
            assert named(store) == {"1": "by hand"}
        assert "was written by another program without the definition 2" in caplog.text
        store.close()

    @pytest.mark.usefixtures("large")
    def test_what_the_file_does_not_hold_yet_is_never_lost(
        self, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = JsonStore(directory, files=Files())
        change(store, {"1": "a", "2": "b", "3": "c"})
        store.save()
        change(store, {"1": "journaled", "4": "d"}, "3")
        with caplog.at_level(logging.WARNING):
            store = self.edited(store, directory, True, rename, (directory / DEFINITIONS_FILE).read_bytes())
            assert named(store) == {"1": "journaled", "2": "b", "4": "d"}
        assert "changed by another program while this one changed the definition 1 too" in caplog.text
        again = reopened(directory, tmp_path / "copy")
        assert named(again) == in_file(tmp_path / "copy") == named(store)
        [aside] = (tmp_path / "copy" / STATE_DIRECTORY / "quarantine").iterdir()
        assert json.loads(aside.read_text())["name"] == "by hand"
        again.close()
        store.close()
        assert in_file(directory) == {"1": "journaled", "2": "b", "4": "d"}


Step = Callable[[JsonStore], Any]
STEPS: dict[str, Step] = {
    "add": lambda store: change(store, {"4": "d"}),
    "change": lambda store: change(store, {"1": "changed"}),
    "remove": lambda store: change(store, remove="2"),
    "all at once": lambda store: change(store, {"1": "changed", "4": "d"}, "2"),
    "an inline key": lambda store: add(store, worker("k", "4", auth={"method": "inline", "value": KEY})),
    "save": JsonStore.save,
    "close": JsonStore.close,
}


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_power_lost_before_any_call_of_a_step(tmp_path: Path, step: Step) -> None:
    """Each change is there wholly or not at all, and there once it is acknowledged."""
    at, over = 0, False
    while not over:
        disk, place = Disk(), tmp_path / str(at)
        store = JsonStore(place / "sandbox", files=disk)
        change(store, {"1": "a", "2": "b"})
        change(store, {"3": "c"})
        store.add_record(record("t", definition_id="1"))
        before = named(store)
        disk.left = at
        try:
            step(store)
        except PowerLost:
            pass
        else:
            over = True
        lost = disk.lose(place / "sandbox", place / "lost")
        disk.left = 1_000_000
        after = before if step is JsonStore.close else named(store)
        again = JsonStore(lost, files=Files())
        if over:
            assert named(again) == after
        else:
            assert named(again) in (before, after)
        assert again.summary("1").total_tasks_attempted == 1
        again.close()
        assert in_file(lost) == named(JsonStore(lost, files=Files()))
        store.close()
        at += 1
    assert at > 1
