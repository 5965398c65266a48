"""Headers under the names that SDKs have for them: ``extra_headers`` and ``default_headers``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

HEADERS: Final = ("default_headers", "headers", "extra_headers")
"""The names for the headers of a configuration; a later one comes before an earlier one."""

_OTHERS: Final = frozenset(HEADERS) - {"headers"}


def with_own_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a configuration in which headers are ``headers``; what is no map stays, for those that check it."""
    made = dict(config)
    if config.keys().isdisjoint(_OTHERS):
        return made
    given = [made.pop(name) for name in HEADERS if made.get(name) is not None]
    for name in HEADERS:
        made.pop(name, None)
    wrong = [value for value in given if not isinstance(value, Mapping)]
    headers: dict[Any, tuple[Any, Any]] = {}
    for layer in () if wrong else given:
        headers |= {(name.lower() if isinstance(name, str) else name): (name, layer[name]) for name in layer}
    if given:
        made["headers"] = wrong[0] if wrong else dict(headers.values())
    return made
