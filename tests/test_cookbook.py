"""Every program of the cookbook does what it says, on the built-in models."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroscript import Interpreter
from neuroscript.cli import main

PROGRAMS = Path(__file__).parent.parent / "examples" / "cookbook"

OUTCOMES = {
    "ask-a-model": [
        "echo: Why are there two tides a day?",
    ],
    "best-worker": [
        "clear has 5 of 5",
    ],
    "budget": [
        "the budget is used up",
        "2 of 4 done, for 0.80",
    ],
    "check-input": [
        "accepted: 3 bolt",
        "refused: must does not hold: order.count > 0 is false",
        "refused: an order needs an item",
    ],
    "classify": [
        "Lovely tea! -> praise",
        "My cup is broken. -> complaint",
        "Hm. -> not sorted (16)",
        "Thank you. -> praise",
    ],
    "conversation": [
        "user: Good morning.",
        "assistant: Hello! Where to?",
        "user: To the island.",
        "assistant: Take the ferry.",
    ],
    "costs": [
        "helper    2 tasks   18 tokens   0.028",
        "dear: echo: Name a very long river.",
    ],
    "csv-report": [
        "north      14.90",
        "south       3.50",
    ],
    "due-dates": [
        "2026-02-28",
        "Mon 16 February 2026",
        "Mon 02 March 2026",
    ],
    "fallbacks": [
        "I am the spare one.",
        "main has failed 1 time",
    ],
    "file-index": [
        "The moon (notes/moon.md, 25 bytes)",
        "Tides (notes/tides.md, 22 bytes)",
    ],
    "first-that-works": [
        "2026-05-04 -> 04 May 2026",
        "4.5.2026 -> 04 May 2026",
        "soon -> no date",
    ],
    "json-defaults": [
        '{"title": "Tides", "page": {"size": 20, "wide": true}}',
        "refused: /page/size",
    ],
    "letters": [
        "Dear Ann,",
        "on its way to you: 2 of our best cups.",
        "Dear Bo,",
        "on its way to you: 1 of our best cups.",
    ],
    "log-summary": [
        '{"INFO": 1, "WARN": 1, "ERROR": 2}',
        "09:14 no answer from south",
        "09:15 no answer from south",
    ],
    "long-text": [
        "3 pieces",
        '"echo: In one sentence: echo: Sum up: Sentence 1. Sentence..."',
    ],
    "orders": [
        "audit: bolts",
        "ALARM: a large order of nuts",
    ],
    "retry": [
        "attempt 1: the server is busy",
        "attempt 2: High at noon.",
    ],
    "review": [
        "round 1: Say what moves it.",
        "round 2: OK",
        "Tides are the sea that follows the moon.",
    ],
    "skip-bad-rows": [
        'left out: tool.str.ToNumber: string "twelve" does not read as a number',
        "total: 42",
    ],
    "structured-output": [
        "Ann will be 8",
    ],
    "summed-up": [
        "Noted.",
        "(begins anew: The tide was high at noon.)",
        "Noted.",
    ],
    "tools-for-a-model": [
        "There are 7 bolts, worth 21.",
        'called: ["func__stock", "math.Multiply"]',
    ],
    "vote": [
        '{"yes": 2, "no": 1}',
        "yes",
    ],
    "word-count": [
        "the: 3",
        "and: 2",
        "tide: 2",
    ],
}
"""What each program emits."""


def test_each_program_has_an_outcome() -> None:
    assert [path.stem for path in sorted(PROGRAMS.glob("*.ns"))] == list(OUTCOMES)
    assert len(OUTCOMES) >= 25


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_program_emits_its_outcome(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--sandbox", str(tmp_path), str(PROGRAMS / f"{name}.ns")]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == OUTCOMES[name]
    assert printed.err == ""


@pytest.mark.parametrize("name", OUTCOMES)
def test_nothing_is_found_in_a_program(name: str) -> None:
    with Interpreter() as interpreter:
        assert interpreter.check((PROGRAMS / f"{name}.ns").read_bytes(), name) == []


def test_the_index_of_files_is_written(tmp_path: Path) -> None:
    assert main(["run", "--sandbox", str(tmp_path), str(PROGRAMS / "file-index.ns")]) == 0
    assert (tmp_path / "index.txt").read_text(encoding="utf-8").splitlines() == OUTCOMES["file-index"]


def test_the_budget_is_kept_by_a_second_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = ["run", "--sandbox", str(tmp_path), str(PROGRAMS / "budget.ns")]
    assert main(program) == 0
    capsys.readouterr()
    assert main(program) == 0
    assert capsys.readouterr().out.splitlines() == ["the budget is used up", "0 of 4 done, for 0.80"]
