"""The common options of a request in one form each, whichever of the usual ways they are written in.

``response_format`` and ``tool_choice`` exist in several spellings; definitions may use any of them for any provider.
Tool names contain dots here (``fs.Read``), which some providers do not allow; `ToolNames` translates both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ai_wm.data.settings import DEFAULT_TIMEOUT
from ai_wm.providers.base import LLMRequest
from neuroscript import ErrorCode, NeuroScriptError

_NUMBERS = ("temperature", "top_p")
_INTEGERS = ("top_k", "max_output_tokens", "seed")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
# The tightest documented limit: OpenAI allows 64 characters of letters, digits, underscore and dash.
_NAME_LENGTH = 64
_A_YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What shape the reply has: any JSON, or JSON that fits ``schema``."""

    kind: Literal["json", "json_schema"]
    name: str = "reply"
    schema: dict[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether tools are used: as the model likes, not at all, at least one, or the one named."""

    kind: Literal["auto", "none", "required", "tool"]
    name: str = ""


class ToolNames:
    """The names under which a provider sees the tools of one request, and the way back."""

    def __init__(self, request: LLMRequest) -> None:
        self._wire: dict[str, str] = {}
        self._offered: dict[str, str] = {}
        for tool in request.tools:
            self._offered[self._add(tool.name)] = tool.name
        for message in request.messages:
            for call in message.tool_calls:
                self._add(call.name)

    def wire(self, name: str) -> str:
        """The provider's name for the tool ``name``."""
        return self._wire.get(name) or self._add(name)

    def original(self, wire: str) -> str:
        """The name that a tool was offered under.  An invented name stays as it is, to be refused by who runs tools."""
        return self._offered.get(wire, wire)

    def _add(self, name: str) -> str:
        if name in self._wire:
            return self._wire[name]
        plain = _NOT_IN_A_NAME.sub("_", name)[:_NAME_LENGTH] or "tool"
        taken = set(self._wire.values())
        wire, number = plain, 2
        while wire in taken:
            wire = f"{plain[: _NAME_LENGTH - len(str(number)) - 1]}_{number}"
            number += 1
        self._wire[name] = wire
        return wire


def sampling(config: Mapping[str, Any]) -> dict[str, Any]:
    """The sampling options that are set, checked: ``temperature top_p top_k max_output_tokens seed`` and ``stop``.

    ``stop`` is always a list of texts.  Options that are ``None`` count as not set.

    Raises:
        NeuroScriptError: 4, naming the option, its value and what was expected.
    """
    found: dict[str, Any] = {}
    for key in _NUMBERS:
        value = config.get(key)
        if value is not None:
            if type(value) not in (int, float):
                raise bad_option(key, value, "a number")
            found[key] = value
    for key in _INTEGERS:
        value = config.get(key)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise bad_option(key, value, "a whole number")
        if key == "max_output_tokens" and value < 1:
            raise bad_option(key, value, "a whole number of at least 1")
        found[key] = value
    stop = config.get("stop")
    if stop is not None:
        texts = [stop] if isinstance(stop, str) else stop
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise bad_option("stop", stop, "a text or a list of texts")
        if texts:
            found["stop"] = list(texts)
    return found


def response_format(config: Mapping[str, Any]) -> ResponseFormat | None:
    """The wanted shape of the reply, or ``None`` for plain text.

    Accepted: ``"text"``, ``"json"``, ``{"type": "text" | "json" | "json_object"}``,
    ``{"type": "json_schema", "json_schema": {"name", "schema", "strict"}}``, ``{"type": "json_schema", "schema": …}``,
    and a JSON Schema itself.

    Raises:
        NeuroScriptError: 4 for anything else.
    """
    given = config.get("response_format")
    if given is None:
        return None
    kind = given if isinstance(given, str) else given.get("type") if isinstance(given, Mapping) else None
    if kind == "text":
        return None
    if kind in ("json", "json_object"):
        return ResponseFormat("json")
    if isinstance(given, Mapping):
        if kind == "json_schema":
            inner = given.get("json_schema", given)
            schema = inner.get("schema") if isinstance(inner, Mapping) else None
            if isinstance(schema, Mapping):
                strict = inner.get("strict")
                name = _NOT_IN_A_NAME.sub("_", str(inner.get("name") or "reply"))[:_NAME_LENGTH]
                return ResponseFormat("json_schema", name, dict(schema), strict if isinstance(strict, bool) else None)
        elif {"type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "$schema"} & set(given):
            return ResponseFormat("json_schema", "reply", dict(given))
    raise bad_option("response_format", given, "'text', 'json', or a map with the type json_schema and a schema")


def tool_choice(request: LLMRequest) -> ToolChoice | None:
    """The wanted use of tools, or ``None`` where nothing was said or no tools are offered.

    Accepted: ``"auto"``, ``"none"``, ``"required"`` (or ``"any"``), a tool's name, and the maps that OpenAI
    (``{"type": "function", "function": {"name"}}``) and Anthropic (``{"type": "tool", "name"}``) use.

    Raises:
        NeuroScriptError: 4 for anything else, or a tool that is not offered.
    """
    given = request.config.get("tool_choice")
    if given is None or not request.tools:
        return None
    kind: Any = given
    name: Any = ""
    if isinstance(given, Mapping):
        kind = given.get("type", "tool")
        function = given.get("function")
        name = function.get("name") if isinstance(function, Mapping) else given.get("name", "")
    if kind == "auto":
        return ToolChoice("auto")
    if kind == "none":
        return ToolChoice("none")
    if kind in ("required", "any"):
        return ToolChoice("required")
    if isinstance(given, str):
        name = given
    if name not in {tool.name for tool in request.tools}:
        raise bad_option("tool_choice", given, "'auto', 'none', 'required' or the name of an offered tool")
    return ToolChoice("tool", str(name))


def timeout_seconds(config: Mapping[str, Any]) -> float:
    """``timeout_seconds``, the time for a whole call; 60 where it is not set."""
    seconds = number(config, "timeout_seconds", DEFAULT_TIMEOUT)
    if seconds <= 0:
        raise bad_option("timeout_seconds", seconds, "a number of seconds above 0")
    return seconds


def number(config: Mapping[str, Any], key: str, default: float) -> float:
    """The option ``key``, a number that is not negative."""
    value = config.get(key)
    if value is None:
        return default
    if type(value) not in (int, float) or not 0 <= value <= _A_YEAR:
        raise bad_option(key, value, "a number that is not negative")
    return float(value)


def bad_option(key: str, value: object, expected: str) -> NeuroScriptError:
    """The error for an option that cannot be used."""
    try:
        shown = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        shown = repr(value)
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, f"baseConfig.{key} is {shown[:80]}; expected {expected}")
