"""The rights of one owner's scripts: the host's policy, applied to the existing definitions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from shlex import quote
from typing import Any

from ai_wm.calls.ceilings import Ceiling, ceilings_of
from ai_wm.data.policy import WorkerPolicy
from ai_wm.data.script_settings import merged, policy_caps, script_config, script_settings
from ai_wm.data.types import AIWorkerDefinition, APIKeySource, APIKeySourceMethod
from ai_wm.keys.approvals import CONVENTIONAL, Approvals, Server, Standing
from ai_wm.keys.marks import Marks
from ai_wm.keys.sources import source_name
from ai_wm.logs import CALLS, INFO, LIMITS, tell
from ai_wm.ratelimit.deferred import limits_nothing
from ai_wm.store.definition_table import DefinitionTable
from ai_wm.workers.definition_names import find_in
from ai_wm.workers.definitions import Definitions
from neuroscript import ErrorCode, NeuroScriptError, NotFoundError

_HOST, _OWN, _NOBODY, _FOREIGN = Standing.HOST, Standing.OWN, Standing.NOBODY, Standing.FOREIGN

_MOST_STANDINGS = 100_000


OWN_SETTINGS = frozenset({"base_url"})
"""Further settings allowed in a script's own definitions, whose address is checked when they are called."""


class Rights:
    """Decides which workers the scripts of one owner see, ask and change, and under which limits; a `Clearance`.

    Args:
        policy: the host's policy.
        owner: the owner of the scripts.
        definitions: the definitions of the manager.
        marks: identifies the host's definitions.
        servers: returns the default servers of a provider.
        unowned_are_ours: whether definitions without mark and owner belong to this owner, whose directory they are in.
        assumes_prices: whether ``max_cost_per_run`` is a default, under which models of unknown price are not refused.
        model_path: returns the path of the file that a model's name stands for.
        model_directories: the directories that may hold model files of scripts' definitions.
    """

    def __init__(
        self,
        policy: WorkerPolicy,
        owner: str,
        definitions: Definitions,
        marks: Marks,
        servers: Callable[[str], tuple[Server, ...]],
        *,
        unowned_are_ours: bool,
        assumes_prices: bool,
        model_path: Callable[[str], Path],
        model_directories: Sequence[Path],
    ) -> None:
        self.policy = policy
        self.owner = owner
        self.unowned_are_ours = unowned_are_ours
        self.assumes_prices = assumes_prices
        self.approvals = Approvals(policy, servers)
        self._definitions = definitions
        self._marks = marks
        self._model_path = model_path
        self._model_directories = tuple(model_directories)
        self._ceilings: tuple[Ceiling, ...] | None = None
        self._told: set[str] = set()
        self._standings: dict[str, tuple[AIWorkerDefinition, Standing]] = {}
        self._caps = policy_caps(policy)
        self._own_ending = f"~{blake2b(owner.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"

    # --- whose a definition is ---

    def standing(self, definition: AIWorkerDefinition) -> Standing:
        """Tells to whom a definition belongs.  Definitions never change, so each is checked only once."""
        known = self._standings.get(definition.definition_id)
        if known is not None and known[0] is definition:
            return known[1]
        if definition.owner:
            found = _OWN if definition.owner == self.owner else _FOREIGN
        elif self.policy.trust_file or self._marks.holds(definition):
            found = _HOST
        else:
            found = _NOBODY if self.unowned_are_ours else _FOREIGN
        if len(self._standings) >= _MOST_STANDINGS:
            self._standings.clear()
        self._standings[definition.definition_id] = definition, found
        return found

    def sees(self, definition: AIWorkerDefinition) -> bool:
        """Whether the owner sees a definition."""
        return self.standing(definition) is not _FOREIGN

    def owns(self, owner: str) -> bool:
        """Whether an owner's name on an instance or a record is this owner's."""
        return owner == self.owner or (not owner and self.unowned_are_ours)

    @property
    def owners(self) -> frozenset[str]:
        """The owner names whose instances and records belong to this owner."""
        return frozenset({self.owner, ""} if self.unowned_are_ours else {self.owner})

    def seen(self) -> list[AIWorkerDefinition]:
        """Returns the definitions that the owner sees."""
        return [definition for definition in self._definitions.all().values() if self.sees(definition)]

    def own_id(self, chosen: str) -> str:
        """The id under which something is stored if the id that a script chose belongs to another owner.

        Its suffix is derived from the owner's name, so that no other owner has it.
        """
        plain = self.policy.manage == "all" or not chosen or chosen.endswith(self._own_ending)
        return chosen if plain else chosen + self._own_ending

    def stored_id(self, definitions: Mapping[str, AIWorkerDefinition], chosen: str) -> str:
        """The id of the definition that a script means by an id: another one where a hidden definition has that id.

        Args:
            definitions: all definitions.
            chosen: the id that the script chose; where no definition has it, one may be added under the result.
        """
        taken = definitions.get(chosen)
        if taken is not None and self.sees(taken):
            return chosen
        own = definitions.get(self.own_id(chosen))
        is_own = own is not None and self.standing(own) is _OWN
        return self.own_id(chosen) if is_own or taken is not None else chosen

    def chosen_id(self, stored: str) -> str:
        """The id that the owner's script chose for something stored under another id; any other id is unchanged."""
        return stored.removesuffix(self._own_ending)

    def find(self, id_or_name: str) -> AIWorkerDefinition:
        """Finds a definition by id or name, the host's first.

        Raises:
            NeuroScriptError: 9 if the owner sees no such definition; 4 for a value that cannot be a name.
        """
        if not isinstance(id_or_name, str):
            message = f"a definition is named by a string, not {type(id_or_name).__name__}"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
        definitions = self._definitions.all()
        by_id = definitions.get(id_or_name)
        if by_id is not None and self.standing(by_id) is _HOST:
            return by_id
        try:
            return find_in(definitions, id_or_name, self._is_hosts, self.sees)
        except NotFoundError:
            own = definitions.get(self.own_id(id_or_name))
            if own is None or self.standing(own) is not _OWN:
                raise
            return own

    def _is_hosts(self, definition: AIWorkerDefinition) -> bool:
        return self.standing(definition) is _HOST

    # --- what may be done with it ---

    def check_ask(self, definition: AIWorkerDefinition) -> None:
        """Raises error 10 if the policy does not let scripts ask a worker."""
        if not self.policy.may_ask(definition.name):
            if CALLS.isEnabledFor(INFO):
                message = "scripts were refused worker %r, which the host does not let them ask"
                names = {"worker": definition.name, "definition_id": definition.definition_id}
                fields = {"code": int(ErrorCode.SECURITY), **names}
                tell(CALLS, INFO, "refused", message, (definition.name,), fields)
            raise NeuroScriptError(
                ErrorCode.SECURITY,
                f"scripts may not ask the worker {definition.name!r}; the host permits it with --ask "
                f"{quote(definition.name)} or WorkerPolicy(ask=({definition.name!r},))",
            )

    def check_manage(self, definition: AIWorkerDefinition | None = None) -> None:
        """Raises error 10 if the policy does not let scripts change a definition.

        Args:
            definition: the definition to be changed; None if one is to be added.
        """
        manage = self.policy.manage
        if manage == "none":
            raise NeuroScriptError(
                ErrorCode.SECURITY,
                'scripts may not manage workers; the host permits it with --manage own or WorkerPolicy(manage="own")',
            )
        if definition is not None and manage != "all" and self.standing(definition) is _HOST:
            raise NeuroScriptError(
                ErrorCode.SECURITY,
                f"the worker {definition.name!r} is the host's, and scripts may not change it or write into its "
                'records; the host permits it with --manage all or WorkerPolicy(manage="all")',
            )

    def configure(self, definition: AIWorkerDefinition, *overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the effective configuration of a definition's call; the overrides are checked already.

        Raises:
            NeuroScriptError: 10 for a setting of its own that scripts may not set, one that the host has locked, or a
                fallback that scripts may not ask.
        """
        standing, base = self.standing(definition), definition.base_config
        by_host = standing is _HOST
        if by_host and not self._caps.below_default and not any(overrides):
            return dict(base)
        if standing is _OWN and base:
            base = script_settings(base, self.policy, OWN_SETTINGS)
        given = merged(*overrides)
        config = script_config(base, given, self._caps, by_host=by_host, worker=definition.name)
        fallbacks = given.get("fallbacks") if by_host else config.get("fallbacks")
        if isinstance(fallbacks, list | tuple):
            for name in fallbacks:
                self._check_fallback(name)
        return config

    def _check_fallback(self, name: Any) -> None:
        try:
            definition = self.find(name)
        except NeuroScriptError:  # there is none of that name, which is found out when its turn comes
            return
        self.check_ask(definition)

    # --- keys and models ---

    def shares_key(self, definition: AIWorkerDefinition) -> bool:
        """Whether a script's definition uses the same key as one of the host's definitions."""
        return any(True for _ in self._hosts_with_key_of(definition))

    def _hosts_with_key_of(
        self, definition: AIWorkerDefinition, *, limited: bool = False
    ) -> Iterator[AIWorkerDefinition]:
        """The host's definitions with the same key; ``limited``: only those that have limits on calls."""
        key = _key_group(definition)
        if key is not None:
            for other in _with_key(self._definitions.all(), key, limited):
                if limited and limits_nothing(other.rate_limits):
                    continue
                if not other.owner and self._is_hosts(other):
                    yield other

    def check_model(self, definition: AIWorkerDefinition) -> None:
        """Raises error 10 for a model file outside the model directories, whether or not it exists."""
        path = os.path.realpath(self._model_path(definition.model_name))
        for directory in self._model_directories:
            if path.startswith(os.path.join(os.path.realpath(directory), "")):
                return
        raise NeuroScriptError(
            ErrorCode.SECURITY,
            f"the model of worker {definition.name!r} lies neither in the sandbox nor in a directory of models that "
            "the host names: AIWorkerManager(model_directories=…)",
        )

    # --- limits ---

    def ceilings(self, definition: AIWorkerDefinition) -> Sequence[Ceiling]:
        """Returns the ceilings under which a call is reserved besides its own limits: those of the host's definitions
        with the same key, and the policy's.

        Raises:
            NeuroScriptError: 20 for a ceiling of 0.
        """
        found: list[Ceiling] = []
        if self.standing(definition) is not _HOST:
            shared = sorted(self._hosts_with_key_of(definition, limited=True), key=lambda other: other.definition_id)
            found = [Ceiling(other.limits_id, other.rate_limits, other.name) for other in shared]
        if self._ceilings is None:
            self._ceilings = ceilings_of(self.policy, self.owner)
        return (*found, *self._ceilings) if found else self._ceilings

    def tell_assumed_price(self, model: str) -> None:
        """Warns, once for each model, that its price is unknown and a fallback price is assumed."""
        if model not in self._told:
            self._told.add(model)
            LIMITS.warning(
                "nobody knows the price of %s, so its calls count under max_cost_per_run as if it were the dearest "
                "general model; give the worker cost_metrics, or set a ceiling of your own (--max-cost)",
                model,
            )


def owner_of_path(path: str | os.PathLike[str]) -> str:
    """Returns the owner name of scripts at a path: the real path of their directory or program."""
    # A file system may know names that no text has.
    return os.path.realpath(path).encode("utf-8", "backslashreplace").decode()


def _with_key(definitions: Mapping[str, AIWorkerDefinition], group: str, limited: bool) -> Iterator[AIWorkerDefinition]:
    """The definitions with a key of this group; ``limited``: those without any limits may be left out."""
    if not isinstance(definitions, DefinitionTable):
        yield from (definition for definition in definitions.values() if _key_group(definition) == group)
        return
    for source in definitions.key_sources():
        for definition in definitions.with_key_source(source) if source.limited or not limited else ():
            if _key_group(definition) != group:
                break  # nor do the others with this source belong to it
            yield definition


def _key_group(definition: AIWorkerDefinition) -> str | None:
    """An identifier shared by all definitions that use the same key; a provider's usual variables count as one key."""
    method = definition.auth.method
    if method in (APIKeySourceMethod.NONE, APIKeySourceMethod.INLINE):
        return None  # what is cached must be no key
    return _group_of(method, definition.auth.value)


@lru_cache(maxsize=1024)
def _group_of(method: APIKeySourceMethod, value: str) -> str | None:
    source = source_name(APIKeySource(method=method, value=value))
    return CONVENTIONAL.get(source, source) if source is not None else None
