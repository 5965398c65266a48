"""Estimates of what a call will use before it is made, and has used when it was cut off.

Two numbers stand for the input: an estimate of its tokens, for limits by the token, and its bytes, for costs.  No token
of any tokenizer in use is shorter than a byte, so the bytes are an upper bound.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ai_wm.providers.base import (
    MANAGEMENT_KEYS,
    OUTPUT_LIMITS,
    LLMRequest,
    Message,
    Usage,
    count_words,
    text_with_notes,
)

LEAST_CUT_OFF: Final = 64
"""Tokens of output that a reply is taken to have used at least, if it was cut off in the middle."""

ORDINARY_OUTPUT: Final = 4096
"""Tokens of output, thinking apart, that a call under a limit may use where its configuration does not say."""

_TOKENS_A_MESSAGE: Final = 4
_BYTES_A_MESSAGE: Final = 32
"""What the model's own marks around a message take."""

_TOOLS_BYTES: Final = 1024
"""What a provider's instructions for the use of tools take at most (Anthropic's pricing page: up to 700 tokens)."""

_SETTINGS_OF_CALL: Final = frozenset(
    {"max_output_tokens", "seed", "stop", "system_prompt", "temperature", "tool_choice", "top_k", "top_p"}
)
"""The common settings that add nothing to the input, or are counted by themselves."""


class InputSize(NamedTuple):
    """The size of a request's input: an estimate of its tokens, and an upper bound of them."""

    tokens: int
    most: int


def is_built_in(request: LLMRequest) -> bool:
    """Whether a request goes to a model in this process that counts words as tokens."""
    return request.provider == "local" and request.model in ("echo", "scripted")


def input_size(request: LLMRequest) -> InputSize:
    """Measures the input of a call: its texts, the tools offered, and what its settings add."""
    if request.embed:
        return _size_of_texts(request)
    if is_built_in(request):
        words = count_words(request.system_text, *map(text_with_notes, request.messages))
        return InputSize(words, words)
    tokens, most = _text_size(request.system_text)
    for message in request.messages:
        if message.attachments:
            more = _attachments_size(request, message)
            tokens, most = tokens + 3 * more, most + more
        for text in _texts_of(message):
            more, longest = _text_size(text)
            tokens, most = tokens + more, most + longest
    for tool in request.tools:
        for text in (tool.name, tool.description, _json(tool.parameters)):
            more, longest = _text_size(text)
            tokens, most = tokens + more, most + longest
    if request.tools:
        most += _TOOLS_BYTES
    settings = {key: value for key, value in request.config.items() if key not in _NOT_INPUT}
    if settings:
        most += byte_length(_json(settings))
        if "response_format" in settings:  # its schema is part of the prompt
            tokens += _text_size(_json(settings["response_format"]))[0]
    number = len(request.messages) + 1
    return InputSize(-(-tokens // 3) + _TOKENS_A_MESSAGE * (number - 1), most + _BYTES_A_MESSAGE * number)


def _size_of_texts(request: LLMRequest) -> InputSize:
    """The size of texts that are to be embedded."""
    if is_built_in(request):
        words = count_words(*request.embed)
        return InputSize(words, words)
    tokens = most = 0
    for text in request.embed:
        more, longest = _text_size(text)
        tokens, most = tokens + more, most + longest
    number = len(request.embed)
    return InputSize(-(-tokens // 3) + _TOKENS_A_MESSAGE * number, most + _BYTES_A_MESSAGE * number)


_NOT_INPUT: Final = MANAGEMENT_KEYS | _SETTINGS_OF_CALL | frozenset(OUTPUT_LIMITS)


_WHOLE_REPLY: Final = ("content", "output", "parts")
"""The data that hold a reply whole, its text included, in the form of Anthropic, OpenAI and Google."""


def _texts_of(message: Any) -> Iterator[str]:
    data = message.provider_data or {}
    if data.keys().isdisjoint(_WHOLE_REPLY):
        yield message.content
    for call in message.tool_calls:
        yield call.name
        yield _json(call.arguments, ensure_ascii=True)  # a text within the request, so that the model sees the escapes
    if data:  # it goes back to its provider
        yield _json(data)


def _attachments_size(request: LLMRequest, message: Message) -> int:
    """The most tokens of a message's attachments."""
    from ai_wm.providers.attachment_tokens import attachment_tokens  # few requests have any

    return sum(attachment_tokens(request.provider, request.model, each) for each in message.attachments)


def _json(value: Any, *, ensure_ascii: bool = False) -> str:
    try:
        return json.dumps(value, ensure_ascii=ensure_ascii, default=repr)
    except (TypeError, ValueError, RecursionError):  # the adapter refuses it
        return repr(value)


def _text_size(text: str) -> tuple[int, int]:
    """Thirds of tokens and bytes of a text: three bytes of Latin text a token, and one token for any other character.

    That is on the high side for English (OpenAI and Google speak of four characters a token), near the count for JSON,
    code and other European languages, and for Chinese, Japanese and Korean, which present tokenizers count with about
    one token a character.
    """
    length = len(text)
    if text.isascii():
        return length, length
    latin = text.encode("latin-1", "ignore")
    letters = len(latin)
    accented = letters - len(latin.decode("ascii", "ignore"))
    return letters + accented + 3 * (length - letters), byte_length(text)


def estimate_text(text: str) -> int:
    """Estimates the tokens of a text: one for three bytes of Latin text, one for every other character."""
    return -(-_text_size(text)[0] // 3)


def estimate_input(request: LLMRequest) -> int:
    """Estimates the input tokens of a call; see `input_size`."""
    return input_size(request).tokens


def byte_length(text: str) -> int:
    """The length of a text in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def divided(request: LLMRequest, usage: Usage) -> Usage:
    """Returns a usage of which the server gave the total alone, divided by an estimate of the input."""
    if not usage.undivided:
        return usage
    given = min(estimate_input(request), usage.output_tokens)
    output = usage.output_tokens - given
    return replace(usage, input_tokens=given, output_tokens=output, estimated=True, undivided=False)


def cut_off_usage(request: LLMRequest, usage: Usage, produced: int) -> Usage:
    """Estimates the usage of a reply that was cut off: the part received, and a quarter more, or 64 tokens.

    A server that has counted all that came, as it went along, is believed.

    Args:
        request: what was asked.
        usage: what the server has counted by then.
        produced: the bytes of all that the model has written.
    """
    usage = divided(request, usage)
    output = usage.output_tokens
    if not 0 < produced <= 4 * output:
        output = max(output, LEAST_CUT_OFF, -(-5 * produced // 16))
    given = usage.input_tokens or estimate_input(request)
    return replace(usage, input_tokens=given, output_tokens=output, estimated=True)


# Output


def built_in_output(request: LLMRequest, size: InputSize) -> int:
    """Estimates the output of a built-in model: that of the longest reply listed, or that of ``echo``."""
    if request.model == "scripted":
        replies = request.config.get("replies")
        if isinstance(replies, list | tuple) and replies:
            return max(map(_reply_tokens, replies))
    return size.tokens + 1


def _reply_tokens(reply: object) -> int:
    if isinstance(reply, str):
        return count_words(reply)
    if not isinstance(reply, Mapping):
        return 0
    usage, text = reply.get("usage"), reply.get("text", "")
    if isinstance(usage, Mapping):
        counts = [usage.get(name, 0) for name in ("input_tokens", "output_tokens")]
        return sum(count for count in counts if type(count) is int and count > 0)
    return count_words(text) if isinstance(text, str) else 0


def stated_output(config: Mapping[str, Any]) -> int | None:
    """The limit of output that a configuration states, under whatever name an API has for it; None if it states none.

    Where there are several, which of them counts is the provider's affair, so it is the highest.
    """
    found = [
        math.ceil(value)
        for layer in _layers(config)
        for name in _OUTPUT_NAMES.intersection(layer)
        if isinstance(value := layer[name], int | float) and not isinstance(value, bool) and 0 < value < math.inf
    ]
    return max(found, default=None)


def states_several(config: Mapping[str, Any]) -> bool:
    """Whether a configuration names its limit of output more than once, so that APIs may differ about which counts."""
    return sum(len(_OUTPUT_NAMES.intersection(layer)) for layer in _layers(config)) > 1


def with_output(config: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Returns a configuration with a limit of output, in the place of settings that give none, such as Ollama's -1."""
    if _HOLDERS.isdisjoint(config) and _OUTPUT_NAMES.isdisjoint(config):
        return {**config, "max_output_tokens": limit}
    made = _without_output(config)
    extra = made.get("extra_body")
    if isinstance(extra, Mapping):
        left = _without_output(extra)
        if left or not extra:
            made["extra_body"] = left
        else:
            del made["extra_body"]
    made["max_output_tokens"] = limit
    return made


def _without_output(config: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in config.items() if name not in _OUTPUT_NAMES}
    for name in _INNER:
        inner = made.get(name)
        if isinstance(inner, Mapping) and not inner.keys().isdisjoint(_OUTPUT_NAMES):
            made[name] = {key: value for key, value in inner.items() if key not in _OUTPUT_NAMES}
            if not made[name]:
                del made[name]
    return made


_INNER: Final = (
    "generationConfig",
    "generation_config",
    "inferenceConfig",
    "inference_config",
    "additionalModelRequestFields",
    "additional_model_request_fields",
    "options",
)
_OUTPUT_NAMES: Final = frozenset({"max_output_tokens", *OUTPUT_LIMITS, "max_new_tokens", "n_predict"})
_HOLDERS: Final = frozenset({"extra_body", *_INNER})


def _layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A configuration, what ``extra_body`` adds to the request, and the maps in which some APIs want such settings."""
    if _HOLDERS.isdisjoint(config):  # mostly, and each call asks several times
        return [config]
    layers = []
    for outer in (config, config.get("extra_body")):
        if isinstance(outer, Mapping):
            layers.append(outer)
            layers += (inner for name in _INNER if isinstance(inner := outer.get(name), Mapping))
    return layers


def answers_asked(config: Mapping[str, Any]) -> int:
    """How many answers a configuration asks for at once, each of which costs its output."""
    return max([1, *(_whole(layer[name]) for layer in _layers(config) for name in _ANSWERS.intersection(layer))])


_ANSWERS: Final = frozenset({"n", "best_of", "candidateCount", "candidate_count"})


def _whole(value: object) -> int:
    """A number as servers read it, which may come as a float or a text; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        return math.ceil(float(value))
    except (ValueError, OverflowError):
        return 0


def thinking_budget(config: Mapping[str, Any]) -> int:
    """The tokens of thinking that a configuration states, in whatever form an API has for it; 0 if it states none."""
    budgets = [each for inner in _thinking_in(config) for each in map(inner.get, _BUDGETS)]
    return max([0, *(budget for budget in budgets if type(budget) is int)])


def thinking_allowance(config: Mapping[str, Any]) -> int:
    """The tokens of thinking to allow for: those stated, or else what the stated effort stands for, or 0."""
    named = [
        *(layer.get("reasoning_effort") for layer in _layers(config)),
        *(each for inner in _thinking_in(config) for each in map(inner.get, _EFFORT)),
    ]
    efforts = [_EFFORTS.get(each.lower(), 0) for each in named if isinstance(each, str)]
    return thinking_budget(config) or max(efforts, default=0)


def _thinking_in(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for layer in _layers(config):
        for name in _THINKING.intersection(layer):
            if isinstance(inner := layer[name], Mapping):
                yield inner


_THINKING: Final = frozenset(
    {
        "thinking",
        "reasoning",
        "reasoningConfig",
        "reasoning_config",
        "thinkingConfig",
        "thinking_config",
        "output_config",
    }
)
_BUDGETS: Final = ("budget_tokens", "max_tokens", "thinkingBudget", "thinking_budget")
_EFFORT: Final = ("effort", "maxReasoningEffort", "thinkingLevel", "thinking_level")
_EFFORTS: Final = {"low": 4096, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
"""Tokens of thinking that an effort stands for, where no budget is stated."""

_MOST_OUTPUT: Final = (
    # The models with a published maximum that the ordinary limit, or that with a usual thinking budget, may exceed.
    (r"claude-3-(opus|sonnet|haiku)|claude-(2|instant)", 4096),
    (r"claude-3-5-", 8192),
    (r"claude-(opus-4-(0|1|2025)|opus-4$)", 32_000),
    (r"claude-3-7-|claude-(sonnet|haiku|opus)-4", 64_000),
    (r"gpt-3\.5-turbo|gpt-4-(turbo|1106|0125|vision)|gpt-4o-2024-05-13", 4096),
    (r"gpt-4(-0613|-0314)?$", 8192),
    (r"gpt-4o", 16_384),
    (r"gpt-4\.1|o1-preview", 32_768),
    (r"o1-mini", 65_536),
    (r"o[134](-|$)", 100_000),
    (r"gpt-5", 128_000),
    (r"gemini-(1\.0-)?pro$", 2048),
    (r"gemini-(1\.5|2\.0)-", 8192),
    (r"gemini-(2\.5|3)", 65_535),
)
_PUBLISHED: Final = tuple((re.compile(pattern), most) for pattern, most in _MOST_OUTPUT)


@lru_cache(maxsize=1024)
def published_output(provider: str, model: str) -> int | None:
    """The most output that a provider publishes for a model; None where it is unknown or no matter."""
    if provider not in ("anthropic", "azure", "bedrock", "google", "openai", "vertex"):
        return None
    # Bedrock has region and maker before a name (us.anthropic.claude-…), Google's tools a path.
    name = model.rpartition("/")[2].rpartition("anthropic.")[2]
    return next((most for pattern, most in _PUBLISHED if pattern.match(name)), None)
