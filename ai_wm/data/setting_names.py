"""The names of the settings in ``base_config`` and in overrides, and warnings about misspelt ones.

Any other name is passed to the provider as it is, so a misspelt one is no error; but it is most likely not meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from ai_wm.data.script_settings import ALLOWED, WIRE_NAMES
from ai_wm.data.settings import ADDRESS_SETTINGS, check_overrides
from ai_wm.data.spelling import near_miss
from neuroscript import get_logger

SETTINGS: Final = (ALLOWED | ADDRESS_SETTINGS - WIRE_NAMES.keys()) | {
    "allow_unknown_price",
    "betas",
    "cache",
    "extra_body",
    "locked",
    "reasoning_effort",
    "stall_seconds",
    "thinking",
}
"""The settings that this package understands."""

PROVIDER_SETTINGS: Final = frozenset({*WIRE_NAMES, "top_a", "top_n"})
"""Names that providers have for settings, and that look like misspelt ones of this package."""

_log = get_logger("ai_wm.calls")


def misspelt(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the settings that are probably misspelt, each with the name that was probably meant."""
    found = {}
    for name in config.keys() - SETTINGS:
        meant = near_miss(name, SETTINGS) if isinstance(name, str) and name not in PROVIDER_SETTINGS else None
        if meant is not None:
            found[name] = meant
    return dict(sorted(found.items()))


def read_overrides(overrides: Any) -> dict[str, Any]:
    """Returns a checked copy of the overrides, and warns of misspelt ones, once for each name in this process.

    Raises:
        NeuroScriptError: 4 if they are no map with text as keys.
    """
    checked = check_overrides(overrides)
    if not checked.keys() <= SETTINGS:
        for name, meant in misspelt(checked).items():
            warn(name, meant)
    return checked


@lru_cache(maxsize=1024)
def warn(name: str, meant: str) -> None:
    _log.warning(
        "the override %r is no setting that is known here and goes to the provider as it is; did you mean %r?",
        name,
        meant,
    )
