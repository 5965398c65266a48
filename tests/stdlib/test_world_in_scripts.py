"""The tools that touch the world as scripts use them, and the examples that their specs show."""

from __future__ import annotations

import importlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from neuroscript.stdlib import GROUPS
from neuroscript.tools.spec import ToolSpec
from neuroscript.values import equal

WORLD = ("fs", "io", "os", "time", "meta", "error", "event", "script")
EXAMPLES = [spec for group in WORLD for spec, _ in importlib.import_module(GROUPS[group]).TOOLS]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sandbox with what the examples speak of."""
    folder = tmp_path / "box"
    (folder / "notes").mkdir(parents=True)
    (folder / "reports").mkdir()
    (folder / "notes" / "today.txt").write_text("today\n")
    (folder / "reports" / "week.txt").write_text("week\n")
    (folder / "notes.txt").write_text("one\ntwo\n")
    (folder / "draft.txt").write_text("draft\n")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    return folder


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.name)
def test_every_example_is_true(spec: ToolSpec, root: Path) -> None:
    emitted: list[Any] = []
    with Interpreter(
        sandbox=root, emit=emitted.append, prompt=lambda _: "Ada", environment={"LANG": "C"}, plugins=False
    ) as interpreter:
        interpreter.load("func half(needs x) means\n  return x / 2\nendfunc\n", "procedures.ns")
        session = interpreter.session()
        if spec.example.startswith("tool."):
            call, separator, result = spec.example.rpartition(" = ")
            assert separator, "the example has no result"
            assert equal(session.evaluate(call), session.evaluate(result))
        else:
            interpreter.execute(f"command\n{spec.example}\nendcommand\n")
    assert spec.full_name in spec.example


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.name)
def test_every_spec_is_whole(spec: ToolSpec) -> None:
    assert spec.description.endswith(".")
    assert spec.return_help
    assert all(arg.description for arg in spec.args)


def test_a_script_meets_a_missing_file_and_goes_on(root: Path) -> None:
    program = """
func main(returns text) means
  set text = "nothing"
  on error do
    if system_error_code == 22
      clear_error
    endif
  endon
  set text = tool.fs.Read("missing.txt")
  return text
endfunc
"""
    with Interpreter(sandbox=root) as interpreter:
        interpreter.load(program)
        assert interpreter.run("main") == "nothing"


def test_a_script_cannot_leave_the_sandbox(root: Path) -> None:
    (root.parent / "secret.txt").write_text("secret")
    (root / "link").symlink_to(root.parent / "secret.txt")
    program = "func main(needs path) means\n  return tool.fs.Read(path)\nendfunc"
    with Interpreter(sandbox=root) as interpreter:
        interpreter.load(program)
        for path in ("../secret.txt", "link", str(root.parent / "secret.txt")):
            with pytest.raises(NeuroScriptError) as caught:
                interpreter.run("main", path)
            assert (caught.value.code, caught.value.line) == (ErrorCode.PATH_VIOLATION, 2)


def test_the_host_may_change_its_directory_meanwhile(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    with Interpreter(sandbox="box") as interpreter:
        monkeypatch.chdir(root.parent.parent)
        assert interpreter.tools.call("fs.Read", "draft.txt", context=interpreter.host_context()) == "draft\n"


def test_cancelling_ends_a_sleep() -> None:
    with Interpreter() as interpreter:
        interpreter.load("func main() means\n  call tool.time.Sleep(60)\nendfunc")
        timer = threading.Timer(0.1, interpreter.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main")
        timer.join()
    assert caught.value.code == ErrorCode.CANCELLED
    assert time.monotonic() - started < 10


def test_loaded_procedures_can_be_called_and_listed() -> None:
    program = """
func main() means
  call tool.script.LoadScript("func twice(needs x) means\\n return x * 2\\nendfunc", "more.ns")
  set names = []
  for each f in tool.script.ListFunctions()
    set names = tool.list.Append(names, f.name + " in " + f.file)
  endfor
  return [twice(4), names]
endfunc
"""
    with Interpreter() as interpreter:
        interpreter.load(program, "first.ns")
        assert interpreter.run("main") == [8, ["main in first.ns", "twice in more.ns"]]


@pytest.mark.parametrize("source", ["func broken(", "func main() means\nendfunc", "func a() means\nbreak\nendfunc"])
def test_a_program_that_cannot_be_loaded_changes_nothing(source: str) -> None:
    with Interpreter() as interpreter:
        interpreter.load("func main(needs source) means\n  call tool.script.LoadScript(source)\nendfunc")
        with pytest.raises(NeuroScriptError):
            interpreter.run("main", source)
        assert [procedure["name"] for procedure in interpreter.procedures()] == ["main"]


def test_tools_of_the_host_are_listed_too() -> None:
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("shop.Price")
        def price(article: str) -> float:
            """Looks up a price."""
            return 1.5

        interpreter.load('func main() means\n  return tool.Meta.ToolsHelp("shop")\nendfunc')
        assert "tool.shop.Price(article: string) -> float" in interpreter.run("main")
