"""Attacks by key sources: a script that asks for keys to learn which there are."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ai_wm.keys import Secret
from tests.attacks.world import World, adding, ids

SOURCES: list[tuple[str, str, tuple[str, str, str]]] = [
    (
        "The environment told which variables there are, with the names that people use.",
        "env_var",
        ("DATABASE_PASSWORD", "NO_SUCH_VARIABLE_1", "NO_SUCH_VARIABLE_2"),
    ),
    (
        "The configuration directory told which files and keys it has.",
        "config_path",
        ("keys.toml#openai.key", "keys.toml#openai.other", "nothing.toml#a.key"),
    ),
    (
        "The vault was asked, with the host's token, for whatever a script named.",
        "vault",
        ("kv/team/api#key", "kv/team/api#other", "kv/none/at-all#key"),
    ),
    (
        "The keyring of the person at the machine told which accounts are in it.",
        "keyring",
        ("mail/somebody", "mail/nobody", "none/nobody"),
    ),
]

WAYS = (
    'ask "w", "x" into r',
    'return tool.AIWorker.ExecuteStatelessTask("w", "x")',
    'set i = tool.AIWorkerInstance.Spawn("w")\nreturn tool.Conversation.Ask(i.conversation_manager_handle, "x")',
    'set i = tool.AIWorkerInstance.Spawn("w")\nask i.conversation_manager_handle, "x" into r',
)


@pytest.mark.parametrize("address", [{"base_url": "$EVIL/v1"}, {}], ids=["an address of its own", "the public address"])
@pytest.mark.parametrize(("says", "method", "values"), SOURCES, ids=ids(SOURCES))
def test_a_refusal_tells_nothing_of_a_source(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    method: str,
    values: tuple[str, str, str],
    address: dict[str, str],
) -> None:
    asked: list[Any] = []
    known = {("mail", "somebody"): "keyring-secret-1234567890"}
    keyring = SimpleNamespace(
        get_password=lambda *place: (asked.append(place), known.get(place))[1],
        errors=SimpleNamespace(KeyringError=OSError),
    )
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", keyring.errors)
    world.environ |= {"VAULT_ADDR": world.evil.url, "VAULT_TOKEN": "hvs.host-vault-token-6d6d6d"}
    manager = world.manager()
    authorizer = manager._wiring.authorizer
    resolve = authorizer.resolve_key

    def resolved(source: Any) -> Secret | None:
        asked.append(source)
        return resolve(source)

    authorizer.resolve_key = resolved
    script = world.script(manager)
    told: list[list[str]] = []
    for value in values:
        auth = {"method": method, "value": value}
        provider = "custom" if address else "openai"
        script.run(adding("w", auth, provider=provider, base_config=address))
        listed = script.run('return tool.AIWorkerDefinition.List({"name": "w"})[0].api_key_status')
        words = [script.refusal(way) for way in WAYS]
        words.append(script.run('return tool.AIWorker.ExecuteBatch("w", ["x"])[0].message'))
        assert all("--allow-key" in said for said in words)
        told.append([listed, *(said.replace(value, "SOURCE") for said in words)])
        for instance in script.run("return tool.AIWorkerInstance.ListActive()"):
            manager.retire_worker_instance(instance["instance_id"])
        script.run('call tool.AIWorkerDefinition.Remove("w")')
    assert told[0] == told[1] == told[2], says
    assert told[0][0] == "Not Approved"
    assert asked == []
    assert world.evil.received == world.friend.received == []
