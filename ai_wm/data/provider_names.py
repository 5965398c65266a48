"""The names of the model providers, both built-in ones and those of installed packages."""

from __future__ import annotations

from importlib.metadata import EntryPoints, entry_points

from ai_wm.data.presets import PRESETS

ENTRY_POINT_GROUP = "ai_wm.providers"
BUILT_IN = ("anthropic", "custom", "google", "local", "ollama", "openai", *PRESETS)


def installed_providers() -> EntryPoints:
    """Returns the entry points of the providers that installed packages offer."""
    return entry_points(group=ENTRY_POINT_GROUP)


def provider_names() -> tuple[str, ...]:
    """Returns the sorted names of all providers, built-in and of installed packages, that a definition can use."""
    return tuple(sorted({*BUILT_IN, *installed_providers().names}))
