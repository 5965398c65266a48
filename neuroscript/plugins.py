"""Finds and loads plugins, which installed packages offer by entry point: one group for each kind."""

from __future__ import annotations

from functools import partial
from importlib import metadata

from neuroscript.errors import ErrorCode, NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PLUGINS = "neuroscript.plugins"
"""The group of the functions that take an interpreter, and give it tools and services."""

COMMANDS = "neuroscript.commands"
"""The group of the modules that are sub-commands of ``neuroscript``."""


def entries(group: str) -> list[metadata.EntryPoint]:
    """The entry points of a group, by name."""
    return sorted(metadata.entry_points(group=group), key=lambda entry: entry.name)


def installed() -> tuple[Callable[[Any], object], ...]:
    """The registration functions of the installed plugins, whose modules are imported.

    Raises:
        NeuroScriptError: 18 for a plugin that cannot be loaded; a function raises it for one that fails.
    """
    return tuple(partial(_register, entry, load(entry, "plugin")) for entry in entries(PLUGINS))


def load(entry: metadata.EntryPoint, kind: str) -> Any:
    """Loads the object that an entry point names.

    Args:
        entry: the entry point.
        kind: what messages call it: a plugin, a command.

    Raises:
        NeuroScriptError: 18 if it cannot be imported.
    """
    try:
        return entry.load()
    except Exception as error:  # another package's code: whatever it raises, it cannot be used
        problem = f"cannot be loaded: {type(error).__name__}: {error}; repair or uninstall its package"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"the {kind} {described(entry)} {problem}") from error


def described(entry: metadata.EntryPoint) -> str:
    """An entry point as messages name it: ``'weather' (weather_tools:register, of the package weather-tools)``."""
    package = f", of the package {entry.dist.name}" if entry.dist is not None else ""
    return f"{entry.name!r} ({entry.value}{package})"


def _register(entry: metadata.EntryPoint, function: Callable[[Any], object], interpreter: Any) -> None:
    try:
        function(interpreter)
    except NeuroScriptError:
        raise
    except Exception as error:  # another package's code
        message = f"the plugin {described(entry)} failed: {type(error).__name__}: {error}"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from error
