"""Trying one definition after another: the one asked for, then those in its ``fallbacks``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ai_wm.calls.recording import Tried
from ai_wm.calls.turn import FALLBACK_CODES
from ai_wm.data.settings import CallSettings, effective_config
from ai_wm.data.types import AIWorkerDefinition
from neuroscript import NeuroScriptError

T = TypeVar("T")

Attempt = Callable[[AIWorkerDefinition, dict[str, Any], Sequence[Tried]], T]
"""Does the task with a definition and its effective configuration, knowing what was tried before."""


def try_in_turn(
    definition: AIWorkerDefinition,
    config: dict[str, Any],
    overrides: Sequence[Mapping[str, Any] | None],
    find: Callable[[str], AIWorkerDefinition],
    attempt: Attempt[T],
) -> T:
    """The result of the first definition that gives one.

    Args:
        definition: the one asked for.
        config: its effective configuration; ``fallbacks`` in it names the others, whose own fallbacks do not count.
        overrides: what goes on top of each fallback's ``base_config``.
        find: gives a fallback ready for use, or raises.
        attempt: does the task.  Failing with 16, 20, 31 or 40 it leaves it to the next one.

    Raises:
        NeuroScriptError: the first definition's error, if all failed; its ``details`` then tell of the fallbacks.
    """
    names = CallSettings.of(config).fallbacks
    try:
        return attempt(definition, config, ())
    except NeuroScriptError as error:
        if not names or error.code not in FALLBACK_CODES:
            raise
        first = error
    tried = [_tried(definition, first)]
    for name in names:
        try:
            fallback = find(name)
        except NeuroScriptError as error:
            tried.append(Tried("", name, int(error.code), error.message))
            continue
        try:
            return attempt(fallback, effective_config(fallback.base_config, *overrides), tuple(tried))
        except NeuroScriptError as error:
            if error.code not in FALLBACK_CODES:
                raise
            tried.append(_tried(fallback, error))
    first.details["fallbacks"] = [item.to_map() for item in tried[1:]]
    raise first


def _tried(definition: AIWorkerDefinition, error: NeuroScriptError) -> Tried:
    return Tried(definition.definition_id, definition.name, int(error.code), error.message)
