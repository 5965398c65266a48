"""Moments on the command line."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """A moment from the command line: a date, a time in RFC 3339 (without offset: UTC), or how long ago."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo is not None else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"a time like 2025-06-15, 2025-06-15T09:30:00Z, 90m or 2d is wanted, not {text!r}"
        ) from error


def seconds(text: str) -> float:
    """Reads a time between two looks, in seconds, from the command line."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.2 <= found <= 3600:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0.2 to 3600 is wanted, not {text!r}")
    return found
