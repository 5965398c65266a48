"""The registry of tools that programs may call.

Registries are layered: the standard tools are one frozen registry that all interpreters share, and each interpreter
adds its own on top.  Making a layer costs nothing, and a group of standard tools is imported when its first tool is
looked up.
"""

from __future__ import annotations

import importlib
import threading
from types import FunctionType

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import field, record
from neuroscript.tools.awaiting import wait_for
from neuroscript.tools.descriptions import failure_of
from neuroscript.tools.spec import ArgType, ToolSpec
from neuroscript.values import from_host, to_host, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeVar, overload

    from neuroscript.cancellation import CancelToken
    from neuroscript.tools.policy import Policy
    from neuroscript.tools.python_types import PythonType
    from neuroscript.tools.validation import Validator

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        """What `typing` has, for type checkers alone."""
        return function


# Functions with *args or **kwargs, coroutines and generators (the flags of code objects in the module inspect).
_UNUSUAL = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
_CONTEXT_NAMES = ("ctx", "context")
_CONTAINERS = frozenset(kind for kind in ArgType if kind is ArgType.ANY or kind is ArgType.MAP or kind.item_type)


_RESULTS = {
    str(ArgType.INT): (int,),
    str(ArgType.FLOAT): (float, int),
    str(ArgType.STRING): (str,),
    str(ArgType.BOOL): (bool,),
    str(ArgType.NIL): (type(None),),
}


def checked_result(wanted: str, result: Any) -> Any:
    """Converts a tool's result to a value of the language, and compares it with the tool's annotation.

    Args:
        wanted: the type of the annotation, a plain one.
        result: what the tool returned.

    Raises:
        NeuroScriptError: 21 if it is of another type.
    """
    value = from_host(result)
    if type(value) not in _RESULTS[wanted]:
        message = f"the tool's result is annotated as {wanted}, and it gave a {type_name(value)}"
        raise NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, message)
    return value


@record(frozen=True)
class Tool:
    """A registered tool: its spec, its function, and the way to call the function.

    Args:
        spec: its description.
        function: takes the validated arguments in the order of the spec, after the call context if ``takes_context``.
        takes_context: whether the function's first parameter is the call context.
        is_async: whether the function gives an awaitable.
        shared_args: the positions whose values may be passed without a copy: those that cannot hold a list or map,
            those whose parameter is annotated ``Sequence`` or ``Mapping``, and all of a pure tool's.
        context_optional: whether the context may be None, as the parameter's annotation says.
    """

    spec: ToolSpec
    function: Callable[..., Any]
    takes_context: bool = False
    is_async: bool = False
    shared_args: frozenset[int] = frozenset()
    context_optional: bool = False
    _validator: Validator | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, spec: ToolSpec, function: Callable[..., Any]) -> Tool:
        """Makes a tool from a spec and a function.

        Raises:
            NeuroScriptError: 41 if the function cannot be called with the spec's arguments.
        """
        plain = _plain(spec, function)
        if plain is not None:
            return plain
        from neuroscript.tools.call_shape import CallShape

        shape = CallShape.of(spec, function)
        shared = frozenset(
            index
            for index, arg in enumerate(spec.args)
            if spec.pure
            or index in shape.shared
            or arg.python_type is not None  # converted, and so a copy
            or not (arg.type in _CONTAINERS or _collects(spec, index))
        )
        return cls(spec, shape.function, shape.takes_context, shape.is_async, shared, shape.context_optional)

    @property
    def validator(self) -> Validator:
        """The function that validates arguments, ``validate(args, named=None) -> list``; generated when first used."""
        if self._validator is None:
            from neuroscript.tools.validation import compile_validator

            object.__setattr__(self, "_validator", compile_validator(self.spec))
        assert self._validator is not None
        return self._validator

    def invoke(self, context: Any, validated: list[Any]) -> Any:
        """Calls the function with validated arguments and returns its result as a value of the language.

        Raises:
            NeuroScriptError: what the tool raised; 18 if it needs a context and there is none; 21 for any other
                exception of its code, which is the cause; 37 where it ran out of memory or stack.
        """
        args = validated
        if len(self.shared_args) < len(args):
            args = [value if i in self.shared_args else to_host(value) for i, value in enumerate(args)]
        if self.takes_context:
            if context is None and not self.context_optional:
                raise NeuroScriptError(
                    ErrorCode.CONFIGURATION,
                    f"{self.spec.full_name} needs an interpreter; pass context=interpreter.host_context()",
                )
            args = [context, *args]
        result = self._execute(args, getattr(context, "cancel_token", None) if self.is_async else None)
        if self.spec.python_result is not None:
            return self._result(self.spec.python_result, result)
        if self.spec.checks_result:
            return checked_result(str(self.spec.return_type), result)
        return result if self.spec.pure else from_host(result)

    def _result(self, python_type: PythonType, result: Any) -> Any:
        """Converts a result to a value of the language.

        Raises:
            NeuroScriptError: 21 if it is not of the type.
        """
        from neuroscript.tools.python_types import Misfit

        try:
            return python_type.write(result)
        except Misfit as misfit:
            message = f"{self.spec.full_name} gave a result that {misfit.predicate}"
            raise NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, message) from None
        except NeuroScriptError as error:
            if error.code != ErrorCode.TYPE:
                raise
            message = f"{self.spec.full_name} gave a result that is no {python_type.text}: {error.message}"
            raise NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, message) from None
        except Exception as error:  # of a validator or serializer of the host's
            raise failure_of(self.spec.full_name, error) from error

    def execute(self, *args: Any) -> Any:
        """Calls the function, and waits for its result if it is asynchronous.

        Raises:
            NeuroScriptError: as `invoke` does.
        """
        return self._execute(args, None)

    def _execute(self, args: list[Any] | tuple[Any, ...], cancel: CancelToken | None) -> Any:
        # A call with `*args` is two levels of C, and Python 3.12 has room for few of them in a recursion.
        try:
            result = self.function(*args)
            return wait_for(result, cancel) if self.is_async else result
        except NeuroScriptError:
            raise
        except Exception as error:  # a tool is foreign code: whatever it raises becomes the script's error
            raise failure_of(self.spec.full_name, error) from error


def _plain(spec: ToolSpec, function: Callable[..., Any]) -> Tool | None:
    """The tool of an ordinary pure function, made without inspecting its signature as `CallShape` does; else None.

    The standard tools are nearly all of that kind, and the first call of one should not wait for `inspect`'s ways.
    """
    if not spec.pure or type(function) is not FunctionType:
        return None
    code = function.__code__
    if code.co_kwonlyargcount or code.co_flags & _UNUSUAL:
        return None
    first = code.co_varnames[0] if code.co_argcount else ""
    takes_context = first in _CONTEXT_NAMES
    names = code.co_varnames[takes_context : code.co_argcount]
    if len(names) != len(spec.args) or any("ToolContext" in str(function.__annotations__.get(name)) for name in names):
        return None
    defaults = (*[None] * (len(names) - len(function.__defaults__ or ())), *(function.__defaults__ or ()))
    for arg, name, default in zip(spec.args, names, defaults, strict=False):
        exchanged = arg.name != name and (arg.name in names or name in _CONTEXT_NAMES)
        if exchanged or (default is not None and default != arg.default):
            return None  # perhaps a mistake, which `CallShape` explains
    optional = takes_context and "None" in str(function.__annotations__.get(first))
    return Tool(spec, function, takes_context, False, frozenset(range(len(spec.args))), optional)


def _collects(spec: ToolSpec, index: int) -> bool:
    return spec.variadic and index == len(spec.args) - 1


class ToolRegistry:
    """Holds tools by name; case does not matter, and a leading ``tool.`` is dropped.

    Args:
        parent: a registry whose tools are here too.  It is frozen, since layers share it.
        groups: modules to import when a tool of a group is first wanted; each has ``TOOLS``, a list of pairs of spec
            and function.
        policy: what `call` permits; the parent's if left out, everything if there is none.
    """

    __slots__ = ("_entries", "_frozen", "_groups", "_later", "_lock", "_parent", "policy", "version")

    def __init__(
        self,
        parent: ToolRegistry | None = None,
        *,
        groups: Mapping[str, str] | None = None,
        policy: Policy | None = None,
    ) -> None:
        # A pair becomes a Tool when it is first looked up; None hides a tool of the parent.
        self._entries: dict[str, Tool | tuple[ToolSpec, Callable[..., Any]] | None] = {}
        self._parent = parent
        self._frozen = False
        self._groups = {name.lower(): module for name, module in groups.items()} if groups else {}
        self._later: list[Callable[[], object]] = []
        self._lock = threading.RLock()
        self.policy = policy
        self.version = object()  # another one after each change of the registry itself; nothing changes in a parent
        if parent is not None:
            parent._frozen = True
            if policy is None:
                self.policy = parent.policy

    # --- changing --------------------------------------------------------------------------------------------------

    def register(self, spec: ToolSpec, function: Callable[..., Any]) -> Tool:
        """Adds a tool.

        Args:
            spec: its description.
            function: takes the arguments in the order of the spec, after the call context if its first parameter is
                named ``ctx`` or ``context`` or annotated ``ToolContext``.  It may be ``async``.

        Raises:
            NeuroScriptError: 42 if there is a tool of that name; 43 if this registry is frozen; 41 if the function
                cannot be called with the spec's arguments.
        """
        key = spec.name.lower()
        with self._lock:
            self._check_open(f"register {spec.full_name}")
            present = self._find(key)
            if present is not None:
                raise NeuroScriptError(
                    ErrorCode.DUPLICATE,
                    f"there is a tool {present.spec.full_name} already; unregister it first, or choose another name",
                )
            tool = Tool.of(spec, function)
            self._entries[key] = tool
            self.version = object()
            return tool

    @overload
    def tool(self, name: F, /) -> F: ...

    @overload
    def tool(self, name: str = "", /, **fields: Any) -> Callable[[F], F]: ...  # noqa: F811

    def tool(self, name: Any = "", /, **fields: Any) -> Any:  # noqa: F811
        """Decorator that registers a function as a tool, with a spec made by `ToolSpec.from_function`.

        Args:
            name: the group and the name; without one, and where it is used without parentheses, the function is the
                tool ``host.NAME`` by its own name.
            fields: further fields of `ToolSpec`, such as ``capabilities``.
        """

        def decorate(function: F) -> F:
            self.register(ToolSpec.from_function(name or default_name(function), function, **fields), function)
            return function

        if callable(name):
            function, name = name, ""
            return decorate(function)
        return decorate

    def add_groups(self, groups: Mapping[str, str]) -> None:
        """Adds groups of tools, each in a module with ``TOOLS`` that is imported when the group is first used.

        Raises:
            NeuroScriptError: 43 if this registry is frozen.
        """
        with self._lock:
            self._check_open(f"add the groups {', '.join(groups)}")
            self._groups.update((name.lower(), module) for name, module in groups.items())

    def unregister(self, name: str) -> None:
        """Removes a tool; a parent registry's tool is only hidden in this registry.

        Raises:
            NeuroScriptError: 3 if there is none; 43 if this registry is frozen.
        """
        with self._lock:
            self._check_open(f"unregister {name}")
            key = self.lookup(name).spec.name.lower()
            self.version = object()
            if self._parent is not None and self._parent._find(key) is not None:
                self._entries[key] = None
            else:
                del self._entries[key]

    def added(self) -> int:
        """How many tools and groups have been added to this registry itself, and loads nothing for it."""
        return len(self._entries) + len(self._groups)

    def own_tools(self) -> list[Tool]:
        """The tools that were registered with this registry itself, and those of its groups that have been loaded."""
        with self._lock:
            return [tool for tool in map(self._find, list(self._entries)) if tool is not None]

    def freeze(self) -> None:
        """Forbids all later changes.  Making a child registry does so too."""
        self._frozen = True

    def later(self, loader: Callable[[], object]) -> None:
        """Registers a ``loader`` of more tools, called once before a missing name is reported or tools are listed."""
        self._later.append(loader)

    def _check_open(self, what: str) -> None:
        if self._frozen:
            raise NeuroScriptError(
                ErrorCode.WRITE_VIOLATION,
                f"cannot {what}: this registry is shared and frozen; make a layer with ToolRegistry(parent)",
            )

    # --- looking up ------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Tool | None:
        """Returns the tool of a name, or None."""
        key = _key(name)
        tool = self._find(key)
        if tool is None:
            with self._lock:  # another thread may just be loading it
                tool = self._find(key)
                while tool is None and self._later:
                    self._load_more()
                    tool = self._find(key)
        return tool

    def _load_more(self) -> None:
        """Calls the next loader of `later`; a loader that fails is called again on the next occasion."""
        with self._lock:
            loader = self._later.pop(0)
            try:
                loader()
            except BaseException:
                self._later.insert(0, loader)
                raise

    def lookup(self, name: str) -> Tool:
        """Returns the tool of a name, or raises an error with suggestions.

        Raises:
            NeuroScriptError: 3, with the nearest names.
        """
        tool = self.get(name)
        if tool is None:
            from neuroscript.tools.unknown import unknown_tool

            written = (name[5:] if name.lower().startswith("tool.") else name).replace("__", ".")
            raise NeuroScriptError(ErrorCode.TOOL_NOT_FOUND, unknown_tool(written, self._all_specs(), self.canonical))
        return tool

    def _find(self, key: str) -> Tool | None:
        try:
            entry = self._entries[key]
        except KeyError:
            if self._groups and self._load_group(key.partition(".")[0]):
                return self._find(key)
            return self._parent._find(key) if self._parent is not None else None
        if type(entry) is tuple:
            # Two threads may both make it; the tools are equal and either may stay.
            self._entries[key] = entry = Tool.of(*entry)
        return entry  # type: ignore[return-value]

    def _load_group(self, group: str) -> bool:
        if group not in self._groups:
            return False
        with self._lock:
            module = self._groups.get(group)
            if module is None:
                return False
            for spec, function in importlib.import_module(module).TOOLS:
                self._entries.setdefault(spec.name.lower(), (spec, function))
            # Removed last: another thread that sees the group gone finds its tools there.
            del self._groups[group]
            return True

    def canonical(self, name: str) -> str:
        """Returns the name of a tool as it is registered, without ``tool.``; empty if there is none."""
        tool = self.get(name)
        return tool.spec.name if tool is not None else ""

    def near(self, name: str, count: int = 3) -> list[str]:
        """Returns the tool names most similar to a name that was not found, the closest first."""
        from neuroscript.tools.unknown import similar

        return similar(_key(name), self._all_specs(), count)

    # --- listing ---------------------------------------------------------------------------------------------------

    def _all_specs(self) -> list[ToolSpec]:
        with self._lock:
            while self._later:
                self._load_more()
        for group in list(self._groups):
            self._load_group(group)
        found = {spec.name.lower(): spec for spec in self._parent._all_specs()} if self._parent is not None else {}
        for key, entry in list(self._entries.items()):
            if entry is None:
                found.pop(key, None)
            else:
                found[key] = entry[0] if type(entry) is tuple else entry.spec  # type: ignore[union-attr]
        return [found[key] for key in sorted(found)]

    def specs(self) -> list[ToolSpec]:
        """Returns the specs of all tools, sorted by name."""
        return self._all_specs()

    def names(self) -> list[str]:
        """Returns the names of all tools, without ``tool.``, sorted."""
        return [spec.name for spec in self._all_specs()]

    def __iter__(self) -> Iterator[Tool]:
        return (self.lookup(spec.name) for spec in self._all_specs())

    def __len__(self) -> int:
        return len(self._all_specs())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    # --- calling ---------------------------------------------------------------------------------------------------

    def call(self, name: str, /, *args: Any, context: Any = None, **named: Any) -> Any:
        """Calls a tool for a host or a model: looks it up, checks the policy, validates, and normalises the result.

        Args:
            name: the tool's name; also in the form that model providers use, ``str__ToUpper``.
            args: positional arguments, Python values.
            context: the call context, for tools that need one.
            named: arguments by name.

        Raises:
            NeuroScriptError: 3 unknown tool, 10 not permitted, 4 wrong arguments, 18 no context, or the tool's own.
        """
        tool = self.lookup(name)
        if self.policy is not None:
            self.policy.check(tool.spec)
        from neuroscript.tools.validation import validate_and_convert_args

        return tool.invoke(context, validate_and_convert_args(tool.spec, args, named))


def default_name(function: Callable[..., Any]) -> str:
    """Returns the default name of a function's tool: ``host.`` and the function's own name.

    Raises:
        NeuroScriptError: 41 for a function without a name that a tool may have.
    """
    name = getattr(function, "__name__", "")
    if not (name.isidentifier() and name.isascii()) or "__" in name:
        message = f'{name or function!r} cannot name a tool; give it a name: @interpreter.tool("group.Name")'
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
    return f"host.{name}"


def _key(name: str) -> str:
    key = name.lower()
    if "__" in key:
        key = key.replace("__", ".")
    return key[5:] if key.startswith("tool.") else key
