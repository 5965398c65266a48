"""The programs that an editor works on: those that are open as they stand there, the others as they are on disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from pygls import uris

from neuroscript.errors import NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.language_server.document import Document
from neuroscript.output import one_line
from neuroscript.program_text import USES, ProgramText, identity_of, may_use
from neuroscript.syntax import nodes as n
from neuroscript.uses import SUFFIX, SourceFile, following

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.sandbox.protection import Identity

MOST_FILES = 2000
"""Programs of a folder that are looked through for names."""

_MOST_FOLDERS = 20_000
_MOST_BYTES = 1 << 20
_NOT_SEARCHED = frozenset({"node_modules", "__pycache__", "venv"})


class Definition(NamedTuple):
    """A procedure, and the text that it stands in."""

    document: Document
    procedure: n.Procedure


class Project:
    """The programs that are open, and those in the editor's folders.

    Args:
        interpreter_for: gives the interpreter whose tools the program of a path may use.
    """

    def __init__(self, interpreter_for: Callable[[str], Interpreter]) -> None:
        self.encoding = "utf-16"
        self.folders: list[str] = []
        self._interpreter_for = interpreter_for
        self._open: dict[str, Document] = {}
        self._uris: dict[str, str] = {}  # as the editor writes them, by path
        self._versions: dict[str, int] = {}
        self._stored: dict[str, tuple[tuple[int, int], Document]] = {}  # by path, with time and size of the file

    # --- texts -------------------------------------------------------------------------------------------------------

    def put(self, uri: str, content: str, version: int) -> Document:
        """Takes the text of a document that is open, in the version that the editor calls so."""
        path = path_of(uri)
        document = Document(path, content, self.encoding, self._interpreter_for(path))
        self._open[path] = document
        self._uris[path] = uri
        self._versions[path] = version
        return document

    def remove(self, uri: str) -> None:
        """Forgets the text of a document that has been closed: now the file counts."""
        self._open.pop(path_of(uri), None)

    def get(self, uri: str) -> Document | None:
        """The document of an address; None if it is not open, and no file that can be read."""
        return self.at(path_of(uri))

    def at(self, path: str) -> Document | None:
        """The document of a path; None if it is not open, and no file that can be read."""
        if path in self._open:
            return self._open[path]
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                return None
            mark = (status.st_mtime_ns, status.st_size)
            known = self._stored.get(path)
            if known is not None and known[0] == mark:
                return known[1]
            with open(path, "rb") as file:
                content = file.read().decode("utf-8-sig", "replace")
        except (OSError, ValueError):  # it is gone, or must not be read: there is nothing to show
            return None
        document = Document(path, content, self.encoding, self._interpreter_for(path))
        self._stored[path] = (mark, document)
        return document

    def refresh(self) -> None:
        """Reads everything anew, since the tools that there are may have changed."""
        for path, document in self._open.items():
            self._open[path] = Document(path, document.content, self.encoding, self._interpreter_for(path))
        self._stored.clear()

    def uri(self, document: Document) -> str:
        """The address of a document."""
        return self._uris.get(document.path) or uris.from_fs_path(document.path) or document.path

    def opened(self) -> list[tuple[str, int, Document]]:
        """The documents that are open, with their addresses and versions."""
        return [(self._uris[path], self._versions[path], document) for path, document in self._open.items()]

    def edited(self) -> dict[Identity, str]:
        """The texts of the open documents that have files, by which file it is."""
        found = {}
        for document in self._open.values():
            identity = identity_of(program_text(document))
            if identity is not None:
                found[identity] = document.content
        return found

    def files(self) -> Iterator[Document]:
        """All programs: those that are open, then those in the editor's folders."""
        yield from self._open.values()
        for path in self._paths():
            if path not in self._open:
                document = self.at(path)
                if document is not None:
                    yield document

    def _paths(self) -> Iterator[str]:
        """The programs in the editor's folders, so many at most; hidden folders and links are left out."""
        left, folders_left = MOST_FILES, _MOST_FOLDERS
        for top in self.folders:
            for folder, inner, names in os.walk(top):
                folders_left -= 1
                inner[:] = sorted(name for name in inner if name[:1] != "." and name not in _NOT_SEARCHED)
                for name in sorted(names):
                    if name.endswith(SUFFIX):
                        left -= 1
                        if left < 0:
                            return
                        yield os.path.join(folder, name)
                if folders_left <= 0:
                    return

    # --- files that use files ----------------------------------------------------------------------------------------

    def used(self, document: Document) -> list[Document]:
        """The documents of the files that a program uses, directly or not."""
        if USES not in document.content:  # which is known before a tree is made
            return []
        metadata = document.program.metadata
        if not may_use(metadata):
            return []
        found: list[Document] = []

        def read(source: SourceFile) -> tuple[None, list[tuple[str, str]], bool]:
            root = source.root.files.root if source.root is not None else ""
            other = self.at(os.path.join(root, source.path))
            if other is None:
                return None, [], False
            found.append(other)
            return None, other.program.metadata, bool(other.program.commands)

        try:
            file, follower = following(document.interpreter, program_text(document), _unusable)
            follower.follow(file, None, metadata, read)
        except NeuroScriptError:  # a limit; diagnostics tell of it
            return found
        return found

    def loaded_with(self, document: Document) -> list[Document]:
        """A document and all that are loaded together with it: what it uses, and programs that use it, with theirs."""
        together = {each.path: each for each in (document, *self.used(document))}
        for other in self.files():
            group = (other, *self.used(other))
            if any(_is_same(each, document) for each in group):
                together.update((each.path, each) for each in group if not _is_same(each, document))
        return list(together.values())

    # --- procedures --------------------------------------------------------------------------------------------------

    def procedures(self, document: Document) -> dict[str, Definition]:
        """The procedures that a program has and uses, by name."""
        found: dict[str, Definition] = {}
        for each in (document, *self.used(document)):
            for procedure in each.program.procedures:
                found.setdefault(procedure.name, Definition(each, procedure))
        found.pop("", None)
        return found

    def procedure(self, document: Document, name: str) -> Definition | None:
        """The procedure of a name that a program calls: its own, of what it uses, or of a program that uses it."""
        found = self.procedures(document).get(name)
        if found is not None:
            return found
        for each in self.loaded_with(document):
            for procedure in each.program.procedures:
                if procedure.name == name:
                    return Definition(each, procedure)
        return None


def path_of(uri: str) -> str:
    """The path of a document's file; for a text that has none, such as an untitled one, its address."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    return os.path.normpath(path) if path and _may_be_file(path) else uri


def _may_be_file(path: str) -> bool:
    """Whether a file can have a path at all, which none with a NUL or half a character has."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def has_file(document: Document) -> bool:
    """Whether a document is the text of a file, which may not have been written yet."""
    return os.path.isabs(document.path)


def program_text(document: Document) -> ProgramText:
    """A document as the program that is checked."""
    return ProgramText(document.content, document.path, document.path if has_file(document) else None)


def shown_path(document: Document, seen_from: Document) -> str:
    """A document's path as it is shown beside another one."""
    if document is seen_from or not has_file(document):
        return one_line(os.path.basename(document.path))
    try:
        return one_line(os.path.relpath(document.path, os.path.dirname(seen_from.path)))
    except ValueError:  # on another drive
        return one_line(document.path)


def _is_same(one: Document, other: Document) -> bool:
    if one is other or one.path == other.path:
        return True
    return has_file(one) and has_file(other) and os.path.realpath(one.path) == os.path.realpath(other.path)


def _unusable(error: NeuroScriptSyntaxError) -> None:
    """Passes over a file that cannot be used: diagnostics tell of it."""
