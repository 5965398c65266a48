"""Models' replies on a terminal while they come, and not again when the program emits them."""

from __future__ import annotations

import os
import sys

from neuroscript.output import end_reply, one_line, write_line, write_reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from neuroscript.streaming import StreamEvent


_MOST_KEPT = 1000  # replies that were shown and that nobody has printed yet


class Replies:
    """Shows the replies of models as they come, one after the other, each on lines of its own.

    Of calls that go on side by side one is shown as it comes, and the others when that has ended.

    Args:
        stream: where they are shown.
        once: whether what is emitted appears there too, so that a text which was just shown need not be repeated.
    """

    def __init__(self, stream: TextIO, once: bool) -> None:
        self._stream = stream
        self._once = once
        self._shown: list[str] = []
        self._current = ""  # the call whose text is being shown
        self._worker = ""
        self._pieces: list[str] = []
        self._waiting: dict[str, list[StreamEvent]] = {}

    def show(self, event: StreamEvent) -> None:
        """Shows what an event tells."""
        if self._current and event.call_id != self._current:
            self._waiting.setdefault(event.call_id, []).append(event)
            return
        self._take(event)
        while not self._current and self._waiting:
            for waiting in self._waiting.pop(next(iter(self._waiting))):
                self._take(waiting)

    def repeats(self, text: str) -> bool:
        """Whether a text that is about to be printed has just been shown, and need not be printed again.

        Texts are looked for in the order in which they were shown; another text in between ends that, and begins a line
        of its own if it comes in the middle of a reply.
        """
        try:
            place = self._shown.index(text)
        except ValueError:
            self.forget()
            if self._once:
                end_reply(self._stream)
            return False
        del self._shown[: place + 1]
        return True

    def forget(self) -> None:
        """Has everything printed from now on, whether it has been shown or not."""
        self._shown.clear()

    def _take(self, event: StreamEvent) -> None:
        if event.kind == "delta":
            if self._current and event.worker_id != self._worker:
                self._end(whole=False)  # of a worker that failed, and another one answers
            self._current, self._worker = event.call_id, event.worker_id
            self._pieces.append(event.text)
            write_reply(self._stream, event.text)
        elif event.kind == "repair":
            write_line(self._stream, f"the reply does not fit the schema, and goes back: {one_line(event.text)}")
        elif event.kind != "tool_call" and self._current:
            self._end(whole=event.kind == "usage")

    def _end(self, whole: bool) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        self._current = ""
        end_reply(self._stream)
        if whole and self._once:
            self._shown.append(text)
            del self._shown[:-_MOST_KEPT]


def is_one_terminal(first: TextIO, second: TextIO) -> bool:
    """Whether two streams are shown on the same terminal."""
    if not (first.isatty() and second.isatty()):
        return False
    if sys.platform == "win32":  # a process has one
        return True
    try:
        return os.ttyname(first.fileno()) == os.ttyname(second.fileno())
    except OSError:
        return False
