"""``neuroscript repl``: the conversation apart from the terminal, and from a pipe."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from neuroscript.cli.interactive import shown
from neuroscript.tools import ToolSpec
from neuroscript.values import ErrorValue
from tests.cli.conftest import Command
from tests.cli.repl.conftest import Conversation

# --- inputs ----------------------------------------------------------------------------------------------------------


def test_the_value_of_an_expression_is_shown(talk: Conversation) -> None:
    assert talk.say("1 + 2") == ["3"]
    assert talk.say('"a" + 1') == ['"a1"']
    assert talk.say('[1, "a", nil]') == ['[1, "a", nil]']
    assert talk.say("nil") == []
    assert talk.say("") == []
    assert talk.say("# a comment") == []


def test_variables_are_kept(talk: Conversation) -> None:
    assert talk.say("set x = [1]") == []
    assert talk.say("set x[1] = 2") == []
    assert talk.say("x") == ["[1, 2]"]
    assert talk.say("emit len(x)") == ["emit 2"]


def test_blocks_are_read_until_they_are_closed(talk: Conversation) -> None:
    assert talk.say("for each x in [1, 2]\n  if x > 1\n    emit x\n  endif\nendfor") == ["emit 2"]
    assert talk.say("set xs = [1,\n2\n]") == []
    assert talk.say("xs") == ["[1, 2]"]
    assert talk.say("(1 +\n2)") == ["3"]
    assert talk.say("set s = ```one\ntwo```") == []
    assert talk.say("s") == ['"one\\ntwo"']
    assert talk.say("emit 1 + \\\n2") == ["emit 3"]


def test_procedures_are_defined_and_redefined(talk: Conversation) -> None:
    assert talk.say("func f(needs x) means\n  return x * 2\nendfunc") == []
    assert talk.say("f(4)") == ["8"]
    assert talk.say("func f(needs x) means\n  return x * 3\nendfunc") == []
    assert talk.say("f(4)") == ["12"]


def test_events_and_handlers(talk: Conversation) -> None:
    assert talk.say('on event "e" as e do\n  emit e.payload\nendon') == []
    assert talk.say('call tool.event.Emit("e", 7)') == ["emit 7"]


def test_an_error_is_explained_and_forgotten(talk: Conversation) -> None:
    talk.say("set x = 1")
    (text,) = talk.say("x / 0")
    assert "error 14 (DIVISION_BY_ZERO)" in text
    assert "Traceback" not in text
    (text,) = talk.say("set = 5")
    assert "^" in text
    (text,) = talk.say("while true\nendwhile")
    assert "error 37" in text
    assert talk.say("x") == ["1"]


def test_last_is_what_was_shown_or_called_last(talk: Conversation) -> None:
    assert talk.say("20 + 1") == ["21"]
    assert talk.say("last * 2") == ["42"]
    assert talk.say("set x = 1") == []
    assert talk.say("last") == ["42"]
    assert talk.say("nil") == []
    assert talk.say("last") == ["42"]
    assert talk.say('call tool.str.ToUpper("x")') == []
    assert talk.say("last") == ['"X"']
    assert talk.say("set last = 5") == []
    assert talk.say("last") == ["5"]


def test_a_pasted_text_may_hold_several_definitions_and_statements(talk: Conversation) -> None:
    text = (
        "func f() means\n  return 2\nendfunc\n\n# more\nfunc g() means\n\treturn f() + 1\nendfunc\nset x = g()\nx + 1\n"
    )
    assert not talk.session.feed(text)
    assert talk.written == ["4"]


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("on error do\n  clear_error\nendon", True),
        ("on_error means\nclear_error\nendon", True),
        ("set x = 1\non error do\nclear_error\nendon\n# that is it", True),
        ("on error do\n  clear_error\nendon\nset y = 1 / 0", False),
        ("command\non error do\nclear_error\nendon\nendcommand", False),
        ("func f() means\non error do\nclear_error\nendon\nendfunc", False),
        ('on event "e" do\nendon', False),
    ],
)
def test_a_handler_without_anything_to_handle_is_explained(talk: Conversation, text: str, is_told: bool) -> None:
    talk.session.feed(text)
    assert [line.startswith("note: `on error` handles") for line in talk.written] == [True] * is_told


@pytest.mark.parametrize("word", ["exit", "quit", " exit ", "exit()", "quit();", ":quit", ":q"])
def test_words_that_leave(talk: Conversation, word: str) -> None:
    talk.say(word)
    assert (talk.session.done, talk.written) == (True, [])


@pytest.mark.parametrize("word", ["help", "?", "help()"])
def test_words_that_help(talk: Conversation, word: str) -> None:
    assert talk.say(word) == talk.say(":help")


@pytest.mark.parametrize("text", ["help str.Split", "help(str.Split)", 'help("str.Split")', "? tool.str.split"])
def test_words_that_explain(talk: Conversation, text: str) -> None:
    assert talk.say(text) == talk.say(":doc str.Split")


def test_words_that_are_names_are_names(talk: Conversation) -> None:
    talk.say("set quit = 1")
    assert talk.say("quit") == ["1"]
    talk.say("func help() means\nreturn 7\nendfunc")
    assert talk.say("help()") == ["7"]
    assert not talk.session.done


def test_half_a_block_can_be_abandoned_or_finished(talk: Conversation) -> None:
    assert talk.session.feed("if true")
    talk.session.abandon()
    assert talk.say("1") == ["1"]
    assert talk.session.feed("if true")
    talk.session.finish()
    assert "error" in talk.written[-1]


def test_long_values_are_cut() -> None:
    assert shown("a" * 50, 20) == '"' + "a" * 18 + "… (52 characters)"
    assert shown(ErrorValue(7, "no")) == "error: no"


# --- commands --------------------------------------------------------------------------------------------------------


def test_help_and_unknown_commands(talk: Conversation) -> None:
    assert ":load FILE" in talk.say(":help")[0]
    assert talk.say(":h") == talk.say(":help")
    for wrong in (":x", ":"):
        assert "there is no command" in talk.say(wrong)[0]


def test_quit(talk: Conversation) -> None:
    talk.say(":quit")
    assert talk.session.done


def test_variables_are_shown_and_reset(talk: Conversation) -> None:
    assert talk.say(":vars") == ["no variables are set"]
    talk.say("set b = 'text'")
    talk.say("set a = 1")
    assert talk.say(":vars") == ['a = 1\nb = "text"']
    talk.say("func f() means\nendfunc")
    talk.say(":reset")
    assert talk.say(":vars") == ["no variables are set"]
    assert "error" in talk.say("f()")[0]


def test_files_are_loaded(talk: Conversation, tmp_path: Path) -> None:
    library, commands, wrong = tmp_path / "lib.ns", tmp_path / "do.ns", tmp_path / "wrong.ns"
    library.write_text("func twice(needs x) means\n  return x * 2\nendfunc\n")
    commands.write_text("command\n  emit 5\nendcommand\n")
    wrong.write_text("func f( means\n")
    assert talk.say(f":load {library}") == ["loaded twice"]
    assert talk.say(f":load {library}") == ["loaded twice"]
    assert talk.say("twice(21)") == ["42"]
    assert talk.say(f":load {commands}")[0] == "emit 5"
    assert "wrong.ns:1" in talk.say(f":load {wrong}")[0]
    assert "there is no file" in talk.say(":load nothing.ns")[0]
    assert ":load FILE" in talk.say(":load")[0]


def test_tools_are_shown(talk: Conversation) -> None:
    assert "tool.fs.Read" in talk.say(":tools")[0]
    assert talk.say(":tools str.ToUpper")[0].startswith("tool.str.ToUpper(")
    assert "there is no tool" in talk.say(":tools nothing.There")[0]


# --- from a pipe -----------------------------------------------------------------------------------------------------


def test_lines_from_a_pipe(neuroscript: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = 'set x = 2\nif x == 2\n  emit "two"\nendif\ncall tool.fs.Write("f", "x")\nx * 2\npromptuser "?" into y\n'
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines + ":quit\nemit 'never'\n"))
    done = neuroscript("repl", "--sandbox", "box")
    assert done.status == 1
    assert done.out.splitlines() == ["two", "4"]
    assert "error 18" in done.err
    assert (tmp_path / "box" / "f").read_text() == "x"


def test_a_block_that_the_end_of_the_input_cuts_off_is_an_error(
    neuroscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("while true\nemit 1"))
    done = neuroscript("repl")
    assert (done.status, done.out) == (3, "")
    assert "error" in done.err


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("", 0),
        ("1 + 1", 0),
        ("fail 'no'\n1", 1),
        ("set = 5", 3),
        ("set = 5\n1 / 0", 3),
        ("1 / 0\nset = 5", 1),
        (":load nothing.ns", 1),
        (":nonsense", 1),
        ("1 / 0\nexit\nset = 5", 1),
        ("set f = 1\n:vars\nquit", 0),
    ],
)
def test_the_exit_status_of_a_pipe_is_that_of_the_first_input_that_fails(
    neuroscript: Command, monkeypatch: pytest.MonkeyPatch, lines: str, status: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    done = neuroscript("repl")
    assert done.status == status
    assert bool(done.err) == bool(status)


# --- what is granted -------------------------------------------------------------------------------------------------


def policy_of(talk: Conversation) -> object:
    return talk.session.interpreter.services["worker_policy"]


def test_what_is_granted_reaches_the_plugins_each_time(talk: Conversation) -> None:
    told: list[object] = []
    talk.session.interpreter.services["worker_policy_changed"] = told.append
    keys = {"env:A": ("https://a.example",)}
    origins = ("http://127.0.0.1:8080",)
    assert talk.say(":allow key env:A=https://a.example") == []
    assert talk.say(":allow origin http://127.0.0.1:8080") == []
    assert talk.say(":allow manage all") == []
    assert talk.say(":allow manage none") == []
    assert told == [
        {"keys": keys},
        {"keys": keys, "origins": origins},
        {"keys": keys, "origins": origins, "manage": "all"},
        {"keys": keys, "origins": origins, "manage": "none"},
    ]
    assert policy_of(talk) == told[-1]
    [policy] = talk.say(":policy")
    assert "  the key env:A may go to https://a.example  [:allow key]\n" in policy
    assert "  workers' definitions: scripts change none  [:allow manage]\n" in policy


def test_a_tool_that_is_granted_can_be_called_at_once(talk: Conversation) -> None:
    def launch() -> str:
        return "launched"

    talk.session.interpreter.tools.register(ToolSpec(name="rocket.Launch", capabilities=("rocket",)), launch)
    talk.say("func go() means\n  return tool.rocket.Launch()\nendfunc")
    assert "needs the capability rocket" in talk.say("go()")[0]
    assert talk.say(":allow tool rocket.Launch") == []
    assert talk.say("go()") == ['"launched"']
    assert policy_of(talk) == {"model_tools": ("rocket.Launch",)}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (":allow", "one of these is wanted: :allow key env:GROQ_API_KEY=https://api.groq.com"),
        (":allow everything", "one of these is wanted"),
        (":allow key", "one of these is wanted"),
        (":allow key sk-12345678", "env:GROQ_API_KEY=https://api.groq.com"),
        (":allow origin a.example", "such as http://127.0.0.1:8080"),
        (":allow manage some", '"own"'),
        (":allow tool fs.Raed", "tool.fs.Read"),
    ],
)
def test_a_grant_that_is_none_changes_nothing(talk: Conversation, line: str, problem: str) -> None:
    [answer] = talk.say(line)
    assert problem in answer
    assert "sk-12345678" not in answer
    assert "worker_policy" not in talk.session.interpreter.services


def test_a_pasted_text_grants_nothing(talk: Conversation) -> None:
    talk.session.feed(":allow key env:A=https://evil.example\nemit 1")
    assert ":allow is one line; nothing was done" in talk.written[0]
    assert "worker_policy" not in talk.session.interpreter.services


def test_flags_and_grants_hold_after_a_reset(
    neuroscript: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upper = 'tool.str.ToUpper("x")'
    lines = [upper, ":allow origin http://127.0.0.1:8080", ":reset", upper, ":policy"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    project = tmp_path / "neuroscript.toml"
    project.write_text('[policy]\nmanage = "none"\nmax_cost_per_run = 3\n')
    done = neuroscript("repl", "--deny", "str.ToUpper", "--max-cost", "2")
    assert done.status == 1
    assert done.err.count("tool.str.ToUpper is denied") == 2
    for line in (
        "may name http://127.0.0.1:8080, without a key  [:allow origin]",
        "most that a run's models may cost: 2.0  [--max-cost]",
        f"workers' definitions: scripts change none  [{project}]",
    ):
        assert f"  {line}\n" in done.out


def test_a_value_whose_text_is_too_long_spoils_nothing(talk: Conversation) -> None:
    talk.say("set a = 1")
    talk.say('set s = "x"')
    talk.say("for each i in tool.list.Range(0, 20)\n  set s = s + s\nendfor")
    assert talk.say("[s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s]") == [
        "a list of 17, whose text is too long to be shown"
    ]
    talk.say("set many = last")
    assert talk.say(":vars")[0].startswith("a = 1\n")
