"""What the commands that ask a worker share: the manager, the choice of the worker, and showing a reply as it comes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_wm.cli.places import has_workers, no_workers, worker_names
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.support.ids import ExactId
from ai_wm.tools.ask import DEFAULT_NAME
from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.cli import (
    add_workers,
    complain,
    existing_directory,
    find_place,
    log_to_standard_error,
    set_completer,
    write,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from ai_wm.manager import AIWorkerManager
    from neuroscript import StreamEvent

_MOST_NAMED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments that say whom to ask."""
    worker = parser.add_argument(
        "-w",
        "--worker",
        metavar="NAME",
        help=f"the worker (default: the one named {DEFAULT_NAME}, or the only one)",
    )
    set_completer(worker, worker_names)
    parser.add_argument("-s", "--system", metavar="TEXT", help="the system prompt, in place of the worker's own")
    add_workers(parser)
    parser.add_argument(
        "--sandbox",
        metavar="DIR",
        help="the sandbox directory of programs, where their workers are too if neither --workers nor "
        "$NEUROSCRIPT_WORKERS names another",
    )


def open_manager(options: argparse.Namespace) -> AIWorkerManager | None:
    """Opens the directory of the workers; None, which is told, if there are none."""
    place = find_place(options)
    if not place.is_default:
        existing_directory(place.path, place.origin)
    log_to_standard_error()
    if not has_workers(Path(place.path)):
        complain(no_workers(place))
        return None
    from ai_wm.manager import AIWorkerManager
    from ai_wm.store.prompt_log import user_log

    return AIWorkerManager(place.path, needs_marks=True, prompt_log=user_log())


def chosen(manager: AIWorkerManager, name: str | None, is_able: Callable[[AIWorkerDefinition], bool]) -> ExactId:
    """Returns the id of the worker to ask: the one that is named, else the default one, else the only one.

    Raises:
        NeuroScriptError: 9 if there is none of that name; 19 if none is named and several could be meant.
    """
    if name is not None:
        return ExactId(manager.get_worker_definition(name).definition_id)
    able = [each for each in manager.active_definitions() if not each.owner and is_able(each)]
    named = [each for each in able if each.name == DEFAULT_NAME]
    if named or len(able) == 1:
        return ExactId((named or able)[0].definition_id)
    if not able:
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, "none of the workers is active and for this")
    names = ", ".join(sorted(each.name for each in able)[:_MOST_NAMED])
    more = ", …" if len(able) > _MOST_NAMED else ""
    raise NeuroScriptError(
        ErrorCode.PRECONDITION_FAILED,
        f"there are {len(able)} workers ({names}{more}); say which one with -w NAME, or name one of them "
        f"{DEFAULT_NAME!r}",
    )


class ReplyWriter:
    """Writes a reply while it comes, as it is: it is all that its stream gets.

    Args:
        stream: where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held = ""
        self._last = "\n"
        self._worker = ""

    def show(self, event: StreamEvent) -> None:
        """Writes what an event tells of the reply."""
        if event.kind == "repair":
            self.end()
        if event.kind != "delta" or not event.text:
            return
        if self._worker and event.worker_id != self._worker:
            self.end()
            complain(f"{event.worker} answers in its place")
        self._worker = event.worker_id
        text = (self._held + event.text).replace("\r\n", "\n")
        # A line end may come in two pieces.
        self._held = "\r" if text.endswith("\r") else ""
        self._write(text.removesuffix("\r"))

    def end(self) -> None:
        """Ends the line, if one was begun."""
        self._write(self._held)
        self._held = ""
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            write(self._stream, text)
            self._stream.flush()
            self._last = text[-1]


def settings(**given: Any) -> dict[str, Any]:
    """The settings of a call that were given."""
    return {name: value for name, value in given.items() if value}


def read_context() -> str:
    """Reads what comes in a pipe or a file on standard input; empty on a terminal.

    Raises:
        NeuroScriptError: 4 if it is no text; 37 if it is too long.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    content = sys.stdin.buffer.read(MOST_CONTEXT + 1)
    if len(content) > MOST_CONTEXT:
        message = f"standard input has more than {MOST_CONTEXT} bytes, which no model reads"
        raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "standard input is not UTF-8 text; attach an image, a PDF document or audio with -a FILE"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message) from None


def split(files: Sequence[Path]) -> tuple[list[str], list[Path]]:
    """Splits files into the contents of those that are text, each under its name, and those that are attached.

    Raises:
        NeuroScriptError: 22 if there is no such file; 37 if one is too long.
    """
    from ai_wm.data.attachments import sniff

    texts: list[str] = []
    attached: list[Path] = []
    for path in files:
        text = None
        if path.is_file():
            with path.open("rb") as file:
                content = file.read(MOST_CONTEXT + 1)
            text = _decoded(content) if content and sniff(content) is None else None
        if text is None:
            attached.append(path)  # which tells what is wrong with it, if it is nothing that can be attached
        elif len(text.encode()) > MOST_CONTEXT:
            message = f"the file {path.name!r} has more than {MOST_CONTEXT} bytes, which no model reads"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        else:
            texts.append(f"{path.name}:\n\n{text}")
    return texts, attached


def _decoded(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


MOST_CONTEXT = 16 << 20
"""The most bytes that are read from standard input."""
