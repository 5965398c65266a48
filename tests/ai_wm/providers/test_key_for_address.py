"""The key is given out for each address that is asked, by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy
from ai_wm.data.presets import PRESETS
from ai_wm.keys import Secret
from ai_wm.providers.base import LLMRequest, Message
from ai_wm.providers.http import HTTPClient
from ai_wm.providers.transport import Transport
from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from tests.ai_wm.conftest import runs_bodies
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.support import body_of


def test_the_second_form_of_an_address_is_approved_by_itself() -> None:
    named: list[str] = []

    def grant(url: str) -> Secret | None:
        named.append(url)
        if "/v1/" not in url:
            raise NeuroScriptError(ErrorCode.SECURITY, "not there")
        return Secret("sk-0123456789")

    with loopback.serve() as server, closing(Transport()) as transport:
        server.will(loopback.reply({"error": "no such path"}, status=404))
        origin = server.url.removesuffix("/v1")
        request = LLMRequest(
            provider="custom",
            model="m",
            messages=(Message(role="user", content="hello"),),
            config={"base_url": origin, "max_retries": 0},
            key_grant=grant,
        )
        with pytest.raises(NeuroScriptError) as caught:
            HTTPClient("custom", transport).complete(request)
        assert caught.value.code == 10
        assert named == [f"{origin}/v1/chat/completions", f"{origin}/chat/completions"]
        assert len(server.received) == 1


KEY = "sk-0123456789"
VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "CUSTOM_BASE_URL", "BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_HOST")


def custom(**fields: Any) -> Mapping[str, Any]:
    return worker(
        "w", provider="custom", model_name="m", auth={"method": "env_var", "value": "OPENAI_API_KEY"}, **fields
    )


@pytest.mark.parametrize("config", [{}, {"base_url": ""}, {"base_url": "  "}, {"base_url": None}])
def test_custom_without_an_address_sends_nothing_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: dict[str, Any]
) -> None:
    with loopback.serve() as server, AIWorkerManager(tmp_path) as manager, Interpreter(sandbox=tmp_path) as scripts:
        for variable in VARIABLES:
            monkeypatch.setenv(variable, server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        manager.add_worker_definition(custom(base_config=config))
        for call in (
            lambda: manager.execute_stateless_task("w", "hello"),
            lambda: manager.conversation(manager.spawn_worker_instance("w").instance_id).ask("hello"),
            lambda: runs_bodies(scripts)('return tool.AIWorker.ExecuteStatelessTask("w", "hello")'),
        ):
            with raises_code(18, "base_url"):
                call()
        with closing(Transport()) as transport, raises_code(18, "base_url"):
            messages = (Message(role="user", content="hello"),)
            asked = LLMRequest(provider="custom", model="m", messages=messages, config=config, api_key=Secret(KEY))
            HTTPClient("custom", transport).complete(asked)
        assert (server.received, server.connections) == ([], 0)


PRESET_KEY = "gsk-0123456789abcdef"
USUAL = {"method": "env_var", "value": "GROQ_API_KEY"}


class TestAUsualKey:
    """A preset or cloud without ``auth`` means its usual key for its usual address, and with it any that is named."""

    @pytest.mark.parametrize(
        ("provider", "variable"),
        [
            *((name, preset.variable) for name, preset in PRESETS.items() if preset.variable),
            ("azure", "AZURE_OPENAI_API_KEY"),
        ],
    )
    @pytest.mark.parametrize("is_written", [False, True])
    def test_goes_elsewhere_only_where_it_is_written(
        self, provider: str, variable: str, is_written: bool, tmp_path: Path
    ) -> None:
        auth: dict[str, Any] = {"auth": {"method": "env_var", "value": variable}} if is_written else {}
        environ = {variable: PRESET_KEY}
        with loopback.serve() as server, AIWorkerManager(tmp_path, environ=environ) as manager:
            server.will(loopback.reply(body_of("openai")))
            definition = {"name": "w", "provider": provider, "model_name": "m", "interaction_models": ["both"], **auth}
            manager.add_worker_definition({**definition, "base_config": {"base_url": f"{server.url}/v1"}})
            status = manager.key_status("w")
            if is_written:
                assert manager.execute_stateless_task("w", "hello").output == "Hi there"
                assert PRESET_KEY in str(server.received[0].headers)
                assert status == "Found"
                return
            for call in (
                lambda: manager.execute_stateless_task("w", "hello"),
                lambda: manager.conversation(manager.spawn_worker_instance("w").instance_id).ask("hello"),
                lambda: manager.embed("w", ["hello"]),
                lambda: manager.list_models("w"),
            ):
                with raises_code(10, f'{variable}.*workers update w .*"auth"'):
                    call()
            tested = manager.test_worker("w")
            assert tested.error is not None
            assert (tested.error.code, tested.key_status, status) == (10, "Not Approved", "Not Approved")
            assert (server.received, server.connections) == ([], 0)

    def test_stays_left_out_in_the_file_and_after_changes(self, tmp_path: Path) -> None:
        with AIWorkerManager(tmp_path, environ={"GROQ_API_KEY": PRESET_KEY}) as manager:
            manager.add_worker_definition({"name": "w", "provider": "groq", "model_name": "m"})
            assert manager.key_status("w") == "Found"
            manager.update_worker_definition("w", {"base_config": {"base_url": "http://127.0.0.1:9"}})
        assert "auth" not in json.loads((tmp_path / "ai_worker_definitions.json").read_text())[0]
        with AIWorkerManager(tmp_path, environ={"GROQ_API_KEY": PRESET_KEY}) as manager:
            assert manager.standing("w") == "host"
            assert manager.get_worker_definition("w").auth.to_script() == USUAL
            assert manager.key_status("w") == "Not Approved"
            manager.update_worker_definition("w", {"auth": USUAL})
            assert manager.key_status("w") == "Found"

    def test_written_into_the_file_by_others_it_is_not_the_hosts(self, tmp_path: Path) -> None:
        file = tmp_path / "ai_worker_definitions.json"
        with AIWorkerManager(tmp_path, environ={}) as manager:
            manager.add_worker_definition({"name": "w", "provider": "groq", "model_name": "m"})
        (stored,) = json.loads(file.read_text())
        file.write_text(json.dumps([{**stored, "auth": USUAL}]))
        with AIWorkerManager(tmp_path, environ={}) as manager:
            assert manager.standing("w") == "untrusted"

    @pytest.mark.parametrize(
        ("provider", "address"),
        [
            ("azure", "https://name.openai.azure.com"),
            ("azure", "https://name.cognitiveservices.azure.com"),
            ("azure", "https://gateway.example/azure"),
            ("bedrock", "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"),
            ("bedrock", "https://ec2-1.compute.amazonaws.com"),
            ("groq", "https://api.groq.com/openai/v1"),
            ("groq", "https://api.groq.com.example/openai/v1"),
            ("vertex", "https://europe-west1-aiplatform.googleapis.com"),
            ("vertex", "https://storage.googleapis.com"),
        ],
    )
    def test_usual_addresses(self, provider: str, address: str, tmp_path: Path) -> None:
        strange = ("gateway.", "ec2-", "api.groq.com.example", "storage.")
        config = {"base_url": address, "aws_region": "eu-west-1", "location": "europe-west1", "project": "p"}
        environ = {"GROQ_API_KEY": PRESET_KEY, "AZURE_OPENAI_API_KEY": PRESET_KEY}
        with AIWorkerManager(tmp_path, environ=environ) as manager:
            manager.add_worker_definition({"name": "w", "provider": provider, "model_name": "m", "base_config": config})
            assert (manager.key_status("w") == "Not Approved") is any(part in address for part in strange)

    def test_the_operators_address_is_a_usual_one(self, tmp_path: Path) -> None:
        with loopback.serve() as server:
            environ = {"AZURE_OPENAI_API_KEY": PRESET_KEY, "AZURE_OPENAI_ENDPOINT": server.url}
            with AIWorkerManager(tmp_path, environ=environ) as manager:
                server.will(loopback.reply(body_of("openai")))
                manager.add_worker_definition(
                    {"name": "w", "provider": "azure", "model_name": "m", "interaction_models": ["both"]}
                )
                assert manager.execute_stateless_task("w", "hello").output == "Hi there"
                assert server.received[0].headers["api-key"] == PRESET_KEY

    def test_a_policy_may_approve_another_address(self, tmp_path: Path) -> None:
        with loopback.serve() as server:
            policy = WorkerPolicy(keys={"env:GROQ_API_KEY": (server.url,)})
            with AIWorkerManager(tmp_path, environ={"GROQ_API_KEY": PRESET_KEY}, policy=policy) as manager:
                server.will(loopback.reply(body_of("openai")))
                config = {"base_url": f"{server.url}/v1"}
                manager.add_worker_definition(
                    {
                        "name": "w",
                        "provider": "groq",
                        "model_name": "m",
                        "interaction_models": ["both"],
                        "base_config": config,
                    }
                )
                assert manager.execute_stateless_task("w", "hello").output == "Hi there"
