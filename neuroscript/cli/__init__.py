"""The ``neuroscript`` command: one module a sub-command, imported when it is used.

The names below are public: those that a plugin's sub-command shares with the built-in ones.
"""

from neuroscript.cli.app import main
from neuroscript.cli.options import add_format, sandbox_directory, whole_number
from neuroscript.cli.report import explain, print_json, write_line
from neuroscript.cli.status import FAILED, OK, UsageError

__all__ = [
    "FAILED",
    "OK",
    "UsageError",
    "add_format",
    "explain",
    "main",
    "print_json",
    "sandbox_directory",
    "whole_number",
    "write_line",
]
