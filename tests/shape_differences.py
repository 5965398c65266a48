"""Compares what a tool gives with the shape that its spec declares."""

from __future__ import annotations

from typing import Any

from neuroscript import ErrorValue, Shape, ToolSpec
from neuroscript.tools.validation import convert_value


def result_differences(spec: ToolSpec, result: Any) -> list[str]:
    """The differences between a tool's result, a map or a list of maps, and its declared shape."""
    assert spec.result_shape is not None, f"{spec.name} declares no shape"
    is_list = spec.return_type.item_type is not None
    maps = [item for item in result if not isinstance(item, ErrorValue)] if is_list else [result]
    assert maps, f"{spec.name} gave nothing to compare"
    return [text for one in maps for text in differences(spec.result_shape, one)]


def differences(shape: Shape, value: dict[str, Any], path: str = "") -> list[str]:
    """The keys that are declared and not there, there and not declared, or of another type, at every level."""
    found = [f"{path}{key} is declared and not given" for key in shape.fields if key not in value and not shape.open]
    for key, item in value.items():
        field = shape.fields.get(key)
        if field is None:
            found += [] if shape.open else [f"{path}{key} is given and not declared"]
            continue
        if convert_value(field.type, item) is not item:
            found.append(f"{path}{key} is declared {field.type} and given {item!r}")
        elif field.shape is not None and isinstance(item, list):
            found += [text for each in item for text in differences(field.shape, each, f"{path}{key}[].")]
        elif field.shape is not None and item is not None:
            found += differences(field.shape, item, f"{path}{key}.")
    return found
