"""The tools of the group ``AIWorker``: stateless tasks and batches, and those for records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of, calling, options_of, task_map
from ai_wm.tools.records import RECORD_TOOLS
from ai_wm.tools.shapes import CONFIGURATION, GIVEN_TASK, TASK
from neuroscript import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from ai_wm.workers.stateless import TaskResult
    from neuroscript import NeuroScriptError, ToolContext

NAME = ArgSpec("name", ArgType.STRING, "The definition's id, or its unique name.")
OVERRIDES = ArgSpec(
    "config_overrides",
    ArgType.MAP,
    "Settings that go on top of the definition's base_config, for this call.",
    required=False,
    shape=CONFIGURATION,
)
CALL_ERRORS = (
    "9 if there is no such definition; 19 if it is not active or not for such use; 20 at a rate limit, with "
    "`retry_after_seconds`; 46 beyond its budget; 18 if its key is missing, 45 if the provider refuses it; 40 for an "
    "unknown provider or model; 31 if the time is up; 47 if the input is too long for the model; 16 for any other "
    "failure of the model"
)
PARALLEL = ArgSpec("max_parallel", ArgType.INT, "How many run at once, 1 to 256.", required=False, default=8)


def execute_stateless_task(
    ctx: ToolContext, name: str, prompt: str, config_overrides: dict[str, Any] | None
) -> dict[str, Any]:
    """Gives a worker one prompt and returns the result as a map."""
    with calling(ctx):
        access = access_of(ctx)
        return task_map(ctx, access.execute(name, prompt, config_overrides, options_of(ctx, access)))


def execute_batch(
    ctx: ToolContext,
    name: str,
    prompts: list[str],
    max_parallel: int,
    config_overrides: dict[str, Any] | None,
) -> list[Any]:
    """Gives a worker many prompts and returns the results as maps, error values where one failed."""
    with calling(ctx):
        access = access_of(ctx)
        return _values(
            ctx, access.execute_batch(name, prompts, max_parallel, config_overrides, options_of(ctx, access))
        )


def execute_all(ctx: ToolContext, tasks: list[dict[str, Any]], max_parallel: int) -> list[Any]:
    """Gives several workers a prompt each and returns the results as maps, error values where one failed."""
    with calling(ctx):
        access = access_of(ctx)
        return _values(ctx, access.execute_all(tasks, max_parallel, options_of(ctx, access)))


def embed(ctx: ToolContext, worker: str, texts: list[str]) -> list[list[float]]:
    """Gives one vector for each text."""
    with calling(ctx):
        access = access_of(ctx)
        return access.embed(worker, texts, options_of(ctx, access)).vectors


def _values(ctx: ToolContext, results: list[TaskResult | NeuroScriptError]) -> list[Any]:
    """The results of a batch as values of a script."""
    from neuroscript import ErrorValue, NeuroScriptError

    return [
        ErrorValue.of(result) if isinstance(result, NeuroScriptError) else task_map(ctx, result) for result in results
    ]


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="AIWorker.ExecuteStatelessTask",
            description="Gives a worker one prompt and returns its answer, without a conversation.",
            category="AI worker tasks",
            args=(NAME, ArgSpec("prompt", ArgType.STRING, "What the model is asked."), OVERRIDES),
            return_type=ArgType.MAP,
            return_help="The answer, and what it took.",
            result_shape=TASK,
            primer="→{output,task_id,cost,input_tokens,output_tokens,duration_ms,finish_reason}",
            example='set answer = tool.AIWorker.ExecuteStatelessTask("helper", "Say hello.").output',
            error_conditions=f"{CALL_ERRORS}.",
            capabilities=("ask", "net"),
            effect="idempotent",
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
                PARALLEL,
                OVERRIDES,
            ),
            return_type=ArgType.SLICE_ANY,
            return_help="For each prompt, in order, the answer and what it took, or an error value where it failed.",
            result_shape=TASK,
            primer="→[as ExecuteStatelessTask|error value,…]\n"
            "ExecuteAll's tasks: [{worker,prompt,config_overrides?},…]",
            example='set results = tool.AIWorker.ExecuteBatch("helper", ["one", "two", "three"], max_parallel: 2)',
            error_conditions="9 if there is no such definition; 19 if it is not active or not for stateless tasks; 4 "
            "for a max_parallel or a setting that does not fit. Failures of single prompts are error values in the "
            "list.",
            capabilities=("ask", "net"),
            effect="idempotent",
        ),
        execute_batch,
    ),
    (
        ToolSpec(
            name="AIWorker.ExecuteAll",
            description="Gives several workers a prompt each, side by side, and returns all answers.",
            category="AI worker tasks",
            args=(
                ArgSpec(
                    "tasks",
                    ArgType.SLICE_MAP,
                    "The tasks: maps with `worker` (the definition's id, or its unique name), `prompt` and, if need "
                    "be, `config_overrides` (settings that go on top of that definition's base_config).",
                    shape=GIVEN_TASK,
                ),
                PARALLEL,
            ),
            return_type=ArgType.SLICE_ANY,
            return_help="For each task, in order, the answer and what it took, or an error value where it failed.",
            result_shape=TASK,
            example='set results = tool.AIWorker.ExecuteAll([{"worker": "helper", "prompt": "Name a river."}, '
            '{"worker": "w", "prompt": "Name a star.", "config_overrides": {"temperature": 0}}])',
            error_conditions="4 for a task that does not fit, naming it and the key, before any call, and for a "
            "max_parallel that does not fit; 46 where what the run may cost is spent. Other failures of single "
            "tasks (an unknown worker, a setting that scripts may not set, a limit or a budget) are error values "
            "in the list.",
            capabilities=("ask", "net"),
            effect="idempotent",
        ),
        execute_all,
    ),
    (
        ToolSpec(
            name="AIWorker.Embed",
            description="Turns texts into vectors (embeddings) with a worker whose model is for that; near vectors are "
            "of texts that mean the like. Long lists are sent in several requests.",
            category="AI worker tasks",
            args=(
                ArgSpec("worker", ArgType.STRING, "The definition's id, or its unique name."),
                ArgSpec("texts", ArgType.SLICE_STRING, "The texts, none of them empty."),
            ),
            return_type=ArgType.SLICE_ANY,
            return_help="One list of numbers for each text, in their order, all equally long.",
            example='set vectors = tool.AIWorker.Embed("helper", ["a cat", "a dog"])',
            error_conditions=f"{CALL_ERRORS}; 4 for an empty text; 35 for a provider without embeddings; 37 for more "
            "vectors than one call may give.",
            capabilities=("ask", "net"),
            effect="idempotent",
        ),
        embed,
    ),
    *RECORD_TOOLS,
]
