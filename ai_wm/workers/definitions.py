"""Worker definitions: adding, finding, changing and removing them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from ai_wm.data.definition_filter import definition_tests
from ai_wm.data.key_check import check_keys, unknown_keys
from ai_wm.data.provider_names import check_provider, provider_names
from ai_wm.data.setting_names import misspelt
from ai_wm.data.settings import CallSettings
from ai_wm.data.type_words import described_type
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerDefinitionStatus,
    AIWorkerPerformanceSummary,
    APIKeyStatus,
)
from ai_wm.keys.marks import Marks
from ai_wm.logs import STORE
from ai_wm.providers.caching import check_caching
from ai_wm.providers.scripted import check_replies
from ai_wm.ratelimit import RateLimiter
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.support.ids import ExactId
from ai_wm.workers.definition_names import check_id, check_name, find_in, free_name
from ai_wm.workers.definition_updates import by_field, check_key_source, updated
from ai_wm.workers.ensuring import HostTerms, Terms, Wanted, applied, is_same, without_nil
from neuroscript import ErrorCode, NeuroScriptError


class Definitions:
    """Adds, finds, changes and removes the definitions in a store.

    Args:
        store: keeps them; another process's changes are seen at the next call.
        limiter: knows how many instances of a definition are active.
        clock: for the time stamps.
        marks: mark what the host defines.
        providers: gives the names of the providers that the manager knows besides the built-in ones.
        check: raises for a definition that lacks what a call of its provider needs.
    """

    def __init__(
        self,
        store: Store,
        limiter: RateLimiter,
        clock: Clock,
        marks: Marks,
        providers: Callable[[], Iterable[str]] = provider_names,
        check: Callable[[AIWorkerDefinition], None] = lambda definition: None,
    ) -> None:
        self._store = store
        self._limiter = limiter
        self._clock = clock
        self._marks = marks
        self._providers = providers
        self._check = check
        self._told: dict[str, str] = {}
        """The warnings about stored definitions, by id."""

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
                ErrorCode.ARG_MISMATCH, f"a definition is named by a string, not {described_type(id_or_name)}"
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
        check_keys(AIWorkerDefinition, data)
        made = self._made(data, owner)

        def change(definitions: MutableMapping[str, AIWorkerDefinition]) -> AIWorkerDefinition:
            if check is not None:
                check(definitions)
            return _put_new(made, definitions)

        added = self._store.change_definitions(change)
        self._tell_added(added)
        return added.definition_id

    def ensure(self, data: Mapping[str, Any] | AIWorkerDefinition, terms: Terms | None = None) -> str:
        """Adds a definition, or changes what is given and differs in the one that there is, and returns its id.

        The one that there is has the id that is given, or else the name.  What is not given stays, in its maps too, of
        which None takes a key out; so do its status and its summary.  If nothing differs, nothing is written.

        Args:
            data: the definition.
            terms: what whoever ensures it sees and may do; by default those of the host.

        Raises:
            NeuroScriptError: 4 for a value that does not fit, and for neither name nor id; 9 if several archived ones
                have the name; 11 for the name of one and the id of another; 42 if the id or name is taken; 25 and 26 if
                it cannot be written.
        """
        wanted, terms = Wanted.of(data), terms if terms is not None else HostTerms()
        known = self._store.definitions()
        found = wanted.find(known, terms)
        if found is not None and not wanted.difference(found, known, terms).names:
            return found.definition_id

        def change(
            definitions: MutableMapping[str, AIWorkerDefinition],
        ) -> tuple[AIWorkerDefinition | None, AIWorkerDefinition]:
            old = wanted.find(definitions, terms)
            if old is None:
                fields = terms.check_add(without_nil(wanted.fields), definitions)
                return None, _put_new(self._made(fields, terms.owner), definitions)
            difference = wanted.difference(old, definitions, terms)
            if not difference.names:
                return old, old
            changes = applied(old, terms.check_change(old, difference))
            return old, self._put_changed(old, changes, definitions, by_host=terms.by_host)

        before, after = self._store.change_definitions(change)
        if before is None:
            self._tell_added(after)
        elif after is not before:
            self._tell_limiter(before)
            if not is_same(after.base_config, before.base_config):
                _warn_of_settings(after.name, after.base_config)
        return after.definition_id

    def update(
        self, id_or_name: str, updates: Mapping[str, Any], *, by_host: bool = True, merge: bool = False
    ) -> AIWorkerDefinition:
        """Changes a definition, wholly or not at all; a map or list given replaces the old one.

        Args:
            id_or_name: the definition.
            updates: the fields that change.
            by_host: whether it is the host's change, after which what was the host's still is; that of a script leaves
                the mark as it was, so that it holds no longer where a key, an address or the like has changed.
            merge: whether a map given is merged into the old one, as `merge_patch` does it, rather than replacing it.

        Raises:
            NeuroScriptError: 9 unknown definition; 4 for a key or value that does not fit; 11 for the id, the summary
                and the time stamps; 42 if the new name is taken; 25 and 26 if it cannot be written.
        """
        wanted = ExactId(self.find(id_or_name).definition_id)
        changes = by_field(updates)

        def change(definitions: MutableMapping[str, AIWorkerDefinition]) -> tuple[AIWorkerDefinition, ...]:
            old = find_in(definitions, wanted)
            new = self._put_changed(old, changes, definitions, by_host=by_host, merge=merge)
            return old, new

        before, changed = self._store.change_definitions(change)
        self._tell_limiter(before)
        if "base_config" in changes:
            _warn_of_settings(changed.name, changed.base_config)
        return self._copy(changed)

    def standing(self, id_or_name: str) -> str:
        """Returns whose a definition is: ``host``, ``script``, or ``untrusted`` in a file without the host's mark.

        Raises:
            NeuroScriptError: 9 as for `find`.
        """
        return self.standing_of(self.find(id_or_name))

    def standing_of(self, definition: AIWorkerDefinition) -> str:
        """Returns the same of a definition as it is at hand."""
        if definition.owner:
            return "script"
        return "host" if self._marks.holds(definition) else "untrusted"

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

        def change(definitions: MutableMapping[str, AIWorkerDefinition]) -> tuple[AIWorkerDefinition, ...]:
            current = find_in(definitions, wanted)
            if shown is not None and not _is_same(current, shown):
                raise NeuroScriptError(
                    ErrorCode.PRECONDITION_FAILED,
                    f"the definition {shown.name!r} was changed while it was looked at; look at it again",
                )
            hosts = current.model_copy(update={"owner": ""})
            check_name(hosts, definitions)
            hosts = hosts.model_copy(update={"host_mark": self._marks.of(hosts)})
            definitions[hosts.definition_id] = hosts
            return current, hosts

        before, trusted = self._store.change_definitions(change)
        self._tell_limiter(before)  # its calls count under another id from now on
        return self._copy(trusted)

    def remove(self, id_or_name: str) -> str:
        """Removes a definition, whose records stay, as what it used counts on under its limits; returns its id.

        Raises:
            NeuroScriptError: 9 unknown definition; 19 while it has active instances; 25 and 26 if it cannot be written.
        """
        wanted = ExactId(self.find(id_or_name).definition_id)

        def change(definitions: MutableMapping[str, AIWorkerDefinition]) -> AIWorkerDefinition:
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

    # --- one change, made in the store's step ---

    def _made(self, data: Mapping[str, Any] | AIWorkerDefinition, owner: str) -> AIWorkerDefinition:
        """The definition to add: checked, with an empty summary, and with the host's mark if it is the host's."""
        if isinstance(data, Mapping) and "auth" not in data and isinstance(data.get("provider"), str):
            # With a preset misspelt its key source would be what is missing.
            check_provider(data["provider"], self._providers, AIWorkerDefinition.called)
        made = AIWorkerDefinition.parse(data)
        made.check_provider(self._providers)
        _check_config(made)
        check_key_source(made)
        self._check(made)
        now = self._clock.now()
        fields: dict[str, Any] = {"modified_timestamp": now}
        if made.created_timestamp.is_zero:
            fields["created_timestamp"] = now
        fields["aggregate_performance_summary"] = AIWorkerPerformanceSummary()
        fields |= {"owner": owner, "host_mark": ""}
        made = made.model_copy(update=fields)
        return made if owner else made.model_copy(update={"host_mark": self._marks.of(made)})

    def _put_changed(
        self,
        old: AIWorkerDefinition,
        changes: Mapping[str, Any],
        definitions: MutableMapping[str, AIWorkerDefinition],
        *,
        by_host: bool,
        merge: bool = False,
    ) -> AIWorkerDefinition:
        """Puts a definition with some fields changed in the place of the old one."""
        new = updated(old, changes, merge=merge).model_copy(update={"modified_timestamp": self._clock.now()})
        if new.provider != old.provider:
            new.check_provider(self._providers, f"definition {old.name!r}")
        _check_config(new, old)
        if new.auth != old.auth:
            check_key_source(new)
        if (new.provider, new.auth, new.base_config) != (old.provider, old.auth, old.base_config):
            self._check(new)
        if old.name.strip() and not new.name.strip():
            message = f"definition {old.name!r}: field name: expected text that is not empty"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "name"})
        check_name(new, definitions)
        if by_host and not old.owner and self._marks.holds(old):
            new = new.model_copy(update={"host_mark": self._marks.of(new)})
        definitions[old.definition_id] = new
        return new

    def _tell_added(self, added: AIWorkerDefinition) -> None:
        """Lets the limiter know a definition of the host's again, and warns of its settings."""
        if not added.owner:
            self._limiter.inherit(added.limits_id, _known_as(added))
        _warn_of_settings(added.name, added.base_config)

    # --- the whole ---

    def reload(self) -> None:
        """Reads the definitions from the store again.

        Raises:
            NeuroScriptError: as `Store.reload`.
        """
        known = dict(self._store.definitions())
        self._store.reload()
        self.check_loaded()
        now = self._store.definitions()
        self._tell_limiter(*(each for key, each in known.items() if not _is_limited_alike(each, now.get(key))))

    def check_loaded(self) -> None:
        """Logs a warning, once, for each definition with keys that mean nothing: files are read all the same."""
        for key, definition in self._store.definitions().items():
            problems = _problems(definition)
            if problems and self._told.get(key) != problems:
                self._told[key] = problems
                STORE.warning("the stored definition of worker %r: %s", definition.name, problems)

    def _tell_limiter(self, *changed: AIWorkerDefinition) -> None:
        """Lets calls that wait under the limits of these definitions see what has become of them."""
        for definition in changed:
            self._limiter.changed(definition.limits_id)

    def _copy(self, definition: AIWorkerDefinition) -> AIWorkerDefinition:
        copy = definition.model_copy(deep=True)
        summary = self._store.summary(definition.definition_id)
        return copy.model_copy(update={"aggregate_performance_summary": summary})


def _check_config(new: AIWorkerDefinition, old: AIWorkerDefinition | None = None) -> None:
    """Raises error 4 for settings of a definition that no call could use, unless they are older than this check."""
    CallSettings.of(new.base_config)
    if "cache" in new.base_config and (old is None or old.base_config.get("cache") != new.base_config["cache"]):
        check_caching(str(new.provider), new.base_config, new.name)
    if _scripted_replies(new) is not None and (
        old is None or not is_same(_scripted_replies(new), _scripted_replies(old))
    ):
        check_replies(_scripted_replies(new))


def _scripted_replies(definition: AIWorkerDefinition) -> Any:
    """The replies of a definition on the model ``scripted``; None if it has none, and of any other."""
    on_it = (definition.provider, definition.model_name) == ("local", "scripted")
    return definition.base_config.get("replies") if on_it else None


def _put_new(made: AIWorkerDefinition, definitions: MutableMapping[str, AIWorkerDefinition]) -> AIWorkerDefinition:
    """Puts a new definition among the others, with a name if it has none, and returns it."""
    if made.definition_id in definitions:
        raise NeuroScriptError(ErrorCode.DUPLICATE, f"there is a definition with the id {made.definition_id!r} already")
    if not made.name.strip():
        made = made.model_copy(update={"name": free_name(made, definitions)})
    check_name(made, definitions)
    check_id(made, definitions)
    definitions[made.definition_id] = made
    return made


def _is_same(one: AIWorkerDefinition, other: AIWorkerDefinition) -> bool:
    """Whether two states of a definition differ in nothing but what its calls change."""
    aside = {"aggregate_performance_summary", "modified_timestamp"}
    fields = AIWorkerDefinition.model_fields.keys() - aside
    return one.unknown == other.unknown and all(getattr(one, field) == getattr(other, field) for field in fields)


def _is_limited_alike(one: AIWorkerDefinition, other: AIWorkerDefinition | None) -> bool:
    """Whether two states of a definition have the same status and limits."""
    return one is other or (
        other is not None
        and (one.status, one.limits_id, one.rate_limits) == (other.status, other.limits_id, other.rate_limits)
    )


def _known_as(definition: AIWorkerDefinition) -> str:
    """By what a definition of the host's that is added again, under another id, is known to be the same."""
    named = json.dumps([definition.name, str(definition.provider), definition.model_name]).encode()
    return hashlib.blake2b(named, digest_size=16).hexdigest()


def _problems(definition: AIWorkerDefinition) -> str:
    """The keys of a stored definition that mean nothing, for a warning; empty if there are none.

    At the top level and in ``auth`` other programs may keep keys of their own: only misspelt ones are told there.
    """
    unknown = [
        key.told()
        for key in unknown_keys(type(definition), definition)
        if key.path in ("cost_metrics", "rate_limits") or key.meant
    ]
    config = misspelt(definition.base_config)
    return "; ".join((*unknown, *(f"{key!r} in base_config; did you mean {near!r}?" for key, near in config.items())))


def _warn_of_settings(name: str, config: Mapping[str, Any]) -> None:
    """Logs one warning about the settings of a definition that are probably misspelt."""
    wrong = misspelt(config)
    if wrong:
        STORE.warning(
            "the base_config of worker %r has settings that are not known here and go to the provider as they are: %s",
            name,
            ", ".join(f"{key!r} (did you mean {meant!r}?)" for key, meant in wrong.items()),
        )
