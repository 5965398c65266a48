"""The key is given out for each address that is asked, by itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.keys import Secret
from ai_wm.providers.base import LLMRequest, Message
from ai_wm.providers.http import HTTPClient
from ai_wm.providers.transport import Transport
from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from tests.ai_wm.conftest import runs_bodies
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers import loopback


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
