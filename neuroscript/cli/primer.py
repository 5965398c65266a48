"""``neuroscript primer``: the page that a model needs to write programs."""

from __future__ import annotations

import argparse
import sys

from neuroscript.cli.configuration import parsed, read_file
from neuroscript.cli.host import POLICY_SERVICE
from neuroscript.cli.settings import Settings
from neuroscript.cli.status import OK
from neuroscript.interpreter import Interpreter
from neuroscript.output import write

SUMMARY = "print the page that a model needs to write programs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "--for-policy",
        metavar="FILE",
        help="what programs may do, in the form of neuroscript.toml; tools that it refuses are left out",
    )
    parser.add_argument("--no-plugins", action="store_true", help="standard tools only")


def run(options: argparse.Namespace) -> int:
    """Prints the primer."""
    settings = Settings()
    if options.for_policy is not None:
        for path, value in parsed(options.for_policy, read_file(options.for_policy)):
            settings.grant(path, value, options.for_policy)
    with Interpreter(
        plugins=settings.one("run.plugins") and not options.no_plugins,
        policy=settings.tool_policy(),
        services={POLICY_SERVICE: settings.worker_policy()},
    ) as interpreter:
        # A run may be given a directory by a flag, of which no file tells.
        write(sys.stdout, interpreter.primer(files=True))
    return OK
