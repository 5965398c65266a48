"""``json.Extract``: the JSON in whatever a model says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.errors import NeuroScriptError
from tests.stdlib.calls import Small, code, code_of, tool


def extract(text: str, **options: Any) -> Any:
    return tool("json.Extract", text, **options)


FENCED = 'Sure! Here it is:\n```json\n{"a": [1, 2]}\n```\nDone.'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (FENCED, {"a": [1, 2]}),
        ('I found 3: ["Rome"] and more', ["Rome"]),
        (" 42 ", 42),
        ('"text"', "text"),
        ("null", None),
        ("true\n", True),
        ("-1.5e3", -1500.0),
        ("[]", []),
        ("x {} y", {}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('{"a": 1}\n{"b": 2}', {"a": 1}),
        # A fenced one comes first, whatever stands before it.
        ('See [1].\n```json\n{"a": 1}\n```', {"a": 1}),
        ('[1]\n```\n{"a": 1}\n```\n```json\n{"b": 2}\n```', {"a": 1}),
        ('```python\nx = [1]\n```\n```JSON\n{"a": 1}\n```', {"a": 1}),
        ('```json\n// what you asked for\n{"a": 1}\n```', {"a": 1}),
        ('```\nresult:\n{"a": 1}\n```', {"a": 1}),
        ('  ```json  \n  {"a": 1}\n  ```  ', {"a": 1}),
        ('```json\r\n{"a": 1}\r\n```\r\n', {"a": 1}),
        ('```json\n{"a": 1}', {"a": 1}),  # the end is missing
        ('```json {"a": 1} ```', {"a": 1}),
        # What opens a fence: more signs, tildes, the end of a line of text.
        ('See [1].\n~~~json\n{"a": 1}\n~~~', {"a": 1}),
        ('See [1].\n~~~\n{"a": 1}\n~~~\n', {"a": 1}),
        ('See [1].\n````json\n{"a": "\\n```\\n"}\n````\n[2]', {"a": "\n```\n"}),
        ('See [1].\n~~~~json\nthe value:\n{"a": 1}\n~~~~~', {"a": 1}),
        ('~~~ json\r\n{"a": 1}\r\n~~~\r\n', {"a": 1}),
        ('As [1] says: ```json\n{"a": 1}\n```', {"a": 1}),
        ('As [1] says: ```\n{"a": 1}\n```', {"a": 1}),
        ('As [1] says:~~~json  \r\n{"a": 1}\r\n~~~', {"a": 1}),
        ('1. [x]\n2. ```json\n   {"a": 1}\n   ```', {"a": 1}),
        ('[1]\n> ```json\n> {"a": 1}\n> ```', {"a": 1}),
        ('[1], or: ```json\nthe value:\n{"a": 1}\n```', {"a": 1}),
        ('First ```py\nx = [1]\n```\nthen ```json\n{"a": 1}\n```', {"a": 1}),
        # What opens none.
        ('{"a": 1}\n\nNotes\n~~~~~\nas in [2]\n\nMore\n~~~~\n', {"a": 1}),
        ('{"a": 1} is the value, without ```json\nround it', {"a": 1}),
        ('{"a": 1} stands between ``` and ```\nas in [2]', {"a": 1}),
        ('Here: {"code": "```json\\n[1]\\n```", "b": "~~~[2]~~~"}.', {"code": "```json\n[1]\n```", "b": "~~~[2]~~~"}),
        ('Here: {"a": "```",\n"b": "~~~"}.', {"a": "```", "b": "~~~"}),
        ('```json\n{"code": "```py\\nx\\n```"}\n```', {"code": "```py\nx\n```"}),
        ('```js\nlet x = {"a": 1};\n```', {"a": 1}),
        # Brackets that begin nothing.
        ('[see below] {not this} {"a": 1}', {"a": 1}),
        ('a [list of {"a": 1} and', {"a": 1}),
        ('[1, 2, and 3] but {"a": [1, 2, 3]}', {"a": [1, 2, 3]}),
        ("{'a': 1} is Python, {\"a\": 1} is JSON", {"a": 1}),
        ('[[nested] then [["x"]]', [["x"]]),
        ('"quoted" and ["x"]', ["x"]),
        ('He said: "{"a": "}"}"', {"a": "}"}),
        ("[NaN] or [1]", [1]),
        ('{"a": 1e999} or {"a": 1}', {"a": 1}),
    ],
)
def test_the_json_of_a_reply_is_found(text: str, value: Any) -> None:
    found = extract(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "nothing here",
        "the answer is 42",
        'the answer is "x"',
        "true or false",
        "]}",
        "[",
        '{"a": 1',
        "[NaN]",
        # Something smaller that happens to be whole is not what was meant.
        '{"items": [{"a": 1}, {"a": 2}, {"a"',
        '[{"a": 1}, {"a": 2},]',
        '{"a": {"b": 1}, "c": oops}',
        '{"text": "he said [1] and',
        '{"text": "line\n[1] line"}',
        '{"text": "bad \\q escape [1]"}',
        '```json\n{"a": [1],}\n```',
        '[1] is what you mean\n```json\n{"a": [1],}\n```',
        '```\n{"a": [1], "b": \n```',
        '[1] is what you mean: ```json\n{"a": [1],}\n```',
        '[1] is what you mean\n~~~\n{"a": [1],}\n~~~',
        "```json\nnothing\n```\n{}",
    ],
)
def test_what_is_not_whole_is_not_found(text: str) -> None:
    assert code("json.Extract", text) == 41


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing here", "there is no object or array of JSON in the text"),
        ('well: {"a": 1,\n "b": oops}', "at line 2, column 7"),
        ('```json\n{"a": tru}\n```', "what stands between backquotes is not JSON: "),
        ("```json\nhello\n```", "what stands between backquotes is not JSON"),
        ('~~~json\n{"a": tru}\n~~~', "what stands between tildes is not JSON"),
    ],
)
def test_the_error_says_how_far_it_went(text: str, words: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        extract(text)
    assert words in caught.value.message
    assert not caught.value.message.rstrip().endswith(":")


def test_limits_hold_for_what_is_found() -> None:
    assert code_of(lambda: extract("x " + "[" * 200 + "]" * 200)) == 38
    assert code_of(lambda: extract("x " + "[" * 200_000)) == 38
    assert code_of(lambda: extract("x [1, 2, 3]", context=Small(max_items=2))) == 37
    assert code_of(lambda: extract("x " + "[]," * 100_000, context=Small(max_memory=1 << 20))) == 37


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "{",
        '["',
        '{"a":',
        '[1,"',
        "[1 ",
        '"[',
        "[\\",
        '{"a":[1,',
        "```\n",
        "```json\n[",
        "\\",
        "~~~\n",
        "a```\n",
        "a ~~~\n> ",
        "``` ",
        " ",
    ],
)
def test_garbage_takes_time_in_proportion(piece: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        extract(piece * (400_000 // len(piece)), context=Small(max_nesting=100))
    assert caught.value.code in (37, 38, 41)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
containers = values.filter(lambda value: isinstance(value, list | dict))
prose = st.text(alphabet="ab .,:\n'()", max_size=20)


@given(values, st.sampled_from([None, 2]))
def test_a_text_that_is_json_is_itself(value: Any, indent: int | None) -> None:
    assert extract(json.dumps(value, indent=indent)) == value


@given(prose, containers, prose, st.booleans())
def test_json_within_prose_is_found(before: str, value: Any, after: str, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert extract(f"{before}{text}{after}") == value
    assert extract(f"{before}[1]\n```json\n{text}\n```\n{after}") == value
    assert extract(f"{before}\n```\n{text}\n```\n{after}[1]") == value


@pytest.mark.parametrize("size", [4070, 4080, 4090, 4096, 5000, 70_000])
def test_long_json_is_found_and_missed_as_short_json_is(size: int) -> None:
    value = ["x" * 10, True, None, {"a": "\u00e9"}] * (size // 40)
    value.append("y" * (size - len(json.dumps(value))))
    text = json.dumps(value)
    assert extract(f"Here: {text}, and {{}}") == value
    assert code("json.Extract", f"Here: {text[:-1]} and") == 41
    assert code("json.Extract", f"Here: {text[:-1]}, tru") == 41
    assert extract(f"Here: {text[:-1]}; no: [5]") == [5]


@given(containers.filter(bool), st.integers(1, 60))
def test_a_reply_that_was_cut_off_gives_nothing(value: Any, cut: int) -> None:
    text = json.dumps(value)
    shorter = text[: max(1, len(text) - cut)]
    assert code("json.Extract", shorter) == 41
    assert code("json.Extract", f"Here: {shorter}") == 41


@given(st.text(alphabet='{}[]",:1a`\n\\ ', max_size=30))
def test_any_text_gives_a_value_or_an_error(text: str) -> None:
    try:
        value = extract(text)
    except NeuroScriptError as error:
        assert error.code == 41  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(value, list | dict) or json.loads(text) == value


@pytest.mark.parametrize("digits", [1300, 4300, 5000, 100_000])
@pytest.mark.parametrize("text", ['{{"a": {}}}', 'Here: {{"a": {}}}.', "```json\n[{}]\n```"])
def test_a_number_out_of_range_is_said_to_be_one(text: str, digits: int) -> None:
    """A program would be told that there is no JSON, and look for the fault in the wrong place."""
    with pytest.raises(NeuroScriptError) as caught:
        extract(text.format("9" * digits))
    assert caught.value.code == 41
    assert f"json.Extract: a whole number has at most 4096 bits, not {digits} digits" in caught.value.message
