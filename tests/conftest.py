"""What all tests share."""

from __future__ import annotations

from neuroscript import Interpreter

# The first run raises Python's recursion limit to what the default call depth needs, and hypothesis warns when that
# happens in the middle of a test.
with Interpreter(plugins=False) as _interpreter:
    _interpreter.execute("")
