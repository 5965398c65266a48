"""Embedding within a turn: dividing texts into requests, and collecting their vectors in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ai_wm.providers.base import LLMResponse
from ai_wm.providers.estimates import estimate_text
from neuroscript import ErrorCode, NeuroScriptError

MOST_NUMBERS: Final = 20_000_000
"""Numbers of all vectors of one call."""

_MOST_TEXTS: Final = {"google": 100, "ollama": 64, "openai": 1024}
"""Texts of one request: the most that a provider takes, or half of that of OpenAI, whose reply is then of an ordinary
size."""

_FEWEST: Final = 32
"""Texts of one request to a server that does not tell: the least that is in use."""

_MOST_TOKENS: Final = {"openai": 200_000}
"""Tokens of one request, by estimate; OpenAI takes 300,000."""

_ORDINARY_TOKENS: Final = 100_000


class EmbeddedTexts:
    """The texts of one call, and the vectors of those that were embedded.

    Args:
        texts: the texts.
        provider: the provider that is asked.
        subject: the worker's name for error messages.
    """

    def __init__(self, texts: Sequence[str], provider: str, subject: str) -> None:
        self._texts = texts
        self._subject = subject
        self._most = _MOST_TEXTS.get(provider, _FEWEST)
        self._most_tokens = _MOST_TOKENS.get(provider, _ORDINARY_TOKENS)
        self._batch: tuple[str, ...] = ()
        self.vectors: list[tuple[float, ...]] = []

    @property
    def batch(self) -> tuple[str, ...]:
        """The texts of the next request."""
        if not self._batch:
            begin, tokens = len(self.vectors), 0
            end = begin
            while end < len(self._texts) and end - begin < self._most:
                tokens += estimate_text(self._texts[end])
                if tokens > self._most_tokens and end > begin:
                    break
                end += 1
            self._batch = tuple(self._texts[begin:end])
        return self._batch

    def take(self, response: LLMResponse) -> bool:
        """Takes the vectors of a request; returns whether they are the last ones.

        Raises:
            NeuroScriptError: 16 if there is not one for each text, or they have not as many numbers as those before; 37
                if all would be too many numbers.
        """
        found, expected = response.vectors, self.batch
        if len(found) != len(expected):
            raise self._error(f"gave {len(found)} vectors for {len(expected)} texts")
        size = len(self.vectors[0] if self.vectors else found[0])
        if any(len(vector) != size for vector in found):
            raise self._error(f"gave vectors of {size} numbers, and then of another number")
        if size * len(self._texts) > MOST_NUMBERS:
            raise NeuroScriptError(
                ErrorCode.RESOURCE_EXHAUSTION,
                f"{len(self._texts)} vectors of {size} numbers are more than the {MOST_NUMBERS} numbers that one call "
                "may give; embed fewer texts at once",
            )
        self.vectors += found
        self._batch = ()
        return len(self.vectors) == len(self._texts)

    @property
    def summary(self) -> str:
        """What was made, in words."""
        size = len(self.vectors[0]) if self.vectors else 0
        return f"{len(self.vectors)} vectors of {size} numbers"

    def _error(self, what: str) -> NeuroScriptError:
        return NeuroScriptError(ErrorCode.LLM_ERROR, f"the model of {self._subject} {what}")
