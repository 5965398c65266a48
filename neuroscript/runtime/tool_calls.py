"""Links tools to generated code, and calls them.

A tool is bound when a program is loaded: the registry finds it, the policy is asked, and two functions are put in the
namespace of the generated code.  ``s_KEY`` validates, copies, times and calls; ``f_KEY`` is its own function, for
calls whose arguments have just the right types already.
"""

from __future__ import annotations

import math
from functools import partial

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.runtime import abi
from neuroscript.runtime.errors import Stop
from neuroscript.runtime.in_place import CHANGES
from neuroscript.runtime.programs import BIG, ToolLink
from neuroscript.runtime.tool_values import code_of
from neuroscript.tools.descriptions import failure_of
from neuroscript.tools.spec import ArgType
from neuroscript.values import ToolValue, from_host, to_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, NoReturn

    from neuroscript.interpreter import Interpreter
    from neuroscript.journal.replay import JournaledRun
    from neuroscript.runtime.budget import Fuel
    from neuroscript.runtime.containers import Containers
    from neuroscript.tools.policy import Policy
    from neuroscript.tools.recovery import BoundRecovery
    from neuroscript.tools.registry import Tool
    from neuroscript.tools.spec import ToolSpec

_APPENDING = ("list.Append", "list.Push")  # what code does in place
_POPPING = "list.Pop"
_LONG = (list, dict, str)
_CONSTANTS = frozenset({type(None), bool, int, float, str})
_SCALARS = frozenset({ArgType.STRING, ArgType.INT, ArgType.FLOAT, ArgType.NUMBER, ArgType.BOOL, ArgType.BYTES})
_DIRECT = (
    _SCALARS | {ArgType.MAP, ArgType.ANY, ArgType.TIMEDATE} | {kind for kind in ArgType if kind.item_type is not None}
)
_FUNCTIONS = frozenset({ArgType.FUNCTION, ArgType.FUNCTION_OR_KEY})
_CONTAINERS = frozenset({ArgType.ANY, ArgType.MAP, ArgType.SLICE_ANY, ArgType.SLICE_MAP})
_TESTED = _SCALARS | {ArgType.MAP, ArgType.SLICE_ANY}

TOOL_NAMES: dict[str, Any] = {
    abi.TO_HOST: to_host,
    abi.IS_ASCII: str.isascii,
    abi.MAP: map,
    abi.DEEP_KINDS: frozenset({list, dict}),
    abi.ALL_STR: frozenset({str}).issuperset,
    abi.ALL_INT: frozenset({int}).issuperset,
    abi.ALL_FLOAT: frozenset({float}).issuperset,
    abi.ALL_NUMBER: frozenset({int, float}).issuperset,
    abi.ALL_BOOL: frozenset({bool}).issuperset,
    abi.ALL_DICT: frozenset({dict}).issuperset,
    abi.STR_STARTS: str.startswith,
    abi.STR_ENDS: str.endswith,
    abi.STR_WITHOUT_PREFIX: str.removeprefix,
    abi.STR_WITHOUT_SUFFIX: str.removesuffix,
    abi.STR_UPPER: str.upper,
    abi.STR_LOWER: str.lower,
    abi.STR_STRIP: str.strip,
    abi.STR_SPLIT: str.split,
    abi.STR_REPLACE: str.replace,
    abi.STR_IS_DIGITS: str.isdigit,
    abi.STR_RIGHT: str.rjust,
    abi.STR_LEFT: str.ljust,
    abi.STR_FIND: str.find,
    abi.STR_COUNT: str.count,
    abi.STR_FIND_LAST: str.rfind,
    abi.STR_IS_PRINTABLE: str.isprintable,
    abi.STR_JOIN: str.join,
    abi.FLOOR: math.floor,
    abi.CEIL: math.ceil,
    abi.TRUNCATE: math.trunc,
    abi.SQRT: math.sqrt,
    abi.ROUND: round,
    abi.SUM: sum,
    abi.LEAST: min,
    abi.GREATEST: max,
    abi.SORTED: sorted,
    abi.LIST_INDEX: list.index,
    abi.DICT_VALUES: dict.values,
    abi.DICT_FROM_KEYS: dict.fromkeys,
}
"""The helpers by which generated code checks arguments, converts results of tools, and does what some tools do."""


def _standard_tool(name: str) -> Tool | None:
    from neuroscript.stdlib import standard_registry

    return standard_registry().get(name)


def _is_watched_inside(spec: ToolSpec) -> bool:
    """Whether a tool takes something first that may be big, whatever its type, which its caller does not look at."""
    return spec.pure and not spec.brief and bool(spec.args) and spec.args[0].type is ArgType.ANY


def bad_call(message: str, *_: Any) -> NoReturn:
    """Raises the error of a call with wrong arguments."""
    raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)


class ToolLinks:
    """The part of the runtime that links and calls tools."""

    interpreter: Interpreter
    namespace: dict[str, Any]
    fuel: Fuel
    containers: Containers
    depth: int

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._links: dict[str, tuple[ToolLink, Tool]] = {}
        self._tool_codes: dict[CodeType, str] = {}
        self._host_tools: dict[str, tuple[Tool, Callable[..., Any]]] = {}  # that generated code calls directly
        self.journal: JournaledRun | None = None
        self._directly = True  # whether generated code may call tools' own functions
        self._tool_values: dict[tuple[str, int], tuple[object, Policy, Callable[..., Any] | None]] = {}

    def watch_tools(self, around: Callable[[str, Callable[..., Any]], Callable[..., Any]]) -> None:
        """Has every call of a tool, from now on, made through what ``around`` makes of its name and a function.

        No tool's own function is called directly then, so all this has to come before programs are loaded.
        """
        self._directly = False
        plain = self.call_tool

        def call_tool(tool: Tool, depth: int, args: tuple[Any, ...], names: tuple[str, ...]) -> Any:
            return around(tool.spec.full_name, plain)(tool, depth, args, names)

        self.call_tool = call_tool  # type: ignore[method-assign]

    def emit_event(self, depth: int, name: str, payload: Any) -> None:
        """Fires an event for generated code."""
        raise AssertionError  # pragma: no cover - given by Runtime

    def tool(self, name: str) -> ToolLink | None:
        """Links a tool for generated code (the `Linker` protocol); None if there is none, or it is refused."""
        key = name.lower()
        known = self._links.get(key)
        tool = self.interpreter.tools.get(name)
        if tool is None or (known is not None and known[1] is tool):
            return known[0] if known is not None and tool is not None else None
        if not self.interpreter.permits(tool):
            return None
        # Code that is linked to an earlier tool of this name goes on calling that one.
        self._versions[key] = version = self._versions.get(key, -1) + 1
        link = self._link(tool, key.replace(".", "__") + (f"__{version}" if version else ""))
        self._links[key] = (link, tool)
        return link

    def _link(self, tool: Tool, key: str) -> ToolLink:
        spec = tool.spec
        types = tuple(arg.type for arg in spec.args)
        defaults = tuple(... if arg.required else arg.default for arg in spec.args)
        standard = tool is _standard_tool(spec.name)
        emits = spec.name == "event.Emit" and standard
        calls = spec.pure and standard and tool.takes_context and not _FUNCTIONS.isdisjoint(types)
        known = _DIRECT | _FUNCTIONS if calls else _DIRECT
        direct = (spec.pure or emits or not tool.takes_context) and not tool.is_async and known.issuperset(types)
        direct = (
            direct
            and self._directly
            and spec.is_plain
            and all(default is ... or type(default) in _CONSTANTS for default in defaults)
        )
        if spec.variadic and not spec.pure:
            direct = direct and types[-1] in _SCALARS  # of which the list is made for the call
        options = tuple(arg.options for arg in spec.args)
        if any(options):
            direct = direct and not spec.pure and all(map(_TESTED.issuperset, options))
        shared = tool.shared_args if not spec.variadic else tool.shared_args | {len(types) - 1}
        wrapped = _is_watched_inside(spec)
        change, stored = CHANGES.get(spec.name, (None, None)) if standard else (None, None)
        link = ToolLink(
            key,
            tuple(arg.name for arg in spec.args),
            types,
            defaults,
            direct,
            variadic=spec.variadic,
            copied=() if emits else tuple(place for place in range(len(types)) if place not in shared),
            watched=spec.pure and not spec.brief,
            brief=spec.brief,
            trusted=spec.pure,
            nests=spec.pure and not spec.brief and spec.return_type in _CONTAINERS,
            returns=spec.return_type,
            options=options if any(options) else (),
            append=spec.name in _APPENDING and standard,
            pop=spec.name == _POPPING and standard,
            stored=stored,
            checked=spec.checks_result,
            standard=spec.pure and standard,
            emits=emits,
            calls=calls,
            context=spec.pure and tool.takes_context and not calls and not wrapped,
        )
        self.namespace[abi.TOOL + key] = partial(self.call_tool, tool)
        self.namespace[abi.TOOL_CONSTANT + key] = ToolValue(spec.name)
        if change is not None:
            self.namespace[abi.TOOL_CHANGE + key] = partial(change, self.containers.max_items)
        if direct:
            self.namespace[abi.TOOL_FUNCTION + key] = (
                self.emit_event if emits else self._caller(tool) if calls else self._direct(tool, link)
            )
            if calls:
                self.namespace[abi.TOOL_READER + key] = tool.function
            if self.fuel.token.cancelled:
                self.fuel.close_tools()
        return link

    def _direct(self, tool: Tool, link: ToolLink) -> Callable[..., Any]:
        """The function that generated code calls when the arguments are right as they are."""
        function, spec = tool.function, tool.spec
        code = getattr(function, "__code__", None)
        told = code is not None and self._tool_codes.setdefault(code, spec.full_name) == spec.full_name
        if spec.pure:
            if _is_watched_inside(spec):
                return self._watched(partial(function, self.interpreter.context) if tool.takes_context else function)
            return function
        # The failures of a built-in function, or of one of several with the same code, the tool itself explains.
        direct = function if told else tool.execute
        self.fuel.direct_tools = True
        self._host_tools[abi.TOOL_FUNCTION + link.key] = tool, direct
        return self._host_tool(tool, direct)

    def _caller(self, tool: Tool) -> Callable[..., Any]:
        """A library function that calls functions of the script, at the call depth that it gets first."""
        function, fuel = partial(tool.function, self.interpreter.context), self.fuel

        def call(depth: int, *args: Any) -> Any:
            outer, self.depth = self.depth, depth - 1
            try:
                result = function(*args)
            finally:
                self.depth = outer
            if fuel.stopped is not None:
                raise Stop(fuel.stopped)  # the tool ran a part of the script, and swallowed its end
            return result

        return call

    def tool_code(self, name: str, count: int) -> Callable[..., Any] | None:
        """What calls a tool that is a value, with the call depth and ``count`` arguments; None if there is none.

        It finds out itself what the name and the policy mean when it is called.  Whoever calls it over and over looks
        at the limits of the run now and then.
        """
        interpreter = self.interpreter
        version, policy = interpreter.tools.version, interpreter.policy
        known = self._tool_values.get((name, count))
        if known is not None and known[0] is version and known[1] is policy:
            return known[2]
        tool = interpreter.tools.lookup(name)
        interpreter.check_permission(tool)
        code = code_of(self, tool, count)
        self._tool_values[name, count] = version, policy, code
        return code

    def _time_tools(self, timing: bool) -> None:
        """Starts or stops timing the host's tools that generated code calls directly, and refusing them to a run that
        is cancelled.

        Looking at a flag before each call of a small tool would be felt.  What cancels a run puts the other functions
        in place instead, from its own thread: from then on generated code finds them.
        """
        self._place_host_tools()

    def use_journal(self, journal: JournaledRun | None) -> None:
        """Has the calls of tools go through a journal from now on, or no longer."""
        self.journal = journal
        self._place_host_tools()

    def _place_host_tools(self) -> None:
        for name, (tool, direct) in list(self._host_tools.items()):
            self.namespace[name] = self._host_tool(tool, direct)

    def _host_tool(self, tool: Tool, direct: Callable[..., Any]) -> Callable[..., Any]:
        function = self._timed(direct) if self.fuel.timing else direct
        journal, spec = self.journal, tool.spec
        if journal is None or spec.effect == "pure":
            return function

        def call(*args: Any) -> Any:
            def act() -> Any:
                try:
                    return from_host(function(*args))
                except (NeuroScriptError, RecursionError, MemoryError):
                    raise
                except Exception as error:
                    raise failure_of(spec.full_name, error) from error

            given = from_host(list(args))
            return journal.call(spec.name, spec.effect, given, act, recovery=self._recovery(spec, given))

        return call

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        fuel = self.fuel

        def call(*args: Any) -> Any:
            fuel.check_cancelled()
            was_host = fuel.enter_host()
            try:
                return function(*args)
            finally:
                fuel.leave_host(was_host)

        return call

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A library function that checks the limits after it has worked on something big, of whatever type."""
        check_limits = self.fuel.check_limits

        def call(first: Any, *rest: Any) -> Any:
            result = function(first, *rest)
            if type(first) in _LONG and len(first) > BIG:
                check_limits()
            return result

        return call

    def tool_of(self, exception: BaseException) -> str | None:
        """The tool whose own code raised, where generated code called it directly."""
        traceback = exception.__traceback__
        while traceback is not None:
            name = self._tool_codes.get(traceback.tb_frame.f_code)
            if name is not None:
                return name
            traceback = traceback.tb_next
        return None

    def call_tool(self, tool: Tool, depth: int, args: tuple[Any, ...], names: tuple[str, ...]) -> Any:
        """Validates, calls and times a tool."""
        spec = tool.spec
        if names:
            count = len(args) - len(names)
            named = dict(zip(names, args[count:], strict=True))
            if len(named) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                bad_call(f"{spec.full_name}: argument '{twice}' is given twice")
            validated = tool.validator(args[:count], named)
        else:
            validated = tool.validator(args)
        fuel = self.fuel
        fuel.check_cancelled()
        outer, self.depth = self.depth, depth - 1
        was_host = spec.pure or fuel.enter_host()  # the time of a pure tool is the script's
        try:
            if self.journal is None or spec.effect == "pure":
                result = tool.invoke(self.interpreter.context, validated)
            else:
                result = self.journaled(self.journal, tool, validated)
        finally:
            self.depth = outer
            fuel.leave_host(was_host)
        if spec.pure:
            self.containers.nested(result)
            fuel.check_limits()
        else:
            fuel.check_cancelled()
        if fuel.stopped is not None:
            raise Stop(fuel.stopped)  # the tool ran a part of the script, and swallowed its end
        return result

    def journaled(self, journal: JournaledRun, tool: Tool, validated: list[Any]) -> Any:
        """Calls a tool by a journal, or gives what the call gave before."""
        spec, act = tool.spec, partial(tool.invoke, self.interpreter.context, validated)
        return journal.call(spec.name, spec.effect, validated, act, recovery=self._recovery(spec, validated))

    def _recovery(self, spec: ToolSpec, arguments: list[Any]) -> BoundRecovery | None:
        """What finds out whether a call was done, where its tool can."""
        if spec.recovery is None:
            return None
        from neuroscript.tools.recovery import BoundRecovery

        return BoundRecovery(spec.recovery, self.interpreter.context, arguments)

    def tool_value(self, name: str) -> ToolValue:
        """A tool as a value: ``tool.group.Name``."""
        tool = self.interpreter.tools.lookup(name)
        self.interpreter.check_permission(tool)
        return ToolValue(tool.spec.name)

    def late_tool(self, depth: int, name: str, args: tuple[Any, ...], names: tuple[str, ...]) -> Any:
        """A call of a tool that is known only now: a value, or what could not be linked when the program was loaded."""
        interpreter = self.interpreter
        known = self._tool_values.get((name, len(args)))
        if known is not None and (known[0] is not interpreter.tools.version or known[1] is not interpreter.policy):
            del self._tool_values[name, len(args)]
        tool = interpreter.tools.lookup(name)
        interpreter.check_permission(tool)
        return self.call_tool(tool, depth, args, names)
