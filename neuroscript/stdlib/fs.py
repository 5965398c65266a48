"""The tools of group ``fs``: files and folders of the sandbox directory.

Paths are relative to that directory, with ``/`` between folders.  See `neuroscript.sandbox.sandbox` for how a script is
kept inside.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.sandbox import FileEntry
from neuroscript.sandbox.directory import RESERVED_NAMES
from neuroscript.stdlib.fs_recovery import APPEND, DELETE, MKDIR, MOVE
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import TimeDate, time_text, type_name

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext
    from neuroscript.tools.recovery import Recovery

MAX_FILENAME = 100
_LONG_NAME = 10_000


def _entry(entry: FileEntry, folder: str = "") -> dict[str, Any]:
    """An entry as scripts see it, under the names of this package and those that Go programs know it by."""
    is_directory = entry.kind == "directory"
    modified = _moment(entry.modified_ns)
    return {
        "name": entry.name,
        "path": entry.path,
        "path_relative": entry.path.removeprefix(folder),
        "kind": entry.kind,
        "is_dir": is_directory,
        "isDir": is_directory,
        "size_bytes": entry.size,
        "size": entry.size,
        "modified": modified,
        "modTime": time_text(modified),
        "modified_unix": entry.modified_ns // 1_000_000_000,
        "mode": entry.mode,
        "mode_string": entry.mode,
    }


def _moment(nanoseconds: int) -> TimeDate:
    try:
        return TimeDate.from_unix_nanoseconds(nanoseconds)
    except OverflowError:
        # A file system may hold a time that no calendar has.
        return TimeDate.from_unix_nanoseconds(0)


def _content(content: Any) -> bytes:
    if type(content) is str:
        return content.encode()
    if type(content) is bytes:
        return content
    message = f"the content of a file is a string or bytes, not a {type_name(content)}; make text of it first"
    raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)


def read(ctx: ToolContext, filepath: str) -> str:
    return ctx.files.read_text(filepath, ctx.limits.max_string)


def read_bytes(ctx: ToolContext, filepath: str) -> bytes:
    return ctx.files.read_bytes(filepath, ctx.limits.max_string)


def write(ctx: ToolContext, filepath: str, content: Any) -> str:
    return ctx.files.write(filepath, _content(content))


def append(ctx: ToolContext, filepath: str, content: Any) -> str:
    return ctx.files.append(filepath, _content(content))


def list_entries(ctx: ToolContext, path: str, recursive: bool) -> list[dict[str, Any]]:
    entries = ctx.files.entries(path, recursive, ctx.limits.max_items)
    # The first one stands in the folder itself.
    folder = entries[0].path.removesuffix(entries[0].name) if entries else ""
    return [_entry(entry, folder) for entry in entries]


def walk(ctx: ToolContext, path: str) -> list[dict[str, Any]]:
    return list_entries(ctx, path, True)


def make_directory(ctx: ToolContext, path: str) -> str:
    return ctx.files.make_directory(path)


def delete(ctx: ToolContext, path: str, recursive: bool) -> str:
    return ctx.files.delete(path, recursive)


def stat(ctx: ToolContext, path: str) -> dict[str, Any]:
    return _entry(ctx.files.stat(path))


def exists(ctx: ToolContext, path: str) -> bool:
    return ctx.files.exists(path)


def move(ctx: ToolContext, source_path: str, destination_path: str) -> str:
    return ctx.files.move(source_path, destination_path)


def hash_file(ctx: ToolContext, filepath: str) -> str:
    ctx.files.stat(filepath)  # what is protected has no digest either: it is as good as missing
    digest = hashlib.sha256()
    for chunk in ctx.files.chunks(filepath):
        digest.update(chunk)
    return digest.hexdigest()


def line_count(ctx: ToolContext, filepath: str) -> int:
    lines, last = 0, b"\n"
    for chunk in ctx.files.chunks(filepath):
        lines += chunk.count(b"\n")
        last = chunk[-1:]
    # A last line without a line end is a line too.
    return lines + (last != b"\n")


def sanitize_filename(name: str) -> str:
    if len(name) > _LONG_NAME:  # of which no more than the beginning and an extension can be left
        name = name[: _LONG_NAME // 2] + name[-_LONG_NAME // 2 :]
    clean = re.sub(r"[^\w.\-]+", "_", name)
    clean = re.sub(r"\.{2,}", ".", re.sub(r"_{2,}", "_", clean)).strip("._-")
    stem, dot, extension = clean.rpartition(".")
    if dot and len(extension) <= 10:
        clean = f"{_shorten(stem, MAX_FILENAME - 11)}.{extension}"
    else:
        clean = _shorten(clean, MAX_FILENAME)
    device, dot, rest = clean.partition(".")
    if device.lower() in RESERVED_NAMES:
        clean = f"{device}_{dot}{rest}"
    return clean or "unnamed"


def _shorten(name: str, size: int) -> str:
    """As much of the beginning as ``size`` bytes hold, since file systems count bytes."""
    return name.encode()[:size].decode(errors="ignore").strip("._-")


_OUTSIDE = (
    "34 if the path leaves the sandbox, 10 if it is the host's own (worker files, `neuroscript.toml`), 18 if there is "
    "no sandbox, 25 without permission, 26 if the system fails"
)
_LIMIT = "37 beyond what a run may write"
_ENTRY = Shape(
    "file entry",
    [
        ShapeField("name", ArgType.STRING, "The name without the folders."),
        ShapeField("path", ArgType.STRING, "The path relative to the sandbox."),
        ShapeField("path_relative", ArgType.STRING, "The path relative to the folder that is listed."),
        ShapeField("kind", ArgType.STRING, "`file`, `directory`, `link` or `other`."),
        ShapeField("is_dir", ArgType.BOOL, "Whether it is a folder."),
        ShapeField("isDir", ArgType.BOOL, "The same as `is_dir`."),
        ShapeField("size_bytes", ArgType.INT, "The size in bytes."),
        ShapeField("size", ArgType.INT, "The same as `size_bytes`."),
        ShapeField("modified", ArgType.TIMEDATE, "When it was last changed."),
        ShapeField("modTime", ArgType.STRING, "The same in RFC 3339."),
        ShapeField("modified_unix", ArgType.INT, "The same in whole seconds since 1970."),
        ShapeField("mode", ArgType.STRING, "The permissions, as `-rw-r--r--`."),
        ShapeField("mode_string", ArgType.STRING, "The same as `mode`."),
    ],
)
_FILE = ArgSpec("filepath", ArgType.STRING, "The file's path in the sandbox.")


def _spec(
    name: str,
    description: str,
    args: tuple[ArgSpec, ...],
    returns: tuple[ArgType, str],
    *,
    example: str,
    errors: str,
    write: bool = False,
    recovery: Recovery | None = None,
    shape: Shape | None = None,
    primer: str = "",
) -> ToolSpec:
    conditions = [part for part in (errors, _LIMIT if write and not name.startswith("D") else "", _OUTSIDE) if part]
    return ToolSpec(
        name=f"fs.{name}",
        description=description,
        category="fs",
        args=args,
        return_type=returns[0],
        return_help=returns[1],
        result_shape=shape,
        example=example,
        error_conditions=f"{'; '.join(conditions)}.",
        capabilities=("fs:write",) if write else ("fs:read",),
        effect="once" if recovery is not None else "idempotent" if write else "read",
        recovery=recovery,
        primer=primer,
    )


_PATH_RESULT = (ArgType.STRING, "The path of what was written or made, relative to the sandbox.")

TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        _spec(
            "Read",
            "Reads a UTF-8 text file.",
            (_FILE,),
            (ArgType.STRING, "The file's text."),
            example='set text = tool.fs.Read("notes/today.txt")',
            errors="22 if the file is missing, 23 if it is no file, 41 if it is not UTF-8, 37 if it is too large",
        ),
        read,
    ),
    (
        _spec(
            "ReadBytes",
            "Reads a file as it is.",
            (_FILE,),
            (ArgType.BYTES, "The file's bytes."),
            example='emit len(tool.fs.ReadBytes("photo.jpg"))',
            errors="22 if the file is missing, 23 if it is no file, 37 if it is too large",
        ),
        read_bytes,
    ),
    (
        _spec(
            "Write",
            "Writes a file, whole or not at all; what it held before is gone. Folders that are missing are made.",
            (_FILE, ArgSpec("content", ArgType.ANY, "A string (written as UTF-8) or bytes.")),
            _PATH_RESULT,
            example='call tool.fs.Write("reports/week.txt", "all is well\\n")',
            errors="23 if the path is no file, 4 if the content is neither a string nor bytes",
            write=True,
        ),
        write,
    ),
    (
        _spec(
            "Append",
            "Adds to the end of a file. The file and its folders are made if they are missing.",
            (_FILE, ArgSpec("content", ArgType.ANY, "A string (written as UTF-8) or bytes.")),
            _PATH_RESULT,
            example='call tool.fs.Append("log.txt", "started\\n")',
            errors="23 if the path is no file, 4 if the content is neither a string nor bytes",
            write=True,
            recovery=APPEND,
        ),
        append,
    ),
    (
        _spec(
            "List",
            "Lists a folder, by name.",
            (
                ArgSpec("path", ArgType.STRING, "The folder; `.` is the sandbox itself.", required=False, default="."),
                ArgSpec("recursive", ArgType.BOOL, "Folders inside as well.", required=False, default=False),
            ),
            (ArgType.SLICE_MAP, "A map for each entry."),
            shape=_ENTRY,
            primer="→[{name,path,is_dir,size_bytes,modified,…}]",
            example='for each entry in tool.fs.List("reports")\n  emit entry.name\nendfor',
            errors="22 if the folder is missing, 23 if it is no folder, 37 if it holds more than a list can",
        ),
        list_entries,
    ),
    (
        _spec(
            "Walk",
            "Lists a folder and everything below it. Links are listed and not followed.",
            (ArgSpec("path", ArgType.STRING, "The folder; `.` is the sandbox itself.", required=False, default="."),),
            (ArgType.SLICE_MAP, "A map for each entry."),
            shape=_ENTRY,
            primer="→[{…}]",
            example='emit len(tool.fs.Walk("."))',
            errors="22 if the folder is missing, 23 if it is no folder, 37 if there is more than a list can hold",
        ),
        walk,
    ),
    (
        _spec(
            "Mkdir",
            "Makes a folder, and those above it. One that is there already is left alone.",
            (ArgSpec("path", ArgType.STRING, "The folder to make."),),
            _PATH_RESULT,
            example='call tool.fs.Mkdir("reports/2025")',
            errors="24 if a file has that name, 23 if a file is in the way",
            write=True,
            recovery=MKDIR,
        ),
        make_directory,
    ),
    (
        _spec(
            "Delete",
            "Deletes a file, a link (not what it points to) or a folder.",
            (
                ArgSpec("path", ArgType.STRING, "What to delete."),
                ArgSpec("recursive", ArgType.BOOL, "A folder with all it holds.", required=False, default=False),
            ),
            (ArgType.STRING, "The path of what was deleted."),
            example='call tool.fs.Delete("reports/week.txt")',
            errors="22 if there is nothing, 19 if a folder is not empty and `recursive` is not true",
            write=True,
            recovery=DELETE,
        ),
        delete,
    ),
    (
        _spec(
            "Stat",
            "Tells what there is at a path. A link is followed.",
            (ArgSpec("path", ArgType.STRING, "A file or folder."),),
            (ArgType.MAP, "What is known of it."),
            shape=_ENTRY,
            primer="→{…}",
            example='emit tool.fs.Stat("notes.txt").size_bytes',
            errors="22 if there is nothing",
        ),
        stat,
    ),
    (
        _spec(
            "Exists",
            "Tells whether there is anything at a path.",
            (ArgSpec("path", ArgType.STRING, "A file or folder."),),
            (ArgType.BOOL, "True if there is."),
            example='if not tool.fs.Exists("notes.txt")\n  call tool.fs.Write("notes.txt", "")\nendif',
            errors="",
        ),
        exists,
    ),
    (
        _spec(
            "Move",
            "Moves or renames a file, link or folder. What has the new name already is never replaced.",
            (
                ArgSpec("source_path", ArgType.STRING, "What to move."),
                ArgSpec("destination_path", ArgType.STRING, "Its new path, name included."),
            ),
            (ArgType.STRING, "The new path."),
            example='call tool.fs.Move("draft.txt", "reports/final.txt")',
            errors="22 if the source is missing, 24 if the destination exists, 19 for a folder into itself",
            write=True,
            recovery=MOVE,
        ),
        move,
    ),
    (
        _spec(
            "Hash",
            "Computes the SHA-256 digest of a file, of any size.",
            (_FILE,),
            (ArgType.STRING, "64 hexadecimal digits."),
            example='emit tool.fs.Hash("notes.txt")',
            errors="22 if the file is missing, 23 if it is no file",
        ),
        hash_file,
    ),
    (
        _spec(
            "LineCount",
            "Counts the lines of a file, of any size. A last line without a line end counts.",
            (_FILE,),
            (ArgType.INT, "The number of lines."),
            example='emit tool.fs.LineCount("notes.txt")',
            errors="22 if the file is missing, 23 if it is no file",
        ),
        line_count,
    ),
    (
        ToolSpec(
            name="fs.SanitizeFilename",
            description="Makes a name that is safe for a file on every system: letters, digits, `_`, `-` and `.`.",
            category="fs",
            args=(ArgSpec("name", ArgType.STRING, "Any text."),),
            return_type=ArgType.STRING,
            return_help=f"At most {MAX_FILENAME} bytes of UTF-8, never empty, never a device's name.",
            example='tool.fs.SanitizeFilename("Q1: profit/loss?.txt") = "Q1_profit_loss.txt"',
            pure=True,
        ),
        sanitize_filename,
    ),
]
