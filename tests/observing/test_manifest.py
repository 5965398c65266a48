"""What the extension for VS Code offers in a launch configuration is what the debugger reads there."""

from __future__ import annotations

import json
from pathlib import Path

from neuroscript.cli.debug import LAUNCH

MANIFEST = Path(__file__).parents[2] / "editors" / "vscode" / "package.json"


def test_launch_configurations() -> None:
    [debugger] = json.loads(MANIFEST.read_text(encoding="utf-8"))["contributes"]["debuggers"]
    offered = set(debugger["configurationAttributes"]["launch"]["properties"])
    assert offered | {"noDebug"} == LAUNCH
