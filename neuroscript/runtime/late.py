"""Procedures, and general bodies of procedures, whose code is made when they are called for the first time.

A program's procedures wait for their first calls (`FirstCalls`).  And where a program calls its procedures with known
types, their general bodies are for calls from elsewhere, and of most there are none (`LateBodies`).  Until there is a
call, a small function stands in the place of the code, which is quickly made.  The first call makes the code and gives
it to that function: whoever holds one, as a value or behind a check of arguments, has the code then.
"""

from __future__ import annotations

import sys
import threading
from types import FunctionType

from neuroscript.runtime import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType
    from typing import Any, Protocol

    from neuroscript.runtime.programs import Deferred, LoadedProcedure

    class Namespace(Protocol):
        """The part of the runtime that the functions of procedures are in."""

        namespace: dict[str, Any]

        def link_calls(self, calls: tuple[tuple[str, int, tuple[str, ...]], ...]) -> None:
            """Links the calls of code that has been made."""

        def add_specialised(self, name: str, identifier: str) -> None:
            """Notes that a procedure has a specialised body."""

        def unlink_value(self, name: str) -> None:
            """Has a procedure that is a value looked up anew."""


_DEEP = 100  # Python frames from which on a compiler may not have enough of those that are left


def with_room(work: Callable[[], None]) -> None:
    """Does some work of the compiler's: deep in a recursion in a thread of its own, since there is no room for it here.

    It is done in this thread all the same where no other can be started, as at the end of a process.
    """
    try:
        sys._getframe(_DEEP)
    except ValueError:
        work()
        return
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:  # raised in the thread that waits
            failures.append(failure)

    thread = threading.Thread(target=run, name="neuroscript-compiler", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        run()
    else:
        thread.join()
    try:
        for failure in failures:
            raise failure
    finally:
        failures.clear()  # this frame is in the traceback, and would keep the failure alive


class LateBodies:
    """The general bodies that one program has left out.

    Args:
        functions: what stands for them, by procedure; there may be more of them later.
        make: makes the modules that define them.
    """

    def __init__(self, functions: dict[str, FunctionType], make: Callable[[], tuple[CodeType, ...]]) -> None:
        self._functions = functions
        self._make = make
        self._made: dict[str, FunctionType] = {}
        self._lock = threading.Lock()

    def function(self, name: str) -> FunctionType:
        """The function of a general body, which has the body's code from now on."""
        if name not in self._made:
            with_room(self._fill)
        return self._functions[name]

    def add(self, name: str, function: FunctionType) -> None:
        """Adds what stands for a general body."""
        with self._lock:
            self._functions[name] = function
            made = self._made.get(name)
            if made is not None:
                function.__code__ = made.__code__

    def _fill(self) -> None:
        with self._lock:
            if self._made:
                return
            found: dict[str, FunctionType] = {}
            for code in self._make():
                exec(code, {"__builtins__": {}}, found)
            self._made = {name.removeprefix(abi.PROCEDURE): function for name, function in found.items()}
            for name, function in self._functions.items():
                function.__code__ = self._made[name].__code__


class FirstCalls:
    """The procedures of one program, as it was loaded into one interpreter, that wait for their first calls.

    Args:
        runtime: where their functions are to be.
        load: the number of the load.
        deferred: makes their code.
        late: the general bodies that their code leaves out.
    """

    def __init__(self, runtime: Namespace, load: int, deferred: Deferred, late: LateBodies) -> None:
        self._runtime = runtime
        self._load = load
        self._deferred = deferred
        self._late = late
        self._waiting: dict[str, LoadedProcedure] = {}
        self._stubs: dict[str, FunctionType] = {}  # what stands for the functions, by their names
        self._more: dict[str, Any] = {}  # what else the namespace has for them, from the first call on
        self._lock = threading.RLock()

    def define(self, procedures: Iterable[LoadedProcedure]) -> None:
        """Puts what stands for the procedures into the namespace."""
        for procedure in procedures:
            self._waiting[procedure.name] = procedure
            self._stub(procedure, abi.PROCEDURE + procedure.name)
        self._add_specialised()

    def define_again(self) -> None:
        """Puts back what the procedures have in the namespace besides, after a load that failed."""
        for identifier, value in self._more.items():
            self._runtime.namespace.setdefault(identifier, value)

    def function(self, identifier: str) -> FunctionType:
        """The function of a procedure under a name, which has the procedure's code from now on."""
        function = self._stubs[identifier]
        name = function.__code__.co_name.partition("_")[2]
        if name in self._waiting:
            with_room(lambda: self._make(name))
        return function

    def make_all(self) -> None:
        """Makes the code of all procedures that have not been called."""
        for name in [*self._waiting]:
            self._make(name)

    def _stub(self, procedure: LoadedProcedure, identifier: str) -> FunctionType:
        namespace = self._runtime.namespace
        defaults = (None,) * len(procedure.signature.optional)
        function = FunctionType(self._deferred.stub(procedure.name, identifier), namespace, identifier, defaults)
        self._stubs[identifier] = namespace[identifier] = function
        return function

    def _make(self, name: str) -> None:
        with self._lock:
            if name not in self._waiting:
                return
            made = self._deferred.code(name)
            self._add_specialised()
            found: dict[str, Any] = {}
            for code in made.codes:
                exec(code, self._runtime.namespace, found)
            late = found.pop(abi.late(self._load, name), None)
            self._runtime.link_calls(made.calls)
            for identifier, value in found.items():
                self._put(identifier, value)
            if late is not None:
                stub = self._stubs[abi.PROCEDURE + name]
                stub.__code__ = late.__code__
                self._late.add(name, stub)
            self._runtime.unlink_value(name)
            del self._waiting[name]

    def _add_specialised(self) -> None:
        """Adds what stands for specialised bodies, once it is known which there are: code that is made calls them."""
        if self._more:
            return
        for name, identifier in self._deferred.specialised.items():
            if name in self._waiting:
                self._more[identifier] = self._stub(self._waiting[name], identifier)
                self._runtime.add_specialised(name, identifier)

    def _put(self, identifier: str, value: Any) -> None:
        """Puts something into the namespace; where a function has stood for it, that gets its code."""
        namespace, stub = self._runtime.namespace, self._stubs.get(identifier)
        if stub is not None:
            stub.__code__ = value.__code__
        if stub is None or namespace.get(identifier) is stub:
            namespace[identifier] = value
        if stub is None or identifier in self._more:
            self._more[identifier] = value
