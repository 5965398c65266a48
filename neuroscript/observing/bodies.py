"""The bodies that are running: procedures, event handlers and command blocks, from the outermost to the innermost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import Generic, TypeVar

from neuroscript.runtime import abi
from neuroscript.runtime.watching import body_of, callers, inner_of

State = TypeVar("State")


@dataclass(slots=True, eq=False)
class Open(Generic[State]):
    """A body that is running.

    Attributes:
        frame: of its function.
        name: as the author knows it.
        file: that it stands in.
        state: what the observer notes of it.
    """

    frame: FrameType
    name: str
    file: str
    state: State


@dataclass(slots=True)
class Stack(Generic[State]):
    """The running bodies of one thread."""

    bodies: list[Open[State]] = field(default_factory=list)

    def find(self, frame: FrameType) -> Open[State] | None:
        """The running body that a frame is of: the innermost, unless it has only begun."""
        if not self.bodies:
            return None
        innermost = self.bodies[-1]
        return innermost if innermost.frame is frame or innermost.frame is frame_of_body(frame) else None

    def enter(self, frame: FrameType, file: str, state: State) -> Open[State]:
        """Adds a body that has begun."""
        own = frame_of_body(frame)
        made = Open(own, abi.shown_name(body_of(own)), file, state)
        self.bodies.append(made)
        return made

    def leave(self, frame: FrameType) -> Open[State] | None:
        """Takes off a body that ends; None if nothing of it was begun."""
        if self.bodies and self.bodies[-1].frame is frame:
            return self.bodies.pop()
        return None


class Stacks(Generic[State]):
    """The running bodies of all threads: procedures that models call may run beside one another."""

    def __init__(self) -> None:
        self._stacks: dict[int, Stack[State]] = {}

    def here(self) -> Stack[State]:
        """Those of this thread."""
        number = threading.get_ident()
        found = self._stacks.get(number)
        if found is None:
            found = self._stacks[number] = Stack()
        return found


def frame_of_body(frame: FrameType) -> FrameType:
    """The frame of a body, for one of an error handler or a loop in it."""
    if not inner_of(frame):
        return frame
    body = body_of(frame)
    return next((one for one in callers(frame) if body_of(one) == body and not inner_of(one)), frame)
