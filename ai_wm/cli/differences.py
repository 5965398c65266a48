"""The differences between two states of a worker definition, as lines for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ai_wm.data.types import AIWorkerDefinition
from neuroscript.cli import visible

_KEPT_BY_THE_MANAGER: Final = frozenset({"aggregate_performance_summary", "modified_timestamp"})

_NOTHING: Final = object()


def differences(before: AIWorkerDefinition, after: AIWorkerDefinition) -> Iterator[str]:
    """Yields a line for each value that is different, such as ``rate_limits.max_requests_per_day: 0 → 100``.

    Keys, and the values of headers, are masked.
    """
    old, new = _values(before, shown=False), _values(after, shown=False)
    shown_old, shown_new = _values(before, shown=True), _values(after, shown=True)
    for path in dict.fromkeys((*old, *new)):
        was, now = old.get(path, _NOTHING), new.get(path, _NOTHING)
        if was is _NOTHING or now is _NOTHING or was != now or type(was) is not type(now):
            texts = _text(shown_old, path), _text(shown_new, path)
            is_masked = texts[0] == texts[1]
            yield f"{visible(path)}: {'another value, which is not shown' if is_masked else ' → '.join(texts)}"


def _values(definition: AIWorkerDefinition, *, shown: bool) -> dict[str, Any]:
    """Every value by its path; as it is shown, or as it is."""
    fields = definition.to_script()
    if not shown:
        fields |= {"auth": definition.auth.to_file(), "base_config": definition.base_config}
    return dict(_leaves({name: value for name, value in fields.items() if name not in _KEPT_BY_THE_MANAGER}))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif not isinstance(value, Mapping) or "." in path:  # a field that holds nothing is like one that is not there
        yield path, value


def _text(values: Mapping[str, Any], path: str) -> str:
    if path not in values:
        return "(none)"
    return visible(json.dumps(values[path], ensure_ascii=False))
