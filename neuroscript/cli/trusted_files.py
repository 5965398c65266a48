"""The list of configuration files that the user trusts: real path and SHA-256 of each, in the user's own directory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat

from neuroscript.cli.plain_files import NotPlain, check_own, read_plain
from neuroscript.cli.status import UsageError
from neuroscript.output import one_line
from neuroscript.private_files import make_private_directory, open_private
from neuroscript.user_directories import user_directory

FILE = "trusted.json"
MAX_BYTES = 1024 * 1024

TRUSTED = "trusted"
CHANGED = "changed"
UNKNOWN = "unknown"
MISSING = "missing"


def digest(content: bytes) -> str:
    """The SHA-256 of a file's content, by which the list knows it."""
    return hashlib.sha256(content).hexdigest()


def standing(path: str, content: bytes) -> str:
    """Whether a file with this content is `TRUSTED`, has `CHANGED` since it was, or is `UNKNOWN`.

    Raises:
        UsageError: if the list cannot be relied on.
    """
    known = load().get(os.path.realpath(path))
    if known is None:
        return UNKNOWN
    return TRUSTED if secrets.compare_digest(known, digest(content)) else CHANGED


def load() -> dict[str, str]:
    """The digests by path.

    Raises:
        UsageError: if the list cannot be relied on.
    """
    directory = _directory()
    if directory is None:
        return {}
    path = os.path.join(directory, FILE)
    try:
        _check_directory(directory)
        value = json.loads(read_plain(path, MAX_BYTES, own=True))
    except FileNotFoundError:
        return {}
    except (NotPlain, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{one_line(path)}: the list of trusted files cannot be used: {reason}") from error
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(known, str) for known in value.values()):
        raise UsageError(f"{one_line(path)} is no list of trusted files; remove it, and trust the files again")
    return value


def record(path: str, content: bytes) -> None:
    """Trusts a file with this content.

    Raises:
        UsageError: if that cannot be recorded.
    """
    _save({**load(), os.path.realpath(path): digest(content)})


def forget(path: str) -> bool:
    """Trusts a file no longer; gives whether it was in the list.

    Raises:
        UsageError: if that cannot be recorded.
    """
    known = load()
    # The directory that it was in may be gone, or have become a link.
    found = [each for each in (os.path.realpath(path), os.path.abspath(path)) if each in known]
    if found:
        _save({each: known[each] for each in known if each not in found})
    return bool(found)


def _save(known: dict[str, str]) -> None:
    """Replaces the list at once.  Of two commands at the same time one may be lost: its file is not trusted then."""
    directory = _directory()
    if directory is None:
        raise UsageError("there is no home directory in which trusted files could be recorded; set HOME")
    path = os.path.join(directory, FILE)
    temporary = os.path.join(directory, f".{FILE}.{secrets.token_hex(8)}")
    try:
        make_private_directory(directory)
        _check_directory(directory)
        os.chmod(directory, 0o700)
        descriptor = open_private(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(known, file, indent=2, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, NotPlain) as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{one_line(path)} cannot be written: {reason}") from error


def _directory() -> str | None:
    return user_directory("config")


def _check_directory(directory: str) -> None:
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode):
        raise NotPlain(f"{one_line(directory)} is not a directory (links are not followed)")
    try:
        check_own(found)
    except NotPlain as error:
        raise NotPlain(f"{one_line(directory)}: {error}") from error
