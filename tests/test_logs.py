"""Logging: what is told of runs, to whom, and that nothing in it is obeyed."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest

from neuroscript import CancelToken, Interpreter, NeuroScriptError, get_logger
from neuroscript.logs import DEBUG, INFO, listener
from neuroscript.output import one_line

PROMPT = "the quick brown prompt"
PROGRAM = f"""\
func main(needs x) means
  return 1 / x
endfunc
func says() means
  fail "{PROMPT}"
endfunc
func emits() means
  emit 1
endfunc
"""
CALLED_BACK = """\
func twice(needs x) means
  return 2 * x
endfunc
func all() means
  return tool.list.Map([1, 2], twice)
endfunc
"""


@pytest.fixture
def interpreter() -> Any:
    with Interpreter(plugins=False) as made:
        made.load(PROGRAM, "program.ns")
        yield made


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return [(record.name, record.levelno, vars(record)["event"]) for record in caplog.records]


def test_a_run_that_fails_is_told_with_its_place_and_code(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    interpreter.run("main", 1)
    assert caplog.records == []
    with pytest.raises(NeuroScriptError):
        interpreter.run("main", 0)
    [record] = caplog.records
    assert told(caplog) == [("neuroscript.run", logging.INFO, "run_failed")]
    assert record.getMessage().startswith("a run has failed at program.ns:2: error 14 (DIVISION_BY_ZERO), ")
    fields = vars(record)
    assert (fields["code"], fields["file"], fields["line"]) == (14, "program.ns", 2)
    assert fields["duration_ms"] >= 0


def test_a_run_that_is_cut_off_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    token = CancelToken()
    with Interpreter(plugins=False, emit=lambda value: token.cancel()) as interpreter:
        interpreter.load(PROGRAM, "program.ns")
        with pytest.raises(NeuroScriptError):
            interpreter.run("emits", cancel=token)
    assert [vars(record)["code"] for record in caplog.records] == [44]


def test_more_is_told_to_a_developer(interpreter: Interpreter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    interpreter.load("func other() means\nendfunc", "other.ns")
    interpreter.run("main", 1)
    assert told(caplog) == [
        ("neuroscript.run", logging.DEBUG, "loaded"),
        ("neuroscript.run", logging.DEBUG, "run_done"),
    ]
    assert "other.ns" in caplog.text


def test_what_a_program_says_is_not_told(interpreter: Interpreter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NeuroScriptError, match=PROMPT):
        interpreter.run("says")
    assert PROMPT not in caplog.text
    assert all(PROMPT not in str(vars(record)) for record in caplog.records)


def test_parts_of_a_run_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(CALLED_BACK, "p.ns")
        assert interpreter.run("all") == [2, 4]
    assert [event for _, _, event in told(caplog)] == ["loaded", "run_done"]


def test_nobody_listens_where_nobody_imported_logging() -> None:
    code = """
import sys
from neuroscript import Interpreter
with Interpreter(plugins=False) as interpreter:
    interpreter.load("func main() means\\n  return 1 / 0\\nendfunc")
    try:
        interpreter.run("main")
    except Exception:
        pass
print("logging" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


def test_a_listener_is_found_by_its_level() -> None:
    name = "neuroscript.run"
    logger = logging.getLogger(name)
    before = logger.level
    try:
        logger.setLevel(logging.INFO)
        assert listener(name, INFO) is logger
        assert listener(name, DEBUG) is None
        logger.setLevel(logging.ERROR)
        assert listener(name, INFO) is None
    finally:
        logger.setLevel(before)


# --- what is shown ----------------------------------------------------------------------------------------------------

EVIL = "\x1b]0;owned\x07\nneuroscript: forged\r\u202e"


def formatted(caplog: pytest.LogCaptureFixture, layout: str = "%(name)s: %(message)s") -> str:
    formatter = logging.Formatter(layout)
    return "\n".join(formatter.format(record) for record in caplog.records)


def test_control_characters_are_shown_and_not_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    log = get_logger("neuroscript.test")
    log.warning("a worker %s has failed", EVIL, extra={"worker": EVIL})
    shown = formatted(caplog, "%(message)s %(worker)s")
    assert shown == f"a worker {one_line(EVIL)} has failed {one_line(EVIL)}"
    assert shown.isprintable()


def test_the_lines_of_a_traceback_cannot_be_taken_for_others(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(EVIL)
    except ValueError:
        get_logger("neuroscript.test").exception("a callback failed")
    first, *lines = formatted(caplog).split("\n")
    assert first == "neuroscript.test: a callback failed"
    assert lines
    assert all(line.startswith("  ") and line.isprintable() for line in lines)


def test_an_ordinary_message_keeps_its_arguments(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("neuroscript.test").warning("%d of %s", 3, "them")
    [record] = caplog.records
    assert (record.msg, record.args, record.getMessage()) == ("%d of %s", (3, "them"), "3 of them")


def test_an_error_of_an_event_handler_is_reported_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    given = logging.getLogger("a.host.s.own")
    with Interpreter(plugins=False, log=given) as interpreter:
        interpreter.load('on event "go" as e do\n  fail e.payload\nendon\n', "p.ns")
        interpreter.emit_event("go", EVIL)
    assert [record.name for record in caplog.records] == ["a.host.s.own"]
    assert formatted(caplog).isprintable()
