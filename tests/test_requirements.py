"""What the fast tests need: continuous integration has all of it, so that no test is skipped for want of a package."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.ai_wm.providers.test_aimock import VERSION as AIMOCK

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FAST = ("dev", "providers-test", "bench", "browser-test")
"""The extras that `make test` installs."""


def required(*extras: str) -> Iterator[Requirement]:
    """The requirements of extras, with those of the extras that they name in turn, for this Python."""
    for extra in extras:
        for text in PROJECT["optional-dependencies"][extra]:
            found = Requirement(text)
            if found.name == PROJECT["name"]:
                yield from required(*sorted(found.extras))
            elif found.marker is None or found.marker.evaluate():
                yield found


def test_make_test_installs_them() -> None:
    assert f"'.[{','.join(FAST)}]'" in MAKEFILE


@pytest.mark.skipif(not os.environ.get("CI"), reason="elsewhere what is missing is skipped, and says so")
def test_all_are_there() -> None:
    missing = []
    schema = re.search(r"^SARIF_SCHEMA := (\S+)$", MAKEFILE, re.MULTILINE)
    assert schema is not None
    for requirement in (*required(*FAST), Requirement(schema[1])):
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            missing.append(f"{requirement}, which is not installed")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            missing.append(f"{requirement}, of which {found} is installed")
    assert missing == []


def test_the_docs_name_the_versions_that_are_tested_against() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    pinned = [pin for extra in ("providers-test", "litellm-test", "model-test") for pin in required(extra)]
    versions = {pin.name: str(pin.specifier).removeprefix("==") for pin in pinned}
    versions.pop("gguf")  # which makes the models, and is not tested against
    versions["aimock"] = AIMOCK
    assert {name for name, number in versions.items() if number not in page} == set()
    assert f"npm install --prefix .cache/aimock @copilotkit/aimock@{AIMOCK}" in page
