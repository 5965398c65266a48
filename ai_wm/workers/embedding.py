"""Embeddings of texts: one call of a worker, with one vector for each text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from ai_wm.calls.clearance import Clearance
from ai_wm.calls.runner import Runner
from ai_wm.calls.task import CallOptions, Task
from ai_wm.data.setting_names import read_overrides
from ai_wm.data.settings import effective_config
from ai_wm.data.types import AIWorkerDefinition, AIWorkerDefinitionStatus, PerformanceRecord
from ai_wm.store import Store
from ai_wm.workers.definitions import Definitions
from neuroscript import ErrorCode, NeuroScriptError

_OF_REPLIES: Final = frozenset({"attach", "cache", "fallbacks", "response_format", "schema"})
"""Settings of replies.  Fallbacks are none either: vectors of different models have nothing to do with each other."""


class EmbeddingResult(NamedTuple):
    """The vectors of some texts, in their order, and the record of the call; the record is None without any text."""

    vectors: list[list[float]]
    record: PerformanceRecord | None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeds texts with the services of one manager."""

    definitions: Definitions
    runner: Runner
    store: Store

    def embed(
        self, id_or_name: str, texts: Sequence[str], overrides: Mapping[str, Any] | None, options: CallOptions
    ) -> EmbeddingResult:
        """Gives one vector for each text, in as many requests as the provider needs.

        Raises:
            NeuroScriptError: 4 for texts that are none or are empty; 9 unknown; 19 not active; 35 for a model that has
                no embeddings; what `Runner.run` raises.
        """
        found = _checked(texts)
        given, clearance = read_overrides(overrides), options.clearance
        self._ready(id_or_name, clearance)
        if not found:
            return EmbeddingResult([], None)

        def configure(definition: AIWorkerDefinition) -> dict[str, Any]:
            if clearance is not None:
                config = clearance.configure(definition, given)
            else:
                config = effective_config(definition.base_config, given)
            return {name: value for name, value in config.items() if name not in _OF_REPLIES}

        task = Task(
            worker=id_or_name,
            ready=lambda name: self._ready(name, clearance),
            configure=configure,
            messages=(),
            known={"embedded_texts": len(found), "prompt_char_length": sum(map(len, found))},
            options=replace(options, tools=None, on_stream=None),
            store=lambda record, used, add: (add or self.store.add_record)(record, None),
            embed=found,
        )
        try:
            answer = self.runner.run(task)
        finally:
            self.runner.tell(task)
        return EmbeddingResult([list(vector) for vector in answer.vectors], answer.record)

    def _ready(self, id_or_name: str, clearance: Clearance | None) -> AIWorkerDefinition:
        definition = (self.definitions if clearance is None else clearance).find(id_or_name)
        if definition.status is not AIWorkerDefinitionStatus.ACTIVE:
            message = f"the definition {definition.name!r} is {definition.status.value}; only active ones embed texts"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        return definition


def _checked(texts: Any) -> tuple[str, ...]:
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"texts is a list of strings, not {type(texts).__name__}")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise _bad(index, f"{type(text).__name__}, not a string")
        if not text.strip():
            raise _bad(index, "empty or white space only, which has no meaning to embed; leave it out")
    return tuple(texts)


def _bad(index: int, what: str) -> NeuroScriptError:
    field = f"texts[{index}]"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{field} is {what}", details={"field": field})
