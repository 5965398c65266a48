"""Azure OpenAI: its addresses, deployments and versions, keys and Entra tokens, and what its filters say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.keys.clouds import forget_identities
from ai_wm.providers import Clients
from ai_wm.providers.endpoints import endpoint_of, server_of
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply, serve, streamed
from tests.ai_wm.providers.support import KEY, body_of, collect, request, stream_of
from tests.ai_wm.providers.wire import chunk, completion, sse

FILTERED = {
    "hate": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": True, "severity": "medium"},
    "jailbreak": {"filtered": True, "detected": True},
}
V1, DATED = "/openai/v1/chat/completions", "/openai/deployments/{}/chat/completions?api-version={}"

PLACES: list[tuple[str, dict[str, Any], str]] = [
    # what is written after the server's name; settings; the path that is asked
    ("", {}, V1),
    ("/", {}, V1),
    ("/openai", {}, V1),
    ("/openai/v1/", {}, V1),
    ("/openai/v1/chat/completions", {}, V1),
    ("/openai/v1?api-version=preview", {}, V1 + "?api-version=preview"),
    ("", {"api_version": "v1"}, V1),
    ("", {"api_version": "preview"}, V1 + "?api-version=preview"),
    ("", {"api_version": "2024-10-21"}, DATED.format("m-1", "2024-10-21")),
    ("", {"api_version": "2024-10-21", "deployment": "prod"}, DATED.format("prod", "2024-10-21")),
    ("/openai/deployments/prod", {"api_version": "2024-10-21"}, DATED.format("prod", "2024-10-21")),
    ("/openai/deployments/prod/chat/completions?api-version=2024-10-21", {}, DATED.format("prod", "2024-10-21")),
    ("/gateway/openai/v1", {}, "/gateway" + V1),
    ("", {"api": "responses"}, "/openai/v1/responses"),
    ("", {"api": "responses", "api_version": "2025-04-01-preview"}, "/openai/responses?api-version=2025-04-01-preview"),
]


@pytest.mark.parametrize(("written", "settings", "path"), PLACES)
def test_addresses(written: str, settings: dict[str, Any], path: str, clients: Clients, server: Loopback) -> None:
    server.will(reply({"error": {"message": "seen", "code": "x"}}, 400))
    sent = request("azure", config={"base_url": server.url + written, **settings})
    with raises_code(16, "seen"):
        clients.for_provider("azure").complete(sent)
    (received,) = server.received
    assert received.path == path
    assert received.headers["api-key"] == KEY
    assert "authorization" not in received.headers
    named = settings.get("deployment") or ("prod" if "/prod" in written else "m-1")
    assert received.json["model"] == named
    assert not {"api_version", "deployment", "api"} & set(received.json)


@pytest.mark.parametrize("domain", ["openai.azure.com", "cognitiveservices.azure.com"])
@pytest.mark.parametrize("by_variable", [False, True])
def test_the_address_of_a_resource(domain: str, by_variable: bool) -> None:
    address = f"https://name.{domain}"
    environ = {"AZURE_OPENAI_ENDPOINT": address, "OPENAI_API_VERSION": "2024-10-21"} if by_variable else {}
    config = {} if by_variable else {"base_url": address}
    found = server_of("azure", endpoint_of("azure"), config, environ)
    assert found.url == f"{address}/openai" + ("?api-version=2024-10-21" if by_variable else "/v1")
    assert found.address.text == f"{address}/openai"
    assert found.by_operator is by_variable


def test_a_definition_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with AIWorkerManager(environ={}) as manager:
        with raises_code(18, "base_config.base_url or AZURE_OPENAI_ENDPOINT"):
            manager.add_worker_definition({"provider": "azure", "model_name": "gpt-4o"})
        config = {"base_url": "https://name.openai.azure.com", "api_version": "2024 10"}
        with raises_code(4, "api_version"):
            manager.add_worker_definition({"provider": "azure", "model_name": "gpt-4o", "base_config": config})
        monkeypatch.setattr("ai_wm.keys.clouds.find_spec", lambda name: None)
        entra = {"provider": "azure", "model_name": "m", "auth": {"method": "entra"}}
        with raises_code(18, "pip install 'neuroscript\\[azure\\]'"):
            manager.add_worker_definition({**entra, "base_config": {"base_url": "https://name.openai.azure.com"}})


def test_a_file_with_a_definition_that_lacks_something_is_read(tmp_path: Any) -> None:
    stored = [{"definitionID": "d", "name": "w", "provider": "azure", "modelName": "m", "auth": {"method": "none"}}]
    (tmp_path / "ai_worker_definitions.json").write_text(json.dumps(stored))
    with AIWorkerManager(tmp_path, environ={}) as manager:
        assert manager.get_worker_definition("w").provider == "azure"


def test_streams_with_the_filters_own_chunks(clients: Clients, server: Loopback) -> None:
    prompt = {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}], "id": ""}
    later = {"index": 0, "finish_reason": None, "content_filter_results": {}, "content_filter_offsets": {}}
    server.will(sse(prompt, chunk({"content": "Hi"}), {"choices": [later]}, chunk({}, "stop")))
    sent = request("azure", config={"base_url": server.url})
    assert collect(clients.for_provider("azure").stream(sent))[0] == "Hi"
    assert server.received[0].json["stream_options"] == {"include_usage": True}


class TestFilters:
    """The categories that a filter names are told, in all the places where Azure puts them."""

    def refused(self, clients: Clients, server: Loopback, *, stream: bool = False) -> NeuroScriptError:
        sent = request("azure", config={"base_url": server.url})
        client = clients.for_provider("azure")
        with raises_code(16) as caught:
            collect(client.stream(sent)) if stream else client.complete(sent)
        assert len(server.received) == 1
        return caught.value

    def test_of_a_prompt(self, clients: Clients, server: Loopback) -> None:
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": FILTERED}
        error = {"message": "The response was filtered", "param": "prompt", "code": "content_filter", "status": 400}
        server.will(reply({"error": {**error, "innererror": inner}}, 400))
        found = self.refused(clients, server)
        assert "refuses the content" in found.message
        assert "violence (medium), jailbreak" in found.message
        assert found.details["kind"] == "content_filter ResponsibleAIPolicyViolation"

    @pytest.mark.parametrize("stream", [False, True])
    def test_of_a_prompt_through_litellm(self, stream: bool, clients: Clients, server: Loopback) -> None:
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": FILTERED}
        message = "litellm.ContentPolicyViolationError: AzureException - The response was filtered"
        error = {"message": message, "type": None, "param": None, "code": "400"}
        server.will(reply({"error": {**error, "provider_specific_fields": {"innererror": inner}}}, 400))
        found = self.refused(clients, server, stream=stream)
        assert "refuses the content" in found.message
        assert "violence (medium), jailbreak" in found.message

    @pytest.mark.parametrize("stream", [False, True])
    def test_of_a_reply(self, stream: bool, clients: Clients, server: Loopback) -> None:
        more = {"choice": {"content_filter_results": FILTERED}}
        if stream:
            server.will(sse(chunk({"content": "Hi "}), chunk({}, "content_filter", **more)))
        else:
            server.will(reply(completion("Hi ", "content_filter", **more)))
        found = self.refused(clients, server, stream=stream)
        assert "violence (medium), jailbreak" in found.message
        assert "hate" not in found.message


class TestEntra:
    """Tokens of a managed identity, from a server that plays App Service's."""

    @pytest.fixture
    def identity(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
        pytest.importorskip("azure.identity", reason="azure-identity is missing")
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"):
            monkeypatch.delenv(name, raising=False)
        forget_identities()
        with serve() as tokens:
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"{tokens.url}/msi/token")
            monkeypatch.setenv("IDENTITY_HEADER", "identity-header")
            yield tokens
        forget_identities()

    def token(self, text: str, seconds: int = 86400) -> bytes:
        until = str(int(time.time()) + seconds)
        return reply({"access_token": text, "expires_on": until, "resource": "r", "token_type": "Bearer"})

    def manager(self, server: Loopback, value: str = "") -> AIWorkerManager:
        manager = AIWorkerManager()
        manager.add_worker_definition(
            {
                "name": "w",
                "provider": "azure",
                "model_name": "m-1",
                "auth": {"method": "entra", "value": value},
                "interaction_models": ["both"],
                "base_config": {"base_url": server.url},
            }
        )
        return manager

    @pytest.mark.parametrize("client_id", ["", "11111111-2222"])
    def test_a_token_is_fetched_once_for_many_calls(self, client_id: str, identity: Loopback, server: Loopback) -> None:
        identity.will(self.token("entra-token-0123456789"))
        server.will(reply(body_of("openai")))
        with self.manager(server, client_id) as manager:
            for _ in range(3):
                assert manager.execute_stateless_task("w", "x").output == "Hi there"
        assert [each.headers["authorization"] for each in server.received] == ["Bearer entra-token-0123456789"] * 3
        assert all("api-key" not in each.headers for each in server.received)
        (asked,) = identity.received
        assert "resource=https%3A%2F%2Fcognitiveservices.azure.com" in asked.path.replace("://", "%3A%2F%2F")
        assert ("11111111-2222" in asked.path) is bool(client_id)

    def test_a_token_that_is_refused_is_renewed_once(self, identity: Loopback, server: Loopback) -> None:
        identity.will(self.token("entra-token-one-0123"), self.token("entra-token-two-0123"))

        def judge(received: Received) -> bytes:
            if received.headers["authorization"] == "Bearer entra-token-two-0123":
                return reply(completion("you sent entra-token-two-0123"))
            return reply({"error": {"message": "no entra-token-one-0123", "code": "401"}}, 401)

        server.judges(judge)
        with self.manager(server) as manager:
            record = manager.execute_stateless_task("w", "x").record
        assert record.success
        assert len(server.received) == 2

    def test_a_token_that_is_refused_again_is_an_error_that_does_not_show_it(
        self, identity: Loopback, server: Loopback
    ) -> None:
        identity.will(self.token("entra-token-one-0123"))
        server.judges(lambda received: reply({"error": {"message": received.headers["authorization"]}}, 401))
        with self.manager(server) as manager, raises_code(45) as caught:
            manager.execute_stateless_task("w", "x")
        assert len(server.received) == 2
        assert "entra-token" not in f"{caught.value} {caught.value.details}"

    def test_a_header_for_keys_is_not_for_tokens(self, identity: Loopback, server: Loopback) -> None:
        identity.will(self.token("entra-token-0123456789"))
        with self.manager(server) as manager:
            manager.update_worker_definition("w", {"base_config": {"base_url": server.url, "auth_header": "X-Key"}})
            with raises_code(18, "base_config.auth_header has no meaning for the key of a cloud identity"):
                manager.execute_stateless_task("w", "x")
        assert server.received == []

    def test_without_an_identity_nothing_is_sent(self, identity: Loopback, server: Loopback) -> None:
        identity.will(reply({"error": "no identity"}, 400))
        with self.manager(server) as manager, raises_code(18, "az login"):
            manager.execute_stateless_task("w", "x")
        assert server.received == []


def test_a_gateway_may_want_the_key_in_another_header(clients: Clients, server: Loopback) -> None:
    server.will(reply(completion()))
    config = {"base_url": server.url, "auth_header": "Ocp-Apim-Subscription-Key"}
    clients.for_provider("azure").complete(request("azure", config=config))
    (received,) = server.received
    assert received.headers["ocp-apim-subscription-key"] == KEY
    assert not {"api-key", "authorization"} & received.headers.keys()


def test_whole_streams(clients: Clients, server: Loopback) -> None:
    server.will(streamed(stream_of("openai", "Hi ", "there")))
    sent = request("azure", config={"base_url": server.url, "api_version": "2024-10-21"})
    assert collect(clients.for_provider("azure").stream(sent))[1].usage.input_tokens == 9
