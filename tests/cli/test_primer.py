"""``neuroscript primer``."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroscript import Interpreter
from tests.cli.conftest import Command


def test_it_prints_the_primer(neuroscript: Command) -> None:
    outcome = neuroscript("primer")
    with Interpreter() as interpreter:
        assert outcome.out == interpreter.primer(files=True)
    assert (outcome.status, outcome.err) == (0, "")


def test_a_policy_leaves_out_what_it_refuses(neuroscript: Command, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[policy]\nmanage = "none"\ndeny = ["regex.*"]\n', encoding="utf-8")
    page = neuroscript("primer", "--for-policy", "policy.toml").out
    assert "\nregex" not in page
    assert "AIWorkerDefinition: Get(" in page
    assert "AIWorkerDefinition.Add" not in page


def test_a_policy_may_be_without_plugins(neuroscript: Command, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[run]\nplugins = false\n", encoding="utf-8")
    page = neuroscript("primer", "--for-policy", "policy.toml").out
    assert page == neuroscript("primer", "--no-plugins").out
    assert "AIWorker" not in page


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[policy]\nmanag = 1\n", "manag"),
        ("[policy]\nmanage = 1\n", "policy.manage must be"),
        ("not toml", "not TOML"),
        (None, "there is no such file"),
    ],
)
def test_a_policy_that_cannot_be_used(neuroscript: Command, tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "policy.toml").write_text(content, encoding="utf-8")
    outcome = neuroscript("primer", "--for-policy", "policy.toml")
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
