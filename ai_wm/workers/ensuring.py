"""Ensuring a definition: comparing one that is wanted with the stored one, and finding what has to change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, Self

from ai_wm.data.fields import snake_case
from ai_wm.data.headers import shown_config
from ai_wm.data.key_check import check_keys
from ai_wm.data.script_settings import WIRE_NAMES
from ai_wm.data.types import MASK, AIWorkerDefinition, APIKeySource, APIKeySourceMethod, RateLimitPolicy
from ai_wm.workers.definition_names import find_named
from ai_wm.workers.definition_updates import READ_ONLY, field_name, masked_key
from neuroscript import ErrorCode, NeuroScriptError

MAPS: Final = frozenset({"base_config", "cost_metrics", "metadata", "rate_limits"})
"""The fields whose keys are compared and changed one by one; those not given stay as they are."""

_MOST_TOLD: Final = 20
_LONGEST_TOLD: Final = 80


class Terms(Protocol):
    """Protocol of the terms on which somebody ensures definitions: what they see, and what they may change."""

    @property
    def owner(self) -> str:
        """The owner of a definition that is added; empty for the host."""
        ...

    @property
    def by_host(self) -> bool:
        """Whether it is the host itself, whose definitions keep its mark."""
        ...

    def sees(self, definition: AIWorkerDefinition) -> bool:
        """Whether a definition can be meant at all."""
        ...

    def comes_first(self, definition: AIWorkerDefinition) -> bool:
        """Whether a definition is meant before all others of its name."""
        ...

    def stored_id(self, definitions: Mapping[str, AIWorkerDefinition], chosen: str) -> str:
        """The id under which the definition of a chosen id is stored, or would be."""
        ...

    def hides_keys(self, definition: AIWorkerDefinition) -> bool:
        """Whether keys in a definition may not be guessed by comparing them."""
        ...

    def check_add(self, fields: Mapping[str, Any], definitions: Mapping[str, AIWorkerDefinition]) -> Mapping[str, Any]:
        """Returns the fields of a definition to add in the form in which they are stored, or raises to refuse it."""
        ...

    def check_change(self, old: AIWorkerDefinition, difference: Difference) -> Mapping[str, Any]:
        """Returns the changes to a definition in the form in which they are stored, or raises to refuse them."""
        ...


class HostTerms:
    """The terms of the host: it means its own definitions alone, and may do with them what it likes."""

    owner = ""
    by_host = True

    def sees(self, definition: AIWorkerDefinition) -> bool:
        """A script's definition is never meant: the script chose its name and its id."""
        return not definition.owner

    def comes_first(self, definition: AIWorkerDefinition) -> bool:
        """No definition comes before another: names are unique among the host's."""
        return False

    def stored_id(self, definitions: Mapping[str, AIWorkerDefinition], chosen: str) -> str:
        """The chosen id itself."""
        return chosen

    def hides_keys(self, definition: AIWorkerDefinition) -> bool:
        """The host knows its keys."""
        return False

    def check_add(self, fields: Mapping[str, Any], definitions: Mapping[str, AIWorkerDefinition]) -> Mapping[str, Any]:
        """Returns the fields as they are."""
        return fields

    def check_change(self, old: AIWorkerDefinition, difference: Difference) -> Mapping[str, Any]:
        """Returns the changes as they are."""
        return difference.changes


class Difference(NamedTuple):
    """What of a stored definition is not as it is wanted.

    Args:
        changes: the values wanted, by field; of the fields in `MAPS` only the keys that differ, with None for those
            that are to be taken out.
        names: the names of what differs, such as ``base_config.temperature``.
    """

    changes: dict[str, Any]
    names: list[str]

    def told(self) -> str:
        """The names for a message."""
        told = [name if len(name) <= _LONGEST_TOLD else f"{name[: _LONGEST_TOLD - 1]}…" for name in self.names]
        more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        return ", ".join(told[:_MOST_TOLD]) + more


@dataclass(frozen=True, slots=True)
class Wanted:
    """A definition as somebody wants it.

    Args:
        fields: the fields given; None in one of `MAPS` takes a key out.
        definition: the definition that would be added.
    """

    fields: Mapping[str, Any]
    definition: AIWorkerDefinition

    @classmethod
    def of(cls, data: Mapping[str, Any] | AIWorkerDefinition) -> Self:
        """Reads a definition that is given as a mapping, whose keys may have either spelling, or as a model.

        Raises:
            NeuroScriptError: 4 for a key or value that does not fit, and for what has neither name nor id.
        """
        check_keys(AIWorkerDefinition, data)
        fields = _fields_of(data)
        definition = AIWorkerDefinition.parse(without_nil(fields))
        _check_once(fields.get("base_config"))
        if not definition.name.strip() and "definition_id" not in fields:
            message = "worker definition: field name: expected a name or a definition_id to know the definition by"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "name"})
        return cls(fields, definition)

    def find(self, definitions: Mapping[str, AIWorkerDefinition], terms: Terms) -> AIWorkerDefinition | None:
        """Finds the stored definition that is meant: by its id, if one is given and known, else by its name.

        Raises:
            NeuroScriptError: 9 if several archived ones have the name.
        """
        if "definition_id" in self.fields:
            found = definitions.get(terms.stored_id(definitions, self.definition.definition_id))
            if found is not None and terms.sees(found):
                return found
        if not self.definition.name.strip():
            return None
        return find_named(definitions, self.definition.name, terms.comes_first, terms.sees)

    def difference(
        self, old: AIWorkerDefinition, definitions: Mapping[str, AIWorkerDefinition], terms: Terms
    ) -> Difference:
        """Compares what was given with a stored definition.

        Keys of settings and of requests are compared by what they mean: ``max_tokens`` is ``max_output_tokens``.

        Raises:
            NeuroScriptError: 4 for a mask in the place of a key, where there is no key.
        """
        found = Difference({}, [])
        hides_keys = terms.hides_keys(old)
        for field in self.fields:
            wanted = getattr(self.definition, field)
            if field == "definition_id":
                if old.definition_id != terms.stored_id(definitions, wanted):
                    found.names.append(field)
                    found.changes[field] = wanted
            elif field in READ_ONLY:
                continue  # the manager keeps it itself
            elif field == "auth":
                if not _is_same_key(wanted, old, hides_keys):
                    found.names.append(field)
                    found.changes[field] = wanted
            elif field in MAPS:
                before = _map_of(old, field)
                if field == "base_config" and hides_keys:
                    before = shown_config(before)
                given = _given_in(self.definition, field) | dict.fromkeys(_taken_out(self.fields[field]))
                patch = _patch(before, given, field)
                if patch:
                    found.names.extend(f"{field}.{key}" for key in patch)
                    found.changes[field] = patch
            elif not is_same(wanted, getattr(old, field)):
                found.names.append(field)
                found.changes[field] = wanted
        return found


def without_nil(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Takes the keys with None out of the fields in `MAPS`."""
    return {
        field: {key: item for key, item in value.items() if key not in _taken_out(value)}
        if field_name(field) in MAPS and isinstance(value, Mapping)
        else value
        for field, value in fields.items()
    }


def _taken_out(value: Any) -> list[str]:
    """The keys of a map that are given as None."""
    if not isinstance(value, Mapping):
        return []
    return [key for key, item in value.items() if item is None and isinstance(key, str)]


def applied(old: AIWorkerDefinition, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the new values of a definition's fields: those of `MAPS` are patched, the others replaced.

    Raises:
        NeuroScriptError: 11 for a change of the id.
    """
    if "definition_id" in changes:
        raise NeuroScriptError(
            ErrorCode.READ_ONLY,
            f"the definition named {old.name!r} has the id {old.definition_id}, which cannot be updated; give that "
            "definition_id, or none, or another name",
            details={"field": "definition_id"},
        )
    return {field: _patched(old, field, value) if field in MAPS else value for field, value in changes.items()}


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def _fields_of(data: Mapping[str, Any] | AIWorkerDefinition) -> dict[str, Any]:
    """The fields that are given, by name; a field of `MAPS` as a map of the keys that are given."""
    if isinstance(data, AIWorkerDefinition):
        return {
            field: _given_in(data, field) if field in MAPS else getattr(data, field)
            for field in AIWorkerDefinition.model_fields
            if field in data.model_fields_set
        }
    if not isinstance(data, Mapping):
        AIWorkerDefinition.parse(data)  # which raises
    return {field_name(key): {} if value is None and field_name(key) in MAPS else value for key, value in data.items()}


def _given_in(definition: AIWorkerDefinition, field: str) -> dict[str, Any]:
    """The keys of a field of `MAPS` that are given."""
    value = getattr(definition, field)
    if not isinstance(value, RateLimitPolicy):
        return dict(value)
    return {name: getattr(value, name) for name in RateLimitPolicy.model_fields if name in value.model_fields_set}


def _map_of(definition: AIWorkerDefinition, field: str) -> dict[str, Any]:
    value = getattr(definition, field)
    if not isinstance(value, RateLimitPolicy):
        return dict(value)
    return {name: limit for name in RateLimitPolicy.model_fields if (limit := getattr(value, name))}


def _check_once(config: Any) -> None:
    """Raises error 4 for a setting that is given under two of its names: either could be meant."""
    given: set[str] = set()
    for key in config if isinstance(config, Mapping) else ():
        name = _meaning("base_config", key)
        if name in given:
            message = (
                f"worker definition: field base_config: the setting {name} is given twice, as {key!r} the second time"
            )
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{message}; give it once", details={"field": "base_config"})
        given.add(name)


def _meaning(field: str, key: str) -> str:
    """The key that a key of a map stands for."""
    if field == "base_config":
        return WIRE_NAMES.get(key, key)
    return snake_case(key) if field == "rate_limits" else key


def _spellings(field: str, key: str, keys: Collection[str]) -> list[str]:
    """The keys among ``keys`` that mean the same as a key; that key itself comes first."""
    meant = _meaning(field, key)
    return sorted((each for each in keys if _meaning(field, each) == meant), key=lambda each: each != key)


def _patch(before: Mapping[str, Any], given: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The keys given whose values are not those of the map before."""
    patch: dict[str, Any] = {}
    for key, value in given.items():
        stored = _spellings(field, key, before.keys())
        now = before[stored[0]] if stored else 0 if field == "rate_limits" and value is not None else None
        if not is_same(now, value):
            patch[key] = value
    return patch


def _patched(old: AIWorkerDefinition, field: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    value = getattr(old, field)
    after: dict[str, Any] = value.to_file() if isinstance(value, RateLimitPolicy) else dict(value)
    for key, item in patch.items():
        for spelling in _spellings(field, key, after.keys()):
            if spelling == key or spelling not in patch:
                del after[spelling]
        if item is not None:
            after[key] = item
    return after


def _is_same_key(wanted: APIKeySource, old: AIWorkerDefinition, hides_keys: bool) -> bool:
    """Whether a key source is that of a definition; the mask stands for the key that is there."""
    if wanted.method is not old.auth.method:
        if wanted.method is APIKeySourceMethod.INLINE and wanted.value == MASK:
            raise masked_key()
        return False
    if wanted.method is APIKeySourceMethod.INLINE and wanted.value == MASK:
        if not old.holds_inline_key:
            raise masked_key()
        return True
    return wanted.value == (old.auth.shown_value if hides_keys else old.auth.value)
