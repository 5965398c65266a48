"""The settings that scripts may set for their calls: an allow list, with limits set by the host.

Scripts set them in the ``base_config`` of definitions that they made, and in the overrides of a call or an instance.
Anything that is not listed here is refused, since a setting may choose who is asked, where, at whose expense and with
which key; the host's policy can list more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any, Final

from ai_wm.data.policy import WorkerPolicy
from ai_wm.data.settings import DEFAULT_LIMIT_WAIT, DEFAULT_RETRIES, DEFAULT_TIMEOUT, DEFAULT_TOOL_ROUNDS
from ai_wm.data.spelling import nearest
from neuroscript import ErrorCode, NeuroScriptError

ALLOWED: Final = frozenset(
    {
        "attach",
        "fallbacks",
        "frequency_penalty",
        "limit_wait_seconds",
        "logit_bias",
        "logprobs",
        "max_output_tokens",
        "max_retries",
        "max_tool_rounds",
        "min_p",
        "on_limit",
        "presence_penalty",
        "repetition_penalty",
        "replies",
        "response_format",
        "schema",
        "schema_repairs",
        "seed",
        "stop",
        "system_prompt",
        "temperature",
        "timeout_seconds",
        "tool_choice",
        "top_k",
        "top_p",
    }
)
"""The settings that every script may set."""

WIRE_NAMES: Final = {
    "maxOutputTokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "max_tokens_to_sample": "max_output_tokens",
    "maxTokens": "max_output_tokens",
    "num_predict": "max_output_tokens",
    "topP": "top_p",
    "topK": "top_k",
    "minP": "min_p",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "repeat_penalty": "repetition_penalty",
    "logitBias": "logit_bias",
    "stopSequences": "stop",
    "stop_sequences": "stop",
    "system": "system_prompt",
    "systemInstruction": "system_prompt",
    "system_instruction": "system_prompt",
    "responseFormat": "response_format",
    "toolChoice": "tool_choice",
    "default_headers": "headers",
    "extra_headers": "headers",
}
"""Other names that providers and their SDKs have for settings."""

_HOST_SAYS: Final = "the host says it when it defines the worker"
_MADE_HERE: Final = "it is made from the prompt and the worker's definition"
_NO_SETTINGS: Final = {
    "allow_unknown_price": _HOST_SAYS,
    "api_key": _HOST_SAYS,
    "auth": _HOST_SAYS,
    "cost_metrics": _HOST_SAYS,
    "messages": _MADE_HERE,
    "model": _HOST_SAYS,
    "provider": _HOST_SAYS,
    "stream": _MADE_HERE,
    "tools": _MADE_HERE,
}
"""What no override can say, and why: nothing that a policy permits would change that."""

_DEFAULTS: Final = {
    "timeout_seconds": DEFAULT_TIMEOUT,
    "max_retries": DEFAULT_RETRIES,
    "limit_wait_seconds": DEFAULT_LIMIT_WAIT,
    "max_tool_rounds": DEFAULT_TOOL_ROUNDS,
}
"""The settings that a policy bounds, each with its default."""

_HOST_CAPS: Final = frozenset({*_DEFAULTS, "max_output_tokens", "schema_repairs"})
"""The settings whose value in a definition of the host's is the largest that an override may have."""

_ALIASES: Final = {
    name: tuple(wire for wire, usual in WIRE_NAMES.items() if usual == name) for name in set(WIRE_NAMES.values())
}


def script_settings(settings: Mapping[str, Any], policy: WorkerPolicy, also: Collection[str] = ()) -> dict[str, Any]:
    """Checks settings from a script, and returns them under their canonical names.

    Args:
        settings: the settings that the script gives.
        policy: its ``overrides`` are permitted too.
        also: further names that are permitted here.

    Raises:
        NeuroScriptError: 10 for a setting that scripts may not set; 4 for one that is given twice.
    """
    found: dict[str, Any] = {}
    for given, value in settings.items():
        name = WIRE_NAMES.get(given, given)
        if name not in ALLOWED and name not in also and (name not in policy.overrides or name in _NO_SETTINGS):
            raise _refused(given, also)
        if name in found:
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"the setting {name} is given twice, as {given!r} the second time; give it once",
                details={"field": name},
            )
        found[name] = value
    return found


@dataclass(frozen=True, slots=True)
class PolicyCaps:
    """The largest values that a policy lets scripts set, by setting, and those that are below the defaults."""

    most: Mapping[str, float]
    below_default: Mapping[str, float]


def policy_caps(policy: WorkerPolicy) -> PolicyCaps:
    """Returns the caps of a policy."""
    most = {
        "timeout_seconds": policy.max_timeout_seconds,
        "max_retries": policy.max_retries,
        "limit_wait_seconds": policy.max_limit_wait_seconds,
        "max_tool_rounds": policy.max_tool_rounds,
    }
    return PolicyCaps(most, {name: cap for name, cap in most.items() if _DEFAULTS[name] > cap})


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merges maps of overrides, of which later ones win; None removes an earlier override."""
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value
    return found


def script_config(
    base: Mapping[str, Any], overrides: Mapping[str, Any], caps: PolicyCaps, *, by_host: bool, worker: str
) -> dict[str, Any]:
    """Makes the effective configuration of a script's call.

    Args:
        base: the definition's configuration.
        overrides: the script's overrides, under their canonical names.
        caps: the largest values that scripts may set.
        by_host: whether ``base`` is the host's; then its limits are caps, and its locked settings cannot be overridden.
        worker: the worker's name, for messages.

    Raises:
        NeuroScriptError: 10 for an override of a setting that the host has locked.
    """
    config = {**base, **overrides}
    if by_host and overrides:
        if "locked" in base:
            _check_locks(base["locked"], overrides, worker)
        for name in _HOST_CAPS & overrides.keys():
            wire = [alias for alias in _ALIASES.get(name, ()) if alias in base]
            for alias in wire:
                del config[alias]
            _bound(config, name, *(base.get(key) for key in (name, *wire)))
    # What the host says itself holds, whatever the policy bounds for scripts.
    theirs = overrides if by_host else config
    for name in caps.most.keys() & theirs.keys():
        _bound(config, name, caps.most[name])
    for name, most in caps.below_default.items():
        config.setdefault(name, most)
    return config


def _bound(config: dict[str, Any], name: str, *caps: Any) -> None:
    value, numbers = config[name], [cap for cap in caps if _is_number(cap)]
    if _is_number(value) and numbers and value > min(numbers):
        config[name] = min(numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_locks(locked: Any, overrides: Mapping[str, Any], worker: str) -> None:
    names: Iterable[Any] = (locked,) if isinstance(locked, str) else locked if isinstance(locked, list | tuple) else ()
    for name in names:
        usual = WIRE_NAMES.get(name, name) if isinstance(name, str) else name
        if usual in overrides:
            message = (
                f"the host has fixed the setting {usual} of worker {worker!r}; the host permits it by taking it out of "
                "locked in the worker's base_config"
            )
            raise NeuroScriptError(ErrorCode.SECURITY, message, details={"field": str(usual)})


def _refused(name: str, also: Collection[str]) -> NeuroScriptError:
    if name in _NO_SETTINGS:
        return NeuroScriptError(
            ErrorCode.SECURITY,
            f"{name!r} is no setting of a call: {_NO_SETTINGS[name]}; leave it out",
            details={"field": name},
        )
    usual = WIRE_NAMES.get(name, name)
    near = nearest(name, [*ALLOWED, *also])
    hint = f" (another name of {usual!r})" if usual != name else f" (did you mean {near!r}?)" if near else ""
    return NeuroScriptError(
        ErrorCode.SECURITY,
        f"scripts may not set {name[:80]!r}{hint}; the host permits it with --allow-setting {quote(usual[:80])} or "
        f"WorkerPolicy(overrides=({usual[:80]!r},))",
        details={"field": name[:80]},
    )
