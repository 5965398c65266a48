"""The modules of `ai_wm` import one another in no circle, be it inside a function or for type checkers alone."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ai_wm

ROOT = Path(ai_wm.__file__).parent

FACADE = "ai_wm"
"""Importing it imports nothing; it names what is public, wherever that is."""


def imports() -> dict[str, set[str]]:
    """The modules that each module imports, anywhere in it."""
    files = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found[name] |= {f"{node.module}.{alias.name}" for alias in node.names} & files.keys() or {node.module}
            elif isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
    return {name: needed & files.keys() for name, needed in found.items() if name != FACADE}


def test_there_are_no_circles() -> None:
    try:
        tuple(TopologicalSorter(imports()).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")
