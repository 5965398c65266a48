"""The names of the prices in a definition's ``cost_metrics``."""

from __future__ import annotations

from typing import Final

PRICES: Final = frozenset(
    {
        "cache_write_1h_cost_per_token",
        "cache_write_cost_per_token",
        "cached_input_cost_per_token",
        "cost_per_call",
        "input_cost_per_token",
        "output_cost_per_token",
    }
)
"""The keys of ``cost_metrics``: prices of a call, and of a token by what it is used for.

Input that the provider keeps in its cache has a price when it is written, for minutes or for an hour, and one when it
is read (``cached_input_cost_per_token``).
"""
