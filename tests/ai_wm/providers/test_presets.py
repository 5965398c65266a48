"""The presets of OpenAI-compatible services: every one of them is held to what its row in the table says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.data.presets import PRESETS, REASONING
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.keys.approvals import CONVENTIONAL
from ai_wm.providers import Clients, openai
from ai_wm.providers.base import Message
from ai_wm.providers.endpoints import endpoint_of, server_of, servers_of
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.support import KEY, WEATHER, body_of, collect, request, stream_of, user
from tests.attacks.world import World, adding, env, world_in

HOSTED = sorted(name for name, preset in PRESETS.items() if not preset.is_local)
LOCAL = sorted(name for name, preset in PRESETS.items() if preset.is_local)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
STRICT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize("name", PRESETS)
def test_a_definition_needs_no_more_than_provider_and_model(name: str) -> None:
    made = AIWorkerDefinition.parse({"provider": name, "modelName": "m"})
    preset = PRESETS[name]
    assert (made.auth.method, made.auth.value) == (("env_var", preset.variable) if preset.variable else ("none", ""))
    with AIWorkerManager() as manager:
        manager.add_worker_definition({"name": "w", "provider": name, "model_name": "m"})
        assert manager.get_worker_definition("w").provider == name


def test_a_key_source_of_its_own_comes_before_the_usual_one_and_other_providers_have_none() -> None:
    auth = {"method": "inline", "value": KEY}
    assert AIWorkerDefinition.parse({"provider": "groq", "modelName": "m", "auth": auth}).auth.value == KEY
    with raises_code(4, "auth"):
        AIWorkerDefinition.parse({"provider": "openai", "modelName": "m"})


def test_a_misspelt_preset_is_told_the_nearest() -> None:
    with AIWorkerManager() as manager, raises_code(4, "did you mean 'openrouter'"):
        manager.add_worker_definition({"provider": "openruter", "model_name": "m"})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_asked_at_its_own_address(name: str) -> None:
    server = server_of(name, endpoint_of(name), {})
    assert server.url == PRESETS[name].base_url
    assert server.address.is_loopback == PRESETS[name].is_local
    assert (server.address.scheme == "https") is not PRESETS[name].is_local


@pytest.mark.parametrize("name", PRESETS)
def test_a_call_carries_the_key_and_the_options_under_the_names_of_the_service(
    name: str, clients: Clients, server: Loopback
) -> None:
    server.will(reply(body_of("openai")))
    config = {"base_url": f"{server.url}/v1", "max_output_tokens": 50, "seed": 7}
    assert clients.for_provider(name).complete(request(name, config=config)).text == "Hi there"
    (received,) = server.received
    preset = PRESETS[name]
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.path == "/v1/chat/completions"
    assert received.json[preset.output_limit] == 50
    assert received.json[preset.seed] == 7
    assert not {"max_tokens", "max_completion_tokens", "seed", "random_seed", "max_output_tokens"}.difference(
        {preset.output_limit, preset.seed}
    ) & set(received.json)


@pytest.mark.parametrize("name", PRESETS)
def test_usage_is_asked_for_in_streams_where_the_service_takes_the_option(
    name: str, clients: Clients, server: Loopback
) -> None:
    server.will(streamed(stream_of("custom", "Hi ", "there")))
    text, response = collect(clients.for_provider(name).stream(request(name, config={"base_url": f"{server.url}/v1"})))
    assert (text, response.usage.input_tokens) == ("Hi there", 9)
    assert ("stream_options" in server.received[0].json) is PRESETS[name].stream_options


@pytest.mark.parametrize("name", PRESETS)
def test_a_schema_is_sent_as_far_as_the_service_takes_one(name: str) -> None:
    built = openai.build(request(name, config={"response_format": STRICT})).body
    told = [message for message in built["messages"] if message["role"] == "system"]
    match PRESETS[name].schemas:
        case "strict":
            assert built["response_format"]["json_schema"]["strict"] is True
        case "plain":
            assert built["response_format"]["json_schema"] == {"name": "n", "schema": SCHEMA}
        case "none":
            assert built["response_format"] == {"type": "json_object"}
            assert '"additionalProperties": false' in told[0]["content"]
    assert bool(told) is (PRESETS[name].schemas == "none")


@pytest.mark.parametrize("name", PRESETS)
def test_reasoning_goes_back_in_the_fields_that_the_service_takes(name: str) -> None:
    ask = request(name, tools=(WEATHER,))
    given: dict[str, Any] = {key: "hm" for key in REASONING if key != "reasoning_details"}
    call = {"id": "c1", "function": {"name": "weather_Now", "arguments": "{}"}}
    choice = {"message": {"content": None, "tool_calls": [call], **given}, "finish_reason": "tool_calls"}
    said = openai.parse({"choices": [choice]}, ask).as_message()
    result = Message(role="tool", content="sunny", tool_call_id="c1", name="weather.Now")
    built = openai.build(request(name, user("x"), said, result, tools=(WEATHER,))).body
    back = {key for key in REASONING if key in built["messages"][1]}
    assert back == set(PRESETS[name].reasoning) & set(given)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A host with secrets; at the end of the test none of them may have leaked."""
    with world_in(tmp_path) as made:
        yield made


class TestTrust:
    """A preset's key goes to the preset's address; anywhere else it is a key like any other."""

    @pytest.mark.parametrize("name", HOSTED)
    def test_the_usual_variable_is_approved_for_the_services_own_address(self, name: str) -> None:
        assert CONVENTIONAL[f"env:{PRESETS[name].variable}"] == name
        assert servers_of(name, {})[0].address.text == PRESETS[name].base_url

    @pytest.mark.parametrize("name", HOSTED)
    def test_a_script_cannot_send_it_elsewhere(self, name: str, world: World) -> None:
        world.environ[PRESETS[name].variable] = "sk-preset-secret-000"
        script = world.script(world.manager())
        for provider in (name, "custom"):
            auth, config = env(PRESETS[name].variable), {"base_url": "$EVIL"}
            script.run(adding(provider, auth, provider=provider, base_config=config))
            assert script.code(f'ask "{provider}", "x" into r') == 10
        assert world.evil.received == []

    @pytest.mark.parametrize("name", HOSTED)
    def test_another_services_key_is_not_sent_to_it(self, name: str, world: World) -> None:
        script = world.script(world.manager())
        script.run(adding("w", env("OPENAI_API_KEY"), provider=name))
        assert script.code('ask "w", "x" into r') == 10

    @pytest.mark.parametrize("name", LOCAL)
    def test_a_script_reaches_no_server_of_this_machine_by_a_preset(self, name: str, world: World) -> None:
        """What listens at the usual port may be anything."""
        script = world.script(world.manager())
        script.run(adding("w", {"method": "none"}, provider=name))
        asked = script.refusal('ask "w", "x" into r')
        assert "--allow-origin http://127.0.0.1" in asked


@pytest.mark.parametrize("name", LOCAL)
def test_a_server_of_ones_own_costs_nothing(name: str, server: Loopback) -> None:
    server.will(reply(body_of("openai")))
    with AIWorkerManager() as manager:
        limits = {"max_cost_per_day": 0.01}
        manager.add_worker_definition(
            {
                "name": "w",
                "provider": name,
                "model_name": "m",
                "base_config": {"base_url": f"{server.url}/v1"},
                "interaction_models": ["both"],
                "rate_limits": limits,
            }
        )
        assert manager.execute_stateless_task("w", "x").record.cost_incurred == 0


@pytest.mark.parametrize("name", HOSTED)
def test_an_unknown_price_is_refused_under_a_budget(name: str) -> None:
    with AIWorkerManager(environ={PRESETS[name].variable: KEY}) as manager:
        manager.add_worker_definition(
            {
                "name": "w",
                "provider": name,
                "model_name": "no-such-model",
                "interaction_models": ["both"],
                "rate_limits": {"max_cost_per_day": 1},
            }
        )
        with pytest.raises(NeuroScriptError) as caught:
            manager.execute_stateless_task("w", "x")
        assert caught.value.code == 46
