"""``neuroscript repl``: the conversation apart from the terminal, from a pipe, and the terminal's helpers."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuroscript.cli.interactive import shown
from neuroscript.cli.repl.session import ReplSession
from neuroscript.interpreter import Interpreter
from neuroscript.limits import Limits
from neuroscript.tools import ToolSpec
from neuroscript.values import ErrorValue
from tests.cli.conftest import Command


class Conversation:
    """Feeds inputs and collects what is shown."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.session = ReplSession(self._interpreter, self.written.append)

    def _interpreter(self) -> Interpreter:
        return Interpreter(emit=lambda value: self.written.append(f"emit {value}"), limits=Limits(max_steps=100_000))

    def say(self, text: str) -> list[str]:
        """What is shown in answer to some lines, which must be complete."""
        self.written.clear()
        lines = text.split("\n")
        wants = [self.session.feed(line) for line in lines]
        assert wants == [True] * (len(lines) - 1) + [False]
        return list(self.written)


@pytest.fixture
def talk() -> Iterator[Conversation]:
    conversation = Conversation()
    yield conversation
    conversation.session.close()


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
    assert talk.say(":tools str.ToUpper")[0].startswith("## tool.str.ToUpper(")
    assert "there is no tool" in talk.say(":tools nothing.There")[0]


def test_completion(talk: Conversation) -> None:
    talk.say("set counter = 1")
    talk.say("func countdown() means\nendfunc")
    complete = talk.session.completions
    assert complete("emit cou") == ("cou", ["countdown", "counter"])
    assert complete("endw") == ("endw", ["endwhile"])
    assert complete("set x = tool.str.tou") == ("tool.str.tou", ["tool.str.ToUpper"])
    assert complete("is_n") == ("is_n", ["is_nil", "is_number"])
    assert complete(":l") == (":l", [":load"])
    assert complete("emit :l") == (":l", [])
    assert complete("1 + ") == ("", [])


def test_completion_of_the_keys_of_a_map(talk: Conversation) -> None:
    talk.say('set cfg = {"limits": {"per_day": 1, "per minute": 2}, "labels": []}')
    complete = talk.session.completions
    assert complete("emit cfg.l") == ("cfg.l", ["cfg.labels", "cfg.limits"])
    assert complete("emit cfg.limits.") == ("cfg.limits.", ["cfg.limits.per_day"])
    assert complete("emit cfg.labels.") == ("cfg.labels.", [])
    assert complete("emit other.") == ("other.", [])


# --- from a pipe, and the terminal -----------------------------------------------------------------------------------


def test_lines_from_a_pipe(neuroscript: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = 'set x = 2\nif x == 2\n  emit "two"\nendif\ncall tool.fs.Write("f", "x")\nx * 2\npromptuser "?" into y\n'
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines + ":quit\nemit 'never'\n"))
    done = neuroscript("repl", "--sandbox", "box")
    assert done.status == 0
    assert done.out.splitlines()[:2] == ["two", "4"]
    assert "error 18" in done.out
    assert "never" not in done.out
    assert (tmp_path / "box" / "f").read_text() == "x"


def test_a_block_that_the_end_of_the_input_cuts_off_is_an_error(
    neuroscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("while true\nemit 1"))
    done = neuroscript("repl")
    assert done.status == 0
    assert "error" in done.out


def test_colours_of_a_line() -> None:
    from neuroscript.cli.repl.terminal import colours

    pieces = [piece for piece in colours('set x = tool.a.B("s", 1.5) # c') if piece[0]]
    assert pieces == [
        ("class:keyword", "set"),
        ("class:tool", "tool.a.B"),
        ("class:string", '"s"'),
        ("class:number", "1.5"),
        ("class:comment", "# c"),
    ]


def test_the_terminal_reads_blocks_and_keeps_history(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    from neuroscript.cli.repl import terminal

    monkeypatch.setattr(terminal, "user_state_path", lambda *_, **__: tmp_path / "state")
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        ask = terminal.make_prompt(talk.session)
        keys.send_text("if true\nemit 1\nendif\n")
        assert ask() == "if true\nemit 1\nendif"
        keys.send_text("emit 2\n")
        assert ask() == "emit 2"
        keys.send_text("\x1b[A\x1b[A\n")
        assert ask() == "if true\nemit 1\nendif"
        keys.send_text("half\x03")
        with pytest.raises(KeyboardInterrupt):
            ask()
        keys.send_text("\x04")
        with pytest.raises(EOFError):
            ask()
    history = tmp_path / "state" / "repl_history"
    assert "+emit 2" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_the_terminal_completes_words(talk: Conversation) -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from neuroscript.cli.repl.terminal import _Completer

    found = list(_Completer(talk.session).get_completions(Document("emit endw"), CompleteEvent()))
    assert [(completion.text, completion.start_position) for completion in found] == [("endwhile", -4)]


def test_without_a_place_for_history_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from prompt_toolkit.history import InMemoryHistory

    from neuroscript.cli.repl import terminal

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(terminal, "user_state_path", lambda *_, **__: tmp_path / "file" / "state")
    assert type(terminal._history()) is InMemoryHistory


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
    assert "one of these is wanted" in talk.written[0]
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
    assert done.status == 0
    assert done.out.count("tool.str.ToUpper is denied") == 2
    for line in (
        "may name http://127.0.0.1:8080, without a key  [:allow origin]",
        "most that a run's models may cost: 2.0  [--max-cost]",
        f"workers' definitions: scripts change none  [{project}]",
    ):
        assert f"  {line}\n" in done.out
