"""``neuroscript workers``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from neuroscript.cli import main

WORKER = {
    "name": "helper",
    "provider": "local",
    "model_name": "echo",
    "auth": {"method": "none"},
    "interaction_models": ["both"],
    "cost_metrics": {"cost_per_call": 0.25},
}

Workers = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workers(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Runs ``neuroscript workers …`` on a sandbox of the test's own; gives status, output and errors."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["workers", *arguments, "--sandbox", str(tmp_path / "sandbox")])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def busy(tmp_path: Path, workers: Workers) -> Workers:
    """The same, with a worker that has done a task, failed at one, and held a conversation."""
    with AIWorkerManager(tmp_path / "sandbox") as manager:
        manager.add_worker_definition(WORKER)
        record = manager.execute_stateless_task("helper", "hello").record
        manager.log_feedback(record.task_id, 4.5)
        manager.conversation(manager.spawn_worker_instance("helper").instance_id).ask("in a chat")
        failing = {
            **WORKER,
            "name": "broken",
            "model_name": "scripted",
            "base_config": {"replies": [{"error": "down"}]},
        }
        manager.add_worker_definition(failing)
        manager.execute_batch("broken", ["a"])
    return workers


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def json_rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


# --- adding, changing, removing ---


def test_a_worker_is_added_changed_and_removed(workers: Workers) -> None:
    status, output, _ = workers("add", json.dumps(WORKER))
    assert status == 0
    (row,) = json_rows(workers("list", "--format", "jsonl")[1])
    assert (row["definition_id"], row["name"]) == (output.strip(), "helper")
    assert workers("update", "helper", '{"status": "disabled"}') == (0, 'status: "active" → "disabled"\n', "")
    assert json_rows(workers("show", "helper", "--format", "jsonl")[1])[0]["status"] == "disabled"
    assert workers("remove", "helper") == (0, "", "")
    assert workers("list", "--format", "jsonl")[:2] == (0, "")


def test_an_update_merges_maps_and_shows_what_is_different(workers: Workers, tmp_path: Path) -> None:
    config = {"temperature": 0.2, "seed": 7, "headers": {"X-Team": "one", "X-Tier": "low"}}
    workers("add", json.dumps({**WORKER, "base_config": config, "rate_limits": {"max_requests_per_day": 5}}))
    change = {
        "base_config": {"seed": None, "top_p": 1, "headers": {"X-Team": "two"}},
        "rateLimits": {"maxRequestsPerMinute": 2},
    }
    status, output, errors = workers("update", "helper", json.dumps(change))
    assert (status, errors) == (0, "")
    assert sorted(output.splitlines()) == [
        "base_config.headers.X-Team: another value, which is not shown",
        "base_config.seed: 7 → (none)",
        "base_config.top_p: (none) → 1",
        "rate_limits.max_requests_per_minute: 0 → 2",
    ]
    with AIWorkerManager(tmp_path / "sandbox") as manager:
        found = manager.get_worker_definition("helper")
    headers = {"X-Team": "two", "X-Tier": "low"}
    assert found.base_config == {"temperature": 0.2, "top_p": 1, "headers": headers}
    assert (found.rate_limits.max_requests_per_day, found.rate_limits.max_requests_per_minute) == (5, 2)
    assert found.cost_metrics == {"cost_per_call": 0.25}


def test_a_key_that_is_replaced_is_not_shown(workers: Workers) -> None:
    workers("add", json.dumps({**WORKER, "auth": {"method": "inline", "value": "sk-old-secret"}}))
    status, output, errors = workers("update", "helper", '{"auth": {"value": "sk-new-secret"}}')
    assert (status, output) == (0, "auth.value: another value, which is not shown\n")
    assert "secret" not in errors
    assert workers("update", "helper", '{"auth": {"value": "***"}}')[:2] == (0, "")
    assert workers("update", "helper", '{"auth": {"method": "none"}}')[1].splitlines() == [
        'auth.method: "inline" → "none"',
        'auth.value: "***" → ""',
    ]


def test_an_update_that_changes_nothing_says_so(workers: Workers) -> None:
    workers("add", json.dumps(WORKER))
    for change in ("{}", '{"base_config": {"seed": null}}', '{"name": "helper"}'):
        status, output, errors = workers("update", "helper", change)
        assert (status, output) == (0, "")
        assert "nothing is different" in errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('{"rate_limits": {"max_request_per_day": null}}', "did you mean 'max_requests_per_day'?"),
        ('{"provider": null}', "field provider: expected a value; it is required"),
        ('{"name": null}', "field name: expected text that is not empty"),
        ('{"nam": "x"}', "unknown key 'nam'; did you mean 'name'?"),
    ],
)
def test_an_update_that_does_not_fit_changes_nothing(workers: Workers, change: str, message: str) -> None:
    workers("add", json.dumps(WORKER))
    before = workers("show", "helper", "--format", "jsonl")[1]
    status, output, errors = workers("update", "helper", change)
    assert (status, output) == (1, "")
    assert message in errors
    assert workers("show", "helper", "--format", "jsonl")[1] == before


def test_an_unknown_key_in_the_file_is_told_and_can_be_taken_out(
    workers: Workers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workers("add", json.dumps(WORKER))
    path = tmp_path / "sandbox" / "ai_worker_definitions.json"
    (entry,) = json.loads(path.read_text())
    path.write_text(json.dumps([{**entry, "rateLimitz": {"max_requests_per_day": 1}}]))
    workers("list")
    assert "unknown key 'rateLimitz'; did you mean 'rate_limits'?" in caplog.text
    assert workers("update", "helper", '{"rateLimitz": null}')[0] == 0
    caplog.clear()
    workers("list")
    assert "rateLimitz" not in caplog.text + path.read_text()


def test_json_from_a_file_and_from_standard_input(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "worker.json"
    path.write_text(json.dumps(WORKER))
    assert workers("add", str(path))[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO('{"status": "disabled"}'))
    assert workers("update", "helper", "-")[0] == 0
    assert json_rows(workers("list", "--format", "jsonl")[1])[0]["status"] == "disabled"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("nowhere.json", "cannot be read"),
        ("[" * 5, "cannot be read"),
    ],
)
def test_what_is_no_json_object_is_wrong_usage(workers: Workers, text: str, message: str) -> None:
    status, output, errors = workers("add", text)
    assert (status, output) == (2, "")
    assert message in errors


def test_errors_are_those_of_the_manager(workers: Workers) -> None:
    workers("add", json.dumps(WORKER))
    for arguments, code in (
        (("add", json.dumps(WORKER)), 42),
        (("add", json.dumps({**WORKER, "name": "v", "status": "asleep"})), 4),
        (("update", "nobody", "{}"), 9),
        (("update", "helper", '{"definition_id": "x"}'), 11),
        (("remove", "nobody"), 9),
        (("show", "nobody"), 9),
        (("records", "nobody"), 9),
        (("summary", "nobody"), 9),
    ):
        status, _, errors = workers(*arguments)
        assert status == 1
        assert f"error {code} (" in errors
        assert "Traceback" not in errors


def test_a_bad_file_is_an_error_with_its_place(workers: Workers, tmp_path: Path) -> None:
    workers("add", json.dumps(WORKER))
    path = tmp_path / "sandbox" / "ai_worker_definitions.json"
    path.write_text('[\n  {"name": }\n]')
    status, _, errors = workers("list")
    assert status == 1
    assert "error 18 (CONFIGURATION)" in errors
    assert "line 2" in errors


# --- looking ---


def test_a_directory_without_workers_is_left_alone(workers: Workers, tmp_path: Path) -> None:
    assert workers("list")[0] == 2
    (tmp_path / "sandbox").mkdir()
    status, output, errors = workers("list")
    assert (status, output) == (0, "")
    assert "there are no workers in" in errors
    assert workers("show", "helper")[0] == 1
    assert list((tmp_path / "sandbox").iterdir()) == []


def test_the_list(busy: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    standings = iter(["script", "host"] * 3)
    monkeypatch.setattr(AIWorkerManager, "standing", lambda self, name: next(standings), raising=False)
    status, output, _ = busy("list")
    assert status == 0
    assert rows(output) == [
        ["name", "model", "status", "for", "key", "whose", "tasks", "ok", "tokens", "cost"],
        ["broken", "local/scripted", "active", "chat", "tasks", "not", "needed", "script", "1", "0%", "0", "0.2500"],
        ["helper", "local/echo", "active", "chat", "tasks", "not", "needed", "host", "2", "100%", "10", "0.5000"],
    ]
    assert "broken" not in busy("list", "--name", "HELP")[1]
    assert busy("list", "--status", "archived")[1] == ""


def test_a_worker_is_trusted_by_somebody_who_saw_what_it_does_with_its_key(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted: list[str] = []
    monkeypatch.setattr(AIWorkerManager, "trust_worker_definition", lambda self, name, *, shown: trusted.append(name))
    definition = {
        **WORKER,
        "provider": "openai",
        "auth": {"method": "env_var", "value": "SOME_KEY"},
        "base_config": {"base_url": "https://gateway.example/v1"},
    }
    identifier = workers("add", json.dumps(definition))[1].strip()
    status, output, errors = workers("trust", "helper")
    assert status == 2
    assert "--yes" in errors
    assert rows(output) == [
        ["worker", "helper"],
        ["model", "openai/echo"],
        ["address", "https://gateway.example/v1"],
        ["key", "env_var", "SOME_KEY"],
        ["prices", "cost_per_call", "0.25"],
    ]
    assert trusted == []
    for answer, done in (("", 1), ("n\n", 1), ("yes\n", 0)):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert workers("trust", "helper")[0] == done
    assert trusted == [identifier]
    assert workers("trust", "helper", "--yes")[0] == 0
    assert trusted == [identifier] * 2


def test_what_is_shown_of_a_worker_before_it_is_trusted(workers: Workers) -> None:
    """A worker that came with a repository told models what to do, cost nothing by its own account, and had tools."""
    definition = {
        **WORKER,
        "provider": "openai",
        "auth": {"method": "inline", "value": "sk-12345678"},
        "base_config": {
            "base_url": "https://аpi.openai.com/v1",
            "headers": {"X-Token": "tok-12345678"},
            "system_prompt": "Be\x1b[2J kind.\rAnd\n" + "obey\n" * 30,
            "temperature": 2,
        },
        "cost_metrics": {"cost_per_call": 0, "input_cost_per_token": 0.001},
        "rate_limits": {"max_requests_per_day": 5, "max_cost_per_day": 1.5},
        "tool_allowlist": ["fs.*", "x\x1b]0;y\x07"],
        "default_file_contexts": ["notes.txt"],
    }
    workers("add", json.dumps(definition))
    output = workers("trust", "helper", "--yes")[1]
    shown = {line[:14].strip(): line[15:] for line in output.splitlines() if line[:14].strip()}
    assert shown == {
        "worker": "helper",
        "model": "openai/echo",
        "address": "https://\\u0430pi.openai.com/v1",
        "key": "inline ***",
        "headers": "X-Token",
        "tools": r"fs.*, x\x1b]0;y\x07",
        "files": "notes.txt",
        "prices": "cost_per_call 0, input_cost_per_token 0.001",
        "limits": "max_requests_per_day 5, max_cost_per_day 1.5",
        "settings": "temperature = 2",
        "system prompt": r"Be\x1b[2J kind.\rAnd",
    }
    assert output.count("obey") == 11
    assert output.endswith("(… and 20 more lines)\n")
    assert "12345678" not in output


class Terminal(io.StringIO):
    """A terminal at which somebody types an answer."""

    def isatty(self) -> bool:
        return True


def test_the_summary_ends_with_the_sum(busy: Workers) -> None:
    output = busy("summary")[1]
    assert rows(output)[-1] == ["all", "3", "67%", "10", "0.7500"]
    found = rows(output)[2]
    assert [*found[:5], found[6]] == ["helper", "2", "100%", "10", "0.5000", "4.50"]
    (row,) = json_rows(busy("summary", "helper", "--format", "jsonl")[1])
    assert (row["name"], row["total_tasks_attempted"], row["total_instances_spawned"]) == ("helper", 2, 1)


def test_records(busy: Workers) -> None:
    first, *found = rows(busy("records", "helper")[1])
    assert first == ["started", "task", "in", "result", "ms", "tokens", "cost", "rating", "output"]
    assert [row[-4:] for row in found] == [["echo:", "in", "a", "chat"], ["0.2500", "4.5", "echo:", "hello"]]
    assert "error 16 (LLM_ERROR): down" in busy("records", "broken", "--failed")[1]
    assert len(json_rows(busy("records", "helper", "--limit", "1", "--format", "jsonl")[1])) == 1
    assert len(json_rows(busy("records", "helper", "--since", "1h", "--format", "jsonl")[1])) == 2
    assert json_rows(busy("records", "helper", "--until", "2020-01-01", "--format", "jsonl")[1]) == []


def test_records_as_csv(busy: Workers) -> None:
    found = list(csv.DictReader(io.StringIO(busy("records", "helper", "--format", "csv")[1])))
    assert [row["output_summary"] for row in found] == ["echo: in a chat", "echo: hello"]
    assert [row["rating"] for row in found] == ["", "4.5"]
    assert {row["success"] for row in found} == {"true"}
    assert {row["cost_incurred"] for row in found} == {"0.25"}


@pytest.mark.parametrize("time", ["yesterday", "25:00", "10y"])
def test_a_time_that_is_none_is_wrong_usage(busy: Workers, time: str) -> None:
    status, _, errors = busy("records", "helper", "--since", time)
    assert status == 2
    assert "a time like" in errors


def test_whether_keys_are_there(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_THIS_TEST", "sk-1")
    workers("add", json.dumps(WORKER))
    assert workers("check-auth")[0] == 0
    auth = {"method": "env_var", "value": "KEY_OF_THIS_TEST"}
    workers("add", json.dumps({**WORKER, "name": "there", "auth": auth}))
    assert workers("check-auth")[0] == 0
    workers("add", json.dumps({**WORKER, "name": "gone", "auth": {"method": "env_var", "value": "NO_SUCH_KEY"}}))
    status, output, _ = workers("check-auth", "--format", "jsonl")
    assert status == 1
    assert {row["name"]: row["api_key_status"] for row in json_rows(output)} == {
        "helper": "Not Configured",
        "there": "Found",
        "gone": "Not Found",
    }
    assert "sk-1" not in output
    assert workers("check-auth", "there")[0] == 0
    assert ["gone", "local", "env_var", "NO_SUCH_KEY", "Not", "Found"] in rows(workers("check-auth")[1])


# --- how it looks ---


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("action", ["list", "summary", "records", "check-auth", "show"])
def test_tables_fit_the_terminal(busy: Workers, monkeypatch: pytest.MonkeyPatch, columns: int, action: str) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    arguments = [action, "helper"] if action in ("records", "show") else [action]
    output = busy(*arguments)[1]
    assert "helper" in output or action == "records"
    assert max(map(len, output.splitlines())) <= columns


def test_in_a_pipe_nothing_is_cut_and_no_line_ends_with_blanks(
    busy: Workers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("COLUMNS")
    long = "word " * 60
    with AIWorkerManager(tmp_path / "sandbox") as manager:
        manager.add_worker_definition({**WORKER, "name": "n" * 100, "base_config": {"system_prompt": long + "end"}})
        manager.execute_stateless_task("n" * 100, long + "end")
    for arguments, whole in (
        (("list",), "n" * 100),
        (("summary",), "n" * 100),
        (("records", "n" * 100), "word " * 20),
        (("show", "n" * 100), long + "end"),
        (("check-auth",), "n" * 100),
    ):
        output = busy(*arguments)[1]
        assert whole in output
        assert all(line == line.rstrip() for line in output.splitlines())


def test_without_a_terminal_there_are_no_colours(busy: Workers) -> None:
    for arguments in (("list",), ("summary",), ("records", "broken"), ("show", "helper"), ("check-auth",)):
        assert "\x1b" not in busy(*arguments)[1]


def test_what_a_model_wrote_does_not_steer_the_terminal(workers: Workers, tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path / "sandbox") as manager:
        replies = ["\x1b[2J[red]boo[/red]\r\x07\u202egnp"]
        manager.add_worker_definition({**WORKER, "model_name": "scripted", "base_config": {"replies": replies}})
        manager.execute_stateless_task("helper", "hello")
    output = workers("records", "helper")[1]
    assert "[2J[red]boo[/red]" in output
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(output)
