"""Converts JSON Schemas to the subset that each provider supports, and validates replies against them.

Each provider's structured output knows a subset of JSON Schema (draft 2020-12).  What it does not know goes into the
description, where the model can read it, and is checked here when the reply has come.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

_DEEPEST = 64
_PLAIN: Final = (str, int, float, bool, type(None))


class NotExpressible(Exception):
    """Raised for a schema that a provider's subset cannot express: says which part, and where."""


# --- What providers take ---


_ANTHROPIC_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
# What responseJsonSchema knows, from the reference of generationConfig (ai.google.dev/api/generate-content).
_GOOGLE: Final = frozenset(
    {
        "$id",
        "$defs",
        "$ref",
        "$anchor",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    }
)
# Keywords that say nothing about what fits.
_NO_RULE: Final = frozenset({"$schema", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"})


def for_anthropic(schema: Mapping[str, Any], path: str = "$") -> dict[str, Any]:
    """Converts a schema to the subset of ``output_config.format``, as Anthropic's SDK does (``lib/_parse``).

    Objects are closed; bounds, patterns and the like move into the description.

    Raises:
        NotExpressible: a map with free keys, or a value of any type.
    """
    rest = {key: value for key, value in schema.items() if key not in _NO_RULE}
    made: dict[str, Any] = {}
    definitions = rest.pop("$defs", None)
    if isinstance(definitions, Mapping):
        made["$defs"] = {name: for_anthropic(_map(item), f"{path}.$defs") for name, item in definitions.items()}
    if isinstance(rest.get("$ref"), str):
        return {**made, "$ref": rest["$ref"]}
    kind = rest.pop("type", None)
    if isinstance(kind, list):
        rest["anyOf"] = [{**schema, "type": each} for each in kind]
        rest = {key: rest[key] for key in ("anyOf", "title", "description") if key in rest}
    literal = next((key for key in ("enum", "const") if _is_plain(rest.get(key), many=key == "enum")), None)
    union = next((key for key in ("anyOf", "oneOf", "allOf") if isinstance(rest.get(key), list)), None)
    if literal is not None and literal in rest:
        made[literal] = rest.pop(literal)
    elif union is not None:
        name = "allOf" if union == "allOf" else "anyOf"
        made[name] = [for_anthropic(_map(item), path) for item in rest.pop(union)]
    elif isinstance(kind, str):
        made["type"] = kind
        _fill_for_anthropic(made, rest, kind, path)
    elif "properties" in rest or "items" in rest:
        return {**made, **for_anthropic({**rest, "type": "object" if "properties" in rest else "array"}, path)}
    else:
        raise NotExpressible(f"a value of any type at {path}")
    return _described(made, rest)


def _fill_for_anthropic(made: dict[str, Any], rest: dict[str, Any], kind: str, path: str) -> None:
    if kind == "object":
        properties = rest.pop("properties", None)
        free = rest.pop("additionalProperties", None)
        if not isinstance(properties, Mapping) or isinstance(free, Mapping):
            raise NotExpressible(f"a map with free keys at {path}")
        made["properties"] = {key: for_anthropic(_map(item), f"{path}.{key}") for key, item in properties.items()}
        made["additionalProperties"] = False
        if "required" in rest:
            made["required"] = rest.pop("required")
    elif kind == "string" and rest.get("format") in _ANTHROPIC_FORMATS:
        made["format"] = rest.pop("format")
    elif kind == "array":
        if "items" in rest:
            made["items"] = for_anthropic(_map(rest.pop("items")), f"{path}[]")
        if rest.get("minItems") in (0, 1):
            made["minItems"] = rest.pop("minItems")


def for_google(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a schema to the subset of ``responseJsonSchema``; the rest moves into the description."""
    rest = {key: value for key, value in schema.items() if key not in _NO_RULE}
    if "const" in rest:
        rest["enum"] = [rest.pop("const")]
    if isinstance(rest.get("enum"), list) and not all(type(item) in (str, int, float) for item in rest["enum"]):
        rest["one of"] = rest.pop("enum")
    made = {key: rest.pop(key) for key in list(rest) if key in _GOOGLE}
    for key in ("properties", "$defs"):
        if isinstance(made.get(key), Mapping):
            made[key] = {name: for_google(_map(item)) for name, item in made[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), Mapping):
            made[key] = for_google(made[key])
    for key in ("anyOf", "oneOf", "prefixItems"):
        if isinstance(made.get(key), list):
            made[key] = [for_google(_map(item)) for item in made[key]]
    if "$ref" in made:  # nothing may stand beside it but other keys with a dollar
        return {key: value for key, value in made.items() if key.startswith("$")}
    return _described(made, rest)


# What OpenAI's strict mode knows (platform.openai.com, "Structured model outputs", supported schemas).
_STRICT: Final = frozenset(
    {
        "$defs",
        "$ref",
        "type",
        "title",
        "description",
        "enum",
        "const",
        "anyOf",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
    }
)
_STRICT_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)


def for_strict(schema: Mapping[str, Any], *, nullable: bool = False) -> dict[str, Any]:
    """Converts a schema to the subset of OpenAI's ``strict`` mode: objects are closed, all keys required.

    Args:
        schema: the schema.
        nullable: whether a key that may be missing may be null instead, for a caller that leaves those out again with
            `without_nulls`; else the model has to make up a value.

    Raises:
        NotExpressible: a map with free keys.
    """
    return _strict(schema, schema if nullable else None, "$")


def _strict(schema: Mapping[str, Any], root: Mapping[str, Any] | None, path: str) -> dict[str, Any]:
    """Converts a part of a schema; ``root`` is all of it if keys that may be missing may be null."""
    rest = {key: value for key, value in schema.items() if key not in _NO_RULE}
    all_of = rest.get("allOf")
    if isinstance(all_of, list) and len(all_of) == 1:
        rest = {**_map(rest.pop("allOf")[0]), **{key: value for key, value in rest.items() if key != "allOf"}}
    if isinstance(rest.get("oneOf"), list) and "anyOf" not in rest:
        rest["anyOf"] = rest.pop("oneOf")
    if rest.get("format") not in (None, *_STRICT_FORMATS):
        rest["the format"] = rest.pop("format")
    made = {key: rest.pop(key) for key in list(rest) if key in _STRICT}
    if isinstance(made.get("$defs"), Mapping):
        made["$defs"] = {name: _strict(_map(item), root, f"{path}.$defs") for name, item in made["$defs"].items()}
    if "$ref" in made:  # which stands alone
        return {key: value for key, value in made.items() if key.startswith("$")}
    properties = made.get("properties")
    if "properties" in made or made.get("type") == "object":
        if not isinstance(properties, Mapping) or isinstance(made.get("additionalProperties"), Mapping):
            raise NotExpressible(f"a map with free keys at {path}")
        parts = {key: _strict(_map(item), root, f"{path}.{key}") for key, item in properties.items()}
        if root is not None:
            needed = _list(made.get("required"))
            optional = [key for key in parts if key not in needed and not _takes_null(properties[key], root)]
            parts |= {key: _or_null(parts[key]) for key in optional}
        made["properties"] = parts
        made["required"], made["additionalProperties"] = list(properties), False
    if isinstance(made.get("items"), Mapping):
        made["items"] = _strict(made["items"], root, f"{path}[]")
    if isinstance(made.get("anyOf"), list):
        made["anyOf"] = [_strict(_map(item), root, path) for item in made["anyOf"]]
    if "type" not in made and ("enum" in made or "const" in made):  # the API wants a type beside the values
        kinds = sorted({_kind(value) for value in _list(made.get("enum", [made.get("const")]))})
        made["type"] = kinds[0] if len(kinds) == 1 else kinds
    return _described(made, rest)


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    """A converted part that may be null, too."""
    if isinstance(part.get("type"), str) and not part.keys() & {"enum", "const"}:
        return {**part, "type": [part["type"], "null"]}
    described = {key: part[key] for key in ("description",) if key in part}
    return {**described, "anyOf": [part, {"type": "null"}]}


def suits_strict(schema: Any) -> bool:
    """Whether OpenAI's ``strict`` mode takes a schema, and what fits stays the same, nulls of optional keys apart.

    For any other schema `for_strict` may leave out what is allowed, and the API refuses parts that say nothing of their
    type.
    """
    if not isinstance(schema, Mapping):
        return False
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    properties, all_of = _map(schema.get("properties")), _list(schema.get("allOf"))
    if kinds == [None] and not _TYPED & schema.keys():
        return False
    if len(all_of) > 1 or ("array" in kinds and "items" not in schema):
        return False
    if ("object" in kinds or properties) and not (
        properties
        and set(properties) >= set(_list(schema.get("required")))
        and schema.get("additionalProperties", False) is False
    ):
        return False
    parts = [*properties.values(), *all_of, *_list(schema.get("anyOf")), *_list(schema.get("oneOf"))]
    parts += [*_map(schema.get("$defs")).values(), *([schema["items"]] if "items" in schema else [])]
    return all(map(suits_strict, parts))


_TYPED: Final = frozenset({"$ref", "allOf", "anyOf", "const", "enum", "oneOf"})
"""Keywords that say of what type a value is, where ``type`` does not."""


def _described(made: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    for key in ("description", "title"):
        if key in rest:
            made[key] = rest.pop(key)
    if rest:
        rules = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in rest.items())
        before = f"{made['description']}\n\n" if made.get("description") else ""
        made["description"] = f"{before}{{{rules}}}"
    return made


def _map(schema: Any) -> Mapping[str, Any]:
    return schema if isinstance(schema, Mapping) else {}


def _kind(value: Any) -> str:
    """The type of a value of JSON."""
    return next(
        kind for kind in ("null", "boolean", "integer", "number", "string", "array", "object") if _is(value, kind)
    )


def _is_plain(value: Any, *, many: bool) -> bool:
    if many:
        return isinstance(value, list) and bool(value) and all(isinstance(item, _PLAIN) for item in value)
    return value is not None and isinstance(value, _PLAIN)


# --- Whether a value fits ---


def misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Validates a value against a schema: describes the first part that does not fit, or returns an empty text.

    Formats are not checked, which JSON Schema leaves open, nor are patterns that RE2 does not know.
    """
    return next(_misfits(value, schema, schema, "$", 0), "")


def without_nulls(value: Any, schema: Mapping[str, Any]) -> Any:
    """Returns a value without the keys that are null where the schema lets them be missing, but not be null.

    Models write null for what they have nothing for, and `for_strict` has them do so.
    """
    return _without_nulls(value, schema, schema, 0)


def _without_nulls(value: Any, schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or not isinstance(value, dict | list) or depth > _DEEPEST:
        return value
    if isinstance(schema.get("$ref"), str):
        value = _without_nulls(value, _resolved(schema["$ref"], root), root, depth + 1)
    for part in _list(schema.get("allOf")):
        value = _without_nulls(value, part, root, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        made = (_without_nulls(value, part, root, depth + 1) for part in _list(schema.get(keyword)))
        fitting = (
            each
            for each, part in zip(made, _list(schema.get(keyword)), strict=True)
            if next(_misfits(each, part, root, "$", depth + 1), None) is None
        )
        value = next(fitting, value)
    if isinstance(value, list):
        return [_without_nulls(item, schema.get("items"), root, depth + 1) for item in value]
    properties, needed = _map(schema.get("properties")), _list(schema.get("required"))
    return {
        key: _without_nulls(item, properties.get(key), root, depth + 1)
        for key, item in value.items()
        if item is not None or key not in properties or key in needed or _takes_null(properties[key], root)
    }


def _takes_null(schema: Any, root: Mapping[str, Any]) -> bool:
    return next(_misfits(None, schema, root, "$", 0), None) is None


def _misfits(value: Any, schema: Any, root: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    if schema is False:
        yield f"{path} must not be there"
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _misfits(value, _resolved(reference, root), root, path, depth + 1)
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(kinds, list) and not any(_is(value, kind) for kind in kinds):
        yield f"{path} is {_shown(value)}, not of type {' or '.join(map(str, kinds))}"
        return
    if isinstance(schema.get("enum"), list) and not any(_same(value, item) for item in schema["enum"]):
        yield f"{path} is {_shown(value)}, not one of {_shown(schema['enum'])}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{path} is {_shown(value)}, not {_shown(schema['const'])}"
    for keyword, (applies, measure, holds, words) in _BOUNDS.items():
        bound = schema.get(keyword)
        if type(bound) in (int, float) and _is(value, applies) and not holds(measure(value), bound):
            yield f"{path} {words} {bound}"
    if isinstance(value, str) and isinstance(schema.get("pattern"), str) and not _matches(schema["pattern"], value):
        yield f"{path} is {_shown(value)}, which does not match {schema['pattern']!r}"
    if schema.get("uniqueItems") is True and isinstance(value, list) and _repeats(value):
        yield f"{path} has the same item twice"
    yield from _of_combined(value, schema, root, path, depth)
    if isinstance(value, dict):
        yield from _of_object(value, schema, root, path, depth)
    if isinstance(value, list):
        yield from _of_array(value, schema, root, path, depth)


def _of_combined(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> Iterator[str]:
    def fits(part: Any) -> bool:
        return next(_misfits(value, part, root, path, depth + 1), None) is None

    for part in _list(schema.get("allOf")):
        yield from _misfits(value, part, root, path, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        parts = _list(schema.get(keyword))
        fitting = sum(map(fits, parts))
        if parts and (fitting == 0 or (keyword == "oneOf" and fitting > 1)):
            yield f"{path} is {_shown(value)}, which fits {fitting or 'none'} of the {len(parts)} forms of {keyword}"
    if "not" in schema and fits(schema["not"]):
        yield f"{path} is {_shown(value)}, which is ruled out"
    if "if" in schema:
        branch = schema.get("then" if fits(schema["if"]) else "else")
        yield from _misfits(value, branch, root, path, depth + 1)


def _of_object(
    value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> Iterator[str]:
    for key in _list(schema.get("required")):
        if key not in value:
            yield f"{path} has no {key!r}"
    dependent = schema.get("dependentRequired")
    for key, needed in dependent.items() if isinstance(dependent, Mapping) else ():
        missing = [each for each in _list(needed) if each not in value]
        if key in value and missing:
            yield f"{path} has {key!r} but no {missing[0]!r}"
    properties, patterns = _map(schema.get("properties")), _map(schema.get("patternProperties"))
    for key, item in value.items():
        there = f"{path}.{key}"
        known = [properties[key]] if key in properties else []
        known += [part for pattern, part in patterns.items() if _matches(pattern, key)]
        if not known and "additionalProperties" in schema:
            if schema["additionalProperties"] is False:
                yield f"{path} has {key!r}, which is not asked for"
                continue
            known = [schema["additionalProperties"]]
        if "propertyNames" in schema:
            yield from _misfits(key, schema["propertyNames"], root, f"the key {key!r} of {path}", depth + 1)
        for part in known:
            yield from _misfits(item, part, root, there, depth + 1)


def _of_array(
    value: list[Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> Iterator[str]:
    first = _list(schema.get("prefixItems"))
    for number, item in enumerate(value):
        part = first[number] if number < len(first) else schema.get("items")
        yield from _misfits(item, part, root, f"{path}[{number}]", depth + 1)
    if "contains" in schema and schema.get("minContains") != 0:
        part = schema["contains"]
        if not any(next(_misfits(item, part, root, path, depth + 1), None) is None for item in value):
            yield f"{path} holds nothing that fits contains"


def _resolved(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for key in reference.removeprefix("#").strip("/").split("/"):
        name = key.replace("~1", "/").replace("~0", "~")
        if name:
            found = found.get(name) if isinstance(found, Mapping) else None
    return found if reference.startswith("#") else None


def _is(value: Any, kind: object) -> bool:
    match kind:
        case "number":
            return type(value) in (int, float)
        case "integer":
            return type(value) is int or (type(value) is float and value.is_integer())
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "null":
            return value is None
    return True


def _is_multiple(value: float, step: float) -> bool:
    if not step:
        return True
    return math.isclose(value / step, round(value / step), rel_tol=1e-9, abs_tol=1e-9)


# The keyword; what it is about; what of it is measured; what must hold; what is said where it does not.
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any], Any], Callable[[Any, Any], bool], str]]] = {
    "minimum": ("number", lambda value: value, lambda value, bound: value >= bound, "is below the minimum of"),
    "maximum": ("number", lambda value: value, lambda value, bound: value <= bound, "is above the maximum of"),
    "exclusiveMinimum": ("number", lambda value: value, lambda value, bound: value > bound, "is not above"),
    "exclusiveMaximum": ("number", lambda value: value, lambda value, bound: value < bound, "is not below"),
    "multipleOf": ("number", lambda value: value, _is_multiple, "is no multiple of"),
    "minLength": ("string", len, lambda value, bound: value >= bound, "has fewer characters than"),
    "maxLength": ("string", len, lambda value, bound: value <= bound, "has more characters than"),
    "minItems": ("array", len, lambda value, bound: value >= bound, "has fewer items than"),
    "maxItems": ("array", len, lambda value, bound: value <= bound, "has more items than"),
    "minProperties": ("object", len, lambda value, bound: value >= bound, "has fewer keys than"),
    "maxProperties": ("object", len, lambda value, bound: value <= bound, "has more keys than"),
}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _repeats(items: list[Any]) -> bool:
    seen = [json.dumps(item, sort_keys=True) for item in items]
    return len(set(seen)) < len(seen)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _matches(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """A compiled pattern that matches in linear time, since neither pattern nor text is trusted."""
    import re2  # type: ignore[import-untyped]  # the package has no type information

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:  # look-around and the like: what cannot be checked is not
        return None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"
