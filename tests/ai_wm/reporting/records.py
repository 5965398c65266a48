"""Workers with records of several days, for the tests of what shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ai_wm import AIWorkerManager

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOSTILE = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)> \x1b[31m\u202egnp & \"quoted\""


def add_worker(manager: AIWorkerManager, name: str, **more: Any) -> str:
    """Adds a worker on the echo model; returns its id."""
    basic = {
        "name": name,
        "provider": "local",
        "model_name": "echo",
        "auth": {"method": "none"},
        "interaction_models": ["both"],
    }
    return manager.add_worker_definition(basic | more)


def log(
    manager: AIWorkerManager,
    worker: str,
    *,
    days_ago: float = 0,
    rating: float | None = None,
    tokens: int = 100,
    cost_source: str = "published",
    now: datetime = NOW,
    **more: Any,
) -> str:
    """Logs a task that was done some days before the moment of the tests; returns its id."""
    start = now - timedelta(days=days_ago)
    record = {
        "task_id": f"{worker}-{len(manager.performance_rows(worker))}",
        "instance_id": "",
        "definition_id": worker,
        "timestamp_start": start,
        "timestamp_end": start,
        "duration_ms": 500,
        "success": True,
        "cost_incurred": 0.25,
        "llm_metrics": {"total_tokens": tokens, "cost_source": cost_source, "model_used": "m-1"},
    }
    task_id = manager.log_performance_record(record | more)
    if rating is not None:
        manager.log_feedback(task_id, rating)
    return task_id


def busy_manager() -> AIWorkerManager:
    """Makes a manager with two workers, a removed one, and records of three days, one of them hostile."""
    manager = AIWorkerManager(clock=NOW.timestamp)
    for name in ("fast", "<b>writer</b>", "old"):
        add_worker(manager, name)
    for days in (0, 1, 2):
        log(manager, "fast", days_ago=days, rating=4.0 - days, duration_ms=100 * (days + 1))
    log(manager, "<b>writer</b>", days_ago=1, tokens=2500, cost_incurred=0, cost_source="unknown", rating=-2)
    log(manager, "<b>writer</b>", days_ago=1, success=False, error_details=HOSTILE, duration_ms=61_000)
    log(manager, "old", days_ago=2)
    manager.remove_worker_definition("old")
    return manager
