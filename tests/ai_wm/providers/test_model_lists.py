"""The lists of models that providers' APIs give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.keys import Secret
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, ModelInfo
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.loopback import Received, reply
from tests.ai_wm.providers.support import KEY, REMOTE


def asking(provider: str, server: loopback.Loopback, **config: Any) -> LLMRequest:
    base = server.url + ("/v1" if provider in ("openai", "custom") else "")
    config = {"base_url": base, "max_retries": 0, **config}
    return LLMRequest(provider=provider, model="m", messages=(), config=config, api_key=Secret(KEY))


PAGES: dict[str, list[tuple[str, Any]]] = {
    "anthropic": [
        (
            "/v1/models?limit=1000",
            {
                "data": [
                    {
                        "type": "model",
                        "id": "m-b",
                        "created_at": "2026-02-01T00:00:00Z",
                        "max_input_tokens": 200000,
                        "max_tokens": 64000,
                    }
                ],
                "has_more": True,
                "last_id": "m-b",
            },
        ),
        (
            "/v1/models?limit=1000&after_id=m-b",
            {"data": [{"id": "m-a", "created_at": "1970-01-01T00:00:00Z"}], "has_more": False, "last_id": "m-a"},
        ),
    ],
    "google": [
        (
            "/v1beta/models?pageSize=1000",
            {
                "models": [{"name": "models/m-b", "inputTokenLimit": 200000, "outputTokenLimit": 64000}],
                "nextPageToken": "a/b",
            },
        ),
        ("/v1beta/models?pageSize=1000&pageToken=a%2Fb", {"models": [{"name": "models/m-a"}]}),
    ],
    "ollama": [
        (
            "/api/tags",
            {
                "models": [
                    {"name": "m-b", "model": "m-b", "modified_at": "2026-02-01T02:00:00.5+02:00"},
                    {"name": "m-a"},
                ]
            },
        )
    ],
    "openai": [
        ("/v1/models", {"object": "list", "data": [{"id": "m-b", "created": 1769904000}], "has_more": True}),
        ("/v1/models?after=m-b", {"object": "list", "data": [{"id": "m-a"}], "has_more": False}),
    ],
}
PAGES["custom"] = [
    (
        "/v1/models",
        {"data": [{"id": "m-b", "created": 1769904000, "context_window": 200000, "max_completion_tokens": 64000}]},
    )
]


@pytest.mark.parametrize("provider", REMOTE)
def test_each_provider_lists_its_models_page_by_page(
    provider: str, server: loopback.Loopback, clients: Clients
) -> None:
    server.will(*(reply(page) for _, page in PAGES[provider]))
    found = {model.id: model for model in clients.list_models(asking(provider, server))}
    assert [(received.method, received.path) for received in server.received] == [
        ("GET", path) for path, _ in PAGES[provider]
    ]
    assert list(found) == (["m-b"] if provider == "custom" else ["m-a", "m-b"])
    told = found["m-b"]
    assert told.context_length == (200000 if provider in ("anthropic", "google", "custom") else None)
    assert told.max_output_tokens == (64000 if provider in ("anthropic", "google", "custom") else None)
    assert told.created == ("" if provider == "google" else "2026-02-01T00:00:00Z")
    if "m-a" in found:
        assert found["m-a"] == ModelInfo(id="m-a")


@pytest.mark.parametrize("provider", REMOTE)
def test_the_key_is_in_the_providers_own_header_and_nowhere_else(
    provider: str, server: loopback.Loopback, clients: Clients
) -> None:
    server.will(reply(PAGES[provider][-1][1]))
    clients.list_models(asking(provider, server, headers={"X-Team": "one"}))
    (received,) = server.received
    header = {"anthropic": "x-api-key", "google": "x-goog-api-key"}.get(provider, "authorization")
    assert received.headers[header].endswith(KEY)
    assert [name for name, value in received.headers.items() if KEY in value] == [header]
    assert KEY not in received.path
    assert received.headers["x-team"] == "one"
    assert received.body == b""
    assert "content-type" not in received.headers


FORMS = [
    pytest.param(
        {"id": "m", "context_length": 8, "top_provider": {"max_completion_tokens": 4}}, (8, 4), id="openrouter"
    ),
    pytest.param({"id": "m", "max_model_len": 8}, (8, None), id="vllm"),
    pytest.param({"id": "m", "max_context_length": 8}, (8, None), id="mistral"),
    pytest.param({"id": "m", "meta": {"n_ctx_train": 8}}, (8, None), id="llama.cpp"),
    pytest.param({"id": "m", "context_length": -8}, (None, None), id="a negative number"),
    pytest.param({"id": "m", "context_length": 10**30}, (None, None), id="a number beyond reason"),
    pytest.param({"id": "m", "context_length": True}, (None, None), id="no number"),
    pytest.param({"id": "m", "created": 10**30}, (None, None), id="a time beyond reason"),
    pytest.param({"id": "m", "created": "yesterday"}, (None, None), id="no time"),
]


@pytest.mark.parametrize(("item", "told"), FORMS)
def test_what_compatible_servers_add(
    item: dict[str, Any], told: tuple[int | None, int | None], server: loopback.Loopback, clients: Clients
) -> None:
    server.will(reply({"data": [item]}))
    (model,) = clients.list_models(asking("custom", server))
    assert (model.context_length, model.max_output_tokens, model.created) == (*told, "")


def test_a_bare_list_is_a_list(server: loopback.Loopback, clients: Clients) -> None:
    server.will(reply([{"id": "b"}, {"id": "a"}, {"id": "b"}]))
    assert [model.id for model in clients.list_models(asking("custom", server))] == ["a", "b"]


def test_an_address_without_a_version_is_asked_in_both_ways(server: loopback.Loopback, clients: Clients) -> None:
    server.judges(
        lambda received: reply({"data": [{"id": "a"}]}) if received.path == "/models" else reply({"error": "no"}, 404)
    )
    found = clients.list_models(asking("custom", server, base_url=server.url))
    assert [model.id for model in found] == ["a"]
    assert [received.path for received in server.received] == ["/v1/models", "/models"]


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("provider", REMOTE)
def test_a_server_without_a_list_says_so(
    provider: str, status: int, server: loopback.Loopback, clients: Clients
) -> None:
    server.will(reply({"error": {"message": "unknown path"}}, status))
    with raises_code(35, f"the list of models of {provider} at {server.url}/.*: the server has none"):
        clients.list_models(asking(provider, server))


@pytest.mark.parametrize(
    ("provider", "config", "where"),
    [
        ("azure", {}, "az cognitiveservices account deployment list"),
        ("bedrock", {"aws_region": "eu-west-1"}, "aws bedrock list-foundation-models"),
        ("vertex", {"project": "p", "location": "global"}, "Model Garden"),
    ],
)
def test_a_cloud_has_its_list_elsewhere(
    provider: str, config: dict[str, Any], where: str, server: loopback.Loopback, clients: Clients
) -> None:
    with raises_code(35, where):
        clients.list_models(asking(provider, server, **config))
    assert server.received == []


@pytest.mark.parametrize("provider", ["groq", "llamacpp", "mistral", "openrouter"])
def test_a_preset_gives_the_list_of_its_service(provider: str, server: loopback.Loopback, clients: Clients) -> None:
    server.will(reply({"data": [{"id": "b"}, {"id": "a"}]}))
    assert [model.id for model in clients.list_models(asking(provider, server))] == ["a", "b"]
    assert server.received[-1].path.endswith("/models")


BROKEN: dict[str, tuple[Any, int, str]] = {
    "no JSON": (reply("{oops"), 16, "not JSON"),
    "nothing": (reply(b""), 16, "empty"),
    "a page": (reply("<html><title>Log in</title></html>", content_type="text/html"), 16, "an HTML page: Log in"),
    "a number": (reply(5), 16, "is a number, not an object"),
    "another object": (reply({"hello": 1}), 16, "not a list"),
    "texts": (reply({"data": ["a"], "models": ["a"]}), 16, "is a text, not an object"),
    "no names": (reply({"data": [{"x": 1}], "models": [{"x": 1}]}), 16, "has no"),
    "an error with status 200": (reply({"error": {"message": "spent", "code": "insufficient_quota"}}), 20, "spent"),
    "a refused key": (reply({"error": {"message": f"bad key {KEY}"}}, 401), 45, "refuses the key"),
    "a limit": (reply({"error": {"message": "slow down"}}, 429), 20, "slow down"),
    "a failure": (reply({"error": {"message": "down"}}, 500), 16, "down"),
    "a redirect": (reply("", 301, {"location": "http://127.0.0.1:1/"}), 16, "redirects"),
}


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_replies(kind: str, provider: str, server: loopback.Loopback, clients: Clients) -> None:
    answer, code, words = BROKEN[kind]
    server.will(answer)
    if kind == "another object" and provider in ("google", "ollama"):  # an empty page has no field for its models
        assert clients.list_models(asking(provider, server)) == []
        return
    with raises_code(code) as raised:
        clients.list_models(asking(provider, server))
    error = raised.value
    assert words in error.message
    assert KEY not in f"{error!r} {error} {error.details}"
    assert error.details["address"].startswith(server.url)


@pytest.mark.parametrize("provider", ["anthropic", "google", "openai"])
def test_pages_without_an_end_do_not_go_on_for_ever(provider: str, server: loopback.Loopback, clients: Clients) -> None:
    def same(_: Received) -> bytes:
        item = {"id": "a", "name": "models/a"}
        return reply({"data": [item], "models": [item], "has_more": True, "last_id": "a", "nextPageToken": "a"})

    server.judges(same)
    assert [model.id for model in clients.list_models(asking(provider, server))] == ["a"]
    assert len(server.received) == 2

    def ever_new(_: Received) -> bytes:
        name = f"a{len(server.received)}"
        item = {"id": name, "name": name}
        return reply({"data": [item], "models": [item], "has_more": True, "last_id": name, "nextPageToken": name})

    server.judges(ever_new)
    with raises_code(16, "more than 100 pages"):
        clients.list_models(asking(provider, server))


def test_too_many_models_are_refused(server: loopback.Loopback, clients: Clients) -> None:
    server.will(reply({"data": [{"id": str(number)} for number in range(10_001)]}))
    with raises_code(16, "more than 10000 models"):
        clients.list_models(asking("openai", server))


def test_names_show_no_key_and_are_short(server: loopback.Loopback, clients: Clients) -> None:
    server.will(reply({"data": [{"id": f"my-{KEY}"}, {"id": "x" * 5000}]}))
    found = [model.id for model in clients.list_models(asking("openai", server))]
    assert KEY not in " ".join(found)
    assert max(map(len, found)) == 256


def test_a_failure_that_may_pass_is_tried_again(server: loopback.Loopback, clients: Clients, quick: None) -> None:
    server.will(reply({}, 503), reply({"data": [{"id": "a"}]}))
    assert clients.list_models(asking("openai", server, max_retries=1)) == [ModelInfo(id="a")]


def test_time_and_cancelling_end_the_wait(server: loopback.Loopback, clients: Clients) -> None:
    server.will(lambda connection: server.stopping.wait(20) and None)
    with raises_code(31, "timeout_seconds"):
        clients.list_models(asking("openai", server, timeout_seconds=0.2))

    class Cancelled(Exception):
        pass

    def check() -> None:
        if len(server.received) > 1:
            raise Cancelled

    request = asking("openai", server)
    cancelled = LLMRequest(
        provider="openai", model="m", messages=(), config=request.config, api_key=request.api_key, check=check
    )
    with pytest.raises(Cancelled):
        clients.list_models(cancelled)


def test_a_refused_connection_tells_its_address_and_why(server: loopback.Loopback, clients: Clients) -> None:
    with raises_code(16, r"127\.0\.0\.1:1/v1/models: the connection could not be made") as raised:
        clients.list_models(asking("openai", server, base_url="http://127.0.0.1:1/v1"))
    assert raised.value.details["reason"] == "refused"


def test_the_proxy_that_the_variables_name_is_used(
    server: loopback.Loopback, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will(reply({"data": [{"id": "a"}]}))
    monkeypatch.setenv("http_proxy", server.url.replace("http://", "http://user:secret@"))
    request = asking("custom", server, base_url="http://models.invalid/v1")
    assert clients.list_models(request) == [ModelInfo(id="a")]
    assert server.received[0].path == "http://models.invalid/v1/models"
    assert clients.proxy("http://models.invalid/v1") == server.url


@pytest.mark.parametrize("model", ["echo", "scripted", "models/x.gguf"])
def test_local_models_are_the_built_in_ones_and_files(model: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("b.gguf", "models/a.gguf", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    with Clients(model_directory=tmp_path) as clients:
        found = clients.list_models(LLMRequest(provider="local", model=model, messages=()))
    assert [each.id for each in found] == ["echo", "scripted", "b.gguf", "models/a.gguf"]


class Plain:
    def complete(self, request: LLMRequest) -> Any:
        raise NotImplementedError

    def stream(self, request: LLMRequest) -> Iterator[Any]:
        raise NotImplementedError


class Listing(Plain):
    def list_models(self, request: LLMRequest) -> list[ModelInfo]:
        return [ModelInfo(id=f"of-{request.provider}")]


@pytest.mark.parametrize("provider", ["acme", "openai", "local"])
def test_a_client_of_the_host_lists_its_models_if_it_can(provider: str) -> None:
    request = LLMRequest(provider=provider, model="m", messages=())
    with Clients({provider: Listing()}) as clients:
        assert [model.id for model in clients.list_models(request)] == [f"of-{provider}"]
    with Clients({provider: Plain()}) as clients, raises_code(35, "cannot list its models"):
        clients.list_models(request)


@pytest.mark.parametrize("provider", REMOTE)
def test_what_is_no_model_is_left_out(provider: str, server: loopback.Loopback, clients: Clients) -> None:
    good = {"id": "ok", "name": "ok", "context_length": -5, "created": 1e300}
    items = [None, 5, {"id": None, "name": None}, good, {"id": "", "name": " "}]
    server.will(reply({"data": items, "models": items}))
    assert clients.list_models(asking(provider, server)) == [ModelInfo(id="ok")]


def test_the_next_page_begins_after_the_last_model(server: loopback.Loopback, clients: Clients) -> None:
    server.will(reply({"data": [{"id": "a"}, None], "has_more": True}), reply({"data": [{"id": "b"}]}))
    assert [model.id for model in clients.list_models(asking("custom", server))] == ["a", "b"]
    assert server.received[-1].path.endswith("?after=a")
