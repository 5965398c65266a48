"""The interpreter: loads programs, runs them, and holds everything that belongs to one embedding."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

from neuroscript.cache.memory import Cache, Entry, RecordingLinker
from neuroscript.errors import ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.runtime import abi
from neuroscript.runtime.context import ToolContext
from neuroscript.runtime.handles import HandleTable
from neuroscript.runtime.namespace import Runtime
from neuroscript.runtime.services import Services
from neuroscript.stdlib import standard_registry
from neuroscript.tools.policy import Policy
from neuroscript.tools.registry import ToolRegistry
from neuroscript.tools.spec import ToolSpec
from neuroscript.values import Function, from_host, to_host

# Types are imported for type checkers alone, here and in all that a start imports: `typing`, `logging` and `pathlib`
# take longer than the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from neuroscript.cache.disk import DiskCache
    from neuroscript.compiler.unit import Unit
    from neuroscript.errors import Diagnostic
    from neuroscript.runtime.programs import Compiled, Linker, LoadedProcedure, LoadedProgram
    from neuroscript.sandbox.sandbox import Sandbox
    from neuroscript.session import Session
    from neuroscript.tools.registry import Tool

    F = TypeVar("F", bound=Callable[..., Any])
    Asker = Callable[[ToolContext, Any, str, dict[str, Any] | None, list[Any]], str]
    ErrorCallback = Callable[[NeuroScriptError], object]

_DEFAULT_LIMITS = Limits()
_TOOLS = (
    abi.TOOL,
    abi.TOOL_FUNCTION,
)  # how names of linked tools begin; a link outlives the program that it was made for
_DEFAULT_POLICY = Policy()
_CACHE = Cache()


class Interpreter:
    """Runs NeuroScript programs.

    Interpreters are cheap to make and share nothing that a program could change.  One runs one program at a time;
    other threads that call `run` wait, and `cancel` may be called from any of them.

    Args:
        sandbox: the directory that file tools may touch; without one they are refused.
        limits: what a run may use.
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
        log: where the interpreter reports; by default the logger ``neuroscript``.
        cache: whether what the host loads is kept on disk, compiled: in a directory, or with True in the user's
            directory for caches.  Where others may write in it, or scripts could reach it, it is not used.
        services: objects that plugins find in `services`, by name, from the moment that they are loaded.

    Raises:
        NeuroScriptError: 22 or 23 if the sandbox is not a directory; 7 or 41 for a global that is no value.
    """

    def __init__(
        self,
        sandbox: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
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
        log: logging.Logger | None = None,
        cache: bool | str | os.PathLike[str] = False,
        services: Mapping[str, Any] | None = None,
    ) -> None:
        self.sandbox = _directory(sandbox)
        self.limits = limits if limits is not None else _DEFAULT_LIMITS
        self.emit_sink = emit
        self.prompt_source = prompt
        self.whisper_sink = whisper
        self.environment = _environment(environment)
        self.on_error = on_error
        self._log = log
        self.handles = HandleTable()
        self.policy = policy if policy is not None else _DEFAULT_POLICY
        self.tools = tools if tools is not None else ToolRegistry(standard_registry())
        values = {name: from_host(value) for name, value in (globals or {}).items()}
        self.runtime = Runtime(self, self.limits, values)
        self.context = ToolContext(self)
        self._services = Services()
        self._services.update(services or {})
        self._protected: list[str] = []
        self._files: Sandbox | None = None
        self._reserved_events: list[str] = []
        self._asker: Asker | None = None
        self._closing: list[Callable[[], object]] = []
        self._closed = False
        self._loads = 0
        self._disk: DiskCache | None = None
        if cache:
            from neuroscript.cache.disk import cache_directory, open_cache
            from neuroscript.user_directories import KEY

            self._disk = open_cache(cache, self.sandbox)
            if directory := cache_directory(cache):
                self._protected += [directory, f"{directory}{KEY}*"]
        self._programs: list[LoadedProgram] = []
        self._commands: list[str] = []
        self._plugins_wanted = plugins
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
            import logging

            self._log = logging.getLogger("neuroscript")
        return self._log

    # --- plugins and services ----------------------------------------------------------------------------------------

    def load_plugins(self) -> None:
        """Loads the installed plugins, once.

        Raises:
            NeuroScriptError: 18 for a plugin that cannot be loaded or fails.
        """
        if not self._plugins_wanted:
            return
        plugins = _plugins()
        self._plugins_wanted = False
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
            from neuroscript.sandbox.protection import Protection
            from neuroscript.sandbox.sandbox import Sandbox

            check, charge = self.context.check, self.runtime.charge_disk
            self._files = Sandbox(self.sandbox, Protection(*self._protected), check=check, charge=charge)
        return self._files

    def reserve_events(self, prefix: str) -> None:
        """Keeps the names of events that begin so for whoever fires them here: scripts cannot imitate them."""
        self._reserved_events.append(prefix)

    def is_reserved_event(self, name: str) -> bool:
        """Whether scripts may not fire an event of this name."""
        self.load_plugins()
        return name.startswith(tuple(self._reserved_events))

    def set_asker(self, asker: Asker) -> None:
        """Has ``asker(context, who, prompt, config, whispered)`` answer ``ask``; its result is the reply.

        ``who`` is a worker's name or id, a conversation handle, or None for the default worker.
        """
        self._asker = asker

    def asker(self) -> Asker | None:
        """What answers ``ask``."""
        if self._asker is None:
            self.load_plugins()
        return self._asker

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

    # --- tools -------------------------------------------------------------------------------------------------------

    def tool(self, name: str, **fields: Any) -> Callable[[F], F]:
        """Registers a function as a tool, its spec made from type hints and docstring.

        Args:
            name: the group and the name, ``bench.Add``.
            fields: further fields of `ToolSpec`, such as ``capabilities``.
        """

        def register(function: F) -> F:
            self.tools.register(ToolSpec.from_function(name, function, **fields), function)
            return function

        return register

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

    def load(self, source: str | bytes, name: str = "<script>", *, replace: bool = False) -> list[str]:
        """Loads a program: its procedures can be called, its event handlers are registered.

        Command blocks are kept for `run_commands`.  A load is all or nothing.

        Args:
            source: the program; bytes are read as UTF-8.
            name: what the program is called in messages, usually its file name.
            replace: whether procedures that are loaded already may be defined anew, which no run can have done.

        Returns:
            The names of the procedures it defines.

        Raises:
            NeuroScriptSyntaxError: with every finding in ``.diagnostics``.
            NeuroScriptError: what evaluating an event's name raises; 43 if a procedure is to be replaced while a run is
                going on.
        """
        with self.runtime.alone():
            before = None
            while before != self._loads - 1:  # linking a tool may load a plugin, which may load a program of its own
                before = self._loads
                program, compiled = self._compiled(source, name, replace)
            self._install(program, compiled)
        return [procedure.name for procedure in program.procedures]

    def load_file(self, path: str | os.PathLike[str], *, replace: bool = False) -> list[str]:
        """Loads a program from a file.

        Raises:
            NeuroScriptError: 22 if there is no such file, 26 if it cannot be read, and what `load` raises.
        """
        try:
            with open(path, "rb") as file:
                source = file.read()
        except FileNotFoundError as error:
            raise NeuroScriptError(ErrorCode.FILE_NOT_FOUND, f"there is no file {os.fspath(path)!r}") from error
        except OSError as error:
            message = f"cannot read {os.fspath(path)!r}: {error.strerror or error}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error
        return self.load(source, str(path), replace=replace)

    def _compiled(self, source: str | bytes, name: str, replace: bool) -> tuple[LoadedProgram, Compiled]:
        """A program and its code, from the cache where it was compiled under the same circumstances before."""
        runtime = self.runtime
        signatures = tuple(sorted([str(loaded.signature) for loaded in runtime.procedures.values()]))
        names = tuple(sorted(runtime.globals))
        circumstances = name, replace, self._loads, names, signatures, self.limits
        key = source, circumstances
        entry = _CACHE.find(key, runtime)
        # What a script loads is its own text, with which it shall not fill the user's disk.
        disk = None if runtime.running else self._disk
        if entry is None and disk is not None:
            entry = disk.find(source, circumstances, runtime)
            if entry is not None:
                _CACHE.keep(key, entry)
        if entry is not None:
            self._loads += 1
            return entry.program, entry.compiled
        from neuroscript.compiler.build import back_end, front_end, loaded_program

        resolved = front_end(source, name, self.limits, {} if replace else runtime.procedures)
        program = loaded_program(resolved.program)
        linker = RecordingLinker(runtime)
        compiled = back_end(resolved, self.compilation_unit(program.procedures, linker))
        entry = Entry(program, compiled, linker.links, len(source))
        _CACHE.keep(key, entry)
        if disk is not None:
            disk.keep(source, circumstances, entry)
        return program, compiled

    def _install(self, program: LoadedProgram, compiled: Compiled) -> None:
        runtime = self.runtime
        for procedure in program.procedures:
            if runtime.running and procedure.name in runtime.procedures:  # it may be one of those that are running
                message = f"procedure '{procedure.name}' cannot be replaced while a run is going on"
                raise NeuroScriptError(ErrorCode.WRITE_VIOLATION, message)
        before = runtime.namespace.copy(), runtime.procedures.copy(), runtime.events.snapshot(), len(self._programs)
        for code in compiled.codes:
            exec(code, runtime.namespace)
        for procedure in program.procedures:
            runtime.define(procedure.name, procedure, self._loads)
        try:
            if compiled.start:
                with runtime.run() as depth:
                    runtime.namespace[compiled.start](depth, None)
        except BaseException:  # raised again, once what was begun is undone
            namespace, runtime.procedures, handlers, programs = before
            for key in runtime.namespace.keys() - namespace.keys():
                if not key.startswith(_TOOLS):
                    del runtime.namespace[key]
            kept = ((key, value) for key, value in namespace.items() if key != abi.FUEL and not key.startswith(_TOOLS))
            runtime.namespace.update(kept)
            runtime.events.restore(handlers)
            del self._programs[programs:]
            raise
        self._commands = list(compiled.commands)
        self._programs.append(program)

    def compilation_unit(self, own: Iterable[LoadedProcedure] = (), linker: Linker | None = None) -> Unit:
        """What the next program, or the next input of a session, is compiled against; the load gets its number here.

        Args:
            own: the procedures that it defines.
            linker: links the tools; by default the runtime.
        """
        from neuroscript.compiler.unit import Unit

        runtime = self.runtime
        self._loads += 1
        procedures = (*runtime.procedures.values(), *own)
        return Unit(
            self._loads,
            frozenset(runtime.globals),
            {procedure.name: procedure.signature for procedure in procedures},
            linker or runtime,
            runtime.operations.max_items,
            runtime.operations.max_string,
            self.limits.max_depth,
        )

    def check(self, source: str | bytes, name: str = "<script>") -> list[Diagnostic]:
        """Everything that is wrong with a program, or certainly not meant, without loading it."""
        from neuroscript.compiler.resolve import resolve
        from neuroscript.lint.linter import lint
        from neuroscript.syntax.parser import parse

        try:
            program = parse(source, name, self.limits)
        except NeuroScriptSyntaxError as error:
            return list(error.diagnostics)
        resolved = resolve(program)
        warnings = lint(resolved, self)
        return sorted([*resolved.diagnostics, *warnings], key=lambda found: (found.line, found.column))

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self, procedure: str, /, *args: Any, **named: Any) -> Any:
        """Calls a procedure with Python values and returns its result as one.

        Raises:
            NeuroScriptError: whatever ends the run: 2 if there is no such procedure, 4 for wrong arguments, 37 for a
                limit, 44 when cancelled, and the program's own errors.
        """
        runtime = self.runtime
        runtime.check_procedure(procedure)
        self._check_call(procedure, len(args), list(named))
        values = [from_host(value) for value in args]
        values += [from_host(value) for value in named.values()]
        with runtime.run() as depth:
            result = runtime.call(depth + 1, None, procedure, tuple(values), tuple(named))
        return self._outside(result)

    def _check_call(self, procedure: str, positional: int, names: list[str]) -> None:
        """Refuses a call by the host that the signature refuses; the place is the procedure's."""
        loaded = self.runtime.procedures[procedure]
        problem = loaded.signature.problem(positional, names)
        if problem is not None:
            error = NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{procedure}() {problem}; it is {loaded.signature}")
            error.file, error.line, error.column = loaded.file, loaded.line, 1
            raise error

    def execute(self, source: str | bytes, name: str = "<script>") -> None:
        """Loads a program and runs its command blocks in order.

        Raises:
            NeuroScriptError: as `load` and `run` do.
        """
        with self.runtime.alone():
            self.load(source, name)
            self.run_commands()

    def run_commands(self) -> None:
        """Runs the command blocks of the program that was loaded last, in order; they are run once."""
        commands, self._commands = self._commands, []
        with self.runtime.run() as depth:
            for command in commands:
                self.runtime.namespace[command](depth)

    @property
    def has_commands(self) -> bool:
        """Whether the program that was loaded last has command blocks that have not been run."""
        return bool(self._commands)

    def emit_event(self, name: str, payload: Any = None, source: str = "host") -> None:
        """Fires an event; its handlers have run when this returns.  Their errors go to ``on_error`` and the log."""
        self.runtime.fire(name, from_host(payload), source)

    def cancel(self) -> None:
        """Ends the run that is going on, from any thread, with error 44; without one nothing happens."""
        self.runtime.cancel()

    def session(self) -> Session:
        """An interactive session: inputs one after the other, with variables that stay."""
        from neuroscript.session import Session

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

    @property
    def programs(self) -> Sequence[LoadedProgram]:
        """The programs that are loaded, in order, with their metadata."""
        return tuple(self._programs)

    def report(self, error: NeuroScriptError, what: str) -> None:
        """Tells the host of an error that ends no run."""
        self.log.warning("%s failed: %s", what, error)
        if self.on_error is not None:
            self.on_error(error)


@functools.cache
def _plugins() -> tuple[Callable[[Interpreter], object], ...]:
    """The installed plugins; looked for once in a process."""
    from neuroscript.plugins import installed

    return installed()


def _directory(path: str | os.PathLike[str] | None) -> Path | None:
    if path is None:
        return None
    from pathlib import Path

    directory = Path(path)
    if not directory.exists():
        raise NeuroScriptError(ErrorCode.FILE_NOT_FOUND, f"the sandbox {os.fspath(path)!r} does not exist")
    if not directory.is_dir():
        raise NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, f"the sandbox {os.fspath(path)!r} is not a directory")
    return directory.resolve()


def _environment(given: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return dict(given)
    return {name: os.environ[name] for name in given if name in os.environ}
