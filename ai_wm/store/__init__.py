"""Where definitions and performance data are kept: the `Store` protocol, and `JsonStore`, two JSON files."""

from ai_wm.store.base import Store
from ai_wm.store.json_store import JsonStore

__all__ = ["JsonStore", "Store"]
