"""``neuroscript completions``: prints the script that has a shell complete the command's words."""

from __future__ import annotations

import argparse
import sys

from neuroscript.cli.app import command_names, find, make_parser
from neuroscript.cli.shell_words import words_after
from neuroscript.cli.shells import SCRIPTS
from neuroscript.cli.status import OK, UsageError
from neuroscript.errors import NeuroScriptError
from neuroscript.output import one_line, write, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SUMMARY = "print the script that has bash, zsh or fish complete this command's words"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = "To try it in bash: source <(neuroscript completions bash)"
    parser.add_argument("shell", metavar="SHELL", nargs="?", choices=tuple(SCRIPTS), help="bash, zsh or fish")
    # What the scripts ask: standard input has the words that have been typed, one a line; the last, maybe empty, is
    # not complete.  As arguments, words such as -- would be taken for options of this command.
    parser.add_argument("--words", action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Prints the script; returns the exit status."""
    if options.words:
        for word, told in _next_words(sys.stdin.read().removesuffix("\n").split("\n")):
            write_line(sys.stdout, one_line(word) + (f"\t{one_line(told)}" if told else ""))
        return OK
    if options.shell is None:
        raise UsageError(f"which shell? There are scripts for {', '.join(SCRIPTS)}: neuroscript completions bash")
    write(sys.stdout, SCRIPTS[options.shell].lstrip("\n"))
    return OK


def _next_words(typed: Sequence[str]) -> list[tuple[str, str]]:
    if len(typed) == 1:
        return [(name, "") for name in command_names() if name.startswith(typed[0])]
    try:
        return words_after(make_parser(typed[0], find(typed[0])), typed[1:])
    except (UsageError, NeuroScriptError):
        return []  # there is no such command, or it is broken: nothing is known of its words
