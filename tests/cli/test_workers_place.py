"""Where the workers are: the same place in every command, and who may write there."""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from neuroscript.cli.host import DEFAULT_PLACE, WORKERS_VARIABLE, WorkersPlace, find_place
from tests.cli.conftest import Command

ASK = 'command\nask "w", "hello" into answer\nemit answer\nendcommand\n'
ADD = """\
command
call tool.AIWorkerDefinition.Add(name: "mine", provider: "local", model_name: "echo", auth: {"method": "none"},
  interaction_models: ["both"])
ask "mine", "hello" into answer
emit answer
endcommand
"""

Script = Callable[..., str]


def add(directory: Path, says: str) -> None:
    """Puts a worker that always says one thing in a directory."""
    with AIWorkerManager(directory) as manager:
        manager.add_worker_definition(
            {
                "name": "w",
                "provider": "local",
                "model_name": "scripted",
                "auth": {"method": "none"},
                "interaction_models": ["both"],
                "base_config": {"replies": [says] * 9},
            }
        )


def names(directory: Path) -> list[str]:
    with AIWorkerManager(directory) as manager:
        return [each.name for each in manager.list_worker_definitions()]


@pytest.fixture(autouse=True)
def _empty_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's default directory of workers, which is not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(WORKERS_VARIABLE, raising=False)
    return tmp_path / "data" / "neuroscript" / "workers"


WAYS = ("flag", "variable", "sandbox", "file")
"""The ways to name the directory, the first that is used wins."""


@pytest.mark.parametrize(
    "used", [ways for count in range(len(WAYS) + 1) for ways in itertools.combinations(WAYS, count)], ids=str
)
def test_every_command_finds_the_same_place(
    neuroscript: Command,
    script: Script,
    default: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    used: tuple[str, ...],
) -> None:
    path = script(ASK)
    add(default, "default")
    flags: list[str] = []
    for way in used:
        add(tmp_path / way, way)
    if "flag" in used:
        flags += ["--workers", "flag"]
    if "variable" in used:
        monkeypatch.setenv(WORKERS_VARIABLE, "variable")
    if "sandbox" in used:
        flags += ["--sandbox", "sandbox"]
    if "file" in used:
        (tmp_path / "neuroscript.toml").write_text('[run]\nworkers = "file"\n')
        neuroscript("trust", "neuroscript.toml")
    wanted = next(iter(used), "default")
    assert neuroscript("run", *flags, path).out == f"{wanted}\n"
    assert neuroscript("ask", *flags, "hello").out == f"{wanted}\n"
    rows = neuroscript("workers", "show", "w", "--format", "jsonl", *flags).rows
    assert rows[0]["base_config"]["replies"] == [wanted] * 9
    points = neuroscript("run", "--explain-policy", "--format", "jsonl", *flags, path).rows
    [told] = [point["value"] for point in points if "finds the workers" in point["words"]]
    assert Path(told).name == ("workers" if wanted == "default" else wanted)


def test_a_file_that_nobody_trusts_names_no_place(
    neuroscript: Command, script: Script, default: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = script(ASK)
    add(default, "default")
    add(tmp_path / "planted", "planted")
    (tmp_path / "neuroscript.toml").write_text('[run]\nworkers = "planted"\n')
    for arguments in (("run", path), ("ask", "hello")):
        done = neuroscript(*arguments)
        assert done.out == "default\n"
        assert "is not trusted; ignored: run.workers" in done.err
    link = tmp_path / "link"
    link.symlink_to(tmp_path_factory.mktemp("elsewhere"))
    (tmp_path / "neuroscript.toml").write_text('[run]\nworkers = "link"\n')
    neuroscript("trust", "neuroscript.toml")
    done = neuroscript("run", path)
    assert (done.status, "name that directory itself: --workers" in done.err) == (2, True)


def test_what_scripts_add_in_the_default_directory_lives_for_their_run(
    neuroscript: Command, script: Script, default: Path, tmp_path: Path
) -> None:
    path = script(ADD)
    add(default, "default")
    for _ in range(2):  # the name is free again
        done = neuroscript("run", path)
        assert (done.status, done.out) == (0, "echo: hello\n")
        assert names(default) == ["w"]
    other = script(ADD.replace("mine", "theirs"), "other.ns")
    assert neuroscript("run", other).status == 0
    assert names(default) == ["w"]


@pytest.mark.parametrize("way", ["flag", "variable", "sandbox"])
def test_what_scripts_add_where_the_host_says_is_stored_as_their_own(
    neuroscript: Command, script: Script, default: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    place = tmp_path / "place"
    add(place, "place")
    flags = {"flag": ["--workers", "place"], "sandbox": ["--sandbox", "place"]}.get(way, [])
    if way == "variable":
        monkeypatch.setenv(WORKERS_VARIABLE, "place")
    assert neuroscript("run", *flags, script(ADD)).out == "echo: hello\n"
    assert names(place) == ["mine", "w"]
    with AIWorkerManager(place) as manager:
        assert manager.get_worker_definition("mine").owner


def test_the_calls_of_a_run_count_under_the_limits_of_the_default_directory(
    neuroscript: Command, script: Script, default: Path
) -> None:
    add(default, "default")
    with AIWorkerManager(default) as manager:
        manager.update_worker_definition("w", {"rate_limits": {"max_requests_per_day": 2}})
    path = script(ASK)
    assert [neuroscript("run", path).status for _ in range(3)] == [0, 0, 1]
    with AIWorkerManager(default) as manager:
        assert len(manager.get_performance_records_for_definition("w")) == 2


def test_no_sandbox_shows_the_files_of_the_workers(
    neuroscript: Command, script: Script, default: Path, tmp_path: Path
) -> None:
    add(default, "default")
    add(tmp_path / "box" / "inner", "inner")
    listing = """\
command
for each entry in tool.fs.List(".", true)
  emit entry.path
endfor
on error do
  emit system_error.code
  clear_error
endon
emit tool.fs.Read("NAME")
endcommand
"""
    for name in ("inner/ai_worker_definitions.json", "data/neuroscript/workers/ai_worker_definitions.json"):
        program = script(listing.replace("NAME", name))
        for flags in (["--sandbox", "box", "--workers", "box/inner"], ["--sandbox", "."]):
            done = neuroscript("run", *flags, program)
            assert done.status == 0, done.err
            assert "ai_worker" not in done.out
            assert done.out.splitlines()[-2 if done.out.endswith("nil\n") else -1] in ("10", "22"), done.out


@pytest.mark.parametrize("command", [["run", "program.ns"], ["workers", "list"], ["ask", "hello"], ["repl"]], ids=str)
def test_a_directory_that_is_none_is_wrong_usage(
    neuroscript: Command, script: Script, default: Path, tmp_path: Path, command: list[str]
) -> None:
    script(ASK)
    (tmp_path / "file").write_text("")
    for name in ("missing", "file"):
        done = neuroscript(*command, "--workers", name)
        assert (done.status, done.err) == (2, f"neuroscript: --workers '{name}' is not a directory\n")
    assert neuroscript(*command, "--workers", " ").status == 2


def test_the_echo_is_told(
    neuroscript: Command, script: Script, default: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = script('command\nask "hello" into answer\nask "again" into answer\nemit answer\nendcommand\n')
    done = neuroscript("run", path)
    assert (done.status, done.out) == (0, "echo: again\n")
    [told] = caplog.messages  # once
    assert told == (
        "there are no workers that may be asked, so the built-in echo answers; add one with: neuroscript workers add "
        "NAME --model PROVIDER/MODEL"
    )
    assert neuroscript("run", "--sandbox", "box", path).status == 0
    assert caplog.messages[-1].endswith(f"add NAME --model PROVIDER/MODEL --workers {tmp_path / 'box'}")
    caplog.clear()
    add(default, "a model")
    assert neuroscript("run", path).out == "a model\n"
    assert caplog.messages == []


def test_a_place_is_said_with_what_named_it(default: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    nothing = argparse.Namespace(workers=None, sandbox=None)
    assert find_place(nothing) == WorkersPlace(str(default), DEFAULT_PLACE)
    assert find_place(nothing).is_default
    (tmp_path / "user" / "neuroscript").mkdir(parents=True)
    (tmp_path / "user" / "neuroscript" / "config.toml").write_text('[run]\nworkers = "there"\n')
    (tmp_path / "user" / "neuroscript" / "config.toml").chmod(0o600)
    found = find_place(nothing)
    assert (Path(found.path).name, Path(found.origin).name, found.is_default) == ("there", "config.toml", False)


def test_workers_of_this_directory_are_pointed_at(neuroscript: Command, default: Path, tmp_path: Path) -> None:
    add(tmp_path, "here")
    done = neuroscript("workers", "list")
    assert (done.status, done.err) == (
        0,
        f"neuroscript: there are no workers in {default} yet; there are some in this directory: --workers .\n",
    )
    assert not default.exists()
    assert json.loads(neuroscript("workers", "list", "--workers", ".", "--format", "jsonl").out)["name"] == "w"
