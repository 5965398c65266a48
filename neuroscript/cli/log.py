"""The log of a command, on standard error: one line a record."""

from __future__ import annotations

import logging

from neuroscript.output import end_reply, one_line


def install() -> None:
    """Has warnings and errors that are logged shown, unless the process has a log of its own already."""
    handler = _Handler(logging.WARNING)
    handler.setFormatter(_Formatter("neuroscript: %(message)s"))
    logging.basicConfig(handlers=[handler])


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Handler that begins a line of its own where a reply is shown while it comes."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.setLevel(level)  # whatever others listen to

    def emit(self, record: logging.LogRecord) -> None:
        end_reply(self.stream)
        super().emit(record)


class _Formatter(logging.Formatter):
    """Formatter that keeps a record on one line without control characters: it may quote a program or a server."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        text = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(f"  {one_line(line)}" for line in text.split("\n"))
