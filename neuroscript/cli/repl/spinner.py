"""A sign on the terminal that something runs, while nothing else is written."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from neuroscript.output import one_line

if TYPE_CHECKING:
    from typing import TextIO

_DELAY = 0.4  # seconds without output after which it appears
_TURN = 0.1
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES = "|/-\\"
_HINT_AFTER = 3.0
_MOST_LABEL = 40
_ERASE = "\r\x1b[K"
_DIM, _NORMAL = "\x1b[2m", "\x1b[0m"


class Spinner:
    """Shows in the last line of a terminal how long something runs.

    It is erased before anything else is written to ``out`` and ``err``, which stand for the two standard streams
    meanwhile, and it is not shown in a line that something else has begun.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._stream = out
        self.out: Any = _Watched(out, self)
        self.err: Any = _Watched(err, self)
        self._lock = threading.RLock()
        self._is_shown = False
        self._is_hidden = False
        self._is_line_begun = False
        self._latest = 0.0  # when something was last written
        self._frames = _FRAMES if _can_show(out, _FRAMES) else _PLAIN_FRAMES
        self._has_colour = not os.environ.get("NO_COLOR")
        self._is_possible = os.environ.get("TERM") not in (None, "", "dumb") or sys.platform == "win32"
        self.label = ""
        """What is going on, besides the time."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Shows it, after a moment, while this context lasts; the standard streams are ``out`` and ``err``."""
        self.label = ""
        self._is_line_begun = False
        over = threading.Event()
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self.out, self.err
        thread = threading.Thread(target=self._turn, args=(over, monotonic()), daemon=True)
        if self._is_possible:
            thread.start()
        try:
            yield
        finally:
            over.set()
            with self._lock:
                self._erase()
            if self._is_possible:
                thread.join()
            sys.stdout, sys.stderr = streams

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hides it while this context lasts, in which the person at the terminal types."""
        with self._lock:
            self._is_hidden = True
            self._erase()
        try:
            yield
        finally:
            with self._lock:
                self._is_hidden = self._is_line_begun = False
                self._latest = monotonic()

    def write(self, stream: TextIO, text: str) -> int:
        """Writes a text to one of the streams."""
        with self._lock:
            self._erase()
            written = stream.write(text)
            if text:
                self._is_line_begun = not text.endswith("\n")
                self._latest = monotonic()
            return written

    def _turn(self, over: threading.Event, begun: float) -> None:
        turn = 0
        self._latest = begun
        while not over.wait(_TURN):
            now = monotonic()
            with self._lock:
                if over.is_set() or self._is_hidden or self._is_line_begun or now - self._latest < _DELAY:
                    continue
                self._show(self._frames[turn % len(self._frames)], now - begun)
            turn += 1

    def _show(self, frame: str, seconds: float) -> None:
        parts = [frame, f"{seconds:.0f} s"]
        if self.label:
            parts.append(one_line(self.label, _MOST_LABEL))
        if seconds >= _HINT_AFTER:
            parts.append("(Ctrl-C ends it)")
        text = " ".join(parts)[: max(_columns(self._stream) - 1, 1)]
        coloured = f"{_DIM}{text}{_NORMAL}" if self._has_colour else text
        self._stream.write(f"{_ERASE}{coloured}")
        self._stream.flush()
        self._is_shown = True

    def _erase(self) -> None:
        if self._is_shown:
            self._is_shown = False
            self._stream.write(_ERASE)
            self._stream.flush()


class _Watched:
    """A stream whose spinner is erased before something is written."""

    def __init__(self, stream: TextIO, spinner: Spinner) -> None:
        self._stream = stream
        self._spinner = spinner

    def write(self, text: str) -> int:
        return self._spinner.write(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # it is no terminal of the system's
        return 80


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
