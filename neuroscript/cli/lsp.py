"""``neuroscript lsp``: the language server, which editors start and talk to over standard input and output."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from neuroscript.cli.configuration import layered
from neuroscript.cli.host import POLICY_SERVICE, check_patterns, configuration_files, settings_of
from neuroscript.cli.options import add_globals, add_lib, add_policy, add_tools, library_roots
from neuroscript.cli.report import complain
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import OK, UsageError
from neuroscript.cli.tool_modules import add_tool_modules
from neuroscript.interpreter import Interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SUMMARY = "serve editors (Language Server Protocol): findings, completion, names, layout"

_INSTALL = "the language server needs the extra 'lsp': pip install 'neuroscript[lsp]'"
_STARTED_BY_HAND = "an editor starts this command and talks to it over standard input and output; Ctrl-C ends it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "--stdio", action="store_true", help="talk over standard input and output, which it does anyway"
    )
    parser.add_argument(
        "--sandbox",
        metavar="DIR",
        help="the directory of scripts, from which programs may use files too (default: none)",
    )
    add_lib(parser)
    add_tools(parser)
    parser.add_argument("--no-plugins", action="store_true", help="know the standard tools only")
    parser.set_defaults(env=[])
    add_globals(parser)
    add_policy(parser)


def run(options: argparse.Namespace) -> int:
    """Serves an editor until it goes away."""
    if importlib.util.find_spec("pygls") is None:
        raise UsageError(_INSTALL)
    if sys.stdin.isatty():
        complain(_STARTED_BY_HAND)
    # The modules of --tools and plugins may print: that must not get between the messages to the editor.
    with open(os.dup(sys.stdout.fileno()), "wb") as messages:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        hosts = _Hosts(options)
        library_roots(options.lib)
        if options.sandbox is not None and not os.path.isdir(options.sandbox):
            raise UsageError(f"--sandbox {options.sandbox!r} is not a directory")  # an editor makes none
        # What is wrong with the flags is told before the editor waits for answers.
        check_patterns(hosts.interpreter(STDIN, complain), options, not options.no_plugins)
        from neuroscript.language_server.server import serve

        serve(hosts.interpreter, sys.stdin.buffer, messages)
    return OK


class _Hosts:
    """The interpreters of programs: one for all to which the same configuration files apply."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._known: dict[tuple[tuple[str, int], ...], Interpreter] = {}

    def interpreter(self, path: str, tell: Callable[[str], object]) -> Interpreter:
        """The interpreter whose tools the program of a path may use.

        Args:
            path: of the program; anything that is no absolute path stands for the working directory.
            tell: gets what is wrong with the configuration.

        Raises:
            UsageError: if a flag is wrong.
        """
        program = path if os.path.isabs(path) else STDIN
        user, projects = configuration_files(program)
        files = [*projects] if user is None else [user, *projects]
        key = tuple((file, _changed(file)) for file in files)
        if key not in self._known:
            self._known[key] = self._made(program, tell)
        return self._known[key]

    def _made(self, program: str, tell: Callable[[str], object]) -> Interpreter:
        options = self._options
        try:
            settings = settings_of(options, program, None)
        except UsageError as error:
            tell(f"{error} (until that is mended, no configuration counts here)")
            settings = layered(options, None, [], None)
        sandbox = settings.one("run.sandbox")
        interpreter = Interpreter(
            sandbox=sandbox if sandbox is not None and os.path.isdir(sandbox) else None,
            limits=settings.limits(),
            globals=dict.fromkeys(name for names in options.globals for name in names),
            plugins=settings.one("run.plugins"),
            policy=settings.tool_policy(),
            services={POLICY_SERVICE: settings.worker_policy()},
            library_roots=options.lib,
        )
        add_tool_modules(interpreter, options.tools)
        return interpreter


def _changed(path: str) -> int:
    """When a file was changed, in nanoseconds; -1 if it is gone."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1
