"""``neuroscript repl``: the language line by line, on a terminal or from a pipe."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from neuroscript import CancelToken, __version__
from neuroscript.cli.host import check_patterns, settings_of, workers_place
from neuroscript.cli.interactive import add_session, make_interpreter
from neuroscript.cli.interrupts import Interrupts
from neuroscript.cli.repl.costs import Costs
from neuroscript.cli.repl.session import ReplSession
from neuroscript.cli.repl.spinner import Spinner
from neuroscript.cli.replies import Replies
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import OK, TERMINATED
from neuroscript.output import end_reply, write_line
from neuroscript.values import text_of

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.streaming import StreamEvent

SUMMARY = "try the language line by line"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_session(parser)


def run(options: argparse.Namespace) -> int:
    """Runs an interactive session until it ends; returns the exit status."""
    settings = settings_of(options, STDIN, None)
    interrupts = Interrupts()
    is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
    terminal = _Terminal(interrupts) if is_interactive else None

    def emit(value: object) -> None:
        text = text_of(value)
        if terminal is None or not terminal.replies.repeats(text):
            write_line(sys.stdout, text)

    def interpreter() -> Interpreter:
        # From a pipe, the next line is the next input and no answer; and what is emitted goes into one, and no more.
        hear, ask = (terminal.hear, terminal.ask) if terminal is not None else (None, None)
        return make_interpreter(options, settings, emit, hear, ask)

    def complain(text: str) -> None:
        sys.stdout.flush()
        write_line(sys.stderr, text)

    session = ReplSession(
        interpreter,
        lambda text: write_line(sys.stdout, text),
        settings,
        terminal.replies if terminal is not None else None,
        workers_place(options, settings),
        complain if terminal is None else None,
        terminal.costs if terminal is not None else None,
        lambda: interrupts.status != 0,
    )
    try:
        check_patterns(session.interpreter, options, settings.one("run.plugins"))
        return _read_lines(session, interrupts) if terminal is None else terminal.converse(session)
    finally:
        session.close()


def _read_lines(session: ReplSession, interrupts: Interrupts) -> int:
    """Evaluates what comes in a pipe; one input that fails does not keep the next from being evaluated."""

    for line in sys.stdin:
        cancel = CancelToken()
        with interrupts.cancelling(cancel.cancel):
            session.feed(line.rstrip("\r\n"), cancel)
        sys.stdout.flush()
        if interrupts.status or session.done:
            return interrupts.status or session.status
    cancel = CancelToken()
    with interrupts.cancelling(cancel.cancel):
        session.finish(cancel)
    return interrupts.status or session.status


class _Terminal:
    """The person at the terminal."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._spinner = Spinner(sys.stdout, sys.stderr)
        self.replies = Replies(self._spinner.out, once=True)
        self.costs = Costs()

    def hear(self, event: StreamEvent) -> None:
        """Shows what an event of a reply tells."""
        self._spinner.label = f"{event.worker} calls {event.tool}" if event.kind == "tool_call" else ""
        self.replies.show(event)
        self.costs.hear(event)

    def ask(self, question: str) -> str:
        """Asks the person for a line."""
        with self._spinner.hidden():
            return self._interrupts.ask(question)

    def converse(self, session: ReplSession) -> int:
        """Evaluates what the person types, until the session ends."""
        from neuroscript.cli.repl.terminal import make_prompt

        ask = make_prompt(session)
        write_line(sys.stdout, f"NeuroScript {__version__}. :help explains, Ctrl-D leaves.")
        while not session.done:
            try:
                text = ask()
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            try:
                cancel = CancelToken()
                with self._interrupts.cancelling(cancel.cancel), self._spinner.running():
                    if session.feed(text, cancel):
                        session.finish(cancel)
            except KeyboardInterrupt:
                session.abandon()
                write_line(sys.stdout, "interrupted")
            finally:
                end_reply(sys.stdout)
            if self._interrupts.status == TERMINATED:
                return TERMINATED
        return OK
