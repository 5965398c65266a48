"""Compiled programs on disk: the same program is compiled once, and nothing that is wrong with a file matters."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError, Policy
from neuroscript import loading as loading_module
from neuroscript.cache import disk
from neuroscript.cache.disk import DiskCache
from neuroscript.cache.memory import Cache, Entry
from neuroscript.compiler import build as build_module

SOURCE = """\
:: title: greetings

func main(needs name optional times returns text) means
  :: description: greets
  on error do
    emit "failed: " + system_error_message
  endon
  set text = tool.str.ToUpper("hello ") + name
  for each letter in ["a", "b"]
    set text = text + letter
  endfor
  if times == 0
    fail "nothing to do"
  endif
  emit text
  return text
endfunc

on event "ping" as e do
  emit "pong " + e.payload
endon
"""


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(disk.SWITCH, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "neuroscript"


class Counted:
    """Makes interpreters as processes of their own would: they share nothing but the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cache: Any) -> None:
        self.compiled = 0
        self._patch = monkeypatch
        self._cache = cache
        front_end = build_module.front_end

        def counted(*args: Any) -> Any:
            self.compiled += 1
            return front_end(*args)

        monkeypatch.setattr(build_module, "front_end", counted)

    def interpreter(self, **options: Any) -> Interpreter:
        self._patch.setattr(loading_module, "_CACHE", Cache())
        return Interpreter(plugins=False, emit=self.said.append, **{"cache": self._cache, **options})

    def load(self, source: str | bytes = SOURCE, name: str = "greet.ns", **options: Any) -> Interpreter:
        self.said: list[Any] = []
        made = self.interpreter(**options)
        made.load(source, name)
        return made


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Counted:
    return Counted(monkeypatch, folder)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_program_is_compiled_once(counted: Counted, folder: Path) -> None:
    seen = []
    for _ in range(2):
        made = counted.load()
        result = made.run("main", "x", 1)
        made.emit_event("ping", "now")
        [program] = made.programs
        seen.append((result, counted.said, made.procedures(), program.name, program.metadata, program.procedures))
    assert counted.compiled == 1
    assert seen[0] == seen[1]
    assert seen[0][:2] == ("HELLO xab", ["HELLO xab", "pong now"])
    assert seen[0][4] == [("title", "greetings")]
    assert len(files(folder)) == 1


def test_code_that_relies_on_a_procedure_is_compiled_again_where_that_is_replaced(counted: Counted) -> None:
    source = "func half(needs n) means\n  return n / 2\nendfunc\nfunc main() means\n  return half(8) + 1\nendfunc\n"
    for _ in range(2):
        made = counted.load(source, "half.ns")
        assert made.run("main") == 5
        made.load('func half(needs n) means\n  return "h" + n\nendfunc\n', "new.ns", replace=True)
        assert made.run("main") == "h81"


def test_command_blocks_are_kept(counted: Counted) -> None:
    for _ in range(2):
        made = counted.load('command\n  emit "one"\nendcommand\ncommand\n  emit "two"\nendcommand\n')
        assert made.has_commands
        made.run_commands()
        assert counted.said == ["one", "two"]
    assert counted.compiled == 1


def test_text_and_bytes_are_one_program(counted: Counted) -> None:
    for source in (SOURCE, SOURCE.encode(), "\ufeff" + SOURCE):
        assert counted.load(source).run("main", "x") == "HELLO xab"
    assert counted.compiled == 2  # the mark makes another file of it


@pytest.mark.parametrize(
    "options",
    [
        {"globals": {"HOST": 1}},
        {"limits": Limits(max_items=5)},
        {"limits": Limits(max_nesting=7)},
        {"policy": Policy(deny=("str.*",))},
        {"name": "other.ns"},
        {"source": SOURCE + "\n"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_circumstances_compile_anew(counted: Counted, options: dict[str, Any]) -> None:
    counted.load()
    counted.load(**options)
    assert counted.compiled == 2
    counted.load()
    assert counted.compiled == 2 + ("policy" in options)  # a file has the links of the last that wrote it


def test_code_holds_for_whatever_else_is_loaded(counted: Counted) -> None:
    later = "func later means\n  return helper(1)\nendfunc\n"
    for parameters in ("a", "a", "a, b"):
        made = counted.load(f"func helper(needs {parameters}) means\n  return 1\nendfunc\n", "helper.ns")
        made.load(later, "later.ns")
        if parameters == "a":
            assert made.run("later") == 1
        else:
            with pytest.raises(NeuroScriptError) as raised:
                made.run("later")
            assert raised.value.code == 4
    assert counted.compiled == 3  # the later file's code is from the disk, and finds the other procedure there


def test_a_tool_with_another_default_is_linked_anew(counted: Counted) -> None:
    source = "func main means\n  return tool.host.Tool()\nendfunc\n"

    def with_default(default: Any) -> Any:
        counted.said = []
        made = counted.interpreter()

        @made.tool("host.Tool")
        def tool(x: bool | int = default) -> Any:
            return x

        made.load(source, "linked.ns")
        return made.run("main")

    for default in (1, True, 1, 2):
        assert repr(with_default(default)) == repr(default)


def test_errors_show_the_same_place(counted: Counted) -> None:
    source = """\
func main means
  set a = [1, 2]
  return 1 +   inner(a)
endfunc
func inner(needs x) means
  return x - "y"
endfunc
"""
    shown = []
    for _ in range(2):
        made = counted.load(source, "wrong.ns")
        with pytest.raises(NeuroScriptError) as raised:
            made.run("main")
        shown.append((str(raised.value), raised.value.stack))
    assert counted.compiled == 1
    assert shown[0] == shown[1]
    assert shown[0][0].startswith("wrong.ns:6:12: error 7")


def test_a_wrong_program_is_wrong_again(counted: Counted, folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(NeuroScriptError) as raised:
            counted.load("func main means\n  return 1 +\nendfunc\n")
        assert raised.value.code == 15
    assert not files(folder)


def test_a_program_that_is_defined_already_is_refused(counted: Counted) -> None:
    for _ in range(2):
        made = counted.load()
        with pytest.raises(NeuroScriptError) as raised:
            made.load(SOURCE, "again.ns")
        assert raised.value.code == 42
        assert made.load(SOURCE, "again.ns", replace=True) == ["main"]


def test_another_compiler_makes_another_file(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    counted.load()
    monkeypatch.setattr(disk, "_maker", lambda: ("another",))
    counted.load()
    assert counted.compiled == 2


def test_the_maker_is_these_modules() -> None:
    maker = disk._maker()
    assert sys.version in repr(maker)
    names = {name for name, _, _ in maker[-1]}  # type: ignore[attr-defined]
    assert {"compiler/codegen/generate.py", "runtime/namespace.py", "syntax/parser.py", "values/kinds.py"} <= names


# --- files that are not as they should be -----------------------------------------------------------------------------


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(500))


def swap(path: Path) -> None:
    """The bytes of another program's file."""
    cache = DiskCache(str(path.parent))
    made = Interpreter(plugins=False)
    loaded = made.loader.entry("func main(needs a) means\n  return 666\nendfunc\n", "x", False)
    program, compiled = loaded.program, loaded.compiled
    cache.keep("x", (), Entry(program, compiled, {}, 1))
    [other] = [one for one in path.parent.iterdir() if one != path]
    other.replace(path)


@pytest.mark.parametrize("damage", [truncate, flip, empty, garbage, swap])
def test_a_damaged_file_is_no_file(counted: Counted, folder: Path, damage: Callable[[Path], None]) -> None:
    counted.load()
    [path] = files(folder)
    damage(path)
    counted.compiled = 0
    for _ in range(2):
        assert counted.load().run("main", "x") == "HELLO xab"
    assert counted.compiled == 1


def test_every_damage_of_a_small_file_is_seen(folder: Path) -> None:
    cache = DiskCache(str(folder))
    made = Interpreter(plugins=False)
    loaded = made.loader.entry("func main means\nendfunc\n", "x", False)
    program, compiled = loaded.program, loaded.compiled
    cache.keep("x", (), Entry(program, compiled, {}, 1))
    [path] = files(folder)
    data = path.read_bytes()
    assert cache.find("x", (), made.runtime) is not None
    for end in range(len(data)):
        path.write_bytes(data[:end])
        assert cache.find("x", (), made.runtime) is None
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        assert cache.find("x", (), made.runtime) is None


def test_a_directory_in_the_place_of_a_file(counted: Counted, folder: Path) -> None:
    counted.load()
    [path] = files(folder)
    path.unlink()
    path.mkdir()
    assert counted.load().run("main", "x") == "HELLO xab"


def test_where_no_directory_can_be_made_nothing_is_kept(counted: Counted, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert counted.load(cache=tmp_path / "file" / "cache").run("main", "x") == "HELLO xab"
    assert counted.compiled == 2


def test_many_at_once(folder: Path) -> None:
    """Readers see a whole file or none, whoever writes."""
    made = Interpreter(plugins=False)
    loaded = made.loader.entry(SOURCE, "x", False)
    program, compiled = loaded.program, loaded.compiled
    entry = Entry(program, compiled, {}, 1)
    found: list[bool] = []

    def work() -> None:
        cache = DiskCache(str(folder))
        for _ in range(50):
            cache.keep("x", (), entry)
            found.append(cache.find("x", (), made.runtime) is not None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200
    assert len(files(folder)) == 1


# --- what is kept, and where ------------------------------------------------------------------------------------------


def test_the_oldest_files_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Interpreter(plugins=False)
    loaded = made.loader.entry(SOURCE, "x", False)
    program, compiled = loaded.program, loaded.compiled
    entry = Entry(program, compiled, {}, 1)
    cache = DiskCache(str(folder))
    cache.keep("0", (), entry)
    size = files(folder)[0].stat().st_size
    os.utime(files(folder)[0], (1, 1))
    monkeypatch.setattr(disk, "MOST_BYTES", 10 * size)
    for number in range(1, 30):
        cache.keep(str(number), (), entry)
    assert sum(path.stat().st_size for path in files(folder)) <= 10 * size
    assert cache.find("0", (), made.runtime) is None
    assert cache.find("29", (), made.runtime) is not None
    monkeypatch.setattr(disk, "MOST_BYTES", size)
    before = files(folder)
    cache.keep("too long", (), entry)
    assert files(folder) == before


def test_what_only_this_process_has_is_not_kept(folder: Path) -> None:
    made = Interpreter(plugins=False)
    loaded = made.loader.entry(SOURCE, "x", False)
    program, compiled = loaded.program, loaded.compiled
    program.metadata.append(("key", object()))  # type: ignore[arg-type]
    DiskCache(str(folder)).keep("x", (), Entry(program, compiled, {}, 1))
    assert not files(folder)


def test_a_script_s_own_loads_are_not_kept(counted: Counted, folder: Path) -> None:
    made = counted.load(
        'func main means\n  return tool.script.LoadScript("func inner means\\nendfunc\\n", "inner.ns")\nendfunc\n'
    )
    made.run("main")
    assert counted.compiled == 2
    assert len(files(folder)) == 1


@pytest.mark.parametrize("value", ["1", "0", "yes"])
def test_the_switch(counted: Counted, folder: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(disk.SWITCH, value)
    counted.load()
    assert not files(folder)


def test_an_embedder_s_disk_is_not_touched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    Interpreter(plugins=False).load("# unasked\nfunc main means\nendfunc\n")
    Interpreter(plugins=False, cache=False).load("# refused\nfunc main means\nendfunc\n")
    assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux":
        Interpreter(plugins=False, cache=True).load("# asked for\nfunc main means\nendfunc\n")
        assert len(files(tmp_path / "caches" / "neuroscript")) == 1
