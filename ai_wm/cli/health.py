"""What ``neuroscript doctor`` tells of keys, workers and their servers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ai_wm.cli.places import has_workers, how_to_add
from neuroscript import Address, NeuroScriptError
from neuroscript.cli import Finding, UsageError, find_place

if TYPE_CHECKING:
    from ai_wm.data.types import AIWorkerDefinition
    from ai_wm.manager import AIWorkerManager

_SECONDS: Final = 5.0
"""How long a server is waited for."""


def of_keys() -> Iterator[Finding]:
    """The providers whose keys are there, and where; never the keys."""
    from ai_wm.keys import stored

    set_ = stored.status_of(os.environ)
    for provider, name in set_:
        yield Finding("ok", provider, f"${name}")
    kept = []
    try:
        kept = stored.stored_keys()
    except NeuroScriptError as error:
        yield Finding("problem", "stored keys", error.message)
    for key in kept:
        yield Finding("ok", key.provider, "the system's keyring" if key.place == stored.KEYRING else key.place)
    if not set_ and not kept:
        yield Finding("note", "keys", "there are none", "store one: neuroscript keys set PROVIDER")


def of_workers(options: argparse.Namespace) -> Iterator[Finding]:
    """The directory of the workers, whether their keys are there, and with ``--network`` whether their servers are."""
    try:
        place = find_place(options)
    except UsageError as error:
        yield Finding("problem", "directory", str(error))
        return
    where = place.path if place.is_default else f"{place.path} ({place.origin})"
    if not has_workers(Path(place.path)):
        yield Finding("note", "directory", f"{where} has no workers yet", f"add one: {how_to_add(place)}")
        return
    from ai_wm.manager import AIWorkerManager

    try:
        with AIWorkerManager(place.path, needs_marks=True) as manager:
            yield Finding("ok", "directory", where)
            for definition in manager.list_worker_definitions():
                yield _key(manager, definition)
                if options.network:
                    yield from _server(definition)
    except NeuroScriptError as error:
        yield Finding("problem", "directory", f"{where}: {error.message}")


def _key(manager: AIWorkerManager, definition: AIWorkerDefinition) -> Finding:
    name, model = definition.name, f"{definition.provider}/{definition.model_name}"
    if manager.standing(name) == "untrusted":
        told = f"{model}, which came with a file or was edited there: it gets no key"
        return Finding("note", name, told, f"to trust it: neuroscript workers trust {name}")
    if definition.auth.method == "none":
        return Finding("ok", name, f"{model}, without a key")
    source = f"{definition.auth.method} {definition.auth.shown_value}".strip()
    status = str(manager.key_status(name))
    if status == "Found":
        return Finding("ok", name, f"{model}, key found ({source})")
    return Finding("problem", name, f"{model}: its key is {status} ({source})", f"see: neuroscript workers test {name}")


def _server(definition: AIWorkerDefinition) -> Iterator[Finding]:
    """Whether a worker's server answers at all, whatever it says; it is told nothing, no key and no path."""
    import httpx

    from ai_wm.providers import Clients

    try:
        found = Clients().server(str(definition.provider), definition.base_config)
    except NeuroScriptError as error:
        yield Finding("problem", f"{definition.name}'s server", error.message)
        return
    if found is None:
        return
    address = found.address
    server = Address(address.scheme, address.host, address.port).text
    try:
        with httpx.Client(timeout=_SECONDS) as client:
            client.head(server)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        reason = str(error) or type(error).__name__
        yield Finding("problem", f"{definition.name}'s server", f"{server} cannot be reached: {reason}")
    else:
        yield Finding("ok", f"{definition.name}'s server", f"{server} answers")
