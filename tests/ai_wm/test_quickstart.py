"""The quick start does what it shows, twice on the same directory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from neuroscript.cli import main

PROGRAM = Path(__file__).parents[2] / "examples" / "quickstart.ns"


def test_the_quick_start_runs_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--sandbox", str(tmp_path), str(PROGRAM)]
    assert main(arguments) == 0
    first = capsys.readouterr()
    assert first.err == ""
    for line in (
        "   guide is new, on local/scripted",
        "   < Take the ferry: it is slow, and worth it.",
        "   Name a star. -> echo: Name a star. (7 tokens)",
        "   after 3 more answers",
        "   helper            6     100%       36    0.057      4.5",
    ):
        assert line in first.out.splitlines()
    assert re.search("^   refused: max_requests_per_minute is 6; try again in [0-9]+ s$", first.out, re.MULTILINE)
    assert main(arguments) == 0
    second = capsys.readouterr().out
    assert "   helper is there already, with 6 tasks done" in second.splitlines()
    assert "   guide             4     100%       60    0.000      0.0" in second.splitlines()

    definitions = json.loads((tmp_path / "ai_worker_definitions.json").read_text())
    assert [entry["name"] for entry in definitions] == ["guide", "helper"]
    entries = json.loads((tmp_path / "ai_worker_performance_data.json").read_text())
    assert sum(not entry["instance_id"].startswith("stateless-") for entry in entries) == 2
    with AIWorkerManager(tmp_path) as manager:
        assert manager.list_active_worker_instances() == []
        assert manager.performance_summary("guide").active_instances_count == 0


def test_the_quick_start_is_free_of_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", "jsonl", str(PROGRAM)]) == 0
    assert json.loads(capsys.readouterr().out)["diagnostics"] == []
