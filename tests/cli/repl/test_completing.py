"""What the session completes, and what it tells of the call that is being written."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroscript.cli.completions import Candidate
from neuroscript.cli.repl.completing import CallTip
from neuroscript.tools import ToolSpec
from tests.cli.repl.conftest import Conversation


def texts(talk: Conversation, before: str, text: str = "") -> tuple[str, list[str]]:
    word, found = talk.session.completing.candidates(before, text or before)
    return word, [one.text for one in found]


def test_words_and_names(talk: Conversation) -> None:
    talk.say("set counter = 1")
    talk.say("func countdown() means\nendfunc")
    assert texts(talk, "emit cou") == ("cou", ["countdown", "counter"])
    assert texts(talk, "endw") == ("endw", ["endwhile"])
    assert texts(talk, "is_n") == ("is_n", ["is_nil", "is_number"])
    assert texts(talk, "1 + ") == ("", [])


def test_names_of_the_same_input(talk: Conversation) -> None:
    before = "func area(needs width) means\n  return wi"
    assert texts(talk, before, before + "\nset wing = 1") == ("wi", ["width", "wing", "with"])


@pytest.mark.parametrize(
    "before", ['emit "cou', "emit 'cou", "# cou", "1 // cou", ":: description: cou", "set x = ```cou"]
)
def test_nothing_in_texts_and_comments(talk: Conversation, before: str) -> None:
    talk.say("set counter = 1")
    assert texts(talk, before) == ("", [])


BEHIND = ("cou", "1\ncou", "# a\ncou", ":: a: b\ncou", "'a' + cou", "```a``` + cou", "f('a',\n cou")


@pytest.mark.parametrize("before", BEHIND)
def test_names_behind_texts_and_comments(talk: Conversation, before: str) -> None:
    talk.say("set counter = 1")
    assert texts(talk, before) == ("cou", ["counter"])


def test_keys_of_a_map(talk: Conversation) -> None:
    talk.say('set cfg = {"limits": {"per_day": 1, "per minute": 2}, "labels": []}')
    assert texts(talk, "emit cfg.l") == ("cfg.l", ["cfg.labels", "cfg.limits"])
    assert texts(talk, "emit cfg.limits.") == ("cfg.limits.", ["cfg.limits.per_day"])
    assert texts(talk, "emit cfg.labels.") == ("cfg.labels.", [])
    assert texts(talk, "emit other.") == ("other.", [])


def test_tools_by_group_then_by_name_in_any_case(talk: Conversation) -> None:
    _, groups = texts(talk, "tool.s")
    assert {"tool.str.", "tool.script."} <= set(groups)
    assert texts(talk, "set x = tool.str.tou") == ("tool.str.tou", ["tool.str.ToUpper"])
    assert texts(talk, "tool.toupper") == ("tool.toupper", ["tool.str.ToUpper"])
    assert set(texts(talk, "tool.math")[1]) == {name for name in texts(talk, "tool.math.")[1] if name != "tool.math."}


def test_candidates_tell_how_they_are_called_and_what_they_are(talk: Conversation) -> None:
    talk.say(
        "func half(needs x optional digits) means\n  :: description: Divides by two. Rounds.\n  return x / 2\nendfunc"
    )
    talk.say("set halves = [1, 2]")
    _, found = talk.session.completing.candidates("hal")
    assert found == [
        Candidate("half", "half(x, digits?)", "Divides by two."),
        Candidate("halves", about="list of 2"),
    ]
    _, [tool] = talk.session.completing.candidates("tool.str.ToUpper")
    assert tool.form == "tool.str.ToUpper(input_string)"
    assert tool.about.endswith(".")
    _, [word] = talk.session.completing.candidates("endwhile")
    assert word.about == "Ends a `while` loop."


def test_commands_and_what_stands_behind_them(talk: Conversation) -> None:
    talk.say("set counter = 1")
    assert texts(talk, ":l") == (":l", [":load", ":limits"])
    assert texts(talk, "emit {'a':coun") == ("coun", ["counter"])
    assert texts(talk, "::l")[1] == []
    assert texts(talk, ":doc str.tou") == ("str.tou", ["str.ToUpper"])
    assert texts(talk, ":doc tool.str.tou") == ("tool.str.tou", ["tool.str.ToUpper"])
    assert texts(talk, ":doc coun") == ("coun", ["counter"] + [n for n in texts(talk, ":tools coun")[1] if "." in n])
    assert texts(talk, ":allow ma") == ("ma", ["manage"])
    assert texts(talk, ":allow manage o") == ("o", ["own"])
    assert texts(talk, ":allow tool str.tou") == ("str.tou", ["str.ToUpper"])
    assert texts(talk, ":time emit coun") == ("coun", ["counter"])
    assert texts(talk, ":nonsense x") == (":nonsense", [])
    assert texts(talk, ":vars x") == ("x", [])


def test_files_behind_load_and_save(talk: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lib.ns", "list.txt", ".hidden.ns", "odd\x1b.ns", "sub/inner.ns"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert texts(talk, ":load ") == ("", ["lib.ns", "sub/"])
    assert texts(talk, ":load l") == ("l", ["lib.ns"])
    assert texts(talk, ":save sub/") == ("sub/", ["sub/inner.ns"])
    assert texts(talk, ":load ~/li") == ("~/li", ["~/lib.ns"])
    assert texts(talk, ":load .h") == (".h", [".hidden.ns"])
    assert texts(talk, ":load nowhere/") == ("nowhere/", [])
    assert texts(talk, ":load \0/") == ("\0/", [])


# --- calls -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tips(talk: Conversation) -> Conversation:
    def add(first: int, *others: int) -> int:
        return first + sum(others)

    talk.session.interpreter.tools.register(ToolSpec.from_function("calc.Add", add), add)
    talk.say("func half(needs x optional digits) means\n  :: param:digits: How many. Or none.\n  return x / 2\nendfunc")
    return talk


@pytest.mark.parametrize(
    ("before", "argument"),
    [
        ("half(", "x"),
        ("half(1, ", "digits?"),
        ("half(len([1, 2, {", ""),
        ("half(len([1, 2]), ", "digits?"),
        ("half([1, 2", "x"),
        ("half(digits: ", "digits?"),
        ("half(\n  1,\n  ", "digits?"),
        ('half("a, b(', "x"),
        ("emit (half(1), half(", "x"),
        ("tool.calc.Add(1, 2, 3", "others?: int"),
        ("TOOL", None),
        ("half(1)", None),
        ("half", None),
        ("(", None),
        ("nobody(", None),
        ("tool.no.Body(", None),
    ],
)
def test_the_argument_at_the_cursor(tips: Conversation, before: str, argument: str | None) -> None:
    found = tips.session.completing.call_tip(before)
    assert (found.argument if found is not None else None) == argument


def test_a_tip_has_the_whole_call(tips: Conversation) -> None:
    tip = tips.session.completing.call_tip
    assert tip("half(1, ") == CallTip("half(x, ", "digits?", ")", "How many.")
    assert tip("half(1, 2, 3") == CallTip("half(x, digits?)", "", "", "")
    assert tip("len(") == CallTip("len(x)", "", "", "The number of characters, items, entries or bytes; 0 for nil.")
    found = tip("tool.str.Contains(")
    assert found is not None
    assert (found.before, found.argument) == ("tool.str.Contains(", "input_string: string")
    assert found.after == ", substring: string) -> bool"
