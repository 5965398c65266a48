"""The cost of calls, by a definition's own prices or by published ones.

Prices are multiplied and added exactly, as decimal numbers, without the rounding errors of binary floats; the result
is the nearest float.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol

from ai_wm.data.bounds import bounded_cost
from ai_wm.data.presets import PRESETS
from ai_wm.data.prices import PRICES

CostSource = Literal["cost_metrics", "published", "unknown"]

INPUT = "input_cost_per_token"
OUTPUT = "output_cost_per_token"
CALL = "cost_per_call"
CACHED_INPUT = "cached_input_cost_per_token"
CACHE_WRITE = "cache_write_cost_per_token"
CACHE_WRITE_1H = "cache_write_1h_cost_per_token"

_WRITE_FACTORS: Final = dict.fromkeys(("anthropic", "bedrock", "vertex"), (1.25, 2.0))
"""What writing to the cache, for minutes and for an hour, costs in units of the price of input, where a provider bills
it and the definition names no price for it (docs.claude.com, prompt caching)."""

# Whose published prices apply, each with its id there; models run locally or behind an address of one's own have none.
_PUBLISHED_PROVIDERS: Final = (
    {name: name for name in ("anthropic", "azure", "google", "openai")}
    | {
        "bedrock": "aws",
        "vertex": "google",
    }
    | {name: preset.prices for name, preset in PRESETS.items() if preset.prices}
)


class Priced(Protocol):
    """The part of a worker definition that its prices depend on."""

    @property
    def provider(self) -> str:
        """The provider's name."""

    @property
    def cost_metrics(self) -> Mapping[str, float]:
        """The definition's own prices, by the keys `PRICES`."""


class TokenCounts(Protocol):
    """Protocol of the token counts of a call, as `ai_wm.providers.base.Usage` has them.  ``input_tokens`` includes
    cached tokens."""

    @property
    def input_tokens(self) -> int:
        """The number of input tokens, cached ones included."""

    @property
    def cache_read_tokens(self) -> int:
        """The number of input tokens read from the provider's cache."""

    @property
    def cache_write_tokens(self) -> int:
        """The number of input tokens written to the provider's cache."""

    @property
    def output_tokens(self) -> int:
        """The number of output tokens."""


class PriceSource(Protocol):
    """Protocol of a function that looks up published prices."""

    def __call__(self, provider: str, model: str, usage: TokenCounts) -> Decimal | float | None:
        """Returns the price of a call, or ``None`` if the model's price is unknown.  Opens no connection."""


def cost_of(
    definition: Priced,
    usage: TokenCounts,
    model: str,
    price_source: PriceSource | None = None,
    *,
    claimed: bool = False,
) -> tuple[float, CostSource]:
    """Computes the cost of a call of one request, and says where its price comes from; see `cost_of_call`."""
    return cost_of_call(definition, [usage], [model], price_source, claimed=claimed)


def cost_of_call(
    definition: Priced,
    usages: Sequence[TokenCounts],
    models: Sequence[str],
    price_source: PriceSource | None = None,
    *,
    tier: str = "",
    claimed: bool = False,
) -> tuple[float, CostSource]:
    """Computes the cost of a call, and says where its price comes from.

    Args:
        definition: its ``cost_metrics`` count if they hold any of `PRICES`.
        usages: the tokens of each request of the call that was billed.  A price may depend on the size of a request, so
            each is priced by itself.  Cached input is priced once: at the cached price if there is one, else as input;
            input that is written to the cache likewise, where a provider bills it by a multiple of the price of input.
        models: the names of the model for published prices, the one that answered first: a gateway may give the model
            another name, and then the one that was asked for counts.
        price_source: published prices; by default those of the optional library genai-prices, if it is installed.
        tier: how the provider says that it served the call; empty for its usual way.
        claimed: whether the definition is a script's, whose ``cost_metrics`` can only raise a published price.

    Returns:
        The cost and its source.  ``unknown`` means that nobody knows the price and 0 was put down, not that it is free.
    """
    prices = _own_prices(definition)
    own = None if prices is None else prices.cost(usages)
    if own is not None and not claimed:
        return own, "cost_metrics"
    published = _published(str(definition.provider), usages, models, price_source, tier)
    if published is not None and (own is None or published > own):
        return published, "published"
    return (0.0, "unknown") if own is None else (own, "cost_metrics")


def _published(
    provider: str, usages: Sequence[TokenCounts], models: Sequence[str], price_source: PriceSource | None, tier: str
) -> float | None:
    """The published price of all requests together, by the first model name that has a price."""
    if price_source is None and provider not in _PUBLISHED_PROVIDERS:
        return None

    def price(usage: TokenCounts, model: str) -> Decimal | float | None:
        if price_source is not None:
            return price_source(provider, model, usage)
        return published_price(provider, model, usage, tier)

    for model in dict.fromkeys(name for name in models if name):
        prices = [price(usage, model) for usage in usages]
        known = [Decimal(repr(each)) if isinstance(each, float) else each for each in prices if each is not None]
        if len(known) == len(prices):
            return bounded_cost(float(sum(known, Decimal(0))))
    return None


def most_cost(
    definition: Priced,
    model: str,
    *,
    price_source: PriceSource | None = None,
    claimed: bool = False,
    tier: str = "",
    written: bool = False,
) -> Callable[[int, int], float]:
    """Returns what computes the highest cost that a call may have, for its reservation.

    Args:
        definition: whose prices count.
        model: the model to be asked.
        price_source: published prices, as for `cost_of_call`.
        claimed: whether the definition is a script's, as for `cost_of_call`.
        tier: the service tier that is asked for; empty for the usual one.  One without a price costs as the usual one.
        written: whether the call may write its input to the provider's cache.

    Returns:
        a function of an upper bound of the input, and one of the output, in tokens.
    """
    prices = _own_prices(definition)
    own = None if prices is None else prices.most(written=written)
    if own is not None and not claimed:
        return own

    def most(input_tokens: int, output_tokens: int) -> float:
        usages = [TokenSplit(input_tokens, output_tokens)]
        if written:
            splits = (
                TokenSplit(input_tokens, output_tokens, written=input_tokens, long=long) for long in (False, True)
            )
            usages.extend(splits)
        provider, tiers = str(definition.provider), (tier, "") if tier else ("",)
        published = (_published(provider, [usage], [model], price_source, each) for usage in usages for each in tiers)
        least = 0.0 if own is None else own(input_tokens, output_tokens)
        return max(least, *(cost or 0.0 for cost in published))

    return most


def is_priced(definition: Priced, model: str, price_source: PriceSource | None = None, *, vouched: bool = True) -> bool:
    """Tells whether the price of a model is known.

    Args:
        definition: whose prices count.
        model: the model to be asked.
        price_source: published prices, as for `cost_of`.
        vouched: whether the definition's own prices count: those of a script do not, where it is the host who pays.
    """
    if vouched and not definition.cost_metrics.keys().isdisjoint(PRICES):
        return True
    return (price_source or published_price)(str(definition.provider), model, TokenSplit(1, 1)) is not None


FALLBACK_INPUT_COST: Final = 30 / 1_000_000
FALLBACK_OUTPUT_COST: Final = 180 / 1_000_000
"""The assumed price of a token of unknown price, where only the command line's default ceiling needs one: the price of
the most expensive general model (OpenAI's gpt-5.5-pro, from the data of genai-prices 0.2.3, 2026-11-29)."""


def fallback_cost(input_tokens: int, output_tokens: int) -> float:
    """Computes the cost of tokens whose price is unknown, by an assumed price."""
    return bounded_cost(input_tokens * FALLBACK_INPUT_COST + output_tokens * FALLBACK_OUTPUT_COST)


def published_price(provider: str, model: str, usage: TokenCounts, tier: str = "") -> Decimal | None:
    """Looks up the published price of a request in genai-prices, which has its own data and asks no server.

    ``None`` without that library (``pip install neuroscript[prices]``), for a model or a service tier of it that it
    does not know, and for providers that publish no prices.
    """
    if provider not in _PUBLISHED_PROVIDERS:
        return None
    model = model.removeprefix("models/")
    library = _price_library()
    if library is None or _unlisted.get((provider, model)) is _prices_of(library):
        return None
    # The library refuses more cached tokens than there were input tokens.
    cached = min(usage.cache_read_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    counts = library.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=usage.output_tokens,
    )
    long = min(getattr(usage, "cache_write_1h_tokens", 0), written)
    if long:
        counts.cache_write_1h_tokens = long
    by_kind: dict[str, int] = dict(getattr(usage, "by_kind", ()))
    context = None if tier.lower() in _USUAL_TIERS else _context(provider, tier.lower())
    try:
        provider_id = _PUBLISHED_PROVIDERS[provider]
        found = library.calc_price(counts, model, provider_id=provider_id, price_context=context)
        if by_kind:
            found = _by_kind(library, counts, by_kind, model, provider_id, context) or found
    except LookupError:  # the model is not listed
        if len(_unlisted) < _MOST_UNLISTED:  # a server may give its models any names, and ever new ones
            _unlisted[provider, model] = _prices_of(library)
        return None
    except ValueError:  # the library has no price for one of these kinds of token
        return None
    variants = found.model.price_variants or ()
    if context is not None and not any(dict(variant.when) == context for variant in variants):
        return None  # the price of the usual way is not that of another
    total: Decimal = found.total_price
    return total


def _by_kind(
    library: Any, counts: Any, by_kind: dict[str, int], model: str, provider_id: str, context: dict[str, str] | None
) -> Any:
    """The price of a request some tokens of which are no text; None where the library cannot tell them apart.

    What a model has no price of its own for costs as text.  Where the server does not say of which kind the tokens from
    the cache were, they count as text, the discount on which is the smallest.
    """
    read, given = counts.cache_read_tokens, counts.input_tokens
    kinds = {kind: min(by_kind.get(f"input_{kind}_tokens", 0), given) for kind in ("audio", "image", "video")}
    output = {key: min(count, counts.output_tokens) for key, count in by_kind.items() if key.startswith("output_")}
    parts = {f"input_{kind}_tokens": count for kind, count in kinds.items() if count} | output
    left = max(0, read - (given - sum(kinds.values())))
    cached: dict[str, int] = {}
    for kind, count in kinds.items():
        key = f"cache_{kind}_read_tokens"
        if count and read:
            cached[key] = min(count, by_kind.get(key, left))
            left = max(0, left - cached[key])
    known = {key: value for key, value in vars(counts).items() if value}
    for more in (known | parts | cached, known | parts | {"cache_read_tokens": 0}):  # without a discount, if need be
        with suppress(ValueError):
            return library.calc_price(library.Usage(**more), model, provider_id=provider_id, price_context=context)
    return None


def _context(provider: str, tier: str) -> dict[str, str]:
    """The service tier in the form by which the library selects prices."""
    if tier == "batch":
        return {"processing": "batch"}
    return {"speed": tier} if provider == "anthropic" else {"service_tier": tier}


# How providers call their usual way of serving a request.
_USUAL_TIERS: Final = frozenset({"", "default", "standard", "auto", "on_demand", "standard_only"})

_unlisted: dict[tuple[str, str], Any] = {}
"""A cache of models without a published price, each with the price data searched.  The library caches only models that
it finds; a search without result takes as long as all the rest of a managed call (150 µs)."""

_MOST_UNLISTED: Final = 1000


def _prices_of(library: Any) -> Any:
    """The prices that apply now; a host may have made the library load newer ones."""
    return library.data_snapshot.get_snapshot()


class TokenSplit:
    """The supposed token counts of a call that has not been made.

    Args:
        input_tokens: all input.
        output_tokens: all output.
        written: the part that is written to it.
        long: whether that is kept for an hour.
    """

    __slots__ = ("cache_read_tokens", "cache_write_1h_tokens", "cache_write_tokens", "input_tokens", "output_tokens")

    def __init__(self, input_tokens: int, output_tokens: int, *, written: int = 0, long: bool = False) -> None:
        self.input_tokens = input_tokens
        self.cache_read_tokens = 0
        self.cache_write_tokens = written
        self.cache_write_1h_tokens = written if long else 0
        self.output_tokens = output_tokens


class _OwnPrices(NamedTuple):
    """A definition's own prices as integers in a small unit of the currency, in which every sum is exact.

    Args:
        fraction: how many of that unit make one of the currency.
    """

    fraction: int
    input: int
    output: int
    call: int
    cached_input: int
    cache_write: int
    cache_write_1h: int

    def cost(self, usages: Sequence[TokenCounts]) -> float:
        """The cost of some requests: the float nearest to the exact sum."""
        total = self.call
        for usage in usages:
            read = min(usage.cache_read_tokens, usage.input_tokens)
            written = min(usage.cache_write_tokens, usage.input_tokens - read)
            total += (usage.input_tokens - read - written) * self.input + read * self.cached_input
            total += usage.output_tokens * self.output
            if written:
                long = min(getattr(usage, "cache_write_1h_tokens", 0), written)
                total += (written - long) * self.cache_write + long * self.cache_write_1h
        return self._in_currency(total)

    def most(self, *, written: bool) -> Callable[[int, int], float]:
        """The highest cost of a request, whatever becomes of its input; see `most_cost`."""
        given = max(self.input, self.cached_input)
        if written:
            given = max(given, self.cache_write, self.cache_write_1h)
        call, output, in_currency = self.call, self.output, self._in_currency
        return lambda input_tokens, output_tokens: in_currency(call + input_tokens * given + output_tokens * output)

    def _in_currency(self, units: int) -> float:
        try:
            return bounded_cost(units / self.fraction)
        except OverflowError:
            return bounded_cost(math.inf if units > 0 else -math.inf)


def _own_prices(definition: Priced) -> _OwnPrices | None:
    """The own prices of a definition; None if it has none."""
    metrics = definition.cost_metrics
    return _exact(str(definition.provider), tuple(metrics.items())) if metrics else None


@lru_cache(maxsize=1024)
def _exact(provider: str, items: tuple[tuple[str, float], ...]) -> _OwnPrices | None:
    metrics = dict(items)
    if metrics.keys().isdisjoint(PRICES):
        return None
    given, output, call = (metrics.get(name, 0) for name in (INPUT, OUTPUT, CALL))
    cached, write, long = metrics.get(CACHED_INPUT, given), metrics.get(CACHE_WRITE), metrics.get(CACHE_WRITE_1H)
    factors = _WRITE_FACTORS.get(provider, (1.0, 1.0))
    short, hour = (_decimal(factor) * _decimal(given) for factor in factors)
    if write is not None:  # a price for an hour that is not given stands to it as the provider's do
        short, hour = _decimal(write), _decimal(write) * _decimal(factors[1]) / _decimal(factors[0])
    if long is not None:
        hour = _decimal(long)
    prices = (_decimal(given), _decimal(output), _decimal(call), _decimal(cached), short, hour)
    ratios = [price.as_integer_ratio() for price in prices]
    fraction = math.lcm(*(denominator for _, denominator in ratios))
    return _OwnPrices(fraction, *(numerator * (fraction // denominator) for numerator, denominator in ratios))


def _decimal(price: float) -> Decimal:
    """The shortest text of a float is the decimal number that was meant."""
    return Decimal(repr(price))


@cache
def _price_library() -> Any:
    try:
        return importlib.import_module("genai_prices")
    except ImportError:
        return None
