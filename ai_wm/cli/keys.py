"""``neuroscript keys``: the keys of providers that are stored for the user."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

from ai_wm.data.spelling import nearest
from ai_wm.keys import Secret, stored
from neuroscript import Address, NeuroScriptError
from neuroscript.cli import FAILED, OK, Finding, UsageError, add_format, complain, explain, print_json, write_line

SUMMARY = "store the keys of model providers"

_MOST_READ: Final = 16_384

_NO_ARGUMENT: Final = (
    "a key is no argument, since other users of the machine see those and the shell keeps them; it is asked for, or "
    "read from standard input: neuroscript keys set PROVIDER < FILE"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the actions and their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, work: Any, summary: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        made.set_defaults(work=work)
        return made

    setting = action("set", _set, "store the key of a provider, which is asked for or read from standard input")
    setting.add_argument("provider", metavar="PROVIDER", help="openai, anthropic, google, groq, …")
    setting.add_argument("rest", nargs="*", default=[], help=argparse.SUPPRESS).required = False
    setting.add_argument(
        "--origin",
        metavar="URL",
        action="append",
        default=[],
        type=_origin,
        help="an address that the key may be sent to, besides the provider's own; may be given several times",
    )
    listing = action("list", _list, "list the providers whose keys are there, without the keys")
    add_format(listing)
    removing = action("remove", _remove, "remove the stored key of a provider")
    removing.add_argument("provider", metavar="PROVIDER", help="openai, anthropic, google, groq, …")


def run(options: argparse.Namespace) -> int:
    """Runs the action that the options name; returns the exit status."""
    try:
        return int(options.work(options))
    except NeuroScriptError as error:
        sys.stdout.flush()
        write_line(sys.stderr, explain(error, {}))
        return FAILED


def examine(options: argparse.Namespace) -> Iterator[Finding]:
    """What ``neuroscript doctor`` tells of the keys."""
    from ai_wm.cli import health

    return health.of_keys()


def _set(options: argparse.Namespace) -> int:
    if options.rest:
        raise UsageError(_NO_ARGUMENT)
    provider = _provider(options.provider)
    key = _read_key(provider)
    place = stored.store(provider, key, tuple(dict.fromkeys(options.origin)))
    where = "the system's keyring" if place == stored.KEYRING else place
    write_line(sys.stdout, f"the key of {provider} is in {where}")
    _tell_of_variables(provider)
    return OK


def _list(options: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = [
        {"provider": provider, "place": f"${name}", "origins": []} for provider, name in stored.status_of(os.environ)
    ]
    rows += [
        {"provider": each.provider, "place": each.place, "origins": list(each.origins)} for each in stored.stored_keys()
    ]
    # What stands first of a provider is what is used: the sort keeps the order.
    rows.sort(key=lambda row: row["provider"])
    if options.format == "jsonl":
        for row in rows:
            print_json(row)
        return OK
    if not rows:
        complain("there are no keys yet; store one: neuroscript keys set PROVIDER")
        return OK
    width = max(len(row["provider"]) for row in rows)
    for before, row in zip([{}, *rows], rows, strict=False):
        notes = [f"also for {', '.join(row['origins'])}"] if row["origins"] else []
        if before.get("provider") == row["provider"]:
            notes.append(f"not used: {before['place']} comes first")
        told = f"  ({'; '.join(notes)})" if notes else ""
        write_line(sys.stdout, f"{row['provider']:{width}}  {row['place']}{told}")
    return OK


def _remove(options: argparse.Namespace) -> int:
    provider = _provider(options.provider)
    if not stored.remove(provider):
        complain(f"there is no stored key of {provider}")
        _tell_of_variables(provider)
        return FAILED
    write_line(sys.stdout, f"the key of {provider} is removed")
    _tell_of_variables(provider)
    return OK


def _tell_of_variables(provider: str) -> None:
    """Says that a variable comes before whatever is stored."""
    for name in stored.variables_of(provider):
        if os.environ.get(name, "").strip():
            complain(f"the environment variable {name} is set, and comes before what is stored")


def _provider(name: str) -> str:
    known = stored.providers()
    if name in known:
        return name
    near = nearest(name, known)
    if near is not None:
        # What stands here may be a key; a name of a provider that is misspelt is none.
        raise UsageError(f"there is no provider of that name; did you mean {near!r}?")
    raise UsageError(
        f"a provider is wanted: {', '.join(known)}; a worker of another one says itself where its key is "
        "(neuroscript workers add NAME --model custom/MODEL --base-url URL --key env:NAME)"
    )


def _read_key(provider: str) -> Secret:
    """Reads a key from the terminal, without showing it, or from standard input."""
    if sys.stdin.isatty():
        try:
            return Secret(getpass.getpass(f"Key of {provider} (it is not shown): ").strip())
        except EOFError:
            return Secret("")
    return Secret(sys.stdin.read(_MOST_READ).strip())


def _origin(text: str) -> str:
    try:
        address = Address.parse_prefix(text.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"an address such as https://gateway.example/v1 is wanted: {error}") from None
    if address.scheme == "http" and not address.is_loopback:
        raise argparse.ArgumentTypeError("an https address is wanted; over plain http a key goes to this machine alone")
    return address.text
