"""What a host grants to scripts that use workers: the policy object, and the narrowing of one policy by another."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, Self

from neuroscript import ErrorCode, NeuroScriptError

MANAGE: Final = ("none", "own", "all")
"""What scripts may change, from least to most: nothing, the definitions that scripts made, every definition."""

_SOURCES: Final = ("env", "config", "vault", "keyring", "inline")
_PROVIDER_PREFIX: Final = "provider:"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPolicy:
    """What scripts, and the models that they ask, may do with workers.

    Every field has a default under which a script can use workers and nothing else of the host's.  A policy is
    checked when it is made and never changes.

    Args:
        ask: name patterns (``*``, ``?``) of the workers that scripts may ask; ``()`` is none.
        manage: whose definitions scripts may add, change and remove: ``"none"``, ``"own"`` (those that scripts of the
            same owner made) or ``"all"``.
        keys: further approvals.  Maps a key source (``env:NAME``, ``config:PATH#KEY``, ``vault:MOUNT/PATH#FIELD``,
            ``keyring:SERVICE/USER``, each with ``*`` as a pattern) to the addresses that the key may be sent to, as
            URL prefixes of whole path segments, or ``provider:NAME`` for a client without an address.
        origins: addresses that scripts may name without a key, as URL prefixes of whole path segments.
        overrides: settings that scripts may set besides the ones that everybody may.
        owner: who owns what the scripts make; None takes the real path of the sandbox, else of the program.
        trust_file: whether definitions without a valid mark count as the host's; for deployments that bring their own
            file of definitions.
        model_tools: full names of administration tools that a worker's allow list may give to a model.
        max_cost_per_run: most that one run may cost, in the currency of the prices; None is no ceiling.
        max_cost_per_day: most that all calls of the owner, and of the directory, may cost in the last 24 hours.
        max_tokens_per_day: most tokens of the same calls in the last 24 hours.
        max_requests_per_minute: most requests of the same calls in the last 60 seconds.
        max_concurrent_calls: most of the same calls in flight at once.
        max_timeout_seconds: the largest ``timeout_seconds`` that a script's call may have.
        max_limit_wait_seconds: the largest ``limit_wait_seconds`` that a script's call may have.
        max_tool_rounds: the largest ``max_tool_rounds`` that a script's call may have.
        max_retries: the largest ``max_retries`` that a script's call may have.
        max_definitions: most definitions that one owner's scripts may have at a time.

    Raises:
        ArgumentError: 4, naming the field, its value and what was expected.
    """

    ask: tuple[str, ...] = ("*",)
    manage: str = "own"
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    owner: str | None = None
    trust_file: bool = False
    model_tools: tuple[str, ...] = ()
    max_cost_per_run: float | None = None
    max_cost_per_day: float | None = None
    max_tokens_per_day: int | None = None
    max_requests_per_minute: int | None = None
    max_concurrent_calls: int | None = None
    max_timeout_seconds: float = 600
    max_limit_wait_seconds: float = 600
    max_tool_rounds: int = 8
    max_retries: int = 5
    max_definitions: int = 100

    def __post_init__(self) -> None:
        for name in ("ask", "origins", "overrides", "model_tools"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        if self.manage not in MANAGE:
            raise _bad("manage", self.manage, " or ".join(f'"{word}"' for word in MANAGE))
        object.__setattr__(self, "keys", MappingProxyType(_approvals(self.keys)))
        if self.owner is not None and (not isinstance(self.owner, str) or not self.owner.strip()):
            raise _bad("owner", self.owner, "a text that is not empty, or None")
        if not isinstance(self.trust_file, bool):
            raise _bad("trust_file", self.trust_file, "true or false")
        for name in _OPTIONAL_CEILINGS:
            if getattr(self, name) is not None:
                _number(name, getattr(self, name), whole=name in _WHOLE)
        for name in _CEILINGS:
            _number(name, getattr(self, name), whole=name in _WHOLE)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """A policy from a map, as a configuration file holds it.

        Raises:
            ArgumentError: 4 for an unknown name, with the nearest one, or a value that does not fit.
        """
        known = [each.name for each in fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise NeuroScriptError(
                    ErrorCode.ARG_MISMATCH, f"a worker policy has no field {name!r}; {hint}", details={"field": name}
                )
        return cls(**values)

    def may_ask(self, name: str) -> bool:
        """Whether scripts may ask the worker of this name."""
        return any(fnmatchcase(name, pattern) for pattern in self.ask)

    def narrowed(self, other: WorkerPolicy) -> WorkerPolicy:
        """What both policies grant: the policy of a host, narrowed by one that comes with a program."""
        changes: dict[str, Any] = {
            "ask": tuple(pattern for pattern in other.ask if self._covers(pattern))
            if self.ask != ("*",)
            else other.ask,
            "manage": min(self.manage, other.manage, key=MANAGE.index),
            "keys": {
                source: tuple(set(places) & set(other.keys.get(source, ()))) for source, places in self.keys.items()
            },
            "origins": tuple(origin for origin in self.origins if origin in other.origins),
            "overrides": tuple(name for name in self.overrides if name in other.overrides),
            "model_tools": tuple(name for name in self.model_tools if name in other.model_tools),
            "trust_file": self.trust_file and other.trust_file,
        }
        for name in (*_OPTIONAL_CEILINGS, *_CEILINGS):
            given = [value for value in (getattr(self, name), getattr(other, name)) if value is not None]
            changes[name] = min(given, default=None)
        return replace(self, **changes)

    def _covers(self, pattern: str) -> bool:
        return pattern in self.ask or (not re.search(r"[*?\[]", pattern) and self.may_ask(pattern))


_OPTIONAL_CEILINGS: Final = (
    "max_cost_per_run",
    "max_cost_per_day",
    "max_tokens_per_day",
    "max_requests_per_minute",
    "max_concurrent_calls",
)
_CEILINGS: Final = (
    "max_timeout_seconds",
    "max_limit_wait_seconds",
    "max_tool_rounds",
    "max_retries",
    "max_definitions",
)
_WHOLE: Final = frozenset(
    {
        "max_tokens_per_day",
        "max_requests_per_minute",
        "max_concurrent_calls",
        "max_tool_rounds",
        "max_retries",
        "max_definitions",
    }
)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(item, str) for item in value):
        raise _bad(name, value, "a list of texts")
    return tuple(value)


def _approvals(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise _bad("keys", value, 'a map such as {"env:NAME": ["https://host"]}')
    approvals = {}
    for source, places in value.items():
        method, colon, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
        if not colon or not rest or method not in _SOURCES:
            raise _bad("keys", source, 'sources like "env:NAME", "config:path#key", "vault:mount/path#field"')
        approvals[source] = _texts(f"keys[{source!r}]", places)
    return approvals


def _number(name: str, value: Any, *, whole: bool) -> None:
    kinds = (int,) if whole else (int, float)
    if type(value) not in kinds or not math.isfinite(value) or value < 0:
        raise _bad(name, value, "a whole number of 0 or more" if whole else "a number of 0 or more")


def _bad(name: str, value: object, expected: str) -> NeuroScriptError:
    shown = repr(value)
    return NeuroScriptError(
        ErrorCode.ARG_MISMATCH,
        f"WorkerPolicy: {name} is {shown if len(shown) <= 80 else shown[:77] + '...'}; expected {expected}",
        details={"field": name},
    )
