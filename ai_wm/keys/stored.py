"""Keys of providers that the user stored: in the system's keyring, or in a file that nobody else can read.

A stored key stands in for the provider's usual environment variable where that is not set.  It may be sent to the
provider's own address, and to those that were named when it was stored: whatever a definition says.

No function raises while it holds a key, whose frame an error would show.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ai_wm.data.presets import KEY_VARIABLES
from ai_wm.data.types import APIKeySource, APIKeySourceMethod
from ai_wm.keys.secret import Secret
from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.private_files import make_private_directory, open_private

FILE: Final = "provider_keys.json"
"""The file in the user's data directory: which keys are stored, and those that are in no keyring."""

KEYRING: Final = "keyring"
"""The place of a key in the system's keyring."""

SERVICE: Final = "neuroscript"
"""The service under which keys are in the keyring; the user name is the provider's."""

_MOST_BYTES: Final = 1 << 20
_MOST_KEY: Final = 8192

_NO_KEYS: Final = frozenset({"ANTHROPIC_AUTH_TOKEN"})
"""Variables of a provider that hold something else than its key."""


class StoredSecret(Secret):
    """A stored key, with the provider that it is for and the further addresses that it may be sent to."""

    __slots__ = ("origins", "provider")

    def __init__(self, value: str, provider: str, origins: tuple[str, ...]) -> None:
        super().__init__(value)
        self.provider = provider
        self.origins = origins


class StoredKey(NamedTuple):
    """What is known of a stored key without looking at it.

    Args:
        provider: the provider that it is for.
        place: `KEYRING`, or the path of the file.
        origins: the addresses that it may be sent to, besides the provider's own.
    """

    provider: str
    place: str
    origins: tuple[str, ...]


def variables_of(provider: str) -> tuple[str, ...]:
    """Returns the environment variables that usually hold a provider's key, the first one preferred."""
    return tuple(name for name, owner in KEY_VARIABLES.items() if owner == provider and name not in _NO_KEYS)


def providers() -> tuple[str, ...]:
    """Returns the sorted names of the providers whose keys can be stored."""
    return tuple(sorted(set(KEY_VARIABLES.values())))


def provider_of(source: APIKeySource) -> str | None:
    """Returns the provider whose stored key stands in for a key source; None for sources of other kinds."""
    name = source.value.strip()
    if source.method is not APIKeySourceMethod.ENV_VAR or name in _NO_KEYS:
        return None
    return KEY_VARIABLES.get(name)


def key_file() -> Path:
    """Returns the path of the file."""
    from platformdirs import user_data_dir  # not before a key is wanted that is in no variable

    return Path(user_data_dir("neuroscript", appauthor=False)) / FILE


def stored_keys() -> list[StoredKey]:
    """Returns what is stored, by provider.

    Raises:
        NeuroScriptError: 18 if the file cannot be used.
    """
    path, entries = key_file(), _entries()
    found = []
    for provider, entry in sorted(entries.items()):
        found.append(StoredKey(provider, KEYRING if "key" not in entry else str(path), tuple(entry["origins"])))
    del entries
    return found


def look_up(provider: str) -> StoredSecret | str | None:
    """Returns the stored key of a provider, or the reason why it cannot be used; None if there is none."""
    entries = _read()
    if isinstance(entries, str) or provider not in entries:
        return entries if isinstance(entries, str) else None
    entry = entries[provider]
    origins = tuple(entry["origins"])
    if "key" in entry:
        return StoredSecret(entry["key"], provider, origins)
    found = _from_keyring(provider)
    return StoredSecret(found.get(), provider, origins) if isinstance(found, Secret) else found


def store(provider: str, key: Secret, origins: tuple[str, ...]) -> str:
    """Stores a key in the place of an earlier one.  Returns its place.

    Args:
        provider: the provider that it is for.
        key: the key.
        origins: the addresses that it may be sent to, besides the provider's own.

    Raises:
        NeuroScriptError: 4 for what cannot be a key; 18 or 26 if it cannot be stored.
    """
    problem = _problem_of(key)
    if problem:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"that is no key: {problem}")
    in_keyring = _put_into_keyring(provider, key)
    _change(provider, key, origins, in_keyring)
    return KEYRING if in_keyring else str(key_file())


def remove(provider: str) -> bool:
    """Removes a stored key; returns whether there was one.

    Raises:
        NeuroScriptError: 18 or 26 if the file cannot be used, or the keyring does not give it up.
    """
    known = {each.provider: each for each in stored_keys()}
    if provider not in known:
        return False
    if known[provider].place == KEYRING:
        _take_from_keyring(provider)
    _change(provider, None, (), False)
    return True


def _problem_of(key: Secret) -> str:
    text = key.get()
    if not text.strip():
        return "it is empty"
    if len(text) > _MOST_KEY:
        return f"it has more than {_MOST_KEY} characters"
    if not (text.isascii() and text.isprintable()) or " " in text:
        return "it has characters that no key has, such as a blank or a line break"
    return ""


# --- the file ---


def _entries() -> dict[str, dict[str, Any]]:
    found = _read()
    if isinstance(found, str):
        raise NeuroScriptError(ErrorCode.CONFIGURATION, found)
    return found


def _read() -> dict[str, dict[str, Any]] | str:
    """The entries of the file by provider, or the reason why it cannot be used."""
    path = key_file()
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return {}
    except OSError as error:
        return f"the stored keys in {path} cannot be read: {error.strerror}"
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077):
            return (
                f"the stored keys in {path} are not used: the file must be yours, and nobody else may read or write "
                f"it; if that is so, chmod 600 {path}"
            )
        content = file.read(_MOST_BYTES + 1)
    try:
        entries = json.loads(content) if len(content) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        entries = None
    if isinstance(entries, dict) and all(map(_is_entry, entries.values())):
        return entries
    return f"the file {path} is not one of stored keys; remove it, and store the keys again: neuroscript keys set"


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("key", ""), str):
        return False
    origins = entry.get("origins")
    return isinstance(origins, list) and all(isinstance(each, str) for each in origins)


def _change(provider: str, key: Secret | None, origins: tuple[str, ...], in_keyring: bool) -> None:
    path = key_file()
    failure = _replace(path, provider, key, origins, in_keyring)
    if failure:
        raise NeuroScriptError(ErrorCode.IO_FAILED, f"the key cannot be stored in {path}: {failure}")


def _replace(path: Path, provider: str, key: Secret | None, origins: tuple[str, ...], in_keyring: bool) -> str:
    """Changes one entry of the file, atomically; returns the reason for a failure."""
    entries = _read()
    if isinstance(entries, str):
        return entries
    entries.pop(provider, None)
    if key is not None:
        entries[provider] = {"origins": list(origins), **({} if in_keyring else {"key": key.get()})}
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        make_private_directory(path.parent)
        descriptor = open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(entries, file, indent=2, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        return error.strerror or "the system gave no reason"
    return ""


# --- the keyring ---


def _keyring() -> tuple[Any, type[Exception]] | None:
    """The keyring library and its errors; None where it is not installed, or knows no keyring here."""
    try:
        library = importlib.import_module("keyring")
        failure: type[Exception] = importlib.import_module("keyring.errors").KeyringError
    except ImportError:
        return None
    return (library, failure) if library.get_keyring().priority > 0 else None


def _put_into_keyring(provider: str, key: Secret) -> bool:
    found = _keyring()
    if found is None:
        return False
    library, failure = found
    try:
        library.set_password(SERVICE, provider, key.get())
    except failure:  # it is locked, or does not answer; the file takes the key
        return False
    return True


def _from_keyring(provider: str) -> Secret | str:
    found = _keyring()
    again = f"store it again: neuroscript keys set {provider}"
    if found is None:
        return f"the key of {provider} is in the system's keyring, which cannot be reached; {again}"
    library, failure = found
    try:
        value = library.get_password(SERVICE, provider)
    except failure as error:
        return f"the key of {provider} in the system's keyring cannot be read: {type(error).__name__}; is it unlocked?"
    return Secret(value) if value else f"the key of {provider} is no longer in the system's keyring; {again}"


def _take_from_keyring(provider: str) -> None:
    found = _keyring()
    if found is None:
        return  # with the keyring its keys are gone
    library, failure = found
    try:
        if library.get_password(SERVICE, provider) is not None:
            library.delete_password(SERVICE, provider)
    except failure as error:
        name = type(error).__name__
        message = f"the system's keyring does not give up the key of {provider}: {name}; is it unlocked?"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from None


def status_of(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns each provider's variable that is set, and so comes before a stored key, with the provider."""
    return [
        (provider, name) for provider in providers() for name in variables_of(provider) if environ.get(name, "").strip()
    ]
