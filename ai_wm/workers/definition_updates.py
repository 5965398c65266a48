"""Changes to a worker definition: the fields that may change, and how a new value replaces or joins the old one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_wm.data.fields import snake_case
from ai_wm.data.key_check import check_keys, unknown_keys
from ai_wm.data.type_words import described_type
from ai_wm.data.types import MASK, AIWorkerDefinition, APIKeySourceMethod, is_variable_name
from neuroscript import ErrorCode, NeuroScriptError

READ_ONLY = frozenset(
    {
        "aggregate_performance_summary",
        "created_timestamp",
        "definition_id",
        "host_mark",
        "modified_timestamp",
        "owner",
    }
)
"""The fields that `by_field` refuses to change."""


def field_name(key: Any) -> Any:
    """The field of a definition that a key in any spelling stands for; the key itself if it stands for none."""
    name = snake_case(key) if isinstance(key, str) else key
    return name if name in AIWorkerDefinition.model_fields else key


def by_field(updates: Any) -> dict[str, Any]:
    """Returns updates under the names of the fields, whichever way they are spelled.

    Raises:
        NeuroScriptError: 11 for a field that cannot be updated; 4 for one that is given twice, and for what is no map.
    """
    if not isinstance(updates, Mapping) or not all(isinstance(key, str) for key in updates):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"updates is a map from fields to values, not {described_type(updates)}"
        )
    changes: dict[str, Any] = {}
    for key, value in updates.items():
        field = field_name(key)
        if field in READ_ONLY:
            raise NeuroScriptError(
                ErrorCode.READ_ONLY, f"{field} of a definition cannot be updated; the manager keeps it itself"
            )
        if field in changes:
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"updates name the field {field} twice")
        changes[field] = value
    return changes


def updated(old: AIWorkerDefinition, changes: Mapping[str, Any], *, merge: bool) -> AIWorkerDefinition:
    """Returns a definition with some fields changed.

    Args:
        old: the definition.
        changes: the new values by field, as `by_field` returns them.
        merge: whether a map given is merged into the old one by `merge_patch`, and None takes a field out, rather than
            replace it.

    Raises:
        NeuroScriptError: 4 for a key or value that does not fit.
    """
    name = f"definition {old.name!r}"
    check_keys(AIWorkerDefinition, changes, name, {(each.path, each.key) for each in unknown_keys(type(old), old)})
    data = old.to_file()
    for field, value in changes.items():
        key = AIWorkerDefinition.file_key(field) if field in AIWorkerDefinition.model_fields else field
        if merge:
            value = _merged_field(field, old.auth.to_file() if field == "auth" else data.get(key), value)
            if value is None:
                data.pop(key, None)
                continue
        data.pop(key, None)
        data[field] = _kept_key(old, value) if field == "auth" else value  # named as an error is to name it
    return AIWorkerDefinition.parse(data, name)


def _merged_field(field: str, before: Any, value: Any) -> Any:
    if field == "auth" and isinstance(value, Mapping) and "method" in value:
        return value  # the value of one method means nothing to another
    if field == "rate_limits" and isinstance(value, Mapping):
        value = {snake_case(key) if isinstance(key, str) else key: limit for key, limit in value.items()}
    return merge_patch(before, value)


def merge_patch(before: Any, change: Any) -> Any:
    """Merges a change into a value as RFC 7396 (JSON Merge Patch) has it.

    Maps are merged at every depth, and None takes a key out; anything else replaces the old value.
    """
    if not isinstance(change, Mapping):
        return change
    result = dict(before) if isinstance(before, Mapping) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _kept_key(old: AIWorkerDefinition, auth: Any) -> Any:
    """An update made from what a script was shown holds ``***`` for the key: then the key stays."""
    shown = auth.get("value") if isinstance(auth, Mapping) else getattr(auth, "value", None)
    method = auth.get("method") if isinstance(auth, Mapping) else getattr(auth, "method", None)
    if shown != MASK or method != APIKeySourceMethod.INLINE:
        return auth
    if not old.holds_inline_key:
        raise masked_key()
    return old.auth.to_file()


def check_key_source(definition: AIWorkerDefinition) -> None:
    """Raises error 4 for a mask in the place of a key, and for what may be a key in the place of a variable's name."""
    auth = definition.auth
    if auth.method is APIKeySourceMethod.INLINE and auth.value == MASK:
        raise masked_key()
    if auth.method is APIKeySourceMethod.ENV_VAR and auth.value.strip() and not is_variable_name(auth.value.strip()):
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            "auth.value is not the name of an environment variable (letters, digits and underscores); it is not "
            "shown, since it may be a key: name the variable that holds the key",
            details={"field": "auth.value"},
        )


def masked_key() -> NeuroScriptError:
    """The error for the mask of a key where the key itself is wanted."""
    return NeuroScriptError(
        ErrorCode.ARG_MISMATCH, f"auth.value is {MASK!r}, which stands for a key that is not shown; give the key itself"
    )
