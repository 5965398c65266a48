"""The command's entry: finds the sub-command, imports its module, and turns every way to end into an exit status.

A sub-command's module has ``SUMMARY``, its line in the help, ``configure(parser)``, which declares its arguments, and
``run(options) -> int``, which does the work.  Only the module that is used is imported, so that ``neuroscript run``
starts fast, and plugins are looked for only where a name is not built in.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from functools import partial

from neuroscript import __version__
from neuroscript.cli.parser import Parser, did_you_mean
from neuroscript.cli.report import complain
from neuroscript.cli.status import BROKEN_PIPE, CANCELLED, FAILED, USAGE, UsageError
from neuroscript.errors import NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    class Subcommand(Protocol):
        """What the module of a sub-command has."""

        SUMMARY: str

        def configure(self, parser: argparse.ArgumentParser) -> None: ...

        def run(self, options: argparse.Namespace) -> int: ...


BUILT_IN = {
    "run": "run",
    "check": "check",
    "fmt": "fmt",
    "explain": "reference",  # `neuroscript.cli.explain` is a function
    "debug": "debug",
    "test": "test",
    "tools": "tools",
    "primer": "primer",
    "repl": "repl",
    "lsp": "lsp",
    "runs": "runs",
    "queues": "queues",
    "serve": "serve",
    "trust": "trust",
    "doctor": "doctor",
    "completions": "shell",
}
"""The sub-commands of this package, each with its module."""

_YOUNG = 20_000
"""How many new objects start a garbage collection in a process of the command's own.

A start makes objects and no garbage: with Python's 700, looking takes 6 of 210 ms where workers are used.
"""


EPILOG = """\
exit status: 0 done, 1 the program failed, 2 wrong usage, 3 the program cannot be loaded, 4 the run waits for a person,
130 interrupted

`neuroscript COMMAND --help` explains a command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the arguments without the program's name.  If left out, they are those of the process, which has then
            nothing else to do.

    Returns:
        The exit status.  No exception leaves this function, except for defects in Python's development mode.
    """
    if argv is not None:
        return _main(list(argv))
    gc.set_threshold(_YOUNG, 10, 10)
    _open_closed_streams()
    try:
        return _main(sys.argv[1:])
    finally:
        # The process ends: to look for cycles in all that it has imported would take 4 ms, and 24 with workers.
        gc.freeze()


def _main(arguments: list[str]) -> int:
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
    except SystemExit as exit_:  # argparse ends so: 0 after --help, 2 after a wrong option
        return exit_.code if isinstance(exit_.code, int) else USAGE
    except UsageError as error:
        complain(error)
        return USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return CANCELLED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.  Nobody is left to tell.
        silence_stdout()
        return BROKEN_PIPE
    except NeuroScriptError as error:
        complain(error)
        return FAILED
    except OSError as error:
        if error.filename is not None or error.strerror is None:
            return _defect(error)
        silence_stdout()
        complain(f"the output cannot be written: {error.strerror}")
        return FAILED
    except Exception as error:  # a defect of ours or of a plugin, of which users get one line
        return _defect(error)
    return status


def _defect(error: Exception) -> int:
    if sys.flags.dev_mode:
        raise error
    complain(f"internal error: {type(error).__name__}: {error}")
    print("Please report it, with what `python -X dev -m neuroscript …` shows.", file=sys.stderr)
    return FAILED


def _open_closed_streams() -> None:
    """Has what goes to a closed standard stream go nowhere: Python leaves None in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends


def silence_stdout() -> None:
    """Discards what is still to be flushed at exit, since flushing it to a closed pipe would fail again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


class _RootParser(Parser):
    """The parser of what stands before the sub-command; its help lists the sub-commands, for which all are imported."""

    def format_help(self) -> str:
        self.epilog = _command_table() + EPILOG
        return super().format_help()


def _dispatch(arguments: list[str]) -> int:
    # What comes after the command is the command's own, options included.
    first = next((i for i, word in enumerate(arguments) if not word.startswith("-")), len(arguments))
    if first > 0 or not arguments:
        root = _RootParser(
            prog="neuroscript",
            description="Run, check and explore NeuroScript programs.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage="neuroscript [--version] [--help] COMMAND …",
        )
        root.add_argument("--version", action="version", version=f"neuroscript {__version__}")
        root.parse_args(arguments[:first])
        if first == len(arguments):
            root.print_help(sys.stderr)
            return USAGE
    return _run_command(arguments[first], arguments[first + 1 :])


def _run_command(name: str, arguments: list[str]) -> int:
    command = find(name)
    options = make_parser(name, command).parse_args(arguments)
    options.command_line = arguments  # by which a run is started again
    return int(command.run(options))


def make_parser(name: str, command: Subcommand) -> argparse.ArgumentParser:
    """Makes the parser of a sub-command's arguments."""
    parser = Parser(
        prog=f"neuroscript {name}",
        description=f"{command.SUMMARY[:1].upper()}{command.SUMMARY[1:]}.",
        # For each argument argparse makes a formatter, which imports `shutil` to ask for the terminal's width.
        formatter_class=partial(argparse.HelpFormatter, width=80),
    )
    command.configure(parser)
    parser.formatter_class = argparse.HelpFormatter
    return parser


def command_names() -> list[str]:
    """The names of the sub-commands, those that packages bring among them."""
    from neuroscript.cli import plugin_commands

    return list(dict.fromkeys([*BUILT_IN, *plugin_commands.names()]))


def find(name: str) -> Subcommand:
    """The sub-command of that name.

    Raises:
        UsageError: if there is none.
        NeuroScriptError: if it is a plugin's and cannot be loaded.
    """
    if name in BUILT_IN:
        module: Any = importlib.import_module(f"neuroscript.cli.{BUILT_IN[name]}")
        found: Subcommand | None = module
    else:
        from neuroscript.cli import plugin_commands

        found = plugin_commands.find(name)
    if found is None:
        raise UsageError(_unknown(name))
    return found


def _command_table() -> str:
    from neuroscript.cli import plugin_commands

    rows = [(name, find(name).SUMMARY) for name in BUILT_IN] + plugin_commands.summaries(BUILT_IN)
    width = max(len(name) for name, _ in rows)
    return "commands:\n" + "\n".join(f"  {name:{width}}  {summary}" for name, summary in rows) + "\n\n"


def _unknown(name: str) -> str:
    if name in ("help", "version"):
        return f"there is no command {name!r}; did you mean 'neuroscript --{name}'?"
    known = command_names()
    meant = did_you_mean(name, known)
    if meant:
        return f"there is no command {name!r}{meant}"
    if os.path.exists(name):
        return f"there is no command {name!r}; to run that file: neuroscript run {name}"
    return f"there is no command {name!r}; there are {', '.join(known)}"
