"""The programs of many kinds give what their twins in Python give."""

from __future__ import annotations

import kinds
import pytest


@pytest.mark.parametrize("name", kinds.NAMES)
def test_a_program_gives_what_its_twin_gives(name: str) -> None:
    given = kinds.GIVEN[name]
    results = [kinds.comparable(name, twin(given)) for twin in (kinds.in_python(name), kinds.in_neuroscript(name))]
    assert results[0] == results[1]


def test_every_program_is_given_something() -> None:
    assert set(kinds.NAMES) == kinds.GIVEN.keys()
