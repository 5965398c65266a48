"""Attacks on the headers that a host's definition adds to its requests: their values may be keys."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, WorkerPolicy
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import body_of
from tests.attacks.world import INLINE, World, ids

SPAWN = 'set chat = tool.AIWorkerInstance.Spawn("helper").conversation_manager_handle\n'
TOKEN = "gw-token-9f8e7d6c5b4a3f2e1d0c"
HEADERS = {"X-Gateway-Token": TOKEN, "Cookie": f"session={TOKEN}", "X-Title": "ours"}


def host_with_headers(world: World, manager: AIWorkerManager, **fields: Any) -> str:
    address = f"{world.friend.url}/v1"
    config = {"base_url": address, "headers": HEADERS}
    return world.host_adds(manager, provider="custom", **{"auth": {"method": "none"}, "base_config": config, **fields})


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "ollama", "custom"])
def test_the_headers_of_a_definition_are_headers(world: World, provider: str) -> None:
    """They stood in the body: the gateway that wants them found none, and the model's server kept them."""
    world.friend.will(reply(body_of(provider)))
    base = world.friend.url + ("/v1" if provider in ("openai", "custom") else "")
    manager = world.manager()
    world.host_adds(
        manager,
        provider=provider,
        auth={"method": "inline", "value": INLINE},
        base_config={"base_url": base, "headers": {**HEADERS, "Authorization": "Bearer no", "user-agent": "mine"}},
    )
    manager.execute_stateless_task("helper", "x")
    (received,) = world.friend.received
    assert received.headers["x-gateway-token"] == TOKEN
    assert received.headers["user-agent"] == "mine"
    assert TOKEN.encode() not in received.body
    assert b"headers" not in received.body
    # The key of the definition is the key, whatever the headers say.
    sent = "".join(received.headers.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key"))
    assert INLINE in sent


def test_the_values_of_headers_are_shown_nowhere(world: World) -> None:
    """A script listed the host's workers and read the gateway's token; so did whoever looked at the terminal's log."""
    echo = {"error": {"message": f"no such token {TOKEN}", "type": TOKEN}}
    world.friend.will(reply(echo, 401), reply(body_of("openai", f"your token is {TOKEN}.")))
    manager = world.manager()
    host_with_headers(world, manager)
    script = world.script(manager)
    get, listed = 'tool.AIWorkerDefinition.Get("helper")', "tool.AIWorkerDefinition.List()"
    script.run(f"{SPAWN}return [{get}, {listed}, tool.AIWorkerInstance.ListActive()]")
    assert script.code('ask "helper", "x" into r') == 45
    assert script.run('ask "helper", "x" into r\nreturn r') == "your token is ***."
    script.run('return tool.AIWorker.GetPerformanceRecords("helper")')
    definition = manager.get_worker_definition("helper")
    live = manager.list_active_worker_instances()
    shown = [definition, definition.model_dump(), definition.model_dump_json(), live, world.seen]
    shown += [manager.list_worker_definitions_for_display(), manager.get_performance_records_for_definition("helper")]
    shown += [LLMRequest(provider="custom", model="m", messages=(), config=definition.base_config)]
    assert TOKEN not in repr(shown)
    assert definition.to_file()["baseConfig"]["headers"] == HEADERS


def test_the_headers_of_the_host_go_where_the_host_sends_them(world: World) -> None:
    """A worker without a key was sent to the address of a script, with the gateway's token among its headers."""
    manager = world.manager()
    host_with_headers(world, manager)
    policy = WorkerPolicy(overrides=("base_url", "headers"), origins=(world.evil.url,))
    script = world.script(manager, policy)
    assert "headers" in script.refusal('ask "helper", "x" with {"base_url": "$EVIL/v1"} into r')
    # What a script gives itself goes where the script may go.
    script.run('ask "helper", "x" with {"base_url": "$EVIL/v1", "headers": {"X-Own": "1"}} into r')
    (received,) = world.evil.received
    assert received.headers["x-own"] == "1"
    assert "x-gateway-token" not in received.headers


@pytest.mark.parametrize("name", ["headers", "extra_headers", "default_headers"])
def test_headers_are_locked_and_permitted_under_every_name(world: World, name: str) -> None:
    """A script added headers to a worker that the host had fixed them for, under an SDK's name for them."""
    manager = world.manager()
    host_with_headers(world, manager)
    world.host_adds(manager, "fixed", base_config={"base_url": f"{world.friend.url}/v1", "locked": ["headers"]})
    asked = f'ask "fixed", "x" with {{"{name}": {{"X-Own": "1"}}}} into r'
    assert "'headers'" in world.script(manager).refusal(asked)
    script = world.script(manager, WorkerPolicy(overrides=("headers",)))
    assert "has fixed the setting headers" in script.refusal(asked)
    assert not world.friend.received
    world.friend.will(reply(body_of("custom")))
    script.run(f'ask "helper", "x" with {{"{name}": {{"X-Own": "1"}}}} into r')
    (received,) = world.friend.received
    assert received.headers["x-own"] == "1"
    assert "x-gateway-token" not in received.headers, "they replace the host's, whatever they are called"


def test_headers_go_over_plain_http_as_little_as_keys(world: World) -> None:
    """Anybody on the way read the gateway's token."""
    manager = world.manager()
    host_with_headers(world, manager, base_config={"base_url": "http://gateway.example/v1", "headers": HEADERS})
    with raises_code(10, "allow_http: true"):
        manager.execute_stateless_task("helper", "x")


BAD_HEADERS: list[tuple[str, Any]] = [
    ("A line end made two headers of one.", {"X-A": f"{TOKEN}\r\nX-B: 2"}),
    ("A name with a colon was a header of its own.", {"X-A: 1\r\nX-B": TOKEN}),
    ("Another host was named to a server of many.", {"Host": TOKEN}),
    ("Another length made a second request of the rest.", {"content-length": TOKEN}),
    ("Another form of the body did.", {"Transfer-Encoding": TOKEN}),
    ("Two spellings of one name were both sent.", {"x-a": TOKEN, "X-A": TOKEN}),
    ("What is no text failed in the client, with all of the request.", {"X-A": [TOKEN]}),
    ("What is no map did.", [TOKEN]),
    ("What is shown in place of a value was stored for it, and the value was lost.", {"X-A": "***"}),
    ("Characters that cannot be sent did.", {"X-A": f"{TOKEN}é"}),
]


@pytest.mark.parametrize(("says", "headers"), BAD_HEADERS, ids=ids(BAD_HEADERS))
def test_headers_that_cannot_be_sent(world: World, says: str, headers: Any) -> None:
    manager = world.manager()
    with raises_code(4, "headers") as caught:
        world.host_adds(manager, base_config={"headers": headers})
    assert TOKEN not in str(caught.value), says
    assert world.friend.received == []
