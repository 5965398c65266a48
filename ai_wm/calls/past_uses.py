"""What the calls of the last day used, as their records say, for a limits file that knows less than they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ai_wm.calls.ceilings import ceilings_of
from ai_wm.data.policy import WorkerPolicy
from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.ratelimit.deferred import limits_nothing
from ai_wm.ratelimit.past_uses import PastUse
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from neuroscript import NeuroScriptError

_DAY_SECONDS: Final = 86_400
_MOST_REQUESTS: Final = 1000
"""So many requests of one record are counted at most; what a file says may have come from anywhere."""


@dataclass(frozen=True, slots=True)
class RecordedUses:
    """Reads from the records of a store what was used in the last day; see `ai_wm.ratelimit.past_uses.PastUses`."""

    store: Store
    policy: WorkerPolicy
    clock: Clock

    def __call__(self, counted: Mapping[str, float] | None) -> Iterator[PastUse]:
        """Everything where nothing is counted, else what limits look at, if a call is not counted."""
        since = round((self.clock.seconds() - _DAY_SECONDS) * 1_000_000_000)
        definitions = list(self.store.definitions().values())
        if counted is not None:
            definitions = [each for each in definitions if not limits_nothing(each.rate_limits) or self._ceilings("")]
            # What a file lost are its last calls, so the last record of each definition tells whether it did.
            if not any(self._is_behind(each, counted, since) for each in definitions):
                return
        for definition in definitions:
            limited = counted is None or not limits_nothing(definition.rate_limits)
            for record in self.store.records(definition.definition_id, RecordFilter(since=since)):
                above = self._ceilings(record.owner) if record.owner else ()
                tokens, requests = (_whole(record.llm_metrics.get(name)) for name in ("total_tokens", "attempts"))
                moment = record.timestamp_end.timestamp()
                for limits_id in (*([definition.limits_id] if limited else []), *above):
                    for number in range(min(requests, _MOST_REQUESTS)):  # none where nothing was sent
                        yield PastUse(limits_id, moment, *((0, 0.0) if number else (tokens, record.cost_incurred)))

    def _is_behind(self, definition: AIWorkerDefinition, counted: Mapping[str, float], since: int) -> bool:
        last = self.store.records(definition.definition_id, RecordFilter(since=since, limit=1))
        return any(each.timestamp_start.timestamp() > counted.get(definition.limits_id, 0.0) for each in last)

    def _ceilings(self, owner: str) -> list[str]:
        try:
            return [each.limits_id for each in ceilings_of(self.policy, owner)]
        except NeuroScriptError:  # a ceiling of 0, under which there is no call to count
            return []


def _whole(value: object) -> int:
    return value if type(value) is int else 0
