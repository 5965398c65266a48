"""Every standard tool, with values as large, long, deep and odd as a program can make them.

A tool works in one go, and the run looks at its clock and its memory when the tool is done, or says so itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuroscript.stdlib import standard_registry

ROOT = Path(__file__).parents[2]
GROUPS = sorted({spec.group for spec in standard_registry().specs()})
MEGABYTES = 200
INTERNAL = 6
"""The code of a failure that is the interpreter's own fault."""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform makes processes otherwise")
@pytest.mark.parametrize("group", GROUPS)
def test_no_call_of_a_tool_takes_more_than_its_share(group: str) -> None:
    """One call would outrun the run's time, fill its memory, or end in a failure of Python's."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.sizes", group], capture_output=True, text=True, timeout=3600, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert calls
    bad = [call for call in calls if call["code"] < 0 or call["code"] == INTERNAL or call["megabytes"] > MEGABYTES]
    assert not bad
    long = [call for call in calls if call["message"] > 70_000]
    assert not long
