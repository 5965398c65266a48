"""Keeps the host's files in a sandbox directory - keys, records, configuration, compiled code - out of programs' reach.

A protected path takes everything below it along.  A file is known by its name, however that is written (file systems
differ in which spellings they take for one), and by what it is: all names of one file (hard links) have its device and
number.  Its content is never read.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator

from neuroscript.sandbox.directory import real_path
from neuroscript.user_directories import own_paths

CONFIGURATION_FILE = "neuroscript.toml"
"""The configuration that comes with a program; protected wherever it lies."""

JOURNAL_DIRECTORY = "neuroscript_journal"
"""The directory of a journal's files; protected wherever it lies."""

JOBS_DIRECTORY = "neuroscript_jobs"
"""The directory of a job engine's files; protected wherever it lies."""

_EXACT_NAMES = sys.platform not in ("win32", "cygwin", "darwin")
"""Whether a file that has one name is found under that one alone."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_MOST_FILES = 100_000  # files of protected directories that are told apart by device and number

_DEEPEST_LINK = 1  # directories below a protected one in which links are looked for when the guard is made

Identity = tuple[int, int]


class Protection:
    """The paths that no program may reach or see, in whatever sandbox directory.

    The user's directories of this package, every file called ``neuroscript.toml`` and all directories of journals and
    job engines are always among them.

    Args:
        paths: further ones, as `add` takes them.
    """

    def __init__(self, *paths: str | os.PathLike[str]) -> None:
        self._paths: dict[str, None] = {}
        self._layouts: dict[str, _Layout] = {}
        for path in (CONFIGURATION_FILE, JOURNAL_DIRECTORY, JOBS_DIRECTORY, *own_paths(), *paths):
            self.add(path)

    def add(self, path: str | os.PathLike[str]) -> None:
        """Protects a file, or a directory with all that it holds, whether it is there or not.

        Args:
            path: an absolute path; its last part may end with ``*``, for every name that begins so.  A name without a
                directory is protected wherever it occurs.

        Raises:
            ValueError: for a relative path.
        """
        self._paths[check_path(path)] = None
        self._layouts.clear()

    def inside(self, root: str) -> Guard:
        """Makes the guard of a directory for one operation on files."""
        layout = self._layouts.get(root)
        if layout is None:
            layout = self._layouts[root] = _Layout(root, list(self._paths))
        return Guard(layout)


def check_path(path: str | os.PathLike[str]) -> str:
    """Checks that a path can be protected, and returns it as a string.

    Raises:
        ValueError: for a relative path.
    """
    path = os.fspath(path)
    if not path.rstrip("*") or (os.path.dirname(path) and not os.path.isabs(path)):
        raise ValueError(f"a protected path is absolute, or a name without a directory, not {path!r}")
    return path


class Guard:
    """Tells which names below one directory are protected."""

    __slots__ = ("_identities", "_layout")

    def __init__(self, layout: _Layout) -> None:
        self._layout = layout
        self._identities: set[Identity] | None = None

    @property
    def everything(self) -> bool:
        """Whether the directory is itself protected."""
        return self._layout.everything

    def covers(self, folder: str, name: str, status: os.stat_result | None) -> bool:
        """Whether a name is protected.

        Args:
            folder: the folder that it is in, by its `folded` names from the directory on.
            name: the name.
            status: what the system says of it, links not followed; None if there is no such file.
        """
        layout, plain = self._layout, folded(name)
        if layout.anywhere.hold(plain):
            return True
        names = layout.located.get(folder)
        if names is not None and names.hold(plain):
            return True
        return status is not None and self._may_be_another_name(name, status) and self.is_protected_file(status)

    def is_protected_file(self, status: os.stat_result) -> bool:
        """Whether a file is one of those that are protected, by its device and number."""
        if self._identities is None:
            self._identities = set(self._layout.identities())
        return (status.st_dev, status.st_ino) in self._identities

    def leads_to_protected(self, path: str) -> bool:
        """Whether the way to something protected goes through a path, given by its `folded` names."""
        return any(f"{folder}/".startswith(f"{path}/") for folder in self._layout.located)

    def _may_be_another_name(self, name: str, status: os.stat_result) -> bool:
        """Whether the file may be one that is known by another name.

        That is so for hard links, for the short names (``AI_WOR~1.JSO``) of some file systems, and anywhere that names
        are not exact.
        """
        linked = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
        return linked or "~" in name or not _EXACT_NAMES


class _Names:
    """Names, and beginnings of names."""

    __slots__ = ("_beginnings", "_whole")

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._beginnings: tuple[str, ...] = ()

    def add(self, name: str) -> None:
        if name.endswith("*"):
            self._beginnings += (folded(name[:-1]),)
        else:
            self._whole.add(folded(name))

    def hold(self, plain: str) -> bool:
        return plain in self._whole or plain.startswith(self._beginnings)


class _Layout:
    """Where the protected paths lie, seen from one directory."""

    def __init__(self, root: str, paths: list[str]) -> None:
        self.anywhere = _Names()
        self.located: dict[str, _Names] = {}  # by the folded path of the folder that they are in
        self.everything = False
        self._absolute: dict[str, None] = {}
        here = os.stat(root)
        for path in paths:
            if not os.path.dirname(path):
                self.anywhere.add(path)
                self._absolute[os.path.join(root, path)] = None
                continue
            for form in (*_forms(path), *_targets(path)):
                self._absolute[form] = None
                below = _relative(here, form)
                if below is None:
                    continue
                if below == "":
                    self.everything = True
                    continue
                folder, _, name = below.rpartition("/")
                self.located.setdefault(folded(folder), _Names()).add(name)

    def identities(self) -> Iterator[Identity]:
        """Every protected file that is there, but for names that are protected anywhere and lie deeper down."""
        left = _MOST_FILES
        pending = [found for path in self._absolute for found in _expanded(path)]
        while pending and left:
            left -= 1
            path = pending.pop()
            for look in (os.lstat, os.stat):
                try:
                    status = look(path)
                except OSError:  # it is not there, or is a link to nothing
                    break
                yield status.st_dev, status.st_ino
                if look is os.lstat and stat.S_ISDIR(status.st_mode):
                    pending += _children(path)


def folded(name: str) -> str:
    """A name, or names with ``/`` between them, as the least exact file system knows it.

    Case, composed characters, characters that are not seen, and dots and blanks at the end make no difference.
    """
    if name.isascii():
        plain = name.lower()
    else:
        import unicodedata  # which most names do not need

        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
        plain = "".join(char for char in text if not (_is_ignored(char) or unicodedata.category(char) == "Cf"))
    if "/" in plain:
        return "/".join(map(folded, plain.split("/")))
    return plain.rstrip(". ") or plain


def _is_ignored(char: str) -> bool:
    selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0000" <= char <= "\U000e0fff"
    return selector or char in _INVISIBLE


def _forms(path: str) -> list[str]:
    """The ways to write a path: as it is given, and without links."""
    folder, name = os.path.split(os.path.abspath(path))
    found = [os.path.join(folder, name), os.path.join(real_path(folder), name)]
    if not name.endswith("*"):
        found.append(real_path(path))
    return list(dict.fromkeys(found))


def _targets(path: str) -> Iterator[str]:
    """What the links in a protected directory, and in the directories in it, lead to: settings kept somewhere else."""
    pending = [(found, 0) for found in _expanded(path)]
    while pending:
        folder, depth = pending.pop()
        for found in _children(folder):
            if os.path.islink(found):
                yield real_path(found)
            elif depth < _DEEPEST_LINK and os.path.isdir(found):
                pending.append((found, depth + 1))


def _relative(root: os.stat_result, path: str) -> str | None:
    """A path from a directory on, ``/`` between names; empty for the directory itself, None if it is elsewhere."""
    names: list[str] = []
    while True:
        try:
            if os.path.samestat(os.stat(path), root):
                return "/".join(reversed(names))
        except OSError:  # it need not be there
            pass
        path, name = os.path.split(path)
        if not name:
            return None
        names.append(name)


def _expanded(path: str) -> list[str]:
    """The path, or those that its ``*`` stands for."""
    if not path.endswith("*"):
        return [path]
    folder, name = os.path.split(path[:-1])
    return [found for found in _children(folder) if folded(os.path.basename(found)).startswith(folded(name))]


def _children(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:  # it is gone, or cannot be read, and then its files are found by their names alone
        return []
