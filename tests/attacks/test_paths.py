"""Attacks by paths: files that go to a model, models that are files, and secrets that are addressed by a path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy
from ai_wm.data.types import APIKeySource
from ai_wm.keys.sources import source_name
from neuroscript import Policy
from tests.ai_wm.helpers import raises_code, worker
from tests.attacks.world import World, adding, ids

SPAWN = 'set chat = tool.AIWorkerInstance.Spawn("w", nil, [a]).conversation_manager_handle\nask chat, "x" into r'

# --- files that go ahead of a conversation ---

FILES: list[tuple[str, str, int]] = [
    ("A file above the sandbox went to the model.", "../secret.txt", 34),
    ("A file was named from the root.", "/etc/passwd", 34),
    ("A link led out.", "link-out", 34),
    ("The file of definitions, with its marks and keys, went to the model.", "ai_worker_definitions.json", 10),
    ("It did by a path with a detour.", "x/../ai_worker_definitions.json", 10),
    ("It did by a link.", "link-in", 10),
    ("The records of everybody did.", "ai_worker_performance_data.json", 10),
    ("A pipe kept the call waiting for ever.", "pipe", 23),
    ("An address was fetched as a file.", "https://evil.example/x", 34),
    ("A directory was read.", "x", 23),
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes, and links only for some")
@pytest.mark.parametrize(("says", "path", "code"), FILES, ids=ids(FILES))
def test_a_file_that_is_not_for_models(world: World, says: str, path: str, code: int) -> None:
    (world.directory / "x").mkdir()
    (world.directory.parent / "secret.txt").write_text("hunter2-host-password")
    (world.directory / "link-out").symlink_to("../secret.txt")
    (world.directory / "link-in").symlink_to("ai_worker_definitions.json")
    os.mkfifo(world.directory / "pipe")
    manager = world.manager()
    world.host_adds(manager)
    manager.add_worker_definition(worker("w"))
    assert world.script(manager).code(SPAWN, path) == code, says


def test_files_are_those_that_the_file_tools_may_read(world: World) -> None:
    """A program that may not read files had the model read them, and tell."""
    (world.directory / "secret.txt").write_text("hunter2-host-password")
    manager = world.manager()
    manager.add_worker_definition(worker("w"))
    manager.add_worker_definition(worker("with files", default_file_contexts=["secret.txt"]))
    for host in (Policy(grants=("ask", "net")), Policy(deny=("fs.*",)), Policy(allow=("AIWorker*", "Conversation.*"))):
        script = world.script(manager, host=host)
        assert "tool.fs.Read" in script.refusal(SPAWN, "secret.txt")
        script.refusal('call tool.AIWorkerInstance.Spawn("with files")')
    script = world.script(manager)
    script.run(SPAWN, "secret.txt")
    script.run('call tool.AIWorkerInstance.Spawn("with files")')


def test_files_are_those_of_the_sandbox_of_the_program(world: World, tmp_path: Path) -> None:
    """The manager's directory is the host's: a program with another sandbox, or none, read the files there."""
    (world.directory / "notes.txt").write_text("hunter2-host-password")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.txt").write_text("mine")
    manager = world.manager()
    manager.add_worker_definition(worker("w"))
    script = world.script(manager, sandbox=tmp_path / "own")
    assert script.code(SPAWN, "notes.txt") == 22
    script.run(SPAWN, "mine.txt")
    # A definition of the host's names the host's files.
    manager.add_worker_definition(worker("guide", default_file_contexts=["notes.txt"]))
    script.run('set chat = tool.AIWorkerInstance.Spawn("guide").conversation_manager_handle\nask chat, "x" into r')
    # That of a script names its own.
    script.run(adding("own", provider="local", model_name="echo", default_file_contexts=["notes.txt"]))
    assert script.code('ask tool.AIWorkerInstance.Spawn("own").conversation_manager_handle, "x" into r') == 22


# --- models that are files ---

MODELS: list[tuple[str, str]] = [
    ("The engine was given any file of the machine to read.", "/etc/passwd"),
    ("It was given one that is not there, and the other error told so.", "/no/such/file.gguf"),
    ("It was given one above the sandbox.", "../secret.gguf"),
    ("It was given one by a link.", "link.gguf"),
    ("It was given one of the user's.", "~/.ssh/id_rsa"),
    ("It was given the sandbox itself.", "."),
    ("It was given a directory beside it, whose name begins the same.", "../sandbox-2/m.gguf"),
    ("It was given a device.", "/dev/zero"),
]


@pytest.mark.parametrize(("says", "path"), MODELS, ids=ids(MODELS))
def test_a_model_file_lies_where_the_host_says(world: World, says: str, path: str) -> None:
    (world.directory.parent / "secret.gguf").write_bytes(b"GGUF")
    (world.directory.parent / "sandbox-2").mkdir()
    (world.directory.parent / "sandbox-2" / "m.gguf").write_bytes(b"GGUF")
    (world.directory / "link.gguf").symlink_to("../secret.gguf")
    script = world.script(world.manager())
    script.run(adding("first", provider="local", model_name=path))
    script.run(adding("second", provider="local", model_name="/no/such/thing"))
    there, missing = (script.refusal(f'ask "{name}", "x" into r') for name in ("first", "second"))
    assert there.replace("first", "second") == missing, says
    assert "model_directories" in there


def test_a_model_file_is_granted_by_its_directory(world: World, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.gguf").write_bytes(b"not one")
    (world.directory / "own.gguf").write_bytes(b"not one")
    manager = world.manager(model_directories=[tmp_path / "models"])
    script = world.script(manager)
    for name, path in (("host's", str(tmp_path / "models" / "m.gguf")), ("own", "own.gguf")):
        script.run(adding(name, provider="local", model_name=path))
        assert script.code(f'ask "{name}", "x" into r') == 18  # read, and no model
    # A definition of the host's names what it likes.
    manager.add_worker_definition(worker("any", model_name=str(tmp_path / "elsewhere.gguf")))
    assert script.code('ask "any", "x" into r') in (18, 40)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_place_of_a_model_is_an_error_at_once(world: World) -> None:
    """Opening the pipe waited for ever for somebody at its other end."""
    os.mkfifo(world.directory / "pipe.gguf")
    script = world.script(world.manager())
    script.run(adding("w", provider="local", model_name="pipe.gguf"))
    assert script.code('ask "w", "x" into r') == 18


# --- secrets by path ---

VAULT: list[tuple[str, str]] = [
    ("A path climbed out of the team's part of the vault.", "kv/team/../finance#key"),
    ("It climbed out of the mount itself.", "kv/team/../../sys/raw#key"),
    ("It did in an encoded form.", "kv/team/%2e%2e/finance#key"),
    ("It did with a backslash.", "kv/team\\..\\finance#key"),
    ("It added a query, for an older version of the secret.", "kv/team/x?version=1#key"),
    ("It had two fragments, of which each reader took another.", "kv/team/x#key#other"),
    ("It had an empty part.", "kv/team//x#key"),
    ("It had a part that stands for itself.", "kv/team/./x#key"),
    ("It had a line end in it.", "kv/team/x\n#key"),
]


@pytest.mark.parametrize(("says", "value"), VAULT, ids=ids(VAULT))
def test_a_vault_path_stays_where_it_was_granted(world: World, says: str, value: str) -> None:
    policy = WorkerPolicy(keys={"vault:kv/team/*": [world.friend.url]}, origins=(world.friend.url,))
    world.environ |= {"VAULT_ADDR": world.evil.url, "VAULT_TOKEN": "hvs.host-token"}
    script = world.script(world.manager(), policy)
    auth = {"method": "vault", "value": value}
    script.run(adding("w", auth, base_config={"base_url": "$FRIEND/v1"}))
    script.refusal('ask "w", "x" into r')
    assert world.evil.received == [], says
    assert source_name(APIKeySource.parse(auth)) is None


def test_a_granted_vault_path_is_read(world: World) -> None:
    pytest.importorskip("hvac")
    policy = WorkerPolicy(keys={"vault:kv/team/*": [world.friend.url]})
    world.environ |= {"VAULT_ADDR": world.friend.url, "VAULT_TOKEN": "hvs.host-token"}
    script = world.script(world.manager(), policy)
    script.run(adding("w", {"method": "vault", "value": "kv/team/x#key"}, base_config={"base_url": "$FRIEND/v1"}))
    assert script.code('ask "w", "x" into r') == 18  # this server is no vault
    assert world.friend.received[0].path == "/v1/kv/data/team/x"
    script.run(adding("v", {"method": "vault", "value": "kv/other/x#key"}, base_config={"base_url": "$FRIEND/v1"}))
    script.refusal('ask "v", "x" into r')


def test_a_key_file_is_one_of_the_configuration_directory(world: World) -> None:
    """A key file was any file whose lines have an equals sign."""
    (world.directory.parent / "outside.env").write_text("KEY=hunter2-host-password\n")
    keys = {"config:*": [world.friend.url]}
    script = world.script(world.manager(), WorkerPolicy(keys=keys))
    for number, value in enumerate(("../outside.env#KEY", "/etc/environment#PATH", "x/../../outside.env#KEY")):
        script.run(
            adding(f"w{number}", {"method": "config_path", "value": value}, base_config={"base_url": "$FRIEND/v1"})
        )
        script.refusal(f'ask "w{number}", "x" into r')
    assert world.friend.received == []


# --- the state of the system ---


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_directory_that_is_no_directory_is_an_error_at_once(tmp_path: Path) -> None:
    for name, make in (("pipe", os.mkfifo), ("file", lambda path: Path(path).write_bytes(b""))):
        make(tmp_path / name)
        with raises_code(26):
            AIWorkerManager(tmp_path / name)
