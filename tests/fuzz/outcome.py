"""What a program does, seen from the host: by the tree walker and by the interpreter, in a form that compares."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.errors import ErrorCode
from neuroscript.stdlib import standard_registry
from neuroscript.syntax.parser import parse
from neuroscript.values import EventValue, Function, to_host, type_name
from tests.oracle.used import programs_of
from tests.oracle.walker import Walker

from .programs import LIMITS, NAME, Case

TOOLS = standard_registry()
ENDED = (ErrorCode.RESOURCE_EXHAUSTION, ErrorCode.NESTING_DEPTH_EXCEEDED, ErrorCode.CANCELLED)
Fault = tuple[int, int]
# Errors of event handlers are compared here, not read.
LOG = logging.getLogger("neuroscript.fuzz")
LOG.addHandler(logging.NullHandler())
LOG.propagate = False


def comparable(value: Any) -> Any:
    """A value as tuples that are equal where the values are: types told apart, entries in their order."""
    kind = type_name(value)
    if isinstance(value, list):
        return (kind, *(comparable(item) for item in value))
    if isinstance(value, dict):
        return (kind, *((key, comparable(item)) for key, item in value.items()))
    if isinstance(value, Function):
        return (kind, value.name)
    if isinstance(value, EventValue):
        return (kind, value.name, comparable(value.payload))
    return (kind, value)


@dataclass(slots=True)
class Outcome:
    """Emits, whispers, the result, the error and those of event handlers (code and line of each)."""

    emits: list[Any] = field(default_factory=list)
    whispers: list[Any] = field(default_factory=list)
    result: Any = None
    error: Fault | None = None
    stack: tuple[str, ...] = ()
    event_errors: list[Fault] = field(default_factory=list)
    message: str = ""
    limit: str = ""

    @property
    def limited(self) -> bool:
        """Whether a limit ended the run, or a part of it."""
        return self.error is not None and self.error[0] in ENDED

    def finish(self, run: Callable[[], Any]) -> Outcome:
        """Runs and keeps the result or the error; any other exception goes on."""
        try:
            self.result = comparable(run())
        except NeuroScriptError as error:
            self.error, self.message, self.limit = fault(error), error.message, limit_of(error)
            self.stack = tuple(frame.procedure for frame in error.stack)
        return self


def fault(error: NeuroScriptError) -> Fault:
    """The code and the line of an error."""
    return int(error.code), error.line


def limit_of(error: NeuroScriptError) -> str:
    """Which limit an error tells of; empty if none.

    Steps and call depth are counted alike by whoever runs a program.  ``work`` is what the walker alone counts.
    """
    if error.code not in ENDED:
        return ""
    for word, limit in (("steps", "steps"), ("depth", "depth"), ("deep", "depth"), ("copies", "work")):
        if word in error.message and (limit != "depth" or error.code == ErrorCode.RESOURCE_EXHAUSTION):
            return limit
    return "another"


def walk(case: Case, limits: Limits = LIMITS) -> Outcome:
    """What the tree walker makes of a program."""
    outcome = Outcome()
    walker = Walker(
        tools=TOOLS,
        limits=limits,
        globals=case.globals,
        emit=lambda value: outcome.emits.append(comparable(value)),
        prompt=lambda text: f"typed {text}",
        asker=lambda who, prompt, config: f"{who} {prompt} {config}",
    )

    def run() -> Any:
        if case.entry is None:
            return walker.execute(parse(case.source, NAME, limits))
        if case.folder is not None:
            walker.load(*programs_of(case.folder / NAME, limits))
        for name, source in case.files if case.folder is None else ():
            walker.load(parse(source, name, limits))
        for name, payload in case.events:
            walker.fire(name, payload)
        return walker.run(case.entry, *case.args)

    outcome.finish(run)
    outcome.whispers = [(target, comparable(value)) for target, value in walker.whispers]
    outcome.event_errors = [fault(error) for error in walker.event_errors]
    return outcome


def interpret(case: Case, limits: Limits = LIMITS) -> Outcome:
    """What the interpreter makes of a program."""
    outcome = Outcome()
    with Interpreter(
        limits=limits,
        plugins=False,
        globals=case.globals,
        emit=lambda value: outcome.emits.append(comparable(to_host(value))),
        whisper=lambda target, value: outcome.whispers.append((target, comparable(to_host(value)))),
        prompt=lambda text: f"typed {text}",
        log=LOG,
        on_error=lambda error: outcome.event_errors.append(fault(error)),
    ) as interpreter:
        interpreter.set_asker(lambda context, who, prompt, config, whispered: f"{who} {prompt} {config}")

        def run() -> Any:
            if case.entry is None:
                interpreter.execute(case.source, name=NAME)
                return None
            if case.folder is not None:
                interpreter.load(case.folder / NAME)
            for name, source in case.files if case.folder is None else ():
                interpreter.load(source, name=name)
            for name, payload in case.events:
                interpreter.emit_event(name, payload)
            return interpreter.run(case.entry, *case.args)

        return outcome.finish(run)


def difference(expected: Outcome, actual: Outcome) -> str:
    """What sets two outcomes apart, or an empty text.

    Steps and call depth end both at the same place.  Where another limit ended one of them, what was emitted until then
    must agree and nothing else: when exactly it is reached is not laid down.
    """
    if expected.limit != actual.limit and not {expected.limit, actual.limit} & {"another", "work"}:
        return f"limits: {expected.limit!r} ({expected.message}) but {actual.limit!r} ({actual.message})"
    if expected.limit in ("steps", "depth") and expected.limit == actual.limit:
        return "" if expected.emits == actual.emits else f"emits before a limit: {expected.emits!r} / {actual.emits!r}"
    if expected.limited or actual.limited:
        count = min(len(expected.emits), len(actual.emits))
        if expected.emits[:count] != actual.emits[:count]:
            return f"emits before a limit: {expected.emits[:count]!r} but {actual.emits[:count]!r}"
        return ""
    for name in ("emits", "error", "result", "event_errors", "whispers"):
        left, right = getattr(expected, name), getattr(actual, name)
        if left != right:
            return f"{name}:\n  walker      {left!r}\n  interpreter {right!r}\n({expected.message} / {actual.message})"
    return ""
