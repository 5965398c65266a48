"""Marks: HMACs that tell the host's definitions from those made by scripts and those in files from elsewhere.

A definition says where a key is and where it is sent.  Anybody who can write a file can write one, so a definition is
the host's only if it carries an HMAC over all that a key depends on, under a key that only the user can read: a file in
the user's data directory, made when it is first needed.  A copied, cloned or edited definition has no valid mark.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Final

from ai_wm.data.settings import ADDRESS_SETTINGS
from ai_wm.data.types import AIWorkerDefinition
from neuroscript.user_key import user_key

_KEY_BYTES: Final = 32
_MOST_CACHED: Final = 100_000


class Marks:
    """Makes and checks the marks of one manager's definitions.

    Args:
        key: returns the secret key of the HMAC; called with true it makes one if needed, else it may return None.
    """

    def __init__(self, key: Callable[[bool], bytes | None]) -> None:
        self._key = key
        self._checked: dict[str, tuple[AIWorkerDefinition, bool]] = {}

    def of(self, definition: AIWorkerDefinition) -> str:
        """Computes the mark that identifies a definition, in its present form, as the host's."""
        key = self._key(True)
        assert key is not None
        return _mark(key, definition)

    def holds(self, definition: AIWorkerDefinition) -> bool:
        """Whether a definition carries a valid mark.  Definitions never change, so each is checked only once."""
        known = self._checked.get(definition.definition_id)
        if known is not None and known[0] is definition:
            return known[1]
        key = self._key(False) if definition.host_mark else None
        valid = key is not None and hmac.compare_digest(_mark(key, definition), _ascii(definition.host_mark))
        if len(self._checked) >= _MOST_CACHED:
            self._checked.clear()
        self._checked[definition.definition_id] = definition, valid
        return valid


def process_marks() -> Marks:
    """Returns marks that are valid in this process alone, for a manager that keeps nothing."""
    key = secrets.token_bytes(_KEY_BYTES)
    return Marks(lambda make: key)


def user_marks() -> Marks:
    """Returns marks under the user's key; without access to that key, marks that are valid in this process alone."""
    return Marks(user_key)


def _mark(key: bytes, definition: AIWorkerDefinition) -> str:
    config = definition.base_config
    covered = [
        definition.definition_id,
        definition.owner,
        str(definition.provider),
        definition.auth.method.value,
        definition.auth.value,
        {name: config[name] for name in ADDRESS_SETTINGS if name in config},
        # The address of a model in this process is its file.
        definition.model_name if definition.provider == "local" else "",
        *(["implied"] if definition.auth_is_implied else ()),
    ]
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _ascii(mark: str) -> str:
    return mark if mark.isascii() else ""
