"""The same operations on the store in files and the one in memory: every answer is the same, and every refusal."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import (
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store import Store, rules
from ai_wm.store.definitions_journal import file_form
from neuroscript.errors import NeuroScriptError

from .support import KINDS, NOON, open_store, worker

DEFINITIONS = st.sampled_from(["def-1", "def-2", ""])
INSTANCES = st.sampled_from(["", "i1", "i2", "i3", "stateless-x", "stateless-y"])
TASKS = st.integers(1, 12).map(lambda number: f"t{number}")
OWNERS = st.sampled_from(["", "", "someone", "another"])
MOMENTS = st.sampled_from(
    [
        Timestamp.from_unix(NOON),
        Timestamp.from_unix(NOON + 1),
        Timestamp.from_unix(NOON + 0.5),
        "2025-06-15T17:06:40+02:00",
        "2025-06-15T15:06:40.000000001Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
    ]
)
COUNTS = st.sampled_from([0, 1, 7, 2**53 + 1, 2**63 - 1])
COSTS = st.sampled_from([0, 1, 0.1, 1e-300, 1e308, 5e-324])
RATINGS = st.sampled_from([0, 1, -2.5, 1e308, -1e308, 4])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, -1, 2**63, 2**70, 0.1, -0.0, 1e300, "", "ü\n\u2028", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "B", "ü"]), inner, max_size=2),
    max_leaves=4,
)
MAPS = st.dictionaries(st.sampled_from(["a", "total_tokens", "input_tokens", "output_tokens", "x"]), VALUES, max_size=3)
USAGES = st.none() | st.builds(TokenUsageMetrics, input_tokens=COUNTS, output_tokens=COUNTS, total_tokens=COUNTS)
TEXTS = st.sampled_from(["", "reply", "ü", "two\nlines"])
UNKNOWN = st.sampled_from([{}, {}, {"novel": {"kept": [1.5, None]}}, {"taskID": "t2"}, {"durationMs": 3}])
FEEDBACKS = st.builds(
    lambda rating, comments, unknown: SupervisorFeedback.parse({"rating": rating, "comments": comments} | unknown),
    RATINGS,
    TEXTS,
    st.sampled_from([{}, {}, {"mood": "good"}]),
)


@st.composite
def records(draw: st.DrawFn) -> PerformanceRecord:
    """A record of anything."""
    fields = {
        "task_id": draw(TASKS),
        "instance_id": draw(INSTANCES),
        "definition_id": draw(DEFINITIONS),
        "timestamp_end": draw(MOMENTS),
        "duration_ms": draw(COUNTS),
        "success": draw(st.booleans()),
        "input_context": draw(MAPS),
        "llm_metrics": draw(MAPS),
        "cost_incurred": draw(COSTS),
        "output_summary": draw(TEXTS),
        "owner": draw(OWNERS),
    }
    kept = draw(st.sets(st.sampled_from(sorted(fields)), max_size=12)) | {"task_id"}
    feedback = draw(st.none() | FEEDBACKS)
    given = {key: value for key, value in fields.items() if key in kept} | draw(UNKNOWN)
    return PerformanceRecord.parse(given | ({} if feedback is None else {"supervisor_feedback": feedback.to_file()}))


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "task_id": TASKS,
        "instance_id": INSTANCES.filter(bool),
        "stateless": st.booleans(),
        "success": st.booleans(),
        "duration_ms_gt": COUNTS,
        "duration_ms_lt": COUNTS,
        "cost_incurred_gt": COSTS,
        "cost_incurred_lt": COSTS,
        "since": MOMENTS,
        "until": MOMENTS,
        "limit": st.integers(1, 3),
    },
)


def answer(store: Store, question: Callable[[Store], Any]) -> Any:
    """What a store answers, or how it refuses."""
    try:
        return question(store)
    except NeuroScriptError as error:
        return (int(error.code), error.message)


class BothStores(RuleBasedStateMachine):
    """Both kinds of store side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.stores = [open_store(kind, self.root / "0") for kind in KINDS]
        self.count = self.starts = 0

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.root)

    def both(self, question: Callable[[Store], Any]) -> None:
        answers = []
        self.count += 1
        for store in self.stores:
            numbers = itertools.count()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    rules, "new_stateless_id", lambda numbers=numbers: f"stateless-{self.count}-{next(numbers)}"
                )
                answers.append(answer(store, question))
        assert answers[0] == answers[1]

    @rule(record=records(), usage=USAGES)
    def log(self, record: PerformanceRecord, usage: TokenUsageMetrics | None) -> None:
        record = self.at_its_own_time(record)
        self.both(lambda store: store.add_record(record, usage))

    def at_its_own_time(self, record: PerformanceRecord) -> PerformanceRecord:
        """The record with a start like no other's: the order of those that began together is nobody's promise."""
        self.starts += 1
        start = Timestamp.from_unix(NOON + self.starts * 7 % 11 + self.starts / 1e4)
        return record.model_copy(update={"timestamp_start": start})

    @rule(task=TASKS, feedback=FEEDBACKS)
    def judge(self, task: str, feedback: SupervisorFeedback) -> None:
        self.both(lambda store: store.add_feedback(task, feedback))

    @rule(
        name=INSTANCES.filter(bool),
        definition=DEFINITIONS,
        files=st.sampled_from([[], ["a"]]),
        owner=OWNERS,
        usage=USAGES,
    )
    def start(self, name: str, definition: str, files: list[str], owner: str, usage: TokenUsageMetrics | None) -> None:
        made = AIWorkerInstance(
            instance_id=name,
            definition_id=definition,
            creation_timestamp=Timestamp.from_unix(NOON),
            active_file_contexts=files,
            owner=owner,
            session_token_usage=usage or TokenUsageMetrics(),
        )
        self.both(lambda store: store.start_instance(made))

    @rule(name=INSTANCES, usage=USAGES)
    def use(self, name: str, usage: TokenUsageMetrics | None) -> None:
        self.both(lambda store: store.set_session_usage(name, usage or TokenUsageMetrics()))

    @rule(
        name=INSTANCES,
        status=st.sampled_from(list(AIWorkerInstanceStatus)),
        reason=TEXTS,
        usage=USAGES,
        given_records=st.none() | st.lists(records(), max_size=3),
    )
    def end(
        self,
        name: str,
        status: AIWorkerInstanceStatus,
        reason: str,
        usage: TokenUsageMetrics | None,
        given_records: list[PerformanceRecord] | None,
    ) -> None:
        given = None if given_records is None else [self.at_its_own_time(record) for record in given_records]
        self.both(
            lambda store: store.retire_instance(
                name,
                final_status=status,
                reason=reason,
                retired_at=Timestamp.from_unix(NOON + 9),
                usage=usage,
                records=given,
            )
        )

    @rule(names=st.dictionaries(DEFINITIONS.filter(bool), TEXTS, max_size=2), removed=st.sets(DEFINITIONS, max_size=2))
    def define(self, names: dict[str, str], removed: set[str]) -> None:
        def change(all_: Any) -> list[str]:
            for definition_id in sorted(removed):
                all_.pop(definition_id, None)
            for definition_id, name in names.items():
                all_[definition_id] = worker(name, definition_id, metadata={"name": name})
            return list(all_)

        self.both(lambda store: store.change_definitions(change))

    @rule()
    def save(self) -> None:
        self.both(lambda store: store.save())

    @rule()
    def reload(self) -> None:
        self.both(lambda store: store.reload())

    @rule(definition=DEFINITIONS, filters=FILTERS, owners=st.none() | st.sets(OWNERS, max_size=2).map(frozenset))
    def ask(self, definition: str, filters: dict[str, Any], owners: frozenset[str] | None) -> None:
        where = RecordFilter.parse(filters)
        if owners is not None:
            where = replace(where, owners=owners)
        self.both(lambda store: store.records(definition, where))
        self.both(lambda store: store.record_maps(definition, where))

    @invariant()
    def all_answers_are_the_same(self) -> None:
        self.both(lambda store: list(store.entries()))
        self.both(lambda store: [entry.to_file() for entry in store.entries()])
        self.both(lambda store: [(key, file_form(one)) for key, one in store.definitions().items()])
        for definition in ("def-1", "def-2", ""):
            self.both(lambda store, definition=definition: store.record_maps(definition))
            self.both(lambda store, definition=definition: [one.to_file() for one in store.records(definition)])
            self.both(lambda store, definition=definition: store.summary(definition))
        for name in ("i1", "i2", "i3", "stateless-x", "stateless-y"):
            self.both(lambda store, name=name: store.instance_records(name))
        for number in range(1, 13):
            self.both(lambda store, number=number: store.record(f"t{number}"))


checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TestBothStores = BothStores.TestCase
TestBothStores.settings = settings(max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=checks)


@pytest.mark.slow
class TestBothStoresAtLength(BothStores.TestCase):  # type: ignore[name-defined,misc]
    """The same for longer."""

    settings = settings(max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=checks)
