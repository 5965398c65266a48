"""HTTP as providers use it: the header with the key, JSON bodies, and refusals, which adapters read."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from ai_wm.keys import Secret, redact
from ai_wm.providers.adapter import Adapter, BadReply, ErrorReply
from ai_wm.providers.base import Usage
from ai_wm.providers.chat_usage import usage_in
from ai_wm.providers.error_bodies import readable
from ai_wm.providers.errors import SAMPLE_LENGTH, AttemptFailed, cut, from_reply
from ai_wm.providers.retry import reset_seconds, retry_after_seconds
from ai_wm.providers.sse import sse_events
from ai_wm.providers.transport import Reply
from ai_wm.providers.wire_json import problem_of, read_json
from neuroscript import ErrorCode

STREAM_BEGINS: Final = (b"data:", b"event:", b": ")
"""How the body of a stream of events begins."""

_SHOWN_BYTES: Final = 64 * 1024
_LONGEST: Final = 2000
_LONGEST_LINE: Final = 300
_UNREADABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]+")
"""What bytes that are no text look like."""
_KEY: Final = re.compile(r"[\x21-\x7e]+")


def key_field(prefix: str, key: Secret) -> str:
    """Returns the value of the header that carries a key, which stands behind ``prefix``.

    Raises:
        AttemptFailed: 45 if the key cannot be sent.
    """
    if not _KEY.fullmatch(key.get()):
        raise AttemptFailed(
            ErrorCode.AUTHENTICATION,
            "the key has characters that cannot be sent, such as spaces or a line end",
        )
    return prefix + key.get()


def said_in(adapter: Adapter, reply: Reply, secrets: Collection[Secret]) -> ErrorReply:
    """Parses the body of an unsuccessful reply."""
    body = reply.beginning()
    try:
        events = list(sse_events([body])) if body.startswith(STREAM_BEGINS) else [("", json_of(body))]
        said = adapter.parse_error(events[0][1]) if events else ErrorReply()
        usage = usage_in(events[0][1]) if events and isinstance(events[0][1], dict) else Usage()
        if usage.is_reported:
            said = replace(said, usage=usage)
    except BadReply:
        said = ErrorReply()
    kind = reply.headers.get("x-amzn-errortype", "").partition(":")[0]  # of AWS, which has it nowhere else
    if kind:
        said = replace(said, kind=f"{kind} {said.kind}".strip())
    if said.message:
        return said
    return replace(said, message=cut(readable(redact(text_of(body), secrets)), secrets, _LONGEST))


def refusal(adapter: Adapter, reply: Reply, said: ErrorReply, secrets: Collection[Secret], asked: str) -> AttemptFailed:
    """Makes the failure of an unsuccessful reply; ``asked`` is the address for messages."""
    wait = retry_after_seconds(reply.headers)
    if wait is None and said.retry_after is None and reply.status == 429:
        wait = reset_seconds(reply.headers)
    failure = from_reply(reply.status, said, secrets, wait, reply.headers.get("x-should-retry", ""))
    failure.usage = said.usage
    failure.details["request_id"] = cut(request_id(adapter, reply), secrets, SAMPLE_LENGTH)
    location = reply.headers.get("location", "").partition("?")[0]
    if 300 <= reply.status < 400 and location:
        failure.message += f" (it leads to {cut(location, secrets, SAMPLE_LENGTH)})"
    if reply.status in (404, 405):
        failure.details["address"] = asked
        failure.message += f" (asked at {asked})"
    return failure


def broken_promise(error: BadReply, body: bytes, secrets: Collection[Secret], asked: str) -> AttemptFailed:
    """Makes the failure of a reply that is not what the API promises; ``asked`` is the address for messages."""
    said = _words_in(error.sample or text_of(body))
    failure = from_reply(200, ErrorReply(message=said), secrets) if said else None
    if failure is not None and failure.code != ErrorCode.LLM_ERROR:  # a refusal in plain words, whatever its status
        return failure
    sample = redact(error.sample or text_of(body), secrets)
    page = readable(sample)
    is_page = page != sample
    seen = begins_with(sample, secrets, 40 if is_page else SAMPLE_LENGTH)
    if is_page:  # mostly another server than was meant
        seen = f" ({cut(page, secrets, SAMPLE_LENGTH)}, from {asked}){seen}"
    elif not seen:  # an empty body, or one of which no part is at hand
        seen = f" (from {asked})"
    message = f"the reply is not what the API promises: {cut(str(error), secrets)}{seen}"
    return AttemptFailed(ErrorCode.LLM_ERROR, message)


def begins_with(text: str, secrets: Collection[Secret], length: int = SAMPLE_LENGTH) -> str:
    """Words for a message that show the beginning of what came; empty where nothing of it can be read."""
    shown = cut(_UNREADABLE.sub(" ", redact(text, secrets)), secrets, length)
    return f"; it begins with {shown!r}" if shown else ""


def _words_in(text: str) -> str:
    """The words of a body that is a short line of plain text, or that text as JSON; empty for any other."""
    text = text.strip()
    with suppress(ValueError):
        text = json.loads(text) if text.startswith('"') else text
    is_line = isinstance(text, str) and len(text) <= _LONGEST_LINE and "\n" not in text
    return text if is_line and not text.startswith(("{", "[", "<", "data:")) else ""


def request_id(adapter: Adapter, reply: Reply) -> str:
    """Returns the provider's id of a request, for its support; empty if the reply has none."""
    return next((reply.headers[name] for name in adapter.request_id_headers if name in reply.headers), "")


def json_of(body: bytes) -> Any:
    """Parses a body as JSON.

    Raises:
        BadReply: it is not JSON, or beyond the limits of it.
    """
    try:
        return read_json(body)
    except (ValueError, RecursionError) as error:
        problem = "it is not JSON" if isinstance(error, json.JSONDecodeError) else problem_of(error)
        raise BadReply(problem if body.strip() else "it is empty", text_of(body)) from None


def text_of(body: bytes) -> str:
    """Returns the beginning of a body as text, for messages."""
    return body[:_SHOWN_BYTES].decode(errors="replace")
