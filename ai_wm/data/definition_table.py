"""The definitions of a store by id, with indexes by name, owner and key source, and changes that are made at once.

Looking up and changing one definition takes the same time however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any

from ai_wm.data.types import AIWorkerDefinition, APIKeySourceMethod

KeySource = tuple[str, str]
"""The method and the value of a key source; without the value if that is the key itself."""


class DefinitionTable(Mapping[str, AIWorkerDefinition]):
    """Definitions by id, in order, which `put` and `take_out` change in place.

    One thread at a time may change it while others read: an iteration is over the definitions that were there when it
    began.
    """

    __slots__ = ("_by_id", "_by_name", "_by_owner", "_by_source")

    def __init__(self, definitions: Mapping[str, AIWorkerDefinition] | None = None) -> None:
        self._by_id: dict[str, AIWorkerDefinition] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        self._by_owner: dict[str, dict[str, None]] = {}
        self._by_source: dict[KeySource, dict[str, None]] = {}
        for definition in (definitions or {}).values():
            self.put(definition)

    # Reading

    def __getitem__(self, definition_id: str) -> AIWorkerDefinition:
        return self._by_id[definition_id]

    def __contains__(self, definition_id: object) -> bool:
        return definition_id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._by_id))  # a copy, which is made in one step

    def keys(self) -> KeysView[str]:
        """The ids at this moment."""
        return self._by_id.copy().keys()

    def values(self) -> ValuesView[AIWorkerDefinition]:
        """The definitions at this moment."""
        return self._by_id.copy().values()

    def items(self) -> ItemsView[str, AIWorkerDefinition]:
        """The ids and definitions at this moment."""
        return self._by_id.copy().items()

    def named(self, name: str) -> list[AIWorkerDefinition]:
        """Returns the definitions of a name."""
        found = map(self._by_id.get, list(self._by_name.get(name, ())))
        return [each for each in found if each is not None and each.name == name]

    def owned(self, owner: str) -> Collection[str]:
        """Returns the ids of the definitions that belong to an owner."""
        return self._by_owner.get(owner, {}).keys()

    def key_sources(self) -> Collection[KeySource]:
        """Returns the key sources of all definitions, each once."""
        return list(self._by_source)

    def with_key_source(self, source: KeySource) -> list[AIWorkerDefinition]:
        """Returns the definitions that have a key source."""
        found = map(self._by_id.get, list(self._by_source.get(source, ())))
        return [each for each in found if each is not None and _source(each) == source]

    # Changing

    def put(self, definition: AIWorkerDefinition) -> None:
        """Puts a definition in, in the place of the one that has its id."""
        key = definition.definition_id
        old = self._by_id.get(key)
        self._by_id[key] = definition
        for index, value in self._indexed(definition):
            index.setdefault(value, {})[key] = None
        if old is not None:
            self._drop(old, definition)

    def take_out(self, definition_id: str) -> None:
        """Takes a definition out."""
        self._drop(self._by_id.pop(definition_id), None)

    def apply(self, changes: DefinitionChanges) -> None:
        """Makes changes that were collected for this table."""
        for definition_id, definition in changes.changed.items():
            if definition is not None:
                self.put(definition)
            elif definition_id in self._by_id:
                self.take_out(definition_id)

    def _indexed(self, definition: AIWorkerDefinition) -> tuple[tuple[dict[Any, dict[str, None]], Any], ...]:
        return (
            (self._by_name, definition.name),
            (self._by_owner, definition.owner),
            (self._by_source, _source(definition)),
        )

    def _drop(self, old: AIWorkerDefinition, new: AIWorkerDefinition | None) -> None:
        """Takes a definition out of the indexes where its successor is not in the same place."""
        kept = [None] * 3 if new is None else [value for _, value in self._indexed(new)]
        for (index, value), now in zip(self._indexed(old), kept, strict=True):
            if new is None or value != now:
                ids = index[value]
                del ids[old.definition_id]
                if not ids:
                    del index[value]


class DefinitionChanges(MutableMapping[str, AIWorkerDefinition]):
    """Changes to a `DefinitionTable`, which reads as if they were made; nothing is until `DefinitionTable.apply`.

    Args:
        table: the table, which nobody changes meanwhile.
    """

    __slots__ = ("_length", "_table", "changed")

    def __init__(self, table: DefinitionTable) -> None:
        self._table = table
        self._length = len(table)
        self.changed: dict[str, AIWorkerDefinition | None] = {}
        """The changes by id; None for a definition that is taken out."""

    def __getitem__(self, definition_id: str) -> AIWorkerDefinition:
        if definition_id in self.changed:
            found = self.changed[definition_id]
            if found is None:
                raise KeyError(definition_id)
            return found
        return self._table[definition_id]

    def __setitem__(self, definition_id: str, definition: AIWorkerDefinition) -> None:
        if definition.definition_id != definition_id:
            raise ValueError(f"the definition {definition.definition_id!r} is put in under another id")
        self._length += definition_id not in self
        self.changed[definition_id] = definition

    def __delitem__(self, definition_id: str) -> None:
        if definition_id not in self:
            raise KeyError(definition_id)
        self._length -= 1
        self.changed[definition_id] = None

    def __contains__(self, definition_id: object) -> bool:
        if definition_id in self.changed:
            return self.changed[definition_id] is not None
        return definition_id in self._table

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        yield from (each for each in self._table if self.changed.get(each, each) is not None)
        yield from (each for each, new in self.changed.items() if new is not None and each not in self._table)

    def named(self, name: str) -> list[AIWorkerDefinition]:
        """Returns the definitions of a name."""
        found = [each for each in self._table.named(name) if each.definition_id not in self.changed]
        return found + [each for each in self.changed.values() if each is not None and each.name == name]

    def owned(self, owner: str) -> Collection[str]:
        """Returns the ids of the definitions that belong to an owner."""
        if not self.changed:
            return self._table.owned(owner)
        found = {each for each in self._table.owned(owner) if each not in self.changed}
        return found | {key for key, each in self.changed.items() if each is not None and each.owner == owner}


def _source(definition: AIWorkerDefinition) -> KeySource:
    auth = definition.auth
    return auth.method.value, "" if auth.method is APIKeySourceMethod.INLINE else auth.value
