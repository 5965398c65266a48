"""Instances: spawning sessions, finding them, and retiring them."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from threading import RLock
from typing import Any

from ai_wm.calls import call_log
from ai_wm.calls.clearance import Clearance
from ai_wm.calls.recording import failed
from ai_wm.calls.task import Check
from ai_wm.data.setting_names import read_overrides
from ai_wm.data.settings import CallSettings, effective_config
from ai_wm.data.spelling import nearest
from ai_wm.data.type_words import described_type
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerDefinitionStatus,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    RetiredInstanceInfo,
    TokenUsageMetrics,
)
from ai_wm.logs import CALLS, DEBUG, INFO, LIMITS, tell
from ai_wm.ratelimit import RateLimiter
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.support.events import INSTANCE_RETIRED, INSTANCE_SPAWNED, Events
from ai_wm.support.ids import ExactId
from ai_wm.workers.definitions import Definitions
from ai_wm.workers.file_contexts import FileContexts, FileReader, checked_paths
from ai_wm.workers.session import Session, stale
from neuroscript import ErrorCode, NeuroScriptError, RateLimitedError

FINAL_STATES = (
    AIWorkerInstanceStatus.RETIRED_COMPLETED,
    AIWorkerInstanceStatus.RETIRED_EXHAUSTED,
    AIWorkerInstanceStatus.RETIRED_ERROR,
    AIWorkerInstanceStatus.CONTEXT_FULL,
    AIWorkerInstanceStatus.TOKEN_LIMIT_REACHED,
)
"""The states in which an instance may be retired."""

_SLOT_SECONDS = 0.1
"""How often an instance that was suspended looks for a free slot."""

_REMEMBERED = 10_000
"""How many ids of retired instances are kept, to tell a retired instance from an unknown one."""


class Instances:
    """Spawns, finds and retires the live instances of one manager.

    Args:
        definitions: their definitions.
        store: notes what is spawned, and keeps what is retired.
        limiter: counts the slots for active instances.
        clock: for the time stamps.
        events: told of what is spawned and retired.
        read: reads file contexts, for the host.
    """

    def __init__(
        self,
        definitions: Definitions,
        store: Store,
        limiter: RateLimiter,
        clock: Clock,
        events: Events,
        read: FileReader,
    ) -> None:
        self._definitions = definitions
        self._store = store
        self._limiter = limiter
        self._clock = clock
        self._events = events
        self._read = read
        self._live: dict[str, Session] = {}
        self._gone: OrderedDict[str, str] = OrderedDict()
        """The ids of those that were retired, with whose they were."""
        self._lock = RLock()

    @property
    def lock(self) -> RLock:
        """The lock held while an instance's slot is taken; who removes a definition holds it while counting them."""
        return self._lock

    def find(self, instance_id: str) -> Session:
        """Finds a live instance by its id.

        Raises:
            NeuroScriptError: 9 if there is none, 19 if it is retired.
        """
        live = self._live.get(instance_id) if isinstance(instance_id, str) else None
        if live is not None:
            return live
        with self._lock:
            if instance_id in self._gone:
                raise stale(instance_id)
        message = f"there is no active instance {instance_id!r}; ListActive shows those there are"
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)

    def owner_of(self, instance_id: str) -> str | None:
        """Whose scripts spawned an instance, also once it is retired; empty for the host, None where nobody knows."""
        live = self._live.get(instance_id)
        if live is not None:
            return live.owner
        with self._lock:
            return self._gone.get(instance_id)

    def select(self, filters: Mapping[str, Any] | None = None) -> list[AIWorkerInstance]:
        """Returns snapshots of the live instances that pass the filters, the oldest first.

        Raises:
            NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
        """
        wanted = _filters(filters)
        with self._lock:
            live = list(self._live.values())
        snapshots = [item.snapshot() for item in live]
        return [item for item in snapshots if all(getattr(item, key) == value for key, value in wanted.items())]

    def spawn(
        self,
        id_or_name: str,
        overrides: Mapping[str, Any] | None,
        file_contexts: Sequence[str] | None,
        clearance: Clearance | None = None,
        read: FileReader | None = None,
        journaled: tuple[str, str] | None = None,
    ) -> Session:
        """Spawns an instance of a definition.

        Args:
            id_or_name: its definition.
            overrides: settings on top of those of its definition.
            file_contexts: the files that go ahead of the conversation, in place of the definition's.
            clearance: what the scripts that spawn it may do; None: it is the host's.
            read: reads the files; None: as the host.
            journaled: the run with a journal that spawns it, and its id; None: a new id.

        Raises:
            NeuroScriptError: 9 unknown definition; 19 not active or not conversational; 4 for overrides or paths that
                do not fit; 20 at the limit of concurrent instances; 25 and 26 if it cannot be noted.
        """
        overrides = read_overrides(overrides)
        definition = (self._definitions if clearance is None else clearance).find(id_or_name)
        paths = None if file_contexts is None else checked_paths(file_contexts)
        try:
            found, reader = ExactId(definition.definition_id), read or self._read
            live = self._start(found, overrides, paths, clearance, reader, journaled)
        except RateLimitedError as error:
            if LIMITS.isEnabledFor(INFO):
                call_log.not_spawned(definition, error)
            self._events.fire(*failed(definition, "", error, None))
            raise
        if CALLS.isEnabledFor(DEBUG):
            message = "the instance %s of worker %r is spawned"
            tell(CALLS, DEBUG, "spawned", message, (live.instance_id, live.name), _names(live))
        payload = {"instance_id": live.instance_id, "definition_id": live.definition_id, "name": definition.name}
        self._events.fire(INSTANCE_SPAWNED, payload)
        return live

    def _start(
        self,
        definition_id: str,
        overrides: Mapping[str, Any],
        paths: Sequence[str] | None,
        clearance: Clearance | None,
        read: FileReader,
        journaled: tuple[str, str] | None,
    ) -> Session:
        run_id, instance_id = journaled or ("", str(uuid.uuid4()))
        # Under the lock no definition is removed between the look at it and the slot.
        with self._lock:
            definition = self._definitions.find(definition_id)
            _check_spawns(definition)
            live = self._session(instance_id, definition, overrides, paths, clearance, read)
            slots = live.limits_id
            self._limiter.acquire_slot(slots, definition.rate_limits, instance_id, name=definition.name)
            try:
                self._note(live, run_id)
            except BaseException:  # whatever happened, the slot must not stay taken
                self._limiter.release_slot(slots, instance_id)
                raise
            live.set_status(AIWorkerInstanceStatus.IDLE, None, self._clock.now())
            self._live[instance_id] = live
            return live

    def _session(
        self,
        instance_id: str,
        definition: AIWorkerDefinition,
        overrides: Mapping[str, Any],
        paths: Sequence[str] | None,
        clearance: Clearance | None,
        read: FileReader,
    ) -> Session:
        if clearance is None:
            config, owner = effective_config(definition.base_config, overrides), ""
        else:
            config, owner = clearance.configure(definition, overrides), clearance.owner
        CallSettings.of(config)
        files = FileContexts(definition.default_file_contexts if paths is None else paths, read)
        return Session(instance_id, definition, overrides, config, files, self._clock.now(), owner)

    def _note(self, live: Session, run_id: str) -> None:
        if not run_id:
            self._store.start_instance(live.snapshot())
            return
        try:
            self._store.start_instance(live.snapshot(), run_id)
        except NeuroScriptError as error:
            if error.code != ErrorCode.DUPLICATE:
                raise
            live.is_resumed = True  # an earlier start of the run noted it, and ended before it could say so

    def resume(
        self,
        instance_id: str,
        definition_id: str,
        overrides: Mapping[str, Any],
        paths: Sequence[str] | None,
        clearance: Clearance | None,
        read: FileReader,
    ) -> Session:
        """Brings an instance back that a run has spawned before it was stopped, without history and without a slot.

        It takes a slot when it is first used.

        Raises:
            NeuroScriptError: 9 if its definition is gone; 4 for settings that do not fit it any more.
        """
        with self._lock:
            live = self._live.get(instance_id)
            if live is not None:  # this process has not let go of it
                live.begin_anew()
                return live
            definition = self._definitions.find(ExactId(definition_id))
            live = self._session(instance_id, definition, overrides, paths, clearance, read)
            live.begin_anew()
            live.wake = partial(self._wake, live)
            self._live[instance_id] = live
            return live

    def _wake(self, live: Session, check: Check | None) -> None:
        """Takes a slot for an instance that was suspended, and waits while none is free."""
        while live.wake is not None:
            limits = self._definitions.find(ExactId(live.definition_id)).rate_limits
            try:
                self._limiter.acquire_slot(live.limits_id, limits, live.instance_id, name=live.name)
            except RateLimitedError:
                if check is not None:
                    check()
                time.sleep(_SLOT_SECONDS)
            else:
                live.wake = None

    def suspend(self, instance_id: str) -> None:
        """Lets go of an instance whose run is not over: it gives up its slot, and comes back with the run."""
        with self._lock:
            live = self._live.pop(instance_id, None)
        if live is not None:
            live.suspend()
            self._limiter.release_slot(live.limits_id, instance_id)

    def forget(self, instance_id: str) -> None:
        """Lets go of an instance that an earlier start of its run has retired."""
        self.suspend(instance_id)
        with self._lock:
            self._gone[instance_id] = ""

    def retire(
        self,
        instance_id: str,
        *,
        reason: str,
        final_status: str,
        usage: Any = None,
        records: Any = None,
        wait_seconds: float = 0.0,
    ) -> RetiredInstanceInfo:
        """Retires an instance: stores it with its records, ends it, and frees its slot.

        Args:
            instance_id: the instance.
            reason: why, in words.
            final_status: one of `FINAL_STATES`; anything else becomes ``retired_exhausted``, with a warning in the log.
            usage: the session's tokens to store in place of those counted.
            records: the records to store in place of those logged.
            wait_seconds: how long to wait for a turn that is going on.

        Raises:
            NeuroScriptError: 9 unknown instance; 19 retired, or in a turn; 4 for usage or records that do not fit; 25
                and 26 if it cannot be written, and then it goes on living.
        """
        live = self.find(instance_id)
        if not isinstance(reason, str):
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"a reason is a string, not {described_type(reason)}")
        given_usage = None if usage is None else _session_usage(usage)
        given_records = None if records is None else _session_records(records, live)
        more: dict[str, Any] = {}
        if live.is_resumed:
            more = {"is_resumed": True}
            given_usage = given_usage or live.usage
        status = _final_status(final_status, instance_id)
        info = live.retire(
            lambda: self._store.retire_instance(
                instance_id,
                final_status=status,
                reason=reason,
                retired_at=self._clock.now(),
                usage=given_usage,
                records=given_records,
                **more,
            ),
            wait_seconds,
        )
        with self._lock:
            self._live.pop(instance_id, None)
            self._gone[instance_id] = live.owner
            while len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)
        self._limiter.release_slot(live.limits_id, instance_id)
        if CALLS.isEnabledFor(INFO):
            _log_ended(live, status, info.session_token_usage)
        self._events.fire(
            INSTANCE_RETIRED,
            {
                "instance_id": instance_id,
                "definition_id": live.definition_id,
                "final_status": status.value,
                "reason": reason,
            },
        )
        return info

    def retire_all(self, reason: str, wait_seconds: float, instance_ids: Iterable[str] | None = None) -> None:
        """Retires all live instances, or those of some ids that still live, as ``retired_completed``.

        Raises:
            NeuroScriptError: the first failure, once all were tried.
        """
        failures = []
        for instance_id in list(self._live) if instance_ids is None else list(instance_ids):
            if instance_id not in self._live:
                continue
            try:
                self.retire(
                    instance_id,
                    reason=reason,
                    final_status=AIWorkerInstanceStatus.RETIRED_COMPLETED,
                    wait_seconds=wait_seconds,
                )
            except NeuroScriptError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def set_status(self, instance_id: str, status: str, last_error: str | None) -> None:
        """Sets the state of a live instance.

        Raises:
            NeuroScriptError: 9 unknown; 19 retired or in a turn; 4 for an unknown state, or a retired one.
        """
        live = self.find(instance_id)
        wanted = _status(status)
        if wanted.is_retired or wanted is AIWorkerInstanceStatus.SUSPENDED:
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH,
                f"status is {wanted.value!r}, which an instance gets by being retired; use Retire",
            )
        if last_error is not None and not isinstance(last_error, str):
            message = f"last_error is a string, not {described_type(last_error)}"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
        live.set_status(wanted, last_error, self._clock.now())

    def add_usage(self, instance_id: str, input_tokens: int, output_tokens: int) -> None:
        """Adds tokens to a live instance's session.

        Raises:
            NeuroScriptError: 9 unknown; 19 retired; 4 for a number that is not whole or is negative.
        """
        live = self.find(instance_id)
        for name, number in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
            if type(number) is not int or number < 0:
                message = f"{name} is a whole number of 0 or more, not {number!r}"
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)

        def log(usage: TokenUsageMetrics) -> None:
            if not live.is_resumed:  # else it is stored when it is retired
                self._store.set_session_usage(instance_id, usage)

        live.count(input_tokens, output_tokens, log)


def _check_spawns(definition: AIWorkerDefinition) -> None:
    if definition.status is not AIWorkerDefinitionStatus.ACTIVE:
        message = f"the definition {definition.name!r} is {definition.status.value}; only active ones spawn instances"
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
    if not definition.can_chat:
        message = (
            f"the definition {definition.name!r} is for stateless tasks only; add conversational to its "
            "interaction_models, or use ExecuteStatelessTask"
        )
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)


def _status(status: Any) -> AIWorkerInstanceStatus:
    try:
        return AIWorkerInstanceStatus(status)
    except ValueError:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"there is no instance state {status!r}; the states are {', '.join(AIWorkerInstanceStatus)}",
            details={"field": "status"},
        ) from None


def _final_status(status: Any, instance_id: str) -> AIWorkerInstanceStatus:
    if status in FINAL_STATES:
        return AIWorkerInstanceStatus(status)
    CALLS.warning(
        "the instance %s is retired with the final status %r, which is none; it is stored as retired_exhausted",
        instance_id,
        status,
    )
    return AIWorkerInstanceStatus.RETIRED_EXHAUSTED


def _names(live: Session) -> dict[str, str]:
    """The fields of what is logged of an instance."""
    return {"instance_id": live.instance_id, "worker": live.name, "definition_id": live.definition_id}


def _log_ended(live: Session, status: AIWorkerInstanceStatus, usage: TokenUsageMetrics) -> None:
    message = "the instance %s of worker %r has ended: %s, %d tokens in, %d out"
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    values = live.instance_id, live.name, status.value, *counts.values()
    fields = {"final_status": status.value, **counts, **_names(live)}
    tell(CALLS, INFO, "instance_ended", message, values, fields)


def _session_usage(usage: Any) -> TokenUsageMetrics:
    if isinstance(usage, Mapping) and "total_tokens" not in usage:
        counts = [usage.get(key) for key in ("input_tokens", "output_tokens")]
        usage = {**usage, "total_tokens": sum(count for count in counts if isinstance(count, int))}
    return TokenUsageMetrics.parse(usage, "final_session_token_usage")


def _session_records(records: Any, live: Session) -> list[PerformanceRecord]:
    if isinstance(records, str) or not isinstance(records, Sequence):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"performance_records is a list, not {described_type(records)}")
    ids = {"instance_id": live.instance_id, "definition_id": live.definition_id}
    return [
        PerformanceRecord.parse({**ids, **record} if isinstance(record, Mapping) else record, f"record {index}")
        for index, record in enumerate(records)
    ]


def _filters(filters: Any) -> dict[str, str]:
    if filters is None:
        return {}
    if not isinstance(filters, Mapping):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"filters is a map, not {described_type(filters)}")
    known = ("instance_id", "definition_id", "status")
    for name, value in filters.items():
        if name not in known:
            near = nearest(str(name), known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH, f"there is no filter {name!r} for instances; {hint}", details={"field": name}
            )
        if value is not None and not isinstance(value, str):
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH, f"the filter {name} is a string, not {described_type(value)}"
            )
    wanted = {name: value for name, value in filters.items() if value is not None}
    if "status" in wanted:
        wanted["status"] = _status(wanted["status"])
    return wanted
