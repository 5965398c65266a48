"""Tickets: the order in which the callers of a definition came that have to wait.

A caller that has to wait draws a ticket where the calls are counted, in the same step in which it is told to: from then
on no other caller is served before it, unless it gives up, or is not heard of for `TICKET_SECONDS`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from ai_wm.ratelimit.base import Refusal

TICKET_SECONDS: Final = 45.0
"""A caller that is not heard of for so long loses its place: longer than a locked file keeps one waiting."""

HEARTBEAT: Final = 5.0
"""How often a waiting caller is heard of at least, in seconds."""


class Patience(Enum):
    """What a caller waits for."""

    NONE = 0
    FLIGHTS = 1
    """Calls in flight alone: it is refused where what is used for good leaves no room."""
    ALL = 2

    def ends_with(self, refusal: Refusal | None, before: int) -> bool:
        """Whether a caller is not to wait.

        Args:
            refusal: what it, or the first of those before it, does not fit under; None if that one is served just now.
            before: how many wait before it.
        """
        if self is Patience.NONE:
            return True
        if refusal is None:
            return False
        if refusal.retry_after is None and not before:
            return True
        return self is Patience.FLIGHTS and refusal.settled


class TicketLedger(Protocol):
    """The part of a limiter that a `Ticket` reports to."""

    def abandon_ticket(self, number: int) -> None:
        """Take a ticket back, perhaps from a destructor: at any moment, in any thread, without waiting for a lock.

        Nothing happens if that was done before.
        """


class Ticket:
    """A number in the order of arrival; one that is forgotten is taken back."""

    __slots__ = ("_ledger", "number")

    def __init__(self, ledger: TicketLedger, number: int) -> None:
        self.number = number
        self._ledger: TicketLedger | None = ledger

    def used(self) -> None:
        """Note that the ticket is gone: its caller was served."""
        self._ledger = None

    def give_back(self) -> None:
        """Leave the order of arrival.  May be called twice."""
        ledger = getattr(self, "_ledger", None)  # an interrupt may have come before it was set
        if ledger is not None and not sys.is_finalizing():
            ledger.abandon_ticket(self.number)
            self._ledger = None  # not before: an interrupt may have come

    __del__ = give_back


@dataclass(frozen=True, slots=True)
class Waiting:
    """The answer to a caller that was not served.

    Args:
        refusal: what it, or the first of those before it, does not fit under; None if that one is served just now.
        before: how many wait before it.
        ticket: its place in the order of arrival, if it may wait.
    """

    refusal: Refusal | None
    before: int = 0
    ticket: Ticket | None = None
