"""``neuroscript repl``: the language line by line, on a terminal or from a pipe."""

from __future__ import annotations

import argparse
import sys

from neuroscript import __version__
from neuroscript.cli.host import check_patterns, settings_of, workers_place
from neuroscript.cli.interactive import add_session, make_interpreter
from neuroscript.cli.interrupts import Interrupts
from neuroscript.cli.repl.session import ReplSession
from neuroscript.cli.replies import Replies
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import OK
from neuroscript.interpreter import Interpreter
from neuroscript.output import write_line
from neuroscript.values import text_of

SUMMARY = "try the language line by line"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_session(parser)


def run(options: argparse.Namespace) -> int:
    """Runs an interactive session until it ends; returns the exit status."""
    settings = settings_of(options, STDIN, None)
    interrupts = Interrupts()
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    # Into a pipe goes what is emitted and no more.
    replies = Replies(sys.stdout, once=True) if interactive else None

    def emit(value: object) -> None:
        text = text_of(value)
        if replies is None or not replies.repeats(text):
            write_line(sys.stdout, text)

    def interpreter() -> Interpreter:
        # From a pipe, the next line is the next input and no answer.
        ask = interrupts.ask if interactive else None
        return make_interpreter(options, settings, emit, replies.show if replies is not None else None, ask)

    session = ReplSession(
        interpreter, lambda text: write_line(sys.stdout, text), settings, replies, workers_place(options, settings)
    )
    try:
        check_patterns(session.interpreter, options, settings.one("run.plugins"))
        if interactive:
            _converse(session, interrupts)
        else:
            _read_lines(session, interrupts)
    finally:
        session.close()
    return OK


def _read_lines(session: ReplSession, interrupts: Interrupts) -> None:
    for line in sys.stdin:
        with interrupts.cancelling(lambda: session.interpreter.cancel()):
            session.feed(line.rstrip("\r\n"))
        sys.stdout.flush()
        if session.done:
            return
    session.finish()


def _converse(session: ReplSession, interrupts: Interrupts) -> None:
    from neuroscript.cli.repl.terminal import make_prompt

    ask = make_prompt(session)
    write_line(sys.stdout, f"NeuroScript {__version__}. :help explains, Ctrl-D leaves.")
    while not session.done:
        try:
            text = ask()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        try:
            with interrupts.cancelling(lambda: session.interpreter.cancel()):
                if session.feed(text):
                    session.finish()
        except KeyboardInterrupt:
            session.abandon()
            write_line(sys.stdout, "interrupted")
