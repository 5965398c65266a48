"""Amends a refused request to the form that the server's refusal asks for.

Servers differ in the names of options, in the combinations of options that they accept, and in what they accept in a
history.  If one refuses a request and says what it expects instead, the request is sent again in that form, and so are
later ones to the same model where it is a matter of the model.  A request is not amended if that would change its
meaning: then the refusal is the error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ai_wm.logs import CALLS
from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.amendments import AMENDMENTS
from ai_wm.providers.amendments.base import Amendment, Body, words

_ONLY_IN: Final = {
    "responses": words(r"\b(only|use)\b[^.]{0,40}\bv1/responses"),
    "chat": words(r"\b(only|use)\b[^.]{0,40}\bv1/chat/completions"),
}
"""How servers say that a model answers in the other of OpenAI's APIs alone."""

_BY_NAME: Final = {amendment.name: amendment for amendment in AMENDMENTS}


def amendment_for(
    body: Body, refusal: ErrorReply, tried: Iterable[str] = (), dialect: str = "openai"
) -> Amendment | None:
    """Finds the amendment that a refusal asks for, if one applies and has not been tried."""
    said = f"{refusal.kind} {refusal.message}"
    for item in AMENDMENTS:
        if item.dialect == dialect and item.name not in tried and item.words.search(said) and item.applies(body):
            return item
    return None


def lasting(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the amendments, of those named, that later requests to the same model want too."""
    return tuple(name for name in names if _BY_NAME[name].lasting)


def hint_for(body: Body, refusal: ErrorReply) -> str:
    """Returns advice if a refusal is about a setting of the definition; else an empty text."""
    effort = next(item for item in AMENDMENTS if item.name == "reasoning_effort")
    if effort.words.search(refusal.message) and body.get("reasoning_effort") not in (None, "none"):
        return "to use tools here, set base_config.reasoning_effort to 'none', or base_config.api to 'responses'"
    for api, only in _ONLY_IN.items():
        if only.search(refusal.message) and ("messages" in body) == (api == "responses"):
            return f"set base_config.api to {api!r}"
    return ""


def amended(body: Body, names: Iterable[str], where: str = "") -> Body:
    """Applies the applicable amendments to the body of a request.

    Args:
        body: the request.
        names: of the amendments.
        where: the provider and model, for the warning; empty for none.
    """
    for name in names:
        amendment = _BY_NAME[name]
        if amendment.applies(body):
            body = amendment.made(body)
            if where and amendment.warning:
                CALLS.warning("%s %s", where, amendment.warning)
    return body
