"""Definitions in memory: by id, in the order of the file, by name and the like; and changes that are not made yet."""

from __future__ import annotations

from collections.abc import ItemsView as Items
from collections.abc import Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any, NamedTuple

from ai_wm.data.fields import is_zero
from ai_wm.data.types import AIWorkerDefinition, APIKeySourceMethod


class KeySource(NamedTuple):
    """The key source of some definitions.

    Args:
        method: its method.
        value: its value; empty if that is the key itself.
        limited: whether they have limits.
    """

    method: str
    value: str
    limited: bool


class DefinitionChange(NamedTuple):
    """A definition before and after a change: ``old`` is None if it was added, ``new`` if it was removed."""

    definition_id: str
    old: AIWorkerDefinition | None
    new: AIWorkerDefinition | None


class DefinitionTable(Mapping[str, AIWorkerDefinition]):
    """The definitions by id, in order, with indexes of their names, owners and key sources.

    Any thread may read it while one changes it: each look-up and each iteration sees one state of it.

    Args:
        definitions: those to begin with.
    """

    __slots__ = ("_by_id", "_by_name", "_by_owner", "_by_source")

    def __init__(self, definitions: Iterable[AIWorkerDefinition] = ()) -> None:
        self._by_id: dict[str, AIWorkerDefinition] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        self._by_owner: dict[str, dict[str, None]] = {}
        self._by_source: dict[KeySource, dict[str, None]] = {}
        for definition in definitions:
            self.put(definition.definition_id, definition)

    def __getitem__(self, definition_id: str) -> AIWorkerDefinition:
        return self._by_id[definition_id]

    def __contains__(self, definition_id: object) -> bool:
        return definition_id in self._by_id

    def get(self, definition_id: str, default: Any = None) -> Any:
        """The definition of that id, or the default."""
        return self._by_id.get(definition_id, default)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._by_id))

    def keys(self) -> KeysView[str]:
        """The ids at this moment."""
        return dict(self._by_id).keys()

    def values(self) -> ValuesView[AIWorkerDefinition]:
        """The definitions at this moment."""
        return dict(self._by_id).values()

    def items(self) -> Items[str, AIWorkerDefinition]:
        """The ids and definitions at this moment."""
        return dict(self._by_id).items()

    def named(self, name: str) -> list[AIWorkerDefinition]:
        """The definitions of exactly that name, found without looking at the others."""
        found = map(self._by_id.get, list(self._by_name.get(name, ())))
        return [definition for definition in found if definition is not None and definition.name == name]

    def owned(self, owner: str) -> int:
        """The number of definitions that belong to an owner."""
        return len(self._by_owner.get(owner, ()))

    def key_sources(self) -> list[KeySource]:
        """The key sources of all definitions, each once for those with limits and once for those without."""
        return list(self._by_source)

    def with_key_source(self, source: KeySource) -> Iterator[AIWorkerDefinition]:
        """The definitions that have a key source."""
        for definition_id in list(self._by_source.get(source, ())):
            definition = self._by_id.get(definition_id)
            if definition is not None and _source(definition) == source:
                yield definition

    def put(self, definition_id: str, definition: AIWorkerDefinition) -> None:
        """Put a definition in the place of the one of that id, or behind all others."""
        old = self._by_id.get(definition_id)
        # Into the indexes first and out of them last: a reader that meets it twice looks at what it is now.
        places = self._places(definition)
        for index, value in places:
            index.setdefault(value, {})[definition_id] = None
        self._by_id[definition_id] = definition
        if old is not None:
            for (index, value), (_, kept) in zip(self._places(old), places, strict=True):
                if value != kept:
                    _take_out(index, value, definition_id)

    def remove(self, definition_id: str) -> None:
        """Remove a definition, if it is there."""
        old = self._by_id.pop(definition_id, None)
        if old is not None:
            for index, value in self._places(old):
                _take_out(index, value, definition_id)

    def _places(self, definition: AIWorkerDefinition) -> tuple[tuple[dict[Any, dict[str, None]], Any], ...]:
        """The place of a definition in each index."""
        return (
            (self._by_name, definition.name),
            (self._by_owner, definition.owner),
            (self._by_source, _source(definition)),
        )


def _take_out(index: dict[Any, dict[str, None]], value: Any, definition_id: str) -> None:
    ids = index[value]
    del ids[definition_id]
    if not ids:
        del index[value]


def _source(definition: AIWorkerDefinition) -> KeySource:
    auth = definition.auth
    value = "" if auth.method is APIKeySourceMethod.INLINE else auth.value
    return KeySource(auth.method.value, value, not is_zero(definition.rate_limits))


class DefinitionChanges(MutableMapping[str, AIWorkerDefinition]):
    """The definitions as a change leaves them, which costs no more than what it changes; the table stays as it is.

    Args:
        base: the definitions before the change.
    """

    __slots__ = ("_base", "_gone", "_new")

    def __init__(self, base: DefinitionTable) -> None:
        self._base = base
        self._new: dict[str, AIWorkerDefinition] = {}
        self._gone: set[str] = set()
        """The ids that were taken out; those of them that were put in again come last."""

    def __getitem__(self, definition_id: str) -> AIWorkerDefinition:
        if definition_id in self._new:
            return self._new[definition_id]
        if definition_id in self._gone:
            raise KeyError(definition_id)
        return self._base[definition_id]

    def __setitem__(self, definition_id: str, definition: AIWorkerDefinition) -> None:
        self._new[definition_id] = definition

    def __delitem__(self, definition_id: str) -> None:
        self[definition_id]  # raises if it is not there
        self._new.pop(definition_id, None)
        if definition_id in self._base:
            self._gone.add(definition_id)

    def _is_last(self, definition_id: str) -> bool:
        return definition_id in self._gone or definition_id not in self._base

    def __iter__(self) -> Iterator[str]:
        yield from (each for each in self._base if each not in self._gone)
        yield from (each for each in list(self._new) if self._is_last(each))

    def __len__(self) -> int:
        return len(self._base) - len(self._gone) + sum(map(self._is_last, self._new))

    def named(self, name: str) -> list[AIWorkerDefinition]:
        """The definitions of exactly that name, found without looking at the others."""
        kept = (each for each in self._base.named(name) if each.definition_id not in self._gone)
        found = [each for each in kept if each.definition_id not in self._new]
        return found + [each for each in self._new.values() if each.name == name]

    def owned(self, owner: str) -> int:
        """The number of definitions that belong to an owner."""
        before: list[AIWorkerDefinition | None] = [self._base.get(each) for each in self._gone | self._new.keys()]
        return (
            self._base.owned(owner)
            - sum(each is not None and each.owner == owner for each in before)
            + sum(each.owner == owner for each in self._new.values())
        )

    def made(self) -> list[DefinitionChange]:
        """What was changed, in order: what was taken out, then what was put in."""
        changes = [DefinitionChange(each, self._base[each], None) for each in self._base_order(self._gone)]
        for definition_id, new in self._new.items():
            old = None if self._is_last(definition_id) else self._base[definition_id]
            if old is not new and (old is None or old != new):
                changes.append(DefinitionChange(definition_id, old, new))
        return changes

    def _base_order(self, ids: set[str]) -> list[str]:
        return [each for each in self._base if each in ids] if len(ids) > 1 else list(ids)
