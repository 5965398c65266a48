"""Loads programs into a runtime: compiles them, or takes them from a cache, and adds their definitions."""

from __future__ import annotations

from neuroscript.cache.memory import Cache, Entry, RecordingLinker
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.logs import DEBUG, listener
from neuroscript.runtime import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

    from neuroscript.cache.disk import DiskCache
    from neuroscript.compiler.unit import Unit
    from neuroscript.limits import Limits
    from neuroscript.runtime.namespace import Runtime
    from neuroscript.runtime.programs import Compiled, Linker, LoadedProcedure, LoadedProgram

_TOOLS = (
    abi.TOOL,
    abi.TOOL_FUNCTION,
)  # how names of linked tools begin; a link outlives the program that it was made for
_CACHE = Cache()


class Loader:
    """Loads the programs of one interpreter.

    Attributes:
        programs: the loaded programs, in order.
        commands: the functions of the last program's command blocks, until they are run.
    """

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        self._runtime = runtime
        self._limits = limits
        self._loads = 0
        self._disk: DiskCache | None = None
        self.programs: list[LoadedProgram] = []
        self.commands: list[str] = []

    def use_disk(self, cache: bool | str | os.PathLike[str], sandbox: Path | None) -> list[str]:
        """Caches the host's programs on disk too; returns the paths that scripts must not access because of that."""
        from neuroscript.cache.disk import cache_directory, open_cache
        from neuroscript.user_directories import KEY

        self._disk = open_cache(cache, sandbox)
        directory = cache_directory(cache)
        return [directory, f"{directory}{KEY}*"] if directory else []

    def load(
        self, source: str | bytes, name: str, replace: bool = False, *, commands_wanted: bool = False
    ) -> LoadedProgram:
        """Loads a program as a whole or not at all; the caller has to hold other threads off.

        Raises:
            NeuroScriptError: as `Interpreter.load` does; 19 for a library where command blocks are wanted.
        """
        before = None
        while before != self._loads - 1:  # linking a tool may load a plugin, which may load a program of its own
            before = self._loads
            program, compiled = self.compiled(source, name, replace)
        if commands_wanted and not compiled.commands and (program.procedures or compiled.start):
            use = f"run({program.procedures[0].name!r})" if program.procedures else "emit_event(…)"
            message = f"{name} is a library: it has no command blocks to execute; use load(…), then {use}"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        self._install(program, compiled)
        log = listener("neuroscript.run", DEBUG)
        if log is not None:
            count = len(program.procedures)
            fields = {"event": "loaded", "file": name, "procedures": count}
            log.debug("%s is loaded, with %d procedures", name or "a program", count, extra=fields)
        return program

    def compiled(self, source: str | bytes, name: str, replace: bool) -> tuple[LoadedProgram, Compiled]:
        """Returns a program and its code, from the cache if it was compiled under the same conditions before."""
        runtime = self._runtime
        names = tuple(sorted(runtime.globals))
        circumstances = name, replace, self._loads, names, self._limits
        key = source, circumstances
        entry = _CACHE.find(key, runtime)
        # What a script loads is its own text, with which it shall not fill the user's disk.
        disk = None if runtime.running else self._disk
        if entry is None and disk is not None:
            entry = disk.find(source, circumstances, runtime)
            if entry is not None:
                _CACHE.keep(key, entry)
        defined_anew = (
            not replace
            and entry is not None
            and any(procedure.name in runtime.procedures for procedure in entry.program.procedures)
        )
        if entry is not None and not defined_anew:  # else the front end says what is defined where
            self._loads += 1
            return entry.program, entry.compiled
        from neuroscript.compiler.build import back_end, front_end, loaded_program

        resolved = front_end(source, name, self._limits, {} if replace else runtime.procedures)
        program = loaded_program(resolved.program)
        linker = RecordingLinker(runtime)
        compiled = back_end(resolved, self.compilation_unit(program.procedures, linker))
        entry = Entry(program, compiled, linker.links, len(source))
        _CACHE.keep(key, entry)
        if disk is not None:
            disk.keep(source, circumstances, entry)
        return program, compiled

    def _install(self, program: LoadedProgram, compiled: Compiled) -> None:
        runtime = self._runtime
        for procedure in program.procedures:
            if runtime.running and procedure.name in runtime.procedures:  # it may be one of those that are running
                message = f"procedure '{procedure.name}' cannot be replaced while a run is going on"
                raise NeuroScriptError(ErrorCode.WRITE_VIOLATION, message)
        before = runtime.namespace.copy(), runtime.procedures.copy(), runtime.events.snapshot(), len(self.programs)
        for code in compiled.codes:
            exec(code, runtime.namespace)
        for procedure in program.procedures:
            runtime.define(procedure.name, procedure, self._loads)
        runtime.link_calls(compiled.calls)
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
            runtime.unlink_values()
            del self.programs[programs:]
            raise
        self.commands = list(compiled.commands)
        self.programs.append(program)

    def compilation_unit(self, own: Iterable[LoadedProcedure] = (), linker: Linker | None = None) -> Unit:
        """Makes the environment that the next program or session input is compiled against, and numbers the load.

        Args:
            own: the procedures that it defines.
            linker: links the tools; by default the runtime.
        """
        from neuroscript.compiler.unit import Unit

        runtime = self._runtime
        self._loads += 1
        return Unit(
            self._loads,
            frozenset(runtime.globals),
            {procedure.name: procedure.signature for procedure in own},
            linker or runtime,
            runtime.operations.max_items,
            runtime.operations.max_string,
            self._limits.max_depth,
        )
