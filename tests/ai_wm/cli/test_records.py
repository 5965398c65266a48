"""``neuroscript workers records``: searching, and the records of removed workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from tests.ai_wm.cli.test_workers import WORKER, Workers, json_rows, workers

__all__ = ["workers"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A sandbox with a worker of many answers, and one that was removed."""
    directory = tmp_path / "sandbox"
    with AIWorkerManager(directory) as manager:
        manager.add_worker_definition(WORKER)
        for prompt in ("Straße one", "two", "STRASSE three"):
            manager.execute_stateless_task("helper", prompt)
        judged = manager.execute_stateless_task("helper", "four").record
        manager.log_feedback(judged.task_id, 2, comments="too long-winded")
        replies = [{"error": "the server is down"}]
        manager.add_worker_definition(
            {**WORKER, "name": "old", "model_name": "scripted", "base_config": {"replies": replies}}
        )
        manager.execute_batch("old", ["x"])
        manager.remove_worker_definition("old")
    return directory


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("strasse", ["echo: STRASSE three", "echo: Straße one"]),
        ("TWO", ["echo: two"]),
        ("Long-Winded", ["echo: four"]),
        ("stop", ["echo: four", "echo: STRASSE three", "echo: two", "echo: Straße one"]),
        ("nowhere", []),
    ],
)
def test_search_looks_at_all_texts_in_whatever_case(
    sandbox: Path, workers: Workers, text: str, expected: list[str]
) -> None:
    status, output, _ = workers("records", "helper", "--search", text, "--format", "jsonl")
    assert status == 0
    assert [row["output_summary"] for row in json_rows(output)] == expected


def test_the_limit_is_of_what_was_found(sandbox: Path, workers: Workers) -> None:
    output = workers("records", "helper", "--search", "straße", "--limit", "2", "--format", "jsonl")[1]
    assert len(json_rows(output)) == 2
    assert len(json_rows(workers("records", "helper", "--limit", "1", "--format", "jsonl")[1])) == 1


def test_search_goes_with_the_other_conditions(sandbox: Path, workers: Workers) -> None:
    assert workers("records", "old", "--search", "DOWN", "--failed", "--format", "csv")[1].count("\n") == 2
    assert json_rows(workers("records", "helper", "--search", "two", "--failed", "--format", "jsonl")[1]) == []
    status, output, error = workers("records", "helper", "--search", "nowhere")
    assert (status, output) == (0, "")
    assert "there are no records like that" in error


def test_records_of_a_removed_worker_by_its_name_and_its_id(sandbox: Path, workers: Workers) -> None:
    (listed,) = json_rows(workers("list", "--removed", "--format", "jsonl")[1])
    assert (listed["name"], listed["total_tasks_attempted"], listed["failed_tasks"]) == ("old", 1, 1)
    for name in ("old", listed["definition_id"]):
        status, output, error = workers("records", name)
        assert status == 0
        assert "the server is down" in output
        assert f"worker 'old' was removed on {listed['removed'][:10]}" in error
        assert listed["definition_id"] in error


def test_a_worker_comes_before_a_removed_one_of_its_name(sandbox: Path, workers: Workers) -> None:
    with AIWorkerManager(sandbox) as manager:
        manager.add_worker_definition({**WORKER, "name": "old"})
        (removed,) = manager.removed_worker_definitions()
    status, output, error = workers("records", "old", "--format", "jsonl")
    assert (status, output) == (0, "")
    assert f"a removed worker had that name too, and has records: {removed.definition_id}" in error
    assert len(json_rows(workers("records", removed.definition_id, "--format", "jsonl")[1])) == 1


def test_removed_workers_are_listed(sandbox: Path, workers: Workers) -> None:
    status, output, _ = workers("list", "--removed")
    assert status == 0
    assert output.split()[:3] == ["name", "id", "removed"]
    assert "old" in output
    assert workers("list", "--removed", "--name", "nobody")[1] == ""
    status, _, error = workers("list", "--removed", "--status", "active")
    assert status == 2
    assert "--removed goes with --name alone" in error


def test_what_a_model_wrote_is_shown_and_not_obeyed(tmp_path: Path, workers: Workers) -> None:
    with AIWorkerManager(tmp_path / "sandbox") as manager:
        manager.add_worker_definition(WORKER)
        manager.execute_stateless_task("helper", "\x1b]0;owned\x07 red\u202e")
    output = workers("records", "helper", "--search", "OWNED")[1]
    assert r"\x1b]0;owned\x07 red\u202e" in output
    assert not set(output) & set("\x1b\x07\u202e")
