"""Loggers of the standard library whose records are safe to display, and which cost nothing while logging is off.

``logging`` takes longer to import than a short program to run, so nothing here imports it before it is needed: in a
process that has not imported it, no logger can be enabled.
"""

from __future__ import annotations

import sys

from neuroscript.output import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

DEBUG, INFO = 10, 20
"""The levels, as `logging` has them."""

_loggers: dict[str, logging.Logger] = {}
_standard: set[str] = set()


def get_logger(name: str) -> logging.Logger:
    """Returns the logger of a name, whose messages show control characters and line breaks as escapes.

    That holds for messages, for fields given in ``extra``, and for the lines of a traceback.
    """
    found = _loggers.get(name)
    if found is None:
        import logging

        _standard.update(vars(logging.makeLogRecord({})))
        found = logging.getLogger(name)
        found.addFilter(_make_visible)
        _loggers[name] = found
    return found


def listener(name: str, level: int) -> logging.Logger | None:
    """Returns the logger of a name if it is enabled for a level, else None."""
    found = _loggers.get(name)
    if found is None:
        if not hasattr(sys.modules.get("logging"), "getLogger"):  # it may be in the middle of its import
            return None
        found = get_logger(name)
    return found if found.isEnabledFor(level) else None


def _make_visible(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    shown = one_line(message)
    if shown != message:  # else the message stays apart from its arguments, by which some group what is logged
        record.msg, record.args = shown, None
    for name, value in vars(record).items():
        if type(value) is str and name not in _standard:
            setattr(record, name, one_line(value))
    if record.exc_info and not record.exc_text:
        import logging

        lines = logging.Formatter().formatException(record.exc_info).split("\n")
        record.exc_text = "\n".join(f"  {one_line(line)}" for line in lines)
    return True
