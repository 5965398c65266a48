"""What one run of a procedure, command block or event handler owns, and the signals that move through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neuroscript.errors import NeuroScriptError
from neuroscript.syntax import nodes

from .budget import Budget


@dataclass(slots=True)
class Scope:
    """The variables of one run, its ``last``, and the error handlers that cover it, in the order of the text.

    ``sets_last`` tells whether the body has a variable of that name.
    """

    @classmethod
    def of(cls, unit: str, file: str, variables: dict[str, Any], body: nodes.Block, returns: int = 0) -> Scope:
        """The scope of a run of a body that begins with these variables."""
        sets_last = "last" in variables or sets(body, "last")
        return cls(unit, file, variables, error_handlers(body), returns, sets_last=sets_last)

    unit: str
    file: str
    variables: dict[str, Any]
    handlers: list[nodes.OnError]
    returns: int = 0
    last: Any = None
    in_handler: bool = False
    cleared: bool = False
    sets_last: bool = False
    loops: int = 0  # around the statement that runs, outside of error handlers


class Break(Exception):
    """``break`` on its way to its loop."""


class Continue(Exception):
    """``continue`` on its way to its loop."""


class Returned(Exception):
    """``return`` on its way to the procedure's caller."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Unhandled(Exception):
    """An error that the handler of this run has seen, or that none covers: on its way to the caller."""

    def __init__(self, error: NeuroScriptError) -> None:
        super().__init__(error)
        self.error = error


def bodies(statement: nodes.Stmt) -> Iterator[nodes.Block]:
    """The blocks right inside a statement."""
    if isinstance(statement, nodes.If):
        for _, body in statement.branches:
            yield body
        if statement.orelse is not None:
            yield statement.orelse
    elif isinstance(statement, nodes.While | nodes.ForEach | nodes.OnError | nodes.OnEvent):
        yield statement.body


def sets(block: nodes.Block, name: str) -> bool:
    """Whether a body sets a variable, wherever in it."""
    for statement in block:
        match statement:
            case nodes.Set(targets=targets):
                names = [target.name for target in targets]
            case nodes.ForEach(name=own, key=key):
                names = [own, key or ""]
            case nodes.Ask(into=nodes.Target(name=own)) | nodes.PromptUser(into=nodes.Target(name=own)):
                names = [own]
            case _:
                names = []
        inner = () if isinstance(statement, nodes.OnEvent) else bodies(statement)
        if name in names or any(sets(body, name) for body in inner):
            return True
    return False


def error_handlers(block: nodes.Block) -> list[nodes.OnError]:
    """Every error handler that covers the run of ``block``; those of event handlers inside cover other runs."""
    found: list[nodes.OnError] = []
    for statement in block:
        if isinstance(statement, nodes.OnError):
            found.append(statement)
        elif not isinstance(statement, nodes.OnEvent):
            for body in bodies(statement):
                found.extend(error_handlers(body))
    return sorted(found, key=lambda handler: handler.span[:2])


def nearest(handlers: list[nodes.OnError], statement: nodes.Stmt) -> nodes.OnError | None:
    """The handler that holds for a failing statement: the nearest one above it, or the first."""
    above = [handler for handler in handlers if handler.span[:2] < statement.span[:2]]
    return above[-1] if above else (handlers[0] if handlers else None)


def copied(value: Any, budget: Budget, depth: int = 1) -> Any:
    """A value with every list and map in it made anew."""
    if type(value) is list:
        budget.nested(depth)
        budget.working(len(value))
        return [copied(item, budget, depth + 1) for item in value]
    if type(value) is dict:
        budget.nested(depth)
        budget.working(len(value))
        return {key: copied(item, budget, depth + 1) for key, item in value.items()}
    return value
