"""``neuroscript workers test`` and ``neuroscript workers models``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neuroscript.cli import main
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import KEY, body_of, error_of

Workers = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SOME_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "40")  # nothing is cut, however narrow


@pytest.fixture
def server() -> Iterator[loopback.Loopback]:
    with loopback.serve() as running:
        yield running


@pytest.fixture
def workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workers:
    """Runs ``neuroscript workers …`` on a sandbox of the test's own; gives status, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["workers", *arguments, "--sandbox", str(tmp_path / "sandbox")])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def add(workers: Workers, server: loopback.Loopback, **fields: Any) -> None:
    auth = {"method": "env_var", "value": "SOME_KEY"}
    config = {"base_url": f"{server.url}/v1", "max_retries": 0}
    made = worker(**{"provider": "openai", "model_name": "m-1", "auth": auth, "base_config": config, **fields})
    assert workers("add", json.dumps(made))[0] == 0


def facts(output: str) -> dict[str, list[str]]:
    """What is said under each label."""
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        label, _, text = line.partition(" ")
        found.setdefault(label, []).append(text.strip())
    return found


def test_a_call_that_succeeds(workers: Workers, server: loopback.Loopback) -> None:
    prices = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}
    add(workers, server, cost_metrics=prices)
    headers = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
    }
    server.will(reply(body_of("openai"), headers=headers))
    status, output, errors = workers("test", "w")
    assert (status, errors) == (0, "")
    said = facts(output)
    (time,) = said.pop("time")
    assert time.endswith("ms in all")
    assert said == {
        "worker": ["w"],
        "model": ["openai/m-1"],
        "address": [f"{server.url}/v1/chat/completions"],
        "key": ["env:SOME_KEY (Found)"],
        "result": ["ok"],
        "answered": ["m-1-2026"],
        "tokens": ["9 in, 3 out"],
        "cost": ["0.000015"],
        "account": ["requests: 4,999 of 5,000 left, reset 120ms", "tokens: at most 30,000"],
    }
    assert len(json.loads(workers("records", "w", "--format", "jsonl")[1])["task_id"]) == 36


def test_a_price_that_nobody_knows(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server, provider="custom")
    server.will(reply(body_of("openai")))
    assert facts(workers("test", "w")[1])["cost"] == ["unknown: nobody knows its price"]


def test_a_connection_that_fails_by_a_proxy(
    workers: Workers, server: loopback.Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"base_url": "http://models.invalid/v1", "max_retries": 0}
    add(workers, server, provider="custom", auth={"method": "none"}, base_config=config)
    monkeypatch.setenv("http_proxy", f"http://user:{KEY}@127.0.0.1:1")
    status, output, _ = workers("test", "w")
    said = facts(output)
    assert status == 1
    assert said["address"] == ["http://models.invalid/v1/chat/completions"]
    assert said["proxy"] == ["http://127.0.0.1:1"]
    assert "the connection to the proxy http://127.0.0.1:1 could not be made" in said["result"][0]
    assert "(asked at http://models.invalid/v1/chat/completions by the proxy http://127.0.0.1:1)" in said["result"][0]
    assert KEY not in output


def test_a_call_that_fails_says_what_to_do_and_has_status_1(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server)
    names = ["m-10", "m-11", "x" * 200]
    server.judges(
        lambda received: (
            reply({"data": [{"id": name} for name in names]})
            if received.method == "GET"
            else reply(error_of("openai", f"The model `m-1` does not exist {KEY}", "model_not_found"), 404)
        )
    )
    status, output, errors = workers("test", "w")
    assert (status, errors) == (1, "")
    said = facts(output)
    (result,) = said["result"]
    assert result.startswith("error 40 (PROVIDER_NOT_FOUND): openai/m-1: no such model or address (status 404)")
    assert said["similar"] == ["m-11, m-10"]
    assert said["next"][0] == "m-1 is not among the 3 models there: neuroscript workers models w"
    assert KEY not in output


def test_the_outcome_as_json(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server)
    server.will(reply(error_of("openai", "bad key"), 401))
    status, output, _ = workers("test", "w", "--format", "jsonl")
    assert status == 1
    row = json.loads(output)
    assert {name: row[name] for name in ("ok", "name", "key_source", "first_token_ms", "near_models")} == {
        "ok": False,
        "name": "w",
        "key_source": "env:SOME_KEY",
        "first_token_ms": None,
        "near_models": [],
    }
    assert (row["error"]["code"], row["error"]["name"]) == (45, "AUTHENTICATION")
    assert len(row["advice"]) == 2
    server.will(reply(body_of("openai")))
    status, output, _ = workers("test", "w", "--format", "jsonl")
    row = json.loads(output)
    assert (status, row["ok"], row["error"], row["model_used"]) == (0, True, None, "m-1-2026")


MODELS = {
    "data": [
        {"id": "a-model-with-" + "a-long-" * 30 + "name", "context_window": 131072, "created": 1769904000},
        {"id": "b\x1b[2J\nmodel"},
    ]
}


def test_the_list_of_models_is_whole_and_steers_no_terminal(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server)
    server.will(reply(MODELS))
    status, output, errors = workers("models", "w")
    assert (status, errors) == (0, "")
    heading, first, second = output.splitlines()
    assert heading.split() == ["id", "context", "created"]
    assert first.split() == [MODELS["data"][0]["id"], "131,072", "2026-02-01"]
    assert second == r"b\x1b[2J model"


def test_models_as_json(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server)
    server.will(reply(MODELS))
    rows = [json.loads(line) for line in workers("models", "w", "--format", "jsonl")[1].splitlines()]
    assert rows[0] == {
        "id": MODELS["data"][0]["id"],
        "context_length": 131072,
        "max_output_tokens": None,
        "created": "2026-02-01T00:00:00Z",
    }
    assert rows[1]["id"] == "b\x1b[2J\nmodel"


def test_no_models_are_no_failure(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server)
    server.will(reply({"data": []}))
    assert workers("models", "w") == (0, "", "neuroscript: the provider has no models\n")


def test_a_provider_without_a_list_is_refused(workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server)
    server.will(reply({"error": "no such path"}, 404))
    status, output, errors = workers("models", "w")
    assert (status, output) == (1, "")
    assert f"error 35 (NOT_IMPLEMENTED): the list of models of openai at {server.url}/v1/models" in errors


@pytest.mark.parametrize("action", ["test", "models"])
def test_a_wrong_name_gets_the_nearest(action: str, workers: Workers, server: loopback.Loopback) -> None:
    add(workers, server, name="helper")
    status, output, errors = workers(action, "helpr")
    assert (status, output) == (1, "")
    assert "did you mean 'helper'?" in errors


@pytest.mark.parametrize("action", ["test", "models"])
def test_a_worker_that_came_with_a_file_gets_no_key(
    action: str, workers: Workers, server: loopback.Loopback, tmp_path: Path
) -> None:
    add(workers, server)
    path = tmp_path / "sandbox" / "ai_worker_definitions.json"
    path.write_text(path.read_text().replace(f"{server.url}/v1", f"{server.url}/v2"))
    status, output, errors = workers(action, "w")
    assert status == 1
    assert "neuroscript workers trust w" in output + errors
    assert server.received == []


@pytest.mark.skipif(sys.platform == "win32", reason="the platform sends no such signals")
@pytest.mark.parametrize("action", ["test", "models"])
def test_an_interrupt_ends_the_wait_for_a_silent_server(
    action: str, workers: Workers, server: loopback.Loopback, tmp_path: Path
) -> None:
    add(workers, server)
    process: list[subprocess.Popen[str]] = []

    def silent(_connection: object) -> None:
        process[0].send_signal(signal.SIGINT)
        server.stopping.wait(30)

    server.will(silent)
    command = [sys.executable, "-m", "neuroscript", "workers", action, "w", "--sandbox", str(tmp_path / "sandbox")]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
    try:
        process.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        )
    finally:
        signal.signal(signal.SIGINT, before)
    output, errors = process[0].communicate(timeout=30)
    assert (process[0].returncode, output, errors) == (130, "", "neuroscript: interrupted\n")
    records = [json.loads(line) for line in workers("records", "w", "--format", "jsonl")[1].splitlines()]
    assert [record["error_details"] for record in records] == ["interrupted by the user"] * (action == "test")
