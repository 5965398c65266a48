"""What all tests share."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroscript import Interpreter

# The user's own directory for caches is none of the tests' business; those of the cache have their own.
os.environ["NEUROSCRIPT_NO_CACHE"] = "1"

# Nor is the one for data, which holds the key that marks the definitions of the host.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="neuroscript-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_DATA_HOME"], ignore_errors=True)

# How long an example takes is no property of the code under test: the machine may be busy.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

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


@pytest.fixture(autouse=True, scope="module")
def _small_heap() -> None:
    """Takes what earlier modules left out of the garbage collector's sight: tests collect garbage hundreds of times."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Takes what was collected out of the garbage collector's sight: looking for garbage among it takes a second."""
    given(st.none())(lambda value: None)()  # which asks the collector who holds its generator, once
    gc.collect()
    gc.freeze()
