"""The built-in ``echo`` model, which repeats the last user message.  It needs no key and is deterministic."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ai_wm.providers.base import Delta, LLMRequest, LLMResponse, Usage, check_request, count_words, text_with_notes


class EchoClient:
    """Answers with ``echo: `` and the last user message, and counts words as tokens.

    An attachment is repeated as a note of its name, type and size.
    """

    takes_attachments = True
    embeds = True

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Returns the reply to the last user message, an empty one if there is none; or the embeddings of texts."""
        check_request(request)
        check_settings(request)
        if request.embed:
            from ai_wm.providers.embeddings import built_in_vectors

            usage = Usage(input_tokens=count_words(*request.embed))
            vectors = built_in_vectors(request)
            return LLMResponse(text="", finish_reason="stop", usage=usage, model=request.model, vectors=vectors)
        asked = next((text_with_notes(each) for each in reversed(request.messages) if each.role == "user"), "")
        text = f"echo: {asked}"
        return LLMResponse(
            text=text,
            finish_reason="stop",
            usage=Usage(input_tokens=count_input(request), output_tokens=count_words(text)),
            model=request.model,
        )

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """Yields the same reply word by word."""
        yield from in_pieces(self.complete(request))


def check_settings(request: LLMRequest) -> None:
    """Checks the settings of a call as other providers do, though these models make use of none.

    Raises:
        NeuroScriptError: 4, naming the setting, its value and what was expected.
    """
    if request.config:
        # Imported here, so that a model without settings needs no pydantic.
        from ai_wm.providers import options

        options.check_settings(request)


def count_input(request: LLMRequest) -> int:
    """Counts the words of the system prompt and of every message."""
    return count_words(request.system_text, *map(text_with_notes, request.messages))


def in_pieces(response: LLMResponse) -> Iterator[Delta]:
    """Splits a whole reply into the deltas of a stream, one word each; the last one carries the response."""
    for piece in re.findall(r"\S+\s*|\s+", response.text):
        yield Delta(text=piece)
    yield Delta(response=response)
