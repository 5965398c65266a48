"""What the package logs: for a person on duty at INFO, for a developer at DEBUG, and never a key, a prompt or a reply.

What a server says is in no message either, since it may repeat what it was sent; the records of calls have it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from logging import DEBUG, INFO, WARNING
from typing import Final

from ai_wm.keys import Secret, redact
from neuroscript import get_logger

__all__ = ["CALLS", "DEBUG", "INFO", "LIMITS", "STORE", "WARNING", "tell"]

CALLS: Final = get_logger("ai_wm.calls")
"""Calls of models, and the instances that make them."""

LIMITS: Final = get_logger("ai_wm.limits")
"""Rate limits and budgets: what they refuse and reserve."""

STORE: Final = get_logger("ai_wm.store")
"""What is kept: definitions and records."""


def tell(
    logger: logging.Logger,
    level: int,
    event: str,
    message: str,
    arguments: tuple[object, ...],
    fields: Mapping[str, object],
    secrets: Iterable[Secret] = (),
) -> None:
    """Logs a message that shows none of the keys.

    Ask ``logger.isEnabledFor(level)`` first, so that nothing is put together where nobody listens.

    Args:
        logger: one of those above.
        level: its level.
        event: what has happened, in one word: the field ``event`` of the record.
        message: with placeholders for the arguments.
        arguments: what is put in their places.
        fields: further fields of the record, for programs that read the log.
        secrets: the keys that were sent.
    """
    secrets = tuple(secrets)
    logger.log(level, message, *redact(arguments, secrets), extra={"event": event, **redact(fields, secrets)})
