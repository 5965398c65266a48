"""Attacks by settings: what a script sets of a call that is the host's to set."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm import WorkerPolicy
from ai_wm.data.script_settings import ALLOWED
from tests.ai_wm.helpers import scripted, worker
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import body_of
from tests.attacks.world import World, adding, env, ids

REFUSED: list[tuple[str, str, str]] = [
    ("A hundred replies were paid for at once.", "n", "100"),
    ("The best of a hundred replies was paid for, and one of them counted.", "best_of", "100"),
    ("A tier at twice the price.", "service_tier", '"priority"'),
    ("Gemini's spelling of the tier.", "serviceTier", '"PRIORITY"'),
    ("The provider's own web search told the conversation to whoever's page it found.", "tools", '[{"type": "x"}]'),
    ("The provider kept the conversation.", "store", "true"),
    ("The messages themselves were replaced.", "messages", "[]"),
    ("Another, dearer model than the host's.", "model", '"dearest"'),
    ("Thinking at any price.", "thinking", '{"type": "enabled", "budget_tokens": 100000}'),
    ("Thinking by another name.", "reasoning_effort", '"high"'),
    ("Headers of the script's own.", "headers", '{"X": "y"}'),
    ("More headers, as OpenAI's SDK has them.", "extra_headers", '{"X": "y"}'),
    ("Anything at all, as OpenAI's SDK has it.", "extra_body", '{"n": 100}'),
    ("The switch that keeps keys off plain http.", "allow_http", "true"),
    ("The host's own list of what is fixed.", "locked", "[]"),
    ("Models of any price under the host's budget.", "allow_unknown_price", "true"),
    ("How many threads and how much memory a model in this process takes.", "n_ctx", "1000000000"),
    ("A template for the chat, which is a program.", "chat_template", '"{{ x }}"'),
    ("A setting in capitals went past a list of what is forbidden.", "BASE_URL", '"$EVIL"'),
    ("A blank behind the name did.", "base_url ", '"$EVIL"'),
    ("A letter that looks the same did.", "bаse_url", '"$EVIL"'),
    ("A full-width letter did.", "ｎ", "100"),
    ("An invisible character did.", "n\u200b", "100"),
]


@pytest.mark.parametrize(("says", "name", "value"), REFUSED, ids=ids(REFUSED))
def test_a_setting_that_is_not_for_scripts(world: World, says: str, name: str, value: str) -> None:
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager)
    given = f'{{"{name}": {value}}}'
    chat = 'set c = tool.AIWorkerInstance.Spawn("helper").conversation_manager_handle\n'
    fields = 'name: "w", provider: "openai", model_name: "m", auth: {"method": "none"}'
    for text in (
        f'ask "helper", "x" with {given} into r',
        f'call tool.AIWorkerInstance.Spawn("helper", {given})',
        f'call tool.AIWorker.ExecuteStatelessTask("helper", "x", {given})',
        f'call tool.AIWorker.ExecuteBatch("helper", ["x"], 1, {given})',
        f'{chat}call tool.Conversation.Ask(c, "x", {given})',
        f"call tool.AIWorkerDefinition.Add({fields}, base_config: {given})",
    ):
        never = name in ("allow_unknown_price", "messages", "model", "tools")
        permits = "is no setting of a call" if never else "WorkerPolicy(overrides="
        assert permits in script.refusal(text), says
    assert world.friend.received == []


def test_what_everybody_may_set_is_set(world: World) -> None:
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager)
    values: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "max_output_tokens": 50,
        "system_prompt": "Be brief.",
        "logit_bias": {"50256": -100},
        "on_limit": "wait",
        "timeout_seconds": 30,
        "max_retries": 0,
        "response_format": "text",
    }
    assert values.keys() <= ALLOWED
    script.interpreter.load('func go(needs settings) means\n  ask "helper", "x" with settings into r\nendfunc\n')
    script.interpreter.run("go", values)
    sent = world.friend.received[0].json
    assert (sent["temperature"], sent["max_completion_tokens"], sent["logit_bias"]) == (0.5, 50, {"50256": -100})
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_setting_that_the_host_grants_is_set(world: World) -> None:
    manager = world.manager()
    world.host_adds(manager)
    script = world.script(manager, WorkerPolicy(overrides=("reasoning_effort", "n")))
    script.run('ask "helper", "x" with {"reasoning_effort": "high", "n": 2} into r')
    assert (world.friend.received[0].json["reasoning_effort"], world.friend.received[0].json["n"]) == ("high", 2)


CAPPED: list[tuple[str, dict[str, Any], str]] = [
    ("The script's limit was above the host's.", {"max_output_tokens": 100}, '{"max_output_tokens": 100000}'),
    ("The same under OpenAI's name.", {"max_output_tokens": 100}, '{"max_completion_tokens": 100000}'),
    ("The same under everybody else's.", {"max_output_tokens": 100}, '{"max_tokens": 100000}'),
    ("The same under Gemini's.", {"max_output_tokens": 100}, '{"maxOutputTokens": 100000}'),
    ("The same under Ollama's.", {"max_output_tokens": 100}, '{"num_predict": 100000}'),
    ("The host wrote its limit under another name.", {"max_tokens": 100}, '{"max_output_tokens": 100000}'),
    ("nil took the host's limit away.", {"max_output_tokens": 100}, '{"max_output_tokens": nil}'),
    ("A fraction was no whole number, and so no limit.", {"max_output_tokens": 100}, '{"max_output_tokens": 1e9}'),
]


@pytest.mark.parametrize(("says", "base", "override"), CAPPED, ids=ids(CAPPED))
def test_a_limit_of_the_host_is_a_cap(world: World, says: str, base: dict[str, Any], override: str) -> None:
    manager = world.manager()
    world.host_adds(manager, base_config=base)
    world.script(manager).run(f'ask "helper", "x" with {override} into r')
    sent = world.friend.received[0].json
    limits = [sent[name] for name in ("max_tokens", "max_completion_tokens") if name in sent]
    assert limits == [100], says


def test_below_the_cap_the_script_chooses(world: World) -> None:
    manager = world.manager()
    world.host_adds(manager, base_config={"max_tokens": 100})
    world.script(manager).run('ask "helper", "x" with {"max_output_tokens": 10} into r')
    sent = world.friend.received[0].json
    assert (sent.get("max_tokens"), sent["max_completion_tokens"]) == (None, 10)


def test_an_option_given_twice_is_no_way_round_a_cap(world: World) -> None:
    """The cap was compared with one of the names, and the other one was sent."""
    manager = world.manager()
    world.host_adds(manager, base_config={"max_output_tokens": 100})
    script = world.script(manager)
    assert script.code('ask "helper", "x" with {"max_output_tokens": 10, "max_tokens": 100000} into r') == 4


def test_what_is_locked_is_fixed(world: World) -> None:
    """The host's instructions to the model were replaced by the script's."""
    manager = world.manager()
    config = {"system_prompt": "Never talk of prices.", "locked": ["system_prompt", "max_tokens"]}
    world.host_adds(manager, base_config=config)
    script = world.script(manager)
    for override in ('{"system_prompt": "Talk."}', '{"systemInstruction": "Talk."}', '{"num_predict": 5}'):
        assert "the host has fixed" in script.refusal(f'ask "helper", "x" with {override} into r')
        script.refusal(f'call tool.AIWorkerInstance.Spawn("helper", {override})')
    script.run('ask "helper", "x" with {"system_prompt": nil} into r')
    assert world.friend.received[0].json["messages"][0]["content"] == "Never talk of prices."
    assert "locked" not in world.friend.received[0].json


def test_nil_takes_back_an_override_and_never_what_the_host_set(world: World) -> None:
    manager = world.manager()
    world.host_adds(manager, base_config={"temperature": 0.1, "seed": 1})
    script = world.script(manager)
    script.run(
        'set c = tool.AIWorkerInstance.Spawn("helper", {"temperature": 0.9}).conversation_manager_handle\n'
        'ask c, "x" into a\nask c, "x" with {"temperature": nil, "seed": nil} into b'
    )
    first, second = (request.json for request in world.friend.received)
    assert (first["temperature"], second["temperature"], second["seed"]) == (0.9, 0.1, 1)


POLICY_CAPS = [
    ("timeout_seconds", "max_timeout_seconds", 5),
    ("max_retries", "max_retries", 1),
    ("limit_wait_seconds", "max_limit_wait_seconds", 5),
    ("max_tool_rounds", "max_tool_rounds", 1),
]


@pytest.mark.parametrize(("setting", "field", "most"), POLICY_CAPS)
def test_patience_of_a_script_is_bounded_by_the_policy(world: World, setting: str, field: str, most: int) -> None:
    """A script had the host wait for it without end, or ask again a thousand times."""
    manager = world.manager()
    world.host_adds(manager)
    world.host_adds(manager, "patient", base_config={setting: 1000})
    script = world.script(manager, WorkerPolicy(**{field: most}))  # type: ignore[arg-type]
    rights = script.interpreter.services["ai_wm_access"]().rights
    script.run(adding("own", base_config={setting: 1000}))

    def effective(name: str, **overrides: Any) -> Any:
        return rights.configure(rights.find(name), overrides).get(setting)

    assert effective("helper") == most  # also where nobody says anything
    assert effective("helper", **{setting: 1000}) == most
    assert effective("helper", **{setting: most - 1}) == most - 1
    assert effective("own") == most
    assert effective("patient") == 1000  # the host's own word, which the policy does not take back
    assert effective("patient", **{setting: 900}) == most


def test_fallbacks_are_workers_that_the_script_may_ask(world: World) -> None:
    """The worker that a script may not ask was asked as the fallback of one that fails."""
    manager = world.manager()
    world.host_adds(manager, "dear")
    id_ = manager.get_worker_definition("dear").definition_id
    manager.add_worker_definition(scripted("cheap", [{"error": "down"}]))
    manager.add_worker_definition(scripted("careful", [{"error": "down"}], base_config={"fallbacks": ["dear"]}))
    script = world.script(manager, WorkerPolicy(ask=("c*", "own")))
    for name in ("dear", id_):
        assert "--ask" in script.refusal(f'ask "cheap", "x" with {{"fallbacks": ["{name}"]}} into r')
    script.run(
        adding(
            "own",
            provider="local",
            model_name="scripted",
            base_config={"replies": [{"error": "x"}], "fallbacks": ["dear"]},
        )
    )
    script.refusal('ask "own", "x" into r')
    assert script.code('ask "dear", "x" into r') == 10
    assert world.friend.received == []
    # Whom the host itself names as a fallback is asked.
    script.run('ask "careful", "x" into r')
    assert len(world.friend.received) == 1


def test_ask_is_granted_by_name(world: World) -> None:
    manager = world.manager()
    for name in ("team-a", "team-b", "other"):
        manager.add_worker_definition(worker(name))
    script = world.script(manager, WorkerPolicy(ask=("team-*",)))
    script.run('ask "team-a", "x" into r')
    for text in (
        'ask "other", "x" into r',
        'call tool.AIWorkerInstance.Spawn("other")',
        'call tool.AIWorker.ExecuteBatch("other", ["x"])',
    ):
        assert "--ask other or" in script.refusal(text)
    none = world.script(manager, WorkerPolicy(ask=()))
    for text in ('ask "x" into r', 'ask "team-a", "x" into r'):
        none.refusal(text)


def test_an_override_is_not_handed_to_a_fallback_as_an_address(world: World) -> None:
    """With a granted base_url the first worker's address was used for the next one, and its prompt went there."""
    world.evil.will(reply({"error": "down"}, 503))
    manager = world.manager()
    world.host_adds(manager, "first", auth={"method": "none"}, base_config={"max_retries": 0, "fallbacks": ["second"]})
    world.host_adds(manager, "second", auth=env("OPENAI_API_KEY"))
    policy = WorkerPolicy(overrides=("base_url",), origins=(world.evil.url,))
    world.script(manager, policy).run('ask "first", "x" with {"base_url": "$EVIL/v1"} into r')
    assert [len(world.evil.received), len(world.friend.received)] == [1, 1]


def test_a_wire_name_reaches_each_provider_under_its_own(world: World) -> None:
    """What is one option is one option, whatever it is called: each provider gets its own name for it."""
    expected = {
        "openai": lambda sent: sent["max_completion_tokens"],
        "anthropic": lambda sent: sent["max_tokens"],
        "google": lambda sent: sent["generationConfig"]["maxOutputTokens"],
        "ollama": lambda sent: (sent["options"]["num_predict"], sent["options"]["repeat_penalty"])[0],
    }
    world.environ |= {"GOOGLE_GEMINI_BASE_URL": world.friend.url, "OLLAMA_HOST": world.friend.url}
    script = world.script(world.manager())
    for provider, limit in expected.items():
        world.friend.will(reply(body_of(provider)))
        script.run(adding(provider, provider=provider, base_config={"maxOutputTokens": 33, "repeat_penalty": 1.1}))
        script.run(f'ask "{provider}", "x" into r')
        assert limit(world.friend.received[-1].json) == 33
