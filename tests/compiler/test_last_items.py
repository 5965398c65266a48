"""The last item, by the length: read and taken off as such, and with the error of its own where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from .support import run

VALUES: list[Any] = [[], [5], [5, [6]], "", "x", "xyz", {}, {"0": 1}, {"-1": 1}, None, 5, True]


def wanted_last(value: Any) -> Any:
    """What ``value[len(value) - 1]`` gives, or the code of its error."""
    if not isinstance(value, list | str | dict):
        return 7
    if isinstance(value, dict):
        return value.get(str(len(value) - 1))
    return value[-1] if value else 8


def given(text: str, value: Any) -> Any:
    outcome = run(text, value)
    return outcome.code or outcome.result


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "text",
    [
        "return a[len(a) - 1]",
        "set x = a[len(a) - 1]\nreturn x",
        'set m = {"k": [a]}\nset x = m.k[0][len(m.k[0]) - 1]\nreturn x',
        "if a[len(a) - 1] == 7\n  return 0\nendif\nreturn a[len(a) - 1]",
    ],
)
def test_it_is_what_the_index_gives(text: str, value: Any) -> None:
    wanted = wanted_last(value)
    assert given(text, value) == wanted


@pytest.mark.parametrize("value", VALUES)
def test_it_is_taken_off(value: Any) -> None:
    found = given("set a = tool.list.Slice(a, 0, len(a) - 1)\nreturn a", value)
    if isinstance(value, list):
        assert found == value[:-1]
    else:
        assert found == (4 if isinstance(value, str | dict | None) else 7)


@pytest.mark.parametrize("by", ["true", "1.0", "2", '"1"'])
def test_only_one_less_than_the_length_is_the_last(by: str) -> None:
    found = given(f"return a[len(a) - {by}]", [5, 6, 7])
    assert found == {"true": 7, "1.0": 7, "2": 6, '"1"': 7}[by]
    sliced = given(f"set a = tool.list.Slice(a, 0, len(a) - {by})\nreturn a", [5, 6, 7])
    assert sliced == {"true": 7, "1.0": [5, 6], "2": [5], '"1"': [5, 6]}[by]


def test_what_else_holds_the_list_keeps_it() -> None:
    text = "set xs = [1, 2]\nset ys = xs\nset xs = tool.list.Slice(xs, 0, len(xs) - 1)\nreturn [xs, ys]"
    assert given(text, None) == [[1], [1, 2]]


SUMS = """set v = {owner}
set i = 0
while i == 0
  set i = {at}
  if i == 0
    break
  endif
endwhile
set k = {index}
{read}"""


@pytest.mark.parametrize("at", [0, 1, 2, -1, -2, 2**70, -(2**70), 2**4096 - 1])
@pytest.mark.parametrize("index", ["i + 1", "i - 1", "1 + i - 2", "i + i"])
@pytest.mark.parametrize("owner", ["[5, 6, 7]", '"abc"', '{"1": 5, "2": 6}'])
def test_an_index_that_is_a_sum_is_the_sum(owner: str, index: str, at: int) -> None:
    number = str(at) if at >= 0 else f"(-{-at})"
    found = [
        given(SUMS.format(owner=owner, at=one, index=index, read=read), at)
        for one in (number, "a")
        for read in (f"set x = v[{index}]\nreturn x", "return v[k]")
    ]
    assert len({repr(one) for one in found}) == 1
