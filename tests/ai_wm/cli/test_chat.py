"""``neuroscript chat``, and going on with a conversation."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.ai_wm.cli.conftest import KEY, Home
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.support import stream_of


@pytest.fixture
def ready(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    home.add()
    return home


def said(home: Home) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in home.messages]


PROMPT = "\x1b[?2004h"
"""What a terminal gets before it is asked for a line: from then on each key counts by itself."""

FIRST = [("user", "hello"), ("assistant", "A reply.")]


def test_each_line_goes_with_all_before_it(ready: Home) -> None:
    assert ready("chat", stdin="hello\nand\\\nmore\n\n:)\n") == (0, "A reply.\n" * 3, "")
    assert said(ready) == [*FIRST, ("user", "and\nmore"), ("assistant", "A reply."), ("user", ":)")]


@pytest.mark.parametrize("word", ["exit", "quit", ":quit"])
def test_words_that_leave(ready: Home, word: str) -> None:
    assert ready("chat", stdin=f"hello\n{word}\nmore\n") == (0, "A reply.\n", "")
    assert len(ready.server.received) == 1


def test_commands(ready: Home) -> None:
    typed = "hello\n:cost\n:clear\nagain\n:help\n:attach missing.png\n:attach ~nobody-here/a.png\n:foo\n:hlp\n"
    _, out, err = ready("chat", stdin=typed)
    assert said(ready) == [("user", "again")]
    assert "1 reply: 9 tokens in, 3 out, cost" in out
    assert ":attach FILE" in out
    assert err.splitlines() == [
        "neuroscript: there is no file 'missing.png'",
        "neuroscript: there is no file '~nobody-here/a.png'",
        "neuroscript: there is no command ':foo'; there are :help, :attach FILE, :clear, :cost, :quit",
        "neuroscript: there is no command ':hlp'; did you mean ':help'?",
    ]


def test_a_turn_that_fails_does_not_count_and_is_told_at_the_end(ready: Home) -> None:
    answer = ready.server.answers[0]
    ready.server.will(loopback.reply({"error": {"message": "bad"}}, 400), answer)
    status, out, err = ready("chat", stdin="first\nhello\n")
    assert (status, out) == (1, "A reply.\n")
    assert "error 16" in err
    assert said(ready) == [("user", "hello")]


def test_a_conversation_that_was_kept_goes_on(ready: Home) -> None:
    assert ready("log", "on")[0] == 0
    ready("ask", "not of a conversation")
    ready("chat", stdin="hello\n")
    ready("ask", "not of a conversation")
    ready("chat", "-c", stdin="two\n")
    ready("chat", "--continue", stdin="three\n")
    assert said(ready) == [*FIRST, ("user", "two"), ("assistant", "A reply."), ("user", "three")]
    ready("chat", stdin="another\n")
    numbers = {row["prompt"]: row["number"] for row in ready.rows("log", "list", "--format", "jsonl")}
    ready("chat", "-c", str(numbers["two"]), stdin="four\n")
    assert [text for role, text in said(ready) if role == "user"] == ["hello", "two", "three", "four"]
    ready("chat", "-c", stdin="five\n")
    assert [text for role, text in said(ready) if role == "user"] == ["hello", "two", "three", "four", "five"]


def test_it_goes_on_with_the_worker_that_it_was_with(ready: Home) -> None:
    ready("log", "on")
    ready.add("other", "--system", "Other.")
    ready("chat", "-w", "other", stdin="hello\n")
    assert ready("chat", "-c", stdin="two\n")[0] == 0
    assert said(ready)[0] == ("system", "Other.")
    ready("chat", "-c", "-w", "fast", stdin="three\n")
    assert "no conversation" in ready("chat", "-c", "-w", "nobody", stdin="three\n")[2]


@pytest.mark.parametrize("arguments", [["-c"], ["-c", "7"], ["-c", "x"], ["-c", "9" * 30]])
def test_there_must_be_something_to_go_on_with(ready: Home, arguments: list[str]) -> None:
    status, _, err = ready("chat", *arguments, stdin="hello\n")
    assert (status, "in the log" in err) == (2, True)
    assert ready.server.received == []


def test_ctrl_c_ends_the_reply_and_not_the_conversation(ready: Home) -> None:
    pty = pytest.importorskip("pty")
    answer = ready.server.answers[0]

    def slow(connection: Any) -> None:
        pieces = stream_of("openai", "begun ", "never")

        def slowly() -> Any:
            yield from pieces[:2]
            ready.server.stopping.wait(20)
            yield from pieces[2:]

        send = loopback.streamed(slowly())
        assert callable(send)
        send(connection)

    ready.server.will(slow, answer)
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "neuroscript", "chat"],
        stdin=writer, stdout=writer, stderr=writer, start_new_session=True, preexec_fn=_take_terminal,
        env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
    )  # fmt: skip
    os.close(writer)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + 30
        while text not in seen:
            if not select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
                process.kill()
                process.wait(30)
                pytest.fail(f"there is no {text!r} in {seen!r}")
            seen += os.read(reader, 4096).decode(errors="replace")
        seen = seen.partition(text)[2]

    until("Talking with fast")
    until(PROMPT)
    os.write(reader, b"hello\r")
    until("begun ")
    os.write(reader, b"\x03")
    until("interrupted; what was said last does not count")
    until(PROMPT)
    os.write(reader, b"again\r")
    until("A reply.")
    until(PROMPT)
    os.write(reader, b"\x04")
    until("neuroscript log on")
    process.wait(30)
    os.close(reader)
    assert process.returncode == 0
    assert said(ready) == [("user", "again")]


def _take_terminal() -> None:
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a run in the background ignores it
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
