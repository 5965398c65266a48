"""Gives interpreters queues: what their tools use, and the threads of this process that do the jobs."""

from __future__ import annotations

import os
import threading
import uuid
from functools import partial

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.jobs.access import END, JobAccess
from neuroscript.jobs.bodies import JobBody
from neuroscript.jobs.contents import FileContents, contents_directory
from neuroscript.jobs.decisions import Decisions
from neuroscript.jobs.engine import JobEngine
from neuroscript.jobs.grants import WORKERS, Grant
from neuroscript.jobs.reaching import SERVICE
from neuroscript.journal.store import JournalStore
from neuroscript.logs import get_logger
from neuroscript.output import one_line
from neuroscript.runtime.context import SHARED_BUDGET
from neuroscript.values import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from neuroscript.jobs.contents import Contents
    from neuroscript.jobs.engine import Attempt, Job, Outcome, Queue, Serving
    from neuroscript.jobs.grants import WorkerRights
    from neuroscript.jobs.payload import Order

MOST: Final = 16
"""How many jobs a process does at once unless its host says otherwise."""

_LOOK_SECONDS: Final = 2.0
"""The seconds between two looks for decisions about jobs that wait for a person."""

_LOG = get_logger("neuroscript.jobs")


def register_job_tools(
    interpreter: Interpreter,
    engine: JobEngine,
    journal: JournalStore,
    *,
    make: Callable[[Grant], Interpreter] | None = None,
    owner: str | None = None,
    contents: Contents | None = None,
    most: int = MOST,
) -> JobHost:
    """Gives the programs of an interpreter queues, and has this process do the jobs that they submit.

    A job is a journaled run in an interpreter of its own, under what both its submitter and this interpreter may do.

    Args:
        interpreter: the interpreter.  When it is closed, its process does no more jobs; what was not done stays.
        engine: keeps queues and jobs; it stays open.
        journal: keeps the jobs' runs; it stays open.
        make: makes the interpreter of a job: gets a `Grant`, and has to pass on its ``policy``, ``limits`` and
            ``sandbox``; the job asks the workers of this interpreter.  None: interpreters like this one, with the tools
            that were registered with it.
        owner: whose queues they are, a name that the host chooses; None: the owner of what scripts do with workers,
            by default the directory of the sandbox, else the file of the program, else this interpreter alone.
        contents: keeps programs, and what is too large for payloads and results; None: a directory beside the engine's
            files, or those of the journal.
        most: how many jobs are done at once in this process, over all queues; each queue has one place in any case, so
            that no job waits for ever for one that it submitted.

    Returns:
        what does the jobs, for a host that serves other queues too.

    Raises:
        NeuroScriptError: 4 for something else than an engine or a journal.
    """
    for name, given, kind in (("engine", engine, JobEngine), ("journal", journal, JournalStore)):
        if not isinstance(given, kind):
            message = f"register_job_tools: {name} is a {type(given).__name__}; expected a {kind.__name__}"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
    host = JobHost(engine, journal, interpreter, make=make, contents=contents, most=most)
    access = host.access(owner)
    interpreter.services[SERVICE] = lambda: access
    interpreter.on_pieces(END, apply=access.acknowledge)
    return host


class JobHost:
    """Does jobs in the threads of this process.

    Args:
        engine: keeps queues and jobs.
        journal: keeps the jobs' runs.
        template: the interpreter whose programs may do at most what jobs may do here.
        make: as `register_job_tools` takes it.
        contents: likewise.
        most: likewise.
    """

    def __init__(
        self,
        engine: JobEngine,
        journal: JournalStore,
        template: Interpreter,
        *,
        make: Callable[[Grant], Interpreter] | None = None,
        contents: Contents | None = None,
        most: int = MOST,
    ) -> None:
        self.engine = engine
        self.journal = journal
        own_paths = [*engine.private_paths(), *journal.private_paths()]
        self.contents = contents if contents is not None else FileContents(contents_directory(own_paths))
        self._template = template
        made = make if make is not None else partial(like, template)
        self._body = JobBody(journal, self.contents, template, made, self._equip)
        self._lock = threading.Lock()
        self._most = most
        self._servings: dict[tuple[str | None, str], Serving] = {}
        self._taken: dict[tuple[str | None, str], int] = {}  # of the queues that share them, how many places each has
        self._decisions = Decisions(engine, journal)
        self._ended = threading.Event()
        self._watch: threading.Thread | None = None
        for path in own_paths:
            template.protect(path)
        template.on_close(self.close)

    def access(self, owner: str | None = None) -> JobAccess:
        """The queues as the template's scripts reach them."""
        whose = partial(owner_of, self._template) if owner is None else lambda: owner
        access = JobAccess(self.engine, self.contents, self, whose, self.journal)
        self._template.on_close(access.close)
        return access

    # --- serving --------------------------------------------------------------------------------------------------

    def serve(self, queue: Queue) -> None:
        """Does the jobs of a queue in this process, unless its ``most`` leaves them to others."""
        if queue.most > 0:
            self.serve_named(queue.name, queue.owner, most=queue.most, bounded=True)

    def serve_named(
        self,
        name: str,
        owner: str | None = None,
        *,
        least: int | None = None,
        most: int | None = None,
        around: Callable[[Callable[[Attempt], Outcome]], Callable[[Attempt], Outcome]] | None = None,
        bounded: bool = False,
    ) -> None:
        """Does the jobs of the queues of a name until this is closed.

        Args:
            name: the name.
            owner: whose queue; None: those of all owners.
            least: how many threads are kept; by default what the queue says.
            most: how many jobs are done at once; by default what the queue says.
            around: wraps what does an attempt, for a host that looks on.
            bounded: whether no more jobs are done at once than this process has places for, but one in any case.
        """
        with self._lock:
            if self._ended.is_set() or (owner, name) in self._servings:
                return
            if bounded and most is not None:
                most = max(min(most, self._most - sum(self._taken.values())), 1)
                self._taken[owner, name] = most
            body = self._body if around is None else around(self._body)
            self._servings[owner, name] = self.engine.serve(name, body, owner=owner, least=least, most=most)
            if self._watch is None:
                self._watch = threading.Thread(target=self._look, name="neuroscript-decisions", daemon=True)
                self._watch.start()

    def stop(self, queue: Queue) -> None:
        """Does no more jobs of a queue."""
        with self._lock:
            serving = self._servings.pop((queue.owner, queue.name), None)
            self._taken.pop((queue.owner, queue.name), None)
        if serving is not None:
            serving.stop()

    @property
    def busy(self) -> int:
        """How many jobs run now."""
        with self._lock:
            return sum(serving.busy for serving in self._servings.values())

    def close(self, grace: float = 0.0) -> None:
        """Starts no more jobs, waits for those that run, and cuts off what still runs after ``grace`` seconds."""
        self._ended.set()
        with self._lock:
            servings = list(self._servings.values())
            self._servings.clear()
            watch, self._watch = self._watch, None
        stopping = [threading.Thread(target=serving.stop, args=(grace,), daemon=True) for serving in servings]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        if watch is not None and watch is not threading.current_thread():
            watch.join()

    def _look(self) -> None:
        """Wakes jobs about which people have decided, now and then, until this is closed."""
        while not self._ended.wait(_LOOK_SECONDS):
            with self._lock:
                served = list(self._servings)
            for owner, name in served:
                try:
                    queues = self.engine.queues(owner)
                    for queue in queues:
                        if queue.name == name:
                            self._decisions.look(queue.owner, name)
                except NeuroScriptError as error:
                    _LOG.warning("decisions about the jobs of the queue %s cannot be looked for: %s", name, error)

    def _equip(self, interpreter: Interpreter, job: Job, order: Order, grant: Grant) -> None:
        """Gives the interpreter of a job the tools for jobs of its own, and the workers of this process."""
        rights: WorkerRights | None = self._template.services.get(WORKERS)
        if rights is not None and grant.workers is not None:
            rights.equip(interpreter, grant.workers)
        if order.budget is not None:
            interpreter.services[SHARED_BUDGET] = order.budget
        access = JobAccess(self.engine, self.contents, self, lambda: job.owner, self.journal, order.queues)
        interpreter.services[SERVICE] = lambda: access
        interpreter.on_pieces(END, apply=access.acknowledge)
        interpreter.on_close(access.close)
        for path in self._template.protected:  # the files of queues and the journal, and what the host keeps to itself
            interpreter.protect(path)


def like(template: Interpreter, grant: Grant) -> Interpreter:
    """An interpreter for a job as a host has it that gave no function to make one: like its own, under a grant."""
    made = Interpreter(
        grant.sandbox,
        grant.limits,
        lambda value: _LOG.info("a job emitted %s", one_line(text_of(value))),
        dict(template.runtime.globals),
        grant.plugins,
        policy=grant.policy,
        environment={name: template.environment[name] for name in grant.environment},
        log=template.log,
        approver=template.approver,
    )
    asker = template.asker()
    if asker is not None and WORKERS not in template.services:  # else a job gets the workers of the process
        made.set_asker(asker)
    for tool in template.tools.own_tools():
        if made.tools.get(tool.spec.name) is None:
            made.tools.register(tool.spec, tool.function)
    return made


def owner_of(interpreter: Interpreter) -> str:
    """Whose the queues of an interpreter's scripts are: whose what they do with workers is, else by the same rule."""
    rights: WorkerRights | None = interpreter.services.get(WORKERS)
    if rights is not None:
        return str(rights.policy()["owner"])
    paths = [program.name for program in interpreter.programs if os.path.isfile(program.name)]
    path = interpreter.sandbox if interpreter.sandbox is not None else next(iter(paths), None)
    if path is None:
        return f"interpreter-{uuid.uuid4()}"
    return os.path.realpath(path).encode("utf-8", "backslashreplace").decode()
