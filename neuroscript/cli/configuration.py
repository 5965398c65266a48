"""Configuration files, and their precedence.

From the lowest: defaults, the user's ``config.toml``, each project's ``neuroscript.toml`` from the root of the file
system down, the flags.  A project's file that the user does not trust only narrows.
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib

from neuroscript.cli import trusted_files
from neuroscript.cli.plain_files import NotPlain, read_plain
from neuroscript.cli.settings import BY_PATH, SECTIONS, Settings
from neuroscript.cli.status import UsageError
from neuroscript.limits import Limits
from neuroscript.output import one_line, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from typing import Any

MAX_BYTES = 64 * 1024

RUN_SANDBOX = "run.sandbox"
RUN_WORKERS = "run.workers"

DIRECTORIES = (RUN_SANDBOX, RUN_WORKERS)
"""The settings that name a directory."""


def layered(options: argparse.Namespace, user: str | None, projects: Sequence[str], max_cost: float | None) -> Settings:
    """Combines the files and the flags; what is left out of an untrusted file is told on standard error.

    Raises:
        UsageError: for a file that cannot be read, an unknown name or a value that does not fit.
    """
    settings = Settings(max_cost)
    if user is not None:
        content = read_file(user, own=True)
        for path, value in parsed(user, content):
            settings.grant(path, value, user)
    for project in projects:
        _add_project(settings, project)
    for path, value, flag in _flags(options):
        settings.grant(path, value, flag)
    for setting in DIRECTORIES:
        if settings.origin(setting) in projects:
            _check_links(settings.origin(setting), setting, settings.one(setting))
    return settings


def _add_project(settings: Settings, project: str) -> None:
    content = read_file(project)
    standing = trusted_files.standing(project, content)
    take = settings.grant if standing == trusted_files.TRUSTED else settings.narrow
    for path, value in parsed(project, content):
        take(path, value, project)
    ignored = settings.ignored.get(project, [])
    if not ignored and standing != trusted_files.CHANGED:
        return
    why = "has changed since it was trusted" if standing == trusted_files.CHANGED else "is not trusted"
    what = f"ignored: {', '.join(ignored)}" if ignored else "it only narrows what is granted"
    shown = one_line(project)
    write_line(sys.stderr, f"neuroscript: {shown} {why}; {what} (after reading it: neuroscript trust {shown})")


def read_file(path: str, *, own: bool = False) -> bytes:
    """The content of a configuration file.

    Args:
        path: where it is.
        own: whether it is the user's own, which may be reached through a link, and in which nobody
            else may write.

    Raises:
        UsageError: if it is not a regular file of a reasonable size.
    """
    try:
        return read_plain(path, MAX_BYTES, follow=own, own=own, private_group=own)
    except FileNotFoundError:
        raise UsageError(f"{one_line(path)}: there is no such file") from None
    except NotPlain as error:
        raise UsageError(f"{one_line(path)} cannot be used as configuration: {error}") from error


def parsed(path: str, content: bytes) -> Iterator[tuple[str, Any]]:
    """The settings in a configuration file, each with the name of its section.

    Raises:
        UsageError: if it is not TOML, or has a name that there is not.
    """
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageError(f"{one_line(path)} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{one_line(path)} is not TOML: {one_line(error)}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets in brackets
        raise UsageError(f"{one_line(path)} is not TOML that can be read") from None
    for section, table in document.items():
        if section not in SECTIONS:
            raise UsageError(f"{one_line(path)}: there is no section [{one_line(section)}]{_near(section, SECTIONS)}")
        if not isinstance(table, dict):
            raise UsageError(f"{one_line(path)}: {section} must be a section: [{section}]")
        names = [setting.name for setting in BY_PATH.values() if setting.section == section]
        for name, value in table.items():
            if name not in names:
                hint = _near(name, names)
                raise UsageError(f"{one_line(path)}: [{section}] has no setting {one_line(repr(name))}{hint}")
            setting = f"{section}.{name}"
            yield setting, _beside(path, value) if setting in DIRECTORIES else value


def _beside(path: str, value: Any) -> Any:
    """A path in a configuration file is relative to the file's directory."""
    if not isinstance(value, str) or not value.strip():
        return value  # which is refused with the others that do not fit
    return os.path.join(os.path.dirname(os.path.abspath(path)), os.path.expanduser(value))


def _check_links(project: str, setting: str, directory: str) -> None:
    """Refuses a directory that lies with the project by its name, and elsewhere by a link.

    Links come with a project, and may be other ones tomorrow; its configuration was trusted for what it says.

    Raises:
        UsageError: if it is such a one.
    """
    folder = os.path.dirname(os.path.abspath(project))
    real = os.path.realpath(directory)
    if _is_within(folder, os.path.normpath(directory)) and not _is_within(os.path.realpath(folder), real):
        shown, place = one_line(directory), one_line(real)
        message = f"{one_line(project)}: {setting}: {shown} is, or lies behind, a link that leads to {place}"
        raise UsageError(f"{message}; name that directory itself: --{setting.partition('.')[2]} {place}")


def _is_within(folder: str, path: str) -> bool:
    return f"{path}{os.sep}".startswith(f"{folder.rstrip(os.sep)}{os.sep}")


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"


def _flags(options: argparse.Namespace) -> Iterator[tuple[str, Any, str]]:
    """The settings that the flags make, each with the flag's name; a command has some of them."""

    def given(name: str) -> Any:
        return getattr(options, name, None)

    for source, place in given("allow_key") or ():
        yield "policy.keys", {source: place}, "--allow-key"
    for path, name in (
        ("policy.ask", "ask"),
        ("policy.origins", "allow_origin"),
        ("policy.overrides", "allow_setting"),
        ("policy.allow", "allow"),
        ("policy.deny", "deny"),
        ("run.env", "env"),
    ):
        if given(name):
            yield path, given(name), f"--{name.replace('_', '-')}"
    if given("manage") is not None:
        yield "policy.manage", options.manage, "--manage"
    if given("max_cost") is not None:
        yield "policy.max_cost_per_run", options.max_cost, "--max-cost"
    if given("max_tokens") is not None:
        yield "policy.max_tokens_per_run", options.max_tokens, "--max-tokens"
    for name in Limits.__annotations__:
        if given(name) is not None:
            yield f"limits.{name}", given(name), f"--{name.replace('_', '-')}"
    if given("sandbox") is not None:
        yield RUN_SANDBOX, options.sandbox, "--sandbox"
    if given("no_plugins"):
        yield "run.plugins", False, "--no-plugins"
    if given("stream"):
        yield "run.stream", True, "--stream"
