"""Replies that pause, within the work of a provider's own tools or at its limit for a request, and are gone on with."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ai_wm.providers.base import LLMResponse
from neuroscript import ErrorCode, NeuroScriptError

MOST_CONTINUATIONS: Final = 8
"""How often a model that has paused is asked to go on, within one turn."""


class Continuations:
    """The pauses of one turn: how many there were, and what was said before the last.

    Args:
        subject: the worker's name for error messages.
    """

    def __init__(self, subject: str) -> None:
        self.count = 0
        """How often the model was asked to go on."""
        self._subject = subject
        self._said: list[str] = []

    def pauses(self, response: LLMResponse) -> bool:
        """Whether a reply has paused, so that the model is to be asked to go on.

        Raises:
            NeuroScriptError: 16 if it has paused too often.
        """
        if response.finish_reason != "pause":
            return False
        self._said.append(response.text)
        if self.count >= MOST_CONTINUATIONS:
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"{self._subject} paused once more after it was asked to go on {MOST_CONTINUATIONS} times; give it "
                "less to do at once",
                details={"finish_reason": "pause", "text": "".join(self._said)},
            )
        self.count += 1
        return True

    def whole(self, response: LLMResponse) -> LLMResponse:
        """Returns a reply with what was said before it paused; what comes after is a reply of its own."""
        said, self._said = self._said, []
        return replace(response, text="".join([*said, response.text])) if said else response
