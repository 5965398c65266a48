"""Keys, colours and history of the terminal, which gets its keys from a pipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from neuroscript.cli.repl import terminal
from tests.cli.repl.conftest import Conversation

Type = Callable[[str], str]

UP, ALT_ENTER, BACKSPACE = "\x1b[A", "\x1b\r", "\x7f"


@pytest.fixture
def type_keys(talk: Conversation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Type]:
    """Types keys, and gives the input that they make."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        ask = terminal.make_prompt(talk.session)

        def press(text: str) -> str:
            keys.send_text(text)
            return ask()

        yield press


def test_blocks_are_read_until_they_are_closed(type_keys: Type) -> None:
    assert type_keys("emit 1\r") == "emit 1"
    assert type_keys("if true\remit 1\rendif\r") == "if true\n  emit 1\nendif"
    assert type_keys("set xs = [1,\r2\r]\r") == "set xs = [1,\n  2\n  ]"


TYPED = {
    "else": (
        "if x\rif y\remit 1\relse\remit 2\rendif\rendif\r",
        "if x\n  if y\n    emit 1\n  else\n    emit 2\n  endif\nendif",
    ),
    "else if": ("if x\relse if y\remit 1\rendif\r", "if x\nelse if y\n  emit 1\nendif"),
    "procedure": (
        "func f() means\rwhile x\rset x = f(\r1)\rendwhile\rendfunc\r",
        "func f() means\n  while x\n    set x = f(\n      1)\n  endwhile\nendfunc",
    ),
    "handlers": (
        "command\ron error do\rclear_error\rendon\rendcommand\r",
        "command\n  on error do\n    clear_error\n  endon\nendcommand",
    ),
    "event": ('on event "e" do\remit 1\rendevent\r', 'on event "e" do\n  emit 1\nendevent'),
    "a name that begins so": ("if x\rset a = endless\rendif\r", "if x\n  set a = endless\nendif"),
    "in a raw string": ("set s = ```\r    endif\r```\r", "set s = ```\n    endif\n```"),
    "own blanks": ("if x\r      endif\r", "if x\nendif"),
    "a further line": (f"on error do\rclear_error\rendon{ALT_ENTER}fail\r", "on error do\n  clear_error\nendon\nfail"),
    "blanks by tab, and away again": (f"if x\r\t{BACKSPACE}{BACKSPACE}endif\r", "if x\nendif"),
    "time": (":time if x\remit 1\rendif\r", ":time if x\n  emit 1\nendif"),
    "a command": (":load x\r", ":load x"),
}


@pytest.mark.parametrize(("keys", "text"), TYPED.values(), ids=TYPED)
def test_lines_are_indented_as_they_are_typed(type_keys: Type, keys: str, text: str) -> None:
    assert type_keys(keys) == text


def test_a_paste_is_taken_as_it_is_and_waits_for_enter(type_keys: Type) -> None:
    pasted = "func f() means\n      return 1\nendfunc\n\nset x = f()\nif x > 0\n    emit x\nendif"
    assert type_keys(f"\x1b[200~{pasted}\x1b[201~\r") == pasted
    windows = pasted.replace("\n", "\r\n")
    assert type_keys(f"\x1b[200~{windows}\x1b[201~\r") == pasted


def test_enter_in_the_middle_of_a_block_begins_a_line(type_keys: Type) -> None:
    type_keys("if true\remit 1\rendif\r")
    assert type_keys(f"{UP}{UP}\x05\remit 2\x1b[B\r") == "if true\n  emit 1\n  emit 2\nendif"


def test_history_is_kept_for_the_user_alone(type_keys: Type, tmp_path: Path) -> None:
    type_keys("if true\remit 1\rendif\r")
    type_keys("emit 2\r")
    assert type_keys(f"{UP}{UP}\r") == "if true\n  emit 1\nendif"
    history = tmp_path / "data" / "neuroscript" / "repl_history"
    assert "+emit 2" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    assert history.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_history_follows_no_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "neuroscript").mkdir()
    (tmp_path / "neuroscript" / "repl_history").symlink_to(tmp_path / "mine")
    assert type(terminal._history()) is InMemoryHistory


def test_without_a_place_for_history_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file" / "data"))
    assert type(terminal._history()) is InMemoryHistory


def test_keys_that_leave(type_keys: Type) -> None:
    with pytest.raises(KeyboardInterrupt):
        type_keys("half\x03")
    with pytest.raises(EOFError):
        type_keys("\x04")


# --- completion ------------------------------------------------------------------------------------------------------


def completed(talk: Conversation, before: str, requested: bool = False) -> list[tuple[str, int, str]]:
    event = CompleteEvent(text_inserted=not requested, completion_requested=requested)
    found = terminal._Completer(talk.session).get_completions(Document(before), event)
    return [(one.text, one.start_position, one.display_text) for one in found]


def test_completions_show_how_a_tool_is_called(talk: Conversation) -> None:
    assert completed(talk, "emit endw") == [("endwhile", -4, "endwhile")]
    assert completed(talk, "emit tool.str.tou") == [("tool.str.ToUpper", -12, "ToUpper(input_string)")]


def test_a_list_comes_by_itself_only_where_it_helps(talk: Conversation) -> None:
    assert completed(talk, "e") == []
    assert len(completed(talk, "e", requested=True)) > 1
    assert completed(talk, "emit") == []
    assert completed(talk, "emit ") == []


def test_the_tip_shows_the_argument_at_the_cursor(talk: Conversation) -> None:
    def tip(text: str) -> str:
        with create_app_session(output=DummyOutput()):
            return "".join(piece[1] for piece in terminal.tip(talk.session, Buffer(document=Document(text))))

    assert tip('tool.str.Contains("abc", ') == (
        "tool.str.Contains(input_string: string, substring: string) -> bool\nThe text to look for."
    )
    assert tip("emit 1") == ""
    talk.say(f"func f(needs {', '.join(f'argument_{number}' for number in range(40))}) means\nendfunc")
    shown = tip("f(1, 2, 3, 4, 5, 6, 7, 8, 9, ")
    assert "argument_9" in shown
    assert len(shown) <= 80  # columns of a terminal that has no size


# --- colours ---------------------------------------------------------------------------------------------------------


def classes(text: str) -> list[tuple[str, str]]:
    found = [
        (piece[0].removeprefix("class:pygments.").removeprefix("class:"), piece[1]) for piece in terminal.colours(text)
    ]
    assert "".join(piece for _, piece in found).rstrip("\n") == text.rstrip("\n")
    return [piece for piece in found if piece[1].strip()]


def test_colours_are_those_of_the_language() -> None:
    assert classes('set x = tool.a.B("s", 1.5) # c') == [
        ("keyword", "set"),
        ("name.variable", "x"),
        ("operator", "="),
        ("name.namespace", "tool"),
        ("punctuation", "."),
        ("name.namespace", "a"),
        ("punctuation", "."),
        ("name.function", "B"),
        ("punctuation", "("),
        ("literal.string", '"s"'),
        ("punctuation", ","),
        ("literal.number", "1.5"),
        ("punctuation", ")"),
        ("comment.single", "# c"),
    ]


def test_colours_of_a_string_of_several_lines() -> None:
    with_name = classes("set s = ```one\n{{name}}\nif```")
    assert with_name[-3:] == [
        ("literal.string.backtick", "```one\n"),
        ("literal.string.interpol", "{{name}}"),
        ("literal.string.backtick", "\nif```"),
    ]


def test_colours_of_commands() -> None:
    assert classes(":load if") == [("command", ":load"), ("", " if")]
    assert classes(":time if x") == [("command", ":time"), ("keyword", "if"), ("name.variable", "x")]
    assert classes(":: a: b")[0] == ("punctuation", "::")
