"""Runs a program under a journal: claims its run, answers from the journal, and writes how it ended."""

from __future__ import annotations

import hashlib
import secrets
import sys
from functools import partial
from typing import TYPE_CHECKING

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.entries import FAILED, REFUSED, RETURNED, SUSPENDED, Header
from neuroscript.journal.replay import JournaledRun
from neuroscript.journal.sharing import share_again
from neuroscript.output import whole_text
from neuroscript.runtime.context import METER, SHARED_BUDGET
from neuroscript.values import Handle, from_host
from neuroscript.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.cancellation import CancelToken
    from neuroscript.interpreter import Interpreter
    from neuroscript.journal.store import JournalStore


def run_journaled(
    interpreter: Interpreter,
    journal: JournalStore | None,
    run_id: str | None,
    procedure: str,
    values: list[Any],
    names: list[str],
    call: Callable[[int], Any],
    cancel: CancelToken | None,
) -> Any:
    """Runs a procedure, or goes on with its run.

    Args:
        interpreter: which has loaded the program.
        journal: where the calls are kept.
        run_id: the name of the run there.
        procedure: its name; empty for command blocks.
        values: its arguments, values of the language.
        names: the names of the last ones.
        call: calls it; takes the call depth that is left.
        cancel: ends the run when it is cancelled.

    Returns:
        its result, a value of the language; of a run that has returned before, what that gave.

    Raises:
        NeuroScriptError: as `Interpreter.run`; 19 and 42 as `JournalStore.claim`; 19 where it took another way than the
            journal, or is at a call of which nobody knows whether it was made.
    """
    if journal is None or not run_id:
        missing = "journal" if journal is None else "run_id"
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"a journaled run needs run_id and journal; {missing} is missing"
        )
    for path in journal.private_paths():
        interpreter.protect(path)
    if whole_text(run_id) != run_id:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"the run_id {run_id!r} is no text: it has halves of characters")
    border = _Border(interpreter)
    terms, runtime = journal.terms_of(run_id), interpreter.runtime
    events = [(name, from_host(payload)) for name, payload in terms.events]
    given = [values, names, *([list(map(list, events))] if events else [])]
    header = _header(interpreter, procedure, given, border)
    info = journal.claim(run_id, header, other_program=terms.other_program)
    approver = None
    if interpreter.approver is not None:
        approver = partial(runtime.call_host, "the host's approver", interpreter.approver)
    try:
        if info.state == RETURNED:
            return codec.decode(info.result, border)
        if info.state == REFUSED:
            why = f": {info.why}" if info.why else ""
            raise NeuroScriptError(ErrorCode.CANCELLED, f"the run {run_id!r} was cancelled{why}; it is never resumed")
        state, stored, why = FAILED, "", "it was interrupted"
        hooks = approver, interpreter.piece_kinds, interpreter.lost_calls
        run = JournaledRun(journal, info, border, runtime.fuel.stop, _firing(interpreter), *hooks)
        try:
            services = interpreter.services
            share_again(run, journal, services.get(SHARED_BUDGET), services.get(METER))
            with runtime.run(cancel=cancel) as depth:
                runtime.whispered.clear()  # what an earlier run left is not in the journal
                runtime.use_journal(run)
                try:
                    for name, payload in events:
                        runtime.fire(name, payload, "host", joining=True)
                    result = call(depth)
                    run.check_met()
                    run.has_returned = True
                finally:
                    runtime.use_journal(None)
            state, stored, why = RETURNED, codec.encode(result, border), ""
        except NeuroScriptError as error:
            state, why = (SUSPENDED, error.message) if run.is_suspended else (FAILED, str(error))
            stored = codec.encode_error(error)
            raise
        finally:
            run.settle()
            journal.finish(run_id, info.fence, state, stored, whole_text(why))
        return result
    finally:
        journal.release(run_id)


def _header(interpreter: Interpreter, procedure: str, arguments: list[Any], border: _Border) -> Header:
    globals_ = codec.digest(from_host(dict(interpreter.runtime.globals)), border)
    program = hashlib.blake2b(digest_size=16)
    loader = interpreter.loader
    for content in loader.contents:  # not their names, which differ with the directory that a run is started in
        text = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        program.update(b"%d " % len(text) + text)
    python = ".".join(map(str, sys.version_info[:3]))
    versions = f"neuroscript {__version__}, Python {python}"
    return Header(
        procedure, codec.encode(arguments, border), globals_, program.hexdigest(), secrets.token_hex(16), versions
    )


def _firing(interpreter: Interpreter) -> Callable[[str, Any, str], None]:
    return lambda name, payload, source: interpreter.runtime.fire(name, payload, source, joining=True)


class _Border:
    """Finds the functions and handles of a journal in an interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def handle_name(self, handle: Handle) -> str:
        """The name of a handle, by the part of the host that makes handles of its kind."""
        return self._interpreter.handles.name_of(handle)

    def handle(self, kind: str, name: str) -> Handle:
        """A handle of a kind for what has that name."""
        return self._interpreter.handles.named(kind, name)

    def function(self, name: str) -> Any:
        """A procedure of the program."""
        return self._interpreter.runtime.name(name)
