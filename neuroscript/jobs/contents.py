"""What is too large for a job's payload or shared by many jobs: kept once, under the hash of its content."""

from __future__ import annotations

import hashlib
import os
import secrets

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.private_files import make_own_directory, make_private_directory, open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, Protocol

    class Contents(Protocol):
        """A store of contents by their hashes."""

        def put(self, content: bytes) -> str:
            """Keeps a content, durably; gives its hash."""
            ...

        def get(self, name: str) -> bytes:
            """The content with that hash.

            Raises:
                NeuroScriptError: 9 if there is none; 10 if what is there is another one.
            """
            ...


LARGEST: Final = 16 * 1024 * 1024
"""The most bytes of one content."""


def contents_directory(private_paths: Iterable[str]) -> str:
    """Where contents are kept beside the files of an engine, or of a journal.

    Args:
        private_paths: the directories of those files.

    Raises:
        NeuroScriptError: 18 if there are none.
    """
    for path in private_paths:
        return os.path.join(path, "contents")
    message = "neither the engine nor the journal has files, so it has to be said where contents are kept: contents=…"
    raise NeuroScriptError(ErrorCode.CONFIGURATION, message)


class FileContents:
    """A store of contents in a directory, one file each.

    Args:
        directory: where they lie; it is made when the first one is kept.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def put(self, content: bytes) -> str:
        """Keeps a content, durably; gives its hash.

        Raises:
            NeuroScriptError: 37 if it is too large; 26 if it cannot be written.
        """
        if len(content) > LARGEST:
            message = f"what a job is given, or gives, has {len(content):,} bytes; it may have {LARGEST:,}"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        name = hashlib.sha256(content).hexdigest()
        path = os.path.join(self._directory, name)
        try:
            if os.path.lexists(path):
                return name
            make_private_directory(os.path.dirname(self._directory))
            make_own_directory(self._directory)
            draft = f"{path}.{secrets.token_hex(8)}"
            descriptor = open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                with open(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
                os.replace(draft, path)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError as error:
            message = f"the contents of jobs cannot be written in {self._directory}: {error.strerror or error}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error
        return name

    def get(self, name: str) -> bytes:
        """The content with that hash.

        Raises:
            NeuroScriptError: 9 if there is none; 10 if what is there is another one; 26 if it cannot be read.
        """
        try:
            descriptor = open_private(os.path.join(self._directory, os.path.basename(name)), os.O_RDONLY)
            with open(descriptor, "rb") as file:
                content = file.read(LARGEST + 1)
        except FileNotFoundError:
            message = f"what a job refers to is not there: {name[:16]}… in {self._directory}"
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message) from None
        except OSError as error:
            message = f"the contents of jobs cannot be read in {self._directory}: {error.strerror or error}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error
        if hashlib.sha256(content).hexdigest() != name:
            message = f"what a job refers to has been changed: {name[:16]}… in {self._directory}"
            raise NeuroScriptError(ErrorCode.SECURITY, message)
        return content
