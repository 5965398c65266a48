"""Journaled runs: what goes on, what is refused, and what a run is in which things happen at once or within others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from neuroscript import (
    CancelledError,
    CancelToken,
    ConflictError,
    Interpreter,
    Journal,
    LimitError,
    NeuroScriptError,
    Recovery,
    RunTerms,
    StateError,
    ToolContext,
)
from neuroscript.journal import NOT_DONE, codec
from neuroscript.journal.entries import path_text

Make = Callable[..., Interpreter]


class World:
    """What the tools of a host have done, and what was emitted."""

    def __init__(self) -> None:
        self.acts: list[Any] = []
        self.emitted: list[Any] = []
        self.within: Callable[[Any], None] = lambda value: None

    def host(self, program: str, **options: Any) -> Interpreter:
        """An interpreter of its own, as each process would make one."""
        interpreter = Interpreter(plugins=False, emit=self.emitted.append, **options)

        @interpreter.tool("w.Act")
        def act(value: Any) -> Any:
            self.acts.append(value)
            self.within(value)
            return value

        @interpreter.tool("w.Fire", effect="once")
        def fire(ctx: Any, name: str) -> None:
            self.acts.append(f"fire {name}")
            ctx.emit_event(name, {"from": "a tool"})

        interpreter.load(program, "p.ns")
        return interpreter


@pytest.fixture
def world() -> World:
    return World()


COUNTING = """
func main(needs count) means
  set i = 0
  on error do
    emit "handled " + system_error_code
    clear_error
  endon
  while i < count
    set i = i + 1
    call tool.w.Act(i)
    emit i
  endwhile
  return i
endfunc
"""


def test_a_run_that_returned_gives_its_result_again(world: World, tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        assert world.host(COUNTING).run("main", 2, run_id="r", journal=journal) == 2
        assert world.host(COUNTING).run("main", 2, run_id="r", journal=journal) == 2
    assert (world.acts, world.emitted) == ([1, 2], [1, 2])


@pytest.mark.parametrize("options", [{"run_id": "r"}, {"journal": True}])
def test_a_journaled_run_needs_an_id_and_a_journal(world: World, tmp_path: Path, options: dict[str, Any]) -> None:
    with Journal.open(tmp_path) as journal:
        given = {key: journal if value is True else value for key, value in options.items()}
        with pytest.raises(NeuroScriptError, match="a journaled run needs run_id and journal"):
            world.host(COUNTING).run("main", 2, **given)


def test_what_a_run_was_started_with_cannot_change(world: World, tmp_path: Path) -> None:
    other = COUNTING.replace('"handled "', '"caught "')
    world.within = _interrupt_at(1)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            world.host(COUNTING).run("main", 2, run_id="r", journal=journal)
        with pytest.raises(ConflictError, match="was started with other arguments; take another id"):
            world.host(COUNTING).run("main", 3, run_id="r", journal=journal)
        with pytest.raises(ConflictError, match="was started with other globals"):
            world.host(COUNTING, globals={"g": 1}).run("main", 2, run_id="r", journal=journal)
        with pytest.raises(StateError, match=r"with another program.*--force-program") as refusal:
            world.host(other).run("main", 2, run_id="r", journal=journal)
        assert refusal.value.code == 19
        journal.resolve("r", "1", done=1)
        journal.terms = RunTerms(other_program=True)
        assert world.host(other).run("main", 2, run_id="r", journal=journal) == 2


def _interrupt_at(value: Any) -> Callable[[Any], None]:
    def act(given: Any) -> None:
        if given == value:
            raise KeyboardInterrupt

    return act


def _interrupt_at_call(number: int) -> Callable[[Any], None]:
    numbers = count(1)

    def act(given: Any) -> None:
        if next(numbers) == number:
            raise KeyboardInterrupt

    return act


def test_of_two_starts_at_once_one_goes_on(world: World, tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def within(value: Any) -> None:
        entered.set()
        assert leave.wait(20)

    world.within = within
    results: list[Any] = []

    def start() -> None:
        with Journal.open(tmp_path) as journal:
            results.append(world.host(COUNTING).run("main", 1, run_id="r", journal=journal))

    thread = threading.Thread(target=start)
    thread.start()
    try:
        assert entered.wait(20)
        with Journal.open(tmp_path) as journal:
            assert journal.is_going_on("r")
            with pytest.raises(StateError, match="'r' is going on already by process"):
                world.host(COUNTING).run("main", 1, run_id="r", journal=journal)
    finally:
        leave.set()
        thread.join()
    assert (results, world.acts) == ([1], [1])


def test_a_clock_that_jumps_changes_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
func main() means
  set first = tool.time.Now()
  call tool.w.Act(1)
  call tool.w.Act(2)
  return [first, tool.os.Now()]
endfunc
"""
    world.within = _interrupt_at(2)
    real = time.time
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            world.host(program).run("main", run_id="r", journal=journal)
        [first] = [entry for entry in journal.entries("r") if entry.tool == "time.Now"]
        journal.resolve("r", "3", done=2)
        monkeypatch.setattr(time, "time", lambda: real() - 86_400)
        result = world.host(program).run("main", run_id="r", journal=journal)
        assert [entry.path for entry in journal.entries("r")] == [(1,), (2,), (3,), (4,)]
    assert codec.encode(result[0]) == first.result
    assert world.acts == [1, 2]


def test_a_cancelled_run_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    token = CancelToken()
    world.within = lambda value: token.cancel() if value == 2 else None
    with Journal.open(tmp_path) as journal:
        with pytest.raises(CancelledError):
            world.host(COUNTING).run("main", 4, run_id="r", journal=journal, cancel=token)
        assert journal.run("r").state == "failed"
        world.within = lambda value: None
        assert world.host(COUNTING).run("main", 4, run_id="r", journal=journal) == 4
    assert world.acts == [1, 2, 3, 4]
    assert world.emitted == [1, 2, 3, 4], "no handler saw the cancellation"


def test_a_run_that_reached_a_limit_goes_on_under_a_higher_one(world: World, tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        for steps in (3, 3, 5):
            with pytest.raises(LimitError, match=f"used up its {steps} steps"):
                world.host(COUNTING, limits={"max_steps": steps}).run("main", 9, run_id="r", journal=journal)
        assert len(world.acts) < 9, "a replay costs what the run cost"
        assert world.host(COUNTING).run("main", 9, run_id="r", journal=journal) == 9
    assert world.acts == list(range(1, 10))


def test_a_run_that_was_cancelled_by_its_id_is_over(world: World, tmp_path: Path) -> None:
    world.within = _interrupt_at(1)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            world.host(COUNTING).run("main", 2, run_id="r", journal=journal)
        journal.cancel("r", why="not needed")
        with pytest.raises(CancelledError, match="the run 'r' was cancelled: not needed"):
            world.host(COUNTING).run("main", 2, run_id="r", journal=journal)
        with pytest.raises(StateError, match="is over: it is cancelled"):
            journal.cancel("r")
        assert journal.run("r").why == "not needed"


def test_divergence_ends_the_run_and_no_handler_sees_it(world: World, tmp_path: Path) -> None:
    program = "func main() means\n  on error do\n    emit 1\n    clear_error\n  endon\n"
    program += "  call tool.w.Act(chosen)\n  call tool.w.Act(2)\n  return 1\nendfunc\n"
    world.within = _interrupt_at(2)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            world.host(program, globals={"chosen": 1}).run("main", run_id="r", journal=journal)
        interpreter = world.host(program, globals={"chosen": 1})
        interpreter.runtime.globals["chosen"] = 3
        journal.resolve("r", "2", done=None)
        with pytest.raises(ConflictError):
            interpreter.run("main", run_id="r", journal=journal)
        journal.terms = RunTerms(other_program=True)
        other = program.replace("tool.w.Act(chosen)", 'tool.w.Fire("e")')
        with pytest.raises(StateError, match=r"took another way than the journal: call 1 is w.Fire now, where it was"):
            world.host(other, globals={"chosen": 1}).run("main", run_id="r", journal=journal)
    assert world.emitted == []


SIDE_BY_SIDE = """
on event "told" as e do
  emit "heard " + e.payload.from
  call tool.w.Act(e.id)
endon

func each_one(needs x) means
  if x == 2
    call tool.w.Fire("told")
  endif
  return tool.w.Act(x) * 10
endfunc

func main() means
  set all = tool.list.Map([1, 2, 3], each_one)
  call tool.w.Fire("told")
  return all
endfunc
"""


def test_events_and_calls_within_calls_replay_where_they_were(world: World, tmp_path: Path) -> None:
    plain = World()
    assert plain.host(SIDE_BY_SIDE).run("main") == [10, 20, 30]
    for moment in range(1, 8):
        world = World()
        world.within = _interrupt_at_call(moment)
        with Journal.open(tmp_path / str(moment), RunTerms(repeats_output=True)) as journal:
            interrupted = False
            while True:
                world.emitted.clear()
                try:
                    result = world.host(SIDE_BY_SIDE).run("main", run_id="r", journal=journal)
                    break
                except KeyboardInterrupt:
                    interrupted = True
                except StateError as error:
                    path = error.details["path"]
                    tools = {path_text(entry.path): entry.tool for entry in journal.entries("r")}
                    if tools[path] == "w.Act":
                        journal.resolve("r", path, done=world.acts[-1])
                    else:  # what fires the event has been interrupted within, and goes on
                        journal.resolve("r", path, repeat=True)
            assert result == [10, 20, 30]
            assert interrupted == (moment <= 5)
            assert world.emitted == ["heard a tool", "heard a tool"]
            assert [entry.state for entry in journal.entries("r")] == ["done"] * len(journal.entries("r"))


def test_command_blocks_go_on_too(world: World, tmp_path: Path) -> None:
    program = "command\n  call tool.w.Act(1)\n  emit 1\nendcommand\ncommand\n  call tool.w.Act(2)\nendcommand\n"
    world.within = _interrupt_at(2)
    with Journal.open(tmp_path) as journal:
        interpreter = world.host("func unused() means\n  return 1\nendfunc\n")
        with pytest.raises(KeyboardInterrupt):
            interpreter.execute(program, "c.ns", run_id="r", journal=journal)
        journal.resolve("r", "2", done=2)
        interpreter = world.host("func unused() means\n  return 1\nendfunc\n")
        interpreter.execute(program, "c.ns", run_id="r", journal=journal)
    assert (world.acts, world.emitted) == ([1, 2], [1])


def test_events_from_outside_belong_to_the_run(world: World, tmp_path: Path) -> None:
    program = 'on event "begin" as e do\n  call tool.w.Act(e.payload)\nendon\n' + COUNTING
    terms = RunTerms(events=(("begin", {"n": 7}),))
    with Journal.open(tmp_path, terms) as journal:
        world.within = _interrupt_at(1)
        with pytest.raises(KeyboardInterrupt):
            world.host(program).run("main", 2, run_id="r", journal=journal)
        [open_] = [entry for entry in journal.entries("r") if entry.state == "begun"]
        journal.resolve("r", "/".join(map(str, open_.path)), done=1)
        assert world.host(program).run("main", 2, run_id="r", journal=journal) == 2
        assert world.acts == [{"n": 7}, 1, 2]
        journal.terms = RunTerms()
        with pytest.raises(ConflictError, match="other arguments"):
            world.host(program).run("main", 2, run_id="r", journal=journal)


@pytest.mark.parametrize("value", ["é\ud800", "\ud83d", "plain", "日本", -0.0, 1e300, 2**4000, [None, {"$": {"$": 1}}]])
def test_any_value_comes_back_as_it_was(world: World, tmp_path: Path, value: Any) -> None:
    program = "func main(needs x) means\n  set y = tool.w.Act(x)\n  call tool.w.Act(2)\n  return y\nendfunc\n"
    world.within = _interrupt_at(2)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            world.host(program).run("main", value, run_id="r", journal=journal)
        journal.resolve("r", "2", done=None)
        result = world.host(program).run("main", value, run_id="r", journal=journal)
    assert repr(result) == repr(world.acts[0])
    assert len(world.acts) == 2


def test_whispers_of_an_earlier_run_are_no_part_of_this_one(world: World, tmp_path: Path) -> None:
    program = (
        'func main() means\n  whisper self, "w"\n  call tool.w.Act(1)\n  ask "a", "b" into c\n  return c\nendfunc\n'
    )
    interpreter = world.host(program)
    interpreter.set_asker(lambda context, who, prompt, config, whispered: f"{whispered}")
    world.within = _interrupt_at(1)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            interpreter.run("main", run_id="r", journal=journal)
        journal.resolve("r", "1", done=1)
        assert interpreter.run("main", run_id="r", journal=journal) == "['w']"


@pytest.mark.parametrize("takes_context", [False, True])
def test_a_tool_of_the_hosts_finds_out_itself_whether_it_was_done(tmp_path: Path, takes_context: bool) -> None:
    sent: list[str] = []

    def send(to: str) -> str:
        """Sends a letter."""
        sent.append(to)
        if sent == ["ann", "bob"]:
            raise KeyboardInterrupt
        return f"sent to {to}"

    def send_by(ctx: ToolContext, to: str) -> str:
        """Sends a letter."""
        return send(to)

    def recover(ctx: ToolContext, kept: int, args: list[Any]) -> Any:
        return f"found {args[0]}" if sent[kept:] == args else NOT_DONE

    with Interpreter(plugins=False) as interpreter, Journal.open(tmp_path) as journal:
        recovery = Recovery(lambda ctx, args: len(sent), recover)
        interpreter.tool("mail.Send", effect="once", recovery=recovery)(send_by if takes_context else send)
        interpreter.load('func main() means\n  return [tool.mail.Send("ann"), tool.mail.Send("bob")]\nendfunc\n')
        with pytest.raises(KeyboardInterrupt):
            interpreter.run("main", run_id="r", journal=journal)
        assert interpreter.run("main", run_id="r", journal=journal) == ["sent to ann", "found bob"]
    assert sent == ["ann", "bob"]
