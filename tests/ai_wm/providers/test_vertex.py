"""Gemini and Claude on Vertex AI, with tokens from a server that plays Google's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.keys.clouds import forget_identities
from ai_wm.providers import Clients, anthropic, google, vertex
from ai_wm.providers.endpoints import endpoint_of, server_of
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply, serve, streamed
from tests.ai_wm.providers.support import KEY, WEATHER, body_of, collect, request, stream_of

GEMINI, CLAUDE = "gemini-2.5-flash", "claude-sonnet-4-5@20250929"
SETTINGS = {"project": "my-project", "location": "europe-west1"}
BELOW = "/v1beta1/projects/my-project/locations/europe-west1/publishers"
MAKERS = [(GEMINI, "google"), (CLAUDE, "anthropic")]


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west1", "europe-west1-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
    ],
)
@pytest.mark.parametrize("by_variable", [False, True])
def test_the_address_of_a_location(location: str, host: str, by_variable: bool) -> None:
    environ = {"GOOGLE_CLOUD_PROJECT": "p-1", "GOOGLE_CLOUD_LOCATION": location} if by_variable else {}
    config = {} if by_variable else {"project": "p-1", "location": location}
    found = server_of("vertex", endpoint_of("vertex"), config, environ)
    assert found.url == f"https://{host}/v1beta1/projects/p-1/locations/{location}/publishers"
    assert found.address.text == f"https://{host}"


@pytest.mark.parametrize(
    ("written", "below"),
    [
        ("", "/v1beta1"),
        ("/", "/v1beta1"),
        ("/v1", "/v1"),
        ("/v1/", "/v1"),
        ("/v1beta1", "/v1beta1"),
        ("/v1/projects/other/locations/x", "/v1"),
        ("/gateway", "/gateway/v1beta1"),
        ("/gateway/v1", "/gateway/v1"),
        ("/v1/gateway", "/v1/gateway/v1beta1"),
    ],
)
def test_the_version_in_an_address_is_asked(written: str, below: str, clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of("google")))
    sent = request("vertex", model=GEMINI, config={"base_url": server.url + written, **SETTINGS})
    clients.for_provider("vertex").complete(sent)
    (received,) = server.received
    where = "projects/my-project/locations/europe-west1/publishers"
    assert received.path == f"{below}/{where}/google/models/{GEMINI}:generateContent"


@pytest.mark.parametrize(
    ("config", "missing"),
    [({"location": "global"}, "project"), ({"project": "p"}, "location"), ({}, "location")],
)
def test_a_definition_says_what_is_missing(config: dict[str, Any], missing: str) -> None:
    with (
        AIWorkerManager(environ={}) as manager,
        raises_code(18, f"base_config.{missing}, or the variable GOOGLE_CLOUD"),
    ):
        manager.add_worker_definition({"provider": "vertex", "model_name": GEMINI, "base_config": config})


@pytest.mark.parametrize("name", ["location", "project"])
@pytest.mark.parametrize("value", ["evil.example/x#", "a/../b", "x@evil", "", 7])
def test_a_setting_leads_to_no_other_server(name: str, value: Any) -> None:
    config = {**SETTINGS, name: value}
    with AIWorkerManager(environ={}) as manager, raises_code(4, name):
        manager.add_worker_definition({"provider": "vertex", "model_name": GEMINI, "base_config": config})


@pytest.mark.parametrize(("model", "maker"), MAKERS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_that_of_the_maker_at_another_path(model: str, maker: str, stream: bool) -> None:
    more: dict[str, Any] = {"tools": (WEATHER,), "system": "s", "config": {"max_output_tokens": 50}}
    ours = vertex.build(request("vertex", model=model, **more), stream=stream)
    module = {"google": google, "anthropic": anthropic}[maker]
    theirs = module.build(request(maker, model=model, **more), stream=stream)
    expected = dict(theirs.body)
    if maker == "anthropic":
        del expected["model"]
        expected["anthropic_version"] = anthropic.VERSION
    assert ours.body == expected
    action = {
        ("google", False): "generateContent",
        ("google", True): "streamGenerateContent?alt=sse",
        ("anthropic", False): "rawPredict",
        ("anthropic", True): "streamRawPredict",
    }[maker, stream]
    assert ours.path == f"{maker}/models/{model}:{action}"
    assert not ours.headers


def test_claude_is_asked_with_sampling_under_the_older_version() -> None:
    built = vertex.build(request("vertex", model=CLAUDE, config={"temperature": 0.5}))
    assert (built.body["anthropic_version"], built.body["temperature"]) == ("vertex-2023-10-16", 0.5)


def test_the_request_for_claude_is_that_of_anthropics_own_client(server: Loopback) -> None:
    sdk = pytest.importorskip("anthropic", reason="the anthropic package is missing")
    server.will(reply(body_of("anthropic")))
    ours = vertex.build(request("vertex", model=CLAUDE, config={"max_output_tokens": 50}))
    where = {"project_id": "my-project", "region": "europe-west1", "access_token": KEY}
    with sdk.AnthropicVertex(base_url=f"{server.url}/v1beta1", **where) as client:
        body = {key: value for key, value in ours.body.items() if key != "anthropic_version"}
        client.messages.create(model=CLAUDE, **body)
    (received,) = server.received
    assert received.json == ours.body
    assert received.path.replace("%40", "@") == f"{BELOW}/{ours.path}"
    assert received.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(("model", "maker"), MAKERS)
@pytest.mark.parametrize("stream", [False, True])
def test_calls(model: str, maker: str, stream: bool, clients: Clients, server: Loopback) -> None:
    server.will(streamed(stream_of(maker, "Hi ", "there")) if stream else reply(body_of(maker)))
    sent = request("vertex", model=model, config={"base_url": server.url, **SETTINGS})
    client = clients.for_provider("vertex")
    found = collect(client.stream(sent))[1] if stream else client.complete(sent)
    assert (found.text, found.usage.input_tokens, found.usage.output_tokens) == ("Hi there", 9, 3)
    (received,) = server.received
    assert received.path.startswith(f"{BELOW}/{maker}/models/{model}:")
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert not {"project", "location"} & set(received.json)


def test_features_of_claude_are_switched_on_in_a_header(clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of("anthropic")))
    config = {"base_url": server.url, "betas": ["a-2026"], **SETTINGS}
    clients.for_provider("vertex").complete(request("vertex", model=CLAUDE, config=config))
    (received,) = server.received
    assert received.headers["anthropic-beta"] == "a-2026"
    assert "anthropic-version" not in received.headers
    assert "betas" not in received.json


REFUSALS = [
    (GEMINI, "google", "Developer instruction is not enabled for models/x", "systemInstruction"),
    (CLAUDE, "anthropic", "messages.1.content.0.type: Expected `thinking`, but found `text`", "thinking"),
]


@pytest.mark.parametrize(("model", "maker", "said", "left_out"), REFUSALS)
def test_a_request_is_amended_as_its_maker_wants_it(
    model: str, maker: str, said: str, left_out: str, clients: Clients, server: Loopback
) -> None:
    def judge(received: Received) -> bytes:
        refused = left_out in received.json
        return reply({"error": {"message": said}}, 400) if refused else reply(body_of(maker))

    server.judges(judge)
    config: dict[str, Any] = {"base_url": server.url, **SETTINGS}
    if maker == "anthropic":
        config["thinking"] = {"type": "enabled", "budget_tokens": 2000}
    found = clients.for_provider("vertex").complete(request("vertex", model=model, system="s", config=config))
    assert (found.text, len(server.received)) == ("Hi there", 2)


@pytest.mark.parametrize(("status", "kind", "code"), [(429, "RESOURCE_EXHAUSTED", 20), (403, "PERMISSION_DENIED", 45)])
def test_failures(status: int, kind: str, code: int, clients: Clients, server: Loopback) -> None:
    server.will(reply([{"error": {"code": status, "message": "it says why", "status": kind}}], status))
    with raises_code(code, "it says why"):
        clients.for_provider("vertex").complete(
            request("vertex", model=GEMINI, config={"base_url": server.url, "max_retries": 0, **SETTINGS})
        )


class TestTokens:
    """The tokens of a service account, by its file and by the application default credentials."""

    @pytest.fixture
    def tokens(self) -> Iterator[Loopback]:
        pytest.importorskip("google.auth", reason="google-auth is missing")
        forget_identities()
        with serve() as running:
            yield running
        forget_identities()

    @pytest.fixture
    def account(self, tokens: Loopback, tmp_path: Path) -> Path:
        """The file of a service account whose tokens come from the loopback server."""
        rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
        from cryptography.hazmat.primitives import serialization

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
        pem = key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
        path = tmp_path / "account.json"
        path.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "my-project",
                    "private_key_id": "1",
                    "private_key": pem,
                    "client_email": "w@my-project.iam.gserviceaccount.com",
                    "client_id": "1",
                    "token_uri": f"{tokens.url}/token",
                }
            )
        )
        return path

    def manager(self, server: Loopback, directory: Path, value: str) -> AIWorkerManager:
        manager = AIWorkerManager(config_dir=directory)
        manager.add_worker_definition(
            {
                "name": "w",
                "provider": "vertex",
                "model_name": GEMINI,
                "auth": {"method": "google", "value": value},
                "interaction_models": ["both"],
                "base_config": {"base_url": server.url, **SETTINGS},
            }
        )
        return manager

    def token(self, text: str) -> bytes:
        return reply({"access_token": text, "expires_in": 3600, "token_type": "Bearer"})

    @pytest.mark.parametrize("named", ["by its path", "in the configuration directory", "by the variable"])
    def test_a_service_account(
        self, named: str, account: Path, tokens: Loopback, server: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        value = {"by its path": str(account), "in the configuration directory": account.name}.get(named, "")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        tokens.will(self.token("google-token-0123456789"))
        server.will(reply(body_of("google")))
        with self.manager(server, account.parent, value) as manager:
            for _ in range(2):
                assert manager.execute_stateless_task("w", "x").output == "Hi there"
        assert [each.headers["authorization"] for each in server.received] == ["Bearer google-token-0123456789"] * 2
        assert len(tokens.received) == 1

    def test_a_token_that_is_refused_is_renewed_once(self, account: Path, tokens: Loopback, server: Loopback) -> None:
        tokens.will(self.token("google-token-one-012"), self.token("google-token-two-012"))

        def judge(received: Received) -> bytes:
            good = received.headers["authorization"].endswith("two-012")
            said = {"error": {"code": 401, "message": received.headers["authorization"], "status": "UNAUTHENTICATED"}}
            return reply(body_of("google")) if good else reply(said, 401)

        server.judges(judge)
        with self.manager(server, account.parent, account.name) as manager:
            assert manager.execute_stateless_task("w", "x").output == "Hi there"
        assert (len(tokens.received), len(server.received)) == (2, 2)

    def test_without_a_token_nothing_is_sent(self, account: Path, tokens: Loopback, server: Loopback) -> None:
        tokens.will(reply({"error": "invalid_grant", "error_description": "no such account"}, 400))
        with self.manager(server, account.parent, account.name) as manager, raises_code(18, "gcloud auth"):
            manager.execute_stateless_task("w", "x")
        assert server.received == []
