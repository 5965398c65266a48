"""Tests of workers by one real call, and the lists of their providers' models."""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, ModelInfo, WorkerPolicy, WorkerTest
from ai_wm.providers.account_limits import AccountLimit
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.loopback import reply, streamed
from tests.ai_wm.providers.support import KEY, REMOTE, body_of, error_of, stream_of, stream_type
from tests.ai_wm.providers.test_connections import OK, tls_server

ENVIRON = {"SOME_KEY": KEY}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[loopback.Loopback]:
    with loopback.serve() as running:
        yield running


@pytest.fixture
def manager() -> Iterator[AIWorkerManager]:
    with AIWorkerManager(environ=ENVIRON) as made:
        yield made


def remote(provider: str, url: str, **fields: Any) -> dict[str, Any]:
    """A worker with a key at a loopback server; each call is one attempt."""
    base = url + ("/v1" if provider in ("openai", "custom") else "")
    config = {"base_url": base, "max_retries": 0, **fields.pop("base_config", {})}
    auth = {"method": "env_var", "value": "SOME_KEY"}
    return worker("w", **{"provider": provider, "model_name": "m-1", "auth": auth, "base_config": config, **fields})


def seen_in(outcome: WorkerTest) -> str:
    """All that an outcome can show."""
    return f"{outcome!r} {outcome.error!r} {outcome.error and outcome.error.details} {json.dumps(outcome.to_map())}"


# --- what works ---


@pytest.mark.parametrize("provider", REMOTE)
def test_one_real_call_tells_all(provider: str, server: loopback.Loopback, manager: AIWorkerManager) -> None:
    prices = {"input_cost_per_token": 0.5, "output_cost_per_token": 1.0}
    manager.add_worker_definition(remote(provider, server.url, cost_metrics=prices))
    server.will(streamed(stream_of(provider, "O", "K"), content_type=stream_type(provider)))
    outcome = manager.test_worker("w")
    assert outcome.ok
    assert outcome.error is None
    assert outcome.advice == ()
    assert outcome.address == server.url + server.received[0].path.partition("?")[0]
    assert (outcome.key_source, outcome.key_status) == ("env:SOME_KEY", "Found")
    assert (outcome.provider, outcome.model_name, outcome.model_used) == (provider, "m-1", "m-1-2026")
    assert (outcome.input_tokens, outcome.output_tokens, outcome.attempts) == (9, 3, 1)
    assert (outcome.cost, outcome.cost_source) == (7.5, "cost_metrics")
    assert outcome.first_token_ms is not None
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.task_id, record.success) == (outcome.task_id, True)
    assert record.input_context["worker_test"] is True
    assert manager.performance_summary("w").total_tasks_attempted == 1
    assert KEY not in seen_in(outcome)


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("step", [0.0, 0.4, 7.0, -3.0])
def test_the_first_text_never_comes_after_the_end(provider: str, step: float, server: loopback.Loopback) -> None:
    now = 1_800_000_000.0

    def clock() -> float:  # each look at it moves it on, or back, so that every order of looking is seen
        nonlocal now
        now += step
        return now

    with AIWorkerManager(environ=ENVIRON, clock=clock) as manager:
        manager.add_worker_definition(remote(provider, server.url))
        server.will(streamed(stream_of(provider, "OK"), content_type=stream_type(provider)))
        outcome = manager.test_worker("w")
    assert outcome.first_token_ms is not None
    assert outcome.first_token_ms <= outcome.duration_ms


def test_what_the_account_may_use_is_told_also_of_a_failed_call(
    server: loopback.Loopback, manager: AIWorkerManager
) -> None:
    manager.add_worker_definition(remote("openai", server.url))
    headers = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "0"}
    for answer in (
        reply(body_of("openai"), headers=headers),
        reply(error_of("openai", "slow down"), 429, {**headers, "retry-after": "7"}),
    ):
        server.will(answer)
        outcome = manager.test_worker("w")
        assert outcome.account_limits == (AccountLimit(what="requests", limit=500, remaining=0),)
    assert "wait 7 s" in " ".join(outcome.advice)


@pytest.mark.parametrize("models", [["both"], ["conversational"], ["stateless_task"]])
def test_workers_for_every_use_are_tested(models: list[str], manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", interaction_models=models))
    outcome = manager.test_worker("w")
    assert outcome.ok
    assert (outcome.address, outcome.key_source, outcome.model_used) == ("", "none", "echo")
    assert (outcome.cost, outcome.cost_source) == (0, "free")


SETTINGS = [
    pytest.param({}, 512, id="none"),
    pytest.param({"max_output_tokens": 20}, 20, id="a smaller limit"),
    pytest.param({"max_tokens": 20}, 20, id="a smaller one by another name"),
    pytest.param({"max_output_tokens": 100_000}, 512, id="a larger limit"),
    pytest.param({"thinking": {"type": "enabled", "budget_tokens": 2000}}, 2512, id="a budget for thinking"),
]


@pytest.mark.parametrize(("config", "limit"), SETTINGS)
def test_the_call_is_small(
    config: dict[str, Any], limit: int, server: loopback.Loopback, manager: AIWorkerManager
) -> None:
    manager.add_worker_definition(remote("anthropic", server.url, base_config=config))
    server.will(reply(body_of("anthropic")))
    assert manager.test_worker("w").ok
    assert server.received[0].json["max_tokens"] == limit
    assert len(server.received[0].body) < 1000


@pytest.mark.parametrize("setting", ["response_format", "schema"])
def test_a_worker_that_answers_in_json_is_tested_with_text(setting: str, manager: AIWorkerManager) -> None:
    shape = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    manager.add_worker_definition(scripted("w", ["OK"], base_config={setting: shape}))
    assert manager.test_worker("w").ok


def test_a_client_of_the_host_is_tested_and_lists_its_models() -> None:
    class Client(Answers):
        def list_models(self, request: LLMRequest) -> list[ModelInfo]:
            assert request.api_key is not None
            return [ModelInfo(id="m-1")]

    with AIWorkerManager(clients={"acme": Client()}, environ=ENVIRON) as manager:
        auth = {"method": "env_var", "value": "SOME_KEY"}
        manager.add_worker_definition(worker("w", provider="acme", model_name="m-1", auth=auth))
        assert manager.test_worker("w").ok
        assert manager.list_models("w") == [ModelInfo(id="m-1")]


def test_a_client_that_fails_to_list_is_reported_without_its_key() -> None:
    class Client(Answers):
        def list_models(self, request: LLMRequest) -> list[ModelInfo]:
            assert request.api_key is not None
            raise RuntimeError(f"cannot use {request.api_key.get()}")

    with AIWorkerManager(clients={"acme": Client()}, environ=ENVIRON) as manager:
        auth = {"method": "env_var", "value": "SOME_KEY"}
        manager.add_worker_definition(worker("w", provider="acme", auth=auth))
        with raises_code(16, "RuntimeError") as raised:
            manager.list_models("w")
        assert KEY not in f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"


# --- what does not ---


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


FAILURES = [
    pytest.param(401, "bad", 45, ["is the key of env:SOME_KEY one of this provider", "the server that the key is for"]),
    pytest.param(403, "forbidden", 45, ["may not use m-1 there"]),
    pytest.param(402, "pay", 16, ["add credit"]),
    pytest.param(429, "slow down", 20, ["the limit is the account's at the provider: try again later"]),
    pytest.param(500, "down", 16, ["the trouble is at http://127.0.0.1", "status page"]),
    pytest.param(400, "organization must be verified to stream this model", 16, ["calls that do not stream may work"]),
    pytest.param(413, "too large", 47, ["shorten the worker's system_prompt"]),
]


@pytest.mark.parametrize(("status", "message", "code", "advice"), FAILURES)
def test_what_to_do_next_by_the_kind_of_failure(
    status: int,
    message: str,
    code: int,
    advice: list[str],
    server: loopback.Loopback,
    manager: AIWorkerManager,
) -> None:
    manager.add_worker_definition(remote("openai", server.url))
    server.will(reply(error_of("openai", f"{message} {KEY}"), status))
    outcome = manager.test_worker("w")
    assert not outcome.ok
    assert outcome.error is not None
    assert outcome.error.code == code
    assert outcome.address == f"{server.url}/v1/chat/completions"
    assert outcome.first_token_ms is None
    for words in advice:
        assert words in " ".join(outcome.advice)
    assert KEY not in seen_in(outcome)
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.task_id, record.success) == (outcome.task_id, False)


def with_models(server: loopback.Loopback, *names: str) -> None:
    server.judges(
        lambda received: (
            reply({"data": [{"id": name} for name in names]})
            if received.method == "GET"
            else reply(error_of("openai", "The model `m-1` does not exist", "model_not_found"), 404)
        )
    )


CLOUDS = [
    ("azure", {"deployment": "prod"}, "is there a deployment named prod"),
    ("bedrock", {"aws_region": "eu-west-1"}, "look at the name of the model, m-1"),
    ("vertex", {"project": "p", "location": "global"}, "look at the name of the model, m-1"),
]


@pytest.mark.parametrize(("provider", "config", "advice"), CLOUDS)
def test_a_model_that_a_cloud_does_not_have(
    provider: str, config: dict[str, Any], advice: str, server: loopback.Loopback, manager: AIWorkerManager
) -> None:
    manager.add_worker_definition(remote(provider, server.url, base_config=config))
    server.will(reply({"error": {"message": "no such model"}}, 404))
    outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.code == ErrorCode.PROVIDER_NOT_FOUND
    assert outcome.address == server.url + server.received[0].path.partition("?")[0]
    assert outcome.advice[0].startswith(advice)
    with raises_code(35, f"the provider '{provider}' has no list"):
        manager.list_models("w")
    assert len(server.received) == 1


def test_a_model_that_is_not_there_gets_the_nearest_names(server: loopback.Loopback, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(remote("openai", server.url))
    with_models(server, "m-10", "m-2", "embedding-large")
    outcome = manager.test_worker("w")
    assert outcome.near_models == ("m-10", "m-2")
    assert "m-1 is not among the 3 models there: neuroscript workers models w" in outcome.advice
    with_models(server, "m-1", "m-2")
    outcome = manager.test_worker("w")
    assert outcome.near_models == ()
    assert outcome.advice == (
        f"m-1 is in the provider's list of models, so look at the path of {server.url}/v1/chat/completions",
    )
    server.will(reply({}, 404))
    outcome = manager.test_worker("w")
    assert outcome.near_models == ()
    assert outcome.advice[-1] == "the server gives no list of its models"


def test_a_key_that_is_missing_is_named_and_nothing_is_sent(server: loopback.Loopback) -> None:
    with AIWorkerManager(environ={}) as manager:
        manager.add_worker_definition(remote("openai", server.url))
        outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.code == 18
    assert (outcome.key_source, outcome.key_status) == ("env:SOME_KEY", "Not Found")
    assert outcome.address == f"{server.url}/v1"
    assert outcome.advice[0] == "set the variable SOME_KEY where this command runs"
    assert server.received == []


def test_a_server_that_wants_a_key_of_a_worker_without_one(server: loopback.Loopback, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(remote("custom", server.url, auth={"method": "none"}))
    server.will(reply({"error": "no key"}, 401))
    (advice,) = manager.test_worker("w").advice
    assert advice.startswith("the server wants a key, and the worker has none")


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_server_that_is_not_running(provider: str, manager: AIWorkerManager) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    manager.add_worker_definition(remote(provider, url))
    outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.details["reason"] == "refused"
    (advice,) = outcome.advice
    assert advice.startswith(f"is the server at {url}")
    assert ("ollama serve" in advice) == (provider == "ollama")


def test_a_proxy_that_is_not_running_is_shown_without_its_password() -> None:
    proxy = f"127.0.0.1:{free_port()}"
    with AIWorkerManager(environ={"http_proxy": f"http://user:{KEY}@{proxy}"}) as manager:
        manager.add_worker_definition(remote("custom", "http://models.invalid", auth={"method": "none"}))
        outcome = manager.test_worker("w")
    assert outcome.proxy == f"http://{proxy}"
    assert outcome.error is not None
    assert f"the connection to the proxy http://{proxy} could not be made" in outcome.error.message
    assert "asked at http://models.invalid/v1/chat/completions" in outcome.error.message
    assert outcome.error.details["reason"] == "proxy"
    assert f"the proxy http://{proxy} is on the way" in outcome.advice[0]
    assert "NO_PROXY" in outcome.advice[0]
    assert KEY not in seen_in(outcome)


@pytest.mark.parametrize("status", [407, 502, 503])
def test_a_proxy_that_refuses(status: int, server: loopback.Loopback) -> None:
    with AIWorkerManager(environ={"http_proxy": server.url}) as manager:
        manager.add_worker_definition(remote("custom", "http://models.invalid", auth={"method": "none"}))
        server.will(reply("not from here", status))
        outcome = manager.test_worker("w")
    assert outcome.to_map()["error"]["details"]["status"] == status
    assert f"the proxy {server.url} is on the way" in outcome.advice[0]


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, manager: AIWorkerManager) -> None:
    with tls_server(tmp_path, OK) as port:
        manager.add_worker_definition(remote("custom", f"https://127.0.0.1:{port}"))
        outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.details["reason"] == "tls"
    assert "SSL_CERT_FILE" in outcome.advice[0]


def test_a_server_that_is_silent(server: loopback.Loopback, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(remote("openai", server.url, base_config={"timeout_seconds": 0.2}))
    server.will(lambda connection: server.stopping.wait(20) and None)
    outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.code == 31
    assert '"timeout_seconds": 300' in outcome.advice[-1]


def test_limits_of_the_worker_hold_and_are_named(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 1}))
    assert manager.test_worker("w").ok
    outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.code == 20
    assert outcome.task_id == ""
    assert outcome.advice[0].startswith("max_requests_per_minute = 1 is the worker's own limit: wait ")
    command = shlex.split(outcome.advice[1])
    manager.update_worker_definition(command[3], json.loads(command[4]), merge=True)
    assert manager.test_worker("w").ok


def test_a_worker_that_waits_for_its_limits_is_not_waited_for(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(
        worker("w", rate_limits={"max_requests_per_minute": 1}, base_config={"on_limit": "wait"})
    )
    assert manager.test_worker("w").ok
    assert not manager.test_worker("w").ok


def test_a_budget_without_a_price(server: loopback.Loopback, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(remote("custom", server.url, rate_limits={"max_cost_per_day": 1}))
    outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.code == 46
    assert "cost_metrics" in outcome.advice[0]
    assert server.received == []


def test_no_other_worker_answers_in_its_place(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("other"))
    manager.add_worker_definition(scripted("w", [{"error": "down"}], base_config={"fallbacks": ["other"]}))
    assert not manager.test_worker("w").ok
    assert manager.get_performance_records_for_definition("other") == []


def test_a_worker_that_is_not_active_says_how_to_make_it_so(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", status="disabled"))
    (advice,) = manager.test_worker("w").advice
    command = shlex.split(advice.removeprefix("make it active: "))
    manager.update_worker_definition(command[3], json.loads(command[4]), merge=True)
    assert manager.test_worker("w").ok


def test_what_is_not_installed_is_named(manager: AIWorkerManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xllamacpp", None)
    monkeypatch.setitem(__import__("sys").modules, "hvac", None)
    manager.add_worker_definition(worker("w", model_name="x.gguf"))
    assert manager.test_worker("w").advice == ("install what is missing: pip install 'neuroscript[local]'",)


@pytest.mark.parametrize("use", ["test_worker", "list_models"])
def test_a_wrong_name_is_an_error_with_the_nearest(use: str, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("helper"))
    with raises_code(9, "did you mean 'helper'"):
        getattr(manager, use)("helpr")


@pytest.mark.parametrize("use", ["test_worker", "list_models"])
def test_the_callers_check_ends_both(use: str, server: loopback.Loopback, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(remote("openai", server.url))
    server.will(lambda connection: server.stopping.wait(20) and None)

    def check() -> None:
        if server.received:
            raise NeuroScriptError(ErrorCode.CANCELLED, "the host was cancelled")

    with raises_code(44, "the host was cancelled"):
        getattr(manager, use)("w", check=check)


# --- who gets a key ---


def untrusted(directory: Path, definition: dict[str, Any]) -> None:
    """Puts a definition into a directory as a cloned repository does: without the host's mark."""
    directory.mkdir()
    (directory / "ai_worker_definitions.json").write_text(json.dumps([definition]))


@pytest.mark.parametrize("host", ["127.0.0.1", "models.invalid"])
@pytest.mark.parametrize("secret", ["key", "headers"])
def test_a_worker_that_came_with_a_file_gets_no_key(
    host: str, secret: str, tmp_path: Path, server: loopback.Loopback
) -> None:
    fields: dict[str, Any] = {} if secret == "key" else {"auth": {"method": "none"}}
    config = {"headers": {"X-Token": "t"}} if secret == "headers" else {}
    url = server.url.replace("127.0.0.1", host)
    untrusted(tmp_path / "w", remote("custom", url, base_config=config, **fields))
    server.will(reply(body_of("openai")))
    with AIWorkerManager(tmp_path / "w", environ=ENVIRON) as manager:
        outcome = manager.test_worker("w")
        assert outcome.error is not None
        assert outcome.error.code == 10
        assert "neuroscript workers trust w" in outcome.error.message
        assert outcome.key_status == "Not Approved"
        with raises_code(10, "neuroscript workers trust w"):
            manager.list_models("w")
        assert server.received == []


def test_a_worker_that_came_with_a_file_reaches_this_machine_alone(tmp_path: Path, server: loopback.Loopback) -> None:
    untrusted(tmp_path / "w", remote("custom", server.url, auth={"method": "none"}))
    server.judges(lambda received: reply({"data": []} if received.method == "GET" else body_of("openai")))
    with AIWorkerManager(tmp_path / "w") as manager:
        assert manager.test_worker("w").ok
        assert manager.list_models("w") == []
        manager.update_worker_definition("w", {"base_config": {"base_url": "http://models.invalid/v1"}})
    untrusted(tmp_path / "v", remote("custom", "http://models.invalid", auth={"method": "none"}))
    with AIWorkerManager(tmp_path / "v") as manager:
        assert manager.test_worker("w").error is not None
        with raises_code(10, "trust"):
            manager.list_models("w")


def test_a_deployment_that_trusts_its_file_tests_its_workers(tmp_path: Path, server: loopback.Loopback) -> None:
    untrusted(tmp_path / "w", remote("custom", server.url))
    server.judges(lambda received: reply({"data": []} if received.method == "GET" else body_of("openai")))
    with AIWorkerManager(tmp_path / "w", environ=ENVIRON, policy=WorkerPolicy(trust_file=True)) as manager:
        assert manager.test_worker("w").ok
        assert manager.list_models("w") == []
    assert all(received.headers["authorization"] == f"Bearer {KEY}" for received in server.received)


@pytest.mark.parametrize("address", ["http://models.invalid/v1", "https://models.invalid/v1"])
def test_a_worker_of_a_script_gets_no_key_for_an_address_that_nobody_approved(
    address: str, tmp_path: Path, manager: AIWorkerManager
) -> None:
    access = manager.script_access("somebody")
    access.definitions.add(
        {
            "name": "s",
            "provider": "custom",
            "model_name": "m",
            "auth": {"method": "env_var", "value": "SOME_KEY"},
            "base_config": {"base_url": address},
        }
    )
    outcome = manager.test_worker("s")
    assert outcome.error is not None
    assert outcome.error.code == 10
    with raises_code(10):
        manager.list_models("s")


def test_a_key_does_not_go_over_plain_http_to_another_machine(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(remote("custom", "http://models.invalid"))
    outcome = manager.test_worker("w")
    assert outcome.error is not None
    assert outcome.error.code == 10
    with raises_code(10, "plain http"):
        manager.list_models("w")
