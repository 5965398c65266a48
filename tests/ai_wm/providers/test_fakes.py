"""In tests no model is asked without leave, and what models replied is recorded and replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.providers.fakes import ModelFakes, request_hash
from neuroscript import NeuroScriptError
from neuroscript.cli import main
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import body_of, request, user

SECRET = "sk-secret-of-the-test-0123456789"

DEFINITION: dict[str, Any] = {
    "name": "writer",
    "provider": "custom",
    "model_name": "m-1",
    "auth": {"method": "env_var", "value": "NS_TEST_KEY"},
    "interaction_models": ["both"],
    "cost_metrics": {"input_cost_per_token": 0.01, "output_cost_per_token": 0.01},
}


def asked(fakes: ModelFakes, base_url: str, *prompts: str, **config: Any) -> list[str]:
    """The replies to prompts."""
    with AIWorkerManager(fakes=fakes, environ={"NS_TEST_KEY": SECRET} if fakes.live else {}) as manager:
        manager.add_worker_definition({**DEFINITION, "base_config": {"base_url": base_url, **config}})
        return [manager.execute_stateless_task("writer", prompt)[0] for prompt in prompts]


def test_recorded_replies_are_replayed_in_order(server: Loopback) -> None:
    rows: list[Any] = []
    answers = [reply(body_of("custom", text)) for text in ("first", "second", "other")]
    server.answers[:] = answers
    address = f"{server.url}/v1"
    live = ModelFakes(live=True, record=rows.append)
    assert asked(live, address, "same", "same", "another") == ["first", "second", "other"]
    assert len(server.received) == 3
    recorded = json.loads(json.dumps(rows))
    assert [row["asked"] for row in recorded] == ["same", "same", "another"]
    # Another order among different requests is no matter, nor where the server is; and no key is needed.
    elsewhere = "http://127.0.0.1:1/v1"
    assert asked(ModelFakes(recorded=recorded), elsewhere, "another", "same", "same") == ["other", "first", "second"]
    assert len(server.received) == 3


def test_a_recording_holds_no_key(server: Loopback) -> None:
    rows: list[Any] = []
    server.answers[:] = [reply(body_of("custom", f"your key is {SECRET}"))]
    fakes = ModelFakes(live=True, record=rows.append)
    asked(fakes, f"{server.url}/v1", "hello", headers={"X-Token": f"{SECRET}-header"})
    assert SECRET in str(server.received[0].headers)
    assert SECRET not in json.dumps(rows)


@pytest.mark.parametrize(
    ("prompts", "config", "problem"),
    [
        (["other"], {}, "has no recorded reply to this request"),
        (["same", "same"], {}, "asks it more often than when it was recorded, which was once"),
        (["same"], {"temperature": 0.5}, "has no recorded reply to this request"),
        (["same"], {"system_prompt": "Be brief."}, "has no recorded reply to this request"),
    ],
)
def test_what_was_not_recorded_is_not_answered(
    server: Loopback, prompts: list[str], config: dict[str, Any], problem: str
) -> None:
    rows: list[Any] = []
    server.answers[:] = [reply(body_of("custom", "first"))]
    asked(ModelFakes(live=True, record=rows.append), f"{server.url}/v1", "same")
    with pytest.raises(NeuroScriptError, match=problem) as caught:
        asked(ModelFakes(recorded=rows), f"{server.url}/v1", *prompts, **config)
    assert caught.value.code == 18
    assert len(server.received) == 1


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "ollama", "custom", "local", "groq", "nobody's"])
def test_no_provider_is_reached_without_leave(provider: str) -> None:
    client = ModelFakes().client(provider, "m-1")
    assert client is not None
    for call in (client.complete, lambda asking: list(client.stream(asking))):
        with pytest.raises(NeuroScriptError, match="tests ask no model without --live") as caught:
            call(request(provider))
        assert caught.value.code == 18


def test_built_in_models_need_no_leave() -> None:
    for model in ("echo", "scripted"):
        assert ModelFakes().client("local", model) is None
    rows: list[Any] = []
    with AIWorkerManager(fakes=ModelFakes(live=True, record=rows.append)) as manager:
        manager.add_worker_definition(
            {**DEFINITION, "provider": "local", "model_name": "echo", "auth": {"method": "none"}}
        )
        assert manager.execute_stateless_task("writer", "hi")[0] == "echo: hi"
    assert rows == []


def test_what_a_request_is_known_by() -> None:
    base = request_hash(request("custom", user("a")))
    assert (
        request_hash(
            request("custom", user("a"), config={"timeout_seconds": 5, "base_url": "http://x", "max_tokens": 9})
        )
        == base
    )
    for other in (
        request("custom", user("b")),
        request("openai", user("a")),
        request("custom", user("a"), model="m-2"),
        request("custom", user("a"), system="s"),
        request("custom", user("a"), config={"temperature": 1}),
        request("custom", user("a"), user("a")),
    ):
        assert request_hash(other) != base


@pytest.mark.parametrize(
    "change",
    [
        {"text": 5},
        {"finish_reason": "whatever"},
        {"usage": {}},
        {"tool_calls": [{"name": "x"}]},
        {"tool_calls": [{"id": "1", "name": "x", "arguments": [], "problem": ""}]},
        {"vectors": ["x"]},
        None,
    ],
)
def test_a_recorded_reply_in_another_form(server: Loopback, change: dict[str, Any] | None) -> None:
    rows: list[Any] = []
    server.answers[:] = [reply(body_of("custom", "first"))]
    asked(ModelFakes(live=True, record=rows.append), f"{server.url}/v1", "same")
    wrong = {**rows[0], "reply": None if change is None else {**rows[0]["reply"], **change}}
    with pytest.raises(NeuroScriptError, match="not in the form that --record writes") as caught:
        asked(ModelFakes(recorded=[wrong]), f"{server.url}/v1", "same")
    assert caught.value.code == 18


# --- with the command -------------------------------------------------------------------------------------------------

TEST = """\
func setup() means
  call tool.AIWorkerDefinition.Add(name: "writer", provider: "custom", model_name: "m-1", auth: {"method": "none"}, \\
    interaction_models: ["both"], base_config: {"base_url": "URL/v1"}, \\
    cost_metrics: {"input_cost_per_token": 0.01, "output_cost_per_token": 0.01})
endfunc
func test_one() means
  ask "writer", "one" into text
  must text == "first"
endfunc
func test_talk() means
  set w = tool.AIWorkerInstance.Spawn("writer")
  ask w.conversation_manager_handle, "two" into text
  must text == "second"
endfunc
"""


@pytest.fixture
def test_file(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of tests that asks a server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    (tmp_path / "writer_test.ns").write_text(TEST.replace("URL", server.url))
    server.answers[:] = [reply(body_of("custom", text)) for text in ("first", "second")]
    return "writer_test.ns"


def test_record_then_replay(server: Loopback, test_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    origin = f"--allow-origin={server.url}"
    assert main(["test", test_file, origin]) == 1
    assert server.received == []
    assert main(["test", test_file, origin, "--live", "--record", "replies.jsonl"]) == 0
    assert len(server.received) == 2
    assert capsys.readouterr().out.endswith("2 passed, 2 replies recorded\n")
    assert main(["test", test_file, origin, "--replay", "replies.jsonl"]) == 0
    assert len(server.received) == 2


def test_what_a_script_may_not_do_it_may_not_do_in_a_test(server: Loopback, test_file: str) -> None:
    assert main(["test", test_file, "--live"]) == 1  # the address was not granted
    assert server.received == []


def test_all_tests_have_one_ceiling_of_cost(
    server: Loopback, test_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # A call costs 0.12, and counts as 0.70 before that is known.
    arguments = [test_file, f"--allow-origin={server.url}", "--live", "--format", "jsonl"]
    text = (
        Path(test_file)
        .read_text()
        .replace('["both"], base_config: {', '["both"], base_config: {"max_output_tokens": 3, ')
    )
    Path(test_file).write_text(text)
    assert main(["test", *arguments, "--max-cost", "0.75"]) == 1
    first, second, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["outcome"] == "passed", first["failures"][0]["text"]
    assert second["failures"][0]["error"]["code"] == 46
    assert len(server.received) == 1
