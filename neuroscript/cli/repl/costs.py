"""What the replies of models in an interactive session have used and cost."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from neuroscript.output import one_line
from neuroscript.streaming import StreamEvent


class Costs:
    """Adds up what the calls of one input, and of the session, have used."""

    def __init__(self) -> None:
        self._lock = Lock()  # the calls of a batch end in threads of their own
        self._input = _Sum()
        self._session = _Sum()

    def hear(self, event: StreamEvent) -> None:
        """Takes what an event says of a call that is over."""
        if event.kind == "done":
            with self._lock:
                self._input.add(event)
                self._session.add(event)

    def tell(self, write: Callable[[str], None]) -> None:
        """Says what the last input used, if models were asked in it; the next one begins."""
        with self._lock:
            ended, self._input = self._input, _Sum()
        if ended.is_worth_telling:
            write(f"({ended})")

    def of_session(self) -> str:
        """Tells what the session has used so far."""
        return f"in this session: {self._session}" if self._session.calls else "no model has replied in this session"


class _Sum:
    def __init__(self) -> None:
        self.worker = ""
        self.calls = self.input_tokens = self.output_tokens = 0
        self.cost = 0.0

    def add(self, event: StreamEvent) -> None:
        self.worker = event.worker
        self.calls += 1
        self.input_tokens += event.input_tokens
        self.output_tokens += event.output_tokens
        self.cost += event.cost

    @property
    def is_worth_telling(self) -> bool:
        return bool(self.input_tokens or self.output_tokens or self.cost)

    def __str__(self) -> str:
        replies = one_line(self.worker) if self.calls == 1 else f"{self.calls} replies"
        tokens = f"{self.input_tokens} token{'' if self.input_tokens == 1 else 's'} in, {self.output_tokens} out"
        return f"{replies}: {tokens}, cost {self.cost:g}" if self.cost else f"{replies}: {tokens}"
