"""Assembles the arguments of a tool call that is streamed: a JSON object as text, in pieces.

Some servers send it again as a whole when they have it, and some send with each piece all that came before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ai_wm.providers.wire_json import read_json

_MARKS = re.compile(r'\\.|["{}\[\]]', re.DOTALL)


def joined(pieces: Iterable[str]) -> str:
    """Returns the text of arguments, from all its pieces."""
    arguments = ArgumentPieces()
    for piece in pieces:
        arguments.add(piece)
    return arguments.text()


class ArgumentPieces:
    """The arguments of one tool call, received so far; false while there are none."""

    __slots__ = ("_depth", "_ended", "_escaped", "_object", "_pieces", "_quoted", "_read")

    def __init__(self) -> None:
        self.clear()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def clear(self) -> None:
        """Forgets all pieces."""
        self._pieces: list[str] = []
        # How far `is_whole` has read the text: pieces, brackets that are open, whether within quotes or behind a
        # backslash, whether the first value has ended, and that value if it is an object with nothing behind it.
        self._read = self._depth = 0
        self._quoted = self._escaped = self._ended = False
        self._object: dict[str, Any] | None = None

    def add(self, piece: str) -> None:
        """Adds a piece.  A whole object behind an equal one is the same again, and any behind an empty one replaces it.

        What comes behind an object otherwise belongs to none, and stays to be reported.
        """
        if self._pieces and piece.lstrip().startswith("{") and self.is_whole():
            if not self._object:
                self.clear()
            elif _object_in(piece) == self._object:
                return
        self._pieces.append(piece)

    def text(self) -> str:
        """The text of the arguments."""
        text = "".join(self._pieces)
        if self.is_whole() or not text.strip():
            return text
        told = [piece for piece in self._pieces if piece.strip()]
        last = told[-1]
        begun = text.rstrip().removesuffix(last.rstrip())
        repeats = last.startswith(begun) or all(piece.startswith(before) for before, piece in pairwise(told))
        return last if repeats and _object_in(last) is not None else text

    def is_whole(self) -> bool:
        """Whether the arguments form a complete object.

        A server may ask this with every piece, so that each is read once and the whole text only where it may have
        ended.
        """
        for place in range(self._read, len(self._pieces)):
            self._read_piece(place)
        self._read = len(self._pieces)
        return self._object is not None

    def _read_piece(self, place: int) -> None:
        piece = self._pieces[place]
        if self._ended:
            if piece.strip():  # text behind the object belongs to none
                self._object = None
            return
        for mark in _MARKS.finditer(piece, int(self._escaped)):
            match mark[0]:
                case '"':
                    self._quoted = not self._quoted
                case "{" | "[" if not self._quoted:
                    self._depth += 1
                case "}" | "]" if not self._quoted:
                    self._depth -= 1
                    if self._depth <= 0:
                        self._ended = True
                        self._object = _object_in("".join(self._pieces[: place + 1]))
                        return
        # A backslash at the end escapes the first character of the next piece, unless it is escaped itself.
        at_end = len(piece) - len(piece.rstrip("\\"))
        self._escaped = (at_end - int(self._escaped and at_end == len(piece))) % 2 == 1


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        found = read_json(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
