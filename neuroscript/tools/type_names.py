"""Formats JSON Schemas as readable types: ``"small" | "large"``, ``list of int``, ``date``, ``Order``."""

from __future__ import annotations

from typing import Any

from neuroscript.values import number_text

_FORMATS = {"date-time": "timedate", "binary": "bytes"}
_TYPES = {"integer": "int", "boolean": "bool", "null": "nil", "object": "map", "array": "list"}
_BOUNDS = (
    ("minimum", ">= {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "<= {}"),
    ("exclusiveMaximum", "< {}"),
    ("multipleOf", "multiple of {}"),
)
_MOST_OPTIONS = 8
_DEFINITION = "#/$defs/"


def type_text(schema: dict[str, Any]) -> str:
    """Returns the readable type of a JSON Schema; ``any`` if it sets no constraint."""
    return _text(schema, schema.get("$defs", {}))


def _text(schema: Any, definitions: dict[str, Any]) -> str:
    if not isinstance(schema, dict):
        return "any"
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(_DEFINITION):
        name = reference.removeprefix(_DEFINITION)
        found = definitions.get(name, {})
        # A model is known by its name; an enumeration better by its members.
        return _text(found, definitions) if "enum" in found or "const" in found else str(found.get("title", name))
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return _joined([_value(value) for value in schema["enum"]])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _joined([_text(option, definitions) for option in schema[key]])
    kind = schema.get("type")
    if kind == "array":
        return _array(schema, definitions)
    if kind == "object":
        return _object(schema, definitions)
    if "format" in schema:
        return str(_FORMATS.get(schema["format"], schema["format"]))
    if not isinstance(kind, str):
        return "any"
    bounds = ", ".join(form.format(_value(schema[key])) for key, form in _BOUNDS if key in schema)
    name = _TYPES.get(kind, kind)
    return f"{name} {bounds}" if bounds else name


def _array(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_text(item, definitions) for item in schema['prefixItems'])}]"
    items = _text(schema.get("items", {}), definitions)
    return "list" if items == "any" else f"list of {_grouped(items)}"


def _object(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "properties" in schema:
        return str(schema.get("title", "map"))
    values = _text(schema.get("additionalProperties", {}), definitions)
    return "map" if values == "any" else f"map of {_grouped(values)}"


def _grouped(text: str) -> str:
    return f"({text})" if " | " in text else text


def _joined(options: list[str]) -> str:
    distinct = list(dict.fromkeys(options))
    more = len(distinct) - _MOST_OPTIONS
    return " | ".join([*distinct[:_MOST_OPTIONS], f"{more} more"] if more > 0 else distinct)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return "nil" if value is None else str(value)
