"""Wire adapter for Vertex AI: Gemini in Google's format, and Claude in Anthropic's.

Written after Google's reference of ``publishers.models`` and the Vertex client of Anthropic's Python SDK 2.12.  Project
and location are in the address (`ai_wm.providers.clouds`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal
from urllib.parse import quote

from ai_wm.providers import anthropic, google
from ai_wm.providers.adapter import ErrorReply, StreamParser, WireRequest
from ai_wm.providers.base import LLMRequest, LLMResponse
from ai_wm.providers.clouds import bare_name, is_claude
from ai_wm.providers.error_bodies import read_error
from neuroscript import ErrorCode, NeuroScriptError

stream_format: Literal["sse", "ndjson", "aws"] = "sse"
key_header = "Authorization"
key_prefix = "Bearer "
request_id_headers: tuple[str, ...] = ("request-id",)

VERSION_WITH_SAMPLING: Final = "vertex-2023-10-16"
"""The version of Anthropic's API here whose models take ``temperature``, ``top_p`` and ``top_k``."""


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``generateContent`` of a model of Google's, or ``rawPredict`` of one of Anthropic's."""
    if is_claude(request.model):
        wire = anthropic.build(request, stream=stream)
        newest = wire.headers["anthropic-version"] == anthropic.VERSION
        version = anthropic.VERSION if newest else VERSION_WITH_SAMPLING
        body: dict[str, Any] = {"anthropic_version": version, **wire.body}
        del body["model"]
        action = "streamRawPredict" if stream else "rawPredict"
        headers = {name: value for name, value in wire.headers.items() if name != "anthropic-version"}
        return WireRequest(f"anthropic/models/{_name(request.model)}:{action}", body, headers)
    wire = google.build(request, stream=stream)
    action = wire.path.rpartition(":")[2]
    return replace(wire, path=f"google/models/{_name(request.model)}:{action}")


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses a reply in the format of the model's maker."""
    return anthropic.parse(reply, request) if is_claude(request.model) else google.parse(reply, request)


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": …}`` of either format, or in a list with that alone."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> StreamParser:
    """Makes a parser for one stream."""
    return anthropic.stream_parser(request) if is_claude(request.model) else google.stream_parser(request)


def _name(model: str) -> str:
    name = bare_name(model)
    if not name.strip() or name in (".", ".."):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{model!r} is not the name of a model")
    return quote(name, safe="@")
