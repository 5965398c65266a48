"""The files of a journal: what a crash, a full disk, damage and another release leave of them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from neuroscript import Interpreter, Journal, NeuroScriptError, StateError
from neuroscript.journal import Entry, Header
from neuroscript.journal.entries import BEGUN, DONE
from neuroscript.journal.index import FILE
from neuroscript.sandbox.protection import JOURNAL_DIRECTORY

HEADER = Header("main", "[]", "", "program", "seed", "versions")


def call(*path: int, state: str = DONE, result: str = "1") -> Entry:
    return Entry(path, "w.Act", "digest", "once", state, result, begun=float(path[0]))


def log_of(directory: Path) -> Path:
    """The only file that is appended to."""
    [found] = (directory / JOURNAL_DIRECTORY).glob("*.log")
    return found


def written(directory: Path, *entries: Entry) -> None:
    """Writes a run in a process that dies without closing its journal."""
    code = (
        "import os, sys; from neuroscript import Journal\n"
        "from tests.journal.test_files import HEADER, Entry\n"
        f"journal = Journal.open(sys.argv[1]); info = journal.claim('r', HEADER)\n"
        f"for entry in {list(entries)!r}: journal.end('r', info.fence, entry, durable=True)\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True, timeout=60)


def test_what_a_process_appended_is_there_when_it_has_died(tmp_path: Path) -> None:
    written(tmp_path, call(1), call(2, 1), call(2))
    log = log_of(tmp_path)
    with Journal.open(tmp_path) as journal:
        assert journal.entries("r") == [call(1), call(2, 1), call(2)]
        assert not journal.is_going_on("r")
        info = journal.claim("r", HEADER)
        assert (info.state, info.fence, info.starts) == ("running", 2, 2)
        journal.end("r", info.fence, call(3), durable=True)
    assert not log.exists(), "it is in the index now"
    with Journal.open(tmp_path) as journal:
        assert len(journal.entries("r")) == 3 + 1
    assert list((tmp_path / JOURNAL_DIRECTORY).glob("*.log*")) == []


@pytest.mark.parametrize("lost", [1, 20, 70])
def test_a_line_that_was_cut_off_is_none(tmp_path: Path, lost: int) -> None:
    written(tmp_path, call(1), call(2))
    log = log_of(tmp_path)
    content = log.read_bytes()
    whole = content.rstrip(b"\0")
    log.write_bytes(whole[:-lost].ljust(len(content), b"\0"))
    with Journal.open(tmp_path) as journal:
        assert [entry.path for entry in journal.entries("r")] == [(1,)]
        info = journal.claim("r", HEADER)
        journal.end("r", info.fence, call(2, result="again"), durable=True)
        assert [entry.result for entry in journal.entries("r")] == ["1", "again"]


def test_damage_in_the_middle_is_told_and_not_passed_over(tmp_path: Path) -> None:
    written(tmp_path, call(1), call(2))
    log = log_of(tmp_path)
    content = bytearray(log.read_bytes())
    content[30] ^= 1
    log.write_bytes(content)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(NeuroScriptError, match=r"the journal is damaged: .* has a bad line at byte 0") as damage:
            journal.runs()
        assert damage.value.code == 26


def test_a_journal_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    path = tmp_path / JOURNAL_DIRECTORY / FILE
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(StateError, match="is a journal of version 7; this release reads version 1") as refusal:
        Journal.open(tmp_path)
    assert refusal.value.code == 18
    path.write_bytes(b"no database at all, but text" * 100)
    with pytest.raises(StateError, match="is no journal"):
        Journal.open(tmp_path)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_something_else_in_the_place_of_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / JOURNAL_DIRECTORY
    place.mkdir()
    if kind == "link":
        (place / FILE).symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(place / FILE)
    else:
        (place / FILE).mkdir()
    with pytest.raises(NeuroScriptError, match=r"cannot be opened: .*it is a"):
        Journal.open(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_its_files_are_the_users_alone(tmp_path: Path) -> None:
    os.umask(before := os.umask(0))
    os.umask(0)
    try:
        with Journal.open(tmp_path / "new") as journal:
            journal.claim("r", HEADER)
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").rglob("*")}
            directories = {path.name for path in (tmp_path / "new").rglob("*") if path.is_dir()}
    finally:
        os.umask(before)
    assert {modes[name] for name in directories} == {0o700}
    assert {mode for name, mode in modes.items() if name not in directories} == {0o600}


def test_a_run_has_one_owner(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as one, Journal.open(tmp_path) as other:
        info = one.claim("r", HEADER)
        assert other.is_going_on("r")
        with pytest.raises(StateError, match=rf"'r' is going on already by process {os.getpid()} on .*, since 20"):
            other.claim("r", HEADER)
        with pytest.raises(StateError, match="going on already"):
            other.cancel("r")
        one.release("r")
        assert other.claim("r", HEADER).fence == info.fence + 1
        with pytest.raises(StateError, match="has been taken over by a later start"):
            one.end("r", info.fence, call(1), durable=True)
        assert other.entries("r") == []


def test_only_the_start_after_a_failure_goes_on_at_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        info = journal.claim("r", HEADER)
        journal.finish("r", info.fence, "failed", '[1, "x", {}]', "it failed")
        journal.release("r")
        assert journal.claim("r", HEADER).ended
        journal.release("r")  # as by a crash: it did not end
        assert (journal.run("r").ended, journal.run("r").why) == (0, "")
        info = journal.claim("r", HEADER)
        assert not info.ended, "a failure that a handler of the script has seen is not made again"
        journal.finish("r", info.fence, "suspended", "", "it waits")
        journal.release("r")
        assert not journal.claim("r", HEADER).ended


def test_later_lines_win_whoever_folds_them_in(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as one, Journal.open(tmp_path) as other:
        info = one.claim("r", HEADER)
        one.begin("r", info.fence, call(1, state=BEGUN, result=""))
        one.release("r")
        other.resolve("r", "1", done=5)
        assert one.entries("r")[0].result == "5"
        info = other.claim("r", HEADER)
        other.end("r", info.fence, call(1, result="6"), durable=False)
        other.release("r")
    with Journal.open(tmp_path) as journal:
        assert [entry.result for entry in journal.entries("r")] == ["6"]


def test_threads_write_side_by_side(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        info = journal.claim("r", HEADER)

        def write(first: int) -> None:
            for number in range(20):
                journal.begin("r", info.fence, call(first, number))

        threads = [threading.Thread(target=write, args=(first,)) for first in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Journal.open(tmp_path) as journal:
        assert {entry.path for entry in journal.entries("r")} == {(a, b) for a in range(1, 9) for b in range(20)}


def test_payloads_are_there_until_they_are_applied(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        info = journal.claim("r", HEADER)
        for number in (1, 2):
            entry = Entry((number,), "ask", "d", "idempotent", DONE, payload=f"record {number}")
            journal.end("r", info.fence, entry, durable=True)
        journal.mark_applied("r", [(1,)])
    with Journal.open(tmp_path) as journal:
        assert [(run, entry.payload) for run, entry in journal.unapplied()] == [("r", "record 2")]


FULL = """
import resource, sys
from neuroscript import Interpreter, Journal, NeuroScriptError
from neuroscript.journal import segments

segments._sync = lambda file: None  # what is written counts here, not when
done = []
interpreter = Interpreter(plugins=False)
interpreter.tool("w.Act")(lambda n: done.append(n))
interpreter.load('''func main() means
  set i = 0
  on error do
    emit "a handler saw it"
    clear_error
  endon
  while i < 100000
    call tool.w.Act(i)
    set i = i + 1
  endwhile
endfunc''')
journal = Journal.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    interpreter.run("main", run_id="r", journal=journal)
except NeuroScriptError as error:
    print(len(done), int(error.code), error.message)
"""


@pytest.mark.parametrize("size", [1 << 16, (1 << 20) + 100])
def test_a_full_disk_ends_the_run_before_the_call(tmp_path: Path, size: int) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), str(size)], capture_output=True, text=True, timeout=100
    )
    count, code, message = process.stdout.split(maxsplit=2)
    assert "a handler saw it" not in process.stdout
    assert code == "26"
    assert "cannot be written" in message
    with Journal.open(tmp_path) as journal:
        entries = journal.entries("r")
        assert len(entries) >= int(count), "nothing was done that is not in the journal"


def test_no_file_tool_reaches_a_journal_in_the_sandbox(tmp_path: Path) -> None:
    with (
        Journal.open(tmp_path / "deep" / "down") as journal,
        Interpreter(sandbox=tmp_path, plugins=False) as interpreter,
    ):
        journal.claim("r", HEADER)
        session = interpreter.session()
        place = f"deep/down/{JOURNAL_DIRECTORY}"

        def refused(code: str) -> int:
            with pytest.raises(NeuroScriptError) as refusal:
                session.evaluate(code)
            return int(refusal.value.code)

        for code in (
            *(f'tool.fs.Read("{place}/{FILE}")', f'tool.fs.Write("{place}/x", "")', f'tool.fs.List("{place}")'),
            *(f'tool.fs.Delete("{place}", true)', f'tool.fs.Move("{place}", "mine")', 'tool.fs.Move("deep", "mine")'),
            f'tool.fs.Stat("deep/../{place}")',
        ):
            assert refused(code) in (10, 19, 22, 25, 34), code
        assert session.evaluate('tool.fs.List("deep/down")') == []
        assert (tmp_path / place / FILE).exists()


def test_a_reader_sees_what_another_journal_has_appended(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as writer, Journal.open(tmp_path) as reader:
        info = writer.claim("r", HEADER)
        for number in range(1, 6):
            writer.end("r", info.fence, call(number), durable=False)
            assert len(reader.entries("r")) == number
            assert reader.run("r").entries == number
