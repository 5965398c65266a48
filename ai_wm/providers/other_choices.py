"""Failures of choices beside the answer, where a request asks for several (``n``, ``candidateCount``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ai_wm.providers.finish import ending_of

_FAILED: Final = frozenset({"content_filter", "failure", "malformed_call"})
_LONGEST: Final = 200
_MOST: Final = 8
"""The choices of which it is noted how they failed; a request asks for that many at most."""


class OtherChoices:
    """Notes how the other choices failed; the answer stands whatever became of them, and the record says it.

    ``failures`` holds a part for each, such as ``choice 1: content_filter``; it is empty if none failed.
    """

    def __init__(self) -> None:
        self._found: dict[int, str] = {}

    @property
    def failures(self) -> str:
        """What is noted, in the order of the choices."""
        return "; ".join(f"choice {index}: {self._found[index]}" for index in sorted(self._found))

    def see(self, choice: Mapping[str, Any], word: object, said: Iterable[str] = ()) -> None:
        """Notes how a choice, or a piece of one, ended.

        Args:
            choice: it, with its ``index``.
            word: the provider's finish reason.
            said: what the provider says about a failure, the first that is not empty counts.
        """
        index = choice.get("index")
        index = index if type(index) is int else 0
        text = next((each for each in said if each), "")
        if not text and isinstance(word, str) and ending_of(word) in _FAILED:
            text = word
        if text and (index in self._found or len(self._found) < _MOST):
            self._found.setdefault(index, " ".join(text.split())[:_LONGEST])
