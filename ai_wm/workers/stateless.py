"""Stateless tasks: one prompt, one answer, no conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from ai_wm.calls.clearance import Clearance
from ai_wm.calls.runner import Answer, Runner
from ai_wm.calls.stored_forms import plain
from ai_wm.calls.task import AttachmentReader, CallOptions, Task
from ai_wm.data.attachments import Attachment
from ai_wm.data.setting_names import read_overrides
from ai_wm.data.settings import effective_config, fallback_overrides
from ai_wm.data.type_words import described_type
from ai_wm.data.types import AIWorkerDefinition, AIWorkerDefinitionStatus, PerformanceRecord
from ai_wm.providers.base import Message
from ai_wm.store import Store
from ai_wm.workers.attaching import facts_of, taken_from
from ai_wm.workers.definitions import Definitions
from neuroscript import ErrorCode, NeuroScriptError


class _OutputAndRecord(NamedTuple):
    output: str
    record: PerformanceRecord


class TaskResult(_OutputAndRecord):
    """The result of a stateless task: the model's output and the record of the task.

    Attributes:
        output: the reply as the model wrote it.
        record: the record of the task.
        value: the value of the reply, if the call has a schema; else None.
        is_structured: whether the call has a schema.
    """

    value: Any = None
    is_structured: bool = False

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Makes the result of a task from the runner's answer."""
        result = cls(answer.text, answer.record)
        if answer.structured is not None:
            result.value, result.is_structured = answer.structured.value, True
        return result

    @property
    def reply(self) -> Any:
        """What the call gives: the value if it has a schema, else the output."""
        return self.value if self.is_structured else self.output


def task_result_map(result: TaskResult) -> dict[str, Any]:
    """Writes a result as a value of the language, in which a journal keeps it."""
    return {
        "output": result.output,
        "record": json.dumps(result.record.to_file()),
        "value": plain(result.value),
        "is_structured": result.is_structured,
    }


def task_result_of(stored: Mapping[str, Any]) -> TaskResult:
    """Reads what `task_result_map` gives."""
    result = TaskResult(stored["output"], PerformanceRecord.parse(json.loads(stored["record"])))
    result.value, result.is_structured = stored["value"], stored["is_structured"]
    return result


@dataclass(frozen=True, slots=True)
class StatelessTasks:
    """Runs stateless tasks with the services of one manager."""

    definitions: Definitions
    runner: Runner
    store: Store
    attachments: AttachmentReader

    def execute(
        self, id_or_name: str, prompt: str, overrides: Mapping[str, Any] | None, options: CallOptions
    ) -> TaskResult:
        """Gives a definition one prompt, and returns its output and the record.

        Raises:
            NeuroScriptError: 4 for what does not fit; what `ready` and `Runner.run` raise.
        """
        if not isinstance(prompt, str):
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"a prompt is a string, not {described_type(prompt)}")
        given, clearance = read_overrides(overrides), options.clearance
        known: dict[str, Any] = {"prompt_char_length": len(prompt)}
        if given:
            known["config_overrides"] = sorted(given)
        attachments: tuple[Attachment, ...] = ()
        if "attach" in given:
            given, named = taken_from(given)
            attachments = (options.attachments or self.attachments)(named, options.check)
            known |= facts_of(attachments)

        def configure(definition: AIWorkerDefinition) -> dict[str, Any]:
            is_fallback = id_or_name not in (definition.definition_id, definition.name)
            layer = fallback_overrides(given) if is_fallback else given
            if clearance is not None:
                return clearance.configure(definition, layer)
            return effective_config(definition.base_config, layer)

        task = Task(
            worker=id_or_name,
            ready=lambda name: self.ready(name, clearance),
            configure=configure,
            messages=(*options.context, Message(role="user", content=prompt, attachments=attachments)),
            known=known,
            options=options,
            store=lambda record, used, add: (add or self.store.add_record)(record, None),
        )
        try:
            answer = self.runner.run(task)
        finally:
            self.runner.tell(task)
        return TaskResult.of(answer)

    def ready(self, id_or_name: str, clearance: Clearance | None = None) -> AIWorkerDefinition:
        """Finds a definition that may run stateless tasks now.

        Args:
            id_or_name: the definition.
            clearance: whoever asks, and sees only some of them; None: the host.

        Raises:
            NeuroScriptError: 9 unknown; 19 not active, or not for stateless tasks.
        """
        definition = (self.definitions if clearance is None else clearance).find(id_or_name)
        if definition.status is not AIWorkerDefinitionStatus.ACTIVE:
            raise NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"the definition {definition.name!r} is {definition.status.value}; only active ones run tasks",
            )
        if not definition.can_run_stateless:
            raise NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"the definition {definition.name!r} is for conversations only; add stateless_task to its "
                "interaction_models, or spawn an instance of it",
            )
        return definition
