"""``neuroscript doctor``: looks at the installation, and says what is missing or in the way.

Beside what is found here, each sub-command of a package may add a section: its module then has
``examine(options) -> Iterable[Finding]``, whose findings stand under the command's name.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import stat
import sys
from importlib import metadata

from neuroscript import __version__
from neuroscript.cli import plugin_commands, trusted_files
from neuroscript.cli.configuration import parsed, read_file
from neuroscript.cli.findings import FINE, NOTE, PROBLEM, Finding
from neuroscript.cli.host import configuration_files
from neuroscript.cli.options import add_format, add_workers
from neuroscript.cli.plain_files import NotPlain, check_own
from neuroscript.cli.report import print_json
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import FAILED, OK, UsageError
from neuroscript.errors import NeuroScriptError
from neuroscript.output import one_line, write_line
from neuroscript.plugins import PLUGINS, described, entries, load
from neuroscript.user_directories import user_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

SUMMARY = "look at the installation: versions, extras, directories, policy, keys, servers"

DISTRIBUTION = "neuroscript"

EXTRAS = {
    "azure": "keys of Microsoft Entra for Azure",
    "bedrock": "Amazon Bedrock",
    "docs": "building the documentation",
    "keyring": "keys in the system's keyring",
    "local": "GGUF models in this process",
    "lsp": "the language server of editors",
    "notebook": "%%neuroscript in Jupyter and IPython",
    "prices": "published prices of models",
    "schema": "replies that follow a schema",
    "socks": "SOCKS proxies",
    "tui": "neuroscript workers top",
    "vault": "keys in HashiCorp Vault",
    "vertex": "Google Vertex AI",
}
"""What each extra of the package is for; those for its own tests and benchmarks are not told of."""

_FOR_DEVELOPERS = re.compile(r"dev|bench|.*-test")
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[^\]]*\])?(?P<rest>[^;]*)(;(?P<marker>.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_DIRECTORIES = {
    "config": "configuration",
    "data": "data: workers, keys, history of sessions",
    "cache": "compiled programs",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "--network", action="store_true", help="ask the servers of the workers whether they are there, without a key"
    )
    add_workers(parser)
    parser.add_argument(
        "--sandbox", metavar="DIR", help="the sandbox directory of programs, which may hold the workers"
    )
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Prints what was found; returns 1 if there is a problem."""
    is_well = True
    for heading, findings in _sections(options):
        for number, finding in enumerate(findings):
            if options.format == "text" and number == 0:
                write_line(sys.stdout, heading)
            is_well = is_well and finding.level != PROBLEM
            if options.format == "text":
                _print(finding)
            else:
                fields = ("level", "subject", "told", "cure")
                print_json({"section": heading, **{name: getattr(finding, name) for name in fields}})
    return OK if is_well else FAILED


def _print(finding: Finding) -> None:
    cure = f"; {finding.cure}" if finding.cure else ""
    write_line(sys.stdout, one_line(f"  {finding.level:8} {finding.subject}: {finding.told}{cure}"))


def _sections(options: argparse.Namespace) -> Iterator[tuple[str, Iterator[Finding]]]:
    yield "versions", _versions()
    yield "extras", _extras()
    yield "directories", _directories()
    yield "configuration", _configuration()
    yield "plugins", _plugins()
    for name in plugin_commands.names():
        try:
            command = plugin_commands.find(name)
        except NeuroScriptError:
            continue  # which the section of plugins tells
        if command is not None:
            yield name, command.examine(options)


def _versions() -> Iterator[Finding]:
    yield Finding(FINE, "neuroscript", f"{__version__}, in {os.path.dirname(os.path.dirname(__file__))}")
    release = f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"
    yield Finding(FINE, "Python", f"{release}, {sys.executable}")
    yield Finding(FINE, "SQLite", sqlite3.sqlite_version)
    for name, wanted in _requirements().get("", ()):
        version = _version(name)
        if version is None:
            yield Finding(PROBLEM, name, f"is not installed; {name}{wanted} is wanted", _install(""))
        else:
            yield Finding(FINE, name, version)


def _extras() -> Iterator[Finding]:
    wanted = _requirements()
    for extra, purpose in EXTRAS.items():
        packages = wanted.get(extra)
        if packages is None:
            continue
        missing = [name for name, _ in packages if _version(name) is None]
        if missing:
            yield Finding(NOTE, extra, f"is not installed: {purpose}", _install(extra))
        else:
            versions = ", ".join(f"{name} {_version(name)}" for name, _ in packages)
            yield Finding(FINE, extra, f"{purpose}: {versions}")


def _requirements() -> dict[str, list[tuple[str, str]]]:
    """The packages that this one requires, with their versions, by extra; those that it always requires by ``""``."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in metadata.requires(DISTRIBUTION) or ():
        parts = _REQUIREMENT.fullmatch(line)
        if parts is None:
            continue
        extra = _EXTRA.search(parts["marker"] or "")
        name = extra[1] if extra is not None else ""
        if not _FOR_DEVELOPERS.fullmatch(name):
            found.setdefault(name, []).append((parts["name"], parts["rest"].strip()))
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _install(extra: str) -> str:
    return f'pip install "{DISTRIBUTION}[{extra}]"' if extra else f"pip install {DISTRIBUTION}"


def _directories() -> Iterator[Finding]:
    for kind, purpose in _DIRECTORIES.items():
        path = user_directory(kind)
        if path is None:
            yield Finding(PROBLEM, purpose, "there is no home directory", "set HOME")
        else:
            yield _directory(purpose, path)


def _directory(purpose: str, path: str) -> Finding:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Finding(FINE, purpose, f"{path}, which is made when it is needed")
    except OSError as error:
        return Finding(PROBLEM, purpose, f"{path}: {error.strerror}")
    if not stat.S_ISDIR(found.st_mode):
        return Finding(PROBLEM, purpose, f"{path} is no directory", "move it away")
    try:
        check_own(found, private_group=True)
    except NotPlain as problem:
        return Finding(PROBLEM, purpose, f"{path}: {problem}")
    if not os.access(path, os.W_OK | os.X_OK):
        return Finding(PROBLEM, purpose, f"{path} cannot be written in", f"chmod u+rwx {path}")
    return Finding(FINE, purpose, path)


def _configuration() -> Iterator[Finding]:
    user, projects = configuration_files(STDIN)
    if user is None:
        directory = user_directory("config")
        yield Finding(FINE, "yours", f"there is none ({os.path.join(directory or '', 'config.toml')})")
    else:
        yield _file("yours", user, own=True)
    for project in projects:
        yield _file("project", project, own=False)


def _file(subject: str, path: str, *, own: bool) -> Finding:
    try:
        content = read_file(path, own=own)
        names = ", ".join(dict.fromkeys(name for name, _ in parsed(path, content))) or "nothing"
        standing = trusted_files.TRUSTED if own else trusted_files.standing(path, content)
    except UsageError as error:
        return Finding(PROBLEM, subject, str(error))
    if standing == trusted_files.TRUSTED:
        return Finding(FINE, subject, f"{path} sets {names}")
    why = "has changed since it was trusted" if standing == trusted_files.CHANGED else "is not trusted"
    return Finding(
        NOTE, subject, f"{path} {why}, so it only narrows; it sets {names}", f"to trust it: neuroscript trust {path}"
    )


def _plugins() -> Iterator[Finding]:
    for entry in entries(PLUGINS):
        try:
            load(entry, "plugin")
        except NeuroScriptError as error:
            yield Finding(PROBLEM, entry.name, error.message)
        else:
            yield Finding(FINE, entry.name, described(entry))
    for name in plugin_commands.names():
        try:
            plugin_commands.find(name)
        except NeuroScriptError as error:
            yield Finding(PROBLEM, f"command {name}", error.message)
