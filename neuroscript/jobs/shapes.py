"""The shapes of the maps that the tools for queues and jobs take and give."""

from __future__ import annotations

from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgType

GIVEN_JOB = Shape(
    "job to submit",
    (
        ShapeField("prompt", ArgType.STRING, "What a worker is asked. `{{input}}` in it stands for the input."),
        ShapeField("worker", ArgType.STRING, "The worker that is asked; left out, the queue's default one."),
        ShapeField("input", ArgType.ANY, "What the prompt is about; where the prompt has no `{{input}}`, it follows."),
        ShapeField("config", ArgType.MAP, "Settings of the worker for this job, as `ask … with` takes them."),
        ShapeField("procedure", ArgType.STRING, "A procedure of this program that does the job, instead of a prompt."),
        ShapeField("args", ArgType.ANY, "Its arguments: a list by position, or a map by name."),
        ShapeField("id", ArgType.STRING, "The job's id: a second submit with it is the same job."),
        ShapeField("priority", ArgType.INT, "1, the most urgent, to 5; 3 if left out."),
        ShapeField("delay", ArgType.NUMBER, "The seconds before which it does not start."),
        ShapeField("not_before", ArgType.ANY, "The moment before which it does not start: a timedate, or RFC 3339."),
        ShapeField("deadline", ArgType.ANY, "When it expires: a timedate, RFC 3339, or the seconds from now."),
        ShapeField("max_attempts", ArgType.INT, "How often it is attempted; what the queue says if left out."),
        ShapeField("metadata", ArgType.MAP, "What you want to find it by, or to be kept with it."),
    ),
)

JOB = Shape(
    "job",
    (
        ShapeField("id", ArgType.STRING, "Its id."),
        ShapeField("queue", ArgType.STRING, "The name of its queue."),
        ShapeField("state", ArgType.STRING, "`pending`, `running`, `done`, `failed`, `cancelled` or `expired`."),
        ShapeField("result", ArgType.ANY, "What it gave; nil unless it is done."),
        ShapeField("error", ArgType.ANY, "What it failed with, a map with code, name and message; nil if it did not."),
        ShapeField("worker", ArgType.STRING, "The worker that is asked; empty for the default one, and procedures."),
        ShapeField("prompt", ArgType.STRING, "What it is asked; empty for a procedure."),
        ShapeField("procedure", ArgType.STRING, "The procedure; empty for a prompt."),
        ShapeField("metadata", ArgType.MAP, "What was given with it."),
        ShapeField("feedback", ArgType.ANY, "The rating, comment and by that `Job.Feedback` left; nil without."),
        ShapeField("priority", ArgType.INT, "1, the most urgent, to 5."),
        ShapeField("attempts", ArgType.INT, "How often it was attempted."),
        ShapeField("max_attempts", ArgType.INT, "How often it may be."),
        ShapeField("cost", ArgType.NUMBER, "What its models cost, over all attempts."),
        ShapeField("tokens", ArgType.INT, "Their tokens."),
        ShapeField("seconds", ArgType.NUMBER, "How long it was worked on."),
        ShapeField("waits_for", ArgType.STRING, "What a person has to decide before it goes on; empty if nothing."),
        ShapeField("created", ArgType.TIMEDATE, "When it was submitted."),
        ShapeField("started", ArgType.ANY, "When its first attempt began, a timedate; nil before."),
        ShapeField("ended", ArgType.ANY, "When it ended, a timedate; nil before."),
        ShapeField("deadline", ArgType.ANY, "When it expires, a timedate; nil if never."),
    ),
)

QUEUE_SETTINGS = Shape(
    "settings of a queue",
    (
        ShapeField("worker", ArgType.STRING, "The worker of jobs that name none."),
        ShapeField("min", ArgType.INT, "How many jobs a process that serves it is always ready for; 0 if left out."),
        ShapeField("max", ArgType.INT, "How many it does at once; 4 if left out, 0 leaves them to other processes."),
        ShapeField("max_attempts", ArgType.INT, "How often a job is attempted; 3 if left out."),
        ShapeField("backoff_seconds", ArgType.NUMBER, "The pause before the second attempt, doubled each time; 1."),
        ShapeField("max_backoff_seconds", ArgType.NUMBER, "The longest such pause; 60 if left out."),
        ShapeField("lease_seconds", ArgType.NUMBER, "How long a silent process keeps its jobs; 30 if left out."),
        ShapeField("max_jobs", ArgType.INT, "How many unfinished jobs it may hold; 10,000 if left out."),
        ShapeField("note", ArgType.STRING, "A description for people."),
    ),
)

QUEUE = Shape(
    "queue",
    (
        ShapeField("name", ArgType.STRING, "Its name."),
        ShapeField("worker", ArgType.STRING, "The worker of jobs that name none; empty for the default one."),
        ShapeField("paused", ArgType.BOOL, "Whether no job is started."),
        ShapeField("min", ArgType.INT, "How many jobs a process that serves it is always ready for."),
        ShapeField("max", ArgType.INT, "How many it does at once."),
        ShapeField("max_attempts", ArgType.INT, "How often a job is attempted."),
        ShapeField("max_jobs", ArgType.ANY, "How many unfinished jobs it may hold; nil for any number."),
        ShapeField("note", ArgType.STRING, "A description for people."),
        ShapeField("created", ArgType.TIMEDATE, "When it was made."),
    ),
)

STATUS = Shape(
    "status of a queue",
    (
        ShapeField("name", ArgType.STRING, "Its name."),
        ShapeField("paused", ArgType.BOOL, "Whether no job is started."),
        ShapeField("pending", ArgType.INT, "Jobs that have not started, or are to be attempted again."),
        ShapeField("waiting", ArgType.INT, "Those of them that wait for a person."),
        ShapeField("running", ArgType.INT, "Jobs that are being done."),
        ShapeField("done", ArgType.INT, "Jobs that gave a result."),
        ShapeField("failed", ArgType.INT, "Jobs that failed for good."),
        ShapeField("cancelled", ArgType.INT, "Jobs that were cancelled."),
        ShapeField("expired", ArgType.INT, "Jobs whose deadline passed."),
        ShapeField("oldest_seconds", ArgType.NUMBER, "How long the oldest job that could start has waited."),
        ShapeField("cost", ArgType.NUMBER, "What the ended jobs cost."),
        ShapeField("tokens", ArgType.INT, "Their tokens."),
        ShapeField("seconds", ArgType.NUMBER, "How long they were worked on."),
        ShapeField("mean_seconds", ArgType.NUMBER, "The same for one job on average."),
        ShapeField("mean_rating", ArgType.ANY, "The mean of the ratings; nil without any."),
        ShapeField("attempts", ArgType.INT, "The attempts at all jobs."),
    ),
)

FILTERS = Shape(
    "filters of jobs",
    (
        ShapeField("queue", ArgType.STRING, "Their queue."),
        ShapeField("state", ArgType.ANY, "Their state, or a list of states."),
        ShapeField("worker", ArgType.STRING, "The worker that is asked."),
        ShapeField("procedure", ArgType.STRING, "The procedure that does them."),
        ShapeField("metadata", ArgType.MAP, "Keys and values that their metadata has."),
        ShapeField("min_rating", ArgType.NUMBER, "Their rating is at least this."),
        ShapeField("max_rating", ArgType.NUMBER, "Their rating is at most this."),
        ShapeField("mine", ArgType.BOOL, "Only those of this run."),
        ShapeField("limit", ArgType.INT, "How many at most, the latest submitted; 100 if left out."),
    ),
)
