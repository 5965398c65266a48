"""Worker definitions as the scripts of one owner see and change them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ai_wm.calls.authorization import Authorizer
from ai_wm.data.bounds import MOST_PRICE, check_number, check_size, storable
from ai_wm.data.prices import PRICES
from ai_wm.data.script_settings import script_settings
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerDefinitionStatus,
    APIKeySource,
    APIKeySourceMethod,
    APIKeyStatus,
)
from ai_wm.keys.approvals import Standing
from ai_wm.scripts.rights import OWN_SETTINGS, Rights
from ai_wm.store import Store
from ai_wm.support.ids import ExactId
from ai_wm.workers.definition_names import owned_in
from ai_wm.workers.definition_updates import field_name
from ai_wm.workers.definitions import Definitions
from ai_wm.workers.ensuring import Difference
from ai_wm.workers.instances import Instances
from neuroscript import ErrorCode, NeuroScriptError


class ScriptDefinitions:
    """Finds, adds, changes and removes definitions for the scripts of one owner.

    Args:
        rights: the rights of the scripts.
        definitions: the definitions of the manager.
        instances: its instances.
        authorizer: says whether a definition's key may be sent where it would be.
        key_status: whether a key is there.
        store: holds all of it.
    """

    def __init__(
        self,
        rights: Rights,
        definitions: Definitions,
        instances: Instances,
        authorizer: Authorizer,
        key_status: Callable[[APIKeySource], APIKeyStatus],
        store: Store,
    ) -> None:
        self._rights = rights
        self._definitions = definitions
        self._instances = instances
        self._authorizer = authorizer
        self._key_status = key_status
        self._store = store

    # --- looking ---

    def get(self, id_or_name: str) -> dict[str, Any]:
        """Returns a definition as a map, without its key.

        Raises:
            NeuroScriptError: 9 if the owner sees none of that id or name.
        """
        found = self._rights.find(id_or_name)
        return self._definitions.get(ExactId(found.definition_id)).to_script()

    def select(self, filters: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Returns the definitions visible to the owner that pass the filters, by name, with their key status.

        Raises:
            NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
        """
        return [
            {**item.to_script(), "can_chat": item.can_chat, "api_key_status": self.key_status(item).value}
            for item in self._definitions.select(filters, self._rights.sees)
        ]

    def active(self) -> list[AIWorkerDefinition]:
        """Returns the active definitions that scripts may ask, the host's first; the caller must not change them."""
        rights = self._rights
        found = [
            item
            for item in rights.seen()
            if item.status is AIWorkerDefinitionStatus.ACTIVE and rights.policy.may_ask(item.name)
        ]
        return sorted(found, key=lambda item: rights.standing(item) is not Standing.HOST)

    def key_status(self, definition: AIWorkerDefinition) -> APIKeyStatus:
        """Tells whether a definition's key exists, if it may be sent; otherwise reveals nothing about the key."""
        if definition.auth.method is APIKeySourceMethod.NONE:
            return APIKeyStatus.NOT_CONFIGURED
        try:
            use, approvals = self._authorizer.use_of(definition, definition.base_config, self._rights)
            approvals.check(use, None if use.server is None else use.server.address)
        except NeuroScriptError:
            return APIKeyStatus.NOT_APPROVED
        return self._key_status(definition.auth)

    # --- changing ---

    def add(self, fields: Mapping[str, Any]) -> str:
        """Adds a definition owned by the owner.  Returns its id, with a suffix if a hidden definition has that id.

        Raises:
            NeuroScriptError: 10 where scripts may not; 4, 42, 25 and 26 as `Definitions.add`.
        """
        rights = self._rights
        rights.check_manage()
        checked = self._checked(fields)
        for key, value in checked.items():
            if field_name(key) == "definition_id" and isinstance(value, str):
                checked[key] = rights.stored_id(self._definitions.all(), value)
        return self._definitions.add(checked, rights.owner, lambda definitions: _check_number(rights, definitions))

    def ensure(self, fields: Mapping[str, Any], charge: Callable[[], object] = lambda: None) -> str:
        """Adds a definition, or changes what is given and differs in the one that there is; returns its id.

        Args:
            fields: the definition, as `add` takes it.
            charge: called before something is written; raises to refuse it.

        Raises:
            NeuroScriptError: 10 where scripts may not; 4, 9, 11, 42, 25 and 26 as `Definitions.ensure`.
        """
        return self._definitions.ensure(_bounded(fields), _ScriptTerms(self._rights, charge))

    def update(self, id_or_name: str, updates: Mapping[str, Any]) -> None:
        """Changes a definition.

        Raises:
            NeuroScriptError: 9 unknown; 10 where scripts may not; 4, 11, 42, 25 and 26 as `Definitions.update`.
        """
        definition = self._rights.find(id_or_name)
        self._rights.check_manage(definition)
        checked = self._checked(updates, definition) if isinstance(updates, Mapping) else updates
        self._definitions.update(ExactId(definition.definition_id), checked, by_host=False)

    def remove(self, id_or_name: str) -> None:
        """Removes a definition; its use so far still counts under its limits.

        Raises:
            NeuroScriptError: 9 unknown; 10 where scripts may not; 19 while it has active instances; 25 and 26.
        """
        definition = self._rights.find(id_or_name)
        self._rights.check_manage(definition)
        with self._instances.lock:
            self._definitions.remove(ExactId(definition.definition_id))

    def reload(self) -> int:
        """Reads the definitions from the store again; returns how many of them the owner sees."""
        self._definitions.reload()
        return len(self._rights.seen())

    def save(self) -> int:
        """Writes the definitions to the store; returns how many of them the owner sees."""
        self._store.save()
        return len(self._rights.seen())

    def _checked(self, fields: Mapping[str, Any], old: AIWorkerDefinition | None = None) -> dict[str, Any]:
        """Fields from a script, checked and in the form in which they are stored."""
        found = _bounded(fields)
        for key, value in found.items():
            if field_name(key) == "base_config" and isinstance(value, Mapping):
                found[key] = _settings(value, self._rights, old)
        return found


class _ScriptTerms:
    """The terms on which the scripts of one owner ensure definitions.

    Args:
        rights: the rights of the scripts.
        charge: called before something is written; raises to refuse it.
    """

    by_host = False

    def __init__(self, rights: Rights, charge: Callable[[], object]) -> None:
        self._rights = rights
        self._charge = charge
        self.owner = rights.owner
        self.sees = rights.sees
        self.stored_id = rights.stored_id

    def comes_first(self, definition: AIWorkerDefinition) -> bool:
        """Whether it is the host's: names resolve to the host's definitions first."""
        return self._rights.standing(definition) is Standing.HOST

    def hides_keys(self, definition: AIWorkerDefinition) -> bool:
        """Whether keys in it are another's: then a guess is never told to be right."""
        return self._rights.standing(definition) is not Standing.OWN

    def check_add(self, fields: Mapping[str, Any], definitions: Mapping[str, AIWorkerDefinition]) -> dict[str, Any]:
        """Returns the fields of a definition to add in the form in which they are stored.

        Raises:
            NeuroScriptError: 10 where scripts may not add it.
        """
        self._rights.check_manage()
        _check_number(self._rights, definitions)
        checked = dict(fields)
        if isinstance(checked.get("base_config"), Mapping):
            checked["base_config"] = _settings(checked["base_config"], self._rights)
        if "definition_id" in checked:
            checked["definition_id"] = self.stored_id(definitions, checked["definition_id"])
        self._charge()
        return checked

    def check_change(self, old: AIWorkerDefinition, difference: Difference) -> dict[str, Any]:
        """Returns the changes to a definition in the form in which they are stored.

        Raises:
            NeuroScriptError: 10 where scripts may not change the definition, naming what differs.
        """
        rights = self._rights
        if rights.standing(old) is Standing.HOST and rights.policy.manage != "all":
            raise NeuroScriptError(
                ErrorCode.SECURITY,
                f"the worker {old.name!r} is the host's, which scripts may not change, and differs from what is given "
                f"in {difference.told()}; give what it has, or leave that out, or have the host permit it with "
                '--manage all or WorkerPolicy(manage="all")',
                details={"fields": list(difference.names)},
            )
        rights.check_manage(old)
        changes = dict(difference.changes)
        if "base_config" in changes:
            patch = changes["base_config"]
            new = {name: value for name, value in patch.items() if value is not None}
            changes["base_config"] = dict.fromkeys(patch.keys() - new.keys()) | _settings(new, rights)
        self._charge()
        return changes


def _check_number(rights: Rights, definitions: Mapping[str, AIWorkerDefinition]) -> None:
    """Raises error 10 if the owner has as many definitions as the policy lets scripts have."""
    most = rights.policy.max_definitions
    if owned_in(definitions, rights.owner) >= most:
        raise NeuroScriptError(
            ErrorCode.SECURITY,
            f"scripts may have {most} definitions at a time; remove one, or have the host permit more: "
            "WorkerPolicy(max_definitions=…)",
        )


def _bounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields from a script, none of them too large, and their text such as can be stored.

    Raises:
        NeuroScriptError: 4 for one that is beyond reason.
    """
    found: dict[str, Any] = {}
    for key, value in fields.items():
        check_size(value, str(key)[:80])
        found[key] = storable(value)
        if field_name(key) == "cost_metrics" and isinstance(value, Mapping):
            for name, price in value.items():
                most = MOST_PRICE if name in PRICES else math.inf
                check_number(price, f"cost_metrics.{name}"[:80], 0, most)
    return found


def _settings(given: Mapping[str, Any], rights: Rights, old: AIWorkerDefinition | None = None) -> dict[str, Any]:
    """A checked ``base_config``; settings that the definition has already may stay.

    Raises:
        NeuroScriptError: 10 for a setting that scripts may not set.
    """
    before = old.base_config if old is not None else {}
    kept = {name: value for name, value in given.items() if name in before and before[name] == value}
    new = {str(name): value for name, value in given.items() if name not in kept}
    return kept | script_settings(new, rights.policy, OWN_SETTINGS)
