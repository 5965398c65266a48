"""Debugging by a real client, over the standard input and output of a real process."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .client import TIMEOUT, Client

PROGRAM = """\
func double(needs n returns r) means
  set twice = n * 2
  return twice
endfunc

func total(needs xs returns r) means
  set sum = 0
  for each x in xs
    set sum = sum + double(x)
  endfor
  return sum
endfunc

func main() means
  set data = {"name": "box", "sizes": [1, 2, [3, 4]], "api_key": "hunter2hunter2"}
  set t = total([1, 2, 3])
  emit "total " + t
  return t
endfunc
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "user"), "XDG_DATA_HOME": str(tmp_path / "data")}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Starts the command, and a client of it."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> Client:
        process = subprocess.Popen(
            [sys.executable, "-m", "neuroscript", "debug", "--no-plugins", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment(tmp_path),
        )
        processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        return Client(process.stdin, process.stdout)

    yield begin
    for process in processes:
        _, errors = process.communicate(timeout=TIMEOUT)  # which ends its input, and so the command
        assert (process.returncode, errors) == (0, b"")


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "a.ns") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_breakpoints_stacks_and_variables(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    program = written(PROGRAM)
    [made] = client.begin(program, 2)
    assert (made["verified"], made["line"]) == (True, 2)
    assert client.stop() == ("breakpoint", 2, "double")
    stack = client.stack()
    assert [(each["name"], each["line"], each["source"]["path"]) for each in stack] == [
        ("double", 2, program),
        ("total", 9, program),
        ("main", 16, program),
    ]
    assert {name: one["value"] for name, one in client.variables().items()} == {"n": "1"}
    outer = client.variables(2)
    assert list(outer) == ["data"]
    data = client.inside(outer["data"])
    assert (data["name"]["value"], data["name"]["type"]) == ('"box"', "string(3)")
    assert data["name"]["evaluateName"] == "data.name"
    sizes = client.inside(data["sizes"])
    assert [one["value"] for one in sizes.values()] == ["1", "2", "[3, 4]"]
    assert [one["value"] for one in client.inside(sizes["[2]"]).values()] == ["3", "4"]
    assert client.value(client.inside(sizes["[2]"])["[1]"]["evaluateName"], 2) == "4"
    assert client.go() == ("breakpoint", 2, "double")
    assert client.value("n") == "2"
    client.ask("setBreakpoints", source={"path": program}, breakpoints=[])
    assert client.finish() == 0
    assert client.printed() == "total 12\n"
    assert client.numbers == sorted(set(client.numbers))


def test_a_key_is_shown_nowhere(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(PROGRAM), 16)
    client.stop()
    data = client.variables()["data"]
    assert "hunter2" not in str(data)
    assert client.inside(data)["api_key"]["value"] == '"***"'
    assert "hunter2" not in client.value("data")
    assert client.finish() == 0


def test_steps(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(PROGRAM), stopOnEntry=True)
    assert client.stop() == ("entry", 15, "main")
    assert client.go("next") == ("step", 16, "main")
    assert client.go("stepIn") == ("step", 7, "total")
    assert client.go("next") == ("step", 8, "total")
    assert client.go("next") == ("step", 9, "total")
    assert client.go("next") == ("step", 8, "total")  # the next turn, whose item is there
    assert client.value("x") == "2"
    assert client.go("next") == ("step", 9, "total")
    assert client.go("stepIn") == ("step", 2, "double")
    assert client.go("stepOut") == ("step", 8, "total")
    assert client.go("stepOut") == ("step", 17, "main")
    assert client.value("t") == "12"
    assert client.finish() == 0


def test_stepping_over_a_recursion(start: Callable[..., Client], written: Callable[..., str]) -> None:
    text = """\
func fac(needs n returns r) means
  if n < 2
    return 1
  endif
  set below = fac(n - 1)
  return n * below
endfunc
func main() means
  return fac(5)
endfunc
"""
    client = start()
    client.begin(written(text), {"line": 5, "condition": "n == 4"})
    assert client.stop() == ("breakpoint", 5, "fac")
    assert client.go("next") == ("step", 6, "fac")
    assert (client.value("n"), client.value("below")) == ("4", "6")
    assert [frame["name"] for frame in client.stack()] == ["fac", "fac", "main"]
    assert client.go("stepOut") == ("step", 6, "fac")
    assert client.value("n") == "5"
    assert client.finish() == 0


LOOP = """\
func main() means
  set total = 0
  set i = 0
  while i < 20
    set total = total + i
    set i = i + 1
  endwhile
  emit total
endfunc
"""


@pytest.mark.parametrize(
    ("breakpoint", "stops"),
    [
        ({"condition": "i == 7"}, ["7"]),
        ({"condition": "i % 5 == 0 and i > 0"}, ["5", "10", "15"]),
        ({"hitCondition": "3"}, ["2"]),
        ({"hitCondition": ">= 18"}, ["17", "18", "19"]),
        ({"hitCondition": "% 8"}, ["7", "15"]),
        ({"condition": "i > 4", "hitCondition": "2"}, ["6"]),
    ],
)
def test_conditions_and_counts(
    start: Callable[..., Client], written: Callable[..., str], breakpoint: dict[str, Any], stops: list[str]
) -> None:
    client = start()
    client.begin(written(LOOP), {"line": 5, **breakpoint})
    for expected in stops:
        assert client.stop() == ("breakpoint", 5, "main")
        assert client.value("i") == expected
        client.ask("continue", threadId=1)
    assert client.end() == 0
    assert client.printed() == "190\n"


def test_a_condition_that_fails_stops_and_says_why(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(LOOP), {"line": 8, "condition": "nothing > 1"})
    assert client.stop() == ("breakpoint", 8, "main")
    assert "nothing" in client.printed("console")
    assert client.finish() == 0


def test_a_log_point_writes_and_goes_on(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(LOOP), {"line": 6, "condition": "i > 17", "logMessage": "{i}: {total}, {nothing + 1}"})
    assert client.end() == 0
    lines = client.printed("console").splitlines()
    assert [line.split(",")[0] for line in lines] == ["18: 171", "19: 190"]
    assert "KEY_NOT_FOUND" in lines[0]


def test_lines_without_statements(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    made = client.begin(written(PROGRAM), 4, 1, 19, {"line": 7, "hitCondition": "often"})
    assert [(one["verified"], one["line"]) for one in made] == [(True, 7), (True, 2), (False, 19), (False, 7)]
    assert "hit count" in made[3]["message"]
    assert client.stop()[1] == 7
    client.ask("disconnect")


FAILING = """\
func inner(needs n) means
  set x = [1, 2]
  return x[n]
endfunc
func guarded() means
  on error do
    set seen = system_error_message
    clear_error
  endon
  set y = inner(7)
  return 1
endfunc
func main() means
  set z = guarded()
  set deep = {"k": inner(9)}
endfunc
"""


def test_errors_that_nothing_handles(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(FAILING), filters=("uncaught",))
    assert client.stop() == ("exception", 3, "inner")
    assert [(frame["name"], frame["line"]) for frame in client.stack()] == [("inner", 3), ("main", 15)]
    info = client.ask("exceptionInfo", threadId=1)
    assert "index 9" in info["description"]
    assert client.value("n") == "9"
    assert client.finish() == 1
    assert "a.ns:3" in client.printed("stderr")


def test_all_errors(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(FAILING), 7, filters=("all",))
    assert client.stop() == ("exception", 3, "inner")
    assert client.value("n") == "7"
    assert client.go() == ("breakpoint", 7, "on error in guarded")
    stack = client.stack()
    assert [(frame["name"], frame["line"]) for frame in stack] == [
        ("on error in guarded", 7),
        ("guarded", 10),
        ("main", 14),
    ]
    assert "index 7" in client.value("system_error_message")
    assert client.go("next") == ("step", 8, "on error in guarded")
    assert "index 7" in client.value("seen")
    assert client.go() == ("exception", 3, "inner")
    assert client.finish() == 1


def test_no_errors(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(FAILING))
    assert client.end() == 1


EXPRESSIONS = """\
func twice(needs n returns r) means
  set m = n * 2
  return m
endfunc
func forever() means
  while true
  endwhile
endfunc
func change(needs xs returns r) means
  set xs[0] = 99
  return xs
endfunc
func main() means
  set xs = [1, 2]
  set word = "a\\u001b[2J"
  set error = tool.error.New(4, "bad")
  emit xs
endfunc
"""


def test_expressions_by_the_rules_of_the_language(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(EXPRESSIONS), 2, 17)
    assert client.stop() == ("breakpoint", 17, "main")
    assert client.value("xs[1] + 1") == "3"
    assert client.value("twice(xs[0]) + len(xs)") == "4"  # and no breakpoint inside stops
    assert client.value("tool.str.ToUpper(word)").startswith('"A\\u001b')
    assert client.value("change(xs)") == "[99, 2]"
    assert client.value("xs") == "[1, 2]"
    assert client.value("nothing == nil") == "true"
    frame = client.stack()[0]["id"]
    assert "not set" in client.refused("evaluate", expression="nothing + 1", frameId=frame)
    assert "error 37" in client.refused("evaluate", expression="forever()", frameId=frame)
    assert client.refused("evaluate", expression="set xs = 1", frameId=frame)
    assert client.refused("evaluate", expression="1)\nset xs = (2", frameId=frame)
    assert client.refused("evaluate", expression="", frameId=frame)
    assert client.value("xs") == "[1, 2]"
    assert "\x1b" not in str(client.variables())
    assert {"code", "message"} <= set(client.inside(client.variables()["error"]))
    assert client.finish() == 0
    assert client.printed() == "[1, 2]\n"


def test_expressions_take_nothing_of_the_budget(start: Callable[..., Client], written: Callable[..., str]) -> None:
    text = LOOP.replace(
        "func main",
        "func f() means\n  set k = 0\n  while k < 500\n    set k = k + 1\n  endwhile\n"
        "  return true\nendfunc\nfunc main",
    )
    client = start("--max-steps", "60", "--max-wall-seconds", "20")
    client.begin(written(text), {"line": 12, "condition": "f()"})
    for _ in range(20):
        assert client.stop()[0] == "breakpoint"
        client.ask("continue", threadId=1)
    assert client.end() == 0


def test_the_time_that_a_run_stands_still_does_not_count(
    start: Callable[..., Client], written: Callable[..., str]
) -> None:
    client = start("--max-seconds", "0.3", "--max-wall-seconds", "0.6")
    client.begin(written(LOOP), 2)
    client.stop()
    time.sleep(1.0)
    assert client.finish() == 0


ENDLESS = "func main() means\n  while true\n    set x = 1\n  endwhile\nendfunc\n"


def test_pause_and_terminate(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(ENDLESS))
    client.ask("pause", threadId=1)
    reason, line, name = client.stop()
    assert (reason, name) == ("pause", "main")
    assert line in (2, 3)
    client.ask("continue", threadId=1)
    assert "running" in client.refused("stackTrace", threadId=1)
    client.ask("terminate")
    assert client.end() == 130


@pytest.mark.parametrize("standing", [True, False])
def test_a_client_that_goes_ends_the_run(
    start: Callable[..., Client], written: Callable[..., str], standing: bool
) -> None:
    client = start()
    client.begin(written(ENDLESS), *([3] if standing else []))
    if standing:
        client.stop()
    # The fixture ends the command's input.


def test_a_question_is_answered_in_the_console(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written('func main() means\n  promptuser "name? " into who\n  emit "hello " + who\nendfunc\n'))
    while "name?" not in client.printed("console"):
        number = client.send("threads")
        client.response(number)
    client.ask("evaluate", expression="Ada", context="repl")
    assert client.end() == 0
    assert client.printed() == "hello Ada\n"


def test_big_lists_are_read_in_parts(start: Callable[..., Client], written: Callable[..., str]) -> None:
    text = """\
func main() means
  set xs = []
  set i = 0
  while i < 30000
    set xs = tool.list.Append(xs, i)
    set i = i + 1
  endwhile
  return xs
endfunc
"""
    client = start()
    client.begin(written(text), 8)
    client.stop()
    xs = client.variables()["xs"]
    assert (xs["indexedVariables"], len(xs["value"]) < 500) == (30000, True)
    assert [one["value"] for one in client.inside(xs, start=29_998, count=2).values()] == ["29998", "29999"]
    assert len(client.inside(xs)) == 10_000
    assert client.finish() == 0


def test_a_run_is_what_the_launch_says(
    start: Callable[..., Client], written: Callable[..., str], tmp_path: Path
) -> None:
    text = """\
on event "greet" as e do
  emit "got " + e.payload.who
endon
func work(needs a, b returns r) means
  call tool.fs.Write("out.txt", a)
  return b
endfunc
"""
    written(text, "b.ns")
    client = start()
    client.begin(
        "b.ns",
        5,
        entry="work",
        args=["x", 2],
        events={"greet": {"who": "you"}},
        cwd=str(tmp_path),
        options=["--sandbox", "box"],
    )
    assert client.stop() == ("breakpoint", 5, "work")
    assert client.finish() == 0
    assert client.printed() == "got you\n2\n"
    assert (tmp_path / "box" / "out.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("launch", "why"),
    [
        ({}, "not named"),
        ({"program": "none.ns"}, "no file 'none.ns'"),
        ({"program": 3}, "'program' is a text"),
        ({"program": "a.ns", "options": ["--max-steps", "many"]}, "--max-steps"),
        ({"program": "a.ns", "options": ["--nonsense"]}, "--nonsense"),
        ({"program": "a.ns", "options": "--env A"}, "'options' is a list"),
        ({"program": "a.ns", "events": ["x"]}, "'events' is a map"),
        ({"program": "a.ns", "cwd": "nowhere"}, "nowhere"),
    ],
)
def test_a_launch_that_cannot_be(
    start: Callable[..., Client], written: Callable[..., str], launch: dict[str, Any], why: str
) -> None:
    written(PROGRAM)
    client = start()
    client.ask("initialize", adapterID="neuroscript")
    assert why in client.refused("launch", **launch)
    client.ask("launch", program="a.ns")
    client.event("initialized")
    client.ask("configurationDone")
    assert client.end() == 0


def test_wrong_requests_are_refused_and_end_nothing(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(PROGRAM), 17)
    client.stop()
    assert "expected" in client.refused("scopes")
    assert "no such level" in client.refused("scopes", frameId=99)
    assert "expected" in client.refused("variables", variablesReference=99)
    assert "expected" in client.refused("setBreakpoints", source={}, breakpoints=[{"line": 1}])
    assert "know" in client.refused("gotoTargets")
    assert "attached" in client.refused("attach")
    assert "already" in client.refused("launch", program="a.ns")
    assert "no such source" in client.refused("source", sourceReference=4)
    assert client.finish() == 0


def test_a_program_that_does_not_parse(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    [made] = client.begin(written("func main() means\n  set = 1\nendfunc\n"), 2)
    assert not made["verified"]
    assert "syntax" in made["message"]
    assert client.end() == 3
    assert "a.ns:2" in client.printed("stderr")


def test_used_files_and_loaded_texts(start: Callable[..., Client], written: Callable[..., str], tmp_path: Path) -> None:
    library = written("func helper(returns r) means\n  set h = 1\n  return h\nendfunc\n", "lib.ns")
    text = """\
:: uses: lib.ns
func main() means
  set a = helper()
  call tool.script.LoadScript("func late(returns r) means\\n  return 5\\nendfunc\\n")
  set b = tool.script.Call("late")
  return b
endfunc
"""
    client = start()
    program = written(text)
    client.ask("initialize", adapterID="neuroscript")
    client.ask("launch", program=program)
    client.event("initialized")
    client.ask("setBreakpoints", source={"path": library}, breakpoints=[{"line": 2}])
    client.ask("configurationDone")
    assert client.stop() == ("breakpoint", 2, "helper")
    assert client.stack()[0]["source"]["path"] == library
    assert client.go("stepOut") == ("step", 4, "main")
    assert client.go("next") == ("step", 5, "main")
    assert client.go("stepIn") == ("step", 2, "late")
    source = client.stack()[0]["source"]
    assert "func late" in client.ask("source", source=source, sourceReference=source["sourceReference"])["content"]
    assert client.finish() == 0


def test_lines_may_begin_with_0(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    program = written(PROGRAM)
    client.ask("initialize", adapterID="neuroscript", linesStartAt1=False)
    client.ask("launch", program=program)
    client.event("initialized")
    made = client.ask("setBreakpoints", source={"path": program}, breakpoints=[{"line": 1}])["breakpoints"]
    assert made[0]["line"] == 1
    client.ask("configurationDone")
    assert client.stop() == ("breakpoint", 1, "double")
    client.ask("disconnect")


# --- a port -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Callable[[], int]]:
    processes: list[subprocess.Popen[str]] = []

    def begin() -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", "neuroscript", "debug", "--no-plugins", "--listen", "0"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path),
        )
        processes.append(process)
        assert process.stderr is not None
        found = re.fullmatch(r"neuroscript: waiting for an editor at 127\.0\.0\.1:(\d+)\n", process.stderr.readline())
        assert found is not None
        return int(found[1])

    yield begin
    for process in processes:
        process.communicate(timeout=TIMEOUT)


def test_a_client_at_a_port(port: Callable[[], int], written: Callable[..., str]) -> None:
    with socket.create_connection(("127.0.0.1", port()), TIMEOUT) as connection:
        client = Client(connection.makefile("wb"), connection.makefile("rb"))
        client.begin(written(PROGRAM), 17)
        assert client.stop() == ("breakpoint", 17, "main")
        assert client.finish() == 0
        client.ask("disconnect")


def test_a_web_page_is_no_client(port: Callable[[], int], written: Callable[..., str]) -> None:
    message = '{"seq": 1, "type": "request", "command": "launch", "arguments": {"program": "a.ns"}}'
    with socket.create_connection(("127.0.0.1", port()), TIMEOUT) as connection:
        request = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(message)}\r\n\r\n{message}"
        connection.sendall(request.encode())
        connection.settimeout(TIMEOUT)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1000) == b""


HANDLERS = """\
on event "go" as e do
  set got = e.payload
  fail "in the handler"
endon

func main() means
  on error do
    clear_error
  endon
  call tool.event.Emit("go", {"k": 1})
  emit "on"
endfunc
"""


def test_an_error_in_an_event_handler_is_one_that_nothing_handles(
    start: Callable[..., Client], written: Callable[..., str]
) -> None:
    client = start()
    client.begin(written(HANDLERS), filters=("uncaught",))
    assert client.stop() == ("exception", 3, "event handler")
    assert [frame["name"] for frame in client.stack()] == ["event handler", "main"]
    assert client.value("got.k") == "1"
    assert client.finish() == 1
    assert client.printed() == "on\n"
    assert "a handler of event 'go' failed" in client.printed("stderr")


def test_command_blocks(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written("command\n  set a = 1\n  emit a\nendcommand\n"), 3)
    assert client.stop() == ("breakpoint", 3, "command")
    assert client.value("a + 1") == "2"
    assert client.finish() == 0


def test_variables_of_loops_that_are_functions_of_their_own(
    start: Callable[..., Client], written: Callable[..., str]
) -> None:
    depth = 36
    lines = ["func main() means", "  set z = 5"]
    lines += [f"for each x{number} in [{number}]" for number in range(depth)]
    lines += ["set inner = x0 + x35", "emit inner"]
    lines += ["endfor"] * depth
    lines += ["endfunc", ""]
    client = start()
    client.begin(written("\n".join(lines)), depth + 4)
    assert client.stop() == ("breakpoint", depth + 4, "main")
    assert [frame["name"] for frame in client.stack()] == ["main"]
    variables = client.variables()
    assert (variables["z"]["value"], variables["x0"]["value"], variables["inner"]["value"]) == ("5", "0", "35")
    assert client.value("z + x35") == "40"
    assert client.finish() == 0


def test_the_debugger_of_a_terminal_says_who_starts_it(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "neuroscript", "debug"],
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
        text=True,
    )
    os.close(terminal)
    assert process.stderr is not None
    assert "an editor starts this command" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 130
    process.stderr.close()
    os.close(controller)


@pytest.mark.parametrize(
    "arguments",
    [("--listen", "0.0.0.0:1"), ("--listen", "x"), ("--listen", "70000"), ("--stdio", "--listen", "0"), ("-",)],
)
def test_wrong_arguments(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "neuroscript", "debug", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=TIMEOUT, env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr


def test_a_run_without_debugging(start: Callable[..., Client], written: Callable[..., str]) -> None:
    client = start()
    client.begin(written(PROGRAM), 2, noDebug=True, stopOnEntry=True)
    assert client.end() == 0
    assert client.printed() == "total 12\n"


def test_a_limit_is_an_error_that_nothing_handles(start: Callable[..., Client], written: Callable[..., str]) -> None:
    text = (
        "func main() means\n  on error do\n    clear_error\n  endon\n  while true\n    set x = 1\n  endwhile\nendfunc\n"
    )
    client = start("--max-steps", "500")
    client.begin(written(text), filters=("uncaught",))
    reason, line, name = client.stop()
    assert (reason, name) == ("exception", "main")
    assert line in (5, 6)
    assert "500 steps" in client.ask("exceptionInfo", threadId=1)["description"]
    assert client.value("x") == "1"
    assert client.finish() == 1
