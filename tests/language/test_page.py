"""The page on the language has everything that the language has."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from neuroscript import Interpreter, Limits
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax.tables import BUILTIN_WORDS, KEYWORDS, PUNCTUATION, SOFT_WORDS
from neuroscript.values.kinds import TYPE_CONSTANTS
from tests.primer.test_language import statements
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")

OPERATORS = [*sorted(set(PUNCTUATION) - set("()[]{},:=.")), "and", "or", "not", "no", "some", "typeof"]


def section(title: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {title}$(.*?)(?=^#{{1,2}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[2]


def code(text: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("beginning", statements())
def test_every_statement_has_its_row(beginning: str) -> None:
    assert any(re.match(rf"{beginning}\b", piece) for piece in code(section("Statements")))


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_its_row(operator: str) -> None:
    assert operator in [piece.replace("\\", "") for piece in code(section("Expressions"))]


@pytest.mark.parametrize("name", ["len", *BUILTINS])
def test_every_built_in_function_has_its_row(name: str) -> None:
    assert f"{name}(x)" in code(section("Built-in functions"))


@pytest.mark.parametrize(("constant", "name"), TYPE_CONSTANTS.items())
def test_every_type_has_its_row(constant: str, name: str) -> None:
    assert f"| `{name}` | `{constant}` |" in section("Values")


@pytest.mark.parametrize("limit", [field.name for field in fields(Limits)])  # type: ignore[arg-type]
def test_every_limit_has_its_row_with_its_default(limit: str) -> None:
    default = getattr(Limits(), limit)
    shown = "none" if default is None else f"{default:,.0f}"
    assert re.search(rf"^\| `{limit}` \| .* \| {shown} \|$", section("Limits"), re.MULTILINE)


def test_reserved_words_are_those_of_the_grammar() -> None:
    found = re.search(r"name nothing: `([\w\s]+)`.*no procedures: `([\w\s]+)`", section("Reserved words"), re.DOTALL)
    assert found is not None
    assert set(found[1].split()) == KEYWORDS.keys() - SOFT_WORDS
    assert set(found[2].split()) == BUILTIN_WORDS | SOFT_WORDS


CURES = [
    piece
    for row in section("Coming from Python or JavaScript").splitlines()
    for piece in code(row.split(" | ")[-1])
    if "…" not in piece and (re.match(r"(set|emit|call|for each)\b", piece) or piece.split()[0] not in KEYWORDS)
]


@pytest.mark.parametrize("cure", CURES)
def test_what_is_to_be_written_can_be_written(cure: str) -> None:
    statement = cure if re.match(r"(set|emit|call|for)\b", cure) else f"emit {cure}"
    end = "endfor" if cure.startswith("for each") else ""
    names = "x xs m s a b k c name".replace(" ", ", ")
    with Interpreter() as interpreter:
        interpreter.load(f"func f(needs x) means\nendfunc\nfunc main(needs {names}) means\n{statement}\n{end}\nendfunc")
