"""Code that is watched means the same as code that is not, and tells all that it does."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.runtime.programs import Place
from neuroscript.runtime.watching import Watcher, body_of, variables_of
from neuroscript.values import text_of, to_json
from tests.conformance.case import ConformanceCase, check_outcome, run_cases


class Recorder(Watcher):
    """Notes what it is told, and reads every variable on the way."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.lines: set[tuple[str, int]] = set()
        self.open = 0

    def compiled(self, file: str, text: str, places: Sequence[Place]) -> None:
        self.lines.update((file, place.line) for place in places)

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        self.rows.append(("begin", line, dict(variables_of(frame))))

    def turn(self, frame: FrameType, file: str, line: int) -> None:
        self.rows.append(("turn", line, dict(variables_of(frame))))

    def result(self, frame: FrameType, value: Any) -> None:
        self.rows.append(("result", value))

    def left(self, frame: FrameType, failure: BaseException | None) -> None:
        self.rows.append(("left", body_of(frame), type(failure).__name__ if failure is not None else ""))

    def caught(self, frame: FrameType, failure: BaseException) -> None:
        self.rows.append(("caught", type(failure).__name__))

    def tool_begins(self, name: str, values: tuple[Any, ...], names: tuple[str, ...]) -> None:
        self.open += 1
        self.rows.append(("tool", name))

    def tool_ends(self, name: str, result: Any, failure: BaseException | None) -> None:
        self.open -= 1
        self.rows.append(("tool ended", name, result))


def watched(text: str, entry: str = "main", *args: Any, **limits: Any) -> tuple[Recorder, Any]:
    recorder = Recorder()
    with Interpreter(plugins=False, limits=Limits(**limits), emit=lambda value: None) as interpreter:
        interpreter.loader.watch(recorder)
        interpreter.load(text, "a.ns")
        return recorder, interpreter.run(entry, *args)


@pytest.mark.parametrize("case", run_cases(), ids=lambda case: case.name)
def test_watched_code_means_the_same(case: ConformanceCase) -> None:
    recorder = Recorder()
    emits: list[str] = []
    result: Any = None
    failure: NeuroScriptError | None = None
    with Interpreter(emit=lambda value: emits.append(text_of(value)), plugins=False) as interpreter:
        interpreter.loader.watch(recorder)
        try:
            interpreter.load(case.path)
            for name, payload in case.events:
                interpreter.emit_event(name, payload)
            if case.entry is not None:
                result = to_json(interpreter.run(case.entry, *case.args))
            else:
                interpreter.run_commands()
        except NeuroScriptError as error:
            failure = error
    check_outcome(case, emits, result, None if failure is None else (int(failure.code), failure.line), str(failure))
    assert recorder.open == 0


def test_a_run_tells_its_statements_turns_tools_and_ends() -> None:
    text = """\
func f(needs n returns r) means
  set total = 0
  while total < n
    set total = total + 1
  endwhile
  for each x in ["a"]
    set total = tool.str.Length(x)
  endfor
  return total
endfunc
func main() means
  on error do
    clear_error
  endon
  set y = f(1)
  set z = 1 / 0
endfunc
"""
    recorder, _ = watched(text)
    assert recorder.rows == [
        ("begin", 15, {}),
        ("begin", 2, {"n": 1}),
        ("begin", 3, {"n": 1, "total": 0}),
        ("begin", 4, {"n": 1, "total": 0}),
        ("begin", 3, {"n": 1, "total": 1}),
        ("begin", 6, {"n": 1, "total": 1}),
        ("turn", 6, {"n": 1, "total": 1, "x": "a"}),
        ("begin", 7, {"n": 1, "total": 1, "x": "a"}),
        ("tool", "tool.str.Length"),
        ("tool ended", "tool.str.Length", 1),
        ("begin", 9, {"n": 1, "total": 1, "x": "a"}),
        ("result", 1),
        ("left", "t1_f", ""),
        ("begin", 16, {"y": 1}),
        ("caught", "EvaluationError"),
        ("begin", 13, {}),
        ("left", "p_main", ""),
    ]


def test_each_turn_of_a_while_begins_its_line() -> None:
    recorder, _ = watched(
        "func main() means\n  set i = 0\n  while i < 3\n    set i = i + 1\n    if i == 2\n      continue\n    endif\n"
        "  endwhile\nendfunc\n"
    )
    assert [row[1] for row in recorder.rows if row[0] == "begin"].count(3) == 4


def test_a_failure_is_told_by_every_body_that_it_ends() -> None:
    recorder = Recorder()
    text = 'func g() means\n  fail "no"\nendfunc\nfunc main() means\n  call g()\nendfunc\n'
    with Interpreter(plugins=False) as interpreter:
        interpreter.loader.watch(recorder)
        interpreter.load(text)
        with pytest.raises(NeuroScriptError, match="no") as caught:
            interpreter.run("main")
    assert [row for row in recorder.rows if row[0] == "left"] == [
        ("left", "p_g", "ScriptFailureError"),
        ("left", "p_main", "ScriptFailureError"),
    ]
    assert (caught.value.line, [frame.procedure for frame in caught.value.stack]) == (2, ["g", "main"])


def test_what_an_error_handler_calls_ends_without_its_failure() -> None:
    text = """\
func g() means
  set x = 1
endfunc
func main() means
  on error do
    call g()
    clear_error
  endon
  fail "no"
endfunc
"""
    recorder, _ = watched(text)
    assert [row for row in recorder.rows if row[0] == "left"] == [("left", "p_g", ""), ("left", "p_main", "")]


TURNS = """\
func f(needs n) means
  set i = 0
  while i < n
    set i = i + 1
  endwhile
  for each x in [1, 2, 3]
    set i = i + x
  endfor
  return i
endfunc
func main(needs n) means
  set total = 0
  for each k in [1, 2, 3]
    set total = total + f(n)
  endfor
  return total
endfunc
"""


def steps_needed(*, watch: bool) -> int:
    """The least number of steps with which the program ends."""
    for steps in range(1, 200):
        with Interpreter(plugins=False, limits=Limits(max_steps=steps)) as interpreter:
            if watch:
                interpreter.loader.watch(Recorder())
            interpreter.load(TURNS)
            try:
                interpreter.run("main", 5)
            except NeuroScriptError:
                continue
            return steps
    raise AssertionError


def test_watching_takes_no_steps() -> None:
    assert steps_needed(watch=True) == steps_needed(watch=False)


def nested(depth: int, kind: str) -> str:
    head = {"while": "while true", "for": "for each x in [1]"}[kind]
    end = {"while": "endwhile", "for": "endfor"}[kind]
    leave = "break" if kind == "while" else "set y = x"
    body = "\n".join([*[head] * depth, "set z = 1", leave, *[f"{end}\n{leave}" for _ in range(depth - 1)], end])
    return f"func main() means\non error do\nclear_error\nendon\nset z = 0\n{body}\nreturn z\nendfunc\n"


@pytest.mark.parametrize("kind", ["while", "for"])
@pytest.mark.parametrize("depth", [*range(12, 24), 40])
def test_blocks_may_be_nested_as_deeply_as_without(kind: str, depth: int) -> None:
    assert watched(nested(depth, kind))[1] == 1


def test_the_watcher_s_time_is_not_the_script_s() -> None:
    class Slow(Watcher):
        def begin(self, frame: FrameType, file: str, line: int) -> None:
            time.sleep(0.02)

    with Interpreter(plugins=False, limits=Limits(max_seconds=0.2)) as interpreter:
        interpreter.loader.watch(Slow())
        interpreter.load("func main() means\n  set i = 0\n  while i < 20\n    set i = i + 1\n  endwhile\nendfunc\n")
        interpreter.run("main")


def test_code_that_is_watched_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.ns"
    file.write_text("func main() means\n  return 1\nendfunc\n")
    recorder = Recorder()
    for watch in (True, False, True):
        with Interpreter(plugins=False, cache=tmp_path / "cache") as interpreter:
            if watch:
                interpreter.loader.watch(recorder)
            interpreter.load_file(file)
            before = len(recorder.rows)
            assert interpreter.run("main") == 1
            assert (len(recorder.rows) > before) is watch


PUT_BACK = """\
func change(needs xs returns r) means
  set xs[0] = 99
  return xs
endfunc
func main() means
  set tasks = {"a": {"runs": 1}, "b": [1, 2]}
  set task = tasks["a"]
  set task.runs = task.runs + 1
  set tasks["a"] = task
  set part = tasks.b
  set part = change(part)
  set tasks.b = part
  set whole = tasks
  set n = len(whole)
  return whole
endfunc
"""


def test_variables_hold_what_the_program_means() -> None:
    seen: dict[int, dict[str, Any]] = {}

    class Copies(Watcher):
        def begin(self, frame: FrameType, file: str, line: int) -> None:
            seen[line] = copy.deepcopy(variables_of(frame))  # what is there now: the program changes it later

    with Interpreter(plugins=False) as interpreter:
        interpreter.loader.watch(Copies())
        interpreter.load(PUT_BACK)
        result = interpreter.run("main")
    before = {"a": {"runs": 1}, "b": [1, 2]}
    after = {"a": {"runs": 2}, "b": [1, 2]}
    assert seen[8]["tasks"] == seen[9]["tasks"] == before
    assert seen[9]["task"] == {"runs": 2}
    assert seen[11] == {"tasks": after, "task": {"runs": 2}, "part": [1, 2]}
    assert seen[2] == {"xs": [1, 2]}
    assert seen[12]["tasks"] == after
    assert seen[14]["tasks"] == seen[15]["whole"] == result
