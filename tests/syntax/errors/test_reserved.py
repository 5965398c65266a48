"""Reserved words where a name may stand: one error, which says that the word is reserved and proposes a name."""

from __future__ import annotations

import pytest

from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.syntax.parser import parse
from neuroscript.syntax.tables import BUILTIN_WORDS, KEYWORDS, SOFT_WORDS

WORDS = sorted(KEYWORDS.keys() - SOFT_WORDS - BUILTIN_WORDS)
VALUES = ["false", "nil", "true"]
"""Words that are values: where an expression may stand, so may they."""

DECLARATIONS = {
    "a target": "set {word} = 1\nemit {word}",
    "a target with a key": "set {word}.a = 1",
    "a target with an index": "set {word}[0] = 1",
    "a second target": "set x, {word} = [1, 2]\nemit {word}",
    "the name of a loop": "for each {word} in [1]\nemit {word}\nendfor",
    "the first name of a loop": "for each {word}, b in [1]\nemit {word}\nendfor",
    "the second name of a loop": "for each b, {word} in [1]\nemit {word}\nendfor",
    "as": 'on event "x" as {word} do\nemit {word}.payload\nendon',
    "as without do": 'on event "x" as {word}\nemit {word}\nendevent',
    "as after a name": 'on event "x" named "n" as {word} do\nendon',
    "into after ask": 'ask "a" into {word}\nemit {word}',
    "into after promptuser": 'promptuser "a" into {word}\nemit 1 + {word}',
    "a named argument": "call g({word}: 1)",
    "a named argument after a value": "set x = g(1, {word}: 1)",
    "a second named argument": "set x = g(a: 1, {word}: 1)",
    "what is called": "call {word}()",
    "a check": "mustbe {word}(1)",
}
OPERANDS = {
    "a key of a map": "set x = {{{word}: 1}}",
    "a second key of a map": 'set x = {{"a": 1, {word}: 1}}',
    "a value": "emit {word}",
    "a left operand": "emit {word} + 1",
    "a right operand": "emit 1 + {word}",
    "in parentheses": "emit ({word})",
    "a base": "emit {word}.x",
    "an item": "set x = [{word}]",
    "a second item": "set x = [1, {word}]",
    "an argument": "call g({word})",
    "a second argument": "call g(1, {word})",
    "a condition": "if {word} == 1\nendif",
    "a condition of a loop": "while {word}\nendwhile",
    "a result": "return {word}",
    "an index": "emit x[{word}]",
    "a collection": "for each q in {word}\nendfor",
}
CALLED = {
    "a call in an expression": "set x = {word}(1)",
    "an index in an expression": "set x = {word}[0]",
}
HEADERS = {
    "needs": "func f(needs {word}) means\nemit {word}\nendfunc",
    "needs, second": "func f(needs a, {word}) means\nemit {word}\nendfunc",
    "optional": "func f(optional {word}) means\nendfunc",
    "returns": "func f(returns {word}) means\nendfunc",
    "needs without parentheses": "func f needs {word} means\nemit {word}\nendfunc",
    "a procedure": "func {word}() means\nendfunc",
    "a procedure with parameters": "func {word}(needs a, b) means\nreturn a\nendfunc",
    "as outside": 'on event "x" as {word} do\nemit {word}\nendon',
    "as outside without do": 'on event "x" as {word}\nemit {word}\nendevent',
}


MEANT = {
    "what is called": ["eval"],
    "a check": ["eval"],
    "a base": ["tool"],
    "a call in an expression": [*VALUES, "not", "no", "some", "typeof", "eval", "must"],
    "an index in an expression": [*VALUES, "not", "no", "some", "typeof", "must"],
}
"""Words that mean there what they always do: `set x = not (1)`, `set x = must [0]`."""


def inside(text: str) -> str:
    return f"func m(needs x) means\n{text}\nendfunc\n"


PROGRAMS = {name: inside(text) for name, text in {**DECLARATIONS, **OPERANDS, **CALLED}.items()} | HEADERS


@pytest.mark.parametrize("place", PROGRAMS)
def test_a_reserved_word_is_one_error_that_says_so(place: str) -> None:
    for word in WORDS:
        if word in MEANT.get(place, ()) or (word in VALUES and place in OPERANDS):
            continue
        with pytest.raises(NeuroScriptSyntaxError) as raised:
            parse(PROGRAMS[place].format(word=word))
        [found] = raised.value.diagnostics
        assert f"`{word}` is a reserved word" in found.message + found.hint, (word, found)
        assert f"choose another name, such as `{word}_value`" in found.message + found.hint, (word, found)
        assert found.line == (2 if place not in HEADERS else 1)


@pytest.mark.parametrize("word", WORDS)
def test_the_name_that_is_proposed_will_do(word: str) -> None:
    for text in PROGRAMS.values():
        parse(text.format(word=f"{word}_value"))


@pytest.mark.parametrize("word", WORDS)
def test_a_key_after_a_dot_may_be_any_word(word: str) -> None:
    parse(inside(f"set x.{word} = x.{word}.{word}"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('set x = ask "a"', "`ask` is a statement, which puts the reply `into` a variable"),
        ("set x = call g(1)", "inside an expression a call is `name(…)` alone, without `call`"),
        ("emit x + and 1", ""),
        ("emit x and\nemit 1", "to go on in the next line, end the line with `\\`, or put the whole in brackets"),
        ("set y = [x for x in x]", "there are no comprehensions"),
    ],
)
def test_words_that_are_meant_as_what_they_are(text: str, hint: str) -> None:
    with pytest.raises(NeuroScriptSyntaxError) as raised:
        parse(inside(text))
    assert raised.value.diagnostics[0].hint.startswith(hint)
    assert "reserved" not in str(raised.value)


def test_a_word_that_is_used_right_beside_a_wrong_name_hides_no_error() -> None:
    with pytest.raises(NeuroScriptSyntaxError) as raised:
        parse(inside("set and = 1\nemit x and )\nemit and"))
    assert [found.line for found in raised.value.diagnostics] == [2, 3]
