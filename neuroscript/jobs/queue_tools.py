"""The tools of the group ``WorkQueue``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import NotFoundError
from neuroscript.jobs.reaching import access_of
from neuroscript.jobs.shapes import QUEUE, QUEUE_SETTINGS, STATUS
from neuroscript.tools.recovery import NOT_DONE, Recovery
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext

NAME = ArgSpec("name", ArgType.STRING, "The name of the queue.")
UNKNOWN = "9 if there is no such queue"


def create(ctx: ToolContext, name: str, settings: dict[str, Any] | None) -> bool:
    return access_of(ctx).create(name, settings or {})


def delete(ctx: ToolContext, name: str) -> None:
    access_of(ctx).delete(name)


def pause(ctx: ToolContext, name: str) -> None:
    access = access_of(ctx)
    access.engine.pause(access.owner, name)


def resume(ctx: ToolContext, name: str) -> None:
    access_of(ctx).resume(name)


def list_(ctx: ToolContext) -> list[dict[str, Any]]:
    return access_of(ctx).queue_maps()


def status(ctx: ToolContext, name: str) -> dict[str, Any]:
    return access_of(ctx).status(name)


def _is_there(ctx: ToolContext, arguments: list[Any]) -> bool:
    access = access_of(ctx)
    try:
        access.engine.queue(access.owner, arguments[0])
    except NotFoundError:
        return False
    return True


def _recover_deletion(ctx: ToolContext, was_there: Any, arguments: list[Any]) -> Any:
    """Tells whether the queue is gone; one that was not there is looked for, and missed, again."""
    return None if was_there and not _is_there(ctx, arguments) else NOT_DONE


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="WorkQueue.Create",
            description="Makes a queue of jobs, which outlives the run.",
            category="work queues",
            args=(
                NAME,
                ArgSpec("settings", ArgType.MAP, "How its jobs are done.", required=False, shape=QUEUE_SETTINGS),
            ),
            return_type=ArgType.BOOL,
            return_help="true; false if there was a queue of that name just like it already.",
            example='call tool.WorkQueue.Create("reviews", {"worker": "helper", "max": 8})',
            error_conditions="4 for a setting that does not fit; 42 if there is a queue of that name with other "
            "settings; 37 beyond 100 queues.",
            capabilities=("jobs",),
            administers=True,
            effect="idempotent",
        ),
        create,
    ),
    (
        ToolSpec(
            name="WorkQueue.Delete",
            description="Removes a queue with its jobs and their results.",
            category="work queues",
            args=(NAME,),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.WorkQueue.Delete("reviews")',
            error_conditions=f"{UNKNOWN}; 19 if it has jobs that have not ended.",
            capabilities=("jobs",),
            administers=True,
            effect="once",
            recovery=Recovery(_is_there, _recover_deletion),
        ),
        delete,
    ),
    (
        ToolSpec(
            name="WorkQueue.Pause",
            description="Has no more jobs of a queue start; those that run go on.",
            category="work queues",
            args=(NAME,),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.WorkQueue.Pause("reviews")',
            error_conditions=f"{UNKNOWN}.",
            capabilities=("jobs",),
            administers=True,
            effect="idempotent",
        ),
        pause,
    ),
    (
        ToolSpec(
            name="WorkQueue.Resume",
            description="Lets the jobs of a paused queue start again.",
            category="work queues",
            args=(NAME,),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.WorkQueue.Resume("reviews")',
            error_conditions=f"{UNKNOWN}.",
            capabilities=("jobs",),
            administers=True,
            effect="idempotent",
        ),
        resume,
    ),
    (
        ToolSpec(
            name="WorkQueue.List",
            description="Lists the queues.",
            category="work queues",
            return_type=ArgType.SLICE_MAP,
            return_help="The queues, by name.",
            result_shape=QUEUE,
            example="for each queue in tool.WorkQueue.List()\n  emit queue.name\nendfor",
            error_conditions="None.",
            capabilities=("jobs",),
            effect="read",
        ),
        list_,
    ),
    (
        ToolSpec(
            name="WorkQueue.Status",
            description="Tells what has become of the jobs of a queue, and what they took together.",
            category="work queues",
            args=(NAME,),
            return_type=ArgType.MAP,
            return_help="The counts of jobs by state, and the sums over those that ended.",
            result_shape=STATUS,
            example='set left = tool.WorkQueue.Status("reviews").pending',
            error_conditions=f"{UNKNOWN}.",
            capabilities=("jobs",),
            effect="read",
        ),
        status,
    ),
]
