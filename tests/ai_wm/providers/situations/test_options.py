"""Options mean the same for every provider."""

from __future__ import annotations

import json

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply
from tests.ai_wm.providers.support import at, body_of, request, user
from tests.ai_wm.providers.wire import (
    completion,
    sent,
)


def test_anthropic_schema(clients: Clients, server: Loopback) -> None:
    transform = pytest.importorskip("anthropic.lib._parse._transform", reason="the anthropic package is missing")
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": 10, "description": "How many."},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1},
        },
        "required": ["count"],
    }
    client = clients.for_provider("anthropic")
    server.will(reply(body_of("anthropic", '{"count": 3}')))
    assert client.complete(at(server, "anthropic", response_format=schema)).text == '{"count": 3}'
    assert sent(server)["output_config"] == {
        "format": {"type": "json_schema", "schema": transform.transform_schema(schema)}
    }
    # What the API does not check is checked here.
    server.will(reply(body_of("anthropic", '{"count": 30}')))
    with raises_code(16, "above the maximum of 10") as caught:
        client.complete(at(server, "anthropic", response_format=schema))
    assert caught.value.details["text"] == '{"count": 30}'
    assert caught.value.details["usage"] == Usage(input_tokens=9, output_tokens=3)


@pytest.mark.parametrize("provider", ["openai", "custom"])
def test_json_word(provider: str, clients: Clients, server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        body = received.json
        if "json" not in json.dumps(body["messages"]).lower():
            message = "'messages' must contain the word 'json' in some form, to use 'response_format' of 'json_object'."
            return reply({"error": {"message": message, "type": "invalid_request_error", "param": "messages"}}, 400)
        return reply(completion('{"a": 1}'))

    client = clients.for_provider(provider)
    asked = at(server.judges(judge), provider, response_format="json")
    assert client.complete(asked).text == '{"a": 1}'
    assert sent(server)["response_format"] == {"type": "json_object"}
    # A prompt that speaks of JSON itself is left as it is.
    own = request(provider, user("Give me json."), config=asked.config)
    client.complete(own)
    assert sent(server)["messages"] == [{"role": "user", "content": "Give me json."}]
