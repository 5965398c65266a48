"""The argument parser of the commands: short messages, with what was probably meant."""

from __future__ import annotations

import argparse
import sys
from types import MappingProxyType

from neuroscript.cli.status import USAGE
from neuroscript.output import one_line, visible, write, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """The argument parser of a command, or of an action of one.

    A mistake is told in two lines, what is wrong and where the help is, and not below the whole usage.  Control
    characters in a message are shown as escapes.

    Attributes:
        missing: options that other commands have, and why this one has not.
    """

    missing: Mapping[str, str] = MappingProxyType({})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses arguments; one that is not known is an error here, where the options that it may have meant are."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown))
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Ends the process with a message."""
        write_line(sys.stderr, f"{self.prog}: {one_line(message)}")
        write_line(sys.stderr, f"`{self.prog} --help` explains it.")
        raise SystemExit(USAGE)

    def _unknown(self, arguments: list[str]) -> str:
        option = next((each for each in arguments if each.startswith("-") and each != "-"), None)
        if option is None:
            return f"there is an argument too many: {arguments[0]!r}"
        name = option.partition("=")[0]
        if name in self.missing:
            return f"there is no option {name}: {self.missing[name]}"
        known = [each for each in self._option_string_actions if each.startswith("--")]
        return f"there is no option {name}{did_you_mean(name, known)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = list(map(str, action.choices))
        meant = did_you_mean(str(value), known) or f"; there are {', '.join(known)}"
        raise argparse.ArgumentError(action, f"there is no {value!r} here{meant}")

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            write(file or sys.stderr, visible(message))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns ``; did you mean …?`` with the name that is meant; empty if there is none that is like it."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    if not near and len(name) > 1:
        near = [each for each in names if each.startswith(name)][:1]
    return f"; did you mean {near[0]!r}?" if near else ""


def set_completer(action: argparse.Action, complete: Callable[[argparse.Namespace], Iterable[str]]) -> None:
    """Says what the values of an argument may be, for shells that complete them.

    Args:
        action: the argument.
        complete: takes the options that were given before it, of which any may be missing, and gives the values; it
            is called while the command line is typed, so it should be quick.
    """
    vars(action)["completer"] = complete


def completer_of(action: argparse.Action) -> Callable[[argparse.Namespace], Iterable[str]] | None:
    """What `set_completer` was given, or None."""
    return vars(action).get("completer")
