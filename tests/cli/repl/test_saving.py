"""Sessions as programs: what they print when they are run is what the session showed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from neuroscript import Interpreter
from neuroscript.values import text_of
from tests.cli.repl.conftest import Conversation

SESSIONS = {
    "statements": ["set x = 2", "emit x * 2", "if x > 1\n  emit 'more'\nendif"],
    "values": ["20 + 1", '"a" + "b"', "[1,\n  2]", "1 +\n2", "7  # seven", "(1 + 1) * 2"],
    "last": ["20 + 1", "last * 2", "last + 1 # again", "emit last"],
    "no value": ["nil", "set x = 1", "emit x"],
    "procedures": [
        "func f(needs x) means\n  return x * 2\nendfunc",
        "f(2)",
        "func g() means\n  return f(5)\nendfunc",
        "g()",
    ],
    "comments": ["# doubles\nfunc f(needs x) means  # it\n  # does\n  return x * 2  # so\nendfunc", "f(1)"],
    "several": [
        "set a = 1\nfunc f() means\n  return 5\nendfunc\nfunc g() means\n  return f() + 1\nendfunc\nset b = g()\na + b"
    ],
    "commands": ["set x = 1", "command\n  set x = 5\n  emit x\nendcommand", "emit x"],
    "events": ['on event "e" as e do\n  emit e.payload\nendon', 'call tool.event.Emit("e", 7)'],
    "errors": ["set x = 1", "set x = 1 / 0", "nonsense here", "emit x"],
    "names that are taken": ["set show_1 = 4", "show_1", "last", "set block_1 = 1", "command\n  emit 2\nendcommand"],
    "a main": ["func main() means\n  return 3\nendfunc", "main()"],
    "texts": ["set s = ```one\n  two {{s}}```", "emit s", "'''a\n\n   b'''"],
}
"""Inputs one after the other; a procedure is not used before it is replaced, since a program has it once."""


@pytest.mark.parametrize("inputs", SESSIONS.values(), ids=SESSIONS)
def test_a_saved_session_says_the_same_again(inputs: list[str], tmp_path: Path) -> None:
    talk = Conversation()
    shown: list[str] = []
    talk.session.interpreter.emit_sink = lambda value: shown.append(text_of(value))
    path = tmp_path / "saved.ns"
    for text in inputs:
        talk.written.clear()
        talk.session.feed(text)
        shown += [line for line in talk.written if "error" not in line]
    assert "saved" in talk.say(f":save {path}")[0]
    talk.session.close()

    emitted: list[str] = []
    with Interpreter(emit=lambda value: emitted.append(text_of(value))) as interpreter:
        names = interpreter.load(path)
        interpreter.run("session_1" if "session_1" in names else "main")
        assert not [one for one in interpreter.check(path) if one.severity == "error"]
    assert [line.strip('"').replace("\\n", "\n") for line in shown] == emitted


def test_the_program_is_laid_out_and_has_each_procedure_once(talk: Conversation, tmp_path: Path) -> None:
    for text in ("func f() means\nreturn 1\nendfunc", "set x=f()", "# better\nfunc f() means\nreturn 2\nendfunc", "x"):
        talk.session.feed(text)
    path = tmp_path / "saved.ns"
    assert talk.say(f":save {path}") == [f"saved 1 definition and a procedure main in {path}"]
    assert path.read_text() == (
        "# better\nfunc f() means\n  return 2\nendfunc\n\nfunc main() means\n  set x = f()\n  emit x\nendfunc\n"
    )


def test_a_file_that_is_there_is_replaced_only_if_that_is_said(talk: Conversation, tmp_path: Path) -> None:
    path = tmp_path / "saved.ns"
    path.write_text("mine")
    talk.say("emit 1")
    assert f":save -f {path}" in talk.say(f":save {path}")[0]
    assert path.read_text() == "mine"
    talk.say(f":save -f {path}")
    assert "emit 1" in path.read_text()
    assert "cannot write" in talk.say(f":save {tmp_path}/no/saved.ns")[0]


def test_libraries_that_were_loaded_are_used(talk: Conversation, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    inner, outer = tmp_path / "here" / "inner.ns", tmp_path / "outer.ns"
    inner.write_text("func inner() means\n  return 1\nendfunc\n")
    outer.write_text("func outer() means\n  return 2\nendfunc\n")
    talk.say(f":load {inner}")
    talk.say(f":load {outer}")
    talk.say("inner()")
    path = tmp_path / "here" / "saved.ns"
    [told] = talk.say(f":save {path}")
    assert "what was loaded from ../outer.ns is not in it" in told
    assert path.read_text().startswith(":: uses: inner.ns\n")
    with Interpreter(emit=lambda value: talk.written.append(text_of(value))) as interpreter:
        interpreter.load(path)
        interpreter.run("main")
    assert talk.written[-1] == "1"
    assert stat.S_ISREG(path.stat().st_mode)


def test_a_handler_that_would_hold_for_more_than_its_input_is_told(talk: Conversation, tmp_path: Path) -> None:
    talk.say("on error do\n  clear_error\nendon")
    talk.session.feed("on error do\n  clear_error\nendon\nset x = 1 / 0")
    assert "holds in the file for all statements below it" in talk.say(f":save {tmp_path}/saved.ns")[0]
