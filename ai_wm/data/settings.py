"""The effective configuration of a call, and its management settings: limits, tool rounds, fallbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai_wm.data.headers import headers_of, key_header_of
from ai_wm.data.sdk_options import HEADERS, with_own_names
from ai_wm.data.type_words import described_type
from neuroscript import ErrorCode, NeuroScriptError

DEFAULT_TIMEOUT = 60.0
"""Seconds for a whole call."""

DEFAULT_RETRIES = 2
DEFAULT_TOOL_ROUNDS = 8
DEFAULT_SCHEMA_REPAIRS = 1
MOST_SCHEMA_REPAIRS = 10
DEFAULT_LIMIT_WAIT = 60.0
"""The seconds that a call waits for room under its limits, if it waits for room."""

ON_LIMIT = ("refuse", "wait")

ADDRESS_SETTINGS = frozenset(
    {
        "allow_http",
        "api",
        "api_version",
        "auth_header",
        "aws_region",
        "base_url",
        "deployment",
        "location",
        "project",
        *HEADERS,
    }
)
"""The settings that choose the server and how it is spoken to."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """The settings of one configuration for the manager rather than for the model.

    Args:
        wait_seconds: how long to wait for room under the rate limits; None refuses.
        flight_seconds: how long to wait where only calls in flight stand in the way, whatever `wait_seconds` says.
        max_tool_rounds: how often results of tools may be sent back in one turn.
        fallbacks: ids or names of the definitions to try next, in order.
        schema_repairs: how often a reply that does not fit ``schema`` may be sent back in one turn.
    """

    wait_seconds: float | None
    flight_seconds: float
    max_tool_rounds: int
    fallbacks: tuple[str, ...]
    schema_repairs: int = DEFAULT_SCHEMA_REPAIRS

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> CallSettings:
        """Reads and checks the settings of a configuration.

        Raises:
            NeuroScriptError: 4 naming the key, its value and what was expected.
        """
        if config.keys().isdisjoint(_STEERING):
            return _DEFAULTS
        waits = config.get("on_limit", "refuse")
        if waits not in ON_LIMIT:
            raise _bad("on_limit", waits, " or ".join(f'"{word}"' for word in ON_LIMIT))
        seconds = config.get("limit_wait_seconds", DEFAULT_LIMIT_WAIT)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
            raise _bad("limit_wait_seconds", seconds, "a number of seconds of 0 or more")
        rounds = config.get("max_tool_rounds", DEFAULT_TOOL_ROUNDS)
        if isinstance(rounds, float) and rounds.is_integer():
            rounds = int(rounds)
        if type(rounds) is not int or rounds < 0:
            raise _bad("max_tool_rounds", rounds, "a whole number of 0 or more")
        repairs = config.get("schema_repairs", DEFAULT_SCHEMA_REPAIRS)
        if isinstance(repairs, float) and repairs.is_integer():
            repairs = int(repairs)
        if type(repairs) is not int or not 0 <= repairs <= MOST_SCHEMA_REPAIRS:
            raise _bad("schema_repairs", repairs, f"a whole number from 0 to {MOST_SCHEMA_REPAIRS}")
        names = config.get("fallbacks") or ()
        if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(n, str) for n in names):
            raise _bad("fallbacks", names, "a list of ids or names of definitions")
        locked = config.get("locked") or ()
        if isinstance(locked, str) or not isinstance(locked, Sequence) or not all(isinstance(n, str) for n in locked):
            raise _bad("locked", locked, "a list of settings that scripts may not change")
        for name in _PERMISSIONS:
            if not isinstance(config.get(name, False), bool):
                raise _bad(name, config[name], "true or false")
        if config.get("attach") is not None:
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                "attach is no setting of a worker or an instance: files go with one prompt; give it with the prompt",
                details={"field": "attach"},
            )
        check_cache(config)
        headers_of(config)
        key_header_of(config)
        return cls(float(seconds) if waits == "wait" else None, float(seconds), rounds, tuple(names), repairs)


CACHE = ("auto", "1h", "off")
"""The values of ``cache``: keep what a conversation repeats for as long as the provider usually does, for an hour, or
ask for nothing."""


def check_cache(config: Mapping[str, Any]) -> None:
    """Raises error 4 for a value of ``cache`` that is none."""
    value = config.get("cache")
    if value is not None and value not in CACHE:
        raise _bad("cache", value, " or ".join(f'"{word}"' for word in CACHE))


_PERMISSIONS = ("allow_http", "allow_unknown_price")
_STEERING = frozenset(
    {
        *_PERMISSIONS,
        "attach",
        "auth_header",
        "cache",
        "fallbacks",
        "headers",
        "limit_wait_seconds",
        "locked",
        "max_tool_rounds",
        "on_limit",
        "schema_repairs",
    }
)
_DEFAULTS = CallSettings(None, DEFAULT_LIMIT_WAIT, DEFAULT_TOOL_ROUNDS, ())


def effective_config(base: Mapping[str, Any], *overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merges a definition's configuration with maps of overrides; later ones win."""
    config = with_own_names(base)
    for layer in overrides:
        if layer:
            config.update(with_own_names(layer))
    return config


def fallback_overrides(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Removes the overrides that do not apply to fallbacks, each of which has its own address and key."""
    return {name: value for name, value in overrides.items() if name not in ADDRESS_SETTINGS}


def at_current_address(
    config: Mapping[str, Any], overrides: Mapping[str, Any], base: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Returns a conversation's configuration with the definition's current address, which its current key is for.

    Args:
        config: the effective configuration when the conversation began.
        overrides: the overrides set for it at that time, which still apply.
        base: the definition's configuration as it is.
    """
    moved = [name for name in ADDRESS_SETTINGS if name not in overrides and config.get(name) != base.get(name)]
    if not moved:
        return config
    kept = {name: value for name, value in config.items() if name not in moved}
    return kept | {name: base[name] for name in moved if name in base}


def check_overrides(overrides: Any) -> dict[str, Any]:
    """Returns a copy of the overrides, checked to be a map with text keys.

    Raises:
        NeuroScriptError: 4 if they are no map with text as keys.
    """
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping) or not all(isinstance(key, str) for key in overrides):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"config_overrides is a map from names to settings, not {described_type(overrides)}",
        )
    return dict(overrides)


def with_schema(overrides: Any, schema: Mapping[str, Any] | None) -> Any:
    """Adds the argument ``schema`` of a call to its overrides.

    Raises:
        NeuroScriptError: 4 if they have one already, or are no map with text as keys.
    """
    if schema is None:
        return overrides
    found = check_overrides(overrides)
    if found.get("schema") is not None:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            "the schema is given twice, as an argument and in config_overrides; give it once",
            details={"field": "schema"},
        )
    return {**found, "schema": schema}


def _bad(key: str, value: object, expected: str) -> NeuroScriptError:
    shown = repr(value)
    return NeuroScriptError(
        ErrorCode.ARG_MISMATCH,
        f"the setting {key} is {shown if len(shown) <= 60 else shown[:57] + '...'}; expected {expected}",
        details={"field": key},
    )
