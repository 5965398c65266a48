"""The tools of the group ``AIWorker`` for records: logging tasks, feedback on them, and queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of, calling, charge
from ai_wm.tools.definitions import NO_SUCH_WORKER, WORKER
from ai_wm.tools.recovering import LOGGED
from ai_wm.tools.shapes import METRICS, RECORD, RECORD_FILTERS
from neuroscript import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript import ToolContext


def log_performance(ctx: ToolContext, *values: Any) -> str:
    """Logs the record of a task that was done elsewhere."""
    record = {name: value for name, value in zip(_LOGGED, values, strict=True) if value is not None}
    charge(ctx, record)
    with calling(ctx):
        return access_of(ctx).records.log(record)


def log_feedback(
    ctx: ToolContext,
    task_id: str,
    rating: float,
    comments: str,
    correction_instructions: str,
    supervisor_agent_id: str,
) -> None:
    """Attaches a rating to a task's record."""
    charge(ctx, task_id, comments, correction_instructions, supervisor_agent_id)
    with calling(ctx):
        access_of(ctx).records.judge(task_id, rating, comments, correction_instructions, supervisor_agent_id)


def get_records(ctx: ToolContext, definition_id: str, filters: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the records of a definition that pass the filters as maps."""
    with calling(ctx):
        return access_of(ctx).records.find(definition_id, filters)


def save_data(ctx: ToolContext) -> str:
    """Tidies the file of performance data."""
    with calling(ctx):
        return f"Saved {access_of(ctx).records.save()} performance records."


def load_data(ctx: ToolContext) -> str:
    """Reads the performance data again."""
    with calling(ctx):
        return f"Loaded {access_of(ctx).records.reload()} performance records."


_LOG_ARGS = (
    ArgSpec("task_id", ArgType.STRING, "The task's id, which no other record of the program's has."),
    ArgSpec("instance_id", ArgType.STRING, "The instance that did it, or `stateless-…` for a one-shot task."),
    ArgSpec("definition_id", ArgType.STRING, "The definition's id, or its unique name."),
    ArgSpec("timestamp_start", ArgType.ANY, "When it began: a timedate, or a string in RFC 3339."),
    ArgSpec("timestamp_end", ArgType.ANY, "When it ended: a timedate, or a string in RFC 3339."),
    ArgSpec("duration_ms", ArgType.INT, "How long it took, in milliseconds."),
    ArgSpec("success", ArgType.BOOL, "Whether it succeeded."),
    ArgSpec("input_context", ArgType.MAP, "What is known of the input.", required=False),
    ArgSpec("llm_metrics", ArgType.MAP, "What is known of the model's work.", required=False, shape=METRICS),
    ArgSpec("cost_incurred", ArgType.FLOAT, "What it cost.", required=False),
    ArgSpec("output_summary", ArgType.STRING, "The beginning of the output.", required=False),
    ArgSpec("error_details", ArgType.STRING, "What went wrong.", required=False),
)
_LOGGED = tuple(arg.name for arg in _LOG_ARGS)

RECORD_TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="AIWorker.LogPerformance",
            description="Logs the record of a task that was done elsewhere. Conversations and tasks that run here log "
            "theirs by themselves.",
            category="AI worker performance",
            args=_LOG_ARGS,
            return_type=ArgType.STRING,
            return_help="The task's id.",
            example='call tool.AIWorker.LogPerformance("task-1", "stateless-1", "helper", "2025-06-15T09:30:00Z", '
            '"2025-06-15T09:30:01Z", 1000, true)',
            error_conditions=f"{NO_SUCH_WORKER}; 4 for a value that does not fit; 42 if a task of the program's of "
            "that id has a record; 26 if the file cannot be written.",
            capabilities=("ask",),
            effect="once",
            recovery=LOGGED,
            administers=True,
        ),
        log_performance,
    ),
    (
        ToolSpec(
            name="AIWorker.LogFeedback",
            description="Attaches a judgement to a task's record; the mean rating is the definition's "
            "`average_quality_score`. A second judgement of a task replaces the first.",
            category="AI worker performance",
            args=(
                ArgSpec("task_id", ArgType.STRING, "The task."),
                ArgSpec("rating", ArgType.FLOAT, "How good it was, on the scale that you keep to."),
                ArgSpec("comments", ArgType.STRING, "Why.", required=False, default=""),
                ArgSpec("correction_instructions", ArgType.STRING, "What to do better.", required=False, default=""),
                ArgSpec("supervisor_agent_id", ArgType.STRING, "Who judges.", required=False, default=""),
            ),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.AIWorker.LogFeedback(result.task_id, 4.5, "short and right")',
            error_conditions="9 if there is no record of that task; 4 for a value that does not fit; 26 if the file "
            "cannot be written.",
            capabilities=("ask",),
            effect="idempotent",
        ),
        log_feedback,
    ),
    (
        ToolSpec(
            name="AIWorker.GetPerformanceRecords",
            description="Finds the records of a definition's tasks, those of live instances included.",
            category="AI worker performance",
            args=(
                WORKER,
                ArgSpec(
                    "filters",
                    ArgType.MAP,
                    "What must hold, and how many at most.",
                    required=False,
                    shape=RECORD_FILTERS,
                ),
            ),
            return_type=ArgType.SLICE_MAP,
            return_help="The records, the newest first.",
            result_shape=RECORD,
            primer="→[{task_id,success,duration_ms,cost_incurred,llm_metrics,…}]",
            example='set failed = tool.AIWorker.GetPerformanceRecords("helper", {"success": false, "limit": 10})',
            error_conditions=f"{NO_SUCH_WORKER}; 4 for an unknown filter or one that does not fit.",
            capabilities=("ask",),
            effect="read",
        ),
        get_records,
    ),
    (
        ToolSpec(
            name="AIWorker.SavePerformanceData",
            description="Tidies the file of performance data: drops what later entries replaced. Every record is saved "
            "anyway.",
            category="AI worker performance",
            return_type=ArgType.STRING,
            return_help="A sentence with the number of records.",
            example="emit tool.AIWorker.SavePerformanceData()",
            error_conditions="26 if the file cannot be written.",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        save_data,
    ),
    (
        ToolSpec(
            name="AIWorker.LoadPerformanceData",
            description="Reads the performance data from the sandbox again and works out the summaries anew.",
            category="AI worker performance",
            return_type=ArgType.STRING,
            return_help="A sentence with the number of records.",
            example="emit tool.AIWorker.LoadPerformanceData()",
            error_conditions="18 if the file is not valid; what was loaded before then stays.",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        load_data,
    ),
]
