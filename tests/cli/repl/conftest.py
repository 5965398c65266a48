"""Fixtures of the interactive session's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from neuroscript.cli.repl.session import ReplSession
from neuroscript.interpreter import Interpreter
from neuroscript.limits import Limits


class Conversation:
    """Feeds inputs and collects what is shown."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.session = ReplSession(self._interpreter, self.written.append)

    def _interpreter(self) -> Interpreter:
        return Interpreter(emit=lambda value: self.written.append(f"emit {value}"), limits=Limits(max_steps=100_000))

    def say(self, text: str) -> list[str]:
        """What is shown in answer to some lines, which must be complete."""
        self.written.clear()
        lines = text.split("\n")
        wants = [self.session.feed(line) for line in lines]
        assert wants == [True] * (len(lines) - 1) + [False]
        return list(self.written)


@pytest.fixture
def talk() -> Iterator[Conversation]:
    conversation = Conversation()
    yield conversation
    conversation.session.close()
