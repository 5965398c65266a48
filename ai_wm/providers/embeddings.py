"""Embeddings: texts turned into vectors, in the wire format of each provider that has an API for it.

Written after the references of OpenAI (``POST embeddings``, which compatible servers have too), Google
(``batchEmbedContents``) and Ollama (``POST api/embed``).  Anthropic has no such API.
"""

from __future__ import annotations

import math
import struct
from array import array
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal

from ai_wm.providers import google, ollama, openai
from ai_wm.providers.adapter import (
    Adapter,
    BadReply,
    Counts,
    ErrorReply,
    StreamError,
    StreamParser,
    WireRequest,
    add_options,
    costing,
    expect_list,
    expect_map,
    expect_text,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Usage, provider_options
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.options import bad_option
from neuroscript import ErrorCode, NeuroScriptError

Vector = tuple[float, ...]

_MOST_NUMBERS: Final = 65_536
"""Numbers of one vector; the largest of present models has 8,192."""


def embedding_adapter(wire: str, request: LLMRequest) -> Adapter:
    """Returns the adapter of a provider's API for embeddings.

    Args:
        wire: the wire format of the provider's calls.
        request: the request, for the message.

    Raises:
        NeuroScriptError: 35 for a provider that has none.
    """
    found = _ADAPTERS.get(wire)
    if found is None:
        raise no_embeddings(request, f"{request.provider} has no API for embeddings")
    return found


def no_embeddings(request: LLMRequest, why: str) -> NeuroScriptError:
    """Makes the error for a request that can give no embeddings."""
    return NeuroScriptError(
        ErrorCode.NOT_IMPLEMENTED,
        f"{request.provider}/{request.model} was not asked: {why}; embed with a worker of openai, google, ollama, a "
        "compatible server, or the local model echo",
        details={"attempts": 0},
    )


class _Embeddings:
    """What the APIs have in common; each gives the body, and takes vectors and usage out of a reply."""

    stream_format: Literal["sse", "ndjson", "aws"] = "sse"

    def __init__(self, chat: Any) -> None:
        self.endpoint = chat.endpoint
        self.key_header: str = chat.key_header
        self.key_prefix: str = chat.key_prefix
        self.request_id_headers: tuple[str, ...] = chat.request_id_headers

    def build(self, request: LLMRequest, *, stream: bool = False) -> WireRequest:
        """Builds the HTTP request."""
        raise NotImplementedError

    def _vectors(self, body: dict[str, Any]) -> Sequence[Any]:
        raise NotImplementedError

    def _usage(self, body: dict[str, Any]) -> Usage:
        raise NotImplementedError

    def parse(self, reply: Any, request: LLMRequest) -> LLMResponse:
        """Parses the reply: one vector for each text, in order."""
        body = expect_map(reply, "the reply")
        usage = self._usage(body)
        with costing(usage):
            if reports_error(body):
                raise StreamError(read_error(body), usage=usage)
            found = self._vectors(body)
            if len(found) != len(request.embed):
                raise BadReply(f"it has {len(found)} vectors for {len(request.embed)} texts", final=True)
            vectors = tuple(_vector(each, number) for number, each in enumerate(found))
            sizes = sorted({len(each) for each in vectors})
            if len(sizes) > 1:
                raise BadReply(f"its vectors have {sizes[0]} to {sizes[-1]} numbers", final=True)
            return LLMResponse(
                text="",
                finish_reason="stop",
                usage=usage,
                model=expect_text(body.get("model"), "model") or request.model,
                vectors=vectors,
            )

    def parse_error(self, reply: Any) -> ErrorReply:
        """Reads a failure."""
        return read_error(reply)

    def stream_parser(self, request: LLMRequest) -> StreamParser:
        """Raises an error, since these replies are not streamed."""
        raise BadReply("it is a stream, which embeddings are not", final=True)


class _OpenAI(_Embeddings):
    def build(self, request: LLMRequest, *, stream: bool = False) -> WireRequest:
        options = provider_options(request.config)
        form = options.get("encoding_format", "base64" if openai.is_openai(request) else "float")
        if form not in ("base64", "float", None):
            raise bad_option("encoding_format", form, "'float' or 'base64'; vectors are numbers in both")
        body: dict[str, Any] = {"model": request.model, "input": list(request.embed), "encoding_format": form}
        return WireRequest("embeddings", add_options(body, options, _MADE_BY_OPENAI))

    def _vectors(self, body: dict[str, Any]) -> Sequence[Any]:
        items = [expect_map(each, "an item of data") for each in expect_list(body.get("data"), "data")]
        indexes = [item.get("index") for item in items]
        if all(index is None for index in indexes):
            return [item.get("embedding") for item in items]
        if sorted(index if type(index) is int else -1 for index in indexes) != list(range(len(items))):
            raise BadReply("the indexes of its vectors are not 0 to their number, each once", final=True)
        placed = {item["index"]: item.get("embedding") for item in items}
        return [placed[index] for index in range(len(items))]

    def _usage(self, body: dict[str, Any]) -> Usage:
        count = Counts(body.get("usage"))
        given = count("prompt_tokens") or count("input_tokens") or count("total_tokens")
        return Usage(input_tokens=given, unusable=count.unusable)


class _Google(_Embeddings):
    def build(self, request: LLMRequest, *, stream: bool = False) -> WireRequest:
        path = google.model_path(request.model)
        options = {google.camel(key): value for key, value in provider_options(request.config).items()}
        if "dimensions" in options:
            options["outputDimensionality"] = options.pop("dimensions")
        requests = [
            add_options({"model": path, "content": {"parts": [{"text": text}]}}, options, _MADE_BY_GOOGLE)
            for text in request.embed
        ]
        return WireRequest(f"v1beta/{path}:batchEmbedContents", {"requests": requests})

    def _vectors(self, body: dict[str, Any]) -> Sequence[Any]:
        found = expect_list(body.get("embeddings"), "embeddings")
        return [expect_map(each, "an item of embeddings").get("values") for each in found]

    def _usage(self, body: dict[str, Any]) -> Usage:
        count = Counts(body.get("usageMetadata"))
        return Usage(input_tokens=count("promptTokenCount") or count("totalTokenCount"), unusable=count.unusable)


class _Ollama(_Embeddings):
    def build(self, request: LLMRequest, *, stream: bool = False) -> WireRequest:
        options = provider_options(request.config)
        inside = {key: value for key, value in options.items() if key not in _BESIDE_OF_OLLAMA}
        beside = {key: value for key, value in options.items() if key in _BESIDE_OF_OLLAMA}
        body: dict[str, Any] = {"model": request.model, "input": list(request.embed)}
        for key in inside:
            if key in _MADE_BY_OLLAMA:
                add_options(body, {key: inside[key]}, _MADE_BY_OLLAMA)
        if inside:
            body["options"] = inside
        return WireRequest("api/embed", add_options(body, beside, _MADE_BY_OLLAMA))

    def _vectors(self, body: dict[str, Any]) -> Sequence[Any]:
        return expect_list(body.get("embeddings"), "embeddings")

    def _usage(self, body: dict[str, Any]) -> Usage:
        count = Counts(body)
        return Usage(input_tokens=count("prompt_eval_count"), unusable=count.unusable)


_MADE_BY_OPENAI: Final = frozenset({"input", "model"})
_MADE_BY_GOOGLE: Final = frozenset({"content", "model"})
_MADE_BY_OLLAMA: Final = frozenset({"input", "model"})
_BESIDE_OF_OLLAMA: Final = frozenset({"dimensions", "keep_alive", "options", "truncate"})
_ADAPTERS: Final[Mapping[str, Adapter]] = {
    "google": _Google(google),
    "ollama": _Ollama(ollama),
    "openai": _OpenAI(openai),
    "responses": _OpenAI(openai),
}


def _vector(value: Any, number: int) -> Vector:
    """One vector: a list of finite numbers, or the same as 32-bit floats in base64."""
    if isinstance(value, str):
        try:
            raw = b64decode(value, validate=True)
            value = list(struct.unpack(f"<{len(raw) // 4}f", raw))
        except (NotBase64, struct.error, ValueError):
            raise BadReply(f"vector {number} is a text, and not 32-bit floats in base64", final=True) from None
    items = expect_list(value, f"vector {number}")
    if not 0 < len(items) <= _MOST_NUMBERS:
        raise BadReply(f"vector {number} has {len(items)} numbers", final=True)
    if not all(type(each) in (int, float) for each in items):
        raise BadReply(f"vector {number} holds something that is no number", final=True)
    try:
        found = tuple(map(float, items))
    except OverflowError:
        found = (math.inf,)
    if not all(map(math.isfinite, found)):
        raise BadReply(f"vector {number} holds a number that is not finite", final=True)
    return found


# The built-in models

_BUILT_IN_NUMBERS: Final = 32


def built_in_vectors(request: LLMRequest) -> tuple[Vector, ...]:
    """Returns vectors of the words of texts: the same for the same text, and near for texts with common words."""
    return tuple(_of_words(text) for text in request.embed)


def _of_words(text: str) -> Vector:
    sums = array("d", bytes(8 * _BUILT_IN_NUMBERS))
    for word in text.lower().split() or [""]:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for place, byte in enumerate(digest[:4]):
            sums[byte % _BUILT_IN_NUMBERS] += 1.0 if digest[4 + place] & 1 else -1.0
    length = math.sqrt(sum(each * each for each in sums))
    if not length:  # words that cancel one another out
        return (1.0,) + (0.0,) * (_BUILT_IN_NUMBERS - 1)
    return tuple(each / length for each in sums)
