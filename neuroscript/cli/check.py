"""``neuroscript check``: errors and warnings of programs, without running them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from neuroscript.cli.options import add_globals, add_lib, add_tools, library_roots
from neuroscript.cli.report import FORMATS, complain, diagnostic_map, print_json
from neuroscript.cli.source import program_files, read_program
from neuroscript.cli.status import OK, SYNTAX, UsageError
from neuroscript.cli.tool_modules import add_tool_modules
from neuroscript.cli.used_files import UsedFiles
from neuroscript.errors import Diagnostic
from neuroscript.interpreter import Interpreter
from neuroscript.output import write_line

ERROR = "error"
WARNING = "warning"

SUMMARY = "look for errors in programs without running them"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a program; a directory stands for the .ns files in it and below it; - reads standard input",
    )
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
    parser.add_argument("--strict", action="store_true", help="let warnings count as errors do: exit status 3")
    parser.add_argument("--no-plugins", action="store_true", help="know the standard tools only")
    add_tools(parser)
    add_globals(parser)
    parser.add_argument(
        "--format",
        choices=(*FORMATS, "sarif"),
        default="text",
        help="text for people (default), JSON lines, or SARIF 2.1.0 for code hosts and editors",
    )


def run(options: argparse.Namespace) -> int:
    """Checks every file; returns 3 if any has errors or cannot be read, with ``--strict`` also for warnings."""
    status = OK
    checked: list[tuple[str, list[Diagnostic]]] = []
    unread: list[tuple[str, str]] = []
    names = dict.fromkeys(name for names in options.globals for name in names)
    beside = [read_program(path) for path in options.beside]
    files = list(dict.fromkeys(program_files(options.files)))
    used = UsedFiles(files)
    roots = library_roots(options.lib)
    with Interpreter(plugins=not options.no_plugins, globals=names, library_roots=roots) as interpreter:
        add_tool_modules(interpreter, options.tools)
        for path in files:
            try:
                program = read_program(path)
            except UsageError as error:
                sys.stdout.flush()
                complain(error)
                unread.append((path, str(error)))
                status = SYNTAX
                continue
            every = interpreter.check(program, beside=beside)
            for file, findings in used.by_file(program.name, every):
                checked.append((file, findings))
                counted = (ERROR, WARNING) if options.strict else (ERROR,)
                if any(finding.severity in counted for finding in findings):
                    status = SYNTAX
                if options.format != "sarif":
                    _show(file, findings, options.format, every if file == program.name else findings)
    if options.format == "text":
        write_line(sys.stdout, _summary(checked))
    elif options.format == "sarif":
        from neuroscript.cli.sarif import sarif_log

        print_json(sarif_log(checked, unread))
    return status


def _show(file: str, findings: Sequence[Diagnostic], format_name: str, deciding: Sequence[Diagnostic]) -> None:
    """Prints the findings in a file.

    Args:
        file: its name.
        findings: those to print.
        format_name: how.
        deciding: those that decide whether it is valid; of a program that includes what is in the files that it uses.
    """
    if format_name == "jsonl":
        rows = [diagnostic_map(finding) for finding in findings]
        # A program is valid if it can be loaded, whatever its calls come to.
        valid = not any(finding.severity == ERROR and not finding.rule for finding in deciding)
        print_json({"file": file, "valid": valid, "diagnostics": rows})
        return
    for finding in findings:
        write_line(sys.stdout, finding.render())


def _summary(checked: Sequence[tuple[str, Sequence[Diagnostic]]]) -> str:
    totals = {ERROR: 0, WARNING: 0}
    for _, findings in checked:
        for finding in findings:
            totals[finding.severity] = totals.get(finding.severity, 0) + 1
    counts = [f"{number} {name}{'' if number == 1 else 's'}" for name, number in totals.items() if number]
    files = len(checked)
    return f"{files} file{'' if files == 1 else 's'} checked: {', '.join(counts) or 'nothing found'}"
