"""Procedures as tools: the procedures of the calling program that a worker's ``tool_allowlist`` names (``func:NAME``).

A procedure's spec is its signature and its metadata: ``:: description:``, and for each parameter ``:: param:NAME:``,
what it is, and ``:: type:NAME:``, its type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from shlex import quote
from typing import Any, Final

from ai_wm.data.spelling import nearest
from neuroscript import ArgSpec, ArgType, ErrorCode, NeuroScriptError, Tool, ToolContext, ToolSpec

PREFIX: Final = "func:"
"""The beginning of an entry of an allow list that names a procedure; any other entry is a pattern of tools."""

_TYPES: Final[Mapping[str, ArgType]] = {
    str(kind): kind
    for kind in ArgType
    if kind
    not in (
        ArgType.ERROR,
        ArgType.FUNCTION,
        ArgType.FUNCTION_OR_KEY,
        ArgType.HANDLE,
        ArgType.TIMEDATE,
    )
} | {"boolean": ArgType.BOOL, "list": ArgType.SLICE_ANY}
"""The words for types of parameters: those of tools' arguments that JSON can hold, and what ``typeof`` calls them."""


def procedures_in(allow: Sequence[str], deny: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the procedures that an allow list names; a pattern names none, and the deny list wins."""
    names = dict.fromkeys(entry.removeprefix(PREFIX) for entry in allow if entry.startswith(PREFIX))
    return tuple(
        name
        for name in names
        if not {"*", "?"} & set(name)
        and not any(fnmatchcase(f"{PREFIX}{name}".lower(), pattern.lower()) for pattern in deny)
    )


def procedure_tools(names: Sequence[str], context: Any, worker: str, is_trusted: bool) -> dict[str, Tool]:
    """Makes tools of procedures of the program that makes a call, by the names that models get.

    Args:
        names: the procedures.
        context: the call context of the program; None where a host calls without one.
        worker: the worker's name.
        is_trusted: whether its definition was made by the host or by the program; one that came with a file says
            nothing about what a model may do with the program.

    Raises:
        NeuroScriptError: 10 for an untrusted definition; 18 without a program; 2 for a procedure that is not in it; 41
            for metadata that describe no parameter or say no type, and for a name with two underscores in a row.
    """
    subject, listed = f"worker {worker!r}", ", ".join(f"{PREFIX}{name}" for name in names)
    if not is_trusted:
        raise NeuroScriptError(
            ErrorCode.SECURITY,
            f"{subject} was not asked: its definition came with a file and names procedures of the program in its "
            f"tool_allowlist ({listed}); look at it, and the host permits it with neuroscript workers trust "
            f"{quote(worker)} or WorkerPolicy(trust_file=True)",
        )
    if not isinstance(context, ToolContext):
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"{subject} was not asked: its tool_allowlist names procedures ({listed}), and the call comes from no "
            "program; ask it from a program, or give the call a ToolHost with the interpreter's host_context()",
        )
    known = {procedure["name"]: procedure for procedure in context.procedures()}
    tools = [_tool(_found(name, known, subject), subject) for name in names]
    return {tool.spec.function_name: tool for tool in tools}


def _found(name: str, known: Mapping[str, Mapping[str, Any]], subject: str) -> Mapping[str, Any]:
    if name in known:
        return known[name]
    near = nearest(name, list(known))
    hint = f"; did you mean {PREFIX}{near}?" if near else ""
    raise NeuroScriptError(
        ErrorCode.PROC_NOT_FOUND,
        f"{subject} was not asked: its tool_allowlist names {PREFIX}{name}, and the program has no procedure "
        f"{name!r}{hint}",
    )


def _tool(procedure: Mapping[str, Any], subject: str) -> Tool:
    name, metadata = procedure["name"], procedure["metadata"]
    if "__" in name:
        message = f"{subject} was not asked: a model gets no procedure with '__' in its name, such as {name}; rename it"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
    types = _types(procedure, subject)
    spec = ToolSpec(
        name=f"func.{name}",
        description=metadata.get("description") or f"The procedure {procedure['signature']} of the program.",
        args=tuple(
            ArgSpec(
                parameter,
                types.get(parameter, ArgType.ANY),
                metadata.get(f"param:{parameter}", ""),
                required=parameter in procedure["needs"],
            )
            for parameter in (*procedure["needs"], *procedure["optional"])
        ),
        effect="idempotent",  # what it does is done by calls that a journal has by themselves
    )
    # The arguments come from JSON and belong to nobody else, so that they are passed as they are.
    return Tool(spec, _call_of(name), takes_context=True, shared_args=frozenset(range(len(spec.args))))


def _call_of(name: str) -> Callable[..., Any]:
    def call(context: ToolContext, *args: Any) -> Any:
        # As a host runs it: in the run that the call belongs to, else in one of its own once no other is going on.
        return context.interpreter.run(name, *args)

    return call


def _types(procedure: Mapping[str, Any], subject: str) -> dict[str, ArgType]:
    """The types of a procedure's parameters, as far as its metadata say them."""
    parameters = [*procedure["needs"], *procedure["optional"]]
    found = {}
    for key, word in procedure["metadata"].items():
        kind, _, parameter = key.partition(":")
        if kind != "type":
            continue
        where = f"the procedure {procedure['name']} ({procedure['file']}, line {procedure['line']})"
        if parameter not in parameters:
            near = nearest(parameter, parameters)
            hint = f"; did you mean type:{near}?" if near else f"; its signature is {procedure['signature']}"
            problem = f"{where} has the metadata {key!r} and no parameter {parameter!r}{hint}"
        elif word not in _TYPES:
            near = nearest(word, list(_TYPES))
            hint = f"did you mean {near!r}?" if near else f"the types are {', '.join(_TYPES)}"
            problem = f"{where} has the type {word!r} for {parameter!r}, which a model cannot be told; {hint}"
        else:
            found[parameter] = _TYPES[word]
            continue
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{subject} was not asked: {problem}")
    return found
