"""Plugins are found where `importlib.metadata` finds them."""

from __future__ import annotations

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from neuroscript import plugins

OURS = f"[console_scripts]\nx = y:z\n\n[{plugins.GROUP}]\nfirst = one.module:register\nsecond = two\n"
STANDARD = [place for place in sys.path if Path(place).is_dir() and not list(Path(place).glob("*-info"))]
OTHERS = "[console_scripts]\nx = y:z\n"


def distribution(place: Path, name: str, text: str | None = None) -> None:
    """Installs a distribution as far as it tells of its entry points."""
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Name: {name.partition('-')[0]}\nVersion: 1\n")
    if text is not None:
        (folder / "entry_points.txt").write_text(text, encoding="utf-8")


def found(path: list[str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    monkeypatch.setattr(sys, "path", [*path, *STANDARD])
    mine = [(entry.name, entry.value) for entry in plugins._entries()]
    assert sorted(mine) == sorted((entry.name, entry.value) for entry in metadata.entry_points(group=plugins.GROUP))
    return mine


def test_what_is_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "ours-1.0.dist-info", OURS)
    distribution(tmp_path, "others-1.0.dist-info", OTHERS)
    distribution(tmp_path, "plain-1.0.dist-info")
    distribution(tmp_path, "mention-1.0.dist-info", f"[console_scripts]\nx = {plugins.GROUP}:z\n")
    distribution(tmp_path, "legacy.egg-info", f"[{plugins.GROUP}]\nthird = three:make\n")
    distribution(tmp_path, "no_distribution", OURS)
    assert sorted(found([str(tmp_path)], monkeypatch)) == [
        ("first", "one.module:register"),
        ("second", "two"),
        ("third", "three:make"),
    ]


def test_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path / "a", "Ours-2.0.dist-info", OTHERS)
    distribution(tmp_path / "b", "ours-1.0.dist-info", OURS)
    assert found([str(tmp_path / "a"), str(tmp_path / "b")], monkeypatch) == []
    assert len(found([str(tmp_path / "b"), str(tmp_path / "a"), str(tmp_path / "b")], monkeypatch)) == 2


def test_places_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path / "a", "ours-1.0.dist-info", OURS)
    monkeypatch.chdir(tmp_path / "a")
    assert len(found([str(tmp_path / "missing.zip"), "", str(tmp_path / "missing")], monkeypatch)) == 2


def test_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("ours-1.0.dist-info/METADATA", "Name: ours\nVersion: 1\n")
        archive.writestr("ours-1.0.dist-info/entry_points.txt", OURS)
    assert len(found([str(tmp_path / "archive.zip")], monkeypatch)) == 2
    distribution(tmp_path / "legacy-1.0.egg", "EGG-INFO", OURS)
    assert len(found([str(tmp_path / "legacy-1.0.egg")], monkeypatch)) == 2


def test_their_functions_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "ours-1.0.dist-info", f"[{plugins.GROUP}]\npath = os.path:join\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *STANDARD])
    [function] = plugins.installed()
    assert function.__name__ == "join"
