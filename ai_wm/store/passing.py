"""A store in JSON files that keeps the definitions which scripts add in memory alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from threading import RLock
from typing import Any

from ai_wm.data.types import AIWorkerDefinition
from ai_wm.store.base import T
from ai_wm.store.definition_table import DefinitionTable
from ai_wm.store.json_store import JsonStore


class PassingJsonStore(JsonStore):
    """A `JsonStore` in which a definition that has an owner, and so is a script's, ends with the process.

    What is in the file stays there, whoever it belongs to, and so do the records of calls: they count under limits that
    outlive a run.  The arguments are those of `JsonStore`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._passing: dict[str, AIWorkerDefinition] = {}
        self._change = RLock()
        super().__init__(*args, **options)

    def definitions(self) -> Mapping[str, AIWorkerDefinition]:
        """Every definition by id, those in memory last; see `Store.definitions`."""
        stored, passing = super().definitions(), self._passing
        if not passing:
            return stored
        # An id that another process has stored meanwhile is that one's.
        added = (definition for definition_id, definition in passing.items() if definition_id not in stored)
        return DefinitionTable([*stored.values(), *added])

    def change_definitions(self, change: Callable[[MutableMapping[str, AIWorkerDefinition]], T]) -> T:
        """Change definitions in one step; see `Store.change_definitions`."""
        passing: dict[str, AIWorkerDefinition] = {}

        def change_both(definitions: MutableMapping[str, AIWorkerDefinition]) -> T:
            passing.clear()
            stored = set(definitions)
            definitions.update({key: each for key, each in self._passing.items() if key not in stored})
            result = change(definitions)
            for key in [key for key, each in definitions.items() if each.owner and key not in stored]:
                passing[key] = definitions.pop(key)
            return result

        with self._change:
            result = super().change_definitions(change_both)
            self._passing = passing
        return result
