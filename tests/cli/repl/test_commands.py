"""The commands of the session, besides the ones that grant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuroscript import Interpreter, StreamEvent, ToolContext
from neuroscript.cli.repl.costs import Costs
from neuroscript.cli.repl.session import ReplSession
from tests.cli.repl.conftest import Conversation


def test_the_help_names_every_command_and_fits_the_terminal(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (50, 80, 300):
        monkeypatch.setenv("COLUMNS", str(columns))
        [text] = talk.say(":help")
        for name in (":tools", ":doc", ":vars", ":load", ":save", ":workers", ":time", ":limits", ":reset", ":quit"):
            assert re.search(rf"^  {name}\b", text, re.MULTILINE), name
        assert max(map(len, text.split("\n"))) < min(columns, 101)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tool.str.ToUpper", "tool.str.ToUpper(input_string: string) -> string\n\n"),
        ("str.toupper()", "tool.str.ToUpper(input_string: string) -> string\n\n"),
        ("while", "while condition … endwhile\n\nRepeats"),
        ("len", "len(x)\n\n"),
        ("last", "last\n\nThe result"),
        ("half", "half(x, digits?)\n\nDivides.\n\n- `digits`: How many.\n\nIn <input 1>, line 1"),
        ("xs", "xs: a variable, list\n\n  [1, 2]"),
        ("14", "error 14 DIVISION_BY_ZERO"),
        ("NS101", "NS101 stale-value"),
    ],
)
def test_doc_explains_whatever_has_a_name(talk: Conversation, name: str, told: str) -> None:
    talk.say(
        "func half(needs x optional digits) means\n  :: description: Divides.\n  :: param:digits: How many.\n"
        "  return x / 2\nendfunc"
    )
    talk.say("set xs = [1, 2]")
    [text] = talk.say(f":doc {name}")
    assert text.startswith(told)


def test_doc_lists_a_group(talk: Conversation) -> None:
    assert "tool.str.ToUpper(input_string)" in talk.say(":doc str")[0]
    assert talk.say(":tools str") == talk.say(":doc str")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("", ":doc str.Split"), ("counte", "did you mean 'counter'?"), ("str.ToUper", "tool.str.ToUpper")],
)
def test_doc_of_nothing_says_what_is_near(talk: Conversation, name: str, hint: str) -> None:
    talk.say("set counter = 1")
    assert hint in talk.say(f":doc {name}")[0]


def test_vars_shows_procedures_too(talk: Conversation) -> None:
    talk.say("func f(needs a optional b) means\nendfunc")
    talk.say("set x = 'a'")
    assert talk.say(":vars") == ['x = "a"\nf(a, b?)']


def test_time_runs_an_input_and_tells_how_long_it_took(talk: Conversation) -> None:
    value, seconds = talk.say(":time 1 + 1")
    assert value == "2"
    assert re.fullmatch(r"[0-9.e+]+ ms|[0-9.]+ s", seconds)
    assert talk.say(":time") == [seconds]
    assert talk.say(":time for each x in [1, 2]\n  emit x\nendfor")[:2] == ["emit 1", "emit 2"]
    error, _ = talk.say(":time 1 / 0")
    assert "error 14" in error


def test_limits_are_those_of_the_interpreter(talk: Conversation) -> None:
    [text] = talk.say(":limits")
    assert re.search(r"^max_steps +100,000$", text, re.MULTILINE)
    assert re.search(r"^max_wall_seconds +none$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (":vars x", ":vars takes nothing more, and 'x' stands behind it"),
        (":vars\nemit 1", ":vars is one line"),
        (":load a.ns\nemit 1", ":load is one line; nothing was done"),
        (":save", ":save needs a file"),
        (":save -f", ":save needs a file"),
        (":save x.ns", "there is nothing to save"),
        (":", "there is no command ':'"),
    ],
)
def test_commands_that_are_written_wrongly_do_nothing(talk: Conversation, line: str, problem: str) -> None:
    talk.session.feed(line)
    [told] = talk.written
    assert problem in told
    assert talk.session.status == 1


def test_workers_need_a_plugin(monkeypatch: pytest.MonkeyPatch, talk: Conversation) -> None:
    monkeypatch.setattr("neuroscript.cli.plugin_commands.entries", lambda group: [])
    assert "no plugin that brings them" in talk.say(":workers")[0]


def test_workers_are_listed_with_those_that_were_added(
    talk: Conversation, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    talk.say(":workers")
    assert "there are no workers" in capsys.readouterr().out
    added = 'name: "fast", provider: "local", model_name: "echo", auth: {"method": "none"}'
    assert talk.say(f"call tool.AIWorkerDefinition.Add({added})") == []
    assert talk.say(":workers") == ["no model has replied in this session"]
    assert "fast" in capsys.readouterr().out


def test_a_file_below_the_home_directory_is_loaded(
    talk: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lib.ns").write_text("func f() means\n  return 1 / 0\nendfunc\n")
    assert talk.say(":load ~/lib.ns") == ["loaded f"]
    assert "  2 |   return 1 / 0" in talk.say("f()")[0]


# --- what replies cost -----------------------------------------------------------------------------------------------


def asks(interpreter: Interpreter) -> None:
    """Has ``ask`` answered by a worker that tells what it used."""

    def asker(ctx: ToolContext, who: object, prompt: str, config: object, whispered: object) -> str:
        told = ctx.on_stream
        assert told is not None
        cost = float(prompt)
        told(StreamEvent(kind="done", call_id="1", worker="w\x1b", input_tokens=1, output_tokens=20, cost=cost))
        return "reply"

    interpreter.set_asker(asker)


def test_what_the_replies_of_an_input_cost_is_told_once() -> None:
    costs = Costs()
    written: list[str] = []

    def make() -> Interpreter:
        made = Interpreter(plugins=False, emit=written.append, on_stream=costs.hear)
        asks(made)
        return made

    session = ReplSession(make, written.append, costs=costs)
    inputs = {
        'ask "0.25"': ["(w\\x1b: 1 token in, 20 out, cost 0.25)"],
        "1": ["1"],
        'ask "0"': ["(w\\x1b: 1 token in, 20 out)"],
        'for each x in [1, 2]\nask "0.001"\nendfor': ["(2 replies: 2 tokens in, 40 out, cost 0.002)"],
        "ask '1'\nfail 'no'": ["(w\\x1b: 1 token in, 20 out, cost 1)"],
    }
    for text, expected in inputs.items():
        written.clear()
        session.feed(text)
        assert [line for line in written if "error" not in line] == expected, text
    assert costs.of_session() == "in this session: 5 replies: 5 tokens in, 100 out, cost 1.252"
    session.close()


def test_trace_shows_each_statement_and_what_it_sets(talk: Conversation) -> None:
    talk.say("func before(needs a) means\n  return a + 1\nendfunc")
    assert talk.say(":trace") == ["trace is off"]
    assert "procedures that are there already" in talk.say(":trace on")[0]
    shown = "\n".join(talk.say("set x = 1 + 1"))
    assert "set x = 1 + 1" in shown
    assert "x = 2" in shown
    talk.say("func twice(needs a) means\n  set b = a * 2\n  return b\nendfunc")
    shown = "\n".join(talk.say("twice(before(4))"))
    assert "b = 10" in shown
    assert "return a + 1" not in shown
    assert talk.say(":trace off") == ["trace is off"]
    assert talk.say("twice(1)") == ["2"]
    assert "on or off, not 'loud'" in talk.say(":trace loud")[0]


def test_a_trace_goes_on_after_a_reset(talk: Conversation) -> None:
    talk.say(":trace on")
    talk.say(":reset")
    assert "x = 3" in "\n".join(talk.say("set x = 3"))
