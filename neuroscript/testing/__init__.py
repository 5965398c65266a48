"""Tests of NeuroScript programs: the runner behind ``neuroscript test`` and the pytest plugin.

A test is a procedure whose name begins with ``test_``, in a file whose name ends with ``_test.ns``.  Each runs in an
interpreter of its own, with a directory of its own, and passes if nothing in it fails.
"""

from __future__ import annotations
