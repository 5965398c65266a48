"""The ``neuroscript`` command: one module a sub-command, imported when it is used."""

from neuroscript.cli.app import main

__all__ = ["main"]
