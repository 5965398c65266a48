"""Embeddings: each provider's wire format, the division into requests, and replies that are not what they should be."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from base64 import b64encode
from typing import Any

import pytest
from pydantic import TypeAdapter

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, Usage
from ai_wm.providers.embeddings import embedding_adapter
from neuroscript import Interpreter, NeuroScriptError
from tests.ai_wm.helpers import Answers, Run, manager_of, raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, Received, reply
from tests.ai_wm.providers.wire import asking, record_of, sent

PROVIDERS = ["custom", "google", "ollama", "openai"]
PATHS = {
    "custom": "/v1/embeddings",
    "google": "/v1beta/models/m-1:batchEmbedContents",
    "ollama": "/api/embed",
    "openai": "/v1/embeddings",
}


def number_of(text: str) -> float:
    return float(text.rpartition(" ")[2])


def texts_of(provider: str, body: dict[str, Any]) -> list[str]:
    if provider == "google":
        return [each["content"]["parts"][0]["text"] for each in body["requests"]]
    return body["input"]  # type: ignore[no-any-return]


def packed(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def answer_of(provider: str, vectors: list[list[float]], tokens: int = 7) -> dict[str, Any]:
    match provider:
        case "google":
            return {"embeddings": [{"values": vector} for vector in vectors]}
        case "ollama":
            return {"model": "m-1", "embeddings": vectors, "total_duration": 1, "prompt_eval_count": tokens}
    data = [
        {"object": "embedding", "index": index, "embedding": packed(vector) if provider == "openai" else vector}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data[::-1], "model": "m-1", "usage": usage}


def serve(server: Loopback, provider: str, tokens: int = 7) -> None:
    """Answers with vectors that tell the text they are of, in another order where the API has indexes."""

    def judge(request: Received) -> bytes:
        vectors = [[number_of(text), 0.5] for text in texts_of(provider, request.json)]
        return reply(answer_of(provider, vectors, tokens))

    server.judges(judge)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_text_gets_its_vector_whatever_the_order_of_the_reply(provider: str, server: Loopback) -> None:
    serve(server, provider)
    with asking(server, provider) as manager:
        vectors, record = manager.embed("w", ["text 1", "text 2", "text 3"])
    assert vectors == [[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]
    assert server.received[0].path == PATHS[provider]
    assert record is not None
    assert record.output_summary == "3 vectors of 2 numbers"
    assert record.input_context["embedded_texts"] == 3
    assert record.llm_metrics["output_tokens"] == 0
    if provider == "google":  # which does not count
        assert record.llm_metrics["usage_estimated"]
        assert record.llm_metrics["input_tokens"] >= 6
    else:
        assert record.llm_metrics["input_tokens"] == 7
        assert "usage_estimated" not in record.llm_metrics


@pytest.mark.parametrize(
    ("provider", "ending"),
    [
        ("custom", "/v1/embeddings"),
        ("custom", "/v1/embeddings/"),
        ("google", "/v1beta/models/m-1:batchEmbedContents"),
        ("ollama", "/api/embed"),
        ("ollama", "/api/embeddings"),
        ("ollama", "/v1/embeddings"),
        ("openai", "/v1/embeddings"),
    ],
)
def test_an_address_that_is_pasted_down_to_its_method(provider: str, ending: str, server: Loopback) -> None:
    serve(server, provider)
    with asking(server, provider, base_config={"base_url": server.url + ending}) as manager:
        manager.embed("w", ["text 1"])
    assert server.received[0].path == PATHS[provider]


NO_BASE64 = "encoding_format base64 is not supported"
NO_FORM = "Unknown parameter: 'encoding_format'"


@pytest.mark.parametrize(("refusal", "forms"), [(NO_BASE64, ["base64", "float"]), (NO_FORM, ["base64", "float", None])])
def test_a_server_that_knows_no_base64_is_asked_for_numbers_from_then_on(
    refusal: str, forms: list[str | None], server: Loopback
) -> None:
    def judge(request: Received) -> bytes:
        form = request.json.get("encoding_format")
        if form == "base64" or (form is not None and refusal == NO_FORM):
            return reply({"error": {"message": refusal, "type": "invalid_request_error"}}, 400)
        return reply(answer_of("custom", [[number_of(text), 0.5] for text in request.json["input"]]))

    server.judges(judge)
    with asking(server, "openai") as manager:
        assert manager.embed("w", ["text 1"])[0] == [[1.0, 0.5]]
        assert manager.embed("w", ["text 2"])[0] == [[2.0, 0.5]]
    assert [each.json.get("encoding_format") for each in server.received] == [*forms, forms[-1]]


@pytest.mark.parametrize("provider", ["custom", "openai"])
@pytest.mark.parametrize("form", ["float", "base64"])
def test_the_form_of_the_numbers_may_be_chosen(provider: str, form: str, server: Loopback) -> None:
    serve(server, provider)
    with asking(server, provider, base_config={"encoding_format": form}) as manager:
        assert manager.embed("w", ["text 1"])[0] == [[1.0, 0.5]]
    assert server.received[0].json["encoding_format"] == form


def test_a_form_that_is_no_numbers_is_refused(server: Loopback) -> None:
    with asking(server, "custom", base_config={"encoding_format": "int8"}) as manager, raises_code(4, "int8.*float"):
        manager.embed("w", ["text 1"])
    assert server.received == []


@pytest.mark.parametrize(
    ("provider", "number", "requests"),
    [("custom", 70, 3), ("google", 201, 3), ("ollama", 65, 2), ("openai", 1025, 2)],
)
def test_many_texts_are_divided_into_requests_that_each_count(
    provider: str, number: int, requests: int, server: Loopback
) -> None:
    serve(server, provider)
    metrics = {"input_cost_per_token": 2.0}
    with asking(server, provider, cost_metrics=metrics, rate_limits={"max_requests_per_minute": 100}) as manager:
        vectors, record = manager.embed("w", [f"text {n}" for n in range(number)])
        assert manager.limit_usage("w")["requests_last_minute"] == requests
    assert [vector[0] for vector in vectors] == list(range(number))
    assert len(server.received) == requests
    assert record is not None
    assert record.llm_metrics["attempts"] == requests
    assert "tool_rounds" not in record.llm_metrics
    if provider != "google":
        assert record.llm_metrics["input_tokens"] == 7 * requests
        assert record.cost_incurred == 14.0 * requests


def test_long_texts_are_divided_by_their_tokens(server: Loopback) -> None:
    serve(server, "openai")
    with asking(server, "openai") as manager:
        manager.embed("w", [f"{'word ' * 50_000} {n}" for n in range(5)])
    assert [len(each.json["input"]) for each in server.received] == [2, 2, 1]


def test_a_limit_holds_between_the_requests_of_one_call(server: Loopback) -> None:
    serve(server, "google")
    with asking(server, "google", rate_limits={"max_requests_per_minute": 2}) as manager:
        with raises_code(20, "max_requests_per_minute.*the rest of the texts was not embedded"):
            manager.embed("w", [f"text {n}" for n in range(250)])
        record = record_of(manager)
    assert len(server.received) == 2
    assert not record.success
    assert record.llm_metrics["attempts"] == 2


def test_a_budget_is_kept_by_the_upper_bound_of_the_input(server: Loopback) -> None:
    serve(server, "custom")
    metrics = {"input_cost_per_token": 1.0}
    limits = {"max_cost_per_day": 10.0}
    with asking(server, "custom", cost_metrics=metrics, rate_limits=limits) as manager, raises_code(37, "max_cost"):
        manager.embed("w", ["text 1" * 20])
    assert server.received == []


BAD: dict[str, Any] = {
    "too few": {"data": [{"index": 0, "embedding": [1.0]}]},
    "too many": {"data": [{"index": n, "embedding": [1.0]} for n in range(3)]},
    "an index twice": {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
    "an index beyond": {"data": [{"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}]},
    "an index that is none": {"data": [{"index": 0, "embedding": [1.0]}, {"index": "1", "embedding": [1.0]}]},
    "one index missing": {"data": [{"index": 0, "embedding": [1.0]}, {"embedding": [1.0]}]},
    "different lengths": {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
    "no numbers": {"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]},
    "texts": {"data": [{"index": 0, "embedding": ["1"]}, {"index": 1, "embedding": [1.0]}]},
    "booleans": {"data": [{"index": 0, "embedding": [True]}, {"index": 1, "embedding": [1.0]}]},
    "nothing": {"data": [{"index": 0}, {"index": 1}]},
    "no base64": {"data": [{"index": 0, "embedding": "###"}, {"index": 1, "embedding": [1.0]}]},
    "half a float": {"data": [{"index": 0, "embedding": "AAA="}, {"index": 1, "embedding": [1.0]}]},
    "no list": {"data": "none"},
    "no data": {},
    "a huge number": b'{"data": [{"index": 0, "embedding": [1e999]}, {"index": 1, "embedding": [1.0]}]}',
    "a long number": (
        '{"data": [{"index": 0, "embedding": [' + "9" * 400 + ']}, {"index": 1, "embedding": [1]}]}'
    ).encode(),
}


@pytest.mark.parametrize("name", BAD)
def test_a_reply_that_is_none_is_an_error_and_not_a_vector(name: str, server: Loopback) -> None:
    server.will(reply(BAD[name]))
    with asking(server, "custom", base_config={"max_retries": 0}) as manager, raises_code(16):
        manager.embed("w", ["one 1", "two 2"])


def test_vectors_of_another_length_in_a_later_request_are_an_error(server: Loopback) -> None:

    def judge(request: Received) -> bytes:
        size = 1 + len(server.received)
        return reply(answer_of("google", [[1.0] * size for _ in request.json["requests"]]))

    server.judges(judge)
    with asking(server, "google") as manager, raises_code(16, "and then of another number"):
        manager.embed("w", [f"text {n}" for n in range(101)])


def test_failures_are_those_of_any_call(server: Loopback, quick: None) -> None:
    with asking(server, "custom", base_config={"max_retries": 1}) as manager:
        server.will(reply({"error": {"message": "busy"}}, 503))
        with raises_code(16):
            manager.embed("w", ["one"])
        assert len(server.received) == 2
        server.will(reply({"error": {"message": "bad key"}}, 401))
        with raises_code(45):
            manager.embed("w", ["one"])


@pytest.mark.parametrize("texts", ["one", [1], [""], ["one", "  \n"], None, {"a": 1}, b"x"])
def test_what_is_no_list_of_texts_is_refused_before_anything_is_sent(texts: Any) -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w"))
        with raises_code(4):
            manager.embed("w", texts)
        assert manager.get_performance_records_for_definition("w") == []


def test_no_texts_have_no_vectors_and_make_no_call() -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w"))
        assert manager.embed("w", []) == ([], None)
        with raises_code(9):
            manager.embed("nobody", [])


@pytest.mark.parametrize("definition", [{"provider": "anthropic"}, {"model_name": "scripted"}])
def test_a_model_without_embeddings_says_so(definition: dict[str, Any], server: Loopback) -> None:
    if "provider" in definition:
        definition = {**definition, "base_config": {"base_url": server.url}}
    else:
        definition = {**definition, "base_config": {"replies": ["x"]}}
    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w", **definition))
        with raises_code(35, "embed with a worker of"):
            manager.embed("w", ["one"])
    assert server.received == []


def test_a_hosts_client_embeds_if_it_says_so() -> None:
    class Embedding(Answers):
        embeds = True

    def answer(request: LLMRequest) -> LLMResponse:
        vectors = ((1.0, 2.0),) * (len(request.embed) - (request.embed == ("one", "lost")))
        return LLMResponse(text="", finish_reason="stop", usage=Usage(input_tokens=1), model="m", vectors=vectors)

    for client, code in ((Answers(), 35), (Embedding(answer), 0)):
        with AIWorkerManager(clients={"openai": client}) as manager:
            manager.add_worker_definition(worker("w", provider="openai"))
            if code:
                with raises_code(code):
                    manager.embed("w", ["one"])
                continue
            assert manager.embed("w", ["one"]).vectors == [[1.0, 2.0]]
            with raises_code(16, "gave 1 vectors for 2 texts"):
                manager.embed("w", ["one", "lost"])


def test_settings_of_the_definition_are_sent(server: Loopback) -> None:
    config = {"dimensions": 2, "system_prompt": "Be brief.", "cache": "auto"}
    for provider in PROVIDERS:
        serve(server, provider)
        with asking(server, provider, base_config=config) as manager:
            manager.embed("w", ["text 1"])
        body = sent(server)
        if provider == "google":
            assert body["requests"][0]["outputDimensionality"] == 2
        else:
            assert body["dimensions"] == 2
        assert "Be brief." not in json.dumps(body)


def test_the_bodies_fit_the_types_of_the_sdks() -> None:
    asked = LLMRequest(provider="openai", model="m", messages=(), embed=("one", "two"), config={"dimensions": 2})
    params = pytest.importorskip("openai.types.embedding_create_params", reason="the openai package is missing")
    body = embedding_adapter("openai", asked).build(asked).body
    TypeAdapter(params.EmbeddingCreateParams).validate_python(body)
    assert set(body) <= set(params.EmbeddingCreateParams.__annotations__)
    types = pytest.importorskip("openai.types", reason="the openai package is missing")
    types.CreateEmbeddingResponse.model_validate(answer_of("custom", [[1.0], [2.0]]))
    client = pytest.importorskip("ollama._types", reason="the ollama package is missing")
    client.EmbedRequest.model_validate(embedding_adapter("ollama", asked).build(asked).body)
    client.EmbedResponse.model_validate(answer_of("ollama", [[1.0]]))
    genai = pytest.importorskip("google.genai.types", reason="the google-genai package is missing")
    genai.EmbedContentResponse.model_validate(answer_of("google", [[1.0]]))


# The built-in model and scripts


def test_the_built_in_model_gives_the_same_for_the_same_and_the_near_for_the_like(run: Run) -> None:
    body = 'return tool.AIWorker.Embed("w", ["a red cat", "a red dog", "stock prices fell", "a red cat"])'
    cat, dog, stocks, again = run(body)
    assert cat == again

    def near(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert near(cat, dog) > near(cat, stocks)
    assert all(math.isclose(near(each, each), 1.0) for each in (cat, dog, stocks))


def test_a_script_embeds_under_its_policy_and_leaves_a_record(run: Run, interpreter: Interpreter) -> None:
    assert run('return len(tool.AIWorker.Embed("w", ["one two", "three"]))') == 2
    (record,) = manager_of(interpreter).get_performance_records_for_definition("w")
    assert record.success
    assert (record.llm_metrics["input_tokens"], record.llm_metrics["output_tokens"]) == (3, 0)
    with raises_code(4, r"texts\[1\]"):
        run('call tool.AIWorker.Embed("w", ["one", ""])')


def test_asyncio_hosts_await_it() -> None:
    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w"))
        assert len(asyncio.run(manager.aembed("w", ["one"])).vectors[0]) == 32


def test_a_cancelled_call_sends_nothing_more(server: Loopback) -> None:
    serve(server, "google")

    def check() -> None:
        if server.received:
            raise NeuroScriptError(44, "cancelled")

    with asking(server, "google") as manager, raises_code(44):
        manager.embed("w", [f"text {n}" for n in range(300)], check=check)
    assert len(server.received) == 1
