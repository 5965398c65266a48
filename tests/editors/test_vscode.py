"""The extension for VS Code, without VS Code: its own tests, and that it packs.

What they need of npm is installed with

    npm install --prefix .cache/vscode @vscode/vsce@4.1.0 vscode-tmgrammar-test@0.1.3 vscode-languageclient@9.0.1
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import neuroscript

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"
PACKAGES = ROOT / ".cache" / "vscode" / "node_modules"
TIMEOUT = 120

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here")
needs_packages = pytest.mark.skipif(not PACKAGES.is_dir(), reason=f"{PACKAGES} is not there: see above")


def run(*command: str, cwd: Path = EXTENSION) -> str:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@needs_node
def test_its_own_tests() -> None:
    run("node", "--test", *sorted(str(path) for path in (EXTENSION / "test").glob("*.test.js")))


@needs_node
@needs_packages
def test_its_grammar() -> None:
    run("node", str(PACKAGES / ".bin" / "vscode-tmgrammar-test"), "test/grammar/*.test.ns")


@needs_node
@needs_packages
def test_it_packs(tmp_path: Path) -> None:
    folder = tmp_path / "extension"
    shutil.copytree(EXTENSION, folder, ignore=shutil.ignore_patterns("node_modules"))
    for name in ("vscode-languageclient", "vscode-jsonrpc", "vscode-languageserver-protocol"):
        shutil.copytree(PACKAGES / name, folder / "node_modules" / name)
    run("node", str(PACKAGES / ".bin" / "vsce"), "package", "--no-dependencies", "-o", "x.vsix", cwd=folder)
    with zipfile.ZipFile(folder / "x.vsix") as packed:
        names = set(packed.namelist())
    assert {
        f"extension/{name}" for name in ("extension.js", "command.js", "syntaxes/neuroscript.tmLanguage.json")
    } <= names
    assert not any("test/" in name for name in names)


def test_it_is_of_the_version_of_the_package() -> None:
    assert json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))["version"] == neuroscript.__version__


def test_its_licence_is_that_of_the_package() -> None:
    assert (EXTENSION / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
