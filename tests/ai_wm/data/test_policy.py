"""The policy object: what it refuses to be made of, and one policy narrowed by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai_wm.data.policy import WorkerPolicy, lies_within, matches
from neuroscript import Address
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


# --- a narrowed policy grants nothing that either of the two refuses ---

NAMES = st.text("ab-*?[", min_size=1, max_size=5)
"""Names as hostile as patterns are: what is a wildcard in one is a character in the other."""
PATTERNS = st.lists(NAMES, max_size=4).map(tuple)
SOURCES = st.builds("{}:{}".format, st.sampled_from(["env", "vault", "keyring"]), NAMES)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["localhost", "127.0.0.1", "LOCALHOST"]),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.sampled_from(["", "/", "/v1", "/v1/", "/v1/acct", "/v10", "/v2/acct", "/V1"]),
)
PLACES = st.one_of(URLS, st.sampled_from(["provider:mine", "provider:other"]))
OPTIONAL_NUMBERS = st.one_of(st.none(), st.integers(0, 3))
NUMBERS = st.integers(0, 3)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ask": PATTERNS,
    "manage": st.sampled_from(["none", "own", "all"]),
    "keys": st.dictionaries(SOURCES, st.lists(PLACES, max_size=3).map(tuple), max_size=4),
    "origins": st.lists(URLS, max_size=4).map(tuple),
    "overrides": PATTERNS,
    "owner": st.one_of(st.none(), st.sampled_from(["us", "them"])),
    "trust_file": st.booleans(),
    "model_tools": PATTERNS,
    "max_cost_per_run": OPTIONAL_NUMBERS,
    "max_tokens_per_run": OPTIONAL_NUMBERS,
    "max_cost_per_day": OPTIONAL_NUMBERS,
    "max_tokens_per_day": OPTIONAL_NUMBERS,
    "max_requests_per_minute": OPTIONAL_NUMBERS,
    "max_concurrent_calls": OPTIONAL_NUMBERS,
    "max_timeout_seconds": NUMBERS,
    "max_limit_wait_seconds": NUMBERS,
    "max_tool_rounds": NUMBERS,
    "max_retries": NUMBERS,
    "max_definitions": NUMBERS,
}
POLICIES = st.builds(WorkerPolicy, **VALUES)
ATTEMPTS: dict[str, st.SearchStrategy[Any]] = {
    "ask": NAMES,
    "manage": st.sampled_from(["none", "own", "all"]),
    "keys": st.tuples(SOURCES, PLACES),
    "origins": URLS,
    "overrides": NAMES,
    "trust_file": st.just(True),
    "model_tools": NAMES,
}


def place_of(text: str) -> Address | str:
    return text if text.startswith("provider:") else Address.parse(text)


PERMITS: Mapping[str, Callable[[WorkerPolicy, Any], bool]] = {
    "ask": WorkerPolicy.may_ask,
    "manage": lambda policy, what: ("none", "own", "all").index(what) <= ("none", "own", "all").index(policy.manage),
    "keys": lambda policy, pair: policy.approves(pair[0], place_of(pair[1])),
    "origins": lambda policy, url: policy.names(Address.parse(url)),
    "overrides": lambda policy, name: name in policy.overrides,
    "trust_file": lambda policy, _: policy.trust_file,
    "model_tools": lambda policy, name: name in policy.model_tools,
}


def test_every_field_is_narrowed_in_these_tests() -> None:
    names = {each.name for each in fields(WorkerPolicy)}
    assert set(VALUES) == names
    numbers = {name for name in names if name.startswith("max_")}
    assert set(PERMITS) == set(ATTEMPTS) == names - numbers - {"owner"}


@pytest.mark.parametrize("name", PERMITS)
@given(data=st.data(), ours=POLICIES, theirs=POLICIES)
def test_what_one_refuses_both_refuse(name: str, data: st.DataObject, ours: WorkerPolicy, theirs: WorkerPolicy) -> None:
    attempt, permits = data.draw(ATTEMPTS[name]), PERMITS[name]
    both = ours.narrowed(theirs)
    if permits(both, attempt):
        assert permits(ours, attempt)
        assert permits(theirs, attempt)
    part = ours.narrowed({name: getattr(theirs, name)})
    assert getattr(part, name) == getattr(both, name), "narrowed by one field, it is as by all of them"


@given(ours=POLICIES, theirs=POLICIES)
def test_ceilings_are_the_lower_of_the_two(ours: WorkerPolicy, theirs: WorkerPolicy) -> None:
    both = ours.narrowed(theirs)
    for name in (name for name in VALUES if name.startswith("max_")):
        set_ones = [value for value in (getattr(ours, name), getattr(theirs, name)) if value is not None]
        assert getattr(both, name) == min(set_ones, default=None), name


@given(ours=POLICIES, theirs=POLICIES)
def test_whose_the_scripts_are_stays_the_host_s_to_say(ours: WorkerPolicy, theirs: WorkerPolicy) -> None:
    assert ours.narrowed(theirs).owner == ours.owner


@pytest.mark.parametrize("name", PERMITS)
@given(data=st.data(), policy=POLICIES)
def test_narrowing_by_itself_takes_nothing(name: str, data: st.DataObject, policy: WorkerPolicy) -> None:
    attempt = data.draw(ATTEMPTS[name])
    assert PERMITS[name](policy.narrowed(policy), attempt) == PERMITS[name](policy, attempt)


@given(inner=NAMES, outer=NAMES, name=NAMES)
@example(inner="a*", outer="a?", name="abc")
@example(inner="?*", outer="*?", name="a")
def test_a_pattern_within_another_fits_nothing_else(inner: str, outer: str, name: str) -> None:
    if lies_within(inner, outer) and matches(name, inner):
        assert matches(name, outer)
    if not set(inner) & set("*?"):
        assert lies_within(inner, outer) == matches(inner, outer), "without wildcards a pattern is a name"


def test_a_question_mark_does_not_stand_for_a_star() -> None:
    for ours, theirs in ((("a?",), ("a*",)), (("a*",), ("a?",))):
        assert WorkerPolicy(ask=ours).narrowed(WorkerPolicy(ask=theirs)).ask == ("a?",)
    keys = {"env:A?": ["https://h"]}, {"env:A*": ["https://h"]}
    assert WorkerPolicy(keys=keys[0]).narrowed(WorkerPolicy(keys=keys[1])).keys == {"env:A?": ("https://h",)}
