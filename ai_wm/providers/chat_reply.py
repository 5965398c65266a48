"""Reads the replies of chat completions, whole or put together from a stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ai_wm.data.presets import REASONING
from ai_wm.providers.adapter import BadReply, expect_list, expect_map, expect_text, kept, whole_text
from ai_wm.providers.base import LLMRequest, LLMResponse, Usage
from ai_wm.providers.error_bodies import filtered_words, read_error, reports_error, says_error
from ai_wm.providers.finish import ending_of, finished
from ai_wm.providers.options import is_full
from ai_wm.providers.other_choices import OtherChoices
from ai_wm.providers.tool_calls import cut_call, follows_tools, tool_calls

_TEXTS = ("text", "output_text")


def response_of(
    body: dict[str, Any], choice: dict[str, Any], message: dict[str, Any], usage: Usage, request: LLMRequest
) -> LLMResponse:
    """Makes the response of a ``chat.completion``, from its answer and the message of that."""
    wire = [expect_map(call, "a tool call") for call in expect_list(message.get("tool_calls") or [], "tool_calls")]
    if not wire and isinstance(message.get("function_call"), Mapping):  # the form before tools
        wire = [{"function": message["function_call"]}]
    # Some gateways leave the wrapping out.
    functions = [
        call if "name" in call else expect_map(call.get("function"), "function of a tool call") for call in wire
    ]
    calls = tool_calls(
        (
            (call.get("id"), function.get("name"), function.get("arguments"))
            for call, function in zip(wire, functions, strict=True)
        ),
        request,
    )
    extra = [raw.get("extra_content") or None for raw in wire]
    refusal = refusal_in(message)
    tier = body.get("service_tier")
    response = LLMResponse(
        text=whole_text(content_text(message.get("content"))),
        finish_reason="unknown",
        usage=usage,
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=calls,
        request_id=expect_text(body.get("id"), "id"),
        service_tier=tier if isinstance(tier, str) else "",
        provider_data=kept(request, _reasoning(message) | ({"calls": extra} if any(extra) else {}), calls=bool(calls)),
    )
    said = refusal or filtered_words(choice.get("content_filter_results"))
    return finished(
        response,
        "refusal" if refusal else choice.get("finish_reason"),
        said,
        cut_call=cut_call(calls),
        full=is_full(request, usage),
        may_be_empty=follows_tools(request),
    )


def with_calls_of(others: Iterable[Any], choice: dict[str, Any]) -> dict[str, Any]:
    """Returns the answer with the calls of another choice, if it says that tools are called and has no call itself.

    Servers in front of Anthropic's models give a text and the calls that follow it as two choices.
    """
    message = choice.get("message")
    ending = choice.get("finish_reason")
    if not isinstance(message, dict) or not isinstance(ending, str) or ending_of(ending) != "tool_calls":
        return choice
    if message.get("tool_calls") or message.get("function_call"):
        return choice
    messages = (other.get("message") for other in others if isinstance(other, dict))
    calls = (other["tool_calls"] for other in messages if isinstance(other, dict) and other.get("tool_calls"))
    found = next(calls, None)
    return choice if found is None else {**choice, "message": {**message, "tool_calls": found}}


def _reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """The reasoning of a reply, unchanged, to send back to the provider, even if it is empty."""
    found = {key: message[key] for key in REASONING if message.get(key) is not None and message[key] != []}
    if "reasoning_details" in found:  # OpenRouter gives the same twice, and wants the details if there are any
        found.pop("reasoning", None)
    return {"reasoning": found} if found else {}


def see_other(others: OtherChoices, choice: Mapping[str, Any]) -> None:
    """Notes how a choice beside the answer failed, or a piece of one."""
    failed = failed_part({}, choice, choice.get("message") or choice.get("delta"))
    said = () if failed is None else (read_error(failed).message, "error")
    others.see(choice, choice.get("finish_reason"), said)


def failed_part(body: Mapping[str, Any], choice: Any = None, message: Any = None) -> Mapping[str, Any] | None:
    """Returns the part of a reply or chunk that reports a failure: all, a vendor's key, the choice, or its message."""
    if reports_error(body):
        return body
    vendors = (part for key, part in body.items() if key.startswith("x_"))  # x_groq
    for part in (*vendors, choice, message):
        if isinstance(part, dict) and says_error(part.get("error")):
            return part
    return None


def text_of(message: Any) -> str:
    """The text of a failed reply, if any can be read."""
    try:
        return content_text(message.get("content")) if isinstance(message, dict) else ""
    except BadReply:
        return ""


def refusal_in(message: Mapping[str, Any]) -> str:
    """The model's refusal, which stands beside the content or is one of its parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [part.get("refusal") for part in parts if isinstance(part, dict) and part.get("type") == "refusal"]
    return "".join(expect_text(text, "a refusal") for text in (message.get("refusal"), *said))


def content_text(content: Any) -> str:
    """The text in the content of a message, which may come in parts."""
    if isinstance(content, list):  # parts, as Mistral sends them for reasoning models
        return "".join(
            part if isinstance(part, str) else expect_text(part.get("text"), "a text part")
            for part in content
            if isinstance(part, str) or (isinstance(part, dict) and part.get("type", "text") in _TEXTS)
        )
    return expect_text(content, "message.content")
