"""``neuroscript doctor`` on keys, workers and their servers."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.ai_wm.cli.conftest import KEY, Home
from tests.ai_wm.providers import loopback


def findings(home: Home, section: str, *more: str) -> dict[str, dict[str, Any]]:
    rows = home.rows("doctor", "--format", "jsonl", *more)
    return {row["subject"]: row for row in rows if row["section"] == section}


def test_keys_are_told_by_their_place(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(home, "keys")["keys"]["cure"] == "store one: neuroscript keys set PROVIDER"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    home("keys", "set", "groq", stdin=KEY)
    status, out, err = home("doctor")
    assert status == 0
    assert "  ok       openai: $OPENAI_API_KEY\n" in out
    assert "  ok       groq: " in out
    assert KEY not in out + err


def test_workers_are_told_with_their_keys_and_servers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    home.add("there", "--base-url", f"{home.server.url}/v1")
    home("workers", "add", "gone", "--model", "custom/m", "--base-url", f"{nobody}/v1")
    home("workers", "add", "echo", "--model", "local/echo")
    found = findings(home, "workers")
    assert {name: each["level"] for name, each in found.items()} == {
        "directory": "ok",
        "there": "problem",
        "gone": "ok",
        "echo": "ok",
    }
    assert found["there"]["told"] == "openai/gpt-4o-mini: its key is Not Found (env_var OPENAI_API_KEY)"
    assert home("doctor")[0] == 1
    assert home.server.received == []
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    home.server.answers = [loopback.reply(b"", 404)]
    found = findings(home, "workers", "--network")
    assert found["there"]["level"] == found["there's server"]["level"] == "ok"
    assert found["gone's server"]["told"].startswith(f"{nobody} cannot be reached: ")
    assert "echo's server" not in found
    [request] = home.server.received
    assert KEY not in str(request.headers)


def test_a_worker_that_came_with_a_file_is_told_as_one_that_gets_no_key(home: Home) -> None:
    home.add()
    file = home.data / "workers" / "ai_worker_definitions.json"
    file.write_text(file.read_text().replace("gpt-4o-mini", "gpt-5").replace("OPENAI_API_KEY", "AWS_SECRET"))
    found = findings(home, "workers")
    assert found["fast"]["level"] == "note"
    assert found["fast"]["cure"] == "to trust it: neuroscript workers trust fast"


def test_a_directory_without_workers_is_a_note(home: Home) -> None:
    found = findings(home, "workers")
    assert found["directory"]["cure"] == "add one: neuroscript workers add NAME --model PROVIDER/MODEL"
    assert not (home.data / "workers").exists()
