"""``neuroscript test``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Command

Script = Callable[..., str]

CART = """\
func total(needs cart) means
  set sum = 0
  for each item in cart
    set sum = sum + item.price
  endfor
  if sum > 100
    return sum * 0.9
  endif
  return sum
endfunc
"""
TESTS = """\
:: uses: cart.ns
func setup() means
  return [{"price": 3}, {"price": 4}]
endfunc
func test_total(needs cart) means
  must total(cart) == 7
endfunc
func test_wrong(needs cart) means
  emit "so far"
  must total(cart) == 8
endfunc
"""


@pytest.fixture
def cart(script: Script) -> None:
    """A program and its tests, of which one fails."""
    script(CART, "cart.ns")
    script(TESTS, "cart_test.ns")


@pytest.mark.usefixtures("cart")
def test_a_line_for_each_test_and_the_failures(neuroscript: Command) -> None:
    done = neuroscript("test")
    assert (done.status, done.err) == (1, "")
    assert (
        done.out
        == """\
cart_test.ns
  ok    test_total
  FAIL  test_wrong

FAIL cart_test.ns::test_wrong
  cart_test.ns:10:8: error 5 (MUST_FAILED): must does not hold: total(cart) == 8 is false
    10 |   must total(cart) == 8
       |        ^
    in test_wrong (cart_test.ns:10:8)
    where total(cart) is 7
          cart is [{"price": 3}, {"price": 4}]
  emitted:
  | so far

1 passed, 1 failed
"""
    )


@pytest.mark.usefixtures("cart")
@pytest.mark.parametrize(
    ("arguments", "summary", "status"),
    [
        (["cart_test.ns::test_total"], "1 passed", 0),
        (["-k", "total"], "1 passed, 1 left out", 0),
        (["-k", "not total", "cart_test.ns"], "0 passed, 1 failed, 1 left out", 1),
        (["cart_test.ns::test_total", "cart_test.ns"], "1 passed, 1 failed", 1),
        (["cart_test.ns::test_wrong", "./cart_test.ns::test_total"], "1 passed, 1 failed", 1),
        (["-k", "nothing"], "no tests, 2 left out", 5),
        (["cart.ns"], "no tests: procedures test_… in files that end in _test.ns", 5),
        (["empty"], "no tests: procedures test_… in files that end in _test.ns", 5),
    ],
)
def test_which_tests_run(neuroscript: Command, tmp_path: Path, arguments: list[str], summary: str, status: int) -> None:
    (tmp_path / "empty").mkdir()
    done = neuroscript("test", *arguments)
    assert (done.status, done.err, done.out.splitlines()[-1]) == (status, "", summary)


@pytest.mark.usefixtures("cart")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere_test.ns"], "there is no file or directory 'nowhere_test.ns'"),
        (["cart_test.ns::test_totl"], "there is no test 'test_totl' in cart_test.ns; did you mean test_total?"),
        (["cart.ns::test_x"], "there is no test 'test_x' in cart.ns"),
        ([".::test_x"], "'.' is a directory; name a file of tests before '::'"),
        (["-k", "a and"], "argument -k: 'a and' selects no tests: a word is missing at the end"),
        (["--record", "x"], "--record needs --live"),
        (["--live", "--replay", "x"], "--replay and --live exclude each other"),
        (["--replay", "x"], "--replay: there is no file 'x'"),
        (["--junit", "no/where.xml"], "--junit 'no/where.xml' cannot be written: No such file or directory"),
        (["--deny", "fs.Raed"], "--deny: there is no tool 'fs.Raed'"),
    ],
)
def test_wrong_usage(neuroscript: Command, arguments: list[str], message: str) -> None:
    done = neuroscript("test", *arguments)
    assert done.status == 2
    assert message in done.err


def test_files_that_cannot_be_loaded_and_others_run(neuroscript: Command, script: Script) -> None:
    script("func test_a( means\nendfunc\n", "a_test.ns")
    script("func test_b() means\nendfunc\n", "b_test.ns")
    done = neuroscript("test", "--junit", "out.xml")
    assert done.status == 3
    assert "a_test.ns cannot be loaded\n  a_test.ns:1:14: error: found `means`" in done.out
    assert "b_test.ns\n  ok    test_b\n" in done.out
    assert done.out.endswith("\n1 passed, 1 file cannot be loaded\n")
    root = ElementTree.parse("out.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "0", "1")


def test_stop_after_the_first_failure(neuroscript: Command, script: Script) -> None:
    script("func test_a() means\n  fail\nendfunc\nfunc test_b() means\nendfunc\n", "a_test.ns")
    script("func test_c() means\nendfunc\n", "b_test.ns")
    assert neuroscript("test", "-x").out.endswith("\n0 passed, 1 failed\n")
    assert neuroscript("test").out.endswith("\n2 passed, 1 failed\n")


@pytest.mark.usefixtures("cart")
def test_lines_of_json(neuroscript: Command) -> None:
    good, bad, covered, summary = neuroscript("test", "--format", "jsonl", "--coverage").rows
    assert (good["test"], good["outcome"], good["failures"]) == ("cart_test.ns::test_total", "passed", [])
    assert (bad["outcome"], bad["line"], bad["emitted"]) == ("failed", 8, ["so far"])
    [failure] = bad["failures"]
    assert (failure["phase"], failure["error"]["code"], failure["error"]["line"]) == ("test", 5, 10)
    assert failure["operands"][0] == {"source": "total(cart)", "value": 7, "text": "7"}
    assert covered["coverage"]["files"]["cart.ns"]["missing"] == [7]
    summary["summary"].pop("seconds")
    assert summary["summary"] == {
        "passed": 1,
        "failed": 1,
        "broken": 0,
        "deselected": 0,
        "recorded": 0,
        "interrupted": False,
    }


def test_a_broken_file_in_lines_of_json(neuroscript: Command, script: Script) -> None:
    script("func test_a( means\nendfunc\n", "a_test.ns")
    broken, _ = neuroscript("test", "--format", "jsonl").rows
    assert (broken["file"], broken["outcome"], broken["error"]["code"]) == ("a_test.ns", "broken", 15)


@pytest.mark.usefixtures("cart")
def test_coverage(neuroscript: Command, tmp_path: Path) -> None:
    arguments = [f"--coverage-{kind}={kind}.out" for kind in ("lcov", "json", "html")]
    done = neuroscript("test", "-k", "total", "--coverage", *arguments)
    assert "file     lines    run  not run\ncart.ns      6    83%  7\n" in done.out
    assert "DA:7,0" in (tmp_path / "lcov.out").read_text()
    assert json.loads((tmp_path / "json.out").read_text())["covered"] == 5
    assert (tmp_path / "html.out").read_text().startswith("<!doctype html>")


def test_golden_files_are_written_and_compared(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    script('func test_a() means\n  emit "one"\nendfunc\n', "a_test.ns")
    assert "  ok    test_a  golden file written\n" in neuroscript("test", "--update").out
    assert (tmp_path / "a_test.test_a.golden").read_text() == "one\n"
    assert neuroscript("test").status == 0
    script('func test_a() means\n  emit "two"\nendfunc\n', "a_test.ns")
    done = neuroscript("test")
    assert done.status == 1
    assert "--update writes it anew\n  --- a_test.test_a.golden\n  +++ emitted\n" in done.out


def test_tools_limits_and_policy_hold_in_tests(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    script("def register(interpreter):\n    interpreter.tool('mail.Send')(lambda to: 'sent')\n", "mail.py")
    script(
        """\
func test_mail() means
  must tool.mail.Send("x") == "sent"
endfunc
func test_loop() means
  while true
  endwhile
endfunc
func test_write() means
  call tool.fs.Write("x", "1")
endfunc
func test_env() means
  must tool.os.Getenv("NS_TEST_VARIABLE") == "value"
endfunc
""",
        "a_test.ns",
    )
    (tmp_path / "neuroscript.toml").write_text('[policy]\ndeny = ["fs.Write"]\n[limits]\nmax_steps = 1000\n')
    rows = neuroscript("test", "--format", "jsonl", "--tools", "mail.py").rows
    codes = [row["failures"][0]["error"]["code"] if row["failures"] else 0 for row in rows[:-1]]
    assert codes[:3] == [0, 37, 10]


@pytest.mark.usefixtures("project")
def test_configuration_that_comes_with_tests_only_narrows(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a_test.ns", "sub/b_test.ns"):
        script('func test_a() means\n  must tool.os.Getenv("SECRET") == "x"\nendfunc\n', name)
    done = neuroscript("test", "--format", "jsonl")
    assert [row["failures"][0]["error"]["code"] for row in done.rows[:-1]] == [10, 10]
    assert done.err.count("neuroscript.toml is not trusted; ignored: ") == 1
    assert len(done.err.splitlines()) == 1


def test_the_user_s_sandbox_is_no_test_s(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "x").write_text("kept")
    (tmp_path / "user" / "neuroscript").mkdir(parents=True)
    (tmp_path / "user" / "neuroscript" / "config.toml").write_text(f'[run]\nsandbox = "{tmp_path}/files"\n')
    script('func test_a() means\n  must tool.fs.List(".") == []\nendfunc\n', "a_test.ns")
    assert neuroscript("test").status == 0


def test_an_event_handler_that_fails_is_told_once(neuroscript: Command, script: Script) -> None:
    script(
        'on event "go" do\n  fail "oh"\nendon\nfunc test_a() means\n  call tool.event.Emit("go")\nendfunc\n',
        "a_test.ns",
    )
    done = neuroscript("test")
    assert (done.status, done.err) == (1, "")
    assert "  in an event handler:\n  a_test.ns:2:3: error 1 (FAIL_STATEMENT): oh\n" in done.out


def test_an_ask_without_a_fake(neuroscript: Command, script: Script) -> None:
    script('func test_a() means\n  ask "writer", "x" into y\nendfunc\n', "a_test.ns")
    [row, _] = neuroscript("test", "--format", "jsonl").rows
    error = row["failures"][0]["error"]
    assert error["code"] == 18
    assert "tests ask no model without --live; add a fake, as in setup(): " in error["message"]
    assert 'tool.AIWorkerDefinition.Add(name: "writer", provider: "local", model_name: "scripted"' in error["message"]


def test_what_a_message_proposes_works(neuroscript: Command, script: Script) -> None:
    text = 'func test_a() means\n  FAKE\n  ask "writer", "x" into y\n  must y == "…"\nendfunc\n'
    script(text.replace("  FAKE\n", ""), "a_test.ns")
    message = neuroscript("test", "--format", "jsonl").rows[0]["failures"][0]["error"]["message"]
    fake = message.partition("as in setup(): ")[2].partition("; or record")[0]
    script(text.replace("FAKE", fake), "a_test.ns")
    assert neuroscript("test").status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals like these")
def test_an_interrupt_ends_the_tests_with_a_summary(tmp_path: Path) -> None:
    (tmp_path / "a_test.ns").write_text(
        "func test_a() means\nendfunc\nfunc test_loop() means\n  while true\n  endwhile\nendfunc\n"
        "func test_z() means\nendfunc\n"
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "neuroscript", "test", "--max-steps", "99999999999", "--no-plugins"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline(), process.stdout.readline()]
        assert seen == ["a_test.ns\n", "  ok    test_a\n"]
        time.sleep(0.2)  # so that the loop has begun; before that a signal ends the tests as well
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert rest.splitlines()[1].startswith("1 passed, interrupted")
    assert process.returncode == 130
