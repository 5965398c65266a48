"""What all tests share."""

from __future__ import annotations

import os

from neuroscript import Interpreter

# The user's own directory for caches is none of the tests' business; those of the cache have their own.
os.environ["NEUROSCRIPT_NO_CACHE"] = "1"

# The first run raises Python's recursion limit to what the default call depth needs, and hypothesis warns when that
# happens in the middle of a test.
with Interpreter(plugins=False) as _interpreter:
    _interpreter.execute("")
