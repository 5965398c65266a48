"""A program of too many words and signs is refused before they take room."""

from __future__ import annotations

import pytest

from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.syntax.parser import parse


def test_a_source_of_signs_alone_is_refused_where_it_goes_too_far() -> None:
    with pytest.raises(NeuroScriptSyntaxError, match="more than 400,000 words and signs") as caught:
        parse("func f means\nemit a" + ".a" * 300_000 + "\nendfunc\n")
    assert caught.value.code == 37
    assert caught.value.line == 2


def test_without_a_limit_on_the_source_there_is_none_on_its_tokens() -> None:
    text = "func f means\nemit [" + "1," * 210_000 + "]\nendfunc\n"
    with pytest.raises(NeuroScriptSyntaxError):
        parse(text)
    assert parse(text, limits=Limits(max_source=None)).procedures[0].name == "f"
