"""Loads programs into a runtime: compiles them, or takes them from a cache, and adds their definitions."""

from __future__ import annotations

from functools import partial

from neuroscript.cache.memory import Cache, Entry, RecordedLinker, RecordingLinker
from neuroscript.errors import ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.logs import DEBUG, listener
from neuroscript.program_text import identity_of, may_use
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.runtime.late import FirstCalls, LateBodies

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from types import CodeType, FrameType
    from typing import NoReturn

    from neuroscript.cache.disk import DiskCache
    from neuroscript.compiler.nil_operands import NilOperands
    from neuroscript.compiler.resolve import Resolved
    from neuroscript.compiler.unit import Unit
    from neuroscript.errors import Diagnostic
    from neuroscript.limits import Limits
    from neuroscript.program_text import ProgramText
    from neuroscript.runtime.assertions import Probes
    from neuroscript.runtime.namespace import Runtime
    from neuroscript.runtime.programs import Compiled, Deferred, Linker, LoadedProcedure, LoadedProgram
    from neuroscript.runtime.watching import Watcher
    from neuroscript.sandbox.protection import Identity
    from neuroscript.syntax import nodes as n
    from neuroscript.uses import SourceFile

    _Circumstances = tuple[str, bool, int, tuple[str, ...], Limits]
    _Unsealed = tuple["_Part", list[CodeType], list[LoadedProcedure], tuple[tuple[str, int, tuple[str, ...]], ...]]

_TOOLS = (
    abi.TOOL,
    abi.TOOL_FUNCTION,
    abi.TOOL_READER,
    abi.TOOL_CHANGE,
)  # how names of linked tools begin; a link outlives the program that it was made for
_CACHE = Cache()
_MOST_LEVELS = 6  # of lists and maps whose types tell how deeply they are nested
_MOST_TEXTS = 64
_MOST_TEXT = 1_000_000  # characters of all texts that are kept


@record(frozen=True)
class _Part:
    """One file of a load: its text, which file it is, what it defines, its code, and the number of that.

    Attributes:
        complete: makes the general bodies that the code leaves out.
    """

    content: str | bytes
    identity: Identity | None
    program: LoadedProgram
    compiled: Compiled
    load: int
    complete: Callable[[], Compiled]


class Loader:
    """Loads the programs of one interpreter.

    Attributes:
        programs: the loaded programs, in order.
        commands: the functions of the last program's command blocks, until they are run.
        late_bodies: the general bodies that programs have left out, by the number of the load.
        first_calls: the programs whose procedures wait for their first calls, by the number of the load.
        texts: the texts of the files that the host's programs use, by the names that errors call them.
    """

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        self._runtime = runtime
        self._limits = limits
        self._loads = 0
        self._disk: DiskCache | None = None
        self._texts: list[tuple[Sequence[CodeType], int, Callable[[], n.Program]]] = []
        self._text_of: dict[int, tuple[CodeType, Callable[[], n.Program]]] = {}  # by the ``id`` of code that has failed
        self._nil_operands: NilOperands | None = None
        self._probes: Probes | None = None
        self._watcher: Watcher | None = None
        self._sealed: dict[int, _Part] = {}  # the loads whose code relies on its procedures not being replaced
        self.late_bodies: dict[int, LateBodies] = {}
        self.first_calls: dict[int, FirstCalls] = {}
        self.programs: list[LoadedProgram] = []
        self.contents: list[str | bytes] = []  # of each program, its text
        self.commands: list[str] = []
        self.texts: dict[str, str | bytes] = {}
        self._files: dict[
            Identity, tuple[str, int, int]
        ] = {}  # of each file that is loaded, its name and `_content_key`

    def use_disk(self, cache: bool | str | os.PathLike[str], sandbox: Path | None) -> list[str]:
        """Caches the host's programs on disk too; returns the paths that scripts must not access because of that."""
        from neuroscript.cache.disk import cache_directory, open_cache
        from neuroscript.user_directories import KEY

        self._disk = open_cache(cache, sandbox)
        directory = cache_directory(cache)
        return [directory, f"{directory}{KEY}*"] if directory else []

    def probe(self, probes: Probes) -> None:
        """Has what is loaded from now on report what it does, for tests; such code is slower, and not kept on disk."""
        from neuroscript.runtime.assertions import explained, note

        self._probes = probes
        namespace = self._runtime.namespace
        namespace[abi.NOTE] = note
        namespace[abi.MUST_EXPLAINED] = partial(explained, namespace[abi.MUST])
        if probes.covered is not None:
            namespace[abi.COVERED] = probes.covered

    def watch(self, watcher: Watcher) -> None:
        """Tells a watcher what programs that are loaded from now on do; their code is slower, and not kept."""
        from neuroscript.runtime.watching import install

        self._watcher = watcher
        install(self._runtime, watcher)

    def tell_compiled(self, name: str, source: str | bytes, resolved: Resolved) -> None:
        """Tells the watcher, if there is one, of a program that is compiled."""
        if self._watcher is None:
            return
        from neuroscript.compiler.traversal import places_of

        places = [place for body in resolved.bodies for place in places_of(body.block, body.handler_of)]
        self._watcher.compiled(name, source if isinstance(source, str) else source.decode("utf-8", "replace"), places)

    def load(self, text: ProgramText, replace: bool = False, *, commands_wanted: bool = False) -> LoadedProgram:
        """Loads a program and all that it uses, as a whole or not at all; the caller has to hold other threads off.

        Raises:
            NeuroScriptError: as `Interpreter.load` does; 19 for a library where command blocks are wanted.
        """
        parts: list[_Part] = []
        before = None
        while before is None or self._loads != before + len(parts):
            before = self._loads  # linking a tool may load a plugin, which may load a program of its own
            parts = self._parts(text, replace)
        program, compiled = parts[-1].program, parts[-1].compiled
        if commands_wanted and not compiled.commands:
            self._refuse_library(parts, text.name)
        for part in parts:
            deferred = part.compiled.deferred
            codes = part.compiled.codes + part.compiled.general if deferred is None else deferred.codes
            self.keep_text(codes, len(part.content), partial(self._parsed, part.content, part.program.name))
        self._install(parts)
        log = listener("neuroscript.run", DEBUG)
        if log is not None:
            count = len(program.procedures)
            fields = {"event": "loaded", "file": text.name, "procedures": count}
            log.debug("%s is loaded, with %d procedures", text.name or "a program", count, extra=fields)
        return program

    def load_all(self, texts: Iterable[tuple[str, str | bytes]]) -> None:
        """Loads the programs of another interpreter, by their names and `contents` there, which read no file.

        What one of them uses stands before it, and a procedure that several define is the last one's, as it was there.
        """
        for name, content in texts:
            self._install([self._part(content, name, None, True)])

    def _refuse_library(self, parts: list[_Part], name: str) -> None:
        """Raises error 19 for a program that has definitions, in itself or in what it uses, and nothing to execute."""
        procedures = [procedure for part in reversed(parts) for procedure in part.program.procedures]
        if not procedures and not any(part.compiled.start for part in parts):
            return
        use = f"run({procedures[0].name!r})" if procedures else "emit_event(…)"
        message = f"{name} is a library: it has no command blocks to execute; use load(…), then {use}"
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)

    def _parts(self, text: ProgramText, replace: bool) -> list[_Part]:
        """Compiles a program and the files that it uses, each after those that it uses."""
        main = self._part(text.content, text.name, identity_of(text), replace)
        if not may_use(main.program.metadata):
            return [main]
        from neuroscript.uses import following, without_lines

        interpreter = self._runtime.interpreter

        def read(file: SourceFile) -> tuple[_Part, list[tuple[str, str]], bool]:
            if not self._runtime.running:  # else a script would decide how much is kept
                self.texts[file.name] = file.content
            part = self._part(file.content, file.name, file.identity, replace)
            return part, part.program.metadata, bool(part.compiled.commands)

        def is_loaded(file: SourceFile) -> bool:
            return file.identity is not None and self._is_loaded(file.content, file.identity)

        try:
            file, follower = following(interpreter, text, _raise)
            parts = [part for _, part in follower.follow(file, main, main.program.metadata, read, is_loaded)]
            self._refuse_duplicates(parts)
        except NeuroScriptSyntaxError as error:
            raise NeuroScriptSyntaxError(without_lines(interpreter, error.diagnostics, text.name)) from None
        return parts

    def _part(self, content: str | bytes, name: str, identity: Identity | None, replace: bool) -> _Part:
        circumstances, disk = self._circumstances(name, replace), self._disk_for_load()
        try:
            entry = self.entry(content, name, replace)
        except NeuroScriptSyntaxError as error:
            before = self._before_change(content, name, identity) if identity is not None else ""
            if not before:
                raise
            raise NeuroScriptSyntaxError(self._told_of_change(error.diagnostics, name, before)) from None
        load = self._loads
        complete = partial(self._complete, content, circumstances, disk, entry, load)
        return _Part(content, identity, entry.program, entry.compiled, load, complete)

    def _is_loaded(self, content: str | bytes, identity: Identity) -> bool:
        """Whether a file is loaded with this content."""
        loaded = self._files.get(identity)
        return loaded is not None and loaded[1:] == _content_key(content)

    def _before_change(self, content: str | bytes, name: str, identity: Identity) -> str:
        """The name under which a file is loaded with another content; empty if it is not.

        An editor may have written it anew, as another file of the same name.
        """
        loaded = self._files.get(identity) or next((one for one in self._files.values() if one[0] == name), None)
        return loaded[0] if loaded is not None and loaded[1:] != _content_key(content) else ""

    def _told_of_change(self, found: Iterable[Diagnostic], name: str, before: str) -> list[Diagnostic]:
        """The errors of a file that has changed since it was loaded; that its own procedures are there is one of them.

        Args:
            found: the errors.
            name: of the file.
            before: its name when it was loaded.
        """
        from dataclasses import replace

        told = []
        for one in found:
            procedure = self._runtime.procedures.get(one.source_line[one.column - 1 : one.end_column - 1])
            if one.code == ErrorCode.DUPLICATE and procedure is not None and procedure.file == before:
                message = f"{name} has changed since it was loaded, and procedure '{procedure.name}' is defined already"
                hint = "load the program into a new interpreter, or with `load(…, replace=True)`"
                one = replace(one, message=message, hint=hint)
            told.append(one)
        return told

    def _refuse_duplicates(self, parts: list[_Part]) -> None:
        """Raises error 42, as the front end does, for a procedure that two of the files define."""
        known: dict[str, LoadedProcedure] = {}
        for part in parts:
            names = {procedure.name: procedure for procedure in part.program.procedures}
            if not known.keys().isdisjoint(names):
                from neuroscript.compiler.build import front_end

                front_end(part.content, part.program.name, self._limits, known)
            known.update(names)

    def _circumstances(self, name: str, replace: bool) -> _Circumstances:
        """What the code of a program depends on, besides the program and its tools."""
        return name, replace, self._loads, tuple(sorted(self._runtime.globals)), self._limits

    def _disk_for_load(self) -> DiskCache | None:
        """The cache on disk for the program that is loaded now."""
        # What a script loads is its own text, with which it shall not fill the user's disk.
        kept = self._probes is None and self._watcher is None and not self._runtime.running
        return self._disk if kept else None

    def entry(self, source: str | bytes, name: str, replace: bool) -> Entry:
        """Returns a program and its code, from the cache if it was compiled under the same conditions before."""
        runtime = self._runtime
        circumstances, disk = self._circumstances(name, replace), self._disk_for_load()
        key = source, circumstances, self._probes
        entry = _CACHE.find(key, runtime) if self._watcher is None else None
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
            return entry
        from neuroscript.compiler.build import back_end, deferred, front_end, loaded_program
        from neuroscript.syntax.parser import no_collection

        linker = RecordingLinker(runtime)
        with no_collection():  # not between the two either, over a whole program's tree
            resolved = front_end(source, name, self._limits, {} if replace else runtime.procedures)
            program = loaded_program(resolved.program)
            if self._probes is not None and self._probes.compiled is not None:
                from neuroscript.compiler.traversal import lines_of

                self._probes.compiled(name, lines_of(body.block for body in resolved.bodies))
            self.tell_compiled(name, source, resolved)
            defers = self._probes is None and self._watcher is None
            unit = self.compilation_unit(program.procedures, linker, defers=defers)
            if defers and disk is None:
                compiled = deferred(resolved, unit, partial(front_end, source, name, self._limits, {}))
            else:  # what is kept on disk is compiled once for many processes
                compiled = back_end(resolved, unit)
        linker.close()
        entry = Entry(program, compiled, linker.links, len(source))
        if self._watcher is None:
            _CACHE.keep(key, entry)
        if disk is not None:
            disk.keep(source, circumstances, entry)
        return entry

    def _complete(
        self, source: str | bytes, circumstances: _Circumstances, disk: DiskCache | None, entry: Entry, load: int
    ) -> Compiled:
        """Makes the general bodies that a program's code leaves out, and keeps them in the caches.

        Whatever has been defined or changed since the program was loaded: they are the bodies of then.
        """
        from neuroscript.compiler.build import complete, front_end
        from neuroscript.syntax.parser import no_collection

        name, _, _, globals_then, limits = circumstances
        linker = RecordedLinker(entry.links)
        key = source, circumstances, None
        found = _CACHE.find(key, linker)
        if found is not None and found.compiled.general:  # another interpreter has called one of them
            compiled = found.compiled
        else:
            with no_collection():
                resolved = front_end(source, name, limits, {})
                unit = self.compilation_unit(
                    entry.program.procedures, linker, load=load, names=globals_then, watches=False
                )
                compiled = complete(resolved, unit, entry.compiled)
            made = Entry(entry.program, compiled, entry.links, entry.length)
            _CACHE.keep(key, made)
            if disk is not None:
                disk.keep(source, circumstances, made)
        self._runtime.link_calls(compiled.calls)
        for place, (codes, length, parsed) in enumerate(self._texts):
            if codes == entry.compiled.codes:
                self._texts[place] = codes + compiled.general, length, parsed
        return compiled

    def _install(self, parts: list[_Part]) -> None:
        runtime = self._runtime
        procedures = [(procedure, part.load) for part in parts for procedure in part.program.procedures]
        for procedure, _ in procedures:
            if runtime.running and procedure.name in runtime.procedures:  # it may be one of those that are running
                message = f"procedure '{procedure.name}' cannot be replaced while a run is going on"
                raise NeuroScriptError(ErrorCode.WRITE_VIOLATION, message)
        unsealed = self._unsealed({procedure.name for procedure, _ in procedures})
        before = runtime.namespace.copy(), runtime.procedures.copy(), runtime.events.snapshot(), len(self.programs)
        for part, codes, kept, _ in unsealed:
            for code in codes:
                exec(code, runtime.namespace)
            for procedure in kept:
                runtime.define(procedure.name, procedure, part.load)
        for part in parts:
            self._define(part)
        for procedure, load in procedures:
            runtime.define(procedure.name, procedure, load)
        if unsealed:
            runtime.unlink_values()
        for calls in (*[found[-1] for found in unsealed], *[part.compiled.calls for part in parts]):
            runtime.link_calls(calls)
        starts = [part.compiled.start for part in parts if part.compiled.start]
        try:
            if starts:
                with runtime.run() as depth:
                    for start in starts:
                        runtime.namespace[start](depth, None)
        except BaseException:  # raised again, once what was begun is undone
            namespace, runtime.procedures, handlers, programs = before
            for key in runtime.namespace.keys() - namespace.keys():
                if not key.startswith(_TOOLS):
                    del runtime.namespace[key]
            old = ((key, value) for key, value in namespace.items() if key != abi.FUEL and not key.startswith(_TOOLS))
            runtime.namespace.update(old)
            runtime.events.restore(handlers)
            runtime.unlink_values()
            del self.programs[programs:]
            del self.contents[programs:]
            for part in parts:
                self._forget_late(part.load)
            for first in self.first_calls.values():
                first.define_again()
            runtime.link_again()
            raise
        for part, *_ in unsealed:
            del self._sealed[part.load]
            self._forget_late(part.load)
        self._sealed.update((part.load, part) for part in parts if part.compiled.sealed)
        self.commands = list(parts[-1].compiled.commands)
        self.programs += [part.program for part in parts]
        self.contents += [part.content for part in parts]
        for part in parts:
            if part.identity is not None:
                self._files[part.identity] = part.program.name, *_content_key(part.content)

    def _define(self, part: _Part) -> None:
        """Puts the functions of a program into the namespace."""
        namespace, compiled = self._runtime.namespace, part.compiled
        for code in compiled.codes + compiled.general:
            exec(code, namespace)
        if compiled.deferred is not None:
            self._define_deferred(part, compiled.deferred)
        waiting = {name: namespace.pop(abi.late(part.load, name)) for name in compiled.late}
        if waiting and not compiled.general:
            namespace.update((abi.PROCEDURE + name, function) for name, function in waiting.items())
            self.late_bodies[part.load] = LateBodies(waiting, lambda: part.complete().general)

    def _define_deferred(self, part: _Part, deferred: Deferred) -> None:
        """Puts what stands for the procedures of a program into the namespace, until they are called."""

        def general() -> tuple[CodeType, ...]:
            made = deferred.general()
            self._runtime.link_calls(made.calls)
            return made.codes

        late = self.late_bodies[part.load] = LateBodies({}, general)
        calls = self.first_calls[part.load] = FirstCalls(self._runtime, part.load, deferred, late)
        calls.define(part.program.procedures)

    def compile_all(self) -> None:
        """Makes the code of all procedures that have not been called, which their first calls would wait for."""
        from neuroscript.syntax.parser import no_collection

        with no_collection():  # not after each procedure either
            for calls in [*self.first_calls.values()]:
                calls.make_all()

    def _forget_late(self, load: int) -> None:
        self.late_bodies.pop(load, None)
        self.first_calls.pop(load, None)

    def _unsealed(self, names: set[str]) -> list[_Unsealed]:
        """Compiles the programs again whose code relies on procedures that are about to be replaced.

        Args:
            names: the procedures.

        Returns:
            The programs, each with its code that relies on nothing, with those of its procedures that it is for, and
            with its calls of what it does not define.
        """
        found: list[_Unsealed] = []
        runtime = self._runtime
        for part in self._sealed.values():
            own = [one for one in part.program.procedures if runtime.procedures.get(one.name) is one]
            if names.isdisjoint(one.name for one in own):
                continue
            kept = [one for one in own if one.name not in names]
            if not kept:
                found.append((part, [], kept, ()))
                continue
            for one in own:  # of what has not been called, nothing is known yet
                runtime.add_specialised(one.name, abi.specialised(part.load, one.name))
            from neuroscript.compiler.build import back_end, front_end

            resolved = front_end(part.content, part.program.name, self._limits, {})
            unit = self.compilation_unit(part.program.procedures, load=part.load, sealed=False)
            mine = {abi.PROCEDURE + one.name for one in kept}
            compiled = back_end(resolved, unit)
            codes = [code for code in compiled.codes if not mine.isdisjoint(_functions(code))]
            self.keep_text(tuple(codes), len(part.content), partial(self._parsed, part.content, part.program.name))
            found.append((part, codes, kept, compiled.calls))
        return found

    # --- failures ----------------------------------------------------------------------------------------------------

    def keep_text(self, codes: Sequence[CodeType], length: int, parsed: Callable[[], n.Program]) -> None:
        """Keeps the text of a program, or of a session's input, so that errors can name its expressions.

        Args:
            codes: its code; more may be added to it later.
            length: its length.
            parsed: gives its tree.
        """
        texts = self._texts
        texts.append((codes, length, parsed))
        while len(texts) > 1 and (len(texts) > _MOST_TEXTS or sum(size for _, size, _ in texts) > _MOST_TEXT):
            del texts[0]
            self._text_of.clear()

    def told_of_nil(self, frame: FrameType, span: tuple[int, int, int, int]) -> str:
        """Says which expression was nil in the operation at a place; empty if that is not known."""
        code = frame.f_code
        known = self._text_of.get(id(code))
        if known is None:
            parsed = next((parsed for codes, _, parsed in reversed(self._texts) if _holds(codes, code)), None)
            if parsed is None:
                return ""
            known = self._text_of[id(code)] = code, parsed
        from neuroscript.compiler.nil_operands import NilOperands

        if self._nil_operands is None:
            self._nil_operands = NilOperands(self._runtime.interpreter.tools)
        variables = frame.f_locals
        try:
            return self._nil_operands.told(known[1], span, variables)
        except RecursionError:
            return ""  # deep in a recursion there is no room for parsing, and the error is told without it
        finally:
            if type(variables) is dict:
                variables.clear()  # a copy that the frame would keep, and each value in it would count as shared

    def _parsed(self, source: str | bytes, name: str) -> n.Program:
        from neuroscript.syntax.parser import parse

        return parse(source, name, self._limits)

    def compilation_unit(
        self,
        own: Iterable[LoadedProcedure] = (),
        linker: Linker | None = None,
        *,
        load: int | None = None,
        sealed: bool = True,
        watches: bool = True,
        names: Iterable[str] | None = None,
        defers: bool = False,
    ) -> Unit:
        """Makes the environment that the next program or session input is compiled against, and numbers the load.

        Args:
            own: the procedures that it defines.
            linker: links the tools; by default the runtime.
            load: the number of the load, of a program that is compiled again.
            sealed: whether its code may rely on its procedures not being replaced.
            watches: whether its code tells the watcher, if there is one.
            names: of the host's values, for a program that is compiled again; by default those there are.
            defers: whether general bodies that the program itself does not call are left for later.
        """
        from neuroscript.compiler.unit import Unit

        runtime = self._runtime
        probes = self._probes if names is None else None  # no code with probes leaves anything for later
        if load is None:
            self._loads += 1
        return Unit(
            self._loads if load is None else load,
            frozenset(runtime.globals if names is None else names),
            {procedure.name: procedure.signature for procedure in own},
            linker or runtime,
            runtime.operations.max_items,
            runtime.operations.max_string,
            self._limits.max_depth,
            sealed,
            min(runtime.operations.max_nesting - 1, _MOST_LEVELS),
            runtime.operations.max_nesting,
            explains=probes is not None,
            covers=probes is not None and probes.covered is not None,
            watches=watches and self._watcher is not None,
            defers=defers,
        )


def _content_key(content: str | bytes) -> tuple[int, int]:
    """Tells a content from all others."""
    return len(content), hash(content)


def _raise(error: NeuroScriptSyntaxError) -> NoReturn:
    raise error


def _functions(module: CodeType) -> set[str]:
    """The general functions of the procedures whose versions a module defines."""
    return {abi.general(name) or name for name in module.co_names}


def _holds(codes: Sequence[object], code: CodeType) -> bool:
    """Whether code is among other code, or is that of a function in it."""
    return any(each is code or _holds(each.co_consts, code) for each in codes if isinstance(each, type(code)))
