"""Programs that would fill the disk, or have files read that fill the memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.errors import ErrorCode
from neuroscript.sandbox.protection import Protection
from neuroscript.sandbox.sandbox import Sandbox

KIB = 1024


@pytest.fixture
def box(tmp_path: Path) -> Path:
    made = tmp_path / "box"
    made.mkdir()
    return made


def run(box: Path, body: str, before: str = "", **limits: int | None) -> tuple[int, str]:
    """Runs a procedure that would go on after every error; gives the code and message that end it."""
    lines = "\n".join(f"  {line}" for line in ["on error do", "  clear_error", "endon", *body.split("\n")])
    with Interpreter(plugins=False, sandbox=box, limits=Limits(**limits), emit=lambda value: None) as interpreter:
        interpreter.load(f"{before}\nfunc main() means\n{lines}\nendfunc\n")
        try:
            interpreter.run("main")
        except NeuroScriptError as error:
            return int(error.code), error.message
    return 0, ""


def size_of(box: Path) -> int:
    return sum(path.stat().st_size for path in box.rglob("*") if path.is_file())


def loop(body: str) -> str:
    return f'set i = 0\nset kib = "x" * 1024\nwhile i < 1000\n  set i = i + 1\n  {body}\nendwhile'


WRITES = {
    "new files": 'call tool.fs.Write("f" + i, kib)',
    "one file again and again": 'call tool.fs.Write("f", kib)',
    "appending": 'call tool.fs.Append("f", kib)',
    "bytes": 'call tool.fs.Write("f", tool.fs.ReadBytes("seed"))',
    "writing and deleting": 'call tool.fs.Write("f", kib)\n  call tool.fs.Delete("f")',
    "a callback": "call tool.list.Map([i], writer)",
    "an event": 'call tool.event.Emit("write", i)',
}
HELPERS = """
func writer(needs i) means
  return tool.fs.Write("f" + i, "x" * 1024)
endfunc
"""
HANDLER = """
on event "write" as e do
  call tool.fs.Append("f", "x" * 1024)
endon
"""


@pytest.mark.parametrize("body", WRITES.values(), ids=WRITES)
def test_a_run_writes_so_many_bytes_and_no_more(box: Path, body: str) -> None:
    """A loop that writes would fill the disk of everybody on the machine, in seconds that count as a tool's."""
    (box / "seed").write_bytes(b"x" * KIB)
    code, message = run(box, loop(body), HELPERS + HANDLER, max_written_bytes=100 * KIB)
    assert code == ErrorCode.RESOURCE_EXHAUSTION
    assert f"{101 * KIB} bytes" in message
    assert f"may write {100 * KIB}" in message
    assert size_of(box) <= 101 * KIB


FILES = {
    "files": 'call tool.fs.Write("f" + i, "")',
    "files by appending": 'call tool.fs.Append("f" + i, "")',
    "folders": 'call tool.fs.Mkdir("d" + i)',
    "files and folders": 'call tool.fs.Write("d" + i + "/f", "")',
    "folders on the way": 'call tool.fs.Mkdir("a" + i + "/b/c")',
    "files that are deleted": 'call tool.fs.Write("f", "")\n  call tool.fs.Delete("f")',
    "folders for what is moved": 'call tool.fs.Move("d" + (i - 1) + "/seed", "d" + i + "/seed")',
}


@pytest.mark.parametrize("body", FILES.values(), ids=FILES)
def test_a_run_makes_so_many_files_and_no_more(box: Path, body: str) -> None:
    """Empty files cost no bytes and use up the disk's table of files all the same."""
    (box / "d0").mkdir()
    (box / "d0" / "seed").write_text("")
    code, message = run(box, loop(body), max_files=50)
    assert code == ErrorCode.RESOURCE_EXHAUSTION
    assert "51 files and folders" in message
    assert "may make 50" in message
    assert len(list(box.rglob("*"))) <= 52


def test_what_is_refused_is_not_begun(box: Path) -> None:
    (box / "old").write_text("old")
    for body in ('call tool.fs.Write("new", "x" * 11)', 'call tool.fs.Write("old", "x" * 11)',
                 'call tool.fs.Append("old", "x" * 11)', 'call tool.fs.Append("new", "x" * 11)'):  # fmt: skip
        assert run(box, body, max_written_bytes=10)[0] == ErrorCode.RESOURCE_EXHAUSTION
    assert [path.name for path in box.iterdir()] == ["old"]
    assert (box / "old").read_text() == "old"


def test_what_fits_is_written(box: Path) -> None:
    body = 'call tool.fs.Write("a/b", "x" * 6)\ncall tool.fs.Append("a/b", "é" * 2)'
    assert run(box, body, max_written_bytes=10, max_files=2) == (0, "")
    assert run(box, body, max_written_bytes=None, max_files=None) == (0, "")
    # Nothing is made that is there already, and nothing by renaming.
    more = 'call tool.fs.Mkdir("a")\ncall tool.fs.Append("a/b", "")\ncall tool.fs.Move("a/b", "a/c")'
    assert run(box, more, max_written_bytes=0, max_files=0) == (0, "")


def test_each_run_counts_anew_and_so_does_each_call_of_the_host(box: Path) -> None:
    with Interpreter(plugins=False, sandbox=box, limits=Limits(max_written_bytes=10, max_files=1)) as interpreter:
        interpreter.load('func main(needs name) means\n  return tool.fs.Write(name, "x" * 10)\nendfunc\n')
        for name in ("a", "b", "c"):
            assert interpreter.run("main", name) == name
            interpreter.tools.call("fs.Write", f"{name}2", "x" * 10, context=interpreter.host_context())
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.tools.call("fs.Write", "d", "x" * 11, context=interpreter.host_context())
    assert caught.value.code == ErrorCode.RESOURCE_EXHAUSTION


def test_the_limits_are_on_by_default_and_the_command_s_to_set(box: Path, tmp_path: Path) -> None:
    from neuroscript.cli import main

    assert (Limits().max_written_bytes, Limits().max_files) == (256 * KIB * KIB, 10_000)
    program = tmp_path / "program.ns"
    program.write_text('command\n  call tool.fs.Write("d/f", "12345")\nendcommand\n')
    arguments = ["run", "--sandbox", str(box), str(program)]
    assert main([*arguments, "--max-files", "1"]) == 1
    (box / "d").rmdir()
    assert main([*arguments, "--max-written-bytes", "4"]) == 1
    (box / "d").rmdir()
    assert main([*arguments, "--max-written-bytes", "5", "--max-files", "2"]) == 0


# --- reading ----------------------------------------------------------------------------------------------------------


READERS: dict[str, Callable[[Interpreter], Any]] = {
    "Read": lambda made: made.tools.call("fs.Read", "huge", context=made.host_context()),
    "ReadBytes": lambda made: made.tools.call("fs.ReadBytes", "huge", context=made.host_context()),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_file_that_is_too_large_is_not_begun(box: Path, reader: Callable[[Interpreter], Any]) -> None:
    """A file with holes says it has a terabyte and takes no room at all; the memory that reads it does."""
    with open(box / "huge", "wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("the file system has no files with holes")
    with Interpreter(plugins=False, sandbox=box) as interpreter, pytest.raises(NeuroScriptError) as caught:
        reader(interpreter)
    assert caught.value.code == ErrorCode.RESOURCE_EXHAUSTION
    assert str(1 << 40) in caught.value.message


def test_a_file_that_grows_while_it_is_read_is_stopped(box: Path) -> None:
    path = box / "growing"
    path.write_bytes(b"x" * KIB)

    def grow() -> None:
        with open(path, "ab") as file:
            file.write(b"x" * KIB * KIB)

    with pytest.raises(NeuroScriptError) as caught:
        Sandbox(box, Protection(), check=grow).read_bytes("growing", 4 * KIB * KIB)
    assert caught.value.code == ErrorCode.RESOURCE_EXHAUSTION
    assert path.stat().st_size < 10 * KIB * KIB


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the platform has no such files")
def test_a_file_without_a_size_is_counted_as_it_comes() -> None:
    box = Sandbox("/proc/self", Protection())
    assert box.read_text("status", 100_000).startswith("Name:")
    with pytest.raises(NeuroScriptError) as caught:
        box.read_bytes("status", 10)
    assert caught.value.code == ErrorCode.RESOURCE_EXHAUSTION
