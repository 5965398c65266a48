"""The amendments of each wire format, in the order in which they are tried."""

from __future__ import annotations

from typing import Final

from ai_wm.providers.amendments import anthropic, bedrock, chat, embeddings, google, responses
from ai_wm.providers.amendments.base import Amendment

AMENDMENTS: Final[tuple[Amendment, ...]] = (
    *chat.AMENDMENTS,
    *responses.AMENDMENTS,
    *anthropic.AMENDMENTS,
    *google.AMENDMENTS,
    *bedrock.AMENDMENTS,
    *embeddings.AMENDMENTS,
)
