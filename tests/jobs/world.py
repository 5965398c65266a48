"""A directory with queues and a journal, and hosts whose programs use them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuroscript import Interpreter, Journal
from neuroscript.jobs import EmbeddedEngine, JobHost, register_job_tools


class World:
    """Queues, a journal, and what the tools of hosts have done.

    Attributes:
        acts: what ``tool.w.Act`` was given, in order.
        gate: what ``tool.w.Pass`` waits for.
        jobs: of each host, what does its jobs.
        within: called with what ``tool.w.Act`` is given; it may raise.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.engine = EmbeddedEngine.open(directory)
        self.journal = Journal.open(directory)
        self.acts: list[Any] = []
        self.gate = threading.Event()
        self.within: Callable[[Any], None] = lambda value: None
        self.jobs: dict[Interpreter, JobHost] = {}

    def host(self, program: str, *, owner: str | None = "me", own: Any = None, **options: Any) -> Interpreter:
        """An interpreter with queues; its process does the jobs of queues that want that.

        Args:
            program: what it loads.
            owner: whose queues they are.
            own: further arguments of `register_job_tools`.
            options: arguments of `Interpreter`.
        """
        interpreter = Interpreter(**{"plugins": False, **options})
        self.add_tools(interpreter)
        self.jobs[interpreter] = register_job_tools(interpreter, self.engine, self.journal, owner=owner, **(own or {}))
        if program:
            interpreter.load(program, "p.ns")
        return interpreter

    def add_tools(self, interpreter: Interpreter) -> None:
        """Gives an interpreter ``tool.w.Act``, which leaves a trace, and ``tool.w.Pass``, which waits for the gate."""

        @interpreter.tool("w.Act")
        def act(value: Any) -> Any:
            self.acts.append(value)
            self.within(value)
            return value

        @interpreter.tool("w.Pass", effect="read")
        def wait(ctx: Any) -> bool:
            while not self.gate.wait(0.02):
                ctx.check()
            return True

    def close(self) -> None:
        """Ends the hosts, and closes everything."""
        self.gate.set()
        for interpreter in reversed(list(self.jobs)):
            interpreter.close()
        self.engine.close()
        self.journal.close()
