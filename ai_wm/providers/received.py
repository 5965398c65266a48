"""The text of a streamed reply that was asked for again: what of it was delivered before is not delivered twice."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ai_wm.providers.adapter import BadReply, StreamError, StreamParser, whole_text
from ai_wm.providers.errors import AttemptFailed
from neuroscript import ErrorCode


class Received:
    """The text of one attempt at a stream, compared with the text that earlier attempts delivered."""

    def __init__(self, given: str) -> None:
        self.begun = False
        self.streaming = False
        self.whole = False
        self.events = 0
        self.diverged = False
        self._given = given
        self._place = 0
        self._half = ""
        self._pieces: list[str] = []

    @property
    def given(self) -> str:
        """The text delivered so far."""
        return self._given + "".join(self._pieces)

    def take(self, piece: str) -> str:
        """Adds the next piece, and returns the part of it that has not been delivered yet."""
        if self._half or not piece.isascii():
            # A character that the server has cut in two waits for its other half.
            piece = self._half + piece
            self._half = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
            piece = whole_text(piece.removesuffix(self._half))
        return self._new(piece)

    def end(self) -> str:
        """Returns the rest of a complete reply, which must not be shorter than what was delivered."""
        left = self._new(whole_text(self._half))
        self._half = ""
        if self._place < len(self._given):
            raise self._other()
        return left

    def _new(self, piece: str) -> str:
        repeated = self._given[self._place : self._place + len(piece)]
        if not piece.startswith(repeated):
            raise self._other()
        self._place += len(piece)
        new = piece[len(repeated) :]
        if new:
            self._pieces.append(new)
        return new

    def _other(self) -> AttemptFailed:
        self.diverged = True
        return AttemptFailed(
            ErrorCode.LLM_ERROR, "a part of the reply was delivered, and the next attempt brought another reply"
        )


def take_late_usage(events: Iterable[tuple[str, Any]], parser: StreamParser) -> None:
    """Reads on behind the end marker of a complete reply, where some servers send its usage; ignores all else."""
    with suppress(AttemptFailed, BadReply, StreamError):
        for name, event in events:
            if isinstance(event, dict) and event.get("usage") and not event.get("choices"):
                parser.feed(name, event)
            if parser.usage.is_reported:
                return
