"""Worker definitions: adding, finding, changing and removing them."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ai_wm.data.definition_filter import definition_tests
from ai_wm.data.fields import snake_case
from ai_wm.data.provider_names import provider_names
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import (
    MASK,
    AIWorkerDefinition,
    AIWorkerDefinitionStatus,
    AIWorkerPerformanceSummary,
    APIKeySourceMethod,
    APIKeyStatus,
    is_variable_name,
)
from ai_wm.keys.marks import Marks
from ai_wm.ratelimit import RateLimiter
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.support.ids import ExactId
from neuroscript import ErrorCode, NeuroScriptError

READ_ONLY = frozenset(
    {
        "aggregate_performance_summary",
        "created_timestamp",
        "definition_id",
        "host_mark",
        "modified_timestamp",
        "owner",
    }
)
"""The fields that `Definitions.update` refuses to change."""


class Definitions:
    """Adds, finds, changes and removes the definitions in a store.

    Args:
        store: keeps them; another process's changes are seen at the next call.
        limiter: knows how many instances of a definition are active.
        clock: for the time stamps.
        marks: mark what the host defines.
        providers: gives the names of the providers that the manager knows besides the built-in ones.
    """

    def __init__(
        self,
        store: Store,
        limiter: RateLimiter,
        clock: Clock,
        marks: Marks,
        providers: Callable[[], Iterable[str]] = provider_names,
    ) -> None:
        self._store = store
        self._limiter = limiter
        self._clock = clock
        self._marks = marks
        self._providers = providers

    def all(self) -> Mapping[str, AIWorkerDefinition]:
        """All definitions by id, shared as those of `find`."""
        return self._store.definitions()

    # --- finding ---

    def find(self, id_or_name: str) -> AIWorkerDefinition:
        """Returns the stored definition itself, which must not be changed, and whose summary may lag.

        Raises:
            NeuroScriptError: 9 if there is none of that id or name, or several archived ones of that name.
        """
        if not isinstance(id_or_name, str):
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH, f"a definition is named by a string, not {type(id_or_name).__name__}"
            )
        return find_in(self._store.definitions(), id_or_name)

    def active(self) -> list[AIWorkerDefinition]:
        """Returns the active definitions themselves, which must not be changed either."""
        return [item for item in self._store.definitions().values() if item.status is AIWorkerDefinitionStatus.ACTIVE]

    def get(self, id_or_name: str) -> AIWorkerDefinition:
        """Returns a copy of a definition, with its current summary.

        Raises:
            NeuroScriptError: 9 as for `find`.
        """
        return self._copy(self.find(id_or_name))

    def select(
        self, filters: Mapping[str, Any] | None = None, is_seen: Callable[[AIWorkerDefinition], bool] | None = None
    ) -> list[AIWorkerDefinition]:
        """Returns copies of the definitions that pass the filters, by name; only those that ``is_seen`` is true of.

        Raises:
            NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
        """
        tests = definition_tests(filters)
        if is_seen is not None:
            tests.append(is_seen)
        found = [item for item in self._store.definitions().values() if all(test(item) for test in tests)]
        found.sort(key=lambda item: (item.name.casefold(), item.definition_id))
        return [self._copy(item) for item in found]

    def for_display(
        self, filters: Mapping[str, Any] | None, key_status: Callable[[AIWorkerDefinition], APIKeyStatus]
    ) -> list[dict[str, Any]]:
        """Returns definitions as maps for scripts, with ``can_chat`` and ``api_key_status`` besides."""
        return [
            {**item.to_script(), "can_chat": item.can_chat, "api_key_status": key_status(item).value}
            for item in self.select(filters)
        ]

    # --- changing ---

    def add(
        self,
        data: Mapping[str, Any] | AIWorkerDefinition,
        owner: str = "",
        check: Callable[[Mapping[str, AIWorkerDefinition]], object] | None = None,
    ) -> str:
        """Adds a definition, with an empty summary, and returns its id.

        Args:
            data: the definition.
            owner: whose scripts made it; empty for the host, whose mark it gets.
            check: looks at the definitions that there are, and raises to refuse another.

        Raises:
            NeuroScriptError: 4 for a value that does not fit, 42 if the id or name is taken, 25 and 26 if it cannot be
                written.
        """
        made = AIWorkerDefinition.parse(data)
        made.check_provider(self._providers)
        CallSettings.of(made.base_config)
        _check_key_source(made)
        now = self._clock.now()
        fields: dict[str, Any] = {"modified_timestamp": now}
        if made.created_timestamp.is_zero:
            fields["created_timestamp"] = now
        fields["aggregate_performance_summary"] = AIWorkerPerformanceSummary()
        fields |= {"owner": owner, "host_mark": ""}
        made = made.model_copy(update=fields)
        if not owner:
            made = made.model_copy(update={"host_mark": self._marks.of(made)})

        def change(definitions: dict[str, AIWorkerDefinition]) -> AIWorkerDefinition:
            if check is not None:
                check(definitions)
            named = made
            if made.definition_id in definitions:
                raise NeuroScriptError(
                    ErrorCode.DUPLICATE, f"there is a definition with the id {made.definition_id!r} already"
                )
            if not made.name.strip():
                named = made.model_copy(update={"name": _free_name(made, definitions.values())})
            _check_name(named, definitions)
            _check_id(named, definitions)
            definitions[named.definition_id] = named
            return named

        added = self._store.change_definitions(change)
        if not owner:
            self._limiter.inherit(added.limits_id, _known_as(added))
        return added.definition_id

    def update(self, id_or_name: str, updates: Mapping[str, Any], *, by_host: bool = True) -> AIWorkerDefinition:
        """Changes a definition, wholly or not at all; a map or list given replaces the old one.

        Args:
            id_or_name: the definition.
            updates: the fields that change.
            by_host: whether it is the host's change, after which what was the host's still is; that of a script leaves
                the mark as it was, so that it holds no longer where a key, an address or the like has changed.

        Raises:
            NeuroScriptError: 9 unknown definition; 4 for a key or value that does not fit; 11 for the id, the summary
                and the time stamps; 42 if the new name is taken; 25 and 26 if it cannot be written.
        """
        wanted = ExactId(self.find(id_or_name).definition_id)
        changes = _by_field(updates)

        def change(definitions: dict[str, AIWorkerDefinition]) -> tuple[AIWorkerDefinition, str]:
            old = find_in(definitions, wanted)
            new = _updated(old, changes).model_copy(update={"modified_timestamp": self._clock.now()})
            if new.provider != old.provider:
                new.check_provider(self._providers, f"definition {old.name!r}")
            CallSettings.of(new.base_config)
            if new.auth != old.auth:
                _check_key_source(new)
            _check_name(new, definitions)
            if by_host and not old.owner and self._marks.holds(old):
                new = new.model_copy(update={"host_mark": self._marks.of(new)})
            definitions[old.definition_id] = new
            return new, old.limits_id

        new, limits_id = self._store.change_definitions(change)
        self._limiter.changed(limits_id)
        return self._copy(new)

    def standing(self, id_or_name: str) -> str:
        """Returns whose a definition is: ``host``, ``script``, or ``untrusted`` in a file without the host's mark.

        Raises:
            NeuroScriptError: 9 as for `find`.
        """
        found = self.find(id_or_name)
        if found.owner:
            return "script"
        return "host" if self._marks.holds(found) else "untrusted"

    def trust(self, id_or_name: str, shown: AIWorkerDefinition | None = None) -> AIWorkerDefinition:
        """Makes a definition the host's, as it is, whoever made it, and returns it.

        Args:
            id_or_name: the definition.
            shown: the definition as whoever trusts it saw it.

        Raises:
            NeuroScriptError: 9 unknown definition; 19 if it is not as it was shown; 42 if the host has another of that
                name; 25 and 26 if it cannot be written.
        """
        wanted = ExactId(self.find(id_or_name).definition_id)

        def change(definitions: dict[str, AIWorkerDefinition]) -> AIWorkerDefinition:
            current = find_in(definitions, wanted)
            if shown is not None and not _is_same(current, shown):
                raise NeuroScriptError(
                    ErrorCode.PRECONDITION_FAILED,
                    f"the definition {shown.name!r} was changed while it was looked at; look at it again",
                )
            hosts = current.model_copy(update={"owner": ""})
            _check_name(hosts, definitions)
            hosts = hosts.model_copy(update={"host_mark": self._marks.of(hosts)})
            definitions[hosts.definition_id] = hosts
            return hosts

        return self._copy(self._store.change_definitions(change))

    def remove(self, id_or_name: str) -> str:
        """Removes a definition, whose records stay, as what it used counts on under its limits; returns its id.

        Raises:
            NeuroScriptError: 9 unknown definition; 19 while it has active instances; 25 and 26 if it cannot be written.
        """
        wanted = ExactId(self.find(id_or_name).definition_id)

        def change(definitions: dict[str, AIWorkerDefinition]) -> AIWorkerDefinition:
            definition = find_in(definitions, wanted)
            active = self._limiter.active_slots(definition.limits_id)
            if active:
                raise NeuroScriptError(
                    ErrorCode.PRECONDITION_FAILED,
                    f"the definition {definition.name!r} has {active} active instance{'s' if active > 1 else ''}; "
                    "retire what is active before removing it, or set its status to disabled",
                )
            del definitions[wanted]
            return definition

        removed = self._store.change_definitions(change)
        self._limiter.forget(removed.limits_id, "" if removed.owner else _known_as(removed))
        return wanted

    def _copy(self, definition: AIWorkerDefinition) -> AIWorkerDefinition:
        copy = definition.model_copy(deep=True)
        summary = self._store.summary(definition.definition_id)
        return copy.model_copy(update={"aggregate_performance_summary": summary})


def find_in(
    definitions: Mapping[str, AIWorkerDefinition],
    id_or_name: str,
    comes_first: Callable[[AIWorkerDefinition], bool] = lambda definition: not definition.owner,
    is_seen: Callable[[AIWorkerDefinition], bool] = lambda definition: True,
) -> AIWorkerDefinition:
    """Finds a definition by id, else by name; an archived one only where no other has the name.

    Args:
        definitions: where to look.
        id_or_name: what to look for.
        comes_first: whether a definition is meant before all others of its name: one of the host's.
        is_seen: whether whoever asks may know of a definition.

    Raises:
        NeuroScriptError: 9 if there is none, or several between which nothing decides.
    """
    found = definitions.get(id_or_name)
    if found is not None and is_seen(found) and (type(id_or_name) is ExactId or comes_first(found)):
        return found
    if type(id_or_name) is ExactId:
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no worker definition with the id {id_or_name!r}")
    others, archived = [found] if found is not None and is_seen(found) else [], []
    for definition in definitions.values():
        if definition.name == id_or_name and definition is not found and is_seen(definition):
            if definition.status is AIWorkerDefinitionStatus.ARCHIVED:
                archived.append(definition)
            elif comes_first(definition):
                return definition
            else:
                others.append(definition)
    if others and (others[0] is found or len(others) == 1):
        return others[0]
    if len(archived) == 1 and not others:
        return archived[0]
    if others or archived:
        which = f"{len(others)} definitions" if others else f"{len(archived)} archived definitions"
        message = f"{which} are named {id_or_name!r}; name the one you mean by its id"
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)
    names = [definition.name for definition in definitions.values() if is_seen(definition)]
    near = difflib.get_close_matches(id_or_name, names, 1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif names:
        hint = "those there are: " + ", ".join(sorted(names)[:10]) + (", …" if len(names) > 10 else "")
    else:
        hint = "there are none yet; add one"
    raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no worker definition {id_or_name!r}; {hint}")


def _check_name(definition: AIWorkerDefinition, definitions: Mapping[str, AIWorkerDefinition]) -> None:
    """Names are unique among what is not archived, and no name is another's id.

    That holds among the host's, and among those of one owner and the host's together: an owner's do not keep the host
    from using a name, and nobody learns of another owner's by being refused one.
    """
    if definition.status is AIWorkerDefinitionStatus.ARCHIVED:
        return
    for other in definitions.values():
        if other.definition_id == definition.definition_id or other.owner not in ("", definition.owner):
            continue
        taken = other.name == definition.name and other.status is not AIWorkerDefinitionStatus.ARCHIVED
        if taken or other.definition_id == definition.name:
            raise NeuroScriptError(
                ErrorCode.DUPLICATE,
                f"there is a definition named {definition.name!r} already (id {other.definition_id}); choose another "
                "name, or archive that one",
            )


def _check_id(definition: AIWorkerDefinition, definitions: Mapping[str, AIWorkerDefinition]) -> None:
    """A new definition's id is no name of another that its maker sees, or either could be meant."""
    for other in definitions.values():
        if other.name == definition.definition_id and other.owner in ("", definition.owner):
            raise NeuroScriptError(
                ErrorCode.DUPLICATE,
                f"the id {definition.definition_id!r} is the name of another definition; choose another id, or none",
            )


def _is_same(one: AIWorkerDefinition, other: AIWorkerDefinition) -> bool:
    """Whether two states of a definition differ in nothing but what its calls change."""
    aside = {"aggregate_performance_summary", "modified_timestamp"}
    fields = AIWorkerDefinition.model_fields.keys() - aside
    return one.unknown == other.unknown and all(getattr(one, field) == getattr(other, field) for field in fields)


def _known_as(definition: AIWorkerDefinition) -> str:
    """By what a definition of the host's that is added again, under another id, is known to be the same."""
    named = json.dumps([definition.name, str(definition.provider), definition.model_name]).encode()
    return hashlib.blake2b(named, digest_size=16).hexdigest()


def _free_name(definition: AIWorkerDefinition, others: Iterable[AIWorkerDefinition]) -> str:
    taken = {other.name for other in others if other.owner in ("", definition.owner)}
    base = f"{definition.provider}-{definition.model_name}"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


# --- updates ---


def field_name(key: Any) -> Any:
    """The field of a definition that a key in any spelling stands for; the key itself if it stands for none."""
    name = snake_case(key) if isinstance(key, str) else key
    return name if name in AIWorkerDefinition.model_fields else key


def _by_field(updates: Any) -> dict[str, Any]:
    """The updates under the names of the fields, whichever way they are spelled."""
    if not isinstance(updates, Mapping) or not all(isinstance(key, str) for key in updates):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"updates is a map from fields to values, not {type(updates).__name__}"
        )
    changes: dict[str, Any] = {}
    for key, value in updates.items():
        field = field_name(key)
        if field in READ_ONLY:
            raise NeuroScriptError(
                ErrorCode.READ_ONLY, f"{field} of a definition cannot be updated; the manager keeps it itself"
            )
        if field in changes:
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"updates name the field {field} twice")
        changes[field] = value
    return changes


def _updated(old: AIWorkerDefinition, changes: Mapping[str, Any]) -> AIWorkerDefinition:
    known = {*AIWorkerDefinition.model_fields, *(old.__pydantic_extra__ or {})}
    data = old.to_file()
    for field, value in changes.items():
        if field not in known:
            near = difflib.get_close_matches(field, known - READ_ONLY, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known - READ_ONLY))}"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"a definition has no field {field!r}; {hint}")
        if field == "auth":
            value = _kept_key(old, value)
        key = AIWorkerDefinition.file_key(field) if field in AIWorkerDefinition.model_fields else field
        data[key] = value
    return AIWorkerDefinition.parse(data, f"definition {old.name!r}")


def _kept_key(old: AIWorkerDefinition, auth: Any) -> Any:
    """An update made from what a script was shown holds ``***`` for the key: then the key stays."""
    shown = auth.get("value") if isinstance(auth, Mapping) else getattr(auth, "value", None)
    method = auth.get("method") if isinstance(auth, Mapping) else getattr(auth, "method", None)
    if shown != MASK or method != APIKeySourceMethod.INLINE:
        return auth
    if not old.holds_inline_key:
        raise _masked_key()
    return old.auth.to_file()


def _check_key_source(definition: AIWorkerDefinition) -> None:
    """Refuses what was meant for another place: a mask for a key, and a key for the name of a variable."""
    auth = definition.auth
    if auth.method is APIKeySourceMethod.INLINE and auth.value == MASK:
        raise _masked_key()
    if auth.method is APIKeySourceMethod.ENV_VAR and auth.value.strip() and not is_variable_name(auth.value.strip()):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            "auth.value is not the name of an environment variable (letters, digits and underscores); it is not "
            "shown, since it may be a key: name the variable that holds the key",
            details={"field": "auth.value"},
        )


def _masked_key() -> NeuroScriptError:
    return NeuroScriptError(
        ErrorCode.ARG_MISMATCH, f"auth.value is {MASK!r}, which stands for a key that is not shown; give the key itself"
    )
