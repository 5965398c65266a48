"""A person's yes: asked for by a program or by the terms of its run, given while no process waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import AccessError, Approval, Interpreter, Journal, NeuroScriptError, RunTerms, StateError

ASKING = """
func main() means
  set given = nil
  set by = nil
  on error do
    emit "handled " + system_error_code
    set by = system_error.by
    clear_error
  endon
  set given = tool.approval.Request("Write the report?", {"pages": 3})
  emit "yes"
  return [given, by]
endfunc
"""
ACTING = """
func main() means
  set done = []
  for each name in ["a", "b"]
    set done = tool.list.Append(done, tool.mail.Send(name))
    set done = tool.list.Append(done, tool.mail.Drop(name))
  endfor
  return done
endfunc
"""


class World:
    """A host with a journal: each start is an interpreter of its own, as after a crash."""

    def __init__(self, directory: Path, program: str, **options: Any) -> None:
        self.directory = directory
        self.program = program
        self.options = options
        self.emitted: list[Any] = []
        self.done: list[str] = []

    def start(self, terms: RunTerms | None = None) -> Any:
        with (
            Interpreter(emit=self.emitted.append, plugins=False, **self.options) as interpreter,
            Journal.open(self.directory, terms) as journal,
        ):
            for name in ("mail.Send", "mail.Drop"):
                interpreter.tool(name)(self._tool(name))
            interpreter.load(self.program)
            return interpreter.run("main", run_id="r", journal=journal)

    def _tool(self, name: str) -> Callable[[str], str]:
        def act(to: str) -> str:
            self.done.append(f"{name} {to}")
            return f"{name} {to}"

        return act

    def suspended(self, terms: RunTerms | None = None) -> Approval:
        """What the run waits for after another start."""
        with pytest.raises(StateError, match="is suspended until somebody has answered"):
            self.start(terms)
        with Journal.open(self.directory) as journal:
            assert journal.run("r").state == "suspended"
            [waiting] = [asked for asked in journal.approvals("r") if asked.answer is None]
            return waiting

    def answer(self, yes: bool, path: str = "", **said: str) -> None:
        with Journal.open(self.directory) as journal:
            (journal.approve if yes else journal.refuse)("r", path, **said)


def test_a_run_is_suspended_until_somebody_says_yes(tmp_path: Path) -> None:
    world = World(tmp_path, ASKING)
    waiting = world.suspended()
    assert (waiting.path, waiting.what, waiting.details) == ("1", "Write the report?", {"pages": 3})
    assert world.suspended() == waiting, "it asks once, however often it is started"
    world.answer(True, by="ann", why="good")
    assert world.start() == [{"by": "ann", "why": "good"}, None]
    assert world.emitted == ["yes"], "no handler saw that the run waited"
    with Journal.open(tmp_path) as journal:
        [asked] = journal.approvals("r")
        assert (asked.answer, asked.by, asked.why) == (True, "ann", "good")
        assert asked.asked <= asked.answered <= time.time()
        assert journal.run("r").starts == 3


def test_a_refusal_is_an_error_that_the_script_may_handle(tmp_path: Path) -> None:
    world = World(tmp_path, ASKING)
    world.suspended()
    world.answer(False, by="bob", why="too early")
    result = world.start()
    assert world.emitted == ["handled 48", "yes"]
    assert result == [None, "bob"]


def test_an_answer_is_given_once_and_only_where_one_is_wanted(tmp_path: Path) -> None:
    world = World(tmp_path, ASKING)
    world.suspended()
    with Journal.open(tmp_path) as journal:
        for run, path, problem in (("r", "2", "waits for no approval"), ("other", "", "there is no run 'other'")):
            with pytest.raises(NeuroScriptError, match=problem):
                journal.approve(run, path)
        with pytest.raises(NeuroScriptError, match="'x/y' is no call"):
            journal.approve("r", "x/y")
        journal.refuse("r")
        with pytest.raises(StateError, match="waits for no approval"):
            journal.approve("r")


def test_silence_is_a_refusal_after_the_time_out(tmp_path: Path) -> None:
    world = World(tmp_path, ASKING)
    terms = RunTerms(approval_seconds=0.05)
    waiting = world.suspended(terms)
    assert waiting.until == pytest.approx(waiting.asked + 0.05, abs=0.01)
    time.sleep(0.06)
    with Journal.open(tmp_path) as journal, pytest.raises(StateError, match="it is too late"):
        journal.approve("r")
    assert world.start(terms) == [None, "the time-out"]


def test_a_yes_under_another_users_key_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path / "state", ASKING)
    world.suspended()
    world.answer(True)
    ours = tmp_path / "ours"
    monkeypatch.setenv("XDG_DATA_HOME", str(ours))
    assert world.suspended().answer is None, "a journal that came from elsewhere approves nothing"
    world.answer(True, by="ann")
    assert world.start() == [{"by": "ann", "why": ""}, None]


def test_terms_want_a_yes_for_each_call_or_for_the_first(tmp_path: Path) -> None:
    terms = RunTerms(ask_before=("tool.mail.Send=first", "MAIL.DROP"))
    world = World(tmp_path, ACTING)
    asked = []
    for _ in range(3):
        waiting = world.suspended(terms)
        asked.append((waiting.what, waiting.details))
        assert world.done == ["mail.Send a", "mail.Drop a", "mail.Send b", "mail.Drop b"][: (0, 1, 3)[len(asked) - 1]]
        world.answer(True, waiting.path)
    assert asked == [("mail.Send", ["a"]), ("mail.Drop", ["a"]), ("mail.Drop", ["b"])]
    assert world.start(terms) == world.done == ["mail.Send a", "mail.Drop a", "mail.Send b", "mail.Drop b"]


def test_a_call_that_the_terms_ask_about_may_be_refused(tmp_path: Path) -> None:
    terms = RunTerms(ask_before=("mail.Drop",))
    world = World(tmp_path, ACTING)
    world.suspended(terms)
    world.answer(False)
    for _ in range(2):  # the no holds, however often the run is started
        with pytest.raises(AccessError, match=r"'mail\.Drop' was refused") as refusal:
            world.start(terms)
        assert (refusal.value.code, refusal.value.details["path"]) == (48, "2")
    assert world.done == ["mail.Send a"]


def test_terms_that_ask_no_more_let_the_run_go_on(tmp_path: Path) -> None:
    world = World(tmp_path, ACTING)
    world.suspended(RunTerms(ask_before=("mail.*",)))
    assert len(world.start()) == 4


@pytest.mark.parametrize("answer", [True, False])
def test_a_host_asks_in_its_own_user_interface(tmp_path: Path, answer: bool) -> None:
    seen = []

    def approver(approval: Approval) -> bool:
        seen.append((approval.run_id, approval.path, approval.what, approval.details))
        return answer

    world = World(tmp_path, ASKING, approver=approver)
    assert world.start() == ([{"by": "the host", "why": ""}, None] if answer else [None, "the host"])
    assert seen == [("r", "1", "Write the report?", {"pages": 3})]
    world.start()
    assert len(seen) == 1, "the answer is in the journal"


def test_a_host_that_does_not_know_yet_has_the_run_suspended(tmp_path: Path) -> None:
    world = World(tmp_path, ASKING, approver=lambda approval: None)
    world.suspended()
    world.answer(True, by="later")
    assert world.start() == [{"by": "later", "why": ""}, None]


def test_without_a_journal_the_host_or_the_person_at_the_prompt_is_asked() -> None:
    for options, expected in (
        ({"approver": lambda approval: True}, [{"by": "the host", "why": ""}, None]),
        ({"approver": lambda approval: False}, [None, "the host"]),
        ({"prompt": lambda text: "YES"}, [{"by": "the person at the prompt", "why": ""}, None]),
        ({"prompt": lambda text: "well"}, [None, "the person at the prompt"]),
    ):
        interpreter = Interpreter(emit=lambda value: None, plugins=False, **options)  # type: ignore[arg-type]
        interpreter.load(ASKING)
        assert interpreter.run("main") == expected


def test_where_nobody_can_be_asked_the_error_says_what_to_do() -> None:
    interpreter = Interpreter(plugins=False)
    with pytest.raises(StateError, match=r"nobody can be asked .*neuroscript run --run-id ID"):
        interpreter.execute('command\n  call tool.approval.Request("Go?")\nendcommand\n')
