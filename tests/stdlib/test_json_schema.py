"""``json.Validate``: values against JSON Schema."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.values import Fuzzy, Handle, TimeDate
from tests.stdlib.calls import Small, code, raw, tool

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1},
        "note": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
        "status": {"enum": ["open", "paid", None]},
        "currency": {"const": "EUR"},
    },
    "required": ["id", "items"],
    "additionalProperties": False,
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}, "price": {"type": "number"}},
            "required": ["name"],
        }
    },
}


def problems(value: Any, schema: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    return [(each["path"], each["message"]) for each in tool("json.Validate", value, schema, **options)]


@pytest.mark.parametrize(
    "value",
    [
        {"id": 1, "items": [{"name": "nut"}]},
        {"id": 1.0, "items": [{"name": "nut", "price": 2.5}], "note": None, "status": "open", "currency": "EUR"},
    ],
)
def test_what_fits_has_no_problems(value: Any) -> None:
    assert tool("json.Validate", value, ORDER) == []


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ([], "", "a list of 0 items is not of type 'object'"),
        ({"id": 1}, "", "'items' is a required property"),
        ({"id": 0, "items": [{"name": "x"}]}, "/id", "number 0 is less than the minimum of 1"),
        ({"id": 1.5, "items": [{"name": "x"}]}, "/id", "number 1.5 is not of type 'integer'"),
        ({"id": True, "items": [{"name": "x"}]}, "/id", "boolean true is not of type 'integer'"),
        ({"id": 1, "items": []}, "/items", "a list of 0 items should be non-empty"),
        ({"id": 1, "items": [{"name": "x"}, {"name": None}]}, "/items/1/name", "nil is not of type 'string'"),
        ({"id": 1, "items": [{"name": "X1"}]}, "/items/0/name", "string \"X1\" does not match the pattern '^[a-z]+$'"),
        ({"id": 1, "items": [{"name": "x"}], "more": 1}, "", "there may be no more properties, but there is 'more'"),
        ({"id": 1, "items": [{"name": "x"}], "status": "lost"}, "/status", 'is none of ["open", "paid", null]'),
        ({"id": 1, "items": [{"name": "x"}], "currency": None}, "/currency", 'nil is not "EUR"'),
        ({"id": 1, "items": [{"name": "x"}], "note": "too long"}, "/note", "the nearest:"),
    ],
)
def test_a_problem_has_a_path_and_a_message(value: Any, path: str, words: str) -> None:
    [(found, message)] = problems(value, ORDER)
    assert found == path
    assert words in message


def test_all_problems_are_listed_up_to_a_hundred() -> None:
    schema = {"items": {"type": "string"}}
    assert [path for path, _ in problems([1, "x", 2], schema)] == ["/0", "/2"]
    assert len(problems(list(range(5000)), schema)) == 100


def test_a_path_is_a_json_pointer() -> None:
    schema = {"properties": {"a/b": {"properties": {"c~d": {"type": "string"}}}}}
    assert problems({"a/b": {"c~d": 1}}, schema)[0][0] == "/a~1b/c~0d"


def test_messages_are_short_whatever_the_value_is() -> None:
    value = {"a": ["x" * 1000] * 1000}
    for schema in ({"type": "string"}, {"const": [value]}, {"properties": {"a": {"maxItems": 1}}}, {"not": {}}):
        [(_, message)] = problems(value, schema)
        assert len(message) <= 300


@pytest.mark.parametrize(
    ("keyword", "fits", "fails"),
    [
        ({"type": ["string", "null"]}, None, 1),
        ({"multipleOf": 0.5}, 1.5, 1.3),
        ({"exclusiveMaximum": 5}, 4, 5),
        ({"minLength": 2}, "éé", "é"),
        ({"pattern": "b+"}, "abc", "ac"),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], [1, 1.0]),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 2}], [{"a": [1]}, {"a": [1.0]}]),
        ({"contains": {"type": "string"}}, [1, "x"], [1]),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["x"], ["x", 1]),
        ({"minProperties": 1}, {"a": 1}, {}),
        ({"propertyNames": {"pattern": "^a"}}, {"ab": 1}, {"b": 1}),
        ({"patternProperties": {"^n_": {"type": "number"}}}, {"n_x": 1, "y": "z"}, {"n_x": "1"}),
        (
            {"properties": {"a": {}}, "patternProperties": {"^n_": {}}, "additionalProperties": False},
            {"a": 1, "n_x": 1},
            {"b": 1},
        ),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "null"}}, {"a": 1, "b": None}, {"b": 1}),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, {"a": 1}, {"b": 1}),
        ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 2, 4),
        ({"oneOf": [{"minimum": 1}, {"maximum": 3}]}, 5, 2),
        ({"not": {"type": "string"}}, 1, "x"),
        ({"if": {"minimum": 10}, "then": {"multipleOf": 10}}, 20, 15),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "x", 1),
        ({"$ref": "#here", "$defs": {"a": {"$anchor": "here", "type": "string"}}}, "x", 1),
        ({"properties": {"next": {"$ref": "#"}}, "required": ["n"]}, {"n": 1, "next": {"n": 2}}, {"n": 1, "next": {}}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}, ["x", 1], [1]),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "definitions": {"a": {"type": "null"}},
                "$ref": "#/definitions/a",
            },
            None,
            1,
        ),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}, 2, 1),
        ({"maximum": 2**70}, 2**70, 2**70 + 1),
        ({"type": "integer"}, 1e300, 0.5),
        ({}, {"anything": [1]}, None),
    ],
)
def test_keywords(keyword: dict[str, Any], fits: Any, fails: Any) -> None:
    assert problems(fits, keyword) == []
    assert bool(problems(fails, keyword)) is bool(keyword)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "strin"}, "/type:"),
        ({"type": 5}, "/type:"),
        ({"properties": {"a": {"minimum": "x"}}}, "/properties/a/minimum:"),
        ({"required": "a"}, "/required:"),
        ({"$ref": "#/nope"}, "it refers to '#/nope', which is not in it"),
        ({"properties": {"unused": {"$ref": "#/nope"}}}, "it refers to '#/nope', which is not in it"),
        ({"$ref": "http://127.0.0.1:1/x.json"}, "which is not in it"),
        ({"$ref": "file:///etc/passwd"}, "which is not in it"),
        ({"$id": "http://example.com/a", "$ref": "b"}, "which is not in it"),
        ({"$ref": "#"}, "it refers to itself without end"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "without end"),
        ({"allOf": [{"$ref": "#"}]}, "without end"),
        ({"$schema": "http://example.com/mine"}, "none of the drafts"),
        ({"$schema": 5}, "none of the drafts"),
        ({"pattern": "("}, "missing )"),
        ({"pattern": "(?=x)"}, "RE2"),
        ({"patternProperties": {r"(a)\1": {}}}, "RE2"),
        ({"properties": {"unused": {"pattern": "("}}}, "missing )"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "not supported"),
    ],
)
def test_what_is_no_schema_is_error_4(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        problems(["x"], schema)
    assert caught.value.code == 4
    assert words in caught.value.message


def test_words_in_values_are_no_keywords() -> None:
    schema = {"enum": [{"$ref": "#/nope", "pattern": "("}], "properties": {"$ref": {}, "pattern": {"type": "string"}}}
    assert problems({"$ref": "#/nope", "pattern": "("}, schema) == []


def test_other_values_are_taken_as_json_has_them() -> None:
    schema = {"items": {"type": ["string", "number"]}}
    assert problems([TimeDate(2024, 1, 2), Fuzzy(0.5)], schema) == []
    assert code("json.Validate", [b"x"], {}) == 7
    assert code("json.Validate", Handle("x"), {}) == 7
    assert code("json.Validate", 1, "x") == 4
    assert code("json.Validate", 1, [1]) == 4


def test_values_are_bounded() -> None:
    shared: list[Any] = ["x"]
    for _ in range(60):
        shared = [shared, shared]
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    for value, error in ((shared, 37), (deep, 38)):
        with pytest.raises(NeuroScriptError) as caught:
            raw("json.Validate", value, {})
        assert caught.value.code == error
        with pytest.raises(NeuroScriptError) as caught:
            raw("json.Validate", 1, {"const": value})
        assert caught.value.code == error


def doubling(keyword: str, levels: int) -> dict[str, Any]:
    """A small schema that is looked at 2 ** levels times."""
    parts = {f"p{n}": {keyword: [{"$ref": f"#/$defs/p{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**parts, f"p{levels}": {"type": "integer"}}, "$ref": "#/$defs/p0"}


RECURSIVE = {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("x", doubling("anyOf", 40)),
        ("x", doubling("oneOf", 40)),
        (5, doubling("allOf", 40)),
        (nested(80), RECURSIVE),
    ],
)
def test_a_schema_that_never_ends_is_stopped(value: Any, schema: dict[str, Any]) -> None:
    text = "func main(needs value, schema) means\n  return tool.json.Validate(value, schema)\nendfunc"
    with Interpreter(plugins=False, limits=Limits(max_seconds=0.3)) as interpreter:
        interpreter.load(text)
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main", value, schema)
    assert caught.value.code == 37


def test_patterns_that_backtracking_never_finishes_are_looked_for_in_no_time() -> None:
    text = "a" * 5000 + "b"
    for schema in (
        {"pattern": "^(a+)+$"},
        {"propertyNames": {"pattern": "^(a+)+$"}},
        {"patternProperties": {"^(a+)+$": False}, "additionalProperties": {"type": "string"}},
    ):
        assert len(problems(text if "pattern" in schema else {text: 1}, schema)) == 1


def test_items_of_any_kind_are_compared_in_no_time() -> None:
    assert problems([{"n": n} for n in range(50_000)], {"uniqueItems": True}, context=Small()) == []


def test_nothing_is_fetched() -> None:
    program = (
        "import socket, builtins, sys\n"
        "def refuse(*args, **named): raise SystemExit('opened a connection')\n"
        "socket.socket.connect = refuse\n"
        "from neuroscript.stdlib.json_schema import problems\n"
        "from neuroscript import NeuroScriptError\n"
        "for ref in ('http://127.0.0.1:1/a', 'https://127.0.0.1:1/a', 'file:///etc/hostname'):\n"
        "    try: problems(None, 1, {'$ref': ref}, 'json.Validate')\n"
        "    except NeuroScriptError as error: print(error.code.value)\n"
        "print('urllib.request' in sys.modules and 'opened' or 'closed')\n"
    )
    found = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert found.stdout.split()[:3] == ["4", "4", "4"], found.stderr


def test_without_the_package_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['jsonschema'] = None\n"
        "from neuroscript.stdlib.json_schema import problems\n"
        "problems(None, 1, {}, 'json.Validate')\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "error 18" in found.stderr
    assert "pip install 'neuroscript[schema]'" in found.stderr


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(["", "a", "object", "integer", "#", "#/$defs/a", "("]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$ref",
                    "$id",
                    "$defs",
                    "$anchor",
                    "$dynamicRef",
                    "$schema",
                    "type",
                    "properties",
                    "items",
                    "pattern",
                    "allOf",
                    "anyOf",
                    "not",
                    "if",
                    "then",
                    "enum",
                    "const",
                    "required",
                    "additionalProperties",
                    "minimum",
                    "patternProperties",
                    "uniqueItems",
                    "dependentSchemas",
                    "unevaluatedProperties",
                    "a",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(anything, anything.filter(lambda value: isinstance(value, dict)))
def test_any_schema_gives_problems_or_is_none(value: Any, schema: Any) -> None:
    try:
        found = tool("json.Validate", value, schema)
    except NeuroScriptError as error:
        assert error.code == 4  # noqa: PT017 - either outcome is right
    else:
        assert all(set(each) == {"path", "message"} for each in found)
