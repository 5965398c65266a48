"""Where definitions and performance data are kept: the `Store` protocol and its implementations.

``JsonStore`` keeps the two JSON files of the design; ``MemoryStore`` keeps nothing beyond the process.
"""

from ai_wm.store.base import Store

__all__ = ["Store"]
