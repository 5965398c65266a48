"""Marks of what a person decided of a run, by which a journal from elsewhere approves nothing."""

from __future__ import annotations

import hashlib
import hmac
import json

from neuroscript.user_key import user_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def mark_of(kind: str, covered: list[Any]) -> str:
    """The mark of something that this user decided.

    Args:
        kind: what it is: the mark of one kind of thing is none of another.
        covered: all that it depends on, JSON values.
    """
    key = user_key(True)
    assert key is not None
    return _mark(key, kind, covered)


def mark_holds(mark: Any, kind: str, covered: list[Any]) -> bool:
    """Whether something carries this user's mark."""
    if not isinstance(mark, str) or not mark.isascii():
        return False
    key = user_key(False)
    return key is not None and hmac.compare_digest(_mark(key, kind, covered), mark)


def _mark(key: bytes, kind: str, covered: list[Any]) -> str:
    text = json.dumps(["journal", kind, covered], sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
