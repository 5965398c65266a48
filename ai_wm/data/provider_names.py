"""The names of the model providers, both built-in ones and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoints, entry_points
from typing import Final

from ai_wm.data.enumerations import AIWorkerProvider
from ai_wm.data.presets import PRESETS
from ai_wm.data.spelling import nearest
from neuroscript import ErrorCode, NeuroScriptError

ENTRY_POINT_GROUP = "ai_wm.providers"
BUILT_IN = ("anthropic", "azure", "bedrock", "custom", "google", "local", "ollama", "openai", "vertex", *PRESETS)


CLOUDS = frozenset({"azure", "bedrock", "vertex"})
"""The built-in providers whose address depends on settings."""


def installed_providers() -> EntryPoints:
    """Returns the entry points of the providers that installed packages offer."""
    return entry_points(group=ENTRY_POINT_GROUP)


def provider_names() -> tuple[str, ...]:
    """Returns the sorted names of all providers, built-in and of installed packages, that a definition can use."""
    return tuple(sorted({*BUILT_IN, *installed_providers().names}))


LOCAL_MODELS: Final = ("echo", "scripted")
"""The built-in models of the provider ``local``."""

BUILT_IN_PROVIDERS: Final = {provider.value: provider for provider in AIWorkerProvider}
"""The members of `AIWorkerProvider` by their names."""


def check_provider(provider: str, known: Callable[[], Iterable[str]], name: str) -> None:
    """Raises an error for a provider that is neither built in nor known otherwise.

    Args:
        provider: the name.
        known: returns the names of further providers; called only if it is not a built-in one.
        name: what names the provider, for the error.

    Raises:
        NeuroScriptError: 4, with the names to choose from and the nearest of them.
    """
    if provider in BUILT_IN_PROVIDERS:
        return
    names = [*BUILT_IN_PROVIDERS, *sorted(set(known()) - BUILT_IN_PROVIDERS.keys())]
    if provider in names:
        return
    if provider in LOCAL_MODELS:
        message = f'{provider!r} is a model of the provider local; write provider: "local", model_name: "{provider}"'
    else:
        from ai_wm.data.fields import shown  # pydantic is not imported for the names alone

        near = nearest(provider, names)
        message = f"expected one of {', '.join(names)}, got {shown(provider)}"
        message += f"; did you mean {near!r}?" if near else ""
    raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{name}: field provider: {message}", details={"field": "provider"})
