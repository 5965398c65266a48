"""The ``neuroscript`` command: one module a sub-command, imported when it is used.

The names below are public: those that a plugin's sub-command shares with the built-in ones.
"""

from __future__ import annotations

from neuroscript.cli.app import main
from neuroscript.cli.host import WorkersPlace, find_place
from neuroscript.cli.options import add_format, add_workers, existing_directory, sandbox_directory, whole_number
from neuroscript.cli.parser import did_you_mean, set_completer
from neuroscript.cli.report import complain, log_to_standard_error, print_json
from neuroscript.cli.status import FAILED, OK, UsageError
from neuroscript.error_text import explain
from neuroscript.output import columns_of, visible, write, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.cli.findings import Finding

__all__ = [
    "FAILED",
    "OK",
    "Finding",
    "UsageError",
    "WorkersPlace",
    "add_format",
    "add_workers",
    "columns_of",
    "complain",
    "did_you_mean",
    "existing_directory",
    "explain",
    "find_place",
    "log_to_standard_error",
    "main",
    "print_json",
    "sandbox_directory",
    "set_completer",
    "visible",
    "whole_number",
    "write",
    "write_line",
]


def __getattr__(name: str) -> Any:
    """Imports a name that few commands use, when it is first used."""
    if name == "Finding":
        from neuroscript.cli.findings import Finding

        return Finding
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
