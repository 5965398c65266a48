"""What the plugin reads of the policy that a host leaves in a service."""

from __future__ import annotations

from ai_wm.data.policy import WorkerPolicy
from ai_wm.plugin import policy_of
from tests.ai_wm.helpers import raises_code


def test_a_mapping_becomes_a_policy() -> None:
    policy, default_ceiling = policy_of({"ask": ["helper"], "max_cost_per_run": 5, "default_ceiling": True})
    assert policy == WorkerPolicy(ask=("helper",), max_cost_per_run=5)
    assert default_ceiling
    assert policy_of({}) == (WorkerPolicy(), False)


def test_a_field_that_is_misspelt_is_refused_with_the_nearest_one() -> None:
    with raises_code(4, "did you mean 'origins'"):
        policy_of({"origin": ["http://127.0.0.1:8080"]})
    with raises_code(4, "default_ceiling"):
        policy_of({"default_ceiling": 5})
