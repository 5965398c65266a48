"""Which quotients of whole numbers are known to be whole."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.exact import exact_quotients
from neuroscript.compiler.resolve import resolve
from neuroscript.syntax.parser import parse


def found(text: str) -> int:
    """How many divisions in the body of a procedure are known to be exact."""
    return len(exact_quotients(resolve(parse(f"func main(needs n, k) means\n{text}\nendfunc\n")).bodies[0]))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("return (n - n % 10) / 10", 1),
        ("return (n - n % k) / k", 1),
        ("return (n - n % 10) / 5", 0),
        ("return (n - k % 10) / 10", 0),
        ("return n / 2", 0),
        ("if n % 2 == 0\n  return n / 2\nendif\nreturn n / 2", 1),
        ("if n % 2 != 0\n  return 0\nendif\nreturn n / 2", 1),
        ("if n % 2 == 1\n  return 0\nendif\nreturn n / 2", 0),
        ("if n % 2 == 0\n  return n / 3\nendif", 0),
        ("if n % k == 0\n  return n / k\nendif", 1),
        ("if n % k == 0\n  set k = k + 1\n  return n / k\nendif", 0),
        ("if n % 2 == 0 and k > 0\n  return n / 2\nendif", 1),
        ("if n % 2 == 0 or k > 0\n  return n / 2\nendif", 0),
        ("if not (n % 2 == 0)\n  return 1\nelse\n  return n / 2\nendif", 1),
        ("while n % 2 == 0\n  set n = n / 2\nendwhile\nreturn n / 2", 1),
        ("while n % 2 == 0\n  set n = n / 2\n  set n = n / 2\nendwhile", 1),
        ("if n % 2 == 0\n  while n > 0\n    set k = n / 2\n    set n = n - 1\n  endwhile\nendif", 0),
        ("on error do\n  clear_error\nendon\nif n % 2 == 0\n  return n / 2\nendif", 0),
        ("on error do\n  clear_error\nendon\nreturn (n - n % 2) / 2", 1),
    ],
)
def test_exact_quotients(text: str, count: int) -> None:
    assert found(text) == count
