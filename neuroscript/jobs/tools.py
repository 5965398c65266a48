"""The tools of the group ``Job``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.jobs.reaching import access_of
from neuroscript.jobs.shapes import FILTERS, GIVEN_JOB, JOB
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext

QUEUE = ArgSpec("queue", ArgType.STRING, "The name of the queue.")
ID = ArgSpec("id", ArgType.STRING, "The job's id.")
TIMEOUT = ArgSpec(
    "timeout_seconds", ArgType.FLOAT, "How long to wait at most; left out, as long as it takes.", required=False
)
UNKNOWN = "9 if there is no such job"
SUBMITTING = (
    "9 if there is no such queue; 4 for a key or a value that does not fit; 2 for a procedure that there is not; 42 "
    "for an id that another job has; 7 for a handle or function in it; 37 if the queue is full"
)


def submit(ctx: ToolContext, queue: str, job: dict[str, Any]) -> str:
    return access_of(ctx).submit(ctx, queue, [job], many=False)[0]


def submit_all(ctx: ToolContext, queue: str, jobs: list[dict[str, Any]]) -> list[str]:
    return access_of(ctx).submit(ctx, queue, jobs, many=True)


def get(ctx: ToolContext, id: str) -> dict[str, Any]:
    return access_of(ctx).get(id)


def list_(ctx: ToolContext, filters: dict[str, Any] | None) -> list[dict[str, Any]]:
    return access_of(ctx).list(ctx, filters or {})


def cancel(ctx: ToolContext, id: str, why: str) -> dict[str, Any]:
    return access_of(ctx).cancel(id, why)


def wait(ctx: ToolContext, id: str, timeout_seconds: float | None) -> dict[str, Any]:
    return access_of(ctx).wait(ctx, id, timeout_seconds)


def wait_next(ctx: ToolContext, queue: str, timeout_seconds: float | None) -> dict[str, Any] | None:
    return access_of(ctx).wait_next(ctx, queue, timeout_seconds)


def result(ctx: ToolContext, id: str) -> Any:
    return access_of(ctx).result(id)


def feedback(ctx: ToolContext, id: str, rating: float, comment: str) -> None:
    access_of(ctx).rate(id, rating, comment)


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="Job.Submit",
            description="Puts a job into a queue: a prompt for a worker, or a procedure of this program. It is done "
            "later, by this process or another one, under what this program may do.",
            category="jobs",
            args=(QUEUE, ArgSpec("job", ArgType.MAP, "What is to be done.", shape=GIVEN_JOB)),
            return_type=ArgType.STRING,
            return_help="The job's id.",
            example='set id = tool.Job.Submit("reviews", {"prompt": "Review this text.", "input": "…"})',
            error_conditions=f"{SUBMITTING}.",
            capabilities=("jobs",),
            administers=True,
            effect="idempotent",
            primer="tool.Job.Submit(queue,{prompt,worker?,input?}|{procedure,args})→id; "
            "tool.Job.WaitNext(queue,60)→{id,state,result,error,…}|nil",
        ),
        submit,
    ),
    (
        ToolSpec(
            name="Job.SubmitAll",
            description="Puts many jobs into a queue, all or none.",
            category="jobs",
            args=(QUEUE, ArgSpec("jobs", ArgType.SLICE_MAP, "The jobs.", shape=GIVEN_JOB)),
            return_type=ArgType.SLICE_STRING,
            return_help="Their ids, in their order.",
            example='set ids = tool.Job.SubmitAll("reviews", [{"prompt": "Review a."}, {"prompt": "Review b."}])',
            error_conditions=f"{SUBMITTING}; the message names the job.",
            capabilities=("jobs",),
            administers=True,
            effect="idempotent",
        ),
        submit_all,
    ),
    (
        ToolSpec(
            name="Job.Get",
            description="Tells of a job, in whatever state it is.",
            category="jobs",
            args=(ID,),
            return_type=ArgType.MAP,
            return_help="The job.",
            result_shape=JOB,
            example='set state = tool.Job.Get("review-7").state',
            error_conditions=f"{UNKNOWN}.",
            capabilities=("jobs",),
            effect="read",
        ),
        get,
    ),
    (
        ToolSpec(
            name="Job.List",
            description="Finds jobs, those that ended long ago too: what was asked, who did it, what it gave and cost.",
            category="jobs",
            args=(
                ArgSpec("filters", ArgType.MAP, "What must hold, and how many at most.", required=False, shape=FILTERS),
            ),
            return_type=ArgType.SLICE_MAP,
            return_help="The jobs, the latest submitted first.",
            result_shape=JOB,
            example='set poor = tool.Job.List({"queue": "reviews", "state": "done", "max_rating": 2})',
            error_conditions="4 for a filter that there is not, or a value that does not fit.",
            capabilities=("jobs",),
            effect="read",
        ),
        list_,
    ),
    (
        ToolSpec(
            name="Job.Cancel",
            description="Cancels a job: one that has not started never does, one that runs is cut off.",
            category="jobs",
            args=(ID, ArgSpec("why", ArgType.STRING, "What is said about it.", required=False, default="")),
            return_type=ArgType.MAP,
            return_help="The job as it is then; one that has ended stays so.",
            result_shape=JOB,
            example='call tool.Job.Cancel("review-7")',
            error_conditions=f"{UNKNOWN}.",
            capabilities=("jobs",),
            administers=True,
            effect="idempotent",
        ),
        cancel,
    ),
    (
        ToolSpec(
            name="Job.Wait",
            description="Waits until a job has ended. A failure is a state of the job, not an error.",
            category="jobs",
            args=(ID, TIMEOUT),
            return_type=ArgType.MAP,
            return_help="The job; when the time is over, as it is.",
            result_shape=JOB,
            example='set job = tool.Job.Wait("review-7", 60)',
            error_conditions=f"{UNKNOWN}; 19 in a job of the same queue, which could wait for ever.",
            capabilities=("jobs",),
            effect="read",
        ),
        wait,
    ),
    (
        ToolSpec(
            name="Job.WaitNext",
            description="Waits for the next end of a job in a queue, and takes note of it, so that each end is given "
            "once. A run with an id waits for the jobs that it submitted, any other for all.",
            category="jobs",
            args=(QUEUE, TIMEOUT),
            return_type=ArgType.ANY,
            return_help="The job; nil when the time is over, and at once if there is nothing left to wait for.",
            result_shape=JOB,
            example='set done = tool.Job.WaitNext("reviews", 60)',
            error_conditions="9 if there is no such queue; 19 in a job of the same queue, which could wait for ever.",
            capabilities=("jobs",),
            administers=True,
            effect="read",
        ),
        wait_next,
    ),
    (
        ToolSpec(
            name="Job.Result",
            description="Gives the result of a job that is done, or fails as the job did.",
            category="jobs",
            args=(ID,),
            return_type=ArgType.ANY,
            return_help="What the reply of its worker says, or what its procedure returned.",
            example='set text = tool.Job.Result("review-7")',
            error_conditions=f"{UNKNOWN}; 19 if it has not ended, or was cancelled; 31 if it expired; else what it "
            "failed with.",
            capabilities=("jobs",),
            effect="read",
        ),
        result,
    ),
    (
        ToolSpec(
            name="Job.Feedback",
            description="Keeps what you say of the result of a job; a second judgement replaces the first.",
            category="jobs",
            args=(
                ID,
                ArgSpec("rating", ArgType.FLOAT, "How good it was, on the scale that you keep to."),
                ArgSpec("comment", ArgType.STRING, "Why.", required=False, default=""),
            ),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.Job.Feedback("review-7", 4.5, "short and right")',
            error_conditions=f"{UNKNOWN}; 19 if it has not ended.",
            capabilities=("jobs",),
            effect="idempotent",
        ),
        feedback,
    ),
]
