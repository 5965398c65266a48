"""The protocol of a job engine: what keeps the jobs of queues, and has them done."""

from __future__ import annotations

from abc import ABC, abstractmethod

from neuroscript.records import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Final, Self

    from neuroscript.cancellation import CancelToken

# States of a job.
PENDING: Final = "pending"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"  # its attempts are used up, or its error is none that another attempt could mend
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"  # its deadline passed before it was done
STATES: Final = (PENDING, RUNNING, DONE, FAILED, CANCELLED, EXPIRED)
ENDS: Final = (DONE, FAILED, CANCELLED, EXPIRED)

MOST_BYTES: Final = 256 * 1024
"""The most bytes of a payload or a result; what is larger lies in a store, and is referred to."""

MIDDLE: Final = 3
"""The priority of jobs that have none: 1 is the most urgent, 5 the least."""


@record(frozen=True, kw_only=True)
class Queue:
    """A named queue of jobs.

    Args:
        name: its name, unique to its owner.
        owner: whose scripts may use it.
        worker: the worker of jobs that name none; empty: the default one.
        least: how many slots a process that serves it keeps.
        most: how many jobs such a process does at once; 0: none.
        attempts: how often a job is attempted, unless it says otherwise.
        lease: the seconds after which a process that has not been heard of loses its jobs.
        backoff: the seconds before the second attempt, doubled before each further one.
        backoff_most: the most seconds between two attempts.
        max_jobs: how many unfinished jobs it may hold; None: any number.
        paused: whether no job is started.
        note: a description, for people.
        created: when it was made, in seconds since 1970.
    """

    name: str
    owner: str = ""
    worker: str = ""
    least: int = 0
    most: int = 4
    attempts: int = 3
    lease: float = 30.0
    backoff: float = 1.0
    backoff_most: float = 60.0
    max_jobs: int | None = None
    paused: bool = False
    note: str = ""
    created: float = 0.0


@record(frozen=True, kw_only=True)
class Job:
    """One job, as the engine knows it at a moment.

    Args:
        id: its id, unique to its owner for ever.
        queue: the name of its queue.
        owner: whose it is.
        submitter: the journaled run that submitted it, or an empty text.
        payload: what is to be done: JSON values.
        state: one of `STATES`.
        priority: 1, the most urgent, to 5.
        not_before: when it may start at the earliest, in seconds since 1970; 0: at once.
        deadline: when it must be done, likewise; 0: at any time.
        attempt: the number of the attempt that is going on, or was the last one: its fencing number; 0: none yet.
        attempts: how many there may be; 0 in a job that is submitted: as many as its queue says.
        used: how many attempts count towards that: those that were cut off because their process stopped serving, and
            those that ended waiting for a person, do not.
        created: when it was submitted.
        started: when its first attempt began; 0: not yet.
        ended: when it ended; 0: not yet.
        result: what it gave, JSON values.
        error: what it failed with: a map with ``code``, ``message`` and more, as `error_map` makes it; or None.
        waits_for: why it is pending though it might start: what a person is asked; or an empty text.
        measures: what it used: ``cost``, ``tokens``, ``seconds`` and the like.
        feedback: what somebody said of its result: ``rating``, ``comment``, ``by``; or None.
        acknowledged: whether somebody has taken note of its end.
    """

    id: str
    queue: str
    owner: str = ""
    submitter: str = ""
    payload: Any = None
    state: str = PENDING
    priority: int = MIDDLE
    not_before: float = 0.0
    deadline: float = 0.0
    attempt: int = 0
    attempts: int = 0
    used: int = 0
    created: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    result: Any = None
    error: Mapping[str, Any] | None = None
    waits_for: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict)
    feedback: Mapping[str, Any] | None = None
    acknowledged: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDS


@record(frozen=True, kw_only=True)
class Outcome:
    """How an attempt at a job ended.

    Args:
        state: `DONE`; `FAILED`; `CANCELLED`, if it ended since somebody cancelled the job; or `PENDING`, if it is to
            be started again: the process stops serving, or it waits for a person.
        result: what it gave, JSON values.
        error: what it failed with.
        retry: whether another attempt may mend a failure.
        waits_for: what a person is asked, so that it is not started before `JobEngine.wake`.
        measures: what the job has used, over all its attempts.
    """

    state: str
    result: Any = None
    error: Mapping[str, Any] | None = None
    retry: bool = False
    waits_for: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict)


class Attempt(ABC):
    """One attempt at a job, which its body gets."""

    job: Job
    cancel: CancelToken
    """Cancelled when the attempt is to end: the job was cancelled, its deadline passed, its lease was lost, or the
    process stops serving and the time for that is over."""

    @property
    @abstractmethod
    def is_cancelled(self) -> bool:
        """Whether somebody cancelled the job, rather than the process being stopped."""

    @property
    @abstractmethod
    def is_current(self) -> bool:
        """Whether the job is still this attempt's: asks the store, not memory."""


class Serving(ABC):
    """A queue that is being served by this process."""

    @abstractmethod
    def stop(self, grace: float = 0.0) -> None:
        """Starts no more jobs, waits for those that run, cancels what still runs after ``grace`` seconds; returns when
        none is left.  Attempts that were cut off count as none."""

    @property
    @abstractmethod
    def busy(self) -> int:
        """How many jobs run now."""


class JobEngine(ABC):
    """Keeps the jobs of queues and hands them to whoever serves the queues.

    It promises little, and that exactly: a job is done at least once; the number of an attempt is a fencing number;
    priority is approximate, and within one there is no order; counts are approximate.  Ids are idempotent for ever,
    and the end of a job stays until somebody has acknowledged it.  A queue belongs to an owner, and no owner sees
    another's.  All methods may be called from any thread.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # --- queues ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def create(self, queue: Queue) -> bool:
        """Makes a queue; false if there is one just like it.

        Raises:
            NeuroScriptError: 42 if there is one of that name with other settings; 4 for values out of range.
        """

    @abstractmethod
    def delete(self, owner: str, name: str) -> None:
        """Removes a queue, its jobs and their ends.

        Raises:
            NeuroScriptError: 9 if there is none; 19 if it has unfinished jobs.
        """

    @abstractmethod
    def queue(self, owner: str, name: str) -> Queue:
        """One queue.

        Raises:
            NeuroScriptError: 9 if there is none of that name, naming the nearest.
        """

    @abstractmethod
    def queues(self, owner: str | None = None) -> list[Queue]:
        """The queues of an owner, by name; with None those of all."""

    @abstractmethod
    def pause(self, owner: str, name: str) -> None:
        """Has no job of the queue start: none does after this returned.  What runs goes on.

        It waits until each process that serves the queue has said so; for one that is frozen as long as its lease.
        """

    @abstractmethod
    def resume(self, owner: str, name: str) -> None:
        """Lets the jobs of a paused queue start again."""

    @abstractmethod
    def stats(self, owner: str, name: str) -> dict[str, Any]:
        """Numbers of a queue, from sums that are kept rather than counted.

        Returns:
            the number of jobs in each of `STATES`, by its name; ``waiting``: how many of the pending ones wait for a
            person; ``oldest_seconds``: the age of the oldest job that could start, 0 if there is none; ``measures``:
            the sums of the measures of ended jobs; ``mean_seconds``: of a job; ``rated``: how many were rated, and
            ``mean_rating``, None if none was; ``attempts``: those made.
        """

    # --- jobs -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def submit(
        self,
        id: str,
        queue: str,
        payload: Any,
        *,
        owner: str = "",
        submitter: str = "",
        priority: int = MIDDLE,
        not_before: float = 0.0,
        deadline: float = 0.0,
        attempts: int | None = None,
    ) -> bool:
        """Puts a job into a queue, durably; false if there is one of that id with the same payload.

        Raises:
            NeuroScriptError: 42 if there is one of that id with another payload or queue; 9 if there is no such queue;
                4 for values out of range, and a payload above `MOST_BYTES`; 37 if the queue holds `Queue.max_jobs`.
        """

    @abstractmethod
    def submit_all(self, jobs: Sequence[Job]) -> list[bool]:
        """Puts many jobs into their queues, all or none, in one step; gives what `submit` would for each.

        Args:
            jobs: what `submit` takes is taken from each; nothing else of it counts.
        """

    @abstractmethod
    def get(self, owner: str, id: str) -> Job:
        """One job.

        Raises:
            NeuroScriptError: 9 if there is none.
        """

    @abstractmethod
    def list(
        self,
        owner: str | None,
        queue: str | None = None,
        *,
        states: Iterable[str] = (),
        submitter: str | None = None,
        limit: int = 100,
        after: str = "",
    ) -> list[Job]:
        """Jobs, the latest submitted first, from the one after the id ``after``."""

    @abstractmethod
    def cancel(self, owner: str, id: str, why: str = "") -> Job:
        """Cancels a job: one that has not started never does, one that runs is told; one that has ended stays so."""

    @abstractmethod
    def retry(self, owner: str, id: str, attempts: int | None = None) -> Job:
        """Gives a job that failed, expired or was cancelled further attempts.

        Raises:
            NeuroScriptError: 19 if it has not ended, or is done.
        """

    @abstractmethod
    def wake(self, owner: str, id: str) -> None:
        """Lets a job start that waits for a person, or between two attempts."""

    @abstractmethod
    def rate(self, owner: str, id: str, feedback: Mapping[str, Any]) -> None:
        """Keeps what somebody says of the result of a job that has ended."""

    # --- their ends -----------------------------------------------------------------------------------------------

    @abstractmethod
    def wait(self, owner: str, id: str, timeout: float, check: Callable[[], object] | None = None) -> Job:
        """Waits until a job has ended; after ``timeout`` seconds it is given as it is.  ``check`` is called while it
        waits, at least ten times a second, and may raise."""

    @abstractmethod
    def wait_next(
        self,
        owner: str,
        queue: str,
        timeout: float,
        *,
        submitter: str | None = None,
        check: Callable[[], object] | None = None,
    ) -> Job | None:
        """Waits for the end of a job that nobody has acknowledged, the earliest first.

        It is handed to nobody else until this process acknowledges it, gives it back, or ends.

        Args:
            owner: whose jobs.
            queue: their queue.
            timeout: the seconds.
            submitter: the run whose jobs are meant; None: all of the owner.
            check: called while it waits.

        Returns:
            the job; None when the time is over, and at once if there is nothing left to wait for.
        """

    @abstractmethod
    def acknowledge(self, owner: str, ids: Sequence[str]) -> None:
        """Notes that the ends of jobs have been taken note of, durably; again is no error."""

    @abstractmethod
    def give_back(self, owner: str, id: str) -> None:
        """Lets `wait_next` hand out an end again that was not acknowledged."""

    # --- doing them -----------------------------------------------------------------------------------------------

    @abstractmethod
    def serve(
        self,
        queue: str,
        body: Callable[[Attempt], Outcome],
        *,
        owner: str | None = "",
        least: int | None = None,
        most: int | None = None,
    ) -> Serving:
        """Does the jobs of a queue in threads of this process until it is stopped.

        Args:
            queue: its name.
            body: does one attempt; what it raises is a failure that another attempt may mend.
            owner: whose queue; None: those of that name of all owners.
            least: how many threads are kept; by default what the queue says.
            most: how many jobs are done at once; by default what the queue says.
        """

    def private_paths(self) -> Sequence[str]:
        """Paths of files that no script may reach, absolute."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Stops serving and waiting, and closes it; what runs goes on elsewhere or at the next start."""
