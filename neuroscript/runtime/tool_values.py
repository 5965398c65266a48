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

_LONG = frozenset({list, dict, str})
_LARGEST = float_info.max


def code_of(links: ToolLinks, tool: Tool, count: int) -> Callable[..., Any] | None:
    """What calls a tool with the call depth and ``count`` arguments; None for one that is not called so.

    The arguments are tested as generated code tests them.  The general way is taken by other arguments, and by all once
    the host has changed the tools or the policy.
    """
    link = links.tool(tool.spec.name)
    if link is None or not link.direct or link.calls or link.emits or link.variadic or link.options:
        return None
    if count > len(link.types) or ... in link.defaults[count:] or not _PLAIN.keys() >= set(link.types[:count]):
        return None
    interpreter = links.interpreter
    names: dict[str, Any] = {
        **dict(zip(_NAMES, (NeuroScriptError, Exception, type, len, to_host), strict=True)),
        "tools": interpreter.tools,
        "interpreter": interpreter,
        "version": interpreter.tools.version,
        "policy": interpreter.policy,
        "namespace": links.namespace,
        "context": interpreter.context,
        "function": links.namespace[abi.TOOL_FUNCTION + link.key],
        "rest": link.defaults[count:],
        "convert": _conversion(links, link),
        "late": links.late_tool,
        "failure": partial(failure_of, tool.spec.full_name),
        "most": INT_LIMIT,
        "largest": _LARGEST,
    }
    exec(compile(_source(tool.spec.name, link, count), f"<call of {tool.spec.name}>", "exec"), names)
    code: Callable[..., Any] = names["call"]
    return code


_NAMES = ("NeuroScriptError", "Exception", "type", "len", "own")


def _source(name: str, link: ToolLink, count: int) -> str:
    """The function's source."""
    places = [f"a{place}" for place in range(count)]
    tests = ["interpreter.tools.version is version", "interpreter.policy is policy"]
    for place, wanted in zip(places, link.types, strict=False):
        tests.append("(" + " or ".join(f"type({place}) is {kind.__name__}" for kind in _PLAIN[wanted]) + ")")
        if link.standard and not _PLAIN[wanted].isdisjoint(_LONG):
            tests.append(f"len({place}) <= {BIG}")
    given = [
        f"own({place})" if number in link.copied and not link.standard else place for number, place in enumerate(places)
    ]
    given += [f"rest[{number}]" for number in range(len(link.types) - count)]
    # A tool of the host is found anew for each call: a run that is cancelled finds another one.
    callee = "function" if link.standard else f"namespace[{abi.TOOL_FUNCTION + link.key!r}]"
    called = f"{callee}({', '.join([*(['context'] if link.context else []), *given])})"
    passes = str(not link.nests) if link.standard else _RESULTS.get(link.returns, "False")
    return f"""
def call(d{"".join(f", {place}" for place in places)}):
    if {" and ".join(tests)}:
        try:
            result = {called}
            return result if {passes} else convert(result)
        except NeuroScriptError:
            raise
        except Exception as error:
            raise failure(error) from error
    return late(d + 1, {name!r}, ({"".join(f"{place}, " for place in places)}), ())
"""


def _conversion(links: ToolLinks, link: ToolLink) -> Callable[[Any], Any]:
    """What makes a result a value of the language."""
    if link.standard:
        return links.containers.nested
    return partial(checked_result, str(link.returns)) if link.checked else from_host


_RESULTS: dict[ArgType, str] = {
    ArgType.INT: "type(result) is int and -most < result < most",
    ArgType.NUMBER: "type(result) is int and -most < result < most",
    ArgType.FLOAT: "type(result) is float and -largest <= result <= largest",
    ArgType.BOOL: "result is True or result is False",
    ArgType.NIL: "result is None",
    ArgType.STRING: "type(result) is str and result.isascii()",
}
"""The tests that a result of a declared type is a value of the language as it is."""
