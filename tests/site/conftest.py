"""The site of the documentation, built as `make docs` builds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(config: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Builds a site in a directory; a warning is a failure (but not with ``--quiet``, which does not count them)."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(directory)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the site."""
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    directory = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs" / "site" / "mkdocs.yml", directory)
    assert done.returncode == 0, done.stderr
    return directory
