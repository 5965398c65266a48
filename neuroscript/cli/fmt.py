"""``neuroscript fmt``: lays programs out in one way, without changing what they mean."""

from __future__ import annotations

import argparse
import os
import stat
import sys

from neuroscript.cli.report import complain
from neuroscript.cli.source import STDIN, program_files, read_source, source_name
from neuroscript.cli.status import FAILED, OK, SYNTAX, UsageError
from neuroscript.errors import NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.formatting import format_source
from neuroscript.output import one_line, write, write_line

SUMMARY = "lay programs out in one way: indentation, spaces, empty lines"

_MARK = b"\xef\xbb\xbf"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a program, which is written again; a directory stands for the .ns files in it and below it; - lays out "
        "standard input on standard output",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; name the files that would be different, and exit 1",
    )
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would be different")


def run(options: argparse.Namespace) -> int:
    """Lays every file out; returns 3 if one is no program or cannot be read or written, else 1 for ``--check``."""
    changed = unchanged = failed = 0
    writes = not (options.check or options.diff)
    files = list(dict.fromkeys(program_files(options.files)))
    for path in files:
        try:
            before = read_source(path)
            after = _laid_out(before, source_name(path))
            if writes and path == STDIN:
                _print(after)
            elif before != after:
                if options.diff:
                    _show_difference(before, after, source_name(path))
                elif writes:
                    _replace(path, after)
                changed += 1
                if not options.diff:
                    write_line(sys.stderr if STDIN in files else sys.stdout, _told(path, writes))
            else:
                unchanged += 1
        except (UsageError, NeuroScriptError) as error:
            failed += 1
            sys.stdout.flush()
            if isinstance(error, NeuroScriptSyntaxError):
                write_line(sys.stderr, error.render())
            else:
                complain(error)
    if not options.diff and files != [STDIN]:
        sys.stdout.flush()
        write_line(sys.stderr, _summary(changed, unchanged, failed, writes))
    if failed:
        return SYNTAX
    return FAILED if options.check and changed else OK


def _laid_out(content: bytes, name: str) -> bytes:
    """A program's bytes in the one layout; a byte order mark stays."""
    mark = _MARK if content.startswith(_MARK) else b""
    return mark + format_source(content, name).encode()


def _replace(path: str, content: bytes) -> None:
    """Writes a file in one step, with the rights that it had; a link stays one.

    Raises:
        UsageError: if it cannot be written; then the file is as it was.
    """
    path = os.path.realpath(path)
    draft = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.tmp")
    try:
        os.close(os.open(path, os.O_WRONLY))  # replacing a file asks for the right to write the file itself
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.chmod(draft, stat.S_IMODE(os.stat(path).st_mode))
            os.replace(draft, path)
        except BaseException:  # an interrupt too: the draft must not stay behind
            os.unlink(draft)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path!r}: {error.strerror}") from error


def _print(content: bytes) -> None:
    """Prints a program: to the byte, but on a terminal."""
    if sys.stdout.isatty():
        write(sys.stdout, content.removeprefix(_MARK).decode())
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def _show_difference(before: bytes, after: bytes, name: str) -> None:
    """Prints a unified diff."""
    import difflib

    old, new = (text.decode().splitlines() for text in (before, after))
    for line in difflib.unified_diff(old, new, name, f"{name} (laid out)", lineterm=""):
        write_line(sys.stdout, line)


def _told(path: str, was_written: bool) -> str:
    return f"{'laid out' if was_written else 'would lay out'} {one_line(path)}"


def _summary(changed: int, unchanged: int, failed: int, was_written: bool) -> str:
    parts = []
    if changed:
        parts.append(f"{_files(changed)} {'' if was_written else 'would be '}laid out")
    if unchanged:
        parts.append(f"{_files(unchanged)} left as {'it was' if unchanged == 1 else 'they were'}")
    if failed:
        parts.append(f"{_files(failed)} could not be laid out")
    return ", ".join(parts)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
