"""Translates pydantic's validation errors into the language's own terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from pydantic import ValidationError

from neuroscript.tools.coercion import Path, data_path, moment, part_at
from neuroscript.tools.descriptions import given, is_secret

_MOST_PROBLEMS = 5
_QUOTE = "'"
_LONGEST = 200  # characters of another's words

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "complex_type": "a complex number such as 1+2j",
    "complex_str_parsing": "a complex number such as 1+2j",
    "bool_type": "a boolean",
    "bool_parsing": "a boolean",
    "string_type": "a string",
    "string_sub_type": "a string",
    "string_unicode": "a string",
    "bytes_type": "bytes or a string",
    "none_required": "nil",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "sequence_str": "a list",
    "named_tuple_type": "a list or a map",
    "dict_type": "a map",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dataclass_type": "a map",
    "dataclass_exact_type": "a map",
    "date_type": moment(date),
    "date_parsing": moment(date),
    "date_from_datetime_parsing": moment(date),
    "date_from_datetime_inexact": f"{moment(date)}, without a time",
    "datetime_type": moment(datetime),
    "datetime_parsing": moment(datetime),
    "datetime_from_date_parsing": moment(datetime),
    "datetime_object_invalid": moment(datetime),
    "timezone_naive": "a time without a time zone",
    "timezone_aware": "a time with a time zone",
    "date_past": "a date in the past",
    "date_future": "a date in the future",
    "datetime_past": "a time in the past",
    "datetime_future": "a time in the future",
    "time_type": moment(time),
    "time_parsing": moment(time),
    "time_delta_type": "a number of seconds, or a duration such as PT1H30M",
    "time_delta_parsing": "a number of seconds, or a duration such as PT1H30M",
    "uuid_type": "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    "uuid_parsing": "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    "path_type": "a path",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "bytes_too_short": "at least {min_length} bytes long",
    "bytes_too_long": "at most {max_length} bytes long",
    "too_short": "have at least {min_length} items",
    "too_long": "have at most {max_length} items",
    "decimal_max_digits": "a number of at most {max_digits} digits",
    "decimal_max_places": "a number with at most {decimal_places} decimal places",
    "decimal_whole_digits": "a number with at most {whole_digits} digits before the point",
}
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument", "missing_positional_only_argument")
_UNKNOWN = ("extra_forbidden", "no_such_attribute", "unexpected_keyword_argument", "unexpected_positional_argument")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with one part of a value.

    Args:
        path: where the part is, as the language writes it (``lines[0].qty``); empty for the value itself.
        text: the requirement (``must be a whole number``), or another description of the problem.
        found: a description of the value given, if the text does not have one.
    """

    path: str
    text: str
    found: str = ""

    def __str__(self) -> str:
        said = f"{self.text}, not {self.found}" if self.found else self.text
        return f"{self.path}: {said}" if self.path else said


def problem_at(value: Any, path: Path, text: str, *, secret: bool = False) -> Problem:
    """Makes the problem of a part of a value that has the wrong type or value."""
    part = part_at(value, path)
    hidden = type(part) is str and (secret or any(isinstance(step, str) and is_secret(step) for step in path))
    return Problem(_path_text(path), text, "another string" if hidden else given(part))


def problems_of(error: ValidationError, value: Any, *, secret: bool = False) -> list[Problem]:
    """Returns the problems with a value, part by part.

    What the members of a union expect of one part is one problem: it must be this or that.
    """
    found: dict[Path, list[Problem]] = {}
    for item in error.errors(include_url=False):
        path, rest = data_path(value, item["loc"])
        kind, context = item["type"], item.get("ctx", {})
        if kind in _MISSING and rest:
            name = rest[-1]
            problem = Problem(_path_text((*path, int(name) if name.isdigit() else name)), "is missing")
        elif kind in _UNKNOWN and path:
            problem = Problem(_path_text(path), "is not known here")
        elif kind == "invalid_key" or "[key]" in rest:
            problem = Problem(_path_text(path), f"is a wrong key: {_expected(item['type'], item['msg'], context)}")
        else:
            problem = problem_at(value, path, _expected(kind, item["msg"], context), secret=secret)
            if not problem.text.startswith("must "):  # a sentence of its own
                problem = Problem(problem.path, problem.text)
        if problem not in found.setdefault(path, []):
            found[path].append(problem)
    return [one for problems in found.values() for one in _merged(problems)]


def text_of_problems(problems: list[Problem]) -> str:
    """Joins several problems into one text; only the first ones if there are many."""
    more = len(problems) - _MOST_PROBLEMS
    return "; ".join(map(str, problems[:_MOST_PROBLEMS])) + (f"; and {more} more" if more > 0 else "")


def _merged(problems: list[Problem]) -> list[Problem]:
    """Merges problems of the same part into one: ``must be a whole number or a list``."""
    alike = [one for one in problems if one.found and one.text.startswith("must be ")]
    if len(alike) < 2:
        return problems
    options = " or ".join(one.text.removeprefix("must be ") for one in alike)
    return [
        Problem(alike[0].path, f"must be {options}", alike[0].found),
        *(one for one in problems if one not in alike),
    ]


def _expected(kind: str, message: str, context: dict[str, Any]) -> str:
    if kind in _EXPECTED:
        expected = _EXPECTED[kind].format_map(context)
        return f"must {expected}" if expected.startswith("have ") else f"must be {expected}"
    if kind in ("literal_error", "enum"):
        return f"must be {_quoted(str(context['expected']))}"
    if kind == "union_tag_invalid":
        tags = _quoted(str(context["expected_tags"]).replace(", ", " or "))
        return f"must have {str(context['discriminator']).strip(_QUOTE)} {tags}"
    if kind == "union_tag_not_found":
        return f"must have {str(context['discriminator']).strip(_QUOTE)}"
    if kind in ("value_error", "assertion_error"):
        return _cut(str(context.get("error", "")) or message)
    # Whatever else there is: without the beginning that all of these messages share.
    return _cut("must " + message.removeprefix("Input should ") if message.startswith("Input should ") else message)


def _quoted(options: str) -> str:
    """The options of an enumeration, in the quotation marks of the language."""
    return _cut(re.sub(r"(?<!\S)'(.*?)'(?=, | or |$)", r'"\1"', options))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _path_text(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() and len(step) <= _LONGEST:
            text += f".{step}"
        else:
            text += f'["{_cut(step)}"]'
    return text.removeprefix(".")
