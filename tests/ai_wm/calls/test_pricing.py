"""What calls cost: the definition's prices, published ones, and nobody's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.calls import pricing
from ai_wm.calls.pricing import TokenCounts, cost_of, cost_of_call, is_priced, most_cost, published_price
from ai_wm.data.prices import PRICES
from ai_wm.providers.base import Usage


@dataclass(frozen=True)
class Definition:
    """The part of a worker definition that prices depend on."""

    provider: str = "openai"
    cost_metrics: Mapping[str, float] = field(default_factory=dict)


def no_prices(provider: str, model: str, usage: TokenCounts) -> Decimal | None:
    return None


USAGE = Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=200)


def test_the_definitions_own_prices_count() -> None:
    metrics = {"input_cost_per_token": 0.00000125, "output_cost_per_token": 0.000005, "cost_per_call": 0.01}
    assert cost_of(Definition(cost_metrics=metrics), USAGE, "m") == (0.01225, "cost_metrics")


def test_cached_input_is_priced_once_at_the_cached_price_if_there_is_one() -> None:
    prices = {"input_cost_per_token": 0.01}
    assert cost_of(Definition(cost_metrics=prices), USAGE, "m")[0] == 10.0
    prices["cached_input_cost_per_token"] = 0.001
    assert cost_of(Definition(cost_metrics=prices), USAGE, "m")[0] == 600 * 0.01 + 0.4
    assert cost_of(Definition(cost_metrics={"cached_input_cost_per_token": 0.001}), USAGE, "m")[0] == 0.4


def test_a_price_of_nothing_is_a_price() -> None:
    assert cost_of(Definition(cost_metrics={"cost_per_call": 0.0}), USAGE, "gpt-4o") == (0.0, "cost_metrics")


def test_sums_of_small_decimal_prices_are_exact() -> None:
    metrics = {"input_cost_per_token": 0.1, "output_cost_per_token": 0.2}
    assert cost_of(Definition(cost_metrics=metrics), Usage(input_tokens=1, output_tokens=1), "m")[0] == 0.3


@given(
    st.fixed_dictionaries({}, optional={key: st.floats(0, 1, allow_nan=False) for key in sorted(PRICES)}),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)
def test_the_cost_is_what_its_parts_add_up_to(metrics: dict[str, float], fresh: int, cached: int, output: int) -> None:
    usage = Usage(input_tokens=fresh + cached, cache_read_tokens=cached, output_tokens=output)
    cost, source = cost_of(Definition(cost_metrics=metrics), usage, "m", no_prices)
    price = metrics.get("input_cost_per_token", 0)
    expected = (
        fresh * price
        + cached * metrics.get("cached_input_cost_per_token", price)
        + output * metrics.get("output_cost_per_token", 0)
        + metrics.get("cost_per_call", 0)
    )
    assert cost == pytest.approx(expected)
    assert source == ("cost_metrics" if metrics else "unknown")


def test_prices_of_other_keys_are_not_prices() -> None:
    assert cost_of(Definition(cost_metrics={"cost_per_image": 1.0}), USAGE, "m", no_prices) == (0.0, "unknown")


def test_a_host_may_bring_its_own_published_prices() -> None:
    asked = []

    def source(provider: str, model: str, usage: TokenCounts) -> Decimal:
        asked.append((provider, model, usage))
        return Decimal("0.25")

    assert cost_of(Definition(provider="custom"), USAGE, "house-model", source) == (0.25, "published")
    assert asked == [("custom", "house-model", USAGE)]
    assert cost_of(Definition(cost_metrics={"cost_per_call": 1}), USAGE, "m", source) == (1.0, "cost_metrics")


def test_published_prices_are_used_where_the_library_knows_the_model() -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    cost, source = cost_of(Definition(), USAGE, "gpt-4o")
    uncached, _ = cost_of(Definition(), Usage(input_tokens=1000, output_tokens=200), "gpt-4o")
    assert source == "published"
    assert 0 < cost < uncached < 1
    assert published_price("openai", "no-such-model", USAGE) is None
    assert cost_of(Definition(), USAGE, "no-such-model") == (0.0, "unknown")
    # More tokens from the cache than there were: counted as all of the input.
    assert published_price("openai", "gpt-4o", Usage(input_tokens=10, cache_read_tokens=20)) == published_price(
        "openai", "gpt-4o", Usage(input_tokens=10, cache_read_tokens=10)
    )


def test_a_model_that_newer_prices_list_is_found_in_them() -> None:
    library = pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    snapshots = library.data_snapshot
    listed = snapshots.get_snapshot()
    none = type(listed)(providers=[], from_auto_update=False)
    try:
        for prices, known in ((none, False), (none, False), (listed, True), (none, False)):
            snapshots.set_custom_snapshot(prices)
            assert (published_price("openai", "gpt-4o-mini", USAGE) is not None) is known
    finally:
        snapshots.set_custom_snapshot(None)


def test_names_that_a_server_makes_up_are_not_all_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    monkeypatch.setattr(pricing, "_unlisted", {})
    monkeypatch.setattr(pricing, "_MOST_UNLISTED", 3)
    for number in range(10):
        assert published_price("openai", f"made-up-{number}", USAGE) is None
    assert len(pricing._unlisted) == 3


def test_each_request_is_priced_by_its_own_size_and_the_call_once() -> None:
    asked: list[int] = []

    def source(provider: str, model: str, usage: TokenCounts) -> float:
        asked.append(usage.input_tokens)
        return 0.1 if usage.input_tokens <= 100 else 0.5

    parts = [Usage(input_tokens=80), Usage(input_tokens=80), Usage(input_tokens=120)]
    assert cost_of_call(Definition(), parts, ["m"], source) == (0.7, "published")
    assert asked == [80, 80, 120]
    own = {"input_cost_per_token": 0.01, "cost_per_call": 1.0}
    assert cost_of_call(Definition(cost_metrics=own), parts, ["m"]) == (3.8, "cost_metrics")


def test_the_name_that_answered_comes_first_and_the_one_that_was_asked_for_next() -> None:
    def source(provider: str, model: str, usage: TokenCounts) -> float | None:
        return {"dated": 1.0, "asked": 2.0}.get(model)

    for models, price in ((["dated", "asked"], 1.0), (["gateway/dated", "asked"], 2.0), (["", "asked"], 2.0)):
        assert cost_of_call(Definition(), [USAGE], models, source) == (price, "published")
    assert cost_of_call(Definition(), [USAGE], ["a", "b"], source) == (0.0, "unknown")


def test_an_hour_in_the_cache_has_its_own_price() -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    short = Usage(input_tokens=100_000, cache_write_tokens=100_000)
    long = Usage(input_tokens=100_000, cache_write_tokens=100_000, cache_write_1h_tokens=100_000)
    both = Usage(input_tokens=100_000, cache_write_tokens=100_000, cache_write_1h_tokens=50_000)
    prices = [published_price("anthropic", "claude-sonnet-4-5", usage) for usage in (short, both, long)]
    assert prices == [Decimal("0.375"), Decimal("0.4875"), Decimal("0.60")]


@pytest.mark.parametrize(
    ("provider", "model", "tier", "price"),
    [
        ("openai", "gpt-5.4", "", "0.25"),
        ("openai", "gpt-5.4", "default", "0.25"),
        ("openai", "gpt-5.4", "Priority", "0.5"),
        ("openai", "gpt-5.4", "flex", "0.125"),
        ("openai", "gpt-5.4", "gold", None),
        ("anthropic", "claude-sonnet-4-5", "standard", "0.3"),
        ("anthropic", "claude-sonnet-4-5", "priority", None),
        ("google", "gemini-2.5-pro", "flex", None),
    ],
)
def test_a_service_tier_has_its_own_price_or_none_is_known(
    provider: str, model: str, tier: str, price: str | None
) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    found = published_price(provider, model, Usage(input_tokens=100_000), tier)
    assert found == (None if price is None else Decimal(price))


def test_where_a_budget_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "_price_library", lambda: None)
    free = Definition(provider="custom", cost_metrics={"cost_per_call": 0.0})
    assert is_priced(free, "m")
    assert not is_priced(free, "m", vouched=False)
    assert is_priced(Definition(provider="custom"), "m", lambda provider, model, usage: 1.0)
    assert not is_priced(Definition(provider="custom"), "m")
    assert not is_priced(Definition(provider="openai"), "gpt-4o", no_prices)


@pytest.mark.parametrize("provider", ["local", "ollama", "custom"])
def test_models_without_a_published_price_are_unknown_not_free(provider: str) -> None:
    assert cost_of(Definition(provider=provider), USAGE, "gpt-4o") == (0.0, "unknown")


def test_without_the_library_prices_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "_price_library", lambda: None)
    assert cost_of(Definition(), USAGE, "gpt-4o") == (0.0, "unknown")


def test_the_library_is_loaded_only_when_a_price_is_asked_of_it() -> None:
    program = (
        "import sys, ai_wm.calls.pricing as p\n"
        "class D: provider = 'openai'; cost_metrics = {'cost_per_call': 1.0}\n"
        "class U: input_tokens = cache_read_tokens = cache_write_tokens = output_tokens = 1\n"
        "p.cost_of(D, U, 'gpt-4o')\n"
        "D.cost_metrics = {}; D.provider = 'local'\n"
        "p.cost_of(D, U, 'echo')\n"
        "print('genai_prices' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("more", "cost"),
    [
        ({}, 0.06 + 0.4 + 0.5),
        ({"cached_input_cost_per_token": 0.0001}, 0.06 + 0.4 + 0.5),
        ({"cached_input_cost_per_token": 0.002}, 0.12 + 0.4 + 0.5),
        ({"cache_write_cost_per_token": 0.003, "cache_write_1h_cost_per_token": 0.005}, 0.3 + 0.4 + 0.5),
    ],
)
def test_the_most_that_a_call_may_cost(more: dict[str, float], cost: float) -> None:
    metrics = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.004, "cost_per_call": 0.5, **more}
    made = most_cost(Definition(cost_metrics=metrics), "m", written=True)(60, 100)
    assert made == pytest.approx(cost)
    assert most_cost(Definition(provider="local"), "echo")(60, 100) == 0.0


@pytest.mark.parametrize(
    ("provider", "more", "written", "hour"),
    [
        ("anthropic", {}, 1.25, 2.0),
        ("custom", {}, 1.0, 1.0),
        ("anthropic", {"cache_write_cost_per_token": 3.0}, 3.0, 4.8),
        ("custom", {"cache_write_cost_per_token": 3.0}, 3.0, 3.0),
        ("custom", {"cache_write_cost_per_token": 3.0, "cache_write_1h_cost_per_token": 7.0}, 3.0, 7.0),
    ],
)
def test_cache_writes_are_billed_as_the_provider_bills_them(
    provider: str, more: dict[str, float], written: float, hour: float
) -> None:
    definition = Definition(provider=provider, cost_metrics={"input_cost_per_token": 1.0, **more})
    usage = Usage(input_tokens=10, cache_write_tokens=6, cache_write_1h_tokens=2)
    assert cost_of(definition, usage, "m")[0] == 4 * 1.0 + 4 * written + 2 * hour
