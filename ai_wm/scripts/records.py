"""Performance records as the scripts of one owner query and add them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ai_wm.data.bounds import MOST_RATING, check_number, check_record, check_size, storable
from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import PerformanceRecord, SupervisorFeedback
from ai_wm.keys.approvals import Standing
from ai_wm.scripts.rights import Rights
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.workers.definitions import Definitions
from ai_wm.workers.instances import Instances
from neuroscript import ErrorCode, NeuroScriptError


class ScriptRecords:
    """Queries and stores the performance records of one owner's tasks.

    Args:
        rights: the rights of the owner's scripts.
        definitions: the definitions of the manager.
        store: holds the records.
        instances: the live instances.
        clock: for the time stamps.
    """

    def __init__(
        self, rights: Rights, definitions: Definitions, store: Store, instances: Instances, clock: Clock
    ) -> None:
        self._rights = rights
        self._definitions = definitions
        self._store = store
        self._instances = instances
        self._clock = clock

    def find(self, id_or_name: str, filters: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Returns the records of a definition's tasks, of this owner, that pass the filters, the newest first.

        Raises:
            NeuroScriptError: 9 unknown definition; 4 for an unknown filter, or a value that does not fit it.
        """
        definition = self._rights.find(id_or_name)
        where = RecordFilter.parse(filters)
        if where.task_id is not None:
            where = replace(where, task_id=self._task_id(where.task_id))
        if where.instance_id is not None:
            where = replace(where, instance_id=self._instance_id(where.instance_id))
        if definition.owner != self._rights.owner:  # nobody else uses an owner's definitions, but everybody the host's
            where = replace(where, owners=self._rights.owners)
        return [self._shown(record) for record in self._store.record_maps(definition.definition_id, where)]

    def log(self, fields: Mapping[str, Any]) -> str:
        """Stores the record of a task that was done elsewhere with a definition of the owner.  Returns the task's id.

        Raises:
            NeuroScriptError: 4 for a value that does not fit or is beyond reason; 9 unknown definition; 10 for one of
                the host's; 42 if a task of the owner's of that id has a record; 25 and 26 if it cannot be written.
        """
        made = PerformanceRecord.parse(storable(dict(fields)))
        check_record(made, self._clock.now())
        definition = self._rights.find(made.definition_id)
        self._rights.check_manage(definition)
        changes = {
            "task_id": self._task_id(made.task_id),
            "instance_id": self._instance_id(made.instance_id),
            "definition_id": definition.definition_id,
            "owner": self._rights.owner,
        }
        self._store.add_record(made.model_copy(update=changes))
        return made.task_id

    def judge(
        self, task_id: str, rating: float, comments: str, correction_instructions: str, supervisor_agent_id: str
    ) -> None:
        """Attaches a supervisor's feedback to a task of the owner, in place of earlier feedback.

        Raises:
            NeuroScriptError: 9 if the owner has no such task; 4 for a value that does not fit or is beyond reason; 25
                and 26 if it cannot be written.
        """
        check_number(rating, "rating", -MOST_RATING, MOST_RATING)
        said = storable([comments, correction_instructions, supervisor_agent_id])
        check_size(said, "the feedback")
        feedback = SupervisorFeedback(
            rating=rating,
            comments=said[0],
            correction_instructions=said[1],
            supervisor_agent_id=said[2],
            feedback_timestamp=self._clock.now(),
        )
        known = self._task_id(task_id)
        if self._store.record(known) is None:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no record of a task {task_id!r}")
        self._store.add_feedback(known, feedback)

    def save(self) -> int:
        """Compacts the stored records; returns how many of them are the owner's."""
        self._store.save()
        return self._count()

    def reload(self) -> int:
        """Reads the stored records again; returns how many of them are the owner's."""
        self._definitions.reload()
        return self._count()

    def check_given(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        """Checks records that a script wants stored in place of the logged ones.

        Raises:
            NeuroScriptError: 4 for implausible values.
        """
        now = self._clock.now()
        made = [PerformanceRecord.parse(storable(record), f"record {index}") for index, record in enumerate(records)]
        for record in made:
            check_record(record, now)
        return [
            {**record.to_file(), "task_id": self._task_id(record.task_id), "owner": self._rights.owner}
            for record in made
        ]

    def _task_id(self, given: str) -> str:
        """The id under which a task is stored: the one given, unless another owner's task has it."""
        record = self._store.record(given)
        return given if record is None or self._rights.owns(record.owner) else self._rights.own_id(given)

    def _instance_id(self, given: str) -> str:
        """The id under which an instance is stored: the one given, unless another owner's instance has or had it."""
        owner = self._instances.owner_of(given)
        owners = [record.owner for record in self._store.instance_records(given)] if owner is None else [owner]
        return given if all(self._rights.owns(each) for each in owners) else self._rights.own_id(given)

    def _shown(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record with the ids that the owner's script chose."""
        ids = {name: self._rights.chosen_id(record[name]) for name in ("task_id", "instance_id")}
        return {**record, **ids}

    def _count(self) -> int:
        ours = {item.definition_id for item in self._rights.seen() if self._rights.standing(item) is Standing.OWN}
        return sum(
            1
            for entry in self._store.entries()
            for record in entry.performance_records
            if self._rights.owns(record.owner) or record.definition_id in ours
        )
