"""The options of ``%%neuroscript`` and ``%neuroscript``, and the code that follows them on a line."""

from __future__ import annotations

import argparse
import io
import shlex
from typing import NoReturn

from neuroscript.cli.interactive import add_session
from neuroscript.cli.parser import Parser
from neuroscript.cli.status import UsageError
from neuroscript.records import record

SWITCHES = frozenset({"-h", "--help", "--reset", "--no-plugins"})
"""The options that take no value."""


class HelpWanted(Exception):
    """Raised for ``--help``; the message is the help."""


@record(frozen=True)
class Line:
    """The line of a magic.

    Args:
        inputs: the Python variables that the program gets.
        outputs: the variables of the program that Python gets.
        reset: whether a new session is begun.
        session: the options of the session.
        chosen: whether any of them is not at its default.
        code: what follows the options.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reset: bool
    session: argparse.Namespace
    chosen: bool
    code: str


class _Parser(Parser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (%neuroscript --help lists the options)")

    def print_help(self, file: object = None) -> None:
        raise HelpWanted(self.format_help())


def make_parser() -> argparse.ArgumentParser:
    """Makes the parser of the options."""
    parser = _Parser(
        prog="%%neuroscript",
        usage="%%%%neuroscript [options], with a program below, or %%neuroscript [options] STATEMENT",
        description="Run a cell, or a line, of NeuroScript. Variables and procedures stay for the next one.",
        allow_abbrev=False,
    )
    more = "; may be given several times"
    parser.add_argument(
        "-i", "--in", dest="inputs", metavar="NAME", action="append", default=[], help=f"a Python variable for it{more}"
    )
    parser.add_argument(
        "-o",
        "--out",
        dest="outputs",
        metavar="NAME",
        action="append",
        default=[],
        help=f"a variable of it for Python{more}",
    )
    parser.add_argument(
        "--reset",
        action="store_true",
        help="forget variables and procedures first; options beside it hold from then on, else those before stay",
    )
    add_session(parser)
    return parser


def parse_line(line: str) -> Line:
    """Reads the line of a magic: options, then code.

    Raises:
        UsageError: for options that are none.
        HelpWanted: for ``--help``.
    """
    words, code = _split(line)
    parser = make_parser()
    options = parser.parse_args(words)
    inputs, outputs, reset = (vars(options).pop(name) for name in ("inputs", "outputs", "reset"))
    chosen = any(value != parser.get_default(name) for name, value in vars(options).items())
    return Line(tuple(inputs), tuple(outputs), reset, options, chosen, code)


def _split(line: str) -> tuple[list[str], str]:
    """The words of the options at the beginning of a line, and what follows them as it is written."""
    words: list[str] = []
    rest = line.strip()
    value = False
    while rest and (value or _is_option(rest)):
        word, rest = _first_word(rest)
        words.append(word)
        value = not value and word not in SWITCHES and "=" not in word and (word.startswith("--") or len(word) == 2)
    return words, rest.removeprefix("-- ")


def _is_option(text: str) -> bool:
    """Whether a text begins with an option; ``-5`` is a number, and ``--`` alone ends the options."""
    body = text.lstrip("-")
    return 0 < len(text) - len(body) <= 2 and body[:1].isalpha()


def _first_word(text: str) -> tuple[str, str]:
    """The first word of a text, quotes removed as a shell does, and the rest."""
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        word = lexer.get_token()
    except ValueError as error:
        raise UsageError(f"the options cannot be read: {str(error).lower()}") from None
    return word or "", text[stream.tell() :].lstrip()
