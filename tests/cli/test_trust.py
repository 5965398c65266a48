"""``neuroscript trust``: the list of configuration files that the user trusts, and who may have written it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from neuroscript import Interpreter
from tests.cli.conftest import PROGRAM, Command, Outcome


def records(place: Path) -> Path:
    return place / "user" / "neuroscript" / "trusted.json"


def test_trust_is_listed_and_revoked(neuroscript: Command, project: Path, tmp_path: Path) -> None:
    assert neuroscript("trust", "--list") == Outcome(0, "", "")
    neuroscript("trust", "neuroscript.toml")
    assert neuroscript("trust", "--list").out == f"trusted  {project}\n"
    project.write_text("")
    assert neuroscript("trust", "--list").out == f"changed  {project}\n"
    project.unlink()
    assert neuroscript("trust", "--list").out == f"missing  {project}\n"
    assert neuroscript("trust", "--revoke", "neuroscript.toml") == Outcome(0, f"{project} is trusted no longer\n", "")
    assert neuroscript("trust", "--list").out == ""
    assert neuroscript("trust", "--revoke", "neuroscript.toml").status == 1


def test_the_list_of_what_is_trusted_is_the_user_s_alone(neuroscript: Command, project: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        for umask in (0o000, 0o277):
            os.umask(umask)
            assert neuroscript("trust", "neuroscript.toml").status == 0
            found = records(tmp_path)
            assert stat.S_IMODE(found.stat().st_mode) == 0o600
            assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
            assert [path.name for path in found.parent.iterdir()] == ["trusted.json"]
    finally:
        os.umask(before)


@pytest.mark.parametrize("damage", ["link", "directory link", "pipe", "mode", "directory mode", "text", "type"])
def test_a_list_that_others_may_have_made_is_not_relied_on(
    neuroscript: Command, seen: list[Interpreter], project: Path, tmp_path: Path, damage: str
) -> None:
    (tmp_path / "program.ns").write_text(PROGRAM)
    neuroscript("trust", "neuroscript.toml")
    found = records(tmp_path)
    match damage:
        case "link":
            found.rename(tmp_path / "elsewhere")
            found.symlink_to(tmp_path / "elsewhere")
        case "directory link":
            found.parent.rename(tmp_path / "elsewhere")
            found.parent.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            found.unlink()
            os.mkfifo(found)
        case "mode":
            found.chmod(0o620)
        case "directory mode":
            found.parent.chmod(0o770)
        case "text":
            found.write_text("{")
        case "type":
            found.write_text('{"a": 1}')
    for arguments in (("run", "program.ns"), ("trust", "--list"), ("trust", "neuroscript.toml")):
        done = neuroscript(*arguments)
        assert (done.status, done.out) == (2, ""), arguments
        assert "trusted" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of these is wanted"),
        (("neuroscript.toml", "--list"), "one of these is wanted"),
        (("program.ns",), "a project's configuration is called neuroscript.toml"),
        (("gone/neuroscript.toml",), "there is no such file"),
    ],
)
def test_wrong_usage_of_trust(neuroscript: Command, arguments: tuple[str, ...], message: str) -> None:
    done = neuroscript("trust", *arguments)
    assert done.status == 2
    assert message in done.err


def test_what_cannot_be_used_is_not_trusted(neuroscript: Command, project: Path) -> None:
    project.write_text("[policy]\nkey = 1\n")
    assert "did you mean 'keys'" in neuroscript("trust", "neuroscript.toml").err
    assert neuroscript("trust", "--list").out == ""
