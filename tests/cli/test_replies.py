"""Replies that are shown while they come: once, never mixed, and nothing of it in a pipe."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, StreamEvent, ToolContext
from neuroscript.cli.repl.session import ReplSession
from neuroscript.cli.replies import Replies, is_one_terminal
from tests.cli.conftest import Command

TIMEOUT = 60


class Screen:
    """What a person sees: replies and what is printed besides, on one terminal."""

    def __init__(self, once: bool = True) -> None:
        self.out = io.StringIO()
        self.replies = Replies(self.out, once)

    def hear(self, *events: tuple[str, str, str]) -> None:
        """Events by kind, call and text; each call has a worker of its name, but for ``call:worker``."""
        for kind, name, text in events:
            call, _, who = name.partition(":")
            event: Any = {"kind": kind, "call_id": call, "worker": who or call, "worker_id": who or call, "text": text}
            self.replies.show(StreamEvent(**event))

    def print(self, text: str) -> None:
        if not self.replies.repeats(text):
            self.out.write(text + "\n")

    @property
    def shown(self) -> str:
        return self.out.getvalue()


def reply(call: str, *pieces: str) -> list[tuple[str, str, str]]:
    return [*(("delta", call, piece) for piece in pieces), ("usage", call, ""), ("done", call, "")]


def test_a_reply_is_shown_once() -> None:
    screen = Screen()
    screen.hear(*reply("a", "it ", "is"))
    screen.print("it is")
    assert screen.shown == "| it is\n"
    screen.print("it is")  # the program wants it twice
    assert screen.shown == "| it is\nit is\n"


def test_a_reply_that_goes_back_is_marked() -> None:
    screen = Screen()
    screen.hear(("delta", "a", "twelve"), ("usage", "a", ""), ("repair", "a", "no number\nat all"))
    screen.hear(*reply("a", "12"))
    screen.print("12")
    marked = "the reply does not fit the schema, and goes back: no number\\nat all"
    assert screen.shown == f"| twelve\n{marked}\n| 12\n"


def test_what_a_program_makes_of_a_reply_is_shown() -> None:
    screen = Screen()
    screen.hear(*reply("a", "it ", "is"))
    screen.print("the answer: it is")
    screen.print("it is")
    assert screen.shown == "| it is\nthe answer: it is\nit is\n"


def test_where_it_is_printed_elsewhere_it_is_printed() -> None:
    screen = Screen(once=False)
    screen.hear(*reply("a", "it is"))
    screen.print("it is")
    assert screen.shown == "| it is\nit is\n"


def test_replies_that_are_printed_later_in_their_order_are_shown_once() -> None:
    screen = Screen()
    screen.hear(*reply("a", "one"), *reply("b", "two"), *reply("c", "three"))
    screen.print("one")
    screen.print("three")
    screen.print("two")  # which came before it on the screen
    assert screen.shown == "| one\n| two\n| three\ntwo\n"


def test_calls_side_by_side_are_shown_one_after_the_other() -> None:
    screen = Screen()
    a, b, c = reply("a", "a1 ", "a2"), reply("b", "b1 ", "b2"), reply("c", "c1 ", "c2")
    screen.hear(a[0], b[0], c[0], c[1], b[1], c[2], c[3], a[1])
    assert screen.shown == "| a1 a2"
    screen.hear(a[2])
    assert screen.shown == "| a1 a2\n| b1 b2"
    screen.hear(a[3], b[2], b[3])
    assert screen.shown == "| a1 a2\n| b1 b2\n| c1 c2\n"


def test_a_reply_in_several_rounds_has_lines_of_its_own_for_each() -> None:
    screen = Screen()
    screen.hear(("delta", "a", "Let me see."), ("usage", "a", ""), ("tool_call", "a", ""))
    screen.hear(*reply("b", "asked by the tool"), *reply("a", "It is."))
    screen.print("It is.")
    assert screen.shown == "| Let me see.\n| asked by the tool\n| It is.\n"


def test_a_reply_that_broke_off_is_ended_and_is_no_reply() -> None:
    screen = Screen()
    screen.hear(("delta", "a", "ha"), ("done", "a", ""))
    screen.print("ha")
    assert screen.shown == "| ha\nha\n"


def test_the_reply_of_a_fallback_begins_a_line() -> None:
    screen = Screen()
    screen.hear(("delta", "a:first", "half a"), *reply("a:second", "a whole one"))
    screen.print("a whole one")
    assert screen.shown == "| half a\n| a whole one\n"


def test_what_is_printed_in_the_middle_of_a_reply_has_a_line_of_its_own() -> None:
    screen = Screen()
    first, second, usage, done = reply("a", "half ", "a reply")
    screen.hear(first)
    screen.print("an event")
    screen.hear(second, usage, done)
    screen.print("half a reply")
    assert screen.shown == "| half \nan event\n| a reply\n"


def test_a_reply_that_ends_its_line_gets_no_other() -> None:
    screen = Screen()
    screen.hear(*reply("a", "one line\n"))
    assert screen.shown == "| one line\n"


def test_few_replies_are_remembered() -> None:
    screen = Screen()
    for number in range(3000):
        screen.hear(*reply(f"c{number}", f"{number}"))
    screen.print("0")
    assert screen.shown.endswith("2999\n0\n")


# --- run --------------------------------------------------------------------------------------------------------------

PROGRAM = 'command\nask "one two" into reply\nemit reply\nemit "the end"\nendcommand\n'


def on_terminals(tmp_path: Path, *, out: bool, err: bool) -> tuple[str, str, str]:
    """Runs a program whose outputs are one terminal or pipes; gives what came to the terminal and into the pipes."""
    pty = pytest.importorskip("pty", reason="the platform has no pseudo-terminals")
    import subprocess
    import termios

    (tmp_path / "ask.ns").write_text(PROGRAM)
    reader, writer = pty.openpty()
    attributes = termios.tcgetattr(writer)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(writer, termios.TCSANOW, attributes)
    with (tmp_path / "out").open("wb") as out_file, (tmp_path / "err").open("wb") as err_file:
        subprocess.run(
            [sys.executable, "-m", "neuroscript", "run", "--stream", "ask.ns"],
            cwd=tmp_path,
            stdout=writer if out else out_file,
            stderr=writer if err else err_file,
            timeout=TIMEOUT,
            check=True,
            env={**os.environ, "NEUROSCRIPT_NO_CACHE": "1"},
        )
    os.close(writer)
    seen = b""
    while True:
        try:
            part = os.read(reader, 65536)
        except OSError:  # on Linux the end of a terminal
            break
        if not part:
            break
        seen += part
    os.close(reader)
    return seen.decode(), (tmp_path / "out").read_text(), (tmp_path / "err").read_text()


EMITTED = "echo: one two\nthe end\n"
NOTICE = (
    "neuroscript: there are no workers that may be asked, so the built-in echo answers; add one with: "
    "neuroscript workers add NAME --model PROVIDER/MODEL\n"
)
SHOWN = f"{NOTICE}| echo: one two\n"


@pytest.mark.parametrize(
    ("out", "err", "expected"),
    [
        (True, True, (f"{SHOWN}the end\n", "", "")),
        (False, True, (SHOWN, EMITTED, "")),
        (True, False, (EMITTED, "", SHOWN)),
        (False, False, ("", EMITTED, SHOWN)),
    ],
    ids=["both on a terminal", "the output in a pipe", "the errors in a pipe", "both in pipes"],
)
def test_a_person_sees_a_reply_once_and_a_pipe_gets_what_is_emitted(
    tmp_path: Path, out: bool, err: bool, expected: tuple[str, str, str]
) -> None:
    assert on_terminals(tmp_path, out=out, err=err) == expected


def test_two_terminals_are_told_apart() -> None:
    pty = pytest.importorskip("pty")
    _, first = pty.openpty()
    _, second = pty.openpty()
    with open(first, "w") as one, open(os.dup(first), "w") as same, open(second, "w") as other:
        assert is_one_terminal(one, same)
        assert not is_one_terminal(one, other)
        assert not is_one_terminal(one, io.StringIO())


# --- the REPL ---------------------------------------------------------------------------------------------------------


def asks(interpreter: Interpreter) -> None:
    """Has ``ask`` answered in two pieces."""

    def asker(ctx: ToolContext, who: object, prompt: str, config: object, whispered: object) -> str:
        told = ctx.on_stream
        if told is not None:
            for piece in ("it ", "is"):
                told(StreamEvent(kind="delta", call_id=prompt, worker="w", text=piece))
            told(StreamEvent(kind="usage", call_id=prompt, worker="w"))
            told(StreamEvent(kind="done", call_id=prompt, worker="w"))
        return "it is"

    interpreter.set_asker(asker)


def test_the_repl_shows_a_reply_once_in_an_input_and_again_when_it_is_asked_for() -> None:
    screen = Screen()

    def make() -> Interpreter:
        made = Interpreter(plugins=False, emit=screen.print, on_stream=screen.replies.show)
        asks(made)
        return made

    session = ReplSession(make, lambda text: print(text, file=screen.out), replies=screen.replies)
    inputs = {
        'ask "what?" into reply': "| it is\n",
        "emit reply": "it is\n",
        "reply": '"it is"\n',
        'func answer() means\nask "what?" into reply\nreturn reply\nendfunc': "",
        "answer()": "| it is\n",
        "[answer()]": '| it is\n["it is"]\n',
        "func shows() means\nemit answer()\nendfunc": "",
        "shows()": "| it is\n",
    }
    for text, expected in inputs.items():
        before = len(screen.shown)
        for line in text.split("\n"):
            session.feed(line)
        assert screen.shown[before:] == expected, text
    session.close()


@pytest.mark.parametrize("interactive", [True, False])
def test_replies_are_shown_to_a_person_and_not_in_a_pipe(
    neuroscript: Command, monkeypatch: pytest.MonkeyPatch, interactive: bool
) -> None:
    lines = ['ask "what?" into reply', "emit reply", ":quit"]

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return interactive

    monkeypatch.setattr("neuroscript.interpreter._plugins", lambda: (asks,))
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(lines) + "\n"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: interactive)
    typed = iter(lines)
    monkeypatch.setattr("neuroscript.cli.repl.terminal.make_prompt", lambda session: lambda: next(typed))
    done = neuroscript("repl")
    shown = [line for line in done.out.splitlines() if not line.startswith("NeuroScript")]
    assert shown == (["| it is", "it is"] if interactive else ["it is"])
