"""Marks: HMACs that tell the host's definitions from those made by scripts and those in files from elsewhere.

A definition says where a key is and where it is sent.  Anybody who can write a file can write one, so a definition is
the host's only if it carries an HMAC over all that a key depends on, under a key that only the user can read: a file in
the user's data directory, made when it is first needed.  A copied, cloned or edited definition has no valid mark.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ai_wm.data.settings import ADDRESS_SETTINGS
from ai_wm.data.types import AIWorkerDefinition
from neuroscript import get_logger
from neuroscript.private_files import make_private_directory, open_private

KEY_FILE: Final = "worker_marks.key"
"""The file of the key, in the user's data directory for neuroscript (``XDG_DATA_HOME`` on Linux)."""

_KEY_BYTES: Final = 32
_MOST_CACHED: Final = 100_000

_log = get_logger("ai_wm.store")


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
    return Marks(_user_key)


def key_file() -> Path:
    """Returns the path of the file that holds the user's key for marks."""
    from platformdirs import user_data_dir  # not before there is a definition to mark or to check

    return Path(user_data_dir("neuroscript", appauthor=False)) / KEY_FILE


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


# --- the user's key ---

_process_key: Final = secrets.token_bytes(_KEY_BYTES)
_warned: set[str] = set()


def _user_key(make: bool) -> bytes | None:
    path = key_file()
    try:
        try:
            return _read(path)
        except FileNotFoundError:
            if not make:
                return None
            _write(path)
            return _read(path)
    except OSError as error:
        if str(path) not in _warned:
            _warned.add(str(path))
            _log.warning(
                "the key that marks the host's worker definitions cannot be used (%s: %s); what the host defines now "
                "is the host's for this process only",
                path,
                error.strerror or error,
            )
        return _process_key


def _read(path: Path) -> bytes:
    """Reads the key.

    Raises:
        OSError: if there is none, or another user may have written or read it.
    """
    descriptor = open_private(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077):
            raise OSError("it must belong to the user, and nobody else may read or write it (mode 0600)")
        key = os.read(descriptor, _KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(key) != _KEY_BYTES:
        raise OSError(f"it does not hold {_KEY_BYTES} bytes; remove it, and mark the definitions anew")
    return key


def _write(path: Path) -> None:
    """Writes a new key atomically, so that readers see the whole of it or nothing."""
    make_private_directory(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # another process was faster, and its key counts
            os.link(draft, path)
    finally:
        draft.unlink()
