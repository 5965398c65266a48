"""Options that several sub-commands share, and the reading of their values."""

from __future__ import annotations

import argparse
import os

from neuroscript.cli.report import FORMATS
from neuroscript.cli.status import UsageError
from neuroscript.limits import NONE, Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, TypeVar

    Amount = TypeVar("Amount", int | str, float | str)
    Checked = TypeVar("Checked")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--format``."""
    parser.add_argument("--format", choices=FORMATS, default="text", help="text for people (default), or JSON lines")


def add_host(parser: argparse.ArgumentParser) -> None:
    """Adds the options for what scripts are given: ``--sandbox``, ``--workers``, and those of `add_given`."""
    parser.add_argument(
        "--sandbox",
        metavar="DIR",
        help="the directory that scripts may read and write; made if it is missing (default: none)",
    )
    add_workers(parser)
    add_given(parser)


def add_given(parser: argparse.ArgumentParser) -> None:
    """Adds the options for what scripts are given besides directories: ``--lib``, ``--env``, ``--no-plugins``."""
    add_lib(parser)
    parser.add_argument(
        "--env",
        metavar="NAME",
        action="append",
        default=[],
        help="an environment variable that scripts may read; may be given several times",
    )
    parser.add_argument("--no-plugins", action="store_true", help="standard tools only")


def add_workers(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Adds the option ``--workers``."""
    parser.add_argument(
        "--workers",
        metavar="DIR",
        type=_directory_name,
        default=default,
        help="the directory of the AI workers (default: $NEUROSCRIPT_WORKERS, else that of --sandbox, else one in your "
        "data directory)",
    )


def add_lib(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--lib``."""
    parser.add_argument(
        "--lib",
        metavar="DIR",
        action="append",
        default=[],
        help="a directory that programs may use files from, besides their own (:: uses: ../lib/text.ns); may be given "
        "several times",
    )


def add_tools(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--tools``."""
    parser.add_argument(
        "--tools",
        metavar="MODULE.py",
        action="append",
        default=[],
        help="a Python module whose register(interpreter) adds tools; its code is run; may be given several times",
    )


def add_globals(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--globals``."""
    parser.add_argument(
        "--globals",
        metavar="NAMES",
        action="append",
        default=[],
        type=_names,
        help="names that the host sets, with commas between them; may be given several times",
    )


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Adds ``--max-steps``, ``--max-seconds``, ``--max-wall-seconds``, ``--max-written-bytes`` and ``--max-files``."""
    add = parser.add_argument_group("limits", "what one run may use; none lifts a limit")
    add.add_argument("--max-steps", metavar="N", type=_steps, help="loop turns and calls (default: 10000000)")
    add.add_argument("--max-seconds", metavar="S", type=_run_seconds, help="seconds of script time (default: 60)")
    add.add_argument(
        "--max-wall-seconds", metavar="S", type=_run_seconds, help="seconds by the clock, waits and all (default: none)"
    )
    add.add_argument(
        "--max-written-bytes", metavar="N", type=_count, help="bytes that it may write to files (default: 268435456)"
    )
    add.add_argument("--max-files", metavar="N", type=_count, help="files and folders it may make (default: 10000)")


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Adds the options for what scripts may do with tools and workers, from ``--allow-key`` to ``--deny``."""
    add = parser.add_argument_group("trust", "what scripts may do; the documentation's docs/security.md explains it")
    more = "may be given several times"
    add.add_argument(
        "--allow-key",
        metavar="SOURCE=URL",
        action="append",
        default=[],
        type=_key,
        help=f"a key that scripts may have sent to an address: env:GROQ_API_KEY=https://api.groq.com; {more}",
    )
    add.add_argument(
        "--allow-origin",
        metavar="URL",
        action="append",
        default=[],
        type=_origin,
        help=f"an address that scripts' workers may have, without a key: http://127.0.0.1:8080; {more}",
    )
    add.add_argument(
        "--allow-setting",
        metavar="NAME",
        action="append",
        default=[],
        type=_name,
        help=f"a setting of models that scripts may change, besides the usual ones: reasoning_effort; {more}",
    )
    add.add_argument(
        "--ask", metavar="GLOB", action="append", type=_name, help=f"workers that scripts may ask (default: *); {more}"
    )
    add.add_argument("--manage", choices=("none", "own", "all"), help="whose workers scripts may change (default: own)")
    add.add_argument(
        "--max-cost", metavar="AMOUNT", type=_cost, help="most that the models of a run may cost, or none for no limit"
    )
    add.add_argument(
        "--max-tokens", metavar="N", type=_count, help="most tokens that the models of a run may use, or none"
    )
    add.add_argument(
        "--allow",
        metavar="TOOL",
        action="append",
        default=[],
        type=_name,
        help=f"a tool that is refused otherwise, such as one that a model may only have if it is named here; {more}",
    )
    add.add_argument(
        "--deny",
        metavar="TOOL",
        action="append",
        default=[],
        type=_name,
        help=f"tools that are refused: a name, a group, or a pattern such as fs.*; {more}",
    )


def _key(text: str) -> tuple[str, str]:
    from neuroscript.cli.settings import pair

    return _checked(pair, text)


def _origin(text: str) -> str:
    from neuroscript.cli.settings import address

    return _checked(address, text)


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("a name or a pattern is wanted, such as fs.Read or fs.*, not an empty text")
    return text


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise argparse.ArgumentTypeError(f"names with commas between them are wanted, not {text!r}")
    return names


def _directory_name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of a directory is wanted, not an empty text")
    return text


def _cost(text: str) -> float | str:
    if text == NONE:
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"an amount of 0 or more such as 1.50, or none, is wanted, not {text!r}")
    return number


def _checked(read: Callable[[str], Checked], text: str) -> Checked:
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}") from None


def make_limits(options: argparse.Namespace) -> Limits:
    """The limits that the options of `add_limits` set."""
    names = ("max_steps", "max_seconds", "max_wall_seconds", "max_written_bytes", "max_files")
    given = {name: getattr(options, name) for name in names}
    return Limits(**{name: None if value == NONE else value for name, value in given.items() if value is not None})


def _count(text: str) -> int | str:
    """Reads a limit that may be 0."""
    if text == NONE:
        return text
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"a whole number of 0 or more, or none, is wanted, not {text!r}")
    return int(text)


def _steps(text: str) -> int | str:
    return _more_than_nothing(_count(text))


def _run_seconds(text: str) -> float | str:
    if text == NONE:
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of seconds such as 2.5, or none, is wanted, not {text!r}")
    return _more_than_nothing(number)


def _more_than_nothing(limit: Amount) -> Amount:
    if limit == 0:
        raise argparse.ArgumentTypeError("with 0 nothing can run; to lift the limit write none")
    return limit


def whole_number(text: str) -> int:
    """Reads a whole number of 0 or more; a type for argparse."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"a whole number of 0 or more is wanted, not {text!r}")
    return int(text)


def file_ending(suffix: str) -> Callable[[str], str]:
    """A type for argparse: the name of a file that the command writes, which no program has by mistake."""

    def check(path: str) -> str:
        if path and not path.endswith(suffix):
            raise argparse.ArgumentTypeError(f"{path!r} does not end in {suffix}; name the program before this option")
        return path

    return check


def json_value(text: str, what: str) -> Any:
    """Reads a JSON value; ``what`` names the option in messages.

    Raises:
        UsageError: if it is not JSON.
    """
    import json

    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what}: {text!r} is not JSON: {error}") from error


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


def sandbox_directory(path: str | None, flag: str = "--sandbox") -> Path | None:
    """The directory of ``--sandbox``, made for the user alone if it is missing: files of workers may come to lie there.

    Args:
        path: the directory.
        flag: what named it, for messages.

    Raises:
        UsageError: if it is no directory and cannot be made one, or has a link on its way that leads up.
    """
    if path is None:
        return None
    leading_up = _link_that_leads_up(path)
    if leading_up is not None:
        real = os.path.realpath(path)
        message = f"{flag} {path!r}: {leading_up!r} is a link to a directory that it lies in"
        raise UsageError(f"{message}; name the directory itself if that is meant: {flag} {real!r}")
    from pathlib import Path

    from neuroscript.private_files import make_private_directory

    directory = Path(path)
    try:
        make_private_directory(directory)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{flag} {path!r} is not a directory and cannot be made one: {reason}") from error
    return directory


def existing_directory(path: str, flag: str) -> str:
    """A directory that is there already.

    Raises:
        UsageError: if it is no directory.
    """
    if not os.path.isdir(path):
        raise UsageError(f"{flag} {path!r} is not a directory")
    return path


def library_roots(paths: list[str]) -> list[str]:
    """The directories of ``--lib``.

    Raises:
        UsageError: if one is no directory.
    """
    return [existing_directory(path, "--lib") for path in paths]


def _link_that_leads_up(path: str) -> str | None:
    """The first link on a path whose target holds the link itself: what seems to be a part is the whole.

    Links come with a project that was cloned; nobody makes such a one to keep a directory somewhere else.
    """
    place = ""
    for part in os.path.join(os.getcwd(), path).split(os.sep):
        above, place = place, f"{place}{os.sep}{part}" if place else part or os.sep
        if os.path.islink(place):
            target = os.path.realpath(place).rstrip(os.sep)
            if f"{os.path.realpath(above)}{os.sep}".startswith(f"{target}{os.sep}"):
                return place
    return None


def environment(names: list[str]) -> dict[str, str]:
    """The environment variables that ``--env`` allows; one that is not set is empty."""
    return {name: os.environ.get(name, "") for name in names}
