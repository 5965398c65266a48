"""``neuroscript check``: errors and warnings of programs, without running them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from neuroscript.cli.options import add_format, add_lib, library_roots
from neuroscript.cli.report import complain, diagnostic_map, print_json
from neuroscript.cli.source import read_program
from neuroscript.cli.status import OK, SYNTAX, USAGE, UsageError
from neuroscript.cli.used_files import UsedFiles
from neuroscript.errors import Diagnostic
from neuroscript.interpreter import Interpreter
from neuroscript.output import write_line

ERROR = "error"

SUMMARY = "look for errors in programs without running them"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a program; - reads it from standard input")
    parser.add_argument(
        "--with",
        dest="beside",
        metavar="FILE",
        action="append",
        default=[],
        help="another program that is loaded beside each of them, whose procedures they may call; may be given several "
        "times",
    )
    add_lib(parser)
    parser.add_argument("--no-plugins", action="store_true", help="know the standard tools only")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Checks every file; returns 3 if any has errors, 2 if any cannot be read."""
    status = OK
    totals = {ERROR: 0, "warning": 0}
    beside = [read_program(path) for path in options.beside]
    used = UsedFiles(options.files)
    with Interpreter(plugins=not options.no_plugins, library_roots=library_roots(options.lib)) as interpreter:
        for path in options.files:
            try:
                program = read_program(path)
            except UsageError as error:
                sys.stdout.flush()
                complain(error)
                status = USAGE
                continue
            for file, findings in used.by_file(program.name, interpreter.check(program, beside=beside)):
                for finding in findings:
                    if finding.severity in totals:
                        totals[finding.severity] += 1
                if status == OK and not _valid(findings):
                    status = SYNTAX
                _show(path if file == program.name else file, findings, options.format)
    if options.format == "text":
        write_line(sys.stdout, _summary(len(options.files), totals))
    return status


def _valid(findings: Sequence[Diagnostic]) -> bool:
    return all(finding.severity != ERROR for finding in findings)


def _show(path: str, findings: Sequence[Diagnostic], format_name: str) -> None:
    if format_name == "jsonl":
        rows = [diagnostic_map(finding) for finding in findings]
        print_json({"file": path, "valid": _valid(findings), "diagnostics": rows})
        return
    for finding in findings:
        write_line(sys.stdout, finding.render())


def _summary(files: int, totals: dict[str, int]) -> str:
    counts = [f"{number} {name}{'' if number == 1 else 's'}" for name, number in totals.items() if number]
    return f"{files} file{'' if files == 1 else 's'} checked: {', '.join(counts) or 'nothing found'}"
