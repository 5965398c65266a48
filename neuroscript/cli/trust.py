"""``neuroscript trust``: which configuration files of projects may grant something to programs."""

from __future__ import annotations

import argparse
import os
import sys

from neuroscript.cli import trusted_files
from neuroscript.cli.configuration import parsed, read_file
from neuroscript.cli.host import MAX_COST, PROJECT_FILE
from neuroscript.cli.settings import Settings
from neuroscript.cli.status import FAILED, OK, UsageError
from neuroscript.output import one_line, write_line

SUMMARY = "let a project's neuroscript.toml grant what it asks for"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help=f"a {PROJECT_FILE} that you have read; a change of it needs trust again"
    )
    parser.add_argument("--revoke", metavar="FILE", help="trust a file no longer")
    parser.add_argument("--list", action="store_true", help="list the files that are trusted")


def run(options: argparse.Namespace) -> int:
    """Trusts a file, revokes that, or lists what is trusted."""
    given = [options.file is not None, options.revoke is not None, options.list]
    if sum(given) != 1:
        raise UsageError("one of these is wanted: neuroscript trust FILE, trust --revoke FILE, trust --list")
    if options.list:
        return _list()
    if options.revoke is not None:
        return _revoke(options.revoke)
    return _trust(options.file)


def _trust(path: str) -> int:
    if os.path.basename(path) != PROJECT_FILE:
        raise UsageError(f"{one_line(path)} would never be read; a project's configuration is called {PROJECT_FILE}")
    content = read_file(path)
    settings = Settings(MAX_COST)
    for name, value in parsed(path, content):
        settings.narrow(name, value, path)
    trusted_files.record(path, content)
    real = one_line(os.path.realpath(path))
    write_line(sys.stdout, f"{real} is trusted; it grants: {', '.join(settings.ignored.get(path, [])) or 'nothing'}")
    return OK


def _revoke(path: str) -> int:
    if not trusted_files.forget(path):
        write_line(
            sys.stderr, f"neuroscript: {one_line(path)} is not among the trusted files (neuroscript trust --list)"
        )
        return FAILED
    write_line(sys.stdout, f"{one_line(os.path.realpath(path))} is trusted no longer")
    return OK


def _list() -> int:
    for path, digest in sorted(trusted_files.load().items()):
        write_line(sys.stdout, f"{_state(path, digest):8} {one_line(path)}")
    return OK


def _state(path: str, digest: str) -> str:
    if not os.path.lexists(path):
        return trusted_files.MISSING
    try:
        content = read_file(path)
    except UsageError:
        return trusted_files.CHANGED
    return trusted_files.TRUSTED if trusted_files.digest(content) == digest else trusted_files.CHANGED
