"""The functions of json.Extract and json.Validate that hosts call."""

from __future__ import annotations

import pytest

from neuroscript import ErrorCode, NeuroScriptError, check_schema, extract_json, schema_problems


def test_a_host_reads_and_validates_a_reply() -> None:
    value = extract_json('Here you are:\n```json\n{"n": "one"}\n```')
    assert value == {"n": "one"}
    assert schema_problems(value, {"properties": {"n": {"type": "integer"}}}) == [
        {"path": "/n", "message": "string \"one\" is not of type 'integer'"}
    ]
    assert schema_problems({"n": 1}, {"properties": {"n": {"type": "integer"}}}) == []


@pytest.mark.parametrize("schema", [{"type": "strng"}, {"$ref": "#/none"}, {"pattern": "(?=a)"}, {"$schema": "mine"}])
def test_a_schema_that_is_none(schema: dict[str, object]) -> None:
    with pytest.raises(NeuroScriptError, match="the schema is no JSON Schema") as error:
        check_schema(schema)
    assert error.value.code == ErrorCode.ARG_MISMATCH
    assert "tool." not in error.value.message


def test_a_host_can_end_work_that_takes_long() -> None:
    levels = {f"l{i}": {"allOf": [{"$ref": f"#/$defs/l{i + 1}"}] * 2} for i in range(40)}
    schema = {"$ref": "#/$defs/l0", "$defs": {**levels, "l40": True}}
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 1000:
            raise NeuroScriptError(ErrorCode.CANCELLED, "enough")

    with pytest.raises(NeuroScriptError, match="enough"):
        schema_problems({}, schema, check=check)
