"""Values that cross between the host and a program: nested without end, or with text that is no text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.cli import main

from .support import body, code_of

NESTED, EXHAUSTED = 38, 37

# Two values of three thousand levels, made without any limit of the host's on nesting.
DEEP = "set v = 1\nset w = 1\nset i = 0\nwhile i < 3000\n  set v = [v]\n  set w = [w]\n  set i = i + 1\nendwhile\n"

USES = {
    "a tool of the host's": "return tool.test.Take(v)",
    "a tool that takes anything": "return tool.test.Any(v)",
    "a named argument": "return tool.test.Any(value: v)",
    "an event": 'call tool.event.Emit("e", v)',
    "the result": "return v",
    "emit": "emit v",
    "a whisper": "whisper self, v",
    "JSON": "return tool.json.Stringify(v)",
    "JSON in text": "return tool.str.ToJsonString(v)",
    "text": 'return "" + v',
    "a key": "return {v: 1}",
    "fail": "fail v",
    "equality": "return v == w",
    "a search": "return tool.list.Contains([v], w)",
    "sorting out": "return tool.list.Unique([v])",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_value_that_is_nested_too_deeply_ends_the_run(use: str) -> None:
    """Converting, copying and writing go down level by level, and would use up Python's stack."""
    seen: list[Any] = []
    with Interpreter(
        plugins=False, limits=Limits(max_nesting=None), emit=seen.append, whisper=lambda name, value: seen.append(value)
    ) as interpreter:

        @interpreter.tool("test.Take")
        def take(items: list[Any]) -> int:
            "Takes a list."
            return len(items)

        @interpreter.tool("test.Any")
        def take_any(value: Any) -> str:
            "Takes anything, and writes it as JSON."
            return json.dumps(value)

        interpreter.load(f'on event "e" as e do\n  emit e.payload\nendon\nfunc main() means\n{DEEP}{use}\nendfunc\n')
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main")
        assert caught.value.code in (NESTED, EXHAUSTED)
        interpreter.load("func fine() means\n  return 1\nendfunc\n")
        assert interpreter.run("fine") == 1


def test_a_value_of_the_host_s_that_holds_itself() -> None:
    loop: list[Any] = []
    loop.append({"loop": loop})
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(body("return a"))
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main", loop)
    assert caught.value.code == NESTED


# --- halves of characters ---------------------------------------------------------------------------------------------

CAUGHT = "set e = nil\non error do\n  set e = system_error\n  clear_error\nendon\n"
HALF = "a\ud800b"
WHOLE = "a\ufffdb"


def gives(interpreter: Interpreter, make: Callable[[], Any]) -> None:
    @interpreter.tool("test.Give")
    def give() -> Any:
        "Gives what the host has."
        return make()


SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "an argument": ({}, "return a"),
    "a global": ({"globals": {"g": [HALF, {HALF: HALF}]}}, "return g[0]"),
    "a key of a global": ({"globals": {"g": {HALF: 1}}}, "return tool.map.Keys(g)[0]"),
    "a tool": ({}, "return tool.test.Give()"),
    "a tool's list": ({}, "return tool.test.GiveList()[0]"),
    "a person": ({"prompt": lambda text: HALF}, 'promptuser "?" into x\nreturn x'),
    "a variable": ({"environment": {"X": HALF}}, 'return tool.os.Getenv("X")'),
    "an error": ({}, f"{CAUGHT}set x = tool.test.Fail()\nreturn e.message"),
    "an error's details": ({}, f"{CAUGHT}set x = tool.test.Fail()\nreturn e.body"),
}


@pytest.mark.parametrize(("options", "text"), SOURCES.values(), ids=SOURCES)
def test_no_half_of_a_character_gets_into_a_program(options: dict[str, Any], text: str) -> None:
    """No file, terminal or server takes such a text, so the program would fail far from where it came from."""
    with Interpreter(plugins=False, **options) as interpreter:
        gives(interpreter, lambda: HALF)

        @interpreter.tool("test.GiveList")
        def give_list() -> list[Any]:
            "Gives a list."
            return [HALF]

        @interpreter.tool("test.Fail")
        def fail() -> str:
            "Fails."
            raise NeuroScriptError(1001, HALF, details={"body": HALF})

        interpreter.load(body(text))
        found = interpreter.run("main", HALF)
    assert found == WHOLE
    found.encode()


@pytest.mark.parametrize(
    "text",
    [
        'return "\\ud800"',
        'return "a\ud800b"',
        "return ```\ud800```",
        "return '''\udfff'''",
        "# \ud800\nreturn 1",
        "return \ud800",
    ],
    ids=ascii,
)
def test_no_half_of_a_character_in_a_program_s_text(text: str) -> None:
    with Interpreter(plugins=False) as interpreter:
        assert code_of(interpreter, text) == 15


MAKING = {
    "JSON": 'return tool.json.Parse("\\"" + b + "\\"")',
    "a cut": "return tool.str.Substring(a, 0, 1)",
    "base64": 'return tool.str.FromBase64("7aCA")',
    "hexadecimal digits": 'return tool.str.FromHex("eda080")',
    "a regular expression": 'return tool.regex.Find("\\\\x{d800}", a)',
    "reversing": "return tool.str.Reverse(a)",
}


@pytest.mark.parametrize("text", MAKING.values(), ids=MAKING)
def test_no_program_makes_half_of_a_character(text: str) -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(body(f"{CAUGHT}set x = nil\n{text.replace('return', 'set x =')}\nreturn [e, x]"))
        error, found = interpreter.run("main", "😀x", "\\ud83d")
    if error is not None:
        assert error["code"] == 41
    else:
        assert found is None or found.encode()


def test_names_of_files_that_are_no_text(tmp_path: Path) -> None:
    """A name in another encoding is listed with a mark in the place of what cannot be shown."""
    try:
        (tmp_path / "a\udcffb").write_text("x")
    except (OSError, UnicodeEncodeError):
        pytest.skip("the file system has no such names")
    with Interpreter(plugins=False, sandbox=tmp_path) as interpreter:
        interpreter.load(body('return tool.fs.List(".")[0].name'))
        name = interpreter.run("main")
        assert name.encode()
        interpreter.load(body("return tool.fs.Write(a, a)", "write"))
        assert interpreter.run("write", "a\udcffc").encode()


def test_the_command_line_takes_arguments_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "program.ns"
    program.write_text(body("emit a\nreturn a"))
    for arguments in (["--args", '["\\ud800"]'], ["--event", 'e="\\ud800"'], ["--args", '["\udcff"]']):
        assert main(["run", str(program), *arguments]) in (0, 1, 2)
    assert capsys.readouterr().out.encode()
