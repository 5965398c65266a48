"""The standard tools that call a function, for the items of a list or once, and what they pass to it."""

from __future__ import annotations

from neuroscript.syntax import nodes as n

ITEMS, CALLEE, INITIAL = 0, 1, 2
"""The places of the list, of the function, and of what a fold begins with, among a tool's arguments."""

FOLD = "list.reduce"
_ATTEMPT = "error.try"

_MORE = {
    "list.map": 2,
    "list.filter": 2,
    "list.groupby": 2,
    "list.countby": 2,
    "list.sumby": 2,
    "list.sortby": 3,
    "list.find": 3,
    FOLD: 3,
}


def is_callback(call: n.ToolCall) -> bool:
    """Whether a call is one of those tools, with all arguments by position, and a name for the function."""
    if call.name.lower() not in _MORE or len(call.args) <= CALLEE:
        return False
    return type(call.args[CALLEE].value) is n.Name and all(argument.name is None for argument in call.args)


def is_attempt(call: n.ToolCall) -> bool:
    """Whether a call is one of the tool that tries a function with arguments, in the same form."""
    if call.name.lower() != _ATTEMPT or not call.args:
        return False
    return type(call.args[0].value) is n.Name and all(argument.name is None for argument in call.args)


def further(call: n.ToolCall) -> list[n.Expr]:
    """The arguments that the function gets after the item."""
    return [argument.value for argument in call.args[_MORE[call.name.lower()] :]]
