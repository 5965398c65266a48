"""Ctrl-C, requests to terminate, and questions to the person at the terminal, which Ctrl-C must end too."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from neuroscript.cli.status import CANCELLED, TERMINATED
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.output import visible, write


class Interrupts:
    """The signals of one command.  The first cancels the run, which then ends in order; a second ends it at once.

    ``status`` is the exit status of the signal that came, 0 before one did.
    """

    def __init__(self) -> None:
        self.status = 0
        self._waiting = False

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Lets a signal call ``cancel`` while this context lasts."""
        self.status = 0
        if threading.current_thread() is not threading.main_thread():
            # Only the main thread gets signals; a host that runs us elsewhere keeps its own handling.
            yield
            return

        def handle(number: int, _frame: FrameType | None) -> None:
            again = self.status != 0
            self.status = CANCELLED if number == signal.SIGINT else TERMINATED
            # In a thread of its own: what it sets may be held by the very code that the signal interrupted.
            threading.Thread(target=cancel, daemon=True).start()
            if again or self._waiting:
                raise KeyboardInterrupt

        previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Lets the first signal end a wait for the person at the terminal, which nothing else would.

        It begins before the question is shown: whoever sees it may send a signal at once.

        Raises:
            NeuroScriptError: 44 if a signal ends the wait.
        """
        self._waiting = True
        try:
            yield
        except KeyboardInterrupt:
            raise NeuroScriptError(ErrorCode.CANCELLED, "the run was cancelled") from None
        finally:
            self._waiting = False

    def ask(self, text: str) -> str:
        """Asks for a line on standard input.  The question goes to standard error: the output stays the program's.

        Raises:
            NeuroScriptError: 18 at the end of the input; 44 if a signal ends the wait.
        """
        with self.waiting():
            sys.stdout.flush()
            write(sys.stderr, visible(text))
            sys.stderr.flush()
            line = sys.stdin.readline()
        if not line:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, "nobody is there to ask: standard input is at its end")
        return line.rstrip("\r\n")
