"""Assembles the output items of a streamed response of OpenAI's Responses API from their pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_wm.providers.adapter import expect_map
from ai_wm.providers.argument_pieces import joined
from ai_wm.providers.wire_json import Kept

_TYPES: Final = {"arguments": "function_call", "output_text": "message", "refusal": "message"}
"""The type of the item that a kind of piece belongs to."""

_KEYS: Final = {"output_text": "text", "refusal": "refusal"}


class Item:
    """One item of the output: what the server has given of it, and pieces of its texts that it does not hold yet."""

    __slots__ = ("given", "index", "is_whole", "pieces")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.given: dict[str, Any] = {}
        self.is_whole = False
        self.pieces: dict[str, list[str]] = {}

    @property
    def type(self) -> str:
        """Its type, as the server says or its pieces tell; an empty text while neither does."""
        told = self.given.get("type")
        return told if isinstance(told, str) else next((_TYPES[kind] for kind in self.pieces), "")

    def text(self, kind: str) -> str:
        """Returns the pieces of one kind, put together."""
        return "".join(self.pieces.get(kind, ()))

    def drop(self, *kinds: str) -> None:
        """Forgets the pieces of these kinds."""
        for kind in kinds:
            self.pieces.pop(kind, None)

    def whole(self) -> dict[str, Any]:
        """Returns the item in the form of a reply without streaming."""
        made = self.given or {"type": self.type}
        content = [{"type": kind, key: self.text(kind)} for kind, key in _KEYS.items() if kind in self.pieces]
        if content:
            made = {**made, "content": content}
        if "arguments" in self.pieces:
            made = {**made, "arguments": joined(self.pieces["arguments"])}
        return made


class Items:
    """The items of a response, in the order in which they began.

    The API numbers them and gives each an id.  Some servers leave out the number or the id, give all items the same, or
    other ids with every event.  An event goes on with the item of its id and number, else with the last of its number,
    unless that is whole or of another type.
    """

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._by_id: dict[tuple[str, int | None], Item] = {}
        self._last_by_id: dict[str, Item] = {}
        self._last_by_index: dict[int, Item] = {}
        self._kept = Kept()

    def __bool__(self) -> bool:
        return bool(self._items)

    def begin(self, body: Mapping[str, Any]) -> None:
        """Takes the start of an item; a server may repeat it."""
        given = self._read(body)
        index, item_id = _index(body), _id(body)
        item = self._named(index, item_id) if item_id else None
        if item is None or item.is_whole or item.type != given.get("type"):
            item = self._new(index, item_id)
        item.given = given

    def complete(self, body: Mapping[str, Any]) -> Item | None:
        """Takes a whole item, and returns it with the pieces that came of it before; None if it comes once more."""
        given = self._read(body)
        known = self._named(_index(body), _id(body))
        if known is not None and known.is_whole and known.given == given:
            return None
        item = self._of(body, str(given.get("type")))
        item.given, item.is_whole = given, True
        return item

    def add(self, body: Mapping[str, Any], kind: str, piece: str) -> Item:
        """Adds a piece of one of an item's texts, and returns the item."""
        item = self._of(body, _TYPES[kind])
        item.pieces.setdefault(kind, []).append(piece)
        return item

    def whole(self) -> list[dict[str, Any]]:
        """Returns the items received so far, those that are not complete put together from their pieces."""
        return [item.whole() for item in self._items]

    def _read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        given = body.get("item")
        self._kept.add(given)
        return expect_map(given, "item")

    def _of(self, body: Mapping[str, Any], of_type: str) -> Item:
        index, item_id = _index(body), _id(body)
        last = None
        if index is not None:
            last = self._last_by_index.get(index)
        elif not item_id and self._items:
            last = self._items[-1]
        for item in (self._named(index, item_id), last):
            if item is not None and item.type in ("", of_type) and not item.is_whole:
                return item
        return self._new(index, item_id)

    def _named(self, index: int | None, item_id: str) -> Item | None:
        """The item of an id, and of a number if both have one."""
        found = self._by_id.get((item_id, index))
        if found is None and item_id:
            found = self._last_by_id.get(item_id)
            if found is not None and index is not None and found.index is not None:
                return None
        return found

    def _new(self, index: int | None, item_id: str) -> Item:
        self._kept.add({})
        item = Item(index)
        self._items.append(item)
        self._by_id[item_id, index] = item
        if item_id:
            self._last_by_id[item_id] = item
        if index is not None:
            self._last_by_index[index] = item
        return item


def _index(body: Mapping[str, Any]) -> int | None:
    index = body.get("output_index")
    return index if type(index) is int else None


def _id(body: Mapping[str, Any]) -> str:
    item = body.get("item")
    return str(body.get("item_id") or (item.get("id") if isinstance(item, Mapping) else "") or "")
