"""The names of the prices in a definition's ``cost_metrics``."""

from __future__ import annotations

from typing import Final

PRICE_HELP: Final = {
    "input_cost_per_token": "Price of a token of input.",
    "output_cost_per_token": "Price of a token of output.",
    "cached_input_cost_per_token": "Price of a token of input that is read from the provider's cache.",
    "cache_write_cost_per_token": "Price of a token of input that is written to its cache for minutes.",
    "cache_write_1h_cost_per_token": "Price of a token of input that is written to its cache for an hour.",
    "cost_per_call": "Price of a call, beside its tokens.",
}
"""The keys of ``cost_metrics``, each with a sentence."""

PRICES: Final = frozenset(PRICE_HELP)
"""The keys of ``cost_metrics``: prices of a call, and of a token by what it is used for."""
