"""What a host permits: patterns of names, and capabilities."""

from __future__ import annotations

import pytest

from neuroscript.errors import AccessError
from neuroscript.tools import Policy, ToolSpec

READ = ToolSpec(name="fs.Read", capabilities=("fs:read",))
WRITE = ToolSpec(name="fs.Write", capabilities=("fs:write",))
UPPER = ToolSpec(name="str.ToUpper")


def test_everything_is_permitted_by_default() -> None:
    assert all(Policy().permits(spec) for spec in (READ, WRITE, UPPER))


@pytest.mark.parametrize(
    ("policy", "permitted"),
    [
        (Policy(allow=("str.*",)), [UPPER]),
        (Policy(allow=("STR.TOUPPER",)), [UPPER]),
        (Policy(allow=("tool.fs.R*",)), [READ]),
        (Policy(allow=("fs",)), [READ, WRITE]),
        (Policy(deny=("fs",)), [UPPER]),
        (Policy(deny=("fs.W?ite",)), [READ, UPPER]),
        (Policy(allow=("fs.*",), deny=("fs.Write",)), [READ]),
        (Policy(allow=("fs.Write",), deny=("*",)), []),
        (Policy(allow=()), []),
        (Policy(grants=()), [UPPER]),
        (Policy(grants=("fs:read",)), [READ, UPPER]),
        (Policy(grants=("FS:*",)), [READ, WRITE, UPPER]),
        (Policy(grants=(), exempt=("fs.Read",)), [READ, UPPER]),
        (Policy(grants=(), exempt=("tool.FS",), deny=("fs.Write",)), [READ, UPPER]),
        (Policy(grants=(), exempt=("*",), allow=("fs",)), [READ, WRITE]),
        (Policy(allow="str.*"), [UPPER]),  # type: ignore[arg-type]
    ],
)
def test_what_a_policy_permits(policy: Policy, permitted: list[ToolSpec]) -> None:
    assert [spec for spec in (READ, WRITE, UPPER) if policy.permits(spec)] == permitted


def test_a_refusal_says_why() -> None:
    with pytest.raises(AccessError, match=r"tool\.fs\.Read is denied by the host's policy"):
        Policy(deny=("fs.*",)).check(READ)
    with pytest.raises(AccessError, match=r"tool\.fs\.Read is not among the tools that the host allows"):
        Policy(allow=("str.*",)).check(READ)
    with pytest.raises(AccessError, match=r"tool\.fs\.Read needs the capability fs:read"):
        Policy(grants=()).check(READ)


@pytest.mark.parametrize("pattern", ["f[s].*", "f.s.Read", "fs.Read|str.*", "^fs.Read$", "fs.Read\n"])
def test_patterns_are_not_regular_expressions(pattern: str) -> None:
    assert Policy(deny=(pattern,)).permits(READ)
