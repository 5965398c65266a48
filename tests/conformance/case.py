"""The conformance cases as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True, slots=True)
class ConformanceCase:
    """A program, how it is run, and what it does.

    ``emits`` are texts; ``error`` holds ``code`` and, where it is laid down, ``line``.
    """

    name: str
    path: Path
    source: str
    entry: str | None
    args: list[Any]
    events: list[tuple[str, Any]]
    emits: list[str]
    result: Any
    error: dict[str, int] | None


def run_cases() -> list[ConformanceCase]:
    """Every case that runs a program."""
    paths = sorted(CASES.glob("run/*.json")) + sorted(CASES.glob("programs/*.json"))
    return [_read(path) for path in paths]


def _read(path: Path) -> ConformanceCase:
    facts = json.loads(path.read_text(encoding="utf-8"))
    return ConformanceCase(
        name=f"{path.parent.name}/{path.stem}",
        path=path.with_suffix(".ns"),
        # Bytes, so that a carriage return or a byte order mark reaches the language as it is.
        source=path.with_suffix(".ns").read_bytes().decode("utf-8"),
        entry=facts["entry"],
        args=facts.get("args") or [],
        events=[(name, payload) for name, payload in facts.get("events") or []],
        emits=facts["emits"],
        result=facts.get("result"),
        error=facts.get("error"),
    )


@dataclass(frozen=True, slots=True)
class ParseCase:
    """A program text and whether it is valid; ``code`` and ``line`` of its first error where they are laid down."""

    name: str
    source: bytes
    valid: bool
    code: int | None
    line: int | None


def parse_cases() -> list[ParseCase]:
    """Every case of the manifest."""
    manifest = json.loads((CASES / "parse" / "manifest.json").read_text(encoding="utf-8"))
    return [
        ParseCase(name, (CASES / "parse" / name).read_bytes(), facts["valid"], facts.get("code"), facts.get("line"))
        for name, facts in sorted(manifest.items())
    ]


def check_outcome(
    case: ConformanceCase, emits: list[str], result: Any, error: tuple[int, int] | None, message: str = ""
) -> None:
    """Asserts what a case lays down; ``error`` is the code and the line of the error that ended the run."""
    assert emits == case.emits, message
    if case.error is None:
        assert error is None, message
        if case.entry is not None:
            assert result == case.result
        return
    assert error is not None, f"error {case.error} is expected"
    assert error[0] == case.error["code"], message
    if case.error.get("line") is not None:
        assert error[1] == case.error["line"], message
