"""`ai_wm` as a plugin of the interpreter: its tools, its service and what answers ``ask``.

Found through the entry-point group ``neuroscript.plugins``.  Registering imports nothing heavy and opens nothing: the
tools' modules, the manager and the providers are imported when they are first needed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ai_wm.data.own_files import own_files
from ai_wm.tools import GROUPS
from ai_wm.tools.access import SERVICE, calling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ai_wm.manager import AIWorkerManager
    from ai_wm.tools.ask import Asker
    from neuroscript import Interpreter, ToolContext

CLOSED = "interpreter closed"
"""Why the instances are retired that a closing interpreter leaves."""


def register(interpreter: Interpreter) -> None:
    """The plugin's entry point: `register_ai_worker_tools` with a manager of the interpreter's own."""
    if SERVICE not in interpreter.services:
        register_ai_worker_tools(interpreter)


def register_ai_worker_tools(
    interpreter: Interpreter, manager: AIWorkerManager | None = None, *, default_worker: str | None = None
) -> None:
    """Gives an interpreter the tools of section 10, the service ``ai_wm``, and ``ask``.

    Args:
        interpreter: the interpreter.  When it is closed, the instances that it spawned and did not retire are retired.
        manager: the manager to use, which stays open when the interpreter is closed.  None: one of its own, made when
            it is first needed, with its files in the interpreter's sandbox; without a sandbox it keeps everything in
            memory.
        default_worker: the id or name of the definition that an ``ask`` goes to which names none.
    """
    # First, since it loads the installed plugins: what is registered here comes after them and holds.
    services = interpreter.services
    connection = _Connection(interpreter, manager, default_worker)
    interpreter.tools.add_groups(GROUPS)
    interpreter.set_asker(connection.ask)
    interpreter.on_close(connection.close)
    for directory in (interpreter.sandbox, manager.sandbox_dir if manager is not None else None):
        if directory is not None:
            interpreter.protect(own_files(directory))
    if manager is not None:
        services[SERVICE] = connection.use(manager)
    else:
        services.provide(SERVICE, connection.make)


class _Connection:
    """One interpreter and its manager."""

    def __init__(self, interpreter: Interpreter, manager: AIWorkerManager | None, default_worker: str | None) -> None:
        self._interpreter = interpreter
        self._default_worker = default_worker
        self._own = manager is None
        self._manager: AIWorkerManager | None = None
        self._asker: Asker | None = None
        self._spawned: dict[str, None] = {}
        self._thread = threading.get_ident()
        self._unsubscribe: Callable[[], None] | None = None

    def make(self) -> AIWorkerManager:
        """The interpreter's own manager."""
        from ai_wm.calls.tool_host import ToolHost
        from ai_wm.manager import AIWorkerManager

        interpreter = self._interpreter
        tools = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
        return self.use(AIWorkerManager(interpreter.sandbox, tools=tools))

    def use(self, manager: AIWorkerManager) -> AIWorkerManager:
        """Listens to the manager, whose events the interpreter's handlers get."""
        self._manager = manager
        self._unsubscribe = manager.on_event(self._tell)
        return manager

    def ask(
        self, ctx: ToolContext, who: Any, prompt: str, config: dict[str, Any] | None, whispered: Sequence[Any]
    ) -> str:
        """What answers ``ask``."""
        if self._asker is None:
            from ai_wm.tools.ask import Asker

            self._asker = Asker(self._default_worker)
        with calling(ctx):
            return self._asker(ctx, who, prompt, config, whispered)

    def close(self) -> None:
        """Retires what the interpreter left, and closes what was made for it."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        try:
            if self._manager is not None:
                if self._own:
                    self._manager.close(CLOSED)
                else:
                    self._manager.retire_worker_instances(list(self._spawned), CLOSED)
        finally:
            if self._asker is not None:
                self._asker.close()

    def _tell(self, name: str, payload: dict[str, Any]) -> None:
        """Fires an event of the manager in the interpreter, if the interpreter caused it.

        Events that a host causes in the thread that the interpreter was set up in are fired too.  Those of other
        threads and interpreters are not: this interpreter may be running just now, and they would have to wait for it.
        """
        caller = calling.interpreter()
        if caller is self._interpreter:
            self._follow(name, payload)
            self._interpreter.host_context().emit_event(name, payload, SERVICE)
        elif caller is None and threading.get_ident() == self._thread:
            self._interpreter.emit_event(name, payload, SERVICE)

    def _follow(self, name: str, payload: dict[str, Any]) -> None:
        if name == "ai_wm.instance.spawned":
            self._spawned[payload["instance_id"]] = None
        elif name == "ai_wm.instance.retired":
            self._spawned.pop(payload["instance_id"], None)
