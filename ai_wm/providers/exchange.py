"""The state of one call over HTTP with its attempts, and the usage to book where a server does not report it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ai_wm.data.headers import secret_texts
from ai_wm.keys import Secret
from ai_wm.providers.adapter import Adapter, WireRequest, whole_text
from ai_wm.providers.base import LLMRequest, Usage
from ai_wm.providers.errors import AttemptFailed
from ai_wm.providers.estimates import divided, estimate_input
from ai_wm.providers.pace import Target
from ai_wm.providers.retry import Attempts
from neuroscript import ErrorCode, NeuroScriptError

_NO_ROOM: Final = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED, ErrorCode.RESOURCE_EXHAUSTION})

_KNOW_AGAIN: Final = frozenset({"openai", "responses", "embeddings"})
"""The wire formats whose servers may take an idempotency key."""


@dataclass(slots=True)
class Exchange:
    """The state of one call with its attempts: the request, the address, and the text and cost of failed attempts.

    ``dialect`` names the wire format, which `adapter` writes and reads.
    """

    request: LLMRequest
    addresses: tuple[str, ...]
    wire: WireRequest
    content: bytes = field(repr=False)
    adapter: Adapter
    dialect: str
    attempts: Attempts
    headers: Mapping[str, str] = field(repr=False)
    amended: tuple[str, ...] = ()
    asked: str = ""
    text: str = ""
    broken: AttemptFailed | None = None
    wasted: list[Usage | None] = field(default_factory=list)
    counted: int = 0
    key: Secret | None = None
    hidden: tuple[Secret, ...] = ()
    renewed: bool = False
    refusals: int = 0
    """How many attempts the server has answered with an error, so that the next is another request to it."""

    @property
    def where(self) -> str:
        """The provider and the model, for messages."""
        return f"{self.request.provider}/{self.request.model}"

    @property
    def known_again(self) -> dict[str, str]:
        """The header by which the server may know the request if it is sent again; none where servers know of none.

        OpenAI-compatible servers and gateways take it, or leave it unread; the API of Anthropic does not honour one,
        and those of the others have none.  An attempt that was answered with an error does not share it with the next.
        """
        key = self.request.idempotency_key
        if not key or self.dialect not in _KNOW_AGAIN:
            return {}
        return {"Idempotency-Key": f"{key}-{self.refusals}" if self.refusals else key}

    @property
    def target(self) -> Target:
        """The server and the model, as the circuit breaker identifies them."""
        return self.addresses[0], self.request.model

    def book(self, *usages: Usage | None) -> None:
        """Reports the usage of the call so far, in case it is abandoned without an error that tells it.

        Args:
            usages: what the attempt that is under way has used, beside those that have failed.
        """
        if self.request.progress is not None:
            self.request.progress.attempts = self.attempts.made
            self.request.progress.usages = (*self.wasted, *usages)

    def admitted(self, failure: AttemptFailed) -> bool:
        """Whether the limits have room for one more request after a failure; if not, the failure says so."""
        admit = self.request.admit
        if admit is None:
            return True
        used, self.counted = tuple(self.wasted[self.counted :]), len(self.wasted)
        try:
            admit(used, max(0.0, self.attempts.remaining()))
        except NeuroScriptError as refused:
            if refused.code not in _NO_ROOM:
                raise
            failure.message += f"; it was not sent again: {refused.message}"
            failure.retry = False
            return False
        return True

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys sent to the server, which may repeat them."""
        own = (*map(Secret, secret_texts(self.headers)), *self.hidden)
        return own if self.key is None else (self.key, *own)


def completed(request: LLMRequest, usage: Usage, produced: int) -> Usage:
    """Returns the usage of a reply whose server reported it only in part or not at all; missing counts are estimated.

    ``produced`` is the bytes of all that the model has written.
    """
    if usage.undivided:
        return divided(request, usage)
    return replace(
        usage,
        input_tokens=usage.input_tokens or estimate_input(request),
        output_tokens=max(usage.output_tokens, -(-produced // 4)),
        estimated=True,
    )


def total(usages: Sequence[Usage | None]) -> Usage:
    """Adds the usages up; None counts nothing."""
    return sum((usage for usage in usages if usage is not None), Usage())


def content_of(request: LLMRequest, wire: WireRequest) -> bytes:
    """Encodes the body of a request.

    Raises:
        NeuroScriptError: 4 if it is not JSON.
    """
    try:
        text = json.dumps(wire.body, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        # Half a character, of a text that was cut, makes strict servers refuse the whole request.
        return whole_text(text).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the request to {request.provider}/{request.model} is not JSON: {error}",
            details={"attempts": 0},
        ) from error
