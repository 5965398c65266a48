"""Wiring: makes the services of a manager, and passes each its collaborators."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_wm import keys
from ai_wm.calls.authorization import Authorizer
from ai_wm.calls.pricing import PriceSource
from ai_wm.calls.recording import lost_record
from ai_wm.calls.reserving import Reserving
from ai_wm.calls.runner import Runner
from ai_wm.data.own_files import own_files
from ai_wm.data.policy import WorkerPolicy
from ai_wm.data.types import APIKeySource, APIKeyStatus
from ai_wm.keys import Secret
from ai_wm.keys.approvals import Approvals
from ai_wm.keys.marks import Marks, process_marks, user_marks
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMClient
from ai_wm.ratelimit import MemoryRateLimiter, RateLimiter
from ai_wm.ratelimit.deferred import limits_nothing
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.support.events import Events
from ai_wm.workers.attaching import reader_as_host
from ai_wm.workers.batch import Batches
from ai_wm.workers.conversation import Conversations
from ai_wm.workers.definitions import Definitions
from ai_wm.workers.embedding import Embeddings
from ai_wm.workers.file_contexts import FileReader, reader_in
from ai_wm.workers.instances import Instances
from ai_wm.workers.records import PerformanceRecords
from ai_wm.workers.stateless import StatelessTasks

if TYPE_CHECKING:
    import httpx

    from ai_wm.providers.fakes import ModelFakes
    from ai_wm.store.in_flight import CallsInFlight
    from ai_wm.store.prompt_log import LoggedCall, PromptLog

LIMITS_FILE = "ai_worker_limits.sqlite3"


class KeyLookup:
    """Looks keys up in the variables and the configuration directory of one manager, which no ``repr`` shows.

    Args:
        environ: the variables; None: the process's own.
        config_dir: where key files are; None: the user's configuration directory.
    """

    def __init__(self, environ: Mapping[str, str] | None, config_dir: Path | None) -> None:
        self._environ = environ
        self._config_dir = config_dir

    def resolve(self, source: APIKeySource) -> Secret | None:
        """The key that a source names; see `ai_wm.keys.resolve_key`."""
        return keys.resolve_key(source, environ=self._environ, config_dir=self._config_dir)

    def status(self, source: APIKeySource) -> APIKeyStatus:
        """Whether a source has a key; see `ai_wm.keys.key_status`."""
        return keys.key_status(source, environ=self._environ, config_dir=self._config_dir)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The services of one manager, each with its collaborators."""

    store: Store
    limiter: RateLimiter
    clients: Clients
    clock: Clock
    events: Events
    definitions: Definitions
    instances: Instances
    conversations: Conversations
    tasks: StatelessTasks
    embeddings: Embeddings
    batches: Batches
    records: PerformanceRecords
    key_status: Callable[[APIKeySource], APIKeyStatus]
    marks: Marks
    in_flight: CallsInFlight | None
    authorizer: Authorizer
    read_as_host: FileReader
    fakes: ModelFakes | None
    add_lost: Callable[[dict[str, Any]], object]
    """Records a call whose end nobody knows."""
    private_paths: tuple[str, ...]
    """What scripts may neither reach nor see, as paths to protect: see `neuroscript.Interpreter.protect`."""

    def close(self) -> None:
        """Closes clients, limiter and store.

        Raises:
            NeuroScriptError: what failed first; everything else is closed all the same.
        """
        failures = []
        in_flight = [] if self.in_flight is None else [self.in_flight.close]
        # The limiter before the store, whose records it may be reading.
        for close in (self.clients.close, *in_flight, self.limiter.close, self.store.close):
            try:
                close()
            except Exception as error:  # whatever one of them raises, the others are closed too
                failures.append(error)
        if failures:
            raise failures[0]


def wire(
    sandbox: Path | None,
    *,
    clients: Mapping[str, LLMClient] | None,
    clock: Callable[[], float] | None,
    price_source: PriceSource | None,
    store: Store | None,
    limiter: RateLimiter | None,
    transport: httpx.BaseTransport | None,
    environ: Mapping[str, str] | None,
    config_dir: str | os.PathLike[str] | None,
    policy: WorkerPolicy,
    files: Path | None,
    store_script_definitions: bool,
    needs_marks: bool,
    prompt_log: PromptLog | None,
    on_call: Callable[[LoggedCall], object] | None = None,
    fakes: ModelFakes | None = None,
) -> Wiring:
    """Makes the services of a manager from the arguments of `AIWorkerManager`."""
    lookup = KeyLookup(environ, Path(config_dir) if config_dir is not None else None)
    known = Clients(clients, transport, model_directory=files, environ=environ, fakes=fakes)
    kept = store if store is not None else _store_in(sandbox, clock, known, store_script_definitions)
    moments, events = Clock(clock), Events()
    counted = limiter if limiter is not None else _limiter_in(sandbox, clock, kept, policy)
    # Nobody else reads the definitions of a manager that keeps nothing, so its marks need not hold elsewhere.
    marks = process_marks() if sandbox is None and store is None else user_marks()
    definitions = Definitions(kept, counted, moments, marks, known.provider_names, known.check)
    definitions.check_loaded()
    checked = {"is_marked": marks.holds} if needs_marks and not policy.trust_file else {}
    # Who answers in place of a model needs no key, and where tests run there may be none.
    resolve = lookup.resolve if fakes is None or fakes.live else lambda source: None
    authorizer = Authorizer(known, resolve, Approvals(policy, known.servers), **checked)
    in_flight = None
    add_lost = functools.partial(_record_lost, kept, counted, price_source, moments)
    if sandbox is not None and store is None:
        in_flight = _calls_in_flight(sandbox, add_lost)
    runner = Runner(
        authorizer=authorizer,
        reserving=Reserving(counted, price_source),
        clients=known,
        in_flight=in_flight,
        clock=moments,
        events=events,
        log=_all_of([*([] if prompt_log is None else [prompt_log.add]), *([] if on_call is None else [on_call])]),
        fakes=fakes,
    )
    private = _private_paths(sandbox, config_dir, counted)
    attachments = reader_as_host(files, private)
    tasks = StatelessTasks(definitions, runner, kept, attachments)
    read_as_host = reader_in(files, private)
    return Wiring(
        store=kept,
        limiter=counted,
        clients=known,
        clock=moments,
        events=events,
        definitions=definitions,
        instances=Instances(definitions, kept, counted, moments, events, read_as_host),
        conversations=Conversations(definitions, runner, kept, attachments),
        tasks=tasks,
        embeddings=Embeddings(definitions, runner, kept),
        batches=Batches(tasks, events),
        records=PerformanceRecords(kept, definitions, moments),
        key_status=lookup.status,
        marks=marks,
        in_flight=in_flight,
        authorizer=authorizer,
        read_as_host=read_as_host,
        fakes=fakes,
        add_lost=add_lost,
        private_paths=private,
    )


def _calls_in_flight(sandbox: Path, add: Callable[[dict[str, Any]], object]) -> CallsInFlight | None:
    """Where calls in flight are noted, once those of dead processes are recorded; None where nothing can be written."""
    from ai_wm.store.in_flight import CallsInFlight, record_lost
    from ai_wm.store.state_directory import STATE_DIRECTORY

    directory = sandbox / STATE_DIRECTORY
    if not os.access(directory, os.W_OK):
        return None
    record_lost(directory, add)
    return CallsInFlight(directory)


def _record_lost(
    store: Store, limiter: RateLimiter, price_source: PriceSource | None, clock: Clock, call: dict[str, Any]
) -> None:
    """Records a call that has no record since its process died, or since the disk was full.

    It is counted as well if it was not yet: nothing was held in a file for it, since its worker had no limits.
    """
    definition = store.definitions().get(str(call.get("definition_id")))
    record = lost_record(call, definition, price_source, clock.now())
    if definition is None or call.get("counted") is True or not limits_nothing(definition.rate_limits):
        store.add_record(record)
        return
    tokens = record.llm_metrics["total_tokens"]
    # Reserved before: a limiter may read from the records what was used before its first call.
    with limiter.reserve(definition.limits_id, definition.rate_limits, tokens=tokens) as held:
        store.add_record(record)
        held.settle(tokens, record.cost_incurred)


def _private_paths(
    sandbox: Path | None, config_dir: str | os.PathLike[str] | None, limiter: RateLimiter
) -> tuple[str, ...]:
    paths = []
    if sandbox is not None:
        paths.append(own_files(sandbox))
    if config_dir is not None:
        paths.append(os.path.abspath(config_dir))
    shared = getattr(limiter, "path", None)  # a file that the host may have called what it likes
    if isinstance(shared, Path):
        paths.append(f"{shared.absolute()}*")
    return tuple(paths)


def _store_in(
    sandbox: Path | None, clock: Callable[[], float] | None, clients: Clients, store_script_definitions: bool
) -> Store:
    if sandbox is None:
        from ai_wm.store.memory_store import MemoryStore

        return MemoryStore()
    if store_script_definitions:
        from ai_wm.store.json_store import JsonStore as Kind
    else:
        from ai_wm.store.passing import PassingJsonStore as Kind
    return Kind(sandbox, clock=clock or time.time, providers=clients.provider_names)


def _limiter_in(
    sandbox: Path | None, clock: Callable[[], float] | None, store: Store, policy: WorkerPolicy
) -> RateLimiter:
    if sandbox is None:
        return MemoryRateLimiter(clock)
    from ai_wm.calls.past_uses import RecordedUses
    from ai_wm.ratelimit import SQLiteRateLimiter

    return SQLiteRateLimiter(sandbox / LIMITS_FILE, clock, RecordedUses(store, policy, Clock(clock)))


def _all_of(loggers: list[Callable[[LoggedCall], object]]) -> Callable[[LoggedCall], object] | None:
    """What tells each of some functions of a call; None where there are none."""
    if len(loggers) < 2:
        return loggers[0] if loggers else None

    def tell(call: LoggedCall) -> None:
        for logger in loggers:
            logger(call)

    return tell
