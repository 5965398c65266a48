"""AI worker management: definitions, instances, tasks, records and limits of AI workers, for hosts and for scripts.

Names are imported when they are first used, so that ``import ai_wm`` costs nothing and opens nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ai_wm.calls.tool_host import ToolHost
    from ai_wm.data.attachments import Attachment
    from ai_wm.data.policy import WorkerPolicy
    from ai_wm.data.record_filter import RecordFilter
    from ai_wm.data.types import (
        AIWorkerDefinition,
        AIWorkerDefinitionStatus,
        AIWorkerInstance,
        AIWorkerInstanceStatus,
        AIWorkerPerformanceSummary,
        AIWorkerProvider,
        APIKeySource,
        APIKeySourceMethod,
        APIKeyStatus,
        InteractionModelType,
        LLMCallMetrics,
        PerformanceRecord,
        RateLimitPolicy,
        RetiredInstanceInfo,
        SupervisorFeedback,
        TokenUsageMetrics,
    )
    from ai_wm.manager import AIWorkerManager
    from ai_wm.plugin import register_ai_worker_tools
    from ai_wm.providers.account_limits import AccountLimit
    from ai_wm.providers.base import (
        Delta,
        LLMClient,
        LLMRequest,
        LLMResponse,
        Message,
        ModelInfo,
        ToolCallRequest,
        ToolDefinition,
        Usage,
    )
    from ai_wm.providers.fakes import ModelFakes
    from ai_wm.ratelimit import RateLimiter
    from ai_wm.store import Store
    from ai_wm.workers.checks import WorkerTest
    from ai_wm.workers.conversation import ConversationManager
    from ai_wm.workers.embedding import EmbeddingResult
    from ai_wm.workers.stateless import TaskResult

_PLACES = {
    "ai_wm.providers.account_limits": ("AccountLimit",),
    "ai_wm.workers.checks": ("WorkerTest",),
    "ai_wm.workers.conversation": ("ConversationManager",),
    "ai_wm.manager": ("AIWorkerManager",),
    "ai_wm.data.policy": ("WorkerPolicy",),
    "ai_wm.data.record_filter": ("RecordFilter",),
    "ai_wm.plugin": ("register_ai_worker_tools",),
    "ai_wm.providers.base": (
        "Delta",
        "LLMClient",
        "LLMRequest",
        "LLMResponse",
        "Message",
        "ModelInfo",
        "ToolCallRequest",
        "ToolDefinition",
        "Usage",
    ),
    "ai_wm.providers.fakes": ("ModelFakes",),
    "ai_wm.ratelimit": ("RateLimiter",),
    "ai_wm.workers.embedding": ("EmbeddingResult",),
    "ai_wm.workers.stateless": ("TaskResult",),
    "ai_wm.store": ("Store",),
    "ai_wm.calls.tool_host": ("ToolHost",),
    "ai_wm.data.attachments": ("Attachment",),
    "ai_wm.data.types": (
        "AIWorkerDefinition",
        "AIWorkerDefinitionStatus",
        "AIWorkerInstance",
        "AIWorkerInstanceStatus",
        "AIWorkerPerformanceSummary",
        "AIWorkerProvider",
        "APIKeySource",
        "APIKeySourceMethod",
        "APIKeyStatus",
        "InteractionModelType",
        "LLMCallMetrics",
        "PerformanceRecord",
        "RateLimitPolicy",
        "RetiredInstanceInfo",
        "SupervisorFeedback",
        "TokenUsageMetrics",
    ),
}
_HOMES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "AIWorkerDefinition",
    "AIWorkerDefinitionStatus",
    "AIWorkerInstance",
    "AIWorkerInstanceStatus",
    "AIWorkerManager",
    "AIWorkerPerformanceSummary",
    "AIWorkerProvider",
    "APIKeySource",
    "APIKeySourceMethod",
    "APIKeyStatus",
    "AccountLimit",
    "Attachment",
    "ConversationManager",
    "Delta",
    "EmbeddingResult",
    "InteractionModelType",
    "LLMCallMetrics",
    "LLMClient",
    "LLMRequest",
    "LLMResponse",
    "Message",
    "ModelFakes",
    "ModelInfo",
    "PerformanceRecord",
    "RateLimitPolicy",
    "RateLimiter",
    "RecordFilter",
    "RetiredInstanceInfo",
    "Store",
    "SupervisorFeedback",
    "TaskResult",
    "TokenUsageMetrics",
    "ToolCallRequest",
    "ToolDefinition",
    "ToolHost",
    "Usage",
    "WorkerPolicy",
    "WorkerTest",
    "register_ai_worker_tools",
]


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
