"""Shapes of maps: the keys that a map has which a tool takes or gives, each with its type and a sentence."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import record
from neuroscript.tools.arguments import SHAPED, ArgType, arg_type, json_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

_LONG_NAME = 100  # characters from which on no near key is looked for
_LONG_KEY = 8  # characters from which on a key that differs in one or two is hardly another word
_MOST_LISTED = 12  # keys in a message


@record(frozen=True)
class ShapeField:
    """One key of a map.

    Args:
        name: the key.
        type: an `ArgType`, or its word, of the value that stands there.
        description: a sentence for readers and models.
        required: whether a map that is given must have the key.
        shape: the keys of the value, if it is a map; of its items, if it is a list of maps.
        spellings: other names that the key may be given by.
    """

    name: str
    type: ArgType = ArgType.ANY
    description: str = ""
    required: bool = False
    shape: Shape | None = None
    spellings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if type(self.type) is not ArgType:
            object.__setattr__(self, "type", arg_type(self.type, f"the key {self.name!r}"))
        if self.shape is not None and self.type not in SHAPED:
            message = f"the key {self.name!r} has a shape, and so is a map or a list of maps, not {self.type.expected}"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)


class Shape:
    """The keys of a map.

    Args:
        name: what such a map is called in messages and documents: ``rate limits``.
        fields: the keys; or a function that gives them when they are first wanted, where that takes an import.
        open: whether there may be other keys as well, so that only one that is nearly a known one is a mistake.
    """

    __slots__ = ("_fields", "_source", "_spellings", "name", "open")

    def __init__(
        self, name: str, fields: Iterable[ShapeField] | Callable[[], Iterable[ShapeField]], *, open: bool = False
    ) -> None:
        self.name = name
        self.open = open
        self._source = fields
        self._fields: dict[str, ShapeField] | None = None
        self._spellings: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Shape({self.name!r})"

    @property
    def fields(self) -> Mapping[str, ShapeField]:
        """The keys by their names, in order."""
        if self._fields is None:
            found = self._source() if callable(self._source) else self._source
            fields = {one.name: one for one in found}
            self._spellings = {other: one.name for one in fields.values() for other in one.spellings}
            self._fields = fields
        return self._fields

    def field(self, key: str) -> ShapeField | None:
        """The field of a key in any of its spellings; None if the shape does not name it."""
        fields = self.fields
        return fields.get(self._spellings.get(key, key))

    def problem(self, key: str) -> str:
        """What is wrong with a key of such a map, with the nearest one; empty if nothing is known to be."""
        if self.field(key) is not None:
            return ""
        near = nearest_key(key, self.fields, certain=self.open)
        if near is None and self.open:
            return ""
        what = f"'{key}' is no key of the {self.name}"
        if near is not None:
            return f"{what}; did you mean '{near}'?"
        keys = list(self.fields)
        listed = ", ".join(keys[:_MOST_LISTED]) + (", …" if len(keys) > _MOST_LISTED else "")
        return f"{what}; the keys are {listed}" if keys else f"{what}, which has none"

    def json_schema(self, kind: ArgType = ArgType.MAP) -> dict[str, Any]:
        """Returns the JSON Schema of such a map, or of a list of them.

        Args:
            kind: the type of the value that the shape belongs to.
        """
        properties = {}
        for one in self.fields.values():
            schema = json_type(one.type) if one.shape is None else one.shape.json_schema(one.type)
            properties[one.name] = {**schema, "description": one.description} if one.description else schema
        whole: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": self.open}
        required = [one.name for one in self.fields.values() if one.required]
        if required:
            whole["required"] = required
        return whole if kind.item_type is None else {"type": "array", "items": whole}

    def to_map(self) -> dict[str, Any]:
        """Returns the keys as JSON values: the type and description of each, and the keys below it."""
        found: dict[str, Any] = {}
        for one in self.fields.values():
            found[one.name] = {"type": str(one.type), "description": one.description}
            if one.shape is not None:
                found[one.name]["keys"] = one.shape.to_map()
        return found

    def walk(self) -> Iterator[Shape]:
        """The shape and those of the maps in it, each once."""
        pending, seen = [self], set()
        while pending:
            shape = pending.pop(0)
            if id(shape) not in seen:
                seen.add(id(shape))
                yield shape
                pending += [one.shape for one in shape.fields.values() if one.shape is not None]


def nearest_key(name: str, keys: Iterable[str], *, certain: bool = False) -> str | None:
    """Returns the key that was probably meant by a name that is none, or None.

    It is one that looks alike, or else the shortest one that has all words of the name: ``summary`` is meant for
    ``aggregate_performance_summary``.

    Args:
        name: the name.
        keys: the keys that there are.
        certain: only a key that was almost certainly meant, where other keys may be right too.
    """
    if not name or len(name) > _LONG_NAME:  # comparing takes the square of the length
        return None
    known = sorted(key for key in keys if len(key) <= _LONG_NAME)
    plain = {_plain(key): key for key in known}
    if _plain(name) in plain:
        return plain[_plain(name)]
    import difflib

    cutoff = 0.87 if certain else 0.6 if len(name) > 3 else 0.75
    if certain and len(name) < _LONG_KEY:
        known = [key for key in known if sorted(key) == sorted(name) or abs(len(key) - len(name)) == 1]
        cutoff = 0.83
    found = difflib.get_close_matches(name, known, 1, cutoff)
    if found or certain:
        return found[0] if found else None
    words = set(name.lower().split("_")) - {""}
    holding = [key for key in known if words and words <= set(key.lower().split("_"))]
    return min(holding, key=len) if holding else None


def _plain(key: str) -> str:
    return key.casefold().replace("_", "").replace("-", "")


# --- of JSON Schemas -------------------------------------------------------------------------------------------------

_TYPES = {
    "string": ArgType.STRING,
    "integer": ArgType.INT,
    "number": ArgType.NUMBER,
    "boolean": ArgType.BOOL,
    "null": ArgType.NIL,
    "object": ArgType.MAP,
    "array": ArgType.SLICE_ANY,
}
_DEFINITION = "#/$defs/"


def shape_of_schema(
    schema: Mapping[str, Any], name: str = "map", unaliased: Mapping[str, Any] | None = None, *, in_list: bool = False
) -> Shape | None:
    """Returns the shape that a JSON Schema of an object, or of an array of objects, describes; None for others.

    An object without properties of its own, such as that of ``dict[str, int]``, has no shape.

    Args:
        schema: the schema, with its ``$defs``.
        name: what such a map is called, if the schema has no title.
        unaliased: the same schema with the names of fields in place of their aliases, which are spellings of them.
        in_list: whether it is to be an array of such objects.
    """
    reader = _SchemaReader(schema.get("$defs", {}), (unaliased or {}).get("$defs", {}))
    plain = _not_null(dict(schema))
    if in_list:
        return reader.shape(plain.get("items"), name) if plain.get("type") == "array" else None
    return reader.shape(plain, name, unaliased) if plain.get("type") != "array" else None


class _SchemaReader:
    """Makes shapes of the objects in one JSON Schema.

    Args:
        definitions: its ``$defs``.
        unaliased: the same with the names of fields in place of their aliases.
    """

    def __init__(self, definitions: Mapping[str, Any], unaliased: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._unaliased = unaliased
        self._made: dict[str, Shape] = {}

    def shape(self, schema: Any, name: str, unaliased: Any = None) -> Shape | None:
        """The shape of an object, or of the items of an array; None for others."""
        if not isinstance(schema, dict):
            return None
        schema = _not_null(schema)
        reference = schema.get("$ref", "")
        if reference:
            title = reference.removeprefix(_DEFINITION)
            if title not in self._made:
                found = self.shape(self._definitions.get(title), title, self._unaliased.get(title))
                if found is None:
                    return None
                self._made[title] = found
            return self._made[title]
        if schema.get("type") == "array":
            return self.shape(schema.get("items"), name)
        if "properties" not in schema:
            return None
        is_open = schema.get("additionalProperties", False) is not False
        return Shape(str(schema.get("title", name)), lambda: self._fields(schema, unaliased or {}), open=is_open)

    def _fields(self, schema: dict[str, Any], unaliased: dict[str, Any]) -> Iterator[ShapeField]:
        required = schema.get("required", ())
        others = list(unaliased.get("properties", schema["properties"]))
        for (key, each), other in zip(schema["properties"].items(), others, strict=True):
            inner = self.shape(each, key)
            kind = _type_of(each, self._definitions, inner is not None)
            described = " ".join(str(each.get("description", "")).split()) if isinstance(each, dict) else ""
            spellings = (other,) if other != key else ()
            yield ShapeField(key, kind, described, key in required, inner if kind in SHAPED else None, spellings)


def _type_of(schema: Any, definitions: Any, is_shaped: bool) -> ArgType:
    if not isinstance(schema, dict):
        return ArgType.ANY
    plain = _not_null(schema)
    nullable = plain is not schema
    reference = plain.get("$ref", "")
    if reference:
        plain = definitions.get(reference.removeprefix(_DEFINITION), {})
    kind = ArgType.TIMEDATE if plain.get("format") == "date-time" else _TYPES.get(str(plain.get("type")), ArgType.ANY)
    if nullable:
        return ArgType.ANY
    return ArgType.SLICE_MAP if kind is ArgType.SLICE_ANY and is_shaped else kind


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The one option of a schema beside null; the schema itself if it is no such choice."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    return options[0] if len(options) == 1 and isinstance(options[0], dict) else schema
