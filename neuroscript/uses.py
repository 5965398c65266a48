"""Follows ``:: uses: lib/text.ns`` from a program to the files that it uses, and to those that these use.

A program and the files that it uses are loaded together, each file after those that it uses, and once, by whatever
names it is reached.  Files are read in a few directories alone, and the way to each of them is walked as scripts' own
paths are (`neuroscript.sandbox.sandbox`), so that no link and no ``..`` leads out and nothing protected is read.
"""

from __future__ import annotations

import os

from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.program_text import USES, identity_of
from neuroscript.records import record
from neuroscript.sandbox.directory import failures, real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NoReturn, TypeVar

    from neuroscript.interpreter import Interpreter
    from neuroscript.program_text import ProgramText
    from neuroscript.sandbox.protection import Identity
    from neuroscript.sandbox.sandbox import FoundFile, Sandbox

    Made = TypeVar("Made")
    Metadata = list[tuple[str, str]]

SUFFIX = ".ns"
READ = "fs:read"
_PLACES = "the program's directory, the sandbox, and those that the host adds (--lib, Interpreter(library_roots=…))"
MOST_USES = 10_000
"""Uses that are followed for one program, all together; each is a walk through directories."""


@record(frozen=True)
class Root:
    """A directory that programs may use files from.

    Args:
        files: access to it.
        shown: what the names of its files begin with in errors.
    """

    files: Sandbox
    shown: str


@record(frozen=True)
class SourceFile:
    """A text that is loaded, and the file that it is from.

    Args:
        content: the text, or its bytes.
        name: what errors call it.
        root: the directory that the file was found in; None for text without a file.
        path: its path there.
        identity: which file it is, by device and number.
    """

    content: str | bytes
    name: str
    root: Root | None = None
    path: str = ""
    identity: Identity | None = None


@record(frozen=True)
class Use:
    """A file's entry on a file that it uses: the path, and the number of the metadata that it stands in, from 0."""

    path: str
    number: int


def uses_of(metadata: Metadata) -> list[Use]:
    """The uses that a file's metadata names; what does not end in ``.ns`` is a remark."""
    return [
        Use(path.strip(), number)
        for number, (key, value) in enumerate(metadata)
        if key == USES
        for path in value.split(",")
        if path.strip().endswith(SUFFIX)
    ]


class Follower:
    """Reads the files that a program uses.

    Args:
        roots: the directories that files may be used from, that of the program first.
        places: those directories in words.
        max_source: bytes that all texts may have together; None for any number.
        charge: called with the bytes of each file that is read; raises to refuse it.
        report: called with the error of an entry that cannot be followed; raises it, or notes it.
        refusal: why no file may be used; empty if files may.
    """

    def __init__(
        self,
        roots: list[Root],
        places: str,
        max_source: int | None,
        charge: Callable[[int], None],
        report: Callable[[NeuroScriptSyntaxError], None],
        refusal: str = "",
    ) -> None:
        self._roots = roots
        self._places = places
        self._max_source = max_source
        self._charge = charge
        self._report = report
        self._refusal = refusal
        self._left = MOST_USES
        self._size = 0

    def follow(
        self,
        main: SourceFile,
        made: Made,
        metadata: Metadata,
        read: Callable[[SourceFile], tuple[Made, Metadata, bool]],
        is_loaded: Callable[[SourceFile], bool] = lambda file: False,
    ) -> list[tuple[SourceFile, Made]]:
        """Returns the program and all files that it uses, directly or not, each after those that it uses.

        Args:
            main: the program.
            made: what has been made of its text.
            metadata: of the program.
            read: called once for each file that it uses; gives what is made of its text, its metadata, and whether it
                has command blocks.
            is_loaded: whether a file is known already, and left out.

        Raises:
            NeuroScriptError: what ``read``, ``charge`` and ``report`` raise.
        """
        self._size = _bytes_of(main.content)
        ordered: list[tuple[SourceFile, Made]] = []
        seen = {main.identity}
        way = [(main, made, iter(uses_of(metadata)))]  # no recursion: the way may be as long as there are files
        while way:
            user, made, uses = way[-1]
            use = next(uses, None)
            if use is None:
                way.pop()
                ordered.append((user, made))
                continue
            try:
                file = self._used(user, use, seen, way)
                if file is None or is_loaded(file):
                    continue
                made, metadata, is_script = read(file)
                if is_script:
                    message = f"{file.name} has command blocks; only a library, with procedures and events, can be used"
                    refuse(user, use, ErrorCode.PRECONDITION_FAILED, message)
            except Unusable as fault:
                self._report(NeuroScriptSyntaxError(fault.diagnostics))
                continue
            way.append((file, made, iter(uses_of(metadata))))
        return ordered

    def _used(
        self, user: SourceFile, use: Use, seen: set[Identity | None], way: list[tuple[SourceFile, Made, Iterator[Use]]]
    ) -> SourceFile | None:
        """The file of an entry; None if it has been seen already.

        Raises:
            Unusable: if the file cannot be used.
        """
        self._left -= 1
        if self._left < 0:
            message = f"the program and the files that it uses name more than {MOST_USES:,} files to use"
            refuse(user, use, ErrorCode.RESOURCE_EXHAUSTION, message)
        if self._refusal:
            refuse(user, use, ErrorCode.SECURITY, self._refusal)
        if user.root is None:
            message = f"this text is from no file, so that there is no directory in which to look for {use.path!r}"
            cure = "; give the program as a file, or load the library first"
            refuse(user, use, ErrorCode.CONFIGURATION, message + cure)
        if "\\" in use.path:
            message = f"{use.path!r} holds a backslash; write '/' between folders"
            refuse(user, use, ErrorCode.PATH_VIOLATION, message)
        if use.path.startswith("/") or os.path.isabs(use.path) or os.path.splitdrive(use.path)[0]:
            message = f"{use.path!r} is an absolute path; a file is named relative to the one that uses it"
            refuse(user, use, ErrorCode.PATH_VIOLATION, message)
        room = None if self._max_source is None else self._max_source - self._size
        try:
            root, found = self._found(user.root, user.path, use.path, lambda identity: identity not in seen, room)
        except NeuroScriptError as error:
            self._refuse(user, use, error)
        if found.content is None:
            files = [file.identity for file, _, _ in way]
            if found.identity in files:
                names = [_short(file) for file, _, _ in way[files.index(found.identity) :]]
                message = f"files use one another in a circle: {' → '.join([*names, names[0]])}"
                refuse(user, use, ErrorCode.CONTROL_FLOW, f"{message}; take one of these uses out")
            return None
        if not found.path.endswith(SUFFIX):
            message = (
                f"{use.path!r} is a link to a file whose name does not end in {SUFFIX}; only such files can be used"
            )
            refuse(user, use, ErrorCode.SECURITY, message)
        seen.add(found.identity)
        self._charge(len(found.content))
        self._size += len(found.content)
        name = os.path.join(root.shown, found.path)
        return SourceFile(found.content, name, root, found.path, found.identity)

    def _found(
        self, root: Root, user: str, path: str, is_new: Callable[[Identity], bool], room: int | None
    ) -> tuple[Root, FoundFile]:
        """Looks for a file in the directory of the one that uses it, and for that in all the roots."""
        relative = "/".join((*user.split("/")[:-1], path))
        try:
            return root, root.files.read_if(relative, is_new, room)
        except NeuroScriptError as error:
            if error.code != ErrorCode.PATH_VIOLATION:
                raise
            with failures(relative, "find"):
                real = real_path(os.path.join(root.files.root, relative))
            for other in self._roots:
                beginning = other.files.root.rstrip(os.sep) + os.sep
                if other is not root and real.startswith(beginning):
                    inside = real[len(beginning) :].replace(os.sep, "/")
                    return other, other.files.read_if(inside, is_new, room)
            raise

    def _refuse(self, user: SourceFile, use: Use, error: NeuroScriptError) -> NoReturn:
        """Raises the error of a file that could not be read, in the terms of the program that uses it."""
        match error.code:
            case ErrorCode.FILE_NOT_FOUND:
                message = f"there is no file {use.path!r}, seen from the directory of {user.name}"
            case ErrorCode.PATH_VIOLATION:
                message = f"{use.path!r} leads out of {self._places}, or through a link that leads nowhere"
            case ErrorCode.RESOURCE_EXHAUSTION:
                most = "any number of" if self._max_source is None else f"{self._max_source:,}"
                message = f"cannot use {use.path!r}: {error.message}"
                message += f"; a program and all that it uses may have {most} bytes"
            case _:
                message = f"cannot use {use.path!r}: {error.message}"
        refuse(user, use, error.code, message)


class Unusable(NeuroScriptSyntaxError):
    """The error of an entry on a file that cannot be used, at the entry's place."""


def _bytes_of(content: str | bytes) -> int:
    """The size of a text in bytes, in which the limit on source is given."""
    return len(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def _short(file: SourceFile) -> str:
    """The name of a file in its root, which is enough among its like."""
    return file.path or file.name


# --- where files may be used from ------------------------------------------------------------------------------------


def source_file(text: ProgramText) -> SourceFile:
    """A program's own file, before it is known in which directory it is."""
    return SourceFile(text.content, text.name, identity=identity_of(text))


def following(
    interpreter: Interpreter, text: ProgramText, report: Callable[[NeuroScriptSyntaxError], None]
) -> tuple[SourceFile, Follower]:
    """Finds the directory that a program's uses are relative to; returns the program's file, and what follows them.

    A script's text uses files of the sandbox directory, from the directory of the file there that it is called after.

    Args:
        interpreter: the one that loads the program.
        text: the program.
        report: as `Follower` takes it.
    """
    runtime, limit = interpreter.runtime, interpreter.limits.max_source
    charge = runtime.charge_load if runtime.running else _charge_nothing
    if not text.in_sandbox:
        file, roots = _in_directory(interpreter, text)
        return file, Follower(roots, _PLACES, limit, charge, report)
    file, roots, refusal = source_file(text), [], ""
    if interpreter.sandbox is not None and not interpreter.policy.granted(READ):
        refusal = f"a text that uses files needs the capability {READ}, which the host does not grant; it does with "
        refusal += f"Policy(grants=({READ!r},))"
    elif interpreter.sandbox is not None:
        roots = [Root(interpreter.files, "")]
        file = _in_sandbox(file, roots[0])
    return file, Follower(roots, "the sandbox directory", limit, charge, report, refusal)


def _in_directory(interpreter: Interpreter, text: ProgramText) -> tuple[SourceFile, list[Root]]:
    """The file of a program that the host loads, and the directories that it may use files from."""
    file = source_file(text)
    if text.path is None:
        return file, []
    with failures(text.name, "find"):
        real = real_path(text.path)
    folder = os.path.dirname(real)
    shown = folder if os.path.islink(text.path) else os.path.dirname(text.path)
    roots = [Root(interpreter.access(folder), shown)]
    if interpreter.sandbox is not None:
        roots.append(Root(interpreter.files, os.fspath(interpreter.sandbox)))
    roots += [Root(interpreter.access(path), path) for path in interpreter.library_roots]
    return SourceFile(text.content, text.name, roots[0], os.path.basename(real), file.identity), roots


def _in_sandbox(file: SourceFile, root: Root) -> SourceFile:
    """A script's text as that of the file which it is called after, if there is such a file in the sandbox."""
    try:
        found = root.files.read_if(file.name, lambda identity: False)
    except NeuroScriptError:  # there is none, or none that scripts may read
        return file
    return SourceFile(file.content, file.name, root, found.path, found.identity)


def _charge_nothing(size: int) -> None:
    """Counts nothing, where no run is going on."""


def readable(interpreter: Interpreter) -> bool:
    """Whether scripts may read files, so that the lines of used files are no secret to them."""
    tool = interpreter.tools.get("fs.Read")
    return tool is not None and interpreter.permits(tool)


def used_texts(interpreter: Interpreter) -> dict[str, str]:
    """The texts of the files that the host's programs use, by the names that errors call them, to show lines of them.

    There are none where scripts may not read files.
    """
    texts = interpreter.loader.texts
    if not texts or not readable(interpreter):
        return {}
    return {name: text if isinstance(text, str) else text.decode("utf-8", "replace") for name, text in texts.items()}


def without_lines(interpreter: Interpreter, found: Iterable[Diagnostic], main: str) -> list[Diagnostic]:
    """Findings, without the lines of used files where scripts may not read files.

    Args:
        interpreter: with the policy.
        found: the findings.
        main: the name of the program, whose author knows its lines.
    """
    return [
        one
        if one.file == main or not one.source_line or readable(interpreter)
        else Diagnostic(one.line, one.column, one.severity, one.code, one.message, one.file, one.end_column)
        for one in found
    ]


# --- places ----------------------------------------------------------------------------------------------------------


def refuse(user: SourceFile, use: Use, code: int, message: str) -> NoReturn:
    """Raises an error at the place of an entry.

    Raises:
        Unusable: always.
    """
    raise Unusable([diagnostic(user, use, code, message)])


def diagnostic(user: SourceFile, use: Use, code: int, message: str, after: int = 0) -> Diagnostic:
    """The finding about an entry of metadata, with its line in the file.

    Args:
        user: the file.
        use: the entry.
        code: of the error.
        message: what is wrong with the entry.
        after: the line after which the metadata stands; 0 for the file's own, else that of a header.
    """
    text = user.content if isinstance(user.content, str) else user.content.decode("utf-8", "replace")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line = after + _line_of(lines[after:], use.number)
    shown = lines[line - 1]
    column = shown.find(use.path)
    if column >= 0:
        return Diagnostic(line, column + 1, "error", code, message, user.name, column + 1 + len(use.path), shown)
    return Diagnostic(line, 1, "error", code, message, user.name, len(shown) + 1, shown)


def _line_of(lines: list[str], number: int) -> int:
    """The line, from 1, of the metadata of this number, from 0; it stands before all else, but for comments."""
    joined = False  # whether the line goes on with the one before it, which ends with a backslash
    for at, line in enumerate(lines, 1):
        begins = not joined and line.lstrip(" \t\f").startswith("::")
        if begins:
            number -= 1
            if number < 0:
                return at
        joined = (begins or joined) and _is_joined(line)
    return 1


def _is_joined(line: str) -> bool:
    """Whether a line of metadata goes on in the next one: it ends with a backslash that no other one escapes."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
