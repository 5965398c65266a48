"""Converts the messages of a conversation to the sequence that a provider accepts.

Histories hold what models and people left in them: empty texts, calls without results, ids that another provider gave
before a fallback, reasoning that only one server understands.  None of it may make the next request fail.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ai_wm.providers.adapter import origin
from ai_wm.providers.base import LLMRequest, Message, ToolCallRequest
from neuroscript import ErrorCode, NeuroScriptError

NO_RESULT = "the tool gave no result"
_SILENCE = "(The assistant said nothing.)"
_OPENING = "(The conversation begins with what the assistant says.)"
# Nine letters and digits are the narrowest rule for an id (Mistral's); every provider takes them.
_ID_LENGTH = 9
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Form:
    """The rules of a provider for the messages of a conversation.

    Args:
        call_id: the ids of tool calls that it takes; others are replaced, unless the same server gave them.
        own_ids: whether ids of another origin are replaced even if they fit, since its rule is not known.
        blank_prompt: whether the last message may be empty or white space only.
        user_first: whether the first message must be the user's.
        alternate: whether user and assistant must take turns: messages of one of them that follow one another become
            one, and the results of tools are the assistant's turn.
    """

    call_id: re.Pattern[str] | None = None
    own_ids: bool = False
    blank_prompt: bool = True
    user_first: bool = False
    alternate: bool = False


def conversation(request: LLMRequest, form: Form) -> list[Message]:
    """Converts the messages of a request to the form that its provider accepts.

    Texts that say nothing are left out, each call of a tool has one result behind it, ids are unique and of the right
    form, and what another server wanted to see again is dropped.

    Raises:
        NeuroScriptError: 4 where there is nothing to answer.
    """
    last = request.messages[-1]
    if last.role == "user" and not _says(last) and not form.blank_prompt:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the last message to {request.provider}/{request.model} is empty or white space only, "
            "which this provider does not take",
        )
    own = origin(request)
    messages = list(_said([*_with_own_data(request.messages, own)]))
    messages = list(_with_results(messages))
    messages = _with_ids(messages, form, own)
    if form.user_first and messages[0].role != "user":
        messages.insert(0, Message(role="user", content=_OPENING))
    return _alternating(messages) if form.alternate else messages


def _said(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages that are not empty; the last user message is always kept."""
    for number, message in enumerate(messages, start=1):
        if _says(message) or message.role == "tool" or (number == len(messages) and message.role == "user"):
            yield message


def _says(message: Message) -> bool:
    """Whether a message has anything in it: text, attachments, calls, or what a paused reply is continued from."""
    if message.content.strip() or message.attachments or message.tool_calls:
        return True
    return bool((message.provider_data or {}).get("paused"))


def _with_own_data(messages: Sequence[Message], own: str) -> Iterator[Message]:
    for message in messages:
        foreign = message.provider_data is not None and message.provider_data.get("origin") != own
        yield replace(message, provider_data=None) if foreign else message


def _with_results(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages, with the results of each message's calls right after it, one for each call and in their order."""
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        if message.role == "tool":  # whose call is not there any more
            told = f"The result of {message.name or 'a tool'}: {message.content}"
            yield Message(role="user", content=told)
            continue
        yield message
        if not message.tool_calls:
            continue
        results: list[Message] = []
        while at < len(messages) and messages[at].role == "tool":
            results.append(messages[at])
            at += 1
        if not results and at == len(messages):
            return  # nobody has run them yet
        for call in message.tool_calls:
            found = next((result for result in results if result.tool_call_id == call.id), None)
            if found is not None:
                results.remove(found)
            yield replace(found, name=found.name or call.name) if found is not None else _no_result(call)
        for result in results:
            yield Message(role="user", content=f"The result of {result.name or 'a tool'}: {result.content}")


def _no_result(call: ToolCallRequest) -> Message:
    return Message(role="tool", content=NO_RESULT, tool_call_id=call.id, name=call.name, is_error=True)


def _with_ids(messages: Sequence[Message], form: Form, own: str) -> list[Message]:
    """The messages, with call ids that are unique in the conversation and accepted by the provider."""
    made: list[Message] = []
    taken: set[str] = set()
    pending: list[str] = []
    for message in messages:
        if message.role == "tool" and pending:
            made.append(replace(message, tool_call_id=pending.pop(0)))
            continue
        if not message.tool_calls:
            made.append(message)
            continue
        ours = (message.provider_data or {}).get("origin") == own
        calls: list[ToolCallRequest] = []
        for call in message.tool_calls:
            fits = not form.own_ids and (form.call_id is None or form.call_id.fullmatch(call.id) is not None)
            # What a server gave it takes back, and may have put a signature into it.
            call_id = call.id if ours or fits else _short(call.id)
            number = 2
            while call_id in taken or not call_id:
                call_id, number = _short(f"{call.id} {number}"), number + 1
            taken.add(call_id)
            pending.append(call_id)
            calls.append(call if call_id == call.id else replace(call, id=call_id))
        made.append(replace(message, tool_calls=tuple(calls)))
    return made


def _short(call_id: str) -> str:
    """Nine letters and digits derived from an id, always the same for the same id."""
    number = int.from_bytes(hashlib.blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    letters = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[digit])
    return "".join(letters)


def _alternating(messages: Sequence[Message]) -> list[Message]:
    made: list[Message] = []
    for message in messages:
        last = made[-1] if made else None
        if last is not None and last.role == message.role != "tool" and not last.tool_calls:
            text = "\n\n".join(text for text in (last.content, message.content) if text)
            made[-1] = replace(message, content=text, attachments=(*last.attachments, *message.attachments))
            continue
        if last is not None and last.role == "tool" and message.role == "user":
            made.append(Message(role="assistant", content=_SILENCE))  # which Mistral wants between them
        made.append(message)
    return made
