"""Stops a run at statements and errors, and looks at it while it stands still.

The run waits in the thread that it is in.  What is to be done with it meanwhile, to evaluate an expression too, is done
in that thread: it belongs to the run.  The time that it stands still counts against no limit.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from types import FrameType
from typing import Any, Protocol

from neuroscript.errors import UNCATCHABLE, ErrorCode, NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.observing.bodies import Open, Stack, Stacks, frame_of_body
from neuroscript.observing.breakpoints import Breakpoint, Breakpoints
from neuroscript.observing.masking import Mask
from neuroscript.observing.showing import failure_text, shown
from neuroscript.runtime import abi
from neuroscript.runtime.errors import Stop
from neuroscript.runtime.programs import Place
from neuroscript.runtime.watching import Watcher, body_of, callers, inner_of, variables_of
from neuroscript.session import Session

_STEPS, _SECONDS = 1_000_000, 5.0  # what evaluating one expression may take
_TURN = 0.1  # seconds; how often a wait for an answer looks whether the run is cancelled
_HANDLER = "h_"  # begins the names of error handlers' functions
_IN_MESSAGE = re.compile(r"\{([^{}]*)\}")


class Step(Enum):
    """How far a run goes on."""

    FREELY = "to the next breakpoint"
    IN = "to the next statement"
    OVER = "to the next statement that is no further in"
    OUT = "to the next statement that is further out"


class Client(Protocol):
    """Who is told of the run."""

    def stopped(self, reason: str, description: str, breakpoints: Sequence[int]) -> None:
        """The run stands still."""

    def output(self, text: str, category: str) -> None:
        """Something is to be shown."""


@dataclass(slots=True)
class Here:
    """The statement that a body is at: its line."""

    line: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the stack of a run that stands still.

    Attributes:
        frame: its frame.
        name: of the body, as its author knows it.
        file: that it is in, as errors name it.
        line: that it is at.
        variables: its variables.
    """

    frame: FrameType
    name: str
    file: str
    line: int
    variables: dict[str, Any]


class Debugger(Watcher):
    """Stops one run.

    Args:
        client: is told when it stands still.
        mask: masks secrets.
    """

    def __init__(self, client: Client, mask: Mask) -> None:
        self.breakpoints = Breakpoints()
        self.on_error: frozenset[str] = frozenset({"uncaught"})
        self.stops_at_entry = False
        self.texts: dict[str, str] = {}
        self.failure: BaseException | None = None
        self._client = client
        self._mask = mask
        self._interpreter: Interpreter | None = None
        self._handled: dict[str, frozenset[int]] = {}
        self._stacks: Stacks[Here] = Stacks()
        self._gate = threading.Lock()  # of what is asked of a run that stands still
        self._turn = threading.Lock()  # of the threads that want to stop
        self._work: queue.SimpleQueue[Callable[[], Step | None]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped: tuple[FrameType, int] | None = None
        self._pause = False
        self._over = False
        self._apart = 0  # the thread that evaluates an expression
        self._step = Step.FREELY
        self._thread, self._depth = 0, 0  # of the step
        self._told: BaseException | None = None
        self.is_asking = False

    def attach(self, interpreter: Interpreter) -> None:
        """Watches what is loaded into an interpreter from now on."""
        self._interpreter = interpreter
        interpreter.loader.watch(self)

    # --- from other threads ------------------------------------------------------------------------------------------

    @property
    def is_stopped(self) -> bool:
        """Whether the run stands still."""
        return self._stopped is not None

    def pause(self) -> None:
        """Has the run stop at its next statement."""
        self._pause = True

    def end(self) -> None:
        """Lets the run go on, and stop no more."""
        self._over = True
        self._work.put(lambda: Step.FREELY)

    def do(self, work: Callable[[], Step | None]) -> bool:
        """Has something done in the run, which goes on if that says how far; whether it stands still."""
        with self._gate:
            if self._stopped is None:
                return False
            self._work.put(work)
            return True

    def answer(self, text: str) -> None:
        """Answers a question of the program."""
        self._answers.put(text)

    # --- what the run tells ------------------------------------------------------------------------------------------

    def compiled(self, file: str, text: str, places: Sequence[Place]) -> None:
        self.texts[file] = text
        self._handled[file] = frozenset(place.line for place in places if place.handled)

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        if self._apart == threading.get_ident():
            return
        stack = self._stacks.here()
        body = stack.find(frame) or stack.enter(frame, file, Here())
        body.state.line = line
        if self._over:
            return
        reason, hit = self._reason(frame, stack, file, line)
        if reason:
            self._stop(frame, stack, line, reason, "", hit)

    def turn(self, frame: FrameType, file: str, line: int) -> None:
        body = self._stacks.here().find(frame)
        if body is not None and body.state.line != line:  # else it is the first turn
            self.begin(frame, file, line)

    def caught(self, frame: FrameType, failure: BaseException) -> None:
        if "all" in self.on_error:
            self._failed(frame, failure)

    def left(self, frame: FrameType, failure: BaseException | None) -> None:
        if self._apart == threading.get_ident():
            return
        stack = self._stacks.here()
        if failure is not None and stack.find(frame) is not None and self._stops_at(stack, failure):
            self._failed(frame, failure)
        stack.leave(frame)

    def prompt(self, text: str) -> str:
        """Answers ``promptuser``: the client's console is asked."""
        self._client.output(text + "\n", "console")
        self.is_asking = True
        try:
            while True:
                try:
                    return self._answers.get(timeout=_TURN)
                except queue.Empty:
                    if self._over:
                        raise NeuroScriptError(ErrorCode.CANCELLED, "the run was cancelled") from None
        finally:
            self.is_asking = False

    # --- stopping ----------------------------------------------------------------------------------------------------

    def _reason(self, frame: FrameType, stack: Stack[Here], file: str, line: int) -> tuple[str, list[int]]:
        """Why the run is to stop at a statement, and the breakpoints there; empty if it is not."""
        hit = self.breakpoints.at(file, line)
        if hit is not None and self._is_hit(hit, frame, line):
            return "breakpoint", [hit.number]
        if self._pause:
            return "pause", []
        if self.stops_at_entry:
            self.stops_at_entry = False
            return "entry", []
        if self._step is not Step.FREELY and self._thread == threading.get_ident():
            depth = len(stack.bodies)
            most = {Step.IN: depth, Step.OVER: self._depth, Step.OUT: self._depth - 1}[self._step]
            if depth <= most:
                return "step", []
        return "", []

    def _is_hit(self, hit: Breakpoint, frame: FrameType, line: int) -> bool:
        if hit.condition:
            try:
                if not self._evaluated(hit.condition, levels_of(frame, line)[0]):
                    return False
            except NeuroScriptError as error:
                self._client.output(f"the condition {hit.condition} fails: {failure_text(error)}\n", "console")
        hit.reached += 1
        if not hit.is_counted_out:
            return False
        if hit.log:
            level = levels_of(frame, line)[0]
            text = _IN_MESSAGE.sub(lambda found: self._told_value(found[1], level), hit.log)
            self._client.output(text + "\n", "console")
            return False
        return True

    def _told_value(self, expression: str, level: Level) -> str:
        try:
            value = self._evaluated(expression, level)
        except NeuroScriptError as error:
            return f"<{failure_text(error)}>"
        return self._mask.text(value) if type(value) is str else shown(value, self._mask, 1000)

    def _stops_at(self, stack: Stack[Here], failure: BaseException) -> bool:
        """Whether the run stops at an error that is about to end the innermost body."""
        return "all" in self.on_error or ("uncaught" in self.on_error and self._is_uncaught(stack, failure))

    def _is_uncaught(self, stack: Stack[Here], failure: BaseException) -> bool:
        """Whether no error handler of the bodies around the innermost one covers where they are."""
        if isinstance(failure, NeuroScriptError) and failure.code in UNCATCHABLE:
            return True
        for body in reversed(stack.bodies):
            if body is not stack.bodies[-1] and body.state.line in self._handled.get(body.file, ()):
                return False
            if abi.shown_name(body_of(body.frame)) == "event handler":
                return True  # the failure of one goes to the host
        return True

    def _failed(self, frame: FrameType, failure: BaseException) -> None:
        """Stops at an error, unless the run has stopped at it further in."""
        if self._over or self._told is failure or self._apart == threading.get_ident():
            return
        if isinstance(failure, NeuroScriptError) and failure.code == ErrorCode.CANCELLED:
            return
        self._told = failure
        stack = self._stacks.here()
        body: Open[Here] | None = stack.find(frame)
        line = body.state.line if body is not None else frame.f_lineno
        self.failure = failure
        try:
            self._stop(frame, stack, line, "exception", self._mask.text(failure_text(failure)), [])
        finally:
            self.failure = None

    def _stop(
        self, frame: FrameType, stack: Stack[Here], line: int, reason: str, description: str, hit: Sequence[int]
    ) -> None:
        """Stands still until somebody says how far to go on."""
        assert self._interpreter is not None
        run = self._interpreter.runtime.current_run
        with self._turn:
            if self._over:
                return
            self._pause, self._step = False, Step.FREELY
            self._stopped = frame, line
            began = monotonic()
            if run is not None:
                run.hold()
            try:
                self._client.stopped(reason, description, hit)
                step: Step | None = None
                while step is None:
                    step = self._work.get()()
            finally:
                with self._gate:
                    self._stopped = None
                while not self._work.empty():  # what was asked behind the request to go on is told that it came late
                    self._work.get()()
                if run is not None:
                    run.go_on(monotonic() - began)
            self._step, self._thread, self._depth = step, threading.get_ident(), len(stack.bodies)

    # --- looking, while it stands still ------------------------------------------------------------------------------

    def levels(self) -> list[Level]:
        """The stack, innermost first; to be asked for in `do`."""
        return levels_of(*self._stopped) if self._stopped is not None else []

    def globals(self) -> dict[str, Any]:
        """The names that the host sets."""
        return dict(self._interpreter.runtime.globals) if self._interpreter is not None else {}

    def evaluated(self, expression: str, level: Level | None) -> Any:
        """The value of an expression in a level of the stack, by the interpreter's own rules; to be asked for in `do`.

        Raises:
            NeuroScriptError: what evaluating it raises; 37 if it takes long.
        """
        return self._evaluated(expression, level)

    def _evaluated(self, expression: str, level: Level | None) -> Any:
        assert self._interpreter is not None
        session = Session(self._interpreter)
        session.variables = dict(level.variables) if level is not None else {}
        before, self._apart = self._apart, threading.get_ident()
        try:
            with self._interpreter.runtime.fuel.apart(_STEPS, _SECONDS):
                return session.value_of(expression)
        except Stop as stop:
            raise stop.error from None
        finally:
            self._apart = before


def levels_of(frame: FrameType, line: int) -> list[Level]:
    """The stack of bodies from a frame outwards, the frame being at a line.

    A loop that became a function of its own belongs to its body, and a procedure that handed over to its specialised
    body is in the stack once.  An error handler has a level of its own, with the variables of its body.
    """
    found: list[Level] = []
    owner = ""  # the function outside of the last one that stands for the same body
    for one in callers(frame):
        body, within = body_of(one), inner_of(one)
        at = line if one is frame else one.f_lineno
        if body == owner and not within.startswith(_HANDLER):
            outer, inner = variables_of(one), found[-1].variables
            inner.update({name: value for name, value in outer.items() if name not in inner})
        elif within.startswith(_HANDLER):
            known = variables_of(frame_of_body(one)) | variables_of(one)
            found.append(Level(one, f"on error in {abi.shown_name(body)}", one.f_code.co_filename, at, known))
            owner = ""
            continue
        else:
            found.append(Level(one, abi.shown_name(body), one.f_code.co_filename, at, variables_of(one)))
        owner = body if within else abi.general(body)
    return found
