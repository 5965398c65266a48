"""Where the user's own files are: as `platformdirs` says, without its import."""

from __future__ import annotations

import sys
from pathlib import Path

import platformdirs
import pytest

from neuroscript.user_directories import own_paths, user_directory

KINDS = {
    "cache": platformdirs.user_cache_dir,
    "config": platformdirs.user_config_dir,
    "data": platformdirs.user_data_dir,
    "state": platformdirs.user_state_dir,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_is_that_of_platformdirs(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def expected() -> str:
        return KINDS[kind]("neuroscript", appauthor=False)

    variable = f"XDG_{kind.upper()}_HOME"
    monkeypatch.delenv(variable, raising=False)
    assert user_directory(kind) == expected()
    assert expected() in own_paths()
    if sys.platform == "linux":
        usual = expected()
        monkeypatch.setenv(variable, str(tmp_path))
        assert user_directory(kind) == expected() == str(tmp_path / "neuroscript")
        assert {usual, expected()} <= set(own_paths())  # another process may not have the variable
        monkeypatch.setenv(variable, "relative")
        assert user_directory(kind) is None
