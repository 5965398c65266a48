"""What the scripts of one owner may do with workers: a policy, applied to the definitions that there are."""

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
from ai_wm.workers.definitions import Definitions, find_in
from neuroscript import ErrorCode, NeuroScriptError, NotFoundError

_HOST, _OWN, _NOBODY, _FOREIGN = Standing.HOST, Standing.OWN, Standing.NOBODY, Standing.FOREIGN

_MOST_STANDINGS = 100_000


OWN_SETTINGS = frozenset({"base_url"})
"""What a script's own definitions may set besides: where they are asked is looked at when they are asked."""


class Rights:
    """The clearance (`ai_wm.calls.clearance.Clearance`) of one owner's scripts.

    Args:
        policy: what the host grants.
        owner: whose scripts they are.
        definitions: the definitions of the manager.
        marks: tell the host's among them.
        servers: gives the servers that a provider has by itself.
        unowned_are_ours: whether what carries neither mark nor owner is this owner's: it lies in their directory.
        assumes_prices: whether ``max_cost_per_run`` is a ceiling that nobody chose, under which a model is not refused
            for want of a price.
        model_path: the path of the file that a model's name stands for.
        model_directories: where model files of scripts' definitions may lie.
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
        """Whose a definition is.  Definitions are never changed, so each is looked at once."""
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
        """Whether the owner may know of a definition."""
        return self.standing(definition) is not _FOREIGN

    def owns(self, owner: str) -> bool:
        """Whether what carries an owner is this one's."""
        return owner == self.owner or (not owner and self.unowned_are_ours)

    @property
    def owners(self) -> frozenset[str]:
        """The owners whose instances and records are this one's."""
        return frozenset({self.owner, ""} if self.unowned_are_ours else {self.owner})

    def seen(self) -> list[AIWorkerDefinition]:
        """The definitions that the owner may know of."""
        return [definition for definition in self._definitions.all().values() if self.sees(definition)]

    def own_id(self, chosen: str) -> str:
        """The id under which something is stored if a script chooses one that belongs to somebody else.

        It ends in a mark of the owner, so that it is nobody else's.
        """
        plain = self.policy.manage == "all" or not chosen or chosen.endswith(self._own_ending)
        return chosen if plain else chosen + self._own_ending

    def free_id(self, chosen: str) -> str:
        """The id of a definition that a script adds: the one chosen, unless one that it does not see has it."""
        taken = self._definitions.all().get(chosen)
        return chosen if taken is None or self.sees(taken) else self.own_id(chosen)

    def chosen_id(self, stored: str) -> str:
        """The id that the owner's script chose for what is stored under another; any other id as it is."""
        return stored.removesuffix(self._own_ending)

    def find(self, id_or_name: str) -> AIWorkerDefinition:
        """The definition of that id or name, the host's first.

        Raises:
            NeuroScriptError: 9 if there is none among those that the owner sees; 4 for what is no name.
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
        """Refuses, with error 10, a worker that the policy does not let scripts ask."""
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
        """Refuses, with error 10, a change that the policy does not let scripts make.

        Args:
            definition: what is to be changed; None: one is to be added.
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
        """The effective configuration with which a definition is called; the overrides were checked.

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
        """Whether a definition that is not the host's uses a key that one of the host's uses too."""
        return any(True for _ in self._hosts_with_key_of(definition))

    def _hosts_with_key_of(self, definition: AIWorkerDefinition) -> Iterator[AIWorkerDefinition]:
        key = _key_group(definition)
        if key is not None:
            for other in self._definitions.all().values():
                if not other.owner and _key_group(other) == key and self._is_hosts(other):
                    yield other

    def check_model(self, definition: AIWorkerDefinition) -> None:
        """Refuses, with error 10, a model file outside the directories of models, whether it is there or not."""
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
        """What a call is reserved under besides its own limits: those of the host's definitions whose key it uses,
        and the policy's.

        Raises:
            NeuroScriptError: 20 for a ceiling of 0.
        """
        found: list[Ceiling] = []
        if self.standing(definition) is not _HOST:
            shared = sorted(self._hosts_with_key_of(definition), key=lambda other: other.definition_id)
            found = [
                Ceiling(other.limits_id, other.rate_limits, other.name)
                for other in shared
                if not limits_nothing(other.rate_limits)
            ]
        if self._ceilings is None:
            self._ceilings = ceilings_of(self.policy, self.owner)
        return (*found, *self._ceilings) if found else self._ceilings

    def tell_assumed_price(self, model: str) -> None:
        """Says, once, that the price of a model is assumed."""
        if model not in self._told:
            self._told.add(model)
            LIMITS.warning(
                "nobody knows the price of %s, so its calls count under max_cost_per_run as if it were the dearest "
                "general model; give the worker cost_metrics, or set a ceiling of your own (--max-cost)",
                model,
            )


def owner_of_path(path: str | os.PathLike[str]) -> str:
    """The owner that scripts are by where they lie: the real path of their directory, or of their program."""
    # A file system may know names that no text has.
    return os.path.realpath(path).encode("utf-8", "backslashreplace").decode()


def _key_group(definition: AIWorkerDefinition) -> str | None:
    """What two definitions have in common that use the same key: the usual variables of one provider are one key."""
    method = definition.auth.method
    if method in (APIKeySourceMethod.NONE, APIKeySourceMethod.INLINE):
        return None  # what is cached must be no key
    return _group_of(method, definition.auth.value)


@lru_cache(maxsize=1024)
def _group_of(method: APIKeySourceMethod, value: str) -> str | None:
    source = source_name(APIKeySource(method=method, value=value))
    return CONVENTIONAL.get(source, source) if source is not None else None
