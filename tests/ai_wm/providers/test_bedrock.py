"""Bedrock's Converse and ConverseStream, against a server that checks signatures as AWS does."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm import AIWorkerManager
from ai_wm.calls.pricing import published_price
from ai_wm.data.enumerations import APIKeySourceMethod
from ai_wm.keys.clouds import cloud_key, forget_identities
from ai_wm.providers import Clients, bedrock
from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.base import LLMRequest, Message, ToolCallRequest, Usage
from ai_wm.providers.estimates import published_output, stated_output, thinking_budget, with_output
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply, streamed
from tests.ai_wm.providers.support import KEY, WEATHER, collect, request, user
from tests.ai_wm.providers.test_any_reply import JSON, changed, check, places
from tests.ai_wm.providers.test_aws_events import event, exception

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
ACCESS, HIDDEN, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session-token-0123456789"
STREAM = "application/vnd.amazon.eventstream"
USAGE = {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}
REASONING = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig=="}}}
REDACTED = {"reasoningContent": {"redactedContent": "AAEC"}}
CALL = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather_Now", "input": {"city": "Paris"}}}


@pytest.fixture(autouse=True)
def _no_identity_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    forget_identities()
    yield
    forget_identities()


def converse(*blocks: dict[str, Any], stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    """A ``ConverseResponse``."""
    content = list(blocks or ({"text": "Hi there"},))
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 1}, **more}


def ask(*messages: Message, model: str = MODEL, **more: Any) -> LLMRequest:
    return request("bedrock", *messages, model=model, **more)


def at(server: Loopback, **config: Any) -> LLMRequest:
    return ask(config={"base_url": server.url, "aws_region": "eu-west-1", **config})


def frames(*events: bytes) -> Any:
    return streamed(events, content_type=STREAM)


def signature(received: Received, url: str, secret: str, region: str = "eu-west-1") -> str:
    """The Authorization header that botocore, on the server's side, expects of a request."""
    auth = pytest.importorskip("botocore.auth", reason="botocore is missing")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    named = received.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    kept = {name: received.headers[name] for name in named if name != "host"}
    again = AWSRequest(method=received.method, url=url + received.path, data=received.body, headers=kept)
    signer = auth.SigV4Auth(Credentials(ACCESS, secret), "bedrock", region)
    again.context["timestamp"] = received.headers["x-amz-date"]
    canonical = signer.canonical_request(again)
    signed = signer.signature(signer.string_to_sign(again, canonical), again)
    scope = signer.scope(again)
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(named)}, Signature={signed}"


class TestTheRequest:
    def test_everything_has_its_place(self) -> None:
        config = {
            "max_output_tokens": 100,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "stop": "END",
            "tool_choice": "weather.Now",
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            "thinking": {"type": "enabled", "budget_tokens": 50},
        }
        wire = bedrock.build(ask(user("hello"), system="Be brief.", tools=(WEATHER,), config=config))
        assert wire.path == f"model/{quote(MODEL, safe='')}/converse"
        assert wire.body == {
            "messages": [{"role": "user", "content": [{"text": "hello"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "weather_Now",
                            "description": WEATHER.description,
                            "inputSchema": {"json": WEATHER.parameters},
                        }
                    }
                ],
                "toolChoice": {"tool": {"name": "weather_Now"}},
            },
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            "additionalModelRequestFields": {"top_k": 40, "thinking": {"type": "enabled", "budget_tokens": 50}},
        }

    def test_it_fits_the_services_own_model(self) -> None:
        loaders = pytest.importorskip("botocore.loaders", reason="botocore is missing")
        from botocore.model import ServiceModel
        from botocore.validate import ParamValidator

        service = ServiceModel(loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
        turn = (
            user("hello"),
            bedrock.parse(converse(REASONING, REDACTED, CALL, stop="tool_use"), ask(tools=(WEATHER,))).as_message(),
            Message(role="tool", content="", tool_call_id="tooluse_1", name="weather.Now", is_error=True),
            user("and now?"),
        )
        config = {"max_output_tokens": 9, "top_k": 4, "tool_choice": "required", "serviceTier": {"type": "flex"}}
        body = copy.deepcopy(bedrock.build(ask(*turn, tools=(WEATHER,), config=config, system="s")).body)
        shape = service.operation_model("Converse").input_shape
        # A Blob is bytes for botocore, and base64 on the wire.
        back = body["messages"][1]["content"][1]["reasoningContent"]
        back["redactedContent"] = back["redactedContent"].encode()
        report = ParamValidator().validate({"modelId": MODEL, **body}, shape)
        assert not report.has_errors(), report.generate_report()
        assert not set(body) - set(shape.members)

    @pytest.mark.parametrize(
        ("choice", "sent"), [("auto", {"auto": {}}), ("required", {"any": {}}), (None, None)], ids=str
    )
    def test_tool_choice(self, choice: Any, sent: Any) -> None:
        body = bedrock.build(ask(tools=(WEATHER,), config={"tool_choice": choice})).body
        assert body["toolConfig"].get("toolChoice") == sent

    def test_no_tools_where_none_may_be_called(self) -> None:
        assert "toolConfig" not in bedrock.build(ask(tools=(WEATHER,), config={"tool_choice": "none"})).body

    def test_a_history_with_calls_keeps_its_tools_though_the_worker_has_none_now(self) -> None:
        call = ToolCallRequest(id="c", name="weather.Now", arguments={})
        told = Message(role="tool", content="sunny", tool_call_id="c", name="weather.Now")
        body = bedrock.build(ask(user("x"), Message(role="assistant", content="", tool_calls=(call,)), told)).body
        assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["weather_Now"]

    @pytest.mark.parametrize("name", ["messages", "toolConfig", "tool_config", "system", "modelId"])
    def test_what_the_program_puts_together_cannot_be_set(self, name: str) -> None:
        with raises_code(4, "cannot be set"):
            bedrock.build(ask(config={name: []}))

    def test_the_bodys_further_options_have_their_places(self) -> None:
        extra = {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}, "top_a": 1}
        body = bedrock.build(ask(config={"extra_body": extra, "betas": ["a-2026", "b-2026"]})).body
        assert body["guardrailConfig"] == extra["guardrailConfig"]
        assert body["additionalModelRequestFields"] == {"top_a": 1, "anthropic_beta": ["a-2026", "b-2026"]}
        with raises_code(4, "betas"):
            bedrock.build(ask(config={"betas": [1]}))

    def test_an_arn_is_one_part_of_the_path(self) -> None:
        arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
        assert bedrock.build(ask(model=arn)).path == f"model/{quote(arn, safe='')}/converse"


class TestTheReply:
    def test_text_usage_and_tier(self) -> None:
        usage = {
            **USAGE,
            "cacheReadInputTokens": 100,
            "cacheWriteInputTokens": 50,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 30}, {"ttl": "5m", "inputTokens": 20}],
        }
        found = bedrock.parse(converse(usage=usage, serviceTier={"type": "flex"}), ask())
        assert (found.text, found.finish_reason, found.model, found.service_tier) == ("Hi there", "stop", MODEL, "flex")
        assert found.usage == Usage(
            input_tokens=159, cache_read_tokens=100, cache_write_tokens=50, cache_write_1h_tokens=30, output_tokens=3
        )

    @pytest.mark.parametrize("streaming", [False, True])
    def test_reasoning_goes_back_with_its_signature_and_in_its_place(
        self, streaming: bool, clients: Clients, server: Loopback
    ) -> None:
        answer = frames(
            event("messageStart", {"role": "assistant"}),
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "h"}}}),
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "m"}}}),
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "sig=="}}}),
            event("contentBlockStop", {"contentBlockIndex": 0}),
            event(
                "contentBlockDelta",
                {"contentBlockIndex": 1, "delta": {"reasoningContent": {"redactedContent": "AAEC"}}},
            ),
            event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"text": "I look"}}),
            event(
                "contentBlockStart",
                {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather_Now"}}},
            ),
            event("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": '{"city": '}}}),
            event("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": '"Paris"}'}}}),
            event("messageStop", {"stopReason": "tool_use"}),
            event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
        )
        blocks = [REASONING, REDACTED, {"text": "I look"}, CALL]
        server.will(answer if streaming else reply(converse(*blocks, stop="tool_use")))
        sent = LLMRequest(**{**_fields(at(server)), "tools": (WEATHER,)})
        client = clients.for_provider("bedrock")
        found = collect(client.stream(sent))[1] if streaming else client.complete(sent)
        assert (found.text, found.finish_reason, found.usage.output_tokens) == ("I look", "tool_calls", 3)
        (call,) = found.tool_calls
        assert (call.name, call.arguments) == ("weather.Now", {"city": "Paris"})
        told = Message(role="tool", content="sunny", tool_call_id=call.id, name=call.name)
        body = bedrock.build(LLMRequest(**{**_fields(sent), "messages": (user("x"), found.as_message(), told)})).body
        assert body["messages"][1] == {"role": "assistant", "content": blocks}
        assert body["messages"][2]["content"] == [
            {"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": "sunny"}]}}
        ]

    @pytest.mark.parametrize(
        ("stop", "finish"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
        ],
    )
    def test_stop_reasons(self, stop: str, finish: str) -> None:
        assert bedrock.parse(converse(stop=stop), ask()).finish_reason == finish

    def test_nothing_to_say_is_a_reply_only_after_the_results_of_tools(self) -> None:
        call = ToolCallRequest(id="c", name="weather.Now", arguments={})
        told = Message(role="tool", content="sunny", tool_call_id="c", name="weather.Now")
        after = ask(user("x"), Message(role="assistant", content="", tool_calls=(call,)), told)
        nothing = converse({"text": ""})
        assert bedrock.parse(nothing, after).text == ""
        with pytest.raises(StreamError, match="the reply is empty"):
            bedrock.parse(nothing, ask())

    @pytest.mark.parametrize("stop", ["guardrail_intervened", "content_filtered", "malformed_model_output"])
    def test_stop_reasons_that_fail(self, stop: str, clients: Clients, server: Loopback) -> None:
        server.will(reply(converse(stop=stop)))
        with raises_code(16):
            clients.for_provider("bedrock").complete(at(server, max_retries=0))


def _fields(sent: LLMRequest) -> dict[str, Any]:
    return {name: getattr(sent, name) for name in LLMRequest.__dataclass_fields__}


FAILURES = [
    ("ThrottlingException", 429, "Too many tokens, please wait before trying again.", 20, True),
    ("ThrottlingException", 429, "Too many tokens per day, please wait before trying again.", 20, False),
    ("ModelNotReadyException", 429, "The model is warming up.", 20, True),
    ("ServiceUnavailableException", 503, "Bedrock is unable to process your request.", 16, True),
    ("InternalServerException", 500, "Try again.", 16, True),
    ("ModelErrorException", 424, "The model failed.", 16, True),
    ("ModelTimeoutException", 408, "The model took too long.", 16, True),
    ("ValidationException", 400, "Input is too long for requested model.", 47, False),
    ("ValidationException", 400, "The provided model identifier is invalid.", 40, False),
    ("ValidationException", 400, "Malformed input request.", 16, False),
    ("ResourceNotFoundException", 404, "The model was not found.", 40, False),
    ("AccessDeniedException", 403, "You don't have access to the model.", 45, False),
    ("UnrecognizedClientException", 403, "The security token included in the request is invalid.", 45, False),
]


@pytest.mark.parametrize(("kind", "status", "said", "code", "again"), FAILURES)
@pytest.mark.usefixtures("quick")
def test_failures(
    kind: str, status: int, said: str, code: int, again: bool, clients: Clients, server: Loopback
) -> None:
    server.will(reply({"message": said}, status, {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/"}))
    with raises_code(code, said) as caught:
        clients.for_provider("bedrock").complete(at(server, max_retries=1))
    assert (len(server.received), caught.value.details["kind"]) == (2 if again else 1, kind)


@pytest.mark.parametrize(
    ("kind", "code", "again"),
    [
        ("throttlingException", 20, True),
        ("modelStreamErrorException", 16, True),
        ("serviceUnavailableException", 16, True),
        ("internalServerException", 16, True),
        ("validationException", 16, False),
    ],
)
@pytest.mark.usefixtures("quick")
def test_exceptions_within_a_stream(kind: str, code: int, again: bool, clients: Clients, server: Loopback) -> None:
    begun = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi "}})
    server.will(frames(begun, exception(kind, "it says why")))
    with raises_code(code, "it says why") as caught:
        collect(clients.for_provider("bedrock").stream(at(server, max_retries=1)))
    assert len(server.received) == (2 if again else 1)
    assert caught.value.details["text"] == "Hi "


def test_a_failure_that_a_gateway_reports_in_the_reply(clients: Clients, server: Loopback) -> None:
    failed = {"error": {"message": "it says why", "code": 400}}
    begun = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi "}})
    server.will(reply(converse({"text": "Hi "}, **failed)), frames(begun, event("metadata", failed)))
    client = clients.for_provider("bedrock")
    for ask_it in (client.complete, lambda sent: collect(client.stream(sent))):
        with raises_code(16, "it says why") as caught:
            ask_it(at(server, max_retries=0))
        assert caught.value.details["text"] == "Hi "


def test_counts_that_a_later_event_leaves_out_stay() -> None:
    parser = bedrock.stream_parser(ask())
    parser.feed("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
    parser.feed("metadata", {"usage": USAGE})
    parser.feed("metadata", {"usage": {"inputTokens": 0, "outputTokens": 5}})
    parser.feed("metadata", {"metrics": {"latencyMs": 1}})
    parser.feed("messageStop", {"stopReason": "end_turn"})
    assert parser.response().usage == Usage(input_tokens=9, output_tokens=5)


@pytest.mark.usefixtures("quick")
def test_a_stream_that_is_cut_or_garbled_is_asked_for_again(clients: Clients, server: Loopback) -> None:
    first = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi "}})
    second = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "there"}})
    end = event("messageStop", {"stopReason": "end_turn"}), event("metadata", {"usage": USAGE, "metrics": {}})
    server.will(frames(first, second[:-3]), frames(first, second[:-3] + b"xxx"), frames(first, second, *end))
    text, response = collect(clients.for_provider("bedrock").stream(at(server)))
    assert (text, response.text, response.attempts) == ("Hi there", "Hi there", 3)


@pytest.mark.parametrize(
    "pieces",
    [
        ['{"city": ', '"Paris"}', '{"city": "Paris"}'],
        ['{"city": "Paris"}', '{"city":"Paris"}'],
        ['{"city": ', '{"city": "Par', '{"city": "Paris"}'],
    ],
)
def test_arguments_that_a_gateway_sends_again(pieces: list[str], clients: Clients, server: Loopback) -> None:
    start = {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather_Now"}}}
    deltas = [
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": piece}}}) for piece in pieces
    ]
    end = (event("messageStop", {"stopReason": "tool_use"}), event("metadata", {"usage": USAGE}))
    server.will(frames(event("contentBlockStart", start), *deltas, *end))
    asked = LLMRequest(**{**_fields(at(server)), "tools": (WEATHER,)})
    (call,) = collect(clients.for_provider("bedrock").stream(asked))[1].tool_calls
    assert (call.arguments, call.problem) == ({"city": "Paris"}, "")


def test_a_whole_reply_where_a_stream_was_asked_for(clients: Clients, server: Loopback) -> None:
    server.will(reply(converse()))
    text, response = collect(clients.for_provider("bedrock").stream(at(server)))
    assert (text, response.usage.input_tokens) == ("Hi there", 9)


class TestKeys:
    @pytest.mark.parametrize("session", [None, SESSION])
    @pytest.mark.parametrize("model", [MODEL, "arn:aws:bedrock:eu-west-1:1:inference-profile/a b~c"])
    def test_requests_are_signed(
        self, session: str | None, model: str, server: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", HIDDEN)
        if session:
            monkeypatch.setenv("AWS_SESSION_TOKEN", session)
        server.will(reply(converse()))
        with AIWorkerManager() as manager:
            manager.add_worker_definition(definition(server, model_name=model))
            assert manager.execute_stateless_task("w", "x").output == "Hi there"
        (received,) = server.received
        assert received.headers["authorization"] == signature(received, server.url, HIDDEN)
        assert received.headers["authorization"] != signature(received, server.url, "another secret")
        assert received.headers.get("x-amz-security-token") == session

    def test_a_profile_is_named_in_the_definition(self, server: Loopback, tmp_path: Any) -> None:
        lines = f"[team]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {HIDDEN}\n"
        (tmp_path / "credentials").write_text(lines)
        server.will(reply(converse()))
        with AIWorkerManager() as manager:
            manager.add_worker_definition(definition(server, auth={"method": "aws", "value": "team"}))
            manager.execute_stateless_task("w", "x")
        assert server.received[0].headers["authorization"] == signature(server.received[0], server.url, HIDDEN)

    @pytest.mark.parametrize("auth", [{"method": "aws"}, {"method": "env_var", "value": "AWS_BEARER_TOKEN_BEDROCK"}])
    def test_a_bedrock_api_key_is_a_bearer_token(
        self, auth: dict[str, str], server: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
        server.will(reply(converse()))
        with AIWorkerManager() as manager:
            manager.add_worker_definition(definition(server, auth=auth))
            manager.execute_stateless_task("w", "x")
        assert server.received[0].headers["authorization"] == f"Bearer {KEY}"

    def test_what_has_expired_is_read_again_once(self, server: Loopback, tmp_path: Any) -> None:
        text = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
        (tmp_path / "credentials").write_text(text.format("AKIDOLD", "old secret"))

        def judge(received: Received) -> bytes:
            if "AKIDOLD" not in received.headers["authorization"]:
                return reply(converse())
            (tmp_path / "credentials").write_text(text.format(ACCESS, HIDDEN))
            return reply({"message": "expired"}, 403, {"x-amzn-errortype": "ExpiredTokenException"})

        server.judges(judge)
        with AIWorkerManager() as manager:
            manager.add_worker_definition(definition(server))
            assert manager.execute_stateless_task("w", "x").output == "Hi there"
        assert len(server.received) == 2

    def test_no_secret_is_in_what_a_server_says_of_it(self, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
        """AWS repeats the canonical request, with the session token in it, where a signature does not fit."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", HIDDEN)
        monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
        server.judges(lambda received: reply({"message": f"not {received.headers['x-amz-security-token']}"}, 403))
        with AIWorkerManager() as manager:
            manager.add_worker_definition(definition(server))
            with pytest.raises(NeuroScriptError) as caught:
                manager.execute_stateless_task("w", "x")
        assert SESSION not in f"{caught.value} {caught.value.details}"

    def test_without_credentials_the_ways_to_have_some_are_told(self, server: Loopback) -> None:
        with AIWorkerManager() as manager:
            manager.add_worker_definition(definition(server))
            with raises_code(18, "AWS_PROFILE"):
                manager.execute_stateless_task("w", "x")
        assert server.received == []
        found = cloud_key(APIKeySourceMethod.AWS, "no-such-profile")
        assert isinstance(found, str)
        assert "ProfileNotFound" in found


def definition(server: Loopback, **more: Any) -> dict[str, Any]:
    base = {"base_url": server.url, "aws_region": "eu-west-1"}
    return {
        "name": "w",
        "provider": "bedrock",
        "auth": {"method": "aws"},  # written out, since the address is not Bedrock's own
        "model_name": MODEL,
        "interaction_models": ["both"],
        "base_config": base,
        **more,
    }


def test_a_definition_says_what_is_missing() -> None:
    with AIWorkerManager(environ={}) as manager:
        with raises_code(18, "base_config.aws_region, or the variable AWS_REGION"):
            manager.add_worker_definition({"provider": "bedrock", "model_name": MODEL})
        with raises_code(4, "aws_region"):
            config = {"aws_region": "evil.example/"}
            manager.add_worker_definition({"provider": "bedrock", "model_name": MODEL, "base_config": config})


@pytest.mark.parametrize(
    ("config", "stated"),
    [
        ({"inferenceConfig": {"maxTokens": 77}}, 77),
        ({"maxTokens": 77}, 77),
        ({"additionalModelRequestFields": {"max_tokens": 77}}, 77),
        ({"extra_body": {"inferenceConfig": {"maxTokens": 77}}}, 77),
    ],
)
def test_limits_of_output_are_found_and_replaced_for_reservations(config: dict[str, Any], stated: int) -> None:
    assert stated_output(config) == stated
    limited = with_output(config, 50)
    assert bedrock.build(ask(config=limited)).body["inferenceConfig"] == {"maxTokens": 50}
    assert stated_output(limited) == 50


def test_a_budget_of_thinking_is_found_for_reservations() -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert thinking_budget(thinking) == thinking_budget({"additionalModelRequestFields": thinking}) == 2000


def test_a_key_of_the_request_goes_as_a_bearer_token(clients: Clients, server: Loopback) -> None:
    server.will(reply(converse(), headers={"x-amzn-requestid": "r-1"}))
    found = clients.for_provider("bedrock").complete(at(server))
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
    assert found.request_id == "r-1"


@pytest.mark.parametrize("model", ["a/../b", "a/./b", "..", "a//b", "a\\b"])
def test_a_models_name_leads_to_no_other_path(model: str, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    with AIWorkerManager() as manager:
        manager.add_worker_definition(definition(server, model_name=model))
        with pytest.raises(NeuroScriptError) as caught:
            manager.execute_stateless_task("w", "x")
    assert caught.value.code in (4, 10)
    assert server.received == []


RICH = converse(
    REASONING,
    REDACTED,
    {"text": "x"},
    CALL,
    stop="tool_use",
    usage={**USAGE, "cacheDetails": [{"ttl": "1h", "inputTokens": 1}]},
    serviceTier={"type": "x"},
)
EVENTS = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "x"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "x"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": REDACTED}),
    ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "x", "name": "weather_Now"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"text": "x"}}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": RICH["usage"], "metrics": {}, "serviceTier": {"type": "x"}}),
]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_a_reply_holds_it_is_understood_or_refused(data: st.DataObject) -> None:
    body = RICH
    for _ in range(data.draw(st.integers(0, 2))):
        body = changed(body, data.draw(st.sampled_from(places(body))), data.draw(JSON))
    try:
        found = bedrock.parse(body, ask(tools=(WEATHER,)))
    except (BadReply, StreamError):
        return
    check(found)
    bedrock.build(ask(user("x"), found.as_message(), tools=(WEATHER,)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_a_stream_holds_it_is_understood_or_refused(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(EVENTS) - 1))
    name, body = EVENTS[number]
    events = [*EVENTS[:number], (name, changed(body, data.draw(st.sampled_from(places(body))), data.draw(JSON)))]
    parser = bedrock.stream_parser(ask(tools=(WEATHER,)))
    try:
        for name, body in [*events, *EVENTS[number + 1 :]]:
            assert isinstance(parser.feed(name, body), str)
            assert parser.usage.total_tokens >= 0
        if parser.ended():
            check(parser.response())
    except (BadReply, StreamError):
        return


def test_a_published_price_is_found_by_the_name_of_the_model() -> None:
    pytest.importorskip("genai_prices", reason="genai-prices is missing")
    usage = Usage(input_tokens=1000, output_tokens=1000)
    assert published_price("bedrock", MODEL, usage) is not None
    assert published_price("vertex", "gemini-2.5-flash", usage) is not None
    assert published_price("azure", "gpt-4o", usage) is not None
    for model in ("eu.anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"):
        assert published_output("bedrock", model) == published_output("anthropic", "claude-3-haiku-20240307") == 4096
