"""Replies that pause, within the work of a provider's own tools or at its limit for a request, and are gone on with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from ai_wm.keys import Secret, redact
from ai_wm.providers.base import LLMResponse
from neuroscript import ErrorCode, NeuroScriptError

MOST_CONTINUATIONS: Final = 8
"""How often a model that has paused is asked to go on, within one turn."""


class Continuations:
    """The pauses of one turn: how many there were, and what was said before the last.

    Args:
        subject: the worker's name for error messages.
    """

    __slots__ = ("_is_going_on", "_is_to_go_on", "_said", "_subject", "count")

    def __init__(self, subject: str) -> None:
        self.count = 0
        """How often the model was asked to go on."""
        self._subject = subject
        self._said: list[str] = []
        self._is_to_go_on = False
        self._is_going_on = False

    @property
    def is_to_go_on(self) -> bool:
        """Whether the next request asks the model to go on."""
        return self._is_to_go_on

    def begin(self) -> None:
        """Notes that a request begins, which counts as a continuation if the reply before has paused."""
        self._is_going_on, self._is_to_go_on = self._is_to_go_on, False
        self.count += self._is_going_on

    def not_sent(self) -> None:
        """Notes that the request was not sent after all."""
        self.count -= self._is_going_on
        self._is_going_on = False

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
                details={"finish_reason": "pause"},
            )
        self._is_to_go_on = True
        return True

    def whole(self, response: LLMResponse) -> LLMResponse:
        """Returns a reply with what was said before it paused; what comes after is a reply of its own."""
        said, self._said = self._said, []
        return replace(response, text="".join([*said, response.text])) if said else response

    def keep_text(self, error: NeuroScriptError, secrets: Collection[Secret]) -> None:
        """Adds what was said before the last pause to the ``text`` of an error that ends the turn.

        Args:
            error: the error, whose own text is what came of the reply that failed.
            secrets: the keys that the server was sent, which no text shows.
        """
        said, self._said = "".join(self._said), []
        if said:
            own = error.details.get("text")
            error.details["text"] = redact(said + (own if isinstance(own, str) else ""), secrets)
