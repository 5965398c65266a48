"""Tools for definitions, records and instances whose end is not known: they find out themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ai_wm.journal.administering import EXPECTED, STEPS, state_in

TIMEOUT = 60


def start(directory: Path, *kill: str) -> int:
    command = [sys.executable, "-m", "tests.ai_wm.journal.administering", str(directory), *kill]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("tool", STEPS)
def test_a_call_that_was_cut_off_is_done_once(tool: str, when: str, tmp_path: Path) -> None:
    assert start(tmp_path, tool, when) == -9
    assert start(tmp_path) == 0
    assert state_in(tmp_path) == EXPECTED
