"""The policy by which a host decides what scripts may do with AI workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, Self

from ai_wm.data.spelling import nearest
from neuroscript import Address, ErrorCode, NeuroScriptError

MANAGE: Final = ("none", "own", "all")
"""The values of ``manage``, from least to most: scripts may change no definition, the owner's own, or all."""

PROVIDER_PREFIX: Final = "provider:"
"""The prefix of an approved destination that is a client without a known address."""

_EVERYTHING: Final = ("*",)
_SOURCES: Final = ("env", "config", "vault", "keyring", "entra", "aws", "google")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPolicy:
    """A host's policy for the use of AI workers by scripts and by the models that scripts call.

    Every field has a default under which a script can use workers and nothing else of the host's.  A policy is
    checked when it is made and never changes.

    Args:
        ask: name patterns (``*``, ``?``) of the workers that scripts may ask; ``()`` is none.
        manage: which definitions scripts may add, change and remove: ``"none"``, ``"own"`` (those that scripts of the
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
        max_tokens_per_run: most tokens that one run may use.
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
    max_tokens_per_run: int | None = None
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
        object.__setattr__(self, "origins", tuple(_address("origins", origin).text for origin in self.origins))
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
        """Makes a policy from a map, such as a section of a configuration file.

        Raises:
            ArgumentError: 4 for an unknown name, with the nearest one, or a value that does not fit.
        """
        known = [each.name for each in fields(cls)]
        for name in values:
            if name not in known:
                near = nearest(str(name), known)
                hint = f"did you mean {near!r}?" if near else f"there are {', '.join(known)}"
                raise NeuroScriptError(
                    ErrorCode.ARG_MISMATCH, f"a worker policy has no field {name!r}; {hint}", details={"field": name}
                )
        return cls(**values)

    def to_map(self) -> dict[str, Any]:
        """Returns the fields that are not at their defaults, as JSON values that `parse` reads."""
        usual, found = WorkerPolicy(), {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value != getattr(usual, each.name):
                plain = list(value) if isinstance(value, tuple) else value
                found[each.name] = {key: list(to) for key, to in value.items()} if each.name == "keys" else plain
        return found

    def may_ask(self, name: str) -> bool:
        """Whether scripts may ask the worker of this name."""
        return self.ask == _EVERYTHING or any(matches(name, pattern) for pattern in self.ask)

    def approves(self, source: str, place: Address | str) -> bool:
        """Whether ``keys`` lets a source's key be sent to a destination: an address, or ``provider:NAME``."""
        return any(
            matches(source, pattern) and any(_holds(approved, place) for approved in places)
            for pattern, places in self.keys.items()
        )

    def names(self, address: Address) -> bool:
        """Whether ``origins`` lets scripts call an address without a key."""
        return any(_holds(origin, address) for origin in self.origins)

    def narrowed(self, other: WorkerPolicy | Mapping[str, Any]) -> WorkerPolicy:
        """Returns the intersection of two policies: the host's, narrowed by one that comes with a program.

        Args:
            other: a policy, or a map of the fields to narrow; the other fields are unchanged.

        Raises:
            ArgumentError: 4 for a map that is no policy.
        """
        if isinstance(other, Mapping):
            given = self.parse(other)
            other = replace(self, **{name: getattr(given, name) for name in other})
        changes: dict[str, Any] = {
            "ask": _in_both(self.ask, other.ask, lies_within),
            "manage": min(self.manage, other.manage, key=MANAGE.index),
            "keys": {
                source: places
                for source in _in_both(tuple(self.keys), tuple(other.keys), lies_within)
                if (places := _in_both(self._places_of(source), other._places_of(source), _lies_in))
            },
            "origins": _in_both(self.origins, other.origins, _lies_in),
            "overrides": tuple(name for name in self.overrides if name in other.overrides),
            "model_tools": tuple(name for name in self.model_tools if name in other.model_tools),
            "trust_file": self.trust_file and other.trust_file,
        }
        for name in (*_OPTIONAL_CEILINGS, *_CEILINGS):
            values = [value for value in (getattr(self, name), getattr(other, name)) if value is not None]
            changes[name] = min(values, default=None)
        return replace(self, **changes)

    def _places_of(self, source: str) -> tuple[str, ...]:
        """The destinations approved for the keys of a source, or for all sources of a pattern."""
        return tuple(place for pattern, places in self.keys.items() if lies_within(source, pattern) for place in places)


def matches(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern, in which ``*`` stands for any text and ``?`` for one character."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def lies_within(inner: str, outer: str) -> bool:
    """Whether one pattern is certainly covered by another, which then matches every text that the first one matches."""
    # Read as a text, the inner pattern fits where its own wildcards do: a ``*`` within a ``*`` only.
    return fnmatchcase(inner, outer.replace("[", "[[]").replace("?", "[!*]"))


def _holds(approved: str, place: Address | str) -> bool:
    if isinstance(place, str):
        return approved == place
    return not approved.startswith(PROVIDER_PREFIX) and Address.parse(approved).covers(place)


def _lies_in(place: str, approved: str) -> bool:
    return _holds(approved, place if place.startswith(PROVIDER_PREFIX) else Address.parse(place))


def _in_both(ours: tuple[str, ...], theirs: tuple[str, ...], lies_in: Callable[[str, str], bool]) -> tuple[str, ...]:
    """The intersection of two lists of patterns: the items of each that an item of the other covers."""
    both = [item for item in ours if any(lies_in(item, other) for other in theirs)]
    both += [item for item in theirs if any(lies_in(item, other) for other in ours)]
    return tuple(dict.fromkeys(both))


_OPTIONAL_CEILINGS: Final = (
    "max_cost_per_run",
    "max_tokens_per_run",
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
        "max_tokens_per_run",
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
    return {
        _source(source): tuple(_place(source, place) for place in _texts(f"keys[{source!r}]", places))
        for source, places in value.items()
    }


def _source(source: Any) -> str:
    method, colon, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
    if not colon or not rest or method not in _SOURCES:
        expected = 'sources like "env:NAME", "config:path#key", "vault:mount/path#field", "keyring:service/user"'
        raise _bad("keys", source, expected)
    return str(source)


def _place(source: str, place: str) -> str:
    if place.startswith(PROVIDER_PREFIX):
        return place
    name = f"keys[{source!r}]"
    address = _address(name, place)
    if address.scheme == "http" and not address.is_loopback:
        raise _bad(
            name,
            place,
            "an https address: over plain http a key goes to this machine alone, unless a "
            "definition of the host's says allow_http",
        )
    return address.text


def _address(name: str, value: str) -> Address:
    try:
        return Address.parse_prefix(value.strip())
    except ValueError as error:
        # Not shown: it may hold a password.
        message = f"WorkerPolicy: {name} has an address that cannot be used: {error}; expected one like https://host/v1"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": name}) from None


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
