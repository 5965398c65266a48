"""Links procedures to generated code: each under its name in the namespace, whenever it is loaded.

Code calls what its program does not define by name and without a look at the signature.  Until there is a procedure, a
function stands under its name that finds out what the name means; and where a procedure does not take the arguments
that some program passes, a function stands before it that says so.
"""

from __future__ import annotations

from functools import partial

from neuroscript.runtime import abi
from neuroscript.runtime.containers import UNSET
from neuroscript.runtime.operators import REPLACEABLE_BUILTINS
from neuroscript.runtime.tool_calls import bad_call
from neuroscript.values import TYPE_CONSTANTS, Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.interpreter import Interpreter
    from neuroscript.runtime.programs import LoadedProcedure, Signature

_CHECKED = "checks_arguments"  # marks the functions that `_checked` makes


class ProcedureLinks:
    """The part of the runtime that links procedures."""

    interpreter: Interpreter
    namespace: dict[str, Any]

    def __init__(self) -> None:
        self.procedures: dict[str, LoadedProcedure] = {}
        self._specialised: dict[str, list[str]] = {}  # the functions of procedures' specialised bodies
        self._changed: set[str] = set()  # procedures that code exists for which knows them with another signature
        self._calls: dict[str, set[tuple[int, tuple[str, ...]]]] = {}  # by name, from programs that do not define it
        self._loads: dict[str, int] = {}  # the numbers of the loads that have defined the procedures
        self._functions: dict[str, Function] = {}  # the procedures that have been used as values
        self._fitting: dict[str, Function] = {}  # and those that programs have given to tools

    def function(self, name: str) -> Function:
        """A procedure as a value."""
        function = self._functions.get(name)
        if function is None:
            call = partial(self.interpreter.run, name)
            function = self._functions[name] = Function(name, call, self, self._unlinked(name), self._unlinked(name))
            self._link_fitting(function)
        return function

    def fitting(self, function: Function) -> Function:
        """A procedure as a value that enters the code for what its own program passes to it."""
        found = self._fitting.get(function.name)
        if found is None:
            entries = function.fitting
            found = self._fitting[function.name] = Function(function.name, function.call, self, entries, entries)
        return found

    def _link_fitting(self, function: Function) -> None:
        """Has a procedure as a value enter the code for what its own program passes, if there is some."""
        name = function.name
        if name not in self.procedures:
            return
        code = self.namespace.get(abi.fitting(self._loads[name], name))
        if code is not None:
            signature = self.procedures[name].signature
            for count in range(abi.ENTRIES):
                if signature.problem(count, []) is None:
                    function.fitting[count] = code

    def owns(self, function: Function) -> bool:
        """Whether a function value is one of this interpreter."""
        if function.owner is self:
            return True
        owner = getattr(getattr(function.call, "func", None), "__self__", None)
        return owner is self.interpreter or owner is self

    def _unlinked(self, name: str) -> list[Callable[..., Any]]:
        return [partial(self._enter, name, count) for count in range(abi.ENTRIES)]

    def _enter(self, name: str, count: int, depth: int, *args: Any) -> Any:
        """Calls a procedure that is a value with so many arguments for the first time."""
        if name not in self.procedures:
            return self.namespace[abi.CALL](depth + 1, UNSET, name, args, ())
        return self.entry(name, count)(depth, *args)

    def entry(self, name: str, count: int) -> Callable[..., Any]:
        """The code of a procedure that exists, for calls of it as a value with ``count`` positional arguments."""
        self.link_calls(((name, count, ()),))
        code: Callable[..., Any] = self.namespace[abi.PROCEDURE + name]
        if count < abi.ENTRIES:
            function = self.function(name)
            function.entries[count] = code
            if isinstance(function.fitting[count], partial):  # there is none for what its own program passes
                function.fitting[count] = code
        return code

    def _predicate(self, name: str) -> Callable[[int, Any], Any]:
        """A built-in function under the name of the procedure that may take its place.

        Code looks a function up before it evaluates the arguments, which may load the procedure; so it looks again.
        """
        function, namespace = REPLACEABLE_BUILTINS[name], self.namespace
        unreplaced, procedure = abi.UNREPLACED + name, abi.PROCEDURE + name

        def call(depth: int, value: Any) -> Any:
            return function(value) if namespace[unreplaced] else namespace[procedure](depth, value)

        return call

    def unlink_values(self) -> None:
        """Has procedures that are values looked up anew: definitions have changed."""
        for name, function in self._functions.items():
            function.entries[:] = self._unlinked(name)
            function.fitting[:] = self._unlinked(name)

    def unlink_value(self, name: str) -> None:
        """Has a procedure that is a value looked up anew."""
        function = self._functions.get(name)
        if function is not None:
            function.entries[:] = self._unlinked(name)
            function.fitting[:] = self._unlinked(name)
            self._link_fitting(function)

    def add_specialised(self, name: str, identifier: str) -> None:
        """Notes that the function of a procedure's specialised body is in the namespace."""
        functions = self._specialised.setdefault(name, [])
        if identifier not in functions:
            functions.append(identifier)

    def define(self, name: str, procedure: LoadedProcedure, load: int) -> None:
        """Registers a procedure whose code, made by the load of that number, is in the namespace."""
        old = self.procedures.get(name)
        if old is not None and old.signature != procedure.signature:
            self._changed.add(name)
        self.procedures[name] = procedure
        self._loads[name] = load
        self.unlink_value(name)
        if any(procedure.signature.problem(count, list(names)) for count, names in self._calls.get(name, ())):
            self._changed.add(name)
        if name in self._changed:
            self.namespace[abi.PROCEDURE + name] = _checked(self.namespace[abi.PROCEDURE + name], procedure.signature)
        if name in REPLACEABLE_BUILTINS:
            self.namespace[abi.UNREPLACED + name] = False
        if name in TYPE_CONSTANTS:
            self.namespace[abi.CONSTANT + name] = self.function(name)
        functions = self._specialised.setdefault(name, [])
        special = abi.specialised(load, name)
        for replaced in functions:
            if replaced != special:
                self.namespace[replaced] = self.namespace[abi.PROCEDURE + name]
        if special in self.namespace:
            self.add_specialised(name, special)

    def link_calls(self, calls: tuple[tuple[str, int, tuple[str, ...]], ...]) -> None:
        """Links the calls of a program to procedures that it does not define: those there are, and those to come.

        A call is made without a look at the signature; where the two do not fit, the procedure looks for itself.
        """
        for name, count, names in calls:
            self._calls.setdefault(name, set()).add((count, names))
            identifier = abi.PROCEDURE + name
            loaded = self.procedures.get(name)
            if name in REPLACEABLE_BUILTINS:
                self.namespace.setdefault(abi.UNREPLACED + name, loaded is None)
            if loaded is None:
                if identifier not in self.namespace:
                    made = self._predicate if name in REPLACEABLE_BUILTINS else self._late_procedure
                    self.namespace[identifier] = made(name)
            elif loaded.signature.problem(count, list(names)) is not None:
                function = self.namespace[identifier]
                if not hasattr(function, _CHECKED):
                    self._changed.add(name)
                    self.namespace[identifier] = _checked(function, loaded.signature)

    def link_again(self) -> None:
        """Links all calls of programs once more, after a load that failed and whose names are gone."""
        for name, calls in self._calls.items():
            self.link_calls(tuple([(name, *call) for call in calls]))

    def _late_procedure(self, name: str) -> Callable[..., Any]:
        """What is called under the name of a procedure until there is one."""

        def call(depth: int, *args: Any, **named: Any) -> Any:
            names = tuple(key.removeprefix(abi.VARIABLE) for key in named)
            return self.namespace[abi.CALL](depth + 1, UNSET, name, (*args, *named.values()), names)

        return call


def _checked(function: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    """A procedure for callers that may have been compiled for another signature of it."""

    def call(depth: int, *args: Any, **named: Any) -> Any:
        problem = signature.problem(len(args), [name.removeprefix(abi.VARIABLE) for name in named])
        if problem is not None:
            bad_call(f"{signature.name}() {problem}; it is {signature}")
        return function(depth, *args, **named)

    setattr(call, _CHECKED, True)
    return call
