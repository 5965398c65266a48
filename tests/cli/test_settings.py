"""The table of settings: every rule by which layers of the configuration combine, and every type."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.data.policy import WorkerPolicy
from neuroscript import Limits
from neuroscript.cli.settings import ADD, BY_PATH, SETTINGS, TOOL_RULES, Settings, covers
from neuroscript.cli.status import UsageError


def test_the_settings_are_the_fields_of_the_policy_and_of_the_limits() -> None:
    policy = {
        setting.name: setting.default
        for setting in SETTINGS
        if setting.section == "policy" and setting.name not in TOOL_RULES
    }
    defaults = WorkerPolicy()
    wanted = {each.name: getattr(defaults, each.name) for each in fields(WorkerPolicy)}
    assert policy == {**wanted, "keys": ()}
    limits = {setting.name: setting.default for setting in SETTINGS if setting.section == "limits"}
    assert limits == {name: getattr(Limits(), name) for name in Limits.__annotations__}


NAMES = st.text("ab*?[", max_size=4)


@given(NAMES, NAMES, st.text("ab[]", max_size=5))
def test_a_pattern_that_covers_another_matches_all_that_it_does(pattern: str, other: str, name: str) -> None:
    if covers(pattern, other) and covers(other, name):
        assert covers(pattern, name)


VALUES: dict[str, list[Any]] = {
    "policy.ask": [["*"], ["a*"], ["ab", "c"], []],
    "policy.manage": ["none", "own", "all"],
    "policy.keys": [{"env:A": ["https://a"]}, {}],
    "policy.trust_file": [True, False],
    "policy.owner": ["somebody"],
    "run.plugins": [True, False],
    "run.stream": [True, False],
    "run.sandbox": ["/tmp"],
}


def values_of(path: str) -> list[Any]:
    """Some values of a setting, as configuration files have them."""
    if path in VALUES:
        return VALUES[path]
    if BY_PATH[path].rule == "lower":
        return [0, 3, 10**9, *(["none"] if BY_PATH[path].default is None else [])]
    return [["http://127.0.0.1:1"], [], ["http://127.0.0.1:1", "http://127.0.0.1:2"]]


def amount(settings: Settings, path: str) -> Any:
    """What a setting grants, in a form that can be compared: a set, or a number."""
    setting = BY_PATH[path]
    if setting.rule == ADD:
        return frozenset(settings.each(path))
    value = settings.one(path) if setting.rule not in ("deny", "ask") else None
    if setting.rule == "ask":
        names = ["a", "ab", "c", "z"]
        return frozenset(name for name in names if any(covers(each, name) for each in settings.each(path)))
    if setting.rule == "deny":
        return -len(settings.each(path))
    if isinstance(value, str):
        return ("none", "own", "all").index(value)
    return float("inf") if value is None else value


@pytest.mark.parametrize("path", [path for path in BY_PATH if BY_PATH[path].rule not in ("host", "choice")])
def test_a_file_that_is_not_trusted_never_widens(path: str) -> None:
    """For all pairs of what the user says and what the file says; and it says so where it leaves something out."""
    for first in values_of(path):
        for second in values_of(path):
            settings, alone = Settings(), Settings()
            settings.grant(path, first, "user")
            before = amount(settings, path)
            settings.narrow(path, second, "project")
            assert amount(settings, path) <= before, (first, second)
            alone.grant(path, second, "project")
            if not settings.ignored:
                wanted = amount(alone, path)
                assert wanted <= before or BY_PATH[path].rule in (ADD, "deny")
                assert BY_PATH[path].rule in (ADD, "deny", "ask") or amount(settings, path) == min(wanted, before)


@pytest.mark.parametrize("path", ["policy.owner", "run.sandbox"])
def test_a_file_that_is_not_trusted_has_no_say_in_some_things(path: str) -> None:
    settings = Settings()
    settings.narrow(path, "/tmp", "project")
    assert settings.one(path) is None
    assert settings.ignored == {"project": [path]}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_a_value_that_does_not_fit_is_named(setting: Any) -> None:
    for value in (object(), float("nan"), float("inf"), -1, [1], {"a": 1}):
        with pytest.raises(UsageError, match=rf"^here: {setting.path} must be "):
            Settings().grant(setting.path, value, "here")
