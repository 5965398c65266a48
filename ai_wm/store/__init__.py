"""Stores of definitions and performance data: the `Store` protocol, and `JsonStore`, which keeps them in JSON files."""

from ai_wm.store.base import Store
from ai_wm.store.json_store import JsonStore

__all__ = ["JsonStore", "Store"]
