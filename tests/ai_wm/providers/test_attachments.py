"""Attachments on the wire: each provider's own form, what it refuses, and what they count as."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from pydantic import TypeAdapter

from ai_wm.data.attachments import Attachment
from ai_wm.providers import Clients, anthropic, google, ollama, openai, responses
from ai_wm.providers.attachment_tokens import attachment_tokens
from ai_wm.providers.base import LLMRequest, Message
from ai_wm.providers.estimates import input_size
from tests.ai_wm import files
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import at, body_of, request, user
from tests.ai_wm.providers.test_sdk_types import consumed

PNG = Attachment.of("chart.png", files.png(40, 30))
PDF = Attachment.of("report.pdf", files.pdf(2))
WAV = Attachment.of("memo.wav", files.wav(2))
MP3 = Attachment.of("memo.mp3", files.MP3)
BMP = Attachment.of("old.bmp", b"BM" + bytes(30))


def with_files(provider: str, *attachments: Attachment, text: str = "What is it?", **more: Any) -> LLMRequest:
    said = (user("Hello"), Message(role="assistant", content="Hi"))
    return request(provider, *said, Message(role="user", content=text, attachments=attachments), **more)


def test_anthropic() -> None:
    types = pytest.importorskip("anthropic.types.message_create_params", reason="the anthropic package is missing")
    body = anthropic.build(with_files("anthropic", PNG, PDF)).body
    assert consumed(TypeAdapter(types.MessageCreateParamsNonStreaming).validate_python(body)) == body
    image, document, text = body["messages"][-1]["content"]
    assert (image["type"], document["type"], text["text"]) == ("image", "document", "What is it?")
    assert image["source"]["media_type"] == "image/png"
    assert b64decode(image["source"]["data"]) == PNG.data
    assert document["title"] == "report.pdf"
    assert b64decode(document["source"]["data"]) == PDF.data


def test_openai() -> None:
    types = pytest.importorskip("openai.types.chat.completion_create_params", reason="the openai package is missing")
    body = openai.build(with_files("openai", PNG, PDF, WAV, MP3)).body
    assert consumed(TypeAdapter(types.CompletionCreateParamsNonStreaming).validate_python(body)) == body
    image, document, wave, mp3, text = body["messages"][-1]["content"]
    assert b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,")) == PNG.data
    assert document["file"]["filename"] == "report.pdf"
    assert (wave["input_audio"]["format"], mp3["input_audio"]["format"]) == ("wav", "mp3")
    assert text == {"type": "text", "text": "What is it?"}
    assert body["messages"][0]["content"] == "Hello"


def test_responses() -> None:
    types = pytest.importorskip("openai.types.responses.response_create_params", reason="the openai package is missing")
    body = responses.build(with_files("openai", PNG, PDF)).body
    assert consumed(TypeAdapter(types.ResponseCreateParamsNonStreaming).validate_python(body)) == body
    kinds = [part["type"] for part in body["input"][-1]["content"]]
    assert kinds == ["input_image", "input_file", "input_text"]


def test_google() -> None:
    types = pytest.importorskip("google.genai.types", reason="the google-genai package is missing")
    body = google.build(with_files("google", PNG, PDF, MP3)).body
    parts = body["contents"][-1]["parts"]
    assert [part["inlineData"]["mimeType"] for part in parts[:3]] == ["image/png", "application/pdf", "audio/mp3"]
    assert types.Content.model_validate(body["contents"][-1]).parts[0].inline_data.data == PNG.data


def test_ollama() -> None:
    types = pytest.importorskip("ollama", reason="the ollama package is missing")
    body = ollama.build(with_files("ollama", PNG)).body
    assert body["messages"][-1]["images"] == [b64encode(PNG.data).decode()]
    same = types.Message(role="user", content="What is it?", images=[types.Image(value=PNG.data)])
    assert body["messages"][-1] == same.model_dump(exclude_none=True)


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama", "openai"])
def test_an_attachment_alone_is_a_prompt(provider: str, server: Loopback, clients: Clients) -> None:
    server.will(reply(body_of(provider)))
    asked = at(server, provider)
    said = Message(role="user", content="", attachments=(PNG,))
    made = LLMRequest(provider=provider, model="m", messages=(said,), config=asked.config, api_key=asked.api_key)
    assert clients.for_provider(provider).complete(made).text == "Hi there"
    assert b64encode(PNG.data).decode() in server.received[0].body.decode()


REFUSED: list[tuple[str, Attachment, dict[str, Any], int]] = [
    ("anthropic", WAV, {}, 35),
    ("ollama", PDF, {}, 35),
    ("ollama", WAV, {}, 35),
    ("openai", WAV, {"api": "responses"}, 35),
    ("anthropic", BMP, {}, 4),
    ("openai", BMP, {}, 4),
    ("google", BMP, {}, 4),
    ("anthropic", Attachment.of("large.png", files.png() + bytes(8_000_000)), {}, 37),
    ("anthropic", Attachment.of("large.pdf", files.pdf() + bytes(25_000_000)), {}, 37),
]


@pytest.mark.parametrize(("provider", "attachment", "config", "code"), REFUSED)
def test_what_a_provider_does_not_take_is_refused_before_anything_is_sent(
    provider: str, attachment: Attachment, config: dict[str, Any], code: int, server: Loopback, clients: Clients
) -> None:
    asked = at(server, provider, **config)
    said = Message(role="user", content="Look", attachments=(attachment,))
    made = LLMRequest(provider=provider, model="m", messages=(said,), config=asked.config, api_key=asked.api_key)
    with raises_code(code, attachment.name) as error:
        clients.for_provider(provider).complete(made)
    assert server.received == []
    assert error.value.details["attempts"] == 0


@pytest.mark.parametrize("status", [200, 422])
def test_what_a_server_repeats_of_an_attachment_is_not_shown(status: int, server: Loopback, clients: Clients) -> None:
    large = Attachment.of("large.png", files.png() + bytes(range(256)) * 4)
    encoded = b64encode(large.data).decode()
    server.will(reply({"detail": [{"msg": "no images", "input": encoded}], "echo": f"of {encoded}"}, status))
    asked = at(server, "custom")
    said = Message(role="user", content="Look", attachments=(large,))
    with raises_code(16) as error:
        clients.for_provider("custom").complete(
            LLMRequest(provider="custom", model="m", messages=(said,), config=asked.config, api_key=asked.api_key)
        )
    assert encoded[:40] not in f"{error.value} {error.value.details}"


@pytest.mark.parametrize(
    ("provider", "model", "attachment", "tokens"),
    [
        ("anthropic", "claude-opus-4-7", Attachment.of("a.png", files.png(280, 280)), 100),
        ("anthropic", "claude-opus-4-7", Attachment.of("a.png", files.png(8000, 8000)), 4784),
        ("anthropic", "claude-opus-4-7", PDF, 2 * (3000 + 4784)),
        ("openai", "gpt-4o", PNG, 1445),
        ("openai", "gpt-4o-mini", PNG, 48_169),
        ("openai", "gpt-4o-audio-preview", WAV, 22),
        ("google", "gemini-3-pro", PNG, 2240),
        ("google", "gemini-3-pro", PDF, 2240),
        ("google", "gemini-3-pro", WAV, 66),
        ("custom", "llava", PNG, 1601),
    ],
)
def test_the_estimate_counts_an_attachment_by_the_providers_rule(
    provider: str, model: str, attachment: Attachment, tokens: int
) -> None:
    assert attachment_tokens(provider, model, attachment) == tokens
    plain = LLMRequest(provider=provider, model=model, messages=(user("Look"),))
    asked = LLMRequest(
        provider=provider, model=model, messages=(Message(role="user", content="Look", attachments=(attachment,)),)
    )
    assert input_size(asked).tokens - input_size(plain).tokens == tokens
    assert input_size(asked).most - input_size(plain).most == tokens


def test_messages_that_become_one_keep_all_attachments() -> None:
    said = [Message(role="user", content=text, attachments=(each,)) for text, each in (("one", PNG), ("two", PDF))]
    (message,) = openai.build(request("custom", *said)).body["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "file", "text"]
    assert message["content"][-1]["text"] == "one\n\ntwo"
