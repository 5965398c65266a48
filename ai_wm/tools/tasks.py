"""The tools of the group ``AIWorker``: stateless tasks and batches, and those for records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of, calling, options_of, task_map
from ai_wm.tools.records import RECORD_TOOLS
from neuroscript import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript import ToolContext

NAME = ArgSpec("name", ArgType.STRING, "The definition's id, or its unique name.")
OVERRIDES = ArgSpec(
    "config_overrides",
    ArgType.MAP,
    "Settings that go on top of the definition's base_config, for this call.",
    required=False,
)
CALL_ERRORS = (
    "9 if there is no such definition; 19 if it is not active or not for such use; 20 at a rate limit, with "
    "`retry_after_seconds`; 46 beyond its budget; 18 if its key is missing, 45 if the provider refuses it; 40 for an "
    "unknown provider or model; 31 if the time is up; 47 if the input is too long for the model; 16 for any other "
    "failure of the model"
)
TASK_RESULT = "`output`, `task_id`, `cost`, `input_tokens`, `output_tokens`, `duration_ms`, `finish_reason`"


def execute_stateless_task(
    ctx: ToolContext, name: str, prompt: str, config_overrides: dict[str, Any] | None
) -> dict[str, Any]:
    """Gives a worker one prompt and returns the result as a map."""
    with calling(ctx):
        access = access_of(ctx)
        output, record = access.execute(name, prompt, config_overrides, options_of(ctx, access))
        return task_map(ctx, output, record)


def execute_batch(
    ctx: ToolContext,
    name: str,
    prompts: list[str],
    max_parallel: int,
    config_overrides: dict[str, Any] | None,
) -> list[Any]:
    """Gives a worker many prompts and returns the results as maps, error values where one failed."""
    from neuroscript import ErrorValue, NeuroScriptError

    with calling(ctx):
        access = access_of(ctx)
        results = access.execute_batch(name, prompts, max_parallel, config_overrides, options_of(ctx, access))
    return [
        ErrorValue.of(result) if isinstance(result, NeuroScriptError) else task_map(ctx, *result) for result in results
    ]


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="AIWorker.ExecuteStatelessTask",
            description="Gives a worker one prompt and returns its answer, without a conversation.",
            category="AI worker tasks",
            args=(NAME, ArgSpec("prompt", ArgType.STRING, "What the model is asked."), OVERRIDES),
            return_type=ArgType.MAP,
            return_help=f"A map with {TASK_RESULT}.",
            primer="→{output,task_id,cost,input_tokens,output_tokens,duration_ms,finish_reason}",
            example='set answer = tool.AIWorker.ExecuteStatelessTask("helper", "Say hello.").output',
            error_conditions=f"{CALL_ERRORS}.",
            capabilities=("ask", "net"),
        ),
        execute_stateless_task,
    ),
    (
        ToolSpec(
            name="AIWorker.ExecuteBatch",
            description="Gives a worker many prompts, several at once, and returns all answers.",
            category="AI worker tasks",
            args=(
                NAME,
                ArgSpec("prompts", ArgType.SLICE_STRING, "The prompts."),
                ArgSpec("max_parallel", ArgType.INT, "How many run at once, 1 to 256.", required=False, default=8),
                OVERRIDES,
            ),
            return_type=ArgType.SLICE_ANY,
            return_help=f"For each prompt, in order, a map with {TASK_RESULT}, or an error value where it failed.",
            primer="→[as ExecuteStatelessTask|error value,…]\n"
            "Items of tool.AIWorker.ExecuteAll: {worker,prompt,config_overrides?}.",
            example='set results = tool.AIWorker.ExecuteBatch("helper", ["one", "two", "three"], max_parallel: 2)',
            error_conditions="9 if there is no such definition; 19 if it is not active or not for stateless tasks; 4 "
            "for a max_parallel or a setting that does not fit. Failures of single prompts are error values in the "
            "list.",
            capabilities=("ask", "net"),
        ),
        execute_batch,
    ),
    *RECORD_TOOLS,
]
