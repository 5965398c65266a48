"""Sub-commands of a sub-command, such as ``neuroscript runs list``, and what they share."""

from __future__ import annotations

import sys

from neuroscript.cli.options import add_format, add_workers
from neuroscript.cli.report import print_json
from neuroscript.cli.status import OK
from neuroscript.output import one_line, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Final

    Declare = Callable[[argparse.ArgumentParser], None]

PAUSE: Final = 0.5
"""Seconds between two looks at what is followed."""


def add_actions(parser: argparse.ArgumentParser, actions: Mapping[str, tuple[str, Declare, Any]], what: str) -> None:
    """Declares actions, each with its summary and the arguments that it declares itself.

    Args:
        parser: of the command.
        actions: of each name the summary, what declares its arguments, and what does it.
        what: what lies in the directory of ``--sandbox``.
    """
    found = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (summary, declare, _) in actions.items():
        made = found.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        declare(made)
        made.add_argument("--sandbox", metavar="DIR", help=f"the directory of --sandbox, if {what} so")
        add_workers(made)
        add_format(made)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def said(options: argparse.Namespace, row: dict[str, Any], line: str) -> int:
    """Says what was done: a line, or one of JSON."""
    if options.format == "jsonl":
        print_json(row)
    else:
        write_line(sys.stdout, one_line(line))
    return OK
