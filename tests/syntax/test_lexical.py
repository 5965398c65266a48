"""Text and tokens: encodings, lines, comments, names, numbers, strings."""

from __future__ import annotations

import re

import pytest

from neuroscript.errors import ErrorCode, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse
from neuroscript.syntax.tables import BUILTIN_WORDS, SOFT_WORDS, WORDS
from tests.syntax.shapes import expression, shape, statement

DEFAULTS = Limits()


def value(text: str) -> object:
    literal = expression(text)
    assert isinstance(literal, nodes.Literal)
    return literal.value


def refused(source: str | bytes, limits: Limits = DEFAULTS) -> NeuroScriptSyntaxError:
    with pytest.raises(NeuroScriptSyntaxError) as caught:
        parse(source, "x.ns", limits)
    return caught.value


# --- encodings -------------------------------------------------------------------------------------------------------


def test_bytes_are_utf_8_with_or_without_a_mark() -> None:
    source = 'func f() means\n  emit "Grüße 😀"\nendfunc\n'
    assert parse(source.encode()) == parse(b"\xef\xbb\xbf" + source.encode()) == parse("\ufeff" + source)


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        (b"func f() means\n  emit '\xff'\n", 2, 9, "byte 0xff is not valid UTF-8"),
        (b"\xef\xbb\xbfa\xc3", 1, 2, "byte 0xc3 is not valid UTF-8"),
        ("# \ud800", 1, 3, "U+D800 is a lone surrogate"),
        ("\ufeff\r\n#\0", 2, 2, "NUL"),
        (b"\xed\xa0\x80", 1, 1, "not valid UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_at_its_place(source: str | bytes, line: int, column: int, message: str) -> None:
    error = refused(source)
    assert (error.code, error.line, error.column) == (ErrorCode.SYNTAX, line, column)
    assert message in error.message
    assert error.render()


def test_the_limit_of_a_source_counts_bytes() -> None:
    limits = Limits(max_source=10)
    parse("# 45678910", limits=limits)
    for source in ("# 456789101", "# äöüäö", "# äöüäö".encode(), b"\xff" * 11):
        error = refused(source, limits)
        assert error.code == ErrorCode.RESOURCE_EXHAUSTION
        assert "10" in error.message
    parse("# 456789101", limits=Limits(max_source=None))


# --- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(newline: str) -> None:
    program = parse(newline.join(["func f() means", "  emit 1", "", "  emit 2", "endfunc"]))
    assert [s.span for s in program.procedures[0].body] == [(2, 2, 2, 8), (4, 2, 4, 8)]


def test_newlines_inside_brackets_are_white_space() -> None:
    assert shape(expression("f(\n1,\n\n# a comment\n[2,\n3]\n)")) == "f(1, [2, 3])"
    assert shape(expression("{\n'a'\n:\n1 -- one\n}")) == "{'a': 1}"
    assert shape(expression("(a\n+\nb)")) == "(a + b)"
    assert shape(expression("[m.\nevent]")) == "[m['event']]"


def test_a_backslash_at_the_end_joins_lines_anywhere() -> None:
    assert shape(expression("1 + \\\n 2")) == "(1 + 2)"
    assert shape(expression("m.\\\r\nevent")) == "m['event']"
    assert shape(expression("x \\\n + y \\\n")) == "(x + y)"
    assert shape(statement("emit \\\n\\\n1\n\\\n\n").value) == "1"
    assert value('"one \\\n  two"') == "one   two"


def test_comments() -> None:
    for mark in ("#", "--", "//"):
        assert shape(expression(f"a{mark}b \"'``` \\")) == "a"
    assert shape(expression("a - -b")) == "(a - (- b))"
    assert parse("# no newline after this").procedures == []


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_keyword_after_a_dot_is_a_name() -> None:
    assert shape(expression("m.if.endfunc.not")) == "m['if']['endfunc']['not']"
    assert shape(statement("set m.set = 1").targets[0].path[0]) == "'set'"
    assert shape(expression("_a1.B_2")) == "_a1['B_2']"


@pytest.mark.parametrize("name", sorted(WORDS - BUILTIN_WORDS - SOFT_WORDS - {"must"}))
def test_a_reserved_word_names_nothing(name: str) -> None:
    for text in (f"set {name} = 1", f"set x, {name} = [1, 2]", f"for each {name} in []\nendfor"):
        error = refused(f"func f() means\n{text}\nendfunc")
        assert error.message == f"`{name}` is a reserved word and cannot be a name"
        assert error.diagnostics[0].hint == f"choose another name, such as `{name}_value`"
    assert (
        refused(f"func f(needs {name}) means\nendfunc").message == f"`{name}` is a reserved word and cannot be a name"
    )


NAMES_A_VARIABLE = """
func f(needs {name}, b) means
  set {name} = {name} + 1
  set {name}, b = [1, {name}]
  set m.{name} = {{{name}: [{name}]}}
  for each {name} in {name}
    emit "{{{{{name}}}}}" + {name}[0].{name} - {name}
  endfor
  for each b, {name} in {name}
  endfor
  for each {name}, b in {name}
  endfor
  if {name} and not {name} or {name} > {name}
    call f({name}, {name}: {name})
  endif
  call f({name}: {name},)
  call {name}({name})
  ask {name} into {name}
  ask {name}, {name} with {name} into {name}
  ask {name} with {name}
  promptuser {name} into {name}
  whisper {name}, {name}
  on event {name} named "n" as {name} do
    must {name}
  endon
  on event {name} as {name}
  endevent
  clear event {name}
  return {name}, {name}
endfunc
"""


@pytest.mark.parametrize("name", sorted(BUILTIN_WORDS | SOFT_WORDS))
def test_other_words_may_name_variables_and_parameters(name: str) -> None:
    shown, other = (without_positions(parse(NAMES_A_VARIABLE.format(name=one))) for one in (name, "other_name"))
    assert shown == other.replace("other_name", name)
    error = refused(f"func {name}() means\nendfunc")
    assert error.code == 15
    assert error.message.startswith(f"`{name}` is a reserved word")


@pytest.mark.parametrize("word", ["call", "mustbe"])
@pytest.mark.parametrize(
    "callee", ['"f"', "5", "(5)", "nil", "true", "[f]", "{}", "```f```", "(a + b)", "(-a)", "(eval(a))"]
)
def test_what_can_never_be_called_is_not(word: str, callee: str) -> None:
    error = refused(f"func f() means\n{word} {callee}()\nendfunc")
    assert (error.code, error.line) == (15, 2)
    assert f"`{word} name(…)`" in str(error)


@pytest.mark.parametrize(
    "callee", ["f", "(f)", "m.f", "[f][0]", 'm["f"]', "f()", "tool.a.B", "(tool.a.B)", "last", "len"]
)
def test_what_may_hold_a_function_can_be_called(callee: str) -> None:
    parse(f"func g() means\ncall {callee}()\nmustbe {callee}(1)\nendfunc")


def test_the_two_names_of_a_loop_are_not_the_same() -> None:
    error = refused("func f() means\nfor each x, x in []\nendfor\nendfunc")
    assert (error.code, error.line, error.column) == (15, 2, 13)


def without_positions(program: nodes.Program) -> str:
    """The tree of a program's procedures as text."""
    return re.sub(r"\(\d+, \d+, \d+, \d+\)|\b\d{13,}\b", "", repr(program.procedures))


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("007", 7), ("1.50", 1.5), ("1e3", 1000.0), ("2E-2", 0.02), ("1.5e+2", 150.0), ("1e-999", 0.0)],
)
def test_numbers(text: str, expected: float) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_whole_numbers_are_exact_up_to_4096_bits() -> None:
    largest = str(2**4096 - 1)
    assert value(largest) == value("0" * 5000 + largest) == 2**4096 - 1
    for text in (str(2**4096), "9" * 100_000, "1e309", "9" * 400 + ".0"):
        error = refused(f"func f() means\n  emit [\n1, {text}]\nendfunc")
        assert (error.code, error.line, error.column) == (ErrorCode.INVALID_VALUE, 3, 4)


@pytest.mark.parametrize("text", ["1.", "1.x", "1.2.3", "1e", "1e+", "0x10", "1abc", "1_000", "1..2"])
def test_what_begins_with_a_digit_and_is_no_number(text: str) -> None:
    error = refused(f"func f() means\n  emit {text}\nendfunc")
    assert (error.line, error.column) == (2, 8)
    assert "number" in error.message


# --- strings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('""', ""),
        ("'it\"s'", 'it"s'),
        (r'"\" \' \\ \b \t \n \f \r \v \~ \`"', "\" ' \\ \b \t \n \f \r \v ~ `"),
        (r'"\u0041\x42\103\1034\477\00"', "ABCC4'7\0"),
        (r"'\xe9\u00E9'", "éé"),
        (r'"\ud83d\uDE00!"', "😀!"),
        (r'"\\ud83d"', r"\ud83d"),
        (r'"a\\"', "a\\"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        (r'"ab\q"', 11, "`\\q` is no escape"),
        (r'"\u12"', 9, "four hexadecimal digits"),
        (r'"\x4"', 9, "two hexadecimal digits"),
        (r'"\8"', 9, "octal"),
        (r'"\1"', 9, "octal"),
        (r'"\n\ud83d"', 11, "half of a surrogate pair"),
        (r'"\ud83d\u0041"', 9, "half of a surrogate pair"),
        (r'"\ud83d\ud83d\ude00"', 9, "half of a surrogate pair"),
        (r'"abc', 8, "not closed on its line"),
        (r'"abc\"', 8, "not closed on its line"),
        ("'abc\"", 8, "not closed on its line"),
        ("```abc", 8, "never closed"),
        ("'''abc", 8, "never closed"),
    ],
)
def test_strings_with_an_error_in_them(text: str, column: int, part: str) -> None:
    error = refused(f"func f() means\n  emit {text}\nendfunc")
    assert (error.line, error.column) == (2, column)
    assert part in error.message
    assert len(error.diagnostics) == 1


def test_raw_strings_are_as_they_stand() -> None:
    raw = expression("```a\\n \"'\r\n # {{x}} `\\\n```")
    assert isinstance(raw, nodes.Raw)
    assert raw.text == "a\\n \"'\r\n # {{x}} `\\\n"
    assert value("'''it's ``` \\q'''") == "it's ``` \\q"
    assert value("''''''") == ""


def test_two_brackets_are_a_list_in_a_list() -> None:
    assert shape(expression("[[ 1 ]]")) == "[[1]]"


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (":: title: A text", ("title", "A text")),
        (":: title A text", ("title", "A text")),
        (":: title A text: with a colon", ("title", "A text: with a colon")),
        (":: title", ("title", "")),
        ("::title  \\\n  on two lines", ("title", "on two lines")),
        (":: param:name what it is", ("param", "name what it is")),  # a colon it has
        (":: param:name: what it is", ("param:name", "what it is")),
        ("::key:value", ("key", "value")),
    ],
)
def test_metadata_has_a_colon_or_none(line: str, entry: tuple[str, str]) -> None:
    assert parse(line + "\n").metadata == [entry]
