"""Sub-commands that installed packages bring, by entry points of the group ``neuroscript.commands``."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from neuroscript.cli.status import UsageError
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.plugins import COMMANDS, described, entries, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Container, Iterator
    from importlib.metadata import EntryPoint

    from neuroscript.cli.findings import Finding
    from neuroscript.cli.host import WorkersPlace
    from neuroscript.interpreter import Interpreter


class PluginCommand:
    """A sub-command in a plugin's module, whose failures are reported as the plugin's.

    Raises:
        NeuroScriptError: 18 if the module cannot be imported or is no sub-command.
    """

    def __init__(self, entry: EntryPoint) -> None:
        self._entry = entry
        self._module = module = load(entry, "command")
        if not isinstance(getattr(module, "SUMMARY", None), str) or not all(
            callable(getattr(module, name, None)) for name in ("configure", "run")
        ):
            message = f"the command {described(entry)} lacks one of SUMMARY, configure(parser) and run(options)"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
        self.SUMMARY: str = module.SUMMARY

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declares the arguments."""
        with _failures_of(self._entry):
            self._module.configure(parser)

    def run(self, options: argparse.Namespace) -> int:
        """Does the work; returns the exit status."""
        with _failures_of(self._entry):
            return int(self._module.run(options))

    def list_in_session(self, interpreter: Interpreter, place: WorkersPlace | None) -> bool:
        """Prints what the command lists, as an interactive session has it; false if the command cannot."""
        work = getattr(self._module, "list_in_session", None)
        if work is not None:
            with _failures_of(self._entry):
                work(interpreter, place)
        return work is not None

    def examine(self, options: argparse.Namespace) -> Iterator[Finding]:
        """What ``neuroscript doctor`` tells of what the command works with; nothing if the module has no `examine`."""
        with _failures_of(self._entry):
            yield from getattr(self._module, "examine", lambda options: ())(options)


@contextmanager
def _failures_of(entry: EntryPoint) -> Iterator[None]:
    """Reports an exception of a plugin's code in one line that names the plugin."""
    try:
        yield
    except (UsageError, NeuroScriptError, BrokenPipeError):
        raise
    except OSError as error:
        if error.filename is None and error.strerror is not None:  # of the output, which the entry tells
            raise
        raise _failure(entry, error) from error
    except Exception as error:  # another package's code
        if sys.flags.dev_mode:
            raise
        raise _failure(entry, error) from error


def _failure(entry: EntryPoint, error: Exception) -> NeuroScriptError:
    message = f"the command {described(entry)} failed: {type(error).__name__}: {error}"
    return NeuroScriptError(ErrorCode.INTERNAL, message)


def find(name: str) -> PluginCommand | None:
    """The command of that name, its module imported; None if no package brings one.

    Raises:
        NeuroScriptError: 18 if it cannot be loaded or is no command; 42 if several packages bring one of that name.
    """
    found = [entry for entry in entries(COMMANDS) if entry.name == name]
    if len(found) > 1:
        message = f"several packages bring a command of one name: {' and '.join(map(described, found))}"
        raise NeuroScriptError(ErrorCode.DUPLICATE, f"{message}; uninstall all but one of them")
    return PluginCommand(found[0]) if found else None


def names() -> list[str]:
    """The names of all commands that packages bring."""
    return sorted({entry.name for entry in entries(COMMANDS)})


def summaries(built_in: Container[str]) -> list[tuple[str, str]]:
    """The lines of the help on what packages bring: each name, and what the command does or why it cannot be used."""
    rows = []
    for name in names():
        if name in built_in:
            owners = [described(entry) for entry in entries(COMMANDS) if entry.name == name]
            rows.append((name, f"not used, since that name is built in: {' and '.join(owners)}"))
            continue
        try:
            command = find(name)
        except NeuroScriptError as error:
            rows.append((name, error.message))
        else:
            rows.append((name, command.SUMMARY if command is not None else ""))
    return rows
