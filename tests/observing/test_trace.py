"""The trace of a run, by the command line."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.observing.masking import Mask
from neuroscript.observing.trace import Trace
from tests.cli.conftest import Command, neuroscript, script

__all__ = ["neuroscript", "script"]


def traced(text: str, *args: object, width: int = 100, plugins: bool = False) -> list[str]:
    lines: list[str] = []
    with Interpreter(plugins=plugins, emit=lambda value: None) as interpreter:
        interpreter.loader.watch(Trace(lines.append, Mask(), lambda: width))
        interpreter.load(text, "a.ns")
        try:
            interpreter.run("main", *args)
        except NeuroScriptError as error:
            lines.append(str(error.line))
    return lines


def test_statements_and_values() -> None:
    text = """\
func double(needs n returns r) means
  return n * 2
endfunc
func main(needs xs) means
  set total = 0
  for each x in xs
    set total = total + double(x)
  endfor
  set found = {"total": total}
  set found.more = [1, 2]
  if total > 1
    emit total
  endif
endfunc
"""
    assert (
        "\n".join(traced(text, [1, 2]))
        == """\
         main(xs = [1, 2])
a.ns:5   set total = 0
             total = 0
a.ns:6   for each x in xs
             x = 1
a.ns:7   set total = total + double(x)
           double(n = 1)
a.ns:2     return n * 2
               -> 2
             total = 2
             x = 2
a.ns:7   set total = total + double(x)
           double(n = 2)
a.ns:2     return n * 2
               -> 4
             total = 6
a.ns:9   set found = {"total": total}
             found = {"total": 6}
a.ns:10  set found.more = [1, 2]
             found = {"total": 6, "more": [1, 2]}
a.ns:11  if total > 1
a.ns:12  emit total"""
    )


def test_errors_and_their_handlers() -> None:
    text = """\
func inner() means
  set z = 1 / 0
endfunc
func main() means
  on error do
    set seen = system_error_code
    clear_error
  endon
  call inner()
  fail "over"
endfunc
"""
    shown = traced(text)
    assert [line.strip() for line in shown if "rror" in line or "seen =" in line or "failed" in line] == [
        "failed: error 14 (DIVISION_BY_ZERO): division by zero",
        "on error: error 14 (DIVISION_BY_ZERO): division by zero",
        "a.ns:6   set seen = system_error_code",
        "seen = 14",
        "a.ns:7   clear_error",
        "on error: error 1 (FAIL_STATEMENT): over",
        "a.ns:6   set seen = system_error_code",
        "seen = 1",
        "a.ns:7   clear_error",
    ]


def test_a_deep_recursion_stays_on_the_page() -> None:
    text = "func f(needs n) means\n  if n > 0\n    call f(n - 1)\n  endif\nendfunc\n"
    text += "func main() means\n  call f(60)\nendfunc\n"
    shown = traced(text, width=80)
    assert all(len(line) <= 80 for line in shown)
    assert any("(61) if n > 0" in line for line in shown)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_values_are_cut_to_the_width(width: int) -> None:
    text = f'func main() means\n  set word = "{"0123456789" * 10}"\n  set xs = [word, word]\nendfunc\n'
    shown = traced(text, width=width)
    assert all(len(line) <= max(width, 44) for line in shown)
    assert any(line.endswith("…") for line in shown)


def test_a_huge_value_is_not_read_to_be_shown() -> None:
    text = """\
func main() means
  set xs = tool.list.Range(0, 200000)
  set i = 0
  while i < 300
    set xs = tool.list.Append(xs, i)
    set i = i + 1
  endwhile
endfunc
"""
    shown = traced(text)
    assert any("more]" in line or line.endswith("…") for line in shown)
    assert sum(map(len, shown)) < 300_000


def test_values_cannot_look_like_lines_or_steer_the_terminal() -> None:
    text = 'func main() means\n  set a = "x\\na.ns:9    set forged = 1\\u001b[2J\\u202e"\n  fail a\nendfunc\n'
    shown = "\n".join(traced(text))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not any(line.startswith("a.ns:9") for line in shown.splitlines())


SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    "statements",
    [
        f'set api_key = "{SECRET}"',
        f'set d = {{"auth": {{"method": "inline", "value": "{SECRET}"}}}}',
        f'set d = {{"password": "{SECRET}", "list": [{{"access_token": "{SECRET}"}}]}}',
        'set a = tool.os.Getenv("MY_API_KEY")',
        'set a = "Bearer " + tool.os.Getenv("MY_API_KEY") + "x"',
        'set a = [tool.os.Getenv("MY_API_KEY")]\n  set b = {}\n  set b[a[0]] = 1',
        'fail tool.os.Getenv("MY_API_KEY")',
        'return tool.os.Getenv("MY_API_KEY")',
        'call other(tool.os.Getenv("MY_API_KEY"))',
    ],
)
def test_a_secret_is_never_shown(
    neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch, statements: str
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    text = f"func other(needs n) means\n  set m = n\nendfunc\nfunc main() means\n  {statements}\nendfunc\n"
    ended = neuroscript("run", "--trace", "--no-plugins", "--env", "MY_API_KEY", script(text))
    # What a program fails with is told behind the trace, with the line that it is on.
    trace = re.split(r"^\S+: error ", ended.err, flags=re.MULTILINE)[0]
    assert "main()" in trace
    assert SECRET not in trace


@pytest.mark.parametrize(
    "key",
    ["sk-proj-abcdefghijklmnop1234", "ghp_abcdefghijklmnopqrstuv", "AKIAIOSFODNN7EXAMPLE", "xoxb-123456789012-ab"],
)
def test_keys_are_known_by_their_form(key: str) -> None:
    assert key not in "\n".join(traced(f'func main() means\n  set x = "{key}"\n  set y = [x, x + "!"]\nendfunc\n'))


def test_words_of_any_program_are_no_secrets() -> None:
    text = (
        'func main() means\n  set token = "next"\n  set key = "k1"\n  set m = {"tokens": "a b", "key": "v"}\nendfunc\n'
    )
    assert "***" not in "\n".join(traced(text))


def test_the_output_is_the_program_s(neuroscript: Command, script: Callable[..., str]) -> None:
    ended = neuroscript("run", "--trace", script('func main() means\n  emit "hello"\nendfunc\n'))
    assert (ended.status, ended.out) == (0, "hello\n")
    assert 'emit "hello"' in ended.err


def test_a_reader_that_goes_away_does_not_end_the_program(tmp_path: Path) -> None:
    (tmp_path / "a.ns").write_text(
        'func main() means\n  set i = 0\n  while i < 5000\n    set i = i + 1\n  endwhile\n  emit "done"\nendfunc\n'
    )
    command = f"{sys.executable} -m neuroscript run --no-plugins --trace a.ns 2>&1 >out.txt | head -1"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    end = monotonic() + 30
    while (tmp_path / "out.txt").read_text() != "done\n":
        assert monotonic() < end


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_narrow_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.ns").write_text('func main() means\n  set word = "' + "long " * 40 + '"\nendfunc\n')
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "neuroscript", "run", "--no-plugins", "--trace", "a.ns"]
    environment = {**os.environ, "COLUMNS": "50"}
    done = subprocess.run(command, cwd=tmp_path, stderr=terminal, timeout=60, check=False, env=environment)
    os.close(terminal)
    shown = os.read(controller, 65536).decode().replace("\r\n", "\n")
    os.close(controller)
    assert done.returncode == 0
    assert 'word = "long long' in shown
    assert all(len(line) <= 50 for line in shown.splitlines())


def test_a_reply_is_shown_once() -> None:
    text = 'func main() means\n  ask "one" into a\n  ask "two"\nendfunc\n'
    shown = [line.strip() for line in traced(text, plugins=True) if "echo:" in line]
    assert shown == ['a = "echo: one"', 'reply: "echo: two"']
