"""The names of the model providers: the built-in ones, and those that installed packages offer."""

from __future__ import annotations

from importlib.metadata import EntryPoints, entry_points

ENTRY_POINT_GROUP = "ai_wm.providers"
BUILT_IN = ("anthropic", "custom", "google", "local", "ollama", "openai")


def installed_providers() -> EntryPoints:
    """The providers that installed packages offer, by entry point."""
    return entry_points(group=ENTRY_POINT_GROUP)


def provider_names() -> tuple[str, ...]:
    """The providers that can be named in a definition: the built-in ones and those of installed packages, sorted."""
    return tuple(sorted({*BUILT_IN, *installed_providers().names}))
