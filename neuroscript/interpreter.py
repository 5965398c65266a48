"""The interpreter: loads programs, runs them, and holds everything that belongs to one embedding."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

from neuroscript.cancellation import CancelToken
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.given import (
    check_token,
    directories_of,
    directory_of,
    environment_of,
    globals_of,
    limits_of,
    read_program,
    values_of,
)
from neuroscript.limits import Limits
from neuroscript.loading import Loader
from neuroscript.output import one_line
from neuroscript.runtime.context import ToolContext
from neuroscript.runtime.handles import HandleTable
from neuroscript.runtime.namespace import Runtime
from neuroscript.runtime.services import Services
from neuroscript.stdlib import standard_registry
from neuroscript.tools.policy import Policy
from neuroscript.tools.registry import ToolRegistry
from neuroscript.values import Function, ToolValue, named_from_host, to_host

# Types are imported for type checkers alone, here and in all that a start imports: `typing`, `logging` and `pathlib`
# take longer than the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Any, NoReturn, Self, TypeAlias, TypeVar, overload

    from neuroscript.approval import Approval
    from neuroscript.errors import Diagnostic
    from neuroscript.journal.payloads import LostCall, PieceKind
    from neuroscript.journal.replay import JournaledRun
    from neuroscript.journal.store import JournalStore
    from neuroscript.program_text import ProgramText
    from neuroscript.runtime.programs import LoadedProgram
    from neuroscript.sandbox.sandbox import Sandbox
    from neuroscript.session import Session
    from neuroscript.streaming import StreamEvent
    from neuroscript.tools.registry import Tool
    from neuroscript.tools.shapes import Shape

    F = TypeVar("F", bound=Callable[..., Any])
    Asker = Callable[[ToolContext, Any, str, dict[str, Any] | None, list[Any]], str]
    Source: TypeAlias = str | bytes | os.PathLike[str] | ProgramText
    ErrorCallback = Callable[[NeuroScriptError], object]
    Approver = Callable[[Approval], bool | None]
    StreamCallback = Callable[[StreamEvent], object]
else:
    from neuroscript.tools.registry import overload

_DEFAULT_POLICY = Policy()
_LOGGED_EACH = 100  # failures of a run's event handlers of which each has its line in the log


class Interpreter:
    """Runs NeuroScript programs.

    Interpreters are cheap to make and share nothing that a program could change.  One runs one program at a time;
    other threads that call `run` wait, and `cancel` may be called from any of them.

    Args:
        sandbox: the directory that file tools may touch; without one they are refused.
        limits: what a run may use: a `Limits`, or its fields as a map, ``{"max_steps": 1000}``.
        emit: gets each emitted value; by default its text is printed.
        globals: names that programs can read and not set.
        plugins: whether installed plugins (entry points in the group ``neuroscript.plugins``) are loaded, which
            happens when something is asked for that they may provide.
        tools: a registry of tools; by default a layer on the standard ones.
        policy: which tools a program may call; by default all that need no capability beyond the standard ones.
        prompt: answers ``promptuser`` and ``tool.io.Input``: gets the question, returns the line.
        whisper: gets the name and value of each ``whisper``.
        environment: variables that programs may read: a mapping, or the names of the process's own.
        on_error: gets the errors of event handlers, which stop nobody else.
        on_stream: gets the events of models' replies while they come; without it nothing is streamed.
        log: where the interpreter reports; by default the logger ``neuroscript``.
        cache: whether what the host loads is kept on disk, compiled: in a directory, or with True in the user's
            directory for caches.  Where others may write in it, or scripts could reach it, it is not used.
        services: objects that plugins find in `services`, by name, from the moment that they are loaded.
        approver: asks a person about an `Approval` in the host's own user interface, and gives true or false; or None,
            if the answer comes later, so that a journaled run is suspended until `Journal.approve` or ``refuse``.
        library_roots: directories that programs loaded from files may use files from (``:: uses: ../lib/text.ns``),
            besides their own and the sandbox.

    Raises:
        NeuroScriptError: 22 or 23 if the sandbox, or one of ``library_roots``, is not a directory; 7 or 41 for a global
            that is no value, 41 for one that no program could name.
        TypeError, ValueError: for limits that are none.
    """

    def __init__(
        self,
        sandbox: str | os.PathLike[str] | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
        emit: Callable[[Any], object] | None = None,
        globals: Mapping[str, Any] | None = None,
        plugins: bool = True,
        *,
        tools: ToolRegistry | None = None,
        policy: Policy | None = None,
        prompt: Callable[[str], str] | None = None,
        whisper: Callable[[str, Any], object] | None = None,
        environment: Mapping[str, str] | Iterable[str] = (),
        on_error: ErrorCallback | None = None,
        on_stream: StreamCallback | None = None,
        log: logging.Logger | None = None,
        cache: bool | str | os.PathLike[str] = False,
        services: Mapping[str, Any] | None = None,
        approver: Approver | None = None,
        library_roots: Iterable[str | os.PathLike[str]] = (),
    ) -> None:
        self.sandbox = directory_of(sandbox)
        self.library_roots = directories_of(library_roots) if library_roots else ()
        self.limits = limits_of(limits)
        self.emit_sink = emit
        self.prompt_source = prompt
        self.whisper_sink = whisper
        self.environment = environment_of(environment)
        self.approver = approver
        self.on_error = on_error
        self.on_stream = on_stream
        self._log = log
        self.handles = HandleTable()
        self.piece_kinds: dict[str, PieceKind] = {}
        self.lost_calls: dict[str, LostCall] = {}
        """What becomes of what tools commit with the ends of journaled calls, by kind."""
        self.policy = policy if policy is not None else _DEFAULT_POLICY
        self.tools = tools if tools is not None else ToolRegistry(standard_registry())
        values = globals_of(globals) if globals else {}
        self.context = ToolContext(self)
        self.runtime = Runtime(self, self.limits, values)
        self._services = Services()
        self._services.update(services or {})
        self._protected: list[str] = []
        self._files: Sandbox | None = None
        self._reserved_events: list[str] = []
        self._asker: Asker | None = None
        self.asks_in_parts = False
        """Whether what answers ``ask`` has the journal of a run note each of its requests by itself."""
        self._ask_config: Callable[[], Shape] | None = None
        self._closing: list[Callable[[], object]] = []
        self._closed = False
        self._usable = True
        self.loader = Loader(self.runtime, self.limits)
        if cache:
            self._protected += self.loader.use_disk(cache, self.sandbox)
        self.wants_plugins = self.uses_plugins = plugins
        if plugins:
            self.tools.later(self.load_plugins)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def log(self) -> logging.Logger:
        """Where the interpreter reports."""
        if self._log is None:
            from neuroscript.logs import get_logger

            self._log = get_logger("neuroscript")
        return self._log

    # --- plugins and services ----------------------------------------------------------------------------------------

    def load_plugins(self) -> None:
        """Loads the installed plugins, once.

        Raises:
            NeuroScriptError: 18 for a plugin that cannot be loaded or fails.
        """
        if not self.wants_plugins:
            return
        plugins = _plugins()
        self.wants_plugins = False
        for register in plugins:
            register(self)

    @property
    def services(self) -> Services:
        """Objects that plugins share with their tools, by name (``ai_wm`` is the worker manager)."""
        self.load_plugins()
        return self._services

    def protect(self, path: str | os.PathLike[str]) -> None:
        """Keeps a file, or a directory with all that it holds, out of the reach and sight of file tools.

        Args:
            path: an absolute path, whether there is something or not; its last part may end with ``*``, for every name
                that begins so.  A name without a directory is protected wherever it occurs in the sandbox.

        Raises:
            ValueError: for a relative path.
        """
        from neuroscript.sandbox.protection import check_path

        self._protected.append(check_path(path))
        self._files = None

    @property
    def protected(self) -> Sequence[str]:
        """What is kept out of the reach of file tools besides what always is, as `protect` took it."""
        return tuple(self._protected)

    @property
    def files(self) -> Sandbox:
        """The sandbox directory as programs reach it: without what is protected in it, and each write counted.

        Raises:
            NeuroScriptError: 18 if there is no sandbox.
        """
        self.load_plugins()  # which protect what is theirs
        if self._files is None:
            if self.sandbox is None:
                message = "there is no sandbox directory; the host gives one (neuroscript run --sandbox DIR)"
                raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
            self._files = self.access(self.sandbox)
        return self._files

    def access(self, directory: str | os.PathLike[str]) -> Sandbox:
        """Makes access to another directory than the sandbox, by the same rules; scripts get none of it.

        Raises:
            NeuroScriptError: 18 if there is no such directory.
        """
        from neuroscript.sandbox.protection import Protection
        from neuroscript.sandbox.sandbox import Sandbox

        self.load_plugins()  # which protect what is theirs
        check, charge = self.context.check, self.runtime.charge_disk
        return Sandbox(directory, Protection(*self._protected), check=check, charge=charge)

    def reserve_events(self, prefix: str) -> None:
        """Keeps the names of events that begin so for whoever fires them here: scripts cannot imitate them."""
        self._reserved_events.append(prefix)
        self.runtime.events.forget()

    def is_reserved_event(self, name: str) -> bool:
        """Whether scripts may not fire an event of this name."""
        self.load_plugins()
        return name.startswith(tuple(self._reserved_events))

    def set_asker(
        self, asker: Asker, config: Callable[[], Shape] | None = None, *, journals_requests: bool = False
    ) -> None:
        """Has ``asker(context, who, prompt, config, whispered)`` answer ``ask``; its result is the reply.

        ``who`` is a worker's name or id, a conversation handle, or None for the default worker.

        Args:
            asker: the function.
            config: gives the keys of ``config`` that it knows, for `check`.
            journals_requests: whether it has the journal of a run note each request before it is sent.  Then the
                journal need not wait for the disk before it as well.
        """
        self._asker = asker
        self._ask_config = config
        self.asks_in_parts = journals_requests

    def asker(self) -> Asker | None:
        """What answers ``ask``."""
        if self._asker is None:
            self.load_plugins()
        return self._asker

    def ask_config(self) -> Shape | None:
        """The keys of the settings that ``ask`` takes; None if they are not known."""
        self.asker()
        return self._ask_config() if self._ask_config is not None else None

    def on_pieces(
        self,
        kind: str,
        *,
        apply: Callable[[str], object] | None = None,
        restore: Callable[[JournaledRun, str], None] | None = None,
    ) -> None:
        """Says what becomes of the pieces of a kind that tools commit with the ends of journaled calls.

        Args:
            kind: the kind.
            apply: applies one that an earlier start has committed, and may have applied.
            restore: takes the run and one whose call is not made again, and puts back what that left in its process.
        """
        self.piece_kinds[kind] = apply, restore

    def on_lost(self, tool: str, account: LostCall) -> None:
        """Says how an attempt is accounted for whose end is not known, when its run goes on or was cancelled.

        Args:
            tool: the tool of the entries that attempts are.
            account: takes what the attempt had noted, accounts for it unless that was done before, and gives a key of
                the attempt with what it has spent.
        """
        self.lost_calls[tool] = account

    def apply_committed(self, journal: JournalStore) -> None:
        """Applies what the calls of runs that are over have committed, where that was not done: records and the like.

        A run does it for itself, and for the others when it starts; a host calls this where no other run may follow.

        Args:
            journal: where the runs are.

        Raises:
            NeuroScriptError: what applying it raises.
        """
        from neuroscript.journal.books import apply_committed

        self.load_plugins()
        apply_committed(journal, self.piece_kinds, self.lost_calls)

    def on_close(self, callback: Callable[[], object]) -> None:
        """Calls ``callback`` when the interpreter is closed, the last one first."""
        self._closing.append(callback)

    def close(self) -> None:
        """Ends the interpreter's use: plugins let go of what they hold, handles become stale."""
        if self._closed:
            return
        self._closed = True
        while self._closing:
            callback = self._closing.pop()
            try:
                callback()
            except Exception:  # the others must be called all the same
                self.log.exception("a callback failed while the interpreter was closed")
        self.handles.clear()
        self._usable = False

    def check_open(self) -> None:
        """Refuses the use of an interpreter that is closed.

        Raises:
            NeuroScriptError: 19.
        """
        if not self._usable:
            message = "the interpreter is closed; make another one, or leave its 'with' block later"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)

    # --- tools -------------------------------------------------------------------------------------------------------

    @overload
    def tool(self, name: F, /) -> F: ...

    @overload
    def tool(self, name: str = "", /, **fields: Any) -> Callable[[F], F]: ...  # noqa: F811

    def tool(self, name: Any = "", /, **fields: Any) -> Any:  # noqa: F811
        """Registers a function as a tool, its spec made from type hints and docstring.

        Args:
            name: the group and the name, ``bench.Add``.  Without one (``@interpreter.tool``) the function is
                ``tool.host.NAME`` by its own name.
            fields: further fields of `ToolSpec`, such as ``capabilities``.
        """
        return self.tools.tool(name, **fields)

    def permits(self, tool: Tool) -> bool:
        """Whether programs may call a tool."""
        return self.policy.permits(tool.spec)

    def check_permission(self, tool: Tool) -> None:
        """Refuses a tool that the policy does not permit.

        Raises:
            NeuroScriptError: 10, saying what is not granted.
        """
        self.policy.check(tool.spec)

    def host_context(self) -> ToolContext:
        """The call context for tools that the host calls itself: ``tools.call(name, …, context=…)``."""
        return self.context

    # --- loading -----------------------------------------------------------------------------------------------------

    def load(self, source: Source, name: str = "", *, replace: bool = False) -> list[str]:
        """Loads a program: its procedures can be called, its event handlers are registered.

        Command blocks are kept for `run_commands`; `execute` does both.  A load is all or nothing.

        Args:
            source: the program; bytes are read as UTF-8, and a path as the file there.
            name: what the program is called in messages, usually its file name.  Files that it uses
                (``:: uses: lib/text.ns``) are loaded with it, relative to its path; text without a path uses none.
            replace: whether procedures that are loaded already may be defined anew, which no run can have done.

        Returns:
            The names of the procedures it defines, without those of files that it uses.

        Raises:
            NeuroScriptSyntaxError: with every finding in ``.diagnostics``, those in files that it uses too.
            NeuroScriptError: 22 if there is no such file, 26 if it cannot be read; what evaluating an event's name
                raises; 43 if a procedure is to be replaced while a run is going on; 19 if the interpreter is closed.
        """
        self.check_open()
        text = read_program(source, name)
        with self.runtime.alone():
            program = self.loader.load(text, replace)
        return [procedure.name for procedure in program.procedures]

    def load_file(self, path: str | os.PathLike[str], *, replace: bool = False) -> list[str]:
        """Loads a program from a file.

        Raises:
            NeuroScriptError: as `load` does.
        """
        from pathlib import Path

        return self.load(Path(path), replace=replace)

    def check(self, source: Source, name: str = "", *, beside: Iterable[Source] = ()) -> list[Diagnostic]:
        """Everything that is wrong with a program and what it uses, or certainly not meant, without loading it.

        Args:
            source: the program, as for `load`.
            name: what it is called in the findings.
            beside: all other programs that are loaded beside it.  Without them a procedure that is not there is a
                note, in a program that has neither a procedure ``main`` nor command blocks.

        Raises:
            NeuroScriptError: 22 or 26 for a path that cannot be read.
        """
        from neuroscript.checking import check

        return check(self, read_program(source, name), [read_program(one, "") for one in beside])

    # --- running -----------------------------------------------------------------------------------------------------

    def run(
        self,
        procedure: str,
        /,
        *args: Any,
        cancel: CancelToken | None = None,
        run_id: str | None = None,
        journal: JournalStore | None = None,
        **named: Any,
    ) -> Any:
        """Calls a procedure with Python values and returns its result as one.

        Args:
            procedure: its name.
            args: its arguments by position.
            cancel: ends the run when it is cancelled, which it may be before the run.  A parameter of this name gets
                its value by position, as those of the next two names do.
            run_id: the name of the run in the journal: a second run with it goes on where the first was stopped.
            journal: where its calls are kept.
            named: its arguments by name.

        Raises:
            NeuroScriptError: whatever ends the run: 2 if there is no such procedure, 4 for wrong arguments, 37 for a
                limit, 44 when cancelled, and the program's own errors.
        """
        self.check_open()
        runtime = self.runtime
        if cancel is not None:
            check_token(cancel)
        if procedure not in runtime.procedures:
            self._refuse_procedure(procedure)
        self._check_call(procedure, len(args), list(named))
        values = values_of(args, named)

        def call(depth: int) -> Any:
            return runtime.call(depth + 1, None, procedure, tuple(values), tuple(named))

        if run_id is not None or journal is not None:
            from neuroscript.journal.running import run_journaled

            return self._outside(run_journaled(self, journal, run_id, procedure, values, list(named), call, cancel))
        with runtime.run(cancel=cancel) as depth:
            result = call(depth)
        return self._outside(result)

    def _refuse_procedure(self, name: str) -> NoReturn:
        """Raises the error of a procedure that is not there, which a command script has none of."""
        try:
            self.runtime.check_procedure(name)
        except NeuroScriptError as error:
            if not self.runtime.procedures and self.has_commands:
                file = self.loader.programs[-1].name
                error.message += f"; {file} is a command script: run_commands() runs it, as execute() does at once"
            raise
        raise AssertionError  # pragma: no cover

    def _check_call(self, procedure: str, positional: int, names: list[str]) -> None:
        """Refuses a call by the host that the signature refuses; the place is the procedure's."""
        loaded = self.runtime.procedures[procedure]
        problem = loaded.signature.problem(positional, names)
        if problem is not None:
            error = NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{procedure}() {problem}; it is {loaded.signature}")
            error.file, error.line, error.column = loaded.file, loaded.line, 1
            raise error

    def call(
        self, function: Function | ToolValue, /, *args: Any, cancel: CancelToken | None = None, **named: Any
    ) -> Any:
        """Calls a function or tool that a script gave as a value, and returns its result as a Python value.

        Raises:
            NeuroScriptError: as `run` does; 7 if it is no function.
        """
        self.check_open()
        if cancel is not None:
            check_token(cancel)
        runtime = self.runtime
        values = values_of(args, named)
        with runtime.run(cancel=cancel) as depth:
            result = runtime.call(depth + 1, function, None, tuple(values), tuple(named))
        return self._outside(result)

    def execute(
        self,
        source: Source,
        name: str = "",
        *,
        cancel: CancelToken | None = None,
        run_id: str | None = None,
        journal: JournalStore | None = None,
    ) -> None:
        """Loads a program and runs its command blocks in order.

        Args:
            source: the program, as for `load`.
            name: what it is called in messages.
            cancel: ends the run when it is cancelled.
            run_id: the name of the run in the journal: a second run with it goes on where the first was stopped.
            journal: where its calls are kept.

        Raises:
            NeuroScriptError: as `load` and `run` do; 19 for a library, which has nothing to execute and is not loaded.
        """
        self.check_open()
        if cancel is not None:
            check_token(cancel)
        text = read_program(source, name)
        with self.runtime.alone(cancel=cancel):
            self.loader.load(text, commands_wanted=True)
            self.run_commands(cancel=cancel, run_id=run_id, journal=journal)

    def run_commands(
        self,
        *,
        cancel: CancelToken | None = None,
        run_id: str | None = None,
        journal: JournalStore | None = None,
    ) -> None:
        """Runs the command blocks of the program that was loaded last, in order; they are run once.

        Args:
            cancel: ends the run when it is cancelled.
            run_id: the name of the run in the journal, as for `run`.
            journal: where its calls are kept.
        """
        self.check_open()
        if cancel is not None:
            check_token(cancel)
        commands, self.loader.commands = self.loader.commands, []

        def call(depth: int) -> None:
            for command in commands:
                self.runtime.namespace[command](depth)

        if run_id is not None or journal is not None:
            from neuroscript.journal.running import run_journaled

            run_journaled(self, journal, run_id, "", [], [], call, cancel)
            return
        with self.runtime.run(cancel=cancel) as depth:
            call(depth)

    @property
    def is_replaying(self) -> bool:
        """Whether a journaled run is where it was before: what it emits now was emitted then."""
        journal = self.runtime.journal
        return journal is not None and journal.is_replaying

    @property
    def has_commands(self) -> bool:
        """Whether the program that was loaded last has command blocks that have not been run."""
        return bool(self.loader.commands)

    async def arun(self, procedure: str, /, *args: Any, cancel: CancelToken | None = None, **named: Any) -> Any:
        """As `run`, awaited in a task of asyncio or trio.

        The script and the host's ordinary functions run in a worker thread, its asynchronous tools and callbacks on the
        event loop of the task.  If the task is cancelled the run ends, and nothing of it goes on when this has ended.
        """
        from neuroscript.asynchronous import run_in_worker

        return await run_in_worker(lambda token: self.run(procedure, *args, cancel=token, **named), cancel)

    async def acall(
        self, function: Function | ToolValue, /, *args: Any, cancel: CancelToken | None = None, **named: Any
    ) -> Any:
        """As `call`, awaited in a task as `arun` is."""
        from neuroscript.asynchronous import run_in_worker

        return await run_in_worker(lambda token: self.call(function, *args, cancel=token, **named), cancel)

    async def aexecute(self, source: Source, name: str = "", *, cancel: CancelToken | None = None) -> None:
        """As `execute`, awaited in a task as `arun` is."""
        from neuroscript.asynchronous import run_in_worker

        await run_in_worker(lambda token: self.execute(source, name, cancel=token), cancel)

    def emit_event(
        self, name: str, payload: Any = None, source: str = "host", *, cancel: CancelToken | None = None
    ) -> None:
        """Fires an event; its handlers have run when this returns.  Their errors go to ``on_error`` and the log."""
        self.check_open()
        if cancel is not None:
            check_token(cancel)
        self.runtime.fire(name, named_from_host(payload, "the payload"), source, cancel=cancel)

    def cancel(self, reason: str = "") -> None:
        """Ends the run that is going on, from any thread, with error 44; without one nothing happens.

        As `CancelToken.cancel`, which also ends runs that have not begun.
        """
        self.runtime.cancel(reason)

    def session(self) -> Session:
        """An interactive session: inputs one after the other, with variables that stay."""
        from neuroscript.session import Session

        self.check_open()
        return Session(self)

    def _outside(self, result: Any) -> Any:
        return result if type(result) is Function else to_host(result)

    # --- looking -----------------------------------------------------------------------------------------------------

    def procedures(self) -> list[dict[str, Any]]:
        """The procedures that are loaded, by name: ``name signature needs optional returns metadata file line``."""
        found = []
        for name, loaded in sorted(self.runtime.procedures.items()):
            signature = loaded.signature
            found.append(
                {
                    "name": name,
                    "signature": str(signature),
                    "needs": list(signature.needs),
                    "optional": list(signature.optional),
                    "returns": list(loaded.returns),
                    "metadata": dict(loaded.metadata),
                    "file": loaded.file,
                    "line": loaded.line,
                }
            )
        return found

    def primer(self, *, files: bool | None = None) -> str:
        """The page that tells a model how to write programs for this interpreter: the language and permitted tools.

        Args:
            files: whether programs have a directory; None: whether this interpreter has one.

        Returns:
            Markdown of at most 10,000 characters, about 2,500 tokens.
        """
        from neuroscript.primer import primer_of

        return primer_of(self, self.sandbox is not None if files is None else files)

    @property
    def programs(self) -> Sequence[LoadedProgram]:
        """The programs that are loaded, in order, with their metadata."""
        return tuple(self.loader.programs)

    def report(self, error: NeuroScriptError, what: str, number: int = 1) -> object:
        """Tells the host of an error that ends no run.

        A program that fails over and over does not flood the log: it has each of a run's first hundred errors, and of
        the later ones those whose number is a power of two.

        Args:
            error: what happened.
            what: what failed, in words.
            number: its place among the errors of this run that have ended no run, from 1.

        Returns:
            What the host's callback gives, which hears of every error.
        """
        if number <= _LOGGED_EACH or number & (number - 1) == 0:
            since = "" if number <= _LOGGED_EACH else f" (failure {number:,} of this run; not every one is logged)"
            self.log.warning("%s failed: %s%s", one_line(what), one_line(error), since)
        return self.on_error(error) if self.on_error is not None else None


@functools.cache
def _plugins() -> tuple[Callable[[Interpreter], object], ...]:
    """The installed plugins; looked for once in a process."""
    from neuroscript.plugins import installed

    return installed()
