"""The code by which tools are called that are values: ``tool.list.Map(xs, tool.app.Price)``, ``f(x)`` with a tool in f.

Generated code tests the arguments of a tool that it calls by name, and then calls the tool's own function.  The same is
done here, for the tools whose arguments are tested by their types alone.
"""

from __future__ import annotations

from functools import partial
from sys import float_info

from neuroscript.errors import NeuroScriptError
from neuroscript.runtime import abi
from neuroscript.runtime.programs import BIG
from neuroscript.tools.descriptions import failure_of
from neuroscript.tools.registry import checked_result
from neuroscript.tools.spec import ArgType
from neuroscript.values import INT_LIMIT, from_host, to_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.runtime.programs import ToolLink
    from neuroscript.runtime.tool_calls import ToolLinks
    from neuroscript.tools.registry import Tool

_PLAIN: dict[ArgType, frozenset[type]] = {
    ArgType.STRING: frozenset({str}),
    ArgType.INT: frozenset({int}),
    ArgType.FLOAT: frozenset({float}),
    ArgType.NUMBER: frozenset({int, float}),
    ArgType.BOOL: frozenset({bool}),
    ArgType.MAP: frozenset({dict}),
    ArgType.SLICE_ANY: frozenset({list}),
}
"""The types that a tool's own function takes as they are."""

_LONG = (list, dict, str)
_LARGEST = float_info.max


def code_of(links: ToolLinks, tool: Tool, count: int) -> Callable[..., Any] | None:
    """What calls a tool with ``count`` arguments; None for one that cannot be called but in the general way."""
    link = links.tool(tool.spec.name)
    if link is None or not link.direct or link.calls or link.emits or link.variadic or link.options:
        return None
    if count > len(link.types) or ... in link.defaults[count:] or not _PLAIN.keys() >= set(link.types[:count]):
        return None
    return _of_library(links, tool, link, count) if link.standard else _of_host(links, tool, link, count)


def _then(function: Callable[..., Any], after: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *args: after(function(*args))


def _of_library(links: ToolLinks, tool: Tool, link: ToolLink, count: int) -> Callable[..., Any]:
    """The code of a function over values, which is called over and over without a look at the run's limits."""
    kinds, rest = [_PLAIN[wanted] for wanted in link.types[:count]], link.defaults[count:]
    function = links.namespace[abi.TOOL_FUNCTION + link.key]
    if link.nests:
        function = _then(function, links.containers.nested)

    def call_one(value: Any) -> Any:
        if type(value) not in kinds[0] or (type(value) in _LONG and len(value) > BIG):
            return links.call_tool(tool, links.depth, (value,), ())
        try:
            return function(value, *rest)
        except NeuroScriptError:
            raise
        except Exception as error:
            raise failure_of(tool.spec.full_name, error) from error

    def call(*args: Any) -> Any:
        for value, kind in zip(args, kinds, strict=True):
            if type(value) not in kind or (type(value) in _LONG and len(value) > BIG):
                return links.call_tool(tool, links.depth, args, ())
        try:
            return function(*args, *rest)
        except NeuroScriptError:
            raise
        except Exception as error:
            raise failure_of(tool.spec.full_name, error) from error

    return call_one if count == 1 else call


def _of_host(links: ToolLinks, tool: Tool, link: ToolLink, count: int) -> Callable[..., Any]:
    """The code of a tool of the host, which is found anew for each call: a run that is cancelled finds another one."""
    kinds, rest = tuple(_PLAIN[wanted] for wanted in link.types[:count]), link.defaults[count:]
    copied = tuple(place for place in link.copied if place < count)
    namespace, name = links.namespace, abi.TOOL_FUNCTION + link.key
    passes, convert = _RESULTS.get(link.returns, _never), _conversion(link)

    def call(*args: Any) -> Any:
        for value, kind in zip(args, kinds):  # noqa: B905 - there are as many, and telling it so takes its time
            if type(value) not in kind:
                return links.call_tool(tool, links.depth, args, ())
        if copied:
            args = tuple(to_host(value) if place in copied else value for place, value in enumerate(args))
        try:
            result = namespace[name](*args, *rest)
            return result if passes(result) else convert(result)
        except NeuroScriptError:
            raise
        except Exception as error:
            raise failure_of(tool.spec.full_name, error) from error

    return call


def _conversion(link: ToolLink) -> Callable[[Any], Any]:
    return partial(checked_result, str(link.returns)) if link.checked else from_host


def _never(value: Any) -> bool:
    return False


def _is_whole(value: Any) -> bool:
    return type(value) is int and -INT_LIMIT < value < INT_LIMIT


_RESULTS: dict[ArgType, Callable[[Any], bool]] = {
    ArgType.INT: _is_whole,
    ArgType.NUMBER: _is_whole,
    ArgType.FLOAT: lambda value: type(value) is float and -_LARGEST <= value <= _LARGEST,
    ArgType.BOOL: lambda value: type(value) is bool,
    ArgType.NIL: lambda value: value is None,
    ArgType.STRING: lambda value: type(value) is str and value.isascii(),
}
"""Whether a result of a declared type is a value of the language as it is."""
