"""Filters for lists of worker definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ai_wm.data.spelling import nearest
from ai_wm.data.type_words import described_type
from ai_wm.data.types import AIWorkerDefinition, AIWorkerDefinitionStatus, InteractionModelType
from neuroscript import ErrorCode, NeuroScriptError

_Test = Callable[[AIWorkerDefinition], bool]


def definition_tests(filters: Any) -> list[_Test]:
    """Returns the predicates that a definition has to pass, one for each filter that has a value.

    Raises:
        NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
    """
    if filters is None:
        return []
    if not isinstance(filters, Mapping):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"filters is a map, not {described_type(filters)}")
    tests = []
    for name, value in filters.items():
        make = _FILTERS.get(name)
        if make is None:
            near = nearest(str(name), _FILTERS)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(_FILTERS)}"
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH, f"there is no filter {name!r} for definitions; {hint}", details={"field": name}
            )
        if value is not None:
            tests.append(make(name, value))
    return tests


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the filter {name} takes a string, not {described_type(value)}",
            details={"field": name},
        )
    return str(value)


def _word(name: str, value: Any, words: type[AIWorkerDefinitionStatus | InteractionModelType]) -> str:
    text = _text(name, value)
    if text not in list(words):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the filter {name} is {text!r}; expected one of {', '.join(words)}",
            details={"field": name},
        )
    return text


def _is_id(name: str, value: Any) -> _Test:
    wanted = _text(name, value)
    return lambda item: item.definition_id == wanted


def _contains(name: str, value: Any) -> _Test:
    wanted = _text(name, value).casefold()
    return lambda item: wanted in getattr(item, name).casefold()


def _is_provider(name: str, value: Any) -> _Test:
    wanted = _text(name, value)
    return lambda item: item.provider == wanted


def _is_status(name: str, value: Any) -> _Test:
    wanted = _word(name, value, AIWorkerDefinitionStatus)
    return lambda item: item.status == wanted


def _has_model(name: str, value: Any) -> _Test:
    wanted = _word(name, value, InteractionModelType)
    # A worker for both is one for each.
    return lambda item: wanted in item.interaction_models or InteractionModelType.BOTH in item.interaction_models


def _has_capability(name: str, value: Any) -> _Test:
    wanted = _text(name, value).casefold()
    return lambda item: wanted in _capabilities(item)


def _has_capabilities(name: str, value: Any) -> _Test:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"the filter {name} takes a list of strings, not {described_type(value)}",
            details={"field": name},
        )
    wanted = {_text(name, item).casefold() for item in value}
    return lambda item: wanted <= _capabilities(item)


def _capabilities(definition: AIWorkerDefinition) -> set[str]:
    return {capability.casefold() for capability in definition.capabilities}


_FILTERS: dict[str, Callable[[str, Any], _Test]] = {
    "definition_id": _is_id,
    "id": _is_id,
    "name": _contains,
    "model_name": _contains,
    "provider": _is_provider,
    "status": _is_status,
    "interaction_models_contains": _has_model,
    "capabilities_contains": _has_capability,
    "capabilities_contains_all": _has_capabilities,
}
