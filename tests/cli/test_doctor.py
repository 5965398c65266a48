"""``neuroscript doctor``: what is missing or in the way is told, each with what to do."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from neuroscript.cli import doctor, plugin_commands
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "NEUROSCRIPT_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def findings(neuroscript: Command, section: str, *more: str, status: int = 0) -> dict[str, dict[str, Any]]:
    done = neuroscript("doctor", "--format", "jsonl", *more)
    assert done.status == status
    return {row["subject"]: row for row in done.rows if row["section"] == section}


def test_a_sound_installation(neuroscript: Command) -> None:
    done = neuroscript("doctor")
    assert (done.status, done.err) == (0, "")
    assert re.search(r"^  ok       Python: \S+ 3\.\d+", done.out, re.MULTILINE)
    assert "problem" not in done.out
    assert findings(neuroscript, "versions")["httpx"]["told"] == metadata.version("httpx")


def test_every_extra_that_is_not_for_developers_has_its_purpose() -> None:
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    told = {name for name in extras if not re.fullmatch(r"dev|bench|docs|.*-test", name)}
    assert told == set(doctor.EXTRAS) - {"docs"}


def test_an_extra_that_is_missing_is_a_note_with_how_to_install_it(
    neuroscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = metadata.version

    def version(name: str) -> str:
        if name in ("pygls", "lark"):
            raise metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(metadata, "version", version)
    lsp = findings(neuroscript, "extras", status=1)["lsp"]
    assert (lsp["level"], lsp["cure"]) == ("note", 'pip install "neuroscript[lsp]"')
    lark = findings(neuroscript, "versions", status=1)["lark"]
    assert (lark["level"], lark["cure"]) == ("problem", "pip install neuroscript")


@pytest.mark.skipif(sys.platform == "win32", reason="rights are those of POSIX")
def test_a_directory_that_others_may_write_in_is_a_problem(neuroscript: Command, tmp_path: Path) -> None:
    found = findings(neuroscript, "directories")
    assert {each["level"] for each in found.values()} == {"ok"}
    place = tmp_path / "data" / "neuroscript"
    place.mkdir(parents=True)
    place.chmod(0o777)
    [data] = [each for name, each in findings(neuroscript, "directories", status=1).items() if name.startswith("data")]
    assert data["level"] == "problem"
    assert "others may write in it (mode 777)" in data["told"]


def test_configuration_files_are_told_with_their_standing(neuroscript: Command, tmp_path: Path) -> None:
    (tmp_path / "neuroscript.toml").write_text('[policy]\nmanage = "all"\n')
    (tmp_path / "user" / "neuroscript").mkdir(parents=True)
    (tmp_path / "user" / "neuroscript" / "config.toml").write_text("[limits]\nmax_step = 3\n")
    found = findings(neuroscript, "configuration", status=1)
    assert found["yours"]["level"] == "problem"
    assert "did you mean 'max_steps'?" in found["yours"]["told"]
    assert found["project"]["level"] == "note"
    assert found["project"]["cure"] == f"to trust it: neuroscript trust {tmp_path / 'neuroscript.toml'}"


def test_a_plugin_that_cannot_be_loaded_is_a_problem(neuroscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def entries(group: str) -> list[metadata.EntryPoint]:
        return [metadata.EntryPoint("greet", "no_such_module", group)]

    monkeypatch.setattr(doctor, "entries", entries)
    monkeypatch.setattr(plugin_commands, "entries", entries)
    found = findings(neuroscript, "plugins", status=1)
    assert found["greet"]["level"] == found["command greet"]["level"] == "problem"
    assert "No module named 'no_such_module'" in found["greet"]["told"]
