"""What all tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from neuroscript import Interpreter

# The user's own directory for caches is none of the tests' business; those of the cache have their own.
os.environ["NEUROSCRIPT_NO_CACHE"] = "1"

# The first run raises Python's recursion limit to what the default call depth needs, and hypothesis warns when that
# happens in the middle of a test.
with Interpreter(plugins=False) as _interpreter:
    _interpreter.execute("")


@pytest.fixture(autouse=True)
def _recursion_limit() -> Iterator[None]:
    """Takes back what a run without a limit on its call depth made of Python's, for the tests that come after it."""
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)
