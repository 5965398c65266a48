"""What a person sees of a worker before trusting it: where its key goes, and what else it makes programs do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from neuroscript.cli import visible

if TYPE_CHECKING:
    from ai_wm.data.types import AIWorkerDefinition

_MOST_LINES: Final = 12
_MOST_CHARACTERS: Final = 300
_LISTED: Final = frozenset({"allow_http", "api", "auth_header", "base_url", "fallbacks", "headers", "system_prompt"})


def lines_about(definition: AIWorkerDefinition) -> Iterator[str]:
    """The lines that show a worker; what is not set is left out, and no character steers the terminal."""
    for name, value in _rows(definition):
        for number, line in enumerate(_lines(value) if value else ()):
            yield f"{'' if number else name:14} {line}"


def _rows(definition: AIWorkerDefinition) -> Iterator[tuple[str, str]]:
    config = definition.base_config
    address = config.get("base_url")
    yield "worker", definition.name
    yield "model", f"{definition.provider}/{definition.model_name}"
    # In ASCII, since letters of other alphabets look like those of the address that is expected.
    yield "address", ascii(address)[1:-1] if isinstance(address, str) else f"{definition.provider}'s own"
    yield "api", _text(config.get("api"))
    yield "key", f"{definition.auth.method} {definition.auth.shown_value}".strip()
    yield "key header", _text(config.get("auth_header"))
    # What a header holds may be a key.
    headers = config.get("headers")
    yield "headers", ", ".join(map(str, headers)) if isinstance(headers, dict | list) else _text(headers)
    yield "plain http", "allowed" if config.get("allow_http") else ""
    yield "tools", ", ".join(definition.tool_allowlist)
    yield "no tools", ", ".join(definition.tool_denylist)
    yield "files", ", ".join(definition.default_file_contexts)
    yield "fallbacks", _text(config.get("fallbacks"))
    yield "prices", ", ".join(f"{name} {price:g}" for name, price in sorted(definition.cost_metrics.items()))
    limits = definition.rate_limits.to_script()
    yield "limits", ", ".join(f"{name} {value:g}" for name, value in limits.items() if _is_set(value))
    yield "settings", ", ".join(f"{name} = {_text(config[name])}" for name in sorted(config) if name not in _LISTED)
    yield "system prompt", _text(config.get("system_prompt"))


def _is_set(value: Any) -> bool:
    return isinstance(value, int | float) and bool(value)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _lines(text: str) -> list[str]:
    """The first lines of a text, as they may be printed, and how much is not shown."""
    lines = text.split("\n")
    found = [_line(line) for line in lines[:_MOST_LINES]]
    more = len(lines) - len(found)
    return [*found, f"(… and {more} more lines)"] if more else found


def _line(text: str) -> str:
    more = len(text) - _MOST_CHARACTERS
    shown = visible(text[:_MOST_CHARACTERS]).replace("\t", "\\t").replace("\r", "\\r")
    return f"{shown} (… and {more} more characters)" if more > 0 else shown
