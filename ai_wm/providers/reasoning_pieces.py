"""Assembles the reasoning of a reply that is streamed, so that it can go back as its model has signed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_wm.data.presets import REASONING
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.wire_json import Kept

_TEXTS: Final = ("text", "summary", "thinking")


class ReasoningPieces:
    """The fields of reasoning received so far: texts, and lists of entries, each of which may come in pieces."""

    def __init__(self) -> None:
        self.produced = 0
        self._texts: dict[str, list[str]] = {}
        self._entries: dict[str, list[_Entry]] = {}
        self._kept = Kept()

    @property
    def fields(self) -> dict[str, Any]:
        """The fields as a whole reply holds them."""
        texts = {key: "".join(pieces) for key, pieces in self._texts.items()}
        return texts | {key: [entry.whole() for entry in entries] for key, entries in self._entries.items()}

    def take(self, delta: Mapping[str, Any]) -> None:
        """Adds the reasoning in one piece of a message."""
        for key in REASONING:
            piece = delta.get(key)
            if isinstance(piece, str) and piece and key not in self._entries:
                self.produced += byte_length(piece)
                self._texts.setdefault(key, []).append(piece)
            elif isinstance(piece, list) and piece and key not in self._texts:
                self.produced += self._kept.add(piece)
                entries = self._entries.setdefault(key, [])
                for given in piece:
                    if not (entries and entries[-1].continues(given)):
                        entries.append(_Entry(given))


class _Entry:
    """One entry of a list of reasoning: a text with its signature, or anything else as it came."""

    def __init__(self, given: Any) -> None:
        self._given = dict(given) if isinstance(given, dict) else given
        self._key = _text_key(given)
        self._pieces = [given[self._key]] if self._key else []

    def continues(self, given: Any) -> bool:
        """Takes what comes next if it goes on with this entry, and tells whether it does.

        It has the same type and the same index; a signature is the end of what it signs.
        """
        if not self._key or not isinstance(given, dict):
            return False
        key, mine = _text_key(given), self._given
        text = given[key] if key else ""
        if key not in ("", self._key) or any(given.get(name) != mine.get(name) for name in ("type", "index")):
            return False
        if (given.get("id") and mine.get("id") and given["id"] != mine["id"]) or (text and mine.get("signature")):
            return False
        signature = given.get("signature")
        if isinstance(signature, str) and mine.get("signature") not in (None, "", signature):
            mine["signature"] += signature
        self._pieces.append(text)
        mine.update((name, value) for name, value in given.items() if mine.get(name) in (None, ""))
        return True

    def whole(self) -> Any:
        """The entry with all its pieces."""
        return {**self._given, self._key: "".join(self._pieces)} if self._key else self._given


def _text_key(given: Any) -> str:
    """The field of an entry that holds its text; empty if it has none."""
    known = given if isinstance(given, dict) else {}
    return next((key for key in _TEXTS if isinstance(known.get(key), str)), "")
