"""Attachments in the form of each wire format, and which of them a provider takes.

Written after the providers' references as their own SDKs carry them: ``image`` and ``document`` blocks (Anthropic),
``image_url``, ``file`` and ``input_audio`` parts (OpenAI's chat completions), ``input_image`` and ``input_file``
(Responses), ``inlineData`` (Google), and ``images`` (Ollama).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai_wm.data.attachments import MEDIA_TYPES, MOST_TOGETHER, Attachment, Kind
from ai_wm.providers.base import LLMRequest, Message
from neuroscript import ErrorCode, NeuroScriptError

_WORDS: Final[Mapping[Kind, str]] = {"image": "images", "pdf": "PDF documents", "audio": "audio"}
_COMMON_IMAGES: Final = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
_PDF: Final = frozenset({"application/pdf"})


@dataclass(frozen=True, slots=True)
class _Takes:
    """What one wire format takes.

    Args:
        name: what has this rule, for messages.
        types: the media types that it takes.
        most: the bytes of all attachments of a request together, in base64.
        most_image: the bytes of one image, in base64.
    """

    name: str
    types: frozenset[str]
    most: int = 4 * MOST_TOGETHER // 3
    most_image: int = 4 * MOST_TOGETHER // 3


_TAKES: Final = {
    "anthropic": _Takes("Anthropic", _COMMON_IMAGES | _PDF, most=31_000_000, most_image=10_000_000),
    "openai": _Takes("chat completions", _COMMON_IMAGES | _PDF | {"audio/mpeg", "audio/wav"}, most=50_000_000),
    "responses": _Takes("OpenAI's Responses API", _COMMON_IMAGES | _PDF, most=50_000_000),
    "google": _Takes(
        "Google",
        frozenset({"image/heic", "image/jpeg", "image/png", "image/webp"})
        | _PDF
        | {"audio/aac", "audio/aiff", "audio/flac", "audio/mpeg", "audio/ogg", "audio/wav"},
    ),
    "ollama": _Takes("Ollama's chat API", _COMMON_IMAGES | {"image/bmp", "image/tiff"}),
}


def attachments_of(request: LLMRequest) -> tuple[Attachment, ...]:
    """Returns all attachments of a request's messages."""
    return tuple(each for message in request.messages for each in message.attachments)


def check_attachments(request: LLMRequest, wire: str) -> None:
    """Raises an error for attachments that a wire format does not take, before anything is sent.

    Raises:
        NeuroScriptError: 35 for a kind that it takes none of; 4 for a type of that kind that it does not know; 37 for
            one that is too large, or too many together.
    """
    found = attachments_of(request)
    if not found:
        return
    takes = _TAKES.get(wire)
    if takes is None:
        problem = f"files cannot be attached for {request.provider}"
        raise _refused(ErrorCode.NOT_IMPLEMENTED, f"{request.provider}/{request.model}", found[0], problem)
    kinds = {MEDIA_TYPES[each] for each in takes.types}
    where, together = f"{request.provider}/{request.model}", 0
    for each in found:
        if each.kind not in kinds:
            known = " and ".join(_WORDS[kind] for kind in _WORDS if kind in kinds)
            problem = f"{takes.name} takes no {_WORDS[each.kind]}, only {known}"
            raise _refused(ErrorCode.NOT_IMPLEMENTED, where, each, problem)
        if each.media_type not in takes.types:
            known = ", ".join(sorted(kind for kind in takes.types if MEDIA_TYPES[kind] == each.kind))
            raise _refused(ErrorCode.ARG_MISMATCH, where, each, f"{takes.name} takes {known}; convert it")
        size = encoded_size(each)
        together += size
        if each.kind == "image" and size > takes.most_image:
            problem = f"it has {size} bytes in base64, and {takes.name} takes {takes.most_image} for an image"
            raise _refused(ErrorCode.RESOURCE_EXHAUSTION, where, each, f"{problem}; make it smaller")
        if together > takes.most:
            problem = f"with it the attachments have {together} bytes in base64, and {takes.name} takes {takes.most}"
            raise _refused(ErrorCode.RESOURCE_EXHAUSTION, where, each, f"{problem}; attach less, or clear the history")


def refuse_attachments(request: LLMRequest) -> None:
    """Raises error 35 if a request has attachments, for a client that can do nothing with them."""
    for each in attachments_of(request):
        where = f"{request.provider}/{request.model}"
        raise _refused(ErrorCode.NOT_IMPLEMENTED, where, each, "its client takes no attachments")


def _refused(code: ErrorCode, where: str, attachment: Attachment, problem: str) -> NeuroScriptError:
    message = f"{where} was not asked: the attachment {attachment.name!r} is {attachment.media_type}: {problem}"
    return NeuroScriptError(code, message, details={"field": "attach", "attachment": attachment.name, "attempts": 0})


def encoded_size(attachment: Attachment) -> int:
    """The bytes of an attachment in base64."""
    return 4 * -(-len(attachment.data) // 3)


def _base64(attachment: Attachment) -> str:
    return b64encode(attachment.data).decode("ascii")


def _data_url(attachment: Attachment) -> str:
    return f"data:{attachment.media_type};base64,{_base64(attachment)}"


def anthropic_blocks(message: Message) -> list[dict[str, Any]]:
    """Returns the attachments of a message as content blocks of Anthropic, which stand before its text."""
    made: list[dict[str, Any]] = []
    for each in message.attachments:
        source = {"type": "base64", "media_type": each.media_type, "data": _base64(each)}
        if each.kind == "pdf":
            made.append({"type": "document", "source": source, "title": each.name})
        else:
            made.append({"type": "image", "source": source})
    return made


def chat_content(message: Message) -> str | list[dict[str, Any]]:
    """Returns the content of a user's message for chat completions: its text, or parts if it has attachments."""
    if not message.attachments:
        return message.content
    made: list[dict[str, Any]] = []
    for each in message.attachments:
        match each.kind:
            case "image":
                made.append({"type": "image_url", "image_url": {"url": _data_url(each)}})
            case "pdf":
                made.append({"type": "file", "file": {"filename": each.name, "file_data": _data_url(each)}})
            case "audio":
                form = "wav" if each.media_type == "audio/wav" else "mp3"
                made.append({"type": "input_audio", "input_audio": {"data": _base64(each), "format": form}})
    return [*made, {"type": "text", "text": message.content}] if message.content.strip() else made


def responses_content(message: Message) -> str | list[dict[str, Any]]:
    """Returns the content of a user's message for the Responses API."""
    if not message.attachments:
        return message.content
    made: list[dict[str, Any]] = []
    for each in message.attachments:
        if each.kind == "image":
            made.append({"type": "input_image", "image_url": _data_url(each), "detail": "auto"})
        else:
            made.append({"type": "input_file", "filename": each.name, "file_data": _data_url(each)})
    return [*made, {"type": "input_text", "text": message.content}] if message.content.strip() else made


def google_parts(message: Message) -> list[dict[str, Any]]:
    """Returns the attachments of a message as parts of Google's content."""
    return [{"inlineData": {"mimeType": _google_type(each), "data": _base64(each)}} for each in message.attachments]


def _google_type(attachment: Attachment) -> str:
    return "audio/mp3" if attachment.media_type == "audio/mpeg" else attachment.media_type


def ollama_images(message: Message) -> dict[str, Any]:
    """Returns the key of Ollama's message that holds its images; empty if it has none."""
    return {"images": [_base64(each) for each in message.attachments]} if message.attachments else {}
