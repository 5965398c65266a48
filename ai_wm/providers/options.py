"""The common options of a request, checked and normalised from the usual ways to write them.

``response_format`` and ``tool_choice`` exist in several spellings; definitions may use any of them for any provider.
Tool names contain dots here (``fs.Read``), which some providers do not allow; `ToolNames` translates both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ai_wm.data.settings import DEFAULT_RETRIES, DEFAULT_TIMEOUT
from ai_wm.providers.adapter import BadReply
from ai_wm.providers.base import MANAGEMENT_KEYS, OUTPUT_LIMITS, LLMRequest, LLMResponse, Usage
from ai_wm.providers.wire_json import problem_of, read_json
from neuroscript import ErrorCode, NeuroScriptError

JSON_INSTRUCTION = "Reply with one JSON value and nothing else: no explanation, no code fence."

_NUMBERS = ("temperature", "top_p")
_INTEGERS = ("top_k", "max_output_tokens", "seed")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
_MARKS_OF_NAMES = re.compile(r"^(functions|default_api)[.:]|<\|.*$|:\d+$", re.DOTALL)
# The tightest documented limit: OpenAI allows 64 characters of letters, digits, underscore and dash.
_NAME_LENGTH = 64
_A_YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The requested form of the reply: any JSON, or JSON that fits ``schema``."""

    kind: Literal["json", "json_schema"]
    name: str = "reply"
    schema: dict[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """The requested use of tools: left to the model, none, at least one, or a named one."""

    kind: Literal["auto", "none", "required", "tool"]
    name: str = ""


class ToolNames:
    """Maps the names of a request's tools to names that providers accept, and back."""

    def __init__(self, request: LLMRequest) -> None:
        self._wire: dict[str, str] = {}
        self._offered: dict[str, str] = {}
        for tool in request.tools:
            self._offered[self._add(tool.name)] = tool.name
        for message in request.messages:
            for call in message.tool_calls:
                self._add(call.name)

    @property
    def offered(self) -> Collection[str]:
        """The names of the tools offered, in the provider's form."""
        return self._offered.keys()

    def wire(self, name: str) -> str:
        """Returns the name of a tool in the provider's form."""
        return self._wire.get(name) or self._add(name)

    def original(self, wire: str) -> str:
        """Returns the original name of a tool; a name that the model invented is unchanged, and refused later.

        Models put their own marks around names: ``functions.x:0`` (Kimi), ``default_api.x`` (Gemini),
        ``x<|channel|>json`` (gpt-oss).  They count only if a tool of the rest is offered.
        """
        found = self._offered.get(wire)
        if found is None:
            plain = _MARKS_OF_NAMES.sub("", wire)
            found = self._offered.get(plain) or (plain if plain in self._offered.values() else None)
        return found or wire

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
    """Reads and checks the sampling options: ``temperature top_p top_k max_output_tokens seed`` and ``stop``.

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
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text for text in texts):
            raise bad_option("stop", stop, "a text or a list of texts, none of them empty")
        if texts:
            found["stop"] = list(texts)
    return found


def with_extra(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration in which what ``extra_body`` says of options known here stands in their own places.

    So it is checked, translated and counted like them.  What only the server knows stays in ``extra_body``: other
    forms of an option, and names that have another meaning here.
    """
    extra = config.get("extra_body")
    if not isinstance(extra, Mapping) or not extra:
        return config
    left = {key: value for key, value in extra.items() if key in MANAGEMENT_KEYS or _is_servers_own(key, value)}
    known = {key: value for key, value in extra.items() if key not in left}
    limits = ("max_output_tokens", *OUTPUT_LIMITS)
    if not known.keys().isdisjoint(limits):  # the last word, whatever the names
        config = {key: value for key, value in config.items() if key not in limits}
    return {**config, **known, "extra_body": left}


_FORMS: Final = {
    "response_format": frozenset(
        {"json", "json_object", "json_schema", "text"}
        | {"array", "boolean", "integer", "null", "number", "object", "string"}  # a schema itself
    ),
    "tool_choice": frozenset({"any", "auto", "function", "none", "required", "tool"}),
}


def _is_servers_own(key: str, value: object) -> bool:
    """Whether an option has a form of which nothing is known here, such as a grammar as ``response_format``."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    return key in _FORMS and isinstance(kind, str) and kind not in _FORMS[key]


def check_settings(request: LLMRequest) -> None:
    """Checks the settings that every provider understands, for a model that makes use of none of them.

    Raises:
        NeuroScriptError: 4, naming the setting, its value and what was expected.
    """
    sampling(request.config)
    response_format(request.config)
    tool_choice(request)
    timeout_seconds(request.config)
    stall_seconds(request.config)
    number(request.config, "max_retries", DEFAULT_RETRIES)


def response_format(config: Mapping[str, Any]) -> ResponseFormat | None:
    """Reads the requested form of the reply; ``None`` for plain text.

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


def system_with_json(request: LLMRequest, shape: ResponseFormat, *, always: bool = True) -> str:
    """Adds to the system prompt an instruction that asks for JSON, and for the schema if there is one.

    Args:
        request: whose system prompt it is.
        shape: the requested form of the reply.
        always: also where the conversation speaks of JSON already, and so says itself how the reply is to look.
    """
    system = request.system_text
    texts = [system, *(message.content for message in request.messages)]
    if not always and any("json" in text.lower() for text in texts):
        return system
    instruction = JSON_INSTRUCTION
    if shape.schema is not None:
        instruction += f" The value fits this JSON Schema:\n{json.dumps(shape.schema, ensure_ascii=False)}"
    return f"{system}\n\n{instruction}" if system.strip() else instruction


def check_shape(request: LLMRequest, response: LLMResponse) -> None:
    """Checks that a whole answer has the form that ``response_format`` asks for, unless the caller does that itself.

    Raises:
        BadReply: it is not JSON, or does not fit the schema.
    """
    if request.takes_any_reply:
        return
    shape = response_format(request.config)
    if shape is None or response.finish_reason != "stop":
        return
    try:
        value = read_json(response.text)
    except (ValueError, RecursionError) as error:
        problem = "is not JSON" if isinstance(error, json.JSONDecodeError) else f"cannot be read: {problem_of(error)}"
        problem = problem if response.text.strip() else "is empty, not JSON"
    else:
        problem = ""
        if shape.schema is not None:
            from ai_wm.providers.json_schema import misfit

            found = misfit(value, shape.schema)
            problem = f"does not fit the schema: {found}" if found else ""
    if problem:
        raise BadReply(
            f"response_format asks for JSON, but the answer {problem}",
            response.text,
            usage=response.usage,
            text=response.text,
            final=True,
        )


def with_output_limit(config: Mapping[str, Any], *own: str) -> dict[str, Any]:
    """Returns ``config`` with other APIs' names for ``max_output_tokens`` replaced by that name.

    Args:
        config: the effective configuration.
        own: the names that the API asked has itself; under them an option is passed on as it is.
    """
    made = dict(config)
    for name in OUTPUT_LIMITS:
        if name not in own and name in made:
            value = made.pop(name)
            if made.get("max_output_tokens") is None:
                made["max_output_tokens"] = value
    return made


def is_full(request: LLMRequest, usage: Usage, default: int | None = None) -> bool:
    """Whether a reply has used all of its limit of output.

    Args:
        request: what it answers.
        usage: its tokens, as the server has counted them.
        default: the limit that is sent where the definition has none.
    """
    limit = sampling(with_output_limit(request.config)).get("max_output_tokens", default)
    return type(limit) is int and usage.output_tokens >= limit > 0


def check_budget(limit: object, budget: object, name: str) -> None:
    """Raises an error for a thinking budget that leaves nothing of the output limit for an answer.

    Raises:
        NeuroScriptError: 4, naming both.
    """
    if type(limit) is int and type(budget) is int and 0 < limit <= budget:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"base_config.{name} is {budget}, which leaves nothing of max_output_tokens ({limit}) for an answer: "
            "thinking counts towards it; expected a limit above the budget",
        )


def check_stop(stop: list[str] | None, provider: str, most: int, *, blank: bool = True) -> None:
    """Raises an error for stop sequences that a provider would not accept.

    Raises:
        NeuroScriptError: 4 for too many of them, or for one of white space only where ``blank`` ones are not taken.
    """
    if stop is None:
        return
    if len(stop) > most:
        raise bad_option("stop", stop, f"at most {most} texts, which is what {provider} takes")
    if not blank and not all(text.strip() for text in stop):
        raise bad_option("stop", stop, f"texts that are not white space only, which {provider} does not take")


def tool_choice(request: LLMRequest) -> ToolChoice | None:
    """Reads the requested use of tools; ``None`` if it is not set or no tools are offered.

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


def stall_seconds(config: Mapping[str, Any]) -> float | None:
    """Reads ``stall_seconds``, the longest silence allowed in a stream; None, for no such limit, if it is not set."""
    if config.get("stall_seconds") is None:
        return None
    seconds = number(config, "stall_seconds", 0)
    if seconds <= 0:
        raise bad_option("stall_seconds", seconds, "a number of seconds above 0")
    return seconds


def timeout_seconds(config: Mapping[str, Any]) -> float:
    """Reads ``timeout_seconds``, the time limit of a whole call; 60 if it is not set."""
    seconds = number(config, "timeout_seconds", DEFAULT_TIMEOUT)
    if seconds <= 0:
        raise bad_option("timeout_seconds", seconds, "a number of seconds above 0")
    return seconds


def number(config: Mapping[str, Any], key: str, default: float) -> float:
    """Reads an option that must be a non-negative number."""
    value = config.get(key)
    if value is None:
        return default
    if type(value) not in (int, float) or not 0 <= value <= _A_YEAR:
        raise bad_option(key, value, "a number that is not negative")
    return float(value)


def beta_names(betas: object) -> list[str]:
    """Returns the names of Anthropic's features to switch on, as its SDK has them in ``betas``.

    Raises:
        NeuroScriptError: 4 for what is no list of names.
    """
    named = [betas] if isinstance(betas, str) else betas
    if not isinstance(named, list) or not all(isinstance(name, str) and name.isascii() for name in named):
        raise bad_option("betas", betas, "a list of names, as in the header anthropic-beta")
    return named


def bad_option(key: str, value: object, expected: str) -> NeuroScriptError:
    """Makes the error for an option with an unusable value."""
    try:
        shown = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        shown = repr(value)
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, f"base_config.{key} is {shown[:80]}; expected {expected}")
