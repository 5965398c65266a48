"""File access that cannot leave one directory, for the file tools and all that opens paths given by scripts.

A path is walked folder by folder.  Each folder is opened relative to the one before it and never through a symbolic
link; a link is read and its target walked in the same way, so that it may point anywhere inside and nowhere else.
``..`` goes back to the folder that was walked through.  Nothing is checked first and opened later, so that a folder
exchanged for a link in between changes nothing.  Where the platform cannot open relative to a folder (Windows), names
are checked step by step instead, and the real path once more.  Each name on the way is checked: what
`neuroscript.sandbox.protection` protects is neither passed nor shown.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import record
from neuroscript.sandbox.directory import (
    MAX_DEPTH,
    Directory,
    failures,
    kind_of,
    missing,
    outside,
    path_parts,
    protected,
    split,
    too_deep,
    wrong_kind,
)
from neuroscript.sandbox.protection import Guard, Identity, Protection, folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO

MAX_LINKS = 40
CHUNK = 1 << 20


@record(frozen=True)
class FileEntry:
    """Facts about one file or folder; ``path`` is relative to the sandbox, with ``/`` between folders.

    ``kind`` is ``file``, ``directory``, ``link`` or ``other``; ``modified_ns`` is in nanoseconds since 1970.
    """

    name: str
    path: str
    kind: str
    size: int
    modified_ns: int
    mode: str

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> FileEntry:
        """The entry of ``path`` from what the system says about it."""
        kind = kind_of(status)
        size = status.st_size if kind == "file" else 0
        name = path.rpartition("/")[2]
        return cls(name, path, kind, size, status.st_mtime_ns, stat.filemode(status.st_mode))


@record(frozen=True)
class FoundFile:
    """A file that was found: its path in the sandbox, without ``..`` and links; which file it is; its content.

    The content is None if it was not to be read.
    """

    path: str
    identity: Identity
    content: bytes | None


class Sandbox:
    """Access to the files below one directory, which no path and no link leads out of.

    Args:
        root: the directory; it must exist.
        protection: what in it no program may reach or see.
        check: called now and then in long work; raises to stop it.
        charge: called before something is written, with the bytes and the number of files and folders that it makes;
            raises to refuse it.

    Raises:
        NeuroScriptError: 18 if ``root`` is no directory.  Every method raises 34 for a path that leaves the sandbox or
            is none, 22 for what is missing, 23 for a thing of the wrong kind, 24 for what exists already, 25 without
            permission, 37 beyond a limit, and 26 for any other failure of the system.  What is protected is missing
            for those that only look, and 10 for those that read or change it, whether it is there or not.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        protection: Protection,
        *,
        check: Callable[[], None] = lambda: None,
        charge: Callable[[int, int], None] = lambda size, files: None,
    ) -> None:
        self.root = os.path.realpath(root)
        self._protection = protection
        self._check = check
        self._charge = charge
        if not os.path.isdir(self.root):
            message = f"the sandbox directory {os.fspath(root)!r} does not exist; create it or name another one"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)

    # --- files ---

    def read_bytes(self, path: str, max_bytes: int | None = None) -> bytes:
        """The content of a file of at most ``max_bytes`` bytes (37 beyond)."""
        return b"".join(self.chunks(path, max_bytes))

    def read_text(self, path: str, max_characters: int | None = None) -> str:
        """The content of a UTF-8 file of at most ``max_characters`` characters (37 beyond; 41 if it is not UTF-8)."""
        content = self.read_bytes(path, None if max_characters is None else 4 * max_characters)
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            message = f"the file {path!r} is not UTF-8 text (byte {error.start}); read it as bytes instead"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message) from error
        if max_characters is not None and len(text) > max_characters:
            message = f"the file {path!r} has {len(text)} characters; a string holds at most {max_characters}"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        return text

    def chunks(self, path: str, max_bytes: int | None = None) -> Iterator[bytes]:
        """The content of a file of at most ``max_bytes`` bytes (37 beyond), a piece at a time."""
        with (
            failures(path, "read"),
            self._locate(path) as place,
            open(place.open_file(os.O_RDONLY), "rb", buffering=0) as file,
        ):
            yield from self._pieces(file, path, max_bytes)

    def read_if(self, path: str, is_wanted: Callable[[Identity], bool], max_bytes: int | None = None) -> FoundFile:
        """Finds a file, and reads it if it is wanted once it is known which one it is, whatever its name.

        What is opened is what is identified: a file that takes its place meanwhile is another one.
        """
        with (
            failures(path, "read"),
            self._locate(path) as place,
            open(place.open_file(os.O_RDONLY), "rb", buffering=0) as file,
        ):
            status = os.fstat(file.fileno())
            identity = status.st_dev, status.st_ino
            content = b"".join(self._pieces(file, path, max_bytes)) if is_wanted(identity) else None
            return FoundFile(place.path, identity, content)

    def _pieces(self, file: FileIO, path: str, max_bytes: int | None) -> Iterator[bytes]:
        """The content of an open file, a piece at a time."""
        # What is too large is not begun; what grows meanwhile, or has no size (as in /proc), is stopped.
        size = os.fstat(file.fileno()).st_size
        read = 0
        while max_bytes is None or max(size, read) <= max_bytes:
            chunk = file.read(CHUNK)
            if not chunk:
                return
            self._check()
            read += len(chunk)
            if max_bytes is None or read <= max_bytes:
                yield chunk
        message = f"the file {path!r} has {max(size, read)} bytes; at most {max_bytes} may be read at once"
        raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)

    def write(self, path: str, content: bytes) -> str:
        """Writes a file in one step: whoever reads it sees the old content or the new.  Missing folders are made.

        Returns:
            The path as the sandbox knows it, relative and without ``..`` and links.
        """
        with failures(path, "write"), self._locate(path, make=True) as place:
            folder, mode = place.folder, 0
            if (status := place.status()) is not None:
                mode = stat.S_IMODE(status.st_mode)
                # Replacing a file asks for the right to write the file itself, as writing into it would.
                os.close(place.open_file(os.O_WRONLY))
            self._charge(len(content), int(status is None))
            draft = f".{os.urandom(8).hex()}.tmp"
            descriptor = folder.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                with open(descriptor, "wb") as file:
                    file.write(content)
                    if mode and hasattr(os, "fchmod"):
                        os.fchmod(file.fileno(), mode)
                folder.rename(draft, folder, place.name)
            except BaseException:  # cancellation too: the draft must not stay behind
                folder.unlink(draft)
                raise
            return place.path

    def append(self, path: str, content: bytes) -> str:
        """Adds to the end of a file, which is made if it is missing, its folders too; returns the path."""
        with failures(path, "append to"), self._locate(path, make=True) as place:
            self._charge(len(content), int(place.status() is None))
            with open(place.open_file(os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as file:
                file.write(content)
            return place.path

    # --- folders ---

    def stat(self, path: str) -> FileEntry:
        """Describes the file or folder at ``path``; a link is followed."""
        with failures(path, "examine"), self._locate(path, hide=True) as place:
            return FileEntry.of(place.path, place.existing())

    def exists(self, path: str) -> bool:
        """Whether there is anything at ``path``."""
        try:
            self.stat(path)
        except NeuroScriptError as error:
            if error.code in (ErrorCode.FILE_NOT_FOUND, ErrorCode.PATH_TYPE_MISMATCH):
                return False
            raise
        return True

    def entries(self, path: str, recursive: bool = False, max_items: int | None = None) -> list[FileEntry]:
        """Lists a folder in the order of names; with ``recursive`` the folders in it too, links not followed."""
        found: list[FileEntry] = []
        with failures(path, "list"), self._locate(path, hide=True) as place, place.enter() as folder:
            for entry in self._walk(place.guard, folder, place.path, recursive):
                found.append(entry)
                if max_items is not None and len(found) > max_items:
                    message = f"the folder {path!r} holds more than the {max_items} entries that a list may have"
                    raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        return sorted(found, key=lambda entry: entry.path.split("/"))

    def make_directory(self, path: str) -> str:
        """Makes a folder and those above it; one that is there already is left alone.  Returns the path."""
        with failures(path, "make"), self._locate(path, make=True) as place:
            status = place.status()
            if status is None:
                self._charge(0, 1)
                place.folder.mkdir(place.name)
            elif not stat.S_ISDIR(status.st_mode):
                raise NeuroScriptError(ErrorCode.PATH_EXISTS, f"{path!r} exists already, as a {kind_of(status)}")
            return place.path

    def delete(self, path: str, recursive: bool = False) -> str:
        """Removes a file, a link (not what it points to) or a folder; one with content only if ``recursive`` (19)."""
        with failures(path, "delete"), self._locate(path, follow=False) as place:
            status = place.existing()
            if stat.S_ISDIR(status.st_mode):
                place.refuse_root("deleted")
            self._refuse_protected_inside(place, status, recursive)
            if not stat.S_ISDIR(status.st_mode):
                place.folder.unlink(place.name)
                return place.path
            if recursive:
                with place.enter() as folder:
                    self._empty(folder, place.path)
            place.folder.rmdir(place.name)
            return place.path

    def move(self, source: str, destination: str) -> str:
        """Moves a file, link or folder to a path where nothing is yet (24); missing folders are made."""
        with (
            failures(source, "move"),
            self._locate(source, follow=False) as old,
            self._locate(destination, follow=False, make=True) as new,
        ):
            old.refuse_root("moved")
            self._refuse_protected_inside(old, old.existing(), True)
            if new.guard.leads_to_protected(folded(new.path)):
                # What the folder, or the link, holds would become the host's: its configuration, say.
                raise protected(destination)
            if new.status() is not None:
                raise NeuroScriptError(ErrorCode.PATH_EXISTS, f"{destination!r} exists already; delete it first")
            if f"{new.path}/".startswith(f"{old.path}/"):
                message = f"the folder {source!r} cannot be moved into itself ({destination!r})"
                raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
            old.folder.rename(old.name, new.folder, new.name)
            return new.path

    # --- inside ---

    def _refuse_protected_inside(self, place: _Place, status: os.stat_result, recursive: bool) -> None:
        """Refuses a link that leads to something protected, and a folder that holds such a thing."""
        if stat.S_ISLNK(status.st_mode):
            if place.guard.leads_to_protected(folded(place.path)):
                raise protected(place.asked)
        elif stat.S_ISDIR(status.st_mode):
            with place.enter() as folder:
                for _ in self._walk(place.guard, folder, place.path, recursive, place.asked):
                    pass

    @contextmanager
    def _locate(self, path: str, *, follow: bool = True, make: bool = False, hide: bool = False) -> Iterator[_Place]:
        """Walks to ``path``: the open folder that it is in, and its name there.

        Args:
            follow: walk on if the last name is a link.
            make: make folders that are missing on the way.
            hide: what is protected is as good as missing.
        """
        guard = self._protection.inside(self.root)
        refused = missing if hide else protected
        pending = deque(path_parts(path))
        if guard.everything:
            raise refused(path)
        links = 0
        with ExitStack() as stack:
            trail = [Directory.open_root(self.root)]
            stack.callback(_close_all, trail)
            names: list[str] = []
            while pending:
                part = pending.popleft()
                if part == "..":
                    if not names:
                        raise outside(path)
                    names.pop()
                    trail.pop().close()
                    continue
                folder = trail[-1]
                status = folder.stat(part)
                if guard.covers(folded("/".join(names)), part, status):
                    raise refused(path)
                if status is not None and stat.S_ISLNK(status.st_mode) and (pending or follow):
                    links += 1
                    if links > MAX_LINKS:
                        raise NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the links of {path!r} lead nowhere")
                    target = self._target(path, folder.readlink(part))
                    if target[:1] == ["/"]:
                        while len(trail) > 1:
                            trail.pop().close()
                        names.clear()
                        target = target[1:]
                    pending.extendleft(reversed(target))
                    continue
                if not pending:
                    yield _Place(folder, part, "/".join([*names, part]), path, guard)
                    return
                if len(names) >= MAX_DEPTH:
                    raise too_deep(path)
                if status is None and make:
                    self._charge(0, 1)
                    folder.mkdir(part)
                trail.append(folder.child(part))
                names.append(trail[-1].name)
            if names:
                yield _Place(trail[-2], names[-1], "/".join(names), path, guard)
            else:
                yield _Place(trail[0], "", ".", path, guard)

    def _target(self, path: str, target: str) -> list[str]:
        """The parts of a link's target; ``/`` first means: from the sandbox's own directory."""
        if not os.path.isabs(target):
            return split(target)
        below = os.path.normcase(target) + os.sep
        root = os.path.normcase(self.root) + os.sep
        if not below.startswith(root):
            raise outside(path)
        return ["/", *split(target[len(root) :])]

    def _walk(
        self,
        guard: Guard,
        folder: Directory,
        path: str,
        recursive: bool,
        refused: str | None = None,
        depth: int = 0,
    ) -> Iterator[FileEntry]:
        """Everything below ``folder``, the content of each folder before the folder itself.

        What is protected is left out, or, if a path is given that shall be ``refused`` for it, raises that error.
        """
        if depth > MAX_DEPTH:
            raise too_deep(path)
        place = "" if path == "." else folded(path)
        for name in folder.names():
            self._check()
            status = folder.stat(name)
            if status is None:
                continue
            if guard.covers(place, name, status):
                if refused is not None:
                    raise protected(refused)
                continue
            below = name if path == "." else f"{path}/{name}"
            if recursive and stat.S_ISDIR(status.st_mode):
                with folder.child(name) as child:
                    yield from self._walk(guard, child, below, True, refused, depth + 1)
            yield FileEntry.of(below, status)

    def _empty(self, folder: Directory, path: str, depth: int = 0) -> None:
        """Removes everything in ``folder``; links are removed, not followed."""
        if depth > MAX_DEPTH:
            raise too_deep(path)
        for name in folder.names():
            self._check()
            status = folder.stat(name)
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode):
                with folder.child(name) as child:
                    self._empty(child, f"{path}/{name}", depth + 1)
                folder.rmdir(name)
            else:
                folder.unlink(name)


def _close_all(folders: list[Directory]) -> None:
    for folder in folders:
        folder.close()


@record()
class _Place:
    """A name in an open folder; an empty name is the sandbox's own directory."""

    folder: Directory
    name: str
    path: str
    asked: str
    guard: Guard

    def status(self) -> os.stat_result | None:
        """Its status in the file system, links not followed; None if it is missing."""
        return self.folder.stat(self.name) if self.name else self.folder.stat(".")

    def existing(self) -> os.stat_result:
        """Its status; raises error 22 if it is missing."""
        status = self.status()
        if status is None:
            raise missing(self.asked)
        return status

    def refuse_root(self, what: str) -> None:
        if not self.name:
            raise NeuroScriptError(ErrorCode.PATH_VIOLATION, f"the sandbox directory itself cannot be {what}")

    def open_file(self, flags: int) -> int:
        """A descriptor of the ordinary file here; 23 for anything else."""
        status = self.status()
        if status is not None and not stat.S_ISREG(status.st_mode):
            raise wrong_kind(self.asked, "a file", status)
        descriptor = self.folder.open(self.name, flags, 0o666)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise wrong_kind(self.asked, "a file", status)
        if status.st_nlink > 1 and self.guard.is_protected_file(status):  # it took the place of another just now
            os.close(descriptor)
            raise protected(self.asked)
        return descriptor

    @contextmanager
    def enter(self) -> Iterator[Directory]:
        """The folder here, open."""
        if not self.name:
            yield self.folder
            return
        status = self.existing()
        if not stat.S_ISDIR(status.st_mode):
            raise wrong_kind(self.asked, "a directory", status)
        with self.folder.child(self.name) as child:
            yield child
