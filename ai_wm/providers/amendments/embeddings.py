"""Amendments of requests for embeddings, of which OpenAI's API alone has a choice of forms."""

from __future__ import annotations

from typing import Final

from ai_wm.providers.amendments.base import UNKNOWN, Amendment, words

DIALECT: Final = "embeddings"
"""The name under which these amendments are kept, whatever the wire format of the same server's chats."""

_FORM: Final = words(
    rf"(encoding_format|base64).{{0,60}}({UNKNOWN}|must be|should be|invalid)"
    rf"|({UNKNOWN}|invalid).{{0,60}}(encoding_format|base64)"
)

AMENDMENTS: Final = (
    Amendment(  # servers that answer in numbers alone
        "float",
        _FORM,
        lambda body: body.get("encoding_format") == "base64",
        lambda body: {**body, "encoding_format": "float"},
        dialect=DIALECT,
    ),
    Amendment(  # servers that do not know the option, and answer in numbers
        "no_encoding_format",
        _FORM,
        lambda body: body.get("encoding_format") == "float",
        lambda body: {key: value for key, value in body.items() if key != "encoding_format"},
        dialect=DIALECT,
    ),
)
