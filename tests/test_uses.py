"""Files that use files: ``:: uses: lib/text.ns``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError, NeuroScriptSyntaxError, Policy
from neuroscript import loading as loading_module
from neuroscript.cache.disk import SWITCH
from neuroscript.cache.memory import Cache
from neuroscript.compiler import build as build_module
from neuroscript.uses import used_texts

Files = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Writes files in a directory of the test's own, and gives the path of the first one."""

    def write(**texts: str | bytes) -> Path:
        paths = []
        for name, text in texts.items():
            path = tmp_path / "project" / f"{name.replace('__', '/')}.ns"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(path)
        return paths[0]

    return write


def gives(name: str, value: str = "") -> str:
    """A procedure that returns a text, by default its name."""
    return f'func {name}(returns r) means\n  return "{value or name}"\nendfunc\n'


def emits(*calls: str) -> str:
    """A procedure ``main`` that emits what calls give."""
    return "func main() means\n" + "".join(f"  emit {call}\n" for call in calls) + "endfunc\n"


def run(path: Path, **options: Any) -> list[Any]:
    """What ``main`` of a program emits."""
    emitted: list[Any] = []
    with Interpreter(emit=emitted.append, plugins=False, **options) as interpreter:
        interpreter.load(path)
        interpreter.run("main")
    return emitted


def refused(path: Path, **options: Any) -> NeuroScriptError:
    """The error of a program that cannot be loaded, none of which is loaded then."""
    with Interpreter(plugins=False, **options) as interpreter:
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.load(path)
        assert interpreter.procedures() == []
        assert list(interpreter.programs) == []
    return caught.value


# --- which files are used -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ":: uses: a.ns\n:: uses: lib/b.ns\n",
        ":: uses: a.ns, lib/b.ns\n",
        ":: uses: a.ns,lib/b.ns,\n:: uses:\n",
        ":: uses:   ,, ./a.ns ,  lib/../lib//b.ns\n",
        ":: title: x\n\n# a remark\n:: uses: the text library, a.ns\n:: uses: lib/b.ns, among others\n",
        ":: uses: a.ns, \\\n  lib/b.ns\n",
        ":: uses: a.ns\r\n:: uses: lib/b.ns\r\n",
        ":: uses a.ns\n::uses:lib/b.ns\n",
        "\ufeff:: uses: lib/b.ns, a.ns\n",
        ":: uses: a.ns, a.ns, ./a.ns, lib/b.ns, lib/../a.ns\n",
    ],
)
def test_entries_are_on_several_lines_or_between_commas(files: Files, lines: str) -> None:
    main = files(main=lines + emits("a()", "b()"), a=gives("a"), lib__b=gives("b"))
    assert run(main) == ["a", "b"]


@pytest.mark.parametrize(
    "lines", [":: uses: string functions\n", ":: uses: missing.NS\n", ":: uses: missing.txt, x.nsx\n", ":: use: x.ns\n"]
)
def test_what_does_not_end_in_ns_is_a_remark(files: Files, lines: str) -> None:
    main = files(main=lines + emits('"ok"'))
    assert run(main) == ["ok"]
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(main)
        assert [f":: {key}: {value}\n" for key, value in interpreter.programs[0].metadata] == [lines]
        interpreter.load(lines + gives("text"))


def test_metadata_of_a_procedure_uses_nothing(files: Files) -> None:
    assert run(files(main='func main() means\n  :: uses: missing.ns\n  emit "ok"\nendfunc\n')) == ["ok"]


def test_used_files_are_texts_as_all_programs(files: Files) -> None:
    main = files(
        main=":: uses: marked.ns, old.ns, empty.ns\n" + emits("marked()", "old()"),
        marked="\ufeff" + gives("marked").replace("\n", "\r\n"),
        old=gives("old").replace("\n", "\r"),
        empty="",
    )
    assert run(main) == ["marked", "old"]
    for content, code, line in ((b"# x\n\xff\n", 15, 2), (b"\0", 15, 1)):
        files(empty=content)
        error = refused(main)
        assert (error.code, Path(error.file).name, error.line) == (code, "empty.ns", line)


def test_paths_are_relative_to_the_file_that_uses(files: Files) -> None:
    main = files(
        main=":: uses: lib/a.ns\n" + emits("a()"),
        lib__a=":: uses: deep/b.ns\nfunc a() means\n  return b() + c()\nendfunc\n",
        lib__deep__b=":: uses: ../../c.ns\n" + gives("b"),
        c=gives("c"),
    )
    assert run(main) == ["bc"]
    assert run(Path(os.path.relpath(main))) == ["bc"]


def test_a_name_with_blanks(files: Files, tmp_path: Path) -> None:
    main = files(main=":: uses:  my lib.ns \n" + emits("a()"), x=gives("a"))
    main.with_name("x.ns").rename(main.with_name("my lib.ns"))
    assert run(main) == ["a"]


def test_a_file_is_loaded_once_whatever_it_is_called(files: Files) -> None:
    event = 'on event "e" do\n  emit "handled"\nendon\n'
    main = files(
        main=":: uses: a.ns, b.ns, ./base.ns, hard.ns, soft.ns, lib/../base.ns\n" + emits("base()"),
        a=":: uses: base.ns\n" + gives("a"),
        b=":: uses: base.ns\n" + gives("b"),
        base=gives("base") + event,
        lib__x="",
    )
    os.link(main.with_name("base.ns"), main.with_name("hard.ns"))
    main.with_name("soft.ns").symlink_to("base.ns")
    emitted: list[Any] = []
    with Interpreter(emit=emitted.append, plugins=False) as interpreter:
        interpreter.load(main)
        interpreter.emit_event("e")
        assert [Path(program.name).name for program in interpreter.programs] == ["base.ns", "a.ns", "b.ns", "main.ns"]
    assert emitted == ["handled"]


def test_events_are_registered_in_the_order_of_loading(files: Files) -> None:
    def handler(name: str) -> str:
        return f'on event "e" do\n  emit "{name}"\nendon\n'

    main = files(
        main=":: uses: a.ns, c.ns\n" + handler("main"),
        a=":: uses: b.ns\n" + handler("a"),
        b=handler("b"),
        c=handler("c"),
    )
    emitted: list[Any] = []
    with Interpreter(emit=emitted.append, plugins=False) as interpreter:
        interpreter.load_file(main)
        interpreter.emit_event("e")
    assert emitted == ["b", "a", "c", "main"]


def test_an_event_s_name_may_come_from_any_file_of_the_load(files: Files) -> None:
    main = files(main=":: uses: a.ns\n" + gives("which", "e"), a="on event which() do\n  emit 1\nendon\n")
    emitted: list[Any] = []
    with Interpreter(emit=emitted.append, plugins=False) as interpreter:
        interpreter.load(main)
        interpreter.emit_event("e")
    assert emitted == [1]


def test_a_command_script_uses_libraries(files: Files) -> None:
    main = files(main=":: uses: a.ns\ncommand\n  emit a()\nendcommand\n", a=gives("a"))
    emitted: list[Any] = []
    with Interpreter(emit=emitted.append, plugins=False) as interpreter:
        interpreter.execute(main)
    assert emitted == ["a"]


def test_a_file_of_uses_alone_has_nothing_to_execute(files: Files) -> None:
    main = files(main=":: uses: a.ns\n", a=gives("a"))
    with Interpreter(plugins=False) as interpreter:
        with pytest.raises(NeuroScriptError, match=r"main\.ns is a library.*run\('a'\)") as caught:
            interpreter.execute(main)
        assert caught.value.code == 19
        assert interpreter.load(main) == []
        assert interpreter.run("a") == "a"


def test_a_program_reached_by_a_link_has_the_directory_of_its_file(files: Files, tmp_path: Path) -> None:
    main = files(main=":: uses: a.ns\n" + emits("a()"), a=gives("a"))
    link = tmp_path / "link.ns"
    link.symlink_to(main)
    assert run(link) == ["a"]
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(link)
        found = {one["name"]: one["file"] for one in interpreter.procedures()}
    assert found == {"a": str(main.with_name("a.ns")), "main": str(link)}


def test_a_long_chain(files: Files) -> None:
    count = 1500
    links = {f"f{n}": f":: uses: f{n + 1}.ns\n" for n in range(count)}
    main = files(**links, **{f"f{count}": emits('"end"')})
    assert run(main) == ["end"]


# --- what is loaded already ------------------------------------------------------------------------------------------


def test_a_file_that_is_loaded_stays_as_it_is(files: Files) -> None:
    one = files(
        one=":: uses: lib.ns\n" + gives("one"), two=":: uses: lib.ns\n" + gives("two"), lib=gives("lib"), x=gives("x")
    )
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(one)
        interpreter.load(one.with_name("two.ns"))
        assert [Path(program.name).name for program in interpreter.programs] == ["lib.ns", "one.ns", "two.ns"]
        one.with_name("lib.ns").write_text(gives("lib", "changed"))
        one.with_name("x.ns").write_text(":: uses: lib.ns\n")
        with pytest.raises(NeuroScriptSyntaxError, match="'lib' is defined already"):
            interpreter.load(one.with_name("x.ns"))
        interpreter.load(one.with_name("x.ns"), replace=True)
        assert interpreter.run("lib") == "changed"


def test_a_file_that_the_host_has_loaded_is_used_as_it_is(files: Files) -> None:
    main = files(main=":: uses: lib.ns\n" + emits("lib()"), lib=gives("lib"))
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(main.with_name("lib.ns"))
        assert interpreter.load(main) == ["main"]


@pytest.mark.parametrize("disk", [False, True])
def test_a_change_in_a_used_file_is_seen(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: bool
) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    options = {"cache": tmp_path / "cache"} if disk else {}
    compiled: list[str] = []
    front_end = build_module.front_end

    def counted(*args: Any) -> Any:
        compiled.append(Path(args[1]).name)
        return front_end(*args)

    monkeypatch.setattr(build_module, "front_end", counted)
    monkeypatch.setattr(loading_module, "_CACHE", Cache())
    main = files(main=":: uses: lib.ns\n" + emits("lib()"), lib=gives("lib"))
    for value in ("lib", "lib", "changed", "lib"):
        files(lib=gives("lib", value))
        if disk:
            monkeypatch.setattr(loading_module, "_CACHE", Cache())
        assert run(main, **options) == [value]
    assert compiled == ["main.ns", "lib.ns", "lib.ns"]


# --- what cannot be used ---------------------------------------------------------------------------------------------


def test_a_circle_is_named(files: Files) -> None:
    main = files(main=":: uses: a.ns\n", a=":: uses: lib/b.ns\n", lib__b="\n# x\n:: uses: ../a.ns\n" + gives("b"))
    error = refused(main)
    assert error.code == 39
    assert "a.ns → lib/b.ns → a.ns" in error.message
    assert (Path(error.file).name, error.line, error.column) == ("b.ns", 3, 10)
    error = refused(files(itself=":: uses: itself.ns\n"))
    assert error.code == 39
    assert "itself.ns → itself.ns" in error.message


def test_a_name_that_is_defined_twice_has_two_places(files: Files) -> None:
    main = files(main=":: uses: a.ns, b.ns\n", a="\n" + gives("same"), b=gives("other") + gives("same"))
    error = refused(main)
    assert (error.code, Path(error.file).name, error.line) == (42, "b.ns", 4)
    assert error.message == f"procedure 'same' is defined already, in {main.with_name('a.ns')} on line 2"
    files(main=":: uses: a.ns\n" + gives("same"))
    again = pytest.raises(NeuroScriptSyntaxError, match="'same' is defined already")
    with Interpreter(plugins=False) as interpreter, again:
        interpreter.load(main, replace=True)


FAULTS = {
    "missing": ("missing.ns", 22),
    "in a directory that is missing": ("nowhere/x.ns", 22),
    "a directory": ("folder.ns", 23),
    "through a file": ("main.ns/x.ns", 23),
    "above": ("../outside.ns", 34),
    "above, by a detour": ("folder.ns/../../outside.ns", 34),
    "a link to above": ("link.ns", 34),
    "behind a link to above": ("up/outside.ns", 34),
    "links in a circle": ("round.ns", 34),
    "absolute": ("/etc/x.ns", 34),
    "with a backslash": (r"lib\\x.ns", 34),
    "a pipe": ("pipe.ns", 23),
    "a device": ("device.ns", 34),
    "a link to another kind of file": ("secret.ns", 10),
    "with command blocks": ("script.ns", 19),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes, and links only for some")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_used(files: Files, fault: str) -> None:
    path, code = FAULTS[fault]
    main = files(main=f":: title: x\n:: uses: good.ns\n:: uses: {path}\n", good=gives("good"))
    folder = main.parent
    (folder / "folder.ns").mkdir()
    (folder.parent / "outside.ns").write_text(gives("outside"))
    (folder / "link.ns").symlink_to("../outside.ns")
    (folder / "up").symlink_to("..")
    (folder / "round.ns").symlink_to("round.ns")
    (folder / "device.ns").symlink_to("/dev/zero")
    (folder / ".env").write_text("PASSWORD=hunter2")
    (folder / "secret.ns").symlink_to(".env")
    (folder / "script.ns").write_text("command\n  emit 1\nendcommand\n")
    os.mkfifo(folder / "pipe.ns")
    error = refused(main)
    assert (error.code, Path(error.file).name, error.line, error.column) == (code, "main.ns", 3, 10)
    assert isinstance(error, NeuroScriptSyntaxError)
    shown = error.render()
    assert f"  3 | :: uses: {path}\n" in shown
    assert "hunter2" not in shown


def test_the_place_is_that_of_the_entry(files: Files) -> None:
    """Also where lines are joined, so that one line is not one entry."""
    lines = "\ufeff# uses\r\n:: title: x \\\n:: uses: joined.ns\r  :: back: \\\\\n:: uses: a.ns, \\\n"
    main = files(main=lines + "  a.ns\n:: uses: a.ns,  missing.ns\n", a=gives("a"))
    error = refused(main)
    assert (error.code, error.line, error.column) == (22, 7, 17)
    error = refused(files(main=":: title: x\n:: uses: a.ns, \\\n  missing.ns\n"))
    assert (error.code, error.line, error.column) == (22, 2, 1)


@pytest.mark.parametrize("text", [":: uses: a.ns\n", b":: uses: a.ns\n"])
def test_text_without_a_file_uses_none(files: Files, text: str | bytes) -> None:
    files(a=gives("a"))
    with Interpreter(plugins=False) as interpreter:
        with pytest.raises(NeuroScriptSyntaxError) as caught:
            interpreter.load(text, name="main.ns")
        assert (caught.value.code, caught.value.file, caught.value.line) == (18, "main.ns", 1)
        with pytest.raises(NeuroScriptSyntaxError, match="no file"):
            interpreter.session().evaluate(":: uses: a.ns\n")


def test_a_fault_in_a_used_file_is_the_load_s(files: Files) -> None:
    main = files(
        main=":: uses: a.ns, b.ns\n" + gives("main"),
        a=gives("a"),
        b=gives("b") + "func c() means\n  set = 1\nendfunc\n",
    )
    error = refused(main)
    assert (error.code, Path(error.file).name, error.line) == (15, "b.ns", 5)
    assert isinstance(error, NeuroScriptSyntaxError)
    assert "  5 |   set = 1\n" in error.render()


def test_an_event_that_cannot_be_registered_undoes_the_load(files: Files) -> None:
    good = 'on event "e" do\n  emit "handled"\nendon\n'
    main = files(main=":: uses: a.ns\n" + gives("main") + good, a=good + "\non event 1 / 0 do\nendon\n" + gives("a"))
    emitted: list[Any] = []
    with Interpreter(emit=emitted.append, plugins=False) as interpreter:
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.load(main)
        assert (caught.value.code, Path(caught.value.file).name, caught.value.line) == (14, "a.ns", 5)
        interpreter.emit_event("e")
        assert (emitted, interpreter.procedures(), list(interpreter.programs)) == ([], [], [])
        files(a=good)
        interpreter.load(main)
        interpreter.emit_event("e")
        assert emitted == ["handled", "handled"]


def test_one_limit_on_source_for_all_files(files: Files) -> None:
    padding = "#" * 400 + "\n"
    main = files(
        main=":: uses: a.ns, b.ns\n" + padding, a=padding + gives("a"), b=":: uses: c.ns\n" + padding, c=padding
    )
    size = sum(path.stat().st_size for path in main.parent.glob("*.ns"))
    with Interpreter(plugins=False, limits={"max_source": size}) as interpreter:
        interpreter.load(main)
    error = refused(main, limits={"max_source": size - 1})
    assert (error.code, Path(error.file).name) == (37, "b.ns")
    assert f"{size - 1:,} bytes" in error.message


# --- further directories ---------------------------------------------------------------------------------------------


def test_the_sandbox_and_the_host_s_directories_are_open_too(files: Files, tmp_path: Path) -> None:
    main = files(
        main=":: uses: ../shared/a.ns, ../sandbox/b.ns, linked/a.ns\n" + emits("a()", "b()", "c()"), own=gives("c")
    )
    for name in ("shared", "sandbox"):
        (tmp_path / name).mkdir()
    (tmp_path / "shared" / "a.ns").write_text(":: uses: ../project/own.ns\n" + gives("a"))
    (tmp_path / "sandbox" / "b.ns").write_text(gives("b"))
    (main.parent / "linked").symlink_to("../shared")
    options: dict[str, Any] = {"sandbox": tmp_path / "sandbox", "library_roots": [tmp_path / "shared"]}
    assert run(main, **options) == ["a", "b", "c"]
    for missing in options:
        assert refused(main, **{key: value for key, value in options.items() if key != missing}).code == 34


def test_library_roots_are_directories(files: Files, tmp_path: Path) -> None:
    main = files(main="")
    for path, code in ((tmp_path / "missing", 22), (main, 23)):
        with pytest.raises(NeuroScriptError) as caught:
            Interpreter(library_roots=[path])
        assert caught.value.code == code
    with pytest.raises(TypeError, match="several paths"):
        Interpreter(library_roots=str(tmp_path))


# --- errors in used files --------------------------------------------------------------------------------------------


def test_frames_name_the_files(files: Files) -> None:
    main = files(
        main=":: uses: lib/a.ns\nfunc main() means\n  emit a(0)\nendfunc\n",
        lib__a="func a(needs x) means\n  return 1 / x\nendfunc\n",
    )
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(main)
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main")
        frames = [(frame.procedure, frame.file, frame.line) for frame in caught.value.stack]
        assert frames == [("a", str(main.parent / "lib/a.ns"), 2), ("main", str(main), 3)]
        assert used_texts(interpreter) == {str(main.parent / "lib/a.ns"): (main.parent / "lib/a.ns").read_text()}


@pytest.mark.parametrize("policy", [Policy(deny=("fs.*",)), Policy(grants=())])
def test_lines_are_not_shown_where_scripts_may_not_read_files(files: Files, policy: Policy) -> None:
    main = files(main=":: uses: a.ns\n", a="password hunter2\n")
    error = refused(main, policy=policy)
    assert isinstance(error, NeuroScriptSyntaxError)
    assert (Path(error.file).name, error.line) == ("a.ns", 1)
    assert "hunter2" not in error.render()
    with Interpreter(plugins=False, policy=policy) as interpreter:
        assert not any(found.source_line for found in interpreter.check(main))
        files(a=gives("a"))
        interpreter.load(main)
        assert used_texts(interpreter) == {}


# --- scripts that load more ------------------------------------------------------------------------------------------

LOADER = """\
func load(needs text, name) means
  return tool.script.LoadScript(text, name)
endfunc
func load_nameless(needs text) means
  return tool.script.LoadScript(text)
endfunc
"""


def loading(sandbox: Path | None, **options: Any) -> Interpreter:
    """An interpreter in which a script loads texts."""
    interpreter = Interpreter(plugins=False, sandbox=sandbox, **options)
    interpreter.load(LOADER)
    return interpreter


def test_a_script_s_text_uses_files_of_the_sandbox(files: Files) -> None:
    main = files(main="# another text", a=gives("a"), lib__x="", lib__b=":: uses: ../c.ns\n" + gives("b"), c=gives("c"))
    with loading(main.parent) as interpreter:
        assert interpreter.run("load", ":: uses: a.ns\n" + gives("one"), "main.ns") == ["one"]
        interpreter.run("load", ":: uses: b.ns\n" + gives("two"), "lib/../lib/x.ns")
        found = {one["name"]: one["file"] for one in interpreter.procedures() if one["name"] in "abc"}
        assert found == {"a": "a.ns", "b": "lib/b.ns", "c": "c.ns"}
        assert used_texts(interpreter) == {}  # what a script loads is not kept


@pytest.mark.parametrize("name", ["loaded script", "missing.ns", "lib", "../outside.ns", "/etc/passwd", "", "a\\b"])
def test_a_script_s_text_that_is_no_file_s_uses_none(files: Files, name: str) -> None:
    main = files(a=gives("a"), lib__x="")
    with loading(main.parent) as interpreter:
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("load", ":: uses: a.ns\n", name)
        assert caught.value.code == 18
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("load_nameless", ":: uses: a.ns\n")
        assert caught.value.code == 18
        assert len(interpreter.programs) == 1


def test_without_a_sandbox_or_leave_to_read_a_script_s_text_uses_none(files: Files) -> None:
    main = files(main="", a=gives("a"))
    for sandbox, policy, code in ((None, Policy(), 18), (main.parent, Policy(grants=("fs:write",)), 10)):
        with loading(sandbox, policy=policy) as interpreter:
            with pytest.raises(NeuroScriptError) as caught:
                interpreter.run("load", ":: uses: a.ns\n", "main.ns")
            assert caught.value.code == code
            assert interpreter.run("load", gives("b"), "main.ns") == ["b"]


def test_a_script_s_text_uses_no_directory_of_the_host(files: Files, tmp_path: Path) -> None:
    main = files(main="", a=gives("a"), sandbox__x="")
    with loading(main.parent / "sandbox", library_roots=[main.parent]) as interpreter:
        interpreter.load(main)
        for path in ("../a.ns", str(main.with_name("a.ns"))):
            with pytest.raises(NeuroScriptError) as caught:
                interpreter.run("load", f":: uses: {path}\n", "x.ns")
            assert caught.value.code == 34
            assert "library_roots" not in caught.value.message


def test_what_a_run_loads_counts_together(files: Files) -> None:
    main = files(main="", a="#" * 3000, b="#" * 3000)
    with loading(main.parent, limits={"max_source": 5000}) as interpreter:
        interpreter.load("func both() means\n  call load(':: uses: a.ns', 'main.ns')\n"
                         "  call load(':: uses: b.ns', 'main.ns')\nendfunc\n")  # fmt: skip
        interpreter.run("load", ":: uses: a.ns", "main.ns")
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("both")
        assert caught.value.code == 37
