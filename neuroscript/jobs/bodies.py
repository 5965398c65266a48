"""Does one attempt at a job: a journaled run in an interpreter of its own, under what its submitter may do."""

from __future__ import annotations

import os
import time

from neuroscript.errors import ErrorCode, NeuroScriptError, StateError
from neuroscript.jobs.engine import CANCELLED, DONE, FAILED, PENDING, Outcome
from neuroscript.jobs.failures import failure_map, may_pass
from neuroscript.jobs.grants import WORKERS, Grant, lies_within
from neuroscript.jobs.payload import read_payload, stored
from neuroscript.jobs.programs import load_program, prompt_of
from neuroscript.jobs.views import run_id_of
from neuroscript.journal import RunTerms
from neuroscript.journal.entries import REFUSED, SUSPENDED
from neuroscript.journal.ledger import Ledger
from neuroscript.logs import get_logger
from neuroscript.values import from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.interpreter import Interpreter
    from neuroscript.jobs.contents import Contents
    from neuroscript.jobs.engine import Attempt, Job
    from neuroscript.jobs.payload import Order
    from neuroscript.journal.store import JournalStore

_LOG = get_logger("neuroscript.jobs")
_PAUSE = 0.5  # seconds between two looks whether a run has been let go of


class JobBody:
    """Does attempts at jobs.

    Args:
        journal: keeps the jobs' runs.
        contents: keeps what is too large for payloads and results.
        template: whose programs may do at most what jobs may do here.
        make: makes the interpreter of one job, under what it may do.
        equip: gives it workers, and the tools for jobs of its own: takes it, the job, what its payload says, and what
            it may do.
    """

    def __init__(
        self,
        journal: JournalStore,
        contents: Contents,
        template: Interpreter,
        make: Callable[[Grant], Interpreter],
        equip: Callable[[Interpreter, Job, Order, Grant], object],
    ) -> None:
        self._journal = journal
        self._contents = contents
        self._template = template
        self._make = make
        self._equip = equip

    def __call__(self, attempt: Attempt) -> Outcome:
        """Does an attempt."""
        job, began = attempt.job, time.monotonic()
        run_id = run_id_of(job)
        try:
            result = from_host(self._when_let_go(attempt, run_id))
            held = stored(result, "the result", self._contents)
        except NeuroScriptError as error:
            return self._failed(attempt, run_id, error, began)
        return Outcome(state=DONE, result=held, measures=self._measures(job, run_id, began))

    def _when_let_go(self, attempt: Attempt, run_id: str) -> Any:
        """Runs a job, once nobody else has its run: a process that was frozen lost the job, and may still hold that.

        When it goes on it is told that the job is not its own any more.

        Raises:
            NeuroScriptError: 44 if this attempt is to end first; what the run raises.
        """
        while True:
            try:
                return self._run(attempt, run_id)
            except StateError:
                if not self._journal.is_going_on(run_id):
                    raise
            if attempt.cancel.wait(_PAUSE):
                attempt.cancel.check()

    def _run(self, attempt: Attempt, run_id: str) -> Any:
        job = attempt.job
        order = read_payload(job, self._contents)
        rights = self._template.services.get(WORKERS)
        grant = order.grant.narrowed(Grant.of(self._template, self._journal.terms), rights)
        interpreter = self._make(grant)
        try:
            hold(interpreter, grant)
            self._equip(interpreter, job, order, grant)
            load_program(interpreter, self._contents, order.program)
            terms = RunTerms(ask_before=grant.ask_before, approval_seconds=grant.approval_seconds)
            self._journal.terms_of_runs[run_id] = terms
            given: dict[str, Any] = {"cancel": attempt.cancel, "run_id": run_id, "journal": self._journal}
            if not order.program:
                work = order.work
                return interpreter.run("main", work.get("worker"), prompt_of(work), work.get("config") or {}, **given)
            procedure, args = order.work["procedure"], order.work["args"]
            if isinstance(args, list):
                return interpreter.run(procedure, *args, **given)
            signature = interpreter.runtime.procedures[procedure].signature
            return interpreter.run(procedure, *positional(signature.params, args), **given)
        finally:
            self._journal.terms_of_runs.pop(run_id, None)
            interpreter.close()

    def _failed(self, attempt: Attempt, run_id: str, error: NeuroScriptError, began: float) -> Outcome:
        job = attempt.job
        measures = self._measures(job, run_id, began)
        info = self._journal.find(run_id)
        if info is not None and info.state == SUSPENDED and error.details.get("suspended"):
            return Outcome(state=PENDING, waits_for=self._waits_for(run_id, error), measures=measures)
        if error.code == ErrorCode.CANCELLED:
            if attempt.is_cancelled or (info is not None and info.state == REFUSED):
                return Outcome(state=CANCELLED, error=failure_map(error), measures=measures)
            if attempt.cancel.cancelled:
                return Outcome(state=PENDING, measures=measures)
        _LOG.info("the job %s of the queue %s failed: %s", job.id, job.queue, error)
        return Outcome(state=FAILED, error=failure_map(error), retry=may_pass(error), measures=measures)

    def _waits_for(self, run_id: str, error: NeuroScriptError) -> str:
        """What a person is asked, and how they answer."""
        path = str(error.details.get("path", ""))
        if error.details.get("open"):
            return f"whether call {path} was done: neuroscript runs resolve {run_id} {path}"
        asked = next((each.what for each in self._journal.approvals(run_id) if each.path == path), "")
        return f"{asked or 'an approval'}: neuroscript runs approve {run_id} {path}"

    def _measures(self, job: Job, run_id: str, began: float) -> dict[str, Any]:
        """What the job has used over all its attempts."""
        spent = Ledger(self._journal.entries(run_id))
        seconds = float(job.measures.get("seconds") or 0.0) + time.monotonic() - began
        return {"cost": spent.total("cost"), "tokens": int(spent.total("tokens")), "seconds": round(seconds, 6)}


def hold(interpreter: Interpreter, grant: Grant) -> None:
    """Holds an interpreter that a host made for a job to what the job may do.

    Raises:
        NeuroScriptError: 18 if the host made it with larger limits or another directory, which cannot be taken back.
    """
    interpreter.policy = interpreter.policy.narrowed(grant.policy)
    allowed = {name: value for name, value in interpreter.environment.items() if name in grant.environment}
    interpreter.environment = allowed
    within = interpreter.limits.narrowed(grant.limits) == interpreter.limits
    sandbox = None if interpreter.sandbox is None else os.path.realpath(interpreter.sandbox)
    inside = sandbox is None or lies_within(sandbox, grant.sandbox)
    if within and inside:
        return
    interpreter.close()
    what = "limits" if not within else "a sandbox"
    message = f"make(grant) gave a job's interpreter {what} beyond its grant; pass grant.limits and grant.sandbox on"
    raise NeuroScriptError(ErrorCode.CONFIGURATION, message)


def positional(params: tuple[str, ...], named: dict[str, Any]) -> list[Any]:
    """Named arguments in the order of the parameters, so that no name is taken for one of `Interpreter.run`'s own."""
    last = max((place for place, name in enumerate(params) if name in named), default=-1)
    return [named.get(name) for name in params[: last + 1]]
