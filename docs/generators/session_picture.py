"""The picture of a session in the README: real commands, run on the built-in models when the pages are generated."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import tempfile
import textwrap
from collections.abc import Iterator
from html import escape
from pathlib import Path
from unittest import mock

PROGRAM = """\
func main(needs topics) means
  for each answer in tool.AIWorker.ExecuteBatch("writer", topics)
    emit answer.output + " (" + answer.output_tokens + " tokens)"
  endfor
endfunc
"""
MISTAKE = PROGRAM.replace("answer.output +", "answer.outptu +")
SESSION = (
    "neuroscript workers add writer --model local/echo --limit 60/min --budget 5/day --workers team",
    'neuroscript ask --workers team "Name a river."',
    "cat letters.ns",
    "neuroscript check letters.ns",
    "sed -i s/outptu/output/ letters.ns",
    """neuroscript run --workers team --args '[["tides", "stars"]]' letters.ns""",
)
COLUMNS = 98
WIDTH, LINE, MARGIN, TOP = 8.43, 20, 18, 58
"""Pixels: of a character, of a line, around the text, of the title bar."""

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
BACK, BAR, INK, PROMPT, NOTE = "#1b2033", "#2a3150", "#e6e9f5", "#7fd1a5", "#f2b866"


def session_picture() -> str:
    """The picture as SVG."""
    lines = list(_lines())
    width = round(max(len(text) for text, _ in lines) * WIDTH + 2 * MARGIN)
    height = TOP + len(lines) * LINE + MARGIN
    dots = "".join(
        f'<circle cx="{MARGIN + 18 * number}" cy="17" r="6" fill="{colour}"/>'
        for number, colour in enumerate(("#e06c75", "#e5c07b", "#98c379"))
    )
    rows = "\n".join(
        f'<text x="{MARGIN}" y="{TOP + number * LINE + 4}" fill="{colour}" xml:space="preserve">{escape(text)}</text>'
        for number, (text, colour) in enumerate(lines)
        if text
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="A session in a terminal">\n'
        f'<rect width="{width}" height="{height}" rx="10" fill="{BACK}"/>\n'
        f'<path d="M0 34V10a10 10 0 0 1 10-10H{width - 10}a10 10 0 0 1 10 10V34Z" fill="{BAR}"/>\n{dots}\n'
        f'<g font-family="{FONT}" font-size="14">\n{rows}\n</g>\n</svg>\n'
    )


def _lines() -> Iterator[tuple[str, str]]:
    """The lines of the session, each with its colour."""
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        home = {
            "HOME": directory,
            "COLUMNS": str(COLUMNS),
            **{f"XDG_{kind}_HOME": f"{directory}/home" for kind in _KINDS},
        }
        Path("letters.ns").write_text(MISTAKE)
        with mock.patch.dict(os.environ, home):
            os.environ.pop("NEUROSCRIPT_WORKERS", None)
            for number, command in enumerate(SESSION):
                if number:
                    yield "", INK
                yield f"$ {command}", PROMPT
                for line, is_output in _run(shlex.split(command)):
                    for piece in textwrap.wrap(line, COLUMNS, drop_whitespace=False) or [""]:
                        yield piece, INK if is_output else NOTE


_KINDS = ("CONFIG", "DATA", "CACHE", "STATE")


def _run(command: list[str]) -> Iterator[tuple[str, bool]]:
    """The lines that a command prints, and whether each is output or about it."""
    match command:
        case ["cat", name]:
            yield from ((line, True) for line in Path(name).read_text().splitlines())
        case ["sed", "-i", _, name]:
            Path(name).write_text(PROGRAM)
        case ["neuroscript", *arguments]:
            from neuroscript.cli import main

            out, err = io.StringIO(), io.StringIO()
            nothing = mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO()))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), nothing:
                main(arguments)
            about = arguments[0] == "check"
            yield from ((line, not about) for line in out.getvalue().splitlines())
            yield from ((line, False) for line in err.getvalue().splitlines())
