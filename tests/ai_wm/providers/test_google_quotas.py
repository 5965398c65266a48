"""Google's quotas: of a minute, waited for, or of a day, spent, though the message begins with the same words."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers import loopback
from tests.ai_wm.providers.support import at, body_of, collect, stream_of

OPENING = "You exceeded your current quota, please check your plan and billing details."


def quota(*quota_ids: str, limit: int = 10, delay: str = "0.01s", told: bool = True, **more: Any) -> dict[str, Any]:
    """The body of a 429, which names quotas and the wait, or leaves one of them out."""
    metric = f"* Quota exceeded for metric: generate_content_requests, limit: {limit}, model: gemini-2.5-flash"
    details: list[dict[str, Any]] = []
    if quota_ids:
        violations = [{"quotaId": each, **more} for each in quota_ids]
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations})
    if told:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    wait = f"\nPlease retry in {delay}." if delay else ""
    message = f"{OPENING} For more information, head to the docs.\n{metric}{wait}"
    return {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}}


PASSES = {
    "requests of a minute": quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
    "tokens of a minute": quota("GenerateContentPaidTierInputTokensPerModelPerMinute"),
    "a minute, no wait": quota("GenerateRequestsPerMinutePerProjectPerModel", delay="", told=False),
    "no name, a short wait in words": quota(told=False),
    "no name, a short wait": quota(),
}
SPENT = {
    "requests of a day": quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    "a day and a minute": quota("GenerateRequestsPerMinutePerProject", "GenerateRequestsPerDayPerProject"),
    "none at all": quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", limit=0),
    "none at all, in the violation": quota("GenerateRequestsPerMinutePerProjectPerModel", quotaValue="0"),
    "no name, no wait": quota(delay="", told=False),
    "no name, a long wait": quota(delay="3600s"),
}


@pytest.fixture(params=["google", "custom"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refusal(provider: str, body: dict[str, Any]) -> bytes:
    """The 429; Google's endpoint in OpenAI's form puts it into a list."""
    return loopback.reply([body] if provider == "custom" else body, status=429)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("body", PASSES.values(), ids=PASSES)
def test_a_quota_of_a_minute_is_waited_for(
    server: loopback.Loopback, clients: Clients, provider: str, body: dict[str, Any]
) -> None:
    server.will(refusal(provider, body), loopback.reply(body_of(provider, "there")))
    assert clients.for_provider(provider).complete(at(server, provider, max_retries=1)).text == "there"
    assert len(server.received) == 2


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("body", PASSES.values(), ids=PASSES)
def test_a_quota_of_a_minute_is_waited_for_before_a_stream(
    server: loopback.Loopback, clients: Clients, provider: str, body: dict[str, Any]
) -> None:
    server.will(refusal(provider, body), loopback.streamed(stream_of(provider, "there")))
    text, _ = collect(clients.for_provider(provider).stream(at(server, provider, max_retries=1)))
    assert text == "there"
    assert len(server.received) == 2


@pytest.mark.parametrize("body", SPENT.values(), ids=SPENT)
def test_a_quota_that_is_spent_is_not_asked_again(
    server: loopback.Loopback, clients: Clients, provider: str, body: dict[str, Any]
) -> None:
    server.will(refusal(provider, body))
    with raises_code(20, OPENING):
        clients.for_provider(provider).complete(at(server, provider, max_retries=1))
    with raises_code(20, OPENING):
        collect(clients.for_provider(provider).stream(at(server, provider, max_retries=1)))
    assert len(server.received) == 2
