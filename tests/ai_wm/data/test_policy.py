"""The policy object: what it refuses to be made of, and one policy narrowed by another."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.data.addresses import Address
from ai_wm.data.policy import WorkerPolicy
from tests.ai_wm.helpers import raises_code


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ask", 7),
        ("ask", [1]),
        ("manage", "some"),
        ("keys", ["env:X"]),
        ("keys", {"X": ["https://h"]}),
        ("keys", {"inline:sk-1": ["https://h"]}),
        ("keys", {"env:X": ["ftp://h"]}),
        ("keys", {"env:X": ["http://gateway.example"]}),
        ("keys", {"env:X": ["https://user:hunter2@h"]}),
        ("origins", ["127.0.0.1:8080"]),
        ("overrides", {"n": 1}),
        ("owner", " "),
        ("trust_file", "yes"),
        ("max_cost_per_run", -1),
        ("max_cost_per_day", float("inf")),
        ("max_tokens_per_day", 1.5),
        ("max_requests_per_minute", True),
        ("max_timeout_seconds", None),
        ("max_definitions", "many"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(field: str, value: Any) -> None:
    with raises_code(4, field) as caught:
        WorkerPolicy(**{field: value})
    assert "hunter2" not in str(caught.value)


def test_addresses_have_one_spelling() -> None:
    policy = WorkerPolicy(keys={"env:X": "HTTPS://Host:443/"}, origins=["http://LOCALHOST:80/v1/"])
    assert policy.keys == {"env:X": ("https://host",)}
    assert policy.origins == ("http://localhost/v1",)


def test_approvals_are_pairs() -> None:
    policy = WorkerPolicy(keys={"vault:kv/team/*": ["https://h/v1"], "env:X": ["provider:mine"]})
    assert policy.approves("vault:kv/team/a#b", Address.parse("https://h/v1/chat"))
    assert not policy.approves("vault:kv/other/a#b", Address.parse("https://h/v1/chat"))
    assert not policy.approves("vault:kv/team/a#b", Address.parse("https://h/v2"))
    assert not policy.approves("vault:kv/team/a#b", "provider:mine")
    assert policy.approves("env:X", "provider:mine")
    assert not policy.approves("env:X", "provider:other")


def test_names_are_matched_by_stars_and_question_marks_alone() -> None:
    policy = WorkerPolicy(ask=("team-*", "w[12]", "x?"))
    assert [policy.may_ask(name) for name in ("team-1", "w1", "w[12]", "x1", "x", "y")] == [
        *(True, False, True, True, False, False)
    ]
    assert not WorkerPolicy(ask=()).may_ask("any")


def test_narrowing_grants_what_both_grant() -> None:
    host = WorkerPolicy(
        ask=("team-*",),
        manage="all",
        keys={"env:*": ["https://h"], "env:Y": ["https://y"]},
        origins=["http://127.0.0.1:8080"],
        overrides=("n", "seed"),
        trust_file=True,
        max_cost_per_day=10,
        max_retries=2,
    )
    project = WorkerPolicy(
        ask=("*",),
        manage="own",
        keys={"env:X": ["https://h/v1", "https://evil.example"]},
        origins=["http://127.0.0.1:8080/v1", "http://127.0.0.1:9090"],
        overrides=("n", "best_of"),
        max_cost_per_run=1,
        max_cost_per_day=100,
    )
    assert host.narrowed(project) == WorkerPolicy(
        ask=("team-*",),
        manage="own",
        keys={"env:X": ["https://h/v1"]},
        origins=["http://127.0.0.1:8080/v1"],
        overrides=("n",),
        max_cost_per_run=1,
        max_cost_per_day=10,
        max_retries=2,
    )


def test_narrowing_by_some_fields_leaves_the_others() -> None:
    host = WorkerPolicy(keys={"env:X": ["https://h"]}, manage="all", max_cost_per_run=5)
    narrowed = host.narrowed({"manage": "none", "max_cost_per_run": 50})
    assert narrowed == WorkerPolicy(keys={"env:X": ["https://h"]}, manage="none", max_cost_per_run=5)
    with raises_code(4, "did you mean 'manage'"):
        host.narrowed({"manag": "none"})
