"""JSON Schema in each provider's subset, and whether replies fit it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm.providers import Clients, anthropic, google, ollama, openai
from ai_wm.providers.json_schema import NotExpressible, for_anthropic, for_google, for_strict, misfit, suits_strict
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, request, stream_of, stream_type

PERSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "title": "Person",
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "The whole name."},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "mail": {"type": "string", "format": "email", "default": ""},
        "kind": {"const": "human"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2, "uniqueItems": True},
        "spouse": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"name": {"type": "string"}}}]},
    },
    "required": ["name"],
    "$defs": {"tag": {"type": "string", "pattern": "^[a-z]+$"}},
}


def test_anthropics_subset() -> None:
    assert for_anthropic(PERSON) == {
        "$defs": {"tag": {"type": "string", "description": '{pattern: "^[a-z]+$"}'}},
        "type": "object",
        "title": "Person",
        "properties": {
            "name": {"type": "string", "description": "The whole name.\n\n{minLength: 1}"},
            "age": {"type": "integer", "description": "{minimum: 0, maximum: 150}"},
            "mail": {"type": "string", "format": "email"},
            "kind": {"const": "human"},
            "tags": {
                "type": "array",
                "items": {"$ref": "#/$defs/tag"},
                "description": "{minItems: 2, uniqueItems: true}",
            },
            "spouse": {
                "anyOf": [
                    {"type": "null"},
                    {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
                ]
            },
        },
        "additionalProperties": False,
        "required": ["name"],
    }


def test_the_subset_of_openais_strict_mode(caplog: pytest.LogCaptureFixture) -> None:
    def wire(schema: dict[str, Any], **more: Any) -> Any:
        shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **more}}
        return openai.build(request("openai", config={"response_format": shape})).body["response_format"]["json_schema"]

    assert wire(PERSON, strict=True) == {
        "name": "n",
        "strict": True,
        "schema": {
            "type": "object",
            "title": "Person",
            "properties": {
                "name": {"type": "string", "description": "The whole name.\n\n{minLength: 1}"},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "mail": {"type": "string", "format": "email"},
                "kind": {"const": "human", "type": "string"},
                "tags": {
                    "type": "array",
                    "items": {"$ref": "#/$defs/tag"},
                    "minItems": 2,
                    "description": "{uniqueItems: true}",
                },
                "spouse": {
                    "anyOf": [
                        {"type": "null"},
                        {
                            "type": "object",
                            "properties": {"name": {"type": "string"}},
                            "required": ["name"],
                            "additionalProperties": False,
                        },
                    ]
                },
            },
            "required": ["name", "age", "mail", "kind", "tags", "spouse"],
            "additionalProperties": False,
            "$defs": {"tag": {"type": "string", "pattern": "^[a-z]+$"}},
        },
    }
    assert wire(PERSON) == {"name": "n", "schema": PERSON}  # without it, anything goes
    assert for_strict({"allOf": [{"type": "string"}], "not": {"const": "x"}}) == {
        "type": "string",
        "description": '{not: {"const": "x"}}',
    }
    maps = {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "integer"}}}}
    assert wire(maps, strict=True) == {"name": "n", "schema": maps}
    assert "a map with free keys at $.a" in caplog.text


def test_googles_subset() -> None:
    made = for_google(PERSON)
    assert "$schema" not in made
    assert made["$defs"] == {"tag": {"type": "string", "description": '{pattern: "^[a-z]+$"}'}}
    assert made["properties"]["age"] == {"type": "integer", "minimum": 0, "maximum": 150}
    assert made["properties"]["kind"] == {"enum": ["human"]}
    assert made["properties"]["tags"]["items"] == {"$ref": "#/$defs/tag"}
    assert made["properties"]["tags"]["description"] == "{uniqueItems: true}"


def a_map(always: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(always, optional=optional)


TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null"])
WORDS = {"description": st.just("d"), "title": st.just("t")}
SIMPLE: st.SearchStrategy[dict[str, Any]] = st.deferred(
    lambda: (
        a_map(
            {"type": TYPES},
            minimum=st.integers(0, 3),
            pattern=st.just("x"),
            format=st.sampled_from(["date", "uri", "odd"]),
            enum=st.just(["a", 1, None]),
            **WORDS,
        )
        | a_map({"type": st.just("array"), "items": SIMPLE}, minItems=st.integers(0, 3), maxItems=st.just(9))
        | a_map(
            {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("abc"), SIMPLE, max_size=2)},
            required=st.just(["a"]),
            additionalProperties=st.booleans(),
            minProperties=st.just(1),
        )
        | a_map({"anyOf": st.lists(SIMPLE, min_size=1, max_size=2)})
        | a_map({"oneOf": st.lists(SIMPLE, min_size=1, max_size=2)})
        | a_map({"$ref": st.just("#/$defs/x")}, **WORDS)
        | a_map({"const": st.sampled_from(["a", 1, True])})
    )
)


def without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_descriptions(value) for key, value in schema.items() if key != "description"}
    return [without_descriptions(item) for item in schema] if isinstance(schema, list) else schema


@settings(deadline=None)  # the first time, the SDK is imported
@given(SIMPLE)
def test_anthropics_subset_is_that_of_its_sdk(schema: dict[str, Any]) -> None:
    theirs = pytest.importorskip("anthropic.lib._parse._transform", reason="the anthropic package is missing")
    before = copy.deepcopy(schema)
    made = for_anthropic(schema)
    assert without_descriptions(made) == without_descriptions(theirs.transform_schema(copy.deepcopy(schema)))
    assert schema == before


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"description": "anything"}}},
        {},
    ],
)
def test_what_anthropics_subset_has_nothing_for_goes_into_the_prompt(
    schema: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotExpressible):
        for_anthropic(schema)
    body = anthropic.build(
        request("anthropic", config={"response_format": {"type": "json_schema", "schema": schema}})
    ).body
    assert "output_config" not in body
    assert json.dumps(schema) in body["system"]
    assert "structured output does not know" in caplog.text


def test_types_in_a_list() -> None:
    assert for_anthropic({"type": ["string", "null"], "description": "d"}) == {
        "anyOf": [{"type": "string", "description": "d"}, {"type": "null", "description": "d"}],
        "description": "d",
    }
    assert for_anthropic({"properties": {"a": {"type": "string"}}})["type"] == "object"


FITS: list[tuple[Any, Any]] = [
    ({"type": "integer"}, 3),
    ({"type": "integer"}, 3.0),
    ({"type": "number"}, 3),
    ({"type": ["string", "null"]}, None),
    ({"enum": [1, "a", None]}, None),
    ({"const": {"a": [1]}}, {"a": [1]}),
    ({"minimum": 3}, "not a number"),
    ({"multipleOf": 0.1}, 0.3),
    ({"pattern": "b+"}, "abbc"),
    ({"pattern": "(?=look)"}, "whatever, since RE2 does not know it"),
    ({"format": "email"}, "no address"),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, [1, "a", "b"]),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 1),
    ({"not": {"type": "integer"}}, "a"),
    ({"if": {"type": "integer"}, "then": {"minimum": 3}, "else": {"minLength": 2}}, "ab"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, 1),
    (
        {"$ref": "#/$defs/node", "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}}},
        {"next": {"next": {}}},
    ),
    ({"patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": False}, {"n1": 1}),
    (True, "anything"),
    ({}, "anything"),
    (PERSON, {"name": "Ada", "age": 36, "kind": "human", "tags": ["a", "b"], "spouse": None}),
]
MISFITS: list[tuple[Any, Any, str]] = [
    ({"type": "integer"}, 3.5, "$ is 3.5, not of type integer"),
    ({"type": "integer"}, True, "not of type integer"),
    ({"type": "object"}, [], "not of type object"),
    ({"enum": ["a"]}, "b", '$ is "b", not one of ["a"]'),
    ({"enum": [1]}, True, "not one of"),
    ({"const": 1}, 2, "$ is 2, not 1"),
    ({"minimum": 3}, 2, "$ is below the minimum of 3"),
    ({"exclusiveMaximum": 3}, 3, "$ is not below 3"),
    ({"multipleOf": 5}, 7, "$ is no multiple of 5"),
    ({"maxLength": 2}, "abc", "more characters than 2"),
    ({"minItems": 2}, [1], "fewer items than 2"),
    ({"maxProperties": 0}, {"a": 1}, "more keys than 0"),
    ({"uniqueItems": True}, [1, 1], "the same item twice"),
    ({"pattern": "^b"}, "ab", "does not match '^b'"),
    ({"items": {"type": "integer"}}, [1, "a"], "$[1] is"),
    ({"items": False, "prefixItems": [{}]}, [1, 2], "$[1] must not be there"),
    ({"contains": {"type": "string"}}, [1], "holds nothing that fits"),
    ({"required": ["a"]}, {}, "$ has no 'a'"),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "has 'a' but no 'b'"),
    ({"properties": {"a": {"properties": {"b": {"type": "string"}}}}}, {"a": {"b": 1}}, "$.a.b is 1"),
    ({"additionalProperties": False, "properties": {"a": {}}}, {"b": 1}, "has 'b', which is not asked for"),
    ({"additionalProperties": {"type": "integer"}}, {"b": "x"}, "$.b is"),
    ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "the key 'ab' of $"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "a", "fits none of the 2 forms of anyOf"),
    ({"oneOf": [{"type": "integer"}, {"minimum": 0}]}, 1, "fits 2 of the 2 forms of oneOf"),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 4, "above the maximum of 3"),
    ({"not": {"type": "integer"}}, 1, "ruled out"),
    ({"if": {"type": "integer"}, "then": {"minimum": 3}}, 1, "below the minimum"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, "x", "not of type integer"),
    (PERSON, {"name": "Ada", "tags": ["a", "B"]}, "does not match"),
]


@pytest.mark.parametrize(("schema", "value"), FITS, ids=str)
def test_values_that_fit(schema: Any, value: Any) -> None:
    assert misfit(value, schema) == ""


@pytest.mark.parametrize(("schema", "value", "why"), MISFITS, ids=str)
def test_values_that_do_not_fit(schema: Any, value: Any, why: str) -> None:
    assert why in misfit(value, schema)


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert misfit(1, {"$ref": "#"}) == ""


def test_a_pattern_cannot_take_forever() -> None:
    assert "does not match" in misfit("a" * 100_000 + "!", {"pattern": "^(a+)+$"})


# --- The same for every provider ---


@pytest.mark.parametrize(
    ("schema", "suits"),
    [
        ({"type": "string"}, True),
        ({"enum": ["a", 1]}, True),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, True),
        ({"type": "array", "items": {"$ref": "#"}}, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, True),
        ({}, False),
        (True, False),
        ({"type": "array"}, False),
        ({"type": "object"}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, True),
        ({"type": ["object", "null"], "properties": {"a": {"type": "null"}}}, True),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]}, False),
        (
            {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": {}},
            False,
        ),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, False),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}, False),
    ],
)
def test_which_schemas_strict_mode_takes_as_they_are(schema: Any, suits: bool) -> None:
    assert suits_strict(schema) is suits
    if suits:
        assert for_strict(schema)
        assert for_strict(schema, nullable=True)


def test_strict_mode_gets_the_types_of_listed_values() -> None:
    assert for_strict({"enum": ["a", "b"]}) == {"enum": ["a", "b"], "type": "string"}
    assert for_strict({"enum": ["a", None, 1]})["type"] == ["integer", "null", "string"]
    assert for_strict({"const": True})["type"] == "boolean"


SCHEMA = {"type": "object", "properties": {"count": {"type": "integer", "maximum": 10}}, "required": ["count"]}


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"count": 3}', ""),
        ('{"count": 30}', r"does not fit the schema: \$\.count is above the maximum of 10"),
        ("{}", "has no 'count'"),
        ("```json\n{}\n```", "is not JSON"),
        (" ", "is empty, not JSON"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_reply_is_checked(
    provider: str, text: str, why: str, stream: bool, clients: Clients, server: Loopback
) -> None:
    answer = (
        streamed(stream_of(provider, text), content_type=stream_type(provider))
        if stream
        else reply(body_of(provider, text))
    )
    asked = at(server.will(answer), provider, response_format=SCHEMA)
    client = clients.for_provider(provider)

    def ask() -> str:
        return collect(client.stream(asked))[1].text if stream else client.complete(asked).text

    if not why:
        assert ask() == text
        return
    with raises_code(16, why) as caught:
        ask()
    assert len(server.received) == 1
    assert caught.value.details.get("text", "") == text
    assert caught.value.details["usage"].total_tokens >= 12


@pytest.mark.parametrize("provider", REMOTE)
def test_json_without_a_schema_is_checked_too(provider: str, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    assert (
        client.complete(at(server.will(reply(body_of(provider, "[1]"))), provider, response_format="json")).text
        == "[1]"
    )
    with raises_code(16, "is not JSON"):
        client.complete(at(server.will(reply(body_of(provider, "one"))), provider, response_format="json"))


def test_a_reply_that_was_cut_is_told_as_cut(clients: Clients, server: Loopback) -> None:
    body = body_of("openai", '{"count": ')
    body["choices"][0]["finish_reason"] = "length"
    response = clients.for_provider("openai").complete(at(server.will(reply(body)), "openai", response_format=SCHEMA))
    assert response.finish_reason == "length"


def test_openai_takes_a_schema_for_objects_only() -> None:
    config = {"response_format": {"type": "array", "items": {"type": "string"}}}
    body = openai.build(request("openai", config=config)).body
    assert "response_format" not in body
    assert '"type": "array"' in body["messages"][0]["content"]
    assert openai.build(request("custom", config=config)).body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("system", ["", "Be brief."])
def test_the_instruction_where_json_mode_has_no_schema(system: str) -> None:
    config = {"response_format": "json"}
    texts = {
        "openai": openai.build(request("openai", config=config, system=system)).body["messages"][0]["content"],
        "anthropic": anthropic.build(request("anthropic", config=config, system=system)).body["system"],
        "ollama": ollama.build(request("ollama", config=config, system=system)).body["messages"][0]["content"],
    }
    for text in texts.values():
        assert text.startswith(system)
        assert "Reply with one JSON value" in text
    assert "systemInstruction" not in google.build(request("google", config=config)).body
