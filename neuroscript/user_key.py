"""The user's key for marks: what carries an HMAC under it was made by this user, and not by whoever wrote a file.

It is a file in the user's data directory, made when it is first needed, which only the user can read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat

from neuroscript.logs import get_logger
from neuroscript.private_files import make_private_directory, open_private
from neuroscript.user_directories import user_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["KEY_FILE", "key_file", "user_key"]

KEY_FILE: Final = "worker_marks.key"
"""The file of the key, in the user's data directory for neuroscript (``XDG_DATA_HOME`` on Linux)."""

_KEY_BYTES: Final = 32
_process_key: Final = secrets.token_bytes(_KEY_BYTES)
_warned: set[str] = set()


def key_file() -> str | None:
    """The path of the file that holds the user's key; None where the user has no home directory."""
    directory = user_directory("data")
    return os.path.join(directory, KEY_FILE) if directory is not None else None


def user_key(make: bool) -> bytes | None:
    """The user's key for marks.

    Args:
        make: whether it is made if there is none.

    Returns:
        the key; None if there is none and it is not to be made.  Where it cannot be used, which is logged once, a key
        that is this process's alone.
    """
    path = key_file()
    try:
        if path is None:
            raise OSError("there is no home directory")
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
            get_logger("neuroscript").warning(
                "the key of the user's marks cannot be used (%s: %s); what the host defines or approves now is the "
                "host's for this process only",
                path,
                error.strerror or error,
            )
        return _process_key


def _read(path: str) -> bytes:
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


def _write(path: str) -> None:
    """Writes a new key atomically, so that readers see the whole of it or nothing."""
    make_private_directory(os.path.dirname(path))
    draft = os.path.join(os.path.dirname(path), f".{KEY_FILE}.{secrets.token_hex(8)}")
    descriptor = open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # another process was faster, and its key counts
            os.link(draft, path)
    finally:
        os.unlink(draft)
