"""The profile of a run, by the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from neuroscript import Interpreter
from neuroscript.observing.profile import Profile
from tests.cli.conftest import Command, neuroscript, script

__all__ = ["neuroscript", "script"]

TEXT = """\
func fib(needs n returns r) means
  if n < 2
    return n
  endif
  set a = fib(n - 1)
  set b = fib(n - 2)
  return a + b
endfunc
func main() means
  set i = 0
  while i < 3
    call tool.host.slow()
    set i = i + 1
  endwhile
  set words = tool.str.Split("a b", " ")
  return fib(7)
endfunc
"""


def profiled(text: str = TEXT) -> Profile:
    profile = Profile()
    with Interpreter(plugins=False, emit=lambda value: None) as interpreter:

        @interpreter.tool
        def slow() -> None:
            time.sleep(0.02)

        interpreter.loader.watch(profile)
        interpreter.load(text, "a.ns")
        interpreter.run("main")
    return profile


def test_lines_and_tools_are_counted() -> None:
    profile = profiled()
    calls = {line: figures.calls for (_, _, line), figures in profile.lines.items()}
    assert calls == {2: 41, 3: 21, 5: 20, 6: 20, 7: 20, 10: 1, 11: 4, 12: 3, 13: 3, 15: 1, 16: 1}
    assert {name: figures.calls for name, figures in profile.tools.items()} == {
        "tool.host.slow": 3,
        "tool.str.Split": 1,
    }


def test_time_is_that_of_what_took_it() -> None:
    profile = profiled()
    [slow] = [figures for (_, _, line), figures in profile.lines.items() if line == 12]
    tool = profile.tools["tool.host.slow"]
    assert tool.own >= 0.06
    assert slow.whole >= tool.own
    assert slow.own < tool.own
    assert all(figures.own <= figures.whole + 1e-9 for figures in (*profile.lines.values(), *profile.tools.values()))
    assert all(figures.active == 0 for figures in (*profile.lines.values(), *profile.tools.values()))
    # A recursion's time counts once: no line has taken longer than the whole.
    assert max(figures.whole for figures in profile.lines.values()) <= profile.seconds + 0.01


def test_a_failed_run_is_profiled_to_its_end(neuroscript: Command, script: Callable[..., str]) -> None:
    text = 'func f() means\n  fail "no"\nendfunc\nfunc main() means\n  call f()\nendfunc\n'
    ended = neuroscript("run", script(text), "--profile")
    assert ended.status == 1
    assert 'fail "no"' in ended.err
    assert "profile: " in ended.err


def check_speedscope(document: dict[str, object]) -> dict[tuple[str, ...], float]:
    """Checks a document by the rules of the format; gives the weights by the names of the frames."""
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]  # type: ignore[index]
    [profile] = document["profiles"]  # type: ignore[misc]
    assert (profile["type"], profile["unit"], profile["startValue"]) == ("sampled", "seconds", 0)
    assert len(profile["samples"]) == len(profile["weights"])
    assert profile["endValue"] == pytest.approx(sum(profile["weights"]))
    assert all(0 <= number < len(frames) for sample in profile["samples"] for number in sample)
    return {
        tuple(frames[number]["name"] for number in sample): weight
        for sample, weight in zip(profile["samples"], profile["weights"], strict=True)
    }


def test_speedscope() -> None:
    profile = profiled()
    weights = check_speedscope(json.loads(profile.speedscope("a.ns")))
    assert weights[("main", "tool.host.slow")] >= 0.06
    assert ("main", "fib", "fib", "a.ns:5") in weights
    assert sum(weights.values()) == pytest.approx(profile.seconds, abs=1e-3)


def test_a_recursion_by_many_ways_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuroscript.observing.profile._MOST_NODES", 50)
    text = """\
func a(needs n) means
  if n > 0
    call a(n - 1)
    call b(n - 1)
  endif
endfunc
func b(needs n) means
  if n > 0
    call a(n - 1)
    call b(n - 1)
  endif
endfunc
func main() means
  call a(9)
endfunc
"""
    profile = profiled(text)
    assert profile._nodes <= 50 + 3  # each procedure may be called from outside
    weights = check_speedscope(json.loads(profile.speedscope("a.ns")))
    assert sum(weights.values()) == pytest.approx(profile.seconds, abs=1e-3)


def test_by_the_command_line(neuroscript: Command, script: Callable[..., str], tmp_path: Path) -> None:
    program = script('func main() means\n  set words = tool.str.Split("a b", " ")\n  emit words[0]\nendfunc\n')
    ended = neuroscript("run", program, "--profile", "out.json")
    assert (ended.status, ended.out) == (0, "a\n")
    assert "tool.str.Split" in ended.err
    assert f"{program}:2" in ended.err
    check_speedscope(json.loads((tmp_path / "out.json").read_text()))
    assert (tmp_path / "out.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--profile", "PROGRAM"), "does not end in .json"),
        (("PROGRAM", "--profile", "no/out.json"), "there is no directory 'no'"),
        (("PROGRAM", "--timeline", "no/out.html"), "there is no directory 'no'"),
        (("PROGRAM", "--timeline", "out.txt"), "does not end in .html"),
        (("PROGRAM", "--timeline", "folder.html"), "is a directory"),
    ],
)
def test_wrong_files_are_refused_before_the_program_runs(
    neuroscript: Command, script: Callable[..., str], tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    (tmp_path / "folder.html").mkdir()
    program = script('func main() means\n  emit "ran"\nendfunc\n')
    ended = neuroscript("run", *(program if word == "PROGRAM" else word for word in arguments))
    assert (ended.status, ended.out) == (2, "")
    assert why in ended.err
