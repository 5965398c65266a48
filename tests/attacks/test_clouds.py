"""Identities at a cloud are keys: scripts send them nowhere that the host has not approved."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm import WorkerPolicy
from tests.attacks.world import World, adding, env

SETTINGS: dict[str, dict[str, Any]] = {
    "azure": {},
    "bedrock": {"aws_region": "eu-west-1"},
    "vertex": {"project": "p", "location": "global"},
}
METHODS = {"azure": "entra", "bedrock": "aws", "vertex": "google"}


@pytest.fixture(autouse=True)
def _no_identity_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_for(*_: object) -> str:
        raise AssertionError("an identity was looked for before the call was approved")

    monkeypatch.setattr("ai_wm.keys.clouds.cloud_key", looked_for)


def told(world: World) -> World:
    """The world, with an environment that names a resource, a region and a project."""
    world.environ |= {"AZURE_OPENAI_ENDPOINT": world.friend.url, "AWS_REGION": "eu-west-1"}
    world.environ |= {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"}
    return world


@pytest.mark.parametrize("provider", METHODS)
@pytest.mark.parametrize("method", METHODS.values())
def test_a_script_cannot_use_an_identity_of_the_hosts(provider: str, method: str, world: World) -> None:
    script = told(world).script(world.manager())
    script.run(adding("w", {"method": method}, provider=provider))
    assert f"--allow-key {method}:default=" in script.refusal('ask "w", "x" into r')
    script.run(adding("v", {"method": method}, provider=provider, base_config={"base_url": "$EVIL"}))
    assert script.code('ask "v", "x" into r') == 10


@pytest.mark.parametrize("method", METHODS.values())
def test_an_origin_that_scripts_may_name_gets_no_identity(method: str, world: World) -> None:
    policy = WorkerPolicy(origins=(world.evil.url,))
    script = world.script(world.manager(), policy)
    script.run(adding("w", {"method": method}, base_config={"base_url": "$EVIL"}))
    assert script.code('ask "w", "x" into r') == 10


@pytest.mark.parametrize("setting", ["aws_region", "location", "project", "deployment", "api_version", "base_url"])
def test_a_script_cannot_move_a_definition_of_the_hosts(setting: str, world: World) -> None:
    manager = told(world).manager()
    world.host_adds(manager, provider="vertex", auth={"method": "google"}, base_config=SETTINGS["vertex"])
    assert world.script(manager).code(f'ask "helper", "x" with {{"{setting}": "us"}} into r') == 10


def test_an_override_that_the_policy_permits_moves_no_key_to_another_server(world: World) -> None:
    manager = told(world).manager()
    world.host_adds(manager, provider="vertex", auth={"method": "google"}, base_config=SETTINGS["vertex"])
    script = world.script(manager, WorkerPolicy(overrides=("location",)))
    assert "us-aiplatform" in script.refusal('ask "helper", "x" with {"location": "us-central1"} into r').replace(
        "us-central1-", "us-"
    )


@pytest.mark.parametrize(
    ("variable", "provider"), [("AZURE_OPENAI_API_KEY", "azure"), ("AWS_BEARER_TOKEN_BEDROCK", "bedrock")]
)
def test_the_usual_key_goes_to_its_own_cloud_alone(variable: str, provider: str, world: World) -> None:
    told(world).environ[variable] = "cloud-key-0123456789"
    script = world.script(world.manager())
    for name in (provider, "custom", "openai", "vertex"):
        config = {"base_url": "$EVIL"}
        script.run(adding(f"{name}-w", env(variable), provider=name, base_config=config))
        assert script.code(f'ask "{name}-w", "x" into r') == 10
    assert world.evil.received == []


def test_the_usual_key_goes_to_the_resource_that_the_operator_names(world: World) -> None:
    told(world).environ["AZURE_OPENAI_API_KEY"] = "cloud-key-0123456789"
    script = world.script(world.manager())
    script.run(adding("w", env("AZURE_OPENAI_API_KEY"), provider="azure") + '\nask "w", "x" into r')
    assert world.friend.received[0].headers["api-key"] == "cloud-key-0123456789"


def test_the_mark_covers_what_chooses_the_server(world: World) -> None:
    manager = told(world).manager()
    world.host_adds(manager, provider="vertex", auth={"method": "google"}, base_config=SETTINGS["vertex"])
    path = world.directory / "ai_worker_definitions.json"
    manager.save_worker_definitions_to_file()
    path.write_text(path.read_text().replace('"location": "global"', '"location": "us-east1"'))
    manager.load_worker_definitions_from_file()
    assert "mark" in world.script(manager).refusal('ask "helper", "x" into r')
