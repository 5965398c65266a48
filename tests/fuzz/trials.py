"""What calls of a library do: by the tree walker, compiled, and compiled without what counts, specialises and owns.

The walker says what is right, to the step.  Against the plain code everything is compared that the walker cannot know:
messages, columns, and the place of each procedure on the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from unittest.mock import patch

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.compiler.analysis import analyse
from neuroscript.compiler.analysis.flow import Flow
from neuroscript.syntax.parser import parse
from neuroscript.values import to_host
from tests.oracle.walker import Walker

from .outcome import LOG, NAME, TOOLS, comparable, limit_of
from .programs import host_globals
from .routines import Call, Trial


@dataclass(slots=True)
class Ending:
    """What one call emitted, and how it ended.

    Attributes:
        emits: what it emitted.
        result: its result, in a form that compares.
        code: the error's code, 0 for none.
        limit: which limit ended it; empty if none did.
        line: the error's line.
        procedures: the names on the error's stack.
        steps: how many steps it took, where that is known.
        details: message, column and the whole stack.
    """

    emits: list[Any] = field(default_factory=list)
    result: Any = None
    code: int = 0
    limit: str = ""
    line: int = 0
    procedures: tuple[str, ...] = ()
    steps: int = 0
    details: tuple[str, ...] = ()

    def finish(self, run: Callable[[], Any]) -> Ending:
        """Runs, and keeps the result or the error."""
        try:
            self.result = comparable(run())
        except NeuroScriptError as error:
            self.code, self.line = int(error.code), error.line
            self.limit = limit_of(error)
            self.procedures = tuple(frame.procedure for frame in error.stack)
            # Which line a step is taken on is the compiler's affair.
            where = "" if self.limit == "steps" else f":{error.line}:{error.column}"
            frames = [f"{frame.procedure}:{frame.line}:{frame.column}" for frame in error.stack]
            self.details = (f"{error.message}{where}", *(frames[1:] if self.limit == "steps" else frames))
        return self


class Walked:
    """A library in the tree walker."""

    def __init__(self, trial: Trial) -> None:
        self.emits: list[Any] = []
        self.walker = Walker(
            tools=TOOLS,
            limits=trial.limits,
            globals=host_globals(),
            emit=lambda value: self.emits.append(comparable(value)),
            prompt=lambda text: f"typed {text}",
            asker=lambda who, prompt, config: f"{who} {prompt} {config}",
        )
        self.walker.load(parse(trial.source, NAME, trial.limits))

    def call(self, call: Call) -> Ending:
        """How a call ends."""
        self.emits = []
        self.walker.whispered = 0
        args, named = deepcopy((call.args, dict(call.named)))
        ending = Ending(self.emits)
        ending.finish(lambda: self.walker.run(call.name, *args, **named))
        ending.steps = self.walker.budget.steps
        return ending


class Compiled:
    """A library in an interpreter."""

    def __init__(self, trial: Trial, *, plain: bool = False) -> None:
        self.emits: list[Any] = []
        self.steps = 0 if trial.limits.max_steps is None else trial.limits.max_steps
        self.interpreter = Interpreter(
            limits=trial.limits,
            plugins=False,
            globals=host_globals(),
            emit=lambda value: self.emits.append(comparable(to_host(value))),
            whisper=lambda target, value: None,
            prompt=lambda text: f"typed {text}",
            log=LOG,
        )
        self.interpreter.set_asker(lambda context, who, prompt, config, whispered: f"{who} {prompt} {config}")
        # Another text has a place of its own in the cache of compiled programs.
        source = trial.source + "\n" * plain
        if plain:
            with unspecialised():
                self.interpreter.load(source, NAME)
                self.interpreter.loader.compile_all()
        else:
            self.interpreter.load(source, NAME)

    def call(self, call: Call, steps: int | None = None) -> Ending:
        """How a call ends that may take so many steps."""
        self.emits = []
        self.interpreter.runtime.whispered.clear()
        args, named = deepcopy((call.args, dict(call.named)))
        fuel = self.interpreter.runtime.fuel
        fuel.max_steps = self.steps if steps is None else steps
        return Ending(self.emits).finish(lambda: self.interpreter.run(call.name, *args, **named))


@contextmanager
def unspecialised() -> Iterator[None]:
    """Has programs compiled without specialised bodies, counting loops, and lists that are known to be unshared."""
    with (
        patch.object(analyse, "expected_types", lambda bodies, calls, unit: {}),
        patch.object(analyse, "infer_program", lambda *args: None),
        patch.object(analyse, "not_nil", lambda body: frozenset()),
        patch.object(analyse, "counted_loops", lambda body: {}),
        patch.object(Flow, "leave", lambda self, statement: None),
    ):
        yield


def walked(trial: Trial) -> list[Ending]:
    """How the calls end in the tree walker."""
    library = Walked(trial)
    return [library.call(call) for call in trial.calls]


def trial_difference(trial: Trial) -> str:
    """What sets the compiled library apart, or an empty text."""
    try:
        library = Walked(trial)
    except NeuroScriptError:
        return ""  # one that was made too small by hand
    compiled, plain = Compiled(trial), Compiled(trial, plain=True)
    for call in trial.calls:
        expected = library.call(call)
        found = _difference(expected, compiled.call(call)) or _difference(expected, plain.call(call), "plain: ")
        if found:
            return f"{call}: {found}"
        found = _detailed(compiled, plain, call, expected)
        if found:
            return f"{call}: {found}"
    return ""


def _difference(expected: Ending, actual: Ending, what: str = "") -> str:
    if expected.limit != actual.limit:
        foreign = {expected.limit, actual.limit} & {"work"}  # the walker copies more than an interpreter would
        return "" if foreign else f"{what}limit {expected.limit!r} but {actual.limit!r}: {expected} / {actual}"
    if expected.limit == "another":  # when exactly is not laid down
        count = min(len(expected.emits), len(actual.emits))
        return "" if expected.emits[:count] == actual.emits[:count] else f"{what}emits before a limit: {actual}"
    names = ("emits", "code", "result", "line", "procedures")
    for name in ("emits", "code") if expected.limit else names:
        left, right = getattr(expected, name), getattr(actual, name)
        if left != right and (name != "line" or left):  # the walker has no place for what the host calls wrongly
            return f"{what}{name}:\n  walker      {left!r}\n  interpreter {right!r}\n({actual.details})"
    return ""


def _detailed(compiled: Compiled, plain: Compiled, call: Call, expected: Ending) -> str:
    """What sets the compiled library apart from the plain one, and how many steps either takes."""
    steps = expected.steps
    budgets: dict[int | None, bool] = {
        None: False,
        Random(steps).randrange(steps or 1): True,
        steps - 1: True,
        steps: False,
    }
    if expected.limit:
        budgets = {None: expected.limit == "steps", Random(steps).randrange(max(steps - 1, 1)): True}
    for allowed, short in budgets.items():
        if allowed is not None and allowed < 0:
            continue
        left, right = plain.call(call, allowed), compiled.call(call, allowed)
        if left != right:
            return f"with {allowed} steps:\n  plain    {left!r}\n  compiled {right!r}"
        if expected.limit in ("", "steps", "depth") and (left.limit == "steps") is not short:
            return f"{steps} steps in the walker, and with {allowed}: {left!r}"
    return ""


def smallest(trial: Trial) -> Trial:
    """A trial of one call that still shows a difference, if there is one."""
    for call in trial.calls:
        alone = replace(trial, calls=(call,))
        if trial_difference(alone):
            return alone
    return trial
