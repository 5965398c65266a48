"""Findings as SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from neuroscript.cli.source import STDIN, STDIN_NAME
from neuroscript.errors import Diagnostic, ErrorCode
from neuroscript.lint.rules import RULES
from neuroscript.version import __version__

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def sarif_log(checked: Iterable[tuple[str, Sequence[Diagnostic]]], unread: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The log of one run of ``check``.

    Args:
        checked: each file as it was named, with its findings.
        unread: the files that could not be read, each with the reason.
    """
    rules: dict[str, dict[str, Any]] = {rule.code: _rule(rule.name) for rule in RULES.values()}
    results = []
    for path, findings in checked:
        for found in findings:
            key = found.rule or _error_id(found.code)
            if key not in rules:
                rules[key] = _error(found.code)
            results.append(_result(path, found, key, list(rules).index(key)))
    notifications = [
        {"level": "error", "message": {"text": reason}, "locations": [{"physicalLocation": _artifact(path)}]}
        for path, reason in unread
    ]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "neuroscript check", "version": __version__, "rules": list(rules.values())}},
        "invocations": [{"executionSuccessful": not notifications, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    rule = RULES[name]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": f"{rule.explanation}\n\nWrong:\n{rule.wrong}\n\nRight:\n{rule.right}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _error_id(code: int) -> str:
    return f"error-{int(code)}"


def _error(code: int) -> dict[str, Any]:
    """An error of the language as a rule."""
    name = ErrorCode(code).name.lower().replace("_", "-")
    return {"id": _error_id(code), "name": name, "defaultConfiguration": {"level": "error"}}


def _result(path: str, found: Diagnostic, rule: str, index: int) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(found.line, 1), "startColumn": max(found.column, 1)}
    if found.end_column > found.column:
        region["endColumn"] = found.end_column
    if found.source_line:
        region["snippet"] = {"text": found.source_line}
    text = f"{found.message} (hint: {found.hint})" if found.hint else found.message
    return {
        "ruleId": rule,
        "ruleIndex": index,
        "level": _LEVELS[found.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": {**_artifact(path), "region": region}}],
    }


def _artifact(path: str) -> dict[str, Any]:
    """A file by a reference relative to the working directory where it lies there, else by its URL."""
    if path == STDIN:
        return {"artifactLocation": {"uri": quote(STDIN_NAME)}}
    relative = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    if relative.split(os.sep)[0] == os.pardir:
        location = os.path.abspath(path).replace(os.sep, "/")
        return {"artifactLocation": {"uri": "file://" + ("" if location.startswith("/") else "/") + quote(location)}}
    return {"artifactLocation": {"uri": quote(relative.replace(os.sep, "/"))}}
