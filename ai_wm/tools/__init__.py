"""The tools by which scripts manage AI workers, one module a group.

Each module has ``TOOLS``, a list of pairs of spec and function, and imports nothing of `ai_wm` but what is as light as
itself: the manager, and with it the models and the providers, is imported when a tool is first called.
"""

from __future__ import annotations

from neuroscript import ToolRegistry

GROUPS = {
    "AIWorkerDefinition": "ai_wm.tools.definitions",
    "AIWorkerInstance": "ai_wm.tools.instances",
    "AIWorker": "ai_wm.tools.tasks",
    "Conversation": "ai_wm.tools.conversation",
}
"""The module of each group."""


def worker_registry() -> ToolRegistry:
    """Makes a registry of these tools alone, for documents and tests."""
    return ToolRegistry(groups=GROUPS)
