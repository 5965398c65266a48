"""Locks that show whether their holder is alive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ai_wm.support.process_lock import try_hold

HOLDER = """
import sys
from pathlib import Path
from ai_wm.support.process_lock import try_hold
lock = try_hold(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    first = try_hold(path)
    assert first is not None
    assert try_hold(path) is None
    first.release()
    first.release()
    second = try_hold(path)
    assert second is not None
    second.remove()
    assert not path.exists()
    second.remove()


def test_a_lock_that_nobody_refers_to_is_free(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    lock = try_hold(path)
    del lock
    assert try_hold(path) is not None


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert try_hold(path) is None
        holder.kill()
        holder.wait()
    assert try_hold(path) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open cannot be removed there")
def test_a_file_that_was_removed_meanwhile_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would hold the lock: one of the file that was, one of the file that has its name now."""
    from ai_wm.support import process_lock

    path, opened = tmp_path / "x.lock", process_lock.open_private
    removals = [path]

    def slow(*arguments: object) -> int:
        descriptor = opened(*arguments)  # type: ignore[arg-type]
        if removals:
            removals.pop().unlink()
        return descriptor

    monkeypatch.setattr(process_lock, "open_private", slow)
    lock = try_hold(path)
    assert lock is not None
    assert path.exists()
    assert try_hold(path) is None


def test_what_the_file_holds_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text("mine")
    lock = try_hold(path)
    assert lock is not None
    assert path.read_text() == "mine"
    assert os.stat(path).st_size == 4
